/*
 * arena.h - memory that is dropped whole: one arena per translation.
 *
 * Allocation is a pointer bump inside chunks; nothing is freed singly.
 * arena_reset keeps the first chunk for the next translation.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "runtime/base/types.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *first, *cur;
	size_t used; /* bytes of cur in use */
	size_t size; /* of all chunks */
};

/* An empty arena owns nothing; the first allocation makes a chunk. */
void arena_init(struct arena *a);
/* Drop all allocations, keep the first chunk. */
void arena_reset(struct arena *a);
/* Return everything to the host. */
void arena_free(struct arena *a);
/* `n` zeroed bytes, aligned to 16, or NULL when the host is out of memory. */
void *arena_alloc(struct arena *a, size_t n);

#define arena_new(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))

#endif
