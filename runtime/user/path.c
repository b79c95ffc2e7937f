/*
 * path.c - where a guest path lies on the host.
 *
 * With a sysroot the guest sees a union: a name that exists under the
 * sysroot is found there, any other on the host. Symbolic links are resolved
 * here, because their absolute targets mean the guest's root, wherever the
 * link lies; only those below /proc, /sys and /dev are the kernel's. A name
 * that exists nowhere belongs where its directory was found, so that new
 * files appear in the directory that the guest lists. Directories
 * that are the kernel's or shared with host programs (host_dirs) always are
 * the host's.
 *
 * Relative paths are the host's business, unless the directory they start
 * from lies in the sysroot or there is a link on the way.
 *
 * A walk costs a system call for each component, so each task remembers where
 * directories were found. What it remembers is used only when one stat shows
 * that the kernel, going the guest's way below the sysroot, arrives at the
 * very directory that the walk found: a renamed directory or a changed link
 * leads elsewhere (or, when it is absolute, out of the sysroot), and the path
 * is walked again. The file itself is never remembered.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/pages.h"
#include "runtime/user/path.h"
#include "runtime/user/proc.h"

#define LINKS_MAX 40 /* as Linux */

#define KERNEL_DIRS 3 /* the first ones: their links may be no names */
static const char *const host_dirs[] = { "/proc", "/sys", "/dev", "/run",
	"/tmp" };

/* A guest path being resolved: `done` has no links, `rest` is to come. */
struct walk {
	char done[PATH_MAX]; /* "" or "/a/b" */
	char rest[PATH_MAX];
	unsigned links;
	bool outside; /* `done` is the host's, not in the sysroot */
	bool must_be_dir; /* the path, or its last link, ends in / or /. */
	bool entry; /* PATH_ENTRY: its last component ends before a slash */
};

i64 guest_string(struct linux_task *t, char *buf, gva_t gva, size_t n)
{
	i64 len = mem_strlen(t->v, gva, n - 1);
	if (len < 0)
		return len;
	if (!mem_read(t->v, buf, gva, (size_t)len))
		return -EFAULT;
	buf[len] = 0;
	return len;
}

/* Whether path is one of the first `ndirs` of host_dirs, or below. */
static bool is_below(const char *path, size_t ndirs)
{
	for (size_t i = 0; i < ndirs; i++) {
		size_t n = strlen(host_dirs[i]);
		if (!strncmp(path, host_dirs[i], n) &&
		    (path[n] == 0 || path[n] == '/'))
			return true;
	}
	return false;
}

bool path_is_host(const char *path)
{
	return is_below(path, ARRAY_LEN(host_dirs));
}

bool path_is_kernels(const char *path)
{
	return is_below(path, KERNEL_DIRS);
}

