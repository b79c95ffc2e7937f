/* clone and clone3 in the forms that C libraries do not use themselves. */
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define STACK 65536

static atomic_int shared, go;
static volatile int plain;

static long clone3(uint64_t flags, uint64_t sig)
{
	struct clone_args ca = { .flags = flags, .exit_signal = sig };
	return syscall(SYS_clone3, &ca, sizeof(ca));
}

static int wait_for(pid_t pid)
{
	int st;
	pid_t r;
	CHECK(pid > 0);
	do
		r = waitpid(pid, &st, __WALL);
	while (r < 0 && errno == EINTR);
	CHECK(r == pid);
	return st;
}

static void check_exit(pid_t pid, int status)
{
	int st = wait_for(pid);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == status);
}

static void pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&ts, &ts) < 0)
		;
}

static void *new_stack(void)
{
	char *p = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	return p + STACK;
}

/* --- exit signals --- */

static atomic_int got_usr1, got_chld;

static void on_signal(int sig)
{
	atomic_fetch_add(sig == SIGUSR1 ? &got_usr1 : &got_chld, 1);
}

static void test_exit_signal(void)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	pid_t pid = (pid_t)clone3(0, SIGUSR1);
	if (pid == 0)
		_exit(5);
	CHECK(waitpid(pid, NULL, 0) < 0 && (errno == ECHILD || errno == EINTR));
	check_exit(pid, 5);
	CHECK(got_usr1 == 1 && got_chld == 0);
	pid = (pid_t)clone3(0, 0);
	if (pid == 0)
		_exit(6);
	check_exit(pid, 6);
	CHECK(got_usr1 == 1 && got_chld == 0);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
}

/* --- vfork without shared memory --- */

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_vfork_copy(void)
{
	long t0 = now_ms();
	plain = 1;
	pid_t pid = (pid_t)clone3(CLONE_VFORK, SIGCHLD);
	if (pid == 0) {
		plain = 2;
		/* a child of its own does not keep the parent waiting */
		if (fork() == 0) {
			pause_ms(1500);
			_exit(0);
		}
		pause_ms(60);
		_exit(plain);
	}
	long t = now_ms() - t0;
	CHECK(t >= 55 && t < 1400 && plain == 1);
	check_exit(pid, 2);
	t0 = now_ms();
	pid = (pid_t)clone3(CLONE_VFORK, SIGCHLD);
	if (pid == 0) {
		execl("/proc/self/exe", "clone", "sleep", NULL);
		_exit(1);
	}
	CHECK(now_ms() - t0 < 1400); /* until the exec, not until the end */
	check_exit(pid, 9);
}

/* --- shared memory --- */

static int sharer(void *arg)
{
	long n = (long)arg;
	/* no C library here: its thread-local data is the parent's */
	atomic_fetch_add(&shared, 1);
	while (!go)
		;
	return (int)n;
}

static int sharer_pid(void *arg)
{
	*(volatile int *)arg = (int)syscall(SYS_getpid);
	return 0;
}

static int sharer_sleeps(void *arg)
{
	(void)arg;
	for (;;)
		syscall(SYS_sched_yield);
}

static int sharer_execs(void *arg)
{
	char *argv[] = { "clone", "status", NULL };
	char *env[] = { NULL };
	(void)arg;
	syscall(SYS_execve, "/proc/self/exe", argv, env);
	return 1;
}

static int sharer_forks(void *arg)
{
	int st = 0;
	(void)arg;
#ifdef SYS_fork
	long pid = syscall(SYS_fork);
#else
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
	if (pid == 0) {
		plain = 77;
		syscall(SYS_exit_group, 3);
	}
	syscall(SYS_wait4, pid, &st, 0, 0);
	return WEXITSTATUS(st) + 1;
}

