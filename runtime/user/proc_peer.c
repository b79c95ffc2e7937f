/*
 * proc_peer.c - what metic processes know of each other.
 *
 * A process tells the kernel where its guest's arguments, environment and
 * program are (PR_SET_MM_MAP), so that /proc/<pid>/cmdline and environ are
 * the guest's for everybody, host programs included, at the price of one call
 * at the start. In the same structure it leaves a note for other metics: as
 * start and end of its data, which mean nothing in a program that the kernel
 * has not loaded, it gives the address of its struct linux_process. Both are
 * fields of /proc/<pid>/stat. The rest is read from its memory, as
 * process_vm_readv allows it to who may trace the process.
 *
 * Nothing that is read is trusted: the other process runs, and its guest can
 * write to all of its memory. Numbers are checked, pointers go to
 * process_vm_readv only, texts are cut, and what is in motion is read until
 * it is read twice the same. A copy counts only if the file that the process
 * runs is our own, for then its structures are ours.
 *
 * Where the memory may not be read (Yama), the program's file is still found:
 * it is what is mapped at the start of its code.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/user/proc.h"

#define RANGES_MAX ((size_t)1 << 16)
#define NAMES_MAX 4096
#define TRIES 8

/* --- telling -------------------------------------------------------------- */

/*
 * The break is metic's own and stays what it is; that the kernel is told a
 * later start of it only means that it will not shrink below what it is now.
 */
void proc_publish(struct linux_process *p)
{
	u64 brk = (u64)(uintptr_t)sbrk(0);
	const struct prctl_mm_map m = {
		.start_code = p->image.start,
		.end_code = p->image.end,
		.start_data = (u64)(uintptr_t)p,
		.end_data = (u64)(uintptr_t)p,
		.start_brk = brk,
		.brk = brk,
		.start_stack = p->auxv_start,
		.arg_start = p->arg_start,
		.arg_end = p->arg_end,
		.env_start = p->env_start,
		.env_end = p->env_end,
		.exe_fd = (u32)-1,
	};

	p->published = prctl(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 0) == 0;
}

/* --- finding -------------------------------------------------------------- */

/* What /proc/<pid>/stat says. */
struct note {
	u64 start_code, arg_start, process;
};

static bool read_note(const struct proc_name *n, struct note *note)
{
	char path[96], line[1024];
	u64 v[52] = { 0 };

	snprintf(path, sizeof(path), "%s/stat", n->dir);
	FILE *f = fopen(path, "re");
	char *s = f ? fgets(line, sizeof(line), f) : NULL;
	if (f)
		fclose(f);
	if (!s || !(s = strrchr(line, ')')))
		return false;
	s++;
	for (int field = 3; field < 52 && *s; field++) {
		s += strspn(s, " ");
		v[field] = strtoull(s, NULL, 10);
		s += strcspn(s, " ");
	}
	*note = (struct note){ v[26], v[48], v[45] };
	return v[45] && v[45] == v[46];
}

/* Does it run the same file as we do? 0 or -errno, 1: it does not. */
static int runs_metic(const struct proc_name *n)
{
	char path[96];
	struct stat own, its;

	snprintf(path, sizeof(path), "%s/exe", n->dir);
	if (stat(path, &its) < 0)
		return -errno;
	return stat("/proc/self/exe", &own) < 0 || own.st_dev != its.st_dev ||
	    own.st_ino != its.st_ino;
}

/* --- copying -------------------------------------------------------------- */

struct peer {
	struct linux_process p; /* first: it is what others see */
	struct metic_vm vm;
	struct linux_mm mm;
};

/* A string there, cut to n - 1 characters; never across a page at once. */
static void copy_string(pid_t pid, u64 at, char *buf, size_t n)
{
	size_t i = 0;

	while (i < n - 1) {
		u64 a = at + i;
		size_t k = MIN(n - 1 - i, (size_t)(64 - a % 64));
		if (!ptrace_peek(pid, a, buf + i, k))
			break;
		size_t len = strnlen(buf + i, k);
		i += len;
		if (len < k)
			break;
	}
	buf[i] = 0;
}

