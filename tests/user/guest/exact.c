/*
 * exact.c - every instruction that can fault does, in every position of a
 * block, and the handler sees the exact state: pc, all registers, fcsr, the
 * signal, its code and address. What is right is the state at an ebreak in
 * the same place. tests/exec/fault_code.h makes the code; riscv64 only.
 *
 * A sequence is entered by sigreturn: the handler of SIGUSR1 changes all
 * registers of its frame, and the handler of the fault puts them back.
 *
 * With FOR_QEMU in the environment it leaves out what QEMU 7.2 and 11 get
 * wrong: addresses that x86 has no form for, misaligned atomics.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "check.h"

#ifdef __riscv
#include "../../exec/fault_code.h"

#define PAGE 4096

static unsigned char *code, *data, *ro, *none;

struct seen {
	mcontext_t m;
	int sig, code;
	uintptr_t addr;
};

static mcontext_t enter_with, leave_with;
static struct seen seen;
static unsigned runs;
static int for_qemu;

static void on_enter(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)si;
	leave_with = uc->uc_mcontext;
	for (int k = 0; k < 32; k++) {
		if (k != REG_TP && k != 3) /* the handlers need tp and gp */
			uc->uc_mcontext.__gregs[k] = enter_with.__gregs[k];
	}
	uc->uc_mcontext.__fpregs.__d = enter_with.__fpregs.__d;
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	seen.m = uc->uc_mcontext;
	seen.sig = sig;
	seen.code = si->si_code;
	seen.addr = (uintptr_t)si->si_addr;
	uc->uc_mcontext = leave_with;
}

/* Run what is at `pc` until it faults. */
static void run(uintptr_t pc, uint32_t seed, uint64_t base)
{
	uint64_t x[32], f[32];

	fc_registers(seed, x, f);
	for (int k = 0; k < 32; k++) {
		enter_with.__gregs[k] = x[k];
		enter_with.__fpregs.__d.__f[k] = f[k];
	}
	enter_with.__gregs[REG_PC] = pc;
	enter_with.__gregs[FC_BASE] = enter_with.__gregs[FC_SP] = base;
	enter_with.__fpregs.__d.__fcsr = seed % 4 << 5 | seed / 4 % 32;
	memset(&seen, 0, sizeof(seen));
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	CHECK(seen.sig != 0);
	runs++;
}

static void put_code(const struct fc_code *c, unsigned char *at)
{
	memcpy(at, c->half, 2 * c->n);
	__builtin___clear_cache((char *)at, (char *)at + 2 * c->n);
}

static int differs(const struct seen *want)
{
	for (int k = 0; k < 32; k++)
		if (want->m.__gregs[k] != seen.m.__gregs[k] ||
		    want->m.__fpregs.__d.__f[k] != seen.m.__fpregs.__d.__f[k])
			return k + 1;
	if (want->m.__fpregs.__d.__fcsr != seen.m.__fpregs.__d.__fcsr)
		return 100;
	if (want->sig != seen.sig || want->code != seen.code)
		return 101;
	return want->addr != seen.addr ? 102 : 0;
}

static void fail(const char *text, int shape, uint64_t base,
    const struct seen *want, int how)
{
	int k = how <= 32 ? how - 1 : 0;

	fprintf(stderr,
	    "%s, shape %d, base %lx: difference %d\n"
	    "  want signal %d code %d addr %lx x%d %lx f%d %lx fcsr %x\n"
	    "  got  signal %d code %d addr %lx x%d %lx f%d %lx fcsr %x\n",
	    text, shape, (long)base, how, want->sig, want->code,
	    (long)want->addr, k, (long)want->m.__gregs[k], k,
	    (long)want->m.__fpregs.__d.__f[k], want->m.__fpregs.__d.__fcsr,
	    seen.sig, seen.code, (long)seen.addr, k, (long)seen.m.__gregs[k], k,
	    (long)seen.m.__fpregs.__d.__f[k], seen.m.__fpregs.__d.__fcsr);
	exit(1);
}

struct fault {
	int sig, code;
	uint64_t base, addr;
	uint32_t first;
};

static void try_shape(
    const struct fc_insn *i, enum fc_shape shape, const struct fault *x)
{
	static struct fc_code c;
	struct seen want;
	uint32_t seed = runs + 1;
	unsigned size = (i->word & 3) == 3 ? 4 : 2;
	int how;

	fc_build(&c, fc_breakpoint(i->word), shape, seed, x->first);
	put_code(&c, code);
	run((uintptr_t)code, seed, x->base);
	want = seen;
	CHECK(want.sig == SIGTRAP && want.code == TRAP_BRKPT);
	CHECK(want.m.__gregs[REG_PC] == (uintptr_t)code + c.at);
	want.sig = x->sig;
	want.code = x->code;
	want.addr = x->addr ? x->addr : want.m.__gregs[REG_PC];
	if (i->kind == FC_JUMP) {
		want.m.__gregs[REG_PC] = x->base;
		if (size == 4 ? i->word & 0xf80 : i->word & 0x1000)
			want.m.__gregs[FC_LINK] = (uintptr_t)code + c.at + size;
	}
	fc_build(&c, i->word, shape, seed, x->first);
	put_code(&c, code);
	run((uintptr_t)code, seed, x->base);
	how = differs(&want);
	if (how)
		fail(i->text, shape, x->base, &want, how);
}

