/*
 * fork.c - a child with a copy of the memory.
 *
 * The usual fork is the C library's, because the child goes on using that
 * library: fork() makes sure that no lock of it is left taken by a thread
 * that the child does not have. What fork() cannot ask for (namespaces,
 * shared descriptors, another exit signal, chosen pids) is done by the
 * kernel's clone3 itself, which is right where no other thread is.
 *
 * CLONE_VFORK without CLONE_VM: the parent waits on a pipe whose other end
 * the child alone has, and loses when it executes a program or ends. The
 * kernel's own waiting would keep our locks from the other threads.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/user/clone.h"
#include "runtime/user/gdb_target.h"
#include "runtime/user/handlers.h"
#include "runtime/user/process.h"
#include "runtime/user/sample.h"
#include "runtime/user/signal.h"

/* Locks are taken in this order everywhere. */
static void lock_all(struct linux_process *p, bool copy)
{
	pthread_mutex_lock(&p->mm->lock);
	pthread_mutex_lock(&p->lock);
	pthread_mutex_lock(&p->sig_lock);
	exec_fork_prepare(p->vm, copy);
}

static void unlock_all(struct linux_process *p)
{
	exec_fork_parent(p->vm);
	pthread_mutex_unlock(&p->sig_lock);
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_unlock(&p->mm->lock);
}

/* The process as the child finds it, with t as its only task. */
static void adopt_process(struct linux_process *p, struct linux_task *t)
{
	lock_init(&p->mm->lock);
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->sig_lock, NULL);
	pthread_cond_init(&p->idle, NULL);
	while (p->tasks) {
		struct linux_task *next = p->tasks->next;
		if (p->tasks != t)
			free(p->tasks); /* its vCPU is gone already */
		p->tasks = next;
	}
	t->next = NULL;
	p->tasks = t;
	p->ntasks = 1;
	p->have_last = false;
	p->forked = true;
	p->sharers = 0;
	if (p->vfork_fd >= 0)
		linux_fd_drop(p, p->vfork_fd); /* our parent's, not ours */
	p->vfork_fd = -1;
}

/* In the child: t is all there is. */
static void become_child(
    struct linux_task *t, const struct clone_args_host *ca, int vfork_fd)
{
	struct linux_process *p = t->p;
	const struct linux_abi *abi = p->abi;
	int err = exec_fork_child(t->v);

	adopt_process(p, t);
	if (vfork_fd >= 0) {
		p->vfork_fd = linux_fd_hide(p, vfork_fd);
		if (p->vfork_fd < 0) /* closed: the parent goes on */
			p->vfork_fd = -1;
	}
	t->leader = true;
	t->tid = gettid();
	t->robust_list = 0;
	gdb_forked(t);
	sample_forked(t);
	if (err) {
		struct linux_exit ex = { .signaled = true, .status = SIGKILL };
		linux_warn(p, "no memory for a forked process");
		process_finish(&ex);
	}
	u64 *s = t->v->abi.state;
	if (ca->stack)
		s[abi->slot_sp] = ca->stack + ca->stack_size;
	if (ca->flags & CLONE_SETTLS)
		s[abi->slot_tls] = ca->tls;
	clone_tell_child(t->v, t, ca);
	if (ca->flags & CLONE_CLEAR_SIGHAND)
		clone_clear_handlers(p);
}

/* --- forks that only the kernel can do --- */

static bool is_plain(const struct clone_args_host *ca)
{
	/* glibc's fork shares neither of these and nobody can tell */
	const u64 same = CLONE_PIDFD | CLONE_SYSVSEM | CLONE_IO;
	return !(ca->flags & CLONE_BY_KERNEL & ~same) &&
	    ca->exit_signal == SIGCHLD && !ca->set_tid_size;
}

u64 clone_tid_address(struct linux_task *t)
{
	u64 at = 0;
	if (t->tid_address)
		return t->tid_address;
	/* what the C library told the kernel when the thread began */
	if (prctl(PR_GET_TID_ADDRESS, &at) < 0)
		return 0;
	return at;
}

