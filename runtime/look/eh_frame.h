/*
 * eh_frame.h - where functions are, from the unwind tables that also stripped
 * files have (.eh_frame; LSB core, section 10.6).
 */
#ifndef LOOK_EH_FRAME_H
#define LOOK_EH_FRAME_H

#include "runtime/base/types.h"

/*
 * Call `each` for every function in the n bytes of .eh_frame at p, which
 * belong at virtual address addr. Stops where the table makes no sense.
 */
void eh_frame_walk(const u8 *p, u64 n, u64 addr,
    void (*each)(void *ctx, u64 start, u64 size), void *ctx);

#endif
