/*
 * guest.c - what the debuggers of this folder debug. The mode is argv[1]:
 *   plain    calls, data to watch, floating point; exits with 42
 *   signal   raises SIGUSR1 (handled), then dies of SIGTERM
 *   threads  three named threads that meet at a barrier; exits with 7
 *   exec     executes argv[2] "plain"
 *   fork     a forked and a vforked child run `leaf`; exits with 0 if both
 *            were well
 *   sleep    sleeps in a system call until it is changed: exits with 9
 *   fault    reads address 16
 * Lines that scripts stop at are marked by functions, not by numbers.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

volatile long watched = 5, counter;
volatile int got_signal, awake;
double half = 0.5;
char text[32] = "before";

__attribute__((noinline)) long leaf(long a, double d)
{
	counter += a;
	return a + (long)(d * 4);
}

__attribute__((noinline)) long middle(long a)
{
	long r = leaf(a + 1, half + 1);
	return r * 2;
}

__attribute__((noinline)) void store(long v)
{
	watched = v;
}

static int plain(void)
{
	for (int i = 0; i < 1000; i++)
		counter += i;
	long r = middle(10);
	store(watched); /* no change */
	store(77);
	/* leaf(11, 1.5) is 17: 34, unless a debugger had a hand in it */
	printf("r %ld watched %ld text %s\n", r, watched, text);
	return 42;
}

static void on_signal(int sig)
{
	got_signal = sig;
}

static int signals(void)
{
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	printf("got %d\n", got_signal);
	fflush(stdout);
	raise(SIGTERM);
	return 1;
}

static pthread_barrier_t meet;

__attribute__((noinline)) void in_thread(int n)
{
	counter += n;
}

static void *thread(void *arg)
{
	char name[16];
	snprintf(name, sizeof(name), "worker-%d", (int)(long)arg);
	prctl(PR_SET_NAME, name);
	pthread_barrier_wait(&meet);
	for (int i = 0; i < 100; i++)
		__atomic_fetch_add(&watched, 1, __ATOMIC_SEQ_CST);
	in_thread((int)(long)arg);
	pthread_barrier_wait(&meet);
	return NULL;
}

static int threads(void)
{
	pthread_t th[3];
	pthread_barrier_init(&meet, NULL, 4);
	for (long i = 0; i < 3; i++)
		pthread_create(&th[i], NULL, thread, (void *)(i + 1));
	pthread_barrier_wait(&meet);
	pthread_barrier_wait(&meet);
	for (int i = 0; i < 3; i++)
		pthread_join(th[i], NULL);
	printf("watched %ld\n", watched);
	return 7;
}

static int well(pid_t pid)
{
	int status;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 3;
}

static int forks(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(leaf(3, 0) == 3 ? 3 : 1);
	int ok = well(pid);
	pid = vfork();
	if (pid == 0) {
		leaf(4, 0);
		_exit(3);
	}
	ok &= well(pid);
	leaf(5, 0);
	return ok ? 0 : 1;
}

static int sleeps(void)
{
	struct timespec t = { 0, 50000000 };
	int cut = 0;
	while (!awake)
		cut += nanosleep(&t, NULL) != 0;
	printf("awake %d, cut short %d\n", awake, cut);
	return 9;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "plain";
	if (!strcmp(mode, "plain"))
		return plain();
	if (!strcmp(mode, "signal"))
		return signals();
	if (!strcmp(mode, "threads"))
		return threads();
	if (!strcmp(mode, "fork"))
		return forks();
	if (!strcmp(mode, "sleep"))
		return sleeps();
	if (!strcmp(mode, "fault"))
		return *(volatile int *)16;
	if (!strcmp(mode, "exec"))
		execl(argv[2], argv[2], "plain", NULL);
	return 2;
}
