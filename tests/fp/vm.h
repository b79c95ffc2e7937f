/*
 * vm.h - running many cases of one instruction inside a guest: loops in
 * machine code over an array of records.
 */
#ifndef TEST_FP_VM_H
#define TEST_FP_VM_H

#include "runtime/api/metic.h"
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
	u8 group; /* instructions between two looks at the flags: 1 or 2 */
	bool same; /* the first two operands are one register */
	bool singles; /* operands are loaded with flw, their boxes are good */
	bool split; /* loads and instruction are in two blocks */
};

struct fp_vm;

/* NULL: no such tier here. check: lock step. */
struct fp_vm *fp_vm_new(enum metic_tier tier, bool check);
void fp_vm_free(struct fp_vm *vm);
/* Make the loops for an instruction: all variants, all rounding modes. */
bool fp_vm_prepare(struct fp_vm *vm, const struct fp_insn *i, struct fp_rng *g);
const struct fp_variant *fp_vm_variant(const struct fp_vm *vm, u32 variant);
/*
 * Run n records, a multiple of FP_ROUND, with rounding mode field rm and
 * frm. False: it did not end as it should, *why says how.
 */
bool fp_vm_run(struct fp_vm *vm, u32 variant, u32 rm, u32 frm,
    struct fp_record *rec, u32 n, struct metic_exit *why);

#endif
