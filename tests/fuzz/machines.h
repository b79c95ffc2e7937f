/*
 * machines.h - the ways to run a case inside this process: one VM for each
 * row of `fz_ways`, all looking at the same guest memory.
 */
#ifndef FUZZ_MACHINES_H
#define FUZZ_MACHINES_H

#include "runtime/exec/exec.h"
#include "tests/fuzz/case.h"

struct fz_way {
	const char *name;
	enum exec_tier tier;
	enum as_kind as;
	u32 max_insns; /* of a translation block, 0: default */
	bool count, check; /* as in vm_config */
};

/* The first is the reference: one instruction at a time, interpreted. */
extern const struct fz_way fz_ways[];
extern const u32 fz_nways;

/* metic-jitd; NULL: the optimizing tier is left out. Set before all else. */
extern const char *fz_jitd;
/* Can this build and machine run it? */
bool fz_way_works(const struct fz_way *w);

struct fz_machines;

/* NULL: the host refused memory. dump: dump letters of one of them, or NULL. */
struct fz_machines *fz_machines_new(const char *dump, u32 dump_way);
void fz_run(struct fz_machines *m, u32 way, const struct fz_case *c,
    struct fz_result *out);
/* Counters of a VM. */
const struct vm_stats *fz_stats(const struct fz_machines *m, u32 way);

/*
 * What differs between two results: 0 nothing, else FZ_DIFF_* bits. `full`
 * also compares what only metic has (reservation, arguments of exits).
 */
enum {
	FZ_DIFF_EXIT = 1,
	FZ_DIFF_REGS = 2,
	FZ_DIFF_FFLAGS = 4,
	FZ_DIFF_FRM = 8,
	FZ_DIFF_DATA = 16,
};
u32 fz_compare(
    const struct fz_result *want, const struct fz_result *got, bool full);

#endif
