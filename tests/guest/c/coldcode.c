/* coldcode.c - nine hundred functions, most of them run once or twice. */
#include "check.h"

/* clang-format does not settle on one form of these. */
/* clang-format off */
#define F(n) \
	__attribute__((noinline)) static uint64_t f##n(uint64_t v) \
	{ \
		if (v & (1ull << (n % 61))) \
			v = v * (2 * n + 7) + n; \
		else \
			v ^= (v >> (n % 31 + 1)) + n * 0x9e3779b97f4a7c15ull; \
		return v; \
	}
#define G(n) f##n,
#define TEN(X, n) \
	X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) \
	X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define HUNDRED(X, n) \
	TEN(X, n##0) TEN(X, n##1) TEN(X, n##2) TEN(X, n##3) TEN(X, n##4) \
	TEN(X, n##5) TEN(X, n##6) TEN(X, n##7) TEN(X, n##8) TEN(X, n##9)
#define HUNDREDS(X) \
	HUNDRED(X, 1) HUNDRED(X, 2) HUNDRED(X, 3) HUNDRED(X, 4) \
	HUNDRED(X, 5) HUNDRED(X, 6) HUNDRED(X, 7) HUNDRED(X, 8) HUNDRED(X, 9)
/* clang-format on */

HUNDREDS(F)

static uint64_t (*const table[])(uint64_t) = { HUNDREDS(G) };

int main(void)
{
	uint64_t v = 1, x = 3;
	unsigned n = sizeof(table) / sizeof(table[0]);

	for (unsigned i = 0; i < n; i++)
		v = table[i](v);
	for (unsigned i = 0; i < n; i++)
		v = table[next_random(&x) % n](v);
	printf("%u functions, %016llx\n", n, (unsigned long long)v);
	return 0;
}
