/* arena.c - see arena.h. */
#include "runtime/base/arena.h"

#include "runtime/base/pages.h"

#include <stdlib.h>

#define CHUNK_SIZE ((size_t)64 << 10)
/* Whoever has used this much goes on: what comes next is asked for at once. */
#define AHEAD_FROM ((size_t)512 << 10)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	_Alignas(16) u8 data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
	if (!a->first)
		return;
	struct arena_chunk *c = a->first->next;
	while (c) {
		struct arena_chunk *next = c->next;
		free(c);
		c = next;
	}
	a->first->next = NULL;
	a->size = a->first->size;
	a->cur = a->first;
	a->used = 0;
}

void arena_free(struct arena *a)
{
	arena_reset(a);
	free(a->first);
	arena_init(a);
}

void *arena_alloc(struct arena *a, size_t n)
{
	n = ALIGN_UP(n, 16);
	if (!a->cur || a->cur->size - a->used < n) {
		size_t size = MAX(n, CHUNK_SIZE);
		struct arena_chunk *c = malloc(sizeof(*c) + size);
		if (!c)
			return NULL;
		c->next = NULL;
		c->size = size;
		if (a->cur)
			a->cur->next = c;
		else
			a->first = c;
		a->size += size;
		if (a->size > AHEAD_FROM)
			pages_ahead(c, sizeof(*c) + size, true);
		a->cur = c;
		a->used = 0;
	}
	void *p = a->cur->data + a->used;
	a->used += n;
	return memset(p, 0, n);
}
