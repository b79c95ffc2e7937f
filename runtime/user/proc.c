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

/* The host's line with the guest's addresses: fields 26, 27 and 28. */
static bool write_stat(struct linux_task *t, FILE *f)
{
	const struct linux_process *p = t->p;
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
		u64 v = field == 26 ? p->image.start :
		    field == 27     ? p->image.end :
				      p->auxv_start;
		if (field >= 26 && field <= 28)
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
