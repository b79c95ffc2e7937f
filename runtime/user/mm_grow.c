/*
 * mm_grow.c - mappings with MAP_GROWSDOWN.
 *
 * The host's kernel lets them grow: on the guest's accesses, on those of
 * system calls, with its gap to what lies below and within RLIMIT_STACK. The
 * record learns about that before anybody asks for it: each change of the
 * address space and each look at all of it begins with grow_sync, which
 * costs nothing in processes without such mappings.
 *
 * How far one has grown the kernel says in /proc; where that is missing, the
 * record keeps what was mapped, and the rest goes with the process.
 */
#include <fcntl.h>
#include <unistd.h>

#include "runtime/user/mm.h"

/* Reads "start-end ..." lines through a buffer. */
struct maps_file {
	int fd;
	size_t at, n;
	char buf[4096];
};

static int next_char(struct maps_file *f)
{
	if (f->at == f->n) {
		ssize_t k = read(f->fd, f->buf, sizeof(f->buf));
		if (k <= 0)
			return -1;
		f->n = (size_t)k;
		f->at = 0;
	}
	return (u8)f->buf[f->at++];
}

/* A number in hexadecimal digits; what ends it is in *c, -1 at the end. */
static gva_t next_hex(struct maps_file *f, int *c)
{
	gva_t v = 0;
	for (;;) {
		*c = next_char(f);
		if (*c >= '0' && *c <= '9')
			v = v << 4 | (gva_t)(*c - '0');
		else if (*c >= 'a' && *c <= 'f')
			v = v << 4 | (gva_t)(*c - 'a' + 10);
		else
			return v;
	}
}

/* Where the host's mapping of `a` starts; `a` itself if that is unknown. */
static gva_t host_start(gva_t a)
{
	struct maps_file f = { .fd = open("/proc/thread-self/maps", O_RDONLY) };
	gva_t start = a;
	int c = 0;

	while (f.fd >= 0 && c >= 0) {
		gva_t lo = next_hex(&f, &c);
		gva_t hi = next_hex(&f, &c);
		if (lo <= a && a < hi) {
			start = lo;
			break;
		}
		while (c >= 0 && c != '\n')
			c = next_char(&f);
	}
	if (f.fd >= 0)
		close(f.fd);
	return start;
}

static bool is_mapped(gva_t page)
{
	unsigned char in;
	return mincore((void *)page, HOST_PAGE, &in) == 0;
}

void grow_sync(struct linux_process *p)
{
	struct map_range r;
	gva_t below = 0; /* the end of the range before */

	if (likely(!p->mm->grows))
		return;
	for (gva_t a = 0; map_next(&p->vm->map, a, &r); a = r.end) {
		if (r.grows && r.start > below &&
		    is_mapped(r.start - HOST_PAGE)) {
			gva_t lo = MAX(host_start(r.start), below);
			r.end = r.start;
			r.start = lo;
			/* one range with what was known of it */
			if (lo < r.end)
				map_set(&p->vm->map, &r);
			/* it ended in front of code that was none yet */
			if (lo < r.end && (r.prot & MAP_PROT_X))
				exec_invalidate(p->vm, lo - 4, r.end, false);
		}
		below = r.end;
	}
}

void mm_grown(struct linux_process *p)
{
	if (likely(!p->mm->grows))
		return;
	pthread_mutex_lock(&p->mm->lock);
	grow_sync(p);
	pthread_mutex_unlock(&p->mm->lock);
}
