/* RLIMIT_AS and RLIMIT_DATA: reported, applied, inherited. */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"

#define MIB (1ul << 20)

static const int rw = PROT_READ | PROT_WRITE;

static char *map(size_t n, int prot, int flags)
{
	return mmap(NULL, n, prot, MAP_ANONYMOUS | flags, -1, 0);
}

/* In a child, because hard limits stay. */
static void in_child(void (*test)(void))
{
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		test();
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &st, 0) == pid);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 0);
}

static void limit(int which, rlim_t n)
{
	struct rlimit l = { n, RLIM_INFINITY }, got;
	CHECK(setrlimit(which, &l) == 0);
	CHECK(getrlimit(which, &got) == 0);
	CHECK(got.rlim_cur == n && got.rlim_max == RLIM_INFINITY);
}

static void test_as(void)
{
	limit(RLIMIT_AS, 256 * MIB);
	CHECK(map(300 * MIB, PROT_NONE, MAP_PRIVATE) == MAP_FAILED &&
	    errno == ENOMEM);
	CHECK(map(300 * MIB, rw, MAP_SHARED) == MAP_FAILED && errno == ENOMEM);
	char *p = map(150 * MIB, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE);
	CHECK(p != MAP_FAILED);
	CHECK(map(150 * MIB, PROT_NONE, MAP_PRIVATE) == MAP_FAILED);
	/* what is replaced does not count */
	CHECK(mmap(p, 150 * MIB, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	CHECK(mremap(p, 150 * MIB, 300 * MIB, MREMAP_MAYMOVE) == MAP_FAILED &&
	    errno == ENOMEM);
	void *b = sbrk(0);
	CHECK(brk((char *)b + 150 * MIB) < 0 && errno == ENOMEM);
	CHECK(sbrk(0) == b && malloc(200 * MIB) == NULL);
	CHECK(munmap(p, 150 * MIB) == 0);
	p = map(150 * MIB, PROT_NONE, MAP_PRIVATE);
	CHECK(p != MAP_FAILED && munmap(p, 150 * MIB) == 0);
	limit(RLIMIT_AS, RLIM_INFINITY);
	CHECK(map(300 * MIB, PROT_NONE, MAP_PRIVATE) != MAP_FAILED);
}

static void test_data(void)
{
	limit(RLIMIT_DATA, 64 * MIB);
	CHECK(map(100 * MIB, rw, MAP_PRIVATE) == MAP_FAILED && errno == ENOMEM);
	CHECK(map(100 * MIB, rw, MAP_SHARED) != MAP_FAILED);
	char *p = map(100 * MIB, PROT_READ, MAP_PRIVATE);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, 100 * MIB, rw) < 0 && errno == ENOMEM);
	CHECK(mprotect(p, MIB, rw) == 0);
	void *b = sbrk(0);
	CHECK(brk((char *)b + 100 * MIB) < 0 && errno == ENOMEM);
	CHECK(brk((char *)b + MIB) == 0);
}

static void test_calls(void)
{
	struct rlimit l = { 2, 1 }, got;
	CHECK(setrlimit(RLIMIT_AS, &l) < 0 && errno == EINVAL);
	CHECK(setrlimit(RLIMIT_AS, (void *)1) < 0 && errno == EFAULT);
	l.rlim_cur = 900 * MIB;
	l.rlim_max = 1000 * MIB;
	CHECK(prlimit(getpid(), RLIMIT_DATA, &l, &got) == 0);
	CHECK(prlimit(0, RLIMIT_DATA, NULL, &got) == 0);
	CHECK(got.rlim_cur == l.rlim_cur && got.rlim_max == l.rlim_max);
	if (geteuid() == 0)
		CHECK(setresuid(1000, 1000, 1000) == 0);
	l.rlim_max++;
	CHECK(setrlimit(RLIMIT_DATA, &l) < 0 && errno == EPERM);
}

/* The executed program is this one, called with an argument. */
static void test_exec(void)
{
	limit(RLIMIT_AS, 256 * MIB);
	execl("/proc/self/exe", "limits", "child", (char *)NULL);
	CHECK(!"executed");
}

static void executed(void)
{
	struct rlimit got;
	CHECK(getrlimit(RLIMIT_AS, &got) == 0 && got.rlim_cur == 256 * MIB);
	CHECK(!getenv("METIC_LIMITS"));
	CHECK(map(300 * MIB, PROT_NONE, MAP_PRIVATE) == MAP_FAILED);
	CHECK(map(100 * MIB, PROT_NONE, MAP_PRIVATE) != MAP_FAILED);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		executed();
		return 0;
	}
	in_child(test_as);
	in_child(test_data);
	in_child(test_calls);
	in_child(test_exec);
	puts("ok");
	return 0;
}
