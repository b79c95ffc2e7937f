/*
 * Threads end in every order: the first one before the others, the last one,
 * all at once, by exit, exit_group, a signal or execve; and what the others,
 * the parent and words in memory see of it.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

#define N 8

/* Not /proc/self/exe: a process whose first thread has gone has none. */
static char *self;

static int wait_for(pid_t pid)
{
	int st;
	pid_t r;
	do
		r = waitpid(pid, &st, 0);
	while (r < 0 && errno == EINTR);
	CHECK(r == pid);
	return st;
}

static void check_exit(pid_t pid, int status)
{
	int st = wait_for(pid);
	if (!WIFEXITED(st) || WEXITSTATUS(st) != status)
		fprintf(stderr, "status %#x, expected %#x\n", st, status << 8);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == status);
}

static void check_killed(pid_t pid, int sig)
{
	int st = wait_for(pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == sig);
}

static void pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&ts, &ts) < 0)
		;
}

static void leave(int status)
{
	syscall(SYS_exit, status);
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t th;
	CHECK(pthread_create(&th, NULL, fn, arg) == 0);
	return th;
}

/* --- what the others do meanwhile --- */

static volatile long spun;
static int pipes[2];
static pthread_mutex_t stuck = PTHREAD_MUTEX_INITIALIZER;

static void *spins(void *arg)
{
	for (;;)
		spun++;
	return arg;
}

static void *blocks(void *arg)
{
	char c;
	(void)!read(pipes[0], &c, 1);
	return arg;
}

static void *locks(void *arg)
{
	pthread_mutex_lock(&stuck);
	return arg;
}

static void *pauses(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *(*const busy[])(void *) = { spins, blocks, locks, pauses };
#define NBUSY (sizeof(busy) / sizeof(busy[0]))

/* `stuck` stays locked for ever. */
static void start_busy(void)
{
	pthread_mutex_lock(&stuck);
	for (size_t i = 0; i < NBUSY; i++)
		start(busy[i], NULL);
}

/* --- the first thread goes first --- */

static int new_status; /* the last thread's is the process's: Linux 6.1 */

static void *leaves_later(void *arg)
{
	pause_ms(30);
	leave((int)(long)arg);
	return NULL;
}

static volatile uint32_t main_word = 1; /* until it has ended */

static void *leaves_told(void *arg)
{
	char c;
	while (main_word)
		usleep(100);
	CHECK(read(pipes[0], &c, 1) == 1);
	leave((int)(long)arg);
	return NULL;
}

static void *ends_all_later(void *arg)
{
	pause_ms(30);
	syscall(SYS_exit_group, (int)(long)arg);
	return NULL;
}

static void *dies_later(void *arg)
{
	pause_ms(30);
	raise((int)(long)arg);
	return NULL;
}

static void test_leader_first(void)
{
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(syscall(SYS_set_tid_address, &main_word) == getpid());
		start(leaves_told, (void *)5L);
		leave(3);
	}
	CHECK(waitpid(pid, &st, WNOHANG) == 0);
	pause_ms(10); /* a zombie now, but its process is none */
	CHECK(waitpid(pid, &st, WNOHANG) == 0 && kill(pid, 0) == 0);
	CHECK(write(pipes[1], "", 1) == 1);
	st = wait_for(pid);
	CHECK(WIFEXITED(st));
	CHECK(WEXITSTATUS(st) == 5 || (!new_status && WEXITSTATUS(st) == 3));

	pid = fork();
	if (pid == 0) {
		start_busy();
		start(ends_all_later, (void *)6L);
		leave(3);
	}
	check_exit(pid, 6);
	pid = fork();
	if (pid == 0) {
		start_busy();
		start(dies_later, (void *)(long)SIGTERM);
		leave(3);
	}
	check_killed(pid, SIGTERM);
	pid = fork();
	if (pid == 0) {
		start_busy();
		leave(3);
	}
	pause_ms(20);
	CHECK(kill(pid, SIGKILL) == 0);
	check_killed(pid, SIGKILL);
	/* pthread_exit of all: the C library says 0 */
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < N; i++)
			start(leaves_later, NULL);
		pthread_exit((void *)1L);
	}
	check_exit(pid, 0);
}

