/*
 * fuzz.h - what all fuzzers here share: random numbers that are the same on
 * every machine, and the command line --seed --cases --seconds.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/base/types.h"

struct fz_rng {
	u64 s;
};

/* splitmix64: any seed is good, also 0, 1, 2, ... */
static inline u64 fz_next(struct fz_rng *g)
{
	u64 z = g->s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline u32 fz_below(struct fz_rng *g, u32 n)
{
	return (u32)((fz_next(g) >> 32) * n >> 32);
}

/* True once in n times. */
static inline bool fz_once_in(struct fz_rng *g, u32 n)
{
	return fz_below(g, n) == 0;
}

static inline double fz_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct fz_opts {
	u64 seed; /* 1 unless given */
	u64 cases; /* 0: no limit */
	double seconds; /* 0: no limit */
};

/*
 * Take argv[*i] (and its value) if it is one of the common options; false
 * if it is not. A bad value ends the program.
 */
static inline bool fz_option(
    struct fz_opts *o, int argc, char *const *argv, int *i)
{
	static const char *const names[] = { "--seed", "--cases", "--seconds" };
	char *end;

	for (unsigned k = 0; k < ARRAY_LEN(names); k++) {
		if (strcmp(argv[*i], names[k]) != 0)
			continue;
		const char *text = *i + 1 < argc ? argv[++*i] : "";
		double v = strtod(text, &end);
		if (!*text || *end || v < 0) {
			fprintf(stderr, "%s wants a number\n", names[k]);
			exit(2);
		}
		if (k == 0)
			o->seed = strtoull(text, NULL, 0);
		else if (k == 1)
			o->cases = (u64)v;
		else
			o->seconds = v;
		return true;
	}
	return false;
}

/* May another case follow, `done` cases after the start at `t0`? */
static inline bool fz_more(const struct fz_opts *o, u64 done, double t0)
{
	return (!o->cases || done < o->cases) &&
	    (!o->seconds || fz_now() - t0 < o->seconds);
}

#endif
