/* branch_machine.c - a bytecode interpreter: one indirect jump per step. */
#include <stdint.h>
#include <stdio.h>

enum { ADD, SUB, XOR, SHIFT, LOAD, STORE, JUMP, STOP };

static const struct {
	uint8_t op, d, a, b;
} code[] = {
	{ LOAD, 1, 0, 5 },
	{ ADD, 1, 1, 2 },
	{ XOR, 2, 1, 3 },
	{ STORE, 2, 0, 5 },
	{ SHIFT, 3, 2, 7 },
	{ SUB, 4, 3, 1 },
	{ ADD, 5, 5, 6 },
	{ XOR, 2, 2, 4 },
	{ JUMP, 0, 7, 8 },
	{ STOP },
};

int main(void)
{
	uint64_t r[8] = { 0, 1, 2, 3, 4, 5, 1, 60000000 / 9 }, cell[64] = { 0 };

	for (unsigned pc = 0;; pc++) {
		unsigned d = code[pc].d, a = code[pc].a, b = code[pc].b;

		switch (code[pc].op) {
		case ADD: r[d] = r[a] + r[b]; continue;
		case SUB: r[d] = r[a] - r[b]; continue;
		case XOR: r[d] = r[a] ^ r[b]; continue;
		case SHIFT: r[d] = r[a] << b | r[a] >> (64 - b); continue;
		case LOAD: r[d] = cell[r[b] & 63]; continue;
		case STORE: cell[r[b] & 63] = r[d]; continue;
		case JUMP:
			if (--r[a])
				pc -= b + 1;
			continue;
		}
		break;
	}
	printf("%016llx\n", (unsigned long long)(r[2] + r[4] + cell[9]));
	return 0;
}
