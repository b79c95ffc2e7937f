/*
 * Signals of every origin and what their siginfo says, queues, timers, stop
 * and continue, alternate stacks, and how soon a busy loop hears of one.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "check.h"

static volatile int count;
static siginfo_t got[256];

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	CHECK(si->si_signo == sig);
	if (count < 256)
		got[count] = *si;
	count++;
}

static void install(int sig, int flags)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_info;
	sa.sa_flags = SA_SIGINFO | flags;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void dispose(int sig, void (*how)(int), int flags)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = how;
	sa.sa_flags = flags;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static double by_clock(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double now(void)
{
	return by_clock(CLOCK_MONOTONIC);
}

/* Lower numbers first, the same number in order, each with its value. */
static void test_order(void)
{
	sigset_t all, old;
	sigfillset(&all);
	CHECK(sigprocmask(SIG_SETMASK, &all, &old) == 0);
	for (int s = SIGRTMIN; s < SIGRTMIN + 8; s++)
		install(s, 0);
	for (int i = 0; i < 5; i++)
		for (int s = SIGRTMIN + 7; s >= SIGRTMIN; s--) {
			union sigval v = { .sival_int = i * 100 + s };
			CHECK(sigqueue(getpid(), s, v) == 0);
		}
	int fd = signalfd(-1, &all, SFD_NONBLOCK);
	struct signalfd_siginfo f;
	CHECK(read(fd, &f, sizeof(f)) == sizeof(f));
	CHECK((int)f.ssi_signo == SIGRTMIN && f.ssi_int == SIGRTMIN);
	CHECK(f.ssi_code == SI_QUEUE && (pid_t)f.ssi_pid == getpid());
	close(fd);
	struct timespec zero = { 0, 0 };
	siginfo_t si;
	CHECK(sigtimedwait(&all, &si, &zero) == SIGRTMIN);
	CHECK(si.si_value.sival_int == 100 + SIGRTMIN);
	count = 0;
	install(SIGUSR1, 0);
	install(SIGSEGV, 0);
	CHECK(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGSEGV) == 0);
	/*
	 * All frames are made before a handler runs: the last one runs first.
	 * SIGSEGV is the first of all to be delivered.
	 */
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(count == 40);
	for (int s = 7, i = 0; s >= 0; s--)
		for (int k = s ? 0 : 2; k < 5; k++, i++) {
			CHECK(got[i].si_signo == SIGRTMIN + s);
			CHECK(got[i].si_value.sival_int ==
			    k * 100 + SIGRTMIN + s);
		}
	CHECK(got[38].si_signo == SIGUSR1 && got[39].si_signo == SIGSEGV);
	dispose(SIGSEGV, SIG_DFL, 0);
}

