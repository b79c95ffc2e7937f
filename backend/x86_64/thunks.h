/*
 * thunks.h - the code at the start of a code cache, see thunks.c.
 */
#ifndef X86_THUNKS_H
#define X86_THUNKS_H

#include "translator/backend.h"

int x86_thunks(const struct guest_isa *g, u8 *rw, u64 rx, size_t cap,
    struct backend_thunks *out);

#endif
