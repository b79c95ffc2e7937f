/*
 * mm.c - mapping memory for the guest (see mm.h), below the system calls.
 *
 * Order inside a change: translations go first (exec_invalidate), then the
 * record, then the host's pages, so that no translation outlives its bytes.
 * Mapping new pages goes the other way round.
 *
 * The break needs no reservation: the image is placed where the host maps
 * nothing by itself, and growth uses MAP_FIXED_NOREPLACE.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/user/limits.h"
#include "runtime/user/mapped.h"
#include "runtime/user/mm.h"

#define PROT_SEM 8 /* means nothing any more */

/* The host's protection for a guest's: code is read, never executed. */
static int host_prot(int prot)
{
	int h = prot & (PROT_READ | PROT_WRITE);
	if (prot & PROT_EXEC)
		h |= PROT_READ;
	return h;
}

/*
 * Drop translations of [start, end) if any of it was executable: true. They
 * can be made again until the record says otherwise, so once that is done
 * they are dropped once more.
 */
static bool drop_code(struct linux_process *p, gva_t start, gva_t end)
{
	struct map_range r;
	for (gva_t a = start; map_next(&p->vm->map, a, &r); a = r.end) {
		if (r.start >= end)
			return false;
		if (r.prot & MAP_PROT_X) {
			exec_invalidate(p->vm, start, end, false);
			return true;
		}
	}
	return false;
}

/*
 * Code appears in [start, end): blocks that ended there in a fetch fault,
 * for want of it, are out of date. They may begin or end a little before.
 */
static void fresh_code(struct linux_process *p, gva_t start, gva_t end)
{
	exec_invalidate(p->vm, start - 4, end, false);
}

/* The first hole of the record in [a, end): its borders, or false. */
static bool next_hole(
    struct linux_process *p, gva_t a, gva_t end, gva_t *lo, gva_t *hi)
{
	struct map_range r;
	while (a < end) {
		bool any = map_next(&p->vm->map, a, &r) && r.start < end;
		if (!any || r.start > a) {
			*lo = a;
			*hi = any ? r.start : end;
			return true;
		}
		a = r.end;
	}
	return false;
}

/* Undo claim(). */
static void unclaim(struct linux_process *p, gva_t start, gva_t end)
{
	gva_t lo, hi;
	for (gva_t a = start; next_hole(p, a, end, &lo, &hi); a = hi)
		munmap((void *)lo, hi - lo);
}

/*
 * Make all of [start, end) the guest's, so that MAP_FIXED may replace it:
 * what is not in the record is taken with MAP_FIXED_NOREPLACE.
 */
static int claim(struct linux_process *p, gva_t start, gva_t end)
{
	gva_t lo, hi;
	for (gva_t a = start; next_hole(p, a, end, &lo, &hi); a = hi) {
		void *got = mmap((void *)lo, hi - lo, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			MAP_FIXED_NOREPLACE,
		    -1, 0);
		if (got == (void *)lo)
			continue;
		if (got != MAP_FAILED) /* a kernel without NOREPLACE */
			munmap(got, hi - lo);
		unclaim(p, start, lo);
		return -ENOMEM;
	}
	return 0;
}

/* The name of an open file, or NULL. */
static const char *name_of(int fd, char buf[PATH_MAX])
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, buf, PATH_MAX - 1);
	if (n <= 0)
		return NULL;
	buf[n] = 0;
	return buf;
}

/* No code from where no program may be: the host is not asked for it. */
static bool no_programs(int fd)
{
	struct statvfs fs;
	return fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOEXEC);
}

/* What else is wrong with such a mapping comes first, but for ENODEV. */
static int refused_code(u64 len, int prot, int flags, int fd, u64 off)
{
	const int place = MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_POPULATE;
	void *p =
	    mmap(NULL, len, prot & ~PROT_EXEC, flags & ~place, fd, (off_t)off);

	if (p == MAP_FAILED)
		return errno == ENODEV ? -EPERM : -errno;
	munmap(p, len);
	return -EPERM;
}

/* Does it count against RLIMIT_DATA? */
static bool is_data(int prot, int flags)
{
	return (prot & PROT_WRITE) && (flags & MAP_TYPE) == MAP_PRIVATE;
}

