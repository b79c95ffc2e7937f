/* debug.c - steps, breakpoints and watchpoints of runtime/exec. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/mman.h>

#include "runtime/exec/debug.h"
#include "runtime/exec/exec.h"

/*
 * Sum 10, 9 .. 1 into t1, storing each sum at (a0), then ecall:
 *	0  li t0, 10
 *	4  li t1, 0
 *	8  add t1, t1, t0
 *	12 sd t1, 0(a0)
 *	16 addi t0, t0, -1
 *	20 bnez t0, 8
 *	24 ld t2, 0(a0)
 *	28 ecall
 *	32 ecall
 */
static const u32 code[] = { 0x00a00293, 0x00000313, 0x00530333, 0x00653023,
	0xfff28293, 0xfe029ae3, 0x00053383, 0x00000073, 0x00000073 };
enum { SUM = 8, STORE = 12, LOAD = 24, ECALL = 28, NINSNS = 2 + 10 * 4 + 2 };

/* What the hook saw; a test's hook decides by `plan`. */
struct seen {
	unsigned stops, steps, breaks, watches;
	gva_t pc[64];
	u64 t1[64];
	u32 kind[64];
	gva_t hit;
	bool pass, ended;
};

struct machine {
	struct metic_vm *vm;
	struct vcpu *v;
	u8 *mem;
	gva_t base, data;
	struct seen seen;
};

static struct machine m;

static enum vm_action event(struct vcpu *v, u32 reason, u64 arg)
{
	struct seen *s = &m.seen;
	if (reason == EXIT_STOP)
		return VM_RESUME;
	if (reason != EXIT_DEBUG) {
		s->ended = reason == EXIT_SYSCALL;
		return VM_LEAVE;
	}
	if (s->stops < ARRAY_LEN(s->pc)) {
		s->pc[s->stops] = v->abi.pc - m.base;
		s->t1[s->stops] = v->abi.state[6];
		s->kind[s->stops] = v->watch_kind;
	}
	s->stops++;
	s->steps += arg == DEBUG_STEP;
	s->breaks += arg == DEBUG_BREAK;
	s->watches += arg == DEBUG_WATCH;
	if (arg == DEBUG_WATCH)
		s->hit = v->watch_hit;
	return arg == DEBUG_BREAK ? VM_PASS : VM_RESUME;
}

static const struct vm_hooks hooks = { event };

