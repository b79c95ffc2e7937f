/*
 * access.h - guest memory touched from C, safely.
 *
 * A guest address may be anything; these return false (or -EFAULT) instead
 * of crashing. They go through the fault guard of exec/fault.h, so they work
 * only on a thread that has entered metic (a vcpu's thread).
 */
#ifndef RUNTIME_ACCESS_H
#define RUNTIME_ACCESS_H

#include "runtime/base/types.h"

struct vcpu;

/* Host address of a guest address; no check. */
void *mem_host(struct vcpu *v, gva_t a);
/*
 * Copy n bytes out of or into guest memory; false if any byte faults: the
 * pages before it have then been written.
 */
bool mem_read(struct vcpu *v, void *dst, gva_t src, size_t n);
bool mem_write(struct vcpu *v, gva_t dst, const void *src, size_t n);
/*
 * Make the aligned word at `a` `to` if it is *word; else *word is what it is
 * (as atomic_compare_exchange). False if it cannot be read and written.
 */
bool mem_swap32(struct vcpu *v, gva_t a, u32 *word, u32 to, bool *done);
bool mem_zero(struct vcpu *v, gva_t dst, size_t n);
/*
 * Length of the guest string at `a` without its NUL, at most max;
 * -EFAULT when a byte faults, -ENAMETOOLONG when there is no NUL in max.
 */
i64 mem_strlen(struct vcpu *v, gva_t a, size_t max);

#endif
