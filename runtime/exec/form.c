/*
 * form.c - the region former.
 *
 * From the head it follows the ways that guest code can take, translation
 * block by translation block, as long as they were executed before (they
 * have code). What can reach the head again is the loop nest; the rest is
 * left to exits. Blocks are then cut where others begin, so that no code is
 * compiled twice.
 *
 * A call's callee is taken in as a copy, in a context of its own, if it is
 * small and calls nothing big itself. A loop from which other calls are made
 * is left to the baseline, which is as good at calls, and so is a switch's.
 * Indirect jumps may lead to any block that was looked up by its address
 * and lies near: switch tables end up there (the jump table knows them).
 */
#include "runtime/exec/form.h"

#include "runtime/exec/persist.h"

#define NEST_NODES 96 /* blocks followed from the head */
#define NEST_INSNS 900
#define INLINE_NODES 24 /* of one callee, with its callees */
#define INLINE_INSNS 400
#define INLINE_DEPTH 4
#define NEAR 8192 /* bytes from an indirect jump to its targets */

struct former {
	struct vcpu *v;
	struct exec *ex;
	struct arena *a;
	struct formed *f;
	bool all;
	gva_t entry[UNIT_MAX_CTXS]; /* callee of each context */
	u32 depth[UNIT_MAX_CTXS];
	bool reaches[UNIT_MAX_NODES]; /* the head */
	struct code_hash hash[UNIT_MAX_NODES];
};

static const struct ir_insn *last(const struct ir_region *r, u32 b)
{
	return &r->insn[r->block[b].first + r->block[b].n - 1];
}

static bool executed(const struct former *x, gva_t pc)
{
	return x->all || tb_find(x->ex, pc);
}

/* A node, or the one that is there; -1: no room. */
static int add_node(struct former *x, gva_t pc, u32 ctx)
{
	struct unit *u = &x->f->unit;
	int i = unit_find(u, pc, ctx);

	if (i >= 0)
		return i;
	if (u->nnodes == UNIT_MAX_NODES)
		return -1;
	struct ir_region *r =
	    translate_ir(x->v, pc, TB_MAX_INSNS, x->a, &x->hash[u->nnodes]);
	if (!r || !r->guest_len)
		return -1;
	x->f->insns += r->guest_insns;
	u->node[u->nnodes] = (struct unit_node){ .ctx = ctx, .ir = r };
	return (int)u->nnodes++;
}

static bool const_target(const struct ir_region *r, ir_ref ref, gva_t *pc)
{
	const struct ir_insn *i = &r->insn[ref];

	*pc = (gva_t)i->imm;
	return i->op == IR_CONST || i->op == IR_PC;
}

/* --- following ------------------------------------------------------------ */

/* Blocks near pc that indirect jumps have led to. */
static void follow_ptr(struct former *x, gva_t pc, u32 ctx, u32 max_nodes)
{
	gva_t lo = pc > NEAR ? pc - NEAR : 0;

	for (gva_t at = ALIGN_DOWN(lo, 2); at < pc + NEAR; at += 2) {
		if (!tb_published(x->ex, at))
			continue;
		if (x->f->unit.nnodes >= max_nodes)
			return;
		add_node(x, at, ctx);
	}
}

static void follow_end(
    struct former *x, u32 n, const struct ir_insn *i, u32 max_nodes)
{
	const struct unit_node *from = &x->f->unit.node[n];

	switch (i->op) {
	case IR_GOTO_TB:
	case IR_CALL: /* to where it returns */
		if (executed(x, (gva_t)i->imm))
			add_node(x, (gva_t)i->imm, from->ctx);
		return;
	case IR_GOTO_PTR:
		follow_ptr(x, from->ir->pc, from->ctx, max_nodes);
		return;
	default: return;
	}
}

/* Follow all nodes from `from` on, of one context. False: too many. */
static bool follow(struct former *x, u32 from, u32 max_nodes, u32 max_insns)
{
	struct unit *u = &x->f->unit;

	for (u32 n = from; n < u->nnodes; n++) {
		if (u->nnodes > max_nodes || x->f->insns > max_insns)
			return false;
		const struct ir_region *r = u->node[n].ir;
		for (u32 b = 0; b < r->nblocks; b++)
			follow_end(x, n, last(r, b), max_nodes);
	}
	return true;
}

/* --- cutting -------------------------------------------------------------- */

/* Instructions of r before the next node's start; 0: no node starts in it. */
static u32 cut_at(const struct unit *u, const struct unit_node *n)
{
	const struct ir_region *r = n->ir;
	u32 count = 0;

	for (u32 k = 1; k < r->ninsns; k++) {
		if (r->insn[k].op != IR_INSN_START)
			continue;
		if (count && unit_find(u, (gva_t)r->insn[k].imm, n->ctx) >= 0)
			return count;
		count++;
	}
	return 0;
}

