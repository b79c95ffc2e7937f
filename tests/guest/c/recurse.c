/* recurse.c - calls: deep, mutual, many at once, through return values. */
#include "check.h"

static unsigned calls;

static unsigned ackermann(unsigned m, unsigned n)
{
	calls++;
	if (m == 0)
		return n + 1;
	return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

static unsigned fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static int is_odd(unsigned n);

__attribute__((noinline)) static int is_even(unsigned n)
{
	__asm__ volatile("" ::: "memory"); /* no tail call, no loop */
	return n == 0 ? 1 : is_odd(n - 1) + 0 * (int)calls;
}

__attribute__((noinline)) static int is_odd(unsigned n)
{
	__asm__ volatile("" ::: "memory");
	return n == 0 ? 0 : is_even(n - 1) + 0 * (int)calls;
}

/* About 6 MiB of stack, each frame written on the way down, read back up. */
__attribute__((noinline)) static uint64_t dig(unsigned n, uint64_t seed)
{
	volatile uint64_t frame[8];
	uint64_t below;

	for (int i = 0; i < 8; i++)
		frame[i] = next_random(&seed);
	below = n ? dig(n - 1, seed) : 0;
	for (int i = 0; i < 8; i++)
		below = fold(below, frame[i]);
	return below;
}

static int hanoi(int n, int from, int to, int via)
{
	if (n == 0)
		return 0;
	return hanoi(n - 1, from, via, to) + 1 + hanoi(n - 1, via, to, from);
}

int main(void)
{
	printf("ackermann %u", ackermann(2, 300));
	printf(" in %u calls\n", calls);
	printf("fib %u\n", fib(24));
	printf("even %d odd %d\n", is_even(20000), is_odd(20000));
	printf("dig %016llx\n", (unsigned long long)dig(50000, 99));
	printf("hanoi %d\n", hanoi(14, 0, 1, 2));
	return 0;
}
