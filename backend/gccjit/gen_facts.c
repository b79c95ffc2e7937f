/*
 * gen_facts.c - what is known of a unit before code is made: which slots it
 * uses, which of them hold floats only, and at each node which are dirty and
 * which may hold a NaN that is not the canonical one (struct facts).
 */
#include "backend/gccjit/gen.h"

#include <string.h>

void gen_note_use(struct gen *g, const struct ir_region *r)
{
	for (u32 k = 1; k < r->ninsns; k++) {
		const struct ir_insn *i = &r->insn[k];
		if (i->op == IR_GET || i->op == IR_PUT) {
			slots_add(&g->used, i->aux);
			g->fp |= i->type == IR_F64;
		}
		if (ir_opinfo[i->op].flags & IRF_F || i->type == IR_F32 ||
		    i->type == IR_F64)
			g->fp = true;
		g->memory |= (ir_opinfo[i->op].flags & IRF_M) != 0;
	}
}

/*
 * Slots that only ever hold boxed floats here: written by F32_BOX, read by
 * F32_UNBOX. Whether they do at the entry is tested there.
 */
static void find_single(struct gen *g)
{
	struct slots read = { { 0 } }, not = { { 0 } };

	for (u32 n = 0; n < g->u->nnodes; n++) {
		const struct ir_region *r = g->u->node[n].ir;
		for (u32 k = 1; k < r->ninsns; k++) {
			const struct ir_insn *i = &r->insn[k];
			const ir_ref v[3] = { i->a, i->b, i->c };
			const char *args = ir_opinfo[i->op].args;
			if (i->op == IR_PUT && i->type == IR_F64 &&
			    r->insn[i->a].op != IR_F32_BOX)
				slots_add(&not, i->aux);
			for (unsigned o = 0; args[o]; o++)
				if (r->insn[v[o]].op == IR_GET &&
				    i->op != IR_F32_UNBOX)
					slots_add(&not, r->insn[v[o]].aux);
			if (i->op == IR_F32_UNBOX && r->insn[i->a].op == IR_GET)
				slots_add(&read, r->insn[i->a].aux);
		}
	}
	for (size_t k = 0; k < ARRAY_LEN(read.w); k++)
		g->single.w[k] = read.w[k] & ~not .w[k];
}

static void use_pins(struct gen *g)
{
	for (u32 k = 0; k < g->g->nregs; k++) {
		const struct guest_reg *r = &g->g->regs[k];
		unsigned pin = x86_pin_of(r);
		if (pin != NOREG && (pin < XMM0 || g->fp))
			slots_add(&g->used, r->slot);
	}
}

bool gen_never_nan(const struct ir_insn *insn, ir_ref ref)
{
	const struct ir_insn *i = &insn[ref], *a = &insn[i->a];

	switch (i->op) {
	case IR_S32_TO_F:
	case IR_U32_TO_F:
	case IR_S64_TO_F:
	case IR_U64_TO_F: return true;
	case IR_BITSF:
		if (a->op != IR_CONST)
			return false;
		return i->type == IR_F32 ?
		    ((u32)a->imm << 1) <= 0xff000000u :
		    ((u64)a->imm << 1) <= 0xffe0000000000000u;
	default: return false;
	}
}

/* What one instruction does to what is known; `raw` by ref. */
static void step(const struct gen *g, struct facts *f, bool *raw,
    const struct ir_insn *insn, ir_ref ref)
{
	static const struct slots none;
	const struct ir_insn *i = &insn[ref];

	if (i->op == IR_PUT) {
		bool box = gen_single(g, i->aux);
		slots_add(&f->dirty, i->aux);
		if (raw[i->a] || (box && raw[insn[i->a].a]))
			slots_add(&f->raw, i->aux);
		else
			slots_remove(&f->raw, i->aux);
	} else if (i->op == IR_GET) {
		raw[ref] = slots_has(&f->raw, i->aux);
	} else if (ir_opinfo[i->op].flags & IRF_M &&
	    slots_count(&f->dirty) > MAP_MAX) {
		f->full = true;
		f->dirty = f->raw = none;
	}
	if (i->op == IR_FCANON || gen_never_nan(insn, ref))
		raw[ref] = true;
}

static bool merge_slots(struct slots *into, const struct slots *s)
{
	struct slots was = *into;

	for (size_t k = 0; k < ARRAY_LEN(s->w); k++)
		into->w[k] |= s->w[k];
	return memcmp(&was, into, sizeof(was)) != 0;
}

static bool merge(struct facts *into, const struct facts *f)
{
	bool any = merge_slots(&into->dirty, &f->dirty);

	into->full |= f->full;
	if (!into->reached) {
		into->reached = true;
		into->raw = f->raw;
		return true;
	}
	for (size_t k = 0; k < ARRAY_LEN(into->raw.w); k++) {
		u64 both = into->raw.w[k] & f->raw.w[k];
		any |= both != into->raw.w[k];
		into->raw.w[k] = both;
	}
	return any;
}

bool gen_inlined(
    const struct unit *u, const struct unit_node *n, const struct ir_insn *call)
{
	const struct ir_insn *to = &n->ir->insn[call->a];

	return n->callee && (to->op == IR_CONST || to->op == IR_PC) &&
	    unit_find(u, (gva_t)to->imm, n->callee) >= 0;
}

/* Send f along the edge to pc; true if that changed something. */
static bool flow_to(struct gen *g, gva_t pc, u32 ctx, const struct facts *f)
{
	int to = unit_find(g->u, pc, ctx);

	return to >= 0 && merge(&g->in[to], f);
}

