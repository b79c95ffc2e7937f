/*
 * profile.h - samples of what a process does, and adding them up.
 *
 * A sample is taken in a signal handler on the thread that it is about, after
 * each bit of CPU time that the thread used. It says where the thread was
 * (LOOK_IN_*) and, from the call stack that generated code returns by
 * (translator/abi.h), which guest functions had called each other. That stack
 * needs no frame pointers; it does not have frames of before a flush, and may
 * still have those that a longjmp left behind.
 */
#ifndef LOOK_PROFILE_H
#define LOOK_PROFILE_H

#include "runtime/exec/internal.h"

struct profile;

enum look_where {
	LOOK_IN_BASELINE, /* code of that tier */
	LOOK_IN_OPTIMIZED,
	LOOK_IN_INTERP,
	LOOK_IN_TRANSLATE, /* making code, or taking it from the store */
	LOOK_IN_SYSCALL, /* in the host's kernel and on the way to it */
	LOOK_IN_METIC, /* helpers, lookups, signals, all that is left */
	LOOK_WHERES
};

#define PROFILE_DEPTH 64 /* the innermost frames that a sample has */

/* Samples that are alike, added up. */
struct profile_entry {
	u64 weight; /* ticks of PROFILE_NS */
	u32 next; /* in its chain; 0: the last */
	u8 where; /* LOOK_IN_* */
	u8 cut; /* there were more frames */
	u16 depth;
	u32 syscall; /* LOOK_IN_SYSCALL: its number */
	u32 unused;
	gva_t pc[]; /* innermost first: a block's start, then calls */
};

#define PROFILE_NS 1000000u /* CPU time between two samples */

int profile_open(struct profile **out);
void profile_free(struct profile *p);
/* In a forked child, which begins with nothing. */
void profile_forked(struct profile *p);
/* While stopped, no samples are added: the entries may be read. */
void profile_stop(struct profile *p, bool stopped);
/* Forget what was sampled. */
void profile_clear(struct profile *p);
/*
 * Take a sample of v, which is the calling thread's. In a signal handler, uc
 * is its context. `weight` ticks have passed; syscall: the number of the call
 * that v is in, should it be in one.
 */
void profile_sample(struct vcpu *v, const void *uc, u32 weight, u32 syscall);
/* The next entry after e (NULL: the first), or NULL. */
const struct profile_entry *profile_next(
    const struct profile *p, const struct profile_entry *e);
/* Add the time of all entries to the VM's stats. */
void profile_sum(const struct profile *p, struct vm_stats *s);
/* Ticks that did not fit. */
u64 profile_lost(const struct profile *p);

#endif
