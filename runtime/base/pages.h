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
/*
 * What lies in [p, p + n) will be written, or only read: have the host give
 * it now. 16 pages at once cost a third of as many page faults. A hint.
 */
void pages_ahead(void *p, size_t n, bool write);

#endif
