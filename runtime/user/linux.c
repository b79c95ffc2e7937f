/*
 * linux.c - the event hook: what a Linux kernel does when a program traps;
 * and linux_run, linux_free. How a process comes to be is in load.c.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/user/clone.h"
#include "runtime/user/gdb_target.h"
#include "runtime/user/mm.h"
#include "runtime/user/path.h"
#include "runtime/user/proc.h"
#include "runtime/user/process.h"
#include "runtime/user/sample.h"
#include "runtime/user/signal.h"

#define X(sym) extern const struct linux_abi sym;
#include "runtime/user/abis.def"
#undef X

static const struct linux_abi *const abis[] = {
#define X(sym) &sym,
#include "runtime/user/abis.def"
#undef X
	NULL
};

const struct linux_abi *linux_abi_of(const struct guest_isa *g)
{
	for (size_t i = 0; abis[i]; i++)
		if (!strcmp(abis[i]->isa, g->name))
			return abis[i];
	return NULL;
}

/* --- the event hook ------------------------------------------------------ */

/*
 * The same for a thread that is traced. As on riscv64, the result register
 * holds -ENOSYS at the entry, the tracer may change number and arguments but
 * the first, and number -1 makes no call.
 */
static void traced_syscall(struct linux_task *t)
{
	const struct linux_abi *abi = t->p->abi;
	u64 *s = t->v->abi.state, a[6];
	i64 r = -ENOSYS;

	s[abi->slot_ret] = (u64)r;
	ptrace_syscall_enter(t);
	a[0] = t->orig_arg0;
	for (size_t i = 1; i < ARRAY_LEN(a); i++)
		a[i] = s[abi->slot_arg[i]];
	t->nr = s[abi->slot_nr];
	if ((i32)t->nr == -1)
		r = (i64)s[abi->slot_ret];
	else if (!t->p->ending)
		r = syscall_dispatch(t, t->nr, a);
	bool poked = ptrace_was_poked(&t->ptrace) || t->sampled;
	if (r == -EINTR && poked)
		r = SYS_RESTART_NOHAND;
	if (r <= SYS_RESTART && r >= SYS_RESTART_NOHAND)
		t->restart = (int)r;
	if (r != SYS_NO_RETURN)
		s[abi->slot_ret] = (u64)r;
	ptrace_syscall_exit(t);
}

static void do_syscall(struct linux_task *t)
{
	const struct linux_abi *abi = t->p->abi;
	u64 *s = t->v->abi.state, a[6];

	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		a[i] = s[abi->slot_arg[i]];
	t->nr = s[abi->slot_nr];
	t->orig_arg0 = a[0];
	t->sampled = false;
	if (unlikely(t->ptrace.traced)) {
		traced_syscall(t);
		return;
	}
	i64 r = syscall_dispatch(t, t->nr, a);
	if (r == -EINTR &&
	    (gdb_kicked(t) || ptrace_was_poked(&t->ptrace) || t->sampled))
		r = SYS_RESTART_NOHAND;
	switch (r) {
	case SYS_NO_RETURN: break;
	case SYS_RESTART:
	case SYS_RESTART_ALWAYS:
	case SYS_RESTART_NOHAND: t->restart = (int)r; break;
	default: s[abi->slot_ret] = (u64)r;
	}
}

/* How wait4 will show the end of t. */
static int wait_status(const struct linux_task *t)
{
	const struct linux_exit *ex = &t->p->end;
	if (!t->p->ending)
		return t->exit_status << 8;
	return ex->signaled ? ex->status | (ex->core ? 0x80 : 0) :
			      ex->status << 8;
}

/* No code at abi.pc: nothing is mapped there, or it is not executable. */
static void fetch_fault(struct linux_task *t, gva_t addr)
{
	struct map_range r;
	u8 byte;
	/* what is touched for the first time may be the growing end of it */
	if (t->p->mm->grows && guest_get(t, byte, addr) == 0) {
		mm_grown(t->p);
		if (map_find(&t->p->vm->map, addr, &r) && (r.prot & MAP_PROT_X))
			return;
	}
	bool mapped = map_find(&t->p->vm->map, addr, &r);
	signal_fault(t, SIGSEGV, mapped ? SEGV_ACCERR : SEGV_MAPERR, addr);
}

/* All exits but system calls. */
static __attribute__((noinline)) enum vm_action trap(
    struct linux_task *t, u32 reason, u64 arg)
{
	struct vcpu *v = t->v;

