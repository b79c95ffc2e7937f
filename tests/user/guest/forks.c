/*
 * fork in a program whose other threads are in the middle of everything:
 * with locks of the C library and of their own taken, mapping memory, making
 * and ending threads, running code for the first time. The child can do what
 * POSIX and the C library promise.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static atomic_int stop;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t guarded = PTHREAD_MUTEX_INITIALIZER;
static long pair[2]; /* equal whenever `guarded` is free */
static FILE *null;

static int wait_for(pid_t pid)
{
	int st;
	pid_t r;
	CHECK(pid > 0);
	do
		r = waitpid(pid, &st, 0);
	while (r < 0 && errno == EINTR);
	CHECK(r == pid);
	return st;
}

static void check_exit(pid_t pid, int status)
{
	int st = wait_for(pid);
	if (!WIFEXITED(st) || WEXITSTATUS(st) != status)
		fprintf(stderr, "status %#x, expected %#x\n", st, status << 8);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == status);
}

/* --- the others --- */

static void *allocates(void *arg)
{
	unsigned x = (unsigned)(uintptr_t)arg;
	void *p[64] = { NULL };
	while (!stop) {
		x = x * 1103515245 + 12345;
		unsigned i = x >> 16 & 63;
		free(p[i]);
		p[i] = malloc(x >> 8 & 0xffff);
		CHECK(p[i]);
	}
	for (int i = 0; i < 64; i++)
		free(p[i]);
	return NULL;
}

static void *prints(void *arg)
{
	while (!stop)
		fprintf(null, "%d %p\n", 1234, arg);
	return NULL;
}

static void *guards(void *arg)
{
	while (!stop) {
		pthread_mutex_lock(&guarded);
		pair[0]++;
		sched_yield();
		pair[1]++;
		pthread_mutex_unlock(&guarded);
	}
	return arg;
}

static void *maps(void *arg)
{
	while (!stop) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		p[4096] = 1;
		CHECK(mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0);
		CHECK(munmap(p, 65536) == 0);
	}
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

static void *creates(void *arg)
{
	while (!stop) {
		pthread_t th;
		CHECK(pthread_create(&th, NULL, nothing, arg) == 0);
		CHECK(pthread_join(th, NULL) == 0);
	}
	return NULL;
}

static void *(*const busy[])(
    void *) = { allocates, allocates, prints, guards, maps, creates };
#define NBUSY (sizeof(busy) / sizeof(busy[0]))

/* --- the child --- */

static void before(void)
{
	pthread_mutex_lock(&guarded);
}

static void after(void)
{
	pthread_mutex_unlock(&guarded);
}

/* All that the C library makes safe again after fork. */
static void use_library(void)
{
	void *p[32];
	char buf[64];
	pthread_t th;
	CHECK(pair[0] == pair[1]); /* as the handlers of atfork promise */
	CHECK(pthread_mutex_lock(&guarded) == 0);
	CHECK(pthread_mutex_unlock(&guarded) == 0);
	CHECK(pthread_mutex_trylock(&held) == EBUSY);
	for (int i = 0; i < 32; i++)
		CHECK((p[i] = malloc((size_t)i * 700 + 1)) != NULL);
	for (int i = 0; i < 32; i++)
		free(p[i]);
	CHECK(snprintf(buf, sizeof(buf), "%d", 77) == 2);
	CHECK(fprintf(null, "child\n") == 6);
	CHECK(pthread_create(&th, NULL, nothing, NULL) == 0);
	CHECK(pthread_join(th, NULL) == 0);
	CHECK((pid_t)syscall(SYS_gettid) == getpid());
	pid_t pid = fork();
	if (pid == 0)
		_exit(9);
	check_exit(pid, 9);
}

/* What is safe in a handler, after the kernel's own fork. */
static void use_kernel(void)
{
	char c = 5;
	int fds[2];
	CHECK(pipe(fds) == 0 && write(fds[1], &c, 1) == 1);
	CHECK(read(fds[0], &c, 1) == 1 && c == 5);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED && munmap(p, 4096) == 0);
	CHECK(syscall(SYS_gettid) == syscall(SYS_getpid));
	CHECK(kill((pid_t)syscall(SYS_getpid), 0) == 0);
}

static long raw_fork(void)
{
#ifdef SYS_fork
	return syscall(SYS_fork);
#else
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

static void *forks(void *arg)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			use_library();
			_exit(7);
		}
		check_exit(pid, 7);
		pid = (pid_t)raw_fork();
		if (pid == 0) {
			use_kernel();
			_exit(8);
		}
		check_exit(pid, 8);
	}
	return arg;
}

static void *spawns(void *arg)
{
	char *argv[] = { "forks", "exit", NULL }, *env[] = { NULL };
	for (int i = 0; i < 2; i++) {
		pid_t pid;
		CHECK(posix_spawn(
			  &pid, "/proc/self/exe", NULL, NULL, argv, env) == 0);
		check_exit(pid, 6);
	}
	return arg;
}

/* A child inherits its thread's mask, name and stack, nobody else's. */
static _Thread_local int own;

static void *forks_as_itself(void *arg)
{
	sigset_t set, got;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	own = 31;
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(own == 31 && arg == (void *)&stop);
		CHECK(sigprocmask(SIG_BLOCK, NULL, &got) == 0);
		CHECK(sigismember(&got, SIGUSR2) == 1);
		CHECK(sigismember(&got, SIGUSR1) == 0);
		raise(SIGUSR2);
		CHECK(sigpending(&got) == 0 && sigismember(&got, SIGUSR2));
		pthread_exit(NULL); /* the last thread: status 0 */
	}
	check_exit(pid, 0);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t th[NBUSY], f[3];
	(void)argv;
	if (argc > 1)
		return 6;
	alarm(100);
	null = fopen("/dev/null", "w");
	CHECK(null && pthread_atfork(before, after, after) == 0);
	CHECK(pthread_mutex_lock(&held) == 0);
	for (size_t i = 0; i < NBUSY; i++)
		CHECK(pthread_create(&th[i], NULL, busy[i], (void *)i) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(
			  &f[i], NULL, i == 2 ? spawns : forks, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(f[i], NULL) == 0);
	CHECK(pthread_create(&f[0], NULL, forks_as_itself, &stop) == 0);
	CHECK(pthread_join(f[0], NULL) == 0);
	stop = 1;
	for (size_t i = 0; i < NBUSY; i++)
		CHECK(pthread_join(th[i], NULL) == 0);
	puts("ok");
	return 0;
}