static void test_share(void)
{
	enum { N = 8 };
	pid_t pid[N];
	int st;
	shared = go = 0;
	for (long i = 0; i < N; i++)
		pid[i] =
		    clone(sharer, new_stack(), CLONE_VM | SIGCHLD, (void *)i);
	while (shared < N)
		sched_yield();
	for (int i = 0; i < N; i++)
		CHECK(pid[i] > 0 && waitpid(pid[i], &st, WNOHANG) == 0);
	go = 1;
	for (int i = 0; i < N; i++)
		check_exit(pid[i], i);
	volatile int its = 0, word = 1;
	pid_t p = clone(sharer_pid, new_stack(),
	    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_CHILD_SETTID |
		CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | SIGCHLD,
	    (void *)&its, &plain, NULL, &word);
	check_exit(p, 0);
	CHECK(its == p && p != getpid() && plain == p && word == 0);
	p = clone(sharer_sleeps, new_stack(), CLONE_VM | SIGCHLD, NULL);
	CHECK(kill(p, SIGKILL) == 0);
	st = wait_for(p);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
	p = clone(sharer_execs, new_stack(), CLONE_VM | SIGCHLD, NULL);
	check_exit(p, 8);
	plain = 0;
	p = clone(sharer_forks, new_stack(), CLONE_VM | SIGCHLD, NULL);
	check_exit(p, 4);
	CHECK(plain == 0);
	p = clone(sharer_pid, new_stack(), CLONE_VM | CLONE_VFORK | SIGCHLD,
	    (void *)&its);
	CHECK(its == p); /* it has run */
	check_exit(p, 0);
}

static int late_fd;

static int late_writer(void *arg)
{
	struct timespec ts = { 0, 100000000 };
	(void)arg;
	syscall(SYS_nanosleep, &ts, NULL);
	syscall(SYS_write, late_fd, "late", 4);
	return 0;
}

/* The memory stays as long as anybody is in it. */
static void test_share_parent_first(void)
{
	int fds[2];
	char buf[8];
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		late_fd = fds[1];
		clone(late_writer, new_stack(), CLONE_VM | SIGCHLD, NULL);
		exit(0);
	}
	check_exit(pid, 0);
	close(fds[1]);
	CHECK(read(fds[0], buf, sizeof(buf)) == 4 && !memcmp(buf, "late", 4));
	CHECK(read(fds[0], buf, sizeof(buf)) == 0);
	close(fds[0]);
}

/* --- what the kernel shares --- */

static void test_files_fs(void)
{
	char cwd[4096];
	struct stat st;
	int fd = open("/dev/null", O_RDONLY);
	CHECK(fd >= 0);
	pid_t pid = (pid_t)clone3(CLONE_FILES | CLONE_FS, SIGCHLD);
	if (pid == 0) {
		close(fd);
		CHECK(chdir("/proc") == 0);
		plain = 5;
		_exit(0);
	}
	plain = 4;
	check_exit(pid, 0);
	CHECK(fstat(fd, &st) < 0 && errno == EBADF && plain == 4);
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/proc"));
	CHECK(chdir("/") == 0);
}

static void test_parent(void)
{
	int fds[2], in;
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		int n = (int)clone3(CLONE_PARENT, 0);
		if (n == 0)
			_exit(21);
		CHECK(write(fds[1], &n, sizeof(n)) == sizeof(n));
		_exit(20);
	}
	CHECK(read(fds[0], &in, sizeof(in)) == sizeof(in));
	check_exit(pid, 20);
	check_exit(in, 21);
	close(fds[0]);
	close(fds[1]);
}

static void test_pidfd(void)
{
	siginfo_t si;
	for (int vfork = 0; vfork < 2; vfork++) {
		int fd = -1;
		struct clone_args ca = {
			.flags = CLONE_PIDFD | (vfork ? CLONE_VFORK : 0),
			.pidfd = (uintptr_t)&fd,
			.exit_signal = SIGCHLD,
		};
		long pid = syscall(SYS_clone3, &ca, sizeof(ca));
		if (pid == 0)
			_exit(31);
		CHECK(pid > 0 && fd >= 0);
		CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
		memset(&si, 0, sizeof(si));
		CHECK(waitid((idtype_t)P_PIDFD, (id_t)fd, &si, WEXITED) == 0);
		CHECK(si.si_pid == pid && si.si_status == 31);
		close(fd);
	}
	int fd = -1;
	volatile int its;
	pid_t p = clone(sharer_pid, new_stack(),
	    CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, (void *)&its, &fd);
	CHECK(p > 0 && fd >= 0);
	check_exit(p, 0);
	close(fd);
}

