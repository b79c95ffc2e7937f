/*
 * Memory order and atomics between threads. The litmus tests let two or four
 * threads run over arrays, element by element; what the memory model forbids
 * must not be seen at any index. LR/SC is also used the way hardware allows
 * and compare-and-swap does not: reading memory between the two.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "check.h"

#define N 20000
#define ROUNDS 6

static volatile int X[N], Y[N];
static int r0[N], r1[N], r2[N], r3[N];
static pthread_barrier_t barrier;

#if defined(__riscv)
#define FENCE(p, s) __asm__ volatile("fence " #p "," #s ::: "memory")
static inline void swap_aqrl(volatile int *p, int v)
{
	__asm__ volatile("amoswap.w.aqrl zero, %1, (%0)" ::"r"(p), "r"(v)
			 : "memory");
}
static inline int lr_aqrl(volatile int *p)
{
	int v;
	__asm__ volatile("lr.w.aqrl %0, (%1)" : "=r"(v) : "r"(p) : "memory");
	return v;
}
static inline int load_aq(volatile int *p)
{
	int v = *p;
	FENCE(r, rw);
	return v;
}
static inline void store_rl(volatile int *p, int v)
{
	FENCE(rw, w);
	*p = v;
}
#else
#define FENCE(p, s) atomic_thread_fence(memory_order_seq_cst)
#define swap_aqrl(p, v) (void)__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define lr_aqrl(p) (FENCE(rw, rw), *(p))
#define load_aq(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_rl(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#endif

/* body(thread, index) for four threads of which `n` take part. */
typedef void (*litmus)(int, int);
static litmus body;

static void *runner(void *arg)
{
	int who = (int)(long)arg;
	litmus f = body;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < N; i++)
		f(who, i);
	return NULL;
}

static void run(litmus f, int n)
{
	pthread_t th[4];
	body = f;
	memset((void *)X, 0, sizeof(X));
	memset((void *)Y, 0, sizeof(Y));
	pthread_barrier_init(&barrier, NULL, (unsigned)n);
	for (long i = 0; i < n; i++)
		CHECK(pthread_create(&th[i], NULL, runner, (void *)i) == 0);
	for (int i = 0; i < n; i++)
		CHECK(pthread_join(th[i], NULL) == 0);
	pthread_barrier_destroy(&barrier);
}

static void sb_fence(int who, int i)
{
	volatile int *mine = who ? Y : X, *other = who ? X : Y;
	mine[i] = 1;
	FENCE(rw, rw);
	(who ? r1 : r0)[i] = other[i];
}

static void sb_swap(int who, int i)
{
	volatile int *mine = who ? Y : X, *other = who ? X : Y;
	swap_aqrl(&mine[i], 1);
	(who ? r1 : r0)[i] = other[i];
}

static void sb_lr(int who, int i)
{
	volatile int *mine = who ? Y : X, *other = who ? X : Y;
	mine[i] = 1;
	(who ? r1 : r0)[i] = lr_aqrl(&other[i]);
}

/* Fences beside fences and beside what orders as much: one must remain. */
static void sb_fences(int who, int i)
{
	volatile int *mine = who ? Y : X, *other = who ? X : Y;
	FENCE(rw, rw);
	mine[i] = 1;
	FENCE(rw, rw);
	FENCE(rw, rw);
	(who ? r1 : r0)[i] = other[i];
}

static void sb_fence_swap(int who, int i)
{
	volatile int *mine = who ? Y : X, *other = who ? X : Y;
	volatile int own;
	mine[i] = 1;
	FENCE(rw, rw);
	swap_aqrl(&own, i);
	(who ? r1 : r0)[i] = other[i];
}

static void sb_swap_fence(int who, int i)
{
	volatile int *mine = who ? Y : X, *other = who ? X : Y;
	volatile int own;
	mine[i] = 1;
	swap_aqrl(&own, i);
	FENCE(rw, rw);
	(who ? r1 : r0)[i] = other[i];
}

static void mp(int who, int i)
{
	if (who == 0) {
		X[i] = 1;
		store_rl(&Y[i], 1);
	} else {
		r0[i] = load_aq(&Y[i]);
		r1[i] = X[i];
	}
}

