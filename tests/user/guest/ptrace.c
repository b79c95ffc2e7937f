/*
 * ptrace.c - a parent traces its children, request by request. The parts
 * that know registers and code are for riscv64; the others also run on the
 * host, whose kernel is the reference.
 */
#include <elf.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static long pt(long req, pid_t pid, unsigned long addr, const void *data)
{
	return syscall(SYS_ptrace, req, pid, addr, data);
}

#define N(x) ((const void *)(unsigned long)(x))

static volatile long word = 11;
static volatile int handled;

static void on_signal(int sig)
{
	handled = sig;
}

/* The next stop of pid, or of any with -1; its status is *st. */
static pid_t next(pid_t pid, int *st)
{
	pid_t r = waitpid(pid, st, __WALL);
	CHECK(r > 0);
	return r;
}

static void expect_stop(pid_t pid, int what)
{
	int st;
	next(pid, &st);
	CHECK(WIFSTOPPED(st));
	CHECK(st >> 8 == what);
}

static void expect_exit(pid_t pid, int code)
{
	int st;
	next(pid, &st);
	CHECK(WIFEXITED(st));
	CHECK(WEXITSTATUS(st) == code);
}

/* A child that runs fn after it stopped itself under PTRACE_TRACEME. */
static pid_t traced(int (*fn)(void), long options)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(pt(PTRACE_TRACEME, 0, 0, NULL) == 0);
		raise(SIGSTOP);
		_exit(fn());
	}
	expect_stop(pid, SIGSTOP);
	CHECK(pt(PTRACE_SETOPTIONS, pid, 0, N(options)) == 0);
	return pid;
}

/* --- system calls --------------------------------------------------------- */

static int calls(void)
{
	syscall(SYS_getppid);
	syscall(SYS_close, 12345L);
	return 5;
}

static void test_syscalls(void)
{
	struct ptrace_syscall_info si;
	int st, saw_ppid = 0, saw_close = 0;
	unsigned long nr = 0, msg;
	pid_t pid = traced(calls, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);

	for (;;) {
		CHECK(pt(PTRACE_SYSCALL, pid, 0, NULL) == 0);
		next(pid, &st);
		if (WIFEXITED(st))
			break;
		CHECK(st >> 8 == (SIGTRAP | 0x80));
		long n = pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(si), &si);
		CHECK(n > 0);
		CHECK(pt(PTRACE_GETEVENTMSG, pid, 0, &msg) == 0);
		CHECK(si.instruction_pointer && si.stack_pointer);
		if (si.op == PTRACE_SYSCALL_INFO_ENTRY) {
			CHECK(msg == PTRACE_EVENTMSG_SYSCALL_ENTRY);
			nr = si.entry.nr;
			if (nr == SYS_close)
				CHECK(si.entry.args[0] == 12345);
			continue;
		}
		CHECK(si.op == PTRACE_SYSCALL_INFO_EXIT);
		if (nr == SYS_getppid) {
			CHECK(si.exit.rval == getpid() && !si.exit.is_error);
			saw_ppid++;
		} else if (nr == SYS_close) {
			CHECK(si.exit.rval == -EBADF && si.exit.is_error);
			saw_close++;
		}
	}
	CHECK(WEXITSTATUS(st) == 5 && saw_ppid == 1 && saw_close == 1);
}

/* --- memory, registers, code ---------------------------------------------- */

__attribute__((noinline)) static long twice(long x)
{
	__asm__ volatile("" : "+r"(x));
	return x + x;
}

static int changed(void)
{
	long a = twice(4); /* translated before it is changed */
	raise(SIGUSR2);
	return (int)(a + twice(word));
}

static void test_memory(void)
{
	unsigned long v = 0;
	pid_t pid = traced(changed, 0);

	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGUSR2);
	CHECK(pt(PTRACE_PEEKDATA, pid, (unsigned long)&word, &v) == 0);
	CHECK(v == 11);
	CHECK(pt(PTRACE_POKEDATA, pid, (unsigned long)&word, N(20)) == 0);
	CHECK(pt(PTRACE_PEEKDATA, pid, 8, &v) < 0 && errno == EIO);
#if defined(__riscv)
	unsigned long pc = (unsigned long)twice & ~7ul, old, code;
	unsigned long regs[32], fp[33], shift = ((unsigned long)twice - pc) * 8;
	struct iovec iov = { regs, sizeof(regs) };
	CHECK(pt(PTRACE_PEEKTEXT, pid, pc, &old) == 0);
	code = (old & ~(0xfffful << shift)) | 0x9002ul << shift; /* c.ebreak */
	CHECK(pt(PTRACE_POKETEXT, pid, pc, N(code)) == 0);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGTRAP);
	CHECK(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) == 0);
	CHECK(iov.iov_len == sizeof(regs));
	CHECK(regs[0] == (unsigned long)twice && regs[10] == 20);
	regs[10] = 100;
	CHECK(pt(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) == 0);
	CHECK(pt(PTRACE_POKETEXT, pid, pc, N(old)) == 0);
	iov = (struct iovec){ fp, sizeof(fp) };
	CHECK(pt(PTRACE_GETREGSET, pid, NT_FPREGSET, &iov) == 0);
	CHECK(iov.iov_len == sizeof(fp));
	CHECK(pt(PTRACE_SETREGSET, pid, NT_FPREGSET, &iov) == 0);
	CHECK(pt(PTRACE_GETREGSET, pid, 0x7777, &iov) < 0 && errno == EINVAL);
	iov.iov_len = 7;
	CHECK(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0);
	CHECK(errno == EINVAL);
	CHECK(pt(PTRACE_SINGLESTEP, pid, 0, NULL) < 0 && errno == EIO);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_exit(pid, 8 + 200);
