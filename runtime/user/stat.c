/*
 * stat.c - metadata calls whose structure or path rules need code.
 *
 * The other calls of the family (statx, chmod, chown, access, xattrs ...)
 * are PATH and PASS rows of syscalls.def.
 */
#include "runtime/user/convert.h"
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"

#include <fcntl.h>
#include <sys/inotify.h>

/* --- struct stat --------------------------------------------------------- */

static i64 put_stat(struct linux_task *t, gva_t to, const struct stat *st)
{
	struct generic_stat g;

	stat_to_generic(&g, st);
	return guest_put(t, to, g);
}

i64 sys_fstat(struct linux_task *t, const u64 a[6])
{
	struct stat st;
	const u64 b[6] = { a[0], (u64)(uintptr_t)&st };
	i64 r;

	if (unlikely(linux_fd_hidden(t->p, (int)a[0])))
		return -EBADF;
	r = host_call(SYS_fstat, b);
	return r < 0 ? r : put_stat(t, a[1], &st);
}

i64 sys_newfstatat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	struct stat st;
	unsigned f = 0;
	i64 r;

	if (a[3] & AT_SYMLINK_NOFOLLOW)
		f |= PATH_NOFOLLOW;
	if (a[3] & AT_EMPTY_PATH)
		f |= PATH_EMPTY | PATH_NULL;
	r = path_lookup(t, (int)a[0], a[1], host, f);
	if (r == 0)
		r = safe_syscall(t, SYS_newfstatat, a[0], host, &st, a[3]);
	return r < 0 ? r : put_stat(t, a[2], &st);
}

/* --- paths with rules of their own --------------------------------------- */

/* Without a path the times are those of the descriptor itself. */
i64 sys_utimensat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	unsigned f = 0;
	i64 r;

	if (!a[1])
		return host_call(SYS_utimensat, a);
	if (a[3] & AT_SYMLINK_NOFOLLOW)
		f |= PATH_NOFOLLOW;
	if (a[3] & AT_EMPTY_PATH)
		f |= PATH_EMPTY;
	r = path_lookup(t, (int)a[0], a[1], host, f);
	if (r < 0)
		return r;
	return safe_syscall(t, SYS_utimensat, a[0], host, a[2], a[3]);
}

/*
 * A link's text is the guest's own and stays as it is; what /proc shows as a
 * link is the kernel's idea of a path, the host's, and becomes the guest's.
 */
i64 sys_readlinkat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX], text[PATH_MAX];
	i64 r =
	    path_lookup(t, (int)a[0], a[1], host, PATH_NOFOLLOW | PATH_EMPTY);
	bool proc;

	if (r < 0)
		return r;
	if ((i32)a[3] <= 0)
		return -EINVAL;
	proc = strncmp(host, "/proc/", 6) == 0;
	r = proc ? proc_readlink(t, host, text, sizeof(text)) : PROC_NOT_OURS;
	if (r == PROC_NOT_OURS) {
		r = safe_syscall(
		    t, SYS_readlinkat, a[0], host, text, sizeof(text) - 1);
		if (r >= 0 && proc && text[0] == '/') {
			text[r] = '\0';
			path_to_guest(t->p, text);
			r = (i64)strlen(text);
		}
	}
	if (r < 0)
		return r;
	r = MIN(r, (i64)(i32)a[3]);
	return guest_write(t, a[2], text, (size_t)r) ? -EFAULT : r;
}

i64 sys_inotify_add_watch(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	i64 r = path_lookup(
	    t, AT_FDCWD, a[1], host, a[2] & IN_DONT_FOLLOW ? PATH_NOFOLLOW : 0);

	if (r < 0)
		return r;
	return safe_syscall(t, SYS_inotify_add_watch, a[0], host, a[2]);
}
