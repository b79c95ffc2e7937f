/*
 * eval.c - hand-computed values of every integer op and of the fp ops'
 * special cases. eval_fp_host.c compares the rest with the host.
 */
#include <criterion/criterion.h>

#include "translator/eval.h"

static const struct {
	u8 op, ty, at; /* at: type of all operands but select's first */
	u64 a, b, c;
	u64 want;
} ints[] = {
#define I32 IR_I32
#define I64 IR_I64
#define MIN64 0x8000000000000000
#define MIN32 0x80000000
	{ IR_ADD, I64, I64, ~0ull, 2, 0, 1 },
	{ IR_ADD, I32, I32, 0xffffffff, 2, 0, 1 },
	{ IR_SUB, I32, I32, 0, 1, 0, 0xffffffff },
	{ IR_MUL, I32, I32, 0x10000, 0x10000, 0, 0 },
	{ IR_MUL, I64, I64, ~0ull, 5, 0, -5ull },
	{ IR_MULHS, I64, I64, MIN64, MIN64, 0, 0x4000000000000000 },
	{ IR_MULHS, I64, I64, ~0ull, ~0ull, 0, 0 },
	{ IR_MULHS, I32, I32, 0xffffffff, 2, 0, 0xffffffff },
	{ IR_MULHU, I64, I64, ~0ull, ~0ull, 0, ~0ull - 1 },
	{ IR_MULHU, I32, I32, 0xffffffff, 0xffffffff, 0, 0xfffffffe },
	{ IR_MULHSU, I64, I64, ~0ull, ~0ull, 0, ~0ull },
	{ IR_MULHSU, I64, I64, MIN64, ~0ull, 0, 0x8000000000000000 },
	{ IR_MULHSU, I64, I64, 2, ~0ull, 0, 1 },
	{ IR_DIVS, I64, I64, MIN64, ~0ull, 0, MIN64 },
	{ IR_DIVS, I32, I32, MIN32, 0xffffffff, 0, MIN32 },
	{ IR_DIVS, I64, I64, -7ull, 2, 0, -3ull },
	{ IR_DIVS, I64, I64, 7, 0, 0, ~0ull },
	{ IR_DIVS, I32, I32, 7, 0, 0, 0xffffffff },
	{ IR_REMS, I64, I64, MIN64, ~0ull, 0, 0 },
	{ IR_REMS, I64, I64, -7ull, 2, 0, -1ull },
	{ IR_REMS, I32, I32, 0xfffffff9, 0, 0, 0xfffffff9 },
	{ IR_DIVU, I64, I64, ~0ull, 2, 0, ~0ull >> 1 },
	{ IR_DIVU, I32, I32, 1, 0, 0, 0xffffffff },
	{ IR_REMU, I64, I64, 13, 0, 0, 13 },
	{ IR_REMU, I64, I64, 13, 5, 0, 3 },
	{ IR_AND, I64, I64, 12, 10, 0, 8 },
	{ IR_OR, I64, I64, 12, 10, 0, 14 },
	{ IR_XOR, I32, I32, 12, 0xffffffff, 0, 0xfffffff3 },
	{ IR_SHL, I32, I32, 3, 33, 0, 6 },
	{ IR_SHL, I64, I64, 3, 64, 0, 3 },
	{ IR_SHL, I32, I32, 3, 31, 0, 0x80000000 },
	{ IR_SHR, I32, I32, MIN32, 63, 0, 1 },
	{ IR_SHR, I64, I64, MIN64, 63, 0, 1 },
	{ IR_SAR, I32, I32, MIN32, 4, 0, 0xf8000000 },
	{ IR_SAR, I64, I64, MIN64, 127, 0, ~0ull },
	{ IR_ROTL, I32, I32, 0x80000001, 4, 0, 0x18 },
	{ IR_ROTL, I64, I64, MIN64, 65, 0, 1 },
	{ IR_ROTL, I64, I64, 5, 0, 0, 5 },
	{ IR_ROTR, I32, I32, 1, 1, 0, MIN32 },
	{ IR_ROTR, I32, I32, 7, 32, 0, 7 },
	{ IR_ROTR, I64, I64, 1, 4, 0, 0x1000000000000000 },
	{ IR_CLZ, I64, I64, 0, 0, 0, 64 },
	{ IR_CLZ, I32, I32, 0, 0, 0, 32 },
	{ IR_CLZ, I32, I32, 1, 0, 0, 31 },
	{ IR_CTZ, I32, I32, 0, 0, 0, 32 },
	{ IR_CTZ, I64, I64, 8, 0, 0, 3 },
	{ IR_POPCNT, I32, I32, 0xffffffff, 0, 0, 32 },
	{ IR_BSWAP, I32, I32, 0x11223344, 0, 0, 0x44332211 },
	{ IR_BSWAP, I64, I64, 1, 0, 0, 1ull << 56 },
	{ IR_ORCB, I64, I64, 0x0100800000000010, 0, 0, 0xff00ff00000000ff },
	{ IR_SEXT8, I64, I64, 0x180, 0, 0, -128ull },
	{ IR_SEXT16, I32, I32, 0x18000, 0, 0, 0xffff8000 },
	{ IR_ZEXT8, I64, I64, 0x180, 0, 0, 0x80 },
	{ IR_ZEXT16, I64, I64, ~0ull, 0, 0, 0xffff },
	{ IR_SEXT32, I64, I32, MIN32, 0, 0, 0xffffffff80000000 },
	{ IR_ZEXT32, I64, I32, MIN32, 0, 0, MIN32 },
	{ IR_TRUNC, I32, I64, ~0ull, 0, 0, 0xffffffff },
	{ IR_BOOL, I64, IR_I1, 1, 0, 0, 1 },
	/* the example of Intel's white paper on PCLMULQDQ */
	{ IR_CLMUL, I64, I64, 0x63746f725d53475d, 0x5b477565726f6e5d, 0,
	    0x929633d5d36f0451 },
	{ IR_CLMULH, I64, I64, 0x63746f725d53475d, 0x5b477565726f6e5d, 0,
	    0x1d4d84c85c3440c0 },
	{ IR_CLMULH, I64, I64, MIN64, MIN64, 0, 0x4000000000000000 },
	/* FIPS 197, C.1: rounds 1 and 10, both ways; A.1: the first word */
	{ IR_AES_ENC, I64, I64, 0x7060504030201000, 0xf0e0d0c0b0a09080, 0,
	    0x92bcf5571564725f },
	{ IR_AES_ENC, I64, I64, 0xf0e0d0c0b0a09080, 0x7060504030201000, 0,
	    0x1af9b91d293bbef7 },
	{ IR_AES_ENCLAST, I64, I64, 0x9e77b5f23d7c6ebd, 0x89b6108b6e21610b, 0,
	    0x274eef89a7fdd57a },
	{ IR_AES_DEC, I64, I64, 0x274eef89a7fdd57a, 0x9ff59f3d0b10ca2b, 0,
	    0x43352ff71fb97347 },
	{ IR_AES_DECLAST, I64, I64, 0x274eef89a7fdd57a, 0x9ff59f3d0b10ca2b, 0,
	    0x9e77b5f23d7c6ebd },
	{ IR_AES_IMC, I64, I64, 0x92bcf5571564725f, 0, 0, 0x04e160098ce05363 },
	{ IR_AES_SUB, I32, I32, 0x093c4fcf, 0, 0, 0x01eb848a },
	{ IR_XPERM4, I64, I64, 0xfedcba9876543210, 0xf0123456789abcde, 0,
	    0xf0123456789abcde },
	{ IR_XPERM4, I64, I64, 0x8877665544332211, 0x0f, 0,
	    0x1111111111111118 },
	{ IR_XPERM8, I64, I64, 0x8877665544332211, 0x0708ff8000010207, 0,
	    0x8800000011223388 },
	{ IR_EQ, IR_I1, I64, 1, 1, 0, 1 },
	{ IR_NE, IR_I1, I64, 1, 1, 0, 0 },
	{ IR_LTS, IR_I1, I32, MIN32, 0, 0, 1 },
	{ IR_LTS, IR_I1, I64, MIN32, 0, 0, 0 },
	{ IR_GES, IR_I1, I64, ~0ull, 0, 0, 0 },
	{ IR_LTU, IR_I1, I64, ~0ull, 0, 0, 0 },
	{ IR_GEU, IR_I1, I32, MIN32, 1, 0, 1 },
	{ IR_SELECT, I64, IR_I1, 1, 5, 6, 5 },
	{ IR_SELECT, I32, IR_I1, 0, 5, 6, 6 },
	{ IR_F32_BOX, IR_F64, IR_F32, 0x3f800000, 0, 0, 0xffffffff3f800000 },
	{ IR_F32_UNBOX, IR_F32, IR_F64, 0xffffffff3f800000, 0, 0, 0x3f800000 },
	{ IR_F32_UNBOX, IR_F32, IR_F64, 0xfffffffe3f800000, 0, 0, 0x7fc00000 },
	{ IR_FCANON, IR_F32, IR_F32, 0xffa00001, 0, 0, 0x7fc00000 },
	{ IR_FCANON, IR_F64, IR_F64, 0xfff0000000000000, 0, 0,
	    0xfff0000000000000 },
	{ IR_FCANON, IR_F64, IR_F64, 0xfff0000000000001, 0, 0,
	    0x7ff8000000000000 },
	{ IR_FNEG, IR_F64, IR_F64, 0x7ff0000000000001, 0, 0,
	    0xfff0000000000001 },
	{ IR_FABS, IR_F32, IR_F32, 0xff800001, 0, 0, 0x7f800001 },
	{ IR_FCOPYSIGN, IR_F32, IR_F32, 0x3f800000, MIN32, 0, 0xbf800000 },
	{ IR_FBITS, I64, IR_F64, MIN64, 0, 0, MIN64 },
	{ IR_BITSF, IR_F32, I32, MIN32, 0, 0, MIN32 },
	{ IR_FCLASS, I64, IR_F32, 0xff800000, 0, 0, 1 << 0 },
	{ IR_FCLASS, I64, IR_F32, 0xbf800000, 0, 0, 1 << 1 },
	{ IR_FCLASS, I64, IR_F32, 0x807fffff, 0, 0, 1 << 2 },
	{ IR_FCLASS, I64, IR_F32, 0x80000000, 0, 0, 1 << 3 },
	{ IR_FCLASS, I64, IR_F64, 0, 0, 0, 1 << 4 },
	{ IR_FCLASS, I64, IR_F64, 1, 0, 0, 1 << 5 },
	{ IR_FCLASS, I64, IR_F64, 0x0010000000000000, 0, 0, 1 << 6 },
	{ IR_FCLASS, I64, IR_F64, 0x7ff0000000000000, 0, 0, 1 << 7 },
	{ IR_FCLASS, I64, IR_F64, 0x7ff0000000000001, 0, 0, 1 << 8 },
	{ IR_FCLASS, I64, IR_F64, 0xfff8000000000000, 0, 0, 1 << 9 },
};

