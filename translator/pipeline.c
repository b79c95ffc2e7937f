/*
 * pipeline.c - lifter to backend: the passes of passes.def in their order,
 * each followed by its dump and, if asked for, the verifier.
 */
#include "translator/passes.h"

/* Stage that shows a region which breaks a rule; its name is the rule. */
#define BROKEN '!'

static void stage_done(const struct guest_isa *g, struct ir_region *r,
    const struct pipeline_opts *o, char letter, const char *name)
{
	if (r->failed)
		return;
	if (o->dump && o->dump_to && strchr(o->dump, letter))
		o->dump_to(o->dump_ctx, letter, name, r);
	if (!o->verify)
		return;
	const char *broken = ir_verify(g, r);
	if (!broken)
		return;
	if (o->dump_to)
		o->dump_to(o->dump_ctx, BROKEN, broken, r);
	r->failed = true;
	assert(false && "a stage broke a rule of verify.c");
}

void translate_passes(const struct guest_isa *g, struct ir_region *r,
    const struct pipeline_opts *o)
{
	stage_done(g, r, o, 'l', "lift");
#define X(name, letter, doc) \
	if (!r->failed) { \
		pass_##name(g, r); \
		stage_done(g, r, o, letter, #name); \
	}
#include "translator/passes.def"
#undef X
}
