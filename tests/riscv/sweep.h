/*
 * sweep.h - one word of an exhaustive sweep over encodings.
 */
#ifndef TESTS_RISCV_SWEEP_H
#define TESTS_RISCV_SWEEP_H

#include <criterion/criterion.h>

#include "frontend/riscv/decode.h"

/*
 * The row of a word, by the way without memo; checks that the row's mask
 * holds and that the word's key or class, all that the memo knows, gives the
 * same.
 */
static inline u32 sweep_word(struct rv_decoder *d, u32 w)
{
	u32 row = rv_lookup(d, w);

	if (row != RV_NONE && (w & rv_rows[row].mask) != rv_rows[row].match)
		cr_assert(false, "%08x is not %s", w, rv_rows[row].text);
	u32 key = rv_is_compressed(w) ? rv_half_class(w) : rv_key(d, w);
	if (key != w && rv_lookup(d, key) != row)
		cr_assert(false, "%08x and its key %08x differ", w, key);
	return row;
}

#endif