/* a, b and c joined into out, which may be one of them, or -ENAMETOOLONG. */
static int join(char out[PATH_MAX], const char *a, const char *b, const char *c)
{
	size_t na = strlen(a), nb = strlen(b), nc = strlen(c);
	char tmp[PATH_MAX];

	if (na + nb + nc >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(tmp, a, na);
	memcpy(tmp + na, b, nb);
	memcpy(tmp + na + nb, c, nc);
	memcpy(out, tmp, na + nb + nc);
	out[na + nb + nc] = 0;
	return 0;
}

/* Take the next component off w->rest; false when there is none. */
static bool next_component(struct walk *w, char name[NAME_MAX + 2], bool *last)
{
	char *s = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(s, "/");
	if (n == 0) {
		w->must_be_dir |= s != w->rest;
		return false;
	}
	if (n > NAME_MAX)
		n = NAME_MAX + 1; /* the host will say ENAMETOOLONG */
	memcpy(name, s, n);
	name[n] = 0;
	memmove(w->rest, s + n, strlen(s + n) + 1);
	*last =
	    w->rest[0] == 0 || (w->entry && w->rest[strspn(w->rest, "/")] == 0);
	return true;
}

/* The link `at` (a host path) was met after w->done: put its target first. */
static int follow(struct walk *w, const char *at)
{
	char target[PATH_MAX];
	ssize_t n = readlink(at, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (target[0] == '/') {
		w->done[0] = 0;
		w->outside = false;
	}
	return join(w->rest, target, w->rest, "");
}

static void walk_start(struct walk *w)
{
	w->done[0] = w->rest[0] = 0;
	w->links = 0;
	w->outside = w->must_be_dir = w->entry = false;
}

/*
 * A link in a directory that everybody may write to is followed by some users
 * only (protected_symlinks): that is for the kernel to say.
 */
static bool kernel_may_refuse(const char *dir, const struct stat *link)
{
	struct stat st;

	return link->st_uid != geteuid() && stat(*dir ? dir : "/", &st) == 0 &&
	    (st.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH) &&
	    link->st_uid != st.st_uid;
}

/*
 * Look at `name` in w->done: 1, what it is, and `at` is where; 0: that is
 * nowhere, or the kernel's business.
 */
static int walk_look(const char *root, struct walk *w, const char *name,
    char at[PATH_MAX], struct stat *st)
{
	char guest[PATH_MAX];
	int r = join(guest, w->done, "/", name);

	if (r == 0)
		r = join(at, root, guest, "");
	if (r < 0)
		return r;
	if (!w->outside && !path_is_host(guest) && lstat(at, st) == 0)
		return 1;
	if (path_is_kernels(guest) || lstat(guest, st) < 0 ||
	    (S_ISLNK(st->st_mode) && kernel_may_refuse(w->done, st)))
		return 0;
	w->outside = true;
	memcpy(at, guest, strlen(guest) + 1);
	return 1;
}

/* "." and ".." need what any name in w->done would: the right to search it. */
static int walk_search(const char *root, const struct walk *w)
{
	char at[PATH_MAX];
	struct stat st;

	if (!w->done[0] || join(at, w->outside ? "" : root, w->done, "") < 0 ||
	    stat(at, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return faccessat(AT_FDCWD, at, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/*
 * Walk w->rest through the guest's tree. 1: all of it exists (w->done);
 * 0: it does not, w->done is what does and w->rest what remains; or -errno.
 */
static int walk_tree(const char *root, struct walk *w, bool follow_last)
{
	char name[NAME_MAX + 2], at[PATH_MAX];
	bool last;

	while (next_component(w, name, &last)) {
		struct stat st;
		if (!strcmp(name, ".") || !strcmp(name, "..")) {
			int err = walk_search(root, w);
			if (err < 0)
				return err;
		}
		if (!strcmp(name, ".")) {
			w->must_be_dir |= last;
			continue;
		}
		if (!strcmp(name, "..")) {
			char *slash = strrchr(w->done, '/');
			if (slash)
				*slash = 0;
			w->outside = false; /* to be seen again */
			if (w->done[0] &&
			    (path_is_host(w->done) ||
				(join(at, root, w->done, "") == 0 &&
				    lstat(at, &st) < 0)))
				w->outside = true;
			continue;
		}
		int r = walk_look(root, w, name, at, &st);
		if (r == 0)
			return join(w->rest, "/", name, w->rest);
		if (r > 0 && S_ISLNK(st.st_mode) && (!last || follow_last))
			r = follow(w, at);
		else if (r > 0)
			r = join(w->done, w->done, "/", name);
		else
			return r;
		if (r < 0)
			return r;
	}
	return 1;
}

/* Open `host`, in vain as a rule, without following a link: 0 or errno. */
static int try_without_links(int dirfd, const char *host)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS };
	long fd = syscall(SYS_openat2, dirfd, host, &how, sizeof(how));

	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

/* A name that nobody has is asked for there, so nothing is opened. */
bool path_has_no_links(int dirfd, const char *host)
{
	char inside[PATH_MAX];

	if (join(inside, host, "/\1", "") < 0)
		return false;
	switch (try_without_links(dirfd, inside)) {
	case 0:
	case ENOENT:
	case ENOTDIR:
	case EACCES: return true;
	default: return false;
	}
}

bool path_is_absent(const char *host)
{
	return try_without_links(AT_FDCWD, host) == ENOENT;
}

/* --- directories that were found before ---------------------------------- */

struct path_dirs *path_memory(struct linux_task *t)
{
	if (!t->paths)
		t->paths = pages_new(sizeof(*t->paths));
	return t->paths;
}

void path_forget(struct linux_task *t)
{
	pages_free(t->paths, sizeof(*t->paths));
	t->paths = NULL;
}

u32 path_hash(const char *s, size_t n)
{
	u32 h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (u8)s[i]) * 16777619u;
	return h * 0x9e3779b1u;
}

/* The place of the n bytes of `dir` in this thread's memory, or NULL. */
static struct path_dir *dir_slot(const char *dir, size_t n)
{
	struct linux_task *t = linux_current();
	struct path_dirs *m = t && n < DIR_MAX ? path_memory(t) : NULL;

	return m ? &m->dir[path_hash(dir, n) >> (32 - DIR_BITS)] : NULL;
}

/* Walk to the directory and remember it in d; false: it is not that simple. */
static bool dir_find(
    const char *root, const char *at, const char *dir, struct path_dir *d)
{
	struct walk w;
	char host[PATH_MAX];
	struct stat real, seen;

	walk_start(&w);
	d->ino = 0;
	memcpy(w.rest, dir, strlen(dir) + 1);
	if (walk_tree(root, &w, true) != 1 || w.outside ||
	    strlen(w.done) >= DIR_MAX || join(host, root, w.done, "") < 0 ||
	    stat(host, &real) < 0 || stat(at, &seen) < 0 ||
	    !S_ISDIR(real.st_mode) || real.st_dev != seen.st_dev ||
	    real.st_ino != seen.st_ino)
		return false;
	snprintf(d->guest, sizeof(d->guest), "%s", dir);
	snprintf(d->found, sizeof(d->found), "%s", w.done);
	d->dev = real.st_dev;
	d->ino = real.st_ino;
	return true;
}

/*
 * The absolute path without links in its directory, which lies in the
 * sysroot: into `found`. False: that cannot be told quickly. Its last
 * component may be anything but "", "." and "..".
 */
static bool found_before(
    const char *root, const char *path, char found[PATH_MAX])
{
	const char *name = strrchr(path, '/') + 1;
	size_t n = (size_t)(name - 1 - path);
	char dir[DIR_MAX], at[PATH_MAX];
	struct path_dir *d;
	struct stat st;

	if (!*name || !strcmp(name, ".") || strstr(path, "..") ||
	    strlen(name) > NAME_MAX || path_is_host(path))
		return false;
	if (n == 0)
		return join(found, path, "", "") == 0;
	d = dir_slot(path, n);
	if (!d)
		return false;
	memcpy(dir, path, n);
	dir[n] = 0;
	if (join(at, root, dir, "") < 0)
		return false;
	if (!d->ino || strcmp(d->guest, dir) != 0 || stat(at, &st) < 0 ||
	    st.st_ino != d->ino || st.st_dev != d->dev) {
		if (!dir_find(root, at, dir, d))
			return false;
	}
	return join(found, d->found, "/", name) == 0 && !path_is_host(found);
}

/* A name that means the same to the host, from wherever it starts. */
static bool single_name(const char *path, char out[PATH_MAX])
{
	return path[0] && !strchr(path, '/') && strcmp(path, "..") != 0 &&
	    !proc_is_candidate(path) && join(out, "/", path, "") == 0 &&
	    !path_is_host(out) && join(out, path, "", "") == 0;
}

bool path_below(struct linux_process *p, const char *path, char out[PATH_MAX])
{
	if (path[0] != '/')
		return single_name(path, out);
	return !strstr(path, "..") && !path_is_host(path) &&
	    join(out, p->cfg.sysroot, path, "") == 0;
}

bool path_quick(struct linux_process *p, const char *path, char out[PATH_MAX])
{
	char found[PATH_MAX];

	if (path[0] != '/')
		return single_name(path, out);
	return found_before(p->cfg.sysroot, path, found) &&
	    join(out, p->cfg.sysroot, found, "") == 0;
}

/* --- translation --------------------------------------------------------- */

/*
 * The link `at` was found as `link`, a path without links before the last
 * component: where it leads, with as few ".." as possible. 0 or -errno.
 */
static int link_target(const char *at, char link[PATH_MAX])
{
	char target[PATH_MAX];
	const char *s = target;
	ssize_t n = readlink(at, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = 0;
	if (target[0] == '/')
		return join(link, target, "", "");
	*strrchr(link, '/') = 0;
	while (!strncmp(s, "../", 3)) {
		char *slash = strrchr(link, '/');
		if (slash)
			*slash = 0;
		s += 3;
	}
	return join(link, link, "/", s);
}

/* All but the last component of an absolute path: "" or "/a/b". */
static void directory_of(const char *path, char dir[PATH_MAX])
{
	size_t n = (size_t)(strrchr(path, '/') - path);

	memcpy(dir, path, n);
	dir[n] = 0;
}

/* The path's directory is not in the sysroot, nor a link on the way there. */
static bool dir_not_in_sysroot(const char *root, const char *path)
{
	char dir[PATH_MAX], at[PATH_MAX];

	directory_of(path, dir);
	return dir[0] && !strstr(path, "..") && !path_is_host(path) &&
	    join(at, root, dir, "") == 0 && path_is_absent(at);
}

/*
 * Is `path`, which the sysroot does not have, a link on the host, and without
 * another one on the way? *st is about it.
 */
static bool host_link(const char *path, struct stat *st)
{
	char dir[PATH_MAX];

	directory_of(path, dir);
	return path_has_no_links(AT_FDCWD, dir[0] ? dir : "/") &&
	    lstat(path, st) == 0 && S_ISLNK(st->st_mode) &&
	    !kernel_may_refuse(dir, st);
}

/* As translate_absolute, component by component. */
static int translate_slowly(
    const char *root, const char *path, char out[PATH_MAX], unsigned flags)
{
	struct walk w;
	char host[PATH_MAX];
	struct stat st;
	size_t n = strlen(path);
	bool slash = n > 1 && path[n - 1] == '/';

	walk_start(&w);
	w.entry = (flags & PATH_ENTRY) == PATH_ENTRY;
	memcpy(w.rest, path, n + 1);
	int r = walk_tree(
	    root, &w, !(flags & PATH_NOFOLLOW) || (slash && !w.entry));
	if (r < 0)
		return r;
	const char *in = w.outside ? "" : root;
	if (r == 1)
		return join(
		    out, in, w.done, w.must_be_dir || !w.done[0] ? "/" : "");
	r = join(host, w.done, w.rest, "");
	if (r < 0)
		return r;
	/* Nowhere: it belongs to its directory, if that is in the sysroot. */
	const char *s = w.rest + strspn(w.rest, "/");
	bool deeper = strchr(s, '/') && s[strcspn(s, "/") + 1] != 0;
	if (deeper || path_is_host(host) || lstat(host, &st) == 0)
		in = "";
	return join(out, in, host, "");
}

static int translate_absolute(
    const char *root, const char *path, char out[PATH_MAX], unsigned flags)
{
	char next[PATH_MAX], found[PATH_MAX];
	struct stat st;
	int r = 0;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (path_is_host(path) && !strstr(path, "..") &&
	    (path_is_kernels(path) || path_has_no_links(AT_FDCWD, path)))
		return join(out, path, "", "");
	for (int links = 0; r == 0; links++) {
		const char *at = out;
		bool dir = found_before(root, path, found);
		if (dir)
			r = join(out, root, found, "");
		else if (!dir_not_in_sysroot(root, path))
			return translate_slowly(root, path, out, flags);
		else
			r = join(found, path, "", "");
		if (r < 0)
			return r;
		if (!dir || lstat(out, &st) < 0) {
			if (path_has_no_links(AT_FDCWD, found)) {
				/* Nowhere: it belongs to its directory. */
				if (dir && lstat(found, &st) < 0)
					return 0;
				return join(out, found, "", "");
			}
			if (!host_link(found, &st))
				return translate_slowly(root, path, out, flags);
			at = found;
		}
		if (!S_ISLNK(st.st_mode) || (flags & PATH_NOFOLLOW))
			return at == out ? 0 : join(out, at, "", "");
		if (links == LINKS_MAX)
			return -ELOOP;
		memcpy(next, found, strlen(found) + 1);
		r = link_target(at, next);
		path = next;
	}
	return r;
}

/*
 * The absolute guest path of a relative one: 1 if it starts in the sysroot,
 * 0 if it starts outside, -1 if that cannot be said or the kernel knows best.
 */
static int absolute_of(const struct linux_process *p, int dirfd,
    const char *path, char out[PATH_MAX])
{
	char link[32], dir[PATH_MAX];
	size_t n = strlen(p->cfg.sysroot), in = 0;
	ssize_t k;

	if (dirfd == AT_FDCWD) {
		if (!getcwd(dir, sizeof(dir)))
			return -1;
	} else {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
		k = readlink(link, dir, sizeof(dir) - 1);
		if (k <= 0)
			return -1;
		dir[k] = 0;
	}
	if (strncmp(dir, p->cfg.sysroot, n) == 0 &&
	    (dir[n] == '/' || dir[n] == 0))
		in = n;
	if ((!in && (dir[0] != '/' || path_is_kernels(dir))) ||
	    join(out, dir + in, "/", path) < 0)
		return -1;
	return in != 0;
}

int path_translate(struct linux_process *p, int dirfd, const char *path,
    char out[PATH_MAX], unsigned flags)
{
	char abs[PATH_MAX];
	const char *root = p->cfg.sysroot;

	if (!path[0]) {
		out[0] = 0;
		return flags & PATH_EMPTY ? 0 : -ENOENT;
	}
	if (root && path[0] == '/')
		return translate_absolute(root, path, out, flags);
	if (root) {
		int in = absolute_of(p, dirfd, path, abs);

		if (in == 1)
			return translate_absolute(root, abs, out, flags);
		/* What is wrong with it, the host says in its turn. */
		if (in == 0 && !path_has_no_links(dirfd, path) &&
		    translate_absolute(root, abs, out, flags) == 0)
			return 0;
	}
	return join(out, path, "", "");
}

int path_lookup(struct linux_task *t, int dirfd, gva_t path, char out[PATH_MAX],
    unsigned flags)
{
	char buf[PATH_MAX];

	if (path == 0 && (flags & PATH_NULL)) {
		out[0] = 0;
		return 0;
	}
	i64 n = guest_string(t, buf, path, sizeof(buf));
	if (n < 0)
		return flags & PATH_LEAVE ? 1 : (int)n;
	bool follow = !(flags & PATH_NOFOLLOW);
	bool find = flags & PATH_FIND && t->p->cfg.sysroot && buf[0] == '/';
	if (find && path_recall(t, buf, follow, out))
		return 0;
	int r = path_translate(t->p, dirfd, buf, out, flags);
	if (r == 0 && out[0] == '/' && path_is_kernels(out)) {
		int k = proc_follow(t, dirfd, out, flags, out);
		r = k == PROC_NOT_OURS ? 0 : k;
	} else if (r == 0 && find) {
		path_study(t, buf, follow, out);
	}
	return r;
}

bool path_matters(struct linux_task *t, gva_t path)
{
	char s[8];

	return t->p->cfg.sysroot ||
	    (guest_read(t, s, path, 6) == 0 && !memcmp(s, "/proc/", 6)) ||
	    (guest_read(t, s, path, 8) == 0 && !memcmp(s, "/dev/fd/", 8));
}

void path_to_guest(struct linux_process *p, char *path)
{
	const char *root = p->cfg.sysroot;
	size_t n = root ? strlen(root) : 0;

	if (!root || strncmp(path, root, n) != 0)
		return;
	if (path[n] == 0)
		strcpy(path, "/");
	else if (path[n] == '/')
		memmove(path, path + n, strlen(path + n) + 1);
}
