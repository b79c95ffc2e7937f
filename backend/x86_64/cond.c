/*
 * cond.c - compares and their users.
 *
 * A compare with one user waits for it and becomes cmp + jcc, cmovcc or
 * setcc. With more users it becomes a 0 or 1; a branch that follows at once
 * still uses the flags.
 */
#include "backend/x86_64/cc.h"

bool is_compare(u8 op)
{
	return op >= IR_EQ && op <= IR_GEU;
}

static bool is_fp_compare(u8 op)
{
	return op == IR_FEQ || op == IR_FLT || op == IR_FLE;
}

/* Does nothing between ref and user look at the fp flags or leave? */
static bool flags_unseen(struct cc *c, ir_ref ref, ir_ref user)
{
	for (ir_ref k = ref + 1; k < user; k++) {
		u8 op = c->insn[k].op;
		u8 f = ir_opinfo[op].flags;
		if (op == IR_NOP || op == IR_GET || op == IR_PUT ||
		    op == IR_INSN_START)
			continue;
		if (f & (IRF_M | IRF_S | IRF_E))
			return false;
	}
	return true;
}

bool can_wait(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	const struct info *n = &c->info[ref];
	i64 k;

	if (c->s.val[ref].uses != 1 || n->uses != 1)
		return false;
	const struct ir_insn *u = &c->insn[n->last];
	bool cond_use = u->op == IR_BR || u->op == IR_BOOL ||
	    (u->op == IR_SELECT && u->a == ref);
	if (is_compare(i->op))
		return cond_use;
	if (is_fp_compare(i->op))
		return cond_use && flags_unseen(c, ref, n->last);
	if (i->op == IR_SHL)
		return u->op == IR_ADD && value_const(c, i->b, &k) && k >= 1 &&
		    k <= 3;
	if (i->op == IR_XOR)
		return u->op == IR_AND && u->a != u->b && c->f.bmi1 &&
		    ((value_const(c, i->b, &k) && k == -1) ||
			(value_const(c, i->a, &k) && k == -1));
	if (i->op == IR_AND && (u->op == IR_EQ || u->op == IR_NE))
		return u->a == ref && value_const(c, u->b, &k) && !k;
	if (i->op == IR_AND)
		return (u->op == IR_GOTO_PTR || u->op == IR_CALL) &&
		    value_const(c, i->b, &k) && k == -2;
	return false;
}

static enum x86_cc int_cc(u8 op)
{
	switch (op) {
	case IR_EQ: return CC_E;
	case IR_NE: return CC_NE;
	case IR_LTS: return CC_L;
	case IR_GES: return CC_GE;
	case IR_LTU: return CC_B;
	default: return CC_AE;
	}
}

/* The condition when the operands change places. */
static enum x86_cc swapped(enum x86_cc cc)
{
	switch (cc) {
	case CC_L: return CC_G;
	case CC_GE: return CC_LE;
	case CC_B: return CC_A;
	case CC_AE: return CC_BE;
	default: return cc;
	}
}

/* Are the host's flags those of `test a, a` already? */
static bool flags_known(struct cc *c, ir_ref a, unsigned w, enum x86_cc *cc)
{
	ir_ref r = root(c, a);
	bool zero = *cc == CC_E || *cc == CC_NE;

	if (c->zf_ref != r || c->zf_at != c->a.flag_writes)
		return false;
	if (zero && w == 8 && c->zf_w == 4 && (facts(c, r) & FACT_ZX))
		return true;
	if (c->zf_w != w || (!zero && *cc != CC_L && *cc != CC_GE))
		return false;
	if (!zero) /* overflow is not known to be clear */
		*cc = *cc == CC_L ? CC_S : CC_NS;
	return true;
}

static void test_opnd(struct cc *c, unsigned w, struct opnd o)
{
	if (o.kind == OPND_MEM)
		asm_alu_mi(&c->a, ALU_CMP, w, o.mem, 0);
	else
		asm_rr(&c->a, OP_TEST, w, o.reg, o.reg);
}

