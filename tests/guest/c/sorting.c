/* sorting.c - qsort, bsearch, and a hash table: ordinary C library work. */
#include <search.h>

#include "check.h"

enum { N = 30000 };

struct record {
	uint64_t key;
	char name[24];
	double weight;
};

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct record *)a)->key;
	uint64_t y = ((const struct record *)b)->key;

	return x < y ? -1 : x > y;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct record *)a)->name, ((const struct record *)b)->name);
}

static int by_weight(const void *a, const void *b)
{
	double x = ((const struct record *)a)->weight;
	double y = ((const struct record *)b)->weight;

	return x < y ? -1 : x > y;
}

static void show(const char *what, const struct record *r)
{
	uint64_t h = 0;

	for (int i = 0; i < N; i++)
		h = fold(h, r[i].key);
	printf("%s %016llx, first %s %.6f\n", what, (unsigned long long)h,
	    r[0].name, r[0].weight);
}

int main(void)
{
	struct record *r = calloc(N, sizeof(*r)), want, *got;
	uint64_t x = 12345;
	unsigned found = 0;

	for (int i = 0; i < N; i++) {
		r[i].key = next_random(&x);
		snprintf(r[i].name, sizeof(r[i].name), "%llx-%d",
		    (unsigned long long)(r[i].key * 31), i % 100);
		r[i].weight = (double)(int64_t)r[i].key / 3e9;
	}
	qsort(r, N, sizeof(*r), by_name);
	show("names", r);
	qsort(r, N, sizeof(*r), by_weight);
	show("weights", r);
	qsort(r, N, sizeof(*r), by_key);
	show("keys", r);
	x = 12345;
	for (int i = 0; i < N; i++) {
		want.key = next_random(&x) + (i & 1);
		got = bsearch(&want, r, N, sizeof(*r), by_key);
		found += got && got->key == want.key;
	}
	printf("found %u\n", found);
	free(r);
	return 0;
}
