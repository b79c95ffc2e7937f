/* Asynchronous signals: delivery, masks, restarts, stacks, queues. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "check.h"

static volatile sig_atomic_t count, last, order[16], norder;
static volatile pid_t from;
static volatile int value;

static void on_signal(int sig)
{
	count++;
	last = sig;
	if (norder < 16)
		order[norder++] = sig;
}

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	last = sig;
	count++;
	from = si->si_pid;
	value = si->si_value.sival_int;
}

static void install(int sig, void (*h)(int), int flags)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = h;
	sa.sa_flags = flags;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void test_basic(void)
{
	struct sigaction sa, old;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_info;
	sa.sa_flags = SA_SIGINFO;
	sigaddset(&sa.sa_mask, SIGUSR2);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	CHECK(sigaction(SIGUSR1, NULL, &old) == 0);
	CHECK(old.sa_sigaction == on_info && (old.sa_flags & SA_SIGINFO));
	CHECK(sigismember(&old.sa_mask, SIGUSR2) == 1);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(count == 1 && last == SIGUSR1 && from == getpid());
	union sigval v = { .sival_int = 77 };
	CHECK(sigqueue(getpid(), SIGUSR1, v) == 0);
	CHECK(count == 2 && value == 77);
	CHECK(raise(SIGUSR1) == 0 && count == 3);
	CHECK(sigaction(SIGKILL, &sa, NULL) < 0 && errno == EINVAL);
	CHECK(sigaction(65, &sa, NULL) < 0 && errno == EINVAL);
}

static void test_mask(void)
{
	sigset_t set, old, pend;
	install(SIGUSR1, on_signal, 0);
	install(SIGUSR2, on_signal, 0);
	install(SIGRTMIN, on_signal, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	CHECK(!sigismember(&old, SIGUSR1));
	count = norder = 0;
	raise(SIGUSR1);
	raise(SIGUSR1); /* merged */
	raise(SIGRTMIN);
	raise(SIGRTMIN); /* queued */
	raise(SIGUSR2);
	CHECK(count == 1 && last == SIGUSR2);
	CHECK(sigpending(&pend) == 0);
	CHECK(sigismember(&pend, SIGUSR1) && sigismember(&pend, SIGRTMIN) &&
	    !sigismember(&pend, SIGUSR2));
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(count == 4);
}

static void test_timedwait(void)
{
	sigset_t set;
	siginfo_t si;
	struct timespec ts = { 0, 10000000 };
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(sigtimedwait(&set, &si, &ts) < 0 && errno == EAGAIN);
	raise(SIGUSR1);
	CHECK(sigtimedwait(&set, &si, &ts) == SIGUSR1);
	CHECK(si.si_signo == SIGUSR1 && si.si_pid == getpid());
	int fd = signalfd(-1, &set, SFD_NONBLOCK);
	struct signalfd_siginfo fsi;
	CHECK(fd >= 0);
	CHECK(read(fd, &fsi, sizeof(fsi)) < 0 && errno == EAGAIN);
	raise(SIGUSR1);
	CHECK(read(fd, &fsi, sizeof(fsi)) == sizeof(fsi));
	CHECK(fsi.ssi_signo == SIGUSR1);
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Again and again: the first may come before the call that is to sleep. */
static void alarm_in(int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	struct itimerval it = { tv, tv };
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static int alarm_off(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 0 } };
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	int n = count;
	count = 0;
	return n;
}

static int pipe_fds[2];

static void on_alarm_write(int sig)
{
	count++;
	(void)sig;
	CHECK(write(pipe_fds[1], "x", 1) == 1);
}

