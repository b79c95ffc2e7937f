/* branch_calls.c - recursion and calls through pointers. */
#include <stdint.h>
#include <stdio.h>

static unsigned fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

struct shape {
	unsigned (*area)(const struct shape *);
	unsigned a, b;
};

static unsigned square(const struct shape *s)
{
	return s->a * s->a;
}

static unsigned rectangle(const struct shape *s)
{
	return s->a * s->b;
}

static unsigned triangle(const struct shape *s)
{
	return s->a * s->b / 2;
}

int main(void)
{
	static unsigned (*const kind[])(
	    const struct shape *) = { square, rectangle, triangle };
	static struct shape shape[997];
	uint64_t sum = 0;

	for (unsigned i = 0; i < 997; i++)
		shape[i] = (struct shape){ kind[i * i % 7 % 3], i, i + 3 };
	for (unsigned round = 0; round < 40000; round++)
		for (unsigned i = 0; i < 997; i++)
			sum += shape[i].area(&shape[i]);
	printf("%u %llu\n", fib(36), (unsigned long long)sum);
	return 0;
}