static void cut_nodes(struct former *x, u32 from)
{
	struct unit *u = &x->f->unit;

	x->f->insns = 0;
	for (u32 k = 0; k < u->nnodes; k++) {
		struct unit_node *n = &u->node[k];
		u32 max = k >= from ? cut_at(u, n) : 0;
		struct ir_region *r = max ?
		    translate_ir(x->v, n->ir->pc, max, x->a, &x->hash[k]) :
		    NULL;
		if (r && r->guest_len)
			n->ir = r;
		x->f->insns += n->ir->guest_insns;
	}
}

/* --- inlining ------------------------------------------------------------- */

static void inline_calls(struct former *x, u32 from, u32 to);

static bool on_the_way(const struct former *x, gva_t pc, u32 ctx)
{
	for (; ctx; ctx = x->f->unit.ctx[ctx].parent)
		if (x->entry[ctx] == pc)
			return true;
	return pc == x->f->unit.node[0].ir->pc;
}

static bool returns(const struct unit *u, u32 first)
{
	for (u32 k = first; k < u->nnodes; k++)
		for (u32 b = 0; b < u->node[k].ir->nblocks; b++)
			if (last(u->node[k].ir, b)->op == IR_RET)
				return true;
	return false;
}

/* Take in the callee at pc for node n's call; on failure all is as before. */
static void inline_call(struct former *x, u32 n, gva_t pc, gva_t ret)
{
	struct unit *u = &x->f->unit;
	u32 nodes = u->nnodes, ctxs = u->nctxs, insns = x->f->insns;
	u32 parent = u->node[n].ctx, depth = x->depth[parent] + 1;

	if (ctxs == UNIT_MAX_CTXS || depth > INLINE_DEPTH ||
	    insns > NEST_INSNS || !executed(x, pc) || on_the_way(x, pc, parent))
		return;
	u->ctx[ctxs] = (struct unit_ctx){ parent, ret };
	x->entry[ctxs] = pc;
	x->depth[ctxs] = depth;
	u->nctxs++;
	if (add_node(x, pc, ctxs) == (int)nodes &&
	    follow(x, nodes, nodes + INLINE_NODES, insns + INLINE_INSNS) &&
	    returns(u, nodes)) {
		u32 end = u->nnodes;
		u->node[n].callee = ctxs;
		cut_nodes(x, nodes);
		inline_calls(x, nodes, end);
		return;
	}
	u->nnodes = nodes;
	u->nctxs = ctxs;
	x->f->insns = insns;
}

static void inline_calls(struct former *x, u32 from, u32 to)
{
	struct unit *u = &x->f->unit;

	for (u32 n = from; n < to; n++) {
		const struct ir_region *r = u->node[n].ir;
		for (u32 b = 0; b < r->nblocks; b++) {
			const struct ir_insn *i = last(r, b);
			gva_t pc;
			if (i->op == IR_CALL && const_target(r, i->a, &pc))
				inline_call(x, n, pc, (gva_t)i->imm);
		}
	}
}

/* --- what reaches the head ------------------------------------------------ */

static bool reaches(const struct former *x, gva_t pc, u32 ctx)
{
	int i = unit_find(&x->f->unit, pc, ctx);

	return i >= 0 && x->reaches[i];
}

static bool end_reaches(
    const struct former *x, const struct unit_node *n, const struct ir_insn *i)
{
	const struct unit *u = &x->f->unit;
	gva_t pc;

	switch (i->op) {
	case IR_GOTO_TB: return reaches(x, (gva_t)i->imm, n->ctx);
	case IR_CALL:
		if (n->callee && const_target(n->ir, i->a, &pc))
			return reaches(x, pc, n->callee);
		return reaches(x, (gva_t)i->imm, n->ctx);
	case IR_RET:
		return n->ctx &&
		    reaches(x, u->ctx[n->ctx].ret, u->ctx[n->ctx].parent);
	case IR_GOTO_PTR:
		for (u32 k = 0; k < u->nnodes; k++)
			if (u->node[k].ctx == n->ctx && x->reaches[k])
				return true;
		return false;
	default: return false;
	}
}

/* Which nodes reach the head; true: the head is one. */
static bool find_loop(struct former *x)
{
	struct unit *u = &x->f->unit;
	bool loop = false, any = true;

	memset(x->reaches, 0, sizeof(x->reaches));
	x->reaches[0] = true;
	while (any) {
		any = false;
		for (u32 k = u->nnodes; k-- > 0;) {
			const struct unit_node *n = &u->node[k];
			if (x->reaches[k] && (k || loop))
				continue;
			for (u32 b = 0; b < n->ir->nblocks; b++) {
				if (!end_reaches(x, n, last(n->ir, b)))
					continue;
				any |= !x->reaches[k];
				loop |= k == 0;
				x->reaches[k] = true;
			}
		}
	}
	return loop;
}

