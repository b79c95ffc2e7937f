/*
 * vm.h - running many cases of one instruction inside a guest: loops in
 * machine code over an array of records.
 *
 * In the optimizing tier the instruction stands in an inner loop, which is
 * made a unit before it is first run. What the tier has no code for would be
 * run by the baseline unseen: fp_vm_ready says so.
 */
#ifndef TEST_FP_VM_H
#define TEST_FP_VM_H

#include "runtime/exec/exec.h"
#include "tests/fp/values.h"

/* As the guest sees it. */
struct fp_record {
	u64 in[3];
	u64 flags; /* fflags before */
	u64 out, out_flags;
};

#define FP_BATCH 2048u /* records at most */
#define FP_ROUND 4u /* of them in one round of a loop */
#define FP_VARIANTS 8u

/* How a loop does it: registers differ, and what is around the instruction. */
struct fp_variant {
	u8 f[2][4]; /* f-registers of operands and result; the result last */
	u8 group; /* instructions one behind the other: 1 or 2 */
	u8 share; /* records between two looks at the flags, at most FP_ROUND */
	bool same; /* the first two operands are one register */
	bool singles; /* operands are loaded with flw, their boxes are good */
	bool split; /* loads and instruction are in two blocks */
};

/* Which VM: as the members of struct vm_config. */
struct fp_how {
	enum exec_tier tier;
	bool check;
	const char *jitd; /* TIER_OPTIMIZING */
};

struct fp_vm;

/* NULL: no such tier here. */
struct fp_vm *fp_vm_new(const struct fp_how *how);
void fp_vm_free(struct fp_vm *vm);
/* Make the loops for an instruction: all variants, all rounding modes. */
void fp_vm_prepare(struct fp_vm *vm, const struct fp_insn *i, struct fp_rng *g);
const struct fp_variant *fp_vm_variant(const struct fp_vm *vm, u32 variant);
/*
 * Will the tier that was asked for run this loop? After a run: did it run all
 * of it?
 */
bool fp_vm_ready(struct fp_vm *vm, u32 variant, u32 rm);
/*
 * Run n records, a multiple of FP_ROUND, with rounding mode field rm and
 * frm. The first record of each `share` has the flags. False: it did not end
 * as it should, *why and *pc say how.
 */
bool fp_vm_run(struct fp_vm *vm, u32 variant, u32 rm, u32 frm,
    struct fp_record *rec, u32 n, const char **why, gva_t *pc);
/* Units made so far. */
u64 fp_vm_units(const struct fp_vm *vm);

#endif