static void test_origins(void)
{
	int st, fds[2];
	sigset_t set;

	/* a child: exit, kill, stop, continue */
	install(SIGCHLD, 0);
	count = 0;
	pid_t pid = fork();
	if (pid == 0)
		_exit(42);
	while (!count)
		usleep(500);
	CHECK(got[0].si_code == CLD_EXITED && got[0].si_status == 42);
	CHECK(got[0].si_pid == pid && got[0].si_uid == getuid());
	CHECK(waitpid(pid, &st, 0) == pid);
	count = 0;
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	siginfo_t si;
	kill(pid, SIGSTOP);
	while (waitid(P_PID, (id_t)pid, &si, WSTOPPED) < 0)
		CHECK(errno == EINTR);
	CHECK(si.si_code == CLD_STOPPED && si.si_status == SIGSTOP);
	kill(pid, SIGCONT);
	while (waitid(P_PID, (id_t)pid, &si, WCONTINUED) < 0)
		CHECK(errno == EINTR);
	CHECK(si.si_code == CLD_CONTINUED && si.si_status == SIGCONT);
	while (count < 2)
		usleep(500);
	kill(pid, SIGTERM);
	while (waitpid(pid, &st, 0) < 0)
		CHECK(errno == EINTR);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
	/* no word of stops; no zombies */
	install(SIGCHLD, SA_NOCLDSTOP | SA_NOCLDWAIT | SA_RESTART);
	count = 0;
	pid = fork();
	if (pid == 0) {
		raise(SIGTSTP);
		_exit(1);
	}
	usleep(20000);
	kill(pid, SIGCONT);
	while (!count)
		usleep(500);
	CHECK(got[0].si_code == CLD_EXITED);
	CHECK(waitpid(pid, &st, 0) < 0 && errno == ECHILD);
	dispose(SIGCHLD, SIG_DFL, 0);

	/* a pipe without reader, a descriptor that became ready */
	install(SIGPIPE, 0);
	count = 0;
	CHECK(pipe(fds) == 0);
	close(fds[0]);
	CHECK(write(fds[1], "x", 1) < 0 && errno == EPIPE && count == 1);
	CHECK(got[0].si_code == SI_USER && got[0].si_pid == getpid());
	close(fds[1]);
	install(SIGRTMIN + 3, 0);
	count = 0;
	CHECK(pipe(fds) == 0);
	CHECK(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
	CHECK(fcntl(fds[0], F_SETOWN, getpid()) == 0);
	CHECK(fcntl(fds[0], F_SETSIG, SIGRTMIN + 3) == 0);
	CHECK(write(fds[1], "x", 1) == 1);
	for (int i = 0; !count && i < 1000; i++)
		usleep(500);
	CHECK(count == 1 && got[0].si_code == POLL_IN);
	CHECK(got[0].si_fd == fds[0]);
	close(fds[0]);
	close(fds[1]);

	/* si_code may be anything below zero, from oneself even more */
	sigemptyset(&set);
	install(SIGUSR1, 0);
	memset(&si, 0, sizeof(si));
	si.si_code = -77;
	si.si_value.sival_ptr = &si;
	count = 0;
	CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si) == 0);
	CHECK(count == 1 && got[0].si_code == -77 &&
	    got[0].si_value.sival_ptr == &si);
	CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1,
		  &si) == 0);
	CHECK(count == 2);
	CHECK(kill(getpid(), 0) == 0 && count == 2);
	CHECK(kill(getpid(), 65) < 0 && errno == EINVAL);
	CHECK(kill(0x3fffffff, SIGUSR1) < 0 && errno == ESRCH);
	CHECK(
	    syscall(SYS_tgkill, getpid(), -1, SIGUSR1) < 0 && errno == EINVAL);
}

static void spin_until(int n, double seconds)
{
	double end = now() + seconds;
	volatile uint64_t x = 1;
	while (count < n && now() < end)
		for (int i = 0; i < 10000; i++)
			x = x * 3 + 1;
}

static void test_timers(void)
{
	const int which[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
	const int sig[] = { SIGALRM, SIGVTALRM, SIGPROF };
	for (int i = 0; i < 3; i++) {
		struct itimerval it = { { 0, 5000 }, { 0, 5000 } };
		struct itimerval off = { { 0, 0 }, { 0, 0 } }, was;
		install(sig[i], SA_RESTART);
		count = 0;
		CHECK(setitimer(which[i], &it, NULL) == 0);
		spin_until(3, 20);
		CHECK(getitimer(which[i], &was) == 0);
		CHECK(was.it_interval.tv_usec == 5000 ||
		    was.it_interval.tv_usec == 8000);
		CHECK(setitimer(which[i], &off, NULL) == 0);
		CHECK(count >= 3 && got[0].si_code == SI_KERNEL);
	}
	CHECK(alarm(100) == 0 && alarm(0) == 100);

	/* POSIX timers: to the process, to one thread, with overruns */
	struct sigevent ev;
	struct itimerspec it = { { 0, 1000000 }, { 0, 1000000 } };
	const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC,
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	for (size_t i = 0; i < 8; i++) {
		timer_t id;
		sigset_t set, old;
		memset(&ev, 0, sizeof(ev));
		ev.sigev_notify = i & 1 ? SIGEV_THREAD_ID : SIGEV_SIGNAL;
		ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
		ev.sigev_signo = SIGRTMIN + 1;
		ev.sigev_value.sival_int = 77;
		install(SIGRTMIN + 1, 0);
		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN + 1);
		count = 0;
		CHECK(timer_create(clocks[i / 2], &ev, &id) == 0);
		CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
		CHECK(timer_settime(id, 0, &it, NULL) == 0);
		double end = now() + 0.03;
		while (now() < end)
			;
		CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
		spin_until(2, 20);
		CHECK(timer_delete(id) == 0);
		CHECK(count >= 2 && got[0].si_code == SI_TIMER);
		CHECK(got[0].si_value.sival_int == 77);
		CHECK(i > 3 || got[0].si_overrun > 0);
	}
	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_NONE;
	timer_t id;
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
	it.it_value.tv_sec = 100;
	CHECK(timer_settime(id, 0, &it, NULL) == 0);
	CHECK(timer_gettime(id, &it) == 0 && it.it_value.tv_sec >= 98);
	CHECK(timer_delete(id) == 0);

	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n;
	struct itimerspec ft = { { 0, 2000000 }, { 0, 2000000 } };
	CHECK(fd >= 0 && timerfd_settime(fd, 0, &ft, NULL) == 0);
	usleep(10000);
	CHECK(read(fd, &n, 8) == 8 && n >= 4);
	close(fd);
}

