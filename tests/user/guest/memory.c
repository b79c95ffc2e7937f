/* The address space: mmap, brk, mremap, mprotect, code that changes. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

#define PAGE 4096ul

static char *map(void *at, size_t n, int prot, int flags)
{
	return mmap(at, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static sigjmp_buf env;

static void on_segv(int sig)
{
	siglongjmp(env, sig);
}

static int readable(volatile char *p)
{
	if (sigsetjmp(env, 1))
		return 0;
	(void)*p;
	return 1;
}

static int writable(volatile char *p)
{
	if (sigsetjmp(env, 1))
		return 0;
	*p = *p;
	return 1;
}

static void test_mmap(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	char *p = map(NULL, 8 * PAGE, rw, 0);
	CHECK(p != MAP_FAILED && p[0] == 0 && p[8 * PAGE - 1] == 0);
	p[3 * PAGE] = 7;
	/* a fixed mapping over the middle */
	CHECK(map(p + 2 * PAGE, 3 * PAGE, rw, MAP_FIXED) == p + 2 * PAGE);
	CHECK(p[3 * PAGE] == 0);
	CHECK(map(p + 2 * PAGE, PAGE, rw, MAP_FIXED_NOREPLACE) == MAP_FAILED &&
	    errno == EEXIST);
	CHECK(munmap(p + PAGE, 2 * PAGE) == 0);
	CHECK(
	    readable(p) && !readable(p + PAGE) && !readable(p + 3 * PAGE - 1));
	CHECK(readable(p + 3 * PAGE));
	CHECK(munmap(p + PAGE, 2 * PAGE) == 0); /* nothing there: fine */
	CHECK(map(p + PAGE, PAGE, rw, MAP_FIXED_NOREPLACE) == p + PAGE);
	CHECK(munmap(p, 8 * PAGE) == 0);
	/* a hint that is free is taken */
	char *q = map(p, PAGE, rw, 0);
	CHECK(q == p && munmap(q, PAGE) == 0);
	CHECK(map(NULL, 0, rw, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(map((void *)123, PAGE, rw, MAP_FIXED) == MAP_FAILED &&
	    errno == EINVAL);
	CHECK(map((void *)0x7ffffffff000, PAGE, rw, MAP_FIXED) == MAP_FAILED &&
	    errno == ENOMEM);
	CHECK(map(NULL, ~0ul - PAGE, rw, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(munmap((void *)1, PAGE) < 0 && errno == EINVAL);
	CHECK(mmap(NULL, PAGE, rw, MAP_PRIVATE, -1, 0) == MAP_FAILED &&
	    errno == EBADF);
}

static void test_file(void)
{
	char name[] = "/tmp/memXXXXXX", buf[4];
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK(ftruncate(fd, 3 * PAGE) == 0);
	CHECK(pwrite(fd, "one", 3, PAGE) == 3);
	char *s =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	char *c =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
	CHECK(s != MAP_FAILED && c != MAP_FAILED && !memcmp(c, "one", 3));
	c[0] = 'X';
	CHECK(s[0] == 'o');
	s[1] = 'Z';
	CHECK(msync(s, PAGE, MS_SYNC) == 0);
	CHECK(pread(fd, buf, 3, PAGE) == 3 && !memcmp(buf, "oZe", 3));
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 77) == MAP_FAILED &&
	    errno == EINVAL);
	munmap(s, PAGE);
	munmap(c, PAGE);
	close(fd);
	unlink(name);
}

static void test_mprotect(void)
{
	char *p = map(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, 0);
	CHECK(mprotect(p + PAGE, 2 * PAGE, PROT_READ) == 0);
	CHECK(writable(p) && !writable(p + PAGE) && readable(p + PAGE));
	CHECK(!writable(p + 2 * PAGE) && writable(p + 3 * PAGE));
	CHECK(mprotect(p, PAGE, PROT_NONE) == 0 && !readable(p));
	CHECK(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(writable(p) && writable(p + 2 * PAGE));
	munmap(p + PAGE, PAGE);
	CHECK(mprotect(p, 4 * PAGE, PROT_READ) < 0 && errno == ENOMEM);
	CHECK(mprotect(p + 1, PAGE, PROT_READ) < 0 && errno == EINVAL);
	CHECK(mprotect(p, 0, PROT_READ) == 0);
	munmap(p, 4 * PAGE);
}

static void test_mremap(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	char *p = map(NULL, 4 * PAGE, rw, 0);
	memset(p, 5, 4 * PAGE);
	char *q = mremap(p, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q[0] == 5 && q[4 * PAGE - 1] == 5);
	CHECK(q[4 * PAGE] == 0 && q[64 * PAGE - 1] == 0);
	if (q != p)
		CHECK(!readable(p));
	CHECK(mremap(q, 64 * PAGE, 2 * PAGE, 0) == q);
	CHECK(readable(q) && !readable(q + 2 * PAGE));
	char *r = map(NULL, 8 * PAGE, rw, 0);
	CHECK(mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		  r + 4 * PAGE) == r + 4 * PAGE);
	CHECK(!readable(q) && r[4 * PAGE] == 5 && r[6 * PAGE] == 0);
	CHECK(mremap(r + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL);
	munmap(r, 8 * PAGE);
	CHECK(mremap(r, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED &&
	    errno == EFAULT);
}

static void test_madvise(void)
{
	char *p = map(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, 0);
	p[0] = p[PAGE] = 1;
	CHECK(
	    madvise(p, PAGE, MADV_DONTNEED) == 0 && p[0] == 0 && p[PAGE] == 1);
	munmap(p + PAGE, PAGE);
	CHECK(madvise(p, 2 * PAGE, MADV_DONTNEED) < 0 && errno == ENOMEM);
	CHECK(madvise(p, PAGE, 9999) < 0 && errno == EINVAL);
	CHECK(mlock(p, PAGE) == 0 && munlock(p, PAGE) == 0);
	unsigned char vec[2];
	CHECK(mincore(p, PAGE, vec) == 0);
	CHECK(mincore(p, 2 * PAGE, vec) < 0 && errno == ENOMEM);
	munmap(p, PAGE);
}

/* Natively these need a process that has registered for nothing yet. */
static void test_membarrier(void)
{
	const int private = 8, reg = 16, core = 32, reg_core = 64;
	long all = syscall(SYS_membarrier, 0, 0, 0);
	if (all < 0 || !(all & private) || !(all & core))
		return;
	CHECK(syscall(SYS_membarrier, private, 0, 0) < 0 && errno == EPERM);
	CHECK(syscall(SYS_membarrier, reg, 0, 0) == 0);
	CHECK(syscall(SYS_membarrier, private, 0, 0) == 0);
	CHECK(syscall(SYS_membarrier, core, 0, 0) < 0 && errno == EPERM);
	CHECK(syscall(SYS_membarrier, reg_core, 0, 0) == 0);
	CHECK(syscall(SYS_membarrier, core, 0, 0) == 0);
	CHECK(syscall(SYS_membarrier, core, 1, 0) < 0 && errno == EINVAL);
	CHECK(syscall(SYS_membarrier, 3, 0, 0) < 0 && errno == EINVAL);
}

/* mremap's other forms, and a reservation that is larger than the host. */
static void test_large(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	char *p = map(NULL, 1ul << 40, PROT_NONE, MAP_NORESERVE);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p + (1ul << 39), PAGE, rw) == 0);
	p[1ul << 39] = 1;
	CHECK(!readable(p) && readable(p + (1ul << 39)));
	CHECK(munmap(p, 1ul << 40) == 0);

	p = map(NULL, 2 * PAGE, rw, 0);
	p[0] = 1;
	p[PAGE] = 2;
	char *q = mremap(
	    p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CHECK(q != MAP_FAILED && q != p && q[0] == 1 && q[PAGE] == 2);
	CHECK(p[0] == 0 && p[PAGE] == 0);
	CHECK(mremap(p, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
		  NULL) == MAP_FAILED &&
	    errno == EINVAL);
	/* a second view of shared memory */
	char *s = mmap(NULL, PAGE, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *v = mremap(s, 0, PAGE, MREMAP_MAYMOVE);
	CHECK(v != MAP_FAILED && v != s);
	s[7] = 7;
	CHECK(v[7] == 7);
	munmap(p, 2 * PAGE);
	munmap(q, 2 * PAGE);
	munmap(s, PAGE);
	munmap(v, PAGE);
}

/* Which error of two comes first. */
static void test_order(void)
{
	CHECK(mmap((void *)1, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, -1,
		  0) == MAP_FAILED &&
	    errno == EBADF);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED &&
	    errno == EBADF);
}

static void test_brk(void)
{
	char *b = sbrk(0);
	CHECK(sbrk(100) == b && sbrk(0) == b + 100);
	b[0] = b[99] = 1;
	CHECK(sbrk(10 * (long)PAGE) == b + 100);
	b[10 * PAGE] = 2;
	CHECK(brk(b) == 0 && sbrk(0) == b);
	CHECK(sbrk(11 * (long)PAGE) == b && b[10 * PAGE] == 0);
	CHECK(brk(b) == 0);
	CHECK(brk((void *)~0ul) < 0 && errno == ENOMEM);
	CHECK(sbrk(0) == b);
}

#if defined(__riscv)
/* a0 = value; ret */
static void put_code(uint32_t *p, unsigned value)
{
	p[0] = 0x00000513 | value << 20;
	p[1] = 0x00008067;
}

static void test_code(void)
{
	const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;
	uint32_t *p = (void *)map(NULL, 2 * PAGE, rwx, 0);
	int (*fn)(void) = (int (*)(void))(void *)p;
	for (unsigned i = 0; i < 200; i++) {
		put_code(p, i);
		__builtin___clear_cache((char *)p, (char *)(p + 2));
		CHECK(fn() == (int)i);
		put_code(p, i + 1);
		__asm__ volatile("fence.i" ::: "memory");
		CHECK(fn() == (int)i + 1);
	}
	/* write with one protection, run with the other */
	for (unsigned i = 0; i < 50; i++) {
		CHECK(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0);
		put_code(p, i + 300);
		CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
		CHECK(fn() == (int)i + 300);
	}
	/* no execution without X, none after munmap, new code after mmap */
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	if (sigsetjmp(env, 1) == 0) {
		fn();
		CHECK(!"ran");
	}
	munmap(p, PAGE);
	if (sigsetjmp(env, 1) == 0) {
		fn();
		CHECK(!"ran");
	}
	CHECK(map(p, PAGE, rwx, MAP_FIXED) == (char *)p);
	put_code(p, 77);
	CHECK(fn() == 77);
	CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0);
	put_code(p, 78);
	CHECK(fn() == 78);
	/* across fork: each has its own */
	pid_t pid = fork();
	if (pid == 0) {
		put_code(p, 79);
		__builtin___clear_cache((char *)p, (char *)(p + 2));
		_exit(fn());
	}
	int st;
	CHECK(waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == 79);
	CHECK(fn() == 78);
	munmap(p, 2 * PAGE);
}
#else
static void test_code(void)
{
}
#endif

/* --- mappings that grow -------------------------------------------------- */

/* n bytes of address space with nothing in them. */
static char *hole(size_t n)
{
	char *p = map(NULL, n, PROT_NONE, MAP_NORESERVE);
	CHECK(p != MAP_FAILED && munmap(p, n) == 0);
	return p;
}

/* Where /proc/self/maps says that the mapping of p starts, or NULL. */
static char *maps_start(char *p)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	char *start = NULL;
	CHECK(f);
	while (!start && fgets(line, sizeof(line), f)) {
		unsigned long lo, hi;
		CHECK(sscanf(line, "%lx-%lx", &lo, &hi) == 2);
		if ((unsigned long)p >= lo && (unsigned long)p < hi)
			start = (char *)lo;
	}
	fclose(f);
	return start;
}

