/*
 * fences.c - which fences become an instruction. What they order cannot be
 * seen reliably from one region, so their code is counted; that the rest is
 * enough, the litmus tests of tests/user show.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "tests/x86_64/machine.h"

/* S store, L load, A amo, F full fence, W one that orders no load; B: the
   rest is in a block of its own */
static const struct {
	const char *region;
	unsigned fences;
} rows[] = {
	{ "F", 1 },
	{ "W", 0 },
	{ "SF", 1 },
	{ "FF", 1 },
	{ "FLF", 1 },
	{ "FSF", 2 },
	{ "WSF", 1 },
	{ "SWF", 1 },
	{ "FLSLF", 2 },
	{ "AF", 0 },
	{ "ALF", 0 },
	{ "ASF", 1 },
	{ "FA", 0 },
	{ "SFA", 0 },
	{ "FLA", 1 },
	{ "FSA", 0 },
	{ "FBF", 1 },
	{ "ABLF", 0 },
	{ "ASBF", 1 },
	{ "ABSF", 1 },
	{ "FBA", 1 },
};

static void emit(struct ir_region *r, char what)
{
	ir_ref at = ir_const(r, IR_I64, DATA), v = ir_get(r, IR_I64, 3);
	struct ir_insn i = { .type = IR_I64, .a = at, .b = v };
	u32 next, out;

	switch (what) {
	case 'S': i.op = IR_STORE; break;
	case 'L': i.op = IR_LOAD; break;
	case 'A': i.op = IR_AMO_ADD; break;
	case 'F':
	case 'W':
		ir_emit(
		    r, (struct ir_insn){ .op = IR_FENCE, .aux = what == 'F' });
		return;
	default:
		next = ir_new_block(r);
		out = ir_new_block(r);
		i = (struct ir_insn){ .op = IR_BR,
			.a = ir_op2(r, IR_EQ, IR_I1, v, at),
			.b = out,
			.c = next };
		ir_emit(r, i);
		ir_begin(r, out);
		ir_emit(r, (struct ir_insn){ .op = IR_EXIT, .imm = 0x10004 });
		ir_begin(r, next);
		return;
	}
	if (i.op != IR_STORE) {
		i.aux = 3;
		if (i.op == IR_LOAD)
			i.b = IR_NONE;
		ir_put(r, IR_I64, 4, ir_emit(r, i));
		return;
	}
	i.aux = 3;
	ir_emit(r, i);
}

Test(fences, only_where_a_store_came_before)
{
	struct machine *m = machine_new(AS_IDENTITY);
	struct arena arena;

	arena_init(&arena);
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct ir_region r;
		unsigned n = 0;

		arena_reset(&arena);
		ir_init(&r, &arena, 0x10000);
		ir_emit(&r,
		    (struct ir_insn){ .op = IR_INSN_START, .imm = 0x10000 });
		for (const char *w = rows[k].region; *w; w++)
			emit(&r, *w);
		ir_emit(&r, (struct ir_insn){ .op = IR_EXIT, .imm = 0x10004 });
		r.guest_insns = 1;
		cr_assert(machine_compile(m, &r, true, false, &arena) == 0);
		for (size_t i = 0; i + 1 < m->cg.size; i++) /* lock or */
			n += m->cg.rw[i] == 0xf0 && m->cg.rw[i + 1] == 0x83;
		cr_expect(
		    n == rows[k].fences, "%s: %u fences", rows[k].region, n);
	}
	arena_free(&arena);
	machine_free(m);
}