static void each_shape(const struct fc_insn *i, struct fault x)
{
	for (int s = 0; s < FC_NSHAPES; s++)
		try_shape(i, (enum fc_shape)s, &x);
}

static void each_memory(const struct fc_insn *i)
{
	uint64_t end = (uintptr_t)data + PAGE, read_only = (uintptr_t)ro + 16;
	uint32_t lr = i->size == 4 ? 0x1000202f : 0x1000302f;
	int writes = i->kind != FC_LOAD && i->kind != FC_LR;

	if (i->kind != FC_SC) { /* whose failure need not look */
		struct fault x = { SIGSEGV, SEGV_MAPERR, 16, 16, 0 };
		each_shape(i, x);
		x.base = x.addr = (uintptr_t)none + 8;
		x.code = SEGV_ACCERR;
		each_shape(i, x);
		if (!for_qemu) {
			x.base = x.addr = 0x4000000000000000;
			x.code = SEGV_MAPERR;
			each_shape(i, x);
			x.base = x.addr = 0xfffffffffffff000;
			each_shape(i, x);
		}
	}
	for (unsigned k = 1; k<i->size; k += i->size> 2 ? 2 : 1) {
		if (i->kind >= FC_LR && for_qemu)
			break;
		if (i->kind >= FC_LR)
			each_shape(i,
			    (struct fault){
				SIGBUS, BUS_ADRALN, end - k, end - k, 0 });
		else
			each_shape(i,
			    (struct fault){
				SIGSEGV, SEGV_ACCERR, end - k, end, 0 });
	}
	if (writes)
		each_shape(i,
		    (struct fault){ SIGSEGV, SEGV_ACCERR, read_only, read_only,
			i->kind == FC_SC ? lr | 12 << 7 | FC_BASE << 15 : 0 });
}

static void each_jump(const struct fc_insn *i)
{
	uint64_t to[] = { (uintptr_t)data, (uintptr_t)none + 2, 16 };

	for (int k = 0; k < 3; k++)
		each_shape(i,
		    (struct fault){ SIGSEGV, k == 2 ? SEGV_MAPERR : SEGV_ACCERR,
			to[k], to[k], 0 });
}

/* An instruction across the end of the executable memory. */
static void half_fetched(void)
{
	static const uint16_t half[] = { 0x0513, 0x0015, 0x0513 };
	unsigned char *end = code + PAGE;

	memcpy(end - 6, half, 6); /* addi a0, a0, 1 and half of it */
	__builtin___clear_cache((char *)end - 6, (char *)end);
	run((uintptr_t)end - 6, 1, 77);
	CHECK(seen.sig == SIGSEGV && seen.code == SEGV_ACCERR);
	CHECK(seen.addr == (uintptr_t)end);
	CHECK(seen.m.__gregs[REG_PC] == (uintptr_t)end - 2);
	CHECK(seen.m.__gregs[FC_BASE] == 78);
}

static void install(int sig, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };

	CHECK(sigaction(sig, &sa, NULL) == 0);
}

int main(void)
{
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };

	for_qemu = getenv("FOR_QEMU") != NULL;
	/* code, nothing; data, nothing; a page to be read only */
	code =
	    mmap(NULL, 5 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(code != MAP_FAILED);
	none = code + PAGE;
	data = code + 2 * PAGE;
	ro = code + 4 * PAGE;
	CHECK(mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	CHECK(mprotect(data, PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(mprotect(ro, PAGE, PROT_READ) == 0);
	CHECK(sigaltstack(&ss, NULL) == 0);
	install(SIGUSR1, on_enter);
	install(SIGSEGV, on_fault);
	install(SIGBUS, on_fault);
	install(SIGILL, on_fault);
	install(SIGTRAP, on_fault);
	for (unsigned k = 0; k < FC_NINSNS; k++) {
		const struct fc_insn *i = &fc_insns[k];
		if (i->kind == FC_JUMP)
			each_jump(i);
		else if (i->kind == FC_WORD)
			each_shape(
			    i, (struct fault){ SIGILL, ILL_ILLOPC, 77, 0, 0 });
		else
			each_memory(i);
	}
	half_fetched();
	for (int k = 0; k < PAGE; k++)
		CHECK(data[k] == 0 && ro[k] == 0);
	printf("ok, %u faults\n", runs / 2);
	return 0;
}
#else
int main(void)
{
	puts("ok, not for this machine");
	return 0;
}
#endif
