/*
 * stat.c - metadata calls whose structure or path rules need code.
 *
 * The other calls of the family (chmod, chown, access, xattrs ...) are PATH
 * and PASS rows of syscalls.def.
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

/*
 * The host path to be tried first, see path_quick: b becomes a with the path
 * in place and links not followed.
 */
static bool try_first(struct linux_task *t, const u64 a[6], unsigned flags_at,
    char host[PATH_MAX], u64 b[6])
{
	char guest[PATH_MAX];

	if (!t->p->cfg.sysroot ||
	    guest_string(t, guest, a[1], sizeof(guest)) < 0 ||
	    !path_quick(t->p, guest, host))
		return false;
	memcpy(b, a, 6 * sizeof(b[0]));
	b[1] = (u64)(uintptr_t)host;
	b[flags_at] |= AT_SYMLINK_NOFOLLOW;
	return true;
}

/*
 * What was tried is not in the sysroot, though its directory is: then the
 * host's file, if there is one, is meant, and nothing is nowhere. True: b
 * asks for that.
 */
static bool try_host(struct linux_task *t, i64 err, const u64 a[6],
    unsigned flags_at, const char *tried, u64 b[6])
{
	if (err != -ENOENT || tried[0] != '/')
		return false;
	b[1] = (u64)(uintptr_t)(tried + strlen(t->p->cfg.sysroot));
	b[flags_at] = a[flags_at];
	return true;
}

/* As asked for, its path translated: for what was not found by trying. */
static i64 call_translated(struct linux_task *t, long nr, const u64 a[6],
    unsigned flags_at, char host[PATH_MAX], u64 b[6])
{
	unsigned f = PATH_EMPTY | PATH_LEAVE;
	int r;

	memcpy(b, a, 6 * sizeof(b[0]));
	if (a[flags_at] & AT_SYMLINK_NOFOLLOW)
		f |= PATH_NOFOLLOW;
	if (t->p->cfg.sysroot) {
		r = path_lookup(t, (int)a[0], a[1], host, f);
		if (r == 0)
			b[1] = (u64)(uintptr_t)host;
		else if (r < 0)
			return r;
	}
	return host_wait(t, nr, b);
}

i64 sys_newfstatat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	struct stat st;
	u64 c[6] = { a[0], a[1], (u64)(uintptr_t)&st, a[3] }, b[6];
	i64 r;

	if (try_first(t, c, 3, host, b)) {
		r = host_call(SYS_newfstatat, b);
		if (r == 0 &&
		    (!S_ISLNK(st.st_mode) || (a[3] & AT_SYMLINK_NOFOLLOW)))
			return put_stat(t, a[2], &st);
		if (try_host(t, r, c, 3, host, b)) {
			r = host_wait(t, SYS_newfstatat, b);
			return r < 0 ? r : put_stat(t, a[2], &st);
		}
	}
	r = call_translated(t, SYS_newfstatat, c, 3, host, b);
	return r < 0 ? r : put_stat(t, a[2], &st);
}

i64 sys_statx(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	struct statx st;
	u64 b[6];
	i64 r;

	if (try_first(t, a, 2, host, b)) {
		b[3] |= STATX_TYPE;
		b[4] = (u64)(uintptr_t)&st;
		r = host_call(SYS_statx, b);
		if (r == 0 &&
		    (!S_ISLNK(st.stx_mode) || (a[2] & AT_SYMLINK_NOFOLLOW)))
			return guest_put(t, a[4], st);
		b[3] = a[3];
		b[4] = a[4];
		if (try_host(t, r, a, 2, host, b))
			return host_wait(t, SYS_statx, b);
	}
	return call_translated(t, SYS_statx, a, 2, host, b);
}

/* --- paths with rules of their own --------------------------------------- */

/* Without a path the times are those of the descriptor itself. */
i64 sys_utimensat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	u64 b[6];

	if (!a[1])
		return host_call(SYS_utimensat, a);
	return call_translated(t, SYS_utimensat, a, 3, host, b);
}

/*
 * A link's text is the guest's own and stays as it is; what /proc shows as a
 * link is the kernel's idea of a path, the host's, and becomes the guest's.
 */
i64 sys_readlinkat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX], text[PATH_MAX];
	i64 r = path_lookup(
	    t, (int)a[0], a[1], host, PATH_NOFOLLOW | PATH_EMPTY | PATH_LEAVE);
	bool proc = r == 0 && strncmp(host, "/proc/", 6) == 0;
	u64 b[6];

	if ((i32)a[3] <= 0 || r == 1 || (!proc && !t->p->cfg.sysroot))
		return host_wait(t, SYS_readlinkat, a);
	if (r < 0)
		return r;
	memcpy(b, a, sizeof(b));
	b[1] = (u64)(uintptr_t)host;
	if (!proc)
		return host_wait(t, SYS_readlinkat, b);
	r = proc_readlink(t, host, text, sizeof(text));
	if (r == PROC_NOT_OURS)
		r = ptrace_proc_readlink(t, host, text, sizeof(text));
	if (r == PROC_NOT_OURS) {
		b[2] = (u64)(uintptr_t)text;
		b[3] = sizeof(text) - 1;
		r = host_wait(t, SYS_readlinkat, b);
		if (r >= 0 && text[0] == '/') {
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
	u64 b[6];
	int r;

	if (!t->p->cfg.sysroot)
		return host_call(SYS_inotify_add_watch, a);
	memcpy(b, a, sizeof(b));
	r = path_lookup(t, AT_FDCWD, a[1], host,
	    (a[2] & IN_DONT_FOLLOW ? PATH_NOFOLLOW : 0) | PATH_EMPTY |
		PATH_LEAVE);
	if (r == 0)
		b[1] = (u64)(uintptr_t)host;
	else if (r < 0)
		return r;
	return host_call(SYS_inotify_add_watch, b);
}
