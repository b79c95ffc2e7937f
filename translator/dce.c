/*
 * dce.c - remove values that nobody uses.
 *
 * Only pure ops and reads of guest state may go: a load may fault, an fp op
 * may raise a flag. One walk backwards is enough, because uses stand after
 * definitions.
 */
#include "translator/passes.h"

static bool removable(u8 op)
{
	return op == IR_GET || op == IR_FFLAGS_GET ||
	    ir_opinfo[op].flags == IRF_P;
}

void pass_dce(const struct guest_isa *g, struct ir_region *r)
{
	(void)g;
	bool *used = arena_new(r->arena, bool, r->ninsns);

	if (!used) {
		r->failed = true;
		return;
	}
	for (ir_ref ref = r->ninsns - 1; ref > 0; ref--) {
		struct ir_insn *i = &r->insn[ref];
		const char *args = ir_opinfo[i->op].args;

		if (!used[ref] && removable(i->op)) {
			*i = (struct ir_insn){ .op = IR_NOP };
			continue;
		}
		if (!args[0])
			continue;
		used[i->a] = true;
		if (!args[1])
			continue;
		used[i->b] = true;
		if (args[2])
			used[i->c] = true;
	}
}
