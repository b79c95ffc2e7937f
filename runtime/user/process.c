/*
 * process.c - clone's arguments and which of its three forms they ask for;
 * the end of a process made by it.
 *
 * What Linux refuses is refused here in the same way, because later the
 * host's kernel sees only the part that concerns it.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "runtime/user/clone.h"
#include "runtime/user/handlers.h"
#include "runtime/user/process.h"
#include "runtime/user/sample.h"
#include "runtime/user/signal.h"

_Noreturn void process_finish(const struct linux_exit *ex)
{
	struct vcpu *v = vcpu_current();
	if (v) {
		exec_cache_save(v->vm);
		exec_ending(v->vm);
		sample_ended(v->vm->kernel, false);
	}
	if (ex->signaled) {
		const u64 dfl[4] = { 0 };
		const u64 sa[6] = { (u64)ex->status, (u64)dfl, 0, 8 };
		const u64 none = 0;
		const u64 mask[6] = { SIG_SETMASK, (u64)&none, 0, 8 };
		host_call(SYS_rt_sigaction, sa);
		kill(getpid(), ex->status);
		host_call(SYS_rt_sigprocmask, mask);
	}
	_exit(ex->signaled ? 128 + ex->status : ex->status);
}

void clone_tell_parent(struct linux_task *t, const struct clone_args_host *ca,
    pid_t pid, int pidfd)
{
	i32 word = pid;
	if (ca->flags & CLONE_PARENT_SETTID)
		mem_write(t->v, ca->parent_tid, &word, sizeof(word));
	if (ca->flags & CLONE_PIDFD) {
		/* O_EXCL: PIDFD_THREAD */
		const u64 a[6] = { (u64)pid,
			ca->flags & CLONE_THREAD ? O_EXCL : 0 };
		word = pidfd >= 0 ? pidfd : (i32)host_call(SYS_pidfd_open, a);
		mem_write(t->v, ca->pidfd, &word, sizeof(word));
	}
}

void clone_tell_child(
    struct vcpu *v, struct linux_task *t, const struct clone_args_host *ca)
{
	i32 word = t->tid;
	if (ca->flags & CLONE_CHILD_SETTID)
		mem_write(v, ca->child_tid, &word, sizeof(word));
	t->clear_child_tid =
	    ca->flags & CLONE_CHILD_CLEARTID ? ca->child_tid : 0;
}

int clone_host_args(struct linux_task *t, const struct clone_args_host *ca,
    struct clone_args *out, pid_t tids[CLONE_NTIDS])
{
	memset(out, 0, sizeof(*out));
	out->flags = ca->flags & CLONE_BY_KERNEL;
	out->exit_signal = ca->exit_signal;
	out->cgroup = ca->cgroup;
	if (!ca->set_tid_size)
		return 0;
	out->set_tid = (u64)(uintptr_t)tids;
	out->set_tid_size = ca->set_tid_size;
	return guest_read(t, tids, ca->set_tid, ca->set_tid_size * 4);
}

void clone_clear_handlers(struct linux_process *p)
{
	pthread_mutex_lock(&p->sig_lock);
	for (int s = 1; s <= LINUX_NSIG; s++)
		if (p->action[s].handler > 1) {
			memset(&p->action[s], 0, sizeof(p->action[s]));
			signal_host_action(p, s);
		}
	pthread_mutex_unlock(&p->sig_lock);
}

/* --- clone --------------------------------------------------------------- */

/* Combinations that Linux refuses. */
static bool contradictory(const struct clone_args_host *ca)
{
	u64 f = ca->flags;
#define BOTH(a, b) ((f & (a)) && (f & (b)))
	return BOTH(CLONE_NEWNS, CLONE_FS) || BOTH(CLONE_NEWUSER, CLONE_FS) ||
	    ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND)) ||
	    ((f & CLONE_SIGHAND) && !(f & CLONE_VM)) ||
	    BOTH(CLONE_THREAD, CLONE_NEWUSER | CLONE_NEWPID) ||
	    BOTH(CLONE_PIDFD, CLONE_DETACHED) ||
	    BOTH(CLONE_SIGHAND, CLONE_CLEAR_SIGHAND);
#undef BOTH
}

static i64 unsupported(struct linux_task *t, u64 flags)
{
	linux_warn(t->p, "clone with flags %#llx is not supported",
	    (unsigned long long)flags);
	return -EINVAL;
}

