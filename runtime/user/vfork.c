/*
 * vfork.c - a child process in the same memory: vfork, posix_spawn, and
 * clone with CLONE_VM alone.
 *
 * The child is a host process that shares our memory, with a task, a vCPU
 * and a C stack of its own and a struct linux_process that is a copy: its
 * signal actions and its end are its own, the mappings (linux_mm) are
 * shared. It never returns from vfork_main but through the kernel.
 *
 * The C library's thread-local data is what such a child lacks. With
 * CLONE_VFORK it runs on the parent's, who waits in the kernel meanwhile.
 * Without, a host thread is made to lend its own: it makes the child with
 * CLONE_VFORK and so waits as long as the child lives.
 */
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/user/clone.h"
#include "runtime/user/handlers.h"
#include "runtime/user/process.h"
#include "runtime/user/signal.h"

#define VFORK_STACK ((size_t)1 << 20)
#define LENDER_STACK ((size_t)256 << 10)

struct vfork_start {
	struct linux_task *parent, *child;
	const struct clone_args_host *ca;
	struct clone_args ka;
	pid_t tids[CLONE_NTIDS];
	i32 pid; /* as the parent sees it, the kernel writes it */
	i32 pidfd;
	u8 *stack;
	bool lent; /* on the thread-local data of a lender */
	sem_t ready; /* lent: the child has begun, or error is set */
	i64 error;
};

/* --- the child --- */

/* The first thread of the child may end before its others. */
static void wait_for_others(struct linux_process *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->ntasks > 1)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static int vfork_main(void *arg)
{
	struct vfork_start *st = arg;
	struct linux_task *c = st->child;

	c->tid = gettid();
	if (st->lent) {
		sem_post(&st->ready); /* the parent tells, then lets go */
		pthread_mutex_lock(&c->hold);
		pthread_mutex_unlock(&c->hold);
	} else {
		/* its fault guard */
		clone_tell_child(st->parent->v, c, st->ca);
		if (st->ca->flags & CLONE_PARENT_SETTID)
			mem_write(st->parent->v, st->ca->parent_tid, &st->pid,
			    sizeof(st->pid));
	}
	if (c->clear_child_tid) { /* the kernel does it if we are killed */
		const u64 a[6] = { c->clear_child_tid };
		host_call(SYS_set_tid_address, a);
	}
	if (st->ca->flags & CLONE_CLEAR_SIGHAND)
		clone_clear_handlers(c->p);
	exec_request(c->v, REQ_EVENT);
	linux_task_run(c);
	/* exit(2); all other ways out do not return here. */
	wait_for_others(c->p);
	return c->p->end.status;
}

/* The child's own view of the process: actions; the memory is shared. */
static struct linux_process *borrow(struct linux_process *p)
{
	struct linux_process *cp = malloc(sizeof(*cp));
	if (!cp)
		return NULL;
	pthread_mutex_lock(&p->sig_lock);
	memcpy((void *)cp, (const void *)p, sizeof(*cp));
	pthread_mutex_unlock(&p->sig_lock);
	pthread_mutex_init(&cp->lock, NULL);
	pthread_mutex_init(&cp->sig_lock, NULL);
	pthread_cond_init(&cp->idle, NULL);
	cp->tasks = NULL;
	cp->debug = NULL; /* the parent's alone */
	cp->ntasks = 0;
	cp->have_last = false;
	cp->forked = true;
	cp->sharers = 0;
	cp->vfork_fd = -1;
	return cp;
}

/* --- the parent --- */

static void start_free(struct vfork_start *st)
{
	struct linux_process *cp = st->child ? st->child->p : NULL;
	if (cp) {
		/* a child that was killed may have held them */
		pthread_mutex_init(&cp->lock, NULL);
		lock_left(&cp->mm->lock);
		for (struct linux_task *c = cp->tasks; c; c = c->next)
			exec_abandoned(c->v);
		while (cp->tasks)
			linux_task_free(cp->tasks);
		free(cp);
	}
	if (st->stack)
		munmap(st->stack, VFORK_STACK);
	sem_destroy(&st->ready);
	free(st);
}