	switch (reason) {
	case EXIT_DEBUG: return debug_stopped(&t->debug, arg);
	case EXIT_ILLEGAL:
		signal_fault(t, SIGILL, ILL_ILLOPC, v->abi.pc);
		break;
	case EXIT_BREAK: signal_fault(t, SIGTRAP, TRAP_BRKPT, v->abi.pc); break;
	case EXIT_FETCH: fetch_fault(t, arg); break;
	case EXIT_MEMORY:
		signal_fault(t, (int)(arg & 255), (int)(i32)(arg >> 8),
		    v->abi.fault_addr);
		break;
	case EXIT_MISALIGNED: signal_fault(t, SIGBUS, BUS_ADRALN, arg); break;
	case EXIT_STOP:
		if (!t->started) {
			t->started = true;
			signal_host_set(t->sigmask);
			sample_thread(t);
			if (t->leader && !t->p->forked)
				ptrace_start(t);
		}
		break;
	default: break;
	}
	return VM_RESUME;
}

/* Is there anything to do before the guest goes on? */
static inline bool wanted(const struct linux_task *t)
{
	return t->pending || t->self_sig || t->restart || t->suspended ||
	    t->ptrace.attention || t->debug.hold || t->leaving || t->p->ending;
}

/* Signals, tracers, the end: before the guest goes on. */
static __attribute__((noinline)) enum vm_action attend(
    struct linux_task *t, enum vm_action go)
{
	if (unlikely(t->ptrace.attention))
		ptrace_attend(t);
	if (t->pending || t->self_sig || t->restart || t->suspended)
		signal_deliver(t);
	if (unlikely(t->debug.hold) && !t->leaving)
		debug_hold(&t->debug);
	if (!t->leaving && !t->p->ending)
		return go;
	debug_thread_remove(&t->debug);
	ptrace_leave(t, wait_status(t));
	sample_thread_end(t);
	/* From here on this is not a guest thread any more. */
	signal_host_close();
	return VM_LEAVE;
}

enum vm_action linux_event(struct vcpu *v, u32 reason, u64 arg)
{
	struct linux_task *t = v->task;
	enum vm_action go = VM_RESUME;

	if (likely(reason == EXIT_SYSCALL)) {
		atomic_store_explicit(
		    &t->debug.in_call, true, memory_order_release);
		do_syscall(t);
		atomic_store_explicit(
		    &t->debug.in_call, false, memory_order_release);
	} else {
		go = trap(t, reason, arg);
	}
	return likely(!wanted(t)) ? go : attend(t, go);
}

/* --- tasks --------------------------------------------------------------- */

struct linux_task *linux_current(void)
{
	struct vcpu *v = vcpu_current();
	return v ? v->task : NULL;
}

struct linux_task *linux_task_new(struct linux_process *p)
{
	struct linux_task *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->v = vcpu_new(p->vm);
	if (!t->v) {
		free(t);
		return NULL;
	}
	t->v->task = t;
	t->p = p;
	t->seccomp = linux_current() ? linux_current()->seccomp : p->seccomp;
	pthread_mutex_init(&t->hold, NULL);
	pthread_mutex_lock(&p->lock);
	t->next = p->tasks;
	p->tasks = t;
	p->ntasks++;
	pthread_mutex_unlock(&p->lock);
	return t;
}

void task_unlink(struct linux_task *t)
{
	struct linux_process *p = t->p;
	struct linux_task **at = &p->tasks;
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at) {
		*at = t->next;
		p->ntasks--;
		pthread_cond_broadcast(&p->idle);
	}
}

void linux_task_free(struct linux_task *t)
{
	pthread_mutex_lock(&t->p->lock);
	task_unlink(t);
	pthread_mutex_unlock(&t->p->lock);
	pthread_mutex_destroy(&t->hold);
	arena_free(&t->exec_arena);
	t->ptrace.magic = 0;
	path_forget(t);
	vcpu_free(t->v);
	free(t);
}

void linux_end(struct linux_process *p, const struct linux_exit *ex)
{
	struct linux_task *self = linux_current();
	if (p->forked) {
		p->end = *ex;
		p->ending = true;
		if (self)
			ptrace_leave(self, wait_status(self));
		process_finish(ex);
	}
	pthread_mutex_lock(&p->lock);
	if (!p->ending) {
		p->end = *ex;
		p->ending = true;
		for (struct linux_task *t = p->tasks; t; t = t->next)
			if (t != self && t->tid)
				signal_kick(t);
	}
	pthread_mutex_unlock(&p->lock);
	if (p->debug)
		debug_ending(p->debug);
}

