/* jumps.c - setjmp and longjmp, also out of signal handlers. */
#include <setjmp.h>
#include <signal.h>

#include "check.h"

static jmp_buf out;
static sigjmp_buf sigout;

static void deep(int n)
{
	volatile char pad[64];

	pad[0] = (char)n;
	if (n == 0)
		longjmp(out, 42);
	deep(n - 1);
	pad[1] = pad[0];
}

static void handler(int sig)
{
	siglongjmp(sigout, sig);
}

/* A callee-saved register and a stack slot must survive. */
static int survive(int n)
{
	volatile int slot = n * 3;
	int r = setjmp(out);

	if (r == 0)
		deep(n);
	return slot + r;
}

int main(void)
{
	double keep = 1.25;
	int sum = 0;
	volatile int i;
	sigset_t set;

	for (i = 0; i < 50; i++)
		sum += survive(i * 7);
	printf("sum %d keep %g\n", sum, keep);

	/* setjmp in a loop, longjmp with 0 gives 1. */
	i = 0;
	if (setjmp(out) < 1 || i < 1000) {
		i++;
		longjmp(out, 0);
	}
	printf("loops %d\n", i);

	signal(SIGUSR1, handler);
	for (i = 0; i < 20; i++) {
		int sig = sigsetjmp(sigout, 1);

		if (sig == 0) {
			raise(SIGUSR1);
			puts("BAD: came back");
		} else if (sig != SIGUSR1) {
			puts("BAD: wrong value");
		}
	}
	NEED(sigprocmask(SIG_BLOCK, NULL, &set) == 0);
	CHECK(!sigismember(&set, SIGUSR1));
	return 0;
}
