/*
 * execve.c - starting another program.
 *
 * A guest program (or a script whose interpreter is one) is run by a fresh
 * metic: the host's execve of cfg.rerun with the program appended, so that
 * the kernel keeps pid, descriptors, signals and limits exactly as for a
 * native execve. Anything else the host can run is started as it is. What
 * cannot run is found out here, because after the host's execve there is
 * nobody left to tell.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/user/elf.h"
#include "runtime/user/gdb_target.h"
#include "runtime/user/handlers.h"
#include "runtime/user/limits.h"
#include "runtime/user/process.h"
#include "runtime/user/seccomp.h"
#include "runtime/user/signal.h"

#define ARGS_MAX ((u64)6 << 20) /* bytes of strings, as Linux's 3/4 of 8M */
#define ARG_MAX1 ((size_t)128 << 10) /* one string: MAX_ARG_STRLEN */
#define NARGS_MAX 0x40000

/* --- vectors of strings -------------------------------------------------- */

struct strvec {
	char **s; /* NULL-terminated */
	size_t n;
};

static void strvec_free(struct strvec *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->s[i]);
	free(v->s);
	v->s = NULL;
	v->n = 0;
}

static int strvec_add(struct strvec *v, char *s)
{
	/* Powers of two: room is made when n becomes one. */
	if ((v->n & (v->n + 1)) == 0 || !v->s) {
		char **r = realloc(v->s, (2 * v->n + 2) * sizeof(*r));
		if (!r)
			return -ENOMEM;
		v->s = r;
	}
	v->s[v->n++] = s;
	v->s[v->n] = NULL;
	return 0;
}

static int strvec_copy(struct strvec *v, const char *s)
{
	char *c = strdup(s);
	int r = c ? strvec_add(v, c) : -ENOMEM;
	if (r)
		free(c);
	return r;
}

/* The guest's vector at gva, which may be NULL: then it is empty. */
static int strvec_read(
    struct linux_task *t, struct strvec *v, gva_t gva, u64 *bytes)
{
	u64 at;

	v->n = 0;
	v->s = calloc(2, sizeof(*v->s));
	if (!v->s)
		return -ENOMEM;
	for (; gva; gva += sizeof(at)) {
		if (guest_get(t, at, gva))
			return -EFAULT;
		if (at == 0)
			break;
		i64 len = mem_strlen(t->v, at, ARG_MAX1);
		if (len < 0)
			return len == -ENAMETOOLONG ? -E2BIG : (int)len;
		*bytes += (u64)len + 1 + sizeof(at);
		if (*bytes > ARGS_MAX || v->n > NARGS_MAX)
			return -E2BIG;
		char *s = malloc((size_t)len + 1);
		if (!s || !mem_read(t->v, s, at, (size_t)len)) {
			free(s);
			return s ? -EFAULT : -ENOMEM;
		}
		s[len] = 0;
		int r = strvec_add(v, s);
		if (r) {
			free(s);
			return r;
		}
	}
	return 0;
}

/* --- what kind of program ------------------------------------------------ */

enum kind { KIND_GUEST = 1, KIND_NATIVE };

static int classify_elf(struct linux_process *p, const char *host)
{
	struct elf_file f;
	char why[256], interp[PATH_MAX];

	int r = elf_open(host, p->abi->task_size, &f, why, sizeof(why));
	if (r)
		return r;
	if (f.interp) {
		r = path_translate(p, AT_FDCWD, f.interp, interp, 0);
		if (r == 0 && access(interp, F_OK) < 0)
			r = -errno;
	}
	elf_close(&f);
	return r ? r : KIND_GUEST;
}