static i64 map_locked(struct linux_process *p, gva_t addr, u64 len, int prot,
    int flags, int fd, u64 off, const char *name)
{
	char buf[PATH_MAX];
	bool noreplace = (flags & MAP_FIXED_NOREPLACE) == MAP_FIXED_NOREPLACE;
	bool over = (flags & MAP_FIXED) && !noreplace, code = false;

	if (!limits_allow(
		p, len, is_data(prot, flags), addr, over ? addr + len : 0))
		return -ENOMEM;
	if (over) {
		int r = claim(p, addr, addr + len);
		if (r)
			return r;
		code = drop_code(p, addr, addr + len);
	}
	/* The host's 32-bit area is not the guest's. */
	int hflags = flags & ~MAP_32BIT;
	void *got =
	    mmap((void *)addr, len, host_prot(prot), hflags, fd, (off_t)off);
	if (got == MAP_FAILED) {
		int e = errno;
		if (over)
			unclaim(p, addr, addr + len);
		return -e;
	}
	struct map_range r = {
		.start = (gva_t)got,
		.end = (gva_t)got + len,
		.prot = prot & 7,
		.shared = (flags & MAP_TYPE) != MAP_PRIVATE,
		.was_writable = prot & PROT_WRITE,
		.grows = flags & MAP_GROWSDOWN,
		.offset = off,
		.name = name,
	};
	if (!(flags & MAP_ANONYMOUS)) {
		mapped_file(&r, fd);
		if (!name && (prot & PROT_EXEC))
			r.name = name_of(fd, buf);
	} else {
		r.offset = 0;
	}
	p->mm->grows |= r.grows;
	if (r.end > p->abi->task_size || map_set(&p->vm->map, &r) < 0) {
		munmap(got, len);
		map_clear(&p->vm->map, r.start, r.end);
		return -ENOMEM;
	}
	if (code)
		exec_invalidate(p->vm, r.start, r.end, false);
	if (prot & PROT_EXEC) {
		fresh_code(p, r.start, r.end);
		if (!r.shared && fd >= 0 && !(flags & MAP_ANONYMOUS))
			exec_cache_image(p->vm, r.start, r.end, fd, off);
	}
	return (i64)r.start;
}

/* 0 or -errno; *addr and *len are made whole pages. */
static int check_place(
    const struct linux_process *p, gva_t *addr, u64 *len, int flags)
{
	u64 end;

	if (*len == 0)
		return -EINVAL;
	if (*len > p->abi->task_size)
		return -ENOMEM;
	*len = ALIGN_UP(*len, HOST_PAGE);
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (*addr & (HOST_PAGE - 1))
			return -EINVAL;
		if (__builtin_add_overflow(*addr, *len, &end) ||
		    end > p->abi->task_size)
			return -ENOMEM;
	} else {
		*addr = ALIGN_DOWN(*addr, HOST_PAGE);
		if (*addr > p->abi->task_size - *len)
			*addr = 0;
	}
	return 0;
}

i64 mm_mmap(struct linux_process *p, gva_t addr, u64 len, int prot, int flags,
    int fd, u64 off, const char *name)
{
	bool file = !(flags & MAP_ANONYMOUS);

	if (off & (HOST_PAGE - 1))
		return -EINVAL;
	i64 r = check_place(p, &addr, &len, flags);
	if (r == 0 && file && (prot & PROT_EXEC) && no_programs(fd))
		return refused_code(len, prot, flags, fd, off);
	if (r == 0) {
		pthread_mutex_lock(&p->mm->lock);
		grow_sync(p);
		r = map_locked(p, addr, len, prot, flags, fd, off, name);
		pthread_mutex_unlock(&p->mm->lock);
	}
	/* a bad descriptor is what Linux sees first */
	if (r < 0 && file && fcntl(fd, F_GETFD) < 0)
		r = -EBADF;
	return r;
}

static int unmap_locked(struct linux_process *p, gva_t start, gva_t end)
{
	struct map_range r;
	int err = 0;

	bool code = drop_code(p, start, end);
	for (gva_t a = start;
	     map_next_run(&p->vm->map, a, end, &r) && r.start < end;
	     a = r.end) {
		gva_t lo = MAX(r.start, start), hi = MIN(r.end, end);
		if (munmap((void *)lo, hi - lo) < 0) {
			err = -errno;
			break;
		}
		err = map_clear(&p->vm->map, lo, hi);
		if (err)
			break;
	}
	if (code)
		exec_invalidate(p->vm, start, end, false);
	return err;
}