Test(eval, pure)
{
	bool seen[IR_NOPS] = { false };

	for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
		u8 rest = ints[i].op == IR_SELECT ? ints[i].ty : ints[i].at;
		u8 at[3] = { ints[i].at, rest, rest };
		u64 arg[3] = { ints[i].a, ints[i].b, ints[i].c };
		u64 got = eval_op(ints[i].op, ints[i].ty, 0, at, arg, NULL);
		cr_expect(got == ints[i].want, "row %zu, %s: %lx, want %lx", i,
		    ir_opinfo[ints[i].op].text, got, ints[i].want);
		seen[ints[i].op] = true;
	}
	for (u32 op = IR_ADD; op < IR_NOPS; op++)
		cr_expect(seen[op] || ir_opinfo[op].flags != IRF_P,
		    "%s is not tested", ir_opinfo[op].text);
}

#define QNAN 0x7ff8000000000000
#define SNAN 0x7ff0000000000001
#define INF 0x7ff0000000000000
#define NEG 0x8000000000000000
#define ONE 0x3ff0000000000000
#define NX FPX_NX
#define UF FPX_UF
#define OF FPX_OF
#define DZ FPX_DZ
#define NV FPX_NV
#define MAXF 0x7fefffffffffffff

static const struct {
	u8 op, ty, at;
	u64 a, b, c;
	u64 want[5]; /* RNE RTZ RDN RUP RMM */
	u8 flags[5];
} fps[] = {
#define SAME(v) \
	{ \
		v, v, v, v, v \
	}
	/* 1 + 2^-53: a tie */
	{ IR_FADD, IR_F64, IR_F64, ONE, 0x3ca0000000000000, 0,
	    { ONE, ONE, ONE, ONE + 1, ONE + 1 }, SAME(NX) },
	{ IR_FSUB, IR_F64, IR_F64, ONE | NEG, 0x3ca0000000000000, 0,
	    { NEG | ONE, NEG | ONE, NEG | (ONE + 1), NEG | ONE,
		NEG | (ONE + 1) },
	    SAME(NX) },
	/* x - x */
	{ IR_FSUB, IR_F64, IR_F64, ONE, ONE, 0, { 0, 0, NEG, 0, 0 }, SAME(0) },
	{ IR_FADD, IR_F64, IR_F64, INF, INF | NEG, 0, SAME(QNAN), SAME(NV) },
	{ IR_FADD, IR_F64, IR_F64, SNAN, ONE, 0, SAME(QNAN), SAME(NV) },
	{ IR_FADD, IR_F64, IR_F64, QNAN | NEG, ONE, 0, SAME(QNAN), SAME(0) },
	/* overflow, the largest number doubled */
	{ IR_FADD, IR_F64, IR_F64, MAXF, MAXF, 0, { INF, MAXF, MAXF, INF, INF },
	    SAME(OF | NX) },
	/* max + half its last bit: a tie that overflows */
	{ IR_FADD, IR_F64, IR_F64, MAXF, 0x7c90000000000000, 0,
	    { INF, MAXF, MAXF, INF, INF },
	    { OF | NX, NX, NX, OF | NX, OF | NX } },
	/* half of the smallest subnormal: a tie at zero */
	{ IR_FMUL, IR_F64, IR_F64, 1, 0x3fe0000000000000, 0, { 0, 0, 0, 1, 1 },
	    SAME(UF | NX) },
	/* smallest normal * (1 - 2^-53): tiny only if it stays below */
	{ IR_FMUL, IR_F64, IR_F64, 0x0010000000000000, 0x3fefffffffffffff, 0,
	    { 0x0010000000000000, 0x000fffffffffffff, 0x000fffffffffffff,
		0x0010000000000000, 0x0010000000000000 },
	    SAME(UF | NX) },
	/* (2 - 2^-52) * 2^-1023 + tiny bits: rounds up to normal, not tiny */
	{ IR_FMADD, IR_F64, IR_F64, 0x0010000000000000, ONE, NEG | 1,
	    SAME(0x000fffffffffffff), SAME(0) },
	{ IR_FMUL, IR_F64, IR_F64, INF, 0, 0, SAME(QNAN), SAME(NV) },
	{ IR_FDIV, IR_F64, IR_F64, ONE | NEG, 0, 0, SAME(INF | NEG), SAME(DZ) },
	{ IR_FDIV, IR_F64, IR_F64, 0, 0, 0, SAME(QNAN), SAME(NV) },
	{ IR_FDIV, IR_F64, IR_F64, INF, 0, 0, SAME(INF), SAME(0) },
	/* 1/3 */
	{ IR_FDIV, IR_F64, IR_F64, ONE, 0x4008000000000000, 0,
	    { 0x3fd5555555555555, 0x3fd5555555555555, 0x3fd5555555555555,
		0x3fd5555555555556, 0x3fd5555555555555 },
	    SAME(NX) },
	{ IR_FSQRT, IR_F64, IR_F64, NEG, 0, 0, SAME(NEG), SAME(0) },
	{ IR_FSQRT, IR_F64, IR_F64, NEG | ONE, 0, 0, SAME(QNAN), SAME(NV) },
	{ IR_FSQRT, IR_F64, IR_F64, 0x4010000000000000, 0, 0,
	    SAME(0x4000000000000000), SAME(0) },
	/* inf * 0 + NaN raises invalid whatever the NaN */
	{ IR_FMADD, IR_F64, IR_F64, INF, 0, QNAN, SAME(QNAN), SAME(NV) },
	{ IR_FNMSUB, IR_F64, IR_F64, ONE, ONE, ONE, { 0, 0, NEG, 0, 0 },
	    SAME(0) },
	{ IR_FNMADD, IR_F64, IR_F64, ONE, ONE, NEG | ONE, { 0, 0, NEG, 0, 0 },
	    SAME(0) },
	/* minimumNumber, maximumNumber */
	{ IR_FMIN, IR_F64, IR_F64, 0, NEG, 0, SAME(NEG), SAME(0) },
	{ IR_FMIN, IR_F64, IR_F64, NEG, 0, 0, SAME(NEG), SAME(0) },
	{ IR_FMAX, IR_F64, IR_F64, NEG, 0, 0, SAME(0), SAME(0) },
	{ IR_FMAX, IR_F64, IR_F64, QNAN, ONE, 0, SAME(ONE), SAME(0) },
	{ IR_FMIN, IR_F64, IR_F64, ONE, SNAN, 0, SAME(ONE), SAME(NV) },
	{ IR_FMIN, IR_F64, IR_F64, NEG | QNAN, SNAN, 0, SAME(QNAN), SAME(NV) },
	{ IR_FMIN, IR_F64, IR_F64, INF | NEG, MAXF, 0, SAME(INF | NEG),
	    SAME(0) },
	{ IR_FEQ, IR_I1, IR_F64, 0, NEG, 0, SAME(1), SAME(0) },
	{ IR_FEQ, IR_I1, IR_F64, QNAN, QNAN, 0, SAME(0), SAME(0) },
	{ IR_FEQ, IR_I1, IR_F64, SNAN, ONE, 0, SAME(0), SAME(NV) },
	{ IR_FLT, IR_I1, IR_F64, QNAN, ONE, 0, SAME(0), SAME(NV) },
	{ IR_FLT, IR_I1, IR_F64, NEG, 0, 0, SAME(0), SAME(0) },
	{ IR_FLE, IR_I1, IR_F64, NEG, 0, 0, SAME(1), SAME(0) },
	{ IR_FLT, IR_I1, IR_F64, NEG | INF, NEG | MAXF, 0, SAME(1), SAME(0) },
	{ IR_FLE, IR_I1, IR_F64, MAXF, INF, 0, SAME(1), SAME(0) },
	/* narrowing: the tie 1 + 2^-24; a NaN */
	{ IR_F64_TO_F32, IR_F32, IR_F64, 0x3ff0000010000000, 0, 0,
	    { 0x3f800000, 0x3f800000, 0x3f800000, 0x3f800001, 0x3f800001 },
	    SAME(NX) },
	{ IR_F64_TO_F32, IR_F32, IR_F64, SNAN, 0, 0, SAME(0x7fc00000),
	    SAME(NV) },
	{ IR_F32_TO_F64, IR_F64, IR_F32, 1, 0, 0, SAME(0x36a0000000000000),
	    SAME(0) },
	/* integers */
	{ IR_S32_TO_F, IR_F32, IR_I32, 0x80000000, 0, 0, SAME(0xcf000000),
	    SAME(0) },
	{ IR_U32_TO_F, IR_F32, IR_I32, 0xffffffff, 0, 0,
	    { 0x4f800000, 0x4f7fffff, 0x4f7fffff, 0x4f800000, 0x4f800000 },
	    SAME(NX) },
	{ IR_S64_TO_F, IR_F64, IR_I64, NEG, 0, 0, SAME(0xc3e0000000000000),
	    SAME(0) },
	{ IR_S64_TO_F, IR_F64, IR_I64, 0, 0, 0, SAME(0), SAME(0) },
	/* 2^53 + 1: a tie */
	{ IR_U64_TO_F, IR_F64, IR_I64, 0x20000000000001, 0, 0,
	    { 0x4340000000000000, 0x4340000000000000, 0x4340000000000000,
		0x4340000000000001, 0x4340000000000001 },
	    SAME(NX) },
	{ IR_U64_TO_F, IR_F64, IR_I64, ~0ull, 0, 0,
	    { 0x43f0000000000000, 0x43efffffffffffff, 0x43efffffffffffff,
		0x43f0000000000000, 0x43f0000000000000 },
	    SAME(NX) },
	/* 2.5 and -2.5 to integers */
	{ IR_F_TO_S32, IR_I32, IR_F64, 0x4004000000000000, 0, 0,
	    { 2, 2, 2, 3, 3 }, SAME(NX) },
	{ IR_F_TO_S64, IR_I64, IR_F64, 0xc004000000000000, 0, 0,
	    { -2ull, -2ull, -3ull, -2ull, -3ull }, SAME(NX) },
	/* -0.5: 0 or, below, out of the unsigned range */
	{ IR_F_TO_U32, IR_I32, IR_F64, 0xbfe0000000000000, 0, 0, SAME(0),
	    { NX, NX, NV, NX, NV } },
	{ IR_F_TO_U64, IR_I64, IR_F32, 0xbf800000, 0, 0, SAME(0), SAME(NV) },
	{ IR_F_TO_U64, IR_I64, IR_F64, QNAN | NEG, 0, 0, SAME(~0ull),
	    SAME(NV) },
	{ IR_F_TO_S64, IR_I64, IR_F64, QNAN, 0, 0, SAME(~0ull >> 1), SAME(NV) },
	{ IR_F_TO_S64, IR_I64, IR_F64, 0x43e0000000000000, 0, 0,
	    SAME(~0ull >> 1), SAME(NV) },
	{ IR_F_TO_S64, IR_I64, IR_F64, 0xc3e0000000000000, 0, 0, SAME(NEG),
	    SAME(0) },
	{ IR_F_TO_U64, IR_I64, IR_F64, 0x43e0000000000000, 0, 0, SAME(NEG),
	    SAME(0) },
	{ IR_F_TO_U32, IR_I32, IR_F64, 0x41f0000000000000, 0, 0,
	    SAME(0xffffffff), SAME(NV) },
	{ IR_F_TO_S32, IR_I32, IR_F32, 0xff800000, 0, 0, SAME(0x80000000),
	    SAME(NV) },
	/* 2^31 - 0.5 fits only rounded down */
	{ IR_F_TO_S32, IR_I32, IR_F64, 0x41dfffffffe00000, 0, 0,
	    SAME(0x7fffffff), { NV, NX, NX, NV, NV } },
};

