/*
 * map.c - the guest's list of mappings: a sorted array of ranges.
 *
 * Invariant: range[i].end <= range[i + 1].start, start < end, page-aligned.
 * Every change is "cut the hole, then fill it": carve() makes [start, end)
 * fall on range borders, so set, clear and protect work on whole entries.
 */
#include "runtime/mem/map.h"

#include <stdlib.h>

int map_init(struct mem_map *m)
{
	memset(m, 0, sizeof(*m));
	return -pthread_rwlock_init(&m->lock, NULL);
}

void map_free(struct mem_map *m)
{
	for (size_t i = 0; i < m->nnames; i++)
		free(m->names[i]);
	free(m->names);
	free(m->range);
	pthread_rwlock_destroy(&m->lock);
}

/* Index of the first range that ends after `a`. */
static size_t lower(const struct mem_map *m, gva_t a)
{
	size_t lo = 0, hi = m->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (m->range[mid].end <= a)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Room for k more ranges. */
static int grow(struct mem_map *m, size_t k)
{
	if (m->n + k <= m->cap)
		return 0;
	size_t cap = MAX(m->cap * 2, m->n + k + 64);
	struct map_range *r = realloc(m->range, cap * sizeof(*r));
	if (!r)
		return -ENOMEM;
	m->range = r;
	m->cap = cap;
	return 0;
}

static void insert_at(struct mem_map *m, size_t i, const struct map_range *r)
{
	memmove(m->range + i + 1, m->range + i, (m->n - i) * sizeof(*r));
	m->range[i] = *r;
	m->n++;
}

/* If a range straddles `a`, cut it in two there. Needs room for one. */
static void split(struct mem_map *m, gva_t a)
{
	size_t i = lower(m, a);
	if (i == m->n || m->range[i].start >= a)
		return;
	struct map_range tail = m->range[i];
	tail.offset += a - tail.start;
	tail.start = a;
	m->range[i].end = a;
	insert_at(m, i + 1, &tail);
}

/* Make start and end range borders; the ranges between are [*i, *j). */
static int carve(
    struct mem_map *m, gva_t start, gva_t end, size_t *i, size_t *j)
{
	int err = grow(m, 3);
	if (err)
		return err;
	split(m, start);
	split(m, end);
	*i = lower(m, start);
	*j = lower(m, end);
	/* lower(end) is the first range ending after `end`: starts >= end */
	return 0;
}

static void erase(struct mem_map *m, size_t i, size_t j)
{
	memmove(m->range + i, m->range + j, (m->n - j) * sizeof(*m->range));
	m->n -= j - i;
}

static const char *intern(struct mem_map *m, const char *name)
{
	if (!name)
		return NULL;
	for (size_t i = m->nnames; i-- > 0;)
		if (!strcmp(m->names[i], name))
			return m->names[i];
	char **list = realloc(m->names, (m->nnames + 1) * sizeof(*list));
	if (!list)
		return NULL;
	m->names = list;
	char *copy = strdup(name);
	if (copy)
		list[m->nnames++] = copy;
	return copy;
}

static bool mergeable(const struct map_range *a, const struct map_range *b)
{
	return a->end == b->start && a->prot == b->prot &&
	    a->shared == b->shared && a->was_writable == b->was_writable &&
	    a->grows == b->grows && a->mount == b->mount && a->dev == b->dev &&
	    a->ino == b->ino && a->name == b->name &&
	    (!a->ino || a->offset + (a->end - a->start) == b->offset);
}

/* Merge equal neighbours around [i, j]. */
static void merge(struct mem_map *m, size_t i, size_t j)
{
	if (i > 0)
		i--;
	for (size_t k = MIN(j + 1, m->n); k-- > i;) {
		if (k + 1 < m->n && mergeable(&m->range[k], &m->range[k + 1])) {
			m->range[k].end = m->range[k + 1].end;
			erase(m, k + 1, k + 2);
		}
	}
}

int map_set(struct mem_map *m, const struct map_range *r)
{
	size_t i, j;
	if (r->start >= r->end)
		return -EINVAL;
	pthread_rwlock_wrlock(&m->lock);
	int err = carve(m, r->start, r->end, &i, &j);
	if (!err) {
		struct map_range n = *r;
		n.name = intern(m, r->name);
		n.was_writable |= (n.prot & MAP_PROT_W) != 0;
		erase(m, i, j);
		insert_at(m, i, &n);
		merge(m, i, i);
	}
	pthread_rwlock_unlock(&m->lock);
	return err;
}

int map_clear(struct mem_map *m, gva_t start, gva_t end)
{
	size_t i, j;
	if (start >= end)
		return -EINVAL;
	pthread_rwlock_wrlock(&m->lock);
	int err = carve(m, start, end, &i, &j);
	if (!err)
		erase(m, i, j);
	pthread_rwlock_unlock(&m->lock);
	return err;
}

int map_protect(struct mem_map *m, gva_t start, gva_t end, u8 prot)
{
	size_t i, j;
	if (start >= end)
		return -EINVAL;
	pthread_rwlock_wrlock(&m->lock);
	int err = carve(m, start, end, &i, &j);
	if (!err) {
		for (size_t k = i; k < j; k++) {
			m->range[k].prot = prot;
			if (prot & MAP_PROT_W)
				m->range[k].was_writable = true;
		}
		merge(m, i, j);
	}
	pthread_rwlock_unlock(&m->lock);
	return err;
}

bool map_next(struct mem_map *m, gva_t a, struct map_range *out)
{
	pthread_rwlock_rdlock(&m->lock);
	size_t i = lower(m, a);
	bool found = i < m->n;
	if (found)
		*out = m->range[i];
	pthread_rwlock_unlock(&m->lock);
	return found;
}

bool map_next_run(struct mem_map *m, gva_t a, gva_t end, struct map_range *out)
{
	pthread_rwlock_rdlock(&m->lock);
	size_t i = lower(m, a);
	bool found = i < m->n;
	if (found) {
		out->start = m->range[i].start;
		while (m->range[i].end < end && i + 1 < m->n &&
		    m->range[i + 1].start == m->range[i].end)
			i++;
		out->end = m->range[i].end;
	}
	pthread_rwlock_unlock(&m->lock);
	return found;
}

bool map_find(struct mem_map *m, gva_t a, struct map_range *out)
{
	return map_next(m, a, out) && out->start <= a;
}

bool map_covers(struct mem_map *m, gva_t start, gva_t end, u8 prot)
{
	pthread_rwlock_rdlock(&m->lock);
	for (size_t i = lower(m, start); start < end && i < m->n; i++) {
		const struct map_range *r = &m->range[i];
		if (r->start > start || (r->prot & prot) != prot)
			break;
		start = r->end;
	}
	pthread_rwlock_unlock(&m->lock);
	return start >= end;
}

void map_measure(struct mem_map *m, gva_t start, gva_t end, u64 *all, u64 *data)
{
	*all = *data = 0;
	pthread_rwlock_rdlock(&m->lock);
	for (size_t i = lower(m, start); i < m->n; i++) {
		const struct map_range *r = &m->range[i];
		if (r->start >= end)
			break;
		u64 n = MIN(r->end, end) - MAX(r->start, start);
		*all += n;
		if (!r->shared && (r->prot & MAP_PROT_W))
			*data += n;
	}
	pthread_rwlock_unlock(&m->lock);
}
