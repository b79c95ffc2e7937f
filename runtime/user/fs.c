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
#include "runtime/user/proc.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/mount.h>

#define FLAG_TMPFILE (O_TMPFILE & ~O_DIRECTORY)

/* Open flags that change how the path is looked up. */
static unsigned open_lookup_flags(u64 flags)
{
	return (flags & O_NOFOLLOW) ||
		(flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) ?
	    PATH_NOFOLLOW :
	    0;
}

/*
 * Host path of an open, or its descriptor if /proc gave it: *fd >= 0. A path
 * that the host shall judge by itself (no sysroot, not readable) is left in
 * b; else b is a with `host` in place.
 */
static i64 open_lookup(struct linux_task *t, const u64 a[6], u64 flags,
    char host[PATH_MAX], u64 b[6], int *fd)
{
	unsigned how = open_lookup_flags(flags);
	int r = path_lookup(
	    t, (int)a[0], a[1], host, how | PATH_EMPTY | PATH_LEAVE);
	bool changed = path_matters(t, a[1]);

	*fd = PROC_NOT_OURS;
	memcpy(b, a, 6 * sizeof(b[0]));
	if (r < 0)
		return r;
	if (r == 1)
		return 0;
	*fd = proc_open(t, (int)a[0], host, (int)flags);
	if (host[0] != '/' && proc_is_candidate(host)) {
		r = proc_follow(t, (int)a[0], host, how, host);
		if (r < 0 && r != PROC_NOT_OURS)
			return r;
		changed |= r == 0;
	}
	if (changed)
		b[1] = (u64)(uintptr_t)host;
	return 0;
}

/*
 * What lies in the sysroot, without a link on the way, opens at once, and
 * what is not there, without a link on the way, on the host. Any error means
 * to go the long way, unless a name is nowhere; so does what may create it.
 */
static i64 open_quickly(struct linux_task *t, const u64 a[6])
{
	char guest[PATH_MAX], host[PATH_MAX];
	struct open_how how = { .flags = (u32)a[2],
		.resolve = RESOLVE_NO_SYMLINKS };

	if (!t->p->cfg.sysroot || (a[2] & (O_CREAT | FLAG_TMPFILE)) ||
	    guest_string(t, guest, a[1], sizeof(guest)) < 0 ||
	    !path_below(t->p, guest, host))
		return -ELOOP;
	i64 r = safe_syscall(t, SYS_openat2, a[0], host, &how, sizeof(how));
	if (r != -ENOENT)
		return r;
	if (guest[0] != '/')
		return -ELOOP;
	return safe_syscall(t, SYS_openat2, a[0], guest, &how, sizeof(how));
}

i64 sys_openat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	u64 b[6];
	int fd;
	i64 r = open_quickly(t, a);

	if (r >= 0 || r <= SYS_RESTART || r == -ENOENT)
		return r;
	r = open_lookup(t, a, (u32)a[2], host, b, &fd);
	if (r < 0)
		return r;
	if (fd != PROC_NOT_OURS)
		return fd;
	return host_wait(t, SYS_openat, b);
}

/*
 * No link may be followed, so none may be resolved here: the path as it is,
 * in the sysroot, then on the host.
 */
static i64 open_without_links(struct linux_task *t, const u64 a[6])
{
	char guest[PATH_MAX], host[PATH_MAX];
	u64 b[6];
	i64 r;

	if (guest_string(t, guest, a[1], sizeof(guest)) < 0 ||
	    guest[0] != '/' || !path_below(t->p, guest, host))
		return host_wait(t, SYS_openat2, a);
	memcpy(b, a, sizeof(b));
	b[1] = (u64)(uintptr_t)host;
	r = host_wait(t, SYS_openat2, b);
	return r == -ENOENT ? host_wait(t, SYS_openat2, a) : r;
}

/*
 * With RESOLVE_BENEATH and RESOLVE_IN_ROOT the path means something only
 * below dirfd, so the sysroot has no say in it; nor in a relative path that
 * must stay in the file system where it starts.
 */
i64 sys_openat2(struct linux_task *t, const u64 a[6])
{
	struct open_how how;
	char host[PATH_MAX], first = 0;
	int fd = PROC_NOT_OURS;
	u64 b[6];
	i64 r;

	if (a[3] < sizeof(how) || guest_get(t, how, a[2]) ||
	    (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)))
		return host_wait(t, SYS_openat2, a);
	if ((how.resolve & RESOLVE_NO_XDEV) &&
	    (guest_get(t, first, a[1]) || first != '/'))
		return host_wait(t, SYS_openat2, a);
	if (t->p->cfg.sysroot && (how.resolve & RESOLVE_NO_SYMLINKS))
		return open_without_links(t, a);
	r = open_lookup(t, a, how.flags, host, b, &fd);
	if (r < 0)
		return r;
	if (fd != PROC_NOT_OURS)
		return fd;
	return host_wait(t, SYS_openat2, b);
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

/* Call nr with paths in arguments 1 and 3, looked up with these flags. */
static i64 call_with_two_paths(
    struct linux_task *t, long nr, const u64 a[6], unsigned from, unsigned to)
{
	char host[2][PATH_MAX];
	const unsigned flags[2] = { from, to };
	u64 b[6];

	memcpy(b, a, sizeof(b));
	for (int i = 0; i < 2 && t->p->cfg.sysroot; i++) {
		int r = path_lookup(t, (int)a[2 * i], a[2 * i + 1], host[i],
		    flags[i] | PATH_EMPTY | PATH_LEAVE);

		if (r == 0)
			b[2 * i + 1] = (u64)(uintptr_t)host[i];
		else if (r < 0)
			return r;
	}
	return host_wait(t, nr, b);
}

i64 sys_linkat(struct linux_task *t, const u64 a[6])
{
	return call_with_two_paths(t, SYS_linkat, a,
	    a[4] & AT_SYMLINK_FOLLOW ? 0 : PATH_NOFOLLOW, PATH_ENTRY);
}

i64 sys_renameat2(struct linux_task *t, const u64 a[6])
{
	return call_with_two_paths(t, SYS_renameat2, a, PATH_ENTRY, PATH_ENTRY);
}

i64 sys_move_mount(struct linux_task *t, const u64 a[6])
{
	return call_with_two_paths(t, SYS_move_mount, a,
	    a[4] & MOVE_MOUNT_F_SYMLINKS ? 0 : PATH_NOFOLLOW,
	    a[4] & MOVE_MOUNT_T_SYMLINKS ? 0 : PATH_NOFOLLOW);
}

/* Only two of its commands have a path: (fd, command, key, path, dirfd). */
i64 sys_fsconfig(struct linux_task *t, const u64 a[6])
{
	bool path = (u32)a[1] == FSCONFIG_SET_PATH ||
	    (u32)a[1] == FSCONFIG_SET_PATH_EMPTY;
	char host[PATH_MAX];
	u64 b[6];
	int r;

	memcpy(b, a, sizeof(b));
	if (path && t->p->cfg.sysroot) {
		r = path_lookup(
		    t, (int)a[4], a[3], host, PATH_EMPTY | PATH_LEAVE);
		if (r == 0)
			b[3] = (u64)(uintptr_t)host;
		else if (r < 0)
			return r;
	}
	return host_wait(t, SYS_fsconfig, b);
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
