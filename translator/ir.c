/*
 * ir.c - building a region: the op table and the emitter.
 *
 * The instruction array starts small and doubles inside the region's arena;
 * the old copies die with the arena. Errors are sticky: once `failed` is
 * set every call does nothing, and the owner looks at it once at the end.
 *
 * Invariants: instruction 0 is a NOP that stands in no block, so that ref 0
 * means "no operand"; the instructions of a block are contiguous and end
 * with its only terminator; an instruction never refers forward.
 */
#include "translator/ir.h"

#define FIRST_CAP 256u

const struct ir_opinfo ir_opinfo[IR_NOPS] = {
#define P IRF_P
#define M IRF_M
#define S IRF_S
#define F IRF_F
#define E IRF_E
#define X_INFO(name, txt, ar, res, fl) \
	[IR_##name] = { .text = txt, .args = ar, .result = res, .flags = fl },
	IR_OPS(X_INFO)
#undef X_INFO
#undef P
#undef M
#undef S
#undef F
#undef E
};

static_assert(IR_NOPS <= 256, "ir_insn.op is a byte");

static bool grow(struct ir_region *r)
{
	u32 cap = r->cap ? 2 * r->cap : FIRST_CAP;
	if (r->ninsns >= IR_MAX_INSNS)
		return false;
	struct ir_insn *n = arena_new(r->arena, struct ir_insn, cap);
	if (!n)
		return false;
	if (r->ninsns)
		memcpy(n, r->insn, r->ninsns * sizeof(*n));
	r->insn = n;
	r->cap = cap;
	return true;
}

void ir_init(struct ir_region *r, struct arena *arena, gva_t pc)
{
	/* Not the whole struct: the block table is large and needs no care. */
	r->arena = arena;
	r->pc = pc;
	r->guest_len = r->guest_insns = 0;
	r->ninsns = r->cap = r->cur = 0;
	r->nblocks = 1;
	r->failed = false;
	r->insn = NULL;
	r->block[0] = (struct ir_block){ 0 };
	if (!grow(r)) {
		r->failed = true;
		return;
	}
	r->insn[0] = (struct ir_insn){ .op = IR_NOP };
	r->ninsns = 1;
	r->block[0].first = 1;
}

ir_ref ir_emit(struct ir_region *r, struct ir_insn i)
{
	if (r->failed)
		return IR_NONE;
	if (r->ninsns == r->cap && !grow(r)) {
		r->failed = true;
		return IR_NONE;
	}
	struct ir_block *b = &r->block[r->cur];
	assert(b->first + b->n == r->ninsns && "block not begun");
	assert((!b->n || !ir_ends_block(r->insn[r->ninsns - 1].op)) &&
	    "block has ended");
	b->n++;
	r->insn[r->ninsns] = i;
	return r->ninsns++;
}

u32 ir_new_block(struct ir_region *r)
{
	if (r->failed)
		return 0;
	if (r->nblocks == IR_MAX_BLOCKS) {
		r->failed = true;
		return 0;
	}
	r->block[r->nblocks] = (struct ir_block){ 0 };
	return r->nblocks++;
}

void ir_begin(struct ir_region *r, u32 b)
{
	if (r->failed)
		return;
	assert(b < r->nblocks && !r->block[b].n);
	assert(ir_ends_block(r->insn[r->ninsns - 1].op));
	r->block[b].first = r->ninsns;
	r->cur = b;
}

u32 ir_block_order(const struct ir_region *r, u16 order[IR_MAX_BLOCKS])
{
	/* Insertion sort: the order is nearly sorted and short. */
	for (u32 b = 0; b < r->nblocks; b++) {
		u32 i = b;
		while (i && r->block[order[i - 1]].first > r->block[b].first) {
			order[i] = order[i - 1];
			i--;
		}
		order[i] = (u16)b;
	}
	return r->nblocks;
}