static i64 do_clone(struct linux_task *t, const struct clone_args_host *ca)
{
	u64 f = ca->flags;

	if (contradictory(ca))
		return -EINVAL;
	if (f & CLONE_THREAD)
		return ca->set_tid_size ? unsupported(t, f) :
					  thread_clone(t, ca);
	if (f & CLONE_SIGHAND)
		return unsupported(t, f);
	return f & CLONE_VM ? vfork_clone(t, ca) : fork_clone(t, ca);
}

/* (flags, stack, parent_tid, tls, child_tid), as CONFIG_CLONE_BACKWARDS. */
i64 sys_clone(struct linux_task *t, const u64 a[6])
{
	struct clone_args_host ca = {
		.flags = a[0] & 0xffffff00u,
		.exit_signal = a[0] & 0xff,
		.stack = a[1],
		.parent_tid = a[2],
		.tls = a[3],
		.child_tid = a[4],
		.pidfd = a[2],
	};
	if ((ca.flags & CLONE_PIDFD) && (ca.flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return ptrace_cloned(t, &ca, do_clone(t, &ca));
}

/* --- clone3 -------------------------------------------------------------- */

#define CLONE3_FLAGS \
	((0xffffffffu & ~(u64)(CSIGNAL | CLONE_DETACHED)) | CLONE_NEWTIME | \
	    CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)

static bool clone3_valid(
    const struct linux_task *t, const struct clone_args_host *ca, u64 size)
{
	u64 f = ca->flags, max = t->p->abi->task_size;

	if ((f & ~CLONE3_FLAGS) || ca->exit_signal > LINUX_NSIG ||
	    ((f & (CLONE_THREAD | CLONE_PARENT)) && ca->exit_signal))
		return false;
	if (ca->set_tid_size > CLONE_NTIDS ||
	    (ca->set_tid == 0) != (ca->set_tid_size == 0))
		return false;
	if ((f & CLONE_INTO_CGROUP) &&
	    (ca->cgroup > INT_MAX || size < CLONE_ARGS_SIZE_VER2))
		return false;
	if ((ca->stack == 0) != (ca->stack_size == 0))
		return false;
	return ca->stack < max && ca->stack_size <= max - ca->stack;
}

/* A later version of the structure will do if what we do not know is 0. */
static int clone3_rest(struct linux_task *t, gva_t at, u64 size)
{
	u8 byte;
	for (u64 i = sizeof(struct clone_args_host); i < size; i++) {
		if (guest_get(t, byte, at + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return 0;
}

i64 sys_clone3(struct linux_task *t, const u64 a[6])
{
	struct clone_args_host ca;

	memset(&ca, 0, sizeof(ca));
	if (a[1] > HOST_PAGE)
		return -E2BIG;
	if (a[1] < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	int r = clone3_rest(t, a[0], a[1]);
	if (r)
		return r;
	if (guest_read(t, &ca, a[0], MIN(a[1], sizeof(ca))))
		return -EFAULT;
	if (!clone3_valid(t, &ca, a[1]))
		return -EINVAL;
	return ptrace_cloned(t, &ca, do_clone(t, &ca));
}

/* --- namespaces ---------------------------------------------------------- */

/*
 * Some need a process without threads: those that ended but were not yet
 * joined are none. The kernel counts a thread for a moment longer than the
 * one who joins it can tell.
 */
i64 sys_unshare(struct linux_task *t, const u64 a[6])
{
	const struct timespec moment = { .tv_nsec = 100000 };
	bool one = process_alone(t->p);
	if (one)
		exec_alone(t->p->vm);
	i64 r = host_call(SYS_unshare, a);
	for (int i = 0; i < 20 && one && r == -EINVAL; i++) {
		nanosleep(&moment, NULL);
		r = host_call(SYS_unshare, a);
	}
	if (one)
		exec_go_on(t->p->vm);
	return r;
}

i64 sys_setns(struct linux_task *t, const u64 a[6])
{
	bool one = process_alone(t->p);
	if (one)
		exec_alone(t->p->vm);
	i64 r = host_call(SYS_setns, a);
	if (one)
		exec_go_on(t->p->vm);
	return r;
}

/* --- refused on purpose -------------------------------------------------- */

/*
 * Restartable sequences need the kernel to watch the guest's pc; C libraries
 * do without when it says no. Every program asks, so no line in the log.
 */
i64 sys_rseq(struct linux_task *t, const u64 a[6])
{
	(void)t;
	(void)a;
	return -ENOSYS;
}
