/* coroutines.c - switching stacks by hand: returns that match no call. */
#include <ucontext.h>

#include "check.h"

enum { N = 5, STACK = 65536 };

static ucontext_t scheduler, context[N];
static unsigned long result[N];
static int alive;

static unsigned long climb(int me, int depth)
{
	unsigned long v;

	if (depth == 0) {
		swapcontext(&context[me], &scheduler);
		return (unsigned long)me;
	}
	v = climb(me, depth - 1) * 3 + 1;
	if (depth % 4 == 0)
		swapcontext(&context[me], &scheduler);
	return v;
}

static void body(int me)
{
	for (int i = 0; i < 20; i++)
		result[me] += climb(me, 10 + me);
	alive--;
}

int main(void)
{
	int turns = 0;

	for (int i = 0; i < N; i++) {
		NEED(getcontext(&context[i]) == 0);
		context[i].uc_stack.ss_sp = malloc(STACK);
		context[i].uc_stack.ss_size = STACK;
		context[i].uc_link = &scheduler;
		makecontext(&context[i], (void (*)(void))body, 1, i);
		alive++;
	}
	for (int i = 0; alive; i = (i + 1) % N) {
		int before = alive;

		if (!context[i].uc_stack.ss_sp)
			continue;
		swapcontext(&scheduler, &context[i]);
		turns++;
		if (alive < before)
			context[i].uc_stack.ss_sp = NULL;
	}
	for (int i = 0; i < N; i++)
		printf("%lu ", result[i]);
	printf("in %d turns\n", turns);
	return 0;
}
