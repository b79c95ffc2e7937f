/*
 * unit_damage.h - objects of metic-jitd, damaged so that most of them still
 * look like one.
 */
#ifndef FUZZ_UNIT_DAMAGE_H
#define FUZZ_UNIT_DAMAGE_H

#include "tests/fuzz/fuzz.h"

/*
 * Damage the n bytes at `object`, which is a good one; the new size, at most
 * n, is returned. The bytes are aligned to 8.
 */
size_t unit_damage(struct fz_rng *g, u8 *object, size_t n);

#endif