static void test_namespaces(void)
{
	struct utsname un;
	const uint64_t all = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWUTS;
	long pid = clone3(all | CLONE_NEWNS | CLONE_NEWIPC, SIGCHLD);
	if (pid < 0) {
		CHECK(errno == EPERM || errno == ENOSPC || errno == EINVAL);
		printf("SKIPPED: no namespaces here (errno %d)\n", errno);
		return;
	}
	if (pid == 0) {
		CHECK(syscall(SYS_getpid) == 1);
		CHECK(sethostname("inner", 5) == 0);
		CHECK(uname(&un) == 0 && !strcmp(un.nodename, "inner"));
		pid_t in = fork();
		if (in == 0)
			_exit(getpid() == 2 && getppid() == 1 ? 41 : 1);
		check_exit(in, 41);
		_exit(40);
	}
	check_exit((pid_t)pid, 40);
	CHECK(uname(&un) == 0 && strcmp(un.nodename, "inner") != 0);
}

static void test_set_tid(void)
{
	pid_t want = getpid() + 1000;
	struct clone_args ca = { .exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&want,
		.set_tid_size = 1 };
	long pid = syscall(SYS_clone3, &ca, sizeof(ca));
	if (pid == 0)
		_exit(syscall(SYS_getpid) == want ? 51 : 1);
	if (pid < 0) {
		CHECK(errno == EPERM || errno == EEXIST || errno == EINVAL);
		return;
	}
	CHECK(pid == want);
	check_exit((pid_t)pid, 51);
}

static void test_clear_sighand(void)
{
	struct sigaction sa;
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, SIG_IGN);
	long pid = clone3(CLONE_CLEAR_SIGHAND, SIGCHLD);
	if (pid < 0 && errno == EINVAL)
		return; /* an old kernel */
	if (pid == 0) {
		CHECK(sigaction(SIGUSR1, NULL, &sa) == 0);
		CHECK(sa.sa_handler == SIG_DFL);
		CHECK(sigaction(SIGUSR2, NULL, &sa) == 0);
		CHECK(sa.sa_handler == SIG_IGN);
		raise(SIGUSR1);
		_exit(0);
	}
	int st = wait_for((pid_t)pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGUSR1);
	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == on_signal);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

static void refused(uint64_t flags, uint64_t sig)
{
	long pid = clone3(flags, sig);
	if (pid == 0)
		_exit(0);
	CHECK(pid < 0 && errno == EINVAL);
}

static void test_refused(void)
{
	struct clone_args ca = { .stack = 4096 };
	char big[256] = { 0 };
	refused(CLONE_THREAD, 0);
	refused(CLONE_THREAD | CLONE_VM, 0);
	refused(CLONE_SIGHAND, SIGCHLD);
	refused(CLONE_NEWNS | CLONE_FS, SIGCHLD);
	refused(CLONE_NEWUSER | CLONE_FS, SIGCHLD);
	refused(CLONE_PARENT, SIGCHLD);
	refused(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, SIGCHLD);
	refused(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWPID, 0);
	refused(CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND, 0);
	refused(1, SIGCHLD);
	refused(0, 65);
	refused(0x400000, SIGCHLD); /* CLONE_DETACHED */
	CHECK(syscall(SYS_clone3, &ca, sizeof(ca)) < 0 && errno == EINVAL);
	CHECK(syscall(SYS_clone3, &ca, 63) < 0 && errno == EINVAL);
	CHECK(syscall(SYS_clone3, &ca, 5000) < 0 && errno == E2BIG);
	big[200] = 1;
	CHECK(syscall(SYS_clone3, big, 256) < 0 && errno == E2BIG);
	CHECK(syscall(SYS_clone3, (void *)8, 88) < 0 && errno == EFAULT);
}

/* --- threads --- */

#define THREAD (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

static int closes(void *arg)
{
	syscall(SYS_close, (long)arg);
	syscall(SYS_chdir, "/proc");
	return 0;
}

static int slow(void *arg)
{
	struct timespec ts = { 0, 60000000 };
	syscall(SYS_nanosleep, &ts, NULL);
	*(volatile int *)arg = 1;
	return 0;
}

static void wait_word(volatile int *word)
{
	int w;
	while ((w = *word) != 0)
		syscall(SYS_futex, word, 0 /* FUTEX_WAIT */, w, NULL);
}

