/*
 * proc.c - the files of /proc that must speak of the guest.
 *
 * Texts are made anew at each open into a memory file, for the process itself
 * and for other metic processes (proc_peer.c). Everything else under /proc is
 * the host's and right as it is: pids, tids, names, limits; also command
 * lines and environments, once proc_publish has told the kernel of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/user/limits.h"
#include "runtime/user/mapped.h"
#include "runtime/user/mm.h"
#include "runtime/user/proc.h"

#define TEXT_MAX ((u64)8 << 20) /* of what another process says it has */

/* A text being written; false: it cannot be made. */
typedef bool (*proc_writer)(const struct proc_view *v, FILE *f);

/* The host's file of the same name. */
static const char *host_path(const struct proc_view *v, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", v->name->dir, v->name->file);
	return path;
}

/* Or NULL. */
static FILE *host_file(const struct proc_view *v)
{
	char path[PATH_MAX];

	return fopen(host_path(v, path), "re");
}

static bool write_range(
    const struct proc_view *v, FILE *f, gva_t start, gva_t end)
{
	char buf[4096];

	end = MIN(end, start + TEXT_MAX);
	while (start < end) {
		size_t n = MIN(sizeof(buf), end - start);
		if (!proc_peer_read(v, buf, start, n))
			return true; /* as far as it goes */
		fwrite(buf, 1, n, f);
		start += n;
	}
	return true;
}

static bool write_cmdline(const struct proc_view *v, FILE *f)
{
	return write_range(v, f, v->p->arg_start, v->p->arg_end);
}

static bool write_environ(const struct proc_view *v, FILE *f)
{
	return write_range(v, f, v->p->env_start, v->p->env_end);
}

static bool write_auxv(const struct proc_view *v, FILE *f)
{
	return write_range(v, f, v->p->auxv_start, v->p->auxv_end);
}

static void write_mapping(const struct proc_view *v, const struct map_range *r,
    const char *file, FILE *f)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "%s", mapped_called(r, file));
	if (name[0])
		path_to_guest(v->t->p, name);
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

static bool write_maps(const struct proc_view *v, FILE *f)
{
	struct mapped_names names;
	struct map_range r;
	char path[PATH_MAX];

	mapped_names_open(&names, host_path(v, path));
	mm_grown(v->p);
	for (gva_t a = 0; map_next(&v->p->vm->map, a, &r); a = r.end)
		write_mapping(v, &r, mapped_name(&names, r.start), f);
	mapped_names_close(&names);
	return true;
}

/*
 * The host's text with the guest's mappings: what the host has as one may
 * differ in what only the guest knows (execution), and shows its first part.
 */
static bool write_smaps(const struct proc_view *v, FILE *f)
{
	char line[PATH_MAX + 128];
	bool keep = false;
	FILE *in = host_file(v);

	if (!in)
		return false;
	mm_grown(v->p);
	while (fgets(line, sizeof(line), in)) {
		unsigned long long lo, hi;
		struct map_range r;
		if (sscanf(line, "%llx-%llx ", &lo, &hi) == 2) {
			keep = map_find(&v->p->vm->map, lo, &r);
			r.offset += r.ino ? lo - r.start : 0;
			r.start = lo;
			r.end = hi;
			if (keep)
				write_mapping(v, &r, mapped_name_in(line), f);
		} else if (keep) {
			fputs(line, f);
		}
	}
	fclose(in);
	return true;
}

static unsigned threads(const struct proc_view *v)
{
	return v->name->pid ? proc_peer_threads(v->name->pid) :
			      proc_threads(v->p);
}

/* The host's lines, those of sizes with the guest's. */
static bool write_status(const struct proc_view *v, FILE *f)
{
	char line[1024];
	u64 total, data;
	FILE *in = host_file(v);

	if (!in)
		return false;
	limits_usage(v->p, &total, &data);
	while (fgets(line, sizeof(line), in)) {
		bool size = !strncmp(line, "VmSize:", 7) ||
		    !strncmp(line, "VmPeak:", 7);
		if (size || !strncmp(line, "VmData:", 7))
			fprintf(f, "%.7s\t%8llu kB\n", line,
			    (unsigned long long)(size ? total : data) >> 10);
		else if (!strncmp(line, "Threads:", 8))
			fprintf(f, "Threads:\t%u\n", threads(v));
		else
			fputs(line, f);
	}
	fclose(in);
	return true;
}

