/* int_sieve.c - primes by a sieve of bits: shifts, loads, stores. */
#include <stdint.h>
#include <stdio.h>

enum { N = 1 << 24 };

static uint64_t composite[N / 64];

int main(void)
{
	unsigned count = 0, last = 0;

	for (int round = 0; round < 3; round++) {
		count = 0;
		for (unsigned i = 0; i < N / 64; i++)
			composite[i] = 0;
		for (unsigned i = 2; i < N; i++) {
			if (composite[i / 64] >> (i % 64) & 1)
				continue;
			count++;
			last = i;
			if ((uint64_t)i * i >= N)
				continue;
			for (unsigned k = i * i; k < N; k += i)
				composite[k / 64] |= (uint64_t)1 << (k % 64);
		}
	}
	printf("%u primes, the last is %u\n", count, last);
	return 0;
}