static void test_threads(void)
{
	char cwd[4096];
	struct stat st;
	int fd = open("/dev/null", O_RDONLY);
	volatile int word = 1, flag = 0;
	/* files and directory of its own */
	CHECK(clone(closes, new_stack(), THREAD | CLONE_CHILD_CLEARTID,
		  (void *)(long)fd, NULL, NULL, &word) > 0);
	wait_word(&word);
	CHECK(fstat(fd, &st) == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
	word = 1;
	CHECK(clone(closes, new_stack(),
		  THREAD | CLONE_FS | CLONE_FILES | CLONE_CHILD_CLEARTID,
		  (void *)(long)fd, NULL, NULL, &word) > 0);
	wait_word(&word);
	CHECK(fstat(fd, &st) < 0 && errno == EBADF);
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/proc"));
	CHECK(chdir("/") == 0);
	/* the parent waits for a thread, too */
	CHECK(clone(slow, new_stack(),
		  THREAD | CLONE_VFORK | CLONE_FILES | CLONE_FS,
		  (void *)&flag) > 0);
	CHECK(flag == 1);
}

static void *nothing(void *arg)
{
	return arg;
}

/* Threads that have been joined are no threads any more. */
static void test_unshare(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 50; i++) {
			pthread_t th;
			CHECK(pthread_create(&th, NULL, nothing, NULL) == 0);
			CHECK(pthread_join(th, NULL) == 0);
		}
		if (unshare(CLONE_NEWUSER | CLONE_NEWUTS) < 0)
			CHECK(errno == EPERM || errno == ENOSPC);
		CHECK(unshare(CLONE_FILES | CLONE_FS) == 0);
		CHECK(unshare(1) < 0 && errno == EINVAL);
		_exit(61);
	}
	check_exit(pid, 61);
}

static void test_small_calls(void)
{
	void *list = NULL;
	size_t size = 0;
	CHECK(syscall(SYS_get_robust_list, 0, &list, &size) == 0);
	CHECK(list && size == 24);
	long mask = syscall(SYS_membarrier, 0, 0, 0);
	CHECK(mask > 0);
	CHECK(syscall(SYS_membarrier, 1 << 4, 0, 0) == 0); /* register */
	CHECK(syscall(SYS_membarrier, 1 << 3, 0, 0) == 0); /* private */
	CHECK(syscall(SYS_membarrier, 1 << 6, 0, 0) == 0);
	CHECK(syscall(SYS_membarrier, 1 << 5, 0, 0) == 0); /* sync core */
	CHECK(syscall(SYS_membarrier, 1 << 29, 0, 0) < 0 && errno == EINVAL);
}

/*
 * Restartable sequences are refused as a kernel without them does: nobody is
 * left half registered, and the C library knows that it has none.
 */
extern const unsigned __rseq_size __attribute__((weak));

static void test_rseq(void)
{
	static uint32_t area[8] __attribute__((aligned(32)));
	static const uint32_t zero[8];
	const int unregister = 1;
	area[1] = ~0u; /* cpu_id: not registered */
	CHECK(syscall(SYS_rseq, area, 32, 0, 0xf1401073) < 0);
	CHECK(errno == ENOSYS);
	CHECK(syscall(SYS_rseq, area, 32, unregister, 0xf1401073) < 0);
	CHECK(errno == ENOSYS);
	CHECK(syscall(SYS_rseq, (void *)8, 31, 99, 0) < 0 && errno == ENOSYS);
	CHECK(area[1] == ~0u);
	area[1] = 0;
	CHECK(!memcmp(area, zero, sizeof(area)));
	CHECK(getauxval(27) == 0 && getauxval(28) == 0); /* AT_RSEQ_* */
	if (&__rseq_size)
		CHECK(__rseq_size == 0);
	CHECK(sched_getcpu() >= 0);
	/* membarrier's commands for it do not exist either */
	CHECK((syscall(SYS_membarrier, 0, 0, 0) & (3 << 7)) == 0);
	CHECK(syscall(SYS_membarrier, 1 << 8, 0, 0) < 0 && errno == EINVAL);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "sleep")) {
		pause_ms(1500);
		return 9;
	}
	if (argc > 1 && !strcmp(argv[1], "status"))
		return 8;
	CHECK(chdir("/") == 0);
	test_exit_signal();
	test_vfork_copy();
	test_share();
	test_share_parent_first();
	test_files_fs();
	test_parent();
	test_pidfd();
	test_namespaces();
	test_set_tid();
	test_clear_sighand();
	test_refused();
	test_threads();
	test_unshare();
	test_small_calls();
	test_rseq();
	puts("ok");
	return 0;
}