static void test_restart(void)
{
	char c;
	CHECK(pipe(pipe_fds) == 0);
	install(SIGALRM, on_signal, 0);
	count = 0;
	alarm_in(20);
	CHECK(read(pipe_fds[0], &c, 1) < 0 && errno == EINTR);
	CHECK(alarm_off() >= 1);
	install(SIGALRM, on_alarm_write, SA_RESTART);
	alarm_in(20);
	CHECK(read(pipe_fds[0], &c, 1) == 1 && c == 'x');
	CHECK(alarm_off() >= 1);
	/* Never restarted, whatever the flags say. */
	alarm_in(20);
	CHECK(poll(NULL, 0, 10000) < 0 && errno == EINTR);
	CHECK(alarm_off() >= 1);
	struct timespec ts = { 1000, 0 }, left = { 9, 9 };
	alarm_in(20);
	CHECK(nanosleep(&ts, &left) < 0 && errno == EINTR);
	CHECK(alarm_off() >= 1);
	CHECK(left.tv_sec > 900 && left.tv_sec < 1000);
	/* Ignored signals interrupt nothing. */
	install(SIGALRM, SIG_IGN, 0);
	alarm_in(5);
	CHECK(poll(NULL, 0, 30) == 0);
	alarm_off();
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void test_suspend(void)
{
	sigset_t set, none, now;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	struct timespec zero = { 0, 0 };
	install(SIGALRM, on_signal, SA_RESTART);
	sigprocmask(SIG_BLOCK, &set, NULL);
	count = 0;
	for (int i = 0; i < 20; i++) {
		alarm_in(1);
		CHECK(sigsuspend(&none) < 0 && errno == EINTR);
		CHECK(count == 1);
		sigprocmask(SIG_BLOCK, &set, NULL);
		alarm_off();
		while (sigtimedwait(&set, NULL, &zero) > 0)
			;
		sigprocmask(SIG_BLOCK, NULL, &now);
		CHECK(sigismember(&now, SIGALRM));
	}
	raise(SIGALRM); /* pending before */
	CHECK(sigsuspend(&none) < 0 && errno == EINTR && count == 1);
	struct timespec ts = { 5, 0 };
	alarm_in(5);
	CHECK(ppoll(NULL, 0, &ts, &none) < 0 && errno == EINTR);
	CHECK(count == 2);
	alarm_off();
	while (sigtimedwait(&set, NULL, &zero) > 0)
		;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static stack_t alt;

static void on_alt(int sig)
{
	char here;
	stack_t ss;
	(void)sig;
	CHECK(&here > (char *)alt.ss_sp &&
	    &here < (char *)alt.ss_sp + alt.ss_size);
	CHECK(sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_ONSTACK);
	CHECK(sigaltstack(&alt, NULL) < 0 && errno == EPERM);
	count++;
}

static void test_altstack(void)
{
	stack_t ss, tiny = { .ss_size = 16 };
	CHECK(sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_DISABLE);
	alt.ss_size = 65536;
	alt.ss_sp = malloc(alt.ss_size);
	tiny.ss_sp = alt.ss_sp;
	CHECK(sigaltstack(&tiny, NULL) < 0 && errno == ENOMEM);
	CHECK(sigaltstack(&alt, NULL) == 0);
	install(SIGUSR1, on_alt, SA_ONSTACK);
	count = 0;
	raise(SIGUSR1);
	CHECK(count == 1);
	CHECK(sigaltstack(NULL, &ss) == 0 && ss.ss_flags == 0 &&
	    ss.ss_sp == alt.ss_sp);
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0);
	free(alt.ss_sp);
}

static void on_nested(int sig)
{
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, sig));
	on_signal(sig);
	if (sig == SIGUSR1)
		raise(SIGUSR2); /* runs at once */
	if (sig == SIGUSR2)
		raise(SIGUSR1); /* waits */
	if (norder >= 6)
		install(SIGUSR1, SIG_IGN, 0);
}

static void test_nested(void)
{
	install(SIGUSR1, on_nested, 0);
	install(SIGUSR2, on_nested, 0);
	norder = 0;
	raise(SIGUSR1);
	CHECK(norder >= 6);
	for (int i = 0; i < 6; i++)
		CHECK(order[i] == (i % 2 ? SIGUSR2 : SIGUSR1));
	install(SIGUSR1, on_signal, SA_RESETHAND);
	install(SIGUSR2, on_signal, 0);
	raise(SIGUSR1);
	struct sigaction sa;
	sigaction(SIGUSR1, NULL, &sa);
	CHECK(sa.sa_handler == SIG_DFL);
}

static sigjmp_buf env;

static void on_jump(int sig)
{
	siglongjmp(env, sig);
}

static void test_jump(void)
{
	sigset_t now;
	install(SIGUSR1, on_jump, 0);
	for (volatile int i = 0; i < 100; i++) {
		int r = sigsetjmp(env, 1);
		if (r == 0) {
			raise(SIGUSR1);
			CHECK(0);
		}
		CHECK(r == SIGUSR1);
		sigprocmask(SIG_BLOCK, NULL, &now);
		CHECK(!sigismember(&now, SIGUSR1));
	}
}

/* A busy loop must be left, and its registers survive. */
static void test_loop(void)
{
	install(SIGALRM, on_signal, 0);
	count = 0;
	struct itimerval it = { { 0, 500 }, { 0, 500 } }, off = { { 0, 0 } };
	setitimer(ITIMER_REAL, &it, NULL);
	uint64_t a = 1, b = 2;
	double x = 1.0;
	for (uint64_t i = 0; count < 50; i++) {
		a = a * 6364136223846793005u + 1;
		b = b * 6364136223846793005u + 1;
		x = x * 1.0;
		CHECK(b - a == 6364136223846793005u * 0 + (b - a));
		if (i > 20000000000u)
			break;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	CHECK(count >= 50 && x == 1.0);
}

static void spin_us(long us)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	long end = t.tv_sec * 1000000 + t.tv_nsec / 1000 + us;
	while (t.tv_sec * 1000000 + t.tv_nsec / 1000 < end)
		clock_gettime(CLOCK_MONOTONIC, &t);
}