#define FIX MAP_FIXED_NOREPLACE

static void test_grows(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	const size_t room = 8ul << 20, gap = 256 * PAGE;
	char *low = hole(room), *top = low + room - PAGE;
	int fds[2];
	CHECK(pipe(fds) == 0);
	CHECK(map(low, PAGE, rw, FIX) == low);
	CHECK(map(top, PAGE, rw, FIX | MAP_GROWSDOWN) == top);
	CHECK(maps_start(top) == top);
	top[0] = 1;
	top[-1] = 2; /* by the guest */
	CHECK(maps_start(top) == top - PAGE);
	CHECK(top[0] == 1 && top[-1] == 2 && top[-PAGE] == 0);
	CHECK(write(fds[1], "abc", 3) == 3);
	CHECK(read(fds[0], top - 100 * PAGE, 3) == 3); /* by a call */
	CHECK(!memcmp(top - 100 * PAGE, "abc", 3));
	CHECK(maps_start(top) == top - 100 * PAGE);
	/* what is asked about it is answered for all of it */
	unsigned char in[101];
	CHECK(mincore(top - 100 * PAGE, 101 * PAGE, in) == 0);
	CHECK(mincore(top - 101 * PAGE, PAGE, in) < 0 && errno == ENOMEM);
	CHECK(mprotect(top - 100 * PAGE, 101 * PAGE, rw) == 0);
	CHECK(madvise(top - 100 * PAGE, PAGE, MADV_DONTNEED) == 0);
	CHECK(top[-100 * (long)PAGE] == 0);
	/* not into the gap above what lies below */
	CHECK(writable(low) && !writable(low + PAGE));
	CHECK(!writable(low + gap) && writable(low + gap + PAGE));
	CHECK(maps_start(top) == low + gap + PAGE);
	/* a protection for all from the start on */
	CHECK(mprotect(top, PAGE, PROT_READ | PROT_GROWSDOWN) == 0);
	CHECK(readable(low + gap + PAGE) && !writable(low + gap + PAGE));
	CHECK(mprotect(low, PAGE, PROT_READ | PROT_GROWSDOWN) < 0);
	CHECK(errno == EINVAL);
	CHECK(mprotect(top, PAGE, rw | PROT_GROWSDOWN | PROT_GROWSUP) < 0);
	CHECK(errno == EINVAL);
	CHECK(mprotect(low + gap + PAGE, PAGE, rw) == 0);
	/* parts of it go, the rest grows on */
	CHECK(munmap(low + gap + PAGE, 1000 * PAGE) == 0);
	CHECK(munmap(low + PAGE, room - PAGE) == 0);
	CHECK(!readable(top) && !readable(top - 100 * PAGE));
	CHECK(maps_start(top) == NULL && readable(low));
	CHECK(map(low + PAGE, room - PAGE, rw, FIX) == low + PAGE);
	CHECK(munmap(low, room) == 0);
	CHECK(mmap(NULL, PAGE, rw, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN,
		  -1, 0) == MAP_FAILED &&
	    errno == EINVAL);
	close(fds[0]);
	close(fds[1]);
}

