/*
 * promote.c - guest registers become SSA values inside a region.
 *
 * A GET whose slot's value is known, from a PUT or GET before it on the
 * path, is replaced by that value. A PUT that changes nothing goes, and so
 * does a PUT that another PUT of the slot overwrites before anyone can look:
 * a memory op may fault and a helper may read, and at a block's end
 * everything must be in place. (A block has one predecessor, so what is
 * known at that one's end is known at its start.)
 *
 * Helpers may also write slots: after one, nothing is known.
 */
#include "translator/passes.h"

struct promoter {
	struct ir_region *r;
	ir_ref *with; /* the value that stands for each old ref */
	ir_ref *known; /* ABI_NSLOTS for the present block; IR_NONE: unknown */
	ir_ref *at_end[IR_MAX_BLOCKS]; /* of the predecessor, copied to both */
	/* The last PUT of a slot, if nobody can have looked since. */
	ir_ref unseen[ABI_NSLOTS];
	u32 stamp[ABI_NSLOTS]; /* unseen[] counts only if this is `now` */
	u32 now;
};

static void kill(struct ir_insn *i)
{
	*i = (struct ir_insn){ .op = IR_NOP };
}

static void rename_operands(struct promoter *p, struct ir_insn *i)
{
	const char *args = ir_opinfo[i->op].args;
	if (!args[0])
		return;
	i->a = p->with[i->a];
	if (!args[1])
		return;
	i->b = p->with[i->b];
	if (args[2])
		i->c = p->with[i->c];
}

static void put(struct promoter *p, ir_ref ref)
{
	struct ir_insn *i = &p->r->insn[ref];
	u32 slot = i->aux;

	if (p->known[slot] == i->a) {
		kill(i);
		return;
	}
	if (p->stamp[slot] == p->now)
		kill(&p->r->insn[p->unseen[slot]]);
	p->stamp[slot] = p->now;
	p->unseen[slot] = ref;
	p->known[slot] = i->a;
}

static void visit(struct promoter *p, ir_ref ref)
{
	struct ir_insn *i = &p->r->insn[ref];

	p->with[ref] = ref;
	rename_operands(p, i);
	switch (i->op) {
	case IR_GET:
		if (p->known[i->aux]) {
			p->with[ref] = p->known[i->aux];
			kill(i);
		} else {
			p->known[i->aux] = ref;
		}
		break;
	case IR_PUT: put(p, ref); break;
	case IR_HELPER:
		memset(p->known, 0, ABI_NSLOTS * sizeof(ir_ref));
		p->now++;
		break;
	default:
		if (ir_opinfo[i->op].flags & (IRF_M | IRF_E))
			p->now++;
		break;
	}
}

/* Give each successor what is known now; false: out of memory. */
static bool pass_on(struct promoter *p, const struct ir_insn *end)
{
	if (end->op != IR_GOTO && end->op != IR_BR)
		return true;
	p->at_end[end->b] = p->known;
	if (end->op == IR_GOTO)
		return true;
	ir_ref *copy = arena_new(p->r->arena, ir_ref, ABI_NSLOTS);
	if (!copy)
		return false;
	memcpy(copy, p->known, ABI_NSLOTS * sizeof(ir_ref));
	p->at_end[end->c] = copy;
	return true;
}

void pass_promote(const struct guest_isa *g, struct ir_region *r)
{
	(void)g;
	struct promoter p = { .r = r, .now = 1 };
	u16 order[IR_MAX_BLOCKS];
	u32 n = ir_block_order(r, order);

	p.with = arena_new(r->arena, ir_ref, r->ninsns);
	p.at_end[0] = arena_new(r->arena, ir_ref, ABI_NSLOTS);
	if (!p.with || !p.at_end[0]) {
		r->failed = true;
		return;
	}
	for (u32 k = 0; k < n; k++) {
		const struct ir_block *b = &r->block[order[k]];
		ir_ref end = b->first + b->n - 1;

		p.known = p.at_end[order[k]];
		for (ir_ref ref = b->first; ref <= end; ref++)
			visit(&p, ref);
		if (!pass_on(&p, &r->insn[end])) {
			r->failed = true;
			return;
		}
	}
}
