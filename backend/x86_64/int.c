/*
 * int.c - integer ops except those with fixed registers (muldiv.c).
 *
 * x86 has two-operand forms: pick the destination first (often the pin that
 * the result is put to, or the first operand's dying register), move the
 * first operand there, operate. lea, andn, shlx, rorx and imul save the
 * move.
 */
#include "backend/x86_64/cc.h"

void mov_opnd(struct cc *c, unsigned w, unsigned d, struct opnd o)
{
	switch (o.kind) {
	case OPND_REG:
		if (d != o.reg)
			asm_mov_rr(&c->a, w, d, o.reg);
		break;
	case OPND_MEM: asm_load(&c->a, w, d, o.mem); break;
	default: asm_mov_ri(&c->a, d, w == 4 ? (u32)o.imm : (u64)(i64)o.imm);
	}
}

void alu_opnd(
    struct cc *c, enum x86_alu op, unsigned w, unsigned d, struct opnd o)
{
	switch (o.kind) {
	case OPND_REG: asm_alu_rr(&c->a, op, w, d, o.reg); break;
	case OPND_MEM: asm_alu_rm(&c->a, op, w, d, o.mem); break;
	default:
		if (o.imm == 128 && (op == ALU_ADD || op == ALU_SUB))
			asm_alu_ri(&c->a, op == ALU_ADD ? ALU_SUB : ALU_ADD, w,
			    d, -128);
		else
			asm_alu_ri(&c->a, op, w, d, o.imm);
	}
}

/* The zero and sign flags are now those of ref, seen as w bytes. */
static void note_flags(struct cc *c, unsigned w, ir_ref ref)
{
	c->zf_at = c->a.flag_writes;
	c->zf_ref = ref;
	c->zf_w = (u8)w;
}

static u8 result_facts(unsigned w)
{
	return w == 4 ? FACT_ZX : 0;
}

static bool is_reg(struct opnd o, unsigned r)
{
	return o.kind == OPND_REG && o.reg == r;
}

static unsigned preferred(struct opnd a, struct opnd b, bool commutes)
{
	if (a.kind == OPND_REG && is_scratch(a.reg))
		return a.reg;
	if (commutes && b.kind == OPND_REG)
		return b.reg;
	return NOREG;
}

/* d = a op b for a two-operand ALU op; a and b are consumed. */
static void alu(struct cc *c, ir_ref ref, enum x86_alu op, unsigned w,
    struct opnd a, struct opnd b)
{
	bool commutes = op != ALU_SUB;
	unsigned d = dest(c, ref, preferred(a, b, commutes));

	if (is_reg(b, d) && !is_reg(a, d)) {
		if (commutes) {
			struct opnd t = a;
			a = b;
			b = t;
		} else { /* a - d = -d + a */
			asm_grp3_r(&c->a, G3_NEG, w, d);
			op = ALU_ADD;
			b = a;
			a = opnd_reg(d);
		}
	}
	mov_opnd(c, w, d, a);
	alu_opnd(c, op, w, d, b);
	note_flags(c, w, ref);
	define(c, ref, d, result_facts(w));
}

/* op [slot], y: the slot is x's and the result's, and x dies here. */
static bool alu_in_place(
    struct cc *c, ir_ref ref, enum x86_alu op, ir_ref x, ir_ref y)
{
	struct mem m;

	if (root(c, x) == root(c, y) || !in_place(c, ref, x, &m))
		return false;
	struct opnd b = fetch(c, y, 8, TAKE_IMM);
	/* Fetching it may have computed what was waiting: look again. */
	if (!in_place(c, ref, x, &m))
		return false;
	consume(c, x);
	consume(c, y);
	if (b.kind == OPND_IMM)
		asm_alu_mi(&c->a, op, 8, m, b.imm);
	else
		asm_alu_mr(&c->a, op, 8, m, b.reg);
	define_home(c, ref, x);
	return true;
}

const struct ir_insn *waiting(struct cc *c, ir_ref ref, u8 op)
{
	ir_ref r = root(c, ref);

	if (c->s.val[r].kind != VAL_LAZY || c->insn[r].op != op)
		return NULL;
	return &c->insn[r];
}

void absorbed(struct cc *c, ir_ref ref)
{
	ir_ref r = root(c, ref);

	consume(c, r);
	c->s.val[r].kind = VAL_UNSET;
}

