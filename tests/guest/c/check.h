/*
 * check.h - what guest test programs share.
 *
 * A guest program prints only what must be the same on every correct
 * machine: it is built and run natively, too, and the two outputs are
 * compared. CHECK prints a fact and whether it holds.
 */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(fact) \
	printf("%-4s %s:%d %s\n", (fact) ? "ok" : "BAD", __FILE_NAME__, \
	    __LINE__, #fact)

/* For set-up that must work: ends the program when it does not. */
#define NEED(fact) \
	do { \
		if (!(fact)) { \
			printf("cannot go on: %s (%s)\n", #fact, \
			    strerror(errno)); \
			exit(99); \
		} \
	} while (0)

#ifndef __FILE_NAME__
#define __FILE_NAME__ "line"
#endif

/* A fixed pseudo-random sequence (xorshift64). */
static inline uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Fold v into the running hash h (FNV-1a over its bytes). */
static inline uint64_t fold(uint64_t h, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		h = (h ^ (v & 255)) * 0x100000001b3;
	return h;
}

#endif
