/* pages.c - see pages.h. */
#include "runtime/base/pages.h"

#include <sys/mman.h>
#include <unistd.h>

void *pages_new(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void pages_ahead(void *p, size_t n, bool write)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)p;
	uintptr_t start = ALIGN_DOWN(at, page), end = ALIGN_UP(at + n, page);

	madvise((void *)start, end - start,
	    write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

void pages_free(void *p, size_t n)
{
	if (p)
		munmap(p, n);
}
