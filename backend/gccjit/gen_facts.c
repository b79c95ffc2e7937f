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
 * Slots that are read as floats only: of those that are never written, they
 * are kept as such. That they hold a boxed one is tested at the entry.
 */
static struct slots read_as_floats(const struct gen *g)
{
	struct slots read = { { 0 } }, not = { { 0 } };

	for (u32 n = 0; n < g->u->nnodes; n++) {
		const struct ir_region *r = g->u->node[n].ir;
		for (u32 k = 1; k < r->ninsns; k++) {
			const struct ir_insn *i = &r->insn[k];
			const ir_ref v[3] = { i->a, i->b, i->c };
			const char *args = ir_opinfo[i->op].args;
			for (unsigned o = 0; args[o]; o++)
				if (r->insn[v[o]].op == IR_GET &&
				    i->op != IR_F32_UNBOX)
					slots_add(&not, r->insn[v[o]].aux);
			if (i->op == IR_F32_UNBOX && r->insn[i->a].op == IR_GET)
				slots_add(&read, r->insn[i->a].aux);
		}
	}
	for (size_t k = 0; k < ARRAY_LEN(read.w); k++)
		read.w[k] &= ~not .w[k];
	return read;
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

static void set_slot(struct slots *s, unsigned slot, bool on)
{
	if (on)
		slots_add(s, slot);
	else
		slots_remove(s, slot);
}

/* What is known of a value: as facts.raw and facts.single. */
struct known {
	bool raw, single;
};

/* What one instruction does to what is known; `v` by ref. */
static void step(
    struct facts *f, struct known *v, const struct ir_insn *insn, ir_ref ref)
{
	static const struct slots none;
	const struct ir_insn *i = &insn[ref];

	if (i->op == IR_PUT) {
		slots_add(&f->dirty, i->aux);
		slots_add(&f->known, i->aux);
		set_slot(&f->raw, i->aux, v[i->a].raw);
		set_slot(&f->single, i->aux, v[i->a].single);
	} else if (i->op == IR_GET) {
		v[ref] = (struct known){ slots_has(&f->raw, i->aux),
			slots_has(&f->single, i->aux) };
	} else if (i->op == IR_F32_BOX) {
		v[ref] = (struct known){ v[i->a].raw, true };
	} else if (i->op == IR_F32_UNBOX) {
		v[ref].raw = v[i->a].single && v[i->a].raw;
	} else if (ir_opinfo[i->op].flags & IRF_M &&
	    slots_count(&f->dirty) > MAP_MAX) {
		f->full = true;
		f->dirty = f->raw = none;
	}
	if (i->op == IR_FCANON || gen_never_nan(insn, ref))
		v[ref].raw = true;
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
	struct facts was = *into;

	merge_slots(&into->dirty, &f->dirty);
	into->full |= f->full;
	if (!into->reached) {
		*into = *f;
		into->reached = true;
		return true;
	}
	for (size_t k = 0; k < ARRAY_LEN(was.raw.w); k++) {
		u64 of_was = was.single.w[k] | ~was.known.w[k];
		u64 of_f = f->single.w[k] | ~f->known.w[k];
		into->known.w[k] |= f->known.w[k];
		into->single.w[k] = of_was & of_f & into->known.w[k];
		/* what is boxed on the way is canonical */
		into->raw.w[k] = was.raw.w[k] & f->raw.w[k] & ~(of_was ^ of_f);
	}
	return memcmp(&was, into, sizeof(was)) != 0;
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
		settled.raw = settled.single = (struct slots){ { 0 } };
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
	struct known v[IR_MAX_INSNS] = { { false } };
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
			step(&f, v, r->insn, i);
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
static bool add_written_raw(const struct ir_region *r, struct slots *s)
{
	struct slots was = *s;

	for (u32 k = 1; k < r->ninsns; k++) {
		const struct ir_insn *i = &r->insn[k];
		const struct ir_insn *v = &r->insn[i->a];
		if (i->op != IR_PUT || i->type != IR_F64)
			continue;
		if (v->op == IR_F32_BOX)
			v = &r->insn[v->a];
		if (v->op == IR_F32_UNBOX)
			v = &r->insn[v->a];
		if (v->op == IR_FCANON)
			slots_add(s, i->aux);
		if (v->op == IR_GET && slots_has(s, i->aux))
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
			any |= add_written_raw(g->u->node[n].ir, &s);
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
 * tests that it holds no other NaN than the canonical one. `single` is kept as
 * floats, of what is `known`.
 */
static void start_flow(struct gen *g, bool dirty, const struct slots *single,
    const struct slots *known)
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
	g->in[0].single = *single;
	g->in[0].known = *known;
	g->in[0].reached = true;
}

/*
 * What is kept as floats at the entry: what the loops keep so when they come
 * back there.
 */
static struct slots find_single(struct gen *g)
{
	static const struct slots none;
	struct slots s = read_as_floats(g);

	start_flow(g, false, &none, &none);
	g->refused |= !flow_all(g);
	const struct facts *f = &g->in[0];
	for (size_t k = 0; k < ARRAY_LEN(s.w); k++)
		s.w[k] = (f->single.w[k] & f->known.w[k]) |
		    (s.w[k] & ~f->known.w[k]);
	return s;
}

void gen_facts(struct gen *g)
{
	struct slots single = find_single(g), all;

	use_pins(g);
	memset(&all, 0xff, sizeof(all));
	start_flow(g, true, &single, &all);
	bool ok = flow_all(g);
	if (!ok || is_full(g)) {
		start_flow(g, false, &single, &all);
		ok = flow_all(g);
	}
	g->refused |= !ok;
}