static pthread_t main_thread;

static void *joins_main(void *arg)
{
	void *r;
	(void)arg;
	CHECK(pthread_join(main_thread, &r) == 0 && r == (void *)77L);
	CHECK(getpid() != (pid_t)syscall(SYS_gettid));
	syscall(SYS_exit_group, 44);
	return NULL;
}

static void test_join_leader(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		main_thread = pthread_self();
		start(joins_main, NULL);
		pthread_exit((void *)77L);
	}
	check_exit(pid, 44);
}

/* A process without its first thread gets signals like any other. */
static atomic_int handled[65];

static void on_signal(int sig)
{
	atomic_fetch_add(&handled[sig], 1);
}

static const int sent[] = { SIGUSR1, SIGSEGV, SIGBUS, SIGTERM, 40, 64 };
#define NSENT (sizeof(sent) / sizeof(sent[0]))

static void *counts(void *arg)
{
	char c = 1;
	size_t n = 0;
	(void)arg;
	pause_ms(20); /* the first one has gone */
	CHECK(write(pipes[1], &c, 1) == 1);
	for (int i = 0; i < 5000 && n < NSENT; i++) {
		pause_ms(1);
		for (n = 0; n < NSENT && handled[sent[n]]; n++)
			;
	}
	CHECK(n == NSENT);
	/* a fault of our own still comes to us, too */
	struct sigaction sa;
	CHECK(sigaction(SIGSEGV, NULL, &sa) == 0);
	CHECK(sa.sa_handler == on_signal);
	syscall(SYS_exit_group, 45);
	return NULL;
}

/*
 * A thread that is not the first is in a handler, which makes no system
 * call, when the same signal is sent to the process again.
 */
struct seen {
	atomic_int ready, entered, release;
};
static struct seen *seen;

static void on_usr2(int sig)
{
	(void)sig;
	seen->entered++;
	while (!seen->release)
		;
}

static void *spins_till_two(void *arg)
{
	sigset_t none;
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	seen->ready = 1;
	while (seen->entered < 2)
		spun++;
	syscall(SYS_exit_group, 46);
	return arg;
}

static void test_signal_twice(void)
{
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(seen != MAP_FAILED);
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		signal(SIGUSR2, on_usr2);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
		start(spins_till_two, NULL);
		alarm(20);
		pauses(NULL);
	}
	while (!seen->ready)
		pause_ms(1);
	CHECK(kill(pid, SIGUSR2) == 0);
	while (!seen->entered)
		pause_ms(1);
	CHECK(kill(pid, SIGUSR2) == 0);
	pause_ms(5);
	CHECK(seen->entered == 1);
	seen->release = 1;
	check_exit(pid, 46);
	munmap(seen, sizeof(*seen));
}

static void test_signal_leader(void)
{
	char c;
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	pid_t pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < NSENT; i++)
			CHECK(sigaction(sent[i], &sa, NULL) == 0);
		start(counts, NULL);
		leave(0);
	}
	CHECK(read(pipes[0], &c, 1) == 1);
	for (size_t i = 0; i < NSENT; i++)
		CHECK(kill(pid, sent[i]) == 0);
	check_exit(pid, 45);
	/* and dies by the default of one that metic uses itself */
	pid = fork();
	if (pid == 0) {
		start_busy();
		leave(0);
	}
	pause_ms(20);
	CHECK(kill(pid, SIGSEGV) == 0);
	check_killed(pid, SIGSEGV);
}

/* --- all at once --- */

static atomic_int gate;

static void *ends_all(void *arg)
{
	while (!gate)
		;
	syscall(SYS_exit_group, (int)(long)arg);
	return NULL;
}

