/*
 * proc.c - the files of /proc that must speak of the guest.
 *
 * Texts are made anew at each open into a memory file. Everything else under
 * /proc is the host's and right as it is: pids, tids, descriptors, limits.
 * The process's comm is right because linux_run sets it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/user/limits.h"
#include "runtime/user/linux.h"

/* A text being written; false: out of memory. */
typedef bool (*proc_writer)(struct linux_task *t, FILE *f);

static bool write_range(struct linux_task *t, FILE *f, gva_t start, gva_t end)
{
	char buf[4096];
	while (start < end) {
		size_t n = MIN(sizeof(buf), end - start);
		if (!mem_read(t->v, buf, start, n))
			return true; /* as far as it goes */
		fwrite(buf, 1, n, f);
		start += n;
	}
	return true;
}

static bool write_cmdline(struct linux_task *t, FILE *f)
{
	return write_range(t, f, t->p->arg_start, t->p->arg_end);
}

static bool write_environ(struct linux_task *t, FILE *f)
{
	return write_range(t, f, t->p->env_start, t->p->env_end);
}

static bool write_auxv(struct linux_task *t, FILE *f)
{
	return write_range(t, f, t->p->auxv_start, t->p->auxv_end);
}

static void write_mapping(
    struct linux_process *p, const struct map_range *r, FILE *f)
{
	char name[PATH_MAX] = "";
	if (r->name) {
		snprintf(name, sizeof(name), "%s", r->name);
		path_to_guest(p, name);
	}
	int n = fprintf(f, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
	    (unsigned long long)r->start, (unsigned long long)r->end,
	    r->prot & MAP_PROT_R ? 'r' : '-', r->prot & MAP_PROT_W ? 'w' : '-',
	    r->prot & MAP_PROT_X ? 'x' : '-', r->shared ? 's' : 'p',
	    (unsigned long long)r->offset, major(r->dev), minor(r->dev),
	    (unsigned long long)r->ino);
	if (name[0])
		fprintf(f, "%*s%s", n < 73 ? 73 - n : 0, "", name);
	fputc('\n', f);
}

static bool write_maps(struct linux_task *t, FILE *f)
{
	struct map_range r;
	for (gva_t a = 0; map_next(&t->p->vm->map, a, &r); a = r.end)
		write_mapping(t->p, &r, f);
	return true;
}

/*
 * The host's text with the guest's mappings: what the host has as one may
 * differ in what only the guest knows (execution), and shows its first part.
 */
static bool write_smaps(struct linux_task *t, FILE *f)
{
	char line[PATH_MAX + 128];
	bool keep = false;
	FILE *in = fopen("/proc/self/smaps", "re");

	if (!in)
		return false;
	while (fgets(line, sizeof(line), in)) {
		unsigned long long lo, hi;
		struct map_range r;
		if (sscanf(line, "%llx-%llx ", &lo, &hi) == 2) {
			keep = map_find(&t->p->vm->map, lo, &r);
			r.offset += r.ino ? lo - r.start : 0;
			r.start = lo;
			r.end = hi;
			if (keep)
				write_mapping(t->p, &r, f);
		} else if (keep) {
			fputs(line, f);
		}
	}
	fclose(in);
	return true;
}

/* The host's lines, those of sizes with the guest's. */
static bool write_status(struct linux_task *t, FILE *f)
{
	char line[1024];
	u64 total, data;
	FILE *in = fopen("/proc/self/status", "re");

	if (!in)
		return false;
	limits_usage(t->p, &total, &data);
	while (fgets(line, sizeof(line), in)) {
		bool size = !strncmp(line, "VmSize:", 7) ||
		    !strncmp(line, "VmPeak:", 7);
		if (size || !strncmp(line, "VmData:", 7))
			fprintf(f, "%.7s\t%8llu kB\n", line,
			    (unsigned long long)(size ? total : data) >> 10);
		else
			fputs(line, f);
	}
	fclose(in);
	return true;
}

/* The host's resident pages, as far as the guest has so many. */
static bool write_statm(struct linux_task *t, FILE *f)
{
	unsigned long long v[7];
	u64 total, data;
	FILE *in = fopen("/proc/self/statm", "re");

	if (!in)
		return false;
	int n = fscanf(in, "%llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1],
	    &v[2], &v[3], &v[4], &v[5], &v[6]);
	fclose(in);
	if (n != 7)
		return false;
	limits_usage(t->p, &total, &data);
	v[0] = total / HOST_PAGE;
	fprintf(f, "%llu %llu %llu %llu 0 %llu 0\n", v[0], MIN(v[1], v[0]),
	    MIN(v[2], v[0]), v[3], (unsigned long long)data / HOST_PAGE);
	return true;
}

static void write_limit(FILE *f, rlim_t n)
{
	if (n == RLIM_INFINITY)
		fprintf(f, "%-20s ", "unlimited");
	else
		fprintf(f, "%-20llu ", (unsigned long long)n);
}

