/*
 * lift_int.c - the integer instructions: RV64I and M without memory and
 * control flow, and Zba, Zbb, Zbs, Zicond.
 *
 * All of them are pure, so with rd = x0 (hints) they emit nothing. W
 * instructions compute in i32 and sign-extend.
 */
#include "frontend/riscv/lift.h"

/* row->arg is an IR op of two operands, T = i64. */
static void alu(struct rv_lifter *x, const struct rv_insn *i, ir_ref b)
{
	rv_put(x, i->rd,
	    ir_op2(x->r, (u8)i->row->arg, IR_I64, rv_get(x, i->rs1), b));
}

void rv_alu(struct rv_lifter *x, const struct rv_insn *i)
{
	if (!i->rd)
		return;
	/* mv, c.mv: spare the passes an addition of 0 */
	if (i->row->arg == IR_ADD && !i->rs1)
		rv_put(x, i->rd, rv_get(x, i->rs2));
	else
		alu(x, i, rv_get(x, i->rs2));
}

void rv_alui(struct rv_lifter *x, const struct rv_insn *i)
{
	if (!i->rd)
		return;
	if (i->row->arg == IR_ADD && !i->rs1)
		rv_put(x, i->rd, rv_const(x, i->imm)); /* li */
	else if (i->row->arg == IR_ADD && !i->imm)
		rv_put(x, i->rd, rv_get(x, i->rs1)); /* mv */
	else
		alu(x, i, rv_const(x, i->imm));
}

/* The same in 32 bits. */
static void aluw(struct rv_lifter *x, const struct rv_insn *i, ir_ref b)
{
	rv_put32(x, i->rd,
	    ir_op2(x->r, (u8)i->row->arg, IR_I32, rv_get32(x, i->rs1), b));
}

void rv_aluw(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		aluw(x, i, rv_get32(x, i->rs2));
}

void rv_aluiw(struct rv_lifter *x, const struct rv_insn *i)
{
	if (!i->rd)
		return;
	if (i->row->arg == IR_ADD && !i->imm)
		rv_put32(x, i->rd, rv_get32(x, i->rs1)); /* sext.w */
	else
		aluw(x, i, ir_const(x->r, IR_I32, i->imm));
}

static void cmp(struct rv_lifter *x, const struct rv_insn *i, ir_ref b)
{
	rv_put_bool(x, i->rd,
	    ir_op2(x->r, (u8)i->row->arg, IR_I1, rv_get(x, i->rs1), b));
}

void rv_cmp(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		cmp(x, i, rv_get(x, i->rs2));
}

void rv_cmpi(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		cmp(x, i, rv_const(x, i->imm));
}

void rv_lui(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		rv_put(x, i->rd, rv_const(x, i->imm));
}

void rv_auipc(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		rv_put(x, i->rd, rv_pc(x, i->pc + (u64)i->imm));
}

void rv_nop(struct rv_lifter *x, const struct rv_insn *i)
{
	(void)x;
	(void)i;
}

/* --- Zba: rs2 + (rs1 << arg), of all of rs1 or its low half --- */

static void shift_add(struct rv_lifter *x, const struct rv_insn *i, ir_ref a)
{
	if (i->row->arg)
		a = ir_op2(x->r, IR_SHL, IR_I64, a, rv_const(x, i->row->arg));
	if (i->rs2)
		a = ir_op2(x->r, IR_ADD, IR_I64, a, rv_get(x, i->rs2));
	rv_put(x, i->rd, a);
}

void rv_shadd(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		shift_add(x, i, rv_get(x, i->rs1));
}

void rv_shadd_uw(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		shift_add(x, i, rv_low_word(x, i->rs1));
}

void rv_slli_uw(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		rv_put(x, i->rd,
		    ir_op2(x->r, IR_SHL, IR_I64, rv_low_word(x, i->rs1),
			rv_const(x, i->imm)));
}

/* --- Zbb --- */

/* andn, orn; xnor too, as a ^ ~b = ~(a ^ b) */
void rv_alun(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		alu(x, i, rv_not(x, rv_get(x, i->rs2)));
}

void rv_unary(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		rv_put(x, i->rd,
		    ir_op1(x->r, (u8)i->row->arg, IR_I64, rv_get(x, i->rs1)));
}

void rv_unaryw(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		/* counts: at most 32, so either extension is right */
		rv_put(x, i->rd,
		    ir_op1(x->r, IR_ZEXT32, IR_I64,
			ir_op1(x->r, (u8)i->row->arg, IR_I32,
			    rv_get32(x, i->rs1))));
}

/* rs1 if `rs1 arg rs2` holds, else rs2 */
void rv_minmax(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref a, b;

	if (!i->rd)
		return;
	a = rv_get(x, i->rs1);
	b = rv_get(x, i->rs2);
	rv_put(x, i->rd,
	    ir_op3(x->r, IR_SELECT, IR_I64,
		ir_op2(x->r, (u8)i->row->arg, IR_I1, a, b), a, b));
}

/* --- Zbs: arg says what happens to the bit --- */

static void bit_op(struct rv_lifter *x, const struct rv_insn *i, ir_ref bit)
{
	alu(x, i, i->row->arg == IR_AND ? rv_not(x, bit) : bit);
}

void rv_bitop(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		bit_op(x, i,
		    ir_op2(x->r, IR_SHL, IR_I64, rv_const(x, 1),
			rv_get(x, i->rs2)));
}

void rv_bitopi(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		bit_op(x, i, rv_const(x, (i64)(1ull << i->imm)));
}

static void bit_extract(struct rv_lifter *x, const struct rv_insn *i, ir_ref n)
{
	ir_ref a = ir_op2(x->r, IR_SHR, IR_I64, rv_get(x, i->rs1), n);

	rv_put(x, i->rd, ir_op2(x->r, IR_AND, IR_I64, a, rv_const(x, 1)));
}

void rv_bext(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		bit_extract(x, i, rv_get(x, i->rs2));
}

void rv_bexti(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		bit_extract(x, i, rv_const(x, i->imm));
}

/* --- Zicond: 0 if `rs2 arg 0` holds, else rs1 --- */
void rv_czero(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref zero, c;

	if (!i->rd)
		return;
	zero = rv_const(x, 0);
	c = ir_op2(x->r, (u8)i->row->arg, IR_I1, rv_get(x, i->rs2), zero);
	rv_put(x, i->rd,
	    ir_op3(x->r, IR_SELECT, IR_I64, c, zero, rv_get(x, i->rs1)));
}