/* As far as the limit on stacks goes, and others are mapped over what grew. */
static void test_grows_limit(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	const size_t room = 8ul << 20;
	char *low = hole(room), *top = low + room - PAGE;
	struct rlimit old, r;
	CHECK(getrlimit(RLIMIT_STACK, &old) == 0);
	r = old;
	r.rlim_cur = 64 * PAGE;
	CHECK(setrlimit(RLIMIT_STACK, &r) == 0);
	CHECK(map(top, PAGE, rw, FIX | MAP_GROWSDOWN) == top);
	CHECK(!writable(top - 64 * PAGE) && writable(top - 63 * PAGE));
	CHECK(setrlimit(RLIMIT_STACK, &old) == 0);
	/* over the grown part, as over any memory */
	CHECK(map(top - 50 * PAGE, PAGE, PROT_READ, MAP_FIXED) ==
	    top - 50 * PAGE);
	CHECK(!writable(top - 50 * PAGE) && writable(top - 51 * PAGE));
	CHECK(map(top - 20 * PAGE, PAGE, rw, FIX) == MAP_FAILED);
	CHECK(errno == EEXIST);
	CHECK(munmap(low, room) == 0);
}

#ifdef __riscv
/* Code on a stack that has grown, and code that lets it grow. */
static void test_grows_code(void)
{
	const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;
	char *low = hole(8ul << 20), *top = low + (8ul << 20) - PAGE;
	int (*f)(void) = (int (*)(void))(uintptr_t)(top - 16);
	CHECK(map(top, PAGE, rwx, FIX | MAP_GROWSDOWN) == top);
	signal(SIGILL, on_segv);
	if (!sigsetjmp(env, 1)) /* zeros: not an instruction */
		((void (*)(void))(uintptr_t)(top - 2 * PAGE))();
	signal(SIGILL, SIG_DFL);
	CHECK(maps_start(top) == top - 2 * PAGE);
	put_code((uint32_t *)(top - 16), 41);
	__builtin___clear_cache(top - 16, top);
	CHECK(f() == 41);
	CHECK(munmap(low, 8ul << 20) == 0);
}
#else
static void test_grows_code(void)
{
}
#endif

