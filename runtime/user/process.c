/*
 * process.c - new processes: clone's dispatch, fork and vfork.
 *
 * fork is the host's fork: memory is copied with everything metic has in it,
 * and the child goes on with the one thread that called. vfork is the host's
 * vfork: the child is a task of its own with its own vCPU, run on a second C
 * stack in the parent's memory, while the kernel holds the parent's thread.
 * So posix_spawn's way of reporting errors through memory works. A child's
 * host process never returns from linux_run; it ends in process_finish.
 */
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/user/clone.h"
#include "runtime/user/handlers.h"
#include "runtime/user/process.h"
#include "runtime/user/signal.h"

#define VFORK_STACK ((size_t)1 << 20)

_Noreturn void process_finish(const struct linux_exit *ex)
{
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

void clone_tell_parent(
    struct linux_task *t, const struct clone_args_host *ca, pid_t pid)
{
	i32 word = pid;
	if (ca->flags & CLONE_PARENT_SETTID)
		mem_write(t->v, ca->parent_tid, &word, sizeof(word));
	if (ca->flags & CLONE_PIDFD) {
		const u64 a[6] = { (u64)pid, 0 };
		word = (i32)host_call(SYS_pidfd_open, a);
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

/* --- fork ---------------------------------------------------------------- */

/* Locks are taken in this order everywhere. */
static void lock_all(struct linux_process *p)
{
	pthread_mutex_lock(&p->mm_lock);
	pthread_mutex_lock(&p->lock);
	pthread_mutex_lock(&p->sig_lock);
	exec_fork_prepare(p->vm);
}

static void unlock_all(struct linux_process *p)
{
	exec_fork_parent(p->vm);
	pthread_mutex_unlock(&p->sig_lock);
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_unlock(&p->mm_lock);
}

/* In the child: t is all there is. */
static void become_child(struct linux_task *t, const struct clone_args_host *ca)
{
	struct linux_process *p = t->p;
	const struct linux_abi *abi = p->abi;
	int err = exec_fork_child(t->v);

	pthread_mutex_init(&p->mm_lock, NULL);
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
	t->leader = true;
	t->tid = gettid();
	t->robust_list = 0;
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
}

i64 fork_clone(struct linux_task *t, const struct clone_args_host *ca)
{
	/* A signal caught for the parent must not be copied to the child. */
	u64 mask = signal_host_set(~(u64)0);
	if (t->pending) {
		signal_host_set(mask);
		return SYS_RESTART_ALWAYS;
	}
	lock_all(t->p);
	pid_t pid = fork();
	int err = errno;
	if (pid == 0) {
		become_child(t, ca);
		signal_host_set(mask);
		return 0;
	}
	unlock_all(t->p);
	if (pid > 0)
		clone_tell_parent(t, ca, pid);
	signal_host_set(mask);
	return pid < 0 ? -err : pid;
}

/* --- vfork --------------------------------------------------------------- */

struct vfork_start {
	struct linux_task *parent, *child;
	const struct clone_args_host *ca;
};

static int vfork_main(void *arg)
{
	struct vfork_start *st = arg;
	struct linux_task *c = st->child;

	c->tid = gettid();
	clone_tell_child(st->parent->v, c, st->ca); /* its fault guard */
	exec_request(c->v, REQ_EVENT);
	linux_task_run(c);
	/* exit(2); all other ways out do not return here. */
	return c->exit_status;
}

/* The child's own view of the process: actions, brk; the rest is shared. */
static struct linux_process *borrow(struct linux_process *p)
{
	struct linux_process *cp = malloc(sizeof(*cp));
	if (!cp)
		return NULL;
	pthread_mutex_lock(&p->sig_lock);
	memcpy((void *)cp, (const void *)p, sizeof(*cp));
	pthread_mutex_unlock(&p->sig_lock);
	pthread_mutex_init(&cp->mm_lock, NULL);
	pthread_mutex_init(&cp->lock, NULL);
	pthread_mutex_init(&cp->sig_lock, NULL);
	pthread_cond_init(&cp->idle, NULL);
	cp->tasks = NULL;
	cp->ntasks = 0;
	cp->have_last = false;
	cp->forked = true;
	return cp;
}

static void give_back(struct linux_process *p, struct linux_process *cp)
{
	pthread_mutex_lock(&p->mm_lock);
	p->brk_end = cp->brk_end;
	p->brk_mapped = cp->brk_mapped;
	pthread_mutex_unlock(&p->mm_lock);
	free(cp);
}

i64 vfork_clone(struct linux_task *t, const struct clone_args_host *ca)
{
	struct linux_process *cp = borrow(t->p);
	if (!cp)
		return -ENOMEM;
	struct linux_task *c = task_clone(t, cp, ca);
	u8 *stack = mmap(NULL, VFORK_STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	i64 r = -ENOMEM;
	u64 mask = signal_host_set(~(u64)0);

	if (t->pending) {
		r = SYS_RESTART_ALWAYS;
	} else if (c && stack != MAP_FAILED) {
		struct vfork_start st = { t, c, ca };
		c->leader = true;
		pid_t pid = clone(vfork_main, stack + VFORK_STACK,
		    CLONE_VM | CLONE_VFORK | SIGCHLD, &st);
		r = pid < 0 ? -errno : pid;
		vcpu_adopt(t->v); /* the child ran on our TLS */
		if (pid > 0)
			clone_tell_parent(t, ca, pid);
	}
	if (stack != MAP_FAILED)
		munmap(stack, VFORK_STACK);
	if (c)
		linux_task_free(c);
	give_back(t->p, cp);
	signal_host_set(mask);
	return r;
}

/* --- clone --------------------------------------------------------------- */

#define THREAD_NEEDS \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static i64 unsupported(struct linux_task *t, u64 flags)
{
	linux_warn(t->p, "clone with flags %#llx is not supported",
	    (unsigned long long)flags);
	return -EINVAL;
}

static i64 do_clone(struct linux_task *t, const struct clone_args_host *ca)
{
	u64 f = ca->flags;

	if (((f & CLONE_SIGHAND) && !(f & CLONE_VM)) ||
	    ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND)))
		return -EINVAL;
	if (f & CLONE_THREAD) {
		if ((f & THREAD_NEEDS) != THREAD_NEEDS ||
		    (f & (NAMESPACES | CLONE_VFORK | CLONE_PIDFD)))
			return unsupported(t, f);
		return thread_clone(t, ca);
	}
	if ((f &
		(NAMESPACES | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
		    CLONE_PARENT | CLONE_PTRACE)) ||
	    (ca->exit_signal != SIGCHLD && ca->exit_signal != 0) ||
	    ca->set_tid_size)
		return unsupported(t, f);
	if ((f & CLONE_VM) && (f & CLONE_VFORK))
		return vfork_clone(t, ca);
	if (f & CLONE_VM)
		return unsupported(t, f);
	return fork_clone(t, ca);
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
	return do_clone(t, &ca);
}

#define CLONE3_MIN 64 /* CLONE_ARGS_SIZE_VER0 */

i64 sys_clone3(struct linux_task *t, const u64 a[6])
{
	struct clone_args_host ca;

	memset(&ca, 0, sizeof(ca));
	if (a[1] < CLONE3_MIN)
		return -EINVAL;
	if (a[1] > sizeof(ca))
		return -E2BIG;
	if (guest_read(t, &ca, a[0], a[1]))
		return -EFAULT;
	if ((ca.flags & 0xff) || (ca.stack == 0) != (ca.stack_size == 0) ||
	    ca.exit_signal > LINUX_NSIG)
		return -EINVAL;
	return do_clone(t, &ca);
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
