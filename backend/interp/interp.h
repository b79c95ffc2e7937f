/*
 * interp.h - the reference interpreter: runs a region directly.
 *
 * Slots live in abi.state for the whole run (pins are not used). It is the
 * oracle for every other tier and knows no tricks.
 */
#ifndef BACKEND_INTERP_H
#define BACKEND_INTERP_H

#include "translator/backend.h"

struct interp_result {
	u32 reason; /* EXIT_*; LOOKUP = go on at pc */
	u64 pc; /* guest pc to go on at or of the faulting instruction */
	u64 arg;
};

/*
 * Guest memory as the interpreter sees it. Each returns false when the
 * access faults; the fault address is then in v's abi_state.
 */
struct interp_mem {
	bool (*load)(struct vcpu *v, gva_t a, u32 size, u64 *out);
	bool (*store)(struct vcpu *v, gva_t a, u32 size, u64 value);
	/* op is IR_AMO_* or IR_CAS; atomic against all threads. */
	bool (*amo)(
	    struct vcpu *v, u8 op, gva_t a, u32 size, u64 b, u64 c, u64 *old);
};

/* Run r once on v. `values` has room for r->ninsns words. */
struct interp_result interp_run(struct vcpu *v, const struct guest_isa *g,
    const struct ir_region *r, const struct interp_mem *mem, u64 *values);

#endif
