/*
 * passes.h - the pipeline between lifter and backend.
 *
 * Passes rewrite a region in place; a removed instruction becomes a NOP.
 * Each keeps the rules of verify.c.
 */
#ifndef TRANSLATOR_PASSES_H
#define TRANSLATOR_PASSES_H

#include "translator/guest.h"

/* Receives the text of a stage; `letter` is its dump letter. */
typedef void (*dump_fn)(
    void *ctx, char letter, const char *stage, const struct ir_region *r);

struct pipeline_opts {
	bool verify; /* after lift and after each pass */
	const char *dump; /* dump letters asked for, or NULL */
	dump_fn dump_to;
	void *dump_ctx;
};

/* Run all passes in order, as passes.def lists them. */
void translate_passes(const struct guest_isa *g, struct ir_region *r,
    const struct pipeline_opts *o);

/* NULL if r keeps every rule, else what is wrong (static or in r's arena). */
const char *ir_verify(const struct guest_isa *g, const struct ir_region *r);

void pass_promote(const struct guest_isa *g, struct ir_region *r);
void pass_fold(const struct guest_isa *g, struct ir_region *r);
void pass_address(const struct guest_isa *g, struct ir_region *r);
void pass_dce(const struct guest_isa *g, struct ir_region *r);

#endif
