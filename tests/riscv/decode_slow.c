/*
 * decode_slow.c - all 2^30 words through Capstone (minutes; suite "slow").
 *
 * What comes back must match its row, and words with one key must have one
 * row: this is the proof that the memo is right.
 */
#include <criterion/criterion.h>

#include "frontend/riscv/decode.h"

Test(riscv_decode_slow, every_word)
{
	struct rv_decoder *d = rv_open();
	u64 decoded = 0;

	cr_assert(d);
	for (u64 n = 0; n < 1u << 30; n++) {
		u32 w = (u32)n << 2 | 3;
		u32 key = rv_key(d, w), want = rv_lookup(d, key);
		u32 row = rv_lookup(d, w);

		cr_assert(row == want, "%08x and its key %08x differ", w, key);
		if (row == RV_NONE)
			continue;
		decoded++;
		cr_assert((w & rv_rows[row].mask) == rv_rows[row].match,
		    "%08x is not %s", w, rv_rows[row].text);
	}
	cr_log_info("%llu words decode", (unsigned long long)decoded);
	rv_close(d);
}
