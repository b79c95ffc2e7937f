/*
 * thread.c - guest threads: clone of a thread, its end, futexes.
 *
 * A guest thread is a host thread with a vCPU of its own. Its tid is the
 * host's, so futex words, robust lists, tgkill, timers and scheduling calls
 * need no translation. Ended host threads are joined in a chain, each by the
 * next one to end and the last by linux_run, so that none is left running
 * when the VM is freed.
 */
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "runtime/user/clone.h"
#include "runtime/user/gdb_target.h"
#include "runtime/user/handlers.h"
#include "runtime/user/process.h"
#include "runtime/user/signal.h"

#define THREAD_STACK ((size_t)1 << 20)

struct thread_start {
	struct linux_task *task;
	u64 apart; /* what the host thread must not share, CLONE_* */
	i64 error;
	sem_t ready;
};

/* --- the end of a thread ------------------------------------------------- */

static void futex_wake(gva_t at, int n)
{
	const u64 a[6] = { at, FUTEX_WAKE, (u64)n };
	host_call(SYS_futex, a);
}

/*
 * One entry of a dying thread's robust list. A waiter for a PI futex is
 * woken by the kernel, when the host thread ends.
 */
static void robust_release(
    struct linux_task *t, gva_t at, bool pi, bool pending)
{
	u32 word;
	bool done = false;
	if ((at & 3) || guest_get(t, word, at))
		return;
	while (!done) {
		/* A pending unlock may have happened already: wake one. */
		if (pending && !pi && word == 0) {
			futex_wake(at, 1);
			return;
		}
		if ((word & FUTEX_TID_MASK) != (u32)t->tid)
			return;
		u32 dead = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (!mem_swap32(t->v, at, &word, dead, &done))
			return;
	}
	if (!pi && (word & FUTEX_WAITERS))
		futex_wake(at, 1);
}

/*
 * The kernel walks the list when the host thread ends; by then the guest's
 * joiner may have unmapped it, so it is walked here first.
 */
static void robust_walk(struct linux_task *t)
{
	struct {
		u64 next, offset, pending;
	} head;
	gva_t list = t->robust_list;
	u64 entry;

	if (!list || guest_get(t, head, list))
		return;
	entry = head.next;
	for (int n = 0; n < 2048 && (entry & ~(u64)1) != list; n++) {
		gva_t at = entry & ~(u64)1;
		u64 next;
		if (guest_get(t, next, at))
			break;
		if (at != (head.pending & ~(u64)1))
			robust_release(t, at + head.offset, entry & 1, false);
		entry = next;
	}
	if (head.pending & ~(u64)1)
		robust_release(t, (head.pending & ~(u64)1) + head.offset,
		    head.pending & 1, true);
}

/* The guest-visible part; runs while the thread can still touch memory. */
static void leave_futexes(struct linux_task *t)
{
	robust_walk(t);
	t->robust_list = 0;
	const u64 none[6] = { 0, 24 };
	host_call(SYS_set_robust_list, none);
	if (t->clear_child_tid) {
		u32 zero = 0;
		if (t->tid_address) /* a host process: the kernel knows, too */
			host_call(SYS_set_tid_address, none);
		if (guest_put(t, t->clear_child_tid, zero) == 0)
			futex_wake(t->clear_child_tid, 1);
	}
}

void task_exit(struct linux_task *t)
{
	struct linux_process *p = t->p;
	debug_thread_remove(&t->debug);
	pthread_mutex_lock(&p->lock);
	bool last = p->ntasks == 1;
	if (last)
		p->ending = true;
	else /* or two could find that neither is the last */
		task_unlink(t);
	pthread_mutex_unlock(&p->lock);
	if (last && p->forked)
		process_finish(&p->end);
	linux_task_free(t);
}

i64 sys_exit(struct linux_task *t, const u64 a[6])
{
	struct linux_process *p = t->p;

	t->exit_status = (int)(a[0] & 255);
	t->leaving = true; /* before anybody can have joined it */
	/* Without exit_group the last one's status is the process's. */
	pthread_mutex_lock(&p->lock);
	if (!p->ending)
		p->end = (struct linux_exit){ .status = t->exit_status };
	pthread_mutex_unlock(&p->lock);
	ptrace_leave(t, t->exit_status << 8);
	leave_futexes(t);
	if (t->vfork_done)
		sem_post(t->vfork_done);
	return SYS_NO_RETURN;
}

