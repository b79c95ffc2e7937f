/* atomics.c - every atomic operation, alone and fought over by threads. */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 20000 };

static _Atomic uint64_t sum64, xor64, or64, and64 = ~0ull, cas64, min64, lock;
static _Atomic uint32_t sum32, swap32, cas32;
static _Atomic uint16_t sum16, cas16;
static _Atomic uint8_t sum8, bits8[8];
static uint64_t plain;
static _Atomic unsigned ready, message, broken;

static void *fight(void *arg)
{
	uint64_t me = (uint64_t)(uintptr_t)arg, taken = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t v64 = atomic_load(&cas64);
		uint32_t v32 =
		    atomic_load_explicit(&cas32, memory_order_relaxed);
		uint16_t v16 = atomic_load(&cas16);

		atomic_fetch_add(&sum64, me + i);
		atomic_fetch_sub_explicit(&sum32, 3, memory_order_relaxed);
		atomic_fetch_xor(&xor64, (uint64_t)i << me);
		atomic_fetch_or(&or64, 1ull << ((i + me) & 63));
		atomic_fetch_and(&and64, ~(1ull << (2 * (i & 15) + me)));
		atomic_fetch_add(&sum16, 1);
		atomic_fetch_add(&sum8, 1);
		atomic_fetch_xor(&bits8[me], 1);
		while (!atomic_compare_exchange_weak(&cas64, &v64, v64 * 3 + 1))
			;
		while (!atomic_compare_exchange_strong(&cas32, &v32, v32 + 7))
			;
		while (!atomic_compare_exchange_weak(&cas16, &v16, v16 + 5))
			;
		taken += atomic_exchange(&swap32, 1) == 0;
		if (i % 16 == 0) {
			while (atomic_exchange_explicit(
			    &lock, 1, memory_order_acquire))
				;
			plain++;
			atomic_store_explicit(&lock, 0, memory_order_release);
		}
	}
	return (void *)(uintptr_t)taken;
}

/* Message passing: the payload must be there when the flag is. */
static void *consume(void *arg)
{
	(void)arg;
	for (unsigned i = 1; i <= 5000; i++) {
		while (atomic_load_explicit(&ready, memory_order_acquire) != i)
			;
		if (atomic_load_explicit(&message, memory_order_relaxed) !=
		    i * 3)
			broken++;
		atomic_store_explicit(&ready, 0, memory_order_release);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	unsigned taken = 0;
	uint64_t want = 0, v;
	void *r;

	for (uintptr_t i = 0; i < THREADS; i++)
		NEED(!pthread_create(&t[i], NULL, fight, (void *)i));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &r);
		taken += (unsigned)(uintptr_t)r;
	}
	for (unsigned i = 0; i < THREADS * ROUNDS; i++)
		want = want * 3 + 1;
	printf("%llu %u %llx\n", (unsigned long long)sum64, sum32,
	    (unsigned long long)xor64);
	printf("%llx %llx %u %u\n", (unsigned long long)or64,
	    (unsigned long long)and64, sum16, sum8);
	CHECK(cas64 == want && cas32 == 7u * THREADS * ROUNDS);
	CHECK(cas16 == (uint16_t)(5 * THREADS * ROUNDS));
	CHECK(taken == 1 && plain == THREADS * ROUNDS / 16);

	v = 5;
	CHECK(!atomic_compare_exchange_strong(&min64, &v, 9) && v == 0);
	CHECK(atomic_compare_exchange_strong(&min64, &v, 9) && min64 == 9);

	NEED(!pthread_create(&t[0], NULL, consume, NULL));
	for (unsigned i = 1; i <= 5000; i++) {
		while (atomic_load_explicit(&ready, memory_order_acquire))
			;
		atomic_store_explicit(&message, i * 3, memory_order_relaxed);
		atomic_store_explicit(&ready, i, memory_order_release);
	}
	pthread_join(t[0], NULL);
	CHECK(broken == 0);
	return 0;
}
