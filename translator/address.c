/*
 * address.c - `load (x + 8) + 0` becomes `load x + 8`.
 *
 * Worth it only if x costs no register of its own at the access: when some
 * guest register holds it there anyway, or when the sum has no other use and
 * dies. Otherwise (`addi sp,sp,-32; sd ra,24(sp)`) the old sp would have to
 * be kept beside the new one.
 *
 * Which register holds what is followed in array order without regard to
 * the paths; it only decides what is worth doing, never what is right.
 */
#include "translator/passes.h"

struct addresser {
	struct ir_region *r;
	u16 *uses;
	u8 *homes; /* how many slots hold the value now */
	ir_ref home[ABI_NSLOTS];
};

static void set_home(struct addresser *x, u32 slot, ir_ref v)
{
	if (x->home[slot])
		x->homes[x->home[slot]]--;
	x->home[slot] = v;
	x->homes[v]++;
}

static void count_uses(struct addresser *x)
{
	const struct ir_region *r = x->r;
	for (ir_ref ref = 1; ref < r->ninsns; ref++) {
		const struct ir_insn *i = &r->insn[ref];
		const ir_ref v[3] = { i->a, i->b, i->c };
		for (size_t k = 0; ir_opinfo[i->op].args[k]; k++)
			x->uses[v[k]]++;
	}
}

static void fold_address(struct addresser *x, struct ir_insn *i)
{
	const struct ir_insn *sum = &x->r->insn[i->a];

	if (sum->op != IR_ADD || !ir_is_const(x->r, sum->b) ||
	    ir_is_const(x->r, sum->a))
		return;
	i64 disp = (i64)((u64)i->imm + (u64)x->r->insn[sum->b].imm);
	if (disp != (i32)disp)
		return;
	if (x->uses[i->a] > 1 && !x->homes[sum->a])
		return;
	x->uses[i->a]--;
	x->uses[sum->a]++;
	i->a = sum->a;
	i->imm = disp;
}

void pass_address(const struct guest_isa *g, struct ir_region *r)
{
	(void)g;
	struct addresser x = { .r = r };

	x.uses = arena_new(r->arena, u16, r->ninsns);
	x.homes = arena_new(r->arena, u8, r->ninsns);
	if (!x.uses || !x.homes) {
		r->failed = true;
		return;
	}
	count_uses(&x);
	for (ir_ref ref = 1; ref < r->ninsns; ref++) {
		struct ir_insn *i = &r->insn[ref];
		if (i->op == IR_GET)
			set_home(&x, i->aux, ref);
		else if (i->op == IR_PUT)
			set_home(&x, i->aux, i->a);
		else if (ir_opinfo[i->op].flags & IRF_M)
			fold_address(&x, i);
	}
}