i64 sys_exit_group(struct linux_task *t, const u64 a[6])
{
	struct linux_exit ex = { .status = (int)(a[0] & 255) };
	linux_end(t->p, &ex);
	return SYS_NO_RETURN;
}

/* --- the start of a thread ----------------------------------------------- */

/* Join the thread that ended before this one; the main thread joins us. */
static void chain_join(struct linux_process *p)
{
	pthread_mutex_lock(&p->lock);
	bool any = p->have_last;
	pthread_t prev = p->last_thread;
	p->have_last = true;
	p->last_thread = pthread_self();
	pthread_mutex_unlock(&p->lock);
	if (any)
		pthread_join(prev, NULL);
}

static void *thread_main(void *arg)
{
	struct thread_start *st = arg;
	struct linux_task *t = st->task;
	const u64 apart[6] = { st->apart };

	t->tid = gettid();
	if (st->apart)
		st->error = host_call(SYS_unshare, apart);
	bool failed = st->error < 0;
	gdb_thread(t);
	sem_post(&st->ready); /* st is gone from here on */
	if (failed)
		return NULL;
	pthread_mutex_lock(&t->hold);
	pthread_mutex_unlock(&t->hold);
	exec_request(t->v, REQ_EVENT);
	linux_task_run(t);
	/* A forked child may have made this thread its first and only one. */
	if (!t->leader)
		chain_join(t->p);
	task_exit(t);
	return NULL;
}

/* The new thread's registers: the parent's, with its own stack and tls. */
static void copy_state(struct linux_task *c, const struct linux_task *t,
    const struct clone_args_host *ca)
{
	const struct linux_abi *abi = t->p->abi;
	memcpy(c->v->abi.state, t->v->abi.state, sizeof(c->v->abi.state));
	c->v->abi.pc = t->v->abi.pc;
	c->v->abi.fpu = t->v->abi.fpu;
	c->v->abi.frm = t->v->abi.frm;
	c->v->abi.state[abi->slot_ret] = 0;
	if (ca->stack)
		c->v->abi.state[abi->slot_sp] = ca->stack + ca->stack_size;
	if (ca->flags & CLONE_SETTLS)
		c->v->abi.state[abi->slot_tls] = ca->tls;
}

struct linux_task *task_clone(const struct linux_task *t,
    struct linux_process *p, const struct clone_args_host *ca)
{
	struct linux_task *c = linux_task_new(p);
	if (!c)
		return NULL;
	copy_state(c, t, ca);
	ptrace_inherit(c, t, ca);
	c->sigmask = t->sigmask;
	c->v->visitor = t->v->visitor;
	return c;
}

int clone_host_thread(struct linux_process *p, pthread_t *th,
    const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	bool first = __libc_single_threaded;
	int err = pthread_create(th, attr, fn, arg);
	if (first) {
		pthread_mutex_lock(&p->sig_lock);
		if (p->action[HOST_SIGSETXID].handler)
			signal_host_action(p, HOST_SIGSETXID);
		pthread_mutex_unlock(&p->sig_lock);
	}
	return err;
}

/* 0 or -errno; then no host thread is left. */
static int start_thread(struct linux_task *c, u64 apart)
{
	struct thread_start st = { .task = c, .apart = apart };
	pthread_attr_t attr;
	pthread_t th;

	if (sem_init(&st.ready, 0, 0) < 0)
		return -errno;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	/* Created with everything blocked; its first event opens the mask. */
	u64 mask = signal_host_close();
	int err = clone_host_thread(c->p, &th, &attr, thread_main, &st);
	signal_host_open(mask);
	pthread_attr_destroy(&attr);
	while (!err && sem_wait(&st.ready) < 0)
		;
	sem_destroy(&st.ready);
	if (err)
		return -EAGAIN;
	if (st.error < 0)
		pthread_join(th, NULL);
	return (int)st.error;
}

/*
 * What pthread_create shares and this clone does not: the new host thread
 * parts with it before it runs guest code.
 */
static u64 not_shared(u64 flags)
{
	const u64 usual = CLONE_FS | CLONE_FILES | CLONE_SYSVSEM;
	return (usual & ~flags) | (flags & CLONE_NAMESPACES);
}

/*
 * CLONE_VFORK for a thread: wait until it ends. A process that ends lets
 * nobody wait; the semaphore may then be in use for ever.
 */