Test(eval, fp_in_five_modes)
{
	for (size_t i = 0; i < ARRAY_LEN(fps); i++) {
		u8 at[3] = { fps[i].at, fps[i].at, fps[i].at };
		u64 arg[3] = { fps[i].a, fps[i].b, fps[i].c };
		for (u32 rm = 0; rm < 5; rm++) {
			struct eval_fp dyn = { .rm = rm }, fix = { .rm = 7 };
			u64 got = eval_op(
			    fps[i].op, fps[i].ty, RM_DYN, at, arg, &dyn);
			u64 got2 = eval_op(
			    fps[i].op, fps[i].ty, (u16)rm, at, arg, &fix);
			cr_expect(got == fps[i].want[rm] &&
				dyn.flags == fps[i].flags[rm],
			    "row %zu, %s rm %u: %lx flags %x, want %lx %x", i,
			    ir_opinfo[fps[i].op].text, rm, got, dyn.flags,
			    fps[i].want[rm], fps[i].flags[rm]);
			cr_expect(got == got2 && dyn.flags == fix.flags);
		}
	}
}

Test(eval, flags_accrue)
{
	u8 at[3] = { IR_F64, IR_F64, 0 };
	u64 arg[3] = { ONE, 0, 0 };
	struct eval_fp fp = { .rm = RM_RNE, .flags = NX };

	eval_op(IR_FDIV, IR_F64, RM_DYN, at, arg, &fp);
	cr_assert_eq(fp.flags, (u32)(NX | DZ));
}

