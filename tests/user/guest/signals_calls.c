/*
 * System calls interrupted by a handler: which are made again with SA_RESTART
 * and which never are (signal(7)). A helper waits until the caller sleeps,
 * sends the signal, waits for the handler, and then lets the call succeed.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static volatile sig_atomic_t count;

static void on_signal(int sig)
{
	(void)sig;
	count++;
}

/* What the calls wait for. */
static int pipe_in[2], pipe_full[2], sock[2], listener, epfd, evfd, lockfd;
static int queue, sems;
static uint32_t word;
static char path[64];
static pid_t child;

static long do_read(void)
{
	char c;
	return read(pipe_in[0], &c, 1);
}
static long do_readv(void)
{
	char c;
	struct iovec v = { &c, 1 };
	return readv(pipe_in[0], &v, 1);
}
static void feed(void)
{
	CHECK(write(pipe_in[1], "x", 1) == 1);
}
static long do_write(void)
{
	char c = 'y';
	return write(pipe_full[1], &c, 1);
}
static void drain(void)
{
	static char buf[65536];
	CHECK(read(pipe_full[0], buf, sizeof(buf)) > 0);
}
static void refill(void)
{
	static char buf[4096];
	fcntl(pipe_full[1], F_SETFL, O_NONBLOCK);
	while (write(pipe_full[1], buf, sizeof(buf)) > 0)
		;
	while (write(pipe_full[1], buf, 1) > 0)
		;
	fcntl(pipe_full[1], F_SETFL, 0);
}
static long do_recv(void)
{
	char c;
	return recv(sock[0], &c, 1, 0);
}
static long do_recvmsg(void)
{
	char c;
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	return recvmsg(sock[0], &m, 0);
}
static void feed_sock(void)
{
	CHECK(write(sock[1], "x", 1) == 1);
}
static long do_recv_timeout(void)
{
	struct timeval tv = { 100, 0 }, off = { 0, 0 };
	char c;
	setsockopt(sock[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	long r = recv(sock[0], &c, 1, 0);
	int e = errno;
	setsockopt(sock[0], SOL_SOCKET, SO_RCVTIMEO, &off, sizeof(off));
	errno = e;
	return r;
}
static long do_accept(void)
{
	int fd = accept(listener, NULL, NULL);
	if (fd >= 0)
		close(fd);
	return fd;
}
static void connect_to(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(a.sun_path, path);
	CHECK(connect(fd, (void *)&a, sizeof(a)) == 0);
	close(fd);
}
static long do_wait(void)
{
	int st;
	return wait4(child, &st, 0, NULL);
}
static long do_waitid(void)
{
	siginfo_t si;
	return waitid(P_PID, (id_t)child, &si, WEXITED);
}
static void start_child(void)
{
	child = fork();
	if (child == 0) {
		for (;;)
			pause();
	}
}
static void end_child(void)
{
	kill(child, SIGKILL);
}
static void reap(void)
{
	waitpid(child, NULL, 0);
}
static long do_futex(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}
static void wake(void)
{
	word = 1;
	syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
static void rearm(void)
{
	word = 0;
}
static long do_flock(void)
{
	int fd = open(path + 32, O_RDWR);
	long r = flock(fd, LOCK_EX);
	int e = errno;
	close(fd);
	errno = e;
	return r;
}
static void lock_it(void)
{
	CHECK(flock(lockfd, LOCK_EX) == 0);
}
static void unlock_it(void)
{
	CHECK(flock(lockfd, LOCK_UN) == 0);
}
static long do_eventfd(void)
{
	uint64_t v;
	return read(evfd, &v, 8);
}
static void feed_eventfd(void)
{
	uint64_t v = 1;
	CHECK(write(evfd, &v, 8) == 8);
}
static long do_nanosleep(void)
{
	struct timespec ts = { 100, 0 };
	return nanosleep(&ts, NULL);
}
static long do_clock_nanosleep(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += 100;
	int r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	errno = r;
	return r ? -1 : 0;
}
static long do_poll(void)
{
	struct pollfd p = { pipe_in[0], POLLIN, 0 };
	return poll(&p, 1, 100000);
}
static long do_select(void)
{
	fd_set s;
	FD_ZERO(&s);
	FD_SET(pipe_in[0], &s);
	return select(pipe_in[0] + 1, &s, NULL, NULL, NULL);
}
static long do_epoll(void)
{
	struct epoll_event ev;
	return epoll_wait(epfd, &ev, 1, -1);
}
static long do_sigtimedwait(void)
{
	sigset_t s;
	struct timespec ts = { 100, 0 };
	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	return sigtimedwait(&s, NULL, &ts);
}
static long do_sigsuspend(void)
{
	sigset_t s;
	sigemptyset(&s);
	return sigsuspend(&s);
}
static long do_pause(void)
{
	return pause();
}
static long do_msgrcv(void)
{
	struct {
		long type;
		char c;
	} m;
	return msgrcv(queue, &m, 1, 0, 0);
}
static long do_semop(void)
{
	struct sembuf op = { 0, -1, 0 };
	return semop(sems, &op, 1);
}

static const struct {
	const char *name;
	long (*call)(void);
	void (*before)(void);
	void (*release)(void); /* NULL: it cannot succeed */
	void (*after)(void); /* when it did not */
	int restarts;
} calls[] = {
	{ "read", do_read, NULL, feed, NULL, 1 },
	{ "readv", do_readv, NULL, feed, NULL, 1 },
	{ "write", do_write, refill, drain, drain, 1 },
	{ "recv", do_recv, NULL, feed_sock, NULL, 1 },
	{ "recvmsg", do_recvmsg, NULL, feed_sock, NULL, 1 },
	{ "recv with timeout", do_recv_timeout, NULL, NULL, NULL, 0 },
	{ "accept", do_accept, NULL, connect_to, NULL, 1 },
	{ "wait4", do_wait, start_child, end_child, reap, 1 },
	{ "waitid", do_waitid, start_child, end_child, reap, 1 },
	{ "futex", do_futex, rearm, wake, NULL, 1 },
	{ "flock", do_flock, lock_it, unlock_it, unlock_it, 1 },
	{ "eventfd", do_eventfd, NULL, feed_eventfd, NULL, 1 },
	{ "nanosleep", do_nanosleep, NULL, NULL, NULL, 0 },
	{ "clock_nanosleep", do_clock_nanosleep, NULL, NULL, NULL, 0 },
	{ "poll", do_poll, NULL, NULL, NULL, 0 },
	{ "select", do_select, NULL, NULL, NULL, 0 },
	{ "epoll_wait", do_epoll, NULL, NULL, NULL, 0 },
	{ "sigtimedwait", do_sigtimedwait, NULL, NULL, NULL, 0 },
	{ "sigsuspend", do_sigsuspend, NULL, NULL, NULL, 0 },
	{ "pause", do_pause, NULL, NULL, NULL, 0 },
	{ "msgrcv", do_msgrcv, NULL, NULL, NULL, 0 },
	{ "semop", do_semop, NULL, NULL, NULL, 0 },
};

static pthread_t main_thread;
static volatile pid_t main_tid;
static void (*volatile release)(void);
static volatile int go, quit;

/* Does the main thread sleep, now and a little later? */
static int sleeps(void)
{
	int n = 0;
	for (int i = 0; i < 3; i++) {
		char name[64], buf[256] = "";
		snprintf(
		    name, sizeof(name), "/proc/self/task/%d/stat", main_tid);
		int fd = open(name, O_RDONLY);
		CHECK(fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0);
		close(fd);
		char *p = strrchr(buf, ')');
		n += p && p[2] == 'S';
		usleep(300);
	}
	return n == 3;
}

static void *helper(void *arg)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!quit) {
		if (!go) {
			usleep(200);
			continue;
		}
		while (!sleeps())
			;
		pthread_kill(main_thread, SIGUSR1);
		while (!count)
			usleep(100);
		usleep(2000);
		if (release)
			release();
		go = 0;
	}
	return arg;
}

static void one(size_t i, int flags)
{
	struct sigaction sa;
	int restart = flags && calls[i].restarts;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sa.sa_flags = flags;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	count = 0;
	if (calls[i].before)
		calls[i].before();
	release = restart ? calls[i].release : NULL;
	go = 1;
	errno = 0;
	long r = calls[i].call();
	if (restart ? r < 0 : r >= 0 || errno != EINTR) {
		printf("%s, flags %x: %ld, errno %d\n", calls[i].name, flags, r,
		    errno);
		CHECK(0);
	}
	while (go)
		usleep(100);
	CHECK(count == 1);
	if (!restart && calls[i].restarts && calls[i].release == end_child)
		end_child();
	if (!restart && calls[i].after)
		calls[i].after();
}

int main(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct epoll_event ev = { .events = EPOLLIN };
	pthread_t th;

	main_thread = pthread_self();
	main_tid = getpid();
	snprintf(path, 32, "/tmp/metic-sc-%d", getpid());
	snprintf(path + 32, 32, "/tmp/metic-sl-%d", getpid());
	CHECK(pipe(pipe_in) == 0 && pipe(pipe_full) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(a.sun_path, path);
	unlink(path);
	CHECK(bind(listener, (void *)&a, sizeof(a)) == 0);
	CHECK(listen(listener, 5) == 0);
	epfd = epoll_create1(0);
	CHECK(epoll_ctl(epfd, EPOLL_CTL_ADD, pipe_in[0], &ev) == 0);
	evfd = eventfd(0, 0);
	lockfd = open(path + 32, O_RDWR | O_CREAT, 0600);
	queue = msgget(IPC_PRIVATE, 0600);
	sems = semget(IPC_PRIVATE, 1, 0600);
	CHECK(evfd >= 0 && lockfd >= 0 && queue >= 0 && sems >= 0);
	CHECK(pthread_create(&th, NULL, helper, NULL) == 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		one(i, 0);
		one(i, SA_RESTART);
	}
	quit = 1;
	CHECK(pthread_join(th, NULL) == 0);
	msgctl(queue, IPC_RMID, NULL);
	semctl(sems, 0, IPC_RMID);
	unlink(path);
	unlink(path + 32);
	puts("ok");
	return 0;
}
