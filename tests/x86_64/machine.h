/*
 * machine.h - for tests of the code generator: a made-up guest with pinned
 * and unpinned slots, a vCPU with a code cache, memory with guards, and one
 * region run natively or by the interpreter.
 */
#ifndef TEST_X86_MACHINE_H
#define TEST_X86_MACHINE_H

#include "backend/interp/interp.h"
#include "backend/x86_64/compile.h"

/* Slots: integers 0..15 (pins 0..9 are 0..9), fp 16..31 (12 pinned). */
#define NINT 16
#define NFP 16
#define FP0 16
#define NREGS (NINT + NFP)

/* Guest addresses of the data pages; what surrounds them faults. */
#define DATA 0x10000000u
#define DATA_SIZE (2 * HOST_PAGE)

struct vcpu {
	struct abi_state abi;
	u32 reason; /* of the last exit; LINK is reported as LOOKUP */
	u64 pc, arg;
};

extern const struct guest_isa fake_guest;

/* Everything of one address-space kind. */
struct machine {
	enum as_kind as;
	u8 *code; /* writable and executable */
	size_t code_size;
	struct backend_thunks thunks;
	u8 *data; /* host address of DATA */
	u64 mem_base;
	u8 *call_stack;
	u64 jt_pc; /* of an empty entry of jt */
	i64 jt[ABI_JT_ENTRIES];
	/* the region compiled last */
	struct codegen cg;
	struct x86_features features;
};

struct machine *machine_new(enum as_kind as);
void machine_free(struct machine *m);
/* 0 or what x86_compile said. */
int machine_compile(struct machine *m, const struct ir_region *r, bool no_links,
    bool count, struct arena *arena);
/* Run the compiled region from the state in v. */
void machine_native(struct machine *m, struct vcpu *v);
/* Run r in the interpreter. */
void machine_interp(struct machine *m, struct vcpu *v,
    const struct ir_region *r, struct arena *arena);
/* Write the code to a file for objdump; returns the command. */
const char *machine_dump(struct machine *m, const char *path);

struct rng {
	u64 s;
};

static inline u64 rng_next(struct rng *g)
{
	g->s += 0x9e3779b97f4a7c15ull;
	u64 z = g->s;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline u32 rng_below(struct rng *g, u32 n)
{
	return (u32)((rng_next(g) >> 32) * n >> 32);
}

/* Interesting values of each class. */
u64 rng_int(struct rng *g);
u64 rng_f64(struct rng *g);
u32 rng_f32(struct rng *g);
/* A slot value of either class: boxed singles among the fp ones. */
u64 rng_slot(struct rng *g, unsigned slot);

#endif
