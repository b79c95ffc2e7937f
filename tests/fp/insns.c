/*
 * insns.c - the instructions under test, and the oracle for those that
 * neither round nor compute: minimum, compares, signs, classes, moves.
 */
#include "frontend/riscv/insn.h"
#include "tests/fp/bits.h"

/* clang-format off */
#define BOTH(id, kind, n, rm) \
	{ RV_##id##_S, kind, FP_S, FP_S, n, rm }, \
	{ RV_##id##_D, kind, FP_D, FP_D, n, rm },
#define COMPARE(id, kind, n) \
	{ RV_##id##_S, kind, FP_S, FP_L, n, false }, \
	{ RV_##id##_D, kind, FP_D, FP_L, n, false },
#define CONVERT(to, from) { RV_FCVT_##to##_##from, FP_CVT, FP_##from, FP_##to, \
	1, true },
#define INTEGERS(f) \
	CONVERT(W, f) CONVERT(WU, f) CONVERT(L, f) CONVERT(LU, f) \
	CONVERT(f, W) CONVERT(f, WU) CONVERT(f, L) CONVERT(f, LU)

const struct fp_insn fp_insns[] = {
	BOTH(FADD, FP_ADD, 2, true)
	BOTH(FSUB, FP_SUB, 2, true)
	BOTH(FMUL, FP_MUL, 2, true)
	BOTH(FDIV, FP_DIV, 2, true)
	BOTH(FSQRT, FP_SQRT, 1, true)
	BOTH(FMADD, FP_MADD, 3, true)
	BOTH(FMSUB, FP_MSUB, 3, true)
	BOTH(FNMSUB, FP_NMSUB, 3, true)
	BOTH(FNMADD, FP_NMADD, 3, true)
	BOTH(FMIN, FP_MIN, 2, false)
	BOTH(FMAX, FP_MAX, 2, false)
	BOTH(FSGNJ, FP_SGNJ, 2, false)
	BOTH(FSGNJN, FP_SGNJN, 2, false)
	BOTH(FSGNJX, FP_SGNJX, 2, false)
	COMPARE(FLE, FP_LE, 2)
	COMPARE(FLT, FP_LT, 2)
	COMPARE(FEQ, FP_EQ, 2)
	COMPARE(FCLASS, FP_CLASS, 1)
	INTEGERS(S)
	INTEGERS(D)
	CONVERT(S, D)
	CONVERT(D, S)
	{ RV_FMV_X_W, FP_MV, FP_S, FP_W, 1, false },
	{ RV_FMV_W_X, FP_MV, FP_W, FP_S, 1, false },
	{ RV_FMV_X_D, FP_MV, FP_D, FP_L, 1, false },
	{ RV_FMV_D_X, FP_MV, FP_L, FP_D, 1, false },
};
/* clang-format on */
const u32 fp_ninsns = ARRAY_LEN(fp_insns);

/* Numbers only: -1, 0, 1. */
static int order(u8 type, u64 a, u64 b)
{
	u64 sign = fp_sign_bit(type);
	/* as integers, the negative ones turned round; both zeros are 0 */
	i64 x = (i64)(a & ~sign), y = (i64)(b & ~sign);

	x = a & sign ? -x : x;
	y = b & sign ? -y : y;
	return (x > y) - (x < y);
}

static u64 min_max(u8 kind, u8 type, u64 a, u64 b)
{
	bool a_nan = fp_is_nan(type, a), b_nan = fp_is_nan(type, b);

	if (a_nan && b_nan)
		return fp_nan(type);
	if (a_nan || b_nan)
		return a_nan ? b : a;
	int o = order(type, a, b);
	if (o == 0) /* -0 is below 0 */
		return kind == FP_MIN ? a | b : a & b;
	return (o < 0) == (kind == FP_MIN) ? a : b;
}

static u64 class_of(u8 type, u64 v)
{
	bool minus = v & fp_sign_bit(type);
	u64 m = v & ~fp_sign_bit(type);

	if (fp_is_nan(type, v))
		return fp_is_snan(type, v) ? 1 << 8 : 1 << 9;
	if (m == fp_inf(type))
		return minus ? 1 << 0 : 1 << 7;
	if (m >> fp_fraction_bits(type))
		return minus ? 1 << 1 : 1 << 6;
	if (m)
		return minus ? 1 << 2 : 1 << 5;
	return minus ? 1 << 3 : 1 << 4;
}

static u64 move(const struct fp_insn *i, u64 reg)
{
	if (i->from == FP_S)
		return (u64)(i64)(i32)reg; /* whatever the box */
	return i->from == FP_W ? FP_BOX | (u32)reg : reg;
}

void fp_bits_only(
    const struct fp_insn *i, const u64 in[3], struct fp_answer *out)
{
	u8 t = i->from;
	u64 a = fp_unbox(t, in[0]), b = fp_unbox(t, in[1]);
	u64 sign = fp_sign_bit(t);
	bool nan = fp_is_nan(t, a) || fp_is_nan(t, b);
	bool snan = fp_is_snan(t, a) || fp_is_snan(t, b);

	out->flags = 0;
	switch (i->kind) {
	case FP_MIN:
	case FP_MAX:
		out->bits = fp_box(t, min_max(i->kind, t, a, b));
		out->flags = snan ? FP_NV : 0;
		break;
	case FP_SGNJ: out->bits = fp_box(t, (a & ~sign) | (b & sign)); break;
	case FP_SGNJN: out->bits = fp_box(t, (a & ~sign) | (~b & sign)); break;
	case FP_SGNJX: out->bits = fp_box(t, a ^ (b & sign)); break;
	case FP_LE:
	case FP_LT:
		out->bits = !nan && order(t, a, b) < (i->kind == FP_LE);
		out->flags = nan ? FP_NV : 0;
		break;
	case FP_EQ:
		out->bits = !nan && order(t, a, b) == 0;
		out->flags = snan ? FP_NV : 0;
		break;
	case FP_CLASS: out->bits = class_of(t, a); break;
	default: out->bits = move(i, in[0]); break;
	}
}
