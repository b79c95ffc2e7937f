/* mem_copy.c - copying, filling and comparing through the C library. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 1 << 20 };

static unsigned char x[SIZE], y[SIZE];

int main(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 3000; i++) {
		memset(x + i, (int)i, 4096 + i);
		memcpy(y + (i & 63), x, SIZE / 2);
		sum += (uint64_t)memcmp(x, y, SIZE / 4) & 1;
		memmove(y + 1, y, SIZE / 8);
		sum += y[i] + strlen((char *)y + SIZE - 64);
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
