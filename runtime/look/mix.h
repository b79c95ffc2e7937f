/* mix.h - of what kinds the instructions of a translation block are. */
#ifndef LOOK_MIX_H
#define LOOK_MIX_H

#include "runtime/exec/internal.h"

/* The order is that of enum metic_mix. */
enum look_mix {
	LOOK_MIX_INT,
	LOOK_MIX_MULDIV,
	LOOK_MIX_LOAD,
	LOOK_MIX_STORE,
	LOOK_MIX_ATOMIC,
	LOOK_MIX_BRANCH,
	LOOK_MIX_JUMP,
	LOOK_MIX_FP,
	LOOK_MIX_SYSTEM,
	LOOK_MIXES
};

struct block_mix {
	u32 insns, bytes, host_bytes;
	u32 count[LOOK_MIXES];
};

/*
 * Of the block at pc as it would be translated now; all zero when there is no
 * code. Lifts it anew, so it is right for every guest and costs some
 * microseconds. v: the calling thread's vCPU (vcpu_adopt).
 */
void block_mix(struct vcpu *v, gva_t pc, struct block_mix *out);

#endif
