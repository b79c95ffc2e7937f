/*
 * trial.h - one case, one way, in a process of its own; and what follows
 * when the way gives another result than the reference: making the case
 * smaller, and telling the whole story.
 *
 * The process that calls these never runs guest code itself: whatever goes
 * wrong in a child (a crash, an endless loop) is one more verdict.
 */
#ifndef FUZZ_TRIAL_H
#define FUZZ_TRIAL_H

#include "tests/fuzz/machines.h"

/* A way beyond fz_ways: the runner of qemu.h. */
#define FZ_ELSEWHERE (~0u)

enum fz_verdict {
	FZ_SAME,
	FZ_DIFFERS,
	FZ_CRASHED, /* our process died, or the runner failed */
	FZ_HUNG,
	FZ_UNTESTED, /* the reference itself died or hung */
};

struct fz_trial {
	const char *runner;
	u32 way;
	enum fz_verdict verdict;
	int status; /* of the child, as wait gives it */
	u32 diff; /* FZ_DIFF_* */
	struct fz_result want, got;
};

const char *fz_way_name(u32 way);
/* Run t->way and the reference; fills the rest of t. */
void fz_try(struct fz_trial *t, const struct fz_case *c);
/* Make c smaller as long as t's verdict stays the same; t is of the last. */
void fz_shrink(struct fz_trial *t, struct fz_case *c);

/* --- story.c --- */

/* Everything about a trial, to standard output. */
void fz_story(struct fz_trial *t, const struct fz_case *c, struct fz_gen *g);
/* One line: what is left of it. */
void fz_story_line(
    const struct fz_trial *t, const struct fz_case *c, struct fz_gen *g);

#endif