static char *dup_string(pid_t pid, const char *at)
{
	char buf[PATH_MAX];

	copy_string(pid, (u64)(uintptr_t)at, buf, sizeof(buf));
	return strdup(buf);
}

static bool in_order(const struct map_range *r, size_t n, u64 max)
{
	u64 last = 0;

	for (size_t i = 0; i < n; i++) {
		if (r[i].start < last || r[i].end <= r[i].start ||
		    r[i].end > max)
			return false;
		last = r[i].end;
	}
	return true;
}

/* The ranges, which may change meanwhile: n of them, to be freed, or NULL. */
static struct map_range *copy_ranges(pid_t pid, u64 map, u64 max, size_t *n)
{
	struct mem_map m;

	for (int i = 0; i < TRIES; i++) {
		if (!ptrace_peek(pid, map, &m, sizeof(m)) || !m.n ||
		    m.n > RANGES_MAX)
			return NULL;
		size_t bytes = m.n * sizeof(*m.range);
		struct map_range *r = malloc(2 * bytes);
		u64 from = (u64)(uintptr_t)m.range;
		*n = m.n;
		if (r && ptrace_peek(pid, from, r, bytes) &&
		    ptrace_peek(pid, from, r + m.n, bytes) &&
		    !memcmp(r, r + m.n, bytes) && in_order(r, m.n, max))
			return r;
		free(r);
	}
	return NULL;
}

/*
 * The names' pointers become ours. Names live as long as their map, and few
 * ranges have one that no neighbour has.
 */
static bool copy_names(pid_t pid, struct mem_map *m)
{
	const char **from = calloc(NAMES_MAX, sizeof(*from));

	m->names = calloc(NAMES_MAX, sizeof(*m->names));
	for (size_t i = 0; from && m->names && i < m->n; i++) {
		const char *name = m->range[i].name;
		size_t k = m->nnames;

		m->range[i].name = NULL;
		if (!name)
			continue;
		while (k && from[k - 1] != name)
			k--;
		if (!k && m->nnames < NAMES_MAX &&
		    (m->names[m->nnames] = dup_string(pid, name))) {
			from[m->nnames] = name;
			k = ++m->nnames;
		}
		if (k)
			m->range[i].name = m->names[k - 1];
	}
	bool ok = from && m->names;
	free(from);
	return ok;
}

static bool copy_map(pid_t pid, u64 vm, u64 max, struct mem_map *out)
{
	struct map_range *r =
	    copy_ranges(pid, vm + offsetof(struct metic_vm, map), max, &out->n);

	if (!r) {
		out->n = 0;
		return false;
	}
	out->range = r;
	return copy_names(pid, out);
}

/* What was copied with the structure but is not ours to follow. */
static void forget_pointers(struct peer *k, const struct linux_task *t)
{
	struct linux_process *p = &k->p;

	memset(&p->cfg, 0, sizeof(p->cfg));
	p->exe = p->exe_guest = p->execfn = NULL;
	p->seccomp = NULL;
	p->tasks = NULL;
	p->debug = NULL;
	p->tracer = NULL;
	p->sighost = NULL;
	p->held = NULL;
	p->vm = &k->vm;
	p->mm = &k->mm;
	p->abi = t->p->abi;
	p->nfds = MIN(p->nfds, LINUX_NFDS);
	pthread_mutex_init(&p->lock, NULL);
}

static bool copy_all(struct linux_task *t, pid_t pid, u64 at, struct peer *k)
{
	struct linux_process *p = &k->p;

	if (!ptrace_peek(pid, at, p, sizeof(*p)))
		return false;
	u64 vm = (u64)(uintptr_t)p->vm, mm = (u64)(uintptr_t)p->mm;
	const char *exe = p->exe, *guest = p->exe_guest;
	forget_pointers(k, t);
	p->exe = dup_string(pid, exe);
	p->exe_guest = dup_string(pid, guest);
	bool ok = ptrace_peek(pid, mm, &k->mm, sizeof(k->mm));
	k->mm.grows = false; /* only the process itself can look */
	return p->exe && p->exe_guest && ok &&
	    copy_map(pid, vm, p->abi->task_size, &k->vm.map);
}

