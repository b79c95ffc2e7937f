/*
 * sysroot.c - names that change while they are being asked for.
 *
 *   sysroot PREFIX OUTSIDE
 *   sysroot PREFIX OUTSIDE watch     ask, read a byte, ask again
 *
 * Works below PREFIX: a directory natively, "" for a guest whose sysroot is
 * another such directory. Every name is asked for often enough to be
 * remembered, then changed by this or another process, and asked for again.
 * OUTSIDE is a directory that is not in the sysroot. Mounts: sysroot.sh sees to
 * it that they are seen nowhere else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *prefix, *outside;

/* The path in one of a few buffers. */
static const char *in(const char *name)
{
	static char buf[4][1024];
	static int i;

	i = (i + 1) % 4;
	snprintf(buf[i], sizeof(buf[i]), "%s%s", prefix, name);
	return buf[i];
}

static void make(const char *name, int size)
{
	int fd = open(in(name), O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd < 0 || ftruncate(fd, size) < 0)
		printf("BAD %s: %s\n", name, strerror(errno));
	close(fd);
}

static void show(
    const char *call, const char *name, int r, const struct stat *s)
{
	if (r < 0)
		printf("%s %s: %s\n", call, name, strerror(errno));
	else if (S_ISREG(s->st_mode))
		printf("%s %s: file %ld\n", call, name, (long)s->st_size);
	else
		printf("%s %s: %o\n", call, name, s->st_mode & S_IFMT);
}

/* All ways of asking, several times. */
static void ask_path(const char *name, const char *path)
{
	struct stat s;
	struct statx x;
	char text[64];
	int r = 0;

	for (int i = 0; i < 4; i++)
		r = stat(path, &s);
	show("stat", name, r, &s);
	for (int i = 0; i < 4; i++)
		r = lstat(path, &s);
	show("lstat", name, r, &s);
	for (int i = 0; i < 4; i++)
		r = statx(AT_FDCWD, path, 0, STATX_SIZE, &x);
	printf("statx %s: %lld\n", name, r < 0 ? -1 : (long long)x.stx_size);
	r = open(path, O_RDONLY | O_NONBLOCK);
	if (r >= 0)
		fstat(r, &s);
	show("open", name, r, &s);
	close(r);
	r = (int)readlink(path, text, sizeof(text));
	printf("access %d, link %d\n", access(path, R_OK), r > 0);
}

static void ask(const char *name)
{
	ask_path(name, in(name));
}

static void ask_all(const char *when)
{
	static const char *const names[] = { "/d", "/d/f", "/d/e/g", "/d/no",
		"/l/f", "/l/e/g", "/l/no", "/a/f", "/a/no", "/d/lf", "/d/af",
		"/d/af2", "/d/../d/f", "/d/f/", "/d/f/x", "/no/x" };

	printf("--- %s\n", when);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ask(names[i]);
}

static void check(const char *what, int r)
{
	if (r < 0)
		printf("BAD %s: %s\n", what, strerror(errno));
}

/* Each step is done by this process or by a child. */
static void step(int which)
{
	switch (which) {
	case 0: /* renamed, something else in its place */
		check("rename", rename(in("/d"), in("/was")));
		check("mkdir", mkdir(in("/d"), 0755));
		make("/d/f", 11);
		make("/d/no", 12);
		break;
	case 1: /* replaced by a link that is absolute */
		check("rename", rename(in("/d"), in("/d2")));
		check("symlink", symlink(in("/was"), in("/d")));
		break;
	case 2: /* by a relative one, and by one to nowhere */
		check("unlink", unlink(in("/d")) | unlink(in("/l")));
		check("symlink", symlink("d2", in("/d")));
		check("symlink", symlink("nowhere", in("/l")));
		break;
	case 3: /* removed */ check("unlink", unlink(in("/d"))); break;
	case 4: /* back, and files replaced in place */
		check("rename", rename(in("/was"), in("/d")));
		make("/d/new", 77);
		check("rename", rename(in("/d/new"), in("/d/f")));
		check("symlink", symlink("f", in("/d/no")));
		break;
	case 5: /* a file becomes a link out of its directory */
		check("rename", rename(in("/d/f"), in("/f")));
		check("symlink", symlink(in("/f"), in("/d/f")));
		break;
	case 6:
		check("unlink", unlink(in("/d/f")));
		check("symlink", symlink("../f", in("/d/f")));
		break;
	default: break;
	}
}

static void by_child(int which)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		step(which);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void build(void)
{
	check("mkdir", mkdir(in("/d"), 0755) | mkdir(in("/d/e"), 0755));
	make("/d/f", 1);
	make("/d/e/g", 2);
	check("symlink",
	    symlink("d", in("/l")) | symlink(in("/d"), in("/a")) |
		symlink("f", in("/d/lf")) | symlink(in("/d/f"), in("/d/af")) |
		symlink("af", in("/d/af2")));
}

static void clear(void)
{
	for (const char *const *n = (const char *const[]){ "/d/e/g", "/d/f",
		 "/d/no", "/d/lf", "/d/af", "/d/af2", "/d/e", "/d", "/d2/f",
		 "/d2/no", "/d2", "/l", "/a", "/f", NULL };
	     *n; n++)
		remove(in(*n));
}

/* A link outside the sysroot means what it says in the guest's tree. */
static void links_outside(void)
{
	char link[1100], dir[1100], there[1200];

	snprintf(link, sizeof(link), "%s/x", outside);
	snprintf(dir, sizeof(dir), "%s/y", outside);
	snprintf(there, sizeof(there), "%s/y/f", outside);
	check("symlink", symlink(in("/d/f"), link) | symlink(in("/d"), dir));
	ask_path("outside/x", link);
	ask_path("outside/y/f", there);
	check("chdir", chdir(outside));
	ask_path("x", "x");
	ask_path("y/f", "y/f");
	check("unlink", unlink(in("/d/f")));
	ask_path("outside/x", link);
	ask_path("outside/y/f", there);
	make("/d/f", 5);
	ask_path("outside/x", link);
	check("chdir", chdir("/"));
}

/* Another file system over a directory that is remembered. */
static void mounted_over(void)
{
	ask_all("before mount");
	if (mount("none", in("/d"), "tmpfs", 0, "size=1m") < 0) {
		printf("no mount: %s\n", strerror(errno));
		return;
	}
	ask_all("mounted over");
	make("/d/f", 99);
	ask_all("and filled");
	check("umount", umount2(in("/d"), MNT_DETACH));
	ask_all("unmounted");
}

/* Somebody makes a directory in the sysroot that was only on the host. */
static int watch(void)
{
	char file[1100], none[1100];

	snprintf(file, sizeof(file), "%s/f", outside);
	snprintf(none, sizeof(none), "%s/none", outside);
	for (int i = 0; i < 2; i++) {
		ask_path("outside/f", file);
		ask_path("outside/none", none);
		printf("--- asked\n");
		fflush(stdout);
		if (!i)
			getchar();
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	prefix = argv[1];
	outside = argv[2];
	if (argc > 3)
		return watch();
	for (int child = 0; child < 2; child++) {
		build();
		ask_all(child ? "another process" : "this process");
		for (int i = 0; i < 7; i++) {
			char when[32];

			snprintf(when, sizeof(when), "step %d", i);
			if (child)
				by_child(i);
			else
				step(i);
			ask_all(when);
		}
		clear();
	}
	build();
	links_outside();
	mounted_over();
	clear();
	ask_all("nothing left");
	return 0;
}
