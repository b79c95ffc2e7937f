/*
 * target.c - what the scripts here are shown: threads, a signal with a
 * handler, a child, floating point. Ends with 7.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int total;
volatile double half = 0.5;
static pthread_barrier_t together;

__attribute__((noinline)) static int add(int x)
{
	int before = total;
	total = before + x;
	half *= 1.5;
	return total;
}

static void on_signal(int sig)
{
	total += sig;
}

static void *worker(void *arg)
{
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	return arg;
}

__attribute__((noinline)) static void all_here(void)
{
	total++;
}

int main(int argc, char **argv)
{
	pthread_t th[2];
	int status;

	signal(SIGUSR1, on_signal);
	for (int i = 0; i < 5; i++)
		add(i);
	printf("total %d\n", total);
	pthread_barrier_init(&together, NULL, 3);
	for (int i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, worker, NULL);
	pthread_barrier_wait(&together);
	all_here();
	pthread_barrier_wait(&together);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	raise(SIGUSR1);
	fflush(stdout);
	if (fork() == 0)
		_exit(3);
	wait(&status);
	printf("total %d child %d\n", total, WEXITSTATUS(status));
	fflush(stdout);
	for (int i = 0; argc > 1 && i < atoi(argv[1]); i++) {
		usleep(10000);
		getppid();
	}
	return 7;
}
