/* keeps_fp.h - see keeps_fp.c. */
#ifndef X86_KEEPS_FP_H
#define X86_KEEPS_FP_H

#include "runtime/base/types.h"

/*
 * Does a call of code + entry leave all fp registers alone, whatever way it
 * takes? Its code is to lie in the n bytes at `code`; false if that cannot be
 * seen.
 */
bool x86_keeps_fp(const u8 *code, size_t n, size_t entry);

#endif