/* --- alternate stacks ----------------------------------------------------- */

static stack_t alt;
static volatile int depth;

static int on_alt_now(void)
{
	char here, *p = &here;
	__asm__ volatile("" : "+r"(p));
	return p > (char *)alt.ss_sp && p < (char *)alt.ss_sp + alt.ss_size;
}

static void on_nested(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	stack_t ss;
	(void)si;
	CHECK(on_alt_now());
	CHECK(sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_ONSTACK);
	CHECK(uc->uc_stack.ss_sp == alt.ss_sp);
	CHECK(uc->uc_stack.ss_flags == 0); /* as it was set */
	if (depth++ < 3)
		raise(sig);
	depth--;
	count++;
}

static sigjmp_buf env;

static void on_disarmed(int sig, siginfo_t *si, void *ctx)
{
	stack_t ss, other;
	(void)si;
	(void)sig;
	(void)ctx;
	CHECK(on_alt_now());
	CHECK(sigaltstack(NULL, &ss) == 0 && ss.ss_flags == SS_DISABLE);
	/* and another may be set meanwhile */
	memset(&other, 0, sizeof(other));
	other.ss_size = 32768;
	other.ss_sp = alt.ss_sp;
	CHECK(sigaltstack(&other, NULL) == 0);
	count++;
}

static void on_overflow(int sig)
{
	CHECK(sig == SIGSEGV && on_alt_now());
	siglongjmp(env, 1);
}

static int recurse(volatile char *up)
{
	volatile char buf[4096];
	buf[0] = up ? up[0] : 0;
	return recurse(buf) + buf[0];
}

static void test_altstack(void)
{
	struct sigaction sa;
	stack_t ss;
	memset(&sa, 0, sizeof(sa));
	memset(&alt, 0, sizeof(alt));
	alt.ss_size = 1 << 17;
	alt.ss_sp = malloc(alt.ss_size);
	CHECK(sigaltstack(&alt, NULL) == 0);
	sa.sa_sigaction = on_nested;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	count = depth = 0;
	raise(SIGUSR1);
	CHECK(count == 4 && depth == 0 && !on_alt_now());

	alt.ss_flags = (int)(1u << 31); /* SS_AUTODISARM */
	CHECK(sigaltstack(&alt, NULL) == 0);
	sa.sa_sigaction = on_disarmed;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	raise(SIGUSR1);
	CHECK(count == 5);
	CHECK(sigaltstack(NULL, &ss) == 0 && ss.ss_sp == alt.ss_sp);
	CHECK(ss.ss_size == alt.ss_size && ss.ss_flags == alt.ss_flags);

	alt.ss_flags = 0;
	CHECK(sigaltstack(&alt, NULL) == 0);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_overflow;
	sa.sa_flags = SA_ONSTACK;
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	for (volatile int i = 0; i < 3; i++)
		if (sigsetjmp(env, 1) == 0)
			recurse(NULL);
	dispose(SIGSEGV, SIG_DFL, 0);
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0);
	free(alt.ss_sp);
}

/* --- masks of waits ------------------------------------------------------ */

static void test_epoll_mask(void)
{
	sigset_t set, none, cur;
	struct epoll_event ev;
	int fd = epoll_create1(0);
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	install(SIGUSR1, SA_RESTART);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	count = 0;
	raise(SIGUSR1);
	CHECK(epoll_pwait(fd, &ev, 1, 10000, &none) < 0 && errno == EINTR);
	CHECK(count == 1);
	sigprocmask(SIG_BLOCK, NULL, &cur);
	CHECK(sigismember(&cur, SIGUSR1));
	raise(SIGUSR1);
	CHECK(epoll_pwait(fd, &ev, 1, 5, &set) == 0 && count == 1);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && count == 2);
	close(fd);
}

/* --- how soon ------------------------------------------------------------ */

static atomic_int ready, stop, beat;
static volatile double at, delay[200]; /* the thread's own processor time */
static volatile int ndelay;

static void on_beat(int sig)
{
	(void)sig;
	if (ndelay < 200)
		delay[ndelay] = by_clock(CLOCK_THREAD_CPUTIME_ID) - at;
	ndelay++;
	atomic_store(&beat, 1);
}

