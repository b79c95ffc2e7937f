/*
 * proc_fd.c - metic's own descriptors are not in /proc, and what is written
 * to our own memory through a descriptor is seen.
 *
 * Descriptors are asked for in three ways: by listing a directory
 * (getdents64), by opening or reading a link (proc_follow, proc_readlink),
 * and by trying all numbers (fcntl and fstat say EBADF).
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/proc.h"

/* Hidden descriptors of a process. */
struct hidden {
	unsigned n;
	int fd[LINUX_NFDS + 1];
};

/* Those of the process that n names: false if there are none. */
static bool find_hidden(
    struct linux_task *t, const struct proc_name *n, struct hidden *h)
{
	struct linux_process *p = n->pid ? proc_peer_new(t, n) : t->p;

	h->n = 0;
	if (!p)
		return false;
	pthread_mutex_lock(&p->lock);
	h->n = MIN(p->nfds, LINUX_NFDS);
	memcpy(h->fd, p->fds, h->n * sizeof(h->fd[0]));
	pthread_mutex_unlock(&p->lock);
	/* another process's compiler is shown: its memory does not say */
	if (!n->pid && exec_own_fd(p->vm) >= 0)
		h->fd[h->n++] = exec_own_fd(p->vm);
	if (n->pid)
		proc_peer_free(p);
	return h->n > 0;
}

static bool is_hidden(const struct hidden *h, const char *number)
{
	for (unsigned i = 0; i < h->n; i++) {
		char text[16];
		int k = snprintf(text, sizeof(text), "%d", h->fd[i]);
		if (!strncmp(number, text, (size_t)k) &&
		    (number[k] == 0 || number[k] == '/'))
			return true;
	}
	return false;
}

bool proc_hides(struct linux_task *t, const struct proc_name *n)
{
	struct hidden h;
	const char *number = !strncmp(n->file, "fd/", 3) ? n->file + 3 :
	    !strncmp(n->file, "fdinfo/", 7)              ? n->file + 7 :
							   NULL;

	return number && number[0] >= '0' && number[0] <= '9' &&
	    find_hidden(t, n, &h) && is_hidden(&h, number);
}

/* --- listing -------------------------------------------------------------- */

struct entry {
	u64 ino, off;
	u16 len;
	u8 type;
	char name[];
};

/* What is not shown of a directory: descriptors, or threads not of p. */
struct filter {
	struct hidden fds;
	struct linux_process *p; /* NULL: descriptors, or peer's threads */
	pid_t peer; /* 0: descriptors */
};

static bool is_shown(const struct filter *f, const char *name)
{
	if (name[0] < '0' || name[0] > '9')
		return true;
	if (f->peer)
		return proc_peer_has_thread(f->peer, name);
	return f->p ? proc_has_thread(f->p, atoi(name)) :
		      !is_hidden(&f->fds, name);
}

/* Take what is not shown out of n bytes of entries; the bytes left. */
static size_t take_out(u8 *buf, size_t n, const struct filter *f)
{
	size_t at = 0, to = 0;

	while (at < n) {
		const struct entry *e = (const void *)(buf + at);
		size_t len = e->len;
		if (is_shown(f, e->name)) {
			memmove(buf + to, buf + at, len);
			to += len;
		}
		at += len;
	}
	return to;
}

/* What descriptor fd of a file of /proc is: its path, taken apart. */
static bool name_of_fd(
    struct linux_task *t, int fd, char path[PATH_MAX], struct proc_name *n)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t k = readlink(link, path, PATH_MAX - 1);
	path[MAX(k, 0)] = 0;
	return k > 6 && !strncmp(path, "/proc/", 6) && proc_parse(t, path, n);
}

static i64 list_filtered(
    struct linux_task *t, const u64 a[6], const struct filter *f)
{
	u64 size = MIN(a[2], (u64)32768);
	u8 *buf = malloc(size ? size : 1);
	const u64 b[6] = { a[0], (u64)(uintptr_t)buf, size };
	i64 r;

	if (!buf)
		return -ENOMEM;
	do {
		r = host_call(SYS_getdents64, b);
		if (r <= 0)
			break;
		r = (i64)take_out(buf, (size_t)r, f);
	} while (r == 0);
	if (r > 0 && guest_write(t, a[1], buf, (size_t)r))
		r = -EFAULT;
	free(buf);
	return r;
}

/* Is anything to be hidden in the directory that n names? */
static bool find_filter(
    struct linux_task *t, const struct proc_name *n, struct filter *f)
{
	f->p = NULL;
	f->peer = strcmp(n->file, "task") ? 0 : n->pid;
	if (!strcmp(n->file, "task") && !n->pid)
		f->p = t->p;
	else if (f->peer)
		return true;
	else if (strcmp(n->file, "fd") != 0 && strcmp(n->file, "fdinfo") != 0)
		return false;
	return f->p || find_hidden(t, n, &f->fds);
}

i64 sys_getdents64(struct linux_task *t, const u64 a[6])
{
	char path[PATH_MAX];
	struct proc_name n;
	struct filter f;
	struct statfs fs;

	if (fstatfs((int)a[0], &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
	    name_of_fd(t, (int)a[0], path, &n) && find_filter(t, &n, &f))
		return list_filtered(t, a, &f);
	return host_call(SYS_getdents64, a);
}

/* --- writing to our own memory -------------------------------------------- */

void proc_written(struct linux_task *t, int fd, i64 n, i64 off)
{
	char path[PATH_MAX];
	struct proc_name name;

	if (!name_of_fd(t, fd, path, &name) || name.pid ||
	    strcmp(name.file, "mem") != 0)
		return;
	if (off < 0)
		off = lseek(fd, 0, SEEK_CUR) - n;
	exec_invalidate(t->p->vm, (gva_t)off, (gva_t)(off + n), false);
}

static i64 seen(struct linux_task *t, const u64 a[6], i64 r, i64 off)
{
	if (unlikely(t->p->mem_open) && r > 0)
		proc_written(t, (int)a[0], r, off);
	return r;
}

i64 sys_write(struct linux_task *t, const u64 a[6])
{
	return seen(t, a, host_wait(t, SYS_write, a), -1);
}

i64 sys_writev(struct linux_task *t, const u64 a[6])
{
	return seen(t, a, host_wait(t, SYS_writev, a), -1);
}

i64 sys_pwrite64(struct linux_task *t, const u64 a[6])
{
	return seen(t, a, host_wait(t, SYS_pwrite64, a), (i64)a[3]);
}

i64 sys_pwritev(struct linux_task *t, const u64 a[6])
{
	return seen(t, a, host_wait(t, SYS_pwritev, a), (i64)a[3]);
}

i64 sys_pwritev2(struct linux_task *t, const u64 a[6])
{
	return seen(t, a, host_wait(t, SYS_pwritev2, a), (i64)a[3]);
}

/* (pid, local, nlocal, remote, nremote, flags) */
i64 sys_process_vm_writev(struct linux_task *t, const u64 a[6])
{
	i64 r = host_call(SYS_process_vm_writev, a), left = r;
	struct proc_name n;
	char path[32];
	struct iovec v;

	if (r <= 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)a[0]);
	if (!proc_parse(t, path, &n))
		return r;
	if (n.pid) {
		ptrace_wrote(t);
		return r;
	}
	for (u64 i = 0; i < a[4] && left > 0; i++) {
		if (guest_get(t, v, a[3] + i * sizeof(v)))
			break;
		gva_t at = (gva_t)(uintptr_t)v.iov_base;
		exec_invalidate(t->p->vm, at, at + v.iov_len, false);
		left -= (i64)v.iov_len;
	}
	return r;
}
