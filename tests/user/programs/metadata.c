/* metadata.c - stat in all its forms, names, times, links, attributes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../../guest/c/check.h"

static void *volatile bad = (void *)16; /* no address of anything */

static void make(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0640);

	NEED(fd >= 0);
	NEED(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	NEED(close(fd) == 0);
}

static void stats(int dir)
{
	struct timespec when[2] = { { 1000000000, 123456789 },
		{ 1100000000, 987654321 } };
	struct stat st, at, link;
	struct statx sx;
	struct statfs fs;

	make("a", "twelve bytes");
	NEED(symlink("a", "l") == 0);
	CHECK(utimensat(dir, "a", when, 0) == 0);
	CHECK(stat("a", &st) == 0);
	CHECK(st.st_size == 12);
	CHECK(st.st_mode == (S_IFREG | 0640));
	CHECK(st.st_nlink == 1);
	CHECK(st.st_uid == geteuid() && st.st_gid == getegid());
	CHECK(st.st_atim.tv_sec == 1000000000);
	CHECK(st.st_atim.tv_nsec == 123456789);
	CHECK(st.st_mtim.tv_sec == 1100000000);
	CHECK(st.st_mtim.tv_nsec == 987654321);
	CHECK(st.st_blksize > 0 && st.st_blksize < 1 << 24);
	CHECK(fstatat(dir, "l", &at, 0) == 0 && at.st_ino == st.st_ino);
	CHECK(fstatat(dir, "l", &link, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK(S_ISLNK(link.st_mode) && link.st_size == 1);
	CHECK(statx(dir, "a", 0, STATX_ALL, &sx) == 0);
	CHECK(sx.stx_ino == st.st_ino && sx.stx_size == 12);
	CHECK(sx.stx_mtime.tv_nsec == 987654321);
	CHECK(makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev);
	CHECK(fstatat(dir, "", &at, AT_EMPTY_PATH) == 0);
	CHECK(S_ISDIR(at.st_mode));
	CHECK(statfs("a", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen == 255);
	CHECK(stat("/dev/null", &st) == 0 && st.st_rdev == makedev(1, 3));
	CHECK(stat("missing", &st) == -1 && errno == ENOENT);
	CHECK(stat("a/b", &st) == -1 && errno == ENOTDIR);
	CHECK(stat(bad, &st) == -1 && errno == EFAULT);
	CHECK(stat("", &st) == -1 && errno == ENOENT);
	CHECK(syscall(SYS_fstat, dir, bad) == -1 && errno == EFAULT);
}

static void names(int dir)
{
	char buf[64];
	struct stat st;

	CHECK(mkdirat(dir, "d", 0751) == 0);
	CHECK(mkdir("d", 0) == -1 && errno == EEXIST);
	CHECK(stat("d", &st) == 0 && (st.st_mode & 07777) == 0751);
	CHECK(link("a", "d/hard") == 0);
	CHECK(stat("d/hard", &st) == 0 && st.st_nlink == 2);
	CHECK(rename("d/hard", "d/moved") == 0);
	CHECK(renameat2(dir, "a", dir, "d/moved", RENAME_NOREPLACE) == -1 &&
	    errno == EEXIST);
	CHECK(renameat2(dir, "l", dir, "d/moved", RENAME_EXCHANGE) == 0);
	CHECK(readlinkat(dir, "d/moved", buf, sizeof(buf)) == 1);
	CHECK(buf[0] == 'a');
	CHECK(readlink("a", buf, sizeof(buf)) == -1 && errno == EINVAL);
	CHECK(symlink("/etc/passwd", "absolute") == 0);
	CHECK(readlink("absolute", buf, sizeof(buf)) == 11);
	CHECK(readlink("absolute", buf, 4) == 4 && !memcmp(buf, "/etc", 4));
	CHECK(unlink("d") == -1);
	CHECK(rmdir("d") == -1 && errno == ENOTEMPTY);
	CHECK(unlinkat(dir, "d/moved", 0) == 0);
	CHECK(unlinkat(dir, "d", AT_REMOVEDIR) == 0);
	CHECK(truncate("a", 5) == 0 && stat("a", &st) == 0 && st.st_size == 5);
	CHECK(chmod("a", 0600) == 0 && access("a", R_OK | W_OK) == 0);
	CHECK(faccessat(dir, "missing", F_OK, 0) == -1 && errno == ENOENT);
	CHECK(faccessat(dir, "a", R_OK, AT_EACCESS) == 0);
	CHECK(fchmodat(dir, "a", 0644, 0) == 0);
	CHECK(chown("a", (uid_t)-1, (gid_t)-1) == 0);
	CHECK(mkfifo("fifo", 0600) == 0 && stat("fifo", &st) == 0 &&
	    S_ISFIFO(st.st_mode));
	CHECK((umask(077), umask(022)) == 077);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void listing(int dir)
{
	struct dirent **list;
	char cwd[4096], small[2];
	int n = scandir(".", &list, NULL, by_name);

	for (int i = 0; i < n; i++)
		printf("%s %d\n", list[i]->d_name, list[i]->d_type);
	CHECK(mkdir("sub", 0755) == 0 && chdir("sub") == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && strstr(cwd, "/sub"));
	CHECK(syscall(SYS_getcwd, small, 2) == -1 && errno == ERANGE);
	CHECK(fchdir(dir) == 0);
	CHECK(rmdir("sub") == 0);
}

static void attributes(void)
{
	char buf[64];

	if (setxattr("a", "user.x", "value", 5, 0) && errno == ENOTSUP)
		return;
	CHECK(getxattr("a", "user.x", buf, sizeof(buf)) == 5);
	CHECK(!memcmp(buf, "value", 5));
	CHECK(listxattr("a", buf, sizeof(buf)) >= 7);
	CHECK(removexattr("a", "user.x") == 0);
	CHECK(getxattr("a", "user.x", buf, sizeof(buf)) == -1 &&
	    errno == ENODATA);
}

static void watching(void)
{
	char buf[512] __attribute__((aligned(8)));
	struct inotify_event *e = (void *)buf;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	NEED(fd >= 0);
	CHECK(inotify_add_watch(fd, ".", IN_CREATE) > 0);
	make("new", "");
	CHECK(read(fd, buf, sizeof(buf)) > (ssize_t)sizeof(*e));
	CHECK(e->mask == IN_CREATE && !strcmp(e->name, "new"));
	CHECK(read(fd, buf, sizeof(buf)) == -1 && errno == EAGAIN);
	close(fd);
}

int main(void)
{
	char top[] = "/tmp/metadataXXXXXX";
	int dir;

	umask(022);
	NEED(mkdtemp(top) && chdir(top) == 0);
	dir = open(".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	NEED(dir >= 0);
	stats(dir);
	names(dir);
	listing(dir);
	attributes();
	watching();
	const char *const all[] = { "a", "l", "absolute", "fifo", "new" };
	for (int i = 0; i < 5; i++)
		unlink(all[i]);
	NEED(chdir("/") == 0);
	CHECK(rmdir(top) == 0);
	return 0;
}
