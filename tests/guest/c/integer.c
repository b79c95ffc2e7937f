/*
 * integer.c - integer operations of all widths on awkward operands.
 *
 * Division goes through functions with RISC-V's results for the cases that
 * C leaves open: in assembly on the guest, spelled out natively.
 */
#include "check.h"

static const uint64_t value[] = { 0, 1, 2, 3, 7, 31, 32, 63, 64, 0x7f, 0x80,
	0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe,
	0xffffffff, 0x100000000, 0x123456789abcdef0, 0x7fffffffffffffff,
	0x8000000000000000, 0x8000000000000001, 0xffffffff00000000,
	0xffffffff80000000, 0xfffffffffffffffe, 0xffffffffffffffff };
enum { N = sizeof(value) / sizeof(value[0]) };

#ifdef __riscv
#define OP(name, insn) \
	static uint64_t name(uint64_t a, uint64_t b) \
	{ \
		uint64_t r; \
		__asm__(insn " %0, %1, %2" : "=r"(r) : "r"(a), "r"(b)); \
		return r; \
	}
OP(div64, "div")
OP(divu64, "divu")
OP(rem64, "rem")
OP(remu64, "remu")
OP(div32, "divw")
OP(divu32, "divuw")
OP(rem32, "remw")
OP(remu32, "remuw")
OP(mulhsu, "mulhsu")
#else
static uint64_t div64(uint64_t a, uint64_t b)
{
	if (b == 0)
		return ~0ull;
	if (b == ~0ull)
		return -a;
	return (uint64_t)((int64_t)a / (int64_t)b);
}

static uint64_t divu64(uint64_t a, uint64_t b)
{
	return b ? a / b : ~0ull;
}

static uint64_t rem64(uint64_t a, uint64_t b)
{
	if (b == 0)
		return a;
	return b == ~0ull ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

static uint64_t remu64(uint64_t a, uint64_t b)
{
	return b ? a % b : a;
}

static uint64_t sext32(uint64_t v)
{
	return (uint64_t)(int64_t)(int32_t)v;
}

static uint64_t div32(uint64_t a, uint64_t b)
{
	return sext32(div64(sext32(a), sext32(b)));
}

static uint64_t divu32(uint64_t a, uint64_t b)
{
	return sext32(divu64((uint32_t)a, (uint32_t)b));
}

static uint64_t rem32(uint64_t a, uint64_t b)
{
	return sext32(rem64(sext32(a), sext32(b)));
}

static uint64_t remu32(uint64_t a, uint64_t b)
{
	return sext32(remu64((uint32_t)a, (uint32_t)b));
}

static uint64_t mulhsu(uint64_t a, uint64_t b)
{
	return (uint64_t)(((__int128)(int64_t)a * (__int128)b) >> 64);
}
#endif

static uint64_t h;

#define SHOW(expr) (h = fold(h, (uint64_t)(expr)))

static void arithmetic(uint64_t a, uint64_t b)
{
	SHOW(a + b), SHOW(a - b), SHOW(a * b), SHOW(-a), SHOW(~a);
	SHOW((uint32_t)a + (uint32_t)b);
	SHOW((int32_t)((uint32_t)a - (uint32_t)b));
	SHOW((int32_t)((uint32_t)a * (uint32_t)b));
	SHOW((int16_t)(a + b)), SHOW((uint8_t)(a * b)), SHOW((int8_t)a);
	SHOW(a & b), SHOW(a | b), SHOW(a ^ b), SHOW(a & ~b), SHOW(a | ~b);
	SHOW(((unsigned __int128)a * b) >> 64);
	SHOW(((__int128)(int64_t)a * (int64_t)b) >> 64);
	SHOW(mulhsu(a, b));
	SHOW(((unsigned __int128)a + ((unsigned __int128)b << 64)) >> 37);
}

static void division(uint64_t a, uint64_t b)
{
	SHOW(div64(a, b)), SHOW(divu64(a, b));
	SHOW(rem64(a, b)), SHOW(remu64(a, b));
	SHOW(div32(a, b)), SHOW(divu32(a, b));
	SHOW(rem32(a, b)), SHOW(remu32(a, b));
}

static void shifts(uint64_t a, uint64_t b)
{
	unsigned n = b & 63, w = b & 31;

	SHOW(a << n), SHOW(a >> n), SHOW((int64_t)a >> n);
	SHOW((uint32_t)a << w), SHOW((uint32_t)a >> w);
	SHOW((int32_t)a >> w);
	SHOW((a << n) | (a >> ((64 - n) & 63)));
}

static void comparisons(uint64_t a, uint64_t b)
{
	SHOW(a < b), SHOW((int64_t)a < (int64_t)b), SHOW(a == b);
	SHOW((int32_t)a < (int32_t)b), SHOW((uint32_t)a < (uint32_t)b);
	SHOW((int64_t)a > (int64_t)b ? a : b), SHOW(a > b ? a : b);
	if ((int64_t)a >= (int64_t)b)
		SHOW(11);
	if (a >= b)
		SHOW(12);
	SHOW(a ? __builtin_clzll(a) : 64), SHOW(a ? __builtin_ctzll(a) : 64);
	SHOW(__builtin_popcountll(a)), SHOW(__builtin_bswap64(a));
	SHOW(__builtin_bswap32((uint32_t)a));
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(uint64_t, uint64_t);
	} part[] = { { "arithmetic", arithmetic }, { "division", division },
		{ "shifts", shifts }, { "comparisons", comparisons } };
	uint64_t x = 88172645463325252;

	for (int p = 0; p < 4; p++) {
		h = 0xcbf29ce484222325;
		for (int i = 0; i < N; i++)
			for (int k = 0; k < N; k++)
				part[p].run(value[i], value[k]);
		for (int i = 0; i < 500; i++) {
			uint64_t a = next_random(&x);

			part[p].run(a, next_random(&x) >> (a & 63));
		}
		printf("%s %016llx\n", part[p].name, (unsigned long long)h);
	}
	printf("%llx %llx\n", (unsigned long long)div64(1, 0),
	    (unsigned long long)rem64(1ull << 63, ~0ull));
	return 0;
}
