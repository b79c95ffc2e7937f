/* events.c - poll, select, epoll and the descriptors made for them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../../guest/c/check.h"

static void *volatile bad = (void *)16; /* no address of anything */

static volatile sig_atomic_t seen;
static sigset_t in_handler;

static void on_signal(int sig)
{
	seen = sig;
	sigprocmask(SIG_BLOCK, NULL, &in_handler);
}

static void polling(void)
{
	struct timespec none = { 0, 0 };
	struct pollfd f[2];
	fd_set r;
	int p[2];

	NEED(pipe(p) == 0);
	f[0] = (struct pollfd){ p[0], POLLIN, 0 };
	f[1] = (struct pollfd){ p[1], POLLOUT, 0 };
	CHECK(poll(f, 2, 1000) == 1 && f[0].revents == 0);
	CHECK(f[1].revents == POLLOUT);
	NEED(write(p[1], "x", 1) == 1);
	CHECK(ppoll(f, 2, &none, NULL) == 2 && f[0].revents == POLLIN);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	CHECK(
	    select(p[0] + 1, &r, NULL, NULL, NULL) == 1 && FD_ISSET(p[0], &r));
	close(p[1]);
	close(p[0]);
	CHECK(poll(f, 1, 0) == 1 && f[0].revents == POLLNVAL);
	CHECK(ppoll(bad, 1, &none, NULL) == -1 && errno == EFAULT);
	CHECK(poll(NULL, 0, 10) == 0);
}

/* A blocked signal comes through while a wait unblocks it. */
static void masks(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
		.sa_flags = SA_RESTART };
	struct timespec long_time = { 10, 0 };
	sigset_t block, none, now;

	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGALRM);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
	sigprocmask(SIG_BLOCK, &block, NULL);
	raise(SIGUSR1);
	CHECK(seen == 0);
	CHECK(ppoll(NULL, 0, &long_time, &none) == -1 && errno == EINTR);
	CHECK(seen == SIGUSR1);
	CHECK(sigismember(&in_handler, SIGUSR1));
	CHECK(!sigismember(&in_handler, SIGALRM));
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1) && sigismember(&now, SIGALRM));
	struct itimerval it = { { 0, 0 }, { 0, 20000 } };
	setitimer(ITIMER_REAL, &it, NULL);
	CHECK(pselect(0, NULL, NULL, NULL, &long_time, &none) == -1 &&
	    errno == EINTR);
	CHECK(seen == SIGALRM);
	seen = 0;
	raise(SIGUSR1);
	int ep = epoll_create1(0);
	struct epoll_event ev;
	CHECK(epoll_pwait(ep, &ev, 1, 10000, &none) == -1 && errno == EINTR);
	CHECK(seen == SIGUSR1);
	CHECK(epoll_pwait(ep, &ev, 1, 0, &none) == 0);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
	close(ep);
}

static void epolls(void)
{
	struct epoll_event ev = { .events = EPOLLIN,
		.data.u64 = 0x123456789abcdef0 },
			   got[300];
	int ep = epoll_create1(EPOLL_CLOEXEC), e[200];
	uint64_t sum = 0, v;

	NEED(ep >= 0);
	for (unsigned i = 0; i < 200; i++) {
		e[i] = eventfd(i + 1, EFD_NONBLOCK);
		NEED(e[i] >= 0);
		ev.data.u64 = (uint64_t)i << 40 | i;
		NEED(epoll_ctl(ep, EPOLL_CTL_ADD, e[i], &ev) == 0);
	}
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, e[0], &ev) == -1 && errno == EEXIST);
	CHECK(epoll_wait(ep, got, 300, 0) == 200); /* all that are ready */
	for (int n = 0, k; n < 200; n += k) {
		k = epoll_wait(ep, got, 300, 0);
		NEED(k > 0);
		for (int i = 0; i < k; i++) {
			unsigned w = (unsigned)got[i].data.u64;

			NEED(got[i].events == EPOLLIN && w < 200);
			NEED(got[i].data.u64 >> 40 == w);
			NEED(read(e[w], &v, 8) == 8 && v == w + 1);
			sum += v;
		}
	}
	CHECK(sum == 200 * 201 / 2);
	CHECK(epoll_wait(ep, got, 300, 0) == 0);
	ev = (struct epoll_event){ EPOLLOUT | EPOLLET, { .fd = 42 } };
	CHECK(epoll_ctl(ep, EPOLL_CTL_MOD, e[5], &ev) == 0);
	CHECK(epoll_wait(ep, got, 1, 1000) == 1 && got[0].data.fd == 42);
	CHECK(epoll_wait(ep, got, 1, 0) == 0);
	CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, e[5], NULL) == 0);
	CHECK(
	    epoll_ctl(ep, EPOLL_CTL_DEL, e[5], NULL) == -1 && errno == ENOENT);
	CHECK(epoll_wait(ep, got, 0, 0) == -1 && errno == EINVAL);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, e[5], bad) == -1 && errno == EFAULT);
}

static void others(void)
{
	struct itimerspec it = { { 0, 0 }, { 0, 5000000 } };
	struct signalfd_siginfo si;
	sigset_t s;
	uint64_t n = 0;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	CHECK(timerfd_settime(fd, 0, &it, NULL) == 0);
	CHECK(read(fd, &n, 8) == 8 && n == 1);
	CHECK(timerfd_gettime(fd, &it) == 0 && it.it_value.tv_nsec == 0);
	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	sigprocmask(SIG_BLOCK, &s, NULL);
	int sfd = signalfd(-1, &s, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK(sfd >= 0 && read(sfd, &si, sizeof(si)) == -1 && errno == EAGAIN);
	sigqueue(getpid(), SIGUSR2, (union sigval){ .sival_int = 77 });
	CHECK(read(sfd, &si, sizeof(si)) == sizeof(si));
	CHECK(si.ssi_signo == SIGUSR2 && si.ssi_int == 77);
	CHECK(si.ssi_pid == (uint32_t)getpid());
}

static void timers(void)
{
	struct itimerspec it = { { 0, 2000000 }, { 0, 2000000 } };
	struct sigevent se = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGRTMIN + 3,
		.sigev_value.sival_ptr = (void *)0x1234567890 };
	siginfo_t si;
	sigset_t s;
	timer_t id;

	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &s, NULL);
	CHECK(timer_create(CLOCK_MONOTONIC, &se, &id) == 0);
	CHECK(timer_settime(id, 0, &it, NULL) == 0);
	CHECK(sigwaitinfo(&s, &si) == SIGRTMIN + 3);
	CHECK(si.si_code == SI_TIMER);
	CHECK(si.si_value.sival_ptr == (void *)0x1234567890);
	CHECK(timer_delete(id) == 0);
}

int main(void)
{
	polling();
	masks();
	epolls();
	others();
	timers();
	return 0;
}