#else
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_exit(pid, 8 + 40);
#endif
}

/* --- signals -------------------------------------------------------------- */

static int signals(void)
{
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	raise(SIGUSR1); /* taken away */
	if (handled)
		return 1;
	raise(SIGUSR1); /* becomes SIGUSR2 */
	if (handled != SIGUSR2)
		return 2;
	raise(SIGTERM); /* taken away */
	raise(SIGCHLD); /* ignored, and seen all the same */
	raise(SIGKILL);
	return 3;
}

static void test_signals(void)
{
	siginfo_t si;
	unsigned long long mask = 1, old;
	int st;
	pid_t pid = traced(signals, 0);

	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGUSR1);
	CHECK(pt(PTRACE_GETSIGINFO, pid, 0, &si) == 0);
	CHECK(si.si_signo == SIGUSR1 && si.si_code == SI_TKILL);
	CHECK(si.si_pid == pid);
	CHECK(pt(PTRACE_GETSIGMASK, pid, 8, &old) == 0);
	mask = old | 1ull << (SIGALRM - 1);
	CHECK(pt(PTRACE_SETSIGMASK, pid, 8, &mask) == 0);
	CHECK(pt(PTRACE_GETSIGMASK, pid, 8, &old) == 0 && old == mask);
	CHECK(pt(PTRACE_GETSIGMASK, pid, 4, &old) < 0 && errno == EINVAL);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGUSR1);
	CHECK(pt(PTRACE_CONT, pid, 0, N(SIGUSR2)) == 0);
	expect_stop(pid, SIGTERM);
	CHECK(pt(PTRACE_SETOPTIONS, pid, 0, N(1ul << 29)) < 0);
	CHECK(errno == EINVAL);
	CHECK(pt(PTRACE_CONT, pid, 0, N(99)) < 0 && errno == EIO);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGCHLD);
	CHECK(pt(PTRACE_CONT, pid, 0, N(SIGCHLD)) == 0);
	next(pid, &st);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
}

static int crash(void)
{
	*(volatile int *)16 = 1;
	return 0;
}

static void test_fatal(void)
{
	siginfo_t si;
	int st;
	pid_t pid = traced(crash, 0);

	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGSEGV);
	CHECK(pt(PTRACE_GETSIGINFO, pid, 0, &si) == 0);
	CHECK(si.si_code == SEGV_MAPERR && si.si_addr == (void *)16);
	CHECK(pt(PTRACE_CONT, pid, 0, N(SIGSEGV)) == 0);
	next(pid, &st);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

/* --- events --------------------------------------------------------------- */

static void *thread(void *arg)
{
	return arg;
}

static int family(void)
{
	pthread_t th;
	pid_t pid = fork();
	if (pid == 0)
		_exit(4);
	waitpid(pid, NULL, 0);
	pthread_create(&th, NULL, thread, NULL);
	pthread_join(th, NULL);
	pid = vfork();
	if (pid == 0)
		_exit(6);
	waitpid(pid, NULL, 0);
	execl("/proc/self/exe", "ptrace", "again", NULL);
	return 1;
}

static void test_events(void)
{
	int st, seen[16] = { 0 }, children = 0, exits = 0;
	unsigned long msg;
	pid_t leader = traced(family,
	    PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORK |
		PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXEC |
		PTRACE_O_TRACEEXIT);

	CHECK(pt(PTRACE_CONT, leader, 0, NULL) == 0);
	for (;;) {
		pid_t pid = next(-1, &st);
		if (!WIFSTOPPED(st)) {
			exits++;
			if (pid == leader)
				break;
			continue;
		}
		int sig = WSTOPSIG(st), event = st >> 16;
		if (event) {
			seen[event & 15]++;
			CHECK(sig == SIGTRAP);
			CHECK(pt(PTRACE_GETEVENTMSG, pid, 0, &msg) == 0);
			if (event == PTRACE_EVENT_EXEC)
				CHECK((pid_t)msg == leader && pid == leader);
			sig = 0;
		} else if (sig == SIGSTOP) { /* how a child appears */
			children++;
			sig = 0;
		}
		CHECK(pt(PTRACE_CONT, pid, 0, N(sig)) == 0);
	}
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 9);
	CHECK(children == 3 && exits == 4);
	CHECK(seen[PTRACE_EVENT_FORK] == 1 && seen[PTRACE_EVENT_CLONE] == 1);
	CHECK(seen[PTRACE_EVENT_VFORK] == 1);
	CHECK(seen[PTRACE_EVENT_VFORK_DONE] == 1);
	CHECK(seen[PTRACE_EVENT_EXEC] == 1 && seen[PTRACE_EVENT_EXIT] == 4);
}

