/*
 * waiting.c - values that wait for their only user (can_wait in cond.c) and
 * meet there: computing the second one must leave alone what was fetched
 * for the first.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "tests/x86_64/machine.h"
#include "translator/fpu.h"

#define X 2 /* the slot that both operands come from, and the result's */
#define COPY 3
#define OTHER 12 /* not pinned */

struct waiter {
	u8 op;
	i64 k;
};

/* What can wait for an ADD or an AND, and the same that cannot. */
static const struct waiter waiters[] = {
	{ IR_SHL, 1 },
	{ IR_SHL, 2 },
	{ IR_SHL, 3 },
	{ IR_SHL, 4 },
	{ IR_XOR, -1 },
	{ IR_XOR, 5 },
};

struct bench {
	struct machine *m;
	struct arena arena;
	struct ir_region r;
	struct vcpu *v;
	struct rng g;
};

static ir_ref wait_op(struct bench *b, const struct waiter *w, ir_ref x)
{
	return ir_op2(&b->r, w->op, IR_I64, x, ir_const(&b->r, IR_I64, w->k));
}

/*
 * The slot COPY gets X's value, so that X's register may be overwritten
 * while the value is still wanted; then X = w1(X) op w2(from).
 */
static void build(struct bench *b, u8 op, const struct waiter *w1,
    const struct waiter *w2, unsigned from, unsigned to)
{
	struct ir_region *r = &b->r;

	arena_reset(&b->arena);
	ir_init(r, &b->arena, 0x10000);
	ir_emit(r, (struct ir_insn){ .op = IR_INSN_START, .imm = 0x10000 });
	ir_ref x = ir_get(r, IR_I64, X);
	ir_put(r, IR_I64, COPY, x);
	ir_ref y = from == X ? x : ir_get(r, IR_I64, from);
	ir_ref a = wait_op(b, w1, x), c = wait_op(b, w2, y);
	ir_put(r, IR_I64, to, ir_op2(r, op, IR_I64, a, c));
	ir_emit(r, (struct ir_insn){ .op = IR_EXIT, .imm = 0x10004 });
	r->guest_insns = 1;
	cr_assert(machine_compile(b->m, r, true, false, &b->arena) == 0);
}

static void compare(struct bench *b)
{
	struct abi_state *s = &b->v->abi;
	u64 in[ABI_NSLOTS], got[ABI_NSLOTS];

	for (unsigned k = 0; k < ABI_NSLOTS; k++)
		in[k] = k < NINT ? rng_int(&b->g) : 0;
	memcpy(s->state, in, sizeof(in));
	s->fpu = fpu_make_word(0, 0);
	machine_native(b->m, b->v);
	memcpy(got, s->state, sizeof(in));
	memcpy(s->state, in, sizeof(in));
	machine_interp(b->m, b->v, &b->r, &b->arena);
	for (unsigned k = 0; k < NINT; k++)
		cr_assert(got[k] == s->state[k],
		    "slot %u of %016llx: %016llx, not %016llx", k,
		    (unsigned long long)in[k], (unsigned long long)got[k],
		    (unsigned long long)s->state[k]);
}

/* add_shifted: both shifts wait and have the same source. */
Test(waiting, two_in_one)
{
	static const u8 ops[] = { IR_ADD, IR_AND, IR_SUB };
	static const unsigned slots[] = { X, COPY, OTHER };
	struct bench b = { .m = machine_new(AS_IDENTITY),
		.v = calloc(1, sizeof(*b.v)) };
	size_t n = ARRAY_LEN(waiters);

	arena_init(&b.arena);
	for (size_t k = 0; k < ARRAY_LEN(ops) * n * n * 9; k++) {
		size_t w = k / 9, op = w / (n * n);
		build(&b, ops[op], &waiters[w / n % n], &waiters[w % n],
		    slots[k % 3], slots[k / 3 % 3]);
		for (unsigned t = 0; t < 20; t++)
			compare(&b);
	}
	arena_free(&b.arena);
	machine_free(b.m);
	free(b.v);
}
