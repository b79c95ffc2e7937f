/*
 * oracle.h - what a floating-point instruction must give, from sources that
 * have nothing to do with metic's own code: the host's SSE and FMA units,
 * and MPFR's exact results rounded here. RISC-V unprivileged manual,
 * chapters F and D; tininess is detected after rounding.
 */
#ifndef TEST_FP_ORACLE_H
#define TEST_FP_ORACLE_H

#include "runtime/base/types.h"

enum fp_type { FP_S, FP_D, FP_W, FP_WU, FP_L, FP_LU };

enum fp_kind {
	FP_ADD,
	FP_SUB,
	FP_MUL,
	FP_DIV,
	FP_SQRT,
	FP_MADD,
	FP_MSUB,
	FP_NMSUB, /* -(a * b) + c */
	FP_NMADD, /* -(a * b) - c */
	FP_CVT, /* between any two types */
	FP_MIN, /* from here on nothing is rounded */
	FP_MAX,
	FP_SGNJ,
	FP_SGNJN,
	FP_SGNJX,
	FP_LE,
	FP_LT,
	FP_EQ,
	FP_CLASS,
	FP_MV, /* of bits */
};

/* An instruction: a row of the instruction table and what it means. */
struct fp_insn {
	u32 row;
	u8 kind; /* enum fp_kind */
	u8 from, to; /* enum fp_type of operands and result */
	u8 nargs;
	bool rm; /* has a rounding mode field */
};

extern const struct fp_insn fp_insns[];
extern const u32 fp_ninsns;

enum { FP_RNE, FP_RTZ, FP_RDN, FP_RUP, FP_RMM, FP_DYN = 7 };
enum { FP_NX = 1, FP_UF = 2, FP_OF = 4, FP_DZ = 8, FP_NV = 16 };

struct fp_answer {
	u64 bits; /* of the whole destination register */
	u32 flags;
};

/* From the registers `in`; the host's unit. False: it cannot tell. */
bool fp_host(
    const struct fp_insn *i, const u64 in[3], u32 rm, struct fp_answer *out);
/* The same, exactly; needs MPFR for sums, products, quotients and roots. */
bool fp_exact(
    const struct fp_insn *i, const u64 in[3], u32 rm, struct fp_answer *out);
/* Was MPFR there when this was built? */
bool fp_have_mpfr(void);

/* --- formats --- */

#define FP_NAN32 0x7fc00000u
#define FP_NAN64 0x7ff8000000000000ull
#define FP_BOX 0xffffffff00000000ull

static inline bool fp_is_float(u8 type)
{
	return type == FP_S || type == FP_D;
}

/* The value in a register, as an instruction of this type sees it. */
static inline u64 fp_unbox(u8 type, u64 reg)
{
	if (type != FP_S)
		return reg;
	return reg >= FP_BOX ? (u32)reg : FP_NAN32;
}

static inline u64 fp_box(u8 type, u64 bits)
{
	return type == FP_S ? FP_BOX | bits : bits;
}

static inline unsigned fp_fraction_bits(u8 type)
{
	return type == FP_S ? 23 : 52;
}

static inline u64 fp_sign_bit(u8 type)
{
	return 1ull << (type == FP_S ? 31 : 63);
}

static inline u64 fp_inf(u8 type)
{
	return type == FP_S ? 0x7f800000 : 0x7ff0000000000000;
}

static inline u64 fp_nan(u8 type)
{
	return type == FP_S ? FP_NAN32 : FP_NAN64;
}

static inline bool fp_is_nan(u8 type, u64 v)
{
	return (v & ~fp_sign_bit(type)) > fp_inf(type);
}

static inline bool fp_is_snan(u8 type, u64 v)
{
	u64 quiet = 1ull << (fp_fraction_bits(type) - 1);

	return fp_is_nan(type, v) && !(v & quiet);
}

#endif
