/*
 * ptrace_proc.c - /proc/<pid> of a tracee, as its debugger has to see it.
 *
 * On the host these files speak of metic. What they must say is read from
 * the tracee's struct linux_process, which is found through its record.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/user/linux.h"

#define RANGES_MAX ((size_t)1 << 16)

/* "/proc/<pid>/..." with the rest in *name; 0: not like that. */
static pid_t split(const char *path, const char **name)
{
	char *end;
	if (strncmp(path, "/proc/", 6) != 0)
		return 0;
	long pid = strtol(path + 6, &end, 10);
	if (pid <= 0 || pid > INT_MAX || *end != '/')
		return 0;
	*name = end + 1;
	return (pid_t)pid;
}

/* The process of a tracee whose pid or tid this is. tr->lock is held. */
static bool remote_process(
    struct ptrace_tracer *tr, pid_t pid, struct linux_process *copy)
{
	for (struct ptrace_tracee *k = tr->list; k; k = k->next)
		if ((k->tid == pid || k->tgid == pid) && k->record &&
		    ptrace_peek(pid, (u64)(uintptr_t)k->rec.process, copy,
			sizeof(*copy)))
			return true;
	return false;
}

/* A string of the tracee, cut to n - 1 characters. */
static void remote_string(pid_t pid, const char *at, char *buf, size_t n)
{
	size_t i = 0;
	for (; i < n - 1; i++)
		if (!ptrace_peek(pid, (u64)(uintptr_t)at + i, buf + i, 1) ||
		    !buf[i])
			break;
	buf[i] = 0;
}

static bool write_bytes(pid_t pid, FILE *f, gva_t start, gva_t end)
{
	char buf[4096];
	for (; start < end; start += sizeof(buf)) {
		size_t n = MIN(sizeof(buf), end - start);
		if (!ptrace_peek(pid, start, buf, n))
			break;
		fwrite(buf, 1, n, f);
	}
	return true;
}

/* Lines as proc.c:write_mapping writes them. */
static bool write_maps(
    struct linux_task *t, pid_t pid, FILE *f, const struct linux_process *p)
{
	struct metic_vm vm;
	if (!ptrace_peek(pid, (u64)(uintptr_t)p->vm, &vm, sizeof(vm)))
		return false;
	size_t n = MIN(vm.map.n, RANGES_MAX);
	struct map_range *r = calloc(n + 1, sizeof(*r));
	bool ok = r && n &&
	    ptrace_peek(pid, (u64)(uintptr_t)vm.map.range, r, n * sizeof(*r));
	for (size_t i = 0; ok && i < n; i++) {
		char name[PATH_MAX] = "";
		if (r[i].name) {
			remote_string(pid, r[i].name, name, sizeof(name));
			path_to_guest(t->p, name);
		}
		int w = fprintf(f,
		    "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
		    (unsigned long long)r[i].start,
		    (unsigned long long)r[i].end,
		    r[i].prot & MAP_PROT_R ? 'r' : '-',
		    r[i].prot & MAP_PROT_W ? 'w' : '-',
		    r[i].prot & MAP_PROT_X ? 'x' : '-', r[i].shared ? 's' : 'p',
		    (unsigned long long)r[i].offset, major(r[i].dev),
		    minor(r[i].dev), (unsigned long long)r[i].ino);
		if (name[0])
			fprintf(f, "%*s%s", w < 73 ? 73 - w : 0, "", name);
		fputc('\n', f);
	}
	free(r);
	return ok;
}

static int text_file(struct linux_task *t, pid_t pid, const char *name,
    const struct linux_process *p, int flags)
{
	int fd = memfd_create(name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *f = copy < 0 ? NULL : fdopen(copy, "w");
	bool ok = false;

	if (!f) {
		if (fd >= 0)
			close(fd);
		if (copy >= 0)
			close(copy);
		return -ENOMEM;
	}
	if (!strcmp(name, "auxv"))
		ok = write_bytes(pid, f, p->auxv_start, p->auxv_end);
	else if (!strcmp(name, "cmdline"))
		ok = write_bytes(pid, f, p->arg_start, p->arg_end);
	else if (!strcmp(name, "environ"))
		ok = write_bytes(pid, f, p->env_start, p->env_end);
	else
		ok = write_maps(t, pid, f, p);
	if (fclose(f) != 0 || !ok || lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* Code can be written through such a descriptor without our seeing it. */
static void note_memory(struct linux_task *t, const char *path, int flags)
{
	size_t n = strlen(path);
	if ((flags & O_ACCMODE) == O_RDONLY || n < 4 ||
	    strcmp(path + n - 4, "/mem") != 0)
		return;
	struct ptrace_tracer *tr = ptrace_tracer_of(t->p);
	if (tr)
		tr->mem_open = true;
}

/* As proc_readlink says "exe" only; the lock protects the list. */
static bool find(struct linux_task *t, pid_t pid, struct linux_process *copy)
{
	struct ptrace_tracer *tr = t->p->tracer;
	if (!tr || !pid)
		return false;
	pthread_mutex_lock(&tr->lock);
	bool ok = remote_process(tr, pid, copy);
	pthread_mutex_unlock(&tr->lock);
	return ok;
}

int ptrace_proc_open(struct linux_task *t, const char *path, int flags)
{
	static const char *const names[] = { "auxv", "cmdline", "environ",
		"maps" };
	const char *name;
	char exe[PATH_MAX];
	struct linux_process p;
	pid_t pid = split(path, &name);

	if (!pid)
		return PROC_NOT_OURS;
	note_memory(t, path, flags);
	if (!find(t, pid, &p))
		return PROC_NOT_OURS;
	if (!strcmp(name, "exe")) {
		remote_string(pid, p.exe, exe, sizeof(exe));
		int fd = open(exe, flags & ~(O_CREAT | O_NOFOLLOW));
		return fd < 0 ? -errno : fd;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(name, names[i]))
			return text_file(t, pid, name, &p, flags);
	return PROC_NOT_OURS;
}

i64 ptrace_proc_readlink(
    struct linux_task *t, const char *path, char *buf, size_t n)
{
	const char *name;
	char exe[PATH_MAX];
	struct linux_process p;
	pid_t pid = split(path, &name);

	if (!pid || strcmp(name, "exe") != 0 || !find(t, pid, &p))
		return PROC_NOT_OURS;
	remote_string(pid, p.exe_guest, exe, sizeof(exe));
	size_t len = strlen(exe);
	memcpy(buf, exe, MIN(len, n));
	return (i64)MIN(len, n);
}
