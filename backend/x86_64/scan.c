/*
 * scan.c - the backward pre-pass: what the forward pass wants to know
 * about the future of each value.
 *
 *   uses, last   operands still to come
 *   dead         pure and unused: not emitted (so its operands lose a use)
 *   hint, put    the value reaches slot `hint` by instruction `put`, and
 *                between its definition and there nothing reads the slot,
 *                may fault or leaves: it may be computed right there.
 *                Handed on to operand a of ops whose result may overwrite it
 *   nan_seen     a use that can tell one NaN from another
 *   whole        a use that looks at bits 63..32: without one, integer
 *                arithmetic is done on 32 bits, and nothing is extended
 */
#include "backend/x86_64/cc.h"

struct scan {
	struct cc *c;
	struct info *info;
	/* The next PUT of each slot, if nothing is in its way. */
	ir_ref next_put[ABI_NSLOTS];
	u32 epoch_of[ABI_NSLOTS], epoch;
};

/* Does the guest's state have to be exact here? */
static bool is_barrier(const struct ir_insn *i)
{
	return (ir_opinfo[i->op].flags & (IRF_M | IRF_E)) || i->op == IR_HELPER;
}

static bool keeps_hint(u8 op)
{
	u8 f = ir_opinfo[op].flags;

	if (ir_opinfo[op].result != 'T' || !(f & (IRF_P | IRF_F)))
		return false;
	return op != IR_CONST && op != IR_PC && op != IR_SELECT;
}

/* Uses that cannot tell a NaN's payload or sign. */
static bool nan_blind(const struct ir_insn *i)
{
	switch (i->op) {
	case IR_FNEG:
	case IR_FABS:
	case IR_FCOPYSIGN:
	case IR_FBITS:
	case IR_SELECT:
	case IR_F32_UNBOX: return false;
	default: return ir_opinfo[i->op].flags & (IRF_F | IRF_P);
	}
}

bool works_on_half(const struct cc *c, const struct ir_insn *i)
{
	const struct ir_insn *n = &c->insn[i->b];

	switch (i->op) {
	case IR_ADD:
	case IR_SUB:
	case IR_MUL:
	case IR_AND:
	case IR_OR:
	case IR_XOR: return true;
	case IR_SHL: return n->op == IR_CONST && (u64)n->imm < 32;
	default: return false;
	}
}

/* Does the user look at the upper half of its operand k? */
static bool sees_whole(struct scan *s, ir_ref user, unsigned k)
{
	const struct ir_insn *i = &s->c->insn[user];

	switch (i->op) {
	case IR_TRUNC:
	case IR_SEXT8:
	case IR_SEXT16:
	case IR_ZEXT8:
	case IR_ZEXT16: return false;
	case IR_STORE: return k == 0 || MEM_LOG2(i->aux) == 3;
	default: return !works_on_half(s->c, i) || s->info[user].whole;
	}
}

static void note_use(struct scan *s, ir_ref user, unsigned k, ir_ref v)
{
	const struct ir_insn *i = &s->c->insn[user];
	struct info *u = &s->info[user], *n = &s->info[v];

	if (!n->uses++)
		n->last = user;
	n->whole |= sees_whole(s, user, k);
	if (i->op == IR_FCANON || i->op == IR_F32_BOX)
		n->nan_seen |= u->nan_seen;
	else if (!nan_blind(i))
		n->nan_seen = true;
}

static bool hint_valid(struct scan *s, const struct info *n)
{
	return n->hint != HINT_NONE && s->epoch_of[n->hint] == s->epoch &&
	    s->next_put[n->hint] == n->put;
}

static void note_slots(struct scan *s, ir_ref ref)
{
	const struct ir_insn *i = &s->c->insn[ref];

	if (is_barrier(i)) {
		s->epoch++;
	} else if (i->op == IR_GET) {
		s->epoch_of[i->aux] = 0;
	} else if (i->op == IR_PUT) {
		s->epoch_of[i->aux] = s->epoch;
		s->next_put[i->aux] = ref;
		s->info[i->a].hint = (u8)i->aux;
		s->info[i->a].put = ref;
	}
}

int scan(struct cc *c)
{
	struct scan s = { .c = c, .epoch = 1 };
	u32 n = c->r->ninsns;

	s.info = arena_new(c->cg->arena, struct info, n + 1);
	c->info = s.info;
	if (!s.info)
		return -ENOMEM;
	for (u32 k = 0; k <= n; k++)
		s.info[k].hint = HINT_NONE;

	for (ir_ref ref = n; ref-- > 1;) {
		const struct ir_insn *i = &c->insn[ref];
		struct info *u = &s.info[ref];
		u8 f = ir_opinfo[i->op].flags;
		bool pure = (f & IRF_P) || i->op == IR_GET;

		if (i->op == IR_NOP)
			continue;
		if (pure && !u->uses) {
			u->dead = true;
			continue;
		}
		if (!hint_valid(&s, u))
			u->hint = HINT_NONE;
		const ir_ref o[3] = { i->a, i->b, i->c };
		for (unsigned k = 0; ir_opinfo[i->op].args[k]; k++)
			if (o[k] != IR_NONE)
				note_use(&s, ref, k, o[k]);
		if (u->hint != HINT_NONE && keeps_hint(i->op)) {
			s.info[i->a].hint = u->hint;
			s.info[i->a].put = u->put;
		}
		note_slots(&s, ref);
	}
	return 0;
}
