/* memory.c - mmap and friends, as programs and allocators use them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096 };

static sigjmp_buf out;

static void handler(int sig)
{
	siglongjmp(out, sig);
}

/* 'r' readable, 'w' writable, '-' neither. */
static char state(volatile char *p)
{
	char c;

	if (sigsetjmp(out, 1))
		return '-';
	c = *p;
	if (sigsetjmp(out, 1))
		return 'r';
	*p = c;
	return 'w';
}

static void show(const char *what, char *p, int pages)
{
	printf("%-10s ", what);
	for (int i = 0; i < pages; i++)
		putchar(state(p + i * PAGE + 100));
	putchar('\n');
}

static char *anywhere(size_t n, int prot)
{
	char *p = mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(p != MAP_FAILED);
	return p;
}

static void protections(void)
{
	char *p = anywhere(8 * PAGE, PROT_READ | PROT_WRITE);

	show("fresh", p, 8);
	NEED(mprotect(p + PAGE, 3 * PAGE, PROT_READ) == 0);
	show("read", p, 8);
	NEED(mprotect(p + 2 * PAGE, PAGE, PROT_NONE) == 0);
	show("none", p, 8);
	NEED(munmap(p + 5 * PAGE, PAGE) == 0);
	show("hole", p, 8);
	CHECK(mmap(p + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		  0) == p + 5 * PAGE);
	show("filled", p, 8);
	CHECK(mmap(p, PAGE, PROT_READ,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		  0) == MAP_FAILED &&
	    errno == EEXIST);
	CHECK(mprotect(p + 1, PAGE, PROT_READ) == -1 && errno == EINVAL);
	NEED(munmap(p, 8 * PAGE) == 0);
	show("gone", p, 8);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED &&
	    errno == EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED &&
	    errno == EBADF);
}

static void files(void)
{
	char name[] = "/tmp/metic-memory-XXXXXX", buf[8] = { 0 };
	int fd = mkstemp(name);
	char *shared, *private;

	NEED(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0);
	NEED(pwrite(fd, "abcdef", 6, PAGE) == 6);
	shared =
	    mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
	NEED(shared != MAP_FAILED && private != MAP_FAILED);
	CHECK(
	    !memcmp(shared + PAGE, "abcdef", 6) && !memcmp(private, "abc", 3));
	shared[PAGE + 1] = 'X';
	private[2] = 'Y';
	NEED(msync(shared, 2 * PAGE, MS_SYNC) == 0);
	NEED(pread(fd, buf, 6, PAGE) == 6);
	CHECK(!memcmp(buf, "aXcdef", 6));
	CHECK(private[2] == 'Y' && shared[PAGE + 2] == 'c');
	close(fd);
	unlink(name);
	CHECK(shared[PAGE + 3] == 'd');
	munmap(shared, 2 * PAGE);
	munmap(private, PAGE);
}

static void moving(void)
{
	char *p = anywhere(4 * PAGE, PROT_READ | PROT_WRITE), *q;

	for (int i = 0; i < 4; i++)
		p[i * PAGE] = (char)('a' + i);
	q = mremap(p, 4 * PAGE, 100 * PAGE, MREMAP_MAYMOVE);
	NEED(q != MAP_FAILED);
	CHECK(q[0] == 'a' && q[3 * PAGE] == 'd' && q[99 * PAGE] == 0);
	CHECK(mremap(q, 100 * PAGE, 2 * PAGE, 0) == q && q[PAGE] == 'b');
	show("shrunk", q, 3);
	p = anywhere(2 * PAGE, PROT_READ);
	CHECK(mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) ==
	    p);
	CHECK(p[PAGE] == 'b');
	show("moved", p, 2);
	NEED(madvise(p, 2 * PAGE, MADV_DONTNEED) == 0);
	CHECK(p[0] == 0 && p[PAGE] == 0);
}

static void the_break(void)
{
	char *start = sbrk(0);

	CHECK(sbrk(10 * PAGE) == start);
	memset(start, 7, 10 * PAGE);
	CHECK(sbrk(-5 * PAGE) == start + 10 * PAGE);
	CHECK(sbrk(5 * PAGE) == start + 5 * PAGE);
	CHECK(start[5 * PAGE] == 0 && start[4 * PAGE] == 7);
}

static void between_processes(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0600);
	volatile int *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *p = anywhere(PAGE, PROT_READ | PROT_WRITE);
	int *sysv;

	NEED(id >= 0);
	sysv = shmat(id, NULL, 0);
	NEED(sysv != (void *)-1);
	shmctl(id, IPC_RMID, NULL);
	if (fork() == 0) {
		*a = 5;
		*sysv = 6;
		*p = 7;
		_exit(0);
	}
	wait(NULL);
	CHECK(*a == 5 && *sysv == 6 && *p == 0);
	CHECK(shmdt(sysv) == 0);
}

/* Many mappings, in and out, with a check of what stays. */
static void churn(void)
{
	enum { N = 64 };
	static struct {
		unsigned char *p;
		size_t n;
	} m[N];
	uint64_t x = 42;
	unsigned bad = 0;

	for (int i = 0; i < 4000; i++) {
		uint64_t r = next_random(&x);
		unsigned k = r % N;

		if (m[k].p) {
			bad += m[k].p[0] != k || m[k].p[m[k].n - 1] != k;
			munmap(m[k].p, m[k].n);
		}
		m[k].n = (r >> 8) % (30 * PAGE) + 1;
		m[k].p =
		    (unsigned char *)anywhere(m[k].n, PROT_READ | PROT_WRITE);
		bad += m[k].p[0] != 0;
		m[k].p[m[k].n - 1] = m[k].p[0] = (unsigned char)k;
	}
	CHECK(bad == 0);
}

int main(void)
{
	signal(SIGSEGV, handler);
	signal(SIGBUS, handler);
	protections();
	files();
	moving();
	the_break();
	between_processes();
	churn();
	return 0;
}