int mm_munmap(struct linux_process *p, gva_t addr, u64 len)
{
	if ((addr & (HOST_PAGE - 1)) || len == 0 || len > p->abi->task_size ||
	    addr > p->abi->task_size - len)
		return -EINVAL;
	gva_t end = ALIGN_UP(addr + len, HOST_PAGE);
	pthread_mutex_lock(&p->mm->lock);
	grow_sync(p);
	int r = unmap_locked(p, addr, end);
	pthread_mutex_unlock(&p->mm->lock);
	return r;
}

/* What is code from now on has a name in the record. */
static void name_code(
    struct linux_process *p, struct map_range r, gva_t start, gva_t end)
{
	struct mapped_names names;

	if (!r.ino || r.name)
		return;
	mapped_names_open(&names, "/proc/self/maps");
	r.offset += start - r.start;
	r.start = start;
	r.end = end;
	r.name = mapped_name(&names, start);
	if (*r.name)
		map_set(&p->vm->map, &r);
	mapped_names_close(&names);
}

static int protect_locked(
    struct linux_process *p, gva_t start, gva_t end, int prot)
{
	struct map_range r;
	gva_t a = start;

	/* As in Linux, what precedes a hole changes before the error. */
	for (; a < end && map_next(&p->vm->map, a, &r) && r.start <= a;
	     a = r.end) {
		gva_t hi = MIN(r.end, end);
		if (r.prot == (prot & 7))
			continue;
		if ((prot & PROT_EXEC) && mapped_no_exec(&r))
			return -EACCES;
		if ((prot & PROT_WRITE) && !r.shared &&
		    !(r.prot & MAP_PROT_W) &&
		    !limits_allow(p, hi - a, true, 0, 0) &&
		    limits_allow(p, hi - a, false, 0, 0))
			return -ENOMEM;
		/* Losing X, or writes to code from now on: translate anew. */
		if (r.prot & MAP_PROT_X)
			exec_invalidate(p->vm, a, hi, false);
		if (mprotect((void *)a, hi - a, host_prot(prot)) < 0)
			return -errno;
		if (prot & PROT_EXEC)
			name_code(p, r, a, hi);
		int e = map_protect(&p->vm->map, a, hi, prot & 7);
		if (e)
			return e;
		if (r.prot & MAP_PROT_X)
			exec_invalidate(p->vm, a, hi, false);
		if ((prot & PROT_EXEC) && !(r.prot & MAP_PROT_X))
			fresh_code(p, a, hi);
	}
	return a < end ? -ENOMEM : 0;
}

/* PROT_GROWSDOWN: the change begins where the growing mapping does. */
static int grown_start(struct linux_process *p, gva_t *addr, gva_t end)
{
	struct map_range r;
	if (!map_next(&p->vm->map, *addr, &r) || r.start >= end)
		return -ENOMEM;
	if (!r.grows && !(r.name && !strcmp(r.name, "[stack]")))
		return -EINVAL;
	*addr = r.start;
	return 0;
}

int mm_mprotect(struct linux_process *p, gva_t addr, u64 len, int prot)
{
	bool down = prot & PROT_GROWSDOWN, up = prot & PROT_GROWSUP;
	prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP | PROT_SEM);
	if ((addr & (HOST_PAGE - 1)) || (prot & ~7) || (down && up))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (len > p->abi->task_size || addr > p->abi->task_size - len)
		return -ENOMEM;
	gva_t end = ALIGN_UP(addr + len, HOST_PAGE);
	pthread_mutex_lock(&p->mm->lock);
	grow_sync(p);
	int r = up ? -EINVAL : down ? grown_start(p, &addr, end) : 0;
	if (r == 0)
		r = protect_locked(p, addr, end, prot);
	pthread_mutex_unlock(&p->mm->lock);
	return r;
}

void mm_brk_init(struct linux_process *p, gva_t start)
{
	p->mm->brk_start = p->mm->brk_end = start;
	p->mm->brk_mapped = ALIGN_UP(start, HOST_PAGE);
	p->mm->brk_limit = p->abi->task_size - HOST_PAGE;
}

gva_t mm_brk(struct linux_process *p, gva_t want)
{
	i64 r = 0;
	pthread_mutex_lock(&p->mm->lock);
	gva_t end = ALIGN_UP(want, HOST_PAGE), old = p->mm->brk_mapped;
	if (want < p->mm->brk_start || want > p->mm->brk_limit ||
	    !limits_allow_brk(p, want - p->mm->brk_start))
		r = -ENOMEM;
	else if (end > old)
		r = map_locked(p, old, end - old, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0,
		    "[heap]");
	else if (end < old)
		r = unmap_locked(p, end, old);
	if (r >= 0) {
		p->mm->brk_mapped = end;
		p->mm->brk_end = want;
	}
	want = p->mm->brk_end;
	pthread_mutex_unlock(&p->mm->lock);
	return want;
}

