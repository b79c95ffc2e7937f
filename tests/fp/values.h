/*
 * values.h - operands: edge values, and random ones near where something
 * happens.
 */
#ifndef TEST_FP_VALUES_H
#define TEST_FP_VALUES_H

#include "tests/fp/oracle.h"

struct fp_rng {
	u64 s;
};

static inline u64 fp_next(struct fp_rng *g)
{
	g->s += 0x9e3779b97f4a7c15ull;
	u64 z = g->s;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline u32 fp_below(struct fp_rng *g, u32 n)
{
	return (u32)((fp_next(g) >> 32) * n >> 32);
}

/* Edge values of a type, as register contents. */
u32 fp_nedges(u8 type);
u64 fp_edge(u8 type, u32 k);

/*
 * Operands for the instruction into in[]: of the cross product of edges the
 * nth, for n below fp_ncross, else random.
 */
u64 fp_ncross(const struct fp_insn *i);
void fp_operands(struct fp_rng *g, const struct fp_insn *i, u64 n, u64 in[3]);

#endif
