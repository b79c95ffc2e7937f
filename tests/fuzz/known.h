/*
 * known.h - known.def as a function.
 */
#ifndef FUZZ_KNOWN_H
#define FUZZ_KNOWN_H

#include "frontend/riscv/lift.h"

/* Why QEMU must not be given this instruction with slots `x`, or NULL. */
static inline const char *fz_known(const struct rv_insn *i, const u64 *x)
{
	u64 a = x[i->rs1];

	switch (i->row - rv_rows) {
#define X(id, condition, reason) \
	case RV_##id: \
		return (condition) ? (reason) : NULL;
#include "tests/fuzz/known.def"
#undef X
	default: return NULL;
	}
}

#endif
