/*
 * flow.c - the edges of generated code: links and their patching, calls and
 * returns, loops and polls, budgets, the jump table, the unboxed entry, and
 * a code buffer of any size.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "backend/x86_64/context.h"
#include "tests/x86_64/machine.h"
#include "translator/fpu.h"

struct flow {
	struct machine *m;
	struct arena arena;
	struct ir_region r;
	struct vcpu *v;
};

static struct flow *flow_new(void)
{
	struct flow *f = calloc(1, sizeof(*f));

	f->m = machine_new(AS_IDENTITY);
	f->v = calloc(1, sizeof(*f->v));
	f->v->abi.fpu = FPU_MASKS;
	arena_init(&f->arena);
	return f;
}

static void flow_free(struct flow *f)
{
	machine_free(f->m);
	arena_free(&f->arena);
	free(f->v);
	free(f);
}

static void start(struct flow *f, gva_t pc)
{
	ir_init(&f->r, &f->arena, pc);
	ir_emit(&f->r, (struct ir_insn){ .op = IR_INSN_START, .imm = (i64)pc });
	f->r.guest_insns = 1;
}

/* slot += k */
static ir_ref bump(struct flow *f, unsigned slot, i64 k)
{
	ir_ref v = ir_op2(&f->r, IR_ADD, IR_I64, ir_get(&f->r, IR_I64, slot),
	    ir_const(&f->r, IR_I64, k));

	ir_put(&f->r, IR_I64, slot, v);
	return v;
}

static void end(struct flow *f, u8 op, ir_ref a, i64 imm)
{
	ir_emit(&f->r, (struct ir_insn){ .op = op, .a = a, .imm = imm });
}

/* Compile it `at` bytes into the space for code; its entry's address. */
static u64 compile_at(struct flow *f, size_t at, bool count)
{
	struct codegen cg = {
		.guest = &fake_guest,
		.region = &f->r,
		.opts = { .count = count },
		.rw = f->m->code + f->m->thunks.size + at,
		.rx = (u64)(uintptr_t)f->m->code + f->m->thunks.size + at,
		.cap = 65536,
		.arena = &f->arena,
	};
	cr_assert(x86_compile(&cg, &f->m->features) == 0);
	f->m->cg = cg;
	return cg.rx + cg.entry;
}

/* A loop on itself: r0 -= 1 until zero, counting rounds in r1. */
static void loop(struct flow *f)
{
	struct ir_region *r = &f->r;

	start(f, 0x1000);
	bump(f, 1, 1);
	ir_ref v = bump(f, 0, -1);
	u32 again = ir_new_block(r), out = ir_new_block(r);
	ir_emit(r,
	    (struct ir_insn){ .op = IR_BR,
		.b = again,
		.c = out,
		.a = ir_op2(r, IR_NE, IR_I1, v, ir_const(r, IR_I64, 0)) });
	ir_begin(r, again);
	end(f, IR_GOTO_TB, IR_NONE, 0x1000);
	ir_begin(r, out);
	end(f, IR_EXIT, IR_NONE, 0x2000);
}

Test(flow, loop_and_poll)
{
	struct flow *f = flow_new();

	loop(f);
	compile_at(f, 0, false);
	f->v->abi.state[0] = 1000;
	machine_native(f->m, f->v);
	cr_expect(f->v->reason == EXIT_SYSCALL && f->v->pc == 0x2000);
	cr_expect(f->v->abi.state[1] == 1000);
	/* A request is seen before anything is done. */
	f->v->abi.poll = ABI_POLL;
	f->v->abi.state[0] = 5;
	machine_native(f->m, f->v);
	cr_expect(f->v->reason == EXIT_STOP && f->v->pc == 0x1000);
	cr_expect(f->v->abi.state[0] == 5);
	flow_free(f);
}

Test(flow, budget)
{
	struct flow *f = flow_new();

	loop(f);
	compile_at(f, 0, true);
	f->v->abi.state[0] = 1000;
	f->v->abi.budget = 10;
	machine_native(f->m, f->v);
	cr_expect(f->v->reason == EXIT_STOP && f->v->pc == 0x1000);
	cr_expect(f->v->abi.budget == 0 && f->v->abi.state[1] == 10);
	flow_free(f);
}

