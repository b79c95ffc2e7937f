/*
 * How soon a signal's handler runs when the program computes without system
 * calls: in loops that do as little as possible, in calls, in long straight
 * code. Sent by another thread, and by a timer. Half of them must be there
 * within a millisecond in one of a few rounds; on a busy machine the rest
 * depends on who else runs. With an argument: the figures.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "check.h"

#define SAMPLES 101
#define ROUNDS 8

static sigjmp_buf out;
static volatile int left;
static double delay[SAMPLES];
static atomic_ullong due; /* when it was sent, or is to come: nanoseconds */
static atomic_int wanted; /* the sender is to send one */
static timer_t timer;
static int by_timer;

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Ask for the next one, a little later, when the loop is running again. */
static void ask(void)
{
	if (by_timer) {
		uint64_t at = now() + 300000;
		struct itimerspec it = { .it_value = {
					     (time_t)(at / 1000000000),
					     (long)(at % 1000000000) } };
		due = at;
		CHECK(timer_settime(timer, TIMER_ABSTIME, &it, NULL) == 0);
	} else {
		wanted = 1;
	}
}

static void on_signal(int sig)
{
	uint64_t t = now();
	(void)sig;
	delay[--left] = t > due ? (double)(t - due) / 1e3 : 0;
	if (!left)
		siglongjmp(out, 1);
	ask();
}

static pthread_t computes;

static void *sends(void *arg)
{
	for (;;) {
		while (!wanted)
			usleep(50);
		wanted = 0;
		usleep(200);
		due = now();
		pthread_kill(computes, SIGUSR1);
	}
	return arg;
}

/* --- the loops ----------------------------------------------------------- */

static void itself(void)
{
#ifdef __riscv
	asm volatile("1: j 1b");
#else
	asm volatile("1: jmp 1b");
#endif
}

static void counts(void)
{
	register uint64_t n = 0;
	for (;;)
		asm volatile("" : "+r"(n));
}

static volatile uint64_t sum;

__attribute__((noinline)) static uint64_t leaf(uint64_t n)
{
	asm volatile("" : "+r"(n));
	return n * 3 + 1;
}

__attribute__((noinline)) static uint64_t tree(uint64_t n)
{
	return n ? tree(n - 1) + tree(n - 1) : leaf(n);
}

static uint64_t (*volatile indirect)(uint64_t) = leaf;

static void calls(void)
{
	for (;;)
		sum = leaf(sum) + indirect(sum);
}

static void recurses(void)
{
	for (;;)
		sum += tree(20);
}

static char memory[2][4 << 20];

/* 10000 instructions without a branch */
static void straight(void)
{
	uint64_t *from = (uint64_t *)memory[0], *to = (uint64_t *)memory[1];
	uint64_t x = 0;
	for (;;)
#ifdef __riscv
		asm volatile(".rept 5000\n"
			     "ld %0, 8(%1)\n"
			     "sd %0, 16(%2)\n"
			     ".endr"
			     : "+r"(x)
			     : "r"(from), "r"(to)
			     : "memory");
#else
		asm volatile(".rept 5000\n"
			     "mov 8(%1), %0\n"
			     "mov %0, 16(%2)\n"
			     ".endr"
			     : "+r"(x)
			     : "r"(from), "r"(to)
			     : "memory");
#endif
}

static void copies(void)
{
	for (;;) {
		memcpy(memory[1], memory[0], sizeof(memory[0]));
		asm volatile("" : : : "memory");
	}
}

static const struct loop {
	const char *name;
	void (*run)(void);
} loops[] = { { "jump to itself", itself }, { "counting", counts },
	{ "calls", calls }, { "recursion", recurses },
	{ "straight code", straight }, { "memcpy", copies } };

/* --- the measure --------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void one_round(const struct loop *l)
{
	left = SAMPLES;
	if (!sigsetjmp(out, 1)) {
		ask();
		l->run();
	}
	qsort(delay, SAMPLES, sizeof(delay[0]), compare);
}

static void measure(const struct loop *l, int show)
{
	double best = 1e9, worst = 1e9;
	for (int i = 0; i < ROUNDS && (i < 2 || best >= 1000); i++) {
		one_round(l);
		if (delay[SAMPLES / 2] < best) {
			best = delay[SAMPLES / 2];
			worst = delay[SAMPLES - 1];
		}
	}
	if (show)
		printf("%-16s %-8s median %7.1f us, longest %9.1f us\n",
		    l->name, by_timer ? "timer" : "thread", best, worst);
	CHECK(best < 1000);
}

int main(int argc, char **argv)
{
	pthread_t th;
	struct sigaction sa;
	struct sigevent ev;
	(void)argv;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	computes = pthread_self();
	CHECK(pthread_create(&th, NULL, sends, NULL) == 0);
	/* nobody but the main thread is to get the timer's */
	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev.sigev_signo = SIGUSR1;
	ev._sigev_un._tid = (int)syscall(SYS_gettid);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	for (by_timer = 0; by_timer < 2; by_timer++)
		for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
			measure(&loops[i], argc > 1);
	puts("ok");
	return 0;
}