/* test x, y for a waiting AND. */
static void test_and(struct cc *c, ir_ref and, unsigned w, size_t *start)
{
	const struct ir_insn *i = &c->insn[and];
	ir_ref x = i->a, y = i->b;
	i64 k;

	if (value_const(c, x, &k)) {
		x = i->b;
		y = i->a;
	}
	struct opnd b = fetch(c, y, w, TAKE_IMM);
	struct opnd a = fetch(c, x, w, TAKE_MEM);
	consume(c, x);
	consume(c, y);
	consume(c, and);
	c->s.val[and].kind = VAL_UNSET;
	*start = c->a.len;
	if (b.kind == OPND_IMM && a.kind == OPND_MEM)
		asm_test_mi(&c->a, w, a.mem, b.imm);
	else if (b.kind == OPND_IMM)
		asm_test_ri(&c->a, w, a.reg, b.imm);
	else if (a.kind == OPND_MEM)
		asm_rm(&c->a, OP_TEST, w, b.reg, a.mem);
	else
		asm_rr(&c->a, OP_TEST, w, b.reg, a.reg);
}

/* Emit the integer compare i; its operands are consumed. */
static struct cond int_cond(struct cc *c, const struct ir_insn *i)
{
	struct cond r = { .cc = int_cc(i->op) };
	unsigned w = width_of(c->insn[i->a].type);
	ir_ref x = i->a, y = i->b;
	i64 k;

	if (value_const(c, x, &k) && !value_const(c, y, &k)) {
		x = i->b;
		y = i->a;
		r.cc = swapped(r.cc);
	}
	bool zero = value_const(c, y, &k) && !k;
	ir_ref rx = root(c, x);
	if (zero && c->s.val[rx].kind == VAL_LAZY && c->insn[rx].op == IR_AND) {
		test_and(c, rx, w, &r.start);
		consume(c, y);
		return r;
	}
	if (zero && flags_known(c, x, w, &r.cc)) {
		r.start = c->a.len;
		consume(c, x);
		consume(c, y);
		return r;
	}
	struct opnd b = fetch(c, y, w, TAKE_IMM | TAKE_MEM);
	struct opnd a =
	    fetch(c, x, w, b.kind == OPND_MEM ? TAKE_REG : TAKE_MEM);
	consume(c, x);
	consume(c, y);
	r.start = c->a.len;
	if (b.kind == OPND_IMM && !b.imm)
		test_opnd(c, w, a);
	else if (a.kind == OPND_REG)
		alu_opnd(c, ALU_CMP, w, a.reg, b);
	else if (b.kind == OPND_IMM)
		asm_alu_mi(&c->a, ALU_CMP, w, a.mem, b.imm);
	else
		asm_alu_mr(&c->a, ALU_CMP, w, a.mem, b.reg);
	return r;
}

struct cond emit_cond(struct cc *c, ir_ref ref)
{
	ir_ref r = root(c, ref);
	struct cond k = { .cc = CC_NE };

	if (c->s.val[r].kind == VAL_LAZY) {
		const struct ir_insn *i = &c->insn[r];
		u32 locked = c->locked;
		k = is_fp_compare(i->op) ? emit_fp_compare(c, r) :
					   int_cond(c, i);
		c->locked = locked;
		consume(c, r);
		c->s.val[r].kind = VAL_UNSET;
		return k;
	}
	if (c->flag_ref == r && c->flag_at == c->a.flag_writes) {
		k = c->flag_cond;
		k.start = c->a.len;
	} else {
		struct opnd o = fetch(c, r, 4, TAKE_MEM);
		k.start = c->a.len;
		test_opnd(c, 4, o);
		if (o.kind == OPND_REG)
			unlock(c, o.reg);
	}
	consume(c, r);
	return k;
}

/* d = k ? 1 : 0; keeps the flags. */
static void set_bool(struct cc *c, unsigned d, struct cond k)
{
	asm_setcc(&c->a, k.cc, d);
	asm_rr(&c->a, OP_MOVZX8, 4, d, d);
}

/* All 64 bits, from a FEQ: E and NP. */
static void set_feq(struct cc *c, unsigned d, bool negated)
{
	unsigned t = alloc(c, false);

	asm_setcc(&c->a, negated ? CC_P : CC_NP, d);
	asm_setcc(&c->a, negated ? CC_NE : CC_E, t);
	asm_alu_rr(&c->a, negated ? ALU_OR : ALU_AND, 4, d, t);
	asm_rr(&c->a, OP_MOVZX8, 4, d, d);
	unlock(c, t);
}

