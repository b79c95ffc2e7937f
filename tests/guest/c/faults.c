/*
 * faults.c - synchronous signals: exact address, exact pc, and going on.
 *
 * Each bad instruction stands between two labels; the handler checks that
 * the pc it is shown is the first and continues at the second.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

#ifdef __riscv
#define PC(uc) ((uc)->uc_mcontext.__gregs[REG_PC])
#define BAD(insn) ".option push\n.option norvc\n" insn "\n.option pop\n"
#define LOAD BAD("ld %0, 0(%1)")
#define STORE BAD("sb %0, 0(%1)")
#define ILLEGAL ".word 0xffffffff\n"
#define BREAK BAD("ebreak")
#define TRAP_SKEW 0
#else
#define PC(uc) ((uc)->uc_mcontext.gregs[REG_RIP])
#define LOAD "mov (%1), %0\n"
#define STORE "movb %b0, (%1)\n"
#define ILLEGAL "ud2\n"
#define BREAK "int3\n"
#define TRAP_SKEW 1 /* x86 reports the pc after int3 */
#endif

static volatile int sig, code, hits;
static void *volatile addr;
static volatile uintptr_t pc;
static uintptr_t resume;
static sigjmp_buf out;
static volatile int *volatile nowhere = (volatile int *)8;

static void handler(int s, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	hits++;
	sig = s;
	code = si->si_code;
	addr = si->si_addr;
	pc = (uintptr_t)PC(uc);
	if (resume)
		PC(uc) = (__typeof__(PC(uc)))resume;
	else
		siglongjmp(out, 1);
}

static uintptr_t where;

/* Run one instruction that faults, between labels made from `name`. */
#define RUN(text, name, ...) \
	do { \
		extern char name##_pc[], name##_end[]; \
		where = (uintptr_t)name##_pc; \
		resume = (uintptr_t)name##_end; \
		hits = 0; \
		__asm__ volatile( \
		    #name "_pc: " text #name "_end:\n" __VA_ARGS__); \
	} while (0)

static void install(int s)
{
	struct sigaction sa = { .sa_sigaction = handler,
		.sa_flags = SA_SIGINFO };

	NEED(sigaction(s, &sa, NULL) == 0);
}

static void memory_faults(char *page)
{
	uint64_t v = 1;

	RUN(LOAD, nil, : "+r"(v) : "r"((char *)16) : "memory");
	CHECK(hits == 1 && sig == SIGSEGV && code == SEGV_MAPERR);
	CHECK(addr == (void *)16 && pc == where);
	CHECK(v == 1); /* the target of a load that faults is unchanged */
	NEED(mprotect(page, 4096, PROT_READ) == 0);
	RUN(STORE, ro, : "+r"(v) : "r"(page + 5) : "memory");
	CHECK(hits == 1 && sig == SIGSEGV && code == SEGV_ACCERR);
	CHECK(addr == page + 5 && pc == where && page[5] == 0);
	NEED(mprotect(page, 4096, PROT_NONE) == 0);
	RUN(LOAD, none, : "+r"(v) : "r"(page + 8) : "memory");
	CHECK(hits == 1 && code == SEGV_ACCERR && addr == page + 8);
	CHECK(pc == where);
	NEED(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
}

static void bus_faults(void)
{
	FILE *f = tmpfile();
	uint64_t v = 1;
	char *p;

	NEED(f && ftruncate(fileno(f), 100) == 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	NEED(p != MAP_FAILED);
	RUN(LOAD, eof, : "+r"(v) : "r"(p + 4096) : "memory");
	CHECK(hits == 1 && sig == SIGBUS && code == BUS_ADRERR);
	CHECK(addr == p + 4096 && pc == where);
	fclose(f);
}

static void code_faults(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*volatile call)(void);

	RUN(ILLEGAL, ill, : : : "memory");
	CHECK(hits == 1 && sig == SIGILL && pc == where);
	CHECK(addr == (void *)where);
	RUN(BREAK, brk, : : : "memory");
	CHECK(hits == 1 && sig == SIGTRAP && pc == where + TRAP_SKEW);

	/* Fetching code where there is none, and where it may not be. */
	resume = 0;
	call = (void (*)(void))(uintptr_t)0x1000;
	if (!sigsetjmp(out, 1))
		call();
	CHECK(sig == SIGSEGV && addr == (void *)0x1000 && pc == 0x1000);
	NEED(page != MAP_FAILED);
	call = (void (*)(void))(uintptr_t)page;
	if (!sigsetjmp(out, 1))
		call();
	CHECK(sig == SIGSEGV && addr == page && pc == (uintptr_t)page);
	CHECK(code == SEGV_ACCERR);
}

/* A fault in the middle of a loop: all state must be that of its moment. */
static void exact_state(char *page)
{
	volatile int i = 0;
	char *volatile p = page;
	volatile unsigned sum = 0;

	resume = 0;
	for (int k = 0; k < 4096; k++)
		page[k] = (char)k;
	if (!sigsetjmp(out, 1))
		for (;; i++)
			sum += (unsigned char)p[i];
	printf("stopped at %d, sum %u\n", i, sum);
	CHECK(addr == page + 4096);
}

static void overflow(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	overflow(n + 1);
	frame[1] = frame[0];
}

static void stack_overflow(void)
{
	static char area[32768];
	stack_t ss = { .ss_sp = area, .ss_size = sizeof(area) };
	struct sigaction sa = { .sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };

	NEED(sigaltstack(&ss, NULL) == 0);
	NEED(sigaction(SIGSEGV, &sa, NULL) == 0);
	resume = 0;
	if (!sigsetjmp(out, 1))
		overflow(0);
	CHECK(sig == SIGSEGV);
}

static void deaths(void)
{
	int status;

	if (fork() == 0) {
		signal(SIGSEGV, SIG_DFL);
		*nowhere = 0;
	}
	wait(&status);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	if (fork() == 0) {
		signal(SIGSEGV, SIG_IGN); /* a real fault kills all the same */
		*nowhere = 0;
	}
	wait(&status);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	if (fork() == 0)
		abort();
	wait(&status);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(page != MAP_FAILED);
	NEED(mprotect(page + 4096, 4096, PROT_NONE) == 0);
	setbuf(stdout, NULL);
	install(SIGSEGV);
	install(SIGBUS);
	install(SIGILL);
	install(SIGTRAP);
	memory_faults(page);
	bus_faults();
	code_faults();
	exact_state(page);
	stack_overflow();
	deaths();
	return 0;
}
