/*
 * Many signals into busy threads: computing, calling, locking, faulting and
 * rewriting code, while timers fire. Every result is checked.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static atomic_int stop, signals;
static _Thread_local sigjmp_buf env;
static _Thread_local volatile int expect_fault;

static void on_signal(int sig)
{
	/* disturb every register that a handler may use */
	volatile double d = sig;
	for (int i = 0; i < 10; i++)
		d = d * 1.5 + i;
	int e = errno;
	syscall(SYS_getpid);
	errno = e;
	atomic_fetch_add(&signals, 1);
}

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	(void)sig;
	CHECK(expect_fault && si->si_addr == (void *)64);
	siglongjmp(env, 1);
}

static uint64_t mix(uint64_t x)
{
	for (int i = 0; i < 1000; i++)
		x = (x ^ (x >> 13)) * 0x9e3779b97f4a7c15u + (uint64_t)i;
	return x;
}

static double series(double x)
{
	double s = 0;
	for (int i = 1; i < 500; i++)
		s += x / (double)i - s * 0.001;
	return s;
}

static void *compute(void *arg)
{
	const uint64_t want = mix(42);
	const double sum = series(1.25);
	while (!stop) {
		CHECK(mix(42) == want);
		CHECK(series(1.25) == sum);
	}
	return arg;
}

static void *call(void *arg)
{
	pid_t pid = getpid();
	int fds[2];
	CHECK(pipe(fds) == 0);
	for (int i = 0; !stop; i++) {
		ssize_t r;
		char c = (char)i;
		CHECK(syscall(SYS_getpid) == pid);
		do
			r = write(fds[1], &c, 1);
		while (r < 0 && errno == EINTR);
		CHECK(r == 1);
		c = 0;
		do
			r = read(fds[0], &c, 1);
		while (r < 0 && errno == EINTR);
		CHECK(r == 1 && c == (char)i);
	}
	return arg;
}

static void *fault(void *arg)
{
	while (!stop) {
		expect_fault = 1;
		if (sigsetjmp(env, 1) == 0) {
			*(volatile int *)64 = 1;
			CHECK(!"no fault");
		}
		expect_fault = 0;
	}
	return arg;
}

static void *map(void *arg)
{
	while (!stop) {
		volatile int *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK((void *)p != MAP_FAILED && p[5] == 0);
		p[5] = 3;
		CHECK(mprotect((void *)p, 4096, PROT_READ) == 0 && p[5] == 3);
		CHECK(munmap((void *)p, 65536) == 0);
	}
	return arg;
}

#if defined(__riscv)
static void *rewrite(void *arg)
{
	uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int (*fn)(void) = (int (*)(void))(void *)p;
	p[1] = 0x00008067;
	for (uint32_t i = 0; !stop; i = (i + 1) & 1023) {
		p[0] = 0x00000513 | i << 20;
		__builtin___clear_cache((char *)p, (char *)(p + 2));
		CHECK(fn() == (int)i);
	}
	return arg;
}
#else
#define rewrite compute
#endif

static void *forks(void *arg)
{
	while (!stop) {
		int st;
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(mix(1) == mix(1) ? 3 : 1);
		while (waitpid(pid, &st, 0) < 0)
			CHECK(errno == EINTR);
		CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 3);
	}
	return arg;
}

int main(int argc, char **argv)
{
	static void *(*const body[])(
	    void *) = { compute, call, fault, map, rewrite, forks };
	enum { N = sizeof(body) / sizeof(body[0]) };
	int ms = argc > 1 ? atoi(argv[1]) : 1500;
	pthread_t th[N];
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &sa, NULL);
	for (int i = 0; i < N; i++)
		CHECK(pthread_create(&th[i], NULL, body[i], NULL) == 0);
	struct itimerval it = { { 0, 300 }, { 0, 300 } }, off = { { 0, 0 } };
	setitimer(ITIMER_REAL, &it, NULL);
	struct timespec t0, t;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	do {
		for (int i = 0; i < N; i++)
			CHECK(pthread_kill(th[i], SIGUSR1) == 0);
		usleep(200);
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while (
	    (t.tv_sec - t0.tv_sec) * 1000 + (t.tv_nsec - t0.tv_nsec) / 1000000 <
	    ms);
	setitimer(ITIMER_REAL, &off, NULL);
	stop = 1;
	for (int i = 0; i < N; i++)
		CHECK(pthread_join(th[i], NULL) == 0);
	CHECK(signals > ms / 50); /* on a busy machine, too */
	puts("ok");
	return 0;
}