static void cond_to(struct cc *c, ir_ref ref, struct cond k)
{
	unsigned d = dest(c, ref, NOREG);

	if (k.feq) {
		set_feq(c, d, k.negated);
	} else {
		set_bool(c, d, k);
		c->flag_ref = ref;
		c->flag_at = c->a.flag_writes;
		c->flag_cond = k;
	}
	define(c, ref, d, FACT_ZX | FACT_SX);
}

/* A compare that nobody waits for: its value is needed as such. */
void emit_compare(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	u32 locked = c->locked;
	struct cond k =
	    is_fp_compare(i->op) ? emit_fp_compare(c, ref) : int_cond(c, i);

	c->locked = locked;
	cond_to(c, ref, k);
}

void emit_bool(struct cc *c, ir_ref ref)
{
	ir_ref a = c->insn[ref].a;

	if (c->s.val[root(c, a)].kind == VAL_LAZY) {
		cond_to(c, ref, emit_cond(c, a));
		return;
	}
	define_alias(c, ref, a);
	consume(c, a);
}

/* fp SELECT and FEQ conditions: moves around a branch. */
static void select_branch(struct cc *c, ir_ref ref, struct cond k)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);
	struct opnd x = fetch(c, i->b, w, TAKE_REG);
	struct opnd y = fetch(c, i->c, w, TAKE_REG);
	size_t to_y[2], n = 0, done = 0;

	consume(c, i->b);
	consume(c, i->c);
	unsigned d = dest(c, ref, y.reg);
	/* Two-way, because d may be the register of either. */
	if (k.feq && !k.negated) {
		to_y[n++] = asm_jcc8(&c->a, CC_P);
		to_y[n++] = asm_jcc8(&c->a, CC_NE);
	} else if (k.feq) {
		size_t p = asm_jcc8(&c->a, CC_P);
		to_y[n++] = asm_jcc8(&c->a, CC_E);
		asm_fix8(&c->a, p);
	} else {
		to_y[n++] = asm_jcc8(&c->a, k.cc ^ 1);
	}
	mov_reg(c, d, x.reg);
	if (d != y.reg)
		done = asm_jmp8(&c->a);
	for (size_t j = 0; j < n; j++)
		asm_fix8(&c->a, to_y[j]);
	mov_reg(c, d, y.reg);
	if (done)
		asm_fix8(&c->a, done);
	define(c, ref, d, facts(c, i->b) & facts(c, i->c));
}

void emit_select(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);
	struct cond k;
	i64 imm;

	if (value_const(c, i->a, &imm)) {
		define_alias(c, ref, imm ? i->b : i->c);
		consume(c, i->a);
		consume(c, i->b);
		consume(c, i->c);
		return;
	}
	k = emit_cond(c, i->a);
	if (k.feq || is_fp(i->type)) {
		select_branch(c, ref, k);
		return;
	}
	/* Loads of the operands keep the flags. */
	struct opnd x = fetch(c, i->b, w, TAKE_MEM);
	struct opnd y =
	    fetch(c, i->c, w, x.kind == OPND_MEM ? TAKE_REG : TAKE_MEM);
	u8 f = facts(c, i->b) & facts(c, i->c);
	consume(c, i->b);
	consume(c, i->c);
	/* d starts as one side, the other is moved in on its condition. */
	bool from_x =
	    y.kind == OPND_MEM || (is_scratch(x.reg) && !is_scratch(y.reg));
	unsigned d = dest(c, ref, from_x ? x.reg : y.reg);
	if (y.kind == OPND_REG && d == y.reg)
		from_x = false;
	else if (x.kind == OPND_REG && d == x.reg)
		from_x = true;
	enum x86_cc cc = from_x ? k.cc ^ 1 : k.cc;
	struct opnd other = from_x ? y : x;
	mov_opnd(c, w, d, from_x ? x : y);
	if (other.kind == OPND_MEM)
		asm_cmov_rm(&c->a, cc, w, d, other.mem);
	else
		asm_cmov_rr(&c->a, cc, w, d, other.reg);
	define(c, ref, d, w == 4 ? FACT_ZX : f);
}
