/* files.c - file system calls, in a directory of its own. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

static void *volatile nowhere = (void *)8;

static void reading_and_writing(void)
{
	char buf[64] = { 0 };
	struct iovec v[2] = { { buf, 3 }, { buf + 10, 20 } };
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0640), fd2;
	struct stat st;

	NEED(fd >= 0);
	CHECK(open("a", O_RDWR | O_CREAT | O_EXCL, 0640) == -1 &&
	    errno == EEXIST);
	CHECK(write(fd, "0123456789", 10) == 10);
	CHECK(lseek(fd, -3, SEEK_END) == 7 && read(fd, buf, 9) == 3);
	CHECK(!strcmp(buf, "789"));
	CHECK(pwrite(fd, "XY", 2, 4) == 2 && pread(fd, buf, 4, 3) == 4);
	CHECK(!memcmp(buf, "3XY6", 4));
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, v, 2) == 10);
	CHECK(!memcmp(buf, "012", 3) && !memcmp(buf + 10, "3XY6789", 7));
	CHECK(writev(fd, v, 2) == 23);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 33);
	CHECK(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0640);
	CHECK(st.st_nlink == 1 && st.st_uid == getuid());
	CHECK(ftruncate(fd, 5) == 0 && lseek(fd, 0, SEEK_END) == 5);
	CHECK(fchmod(fd, 0600) == 0 && access("a", R_OK | W_OK) == 0);
	CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	fd2 = dup(fd);
	CHECK(lseek(fd2, 2, SEEK_SET) == 2 && lseek(fd, 0, SEEK_CUR) == 2);
	CHECK(fcntl(fd2, F_DUPFD_CLOEXEC, 50) == 50);
	CHECK(fcntl(50, F_GETFD) == FD_CLOEXEC);
	CHECK(dup3(fd, 51, 0) == 51 && close(51) == 0 && close(50) == 0);
	CHECK(close(fd) == 0 && close(fd) == -1 && errno == EBADF);
	CHECK(read(fd2, nowhere, 3) == -1 && errno == EFAULT);
	fd = open("a", O_WRONLY | O_APPEND);
	CHECK(write(fd, "end", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 8);
	CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
	CHECK(flock(fd2, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	close(fd);
	close(fd2);
}

static void names(void)
{
	char buf[100] = { 0 };
	struct stat a, b;
	struct statx x;
	struct timespec ts[2] = { { 1000, 5 }, { 2000000000, 123456789 } };

	CHECK(link("a", "hard") == 0 && symlink("a", "soft") == 0);
	CHECK(stat("hard", &a) == 0 && a.st_nlink == 2);
	CHECK(stat("soft", &b) == 0 && b.st_ino == a.st_ino);
	CHECK(lstat("soft", &b) == 0 && S_ISLNK(b.st_mode) && b.st_size == 1);
	CHECK(readlink("soft", buf, sizeof(buf)) == 1 && buf[0] == 'a');
	CHECK(utimensat(AT_FDCWD, "a", ts, 0) == 0 && stat("a", &a) == 0);
	CHECK(a.st_mtim.tv_sec == 2000000000 && a.st_mtim.tv_nsec == 123456789);
	CHECK(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &x) == 0);
	CHECK(x.stx_size == 8 && x.stx_ino == a.st_ino && x.stx_nlink == 2);
	CHECK(x.stx_atime.tv_sec == 1000 && x.stx_atime.tv_nsec == 5);
	CHECK(mkdir("d", 0700) == 0 && rename("hard", "d/moved") == 0);
	CHECK(rmdir("d") == -1 && errno == ENOTEMPTY);
	CHECK(open("d", O_WRONLY) == -1 && errno == EISDIR);
	CHECK(open("a/b", O_RDONLY) == -1 && errno == ENOTDIR);
	CHECK(open("missing", O_RDONLY) == -1 && errno == ENOENT);
	CHECK(symlink("loop", "loop") == 0);
	CHECK(open("loop", O_RDONLY) == -1 && errno == ELOOP);
	CHECK(chdir("d") == 0 && getcwd(buf, sizeof(buf)) != NULL);
	CHECK(!strcmp(buf + strlen(buf) - 2, "/d"));
	CHECK(unlink("moved") == 0 && chdir("..") == 0 && rmdir("d") == 0);
	CHECK(unlink("soft") == 0 && unlink("loop") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void directories(void)
{
	struct dirent **list;
	char name[20];
	int n, fd;
	uint64_t h = 0;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		fd = open(name, O_CREAT | O_WRONLY, 0600);
		NEED(fd >= 0);
		close(fd);
	}
	n = scandir(".", &list, NULL, by_name);
	for (int i = 0; i < n; i++)
		for (char *p = list[i]->d_name; *p; p++)
			h = h * 31 + (unsigned char)*p;
	printf("%d entries, %016llx\n", n, (unsigned long long)h);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		NEED(unlink(name) == 0);
	}
}

static void large(void)
{
	off_t far = (off_t)5 << 30;
	char c[2] = { 0 };
	struct stat st;
	int fd = open("large", O_RDWR | O_CREAT, 0600);

	CHECK(pwrite(fd, "z", 1, far) == 1);
	CHECK(lseek(fd, 0, SEEK_END) == far + 1);
	CHECK(lseek(fd, far, SEEK_SET) == far && read(fd, c, 2) == 1);
	CHECK(c[0] == 'z' && fstat(fd, &st) == 0 && st.st_size == far + 1);
	CHECK(pread(fd, c, 1, far - 5) == 1 && c[0] == 0);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 ||
	    errno == EOPNOTSUPP);
	close(fd);
	unlink("large");
}

static void waiting(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 0x1122334455 };
	struct epoll_event got[2] = { 0 };
	struct pollfd pfd[2];
	struct timeval tv = { 0, 1000 };
	uint64_t v = 3;
	fd_set set;
	int e = eventfd(0, EFD_NONBLOCK), ep = epoll_create1(0), p[2], n;

	NEED(pipe2(p, O_NONBLOCK) == 0);
	CHECK(read(e, &v, 8) == -1 && errno == EAGAIN);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev) == 0);
	ev.data.u64 = 7;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev) == 0);
	CHECK(epoll_wait(ep, got, 2, 0) == 0);
	CHECK(write(e, &v, 8) == 8 && write(e, &v, 8) == 8);
	CHECK(epoll_wait(ep, got, 2, 1000) == 1);
	CHECK(got[0].data.u64 == 0x1122334455 && got[0].events == EPOLLIN);
	CHECK(read(e, &v, 8) == 8 && v == 6);
	pfd[0] = (struct pollfd){ .fd = p[0], .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = p[1], .events = POLLOUT };
	CHECK(poll(pfd, 2, 10) == 1 && pfd[1].revents == POLLOUT);
	CHECK(write(p[1], "abc", 3) == 3);
	CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 3);
	CHECK(poll(pfd, 1, 1000) == 1 && pfd[0].revents == POLLIN);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	CHECK(select(p[0] + 1, &set, NULL, NULL, &tv) == 1);
	CHECK(FD_ISSET(p[0], &set));
	close(p[1]);
	CHECK(read(p[0], got, 10) == 3 && read(p[0], got, 10) == 0);
	close(p[0]);
	close(e);
	close(ep);
}

static void moving_data(void)
{
	char buf[10] = { 0 };
	int a = open("a", O_RDONLY), p[2], b;
	off_t at = 1;

	b = open("b", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(sendfile(b, a, &at, 4) == 4 && at == 5);
	CHECK(pread(b, buf, 10, 0) == 4 && !memcmp(buf, "12", 2));
	NEED(pipe(p) == 0);
	CHECK(splice(a, NULL, p[1], NULL, 3, 0) == 3);
	CHECK(read(p[0], buf, 10) == 3 && buf[0] == '0');
	CHECK(copy_file_range(a, NULL, b, NULL, 2, 0) == 2);
	close(a);
	close(b);
	unlink("b");
}

static void limits(void)
{
	struct rlimit r;
	struct statfs fs;

	CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur > 0);
	r.rlim_cur = 20;
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	CHECK(fcntl(0, F_DUPFD, 25) == -1 && errno == EINVAL);
	CHECK(statfs("/", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen == 255);
	CHECK((umask(027) | 1) && umask(0) == 027);
}

int main(void)
{
	char dir[] = "/tmp/metic-files-XXXXXX";

	NEED(mkdtemp(dir) && chdir(dir) == 0);
	reading_and_writing();
	names();
	directories();
	large();
	waiting();
	moving_data();
	limits();
	CHECK(unlink("a") == 0);
	CHECK(chdir("/") == 0 && rmdir(dir) == 0);
	return 0;
}
