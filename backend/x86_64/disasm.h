/* disasm.h - generated code as text, for people; see translator/backend.h. */
#ifndef X86_DISASM_H
#define X86_DISASM_H

#include "translator/backend.h"

bool x86_disassemble(const struct guest_isa *g, const u8 *code, size_t n,
    u64 rx, disasm_fn line, void *ctx);
const char *x86_pin_name(const struct guest_reg *r, char *buf, size_t n);

#endif