static void *ends_alone(void *arg)
{
	while (!gate)
		;
	leave((int)(long)arg);
	return NULL;
}

static void test_race(void)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (long k = 1; k < N; k++)
				start(ends_all, (void *)(50 + k));
			gate = 1;
			ends_all((void *)50L);
		}
		int st = wait_for(pid);
		CHECK(WIFEXITED(st) && WEXITSTATUS(st) >= 50 &&
		    WEXITSTATUS(st) < 50 + N);
	}
	/* one of them is the last, even so */
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (long k = 1; k < N; k++)
				start(ends_alone, (void *)61L);
			gate = 1;
			leave(61);
		}
		check_exit(pid, 61);
	}
	/* exit_group while others only begin and end */
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			start(ends_all_later, (void *)60L);
			for (;;) {
				pthread_t th;
				if (pthread_create(
					&th, NULL, leaves_later, NULL) == 0)
					pthread_detach(th);
				else
					sched_yield();
			}
		}
		check_exit(pid, 60);
	}
}

/* --- the word that says that a thread is gone --- */

#define THREAD \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	    CLONE_SYSVSEM)

static int raw_thread(void *arg)
{
	struct timespec ts = { 0, 20000000 };
	(void)arg;
	syscall(SYS_nanosleep, &ts, NULL);
	return 0;
}

static void *watches_main(void *arg)
{
	struct timespec ts = { 10, 0 };
	(void)arg;
	while (main_word)
		if (syscall(SYS_futex, &main_word, FUTEX_WAIT, 1, &ts) < 0)
			CHECK(errno == EAGAIN || errno == EINTR);
	syscall(SYS_exit_group, 46);
	return NULL;
}

static void test_clear_tid(void)
{
	static char stack[2][65536];
	volatile uint32_t word[2] = { 1, 1 };
	struct timespec ts = { 10, 0 };
	for (int i = 0; i < 2; i++) {
		long tid = clone(raw_thread, stack[i] + sizeof(stack[i]),
		    THREAD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, NULL,
		    NULL, NULL, &word[i]);
		CHECK(tid > 0);
		uint32_t w;
		while ((w = word[i]) != 0) {
			CHECK(w == (uint32_t)tid || w == 1);
			if (syscall(SYS_futex, &word[i], FUTEX_WAIT, w, &ts) <
			    0)
				CHECK(errno == EAGAIN || errno == EINTR);
		}
		/* gone for the kernel as well, but for a moment */
		int k = 0;
		while (syscall(SYS_tgkill, getpid(), tid, 0) == 0 && k++ < 5000)
			pause_ms(1);
		CHECK(k < 5000);
	}
	pid_t pid = fork();
	if (pid == 0) {
		start(watches_main, NULL);
		pause_ms(10);
		CHECK(syscall(SYS_set_tid_address, &main_word) == getpid());
		leave(0);
	}
	check_exit(pid, 46);
	/* a word that is no memory any more hurts nobody */
	pid = fork();
	if (pid == 0) {
		void *p = mmap(
		    NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		start(ends_all_later, (void *)47L);
		syscall(SYS_set_tid_address, p);
		leave(0);
	}
	check_exit(pid, 47);
}

/* --- execve from any thread --- */

static pid_t exec_pid;

static void *executes(void *arg)
{
	char num[16];
	char *argv[] = { self, "executed", num, NULL };
	char *none[] = { "nothing", NULL };
	(void)arg;
	CHECK(execv("/nowhere/nothing", none) < 0 && errno == ENOENT);
	pause_ms(15);
	snprintf(num, sizeof(num), "%d", exec_pid);
	execv(self, argv);
	_exit(1);
}

/* In the new program: one thread, which has the pid. */
static int executed(const char *pid)
{
	char c;
	CHECK(atoi(pid) == getpid());
	CHECK(syscall(SYS_gettid) == getpid());
	CHECK(syscall(SYS_tgkill, getpid(), getpid(), 0) == 0);
	pthread_t th = start(leaves_later, NULL);
	CHECK(pthread_join(th, NULL) == 0);
	/* the others have left nothing open but what we inherit */
	CHECK(read(0, &c, 1) == 0);
	return 48;
}

static void test_exec(void)
{
	for (size_t who = 0; who <= NBUSY; who++) {
		pid_t pid = fork();
		if (pid == 0) {
			int null = open("/dev/null", O_RDONLY);
			dup2(null, 0);
			exec_pid = getpid();
			start_busy();
			start(executes, NULL);
			if (who == NBUSY)
				leave(1); /* the first thread is a zombie */
			busy[who](NULL);
		}
		check_exit(pid, 48);
	}
	/* all of them at once: one wins */
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);
		dup2(null, 0);
		exec_pid = getpid();
		for (int i = 0; i < N; i++)
			start(executes, NULL);
		executes(NULL);
	}
	check_exit(pid, 48);
}

