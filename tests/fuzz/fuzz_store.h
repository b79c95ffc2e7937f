/*
 * fuzz_store.h - inside fuzz_store: guest code that is run from containers.
 */
#ifndef FUZZ_FUZZ_STORE_H
#define FUZZ_FUZZ_STORE_H

#include "runtime/exec/persist.h"
#include "tests/fuzz/store_damage.h"

/*
 * A program of a few pages of guest code in a file, and what it must compute.
 */
struct st_guest {
	int fd;
	size_t size;
	u64 want; /* its result, by the interpreter */
};

struct st_result {
	u64 value;
	u64 hits, misses, blocks; /* taken from the container, made here */
	bool ended; /* at its end, and not elsewhere */
};

/* Make the program and find out what is right; false: it cannot be. */
bool st_guest_init(struct st_guest *s);
/*
 * Run it once with translations from the folder `dir` (NULL: none are kept,
 * all is interpreted), mapped anywhere or, with `low`, below 2 GiB. `cut`:
 * the container `path` loses all behind so many bytes once it is open; -1: it
 * does not. What is new is saved.
 */
bool st_guest_run(const struct st_guest *s, const char *dir, bool low,
    const char *path, long cut, struct st_result *r);

#endif
