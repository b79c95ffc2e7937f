/*
 * interp.c - the reference interpreter: control flow, faults, state ops.
 * (What the ops compute is eval's affair.)
 */
#include <criterion/criterion.h>

#include "tests/translator/toy.h"
#include "translator/fpu.h"
#include "translator/passes.h"
#include "translator/text.h"

static struct ir_region region;
static struct vcpu cpu;
static struct arena arena;

static void fresh(void)
{
	arena_init(&arena);
	memset(&cpu, 0, sizeof(cpu));
	cpu.abi.fpu = fpu_make_word(RM_RNE, 0);
}

static void done(void)
{
	arena_free(&arena);
}

static struct interp_result run(const char *body)
{
	char text[2048], err[128];

	snprintf(text, sizeof(text),
	    "region 0x1000 guest toy\nb0:\ninsn 0x1000\n%s\nend\n", body);
	region.arena = &arena;
	int line = ir_parse(text, &toy_guest, &region, err, sizeof(err));
	cr_assert(!line, "line %d: %s", line, err);
	const char *e = ir_verify(&toy_guest, &region);
	cr_assert(!e, "%s", e);
	return toy_run(&cpu, &toy_guest, &region);
}

static void check(struct interp_result r, u32 reason, u64 pc, u64 arg)
{
	cr_assert(r.reason == reason && r.pc == pc && r.arg == arg,
	    "exit %u pc %lx arg %lx", r.reason, r.pc, r.arg);
}

TestSuite(interp, .init = fresh, .fini = done);

Test(interp, ways_to_leave)
{
	check(run("goto_tb 0x2000"), EXIT_LOOKUP, 0x2000, 0);
	check(run("exit syscall 0x1004 0x0"), EXIT_SYSCALL, 0x1004, 0);
	check(run("exit illegal 0x1000 0xffffffff"), EXIT_ILLEGAL, 0x1000,
	    0xffffffff);
	cpu.abi.state[1] = 0x3000;
	check(run("%1:i64 = get r1\ngoto_ptr %1"), EXIT_LOOKUP, 0x3000, 0);
	check(run("%1:i64 = get r1\ncall %1 0x1004"), EXIT_LOOKUP, 0x3000, 0);
	check(run("%1:i64 = get r1\nret %1"), EXIT_LOOKUP, 0x3000, 0);
}

Test(interp, branches)
{
	const char *body = "%1:i64 = get r1\n%2:i64 = const 5\n"
			   "%3:i1 = ltu %1 %2\nbr %3 b1 b2\n"
			   "b2:\ngoto_tb 0x20\nb1:\ngoto b3\n"
			   "b3:\ngoto_tb 0x30";
	check(run(body), EXIT_LOOKUP, 0x30, 0);
	cpu.abi.state[1] = 5;
	check(run(body), EXIT_LOOKUP, 0x20, 0);
}

Test(interp, puts_before_a_fault_are_seen)
{
	u64 a = 0;

	cpu.faults = true;
	while (a * 0x9e3779b97f4a7c15ull >> 60)
		a++;
	a = a ? a : 0;
	cpu.abi.state[1] = a;
	check(run("%1:i64 = get r1\nput r2 %1\ninsn 0x1004\n"
		  "%2:i64 = const 7\nput r3 %2\n%3:i64 = load.3 %1\n"
		  "put r3 %3\ngoto_tb 0x1008"),
	    EXIT_MEMORY, 0x1004, a);
	cr_assert_eq(cpu.abi.state[2], a);
	cr_assert_eq(cpu.abi.state[3], 7u);
	cr_assert_eq(cpu.abi.fault_addr, a);
}

Test(interp, misaligned)
{
	cpu.abi.state[1] = 0x101;
	check(run("%1:i64 = get r1\n%2:i64 = amo.add.3.al %1 %1 + 4\n"
		  "goto_tb 0x1004"),
	    EXIT_MISALIGNED, 0x1000, 0x105);
	cr_assert_eq(cpu.abi.fault_addr, 0x105u);
	cpu.abi.state[1] = 0x104;
	check(run("%1:i64 = get r1\n%2:i64 = amo.add.3.al %1 %1 + 4\n"
		  "goto_tb 0x1004"),
	    EXIT_LOOKUP, 0x1004, 0);
}

Test(interp, memory)
{
	cpu.abi.state[1] = 0x100;
	cpu.abi.state[2] = 0xfedcba9876543210;
	run("%1:i64 = get r1\n%2:i64 = get r2\nstore.3 %1 %2\n"
	    "%3:i64 = load.s0 %1 + 7\nput r3 %3\n"
	    "%4:i64 = load.1 %1 + 6\nput r4 %4\n"
	    "%5:i64 = amo.swap.3 %1 %1\nput r5 %5\n"
	    "%6:i64 = cas.3 %1 %1 %2\nput r6 %6\n"
	    "%7:i64 = cas.3 %1 %1 %1\nput r7 %7\ngoto_tb 0x1004");
	cr_assert_eq(cpu.abi.state[3], (u64)-2);
	cr_assert_eq(cpu.abi.state[4], 0xfedcu);
	cr_assert_eq(cpu.abi.state[5], 0xfedcba9876543210u);
	cr_assert_eq(cpu.abi.state[6], 0x100u);
	cr_assert_eq(cpu.abi.state[7], 0xfedcba9876543210u);
	cr_assert_eq(cpu.mem[0x107], 0xfeu);
}

Test(interp, fp_status)
{
	/* 1/3 rounded up; then divide by zero; read, set, read the flags. */
	cpu.abi.state[8] = 0x3ff0000000000000;
	cpu.abi.state[9] = 0x4008000000000000;
	run("%1:i64 = const 3\nfrm.set %1\n%2:f64 = get f0\n"
	    "%3:f64 = get f1\n%4:f64 = fdiv.dyn %2 %3\nput f2 %4\n"
	    "%5:f64 = get f3\n%6:f64 = fdiv.rtz %2 %5\n"
	    "%7:i64 = fflags.get\nput r1 %7\n"
	    "%8:i64 = const 0x14\nfflags.set %8\n"
	    "%9:i64 = fflags.get\nput r2 %9\ngoto_tb 0x1004");
	cr_assert_eq(cpu.abi.state[10], 0x3fd5555555555556u);
	cr_assert_eq(cpu.abi.state[1], (u64)(FPX_NX | FPX_DZ));
	cr_assert_eq(cpu.abi.state[2], (u64)(FPX_NV | FPX_OF));
	cr_assert_eq(cpu.abi.frm, (u32)RM_RUP);
	cr_assert_eq(
	    cpu.abi.fpu, FPU_MASKS | 2u << FPU_RC_SHIFT | FPU_IE | FPU_OE);
	/* RMM has no rounding control; frm says it. */
	run("%1:i64 = const 4\nfrm.set %1\ngoto_tb 0x1004");
	cr_assert_eq(cpu.abi.frm, (u32)RM_RMM);
	cr_assert_eq(fpu_flags(cpu.abi.fpu), (u32)(FPX_NV | FPX_OF));
}

Test(interp, helper)
{
	cpu.abi.state[6] = 5;
	run("%1:i64 = const 9\n%2:i64 = helper mix %1 _\nput r1 %2\n"
	    "goto_tb 0x1004");
	cr_assert_eq(cpu.abi.state[1], 24u);
	cr_assert_eq(cpu.abi.state[7], 9u);
}