static void lb(int who, int i)
{
	volatile int *mine = who ? Y : X, *other = who ? X : Y;
	(who ? r1 : r0)[i] = other[i];
	FENCE(rw, rw);
	mine[i] = 1;
}

static void iriw(int who, int i)
{
	switch (who) {
	case 0: X[i] = 1; break;
	case 1: Y[i] = 1; break;
	case 2:
		r0[i] = X[i];
		FENCE(rw, rw);
		r1[i] = Y[i];
		break;
	default:
		r2[i] = Y[i];
		FENCE(rw, rw);
		r3[i] = X[i];
	}
}

static void test_litmus(void)
{
	static const litmus sb[] = { sb_fence, sb_swap, sb_lr, sb_fences,
		sb_fence_swap, sb_swap_fence };
	for (int k = 0; k < ROUNDS; k++) {
		for (size_t f = 0; f < sizeof(sb) / sizeof(sb[0]); f++) {
			run(sb[f], 2);
			for (int i = 0; i < N; i++)
				CHECK(r0[i] || r1[i]);
		}
		run(mp, 2);
		for (int i = 0; i < N; i++)
			CHECK(!r0[i] || r1[i]);
		run(lb, 2);
		for (int i = 0; i < N; i++)
			CHECK(!r0[i] || !r1[i]);
		run(iriw, 4);
		for (int i = 0; i < N; i++)
			CHECK(!(r0[i] && !r1[i] && r2[i] && !r3[i]));
	}
}

/* --- read-modify-write --- */

#define T 4
#define OPS 20000

static struct {
	int guard1, sum32, guard2;
	int or32, and32, xor32;
	long sum64, max64, min64, swap64;
	unsigned umax32;
	int half[2]; /* two words of one doubleword */
	long cas64;
} m;

