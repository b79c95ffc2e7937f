/*
 * path.c - where a guest path lies on the host.
 *
 * With a sysroot the guest sees a union: a name that exists under the
 * sysroot is found there, any other on the host. Symbolic links inside the
 * sysroot are resolved here, because their absolute targets mean the guest's
 * root. A name that exists nowhere belongs where its directory was found, so
 * that new files appear in the directory that the guest lists. Directories
 * that are the kernel's or shared with host programs (host_dirs) always are
 * the host's.
 *
 * Relative paths are the host's business, unless the directory they start
 * from lies in the sysroot.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/user/linux.h"

#define LINKS_MAX 40 /* as Linux */

static const char *const host_dirs[] = { "/proc", "/sys", "/dev", "/run",
	"/tmp" };

/* A guest path being resolved: `done` has no links, `rest` is to come. */
struct walk {
	char done[PATH_MAX]; /* "" or "/a/b" */
	char rest[PATH_MAX];
	unsigned links;
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

static bool is_host_dir(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(host_dirs); i++) {
		size_t n = strlen(host_dirs[i]);
		if (!strncmp(path, host_dirs[i], n) &&
		    (path[n] == 0 || path[n] == '/'))
			return true;
	}
	return false;
}

/* a, b and c joined into out, or -ENAMETOOLONG. */
static int join(char out[PATH_MAX], const char *a, const char *b, const char *c)
{
	char tmp[PATH_MAX];
	int n = snprintf(tmp, sizeof(tmp), "%s%s%s", a, b, c);
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out, tmp, (size_t)n + 1);
	return 0;
}

/* Take the next component off w->rest; false when there is none. */
static bool next_component(struct walk *w, char name[NAME_MAX + 2], bool *last)
{
	char *s = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(s, "/");
	if (n == 0)
		return false;
	if (n > NAME_MAX)
		n = NAME_MAX + 1; /* the host will say ENAMETOOLONG */
	memcpy(name, s, n);
	name[n] = 0;
	memmove(w->rest, s + n, strlen(s + n) + 1);
	*last = w->rest[0] == 0;
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
	if (target[0] == '/')
		w->done[0] = 0;
	return join(w->rest, target, w->rest, "");
}

/*
 * Walk w->rest through the sysroot. 1: all of it exists there (w->done);
 * 0: it does not, w->done is what does and w->rest what remains; or -errno.
 */
static int walk_sysroot(const char *root, struct walk *w, bool follow_last)
{
	char name[NAME_MAX + 2], at[PATH_MAX];
	bool last;

	while (next_component(w, name, &last)) {
		struct stat st;
		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, "..")) {
			char *slash = strrchr(w->done, '/');
			if (slash)
				*slash = 0;
			continue;
		}
		int r = join(at, root, w->done, "/");
		if (r == 0)
			r = join(at, at, name, "");
		if (r < 0)
			return r;
		if (is_host_dir(at + strlen(root)) || lstat(at, &st) < 0) {
			r = join(w->rest, "/", name, w->rest);
			return r;
		}
		if (S_ISLNK(st.st_mode) && (!last || follow_last)) {
			r = follow(w, at);
			if (r < 0)
				return r;
			continue;
		}
		r = join(w->done, w->done, "/", name);
		if (r < 0)
			return r;
	}
	return 1;
}

static int translate_absolute(
    const char *root, const char *path, char out[PATH_MAX], unsigned flags)
{
	struct walk w = { .done = "" };
	struct stat st;
	char host[PATH_MAX];
	size_t n = strlen(path);
	bool slash = n > 1 && path[n - 1] == '/';

	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(w.rest, path, n + 1);
	int r = walk_sysroot(root, &w, slash || !(flags & PATH_NOFOLLOW));
	if (r < 0)
		return r;
	if (r == 1)
		return join(out, root, w.done, slash || !w.done[0] ? "/" : "");
	r = join(host, w.done, w.rest, "");
	if (r < 0)
		return r;
	if (is_host_dir(host) || lstat(host, &st) == 0)
		return join(out, host, "", "");
	/* Nowhere: it belongs to its directory, if that is in the sysroot. */
	const char *s = w.rest + strspn(w.rest, "/");
	if (strchr(s, '/') && s[strcspn(s, "/") + 1] != 0)
		return join(out, host, "", "");
	return join(out, root, host, "");
}

/* The absolute guest path of a relative one, if it starts in the sysroot. */
static bool relative_in_sysroot(const struct linux_process *p, int dirfd,
    const char *path, char out[PATH_MAX])
{
	char link[32], dir[PATH_MAX];
	size_t n = strlen(p->cfg.sysroot);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	ssize_t k = readlink(
	    dirfd == AT_FDCWD ? "/proc/self/cwd" : link, dir, sizeof(dir) - 1);
	if (k <= 0)
		return false;
	dir[k] = 0;
	if (strncmp(dir, p->cfg.sysroot, n) != 0 ||
	    (dir[n] != '/' && dir[n] != 0))
		return false;
	return join(out, dir + n, "/", path) == 0;
}

int path_translate(struct linux_process *p, int dirfd, const char *path,
    char out[PATH_MAX], unsigned flags)
{
	char abs[PATH_MAX];

	if (!path[0]) {
		out[0] = 0;
		return flags & PATH_EMPTY ? 0 : -ENOENT;
	}
	if (p->cfg.sysroot) {
		if (path[0] == '/')
			return translate_absolute(
			    p->cfg.sysroot, path, out, flags);
		if (relative_in_sysroot(p, dirfd, path, abs))
			return translate_absolute(
			    p->cfg.sysroot, abs, out, flags);
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
		return (int)n;
	return path_translate(t->p, dirfd, buf, out, flags);
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