static void wait_for_thread(struct linux_process *p, sem_t *done)
{
	for (;;) {
		struct timespec ts;
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_sec += 1;
		if (sem_timedwait(done, &ts) == 0)
			break;
		if (p->ending)
			return;
	}
	sem_destroy(done);
	free(done);
}

/*
 * The child must find its tid where CLONE_CHILD_SETTID says before it runs:
 * its host thread waits for `hold`.
 */
i64 thread_clone(struct linux_task *t, const struct clone_args_host *ca)
{
	struct linux_task *c = task_clone(t, t->p, ca);
	sem_t *done = ca->flags & CLONE_VFORK ? malloc(sizeof(*done)) : NULL;
	if (!c || ((ca->flags & CLONE_VFORK) && !done)) {
		if (c)
			linux_task_free(c);
		free(done);
		return -EAGAIN;
	}
	if (done)
		sem_init(done, 0, 0);
	c->vfork_done = done;
	pthread_mutex_lock(&c->hold);
	int r = start_thread(c, not_shared(ca->flags));
	if (r < 0) {
		pthread_mutex_unlock(&c->hold);
		linux_task_free(c);
		free(done);
		return r;
	}
	pid_t tid = c->tid;
	clone_tell_parent(t, ca, tid, -1);
	clone_tell_child(t->v, c, ca);
	pthread_mutex_unlock(&c->hold);
	if (done)
		wait_for_thread(t->p, done);
	return tid;
}

/* --- small calls --------------------------------------------------------- */

/* A lock is waited for in spite of any handler; other waits are not. */
i64 sys_futex(struct linux_task *t, const u64 a[6])
{
	i64 r = host_wait(t, SYS_futex, a);
	if (r != SYS_RESTART)
		return r;
	switch (a[1] & FUTEX_CMD_MASK) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI: return SYS_RESTART_ALWAYS;
	default: return r;
	}
}

i64 sys_set_tid_address(struct linux_task *t, const u64 a[6])
{
	t->clear_child_tid = a[0];
	return t->tid;
}

/* The host's kernel is told as well: it acts when the process is killed. */
i64 sys_set_robust_list(struct linux_task *t, const u64 a[6])
{
	i64 r = host_call(SYS_set_robust_list, a);
	if (r == 0)
		t->robust_list = a[0];
	return r;
}

/*
 * For threads of this process that have not set one the host would show its
 * C library's list.
 */
i64 sys_get_robust_list(struct linux_task *t, const u64 a[6])
{
	struct linux_process *p = t->p;
	pid_t tid = a[0] ? (pid_t)a[0] : t->tid;
	u64 list = 0, size = 24;
	bool ours = false;

	pthread_mutex_lock(&p->lock);
	for (struct linux_task *o = p->tasks; o && !ours; o = o->next)
		if (o->tid == tid) {
			ours = true;
			list = o->robust_list;
		}
	pthread_mutex_unlock(&p->lock);
	if (!ours)
		return host_call(SYS_get_robust_list, a);
	if (guest_put(t, a[2], size) || guest_put(t, a[1], list))
		return -EFAULT;
	return 0;
}

#define MEMBARRIER_RSEQ \
	(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | \
	    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define MEMBARRIER_REGISTER \
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | \
	    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | \
	    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)
#define CMD_GET_REGISTRATIONS 512 /* since Linux 6.3 */

/*
 * The host's barrier is the guest's: generated code has no other order of
 * memory accesses than the host's. A core that is to see new code must also
 * lose translations of the old.
 */
i64 sys_membarrier(struct linux_task *t, const u64 a[6])
{
	int cmd = (int)a[0];
	if (cmd & MEMBARRIER_RSEQ)
		return -EINVAL; /* as a kernel without rseq */
	if ((u32)a[1] == 0 && cmd == CMD_GET_REGISTRATIONS)
		return atomic_load(&t->p->membarriers);
	/* metic itself has registered with the host */
	if ((u32)a[1] == 0 &&
	    (cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED ||
		cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) &&
	    !(atomic_load(&t->p->membarriers) & cmd << 1))
		return -EPERM;
	if (cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)
		exec_invalidate(t->p->vm, 0, ~(gva_t)0, true);
	i64 r = host_call(SYS_membarrier, a);
	if (r == 0 && (cmd & MEMBARRIER_REGISTER))
		atomic_fetch_or(&t->p->membarriers, cmd);
	return cmd == MEMBARRIER_CMD_QUERY && r > 0 ? r & ~MEMBARRIER_RSEQ : r;
}
