/*
 * loops.c - a guest program that runs the loops of loops.py from random
 * states, first undisturbed, then with each access faulting, and prints a
 * checksum of every state seen: at the loop's end, and in the signal handler
 * (pc, 64 registers, fcsr). All tiers must print the same.
 *
 *   loops [FIRST [COUNT [v]]]      v: the states themselves
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define RUNS 24 /* undisturbed, of each loop */
#define PAGES 4 /* the table of addresses, three of data */
#define PAGE 4096

typedef uint64_t u64;

struct state {
	u64 x[32], f[32], fcsr;
};

struct loop {
	void (*code)(void);
	uint32_t accesses;
	uint8_t base[4];
};

extern const struct loop loops[];
extern const uint32_t nloops;

struct state state;
u64 own_sp;

/* enter: all registers from `state`, then to x3; leave: the reverse. */
void enter(void);
__asm__(".option push\n.option norelax\n.text\n.globl enter, leave\n"
	"enter:\taddi sp, sp, -224\n"
	".irp r, 1,3,4,8,9,18,19,20,21,22,23,24,25,26,27\n"
	"sd x\\r, 8*(\\r-1)(sp)\n.endr\n"
	"la t0, own_sp\nsd sp, 0(t0)\nla gp, state\n"
	".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
	"23,24,25,26,27,28,29,30,31\nfld f\\r, 256+8*\\r(gp)\n.endr\n"
	"ld t0, 512(gp)\nfscsr t0\n"
	".irp r, 1,2,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
	"23,24,25,26,27,28,29,30,31\nld x\\r, 8*\\r(gp)\n.endr\n"
	"ld gp, 24(gp)\njr gp\n"
	"leave:\tla gp, state\n"
	".irp r, 1,2,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
	"23,24,25,26,27,28,29,30,31\nsd x\\r, 8*\\r(gp)\n.endr\n"
	".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
	"23,24,25,26,27,28,29,30,31\nfsd f\\r, 256+8*\\r(gp)\n.endr\n"
	"frcsr t0\nsd t0, 512(gp)\nfscsr zero\n"
	"la t0, own_sp\nld sp, 0(t0)\n"
	".irp r, 1,3,4,8,9,18,19,20,21,22,23,24,25,26,27\n"
	"ld x\\r, 8*(\\r-1)(sp)\n.endr\n"
	"addi sp, sp, 224\nret\n.option pop\n");

static u64 seed, sum;
static char *mem;
static int verbose;
static unsigned long faults, runs;
static int again = -1; /* page to make accessible; or: skip */

