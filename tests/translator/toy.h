/*
 * toy.h - for tests of the translator: a guest with eight integer and four
 * fp registers and one helper, and a vCPU for it or any other guest with a
 * small memory that faults at some addresses.
 */
#ifndef TEST_TOY_H
#define TEST_TOY_H

#include "backend/interp/interp.h"

#define TOY_NREGS 12
#define TOY_MEM 4096

extern const struct guest_isa toy_guest;
extern const struct interp_mem toy_mem;

struct vcpu {
	struct abi_state abi;
	u8 mem[TOY_MEM]; /* address a is mem[a % TOY_MEM] */
	u64 log; /* hash of all accesses in their order */
	bool faults; /* one address in sixteen faults */
};

struct rng {
	u64 s;
};

static inline u64 rng_next(struct rng *g)
{
	g->s ^= g->s << 13;
	g->s ^= g->s >> 7;
	g->s ^= g->s << 17;
	return g->s * 0x2545f4914f6cdd1dull;
}

/* A fresh vCPU whose registers and memory come from seed. */
void toy_reset(struct vcpu *v, const struct guest_isa *g, u64 seed);
struct interp_result toy_run(
    struct vcpu *v, const struct guest_isa *g, const struct ir_region *r);
/* The region as text, in r's arena. */
char *toy_text(const struct guest_isa *g, const struct ir_region *r);
/* Run both from the same state: NULL, or what differs (static text). */
const char *toy_compare(const struct guest_isa *g, const struct ir_region *a,
    const struct ir_region *b, u64 seed);

#endif