static void *modify(void *arg)
{
	long who = (long)arg, got = who + 1;
	for (long i = 0; i < OPS; i++) {
		__atomic_fetch_add(&m.sum32, 3, __ATOMIC_RELAXED);
		__atomic_fetch_add(&m.sum64, i, __ATOMIC_ACQ_REL);
		__atomic_fetch_or(&m.or32, 1 << who, __ATOMIC_RELAXED);
		__atomic_fetch_and(&m.and32, ~(1 << who), __ATOMIC_RELEASE);
		__atomic_fetch_xor(&m.xor32, 1 << who, __ATOMIC_ACQUIRE);
		got = __atomic_exchange_n(&m.swap64, got, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&m.half[who & 1], 1, __ATOMIC_SEQ_CST);
		long old = m.cas64;
		while (!__atomic_compare_exchange_n(&m.cas64, &old, old + 2, 1,
		    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			;
		int h = m.half[0];
		while (!__atomic_compare_exchange_n(&m.half[0], &h, h + 1, 0,
		    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			;
#if defined(__riscv)
		long v = who * OPS + i;
		__asm__ volatile("amomax.d zero, %0, (%1)\n"
				 "amomin.d zero, %2, (%3)\n"
				 "amomaxu.w zero, %0, (%4)" ::"r"(v),
				 "r"(&m.max64), "r"(-v), "r"(&m.min64),
				 "r"(&m.umax32)
				 : "memory");
#endif
	}
	return (void *)got;
}

static void test_modify(void)
{
	pthread_t th[T];
	long left = 0;
	memset(&m, 0, sizeof(m));
	m.and32 = -1;
	for (long i = 0; i < T; i++)
		CHECK(pthread_create(&th[i], NULL, modify, (void *)i) == 0);
	for (int i = 0; i < T; i++) {
		void *r;
		CHECK(pthread_join(th[i], &r) == 0);
		left += (long)r;
	}
	CHECK(m.guard1 == 0 && m.guard2 == 0 && m.sum32 == T * OPS * 3);
	CHECK(m.sum64 == (long)T * OPS * (OPS - 1) / 2);
	CHECK(m.or32 == 15 && m.and32 == ~15 && m.xor32 == 0);
	CHECK(left + m.swap64 == 1 + 2 + 3 + 4);
	CHECK(m.half[0] == T / 2 * OPS + T * OPS && m.half[1] == T / 2 * OPS);
	CHECK(m.cas64 == 2L * T * OPS);
#if defined(__riscv)
	CHECK(m.max64 == T * OPS - 1 && m.min64 == -(T * OPS - 1));
	CHECK(m.umax32 == T * OPS - 1);
#endif
}

/* --- a stack that relies on the reservation --- */

#if defined(__riscv)
struct node {
	struct node *next;
	atomic_int owned;
};

static struct node nodes[3];
static struct node *volatile head;

static struct node *pop(void)
{
	struct node *n, *next;
	long fail;
	__asm__ volatile("1:	lr.d.aqrl %0, (%3)\n"
			 "	beqz %0, 2f\n"
			 "	ld %1, 0(%0)\n"
			 "	sc.d.rl %2, %1, (%3)\n"
			 "	bnez %2, 1b\n"
			 "2:"
			 : "=&r"(n), "=&r"(next), "=&r"(fail)
			 : "r"(&head)
			 : "memory");
	return n;
}

static void push(struct node *n)
{
	struct node *old;
	long fail;
	__asm__ volatile("1:	lr.d.aqrl %0, (%3)\n"
			 "	sd %0, 0(%2)\n"
			 "	sc.d.rl %1, %2, (%3)\n"
			 "	bnez %1, 1b\n"
			 : "=&r"(old), "=&r"(fail)
			 : "r"(n), "r"(&head)
			 : "memory");
}

static atomic_int stop;

/* A node that two threads have at the same time: ABA. */
static void *stack_user(void *arg)
{
	long done = 0, limit = (long)arg;
	while (done < limit && !stop) {
		struct node *a = pop(), *b = pop();
		if (a)
			CHECK(atomic_exchange(&a->owned, 1) == 0);
		if (b)
			CHECK(atomic_exchange(&b->owned, 1) == 0);
		done++;
		if (a) {
			atomic_store(&a->owned, 0);
			push(a);
		}
		if (b) {
			atomic_store(&b->owned, 0);
			push(b);
		}
	}
	return NULL;
}

static volatile int go, gone;

/* Takes the head away and puts it back. */
static void *swap_twice(void *arg)
{
	struct node *was;
	while (!go)
		sched_yield();
	was = (struct node *)__atomic_exchange_n(
	    (long *)&head, (long)&nodes[1], __ATOMIC_SEQ_CST);
	__atomic_store_n((long *)&head, (long)was, __ATOMIC_SEQ_CST);
	gone = 1;
	return arg;
}

/* The same value is not the same reservation. */
static void test_aba(void)
{
	for (int i = 0; i < 5; i++) {
		pthread_t th;
		long fail;
		go = gone = 0;
		head = &nodes[0];
		CHECK(pthread_create(&th, NULL, swap_twice, NULL) == 0);
		__asm__ volatile("	li t1, 1\n"
				 "	lr.d t0, (%1)\n"
				 "	sw t1, 0(%2)\n"
				 "1:	lw t1, 0(%3)\n"
				 "	beqz t1, 1b\n"
				 "	sc.d %0, zero, (%1)\n"
				 : "=&r"(fail)
				 : "r"(&head), "r"(&go), "r"(&gone)
				 : "t0", "t1", "memory");
		CHECK(fail && head == &nodes[0]);
		CHECK(pthread_join(th, NULL) == 0);
	}
	head = NULL;
}

static void test_stack(long limit)
{
	pthread_t th[T];
	int n = 0;
	test_aba();
	for (int i = 0; i < 3; i++)
		push(&nodes[i]);
	for (int i = 0; i < T; i++)
		CHECK(pthread_create(&th[i], NULL, stack_user, (void *)limit) ==
		    0);
	for (int i = 0; i < T; i++)
		CHECK(pthread_join(th[i], NULL) == 0);
	while (pop())
		n++;
	CHECK(n == 3);
}
#else
static void test_stack(long limit)
{
	(void)limit;
}
#endif

int main(int argc, char **argv)
{
	test_litmus();
	test_modify();
	test_stack(argc > 1 ? atol(argv[1]) : 300);
	puts("ok");
	return 0;
}