static bool flow_end(struct gen *g, const struct unit_node *n,
    const struct ir_insn *i, const struct facts *f)
{
	const struct unit *u = g->u;
	bool any = false;

	switch (i->op) {
	case IR_GOTO_TB: return flow_to(g, (gva_t)i->imm, n->ctx, f);
	case IR_CALL:
		if (gen_inlined(u, n, i))
			return flow_to(
			    g, (gva_t)n->ir->insn[i->a].imm, n->callee, f);
		return false;
	case IR_RET:
		return n->ctx &&
		    flow_to(g, u->ctx[n->ctx].ret, u->ctx[n->ctx].parent, f);
	case IR_GOTO_PTR: {
		struct facts settled = *f;
		settled.raw = (struct slots){ { 0 } };
		for (u32 k = 0; k < u->nnodes; k++)
			if (u->node[k].ctx == n->ctx)
				any |= merge(&g->in[k], &settled);
		return any;
	}
	default: return false;
	}
}

static bool flow_node(struct gen *g, u32 k)
{
	const struct ir_region *r = g->u->node[k].ir;
	struct facts at[IR_MAX_BLOCKS];
	bool raw[IR_MAX_INSNS] = { false };
	u16 order[IR_MAX_BLOCKS];
	u32 n = ir_block_order(r, order);
	bool any = false;

	if (!g->in[k].reached)
		return false;
	at[0] = g->in[k];
	for (u32 b = 0; b < n; b++) {
		const struct ir_block *blk = &r->block[order[b]];
		struct facts f = at[order[b]];
		for (ir_ref i = blk->first; i < blk->first + blk->n; i++)
			step(g, &f, raw, r->insn, i);
		const struct ir_insn *end = &r->insn[blk->first + blk->n - 1];
		if (end->op == IR_GOTO || end->op == IR_BR)
			at[end->b] = f;
		if (end->op == IR_BR)
			at[end->c] = f;
		any |= flow_end(g, &g->u->node[k], end, &f);
	}
	return any;
}

static bool flow_all(struct gen *g)
{
	bool any = true;

	for (int rounds = 0; any; rounds++) {
		any = false;
		for (u32 k = 0; k < g->u->nnodes; k++)
			any |= flow_node(g, k);
		if (rounds > 100)
			return false;
	}
	return true;
}

static bool is_full(const struct gen *g)
{
	for (u32 k = 0; k < g->u->nnodes; k++)
		if (g->in[k].full)
			return true;
	return false;
}

/* More slots of s, by one node; false: there are none. */
static bool add_written_raw(
    const struct gen *g, const struct ir_region *r, struct slots *s)
{
	struct slots was = *s;

	for (u32 k = 1; k < r->ninsns; k++) {
		const struct ir_insn *i = &r->insn[k];
		const struct ir_insn *v = &r->insn[i->a];
		if (i->op != IR_PUT || i->type != IR_F64)
			continue;
		if (gen_single(g, i->aux)) {
			v = &r->insn[v->a];
			if (v->op == IR_F32_UNBOX)
				v = &r->insn[v->a];
		}
		if (v->op == IR_FCANON)
			slots_add(s, i->aux);
		if (v->op == IR_GET && slots_has(s, i->aux) &&
		    gen_single(g, v->aux) == gen_single(g, i->aux))
			slots_add(s, v->aux);
	}
	return memcmp(&was, s, sizeof(was)) != 0;
}

/*
 * Slots that are written raw somewhere, and those that are copied into them:
 * they may be raw from the entry on.
 */
static struct slots written_raw(const struct gen *g)
{
	struct slots s = { { 0 } };

	for (bool any = true; any;) {
		any = false;
		for (u32 n = 0; n < g->u->nnodes; n++)
			any |= add_written_raw(g, g->u->node[n].ir, &s);
	}
	return s;
}

static struct slots written(const struct gen *g)
{
	struct slots s = { { 0 } };

	for (u32 n = 0; n < g->u->nnodes; n++) {
		const struct ir_region *r = g->u->node[n].ir;
		for (u32 k = 1; k < r->ninsns; k++)
			if (r->insn[k].op == IR_PUT)
				slots_add(&s, r->insn[k].aux);
	}
	return s;
}

/*
 * At the entry the pins of integers that are written in the unit count as
 * dirty, which saves storing them; where that makes too many to note, they are
 * stored. The others are stored, for to be noted at each access would bring
 * them into registers there. What the loops make raw counts as raw: the entry
 * tests that it holds no other NaN than the canonical one.
 */
static void start_flow(struct gen *g, bool dirty)
{
	struct slots w = written(g);

	memset(g->in, 0, g->u->nnodes * sizeof(*g->in));
	for (u32 k = 0; dirty && k < g->g->nregs; k++) {
		unsigned slot = g->g->regs[k].slot;
		unsigned pin = x86_pin_of(&g->g->regs[k]);
		if (pin != NOREG && pin < XMM0 && slots_has(&w, slot))
			slots_add(&g->in[0].dirty, slot);
	}
	g->in[0].raw = written_raw(g);
	g->in[0].reached = true;
}

void gen_facts(struct gen *g)
{
	find_single(g);
	use_pins(g);
	start_flow(g, true);
	bool ok = flow_all(g);
	if (!ok || is_full(g)) {
		start_flow(g, false);
		ok = flow_all(g);
	}
	g->refused |= !ok;
}