/* --- where no program may be --------------------------------------------- */

static void no_exec(const char *dir)
{
	char name[64];
	snprintf(name, sizeof(name), "%s/code", dir);
	int fd = open(name, O_RDWR | O_CREAT, 0755);
	int wr = open(name, O_WRONLY), rd = open(name, O_RDONLY);
	CHECK(fd >= 0 && wr >= 0 && rd >= 0 && ftruncate(fd, 8192) == 0);
	const int rx = PROT_READ | PROT_EXEC;
	CHECK(mmap(NULL, PAGE, rx, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	CHECK(errno == EPERM);
	CHECK(mmap(NULL, PAGE, PROT_EXEC, MAP_SHARED, rd, 0) == MAP_FAILED);
	CHECK(errno == EPERM);
	/* who may not even read it hears that first */
	CHECK(mmap(NULL, PAGE, rx, MAP_PRIVATE, wr, 0) == MAP_FAILED);
	CHECK(errno == EACCES);
	CHECK(
	    mmap(NULL, PAGE, rx | PROT_WRITE, MAP_SHARED, rd, 0) == MAP_FAILED);
	CHECK(errno == EACCES);
	/* nor later, and what is before it is changed by then */
	char *p = hole(4 * PAGE);
	CHECK(map(p, PAGE, PROT_READ, FIX) == p);
	CHECK(mmap(p + PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | FIX, fd, 0) ==
	    p + PAGE);
	CHECK(mprotect(p + PAGE, PAGE, rx) < 0 && errno == EACCES);
	CHECK(mprotect(p, 3 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) < 0);
	CHECK(errno == EACCES);
	CHECK(writable(p) && !writable(p + PAGE));
	CHECK(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(mprotect(p + PAGE, PAGE, rx) < 0 && errno == EACCES);
	char *q = mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && mprotect(q, PAGE, rx) < 0 && errno == EACCES);
	CHECK(munmap(q, 2 * PAGE) == 0);
	_exit(0);
}

static int tell(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);
	int ok = fd >= 0 && write(fd, text, strlen(text)) > 0;
	close(fd);
	return ok;
}

/* Mounts of our own, which nobody else sees; 0: that cannot be. */
static int own_mounts(void)
{
	char uid[32], gid[32];
	snprintf(uid, sizeof(uid), "0 %u 1", getuid());
	snprintf(gid, sizeof(gid), "0 %u 1", getgid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	    tell("/proc/self/setgroups", "deny") &&
	    tell("/proc/self/uid_map", uid) && tell("/proc/self/gid_map", gid);
}

static void test_no_exec(void)
{
	int st;
	pid_t pid = fork();
	if (pid == 0) {
		char dir[] = "/tmp/memoryXXXXXX";
		CHECK(mkdtemp(dir));
		if (!own_mounts() ||
		    mount("none", dir, "tmpfs", MS_NOEXEC, NULL) < 0) {
			puts("SKIPPED: mounts");
			fflush(stdout);
			_exit(rmdir(dir));
		}
		pid = fork();
		if (pid == 0)
			no_exec(dir);
		CHECK(waitpid(pid, &st, 0) == pid);
		CHECK(umount2(dir, MNT_DETACH) == 0 && rmdir(dir) == 0);
		_exit(!WIFEXITED(st) || WEXITSTATUS(st));
	}
	CHECK(waitpid(pid, &st, 0) == pid);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 0);
}

int main(void)
{
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_segv;
	sigaction(SIGSEGV, &sa, NULL);
	test_mmap();
	test_file();
	test_mprotect();
	test_mremap();
	test_madvise();
	test_membarrier();
	test_large();
	test_order();
	test_brk();
	test_code();
	test_grows();
	test_grows_limit();
	test_grows_code();
	test_no_exec();
	puts("ok");
	return 0;
}