void linux_task_run(struct linux_task *t)
{
	u32 reason = exec_run(t->v);
	if (!t->leaving && !t->p->ending &&
	    (reason == EXIT_CHECK || reason == EXIT_STOP)) {
		const struct linux_exit ex = { .status = 125,
			.cut_short = reason };
		linux_end(t->p, &ex);
	}
}

/* --- running ------------------------------------------------------------- */

/*
 * Wait for the other threads. A kick may come between a thread's start and
 * its first look at `ending`; asking again costs nothing.
 */
static void wait_for_tasks(struct linux_process *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->ntasks) {
		struct timespec ts;
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_nsec += 50000000;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_nsec -= 1000000000;
			ts.tv_sec++;
		}
		pthread_cond_timedwait(&p->idle, &p->lock, &ts);
		if (!p->ending)
			continue;
		for (struct linux_task *t = p->tasks; t; t = t->next)
			if (t->tid)
				signal_kick(t);
	}
	bool any = p->have_last;
	p->have_last = false;
	pthread_mutex_unlock(&p->lock);
	if (any)
		pthread_join(p->last_thread, NULL);
}

/* The thread's name is the program's, for ps and /proc/self/comm. */
static void set_comm(const char *path)
{
	const char *slash = strrchr(path, '/');
	prctl(PR_SET_NAME, slash ? slash + 1 : path);
}

int linux_run(struct metic_vm *vm, struct linux_exit *ex)
{
	struct linux_process *p = vm->kernel;
	struct linux_task *t = p->tasks;
	char comm[16] = "";
	int err = gdb_connect(p);
	u64 mask = signal_host_close(); /* the first event opens it */
	if (err == 0)
		err = signal_init(p);

	if (err == 0) {
		prctl(PR_GET_NAME, comm);
		set_comm(p->execfn);
		if (p->cfg.rerun) /* metic is all that this process is */
			proc_publish(p);
		t->tid = gettid();
		t->leader = true;
		t->sigmask = mask;
		gdb_begin(p);
		sample_begin(p);
		gdb_thread(t);
		exec_request(t->v, REQ_EVENT);
		linux_task_run(t);
		task_exit(t);
		wait_for_tasks(p);
		exec_cache_save(vm);
		exec_ending(vm);
		sample_ended(p, false);
		gdb_end(p);
		if (p->sharers) /* children that need our memory to stay */
			process_finish(&p->end);
		/* exit(2) of the last thread ends the process, too. */
		*ex = p->end;
		prctl(PR_SET_NAME, comm);
	}
	signal_fini(p);
	signal_host_open(mask);
	return err;
}

void linux_free(struct metic_vm *vm)
{
	struct linux_process *p = vm->kernel;
	while (p->tasks)
		linux_task_free(p->tasks);
	mm_free(p);
	if (p->debug)
		debug_free(p->debug);
	int *cache = exec_cache_fd(vm);
	if (cache)
		*cache = -1; /* one of those */
	for (unsigned i = 0; i < p->nfds; i++)
		close(p->fds[i]);
	process_free(p);
	vm_free(vm);
}

/* --- descriptors of metic's own ------------------------------------------ */

#define FD_HIGH 1000

int linux_fd_hide(struct linux_process *p, int fd)
{
	int at = FD_HIGH, got = -1, err = EMFILE;
	if (fd < 0) /* none, as who wanted one may pass on */
		return -EBADF;
	/* Under a low RLIMIT_NOFILE, as high as it goes. */
	for (; at > fd && got < 0; at = at * 3 / 4) {
		got = fcntl(fd, F_DUPFD_CLOEXEC, at);
		err = errno;
	}
	if (got < 0) {
		got = fd;
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			err = errno;
			close(fd);
			return -err;
		}
	} else {
		close(fd);
	}
	pthread_mutex_lock(&p->lock);
	bool room = p->nfds < LINUX_NFDS;
	if (room)
		p->fds[p->nfds++] = got;
	pthread_mutex_unlock(&p->lock);
	if (room)
		return got;
	close(got);
	return -EMFILE;
}

bool linux_fd_hidden(struct linux_process *p, int fd)
{
	for (unsigned i = 0; i < p->nfds; i++)
		if (p->fds[i] == fd)
			return true;
	return fd >= 0 && fd == exec_own_fd(p->vm);
}

void linux_fd_drop(struct linux_process *p, int fd)
{
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->nfds; i++)
		if (p->fds[i] == fd) {
			p->fds[i] = p->fds[--p->nfds];
			close(fd);
			break;
		}
	pthread_mutex_unlock(&p->lock);
}

void linux_warn(struct linux_process *p, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	vm_log(p->vm, "metic: %s\n", buf);
}