/* No call, no load: nothing but the loop's own branch leaves this code. */
static void *spin(void *arg)
{
	atomic_store(&ready, 1);
	while (!atomic_load(&stop))
		for (volatile uint64_t i = 0; i < 50000000; i++)
			if (atomic_load_explicit(&stop, memory_order_relaxed))
				break;
	return arg;
}

static void test_latency(void)
{
	pthread_t th;
	clockid_t its;
	int soon = 0;
	dispose(SIGUSR2, on_beat, 0);
	CHECK(pthread_create(&th, NULL, spin, NULL) == 0);
	while (!atomic_load(&ready))
		usleep(100);
	CHECK(pthread_getcpuclockid(th, &its) == 0);
	for (int i = 0; i < 200; i++) {
		atomic_store(&beat, 0);
		double sent = now();
		at = by_clock(its);
		CHECK(pthread_kill(th, SIGUSR2) == 0);
		while (!atomic_load(&beat))
			if (now() - sent > 10)
				CHECK(!"a signal is not delivered");
	}
	atomic_store(&stop, 1);
	CHECK(pthread_join(th, NULL) == 0);
	for (int i = 0; i < 200; i++)
		soon += delay[i] < 0.001;
	/* most, on an idle machine all but one or two */
	CHECK(ndelay == 200 && soon >= 20);
}

static atomic_int blocker_is;
static pthread_t blocker;

static void *block_and_spin(void *unused)
{
	sigset_t usr1, old;

	(void)unused;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	for (int i = 0; i < 100; i++) {
		pthread_sigmask(SIG_BLOCK, &usr1, &old);
		blocker_is = 1;
		while (blocker_is == 1) /* without a system call */
			;
		/* What came meanwhile is ignored, then gone. */
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		blocker_is = 0;
		while (!blocker_is)
			;
	}
	return NULL;
}

/* Blocked while it had a handler, it stays so when it loses that. */
static void test_unhandled(void)
{
	CHECK(!pthread_create(&blocker, NULL, block_and_spin, NULL));
	for (int i = 0; i < 100; i++) {
		install(SIGUSR1, i % 2 ? SA_RESETHAND : 0);
		count = 0;
		while (blocker_is != 1)
			;
		if (i % 2)
			raise(SIGUSR1); /* from here on its default */
		else
			dispose(SIGUSR1, SIG_DFL, 0);
		CHECK(count == i % 2);
		CHECK(!pthread_kill(blocker, SIGUSR1));
		dispose(SIGUSR1, SIG_IGN, 0);
		blocker_is = 2;
		while (blocker_is)
			;
		blocker_is = 3;
	}
	CHECK(!pthread_join(blocker, NULL));
}

/* How often the handler runs for a signal that another process sends. */
static int heard(void)
{
	int st;

	count = 0;
	pid_t pid = fork();
	if (pid == 0) {
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	while (waitpid(pid, &st, 0) < 0)
		CHECK(errno == EINTR);
	CHECK(WIFEXITED(st));
	return count;
}

/* Actions of a parent and its children are their own, however often set. */
static void test_actions(void)
{
	int st;

	for (int i = 0; i < 20; i++) {
		install(SIGUSR1, i % 3 ? SA_RESTART : 0);
		CHECK(heard() == 1);
		if (i % 2) {
			dispose(SIGUSR1, SIG_IGN, 0);
			dispose(SIGUSR1, SIG_IGN, 0);
			CHECK(heard() == 0);
		}
		install(SIGUSR1, i % 3 ? SA_NOCLDSTOP : 0);
		pid_t pid = vfork();
		if (pid == 0) {
			signal(SIGUSR1, i % 2 ? SIG_IGN : SIG_DFL);
			kill(getpid(), SIGUSR1);
			_exit(i);
		}
		while (waitpid(pid, &st, 0) < 0)
			CHECK(errno == EINTR);
		CHECK(i % 2 ? WIFEXITED(st) && WEXITSTATUS(st) == i :
			      WIFSIGNALED(st) && WTERMSIG(st) == SIGUSR1);
		CHECK(heard() == 1);
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	test_actions();
	test_order();
	test_origins();
	test_timers();
	test_altstack();
	test_epoll_mask();
	test_latency();
	test_unhandled();
	if (argc > 1) {
		double worst = 0, sum = 0;
		for (int i = 0; i < 200; i++) {
			sum += delay[i];
			worst = delay[i] > worst ? delay[i] : worst;
		}
		printf("delivery: mean %.1f us, worst %.1f us\n",
		    sum / 200 * 1e6, worst * 1e6);
	}
	puts("ok");
	return 0;
}