static struct vfork_start *start_new(
    struct linux_task *t, const struct clone_args_host *ca)
{
	struct vfork_start *st = calloc(1, sizeof(*st));
	if (!st)
		return NULL;
	sem_init(&st->ready, 0, 0);
	st->parent = t;
	st->ca = ca;
	st->pidfd = -1;
	st->lent = !(ca->flags & CLONE_VFORK);
	u8 *stack = mmap(NULL, VFORK_STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	st->stack = stack == MAP_FAILED ? NULL : stack;
	struct linux_process *cp = st->stack ? borrow(t->p) : NULL;
	if (cp && !(st->child = task_clone(t, cp, ca)))
		free(cp);
	if (!st->child) {
		start_free(st);
		return NULL;
	}
	st->child->leader = true;
	st->child->v->visitor = true;
	st->child->tid_address = clone_tid_address(t);
	return st;
}

/* Make the child; returns when it executes a program or ends. */
static i64 make_child(struct vfork_start *st)
{
	struct clone_args *ka = &st->ka;
	ka->flags |= CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID;
	ka->parent_tid = (u64)(uintptr_t)&st->pid;
	ka->pidfd = (u64)(uintptr_t)&st->pidfd;
	ka->stack = (u64)(uintptr_t)st->stack;
	ka->stack_size = VFORK_STACK;
	i64 r = -ENOSYS;
#if defined(__x86_64__)
	r = host_clone3(ka, sizeof(*ka), vfork_main, st);
#endif
	/* Sandboxes hide clone3 to be able to look at the flags. */
	if (r == -ENOSYS && !(ka->flags >> 32) && !ka->set_tid_size &&
	    !(ka->flags & CLONE_PIDFD)) {
		r = clone(vfork_main, st->stack + VFORK_STACK,
		    (int)(ka->flags | ka->exit_signal), st, &st->pid);
		r = r < 0 ? -errno : r;
	}
	return r;
}

static i64 borrow_ourselves(struct linux_task *t, struct vfork_start *st)
{
	i64 r = make_child(st);
	vcpu_adopt(t->v); /* the child ran on our TLS */
	if (r > 0)
		clone_tell_parent(t, st->ca, (pid_t)r, st->pidfd);
	return r;
}

/* The thread that lends its thread-local data to the child. */
static void *lender(void *arg)
{
	struct vfork_start *st = arg;
	struct linux_process *p = st->parent->p;

	st->child->tid_address = clone_tid_address(st->child);
	i64 r = make_child(st);
	if (r < 0) {
		st->error = r;
		sem_post(&st->ready); /* the parent frees st */
		return NULL;
	}
	start_free(st);
	pthread_mutex_lock(&p->lock);
	p->sharers--;
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static i64 start_lender(struct linux_task *t, struct vfork_start *st)
{
	struct linux_process *p = t->p;
	struct linux_task *c = st->child;
	pthread_attr_t attr;
	pthread_t th;

	pthread_mutex_lock(&p->lock);
	p->sharers++;
	pthread_mutex_unlock(&p->lock);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, LENDER_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&c->hold);
	c->tid_address = 0;
	u64 mask = signal_host_close();
	i64 r = -clone_host_thread(p, &th, &attr, lender, st);
	signal_host_open(mask);
	pthread_attr_destroy(&attr);
	while (r == 0 && sem_wait(&st->ready) < 0)
		;
	if (r == 0 && st->error == 0) {
		pid_t pid = st->pid;
		int fd = st->pidfd;
		clone_tell_parent(t, st->ca, pid, fd);
		clone_tell_child(t->v, c, st->ca);
		st = NULL; /* the lender's from here on */
		pthread_mutex_unlock(&c->hold);
		return pid;
	}
	r = r ? -EAGAIN : st->error;
	pthread_mutex_unlock(&c->hold);
	start_free(st);
	pthread_mutex_lock(&p->lock);
	p->sharers--;
	pthread_mutex_unlock(&p->lock);
	return r;
}

i64 vfork_clone(struct linux_task *t, const struct clone_args_host *ca)
{
	struct vfork_start *st = start_new(t, ca);
	if (!st)
		return -ENOMEM;
	i64 r = clone_host_args(t, ca, &st->ka, st->tids);
	u64 mask = signal_host_swap(~(u64)0);
	if (r == 0 && t->pending)
		r = SYS_RESTART_ALWAYS;
	if (r == 0 && st->lent) {
		r = start_lender(t, st);
		signal_host_set(mask);
		return r;
	}
	if (r == 0)
		r = borrow_ourselves(t, st);
	start_free(st);
	signal_host_set(mask);
	return r;
}
