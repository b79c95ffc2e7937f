/*
 * cache.c - executable memory: one anonymous file mapped twice.
 *
 * The writable view is never executable and the executable view never
 * writable (W^X). The file is shared memory, so a forked child gets a file
 * of its own at the same two addresses before it runs guest code again.
 *
 * perf looks for names of code in memory without a file only, so for it the
 * object is shared anonymous memory, which mremap maps a second time.
 */
#include "runtime/base/pages.h"
#include "runtime/exec/internal.h"

#include <sys/mman.h>
#include <unistd.h>

/* Pages are asked for before they are touched, when there is much code. */
#define CODE_AHEAD ((size_t)64 << 10)
#define AHEAD_FROM ((size_t)512 << 10)

/* A child of a process with more code than this starts with none. */
#define FORK_COPY_MAX ((size_t)8 << 20)

static int open_file(size_t size)
{
	int fd = memfd_create("metic-code", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int map_view(u8 **at, int fd, size_t size, int prot)
{
	void *p = mmap(*at, size, prot,
	    MAP_SHARED | MAP_NORESERVE | (*at ? MAP_FIXED : 0), fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*at = p;
	return 0;
}

/* The same without a file. */
static int map_both_anonymous(struct exec *ex)
{
	const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
	u8 *rw = mmap(ex->rw, ex->size, PROT_READ | PROT_WRITE,
	    flags | (ex->rw ? MAP_FIXED : 0), -1, 0);
	if (rw == MAP_FAILED)
		return -errno;
	ex->rw = rw;
	u8 *rx = mremap(rw, 0, ex->size,
	    MREMAP_MAYMOVE | (ex->rx ? MREMAP_FIXED : 0), ex->rx);
	if (rx == MAP_FAILED)
		return -errno;
	ex->rx = rx;
	return mprotect(rx, ex->size, PROT_READ | PROT_EXEC) < 0 ? -errno : 0;
}

static int map_both(struct exec *ex)
{
	if (ex->vm->cfg.perf_map)
		return map_both_anonymous(ex);
	int err = map_view(&ex->rw, ex->fd, ex->size, PROT_READ | PROT_WRITE);
	if (err)
		return err;
	return map_view(&ex->rx, ex->fd, ex->size, PROT_READ | PROT_EXEC);
}

void cache_drop_snapshot(struct exec *ex)
{
	if (ex->fd >= 0)
		close(ex->fd);
	ex->fd = -1;
}

int cache_init(struct exec *ex)
{
	const struct vm_config *cfg = &ex->vm->cfg;
	ex->size = ALIGN_UP(
	    cfg->cache_size ? cfg->cache_size : CODE_CACHE_SIZE, HOST_PAGE);
	ex->fd = cfg->perf_map ? -1 : open_file(ex->size);
	if (!cfg->perf_map && ex->fd < 0)
		return ex->fd;
	int err = map_both(ex);
	/* the mappings keep the file; a guest must not see a descriptor */
	cache_drop_snapshot(ex);
	if (err)
		return err;
	err = ex->host->thunks(ex->vm->guest, ex->rw, (u64)(uintptr_t)ex->rx,
	    ex->size, &ex->thunks);
	ex->thunk_size = ex->used = ALIGN_UP(ex->thunks.size, 64);
	return err;
}

void cache_free(struct exec *ex)
{
	if (ex->rw)
		munmap(ex->rw, ex->size);
	if (ex->rx)
		munmap(ex->rx, ex->size);
}

void cache_ahead(struct exec *ex)
{
	if (ex->used < AHEAD_FROM || ex->used + CODE_AHEAD / 4 <= ex->ready ||
	    ex->ready == ex->size)
		return;
	size_t at = MAX(ex->ready, ALIGN_DOWN(ex->used, HOST_PAGE));
	size_t n = MIN(CODE_AHEAD, ex->size - at);
	pages_ahead(ex->rw + at, n, true);
	pages_ahead(ex->rx + at, n, false);
	ex->ready = at + n;
}

void cache_reset(struct exec *ex)
{
	ex->used = ex->thunk_size;
}

/*
 * The copy is made before the fork, while the lock keeps others from
 * patching: after it the parent would go on changing what the child reads.
 */
void cache_snapshot(struct exec *ex)
{
	if (ex->used <= FORK_COPY_MAX)
		ex->fd = open_file(ex->size);
	for (size_t done = 0; ex->fd >= 0 && done < ex->used;) {
		ssize_t n = write(ex->fd, ex->rw + done, ex->used - done);
		if (n <= 0)
			cache_drop_snapshot(ex);
		else
			done += (size_t)n;
	}
}

/* Without a file to map, the snapshot is read. */
static bool read_snapshot(struct exec *ex)
{
	for (size_t done = 0; done < ex->used;) {
		ssize_t n =
		    pread(ex->fd, ex->rw + done, ex->used - done, (off_t)done);
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

bool cache_use_snapshot(struct exec *ex)
{
	bool warm = ex->fd >= 0, anonymous = ex->vm->cfg.perf_map;
	if (!warm && !anonymous)
		ex->fd = open_file(ex->size);
	if ((ex->fd < 0 && !anonymous) || map_both(ex) < 0)
		return false;
	if (warm && anonymous && !read_snapshot(ex))
		return false;
	cache_drop_snapshot(ex);
	ex->ready = 0;
	if (warm)
		return true;
	struct backend_thunks t; /* the same ones at the same place */
	return ex->host->thunks(ex->vm->guest, ex->rw, (u64)(uintptr_t)ex->rx,
		   ex->size, &t) == 0;
}

bool cache_contains(const struct exec *ex, u64 rx)
{
	return rx - (u64)(uintptr_t)ex->rx < ex->size;
}