static volatile int in_main, in_other, other_done;
static pthread_t main_thread;

static void on_where(int sig)
{
	on_signal(sig);
	if (pthread_equal(pthread_self(), main_thread))
		in_main++;
	else
		in_other++;
}

static void *open_thread(void *arg)
{
	while (!other_done)
		spin_us(100);
	return arg;
}

/*
 * A mask counts also for a thread that makes no other system call: what is
 * blocked waits, or goes to a thread that does not block it.
 */
static void test_masked_loop(void)
{
	struct itimerval it = { { 0, 500 }, { 0, 500 } };
	sigset_t set, old;
	pthread_t th;

	main_thread = pthread_self();
	install(SIGALRM, on_where, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	setitimer(ITIMER_REAL, &it, NULL);
	for (int i = 0; i < 30; i++) {
		sigprocmask(SIG_BLOCK, &set, &old);
		int c = count;
		spin_us(1500);
		CHECK(count == c);
		sigprocmask(SIG_SETMASK, &old, NULL);
		CHECK(count > c);
	}
	in_other = 0;
	CHECK(pthread_create(&th, NULL, open_thread, NULL) == 0);
	for (int i = 0; i < 30; i++) {
		sigprocmask(SIG_BLOCK, &set, &old);
		int m = in_main;
		spin_us(1500);
		CHECK(in_main == m);
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	CHECK(in_other > 0);
	other_done = 1;
	CHECK(pthread_join(th, NULL) == 0);
	alarm_off();
}

static volatile int sender_done;

/* Until it is told: signals merge while the receiver does not run. */
static void *sender(void *arg)
{
	while (!sender_done) {
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
		usleep(50);
	}
	return NULL;
}

/* No signal may be lost just before a blocking call. */
static void test_race(void)
{
	pthread_t th, self = pthread_self();
	char c;
	int fds[2];
	CHECK(pipe(fds) == 0);
	install(SIGUSR1, on_signal, 0);
	count = 0;
	CHECK(pthread_create(&th, NULL, sender, &self) == 0);
	while (count < 100) {
		int before = count;
		CHECK(read(fds[0], &c, 1) < 0 && errno == EINTR);
		CHECK(count > before);
	}
	sender_done = 1;
	CHECK(pthread_join(th, NULL) == 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_child(void)
{
	int st;
	install(SIGCHLD, on_signal, SA_RESTART);
	count = 0;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(9);
	CHECK(waitpid(pid, &st, 0) == pid);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 9 && count == 1);
	install(SIGCHLD, SIG_DFL, 0);
	const int fatal[] = { SIGTERM, SIGABRT, SIGKILL, SIGSEGV, SIGUSR1,
		SIGRTMAX };
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
		pid = fork();
		if (pid == 0) {
			if (fatal[i] != SIGKILL)
				install(fatal[i], SIG_DFL, 0);
			raise(fatal[i]);
			_exit(0);
		}
		CHECK(waitpid(pid, &st, 0) == pid);
		CHECK(WIFSIGNALED(st) && WTERMSIG(st) == fatal[i]);
	}
	/* stop and continue */
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(4);
	}
	CHECK(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st));
	kill(pid, SIGCONT);
	CHECK(waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == 4);
}

static void test_timer(void)
{
	timer_t id;
	struct sigevent ev;
	struct itimerspec it = { { 0, 5000000 }, { 0, 5000000 } };
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_info;
	sa.sa_flags = SA_SIGINFO;
	CHECK(sigaction(SIGRTMIN + 1, &sa, NULL) == 0);
	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = SIGRTMIN + 1;
	ev.sigev_value.sival_int = 1234;
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
	count = value = 0;
	CHECK(timer_settime(id, 0, &it, NULL) == 0);
	struct timespec ts = { 500, 0 };
	CHECK(nanosleep(&ts, NULL) < 0 && errno == EINTR);
	timer_delete(id);
	CHECK(count >= 1 && value == 1234);
}

int main(void)
{
	test_basic();
	test_mask();
	test_timedwait();
	test_restart();
	test_suspend();
	test_altstack();
	test_nested();
	test_jump();
	test_loop();
	test_masked_loop();
	test_race();
	test_child();
	test_timer();
	puts("ok");
	return 0;
}