static u64 next(void)
{
	u64 z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static u64 number(void)
{
	static const u64 some[] = { 0, 1, ~0ull, 1ull << 63, ~0ull >> 1,
		0x80000000, 0x7fffffff, 0xffffffff80000000, 0xffffffff, 63, 64,
		31 };
	u64 r = next();

	switch (r % 4) {
	case 0: return some[r / 4 % (sizeof(some) / sizeof(*some))];
	case 1: return (u64)((int64_t)next() >> (r / 4 % 64));
	default: return next();
	}
}

static u64 real(void)
{
	static const u64 d[] = { 0, 0x3ff0000000000000, 0x7ff0000000000000,
		0x7ff8000000000000, 0x7ff0000000000001, 0xfff8000000000123, 1,
		0x000fffffffffffff, 0x7fefffffffffffff, 0x0010000000000000,
		0x41dfffffffc00000, 0x43e0000000000000, 0x41f0000000000000,
		0xbfefffffffffffff, 0x43f0000000000000, 0x4000000000000000 };
	static const u64 s[] = { 0, 0x3f800000, 0x7f800000, 0x7fc00000,
		0x7f800001, 0xffc00012, 1, 0x7fffff, 0x7f7fffff, 0x800000,
		0x4f000000, 0x5f000000, 0x4f800000, 0xbf7fffff };
	u64 r = next(), sign = r >> 63;

	switch (r % 6) {
	case 0:
	case 1: return d[r / 8 % (sizeof(d) / sizeof(*d))] ^ sign << 63;
	case 2:
		return 0xffffffff00000000 |
		    (s[r / 8 % (sizeof(s) / sizeof(*s))] ^ sign << 31);
	case 3: return 0xffffffff00000000 | (uint32_t)next();
	case 4: /* of middling size */
		return (next() & 0x800fffffffffffff) |
		    (1000 + r / 8 % 48) << 52;
	default: return next();
	}
}

static void add(const void *p, size_t n)
{
	const u64 *w = p;

	for (; n >= 8; n -= 8)
		sum = (sum ^ *w++) * 0x100000001b3 + (sum >> 29);
}

static void show(const char *what, u64 pc, const u64 *x, const u64 *f, u64 fcsr)
{
	if (!verbose)
		return;
	printf("%s pc %lx fcsr %lx\n", what, (long)pc, (long)fcsr);
	for (int k = 0; k < 32; k++)
		printf(" x%d %016lx f%d %016lx\n", k, k == 4 ? 0 : (long)x[k],
		    k, (long)f[k]);
}

static void handler(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	u64 *x = (u64 *)uc->uc_mcontext.__gregs;
	u64 *f = (u64 *)uc->uc_mcontext.__fpregs.__d.__f;
	u64 fcsr = uc->uc_mcontext.__fpregs.__d.__fcsr;
	u64 addr = (u64)si->si_addr - (u64)mem, pc = x[0], tp = x[4];

	(void)sig;
	if (++faults > 1000000)
		abort();
	x[0] = x[4] = 0; /* tp is where libc is */
	add(x, 256);
	x[4] = tp;
	add(f, 256);
	add(&fcsr, 8);
	add(&pc, 8);
	add(&addr, 8);
	show("fault", pc, x, f, fcsr);
	x[0] = pc;
	if (again >= 0)
		mprotect(mem + again * PAGE, PAGE, PROT_READ | PROT_WRITE);
	else
		x[0] = pc + 4;
}

/* Everything as `s` says, but for what the loop relies on. */
static void run(const struct loop *l, const struct state *s, int bad)
{
	u64 *table = (u64 *)mem;

	for (int k = PAGE / 8; k < PAGES * PAGE / 8; k++)
		((u64 *)mem)[k] = next() & 1 ? real() : number();
	for (unsigned k = 0; k < 16; k++)
		table[k] = (u64)mem + PAGE + 8 * (k + 3) + (int)k / 5 * PAGE;
	if (bad >= 0) /* no page there, or no address at all */
		table[bad] = bad % 3 ? 0x1000 + 8 * (unsigned)bad :
				       0x4000000000000000 + 64;
	state = *s;
	state.x[2] = (u64)mem;
	state.x[3] = (u64)l->code;
	for (int k = 0; k < 3; k++)
		state.x[l->base[k]] = (u64)mem + (k + 1) * PAGE + 256;
	if (again >= 0)
		mprotect(mem + again * PAGE, PAGE, PROT_NONE);
	enter();
	if (again >= 0)
		mprotect(mem + again * PAGE, PAGE, PROT_READ | PROT_WRITE);
	state.x[0] = state.x[4] = 0;
	add(&state, sizeof(state));
	add(mem + PAGE, (PAGES - 1) * PAGE);
	show("end", 0, state.x, state.f, state.fcsr);
	runs++;
}

static void random_state(struct state *s)
{
	for (int k = 0; k < 32; k++) {
		s->x[k] = number();
		s->f[k] = real();
	}
	s->fcsr = (next() % 5 << 5) | (next() & 1 ? next() & 31 : 0);
}

int main(int argc, char **argv)
{
	static char stack[64 << 10];
	struct sigaction sa = { .sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	unsigned first = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : nloops - first;
	struct state s;

	verbose = argc > 3;
	mem = mmap((void *)0x20000000, PAGES * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	for (unsigned k = first; k < first + n && k < nloops; k++) {
		const struct loop *l = &loops[k];
		unsigned long before = faults;
		seed = k * 77777;
		sum = 1;
		again = -1;
		for (int i = 0; i < RUNS; i++) {
			random_state(&s);
			run(l, &s, -1);
		}
		for (int i = 0; i < (int)l->accesses; i++)
			for (int j = 0; j < 2; j++) {
				random_state(&s);
				run(l, &s, i);
			}
		for (again = 0; again < PAGES; again++) {
			random_state(&s);
			run(l, &s, -1);
		}
		printf("loop %u: %016lx, %lu faults\n", k, (long)sum,
		    faults - before);
	}
	printf("%lu runs, %lu faults\n", runs, faults);
	return 0;
}
