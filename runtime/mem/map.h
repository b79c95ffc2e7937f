/*
 * map.h - what is mapped where in the guest, as the guest sees it.
 *
 * The list of guest mappings with the protection that the *guest* asked
 * for; the host mapping differs (guest code is never executable for the
 * host). It answers: may code be fetched here, which lines does
 * /proc/self/maps have, which range is free. Ranges are page-aligned, sorted
 * and do not overlap; neighbours with equal attributes are merged.
 * All functions are thread-safe.
 */
#ifndef RUNTIME_MAP_H
#define RUNTIME_MAP_H

#include <pthread.h>

#include "runtime/base/types.h"

enum { MAP_PROT_R = 1, MAP_PROT_W = 2, MAP_PROT_X = 4 }; /* = PROT_* */

struct map_range {
	gva_t start, end;
	u8 prot; /* MAP_PROT_* */
	bool shared;
	bool was_writable; /* since it was mapped: its code may change */
	bool grows; /* downwards, when it is touched there */
	u64 offset; /* in the file */
	u64 dev, ino; /* 0: anonymous */
	u64 mount; /* through which the file was opened; 0: not known */
	const char *name; /* interned in the map; NULL: none, see mapped.h */
};

struct mem_map {
	pthread_rwlock_t lock;
	struct map_range *range;
	size_t n, cap;
	char **names; /* interned strings */
	size_t nnames;
};

int map_init(struct mem_map *m);
void map_free(struct mem_map *m);
/* Record r (its name is copied), replacing whatever was there. */
int map_set(struct mem_map *m, const struct map_range *r);
/* Forget [start, end). */
int map_clear(struct mem_map *m, gva_t start, gva_t end);
/* Change the protection of what is mapped in [start, end). */
int map_protect(struct mem_map *m, gva_t start, gva_t end, u8 prot);
/* Copy the range that holds `a`; false when nothing is mapped there. */
bool map_find(struct mem_map *m, gva_t a, struct map_range *out);
/* The first range that ends after `a`; false when there is none. */
bool map_next(struct mem_map *m, gva_t a, struct map_range *out);
/*
 * The same for a run of ranges without a hole, whatever their attributes:
 * only start and end of *out are set. It need not go on behind `end`.
 */
bool map_next_run(struct mem_map *m, gva_t a, gva_t end, struct map_range *out);
/* The bytes mapped in [start, end), and those private and writable. */
void map_measure(
    struct mem_map *m, gva_t start, gva_t end, u64 *all, u64 *data);
/* True when all of [start, end) is mapped with at least `prot`. */
bool map_covers(struct mem_map *m, gva_t start, gva_t end, u8 prot);

#endif
