/* Code written through /proc/self/mem, and the files of /proc/self/task. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "check.h"

typedef int fn(void);

/* A function that returns n, as bytes. */
struct code {
	unsigned char b[8];
};

static struct code returns(unsigned n)
{
	struct code c;
#if defined(__riscv)
	unsigned w[2] = { n << 20 | 0x513, 0x8067 }; /* li a0, n; ret */
	memcpy(c.b, w, 8);
#else
	unsigned char x[8] = { 0xb8, n & 255, n >> 8, 0, 0, 0xc3 };
	memcpy(c.b, x, 8);
#endif
	return c;
}

static unsigned char *code;
static int mem;

static void way_write(struct code c)
{
	CHECK(lseek(mem, (off_t)code, SEEK_SET) == (off_t)code);
	CHECK(write(mem, c.b, 8) == 8);
	CHECK(lseek(mem, 0, SEEK_CUR) == (off_t)code + 8);
}

static void way_writev(struct code c)
{
	struct iovec v[2] = { { c.b, 3 }, { c.b + 3, 5 } };
	CHECK(lseek(mem, (off_t)code, SEEK_SET) == (off_t)code);
	CHECK(writev(mem, v, 2) == 8);
}

static void way_pwrite(struct code c)
{
	CHECK(pwrite(mem, c.b, 8, (off_t)code) == 8);
}

static void way_pwritev(struct code c)
{
	struct iovec v[2] = { { c.b, 5 }, { c.b + 5, 3 } };
	CHECK(pwritev(mem, v, 2, (off_t)code) == 8);
}

static void way_pwritev2(struct code c)
{
	struct iovec v = { c.b, 8 };
	CHECK(pwritev2(mem, &v, 1, (off_t)code, 0) == 8);
}

static void way_vm(struct code c)
{
	struct iovec here = { c.b, 8 };
	struct iovec there[2] = { { code, 4 }, { code + 4, 4 } };
	CHECK(process_vm_writev(getpid(), &here, 1, there, 2, 0) == 8);
}

static void test_ways(const char *path, int writable)
{
	static void (*const ways[])(struct code) = { way_write, way_writev,
		way_pwrite, way_pwritev, way_pwritev2, way_vm };
	unsigned char back[8];
	unsigned n = 0;

	mem = open(path, O_RDWR | O_CLOEXEC);
	CHECK(mem >= 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5 + writable; i++) {
			ways[i](returns(++n));
			for (int k = 0; k < 3; k++)
				CHECK(((fn *)code)() == (int)n);
			CHECK(pread(mem, back, 8, (off_t)code) == 8);
			CHECK(!memcmp(back, code, 8));
		}
	}
	CHECK(pread(mem, back, 8, 0) == -1 && errno == EIO);
	CHECK(pwrite(mem, back, 8, 0) == -1 && errno == EIO);
	CHECK(close(mem) == 0);
}

static volatile int seen, stop;

static void *call_on(void *arg)
{
	while (!stop)
		seen = ((fn *)arg)();
	return NULL;
}

/* A thread that runs the code all the time gets the new one. */
static void test_thread(void)
{
	pthread_t th;

	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	way_pwrite(returns(100));
	CHECK(pthread_create(&th, NULL, call_on, code) == 0);
	for (unsigned n = 100; n < 130; n++) {
		way_pwrite(returns(n));
		for (int i = 0; seen != (int)n; i++) {
			CHECK(i < 20000);
			usleep(500);
		}
	}
	stop = 1;
	CHECK(pthread_join(th, NULL) == 0);
	close(mem);
}

/* --- threads in /proc ----------------------------------------------------- */

#define NTHREADS 3
static pid_t tids[NTHREADS + 1];
static pthread_barrier_t here;

static void *named(void *arg)
{
	char name[16];
	int i = (int)(long)arg;

	snprintf(name, sizeof(name), "thread %d", i);
	CHECK(pthread_setname_np(pthread_self(), name) == 0);
	tids[i] = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&here);
	pthread_barrier_wait(&here);
	return NULL;
}

static void read_file(pid_t tid, const char *file, char *buf, size_t n)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", (int)tid, file);
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	ssize_t k = read(fd, buf, n - 1);
	CHECK(k > 0 && close(fd) == 0);
	buf[k] = 0;
}

static void check_thread(pid_t tid, const char *name)
{
	static char buf[1 << 16];
	char want[64];

	read_file(tid, "comm", buf, sizeof(buf));
	snprintf(want, sizeof(want), "%s\n", name);
	CHECK(!strcmp(buf, want));
	read_file(tid, "stat", buf, sizeof(buf));
	snprintf(want, sizeof(want), "%d (%s)", (int)tid, name);
	CHECK(!strncmp(buf, want, strlen(want)));
	read_file(tid, "status", buf, sizeof(buf));
	snprintf(want, sizeof(want), "Name:\t%s\n", name);
	CHECK(!strncmp(buf, want, strlen(want)));
	snprintf(want, sizeof(want), "\nPid:\t%d\n", (int)tid);
	CHECK(strstr(buf, want));
	snprintf(want, sizeof(want), "\nTgid:\t%d\n", (int)getpid());
	CHECK(strstr(buf, want));
	snprintf(want, sizeof(want), "\nThreads:\t%d\n", NTHREADS + 1);
	CHECK(strstr(buf, want));
	read_file(tid, "maps", buf, sizeof(buf));
	CHECK(strstr(buf, "selfmem") && !strstr(buf, "/metic"));
	read_file(tid, "cmdline", buf, sizeof(buf));
	CHECK(strstr(buf, "selfmem"));
}

static void test_tasks(void)
{
	pthread_t th[NTHREADS + 1];
	char name[16];
	int n = 0;

	CHECK(pthread_barrier_init(&here, NULL, NTHREADS + 1) == 0);
	tids[0] = getpid();
	for (long i = 1; i <= NTHREADS; i++)
		CHECK(pthread_create(&th[i], NULL, named, (void *)i) == 0);
	pthread_barrier_wait(&here);
	DIR *d = opendir("/proc/self/task");
	CHECK(d);
	for (struct dirent *e; (e = readdir(d));) {
		pid_t tid = atoi(e->d_name);
		int i = 0;
		if (!tid)
			continue;
		while (i <= NTHREADS && tids[i] != tid)
			i++;
		CHECK(i <= NTHREADS);
		n++;
		snprintf(name, sizeof(name), i ? "thread %d" : "selfmem", i);
		check_thread(tid, name);
	}
	closedir(d);
	CHECK(n == NTHREADS + 1);
	pthread_barrier_wait(&here);
	for (int i = 1; i <= NTHREADS; i++)
		CHECK(pthread_join(th[i], NULL) == 0);
}

int main(void)
{
	char path[64];

	CHECK(pthread_setname_np(pthread_self(), "selfmem") == 0);
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(code != MAP_FAILED);
	test_ways("/proc/self/mem", 1);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", (int)getpid(),
	    (int)getpid());
	test_ways(path, 1);
	CHECK(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
	test_ways("/proc/thread-self/mem", 0);
	test_thread();
	test_tasks();
	puts("ok");
	return 0;
}