/* x + (y << k) in one lea. */
static bool add_shifted(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];
	ir_ref x = i->a, s = i->b;
	const struct ir_insn *shl = waiting(c, s, IR_SHL);
	i64 k;

	if (!shl) {
		x = i->b;
		s = i->a;
		shl = waiting(c, s, IR_SHL);
	}
	if (!shl || !value_const(c, shl->b, &k))
		return false;
	unsigned y = use_reg(c, shl->a);
	struct opnd o = fetch(c, x, w, TAKE_IMM);
	consume(c, shl->a);
	consume(c, shl->b);
	absorbed(c, s);
	consume(c, x);
	unsigned d = dest(c, ref, y);
	struct mem m = o.kind == OPND_IMM ?
	    mem_index(NOREG, y, (unsigned)k, o.imm) :
	    mem_index(o.reg, y, (unsigned)k, 0);
	asm_rm(&c->a, OP_LEA, w, d, m);
	define(c, ref, d, result_facts(w));
	return true;
}

static void emit_add(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];
	struct opnd a, b;
	i64 k;

	if (add_shifted(c, ref, w))
		return;
	ir_ref x = i->a, y = i->b;
	if (value_const(c, x, &k) && fits32(k)) {
		x = i->b;
		y = i->a;
	}
	if (alu_in_place(c, ref, ALU_ADD, x, y))
		return;
	a = fetch(c, x, w, TAKE_MEM);
	b = fetch(c, y, w, TAKE_MEM | TAKE_IMM);
	consume(c, x);
	consume(c, y);
	unsigned d = dest(c, ref, preferred(a, b, true));
	if (a.kind == OPND_REG && !is_reg(a, d) && !is_reg(b, d) &&
	    b.kind != OPND_MEM) {
		struct mem m = b.kind == OPND_IMM ?
		    mem_at(a.reg, b.imm) :
		    mem_index(a.reg, b.reg, 0, 0);
		if (b.kind == OPND_REG && (a.reg & 7) == RBP) {
			/* r13 as a base would need a displacement */
			m.base = b.reg;
			m.index = a.reg;
		}
		asm_rm(&c->a, OP_LEA, w, d, m);
		define(c, ref, d, result_facts(w));
		return;
	}
	if (is_reg(b, d) && !is_reg(a, d)) {
		struct opnd t = a;
		a = b;
		b = t;
	}
	mov_opnd(c, w, d, a);
	alu_opnd(c, ALU_ADD, w, d, b);
	note_flags(c, w, ref);
	define(c, ref, d, result_facts(w));
}

static void emit_sub(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];
	i64 k;

	if (value_const(c, i->a, &k) && !k) {
		struct opnd b = fetch(c, i->b, w, TAKE_MEM);
		consume(c, i->a);
		consume(c, i->b);
		unsigned d = dest(c, ref, b.reg);
		mov_opnd(c, w, d, b);
		asm_grp3_r(&c->a, G3_NEG, w, d);
		note_flags(c, w, ref);
		define(c, ref, d, result_facts(w));
		return;
	}
	if (alu_in_place(c, ref, ALU_SUB, i->a, i->b))
		return;
	struct opnd a = fetch(c, i->a, w, TAKE_MEM | TAKE_IMM);
	struct opnd b = fetch(c, i->b, w, TAKE_MEM | TAKE_IMM);
	consume(c, i->a);
	consume(c, i->b);
	alu(c, ref, ALU_SUB, w, a, b);
}

static void emit_mul(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];
	ir_ref x = i->a, y = i->b;
	i64 k;

	if (value_const(c, x, &k)) {
		x = i->b;
		y = i->a;
	}
	struct opnd b = fetch(c, y, w, TAKE_MEM | TAKE_IMM);
	struct opnd a =
	    fetch(c, x, w, b.kind == OPND_IMM ? TAKE_REG : TAKE_MEM);
	consume(c, x);
	consume(c, y);
	unsigned d = dest(c, ref, preferred(a, b, true));
	if (b.kind == OPND_IMM) {
		asm_imul_ri(&c->a, w, d, a.reg, b.imm);
	} else {
		if (is_reg(b, d) && !is_reg(a, d)) {
			struct opnd t = a;
			a = b;
			b = t;
		}
		mov_opnd(c, w, d, a);
		if (b.kind == OPND_MEM)
			asm_rm(&c->a, OP_IMUL, w, d, b.mem);
		else
			asm_rr(&c->a, OP_IMUL, w, d, b.reg);
	}
	define(c, ref, d, result_facts(w));
}