struct linux_process *proc_peer_new(
    struct linux_task *t, const struct proc_name *n)
{
	struct note note;
	struct peer *k;
	u64 at = ptrace_process_of(t, n->pid);
	bool traced = at != 0;

	if (!traced) {
		if (!read_note(n, &note) || runs_metic(n) != 0)
			return NULL;
		at = note.process;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	map_init(&k->vm.map);
	pthread_mutex_init(&k->p.lock, NULL);
	if (copy_all(t, n->pid, at, k) &&
	    (traced ||
		(k->p.image.start == note.start_code &&
		    k->p.arg_start == note.arg_start)))
		return &k->p;
	proc_peer_free(&k->p);
	return NULL;
}

void proc_peer_free(struct linux_process *p)
{
	struct peer *k = (struct peer *)(void *)p;

	if (!p)
		return;
	map_free(&k->vm.map);
	pthread_mutex_destroy(&p->lock);
	free(p->exe);
	free(p->exe_guest);
	free(k);
}

bool proc_peer_read(const struct proc_view *v, void *to, gva_t from, size_t n)
{
	if (v->name->pid)
		return ptrace_peek(v->name->pid, from, to, n);
	return mem_read(v->t->v, to, from, n);
}

/* --- the program's file --------------------------------------------------- */

/* The name of what is mapped at `at`, as the host shows it. */
static bool mapped_file(const char *dir, u64 at, char host[PATH_MAX])
{
	char path[96], line[PATH_MAX + 128];
	unsigned long long lo, hi;
	bool found = false;
	int name;

	snprintf(path, sizeof(path), "%s/maps", dir);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		name = 0;
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &lo, &hi,
			&name) < 2 ||
		    at < lo || at >= hi)
			continue;
		found =
		    name && line[name] == '/' && strlen(line + name) < PATH_MAX;
		if (!found)
			break;
		memcpy(host, line + name, strlen(line + name) + 1);
	}
	fclose(f);
	return found;
}

/* Is what is mapped as the program still what has the name p->exe? */
static bool exe_is_there(struct linux_process *p, const char *host)
{
	struct map_range r;
	struct stat st;

	return !map_find(&p->vm->map, p->image.start, &r) || !r.ino ||
	    (stat(host, &st) == 0 && st.st_dev == r.dev && st.st_ino == r.ino);
}

/* As p knows it; false: the file has another name now, or none. */
static bool known_exe(struct linux_process *p, const struct proc_name *n,
    char host[PATH_MAX], char guest[PATH_MAX])
{
	const char *exe = p->exe, self[] = "/proc/self/";
	const char *dir = "";

	if (n->pid && !strncmp(exe, self, sizeof(self) - 1)) {
		dir = n->dir; /* its descriptor, not ours */
		exe += sizeof(self) - 2;
	}
	snprintf(host, PATH_MAX, "%s%s", dir, exe);
	if (!exe_is_there(p, host))
		return false;
	if (guest)
		snprintf(guest, PATH_MAX, "%s", p->exe_guest);
	return true;
}

int proc_peer_exe(struct linux_task *t, const struct proc_name *n,
    char host[PATH_MAX], char guest[PATH_MAX])
{
	struct note note = { .start_code = t->p->image.start };
	int r = n->pid ? runs_metic(n) : 0;

	if (r)
		return r < 0 ? r : PROC_NOT_OURS;
	struct linux_process *p = n->pid ? proc_peer_new(t, n) : t->p;
	bool ok = p && known_exe(p, n, host, guest);
	if (p)
		note.start_code = p->image.start;
	if (n->pid)
		proc_peer_free(p);
	if (ok)
		return 0;
	if ((!p && !read_note(n, &note)) ||
	    !mapped_file(n->dir, note.start_code, host))
		return PROC_NOT_OURS;
	if (guest) {
		memcpy(guest, host, strlen(host) + 1);
		path_to_guest(t->p, guest);
	}
	return 0;
}
