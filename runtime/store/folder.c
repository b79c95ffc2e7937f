/* folder.c - the folder of containers: who may use it, what lies in it. */
#include "runtime/store/container.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Make the folder and what is above it. */
static int make_dirs(const char *dir)
{
	char path[PATH_MAX];

	memcpy(path, dir, strlen(dir) + 1);
	for (char *p = path + 1;; p++) {
		if (*p && *p != '/')
			continue;
		char c = *p;
		*p = '\0';
		int err = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
		*p = c;
		if (err)
			return err;
		if (!c)
			return 0;
	}
}

int store_open(
    struct store *s, const char *dir, u64 cap, const struct store_key *maker)
{
	struct stat st;

	*s = (struct store){ .fd = -1, .cap = cap, .maker = *maker };
	if (!*dir || strlen(dir) > PATH_MAX - 64)
		return -ENAMETOOLONG;
	s->dir = strdup(dir);
	if (!s->dir)
		return -ENOMEM;
	int err = 0, flags = O_PATH | O_CLOEXEC | O_DIRECTORY;
	s->fd = open(dir, flags);
	if (s->fd < 0 && errno == ENOENT) {
		err = make_dirs(dir);
		s->fd = err ? -1 : open(dir, flags);
	}
	if (!err && (s->fd < 0 || fstat(s->fd, &st) < 0))
		err = errno == ENOTDIR ? -EPERM : -errno;
	/* What lies there is run: nobody else may have put it there. */
	if (!err && (st.st_uid != geteuid() || (st.st_mode & 022)))
		err = -EPERM;
	if (err)
		store_close(s);
	return err;
}

void store_close(struct store *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->dir);
	s->dir = NULL;
}

struct found {
	char name[64];
	struct timespec used;
	u64 bytes;
};

static bool is_container(const char *name)
{
	size_t n = strlen(name), k = strlen(CONTAINER_SUFFIX);
	return n == 32 + k && n < sizeof(((struct found *)0)->name) &&
	    !strcmp(name + n - k, CONTAINER_SUFFIX) &&
	    strspn(name, "0123456789abcdef") == 32;
}

static bool is_leftover(const char *name)
{
	return !strncmp(name, "new.", 4);
}

/* The folder, to be listed; NULL and errno. */
static DIR *open_list(const struct store *s)
{
	int fd = openat(s->fd, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

/* All containers, to be freed; the number or -errno. */
static long list(struct store *s, struct found **out)
{
	size_t n = 0, cap = 0;
	struct dirent *e;
	struct stat st;

	*out = NULL;
	DIR *d = open_list(s);
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		if (!is_container(e->d_name) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 64;
			struct found *more = realloc(*out, cap * sizeof(**out));
			if (!more)
				break;
			*out = more;
		}
		struct found *f = &(*out)[n++];
		memcpy(f->name, e->d_name, strlen(e->d_name) + 1);
		f->used = st.st_atim;
		f->bytes = (u64)st.st_blocks * 512;
	}
	closedir(d);
	return (long)n;
}

static int by_use(const void *x, const void *y)
{
	const struct found *a = x, *b = y;
	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	return a->used.tv_nsec < b->used.tv_nsec ?
	    -1 :
	    a->used.tv_nsec > b->used.tv_nsec;
}

/* What a writer that died left behind, if it is older than a minute. */
static void remove_leftovers(struct store *s)
{
	struct dirent *e;
	struct stat st;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	DIR *d = open_list(s);
	while (d && (e = readdir(d)))
		if (is_leftover(e->d_name) &&
		    fstatat(dirfd(d), e->d_name, &st, 0) == 0 &&
		    st.st_mtim.tv_sec + 60 < now.tv_sec)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

int store_gc(struct store *s, u64 cap, struct store_totals *removed)
{
	struct found *f;
	u64 sum = 0;
	long n = list(s, &f);

	*removed = (struct store_totals){ 0 };
	if (n <= 0)
		return (int)n;
	remove_leftovers(s);
	for (long i = 0; i < n; i++)
		sum += f[i].bytes;
	qsort(f, (size_t)n, sizeof(*f), by_use);
	for (long i = 0; i < n && sum > cap; i++) {
		if (unlinkat(s->fd, f[i].name, 0) < 0)
			continue;
		sum -= f[i].bytes;
		removed->files++;
		removed->bytes += f[i].bytes;
	}
	free(f);
	return 0;
}

static void describe(
    struct store *s, const struct found *e, bool verify, struct store_info *i)
{
	struct store_file f;
	struct store_key maker;

	*i = (struct store_info){
		.name = e->name, .bytes = e->bytes, .used = e->used.tv_sec
	};
	if (!container_open_any(&f, s, e->name, &maker))
		return;
	i->valid = true;
	i->ours = !memcmp(&maker, &s->maker, sizeof(maker));
	i->blocks = f.nblocks;
	if (!verify)
		return;
	int fd = container_open(s, e->name);
	u8 *data = fd < 0 ? NULL : container_read(&f, fd);
	if (fd >= 0)
		close(fd);
	i->blocks = data ? container_blocks(&f, data, NULL) : 0;
	i->damaged = f.nblocks - i->blocks + (f.end != f.size);
	free(data);
}

int store_list(struct store *s, bool verify,
    void (*each)(void *ctx, const struct store_info *i), void *ctx)
{
	struct store_info info;
	struct found *f;
	long n = list(s, &f);

	if (n <= 0)
		return (int)n;
	qsort(f, (size_t)n, sizeof(*f), by_use);
	for (long i = n; i-- > 0;) {
		describe(s, &f[i], verify, &info);
		each(ctx, &info);
	}
	free(f);
	return 0;
}
