/*
 * mix.c - see mix.h. An instruction is of the most telling kind among the IR
 * ops that the lifter makes of it: a load computes an address, too.
 */
#include "runtime/look/mix.h"

/* From what tells nothing to what decides. */
static const u8 weight[LOOK_MIXES] = {
	[LOOK_MIX_INT] = 0,
	[LOOK_MIX_JUMP] = 1,
	[LOOK_MIX_FP] = 2,
	[LOOK_MIX_MULDIV] = 3,
	[LOOK_MIX_BRANCH] = 4,
	[LOOK_MIX_LOAD] = 5,
	[LOOK_MIX_STORE] = 6,
	[LOOK_MIX_ATOMIC] = 7,
	[LOOK_MIX_SYSTEM] = 8,
};

static enum look_mix kind_of_end(const struct ir_insn *i)
{
	if (i->op == IR_EXIT)
		return i->aux == EXIT_FETCH ? LOOK_MIX_INT : LOOK_MIX_SYSTEM;
	if (i->op == IR_BR)
		return LOOK_MIX_BRANCH;
	return i->op == IR_GOTO ? LOOK_MIX_INT : LOOK_MIX_JUMP;
}

static enum look_mix kind_of(const struct ir_insn *i)
{
	const u8 flags = ir_opinfo[i->op].flags;

	if (flags & IRF_E)
		return kind_of_end(i);
	if (flags & IRF_M)
		return i->op == IR_LOAD ? LOOK_MIX_LOAD :
		    i->op == IR_STORE   ? LOOK_MIX_STORE :
					  LOOK_MIX_ATOMIC;
	if (i->op == IR_HELPER || i->op == IR_FENCE)
		return LOOK_MIX_SYSTEM;
	if (i->op >= IR_MUL && i->op <= IR_REMU)
		return LOOK_MIX_MULDIV;
	if (i->op >= IR_FADD)
		return LOOK_MIX_FP;
	return LOOK_MIX_INT;
}

static void count(const struct ir_region *r, struct block_mix *out)
{
	enum look_mix best = LOOK_MIX_INT;
	bool any = false;

	for (u32 n = 1; n < r->ninsns; n++) {
		const struct ir_insn *i = &r->insn[n];
		if (i->op == IR_INSN_START) {
			if (any)
				out->count[best]++;
			any = true;
			best = LOOK_MIX_INT;
			continue;
		}
		/* what only ends the block because it is long enough */
		if (i->op == IR_GOTO_TB && (u64)i->imm == r->pc + r->guest_len)
			continue;
		enum look_mix k = kind_of(i);
		if (weight[k] > weight[best])
			best = k;
	}
	if (any)
		out->count[best]++;
}

void block_mix(struct vcpu *v, gva_t pc, struct block_mix *out)
{
	struct exec *ex = v->vm->exec;
	struct ir_region *r;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&ex->lock);
	r = translate_again(v, pc);
	if (r && r->guest_len) {
		out->insns = r->guest_insns;
		out->bytes = r->guest_len;
		count(r, out);
	}
	const struct tb *tb = tb_find(ex, pc);
	if (tb && tb->code)
		out->host_bytes = (u32)(tb->code_end - tb->code);
	pthread_mutex_unlock(&ex->lock);
}
