/*
 * SIGSEGV, SIGBUS and SIGRTMAX, which metic needs itself: blocked, pending,
 * waited for, handed to another thread, as all others are.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static volatile sig_atomic_t count, values[200];
static volatile pid_t by;
static volatile int code;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	(void)sig;
	if (count < 200)
		values[count] = si->si_value.sival_int;
	by = (pid_t)syscall(SYS_gettid);
	code = si->si_code;
	count++;
}

static void install(int sig, int flags)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_signal;
	sa.sa_flags = SA_SIGINFO | flags;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static sigset_t only(int sig)
{
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, sig);
	return s;
}

static int pending(int sig)
{
	sigset_t s;
	CHECK(sigpending(&s) == 0);
	return sigismember(&s, sig);
}

static void test_blocked(int sig)
{
	sigset_t set = only(sig), old, now;
	struct timespec zero = { 0, 0 };
	siginfo_t si;

	install(sig, 0);
	count = 0;
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	CHECK(!sigismember(&old, sig));
	CHECK(kill(getpid(), sig) == 0);
	CHECK(count == 0 && pending(sig));
	CHECK(raise(sig) == 0);
	CHECK(count == 0 && pending(sig));
	CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
	CHECK(sigismember(&now, sig));
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(count == 2 && !pending(sig)); /* the thread's, the process's */

	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	raise(sig);
	CHECK(sigtimedwait(&set, &si, &zero) == sig);
	/* glibc shows SI_TKILL as SI_USER */
	CHECK(si.si_signo == sig && si.si_code == SI_USER);
	CHECK(si.si_pid == getpid() && si.si_uid == getuid());
	CHECK(!pending(sig) && count == 2);
	CHECK(sigtimedwait(&set, &si, &zero) < 0 && errno == EAGAIN);

	union sigval v = { .sival_int = 4711 };
	CHECK(sigqueue(getpid(), sig, v) == 0);
	CHECK(sigwaitinfo(&set, &si) == sig && si.si_value.sival_int == 4711);
	CHECK(si.si_code == SI_QUEUE);

	raise(sig);
	CHECK(sigsuspend(&old) < 0 && errno == EINTR && count == 3);
	CHECK(!pending(sig));
	raise(sig);
	CHECK(ppoll(NULL, 0, NULL, &old) < 0 && errno == EINTR && count == 4);
	raise(sig);
	CHECK(pselect(0, NULL, NULL, NULL, NULL, &old) < 0 && count == 5);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);

	/* in its own handler it is blocked, too */
	count = 0;
	raise(sig);
	CHECK(count == 1);
}

/* A blocked one waits over the return of a handler that blocks it. */
static volatile int inside, inner;

static void on_outer(int sig)
{
	inside++;
	raise(sig);
	raise(SIGUSR2);
	inner = inside == 1 && count == 0;
	if (inside == 1)
		CHECK(pending(sig) && pending(SIGUSR2));
	else
		inside = 10;
	if (inside == 10)
		signal(sig, SIG_IGN);
}

static void test_handler_mask(int sig)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_outer;
	sigfillset(&sa.sa_mask);
	count = inside = 0;
	install(SIGUSR2, 0);
	CHECK(sigaction(sig, &sa, NULL) == 0);
	raise(sig);
	CHECK(inside == 10 && count >= 1);
}

/* The order and the values of a queue of SIGRTMAX. */
static void test_queue(void)
{
	sigset_t set = only(SIGRTMAX);
	install(SIGRTMAX, 0);
	count = 0;
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	for (int i = 0; i < 60; i++) {
		union sigval v = { .sival_int = i };
		CHECK(sigqueue(getpid(), SIGRTMAX, v) == 0);
	}
	CHECK(count == 0 && pending(SIGRTMAX));
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(count == 60);
	for (int i = 0; i < 60; i++)
		CHECK(values[i] == i);
}

static volatile pid_t taker;
static volatile int quit;

static void *take(void *arg)
{
	sigset_t set = only(*(int *)arg);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
	taker = (pid_t)syscall(SYS_gettid);
	while (!quit)
		usleep(200);
	return NULL;
}

/* Sent to the process, it goes to the thread that does not block it. */
static void test_other_thread(int sig)
{
	sigset_t set = only(sig);
	pthread_t th;
	install(sig, SA_RESTART);
	quit = count = 0;
	taker = 0;
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(pthread_create(&th, NULL, take, &sig) == 0);
	while (!taker)
		usleep(100);
	for (int i = 1; i <= 20; i++) {
		CHECK(kill(getpid(), sig) == 0);
		for (int k = 0; count < i && k < 20000; k++)
			usleep(100);
		CHECK(count == i && by == taker && code == SI_USER);
	}
	/* to this thread: it stays here */
	raise(sig);
	usleep(5000);
	CHECK(count == 20 && pending(sig));
	quit = 1;
	CHECK(pthread_join(th, NULL) == 0);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(count == 21 && by == (pid_t)syscall(SYS_gettid));
}

/* A child has its parent's mask, not its pending signals. */
static void test_fork(int sig)
{
	sigset_t set = only(sig);
	int st;
	install(sig, 0);
	count = 0;
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	raise(sig);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(!pending(sig) && count == 0);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		CHECK(count == 0);
		_exit(5);
	}
	CHECK(waitpid(pid, &st, 0) == pid && st == 5 << 8);
	/* default action: only when it is unblocked */
	pid = fork();
	if (pid == 0) {
		signal(sig, SIG_DFL);
		raise(sig);
		if (!pending(sig))
			_exit(6);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		_exit(7);
	}
	CHECK(waitpid(pid, &st, 0) == pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == sig);
	CHECK(pending(sig));
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && count == 1);
}

/* A fault cannot wait. */
static void test_blocked_fault(void)
{
	sigset_t set = only(SIGSEGV);
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_BLOCK, &set, NULL);
		*(volatile int *)8 = 1;
		_exit(1);
	}
	CHECK(waitpid(pid, &st, 0) == pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

int main(void)
{
	const int sigs[] = { SIGSEGV, SIGBUS, SIGRTMAX, SIGUSR1, SIGTERM };
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++) {
		test_blocked(sigs[i]);
		test_handler_mask(sigs[i]);
		test_other_thread(sigs[i]);
		test_fork(sigs[i]);
	}
	test_queue();
	test_blocked_fault();
	puts("ok");
	return 0;
}