/* A lock that other threads took with them goes to who waits for it. */
struct shared {
	pthread_mutex_t lock[3];
	atomic_int locked;
};

static void *takes_away(void *arg)
{
	struct shared *sh = arg;
	CHECK(pthread_mutex_lock(&sh->lock[atomic_fetch_add(&sh->locked, 1)]) ==
	    0);
	for (;;)
		pause();
}

static struct shared *new_shared(int protocol)
{
	pthread_mutexattr_t attr;
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(sh != MAP_FAILED);
	CHECK(pthread_mutexattr_init(&attr) == 0);
	CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	CHECK(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_mutexattr_setprotocol(&attr, protocol) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_mutex_init(&sh->lock[i], &attr) == 0);
	return sh;
}

static void test_locks_left(int protocol)
{
	enum { KILLED, EXEC, EXIT, NWAYS };
	for (int way = 0; way < NWAYS; way++) {
		struct shared *sh = new_shared(protocol);
		pid_t pid = fork();
		if (pid == 0) {
			int null = open("/dev/null", O_RDONLY);
			dup2(null, 0);
			exec_pid = getpid();
			for (int i = 0; i < 2; i++)
				start(takes_away, sh);
			while (sh->locked < 2)
				pause_ms(1);
			CHECK(pthread_mutex_lock(&sh->lock[2]) == 0);
			sh->locked = 3;
			pause_ms(20);
			if (way == EXEC)
				executes(NULL);
			if (way == EXIT)
				syscall(SYS_exit_group, 49);
			for (;;)
				pause();
		}
		while (sh->locked < 3)
			pause_ms(1);
		if (way == KILLED)
			CHECK(kill(pid, SIGKILL) == 0);
		for (int i = 0; i < 3; i++) {
			CHECK(pthread_mutex_lock(&sh->lock[i]) == EOWNERDEAD);
			CHECK(pthread_mutex_consistent(&sh->lock[i]) == 0);
			CHECK(pthread_mutex_unlock(&sh->lock[i]) == 0);
		}
		if (way == KILLED)
			check_killed(pid, SIGKILL);
		else
			check_exit(pid, way == EXEC ? 48 : 49);
		munmap(sh, sizeof(*sh));
	}
}

int main(int argc, char **argv)
{
	struct utsname un;
	int major, minor;
	if (argc > 2 && !strcmp(argv[1], "executed"))
		return executed(argv[2]);
	alarm(100);
	self = realpath("/proc/self/exe", NULL);
	CHECK(self);
	CHECK(uname(&un) == 0);
	CHECK(sscanf(un.release, "%d.%d", &major, &minor) == 2);
	new_status = major > 6 || (major == 6 && minor >= 2);
	CHECK(pipe(pipes) == 0);
	test_leader_first();
	test_join_leader();
	test_signal_leader();
	test_signal_twice();
	test_race();
	test_clear_tid();
	test_exec();
	test_locks_left(PTHREAD_PRIO_NONE);
	test_locks_left(PTHREAD_PRIO_INHERIT);
	puts("ok");
	return 0;
}
