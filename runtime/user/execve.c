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
#include "runtime/user/sample.h"
#include "runtime/user/seccomp.h"
#include "runtime/user/signal.h"

#define ARGS_MAX ((u64)6 << 20) /* bytes of strings, as Linux's 3/4 of 8M */
#define ARG_MAX1 ((size_t)128 << 10) /* one string: MAX_ARG_STRLEN */
#define NARGS_MAX 0x40000

/* --- vectors of strings -------------------------------------------------- */

/*
 * All of it is in the task's arena: after a vfork the host's execve leaves
 * it to the parent, who frees the task.
 */
struct strvec {
	char **s; /* NULL-terminated */
	size_t n, cap;
};

static int strvec_add(struct arena *a, struct strvec *v, char *s)
{
	if (!s)
		return -ENOMEM;
	if (v->n + 2 > v->cap) {
		size_t cap = MAX(2 * v->cap, 16);
		char **r = arena_new(a, char *, cap);
		if (!r)
			return -ENOMEM;
		if (v->n)
			memcpy(r, v->s, v->n * sizeof(*r));
		v->s = r;
		v->cap = cap;
	}
	v->s[v->n++] = s;
	v->s[v->n] = NULL;
	return 0;
}

static int strvec_copy(struct arena *a, struct strvec *v, const char *s)
{
	size_t n = strlen(s) + 1;
	char *c = arena_alloc(a, n);

	if (c)
		memcpy(c, s, n);
	return strvec_add(a, v, c);
}

/* The guest's vector at gva, which may be NULL: then it is empty. */
static int strvec_read(
    struct linux_task *t, struct strvec *v, gva_t gva, u64 *bytes)
{
	u64 at;

	v->n = 0;
	v->cap = 2;
	v->s = arena_new(&t->exec_arena, char *, v->cap);
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
		char *s = arena_alloc(&t->exec_arena, (size_t)len + 1);
		if (s && !mem_read(t->v, s, at, (size_t)len))
			return -EFAULT;
		int r = strvec_add(&t->exec_arena, v, s);
		if (r)
			return r;
	}
	return 0;
}

/* --- what kind of program ------------------------------------------------ */

enum kind { KIND_GUEST = 1, KIND_NATIVE };

/*
 * Is it open for writing? Only the kernel can tell, and tells who may take
 * a lease on the file. A writer who comes in that moment waits for us, and
 * of that tells us a signal that is ignored by default.
 */
static bool is_busy(int fd)
{
	fcntl(fd, F_SETSIG, SIGURG);
	bool busy = fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return busy;
}

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
	if (r == 0 && is_busy(f.fd))
		r = -ETXTBSY;
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

