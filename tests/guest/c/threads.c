/* threads.c - creation, locks, conditions, thread-local data, cancellation. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"

enum { THREADS = 6, ROUNDS = 3000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem;
static unsigned shared, turn, onces, destroyed, cleaned;
static __thread unsigned local = 7;
static __thread char local_bytes[100];

static void init_once(void)
{
	onces++;
}

static void destroy(void *p)
{
	__atomic_add_fetch(&destroyed, (uintptr_t)p ? 1 : 0, __ATOMIC_RELAXED);
}

static void *worker(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	pthread_once(&once, init_once);
	pthread_setspecific(key, arg);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		shared++;
		pthread_mutex_unlock(&lock);
		local += (unsigned)me;
		local_bytes[i % 100] = (char)me;
	}
	CHECK((uintptr_t)pthread_getspecific(key) == me);
	sem_post(&sem);
	for (int i = 0; i < 100; i++)
		if (local_bytes[i] != (char)me)
			puts("BAD thread-local data");
	return (void *)(uintptr_t)local;
}

/* Threads take turns strictly: lost wake-ups would hang. */
static void *taking_turns(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;

	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		while (turn % THREADS != me)
			pthread_cond_wait(&turn_changed, &lock);
		turn++;
		pthread_cond_broadcast(&turn_changed);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void clean(void *arg)
{
	*(unsigned *)arg += 1;
}

static void *endless(void *arg)
{
	pthread_cleanup_push(clean, &cleaned);
	sem_post(arg);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static pthread_t signalled;

static void note_thread(int sig)
{
	(void)sig;
	signalled = pthread_self();
}

static void *reader(void *arg)
{
	unsigned sum = 0;

	for (int i = 0; i < 500; i++) {
		if (i % 10 == 0) {
			pthread_rwlock_wrlock(&rw);
			*(unsigned *)arg += 1;
		} else {
			pthread_rwlock_rdlock(&rw);
			sum += *(unsigned *)arg;
		}
		pthread_rwlock_unlock(&rw);
	}
	return (void *)(uintptr_t)(sum != 0);
}

static void *quick(void *arg)
{
	return arg;
}

static void start(pthread_t *t, void *(*fn)(void *), uintptr_t arg)
{
	NEED(pthread_create(t, NULL, fn, (void *)arg) == 0);
}

int main(void)
{
	pthread_t t[THREADS];
	unsigned guarded = 0;
	void *r;

	setbuf(stdout, NULL);
	pthread_key_create(&key, destroy);
	pthread_barrier_init(&barrier, NULL, THREADS);
	sem_init(&sem, 0, 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		start(&t[i], worker, i + 1);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&sem);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], &r);
		CHECK((uintptr_t)r == 7 + ROUNDS * (i + 1));
	}
	CHECK(shared == THREADS * ROUNDS && onces == 1);
	CHECK(destroyed == THREADS && local == 7);

	for (uintptr_t i = 0; i < THREADS; i++)
		start(&t[i], taking_turns, i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	CHECK(turn == THREADS * 100);

	for (int i = 0; i < THREADS; i++)
		start(&t[i], reader, (uintptr_t)&guarded);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], &r);
	CHECK(guarded == THREADS * 50 && r != NULL);

	signal(SIGUSR1, note_thread);
	start(&t[0], endless, (uintptr_t)&sem);
	sem_wait(&sem);
	pthread_kill(t[0], SIGUSR1);
	while (!__atomic_load_n(&signalled, __ATOMIC_SEQ_CST))
		sched_yield();
	CHECK(pthread_equal(signalled, t[0]));
	pthread_cancel(t[0]);
	pthread_join(t[0], &r);
	CHECK(r == PTHREAD_CANCELED && cleaned == 1);

	for (uintptr_t i = 0; i < 300; i++) {
		start(&t[0], quick, i);
		pthread_join(t[0], &r);
		if ((uintptr_t)r != i)
			puts("BAD result of a short thread");
	}
	return 0;
}
