/*
 * gen.h - random regions for the code generator's tests.
 */
#ifndef TEST_X86_GEN_H
#define TEST_X86_GEN_H

#include "tests/x86_64/machine.h"

struct gen_opts {
	u32 insns; /* guest instructions, about */
	bool memory, fp, integer;
	bool calls; /* CALL and RET may end it */
};

/* A well-formed region at pc from the seed, in arena. */
void gen_region(struct ir_region *r, struct arena *arena, gva_t pc, u64 seed,
    const struct gen_opts *o);
/* Emit one random instance of op on existing values; IR_NONE if none. */
bool gen_supported(u8 op);

#endif