static void keep_loop(struct former *x)
{
	struct unit *u = &x->f->unit;
	u32 kept = 0;

	for (u32 k = 0; k < u->nnodes; k++)
		if (x->reaches[k]) {
			x->hash[kept] = x->hash[k];
			u->node[kept++] = u->node[k];
		}
	u->nnodes = kept;
}

/* A call in the loops that can never be inlined, as is often the case? */
static bool calls_anybody(const struct former *x)
{
	const struct unit *u = &x->f->unit;
	gva_t pc;

	for (u32 k = 0; k < u->nnodes; k++) {
		const struct ir_region *r = u->node[k].ir;
		for (u32 b = 0; x->reaches[k] && b < r->nblocks; b++)
			if (last(r, b)->op == IR_CALL &&
			    !const_target(r, last(r, b)->a, &pc) &&
			    executed(x, (gva_t)last(r, b)->imm))
				return true;
	}
	return false;
}

/*
 * Does a switch lead back to the head? The baseline jumps from each case to the
 * next, where a unit has one jump for all, which hosts predict less well.
 */
static bool switches(const struct former *x)
{
	const struct unit *u = &x->f->unit;

	for (u32 k = 0; k < u->nnodes; k++) {
		const struct ir_region *r = u->node[k].ir;
		for (u32 b = 0; x->reaches[k] && b < r->nblocks; b++)
			if (last(r, b)->op == IR_GOTO_PTR)
				return true;
	}
	return false;
}

/* Does a call leave the loops that was made before? */
static bool calls_out(const struct former *x)
{
	const struct unit *u = &x->f->unit;

	for (u32 k = 0; k < u->nnodes; k++) {
		const struct unit_node *n = &u->node[k];
		for (u32 b = 0; b < n->ir->nblocks; b++) {
			const struct ir_insn *i = last(n->ir, b);
			gva_t pc;
			if (i->op != IR_CALL || !executed(x, (gva_t)i->imm))
				continue;
			if (!n->callee || !const_target(n->ir, i->a, &pc) ||
			    unit_find(u, pc, n->callee) < 0)
				return true;
		}
	}
	return false;
}

/* --- what the baseline is as good at -------------------------------------- */

static bool pinned(const struct guest_isa *g, unsigned slot)
{
	for (u32 k = 0; k < g->nregs; k++)
		if (g->regs[k].slot == slot)
			return g->regs[k].pin != GUEST_NO_PIN;
	return false;
}

static bool is_simple(const struct guest_isa *g, const struct ir_insn *i)
{
	if (i->op == IR_GET || i->op == IR_PUT)
		return pinned(g, i->aux);
	if (i->op >= IR_DIVS && i->op <= IR_REMU)
		return false;
	if (i->op <= IR_STORE)
		return true;
	return (i->type == IR_F64 && i->op >= IR_FADD && i->op <= IR_FNMSUB) ||
	    (i->type == IR_F64 && i->op == IR_FCANON);
}

/* Is there a way from IR block b to r's own start, of simple operations? */
static bool goes_home(
    const struct guest_isa *g, const struct ir_region *r, u32 b)
{
	const struct ir_insn *end = last(r, b);
	u32 first = r->block[b].first, n = r->block[b].n - 1;

	for (u32 k = first; k < first + n; k++)
		if (!is_simple(g, &r->insn[k]))
			return false;
	switch (end->op) {
	case IR_GOTO_TB: return (gva_t)end->imm == r->pc;
	case IR_GOTO: return end->b > b && goes_home(g, r, end->b);
	case IR_BR:
		return (end->b > b && goes_home(g, r, end->b)) ||
		    (end->c > b && goes_home(g, r, end->c));
	default: return false;
	}
}

bool form_is_plain(const struct guest_isa *g, const struct ir_region *r)
{
	return goes_home(g, r, 0);
}

bool form_unit(
    struct vcpu *v, gva_t head, bool all, struct arena *a, struct formed *out)
{
	struct former former = { .v = v,
		.ex = v->vm->exec,
		.a = a,
		.f = out,
		.all = all },
		      *x = &former;
	struct unit *u = &out->unit;

	u->nnodes = 0;
	u->nctxs = 1;
	u->movable = persist_movable(v->vm, head);
	out->insns = out->nparts = 0;
	if (add_node(x, head, 0) != 0)
		return false;
	follow(x, 0, NEST_NODES, NEST_INSNS);
	/* before the work of cutting and inlining */
	if (!find_loop(x) || (!all && (calls_anybody(x) || switches(x))))
		return false;
	cut_nodes(x, 0);
	inline_calls(x, 0, u->nnodes);
	if (!find_loop(x))
		return false;
	keep_loop(x);
	if (!all && calls_out(x))
		return false;
	out->insns = 0;
	for (u32 k = 0; k < u->nnodes; k++) {
		const struct ir_region *r = u->node[k].ir;
		out->part[out->nparts++] =
		    (struct unit_part){ (i64)(r->pc - head), r->guest_len,
			    x->hash[k] };
		out->insns += r->guest_insns;
	}
	return true;
}
