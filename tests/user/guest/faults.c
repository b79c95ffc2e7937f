/* Faults of the program's own instructions, seen by its handlers. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "check.h"

static sigjmp_buf env;
static siginfo_t info;
static volatile int got;
static volatile uint64_t fault_pc;

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	got = sig;
	info = *si;
#if defined(__riscv)
	fault_pc = uc->uc_mcontext.__gregs[0];
#else
	(void)uc;
#endif
	siglongjmp(env, 1);
}

static void install(int sig, int flags)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO | flags;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

#define EXPECT(sig, code, stmt) \
	do { \
		got = 0; \
		if (sigsetjmp(env, 1) == 0) { \
			stmt; \
			CHECK(!"no fault"); \
		} \
		CHECK(got == (sig)); \
		CHECK(info.si_code == (code)); \
	} while (0)

static void test_segv(void)
{
	long page = sysconf(_SC_PAGESIZE);
	volatile char *p = mmap(
	    NULL, (size_t)page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	EXPECT(SIGSEGV, SEGV_ACCERR, p[5] = 1);
	CHECK(info.si_addr == (void *)(p + 5));
	CHECK(munmap((void *)p, (size_t)page) == 0);
	EXPECT(SIGSEGV, SEGV_MAPERR, (void)p[7]);
	CHECK(info.si_addr == (void *)(p + 7));
	volatile int *null = (int *)8;
	EXPECT(SIGSEGV, SEGV_MAPERR, *null = 1);
	CHECK(info.si_addr == (void *)8);
	void (*fn)(void) = (void (*)(void))(uintptr_t)0x10;
	EXPECT(SIGSEGV, SEGV_MAPERR, fn());
	/* data is not code */
	static char data[4096] __attribute__((aligned(4096)));
	data[0] = 1;
	fn = (void (*)(void))(void *)data;
	EXPECT(SIGSEGV, SEGV_ACCERR, fn());
	CHECK(info.si_addr == (void *)data);
}

static void test_bus(void)
{
	char name[] = "/tmp/faultsXXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	unlink(name);
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	EXPECT(SIGBUS, BUS_ADRERR, (void)p[100]);
	CHECK(info.si_addr == (void *)(p + 100));
	munmap((void *)p, 4096);
	close(fd);
}

#if defined(__riscv)
static void test_insns(void)
{
	extern char bad_insn[], brk_insn[], load_insn[];
	EXPECT(SIGILL, ILL_ILLOPC,
	    __asm__ volatile(".globl bad_insn\nbad_insn: .word 0xffffffff"));
	CHECK(fault_pc == (uint64_t)bad_insn);
	EXPECT(SIGTRAP, TRAP_BRKPT,
	    __asm__ volatile(".globl brk_insn\nbrk_insn: ebreak"));
	CHECK(fault_pc == (uint64_t)brk_insn);
	EXPECT(SIGSEGV, SEGV_MAPERR,
	    __asm__ volatile("li t0, 24\nnop\n.globl load_insn\n"
			     "load_insn: ld t1, 8(t0)" ::
				 : "t0", "t1", "memory"));
	CHECK(fault_pc == (uint64_t)load_insn);
	CHECK(info.si_addr == (void *)32);
}

/* A handler that repairs: steps over the load and sets its result. */
static void on_repair(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	(void)sig;
	(void)si;
	uc->uc_mcontext.__gregs[0] += 4;
	uc->uc_mcontext.__gregs[6] = 4711; /* t1 */
	uc->uc_mcontext.__fpregs.__d.__f[10] = 0x4045000000000000; /* fa0 */
	uc->uc_mcontext.__fpregs.__d.__fcsr = 0x15;
}

static void test_repair(void)
{
	struct sigaction sa;
	uint64_t v, fcsr;
	double d = 1.0;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_repair;
	sa.sa_flags = SA_SIGINFO;
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	__asm__ volatile(
	    "fsflags zero\nfmv.d fa0, %2\nli t0, 16\n"
	    ".option push\n.option norvc\nld t1, 0(t0)\n"
	    ".option pop\nmv %0, t1\nfmv.d %2, fa0\n"
	    "frcsr %1\nfscsr zero"
	    : "=r"(v), "=r"(fcsr), "+f"(d)::"t0", "t1", "fa0", "memory");
	CHECK(v == 4711 && d == 42.0 && fcsr == 0x15);
}
#else
static void test_insns(void)
{
}
static void test_repair(void)
{
}
#endif

/* Overflow of the stack, caught on the alternate one. */
static int __attribute__((noinline)) recurse(int n)
{
	volatile char pad[4096];
	pad[0] = (char)n;
	return recurse(n + 1) + pad[0];
}

static void *overflow(void *arg)
{
	stack_t ss = { .ss_size = 65536 };
	ss.ss_sp = malloc(ss.ss_size);
	CHECK(sigaltstack(&ss, NULL) == 0);
	EXPECT(SIGSEGV, info.si_code, recurse(0));
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0);
	free(ss.ss_sp);
	return arg;
}

static void test_overflow(void)
{
	pthread_t th;
	install(SIGSEGV, SA_ONSTACK);
	CHECK(pthread_create(&th, NULL, overflow, NULL) == 0);
	CHECK(pthread_join(th, NULL) == 0);
	overflow(NULL);
}

/* What nobody handles kills, also when it is blocked or ignored. */
static void test_death(void)
{
	for (int i = 0; i < 4; i++) {
		int st;
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			sigset_t set;
			signal(SIGSEGV, i == 1 ? SIG_IGN : SIG_DFL);
			if (i == 3)
				install(SIGSEGV, 0);
			sigemptyset(&set);
			sigaddset(&set, SIGSEGV);
			if (i >= 2)
				sigprocmask(SIG_BLOCK, &set, NULL);
			*(volatile int *)4 = 1;
			_exit(0);
		}
		CHECK(waitpid(pid, &st, 0) == pid);
		CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
	}
}

/* Bad pointers to system calls are EFAULT, not signals. */
static void test_efault(void)
{
	char *bad = (char *)16;
	CHECK(write(1, bad, 10) < 0 && errno == EFAULT);
	CHECK(open(bad, O_RDONLY) < 0 && errno == EFAULT);
	int (*pipe_)(int *) = pipe;
	CHECK(pipe_((int *)bad) < 0 && errno == EFAULT);
	CHECK(sigaltstack((void *)bad, NULL) < 0 && errno == EFAULT);
}

int main(void)
{
	install(SIGSEGV, 0);
	install(SIGBUS, 0);
	install(SIGILL, 0);
	install(SIGTRAP, 0);
	test_segv();
	test_bus();
	test_insns();
	test_efault();
	test_repair();
	test_overflow();
	test_death();
	puts("ok");
	return 0;
}
