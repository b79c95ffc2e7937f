/*
 * eval_fp.h - the floating-point half of eval_op, for eval.c only.
 */
#ifndef TRANSLATOR_EVAL_FP_H
#define TRANSLATOR_EVAL_FP_H

#include "translator/eval.h"

/* True for the ops that eval_fp_op computes: FADD to F32_UNBOX. */
static inline bool eval_is_fp(u8 op)
{
	return op >= IR_FADD && op <= IR_F32_UNBOX;
}

/* As eval_op; fp may be NULL for ops with flag P. */
u64 eval_fp_op(u8 op, u8 ty, u16 aux, const u8 at[3], const u64 arg[3],
    struct eval_fp *fp);

#endif
