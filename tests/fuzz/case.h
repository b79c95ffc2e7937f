/*
 * case.h - one case of the instruction fuzzer: a sequence of instructions,
 * the state it starts from, and what a run of it gives.
 *
 * The guest's memory, the same for every way to run a case:
 *
 *   FZ_CODE       FZ_SLOTS slots of FZ_SLOT bytes, readable, executable; a
 *                 case lies at the start of its slot, the rest of the slot
 *                 is filled with c.ebreak
 *   FZ_DATA       one page read and written, below it nothing,
 *   FZ_DATA_RO    behind it one page of zeros that cannot be written, then
 *                 nothing again
 *
 * A run ends with the first thing that is not an instruction's ordinary
 * work; usually that is the c.ebreak behind the sequence.
 */
#ifndef FUZZ_CASE_H
#define FUZZ_CASE_H

#include "frontend/riscv/lift.h"
#include "tests/fuzz/fuzz.h"

extern const struct guest_isa guest_riscv64;

/* Away from powers of two, which random registers often hold. */
#define FZ_CODE 0x71000000u
#define FZ_SLOT 256u
#define FZ_SLOTS 512u
#define FZ_CODE_SIZE (FZ_SLOT * FZ_SLOTS)
#define FZ_DATA 0x72345000u
#define FZ_DATA_SIZE HOST_PAGE
#define FZ_DATA_RO (FZ_DATA + FZ_DATA_SIZE)

#define FZ_INSNS 56 /* at most, in a sequence */
#define FZ_NOP 0x00000013u
#define FZ_C_NOP 0x0001u
#define FZ_C_EBREAK 0x9002u

struct fz_state {
	u64 slot[ABI_NSLOTS]; /* guest registers, as in abi_state */
	u32 fflags, frm;
	u8 data[FZ_DATA_SIZE];
};

struct fz_case {
	u64 seed, index;
	u32 variant; /* of the state that it starts from */
	gva_t pc; /* of its first instruction */
	u32 n; /* instructions */
	u8 at[FZ_INSNS]; /* offset of each */
	u8 len; /* bytes of all of them */
	u8 code[FZ_SLOT]; /* the whole slot */
	struct fz_state in;
};

/* What a run gives. */
struct fz_result {
	u32 reason; /* EXIT_* */
	u64 arg;
	gva_t pc, fault;
	struct fz_state out;
};

/* --- gen.c --- */

struct fz_gen;

/* NULL: no memory or no decoder. */
struct fz_gen *fz_gen_new(void);
void fz_gen_free(struct fz_gen *g);
/*
 * Make case `index` of `seed`; the same arguments give the same case. With
 * `plain`, without what known.def says that QEMU gets wrong.
 */
void fz_generate(
    struct fz_gen *g, u64 seed, u64 index, bool plain, struct fz_case *c);
/*
 * Give the case that was made last another state to start from, its
 * `variant`-th (1, 2, ...); as before if that would not come to an end.
 */
void fz_vary(struct fz_gen *g, u32 variant, struct fz_case *c);
/* How often each row of the instruction table has been executed. */
const u64 *fz_gen_executed(const struct fz_gen *g);
void *fz_gen_decoder(struct fz_gen *g);

/* True if row `id` is one that can be part of a sequence. */
bool fz_row_used(const struct fz_gen *g, u32 id);

#endif
