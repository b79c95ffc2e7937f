/*
 * fs.c - opening and closing files, and calls with two paths.
 *
 * What only moves bytes between the guest's memory and a descriptor has no
 * code: see the PASS and WAIT rows of syscalls.def. Here is what must look
 * at a path (the sysroot) or at a descriptor number (metic's own ones are
 * not the guest's to close).
 */
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/mount.h>

#define FLAG_TMPFILE (O_TMPFILE & ~O_DIRECTORY)

/* Open flags that change how the path is looked up. */
static unsigned open_lookup_flags(u64 flags)
{
	unsigned f = 0;

	if (flags & O_CREAT)
		f |= PATH_CREATE;
	if ((flags & O_NOFOLLOW) ||
	    (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		f |= PATH_NOFOLLOW;
	return f;
}

/* Host path of an open, or its descriptor if /proc gave it: *fd >= 0. */
static i64 open_lookup(struct linux_task *t, const u64 a[6], u64 flags,
    char host[PATH_MAX], int *fd)
{
	int r = path_lookup(t, (int)a[0], a[1], host, open_lookup_flags(flags));

	*fd = PROC_NOT_OURS;
	if (r < 0)
		return r;
	if (strncmp(host, "/proc/", 6) == 0)
		*fd = proc_open(t, host, (int)flags);
	return 0;
}

/*
 * What lies in the sysroot, without a link on the way, opens at once. Any
 * error means to go the long way; so does what may create a file.
 */
static i64 open_quickly(struct linux_task *t, const u64 a[6])
{
	char guest[PATH_MAX], host[PATH_MAX];
	struct open_how how = { .flags = (u32)a[2],
		.resolve = RESOLVE_NO_SYMLINKS };

	if (!t->p->cfg.sysroot || (a[2] & (O_CREAT | FLAG_TMPFILE)) ||
	    guest_string(t, guest, a[1], sizeof(guest)) < 0 ||
	    !path_below(t->p, guest, host))
		return -ENOENT;
	return safe_syscall(t, SYS_openat2, a[0], host, &how, sizeof(how));
}

i64 sys_openat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	int fd;
	i64 r = open_quickly(t, a);

	if (r >= 0 || r <= SYS_RESTART)
		return r;
	r = open_lookup(t, a, (u32)a[2], host, &fd);

	if (r < 0)
		return r;
	if (fd != PROC_NOT_OURS)
		return fd;
	return safe_syscall(t, SYS_openat, a[0], host, a[2], a[3]);
}

/*
 * With RESOLVE_BENEATH and RESOLVE_IN_ROOT the path means something only
 * below dirfd, so the sysroot has no say in it.
 */
i64 sys_openat2(struct linux_task *t, const u64 a[6])
{
	struct open_how how;
	char host[PATH_MAX];
	int fd = PROC_NOT_OURS;
	i64 r;

	if (a[3] < sizeof(how))
		return -EINVAL;
	if (guest_get(t, how, a[2]))
		return -EFAULT;
	if (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return host_wait(t, SYS_openat2, a);
	r = open_lookup(t, a, how.flags, host, &fd);
	if (r < 0)
		return r;
	if (fd != PROC_NOT_OURS)
		return fd;
	return safe_syscall(t, SYS_openat2, a[0], host, a[2], a[3]);
}

/* --- descriptors --------------------------------------------------------- */

i64 sys_close(struct linux_task *t, const u64 a[6])
{
	if (unlikely(linux_fd_hidden(t->p, (int)a[0])))
		return -EBADF;
	return host_call(SYS_close, a);
}

i64 sys_dup3(struct linux_task *t, const u64 a[6])
{
	if (unlikely(linux_fd_hidden(t->p, (int)a[1])))
		return -EBADF;
	return host_call(SYS_dup3, a);
}

/* Programs look for their open descriptors with F_GETFD. */
i64 sys_fcntl(struct linux_task *t, const u64 a[6])
{
	if (unlikely(linux_fd_hidden(t->p, (int)a[0])))
		return -EBADF;
	return host_wait(t, SYS_fcntl, a);
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* The hidden descriptors in ascending order; how many. */
static unsigned hidden_fds(struct linux_process *p, int fds[LINUX_NFDS])
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = MIN(p->nfds, LINUX_NFDS);
	memcpy(fds, p->fds, n * sizeof(fds[0]));
	pthread_mutex_unlock(&p->lock);
	qsort(fds, n, sizeof(fds[0]), compare_ints);
	return n;
}

/* The range is closed in the pieces between metic's own descriptors. */
i64 sys_close_range(struct linux_task *t, const u64 a[6])
{
	u32 first = (u32)a[0], last = (u32)a[1];
	u64 b[6] = { first, last, a[2] };
	int fds[LINUX_NFDS];
	unsigned n;
	i64 r = 0;

	if (first > last || (a[2] & CLOSE_RANGE_CLOEXEC))
		return host_call(SYS_close_range, a);
	n = hidden_fds(t->p, fds);
	for (unsigned i = 0; i < n && r == 0; i++) {
		u32 fd = (u32)fds[i];

		if (fd < b[0] || fd > last)
			continue;
		b[1] = fd - 1;
		if (fd > b[0])
			r = host_call(SYS_close_range, b);
		b[0] = (u64)fd + 1;
	}
	b[1] = last;
	if (r == 0 && b[0] <= last)
		r = host_call(SYS_close_range, b);
	return r;
}

/* --- two paths ----------------------------------------------------------- */

i64 sys_linkat(struct linux_task *t, const u64 a[6])
{
	char from[PATH_MAX], to[PATH_MAX];
	unsigned f = a[4] & AT_SYMLINK_FOLLOW ? 0 : PATH_NOFOLLOW;
	int r;

	if (a[4] & AT_EMPTY_PATH)
		f |= PATH_EMPTY;
	r = path_lookup(t, (int)a[0], a[1], from, f);
	if (r == 0)
		r = path_lookup(
		    t, (int)a[2], a[3], to, PATH_NOFOLLOW | PATH_CREATE);
	if (r < 0)
		return r;
	return safe_syscall(t, SYS_linkat, a[0], from, a[2], to, a[4]);
}

i64 sys_renameat2(struct linux_task *t, const u64 a[6])
{
	char from[PATH_MAX], to[PATH_MAX];
	int r = path_lookup(t, (int)a[0], a[1], from, PATH_NOFOLLOW);

	if (r == 0)
		r = path_lookup(
		    t, (int)a[2], a[3], to, PATH_NOFOLLOW | PATH_CREATE);
	if (r < 0)
		return r;
	return safe_syscall(t, SYS_renameat2, a[0], from, a[2], to, a[4]);
}

/* The source is a path only for some kinds of mount; else it is a name. */
i64 sys_mount(struct linux_task *t, const u64 a[6])
{
	char target[PATH_MAX], source[PATH_MAX];
	u64 b[6];
	int r = path_lookup(t, AT_FDCWD, a[1], target, 0);

	if (r < 0)
		return r;
	memcpy(b, a, sizeof(b));
	b[1] = (u64)(uintptr_t)target;
	if (a[3] & (MS_BIND | MS_MOVE)) {
		r = path_lookup(t, AT_FDCWD, a[0], source, 0);
		if (r < 0)
			return r;
		b[0] = (u64)(uintptr_t)source;
	}
	return host_wait(t, SYS_mount, b);
}

/* --- the root and the working directory ---------------------------------- */

i64 sys_getcwd(struct linux_task *t, const u64 a[6])
{
	char path[PATH_MAX];
	const u64 b[6] = { (u64)(uintptr_t)path, sizeof(path) };
	i64 r = host_call(SYS_getcwd, b);
	size_t n;

	if (r < 0)
		return r;
	path_to_guest(t->p, path);
	n = strlen(path) + 1;
	if (n > a[1])
		return -ERANGE;
	return guest_write(t, a[0], path, n) ? -EFAULT : (i64)n;
}

/*
 * A sysroot is a host path, which would mean something else below another
 * root: only programs that use the host's root may change it.
 */
static bool root_is_fixed(struct linux_task *t, const char *call)
{
	if (!t->p->cfg.sysroot)
		return false;
	syscall_remark(t, "%s is not supported with a sysroot", call);
	return true;
}

i64 sys_chroot(struct linux_task *t, const u64 a[6])
{
	if (root_is_fixed(t, "chroot"))
		return -EPERM;
	return host_call(SYS_chroot, a);
}

i64 sys_pivot_root(struct linux_task *t, const u64 a[6])
{
	if (root_is_fixed(t, "pivot_root"))
		return -EPERM;
	return host_call(SYS_pivot_root, a);
}
