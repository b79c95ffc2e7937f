/*
 * form.h - which translation blocks become one unit of the optimizing tier.
 */
#ifndef RUNTIME_FORM_H
#define RUNTIME_FORM_H

#include "runtime/exec/internal.h"
#include "translator/unit.h"

struct formed {
	struct unit unit;
	struct unit_part part[UNIT_MAX_NODES];
	u32 nparts;
	u32 insns; /* guest instructions */
};

/*
 * The loop nest that contains `head`, entered there, callees inlined where
 * that pays; in v's VM, whose exec.lock is held. `all` takes code that was
 * not executed yet, too. False: there is no loop, or it cannot be had.
 */
bool form_unit(
    struct vcpu *v, gva_t head, bool all, struct arena *a, struct formed *out);
/*
 * Is r first of all a loop by itself, whose state is in host registers all the
 * time and whose operations are one host instruction each? The baseline's code
 * of such a loop is as short as can be.
 */
bool form_is_plain(const struct guest_isa *g, const struct ir_region *r);

#endif
