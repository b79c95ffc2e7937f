/*
 * futex and its relatives by themselves, without a C library's mutexes: the
 * values that are left in the words, who wakes, in which order, which error.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define NR_futex_wake 454
#define NR_futex_wait 455
#define NR_futex_requeue 456
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define FUTEX2_32 2
#define FUTEX2_PRIV 128
#ifndef FUTEX_32
#define FUTEX_32 2
#endif

typedef volatile uint32_t word_t;

static long futex(
    word_t *w, int op, uint32_t val, const void *ts, word_t *w2, uint32_t val3)
{
	return syscall(SYS_futex, w, op, val, ts, w2, val3);
}

#define FAILS(x, err) CHECK((x) < 0 && errno == (err))

static double now(clockid_t c)
{
	struct timespec t;
	clock_gettime(c, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct timespec in_ms(clockid_t c, long ms)
{
	struct timespec t;
	clock_gettime(c, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&ts, &ts) < 0)
		;
}

/* --- threads that make one call ------------------------------------------ */

struct call {
	pthread_t th;
	atomic_int tid, done;
	long nr, a[6], result;
	int err;
};

static atomic_int stay; /* they do not end yet */

static void *makes(void *arg)
{
	struct call *c = arg;
	c->tid = (int)syscall(SYS_gettid);
	c->result = syscall(
	    c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]);
	c->err = errno;
	c->done = 1;
	while (stay)
		usleep(200);
	return NULL;
}

static int asleep(int tid)
{
	char name[64], buf[256] = "";
	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	int fd = open(name, O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0);
	close(fd);
	char *p = strrchr(buf, ')');
	return p && p[2] == 'S';
}

/* The thread of c sleeps, most likely in its call. */
static void sleeps(struct call *c)
{
	for (int n = 0; n < 4; usleep(200)) {
		CHECK(!c->done);
		n = c->tid && asleep(c->tid) ? n + 1 : 0;
	}
}

#define CALL(c, ...) start((c), (const long[7]){ __VA_ARGS__ })

static void start(struct call *c, const long a[7])
{
	memset(c, 0, sizeof(*c));
	c->nr = a[0];
	for (int i = 0; i < 6; i++)
		c->a[i] = a[i + 1];
	CHECK(pthread_create(&c->th, NULL, makes, c) == 0);
	sleeps(c);
}

static long finish(struct call *c)
{
	CHECK(pthread_join(c->th, NULL) == 0);
	errno = c->err;
	return c->result;
}

#define W(w) (long)(uintptr_t)(w)

/* --- waiting and waking -------------------------------------------------- */

