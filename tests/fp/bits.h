/*
 * bits.h - inside the oracle: what both of its sources share.
 */
#ifndef TEST_FP_BITS_H
#define TEST_FP_BITS_H

#include "tests/fp/oracle.h"

/* Instructions from FP_MIN on. */
void fp_bits_only(
    const struct fp_insn *i, const u64 in[3], struct fp_answer *out);

#endif
