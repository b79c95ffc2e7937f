/* descriptors.c - reading, writing, moving and locking through them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../../guest/c/check.h"

static void *volatile bad = (void *)16; /* no address of anything */

static int memory(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	NEED(fd >= 0);
	NEED(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static void vectors(void)
{
	char a[4], b[8];
	struct iovec v[2] = { { a, 4 }, { b, 8 } };
	int fd = memory("0123456789abcdef");

	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(readv(fd, v, 2) == 12 && !memcmp(b, "456789ab", 8));
	CHECK(preadv(fd, v, 2, 8) == 8 && !memcmp(a, "89ab", 4));
	CHECK(pwrite(fd, "XY", 2, 1) == 2);
	CHECK(pread(fd, a, 4, 0) == 4 && !memcmp(a, "0XY3", 4));
	CHECK(pwritev2(fd, v, 1, 16, 0) == 4);
	CHECK(lseek(fd, 0, SEEK_END) == 20);
	CHECK(read(fd, bad, 1) == 0);
	CHECK(lseek(fd, -1, SEEK_SET) == -1 && errno == EINVAL);
	CHECK(pread(fd, bad, 1, 0) == -1 && errno == EFAULT);
	CHECK(write(fd, bad, 1) == -1 && errno == EFAULT);
	CHECK(readv(fd, bad, 2) == -1 && errno == EFAULT);
	CHECK(read(1000, a, 1) == -1 && errno == EBADF);
	close(fd);
}

static void moving(void)
{
	char buf[32] = "";
	loff_t in = 2, out = 0;
	off_t off = 3;
	int from = memory("hello, world"), to = memory(""), p[2];

	NEED(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(p[0], F_GETFD) == FD_CLOEXEC);
	CHECK(copy_file_range(from, &in, to, &out, 4, 0) == 4 && in == 6);
	CHECK(sendfile(to, from, &off, 3) == 3 && off == 6);
	CHECK(pread(to, buf, 32, 0) == 4);
	in = 0;
	CHECK(splice(from, &in, p[1], NULL, 5, 0) == 5 && in == 5);
	CHECK(ioctl(p[0], FIONREAD, &p[1]) == 0 && p[1] == 5);
	CHECK(read(p[0], buf, 32) == 5 && !memcmp(buf, "hello", 5));
	CHECK(read(p[0], buf, 32) == -1 && errno == EAGAIN);
	CHECK(fallocate(to, 0, 0, 100) == 0 && lseek(to, 0, SEEK_END) == 100);
	CHECK(ftruncate(to, 7) == 0 && lseek(to, 0, SEEK_END) == 7);
	CHECK(fsync(to) == 0 && fdatasync(to) == 0);
	CHECK(posix_fadvise(to, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
	CHECK(fcntl(to, F_ADD_SEALS, F_SEAL_GROW) == -1 && errno == EPERM);
}

static void numbers(void)
{
	int fd = memory("x"), high;

	CHECK(dup2(fd, 100) == 100 && dup3(fd, 101, O_CLOEXEC) == 101);
	CHECK(dup3(fd, fd, 0) == -1 && errno == EINVAL);
	CHECK(fcntl(100, F_GETFD) == 0 && fcntl(101, F_GETFD) == 1);
	high = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	CHECK(high == 200);
	CHECK(ioctl(100, FIOCLEX) == 0 && fcntl(100, F_GETFD) == 1);
	CHECK(syscall(SYS_close_range, 100, 150, 0) == 0);
	CHECK(close(100) == -1 && errno == EBADF && close(200) == 0);
	CHECK(syscall(SYS_close_range, 90, ~0u, 0) == 0);
	CHECK(syscall(SYS_close_range, 5, 4, 0) == -1 && errno == EINVAL);
	CHECK(fcntl(fd, F_SETPIPE_SZ, 4096) == -1 && errno == EBADF);
	CHECK(fcntl(fd, 9999) == -1 && errno == EINVAL);
	close(fd);
}

/* A child holds the locks that the parent asks about and waits for. */
static void locks(void)
{
	struct flock l = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = 10,
		.l_len = 5 },
		     ask = l;
	int fd = memory("some text to be locked"), p[2], done[2];
	pid_t child;
	char c;

	NEED(pipe(p) == 0 && pipe(done) == 0);
	child = fork();
	NEED(child >= 0);
	if (child == 0) {
		NEED(fcntl(fd, F_SETLK, &l) == 0);
		NEED(write(p[1], "", 1) == 1);
		NEED(read(done[0], &c, 1) == 1);
		usleep(20000);
		_exit(7);
	}
	NEED(read(p[0], &c, 1) == 1);
	CHECK(fcntl(fd, F_GETLK, &ask) == 0);
	CHECK(ask.l_type == F_WRLCK && ask.l_pid == child);
	CHECK(ask.l_start == 10 && ask.l_len == 5);
	CHECK(fcntl(fd, F_SETLK, &l) == -1 && errno == EAGAIN);
	NEED(write(done[1], "", 1) == 1);
	CHECK(fcntl(fd, F_SETLKW, &l) == 0);
	l.l_pid = 0;
	l.l_start = 100;
	CHECK(fcntl(fd, F_OFD_SETLK, &l) == 0);
	int status;
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	close(fd);
}

static void terminal(void)
{
	struct winsize ws = { 33, 77, 0, 0 }, got;
	struct termios t, u;
	int m, s;
	char buf[16];

	NEED(openpty(&m, &s, NULL, NULL, &ws) == 0);
	CHECK(isatty(s) && !isatty(0) == !isatty(0));
	CHECK(ioctl(s, TIOCGWINSZ, &got) == 0);
	CHECK(got.ws_row == 33 && got.ws_col == 77);
	CHECK(tcgetattr(s, &t) == 0);
	CHECK((t.c_lflag & (ECHO | ICANON | ISIG)) == (ECHO | ICANON | ISIG));
	CHECK(t.c_cc[VEOF] == 4 && t.c_cc[VINTR] == 3);
	CHECK((t.c_cflag & CSIZE) == CS8);
	CHECK(cfgetospeed(&t) == B38400);
	cfmakeraw(&t);
	t.c_cc[VMIN] = 3;
	CHECK(tcsetattr(s, TCSANOW, &t) == 0 && tcgetattr(s, &u) == 0);
	CHECK(u.c_lflag == t.c_lflag && u.c_cc[VMIN] == 3);
	CHECK(write(m, "abc", 3) == 3 && read(s, buf, 16) == 3);
	CHECK(write(s, "\n", 1) == 1 && read(m, buf, 16) == 1);
	CHECK(tcgetattr(memory(""), &t) == -1 && errno == ENOTTY);
}

int main(void)
{
	vectors();
	moving();
	numbers();
	locks();
	terminal();
	return 0;
}
