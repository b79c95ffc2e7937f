/*
 * selftest.h - does the compiling process make right code? A unit that needs
 * no guest is compiled, run aside, and compared with the interpreter, before
 * any of the guest's units is trusted to it.
 */
#ifndef RUNTIME_SELFTEST_H
#define RUNTIME_SELFTEST_H

#include "runtime/exec/internal.h"

#define SELFTEST_ID 0u /* of the unit; the guest's begin with 1 */

/* The unit's text, n bytes, malloc'ed; NULL: out of memory. */
char *selftest_text(const struct guest_isa *g, size_t *n);
/*
 * Load the object of n bytes that was made of it, run it, and compare. NULL:
 * it is right; else what is wrong. It takes a moment, on a thread that runs
 * no vCPU.
 */
const char *selftest_run(struct exec *ex, const u8 *object, size_t n);

#endif