static int may_execute(const char *host)
{
	struct stat st;

	if (stat(host, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, host, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* KIND_*, or the -errno that execve gives. */
static int classify(struct linux_process *p, const char *path)
{
	char host[PATH_MAX], next[PATH_MAX];
	struct script sc;

	snprintf(host, sizeof(host), "%s", path);
	for (int depth = 0; depth < 6; depth++) {
		int r = may_execute(host);
		if (r < 0)
			return r;
		r = script_read(host, &sc);
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
static int rerun_vector(struct linux_task *t, const char *gdb, const char *host,
    const struct strvec *argv, struct strvec *out)
{
	char path[PATH_MAX + 2];
	int r = 0;

	snprintf(path, sizeof(path), "%s%s", host[0] == '-' ? "./" : "", host);
	for (size_t i = 0; r == 0 && t->p->cfg.rerun[i]; i++)
		r = strvec_copy(&t->exec_arena, out, t->p->cfg.rerun[i]);
	if (r == 0 && gdb)
		r = strvec_copy(&t->exec_arena, out, "-g");
	if (r == 0 && gdb)
		r = strvec_copy(&t->exec_arena, out, gdb);
	if (r == 0)
		r = strvec_copy(&t->exec_arena, out, "-0");
	if (r == 0)
		r = strvec_copy(&t->exec_arena, out, argv->n ? argv->s[0] : "");
	if (r == 0)
		r = strvec_copy(&t->exec_arena, out, path);
	for (size_t i = 1; r == 0 && i < argv->n; i++)
		r = strvec_copy(&t->exec_arena, out, argv->s[i]);
	return r;
}

static int host_execve(
    struct linux_task *t, const char *prog, char **argv, char **envp)
{
	const u64 a[6] = { (u64)prog, (u64)argv, (u64)envp };
	exec_cache_save(t->p->vm);
	exec_ending(t->p->vm);
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

/*
 * Only the kernel gives a setuid program its rights, and only where it runs
 * guest programs itself (metic binfmt). In a sysroot they are not given: what
 * such a program trusts would be chosen by who starts it.
 */
static bool gains_rights(const char *host)
{
	const mode_t by_group = S_ISGID | S_IXGRP;
	struct stat st;

	return stat(host, &st) == 0 &&
	    (((st.st_mode & S_ISUID) && st.st_uid != geteuid()) ||
		((st.st_mode & by_group) == by_group &&
		    st.st_gid != getegid()));
}

/* The new metic sees only `host`; the guest said `fn`, which may be NULL. */
static int pass_name(
    struct linux_task *t, const char *host, const char *fn, struct strvec *envp)
{
	char own[PATH_MAX], env[sizeof(EXEC_FN_ENV) + PATH_MAX];

	snprintf(own, sizeof(own), "%s", host);
	path_to_guest(t->p, own);
	if (!fn || (!strcmp(own, fn) && own[0] != '-'))
		return 0;
	snprintf(env, sizeof(env), EXEC_FN_ENV "%s", fn);
	return strvec_copy(&t->exec_arena, envp, env);
}

static int run_program(struct linux_task *t, const char *host, const char *fn,
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
	sample_ended(p, kind != KIND_NATIVE && p->cfg.rerun);
	if (kind == KIND_NATIVE)
		return run_native(t, host, argv, envp);
	if (!p->cfg.rerun) /* the host may know how: binfmt_misc */
		return host_execve(t, host, argv->s, envp->s);
	if (!p->cfg.sysroot && !t->seccomp && gains_rights(host)) {
		int err = run_native(t, host, argv, envp);
		if (err != -ENOEXEC)
			return err;
	}
	bool debugged = gdb_exec(t, gdb, sizeof(gdb));
	int r = limits_pass_on(p, limits) ?
	    strvec_copy(&t->exec_arena, envp, limits) :
	    0;
	if (r == 0)
		r = pass_name(t, host, fn, envp);
	if (r == 0)
		r = rerun_vector(t, debugged ? gdb : NULL, host, argv, &cmd);
	if (r == 0)
		r = host_execve(t, cmd.s[0], cmd.s, envp->s);
	gdb_exec_failed(t);
	return r;
}

/*
 * A program that has no name but its descriptor (a memory file) must live
 * through close-on-exec: as a copy, which the new metic is told to hide.
 */
static int pin_descriptor(
    struct linux_task *t, char host[PATH_MAX], struct strvec *envp, int *copy)
{
	struct script sc;
	char env[32];
	int fd, end = 0;

	if (sscanf(host, "/proc/self/fd/%d%n", &fd, &end) != 1 || host[end])
		return 0;
	if (script_read(host, &sc) == 1) /* its interpreter is the program */
		return 0;
	*copy = fcntl(fd, F_DUPFD, 500);
	if (*copy < 0)
		*copy = fcntl(fd, F_DUPFD, 3);
	if (*copy < 0)
		return -errno;
	snprintf(host, PATH_MAX, "/proc/self/fd/%d", *copy);
	snprintf(env, sizeof(env), EXEC_FD_ENV "%d", *copy);
	return strvec_copy(&t->exec_arena, envp, env);
}

static i64 exec_path(struct linux_task *t, char host[PATH_MAX], const char *fn,
    gva_t argv, gva_t envp)
{
	struct strvec av = { 0 }, ev = { 0 };
	u64 bytes = 0;
	char env[64];
	int fd = -1, copy = -1;

	int r = may_execute(host);
	if (r == 0)
		r = strvec_read(t, &av, argv, &bytes);
	if (r == 0)
		r = strvec_read(t, &ev, envp, &bytes);
	if (r == 0 && t->seccomp) {
		fd = seccomp_pass_on(t, env);
		r = fd < 0 ? fd : strvec_copy(&t->exec_arena, &ev, env);
	}
	if (r == 0)
		r = pin_descriptor(t, host, &ev, &copy);
	if (r == 0)
		r = run_program(t, host, fn, &av, &ev);
	if (fd >= 0)
		close(fd);
	if (copy >= 0)
		close(copy);
	arena_free(&t->exec_arena);
	return r;
}

i64 sys_execve(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX], fn[PATH_MAX];
	int r = path_lookup(t, AT_FDCWD, a[0], host, 0);
	if (r == 0 && guest_string(t, fn, a[0], sizeof(fn)) < 0)
		r = -EFAULT;
	return r ? r : exec_path(t, host, fn, a[1], a[2]);
}

/*
 * A descriptor's file by name, because the new metic must be able to open
 * it after close-on-exec: its path if it still has one.
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
	snprintf(host, PATH_MAX, "/proc/self/fd/%d", fd);
	return 0;
}

/* (dirfd, path, argv, envp, flags) */
i64 sys_execveat(struct linux_task *t, const u64 a[6])
{
	char host[PATH_MAX], dir[PATH_MAX], abs[2 * PATH_MAX];
	int dirfd = (int)a[0], flags = (int)a[4];
	struct script sc;
	struct stat st;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	bool nofollow = flags & AT_SYMLINK_NOFOLLOW;
	int r = path_lookup(t, dirfd, a[1], host,
	    (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0) |
		(nofollow ? PATH_NOFOLLOW : 0));
	if (r)
		return r;
	if (!host[0] && dirfd == AT_FDCWD) {
		snprintf(host, sizeof(host), ".");
	} else if (!host[0]) {
		r = name_of_fd(dirfd, host);
		/* its interpreter could not open it any more */
		if (r == 0 && (fcntl(dirfd, F_GETFD) & FD_CLOEXEC) &&
		    script_read(host, &sc) == 1)
			r = -ENOENT;
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
	return r ? r : exec_path(t, host, NULL, a[2], a[3]);
}
