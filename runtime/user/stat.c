/*
 * stat.c - metadata calls whose structure or path rules need code.
 *
 * The other calls of the family (chmod, chown, access, xattrs ...) are PATH
 * and PASS rows of syscalls.def.
 */
#include "runtime/user/convert.h"
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/path.h"
#include "runtime/user/proc.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/sysmacros.h>

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
	if (r < 0)
		return r;
	proc_text_stat((int)a[0], &st);
	return put_stat(t, a[1], &st);
}

/*
 * A call that looks at one file: a[1] is its path, a[flags_at] has
 * AT_SYMLINK_NOFOLLOW, and what was found is told by `seen`.
 */
struct look {
	long nr;
	unsigned flags_at;
	void (*seen)(const u64 a[6], struct stat *st);
};

/* As asked for, its path translated into `host`. */
static i64 call_translated(struct linux_task *t, long nr, const u64 a[6],
    unsigned flags_at, char host[PATH_MAX])
{
	unsigned f = PATH_EMPTY | PATH_LEAVE;
	u64 b[6];
	int r;

	memcpy(b, a, sizeof(b));
	host[0] = 0;
	if (a[flags_at] & AT_SYMLINK_NOFOLLOW)
		f |= PATH_NOFOLLOW;
	if (path_matters(t, a[1])) {
		r = path_lookup(t, (int)a[0], a[1], host, f);
		if (r == 0)
			b[1] = (u64)(uintptr_t)host;
		else if (r < 0)
			return r;
	}
	return host_wait(t, nr, b);
}

/* The call with another path, not following a link at its end if `stay`. */
static i64 call_with(struct linux_task *t, const struct look *l, const u64 a[6],
    const char *host, bool stay, struct stat *st)
{
	u64 b[6];
	i64 r;

	memcpy(b, a, sizeof(b));
	b[1] = (u64)(uintptr_t)host;
	if (stay)
		b[l->flags_at] |= AT_SYMLINK_NOFOLLOW;
	r = host_wait(t, l->nr, b);
	if (r == 0)
		l->seen(a, st);
	return r;
}

/* Would the kernel get as far as the path? */
static bool is_valid(const struct look *l, const u64 a[6])
{
	const u64 flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;

	return !((u32)a[l->flags_at] & ~flags) &&
	    (l->nr != SYS_statx || !(a[3] & STATX__RESERVED));
}

/*
 * The call with a sysroot: first where the path led before, then where its
 * directory is, then by looking the path up. The results are metic's own
 * until the last step.
 */
static i64 look(struct linux_task *t, const struct look *l, const u64 a[6])
{
	bool follow = !(a[l->flags_at] & AT_SYMLINK_NOFOLLOW);
	char guest[PATH_MAX], host[PATH_MAX];
	struct path_known *k;
	struct stat st;
	i64 r;

	if (!t->p->cfg.sysroot ||
	    guest_string(t, guest, a[1], sizeof(guest)) < 0)
		return call_translated(t, l->nr, a, l->flags_at, host);
	if (!guest[0]) /* the descriptor itself */
		return call_with(t, l, a, guest, false, &st);
	switch (path_guess(t, guest, follow, host, &k)) {
	case PATH_ABSENT:
		if (is_valid(l, a))
			return -ENOENT;
		break; /* that is said first */
	case PATH_ASK:
		r = call_with(t, l, a, host, false, &st);
		if (path_holds(k, r, &st))
			return r;
		break;
	default: break;
	}
	if (path_quick(t->p, guest, host)) {
		r = call_with(t, l, a, host, true, &st);
		if (r == 0 && !(S_ISLNK(st.st_mode) && follow)) {
			path_learn(t, guest, follow, host, &st);
			return r;
		}
		/* Its directory is there, so only the host's can be meant. */
		const char *other = host + strlen(t->p->cfg.sysroot);
		if (r == -ENOENT && guest[0] == '/' &&
		    path_has_no_links(AT_FDCWD, other)) {
			r = call_with(t, l, a, other, false, &st);
			if (r == 0 || r == -ENOENT)
				path_learn(
				    t, guest, follow, other, r ? NULL : &st);
			return r;
		}
	}
	r = call_translated(t, l->nr, a, l->flags_at, host);
	if (r == 0)
		l->seen(a, &st);
	if (r == 0 || r == -ENOENT)
		path_learn(t, guest, follow, host, r ? NULL : &st);
	return r;
}

