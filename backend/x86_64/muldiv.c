/*
 * muldiv.c - high products and divisions: rax and rdx are theirs.
 *
 * ops.def's division is total: x/0 = -1, x%0 = x, MIN/-1 = MIN, MIN%-1 = 0;
 * the host's traps on both, so 0 and (signed) -1 are done in cold code.
 */
#include "backend/x86_64/cc.h"

/* The operand in place, not an immediate. */
static void grp3(struct cc *c, enum x86_grp3 op, unsigned w, struct opnd o)
{
	if (o.kind == OPND_MEM)
		asm_grp3_m(&c->a, op, w, o.mem);
	else
		asm_grp3_r(&c->a, op, w, o.reg);
}

/* mulx: both halves to one register leave the high one. */
static void emit_mulx(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];

	use_in(c, i->a, RDX);
	struct opnd b = fetch(c, i->b, w, TAKE_MEM);
	consume(c, i->b);
	unsigned d = dest(c, ref, b.reg);
	if (b.kind == OPND_MEM)
		asm_vex_rm(&c->a, OP_MULX, w, d, d, b.mem);
	else
		asm_vex_rr(&c->a, OP_MULX, w, d, d, b.reg);
	define(c, ref, d, w == 4 ? FACT_ZX : 0);
}

void emit_high(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);

	if (i->op == IR_MULHU && c->f.bmi2) {
		emit_mulx(c, ref, w);
		return;
	}
	claim(c, RDX);
	use_in(c, i->a, RAX);
	struct opnd b =
	    fetch(c, i->b, w, i->op == IR_MULHSU ? TAKE_REG : TAKE_MEM);
	unsigned t = NOREG;
	if (i->op == IR_MULHSU) { /* unsigned product - (a < 0 ? b : 0) */
		t = alloc(c, false);
		asm_mov_rr(&c->a, w, t, RAX);
		asm_shift_ri(&c->a, SH_SAR, w, t, 8 * w - 1);
		asm_alu_rr(&c->a, ALU_AND, w, t, b.reg);
	}
	consume(c, i->b);
	grp3(c, i->op == IR_MULHS ? G3_IMUL : G3_MUL, w, b);
	if (t != NOREG)
		asm_alu_rr(&c->a, ALU_SUB, w, RDX, t);
	define(c, ref, RDX, w == 4 ? FACT_ZX : 0);
}

/* Divisor 0 or -1: rax = dividend, op[0] = divisor. */
static void cold_div(struct cc *c, struct cold *x)
{
	const struct ir_insn *i = &c->insn[x->ref];
	unsigned w = width_of(i->type), b = x->op[0].reg;
	bool is_signed = i->op == IR_DIVS || i->op == IR_REMS;
	size_t to_zero = 0;

	if (is_signed) {
		asm_rr(&c->a, OP_TEST, w, b, b);
		to_zero = asm_jcc8(&c->a, CC_E);
		asm_grp3_r(&c->a, G3_NEG, w, RAX);
		asm_alu_rr(&c->a, ALU_XOR, 4, RDX, RDX);
		asm_jmp_to(&c->a, x->back);
		asm_fix8(&c->a, to_zero);
	}
	asm_mov_rr(&c->a, w, RDX, RAX);
	asm_mov_ri(&c->a, RAX, w == 4 ? 0xffffffff : ~0ull);
	asm_jmp_to(&c->a, x->back);
}

/* Leave for the cold path if the divisor in register b is special. */
static struct cold *check_divisor(
    struct cc *c, unsigned w, unsigned b, bool is_signed)
{
	struct cold *x = cold_new(c, cold_div);

	if (!is_signed) {
		asm_rr(&c->a, OP_TEST, w, b, b);
		cold_jcc(c, x, CC_E);
	} else { /* b + 1 is 0 or 1 */
		asm_rm(&c->a, OP_LEA, w, RDX, mem_at(b, 1));
		asm_alu_ri(&c->a, ALU_CMP, w, RDX, 1);
		cold_jcc(c, x, CC_BE);
	}
	return x;
}

#define SOON 40 /* so many instructions on */

ir_ref soon_after(const struct cc *c, ir_ref ref, u8 op, ir_ref a, ir_ref b)
{
	for (ir_ref r = ref + 1; r <= ref + SOON; r++) {
		const struct ir_insn *j = &c->insn[r];
		if (ir_ends_block(j->op))
			break;
		if (j->op == op && j->type == c->insn[ref].type && j->a == a &&
		    j->b == b && !c->info[r].dead &&
		    c->s.val[r].kind == VAL_UNSET)
			return r;
	}
	return IR_NONE;
}

/* What else the division of `ref` is wanted for: its other half, or IR_NONE. */
static ir_ref other_half(const struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	static const u8 other[] = {
		[IR_DIVS] = IR_REMS,
		[IR_DIVU] = IR_REMU,
		[IR_REMS] = IR_DIVS,
		[IR_REMU] = IR_DIVU,
	};

	return soon_after(c, ref, other[i->op], i->a, i->b);
}

void emit_div(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);
	bool is_signed = i->op == IR_DIVS || i->op == IR_REMS;
	bool rem = i->op == IR_REMS || i->op == IR_REMU;
	struct cold *x = NULL;
	i64 k = 0;

	if (c->s.val[ref].kind != VAL_UNSET) { /* done with its other half */
		consume(c, i->a);
		consume(c, i->b);
		return;
	}
	claim(c, RDX);
	use_in(c, i->a, RAX);
	bool safe = value_const(c, i->b, &k) && k != 0 && k != -1;
	unsigned b = use_reg(c, i->b);
	consume(c, i->b);
	if (!safe)
		x = check_divisor(c, w, b, is_signed);
	if (is_signed)
		asm_cdq(&c->a, w);
	else
		asm_alu_rr(&c->a, ALU_XOR, 4, RDX, RDX);
	asm_grp3_r(&c->a, is_signed ? G3_IDIV : G3_DIV, w, b);
	if (x) {
		x->ref = ref;
		x->op[0] = opnd_reg(b);
		cold_back(c, x);
	}
	ir_ref other = other_half(c, ref);
	define(c, ref, rem ? RDX : RAX, w == 4 ? FACT_ZX : 0);
	if (other != IR_NONE)
		define(c, other, rem ? RAX : RDX, w == 4 ? FACT_ZX : 0);
}
