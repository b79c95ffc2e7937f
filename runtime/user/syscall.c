/*
 * syscall.c - from a system call number to what does it.
 *
 * The table is made from syscalls.def. Most rows need no code of their own:
 * guest and host are both 64-bit little-endian Linux with the same generic
 * structures and the guest's addresses are the host's, so the host kernel
 * does the call and checks the pointers. Dispatch is one index and one call.
 */
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/signal.h"
#include "runtime/user/seccomp.h"
#include "runtime/user/strace.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#define TABLE_SIZE 512 /* higher numbers are unknown */

/* --- what is not supported ------------------------------------------------ */

/* Nothing is left to be restarted: metic repeats the call itself. */
i64 sys_restart_syscall(struct linux_task *t, const u64 a[6])
{
	(void)t;
	(void)a;
	return -EINTR;
}

void syscall_remark(struct linux_task *t, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (t->p->strace_fd < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vm_log(t->p->vm, "metic: %s\n", text);
}

/* A call that nobody does: one remark for each number. */
static i64 refused(struct linux_task *t, u64 nr, const char *name, int err)
{
	u64 bit = nr < TABLE_SIZE ? nr : TABLE_SIZE - 1;
	u64 old =
	    atomic_fetch_or(&t->p->missing[bit / 64], (u64)1 << (bit % 64));

	if (!(old >> (bit % 64) & 1))
		syscall_remark(t, "system call %llu (%s) is not supported",
		    (unsigned long long)nr, name ? name : "unknown");
	return err;
}

static i64 missing(struct linux_task *t, const struct syscall_row *row, u64 nr)
{
	return refused(t, nr, row ? row->name : NULL, -ENOSYS);
}

/* --- rows without a handler ---------------------------------------------- */

/*
 * The work of a PATH row: a[path] is replaced by its host path. A path that
 * is empty or cannot be read is left to the host, which knows what is wrong
 * with the call first.
 */
static i64 call_with_path(struct linux_task *t, long nr, const u64 a[6],
    int dir, int path, int at, unsigned flags)
{
	char host[PATH_MAX];
	u64 b[6];
	int r;

	if (!path_matters(t, a[path]))
		return host_wait(t, nr, a);
	memcpy(b, a, sizeof(b));
	if (at >= 0 && (b[at] & AT_SYMLINK_NOFOLLOW))
		flags |= PATH_NOFOLLOW;
	if (at >= 0 && (b[at] & AT_SYMLINK_FOLLOW))
		flags &= ~(unsigned)PATH_NOFOLLOW;
	r = path_lookup(t, dir >= 0 ? (int)b[dir] : AT_FDCWD, b[path], host,
	    flags | PATH_EMPTY | PATH_LEAVE);
	if (r == 0)
		b[path] = (u64)(uintptr_t)host;
	else if (r < 0)
		return r;
	return host_wait(t, nr, b);
}

#define PASS(nr, name, arity, sig) \
	static i64 do_##name(struct linux_task *t, const u64 a[6]) \
	{ \
		(void)t; \
		return host_call(SYS_##name, a); \
	}
#define WAIT(nr, name, arity, sig) \
	static i64 do_##name(struct linux_task *t, const u64 a[6]) \
	{ \
		return host_wait(t, SYS_##name, a); \
	}
#define PATH(nr, name, arity, sig, dir, path, at, flags) \
	static i64 do_##name(struct linux_task *t, const u64 a[6]) \
	{ \
		return call_with_path(t, SYS_##name, a, dir, path, at, flags); \
	}
#define SYS(nr, name, arity, sig)
#define NONE(nr, name, arity, sig)
#define DENY(nr, name, arity, sig) \
	static i64 do_##name(struct linux_task *t, const u64 a[6]) \
	{ \
		(void)a; \
		return refused(t, nr, #name, -EPERM); \
	}
#include "runtime/user/syscalls.def"
#undef PASS
#undef WAIT
#undef PATH
#undef SYS
#undef NONE
#undef DENY

/* --- the table ----------------------------------------------------------- */

#define PASS(nr, name, arity, sig) [nr] = { #name, do_##name, sig },
#define WAIT(nr, name, arity, sig) [nr] = { #name, do_##name, sig },
#define PATH(nr, name, arity, sig, dir, path, at, flags) \
	[nr] = { #name, do_##name, sig },
#define SYS(nr, name, arity, sig) [nr] = { #name, sys_##name, sig },
#define NONE(nr, name, arity, sig) [nr] = { #name, NULL, sig },
#define DENY(nr, name, arity, sig) [nr] = { #name, do_##name, sig },
static const struct syscall_row generic_table[TABLE_SIZE] = {
#include "runtime/user/syscalls.def"
};
#undef PASS
#undef WAIT
#undef PATH
#undef SYS
#undef NONE
#undef DENY

const struct syscall_row *syscall_generic(u64 nr)
{
	return nr < TABLE_SIZE ? &generic_table[nr] : NULL;
}

/* The same as below where --strace or a seccomp filter looks on. */
static __attribute__((noinline)) i64 watched(
    struct linux_task *t, const struct syscall_row *row, u64 nr, const u64 a[6])
{
	bool traced = t->p->strace_fd >= 0;
	struct strace_line line;
	i64 r;

	if (traced)
		strace_begin(t, &line, row, nr, a);
	if (!t->seccomp || seccomp_allows(t, nr, a, &r))
		r = row && row->fn ? row->fn(t, a) : missing(t, row, nr);
	if (traced)
		strace_end(t, &line, row, a, r);
	return r;
}

i64 syscall_dispatch(struct linux_task *t, u64 nr, const u64 a[6])
{
	const struct linux_abi *abi = t->p->abi;
	const struct syscall_row *row;

	if (likely(abi->syscall == syscall_generic))
		row = nr < TABLE_SIZE ? &generic_table[nr] : NULL;
	else
		row = abi->syscall(nr);
	/* The mask counts from now on, see signal.c. */
	if (!row ||
	    (row->fn != sys_rt_sigreturn && row->fn != sys_rt_sigprocmask))
		signal_sync_mask(t);
	if (unlikely(t->p->strace_fd >= 0 || t->seccomp))
		return watched(t, row, nr, a);
	if (unlikely(!row || !row->fn))
		return missing(t, row, nr);
	return row->fn(t, a);
}
