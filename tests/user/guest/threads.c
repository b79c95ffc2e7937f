/* Threads: creation, tls, mutexes, robust lists, cancellation, exit. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

#define N 8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static _Thread_local int tls = 5;
static long counter, turns;
static atomic_long atomics;

static void *worker(void *arg)
{
	long id = (long)arg;
	CHECK(tls == 5);
	tls = (int)id;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
		atomic_fetch_add(&atomics, 3);
		if (i % 100 == 0)
			sched_yield();
	}
	pthread_mutex_lock(&lock);
	while (turns != id)
		pthread_cond_wait(&cond, &lock);
	turns++;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
	CHECK(tls == id);
	return (void *)(id * 10);
}

static void test_workers(void)
{
	pthread_t th[N];
	pthread_barrier_init(&barrier, NULL, N);
	for (long i = 0; i < N; i++)
		CHECK(pthread_create(&th[i], NULL, worker, (void *)i) == 0);
	for (long i = 0; i < N; i++) {
		void *r;
		CHECK(pthread_join(th[i], &r) == 0 && r == (void *)(i * 10));
	}
	CHECK(counter == N * 2000 && atomics == N * 2000 * 3 && tls == 5);
}

static void *nothing(void *arg)
{
	return arg;
}

static void test_many(void)
{
	for (int i = 0; i < 300; i++) {
		pthread_t th;
		CHECK(pthread_create(&th, NULL, nothing, NULL) == 0);
		CHECK(pthread_join(th, NULL) == 0);
	}
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 50; i++) {
		pthread_t th;
		CHECK(pthread_create(&th, &attr, nothing, NULL) == 0);
	}
}

static pthread_mutex_t robust;

static void *die_locked(void *arg)
{
	CHECK(pthread_mutex_lock(&robust) == 0);
	return arg;
}

static void test_robust(void)
{
	pthread_mutexattr_t attr;
	pthread_t th;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	CHECK(pthread_create(&th, NULL, die_locked, NULL) == 0);
	CHECK(pthread_join(th, NULL) == 0);
	CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(&robust) == 0);
	CHECK(pthread_mutex_unlock(&robust) == 0);
}

/* The same with a process that dies holding a shared mutex. */
static void test_robust_process(void)
{
	pthread_mutexattr_t attr;
	int st;
	pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	CHECK(pthread_mutex_init(m, &attr) == 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			pthread_mutex_lock(m);
			if (i)
				kill(getpid(), SIGKILL);
			_exit(0);
		}
		CHECK(waitpid(pid, &st, 0) == pid);
		CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
		CHECK(pthread_mutex_consistent(m) == 0);
		CHECK(pthread_mutex_unlock(m) == 0);
	}
	munmap(m, 4096);
}

static int cleaned;

static void clean(void *arg)
{
	*(int *)arg = 1;
}

static void *sleeper(void *arg)
{
	pthread_cleanup_push(clean, arg);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void test_cancel(void)
{
	pthread_t th;
	void *r;
	CHECK(pthread_create(&th, NULL, sleeper, &cleaned) == 0);
	usleep(10000);
	CHECK(pthread_cancel(th) == 0);
	CHECK(pthread_join(th, &r) == 0 && r == PTHREAD_CANCELED);
	CHECK(cleaned == 1);
}

static void *spin(void *arg)
{
	volatile long *p = arg;
	for (;;)
		++*p;
	return NULL;
}

static void *block(void *arg)
{
	char c;
	int *fds = arg;
	(void)!read(fds[0], &c, 1);
	return NULL;
}

static void *leave(void *arg)
{
	usleep(20000);
	exit((int)(long)arg);
}

/* exit of any thread ends all, wherever the others are. */
static void test_exit(void)
{
	int st, fds[2];
	static long n;
	CHECK(pipe(fds) == 0);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			pthread_t th;
			pthread_create(&th, NULL, spin, &n);
			pthread_create(&th, NULL, block, fds);
			pthread_create(&th, NULL, leave, (void *)(40L + i));
			if (i == 0)
				spin(&n);
			else if (i == 1)
				block(fds);
			else
				pthread_exit(NULL);
		}
		CHECK(waitpid(pid, &st, 0) == pid);
		CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 40 + i);
	}
	/* The last thread's end is the process's, with status 0. */
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t th;
		pthread_create(&th, NULL, nothing, NULL);
		pthread_exit(NULL);
	}
	CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st) &&
	    WEXITSTATUS(st) == 0);
}

static void *forker(void *arg)
{
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(syscall(SYS_gettid) == getpid());
		pthread_t th;
		CHECK(pthread_create(&th, NULL, nothing, NULL) == 0);
		CHECK(pthread_join(th, NULL) == 0);
		_exit(17);
	}
	CHECK(pid > 0 && waitpid(pid, &st, 0) == pid);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 17);
	/* The child's thread function returns: the process ends with 0. */
	pid = fork();
	if (pid != 0)
		CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st) &&
		    WEXITSTATUS(st) == 0);
	return arg;
}

static void test_fork_in_thread(void)
{
	pthread_t th[4];
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&th[i], NULL, forker, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(th[i], NULL) == 0);
}

static volatile int handled;

static void on_usr1(int sig)
{
	(void)sig;
	handled = (int)syscall(SYS_gettid);
}

static sem_t sem;

static void *target(void *arg)
{
	*(int *)arg = (int)syscall(SYS_gettid);
	sem_post(&sem);
	while (!handled)
		usleep(1000);
	return NULL;
}

static void test_signal_thread(void)
{
	pthread_t th;
	int tid;
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_usr1;
	sigaction(SIGUSR1, &sa, NULL);
	sem_init(&sem, 0, 0);
	CHECK(pthread_create(&th, NULL, target, &tid) == 0);
	while (sem_wait(&sem) < 0)
		;
	CHECK(pthread_kill(th, SIGUSR1) == 0);
	CHECK(pthread_join(th, NULL) == 0);
	CHECK(handled == tid);
}

/* The C library tells the other threads by a signal of its own. */
static void *waits(void *arg)
{
	sem_t *done = arg;
	while (sem_wait(done) < 0)
		;
	return NULL;
}

static void test_setxid(void)
{
	pthread_t th;
	sem_t done;
	sem_init(&done, 0, 0);
	CHECK(pthread_create(&th, NULL, waits, &done) == 0);
	CHECK(setgid(getgid()) == 0);
	CHECK(setuid(getuid()) == 0);
	sem_post(&done);
	CHECK(pthread_join(th, NULL) == 0);
}

int main(int argc, char **argv)
{
	(void)argv;
	test_setxid();
	test_workers();
	test_many();
	test_robust();
	test_robust_process();
	test_cancel();
	test_exit();
	test_fork_in_thread();
	test_signal_thread();
	puts("ok");
	if (argc > 1)
		pthread_exit(NULL);
	return 0;
}
