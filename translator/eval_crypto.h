/*
 * eval_crypto.h - the cryptography part of eval.c.
 */
#ifndef TRANSLATOR_EVAL_CRYPTO_H
#define TRANSLATOR_EVAL_CRYPTO_H

#include "translator/ir.h"

static inline bool eval_is_crypto(u8 op)
{
	return op >= IR_CLMUL && op <= IR_XPERM8;
}

u64 eval_crypto_op(u8 op, u64 a, u64 b);

#endif
