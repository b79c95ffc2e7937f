/* heap.c - a storm of malloc, calloc, realloc and free, contents checked. */
#include <malloc.h>
#include <pthread.h>

#include "check.h"

enum { N = 500, ROUNDS = 30000 };

struct block {
	unsigned char *p;
	size_t n;
	unsigned char tag;
};

static unsigned wrong(const struct block *b)
{
	return b->n &&
	    (b->p[0] != b->tag || b->p[b->n / 2] != b->tag ||
		b->p[b->n - 1] != b->tag);
}

static size_t some_size(uint64_t r)
{
	size_t n = r % 300;

	if (r % 41 == 0)
		n = r % 20000;
	if (r % 1009 == 0)
		n = r % 700000;
	return n + 1;
}

static void *storm(void *arg)
{
	struct block *b = calloc(N, sizeof(*b));
	uint64_t x = (uint64_t)(uintptr_t)arg;
	uintptr_t bad = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t r = next_random(&x);
		struct block *k = &b[r % N];

		r >>= 16;
		bad += wrong(k);
		if (r % 7 == 0) {
			free(k->p);
			k->p = NULL;
			k->n = 0;
			continue;
		}
		k->n = some_size(r >> 3);
		if (r % 7 == 1) {
			free(k->p);
			k->p = calloc(1, k->n);
			bad += k->p[0] || k->p[k->n - 1];
		} else if (r % 7 == 2) {
			free(k->p);
			k->p = memalign(256, k->n);
			bad += (uintptr_t)k->p % 256 != 0;
		} else {
			k->p = realloc(k->p, k->n);
		}
		k->tag = (unsigned char)r;
		memset(k->p, k->tag, k->n);
	}
	for (int i = 0; i < N; i++)
		free(b[i].p);
	free(b);
	return (void *)bad;
}

int main(void)
{
	pthread_t t[2];
	void *r;

	CHECK(storm((void *)1) == NULL);
	for (uintptr_t i = 0; i < 2; i++)
		NEED(!pthread_create(&t[i], NULL, storm, (void *)(i + 7)));
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &r);
		CHECK(r == NULL);
	}
	return 0;
}
