/*
 * eval.h - the meaning of each IR op, once, in plain C.
 *
 * The interpreter, the constant folder, native code's fall-back and the
 * fuzz oracle all call these. Values travel as u64: an i32, f32 or i1 in
 * the low bits, the bits above are zero.
 */
#ifndef TRANSLATOR_EVAL_H
#define TRANSLATOR_EVAL_H

#include "translator/ir.h"

/* Floating-point status that ops with flag F read and accrue. */
struct eval_fp {
	u32 rm; /* RM_* the DYN rounding mode stands for */
	u32 flags; /* FPX_* */
};

/*
 * The result of op on args; `ty` is the result type, `at` the types of the
 * operands. For ops with flag P or F only; fp may be NULL for P.
 */
u64 eval_op(u8 op, u8 ty, u16 aux, const u8 at[3], const u64 arg[3],
    struct eval_fp *fp);

/* What an AMO_* op stores over `old`. */
u64 eval_amo(u8 op, u8 ty, u64 old, u64 operand);

/* What a LOAD gives for the raw little-endian bytes `raw`. */
u64 eval_load(u8 ty, u16 aux, u64 raw);

/* True if eval_op can compute it (flags P or F). */
static inline bool eval_can(u8 op)
{
	return ir_opinfo[op].flags & (IRF_P | IRF_F);
}

#endif