static bool write_limits(struct linux_task *t, FILE *f)
{
	static const char *const kept[2] = { "Max address space",
		"Max data size" };
	char line[256];
	FILE *in = fopen("/proc/self/limits", "re");

	if (!in)
		return false;
	while (fgets(line, sizeof(line), in)) {
		int k = 0;
		while (k < 2 && strncmp(line, kept[k], strlen(kept[k])) != 0)
			k++;
		if (k == 2) {
			fputs(line, f);
			continue;
		}
		struct rlimit l = limits_get(t->p, k);
		fprintf(f, "%-25s ", kept[k]);
		write_limit(f, l.rlim_cur);
		write_limit(f, l.rlim_max);
		fprintf(f, "%-10s\n", "bytes");
	}
	fclose(in);
	return true;
}

/* What stands in a field of stat for the guest; false: the host's. */
static bool stat_field(struct linux_process *p, int field, u64 *v)
{
	u64 total, data;

	limits_usage(p, &total, &data);
	switch (field) {
	case 23: *v = total; return true;
	case 26: *v = p->image.start; return true;
	case 27: *v = p->image.end; return true;
	case 28: *v = p->auxv_start; return true;
	case 45: *v = p->image.start; return true;
	case 46: *v = p->image.end; return true;
	case 47: *v = p->mm->brk_start; return true;
	case 48: *v = p->arg_start; return true;
	case 49: *v = p->arg_end; return true;
	case 50: *v = p->env_start; return true;
	case 51: *v = p->env_end; return true;
	default: return false;
	}
}

/* The host's line with the guest's addresses. */
static bool write_stat(struct linux_task *t, FILE *f)
{
	struct linux_process *p = t->p;
	char line[1024];
	FILE *in = fopen("/proc/self/stat", "re");
	if (!in)
		return false;
	char *ok = fgets(line, sizeof(line), in);
	fclose(in);
	char *s = ok ? strrchr(line, ')') : NULL;
	if (!s)
		return false;
	fprintf(f, "%.*s", (int)(s + 1 - line), line);
	char *save, *word = strtok_r(s + 1, " \n", &save);
	for (int field = 3; word; field++) {
		u64 v;
		if (stat_field(p, field, &v))
			fprintf(f, " %llu", (unsigned long long)v);
		else
			fprintf(f, " %s", word);
		word = strtok_r(NULL, " \n", &save);
	}
	fputc('\n', f);
	return true;
}

static bool write_cpuinfo(struct linux_task *t, FILE *f)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	char *s = t->p->abi->cpuinfo(t->p->vm->guest, n > 0 ? (unsigned)n : 1);
	if (!s)
		return false;
	fputs(s, f);
	free(s);
	return true;
}

static const struct {
	const char *name;
	proc_writer write;
} self_files[] = {
	{ "cmdline", write_cmdline },
	{ "environ", write_environ },
	{ "auxv", write_auxv },
	{ "maps", write_maps },
	{ "stat", write_stat },
	{ "smaps", write_smaps },
	{ "status", write_status },
	{ "statm", write_statm },
	{ "limits", write_limits },
};

/* "/proc/self/x", "/proc/thread-self/x" or "/proc/<pid>/x": x, else NULL. */
static const char *self_name(const char *path)
{
	char pid[32];
	if (strncmp(path, "/proc/", 6) != 0)
		return NULL;
	path += 6;
	size_t n = strcspn(path, "/");
	int k = snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (path[n] != '/' ||
	    !((n == 4 && !strncmp(path, "self", n)) ||
		(n == 11 && !strncmp(path, "thread-self", n)) ||
		(n == (size_t)k && !strncmp(path, pid, n))))
		return NULL;
	return path + n + 1;
}

static int text_file(
    struct linux_task *t, const char *name, proc_writer write, int flags)
{
	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	int fd = memfd_create(name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd < 0)
		return -errno;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *f = copy < 0 ? NULL : fdopen(copy, "w");
	if (!f) {
		if (copy >= 0)
			close(copy);
		close(fd);
		return -ENOMEM;
	}
	bool ok = write(t, f);
	if (fclose(f) != 0 || !ok || lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

int proc_open(struct linux_task *t, const char *path, int flags)
{
	if (path[0] != '/' || path[1] != 'p')
		return PROC_NOT_OURS;
	if (!strcmp(path, "/proc/cpuinfo"))
		return text_file(t, "cpuinfo", write_cpuinfo, flags);
	const char *name = self_name(path);
	if (!name)
		return ptrace_proc_open(t, path, flags);
	if (!strcmp(name, "exe")) {
		if (flags & O_NOFOLLOW && !(flags & O_PATH))
			return -ELOOP;
		int fd = open(t->p->exe, flags & ~(O_CREAT | O_NOFOLLOW));
		return fd < 0 ? -errno : fd;
	}
	/* of a thread: only the host's speaks of it */
	if (!strncmp(path, "/proc/t", 7) && !strcmp(name, "status"))
		return PROC_NOT_OURS;
	for (size_t i = 0; i < ARRAY_LEN(self_files); i++)
		if (!strcmp(name, self_files[i].name))
			return text_file(t, name, self_files[i].write, flags);
	return PROC_NOT_OURS;
}

i64 proc_readlink(struct linux_task *t, const char *path, char *buf, size_t n)
{
	const char *name = path[0] == '/' ? self_name(path) : NULL;
	if (!name || strcmp(name, "exe") != 0)
		return PROC_NOT_OURS;
	size_t len = strlen(t->p->exe_guest);
	memcpy(buf, t->p->exe_guest, MIN(len, n));
	return (i64)MIN(len, n);
}