/* The host's resident pages, as far as the guest has so many. */
static bool write_statm(const struct proc_view *v, FILE *f)
{
	unsigned long long k[7];
	u64 total, data;
	FILE *in = host_file(v);

	if (!in)
		return false;
	int n = fscanf(in, "%llu %llu %llu %llu %llu %llu %llu", &k[0], &k[1],
	    &k[2], &k[3], &k[4], &k[5], &k[6]);
	fclose(in);
	if (n != 7)
		return false;
	limits_usage(v->p, &total, &data);
	k[0] = total / HOST_PAGE;
	fprintf(f, "%llu %llu %llu %llu 0 %llu 0\n", k[0], MIN(k[1], k[0]),
	    MIN(k[2], k[0]), k[3], (unsigned long long)data / HOST_PAGE);
	return true;
}

static void write_limit(FILE *f, rlim_t n)
{
	if (n == RLIM_INFINITY)
		fprintf(f, "%-20s ", "unlimited");
	else
		fprintf(f, "%-20llu ", (unsigned long long)n);
}

static bool write_limits(const struct proc_view *v, FILE *f)
{
	static const char *const kept[2] = { "Max address space",
		"Max data size" };
	char line[256];
	FILE *in = host_file(v);

	if (!in)
		return false;
	while (fgets(line, sizeof(line), in)) {
		int k = 0;
		while (k < 2 && strncmp(line, kept[k], strlen(kept[k])) != 0)
			k++;
		if (k == 2 || !v->p->limit_kept[k]) {
			fputs(line, f);
			continue;
		}
		struct rlimit l = limits_get(v->p, k);
		fprintf(f, "%-25s ", kept[k]);
		write_limit(f, l.rlim_cur);
		write_limit(f, l.rlim_max);
		fprintf(f, "%-10s\n", "bytes");
	}
	fclose(in);
	return true;
}

/* What stands in a field of stat for the guest; false: the host's. */
static bool stat_field(const struct proc_view *view, int field, u64 *v)
{
	struct linux_process *p = view->p;
	u64 total, data;

	limits_usage(p, &total, &data);
	switch (field) {
	case 20: *v = threads(view); return true;
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
static bool write_stat(const struct proc_view *v, FILE *f)
{
	char line[1024];
	FILE *in = host_file(v);
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
		u64 n;
		if (stat_field(v, field, &n))
			fprintf(f, " %llu", (unsigned long long)n);
		else
			fprintf(f, " %s", word);
		word = strtok_r(NULL, " \n", &save);
	}
	fputc('\n', f);
	return true;
}

static bool write_cpuinfo(const struct proc_view *v, FILE *f)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	char *s = v->p->abi->cpuinfo(v->p->vm->guest, n > 0 ? (unsigned)n : 1);
	if (!s)
		return false;
	fputs(s, f);
	free(s);
	return true;
}

static const struct {
	const char *name;
	proc_writer write;
	bool published; /* the kernel's, once it knows where that is */
} files[] = {
	{ "auxv", write_auxv, false },
	{ "cmdline", write_cmdline, true },
	{ "environ", write_environ, true },
	{ "limits", write_limits, false },
	{ "maps", write_maps, false },
	{ "smaps", write_smaps, false },
	{ "stat", write_stat, false },
	{ "statm", write_statm, false },
	{ "status", write_status, false },
};

/*
 * The memory file `fd` with what is written, as a descriptor of the same
 * number that can only be read: fd, or -errno and fd is closed.
 */
