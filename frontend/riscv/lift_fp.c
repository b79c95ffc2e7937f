/*
 * lift_fp.c - F and D without loads and stores.
 *
 * Slots hold f64; a single lives in one boxed below 32 ones, and reading one
 * that is not boxed gives the canonical NaN (F32_UNBOX). Results of
 * arithmetic pass FCANON, because the IR's ops may give any NaN. A static
 * rounding mode of 5 or 6 is an illegal instruction; so is dynamic rounding
 * while frm holds one, which the runtime sees to (EXIT_FPMODE, lift_sys.c).
 *
 * Each instruction comes as a pair of functions, _s and _d.
 */
#include "frontend/riscv/lift.h"

static ir_ref get_d(struct rv_lifter *x, unsigned n)
{
	return ir_get(x->r, IR_F64, RV_SLOT_F + n);
}

static ir_ref get_s(struct rv_lifter *x, unsigned n)
{
	return ir_op1(x->r, IR_F32_UNBOX, IR_F32, get_d(x, n));
}

static ir_ref get_f(struct rv_lifter *x, u8 ty, unsigned n)
{
	return ty == IR_F32 ? get_s(x, n) : get_d(x, n);
}

static void put_f(struct rv_lifter *x, u8 ty, unsigned n, ir_ref v)
{
	if (ty == IR_F32)
		v = ir_op1(x->r, IR_F32_BOX, IR_F64, v);
	ir_put(x->r, IR_F64, RV_SLOT_F + n, v);
}

static void put_canon(struct rv_lifter *x, u8 ty, unsigned n, ir_ref v)
{
	put_f(x, ty, n, ir_op1(x->r, IR_FCANON, ty, v));
}

/* True if the static rounding mode exists; else the instruction is refused. */
static bool rm_ok(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rm != 5 && i->rm != 6)
		return true;
	rv_illegal(x, i);
	return false;
}

/* An op that rounds as the instruction says. */
static ir_ref rounding(struct rv_lifter *x, const struct rv_insn *i, u8 op,
    u8 ty, ir_ref a, ir_ref b, ir_ref c)
{
	return ir_emit(x->r,
	    (struct ir_insn){
		.op = op, .type = ty, .aux = i->rm, .a = a, .b = b, .c = c });
}

static void farith(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	ir_ref a, b;

	if (!rm_ok(x, i))
		return;
	a = get_f(x, ty, i->rs1);
	b = get_f(x, ty, i->rs2);
	put_canon(
	    x, ty, i->rd, rounding(x, i, (u8)i->row->arg, ty, a, b, IR_NONE));
}

static void fsqrt(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	if (!rm_ok(x, i))
		return;
	put_canon(x, ty, i->rd,
	    rounding(
		x, i, IR_FSQRT, ty, get_f(x, ty, i->rs1), IR_NONE, IR_NONE));
}

static void fused(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	ir_ref a, b, c;

	if (!rm_ok(x, i))
		return;
	a = get_f(x, ty, i->rs1);
	b = get_f(x, ty, i->rs2);
	c = get_f(x, ty, i->rs3);
	put_canon(x, ty, i->rd, rounding(x, i, (u8)i->row->arg, ty, a, b, c));
}

static void fminmax(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	ir_ref a = get_f(x, ty, i->rs1), b = get_f(x, ty, i->rs2);

	put_canon(x, ty, i->rd, ir_op2(x->r, (u8)i->row->arg, ty, a, b));
}

static void fcmp(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	ir_ref a = get_f(x, ty, i->rs1), b = get_f(x, ty, i->rs2);

	/* also with rd = x0: it sets flags */
	rv_put_bool(x, i->rd, ir_op2(x->r, (u8)i->row->arg, IR_I1, a, b));
}

static void fclass(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	if (i->rd)
		rv_put(x, i->rd,
		    ir_op1(x->r, IR_FCLASS, IR_I64, get_f(x, ty, i->rs1)));
}

/* a with the sign bit flipped where b's is set */
static ir_ref xor_sign(struct rv_lifter *x, u8 ty, ir_ref a, ir_ref b)
{
	u8 ity = ty == IR_F32 ? IR_I32 : IR_I64;
	i64 mask = ty == IR_F32 ? INT32_MIN : INT64_MIN;
	ir_ref m = ir_const(x->r, ity, mask);

	a = ir_op1(x->r, IR_FBITS, ity, a);
	b = ir_op1(x->r, IR_FBITS, ity, b);
	b = ir_op2(x->r, IR_AND, ity, b, m);
	return ir_op1(x->r, IR_BITSF, ty, ir_op2(x->r, IR_XOR, ity, a, b));
}