static void make(enum exec_tier tier, bool check)
{
	struct vm_config cfg = { .tier = tier, .check = check, .verify = true };
	memset(&m, 0, sizeof(m));
	cr_assert_eq(vm_new(guest_by_name("riscv64"), AS_IDENTITY, 0, &hooks,
			 &cfg, &m.vm),
	    0);
	m.v = vcpu_new(m.vm);
	cr_assert(m.v);
	m.mem = mmap(NULL, 2 * HOST_PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(m.mem, MAP_FAILED);
	memcpy(m.mem, code, sizeof(code));
	m.base = (gva_t)(uintptr_t)m.mem;
	m.data = m.base + HOST_PAGE;
	struct map_range r = { .start = m.base,
		.end = m.base + 2 * HOST_PAGE,
		.prot = MAP_PROT_R | MAP_PROT_W | MAP_PROT_X };
	cr_assert_eq(map_set(&m.vm->map, &r), 0);
}

/* Run the program from its start to its ecall. */
static void run(void)
{
	memset(&m.seen, 0, sizeof(m.seen));
	m.v->abi.pc = m.base;
	m.v->abi.state[10] = m.data;
	exec_run(m.v);
	cr_assert(m.seen.ended, "left for another reason than ecall");
	cr_assert_eq(m.v->abi.pc - m.base, ECALL + 4);
	cr_assert_eq(m.v->abi.state[7], 55);
}

static void unmake(void)
{
	vm_free(m.vm);
	munmap(m.mem, 2 * HOST_PAGE);
}

static void steps(enum exec_tier tier, bool check)
{
	make(tier, check);
	run(); /* translations that are there already do not matter */
	cr_expect_eq(m.seen.stops, 0);
	m.v->abi.pc = m.base;
	exec_set_step(m.v, true);
	run();
	/* the last instruction's event says VM_LEAVE before its report */
	cr_expect_eq(m.seen.steps, NINSNS - 1);
	cr_expect_eq(m.seen.stops, NINSNS - 1);
	cr_expect_eq(m.seen.pc[0], 4);
	cr_expect_eq(m.seen.pc[1], SUM);
	cr_expect_eq(m.seen.pc[2], STORE);
	cr_expect_eq(m.seen.pc[5], SUM);
	exec_set_step(m.v, false);
	run();
	cr_expect_eq(m.seen.stops, 0);
	unmake();
}

static void breaks(enum exec_tier tier, bool check)
{
	make(tier, check);
	run();
	cr_assert_eq(exec_break_add(m.vm, m.base + STORE), 0);
	cr_assert_eq(exec_break_add(m.vm, m.base + STORE), -EEXIST);
	/* inside an instruction: never met */
	cr_assert_eq(exec_break_add(m.vm, m.base + SUM + 2), 0);
	run();
	cr_expect_eq(m.seen.breaks, 10);
	cr_expect_eq(m.seen.stops, 10);
	cr_expect_eq(m.seen.pc[3], STORE);
	cr_expect_eq(m.seen.t1[1], 19);
	cr_assert_eq(exec_break_add(m.vm, m.base), 0);
	cr_assert_eq(exec_break_add(m.vm, m.base + LOAD), 0);
	run();
	cr_expect_eq(m.seen.breaks, 12);
	cr_assert_eq(exec_break_remove(m.vm, m.base + STORE), 0);
	cr_assert_eq(exec_break_remove(m.vm, m.base + STORE), -ENOENT);
	run();
	cr_expect_eq(m.seen.breaks, 2);
	exec_debug_clear(m.vm);
	run();
	cr_expect_eq(m.seen.stops, 0);
	cr_expect_eq(memcmp(m.mem, code, sizeof(code)), 0);
	unmake();
}

static void watches(enum exec_tier tier, bool check)
{
	make(tier, check);
	run();
	struct watchpoint w = { m.data + 3, 2, WATCH_WRITE };
	struct watchpoint r = { m.data, 8, WATCH_READ };
	struct watchpoint beside = { m.data + 8, 8, WATCH_READ | WATCH_WRITE };
	cr_assert_eq(exec_watch_add(m.vm, &w), 0);
	cr_assert_eq(exec_watch_add(m.vm, &beside), 0);
	run();
	cr_expect_eq(m.seen.watches, 10);
	cr_expect_eq(m.seen.stops, 10);
	/* after the store, before anything else */
	cr_expect_eq(m.seen.pc[0], STORE + 4);
	cr_expect_eq(m.seen.t1[1], 19);
	cr_expect_eq(m.seen.kind[0], WATCH_WRITE);
	cr_expect_eq(m.seen.hit, m.data + 3);
	cr_assert_eq(exec_watch_remove(m.vm, &w), 0);
	cr_assert_eq(exec_watch_remove(m.vm, &w), -ENOENT);
	cr_assert_eq(exec_watch_add(m.vm, &r), 0);
	run();
	cr_expect_eq(m.seen.watches, 1);
	cr_expect_eq(m.seen.pc[0], LOAD + 4);
	/* a step that touches what is watched is reported as that */
	m.v->abi.pc = m.base;
	exec_set_step(m.v, true);
	run();
	cr_expect_eq(m.seen.watches, 1);
	cr_expect_eq(m.seen.steps, NINSNS - 2);
	exec_set_step(m.v, false);
	exec_debug_clear(m.vm);
	run();
	cr_expect_eq(m.seen.stops, 0);
	unmake();
}

#define IN_ALL(what) \
	Test(debug, what##_interp) \
	{ \
		what(TIER_INTERP, false); \
	} \
	Test(debug, what##_native) \
	{ \
		what(TIER_AUTO, false); \
	} \
	Test(debug, what##_check) \
	{ \
		what(TIER_AUTO, true); \
	}

IN_ALL(steps)
IN_ALL(breaks)
IN_ALL(watches)

/* Code that appears where there was none replaces what was made for that. */
Test(debug, code_comes_late)
{
	make(TIER_AUTO, false);
	map_clear(&m.vm->map, m.base, m.base + HOST_PAGE);
	m.v->abi.pc = m.base;
	cr_expect_eq(exec_run(m.v), EXIT_FETCH);
	struct map_range r = { .start = m.base,
		.end = m.base + HOST_PAGE,
		.prot = MAP_PROT_R | MAP_PROT_X };
	cr_assert_eq(map_set(&m.vm->map, &r), 0);
	exec_invalidate(m.vm, r.start, r.end, false);
	run();
	unmake();
}
