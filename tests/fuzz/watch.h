/*
 * watch.h - fuzzers whose cases may crash or hang: a worker process runs
 * them, the fuzzer itself watches it and says at which case it ended.
 */
#ifndef FUZZ_WATCH_H
#define FUZZ_WATCH_H

#include "tests/fuzz/fuzz.h"

#define FZ_COUNTS 8

/* Memory of both processes. */
struct fz_watch {
	_Atomic u64 index; /* of the case under way */
	_Atomic u64 done;
	u64 count[FZ_COUNTS]; /* the worker's, for the summary */
	char bad[1024]; /* what is wrong with that case */
};

struct fz_cases {
	/* Names of what is counted, for the summary. */
	const char *counts[FZ_COUNTS];
	/* In the worker: what all its cases share; NULL: it cannot be. */
	void *(*start)(struct fz_watch *w);
	/* One case; what is wrong goes to w->bad. */
	void (*run)(void *ctx, struct fz_watch *w, struct fz_rng *g);
	void (*end)(void *ctx);
};

/*
 * A fuzzer's main: the common options and --first N, the number of the first
 * case. A case that takes two minutes hangs.
 */
int fz_watch_main(int argc, char **argv, const struct fz_cases *c);

#endif