static i64 remap_locked(struct linux_process *p, gva_t old, u64 old_len,
    u64 new_len, int flags, gva_t to)
{
	struct map_range r;
	gva_t old_end = old + MAX(old_len, HOST_PAGE);

	if (!map_find(&p->vm->map, old, &r) ||
	    !map_covers(&p->vm->map, old, old_end, 0))
		return -EFAULT;
	u64 grow = flags & MREMAP_DONTUNMAP || !old_len ? new_len :
	    new_len > old_len                           ? new_len - old_len :
							  0;
	bool data = (r.prot & MAP_PROT_W) && !r.shared;
	if (grow && !limits_allow(p, grow, data, 0, 0))
		return -ENOMEM;
	if (flags & MREMAP_FIXED) {
		int err = claim(p, to, to + new_len);
		if (err)
			return err;
		drop_code(p, to, to + new_len);
	}
	drop_code(p, old, old_end);
	void *got = mremap((void *)old, old_len, new_len, flags, (void *)to);
	if (got == MAP_FAILED) {
		int e = errno;
		if (flags & MREMAP_FIXED)
			unclaim(p, to, to + new_len);
		return -e;
	}
	if (old_len && !(flags & MREMAP_DONTUNMAP))
		map_clear(&p->vm->map, old, old + old_len);
	r.offset += old - r.start;
	r.start = (gva_t)got;
	r.end = r.start + new_len;
	int err = map_set(&p->vm->map, &r);
	if (r.prot & MAP_PROT_X) {
		exec_invalidate(p->vm, old, old_end, false);
		fresh_code(p, r.start, r.end);
	}
	return err ? err : (i64)r.start;
}

i64 mm_mremap(struct linux_process *p, gva_t old, u64 old_len, u64 new_len,
    int flags, gva_t to)
{
	u64 max = p->abi->task_size;

	if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) ||
	    ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)) ||
	    (old & (HOST_PAGE - 1)) || new_len == 0)
		return -EINVAL;
	if (old_len > max || old > max - old_len || new_len > max)
		return -EINVAL;
	old_len = ALIGN_UP(old_len, HOST_PAGE);
	new_len = ALIGN_UP(new_len, HOST_PAGE);
	if ((flags & MREMAP_FIXED) &&
	    ((to & (HOST_PAGE - 1)) || to > max - new_len ||
		(to < old + old_len && old < to + new_len)))
		return -EINVAL;
	pthread_mutex_lock(&p->mm->lock);
	grow_sync(p);
	i64 r = remap_locked(p, old, old_len, new_len, flags, to);
	pthread_mutex_unlock(&p->mm->lock);
	return r;
}

/* Such advice goes page by page, and ends at the first that is missing. */
static bool populates(int advice)
{
	return advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
}

int mm_madvise(struct linux_process *p, gva_t addr, u64 len, int advice)
{
	struct map_range r;
	u64 max = p->abi->task_size;
	int err = 0;

	if ((addr & (HOST_PAGE - 1)) || len > max || addr > max - len)
		return -EINVAL;
	gva_t a = addr, end = ALIGN_UP(addr + len, HOST_PAGE);
	pthread_mutex_lock(&p->mm->lock);
	grow_sync(p);
	if (advice == MADV_DONTNEED || advice == MADV_REMOVE)
		drop_code(p, addr, end);
	bool hole = false;
	while (a < end && !err) {
		if (!map_next_run(&p->vm->map, a, end, &r) || r.start >= end) {
			hole = true;
			break;
		}
		hole |= r.start > a;
		if (hole && populates(advice))
			break;
		a = MAX(r.start, a);
		if (madvise((void *)a, MIN(r.end, end) - a, advice) < 0)
			err = -errno;
		a = r.end;
	}
	pthread_mutex_unlock(&p->mm->lock);
	return err ? err : hole ? -ENOMEM : 0;
}

void mm_free(struct linux_process *p)
{
	pthread_mutex_lock(&p->mm->lock);
	unmap_locked(p, 0, UINT64_MAX);
	pthread_mutex_unlock(&p->mm->lock);
}
