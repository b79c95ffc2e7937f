/*
 * strict_arena.c - runtime/base/arena.h for the fuzzers: each allocation is a
 * malloc of its own size, so that the sanitizer sees who passes its end.
 */
#include <stdlib.h>

#include "runtime/base/arena.h"

struct arena_chunk {
	struct arena_chunk *next;
	_Alignas(16) u8 data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
	while (a->first) {
		struct arena_chunk *next = a->first->next;
		free(a->first);
		a->first = next;
	}
}

void arena_free(struct arena *a)
{
	arena_reset(a);
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = calloc(1, sizeof(*c) + n);

	if (!c)
		return NULL;
	c->next = a->first;
	a->first = c;
	return c->data;
}
