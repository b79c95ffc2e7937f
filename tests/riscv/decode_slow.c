/*
 * decode_slow.c - all 2^30 words through Capstone (minutes; suite "slow").
 *
 * Each word's answer, asked for itself, must match its row's mask and be what
 * the memo gives for it: the proof that the memo's keys are right.
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
		u32 row = rv_lookup(d, w);
		struct rv_insn i;

		cr_assert(rv_decode(d, 0, (const u8 *)&w, 4, &i));
		cr_assert(i.row == (row == RV_NONE ? NULL : &rv_rows[row]),
		    "%08x: the memo says otherwise", w);
		if (row == RV_NONE)
			continue;
		decoded++;
		cr_assert((w & rv_rows[row].mask) == rv_rows[row].match,
		    "%08x is not %s", w, rv_rows[row].text);
	}
	cr_log_info("%llu words decode", (unsigned long long)decoded);
	rv_close(d);
}
