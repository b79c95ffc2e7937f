/*
 * pages.h - big tables of which little is touched: zeroed pages that the
 * host gives when they are first used, and not before.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include "runtime/base/types.h"

/* n zeroed bytes, or NULL when the host is out of memory. */
void *pages_new(size_t n);
/* p is of pages_new(n), or NULL. */
void pages_free(void *p, size_t n);

#endif
