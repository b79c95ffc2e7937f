/*
 * guest.c - a guest program that spends its time where it says.
 *
 *	burn [MS]     half a second (or MS): most of it in hot, the rest in mild
 *	fork          the same in a forked child, in child_hot
 *	exec PROGRAM  executes PROGRAM burn in a child, and burns itself
 *	jump          stacks after a longjmp
 *	timer         counts its own SIGPROF while it burns; sleeps, polls and
 *	              writes to a pipe, which nothing may interrupt
 *	wait          burns until it is killed
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static volatile unsigned long sink;

static double now(clockid_t c)
{
	struct timespec t;
	clock_gettime(c, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

NOINLINE void hot(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		sink = sink * 31 + i;
}

NOINLINE void mild(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		sink = sink / 3 + i;
}

NOINLINE void child_hot(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		sink = sink * 33 + i;
}

NOINLINE void outer(double ms)
{
	double end = now(CLOCK_THREAD_CPUTIME_ID) + ms;
	while (now(CLOCK_THREAD_CPUTIME_ID) < end) {
		hot(400000);
		mild(20000);
	}
	sink++; /* no tail call */
}

NOINLINE void child(double ms)
{
	double end = now(CLOCK_THREAD_CPUTIME_ID) + ms;
	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		child_hot(100000);
	sink++;
}

static jmp_buf out;

NOINLINE void deep(int n)
{
	if (n == 0)
		longjmp(out, 1);
	deep(n - 1);
	sink++;
}

static volatile sig_atomic_t ticks, interrupted;

static void on_prof(int sig)
{
	(void)sig;
	ticks++;
}

static void *burn_beside(void *arg)
{
	(void)arg;
	outer(300);
	return NULL;
}

/* Waits that use some time of the CPU first, so that a tick may meet them. */
static void waits(void)
{
	char buf[65536] = { 0 };
	int fd[2];
	struct timespec ms = { 0, 2000000 };

	if (pipe(fd) < 0)
		exit(2);
	for (int i = 0; i < 60; i++) {
		outer(1.5);
		interrupted += poll(NULL, 0, 2) < 0;
		interrupted += nanosleep(&ms, NULL) < 0;
		interrupted += write(fd[1], buf, 65536) != 65536;
		for (int left = 65536; left > 0;) {
			ssize_t k = read(fd[0], buf, sizeof(buf));
			interrupted += k < 0;
			left -= (int)k;
		}
	}
}

static int timer(void)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } }, off = { 0 };
	pthread_t t;

	signal(SIGPROF, on_prof);
	pthread_create(&t, NULL, burn_beside, NULL);
	setitimer(ITIMER_PROF, &it, NULL);
	outer(300);
	pthread_join(t, NULL);
	setitimer(ITIMER_PROF, &off, NULL);
	waits();
	printf("ticks=%s interrupted=%d\n",
	    ticks > 10 && ticks < 100 ? "right" : "wrong", (int)interrupted);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	double ms = argc > 2 ? atof(argv[2]) : 500;

	if (!strcmp(what, "fork")) {
		pid_t pid = fork();
		if (pid == 0) {
			child(500);
			exit(0);
		}
		printf("child=%d\n", (int)pid);
		waitpid(pid, NULL, 0);
		outer(200);
		return 0;
	}
	if (!strcmp(what, "exec")) {
		pid_t pid = fork();
		if (pid == 0) {
			execl(argv[2], argv[2], "burn", "300", NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
		outer(200);
		return 0;
	}
	if (!strcmp(what, "jump")) {
		for (int i = 0; i < 100; i++)
			if (!setjmp(out))
				deep(200);
		outer(200);
		return 0;
	}
	if (!strcmp(what, "timer"))
		return timer();
	if (!strcmp(what, "wait")) {
		puts("ready");
		fflush(stdout);
		for (;;)
			outer(1000);
	}
	outer(ms);
	return 0;
}
