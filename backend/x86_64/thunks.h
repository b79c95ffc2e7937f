/*
 * thunks.h - the code at the start of a code cache, see thunks.c.
 */
#ifndef X86_THUNKS_H
#define X86_THUNKS_H

#include "backend/x86_64/asm.h"
#include "translator/backend.h"

/* Flags: equal, if rcx is the code of the guest pc in rax; rdx = the table. */
void x86_probe(struct asm_buf *b);
int x86_thunks(const struct guest_isa *g, u8 *rw, u64 rx, size_t cap,
    struct backend_thunks *out);

#endif