static void test_errors(void)
{
	word_t w = 5;
	struct timespec ts = { 0, 1000000 }, bad = { 0, 1000000000 };
	FAILS(futex(&w, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	FAILS(futex(&w, FUTEX_WAIT, 5, &ts, NULL, 0), ETIMEDOUT);
	FAILS(futex(&w, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
	FAILS(futex(&w, FUTEX_WAIT, 5, (void *)8, NULL, 0), EFAULT);
	FAILS(futex((word_t *)((char *)&w + 1), FUTEX_WAIT, 5, NULL, NULL, 0),
	    EINVAL);
	FAILS(futex((word_t *)4096, FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
	FAILS(futex((word_t *)4096, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	FAILS(futex(&w, 99, 5, NULL, NULL, 0), ENOSYS);
	FAILS(futex(&w, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
	FAILS(futex(&w, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	FAILS(futex(&w, FUTEX_CMP_REQUEUE, 1, (void *)1, &w, 4), EAGAIN);
	CHECK(futex(&w, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
}

static void test_bitset(void)
{
	word_t w = 0;
	struct call c[3];
	const int ops[] = { FUTEX_WAIT_BITSET,
		FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME,
		FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG };
	/* the time is absolute, on either clock */
	for (int i = 0; i < 3; i++) {
		clockid_t clk = i == 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
		double t0 = now(clk);
		struct timespec ts = in_ms(clk, 20);
		FAILS(futex(&w, ops[i], 0, &ts, NULL, 1), ETIMEDOUT);
		CHECK(now(clk) - t0 > 0.0199);
		ts.tv_sec -= 10;
		FAILS(futex(&w, ops[i], 0, &ts, NULL, 1), ETIMEDOUT);
	}
	for (int i = 0; i < 3; i++)
		CALL(&c[i], SYS_futex, W(&w), FUTEX_WAIT_BITSET, 0, 0, 0,
		    1 << i);
	CHECK(futex(&w, FUTEX_WAKE_BITSET, 9, NULL, NULL, 8) == 0);
	CHECK(futex(&w, FUTEX_WAKE_BITSET, 9, NULL, NULL, 2) == 1);
	CHECK(finish(&c[1]) == 0);
	CHECK(!c[0].done && !c[2].done);
	CHECK(futex(&w, FUTEX_WAKE, 9, NULL, NULL, 0) == 2);
	CHECK(finish(&c[0]) == 0 && finish(&c[2]) == 0);
}

static void test_requeue(void)
{
	word_t w = 7, w2 = 0;
	struct call c[4];
	for (int i = 0; i < 4; i++)
		CALL(&c[i], SYS_futex, W(&w), FUTEX_WAIT_PRIVATE, 7, 0, 0, 0);
	FAILS(
	    futex(&w, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)9, &w2, 6), EAGAIN);
	/* one wakes, two are moved, one stays: in order of arrival */
	CHECK(futex(&w, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &w2, 7) == 3);
	CHECK(finish(&c[0]) == 0);
	CHECK(futex(&w, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 1);
	CHECK(finish(&c[3]) == 0);
	CHECK(!c[1].done && !c[2].done);
	CHECK(futex(&w2, FUTEX_REQUEUE_PRIVATE, 0, (void *)1, &w, 0) == 1);
	CHECK(futex(&w2, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 1);
	CHECK(finish(&c[2]) == 0);
	CHECK(futex(&w, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 1);
	CHECK(finish(&c[1]) == 0);
}

static void test_wake_op(void)
{
	word_t w = 1, w2 = 10;
	struct call c[2];
	const uint32_t add = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 10);
	CALL(&c[0], SYS_futex, W(&w), FUTEX_WAIT, 1, 0, 0, 0);
	CALL(&c[1], SYS_futex, W(&w2), FUTEX_WAIT, 10, 0, 0, 0);
	CHECK(futex(&w, FUTEX_WAKE_OP, 1, (void *)1, &w2, add) == 2);
	CHECK(w2 == 15 && finish(&c[0]) == 0 && finish(&c[1]) == 0);
	CHECK(futex(&w, FUTEX_WAKE_OP, 1, (void *)1, &w2, add) == 0);
	CHECK(w2 == 20);
	CHECK(futex(&w, FUTEX_WAKE_OP, 1, (void *)1, &w2,
		  FUTEX_OP(FUTEX_OP_ANDN, 4, FUTEX_OP_CMP_LT, 0)) == 0);
	CHECK(w2 == 16);
}

/* --- many at once, and the calls of Linux 6.7 ----------------------------- */

struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

static long waitv(struct waitv *v, unsigned n, const struct timespec *ts)
{
	return syscall(SYS_futex_waitv, v, n, 0, ts, CLOCK_MONOTONIC);
}

static void test_waitv(void)
{
	word_t w[3] = { 1, 2, 3 };
	struct waitv v[3];
	struct call c;
	struct timespec ts = in_ms(CLOCK_MONOTONIC, 15);
	for (int i = 0; i < 3; i++)
		v[i] = (struct waitv){ w[i], W(&w[i]), FUTEX_32 | 128, 0 };
	if (waitv(v, 3, &ts) < 0 && errno == ENOSYS) {
		puts("SKIPPED: no futex_waitv here");
		return;
	}
	CHECK(errno == ETIMEDOUT &&
	    now(CLOCK_MONOTONIC) >=
		(double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
	for (int i = 0; i < 3; i++) {
		CALL(&c, SYS_futex_waitv, W(v), 3, 0, 0, CLOCK_MONOTONIC, 0);
		CHECK(futex(&w[i], FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0) == 1);
		CHECK(finish(&c) == i);
	}
	v[2].val = 4;
	FAILS(waitv(v, 3, NULL), EAGAIN);
	v[2].flags = 0x100;
	FAILS(waitv(v, 3, NULL), EINVAL);
	FAILS(waitv(v, 0, NULL), EINVAL);
	FAILS(waitv(v, 129, NULL), EINVAL);
	FAILS(waitv((void *)8, 1, NULL), EFAULT);
}

static void test_futex2(void)
{
	word_t w = 1, w2 = 2;
	struct call c;
	struct timespec ts = in_ms(CLOCK_MONOTONIC, 5);
	const long flags = FUTEX2_32 | FUTEX2_PRIV;
	if (syscall(NR_futex_wake, &w, 1L, 1, flags) < 0 && errno == ENOSYS) {
		puts("SKIPPED: no futex_wake here");
		return;
	}
	FAILS(syscall(NR_futex_wait, &w, 1L, 1L, flags, &ts, CLOCK_MONOTONIC),
	    ETIMEDOUT);
	FAILS(syscall(NR_futex_wait, &w, 9L, 1L, flags, NULL, CLOCK_MONOTONIC),
	    EAGAIN);
	CALL(&c, NR_futex_wait, W(&w), 1, 4, flags, 0, CLOCK_MONOTONIC);
	CHECK(syscall(NR_futex_wake, &w, 3L, 1, flags) == 0);
	struct waitv v[2] = { { 1, W(&w), (uint32_t)flags, 0 },
		{ 2, W(&w2), (uint32_t)flags, 0 } };
	CHECK(syscall(NR_futex_requeue, v, 0, 0, 1) == 1);
	CHECK(syscall(NR_futex_wake, &w2, 4L, 1, flags) == 1);
	CHECK(finish(&c) == 0);
}

/* --- priority inheritance ------------------------------------------------ */

static uint32_t me(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

/* Takes the lock (op), says so, keeps it until `go`, unlocks unless told. */
struct owner {
	pthread_t th;
	word_t *w;
	atomic_int tid, has, go;
	int op, keep;
};

static void *owns(void *arg)
{
	struct owner *o = arg;
	o->tid = (int)me();
	CHECK(futex(o->w, o->op, 0, NULL, NULL, 0) == 0);
	CHECK((*o->w & FUTEX_TID_MASK) == me());
	o->has = 1;
	while (!o->go)
		pause_ms(1);
	if (!o->keep)
		CHECK(futex(o->w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
	return NULL;
}

static void own(struct owner *o, word_t *w, int op, int wait)
{
	memset(o, 0, sizeof(*o));
	o->w = w;
	o->op = op;
	CHECK(pthread_create(&o->th, NULL, owns, o) == 0);
	while (wait && !o->has)
		pause_ms(1);
}

static void let_go(struct owner *o)
{
	o->go = 1;
	CHECK(pthread_join(o->th, NULL) == 0);
}

static void test_pi(void)
{
	static word_t w;
	struct owner o, o2;
	struct timespec ts = in_ms(CLOCK_REALTIME, 20);
	CHECK(futex(&w, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0 && w == me());
	FAILS(futex(&w, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	FAILS(futex(&w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK(futex(&w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0 && w == 0);
	CHECK(futex(&w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0) == 0 && w == me());
	w = 0;
	FAILS(futex(&w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
	w = 0x3ffffffe; /* nobody */
	FAILS(futex(&w, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);
	w = 0;
	/* somebody else's */
	own(&o, &w, FUTEX_LOCK_PI, 1);
	CHECK(w == (uint32_t)o.tid);
	FAILS(futex(&w, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
	FAILS(futex(&w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
	FAILS(futex(&w, FUTEX_LOCK_PI, 0, &ts, NULL, 0), ETIMEDOUT);
	CHECK(now(CLOCK_REALTIME) >=
	    (double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
	ts = in_ms(CLOCK_MONOTONIC, 10);
	if (futex(&w, FUTEX_LOCK_PI2, 0, &ts, NULL, 0) < 0)
		CHECK(errno == ETIMEDOUT || errno == ENOSYS);
	own(&o2, &w, FUTEX_LOCK_PI, 0);
	while (w != ((uint32_t)o.tid | FUTEX_WAITERS))
		pause_ms(1);
	CHECK(!o2.has);
	let_go(&o); /* handed over by the kernel */
	while (!o2.has)
		pause_ms(1);
	CHECK((w & FUTEX_TID_MASK) == (uint32_t)o2.tid);
	let_go(&o2);
	CHECK(w == 0);
	/* an owner that dies with it hands it over, too, and it is said so */
	own(&o, &w, FUTEX_LOCK_PI, 1);
	own(&o2, &w, FUTEX_LOCK_PI, 0);
	while (!(w & FUTEX_WAITERS))
		pause_ms(1);
	o.keep = 1;
	let_go(&o);
	while (!o2.has)
		pause_ms(1);
	CHECK(w & FUTEX_OWNER_DIED);
	let_go(&o2);
}

/* A lock is waited for in spite of signals, whatever SA_RESTART says. */
static atomic_int signals;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals, 1);
}

static void test_pi_signal(void)
{
	static word_t w;
	struct sigaction sa;
	struct owner o, o2;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	w = 0;
	own(&o, &w, FUTEX_LOCK_PI, 1);
	own(&o2, &w, FUTEX_LOCK_PI, 0);
	for (int i = 0; i < 20; i++) {
		while (!(w & FUTEX_WAITERS) || !asleep(o2.tid))
			pause_ms(1);
		CHECK(pthread_kill(o2.th, SIGUSR1) == 0);
		while (signals <= i)
			pause_ms(1);
	}
	CHECK(!o2.has);
	let_go(&o);
	let_go(&o2);
	CHECK(w == 0);
	/* plain waits are not */
	struct call c;
	w = 3;
	CALL(&c, SYS_futex, W(&w), FUTEX_WAIT, 3, 0, 0, 0);
	CHECK(pthread_kill(c.th, SIGUSR1) == 0);
	CHECK(finish(&c) == -1 && errno == EINTR);
	sa.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	CALL(&c, SYS_futex, W(&w), FUTEX_WAIT, 3, 0, 0, 0);
	CHECK(pthread_kill(c.th, SIGUSR1) == 0);
	pause_ms(10);
	sleeps(&c);
	CHECK(futex(&w, FUTEX_WAKE, 1, NULL, NULL, 0) == 1);
	CHECK(finish(&c) == 0);
	/* not even with SA_RESTART, when there is a limit of time */
	struct timespec ts = { 20, 0 };
	CALL(&c, SYS_futex, W(&w), FUTEX_WAIT, 3, W(&ts), 0, 0);
	CHECK(pthread_kill(c.th, SIGUSR1) == 0);
	CHECK(finish(&c) == -1 && errno == EINTR);
}

static void test_requeue_pi(void)
{
	static word_t cond, w;
	struct call c[2];
	w = 0;
	cond = 4;
	struct timespec ts = in_ms(CLOCK_MONOTONIC, 15);
	FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 4, &ts, &w, 0), ETIMEDOUT);
	FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 5, NULL, &w, 0), EAGAIN);
	FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 4, NULL, &cond, 0), EINVAL);
	stay = 1;
	for (int i = 0; i < 2; i++)
		CALL(&c[i], SYS_futex, W(&cond), FUTEX_WAIT_REQUEUE_PI, 4, 0,
		    W(&w), 0);
	/* a signal does not end the wait of those that are to be requeued */
	CHECK(pthread_kill(c[1].th, SIGUSR1) == 0);
	pause_ms(10);
	sleeps(&c[1]);
	FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)9, &w, 3), EAGAIN);
	FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 2, (void *)9, &w, 4), EINVAL);
	/* the lock is free: the first has it at once, the other waits for it */
	CHECK(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)9, &w, 4) == 2);
	for (int i = 0; i < 2000 && !c[0].done && !c[1].done; i++)
		pause_ms(1);
	CHECK(c[0].done + c[1].done == 1);
	int first = c[0].done ? 0 : 1;
	CHECK((w & FUTEX_TID_MASK) == (uint32_t)c[first].tid);
	CHECK(w & FUTEX_WAITERS);
	pause_ms(10);
	CHECK(!c[!first].done);
	stay = 0; /* it dies with the lock */
	CHECK(finish(&c[first]) == 0);
	CHECK(finish(&c[!first]) == 0);
	CHECK((w & FUTEX_TID_MASK) == (uint32_t)c[!first].tid);
}

/* --- robust lists -------------------------------------------------------- */

struct entry {
	struct robust_list link;
	word_t word, pad;
};

struct robust {
	struct robust_list_head head;
	struct entry e[3]; /* 0, 1 in the list, 2 is pending */
};

static void set_list(struct robust *r, int pi)
{
	r->head.list.next = &r->e[0].link;
	r->e[0].link.next =
	    (struct robust_list *)((uintptr_t)&r->e[1].link | pi);
	r->e[1].link.next = &r->head.list;
	r->head.futex_offset = offsetof(struct entry, word);
	r->head.list_op_pending = &r->e[2].link;
	CHECK(syscall(SYS_set_robust_list, &r->head, sizeof(r->head)) == 0);
}

static void *dies_robust(void *arg)
{
	struct robust *r = arg;
	set_list(r, 0);
	r->e[0].word = r->e[1].word = r->e[2].word = me();
	r->e[1].word |= FUTEX_WAITERS;
	return NULL;
}

static void *dies_pending(void *arg)
{
	struct robust *r = arg;
	set_list(r, 0);
	r->e[0].word = 12345; /* not ours */
	r->e[2].word = 0; /* unlocked, nobody was woken yet */
	return NULL;
}

static void *dies_badly(void *arg)
{
	struct robust *r = arg;
	set_list(r, 0);
	r->e[0].word = me();
	/* in memory that cannot be written, and then where there is none */
	r->e[0].link.next = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct entry *e = (struct entry *)r->e[0].link.next;
	e->link.next = (void *)64;
	e->word = me();
	CHECK(mprotect(e, 4096, PROT_READ) == 0);
	return NULL;
}

static void test_robust(void)
{
	static struct robust r;
	struct call c;
	pthread_t th;
	size_t n = 0;
	struct robust_list_head *head = NULL;
	FAILS(syscall(SYS_set_robust_list, &r.head, 23), EINVAL);
	CHECK(pthread_create(&th, NULL, dies_robust, &r) == 0);
	CHECK(pthread_join(th, NULL) == 0);
	CHECK(r.e[0].word == FUTEX_OWNER_DIED);
	CHECK(r.e[1].word == (FUTEX_OWNER_DIED | FUTEX_WAITERS));
	CHECK(r.e[2].word == FUTEX_OWNER_DIED);
	/* one that waits for the lock, then for the interrupted unlock */
	r.e[2].word = 77;
	CALL(&c, SYS_futex, W(&r.e[2].word), FUTEX_WAIT, 77, 0, 0, 0);
	CHECK(pthread_create(&th, NULL, dies_pending, &r) == 0);
	CHECK(pthread_join(th, NULL) == 0);
	CHECK(finish(&c) == 0 && r.e[0].word == 12345 && r.e[2].word == 0);
	CHECK(pthread_create(&th, NULL, dies_badly, &r) == 0);
	CHECK(pthread_join(th, NULL) == 0);
	CHECK(r.e[0].word == FUTEX_OWNER_DIED);
	CHECK(syscall(SYS_get_robust_list, 0, &head, &n) == 0 && n == 24);
	FAILS(syscall(SYS_get_robust_list, 0x3ffffffe, &head, &n), ESRCH);
}

/* In a process, however it ends, with somebody who waits in another. */
static void test_robust_process(void)
{
	enum { KILL, EXIT, EXEC, LAST };
	struct robust *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int way = KILL; way < LAST; way++) {
		struct call c;
		int st;
		memset((void *)r, 0, sizeof(*r));
		pid_t pid = fork();
		if (pid == 0) {
			char *argv[] = { "futex", "nothing", NULL };
			set_list(r, 1);
			r->e[0].word = me() | FUTEX_WAITERS;
			r->e[1].word = me();
			r->e[2].word = 1;
			while (!(r->e[0].pad))
				usleep(100);
			if (way == KILL)
				raise(SIGKILL);
			if (way == EXEC)
				execv("/proc/self/exe", argv);
			_exit(0);
		}
		while (!r->e[2].word)
			usleep(100);
		uint32_t v = r->e[0].word;
		CALL(&c, SYS_futex, W(&r->e[0].word), FUTEX_WAIT, v, 0, 0, 0);
		r->e[0].pad = 1;
		CHECK(finish(&c) == 0);
		CHECK(r->e[0].word == (FUTEX_OWNER_DIED | FUTEX_WAITERS));
		CHECK(waitpid(pid, &st, 0) == pid);
		CHECK(r->e[1].word == FUTEX_OWNER_DIED && r->e[2].word == 1);
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	alarm(100);
	test_errors();
	test_bitset();
	test_requeue();
	test_wake_op();
	test_waitv();
	test_futex2();
	test_pi();
	test_pi_signal();
	test_requeue_pi();
	test_robust();
	test_robust_process();
	puts("ok");
	return 0;
}