/* a & ~b */
static bool and_not(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];
	ir_ref x = i->a, n = i->b;
	const struct ir_insn *not = waiting(c, n, IR_XOR);

	if (!not ) {
		x = i->b;
		n = i->a;
		not = waiting(c, n, IR_XOR);
	}
	if (!not )
		return false;
	i64 k;
	bool const_b = value_const(c, not ->b, &k) && k == -1;
	ir_ref y = const_b ? not ->a : not ->b;
	unsigned ry = use_reg(c, y);
	struct opnd o = fetch(c, x, w, TAKE_MEM);
	consume(c, not ->a);
	consume(c, not ->b);
	absorbed(c, n);
	consume(c, x);
	unsigned d = dest(c, ref, ry);
	if (o.kind == OPND_MEM)
		asm_vex_rm(&c->a, OP_ANDN, w, d, ry, o.mem);
	else
		asm_vex_rr(&c->a, OP_ANDN, w, d, ry, o.reg);
	note_flags(c, w, ref);
	define(c, ref, d, result_facts(w));
	return true;
}

/* Masks with a shorter form: true if emitted. */
static bool and_mask(struct cc *c, ir_ref ref, struct opnd a, u64 k)
{
	u32 op = k == 0xff ? OP_MOVZX8 : k == 0xffff ? OP_MOVZX16 : OP_MOV_LOAD;

	if (k != 0xff && k != 0xffff && k != 0xffffffff)
		return false;
	unsigned d = dest(c, ref, a.reg);
	if (a.kind == OPND_MEM)
		asm_rm(&c->a, op, 4, d, a.mem);
	else
		asm_rr(&c->a, op, 4, d, a.reg);
	define(c, ref, d, k == 0xffffffff ? FACT_ZX : FACT_ZX | FACT_SX);
	return true;
}

static void emit_logic(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];
	enum x86_alu op = i->op == IR_AND ? ALU_AND :
	    i->op == IR_OR                ? ALU_OR :
					    ALU_XOR;
	ir_ref x = i->a, y = i->b;
	i64 k;

	if (op == ALU_AND && and_not(c, ref, w))
		return;
	if (value_const(c, x, &k)) {
		x = i->b;
		y = i->a;
	}
	bool is_const = value_const(c, y, &k);
	if (alu_in_place(c, ref, op, x, y))
		return;
	struct opnd a = fetch(c, x, w, TAKE_MEM);
	if (is_const && op == ALU_AND && (u64)k == 0xffffffff) {
		consume(c, x);
		consume(c, y);
		and_mask(c, ref, a, (u64)k);
		return;
	}
	struct opnd b = fetch(c, y, w, TAKE_MEM | TAKE_IMM);
	consume(c, x);
	consume(c, y);
	if (is_const && op == ALU_AND && and_mask(c, ref, a, (u64)k))
		return;
	if (is_const && op == ALU_XOR && k == -1) {
		unsigned d = dest(c, ref, a.reg);
		mov_opnd(c, w, d, a);
		asm_grp3_r(&c->a, G3_NOT, w, d);
		define(c, ref, d, result_facts(w));
		return;
	}
	/* A mask without high bits clears them: the short form does. */
	bool clears = op == ALU_AND && b.kind == OPND_IMM && b.imm >= 0;
	alu(c, ref, op, clears ? 4 : w, a, b);
	if (clears)
		c->s.val[ref].facts |= FACT_SX;
}

static enum x86_shift shift_op(u8 op)
{
	switch (op) {
	case IR_SHL: return SH_SHL;
	case IR_SHR: return SH_SHR;
	case IR_SAR: return SH_SAR;
	case IR_ROTL: return SH_ROL;
	default: return SH_ROR;
	}
}

/* What the count alone says about the result. */
static u8 shift_facts(u8 op, unsigned w, unsigned n)
{
	if (!n)
		return 0;
	if (op == IR_SHR && w == 8)
		return n > 32 ? FACT_ZX | FACT_SX : n == 32 ? FACT_ZX : 0;
	if (op == IR_SHR)
		return FACT_ZX | FACT_SX;
	if (op == IR_SAR && w == 8)
		return n >= 32 ? FACT_SX : 0;
	return result_facts(w);
}

