/* indirect.c - function pointers, jump tables, computed goto. */
#include "check.h"

typedef uint64_t (*op)(uint64_t);

#define OPS \
	X(0) \
	X(1) \
	X(2) \
	X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define X(n) \
	static uint64_t f##n(uint64_t v) \
	{ \
		return v * (2 * n + 3) + n; \
	}
OPS
#undef X
#define X(n) f##n,
    static const op table[] = { OPS };
#undef X

static uint64_t dense(unsigned k, uint64_t v)
{
	switch (k) {
	case 0: return v + 1;
	case 1: return v ^ 0x55;
	case 2: return v * 3;
	case 3: return v >> 1;
	case 4: return ~v;
	case 5: return v << 3;
	case 6: return v - 7;
	case 7: return v | 1;
	case 8: return v & 0xffffff;
	case 9: return -v;
	default: return 0;
	}
}

/* A little interpreter: its dispatch is an indirect jump per operation. */
static uint64_t threaded(const unsigned char *code, uint64_t acc)
{
	static const void *const label[] = { &&add, &&mul, &&xor, &&jump,
		&&stop };
	unsigned left = 20000;

	goto *label[*code];
add:
	acc += code[1];
	code += 2;
	goto *label[*code];
mul:
	acc *= code[1];
	code += 2;
	goto *label[*code];
	xor : acc ^= acc >> code[1];
	code += 2;
	goto *label[*code];
jump:
	if (--left)
		code -= code[1];
	else
		code += 2;
	goto *label[*code];
stop:
	return acc;
}

int main(void)
{
	static const unsigned char code[] = { 0, 7, 1, 13, 2, 9, 0, 1, 1, 5, 3,
		10, 4 };
	uint64_t x = 5, v = 1;

	for (int i = 0; i < 60000; i++) {
		uint64_t r = next_random(&x);

		v = table[r & 15](v);
		v = dense((unsigned)(r >> 4) % 11, v) + 1;
	}
	printf("calls %016llx\n", (unsigned long long)v);
	/* One site, one target for long, then another. */
	for (int i = 0; i < 40000; i++)
		v = table[i / 10000](v);
	printf("phases %016llx\n", (unsigned long long)v);
	printf("threaded %016llx\n", (unsigned long long)threaded(code, 3));
	return 0;
}