/* Is host an ELF file for the machine metic itself runs on? */
static bool is_native_elf(const char *host)
{
	Elf64_Ehdr own, eh;
	bool ok = false;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int fd = open(host, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (self >= 0 && fd >= 0)
		ok = pread(self, &own, sizeof(own), 0) == sizeof(own) &&
		    pread(fd, &eh, sizeof(eh), 0) == sizeof(eh) &&
		    !memcmp(eh.e_ident, ELFMAG, SELFMAG) &&
		    eh.e_ident[EI_CLASS] == own.e_ident[EI_CLASS] &&
		    eh.e_machine == own.e_machine;
	if (self >= 0)
		close(self);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* KIND_*, or the -errno that execve gives. */
static int classify(struct linux_process *p, const char *path)
{
	char host[PATH_MAX], next[PATH_MAX];
	struct script sc;
	struct stat st;

	snprintf(host, sizeof(host), "%s", path);
	for (int depth = 0; depth < 5; depth++) {
		if (stat(host, &st) < 0)
			return -errno;
		if (!S_ISREG(st.st_mode))
			return -EACCES;
		if (faccessat(AT_FDCWD, host, X_OK, AT_EACCESS) < 0)
			return -errno;
		int r = script_read(host, &sc);
		if (r == -EACCES) /* may be executed, not read: the host's */
			return KIND_NATIVE;
		if (r < 0)
			return r;
		if (r == 0)
			return is_native_elf(host) ? KIND_NATIVE :
						     classify_elf(p, host);
		r = path_translate(p, AT_FDCWD, sc.interp, next, 0);
		if (r)
			return r;
		memcpy(host, next, sizeof(host));
	}
	return -ELOOP;
}

/* --- execve -------------------------------------------------------------- */

/* rerun... [-g gdb] -0 argv0 path args... */
static int rerun_vector(struct linux_process *p, const char *gdb,
    const char *host, const struct strvec *argv, struct strvec *out)
{
	char path[PATH_MAX + 2];
	int r = 0;

	snprintf(path, sizeof(path), "%s%s", host[0] == '-' ? "./" : "", host);
	for (size_t i = 0; r == 0 && p->cfg.rerun[i]; i++)
		r = strvec_copy(out, p->cfg.rerun[i]);
	if (r == 0 && gdb)
		r = strvec_copy(out, "-g");
	if (r == 0 && gdb)
		r = strvec_copy(out, gdb);
	if (r == 0)
		r = strvec_copy(out, "-0");
	if (r == 0)
		r = strvec_copy(out, argv->n ? argv->s[0] : "");
	if (r == 0)
		r = strvec_copy(out, path);
	for (size_t i = 1; r == 0 && i < argv->n; i++)
		r = strvec_copy(out, argv->s[i]);
	return r;
}

static int host_execve(
    struct linux_task *t, const char *prog, char **argv, char **envp)
{
	const u64 a[6] = { (u64)prog, (u64)argv, (u64)envp };
	exec_cache_save(t->p->vm);
	signal_before_exec(t);
	int r = (int)host_call(SYS_execve, a);
	signal_after_exec(t);
	return r;
}

static int run_native(struct linux_task *t, const char *host,
    const struct strvec *argv, const struct strvec *envp)
{
	struct rlimit old[2];

	limits_lend(t->p, old);
	int r = host_execve(t, host, argv->s, envp->s);
	limits_return(old);
	return r;
}

static int run_program(struct linux_task *t, const char *host,
    const struct strvec *argv, struct strvec *envp)
{
	struct linux_process *p = t->p;
	struct strvec cmd = { 0 };
	char gdb[128], limits[128];

	int kind = classify(p, host);
	if (kind < 0)
		return kind;
	if (kind == KIND_NATIVE && t->seccomp) /* it would be free of it */
		return -EACCES;
	if (kind == KIND_NATIVE)
		return run_native(t, host, argv, envp);
	if (!p->cfg.rerun) /* the host may know how: binfmt_misc */
		return host_execve(t, host, argv->s, envp->s);
	bool debugged = gdb_exec(t, gdb, sizeof(gdb));
	int r = limits_pass_on(p, limits) ? strvec_copy(envp, limits) : 0;
	if (r == 0)
		r = rerun_vector(p, debugged ? gdb : NULL, host, argv, &cmd);
	if (r == 0)
		r = host_execve(t, cmd.s[0], cmd.s, envp->s);
	gdb_exec_failed(t);
	strvec_free(&cmd);
	return r;
}

/* The file behind /proc/self/exe is the guest's, not metic. */
static void resolve_self(struct linux_task *t, char host[PATH_MAX])
{
	char link[PATH_MAX];
	if (proc_readlink(t, host, link, sizeof(link)) != PROC_NOT_OURS)
		snprintf(host, PATH_MAX, "%s", t->p->exe);
}

static i64 exec_path(
    struct linux_task *t, char host[PATH_MAX], gva_t argv, gva_t envp)
{
	struct strvec av = { 0 }, ev = { 0 };
	u64 bytes = 0;
	char env[64];
	int fd = -1;

	resolve_self(t, host);
	int r = strvec_read(t, &av, argv, &bytes);
	if (r == 0)
		r = strvec_read(t, &ev, envp, &bytes);
	if (r == 0 && t->seccomp) {
		fd = seccomp_pass_on(t, env);
		r = fd < 0 ? fd : strvec_copy(&ev, env);
	}
	if (r == 0)
		r = run_program(t, host, &av, &ev);
	if (fd >= 0)
		close(fd);
	strvec_free(&av);
	strvec_free(&ev);
	return r;
}

i64 sys_execve(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX];
	int r = path_lookup(t, AT_FDCWD, a[0], host, 0);
	return r ? r : exec_path(t, host, a[1], a[2]);
}

/*
 * A descriptor's file by name, because the new metic must be able to open
 * it after close-on-exec: its path if it still has one, else a copy of the
 * descriptor that stays open (a memory file: one descriptor leaks).
 */
static int name_of_fd(int fd, char host[PATH_MAX])
{
	char link[32];
	struct stat a, b;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fstat(fd, &a) < 0)
		return -errno;
	ssize_t n = readlink(link, host, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	host[n] = 0;
	if (host[0] == '/' && stat(host, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino)
		return 0;
	int copy = fcntl(fd, F_DUPFD, 500);
	if (copy < 0)
		copy = fcntl(fd, F_DUPFD, 3);
	if (copy < 0)
		return -errno;
	snprintf(host, PATH_MAX, "/proc/self/fd/%d", copy);
	return 0;
}

/* (dirfd, path, argv, envp, flags) */
i64 sys_execveat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX], dir[PATH_MAX], abs[2 * PATH_MAX];
	int dirfd = (int)a[0], flags = (int)a[4];
	struct stat st;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	bool nofollow = flags & AT_SYMLINK_NOFOLLOW;
	int r = path_lookup(t, dirfd, a[1], host,
	    (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0) |
		(nofollow ? PATH_NOFOLLOW : 0));
	if (r)
		return r;
	if (!host[0]) {
		r = name_of_fd(dirfd, host);
	} else if (host[0] != '/' && dirfd != AT_FDCWD) {
		r = name_of_fd(dirfd, dir);
		if (r == 0 && strlen(dir) + strlen(host) + 2 > PATH_MAX)
			r = -ENAMETOOLONG;
		if (r == 0) {
			snprintf(abs, sizeof(abs), "%s/%s", dir, host);
			memcpy(host, abs, strlen(abs) + 1);
		}
	}
	if (r == 0 && nofollow && lstat(host, &st) == 0 && S_ISLNK(st.st_mode))
		r = -ELOOP;
	return r ? r : exec_path(t, host, a[2], a[3]);
}
