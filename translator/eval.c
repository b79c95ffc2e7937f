/*
 * eval.c - what each integer op means; the floating-point ops are in
 * eval_fp.c, those of cryptography in eval_crypto.c. Written for clearness:
 * ops.def's comments in C.
 *
 * A value is a u64 whose bits above its type's width are zero. eval_op
 * widens operands by sign where the op is signed, computes in 64 bits and
 * cuts the result to its type once, at the end.
 */
#include "translator/eval.h"

#include "translator/eval_crypto.h"
#include "translator/eval_fp.h"

static unsigned width(u8 ty)
{
	switch (ty) {
	case IR_I1: return 1;
	case IR_I32:
	case IR_F32: return 32;
	default: return 64;
	}
}

static u64 cut(u64 v, unsigned w)
{
	return w == 64 ? v : v & ((1ull << w) - 1);
}

static u64 mul_high(u64 a, u64 b, bool sa, bool sb, unsigned w)
{
	/* Sign-extended factors of up to 64 bits: no 128-bit overflow. */
	i128 x = sa ? (i128)sext(a, w) : (i128)(u128)a;
	i128 y = sb ? (i128)sext(b, w) : (i128)(u128)b;
	return (u64)((u128)x * (u128)y >> w);
}

static u64 div_signed(u64 a, u64 b, unsigned w, bool rem)
{
	i64 x = sext(a, w), y = sext(b, w);
	if (!y)
		return rem ? a : ~0ull;
	if (y == -1) /* MIN / -1 traps on the host */
		return rem ? 0 : 0 - (u64)x;
	return (u64)(rem ? x % y : x / y);
}

static u64 div_unsigned(u64 a, u64 b, bool rem)
{
	if (!b)
		return rem ? a : ~0ull;
	return rem ? a % b : a / b;
}

static u64 rotate_left(u64 a, unsigned n, unsigned w)
{
	return n ? a << n | a >> (w - n) : a;
}

static u64 orc_bytes(u64 a)
{
	u64 r = 0;
	for (unsigned i = 0; i < 64; i += 8)
		if (a >> i & 0xff)
			r |= 0xffull << i;
	return r;
}

static unsigned leading_zeros(u64 a, unsigned w)
{
	return a ? (unsigned)__builtin_clzll(a) - (64 - w) : w;
}

static unsigned trailing_zeros(u64 a, unsigned w)
{
	return a ? (unsigned)__builtin_ctzll(a) : w;
}

/* The ops from ADD to SELECT; w is the width of the operands a and b. */
static u64 eval_int(u8 op, unsigned w, const u64 arg[3])
{
	u64 a = arg[0], b = arg[1];
	unsigned n = (unsigned)(b & (w - 1));

	switch (op) {
	case IR_ADD: return a + b;
	case IR_SUB: return a - b;
	case IR_MUL: return a * b;
	case IR_MULHS: return mul_high(a, b, true, true, w);
	case IR_MULHU: return mul_high(a, b, false, false, w);
	case IR_MULHSU: return mul_high(a, b, true, false, w);
	case IR_DIVS: return div_signed(a, b, w, false);
	case IR_REMS: return div_signed(a, b, w, true);
	case IR_DIVU: return div_unsigned(a, b, false);
	case IR_REMU: return div_unsigned(a, b, true);
	case IR_AND: return a & b;
	case IR_OR: return a | b;
	case IR_XOR: return a ^ b;
	case IR_SHL: return a << n;
	case IR_SHR: return a >> n;
	case IR_SAR: return (u64)(sext(a, w) >> n);
	case IR_ROTL: return rotate_left(a, n, w);
	case IR_ROTR: return rotate_left(a, (w - n) & (w - 1), w);
	case IR_CLZ: return leading_zeros(a, w);
	case IR_CTZ: return trailing_zeros(a, w);
	case IR_POPCNT: return (u64)__builtin_popcountll(a);
	case IR_BSWAP: return __builtin_bswap64(a) >> (64 - w);
	case IR_ORCB: return orc_bytes(a);
	case IR_SEXT8: return (u64)(i8)a;
	case IR_SEXT16: return (u64)(i16)a;
	case IR_SEXT32: return (u64)(i32)a;
	case IR_ZEXT8: return (u8)a;
	case IR_ZEXT16: return (u16)a;
	case IR_ZEXT32: return (u32)a;
	case IR_TRUNC: return a;
	case IR_BOOL: return a;
	case IR_EQ: return a == b;
	case IR_NE: return a != b;
	case IR_LTS: return sext(a, w) < sext(b, w);
	case IR_GES: return sext(a, w) >= sext(b, w);
	case IR_LTU: return a < b;
	case IR_GEU: return a >= b;
	case IR_SELECT: return a ? b : arg[2];
	default: assert(false && "op has no value by itself"); return 0;
	}
}

u64 eval_op(
    u8 op, u8 ty, u16 aux, const u8 at[3], const u64 arg[3], struct eval_fp *fp)
{
	u64 r;

	if (eval_is_fp(op))
		r = eval_fp_op(op, ty, aux, at, arg, fp);
	else if (eval_is_crypto(op))
		r = eval_crypto_op(op, arg[0], arg[1]);
	else
		r = eval_int(op, width(at[0]), arg);
	return cut(r, width(ty));
}

u64 eval_amo(u8 op, u8 ty, u64 old, u64 operand)
{
	unsigned w = width(ty);
	i64 so = sext(old, w), sn = sext(operand, w);
	u64 r = 0;

	switch (op) {
	case IR_AMO_SWAP: r = operand; break;
	case IR_AMO_ADD: r = old + operand; break;
	case IR_AMO_AND: r = old & operand; break;
	case IR_AMO_OR: r = old | operand; break;
	case IR_AMO_XOR: r = old ^ operand; break;
	case IR_AMO_MINS: r = so < sn ? old : operand; break;
	case IR_AMO_MAXS: r = so > sn ? old : operand; break;
	case IR_AMO_MINU: r = old < operand ? old : operand; break;
	case IR_AMO_MAXU: r = old > operand ? old : operand; break;
	default: assert(false && "not an AMO");
	}
	return cut(r, w);
}

u64 eval_load(u8 ty, u16 aux, u64 raw)
{
	unsigned w = 8u << MEM_LOG2(aux);

	raw = cut(raw, w);
	if (aux & MEM_SIGNED)
		raw = (u64)sext(raw, w);
	return cut(raw, width(ty));
}
