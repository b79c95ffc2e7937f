/*
 * Branches over one or two simple instructions, which are conditional moves in
 * all but name: every condition, taken and not, with results that the skipped
 * instructions read, write twice, or share with the comparison; and jumps to
 * what is skipped.
 */
#include <stdint.h>
#include <stdio.h>

typedef unsigned long ul;

struct in {
	long a, b, x, y;
};

static long sum(const struct in *s)
{
	return (long)((ul)s->a + 3 * (ul)s->b + 5 * (ul)s->x + 7 * (ul)s->y);
}

#ifdef __riscv
#define CASE(name, branch, text, condition, meaning) \
	static long name(struct in s) \
	{ \
		__asm__ volatile( \
		    branch " %0, %1, 1f\n\t" text "\n1:" \
		    : "+r"(s.a), "+r"(s.b), "+r"(s.x), "+r"(s.y)); \
		return sum(&s); \
	}
#else
#define CASE(name, branch, text, condition, meaning) \
	static long name(struct in s) \
	{ \
		if (!(condition)) { \
			meaning; \
		} \
		return sum(&s); \
	}
#endif

CASE(eq_mv, "beq", "mv %2, %3", s.a == s.b, s.x = s.y)
CASE(ne_li, "bne", "li %2, -5", s.a != s.b, s.x = -5)
CASE(
    lt_add, "blt", "add %2, %2, %3", s.a < s.b, s.x = (long)((ul)s.x + (ul)s.y))
CASE(ge_subw, "bge", "subw %2, %2, %3", s.a >= s.b,
    s.x = (int32_t)((uint32_t)s.x - (uint32_t)s.y))
CASE(ltu_self, "bltu", "addi %0, %0, 1", (ul)s.a < (ul)s.b,
    s.a = (long)((ul)s.a + 1))
CASE(geu_both, "bgeu", "mv %0, %1\n\tmv %1, %2", (ul)s.a >= (ul)s.b,
    (s.a = s.b, s.b = s.x))
CASE(chain, "blt", "slli %2, %3, 48\n\tsrli %2, %2, 48", s.a < s.b,
    s.x = (uint16_t)s.y)
CASE(twice, "bne", "xori %2, %2, 15\n\txor %2, %2, %0", s.a != s.b,
    s.x ^= 15 ^ s.a)
CASE(swap, "bge", "mv %2, %3\n\tmv %3, %0", s.a >= s.b, (s.x = s.y, s.y = s.a))
CASE(lui, "beq", "lui %2, 0x12345\n\taddiw %2, %2, 0x678", s.a == s.b,
    s.x = 0x12345678)

/* The skipped instruction is jumped to, as well. */
static long into(struct in s)
{
#ifdef __riscv
	__asm__ volatile("bltz %2, 2f\n\t"
			 "beq %0, %1, 1f\n"
			 "2:\taddi %2, %2, 9\n"
			 "1:\tadd %3, %3, %2"
			 : "+r"(s.a), "+r"(s.b), "+r"(s.x), "+r"(s.y));
#else
	if (s.x < 0 || s.a != s.b)
		s.x = (long)((ul)s.x + 9);
	s.y = (long)((ul)s.y + (ul)s.x);
#endif
	return sum(&s);
}

int main(void)
{
	static const long v[] = { 0, 1, -1, 7, INT32_MAX, INT32_MIN, INT64_MAX,
		INT64_MIN };
	static const struct {
		const char *name;
		long (*f)(struct in);
	} row[] = { { "eq_mv", eq_mv }, { "ne_li", ne_li },
		{ "lt_add", lt_add }, { "ge_subw", ge_subw },
		{ "ltu_self", ltu_self }, { "geu_both", geu_both },
		{ "chain", chain }, { "twice", twice }, { "swap", swap },
		{ "lui", lui }, { "into", into } };
	const size_t n = sizeof(v) / sizeof(v[0]);

	for (size_t k = 0; k < sizeof(row) / sizeof(row[0]); k++) {
		ul h = 0;
		for (size_t i = 0; i < n * n * n * n; i++) {
			struct in s = { v[i % n], v[i / n % n],
				v[i / n / n % n], v[i / n / n / n] };
			h = (h ^ (ul)row[k].f(s)) * 0x9e3779b97f4a7c15u;
			h ^= h >> 29;
		}
		printf("%-9s %016lx\n", row[k].name, h);
	}
	return 0;
}
