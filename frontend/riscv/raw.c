/*
 * raw.c - what Capstone 5 refuses though it is legal, and the reverse.
 *
 * Refused though legal: everything of Zba, Zbb, Zbs, Zbc, Zkn and Zicond;
 * FENCE and FENCE.I with reserved fields set, which the manual tells
 * implementations to ignore (2.7, and the Zifencei chapter);
 * FCVT.D.{W,WU,S} with a rounding mode other than 0, which are exact and so
 * do not round; and the compressed hints that write x0. Those are the RAW
 * and LAX rows of insns.def; they are few and the memo is in front, so a
 * linear search does.
 */
#include "frontend/riscv/insn.h"
#include "frontend/riscv/raw.h"

/* C.LUI and C.ADDI16SP with immediate 0, C.JR x0 */
bool rv_raw_reserved(u32 w)
{
	return rv_is_compressed(w) &&
	    ((w & 0xf07f) == 0x6001 || (w & 0xffff) == 0x8002);
}

u32 rv_raw_lookup(u32 w)
{
	bool c = rv_is_compressed(w);

	for (u32 n = 1; n < RV_NROWS; n++) {
		const struct rv_row *row = &rv_rows[n];

		if (row->kind != RV_KIND_RAW && row->kind != RV_KIND_LAX)
			continue;
		if (rv_is_compressed(row->match) == c &&
		    (w & row->mask) == row->match)
			return n;
	}
	return RV_NONE;
}
