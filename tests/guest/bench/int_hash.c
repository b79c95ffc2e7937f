/* int_hash.c - an open hash table and a mixing function: multiplications,
 * dependent loads, unpredictable addresses. */
#include <stdint.h>
#include <stdio.h>

enum { SLOTS = 1 << 18, KEYS = 150000 };

static uint64_t slot[SLOTS];
static uint32_t hits[SLOTS];

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccd;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53;
	return x ^ x >> 33;
}

int main(void)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < 40 * KEYS; i++) {
		uint64_t key = mix(i % KEYS) | 1;
		uint64_t at = key % 0x3fffb & (SLOTS - 1);

		while (slot[at] && slot[at] != key)
			at = (at + 1) & (SLOTS - 1);
		slot[at] = key;
		sum += ++hits[at] * at;
	}
	printf("%016llx\n", (unsigned long long)sum);
	return 0;
}