bool process_alone(struct linux_process *p)
{
	pthread_mutex_lock(&p->lock);
	for (struct linux_task *o = p->tasks; o;) {
		if (!o->leaving || p->ntasks == 1) {
			o = o->next;
			continue;
		}
		/* it has ended for the guest, who may have joined it */
		pthread_cond_wait(&p->idle, &p->lock);
		o = p->tasks;
	}
	bool one = p->ntasks == 1 && !p->sharers;
	bool any = one && p->have_last;
	pthread_t last = p->last_thread;
	if (any)
		p->have_last = false;
	pthread_mutex_unlock(&p->lock);
	if (any)
		pthread_join(last, NULL);
	return one;
}

static i64 kernel_fork(struct clone_args *ka)
{
	const u64 a[6] = { (u64)(uintptr_t)ka, sizeof(*ka) };
	i64 r = host_call(SYS_clone3, a);
#if defined(__x86_64__)
	/* Sandboxes hide clone3 to be able to look at the flags. */
	if (r == -ENOSYS && !(ka->flags >> 32) && !ka->set_tid_size) {
		const u64 b[6] = { ka->flags | ka->exit_signal, 0, ka->pidfd,
			ka->child_tid };
		r = host_call(SYS_clone, b);
	}
#endif
	return r;
}

/* --- fork --- */

struct fork_plan {
	bool plain;
	struct clone_args ka; /* not plain */
	pid_t tids[CLONE_NTIDS];
	i32 pidfd; /* made by the kernel; -1: not */
	int wait[2]; /* CLONE_VFORK's pipe; -1: none */
};

static int plan_fork(
    struct linux_task *t, const struct clone_args_host *ca, struct fork_plan *f)
{
	f->plain = is_plain(ca);
	f->pidfd = f->wait[0] = f->wait[1] = -1;
	if (!f->plain) {
		u64 tid_at = clone_tid_address(t);
		if (!tid_at || !process_alone(t->p)) {
			linux_warn(t->p,
			    "clone with flags %#llx is not supported in a "
			    "process with threads",
			    (unsigned long long)ca->flags);
			return -EINVAL;
		}
		int r = clone_host_args(t, ca, &f->ka, f->tids);
		if (r)
			return r;
		f->ka.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		f->ka.child_tid = tid_at;
		f->ka.pidfd = (u64)(uintptr_t)&f->pidfd;
	}
	if ((ca->flags & CLONE_VFORK) && pipe2(f->wait, O_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static i64 do_fork(
    struct linux_task *t, const struct clone_args_host *ca, struct fork_plan *f)
{
	lock_all(t->p, !(ca->flags & CLONE_FILES));
	i64 pid = f->plain ? fork() : kernel_fork(&f->ka);
	i64 err = pid < 0 ? (f->plain ? -errno : pid) : 0;
	if (pid == 0) {
		if (f->wait[0] >= 0)
			close(f->wait[0]);
		become_child(t, ca, f->wait[1]);
		return 0;
	}
	unlock_all(t->p);
	if (pid > 0)
		clone_tell_parent(t, ca, (pid_t)pid, f->pidfd);
	if (f->wait[0] >= 0) {
		char c;
		close(f->wait[1]);
		while (pid > 0 && read(f->wait[0], &c, 1) < 0 && errno == EINTR)
			;
		close(f->wait[0]);
	}
	return err ? err : pid;
}

i64 fork_clone(struct linux_task *t, const struct clone_args_host *ca)
{
	struct fork_plan f;
	int r = plan_fork(t, ca, &f);
	if (r)
		return r;
	/* A signal caught for the parent must not be copied to the child. */
	u64 mask = signal_host_swap(~(u64)0);
	i64 pid = SYS_RESTART_ALWAYS;
	if (!t->pending) {
		pid = do_fork(t, ca, &f);
	} else if (f.wait[0] >= 0) {
		close(f.wait[0]);
		close(f.wait[1]);
	}
	signal_host_set(mask);
	return pid;
}
