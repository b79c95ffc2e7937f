/* unit.c - units of the optimizing tier, and their text form. */
#include "translator/unit.h"

#include <inttypes.h>

#include "translator/passes.h"
#include "translator/text.h"

int unit_find(const struct unit *u, gva_t pc, u32 ctx)
{
	for (u32 i = 0; i < u->nnodes; i++)
		if (u->node[i].ir->pc == pc && u->node[i].ctx == ctx)
			return (int)i;
	return -1;
}

void unit_print(FILE *f, const struct guest_isa *g, const struct unit *u)
{
	fprintf(f, "unit %u movable %d\n", u->id, u->movable);
	for (u32 i = 1; i < u->nctxs; i++)
		fprintf(f, "ctx %u parent %u ret 0x%" PRIx64 "\n", i,
		    u->ctx[i].parent, u->ctx[i].ret);
	for (u32 i = 0; i < u->nnodes; i++) {
		fprintf(f, "node %u callee %u\n", u->node[i].ctx,
		    u->node[i].callee);
		ir_print(f, g, u->node[i].ir);
	}
	fputs("done\n", f);
}

/* --- reading ------------------------------------------------------------- */

struct reader {
	char *p; /* next line */
	int line;
	const struct guest_isa *g;
	struct arena *arena;
	struct unit *u;
	char *err;
	size_t n;
};

static int wrong(struct reader *r, const char *what)
{
	r->line = MAX(r->line, 1); /* also of a text without any */
	snprintf(r->err, r->n, "line %d: %s", r->line, what);
	return r->line;
}

/* The next line, cut off; NULL at the end. */
static char *next_line(struct reader *r)
{
	char *s = r->p, *end = strchr(s, '\n');

	if (!end)
		return NULL;
	*end = 0;
	r->p = end + 1;
	r->line++;
	return s;
}

static int read_ctx(struct reader *r, const char *s)
{
	struct unit *u = r->u;
	u32 i, parent;
	gva_t ret;

	if (sscanf(s, "ctx %u parent %u ret 0x%" SCNx64, &i, &parent, &ret) !=
		3 ||
	    i != u->nctxs || i >= UNIT_MAX_CTXS || parent >= i)
		return wrong(r, "not a context");
	u->ctx[u->nctxs++] = (struct unit_ctx){ parent, ret };
	return 0;
}

static int read_node(struct reader *r, const char *s)
{
	struct unit *u = r->u;
	struct unit_node *n = &u->node[u->nnodes];
	const char *why;
	char *text = r->p, *end;

	if (u->nnodes == UNIT_MAX_NODES ||
	    sscanf(s, "node %u callee %u", &n->ctx, &n->callee) != 2 ||
	    n->ctx >= u->nctxs || n->callee >= u->nctxs)
		return wrong(r, "not a node");
	end = strstr(text, "\nend\n");
	if (!end)
		return wrong(r, "a region without an end");
	end[4] = 0;
	n->ir = arena_new(r->arena, struct ir_region, 1);
	if (!n->ir)
		return wrong(r, "out of memory");
	n->ir->arena = r->arena;
	int bad = ir_parse(text, r->g, n->ir, r->err, r->n);
	if (bad) {
		r->line += bad;
		return r->line;
	}
	why = ir_verify(r->g, n->ir);
	if (why)
		return wrong(r, why);
	for (const char *c = text; c < end + 5; c++)
		r->line += *c == '\n';
	r->p = end + 5;
	u->nnodes++;
	return 0;
}

int unit_parse(char *text, const struct guest_isa *g, struct arena *arena,
    struct unit *u, char *err, size_t n)
{
	struct reader r = { text, 0, g, arena, u, err, n };
	char *s = next_line(&r);

	unsigned movable;

	u->nnodes = 0;
	u->nctxs = 1;
	if (!s || sscanf(s, "unit %u movable %u", &u->id, &movable) != 2)
		return wrong(&r, "not a unit");
	u->movable = movable;
	while ((s = next_line(&r)) && strcmp(s, "done")) {
		int bad = s[0] == 'c' ? read_ctx(&r, s) : read_node(&r, s);
		if (bad)
			return bad;
	}
	if (!s || !u->nnodes)
		return wrong(&r, "cut off");
	return 0;
}