/* arg: 0 b's sign, 1 its opposite, 2 the product of both */
static void fsgnj(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	enum { TAKE, NEGATE, MULTIPLY };
	ir_ref a = get_f(x, ty, i->rs1), b, v = a;

	if (i->rs1 == i->rs2) { /* fmv, fneg, fabs */
		if (i->row->arg == NEGATE)
			v = ir_op1(x->r, IR_FNEG, ty, a);
		else if (i->row->arg == MULTIPLY)
			v = ir_op1(x->r, IR_FABS, ty, a);
	} else {
		b = get_f(x, ty, i->rs2);
		if (i->row->arg == NEGATE)
			b = ir_op1(x->r, IR_FNEG, ty, b);
		if (i->row->arg == MULTIPLY)
			v = xor_sign(x, ty, a, b);
		else
			v = ir_op2(x->r, IR_FCOPYSIGN, ty, a, b);
	}
	put_f(x, ty, i->rd, v);
}

/* arg: the op; the 32-bit results are sign-extended, unsigned ones too */
static void ftoi(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	u8 op = (u8)i->row->arg;
	bool word = op == IR_F_TO_S32 || op == IR_F_TO_U32;
	ir_ref v;

	if (!rm_ok(x, i))
		return;
	v = rounding(x, i, op, word ? IR_I32 : IR_I64, get_f(x, ty, i->rs1),
	    IR_NONE, IR_NONE);
	if (word)
		rv_put32(x, i->rd, v);
	else
		rv_put(x, i->rd, v);
}

static void itof(struct rv_lifter *x, const struct rv_insn *i, u8 ty)
{
	u8 op = (u8)i->row->arg;
	bool word = op == IR_S32_TO_F || op == IR_U32_TO_F;
	ir_ref a;

	if (!rm_ok(x, i))
		return;
	a = word ? rv_get32(x, i->rs1) : rv_get(x, i->rs1);
	put_f(x, ty, i->rd, rounding(x, i, op, ty, a, IR_NONE, IR_NONE));
}

#define PAIR(fn) \
	void rv_##fn##_s(struct rv_lifter *x, const struct rv_insn *i) \
	{ \
		fn(x, i, IR_F32); \
	} \
	void rv_##fn##_d(struct rv_lifter *x, const struct rv_insn *i) \
	{ \
		fn(x, i, IR_F64); \
	}
PAIR(farith)
PAIR(fsqrt)
PAIR(fused)
PAIR(fminmax)
PAIR(fcmp)
PAIR(fclass)
PAIR(fsgnj)
PAIR(ftoi)
PAIR(itof)

void rv_fcvt_s_d(struct rv_lifter *x, const struct rv_insn *i)
{
	if (rm_ok(x, i))
		put_canon(x, IR_F32, i->rd,
		    rounding(x, i, IR_F64_TO_F32, IR_F32, get_d(x, i->rs1),
			IR_NONE, IR_NONE));
}

void rv_fcvt_d_s(struct rv_lifter *x, const struct rv_insn *i)
{
	if (rm_ok(x, i))
		put_canon(x, IR_F64, i->rd,
		    rounding(x, i, IR_F32_TO_F64, IR_F64, get_s(x, i->rs1),
			IR_NONE, IR_NONE));
}

/* --- moves of bits: neither box check nor flags --- */

void rv_fmv_x_d(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		rv_put(
		    x, i->rd, ir_op1(x->r, IR_FBITS, IR_I64, get_d(x, i->rs1)));
}

void rv_fmv_x_w(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref v;

	if (!i->rd)
		return;
	v = ir_op1(x->r, IR_FBITS, IR_I64, get_d(x, i->rs1));
	rv_put32(x, i->rd, ir_op1(x->r, IR_TRUNC, IR_I32, v));
}

void rv_fmv_d_x(struct rv_lifter *x, const struct rv_insn *i)
{
	put_f(x, IR_F64, i->rd,
	    ir_op1(x->r, IR_BITSF, IR_F64, rv_get(x, i->rs1)));
}

void rv_fmv_w_x(struct rv_lifter *x, const struct rv_insn *i)
{
	put_f(x, IR_F32, i->rd,
	    ir_op1(x->r, IR_BITSF, IR_F32, rv_get32(x, i->rs1)));
}
