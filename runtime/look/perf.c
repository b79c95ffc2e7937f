/*
 * perf.c - see perf.h.
 *
 * The map has no times: after a flush it starts anew and names what is there
 * now. The dump has them (CLOCK_MONOTONIC: perf record -k mono), so that
 * every sample finds its code.
 */
#include "runtime/look/perf.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFER ((size_t)64 << 10)

/* One file that is appended to. */
struct sink {
	char path[PATH_MAX];
	size_t used;
	char *buf; /* BUFFER bytes; NULL: not asked for */
};

struct perf_out {
	pid_t pid;
	struct sink map, dump;
	char dir[PATH_MAX - 64];
	void *marker; /* mapping of the dump, by which perf finds it */
	u64 index; /* of the next piece of code */
};

/* --- files --------------------------------------------------------------- */

static void append(const char *path, const char *p, size_t n)
{
	int fd = open(
	    path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	while (fd >= 0 && n) {
		ssize_t k = write(fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		p += k;
		n -= (size_t)k;
	}
	if (fd >= 0)
		close(fd);
}

static void sink_flush(struct sink *s)
{
	if (s->buf && s->used)
		append(s->path, s->buf, s->used);
	s->used = 0;
}

static void put(struct sink *s, const void *p, size_t n)
{
	if (s->used + n > BUFFER)
		sink_flush(s);
	if (n > BUFFER) {
		append(s->path, p, n);
		return;
	}
	memcpy(s->buf + s->used, p, n);
	s->used += n;
}

static void empty(const char *path)
{
	int fd = open(
	    path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd >= 0)
		close(fd);
}

static u64 ns(clockid_t c)
{
	struct timespec t;
	clock_gettime(c, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* When this process began, as a time of CLOCK_REALTIME; 0: not known. */
static u64 process_start(void)
{
	char text[1024], *p;
	unsigned long long ticks = 0;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[MAX(n, 0)] = '\0';
	p = strrchr(text, ')');
	for (int i = 0; p && i < 20; i++) /* to field 22 */
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, " %llu", &ticks) != 1)
		return 0;
	u64 since = ticks * (1000000000u / (u64)sysconf(_SC_CLK_TCK));
	return ns(CLOCK_REALTIME) - (ns(CLOCK_BOOTTIME) - since);
}

/*
 * A program that this process executed before has put its code's names there:
 * they stay. What an older process of the same number left goes.
 */
static void begin(const char *path)
{
	struct stat st;
	u64 start = process_start(), slack = 20000000;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && start &&
	    (u64)st.st_mtim.tv_sec * 1000000000u + (u64)st.st_mtim.tv_nsec +
		    slack >=
		start)
		return;
	empty(path);
}

/* --- the map ------------------------------------------------------------- */

static void map_begin(struct perf_out *o)
{
	if (!o->map.buf)
		return;
	snprintf(
	    o->map.path, sizeof(o->map.path), "/tmp/perf-%d.map", (int)o->pid);
	begin(o->map.path);
}

static void map_code(
    struct perf_out *o, const char *name, const u8 *code, size_t size)
{
	char line[1200];
	int n = snprintf(line, sizeof(line), "%llx %zx %.1100s\n",
	    (unsigned long long)(uintptr_t)code, size, name);
	put(&o->map, line, (size_t)n);
}

/* --- the dump ------------------------------------------------------------ */

#define DUMP_MAGIC 0x4a695444u
#define DUMP_VERSION 1u
enum { DUMP_LOAD = 0, DUMP_CLOSE = 3 };

struct dump_head {
	u32 magic, version, size, machine, pad, pid;
	u64 time, flags;
};

struct dump_record {
	u32 id, size;
	u64 time;
};

struct dump_load {
	struct dump_record record;
	u32 pid, tid;
	u64 vma, address, size, index;
};

static int dump_begin(struct perf_out *o)
{
	const struct dump_head h = {
		.magic = DUMP_MAGIC,
		.version = DUMP_VERSION,
		.size = sizeof(h),
		.machine = EM_X86_64,
		.pid = (u32)o->pid,
		.time = ns(CLOCK_MONOTONIC),
	};

	if (!o->dump.buf)
		return 0;
	if (o->marker)
		munmap(o->marker, HOST_PAGE);
	o->marker = NULL;
	snprintf(o->dump.path, sizeof(o->dump.path), "%s/jit-%d.dump", o->dir,
	    (int)o->pid);
	/* a program executed later has a file like the first's: perf reads
	   one for each process, the last one's */
	empty(o->dump.path);
	put(&o->dump, &h, sizeof(h));
	sink_flush(&o->dump);
	int fd = open(o->dump.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	void *p =
	    mmap(NULL, HOST_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	int err = p == MAP_FAILED ? -errno : 0;
	close(fd);
	if (!err)
		o->marker = p;
	return err;
}

static void dump_code(
    struct perf_out *o, const char *name, const u8 *code, size_t size)
{
	size_t n = strlen(name) + 1;
	struct dump_load l = {
		.record = { .id = DUMP_LOAD,
		    .size = (u32)(sizeof(l) + n + size),
		    .time = ns(CLOCK_MONOTONIC) },
		.pid = (u32)o->pid,
		.tid = (u32)gettid(),
		.vma = (u64)(uintptr_t)code,
		.address = (u64)(uintptr_t)code,
		.size = size,
		.index = o->index++,
	};

	/* one record after the other, but never part of one */
	if (o->dump.used + l.record.size > BUFFER)
		sink_flush(&o->dump);
	put(&o->dump, &l, sizeof(l));
	put(&o->dump, name, n);
	put(&o->dump, code, size);
}

static void dump_end(struct perf_out *o)
{
	const struct dump_record r = {
		.id = DUMP_CLOSE, .size = sizeof(r), .time = ns(CLOCK_MONOTONIC)
	};

	if (o->dump.buf)
		put(&o->dump, &r, sizeof(r));
}

/* --- both ---------------------------------------------------------------- */

void perf_flush(struct perf_out *o)
{
	sink_flush(&o->map);
	sink_flush(&o->dump);
}

void perf_code(
    struct perf_out *o, const char *name, const u8 *code, size_t size)
{
	if (o->map.buf)
		map_code(o, name, code, size);
	if (o->dump.buf)
		dump_code(o, name, code, size);
}

int perf_open(struct perf_out **out, bool map, const char *dump)
{
	struct perf_out *o = calloc(1, sizeof(*o));
	int err = o ? 0 : -ENOMEM;

	*out = o;
	if (err)
		return err;
	o->pid = getpid();
	if (map && !(o->map.buf = malloc(BUFFER)))
		err = -ENOMEM;
	if (dump && !(o->dump.buf = malloc(BUFFER)))
		err = -ENOMEM;
	if (dump &&
	    snprintf(o->dir, sizeof(o->dir), "%s", dump) >= (int)sizeof(o->dir))
		err = -ENAMETOOLONG;
	if (err)
		return err;
	map_begin(o);
	return dump_begin(o);
}

void perf_free(struct perf_out *o)
{
	if (!o)
		return;
	if (o->pid == getpid())
		dump_end(o);
	perf_flush(o);
	if (o->marker)
		munmap(o->marker, HOST_PAGE);
	free(o->map.buf);
	free(o->dump.buf);
	free(o);
}

void perf_restart(struct perf_out *o)
{
	o->map.used = 0;
	if (o->map.buf)
		empty(o->map.path);
}

void perf_forked(struct perf_out *o)
{
	o->pid = getpid();
	o->index = 0;
	o->map.used = o->dump.used = 0; /* the parent's */
	map_begin(o);
	dump_begin(o);
}