static void shift_const(struct cc *c, ir_ref ref, unsigned w, unsigned n)
{
	const struct ir_insn *i = &c->insn[ref];
	bool rot = i->op == IR_ROTL || i->op == IR_ROTR;
	bool lea = i->op == IR_SHL && n >= 1 && n <= 3;
	struct opnd a = fetch(c, i->a, w, lea ? TAKE_REG : TAKE_MEM);

	consume(c, i->a);
	consume(c, i->b);
	unsigned d = dest(c, ref, a.reg);
	if (n == 0) {
		mov_opnd(c, w, d, a);
	} else if (lea && d != a.reg) {
		asm_rm(&c->a, OP_LEA, w, d,
		    n == 1 ? mem_index(a.reg, a.reg, 0, 0) :
			     mem_index(NOREG, a.reg, n, 0));
	} else if (rot && c->f.bmi2 && a.kind == OPND_REG && d != a.reg) {
		asm_rorx(&c->a, w, d, a.reg, i->op == IR_ROTR ? n : 8 * w - n);
	} else {
		mov_opnd(c, w, d, a);
		asm_shift_ri(&c->a, shift_op(i->op), w, d, n);
		if (!rot)
			note_flags(c, w, ref);
	}
	define(c, ref, d, shift_facts(i->op, w, n));
}

static void emit_shift(struct cc *c, ir_ref ref, unsigned w)
{
	static const u32 bmi2[] = {
		[SH_SHL] = OP_SHLX, [SH_SHR] = OP_SHRX, [SH_SAR] = OP_SARX
	};
	const struct ir_insn *i = &c->insn[ref];
	enum x86_shift op = shift_op(i->op);
	i64 n;

	if (value_const(c, i->b, &n)) {
		shift_const(c, ref, w, (unsigned)n & (8 * w - 1));
		return;
	}
	if (c->f.bmi2 && op >= SH_SHL) {
		unsigned k = use_reg(c, i->b);
		struct opnd a = fetch(c, i->a, w, TAKE_MEM);
		consume(c, i->a);
		consume(c, i->b);
		unsigned d = dest(c, ref, preferred(a, opnd_reg(k), true));
		if (a.kind == OPND_MEM)
			asm_vex_rm(&c->a, bmi2[op], w, d, k, a.mem);
		else
			asm_vex_rr(&c->a, bmi2[op], w, d, k, a.reg);
		define(c, ref, d, result_facts(w));
		return;
	}
	use_in(c, i->b, RCX);
	struct opnd a = fetch(c, i->a, w, TAKE_MEM);
	consume(c, i->a);
	unsigned d = dest(c, ref, a.reg);
	mov_opnd(c, w, d, a);
	asm_shift_rc(&c->a, op, w, d);
	define(c, ref, d, result_facts(w));
}

/* Counts; without the instruction the reference does it. */
static void emit_count(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];
	bool have = i->op == IR_CLZ ? c->f.lzcnt :
	    i->op == IR_CTZ         ? c->f.bmi1 :
				      c->f.popcnt;
	u32 op = i->op == IR_CLZ ? OP_LZCNT :
	    i->op == IR_CTZ      ? OP_TZCNT :
				   OP_POPCNT;

	if (!have) {
		emit_reference(c, ref);
		return;
	}
	struct opnd a = fetch(c, i->a, w, TAKE_MEM);
	consume(c, i->a);
	unsigned d = dest(c, ref, a.reg);
	if (a.kind == OPND_MEM)
		asm_rm(&c->a, op, w, d, a.mem);
	else
		asm_rr(&c->a, op, w, d, a.reg);
	define(c, ref, d, FACT_ZX | FACT_SX);
}

static void emit_bswap(struct cc *c, ir_ref ref, unsigned w)
{
	struct opnd a = fetch(c, c->insn[ref].a, w, TAKE_MEM);

	consume(c, c->insn[ref].a);
	unsigned d = dest(c, ref, a.reg);
	mov_opnd(c, w, d, a);
	asm_bswap(&c->a, w, d);
	define(c, ref, d, result_facts(w));
}