static int exec_again(void)
{
	execl("/proc/self/exe", "ptrace", "again", NULL);
	return 1;
}

/* Without PTRACE_O_TRACEEXEC: a SIGTRAP. */
static void test_exec_trap(void)
{
	pid_t pid = traced(exec_again, 0);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGTRAP);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_exit(pid, 9);
}

/* --- SEIZE, INTERRUPT, LISTEN, ATTACH, DETACH ----------------------------- */

static pid_t waiter(int fds[2])
{
	char c;
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[1]);
		CHECK(read(fds[0], &c, 1) == 1);
		_exit(c);
	}
	close(fds[0]);
	return pid;
}

static void release(pid_t pid, int fd, char code)
{
	CHECK(write(fd, &code, 1) == 1);
	expect_exit(pid, code);
	close(fd);
}

static void test_seize(void)
{
	int fds[2];
	pid_t pid = waiter(fds);

	usleep(20000);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) < 0 && errno == ESRCH);
	CHECK(pt(PTRACE_SEIZE, pid, 0, N(0)) == 0);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) < 0 && errno == ESRCH);
	CHECK(pt(PTRACE_INTERRUPT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGTRAP | PTRACE_EVENT_STOP << 8);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	kill(pid, SIGSTOP);
	expect_stop(pid, SIGSTOP);
	CHECK(pt(PTRACE_CONT, pid, 0, N(SIGSTOP)) == 0);
	expect_stop(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
	CHECK(pt(PTRACE_LISTEN, pid, 0, NULL) == 0);
	kill(pid, SIGCONT);
	expect_stop(pid, SIGTRAP | PTRACE_EVENT_STOP << 8);
	CHECK(pt(PTRACE_CONT, pid, 0, NULL) == 0);
	expect_stop(pid, SIGCONT);
	CHECK(pt(PTRACE_DETACH, pid, 0, N(SIGCONT)) == 0);
	release(pid, fds[1], 21);
}

static void test_attach(void)
{
	int fds[2];
	pid_t pid = waiter(fds);

	usleep(20000);
	CHECK(pt(PTRACE_ATTACH, pid, 0, NULL) == 0);
	CHECK(pt(PTRACE_ATTACH, pid, 0, NULL) < 0 && errno == EPERM);
	expect_stop(pid, SIGSTOP);
	CHECK(pt(PTRACE_INTERRUPT, pid, 0, NULL) < 0 && errno == EIO);
	CHECK(pt(PTRACE_DETACH, pid, 0, NULL) == 0);
	release(pid, fds[1], 22);
}

/* A tracer that goes away leaves its tracee running. */
static void test_tracer_ends(int exitkill)
{
	int fds[2], st;
	pid_t pid = waiter(fds), tracer = fork();

	if (tracer == 0) {
		CHECK(pt(PTRACE_SEIZE, pid, 0,
			  N(exitkill ? PTRACE_O_EXITKILL : 0)) == 0);
		CHECK(pt(PTRACE_INTERRUPT, pid, 0, NULL) == 0);
		expect_stop(pid, SIGTRAP | PTRACE_EVENT_STOP << 8);
		if (!exitkill)
			CHECK(pt(PTRACE_SYSCALL, pid, 0, NULL) == 0);
		_exit(0);
	}
	expect_exit(tracer, 0);
	if (!exitkill) {
		release(pid, fds[1], 23);
		return;
	}
	next(pid, &st);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
	close(fds[1]);
}

/* waitid says the same, and WNOWAIT leaves the stop where it is. */
static void test_waitid(void)
{
	siginfo_t si;
	int fds[2];
	pid_t pid = waiter(fds);

	CHECK(pt(PTRACE_ATTACH, pid, 0, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		CHECK(waitid(P_PID, (id_t)pid, &si,
			  WSTOPPED | (i ? 0 : WNOWAIT)) == 0);
		CHECK(si.si_pid == pid && si.si_code == CLD_TRAPPED);
		CHECK(si.si_status == SIGSTOP);
	}
	CHECK(pt(PTRACE_KILL, pid, 0, NULL) == 0);
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED) == 0);
	CHECK(si.si_code == CLD_KILLED && si.si_status == SIGKILL);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 9;
	alarm(100);
	test_syscalls();
	test_memory();
	test_signals();
	test_fatal();
	test_events();
	test_exec_trap();
	test_seize();
	test_attach();
	test_waitid();
	test_tracer_ends(0);
	test_tracer_ends(1);
	puts("ptrace ok");
	return 0;
}
