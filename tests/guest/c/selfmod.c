/*
 * selfmod.c - code that is written, run, rewritten and run again.
 *
 * Each kind of guest has its own encoding of "return n" below; the rest is
 * the same. After each change the code is flushed as the architecture asks.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

typedef int (*function)(void);

enum { PAGE = 4096, SLOT = 16 };

/* Write a function that returns n (0 <= n < 2048) to p. */
static void put_return(unsigned char *p, unsigned n)
{
#ifdef __riscv
	uint32_t code[2] = { 0x00000513 | n << 20, 0x00008067 };

	memcpy(p, code, 8);
#else
	p[0] = 0xb8;
	memcpy(p + 1, &n, 4);
	p[5] = 0xc3;
#endif
	__builtin___clear_cache((char *)p, (char *)p + SLOT);
}

static unsigned char *pages(int n, int prot)
{
	void *p = mmap(
	    NULL, (size_t)n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(p != MAP_FAILED);
	return p;
}

static int call(void *p)
{
	return ((function)(uintptr_t)p)();
}

static void in_place(void)
{
	unsigned char *p = pages(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	unsigned bad = 0;

	for (unsigned i = 0; i < 2000; i++) {
		put_return(p, i % 2048);
		bad += call(p) != (int)(i % 2048);
	}
	CHECK(bad == 0);
	/* Neighbours on the page keep working. */
	for (unsigned i = 0; i < PAGE / SLOT; i++)
		put_return(p + i * SLOT, i);
	for (unsigned i = 0; i < PAGE / SLOT; i += 3)
		put_return(p + i * SLOT, i + 1000);
	for (unsigned i = 0; i < PAGE / SLOT; i++)
		bad += call(p + i * SLOT) != (int)(i % 3 ? i : i + 1000);
	CHECK(bad == 0);
}

/* As careful code generators do: never writable and executable at once. */
static void by_turns(void)
{
	unsigned char *p = pages(1, PROT_READ | PROT_WRITE);
	unsigned bad = 0;

	for (unsigned i = 0; i < 100; i++) {
		NEED(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0);
		put_return(p, i);
		NEED(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
		bad += call(p) != (int)i;
	}
	CHECK(bad == 0);
}

/* The same memory mapped twice: written here, run there. */
static void by_alias(void)
{
	int fd = memfd_create("code", 0);
	unsigned char *w, *x;
	unsigned bad = 0;

	NEED(fd >= 0 && ftruncate(fd, PAGE) == 0);
	w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	NEED(w != MAP_FAILED && x != MAP_FAILED);
	for (unsigned i = 0; i < 100; i++) {
		put_return(w, i);
		__builtin___clear_cache((char *)x, (char *)x + SLOT);
		bad += call(x) != (int)i;
	}
	CHECK(bad == 0);
}

/* Code goes away and other code comes to the same address. */
static void replaced(void)
{
	unsigned char *p = pages(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	unsigned bad = 0;

	for (unsigned i = 0; i < 50; i++) {
		NEED(mmap(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
		put_return(p, i * 7);
		bad += call(p) != (int)(i * 7);
	}
	CHECK(bad == 0);
}

/* A caller that is hot and linked to its callee must see the change. */
static void linked(void)
{
	unsigned char *p = pages(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	long sum = 0;

	for (unsigned i = 0; i < 30; i++) {
		put_return(p, i);
		for (int k = 0; k < 500; k++)
			sum += call(p);
	}
	printf("sum %ld\n", sum);
}

static unsigned char *volatile shared_code;

static void *generator(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	unsigned char *p = shared_code + me * PAGE;
	uintptr_t bad = 0;

	for (unsigned i = 0; i < 300; i++) {
		put_return(p, (i * 3 + me) & 2047);
		bad += call(p) != (int)((i * 3 + me) & 2047);
	}
	return (void *)bad;
}

static void in_threads(void)
{
	pthread_t t[3];
	void *r;
	uintptr_t bad = 0;

	shared_code = pages(3, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (uintptr_t i = 0; i < 3; i++)
		NEED(!pthread_create(&t[i], NULL, generator, (void *)i));
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &r);
		bad += (uintptr_t)r;
	}
	CHECK(bad == 0);
}

int main(void)
{
	in_place();
	by_turns();
	by_alias();
	replaced();
	linked();
	in_threads();
	return 0;
}
