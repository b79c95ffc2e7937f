/*
 * store_damage.h - damage to containers of translations (runtime/store).
 */
#ifndef FUZZ_STORE_DAMAGE_H
#define FUZZ_STORE_DAMAGE_H

#include "runtime/store/container.h"
#include "tests/fuzz/fuzz.h"

/* A container's bytes, in memory of `cap` bytes. */
struct st_image {
	u8 *bytes;
	u64 size, cap;
};

/*
 * Change something, as a bad disk, a crash or a bug would: no checksum is
 * made to fit. `other` is another container to take bytes from.
 */
void st_damage(
    struct fz_rng *g, struct st_image *im, const struct st_image *other);
/*
 * Change numbers in the heads, rows or payloads and make all checksums
 * right: what a reader then believes must still not lead it astray.
 */
void st_forge(struct fz_rng *g, struct st_image *im);

#endif