Test(flow, link_and_patch)
{
	struct flow *f = flow_new();

	/* The second block first, so that the first can be linked to it. */
	start(f, 0x3000);
	bump(f, 2, 100);
	end(f, IR_EXIT, IR_NONE, 0x3004);
	u64 second = compile_at(f, 65536, false);

	/* At every offset: the rel32 must never straddle a line. */
	for (size_t at = 0; at < 64; at++) {
		start(f, 0x1000);
		bump(f, 2, 1);
		end(f, IR_GOTO_TB, IR_NONE, 0x3000);
		compile_at(f, at, false);
		struct codegen *cg = &f->m->cg;
		cr_assert(cg->nlinks == 1 && cg->links[0].target == 0x3000);
		u64 site = cg->rx + cg->links[0].off;
		u8 *rw = cg->rw + cg->links[0].off;
		cr_expect((site & 63) <= 60);
		cr_expect(
		    x86_site_target(rw, site) == cg->rx + cg->links[0].stub);

		f->v->abi.state[2] = 0;
		machine_native(f->m, f->v);
		cr_expect(f->v->reason == EXIT_LOOKUP && f->v->pc == 0x3000);
		x86_patch(rw, site, second);
		cr_expect(x86_site_target(rw, site) == second);
		machine_native(f->m, f->v);
		cr_expect(f->v->reason == EXIT_SYSCALL && f->v->pc == 0x3004 &&
		    f->v->abi.state[2] == 102);
	}
	flow_free(f);
}

Test(flow, call_and_return)
{
	struct flow *f = flow_new();

	start(f, 0x5000); /* callee: returns to r3 */
	bump(f, 4, 1);
	end(f, IR_RET, ir_get(&f->r, IR_I64, 3), 0);
	u64 callee = compile_at(f, 65536, false);

	start(f, 0x1000);
	end(f, IR_CALL, ir_const(&f->r, IR_I64, 0x5000), 0x1004);
	compile_at(f, 0, false);
	struct codegen *cg = &f->m->cg;
	cr_assert(cg->nlinks == 2); /* the callee, what follows the call */
	cr_expect(cg->links[1].target == 0x1004);
	x86_patch(cg->rw + cg->links[0].off, cg->rx + cg->links[0].off, callee);

	f->v->abi.state[3] = 0x1004; /* the predicted return */
	machine_native(f->m, f->v);
	cr_expect(f->v->reason == EXIT_LOOKUP && f->v->pc == 0x1004);
	f->v->abi.state[3] = 0x7777; /* another one: frames unwind */
	machine_native(f->m, f->v);
	cr_expect(f->v->reason == EXIT_LOOKUP && f->v->pc == 0x7776);
	cr_expect(f->v->abi.state[4] == 2);
	cr_expect(f->v->abi.call_sp == f->v->abi.call_base);
	flow_free(f);
}

Test(flow, jump_table)
{
	struct flow *f = flow_new();

	start(f, 0x5002);
	bump(f, 4, 1);
	end(f, IR_EXIT, IR_NONE, 0x5006);
	u64 target = compile_at(f, 65536, false);
	start(f, 0x1000);
	end(f, IR_GOTO_PTR, ir_get(&f->r, IR_I64, 11), 0);
	compile_at(f, 0, false);

	f->v->abi.state[11] = 0x5002;
	machine_native(f->m, f->v);
	cr_expect(f->v->reason == EXIT_LOOKUP && f->v->pc == 0x5002);
	f->m->jt[0x5002 >> 1] = (i64)(target - (u64)(uintptr_t)f->m->jt);
	machine_native(f->m, f->v);
	cr_expect(f->v->pc == 0x5006 && f->v->abi.state[4] == 1);
	/* The same entry, another pc. */
	f->v->abi.state[11] = 0x5002 + 2 * ABI_JT_SIZE;
	machine_native(f->m, f->v);
	cr_expect(f->v->reason == EXIT_LOOKUP &&
	    f->v->pc == 0x5002 + 2 * ABI_JT_SIZE);
	/* What stands before the table and the lookup thunk is no block's. */
	static const u64 nobody[] = { ABI_JT_NO_PC, ~(u64)0, 0 };
	for (size_t i = 0; i < ARRAY_LEN(nobody); i++) {
		f->v->abi.state[11] = nobody[i];
		machine_native(f->m, f->v);
		cr_expect(f->v->reason == EXIT_LOOKUP && f->v->pc == nobody[i]);
	}
	flow_free(f);
}

static u64 run_to(struct flow *f, u64 *place, u64 target)
{
	*place = target;
	machine_native(f->m, f->v);
	return f->v->pc;
}