/* Does a call that had success speak of the descriptor a[0] itself? */
static bool of_descriptor(struct linux_task *t, const u64 a[6], u64 flags)
{
	char first = 0;

	return (flags & AT_EMPTY_PATH) && (i32)a[0] >= 0 &&
	    (!a[1] || (guest_get(t, first, a[1]) == 0 && !first));
}

static void seen_by_stat(const u64 a[6], struct stat *st)
{
	memcpy(st, (const void *)(uintptr_t)a[2], sizeof(*st));
}

i64 sys_newfstatat(struct linux_task *t, const u64 a[6])
{
	static const struct look by_stat = { SYS_newfstatat, 3, seen_by_stat };
	struct stat st;
	const u64 b[6] = { a[0], a[1], (u64)(uintptr_t)&st, a[3] };
	i64 r = look(t, &by_stat, b);

	if (r < 0)
		return r;
	if (!st.st_nlink && of_descriptor(t, a, a[3]))
		proc_text_stat((int)a[0], &st);
	return put_stat(t, a[2], &st);
}

static void seen_by_statx(const u64 a[6], struct stat *st)
{
	const struct statx *x = (const void *)(uintptr_t)a[4];

	st->st_dev = makedev(x->stx_dev_major, x->stx_dev_minor);
	st->st_ino = x->stx_ino;
	st->st_mode = x->stx_mode;
	st->st_nlink = x->stx_nlink;
}

/* What is not asked for need not be filled in, but may be. */
i64 sys_statx(struct linux_task *t, const u64 a[6])
{
	static const struct look by_statx = { SYS_statx, 2, seen_by_statx };
	struct statx st;
	u64 b[6] = { a[0], a[1], a[2], a[3], (u64)(uintptr_t)&st };
	i64 r;

	b[3] |= STATX_TYPE | STATX_MODE | STATX_INO | STATX_NLINK;
	r = look(t, &by_statx, b);
	if (r < 0)
		return r;
	if (!st.stx_nlink && of_descriptor(t, a, a[2]))
		proc_text_statx((int)a[0], (unsigned)b[3], &st);
	return guest_put(t, a[4], st);
}

/* --- paths with rules of their own --------------------------------------- */

/* Without a path the times are those of the descriptor itself. */
i64 sys_utimensat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];

	if (!a[1])
		return host_call(SYS_utimensat, a);
	return call_translated(t, SYS_utimensat, a, 3, host);
}

/*
 * A link's text is the guest's own and stays as it is; what /proc shows as a
 * link is the kernel's idea of a path, the host's, and becomes the guest's.
 */
i64 sys_readlinkat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX], text[PATH_MAX];
	i64 r = path_lookup(t, (int)a[0], a[1], host,
	    PATH_NOFOLLOW | PATH_EMPTY | PATH_LEAVE | PATH_FIND);
	bool proc = r == 0 &&
	    (strncmp(host, "/proc/", 6) == 0 ||
		(host[0] != '/' && proc_absolute((int)a[0], host, text)));
	u64 b[6];

	if ((i32)a[3] <= 0 || r == 1 || (!proc && !t->p->cfg.sysroot))
		return host_wait(t, SYS_readlinkat, a);
	if (r < 0)
		return r;
	memcpy(b, a, sizeof(b));
	b[1] = (u64)(uintptr_t)host;
	if (!proc)
		return host_wait(t, SYS_readlinkat, b);
	r = proc_readlink(t, (int)a[0], host, text);
	if (r == PROC_NOT_OURS) {
		b[2] = (u64)(uintptr_t)text;
		b[3] = sizeof(text) - 1;
		r = host_wait(t, SYS_readlinkat, b);
		if (r >= 0 && text[0] == '/') {
			text[r] = '\0';
			if (!proc_text_link(text))
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
