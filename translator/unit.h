/*
 * unit.h - what the optimizing tier compiles at once: translation blocks that
 * lead to each other, with loops, and with callees in place of their calls.
 *
 * A node is a translation block (an ir_region) in a context. Context 0 is the
 * unit's own; any other is one inlined call: what its callee returns to, in
 * the context of its caller. Edges are not stored: a GOTO_TB leads to the
 * node of its pc in the same context, a CALL that has `callee` to the node of
 * its target in that context, a RET out of a context to the node of its
 * `ret`, a GOTO_PTR to any node of the context that lies in its `near`.
 * What has no node is left through an exit.
 *
 * The text form is what the compiling process is sent:
 *
 *   unit 17 movable 1
 *   ctx 1 parent 0 ret 0x10420
 *   node 0 callee 1
 *   region 0x10400 ...
 *   end
 *   done
 */
#ifndef TRANSLATOR_UNIT_H
#define TRANSLATOR_UNIT_H

#include <stdio.h>

#include "translator/guest.h"

#define UNIT_MAX_NODES 256
#define UNIT_MAX_CTXS 64

struct unit_ctx {
	u32 parent;
	gva_t ret;
};

struct unit_node {
	u32 ctx;
	u32 callee; /* context that its CALL enters; 0: a real call */
	struct ir_region *ir;
};

struct unit {
	u32 id;
	bool movable; /* its code names no guest address but by OBJECT_GUEST */
	u32 nnodes, nctxs; /* ctxs[0] counts; node 0 is the entry */
	struct unit_ctx ctx[UNIT_MAX_CTXS];
	struct unit_node node[UNIT_MAX_NODES];
};

/* The node at pc in a context, or -1. */
int unit_find(const struct unit *u, gva_t pc, u32 ctx);

void unit_print(FILE *f, const struct guest_isa *g, const struct unit *u);
/*
 * Read what unit_print wrote, regions into `arena`; each is verified. The
 * text is changed. 0, or a line number with a message in err (n bytes).
 */
int unit_parse(char *text, const struct guest_isa *g, struct arena *arena,
    struct unit *u, char *err, size_t n);

#endif
