/*
 * fpu.h - the guest's floating-point status word, abi_state.fpu.
 *
 * On every host it has the layout of x86's MXCSR, because generated code on
 * x86 loads and stores it as it is: exception flags in bits 0..5 (bit 1,
 * denormal operand, is ignored), masks in 7..12 (all set), rounding control
 * in 13..14. Intel SDM volume 1, section 10.2.3.
 */
#ifndef TRANSLATOR_FPU_H
#define TRANSLATOR_FPU_H

#include "translator/ir.h"

#define FPU_MASKS 0x1f80u
#define FPU_RC_SHIFT 13
#define FPU_RC (3u << FPU_RC_SHIFT)
#define FPU_FLAGS 0x3fu

enum {
	FPU_IE = 1,
	FPU_DE = 2,
	FPU_ZE = 4,
	FPU_OE = 8,
	FPU_UE = 16,
	FPU_PE = 32
};

/* FPX_* bits of a status word. */
static inline u32 fpu_flags(u32 fpu)
{
	u32 f = 0;
	f |= fpu & FPU_IE ? FPX_NV : 0;
	f |= fpu & FPU_ZE ? FPX_DZ : 0;
	f |= fpu & FPU_OE ? FPX_OF : 0;
	f |= fpu & FPU_UE ? FPX_UF : 0;
	f |= fpu & FPU_PE ? FPX_NX : 0;
	return f;
}

/* The word with its exception flags replaced by FPX_* bits. */
static inline u32 fpu_with_flags(u32 fpu, u32 fpx)
{
	fpu &= ~FPU_FLAGS;
	fpu |= fpx & FPX_NV ? FPU_IE : 0u;
	fpu |= fpx & FPX_DZ ? FPU_ZE : 0u;
	fpu |= fpx & FPX_OF ? FPU_OE : 0u;
	fpu |= fpx & FPX_UF ? FPU_UE : 0u;
	fpu |= fpx & FPX_NX ? FPU_PE : 0u;
	return fpu;
}

/*
 * The word with its rounding control set for RM_*. What the host lacks
 * (RMM, and 5 to 7) leaves it: ops that round so do not look at it.
 */
static inline u32 fpu_with_rm(u32 fpu, u32 rm)
{
	/* RNE RTZ RDN RUP in RC: 0 3 1 2 */
	static const u8 rc[4] = { 0, 3, 1, 2 };
	if (rm > RM_RUP)
		return fpu;
	return (fpu & ~FPU_RC) | (u32)rc[rm] << FPU_RC_SHIFT;
}

/* A fresh status word: all masked, flags and rounding mode as given. */
static inline u32 fpu_make_word(u32 rm, u32 fpx)
{
	return fpu_with_rm(fpu_with_flags(FPU_MASKS, fpx), rm);
}

#endif
