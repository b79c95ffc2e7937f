/* signals.c - sending, masking, waiting, alternate stacks, dying of one. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile sig_atomic_t hits, last, depth, max_depth;
static volatile int value, code;
static volatile pid_t sender;
static void *volatile seen_stack;

static void count(int sig)
{
	hits++;
	last = sig;
}

static void with_info(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	hits++;
	last = sig;
	value = si->si_value.sival_int;
	code = si->si_code;
	sender = si->si_pid;
	seen_stack = __builtin_frame_address(0);
}

static void nest(int sig)
{
	if (++depth > max_depth)
		max_depth = depth;
	if (depth < 5)
		raise(sig);
	depth--;
}

static void on(int sig, void (*h)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = h,
		.sa_flags = SA_SIGINFO | flags };

	sigemptyset(&sa.sa_mask);
	NEED(sigaction(sig, &sa, NULL) == 0);
}

static void sending(void)
{
	union sigval v = { .sival_int = 1234 };

	on(SIGUSR1, with_info, 0);
	raise(SIGUSR1);
	CHECK(hits == 1 && last == SIGUSR1 && code == SI_TKILL);
	kill(getpid(), SIGUSR1);
	CHECK(hits == 2 && code == SI_USER && sender == getpid());
	sigqueue(getpid(), SIGUSR1, v);
	CHECK(hits == 3 && code == SI_QUEUE && value == 1234);
	CHECK(kill(getpid(), 0) == 0);
	CHECK(kill(getpid(), 99) == -1 && errno == EINVAL);
}

static void masking(void)
{
	sigset_t set, old, pending;
	union sigval v;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	NEED(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	hits = 0;
	for (v.sival_int = 0; v.sival_int < 3; v.sival_int++)
		kill(getpid(), SIGUSR1);
	NEED(sigpending(&pending) == 0);
	CHECK(hits == 0 && sigismember(&pending, SIGUSR1) == 1);
	NEED(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(hits == 1); /* an ordinary signal does not queue */

	on(SIGRTMIN + 1, with_info, 0);
	NEED(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	hits = 0;
	for (v.sival_int = 0; v.sival_int < 3; v.sival_int++)
		sigqueue(getpid(), SIGRTMIN + 1, v);
	NEED(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(hits == 3 && value == 2); /* a real-time signal does */
}

static void waiting(void)
{
	struct timespec none = { 0, 0 };
	struct signalfd_siginfo info;
	sigset_t set, old, empty;
	siginfo_t si;
	int fd, sig = 0;

	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	NEED(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	CHECK(sigtimedwait(&set, &si, &none) == -1 && errno == EAGAIN);
	kill(getpid(), SIGUSR2);
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR2);
	kill(getpid(), SIGUSR1);
	CHECK(sigtimedwait(&set, &si, &none) == SIGUSR1);
	CHECK(si.si_pid == getpid());
	fd = signalfd(-1, &set, 0);
	kill(getpid(), SIGUSR1);
	CHECK(read(fd, &info, sizeof(info)) == sizeof(info));
	CHECK(info.ssi_signo == SIGUSR1);
	close(fd);
	hits = 0;
	on(SIGUSR1, with_info, 0);
	kill(getpid(), SIGUSR1);
	CHECK(hits == 0);
	CHECK(sigsuspend(&empty) == -1 && errno == EINTR && hits == 1);
	NEED(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
}

static void timers(void)
{
	struct itimerval it = { { 0, 2000 }, { 0, 2000 } }, off = { 0 };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR2 };
	struct itimerspec spec = { .it_value = { 0, 3000000 } };
	volatile unsigned long spin = 0;
	sigset_t set, old, empty;
	timer_t t;

	hits = 0;
	signal(SIGALRM, count);
	NEED(setitimer(ITIMER_REAL, &it, NULL) == 0);
	while (hits < 5)
		spin++; /* a loop without calls must be interrupted */
	NEED(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(hits >= 5 && last == SIGALRM);
	hits = 0;
	alarm(1);
	CHECK(pause() == -1 && errno == EINTR && hits == 1);
	on(SIGUSR2, with_info, 0);
	hits = 0;
	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	NEED(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	NEED(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	NEED(timer_settime(t, 0, &spec, NULL) == 0);
	/* Blocked but in sigsuspend, so that it cannot come between. */
	while (hits < 1)
		sigsuspend(&empty);
	NEED(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(last == SIGUSR2 && code == SI_TIMER);
	timer_delete(t);
}

static void restarting(void)
{
	int p[2];
	char c;

	NEED(pipe(p) == 0);
	hits = 0;
	on(SIGUSR1, with_info, SA_RESTART);
	on(SIGUSR2, with_info, 0);
	if (fork() == 0) {
		for (int i = 0; i < 2; i++) {
			usleep(300000);
			kill(getppid(), i ? SIGUSR2 : SIGUSR1);
		}
		usleep(300000);
		_exit(write(p[1], "x", 1) != 1);
	}
	CHECK(read(p[0], &c, 1) == -1 && errno == EINTR);
	CHECK(hits == 2 && last == SIGUSR2); /* the first one restarted */
	CHECK(read(p[0], &c, 1) == 1 && c == 'x');
	wait(NULL);
}

static void stacks(void)
{
	static char area[65536];
	stack_t ss = { .ss_sp = area, .ss_size = sizeof(area) }, old;

	NEED(sigaltstack(&ss, NULL) == 0);
	on(SIGUSR1, with_info, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK((char *)seen_stack > area &&
	    (char *)seen_stack < area + sizeof(area));
	on(SIGUSR1, with_info, 0);
	raise(SIGUSR1);
	CHECK((char *)seen_stack < area ||
	    (char *)seen_stack >= area + sizeof(area));
	ss.ss_flags = SS_DISABLE;
	NEED(sigaltstack(&ss, &old) == 0);
	CHECK(old.ss_sp == area && old.ss_size == sizeof(area));
}

static void flags(void)
{
	struct sigaction sa = { .sa_handler = nest, .sa_flags = SA_NODEFER };
	struct sigaction old;

	NEED(sigaction(SIGUSR1, &sa, NULL) == 0);
	raise(SIGUSR1);
	CHECK(max_depth == 5 && depth == 0);
	sa.sa_flags = 0;
	max_depth = 0;
	NEED(sigaction(SIGUSR1, &sa, &old) == 0);
	CHECK(old.sa_handler == nest && (old.sa_flags & SA_NODEFER));
	on(SIGUSR2, with_info, SA_RESETHAND);
	raise(SIGUSR2);
	NEED(sigaction(SIGUSR2, NULL, &old) == 0);
	CHECK(old.sa_handler == SIG_DFL);
	signal(SIGUSR2, SIG_IGN);
	CHECK(raise(SIGUSR2) == 0);
	CHECK(signal(SIGKILL, count) == SIG_ERR && errno == EINVAL);
}

/* The status of a child that dies of sig. */
static int death(int sig)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		signal(sig, SIG_DFL);
		raise(sig);
		_exit(0);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void job_control(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGSTOP);
		_exit(5);
	}
	NEED(waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	kill(pid, SIGCONT);
	NEED(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

int main(void)
{
	setbuf(stdout, NULL);
	sending();
	masking();
	waiting();
	timers();
	restarting();
	stacks();
	flags();
	CHECK(death(SIGTERM) == SIGTERM);
	CHECK(death(SIGKILL) == SIGKILL);
	CHECK(death(SIGPIPE) == SIGPIPE);
	CHECK(death(SIGRTMIN) == SIGRTMIN);
	CHECK(death(SIGCHLD) == -1);
	job_control();
	return 0;
}