/* ~(bytes equal to zero), in an xmm register. */
static void emit_orcb(struct cc *c, ir_ref ref, unsigned w)
{
	if (!c->f.avx) {
		emit_reference(c, ref);
		return;
	}
	unsigned a = use_reg(c, c->insn[ref].a);
	consume(c, c->insn[ref].a);
	unsigned x = alloc(c, true), z = alloc(c, true);
	unsigned d = dest(c, ref, a);
	fp_op3(c, OP_XORPS, IR_VOID, z, z, opnd_reg(z));
	asm_vex_rr(&c->a, OP_MOVD_LOAD, w, x, 0, a);
	fp_op3(c, OP_PCMPEQB, IR_VOID, x, x, opnd_reg(z));
	asm_vex_rr(&c->a, OP_MOVD_STORE, w, x, 0, d);
	asm_grp3_r(&c->a, G3_NOT, w, d);
	define(c, ref, d, result_facts(w));
}

/* Extensions from 8 or 16 bits, and ZEXT32 of what has high bits. */
static void emit_extend(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);
	bool sign = i->op == IR_SEXT8 || i->op == IR_SEXT16;
	u32 op = i->op == IR_SEXT8 ? OP_MOVSX8 :
	    i->op == IR_SEXT16     ? OP_MOVSX16 :
	    i->op == IR_ZEXT8      ? OP_MOVZX8 :
				     OP_MOVZX16;
	struct opnd a = fetch(c, i->a, 4, TAKE_MEM);

	consume(c, i->a);
	unsigned d = dest(c, ref, a.reg);
	if (!sign)
		w = 4;
	if (a.kind == OPND_MEM)
		asm_rm(&c->a, op, w, d, a.mem);
	else
		asm_rr(&c->a, op, w, d, a.reg);
	define(c, ref, d,
	    !sign      ? FACT_ZX | FACT_SX :
		w == 8 ? FACT_SX :
			 FACT_ZX);
}

static void emit_widen(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	bool sign = i->op == IR_SEXT32;
	bool as_it_is = i->op == IR_TRUNC || !c->info[ref].whole;

	if (as_it_is || (facts(c, i->a) & (sign ? FACT_SX : FACT_ZX))) {
		define_alias(c, ref, i->a);
		if (!as_it_is)
			c->s.val[root(c, i->a)].facts |= FACT_WIDE;
		consume(c, i->a);
		return;
	}
	bool flags = c->zf_at == c->a.flag_writes && c->zf_w == 4 &&
	    c->zf_ref == root(c, i->a);
	struct opnd a = fetch(c, i->a, 4, TAKE_MEM);
	consume(c, i->a);
	/* What is left to do for the i32 can be done with its extension. */
	ir_ref narrow = root(c, i->a);
	bool replace = hand_over(c, narrow, ref);
	unsigned d = dest(c, ref, a.reg);
	u32 op = sign ? OP_MOVSXD : OP_MOV_LOAD;
	if (a.kind == OPND_MEM)
		asm_rm(&c->a, op, sign ? 8 : 4, d, a.mem);
	else
		asm_rr(&c->a, op, sign ? 8 : 4, d, a.reg);
	if (flags) /* of the low half: the same for its extension by sign */
		note_flags(c, sign ? 8 : 4, ref);
	define(c, ref, d, sign ? FACT_SX : FACT_ZX);
	if (replace)
		become_alias(c, narrow, ref);
}

void emit_int(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);

	if (!c->info[ref].whole && works_on_half(c, i))
		w = 4;
	switch (i->op) {
	case IR_ADD: emit_add(c, ref, w); break;
	case IR_SUB: emit_sub(c, ref, w); break;
	case IR_MUL: emit_mul(c, ref, w); break;
	case IR_AND:
	case IR_OR:
	case IR_XOR: emit_logic(c, ref, w); break;
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROTL:
	case IR_ROTR: emit_shift(c, ref, w); break;
	case IR_CLZ:
	case IR_CTZ:
	case IR_POPCNT: emit_count(c, ref, w); break;
	case IR_BSWAP: emit_bswap(c, ref, w); break;
	case IR_ORCB: emit_orcb(c, ref, w); break;
	case IR_SEXT8:
	case IR_SEXT16:
	case IR_ZEXT8:
	case IR_ZEXT16: emit_extend(c, ref); break;
	default: emit_widen(c, ref); break;
	}
}