Test(eval, loads)
{
	cr_assert_eq(eval_load(IR_I64, 0, 0x1ff), 0xffu);
	cr_assert_eq(eval_load(IR_I64, 0 | MEM_SIGNED, 0x1ff), ~0ull);
	cr_assert_eq(eval_load(IR_I32, 1 | MEM_SIGNED, 0x8000), 0xffff8000u);
	cr_assert_eq(
	    eval_load(IR_I64, 2 | MEM_SIGNED, MIN32), 0xffffffff80000000u);
	cr_assert_eq(eval_load(IR_I64, 3, ~0ull), ~0ull);
}

Test(eval, atomics)
{
	cr_assert_eq(eval_amo(IR_AMO_SWAP, IR_I32, 1, 2), 2u);
	cr_assert_eq(eval_amo(IR_AMO_ADD, IR_I32, 0xffffffff, 2), 1u);
	cr_assert_eq(eval_amo(IR_AMO_XOR, IR_I64, 3, 1), 2u);
	cr_assert_eq(eval_amo(IR_AMO_OR, IR_I64, 3, 4), 7u);
	cr_assert_eq(eval_amo(IR_AMO_AND, IR_I64, 3, 5), 1u);
	cr_assert_eq(eval_amo(IR_AMO_MINS, IR_I32, MIN32, 1), MIN32);
	cr_assert_eq(eval_amo(IR_AMO_MAXS, IR_I32, MIN32, 1), 1u);
	cr_assert_eq(eval_amo(IR_AMO_MINU, IR_I32, MIN32, 1), 1u);
	cr_assert_eq(eval_amo(IR_AMO_MAXU, IR_I64, ~0ull, 1), ~0ull);
}
