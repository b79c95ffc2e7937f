/*
 * The address-space calls on memory that is not the program's: metic's own
 * lies there, and must neither be seen nor hurt.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "check.h"

#define PAGE 4096ul

static struct {
	unsigned long lo, hi;
} maps[256];
static int nmaps;

static void read_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[8192];
	CHECK(f);
	while (fgets(line, sizeof(line), f) && nmaps < 256)
		if (sscanf(line, "%lx-%lx", &maps[nmaps].lo, &maps[nmaps].hi) ==
		    2)
			nmaps++;
	fclose(f);
	CHECK(nmaps > 3);
}

static int mine(unsigned long a)
{
	for (int i = 0; i < nmaps; i++)
		if (a >= maps[i].lo && a < maps[i].hi)
			return 1;
	return 0;
}

/* Everything that may be tried on the page at a; none of it may work. */
static void probe(unsigned long a)
{
	unsigned char vec;
	char *p = (char *)a;
	const int rw = PROT_READ | PROT_WRITE;
	CHECK(mincore(p, PAGE, &vec) < 0 && errno == ENOMEM);
	CHECK(msync(p, PAGE, MS_ASYNC) < 0 && errno == ENOMEM);
	CHECK(munmap(p, PAGE) == 0); /* nothing there */
	CHECK(mprotect(p, PAGE, PROT_NONE) < 0 && errno == ENOMEM);
	CHECK(madvise(p, PAGE, MADV_DONTNEED) < 0 && errno == ENOMEM);
	CHECK(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED &&
	    errno == EFAULT);
	/* either free, then it is ours now, or refused */
	char *q =
	    mmap(p, PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (q == MAP_FAILED) {
		CHECK(errno == ENOMEM);
		char *own =
		    mmap(NULL, PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(mremap(own, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			  p) == MAP_FAILED &&
		    errno == ENOMEM);
		CHECK(own[0] == 0 && munmap(own, PAGE) == 0);
	} else {
		CHECK(q == p && q[0] == 0);
		q[0] = 1;
		CHECK(munmap(q, PAGE) == 0);
	}
}

int main(void)
{
	read_maps();
	int n = 0;
	for (int i = 0; i < nmaps; i++)
		for (int k = 1; k < 400; k++) {
			unsigned long after = maps[i].hi + (k - 1) * PAGE;
			unsigned long before = maps[i].lo - k * PAGE;
			if (after < (1ul << 47) - PAGE && !mine(after)) {
				probe(after);
				n++;
			}
			if (maps[i].lo > k * PAGE + 0x20000 && !mine(before)) {
				probe(before);
				n++;
			}
		}
	CHECK(n > 1000);
	puts("ok");
	return 0;
}