static int text_finish(int fd, int flags)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int in = open(link, O_RDONLY | O_CLOEXEC);
	int r = in < 0 ? -errno : fd;

	if (in >= 0 && dup3(in, fd, flags & O_CLOEXEC) < 0)
		r = -errno;
	if (in >= 0)
		close(in);
	if (r < 0)
		close(fd);
	return r;
}

static int text_file(const struct proc_view *v, proc_writer write, int flags)
{
	char name[PROC_TEXT_NAME];

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	proc_text_name(v->name, name);
	int fd = memfd_create(name, MFD_CLOEXEC);
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
	bool ok = write(v, f);
	if (fclose(f) != 0 || !ok) {
		close(fd);
		return -EIO;
	}
	return text_finish(fd, flags);
}

/* The text `write` of the process that n names. */
static int open_text(struct linux_task *t, const struct proc_name *n,
    proc_writer write, int flags)
{
	struct proc_view v = { t, t->p, n };

	/* who may not, shall hear it from the kernel */
	if (n->pid && !(v.p = proc_peer_new(t, n)))
		return PROC_NOT_OURS;
	int r = text_file(&v, write, flags);
	if (n->pid)
		proc_peer_free(v.p);
	return r == -EIO ? PROC_NOT_OURS : r;
}

static int open_cpuinfo(struct linux_task *t, int flags)
{
	const struct proc_name n = { .dir = "/proc", .file = "cpuinfo" };

	return open_text(t, &n, write_cpuinfo, flags);
}

/* What is written to memory may be code: see proc_written, ptrace.c. */
static void note_memory(
    struct linux_task *t, const struct proc_name *n, int flags)
{
	if ((flags & O_ACCMODE) == O_RDONLY)
		return;
	if (n->pid)
		ptrace_note_memory(t);
	else
		atomic_store(&t->p->mem_open, true);
}

/* Is it the path of a directory? Then the kernel says that ours are none. */
static bool wants_folder(const char *path)
{
	size_t n = strlen(path);

	return n > 1 &&
	    (path[n - 1] == '/' || (path[n - 1] == '.' && path[n - 2] == '/'));
}

int proc_open(struct linux_task *t, int dirfd, const char *path, int flags)
{
	char abs[PATH_MAX];
	struct proc_name n;

	if (wants_folder(path) || !proc_absolute(dirfd, path, abs))
		return PROC_NOT_OURS;
	if (!strcmp(abs, "/proc/cpuinfo"))
		return open_cpuinfo(t, flags);
	if ((flags & O_PATH) || !proc_parse(t, abs, &n))
		return PROC_NOT_OURS;
	if (!strcmp(n.file, "mem"))
		note_memory(t, &n, flags);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (!strcmp(n.file, files[i].name))
			return files[i].published && t->p->published ?
			    PROC_NOT_OURS :
			    open_text(t, &n, files[i].write, flags);
	return PROC_NOT_OURS;
}

/* --- links and names ------------------------------------------------------ */

int proc_follow(struct linux_task *t, int dirfd, const char *path,
    unsigned flags, char out[PATH_MAX])
{
	char abs[PATH_MAX];
	struct proc_name n;

	if (!proc_absolute(dirfd, path, abs) || !proc_parse(t, abs, &n))
		return PROC_NOT_OURS;
	if (proc_hides(t, &n))
		return -ENOENT;
	if (strcmp(n.file, "exe") != 0 || (flags & PATH_NOFOLLOW) ||
	    wants_folder(path))
		return PROC_NOT_OURS;
	return proc_peer_exe(t, &n, out, NULL);
}

i64 proc_readlink(
    struct linux_task *t, int dirfd, const char *path, char text[PATH_MAX])
{
	char abs[PATH_MAX], host[PATH_MAX];
	struct proc_name n;

	if (!proc_absolute(dirfd, path, abs) || !proc_parse(t, abs, &n))
		return PROC_NOT_OURS;
	if (proc_hides(t, &n))
		return -ENOENT;
	if (strcmp(n.file, "exe") != 0 || wants_folder(path))
		return PROC_NOT_OURS;
	int r = proc_peer_exe(t, &n, host, text);
	return r < 0 ? r : (i64)strlen(text);
}