/* Jumps to what a known place holds, or a place that one points to. */
Test(flow, cells)
{
	static const u8 ends[] = { IR_GOTO_PTR, IR_CALL };
	static const unsigned loads[] = { 1, 2 };
	const u8 aux = 3; /* 8 bytes */

	for (unsigned k = 0; k < 2; k++) {
		struct flow *f = flow_new();
		u64 *place = (u64 *)(void *)f->m->data, *s = f->v->abi.state;

		start(f, 0x5002);
		bump(f, 4, 1);
		end(f, IR_EXIT, IR_NONE, 0x5006);
		u64 target = compile_at(f, 65536, false);
		u64 *name = (u64 *)(void *)(f->m->cg.rw + f->m->cg.entry) - 1;
		i64 *entry = &f->m->jt[0x5002 >> 1];

		start(f, 0x1000);
		place[2] = (u64)(uintptr_t)place - 8;
		ir_ref a = ir_const(&f->r, IR_I64,
		    (i64)(uintptr_t)(loads[k] == 1 ? place : place + 2));
		for (unsigned n = loads[k]; n--;)
			a = ir_emit(&f->r,
			    (struct ir_insn){ .op = IR_LOAD,
				.type = IR_I64,
				.aux = aux,
				.a = a,
				.imm = n || loads[k] == 1 ? 0 : 8 });
		a = ir_op2(
		    &f->r, IR_AND, IR_I64, a, ir_const(&f->r, IR_I64, -2));
		end(f, ends[k], a, 0x1004);
		compile_at(f, 0, false);

		cr_expect(run_to(f, place, 0x5002) == 0x5002);
		cr_expect(f->v->reason == EXIT_LOOKUP);
		*entry = (i64)(target - (u64)(uintptr_t)f->m->jt);
		cr_expect(run_to(f, place, 0x5002) == 0x5006);
		*entry = 0; /* the cell has it by now */
		cr_expect(run_to(f, place, 0x5003) == 0x5006 && s[4] == 2);
		cr_expect(run_to(f, place, 0x5004) == 0x5004);
		cr_expect(f->v->reason == EXIT_LOOKUP);
		*name = ABI_DEAD_PC;
		cr_expect(run_to(f, place, 0x5002) == 0x5002 && s[4] == 2);
		cr_expect(run_to(f, place, ABI_DEAD_PC) == ABI_DEAD_PC - 1);
		cr_expect(f->v->reason == EXIT_LOOKUP && s[4] == 2);
		flow_free(f);
	}
}

/* An unboxed single is the canonical NaN, and the slot keeps its bits. */
Test(flow, unboxed_entry)
{
	struct flow *f = flow_new();
	struct ir_region *r = &f->r;
	u64 *s = f->v->abi.state;

	for (unsigned slot = FP0; slot < FP0 + 16; slot += 13) {
		start(f, 0x1000);
		ir_ref v =
		    ir_op1(r, IR_F32_UNBOX, IR_F32, ir_get(r, IR_F64, slot));
		v = ir_op2(r, IR_FADD, IR_F32, v, v);
		r->insn[v].aux = RM_DYN;
		ir_put(r, IR_F64, FP0 + 2, ir_op1(r, IR_F32_BOX, IR_F64, v));
		end(f, IR_EXIT, IR_NONE, 0x1004);
		compile_at(f, 0, false);
		s[slot] = 0xffffffff3f800000;
		machine_native(f->m, f->v);
		cr_expect(s[FP0 + 2] == 0xffffffff40000000);
		s[slot] = 0x3ff000003f800000;
		machine_native(f->m, f->v);
		cr_expect(s[FP0 + 2] == 0xffffffff7fc00000);
		cr_expect(s[slot] == 0x3ff000003f800000);
	}
	flow_free(f);
}

Test(flow, any_capacity)
{
	struct flow *f = flow_new();
	int err = -ENOSPC;

	loop(f);
	for (size_t cap = 0; err == -ENOSPC; cap++) {
		struct codegen cg = {
			.guest = &fake_guest,
			.region = &f->r,
			.rw = f->m->code + f->m->thunks.size,
			.rx = (u64)(uintptr_t)f->m->code + f->m->thunks.size,
			.cap = cap,
			.arena = &f->arena,
		};
		cg.rw[cap] = 0x5a;
		err = x86_compile(&cg, &f->m->features);
		cr_expect(cg.rw[cap] == 0x5a, "wrote past %zu", cap);
		cr_assert(cap < 4096);
	}
	cr_expect(err == 0);
	flow_free(f);
}
