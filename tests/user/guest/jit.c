/*
 * Code made while it runs: two views of it, and code that goes away; and jumps
 * to odd addresses, whose bit 0 does not count.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "check.h"

#define PAGE 4096ul
#define NTHREADS 500

/* --- many threads --- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int sum;

static void *add(void *arg)
{
	pthread_mutex_lock(&mutex);
	sum += (int)(intptr_t)arg;
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void test_many(void)
{
	static pthread_t th[NTHREADS];
	pthread_attr_t attr;
	void *got;

	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstacksize(&attr, 128 << 10) == 0);
	pthread_mutex_lock(&mutex); /* all live at the same time */
	for (intptr_t i = 0; i < NTHREADS; i++)
		CHECK(pthread_create(&th[i], &attr, add, (void *)i) == 0);
	pthread_mutex_unlock(&mutex);
	for (intptr_t i = 0; i < NTHREADS; i++)
		CHECK(pthread_join(th[i], &got) == 0 && (intptr_t)got == i);
	CHECK(sum == NTHREADS * (NTHREADS - 1) / 2);
}

#if defined(__riscv)
static sigjmp_buf env;

static void on_segv(int sig)
{
	siglongjmp(env, sig);
}

/* a0 = value; ret */
static void put_code(uint32_t *p, unsigned value)
{
	p[0] = 0x00000513 | value << 20;
	p[1] = 0x00008067;
}

static void test_two_views(void)
{
	int fd = memfd_create("jit", MFD_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, (long)PAGE) == 0);
	uint32_t *w =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	void *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	CHECK(w != MAP_FAILED && x != MAP_FAILED);
	int (*fn)(void) = (int (*)(void))x;
	for (unsigned i = 0; i < 300; i++) {
		put_code(w, i);
		__builtin___clear_cache((char *)x, (char *)x + 8);
		CHECK(fn() == (int)i);
	}
	munmap(w, PAGE);
	munmap(x, PAGE);
	close(fd);
}

static volatile int running;

/* Loops in code that is taken away. */
static void *spin(void *code)
{
	running = 1;
	if (sigsetjmp(env, 1) == 0)
		((void (*)(void))code)();
	return NULL;
}

static void test_taken_away(void)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_segv;
	sigaction(SIGSEGV, &sa, NULL);
	for (int i = 0; i < 20; i++) {
		pthread_t th;
		uint32_t *p =
		    mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		p[0] = 0x0000006f; /* j . */
		__builtin___clear_cache((char *)p, (char *)(p + 1));
		running = 0;
		CHECK(pthread_create(&th, NULL, spin, p) == 0);
		while (!running)
			;
		usleep(1000);
		if (i & 1)
			CHECK(munmap(p, PAGE) == 0);
		else
			CHECK(mprotect(p, PAGE, PROT_READ) == 0);
		CHECK(pthread_join(th, NULL) == 0);
	}
}
#else
static void test_two_views(void)
{
}

static void test_taken_away(void)
{
}
#endif

/* By each kind of indirect jump; the return is not the one that was called. */
__attribute__((noinline)) static long go_odd(void)
{
	long n, at;

	__asm__ volatile("li	%0, 0\n"
			 "	lla	%1, 1f\n"
			 "	addi	%1, %1, 1\n"
			 "	jr	%1\n"
			 "	addi	%0, %0, 100\n"
			 "1:	addi	%0, %0, 1\n"
			 "	lla	%1, 2f + 1\n"
			 "	jalr	ra, 0(%1)\n"
			 "	addi	%0, %0, 8\n"
			 "	j	3f\n"
			 "2:	addi	%0, %0, 2\n"
			 "	addi	ra, ra, 1\n"
			 "	ret\n"
			 "3:	lla	ra, 4f\n"
			 "	ori	ra, ra, 1\n"
			 "	ret\n"
			 "	addi	%0, %0, 200\n"
			 "4:	addi	%0, %0, 16\n"
			 : "=&r"(n), "=&r"(at)
			 :
			 : "ra", "memory");
	return n;
}

static void test_odd(void)
{
	for (int i = 0; i < 20000; i++)
		CHECK(go_odd() == 27);
}

int main(void)
{
	test_many();
	test_two_views();
	test_taken_away();
	test_odd();
	puts("ok");
	return 0;
}
