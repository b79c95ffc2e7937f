/*
 * signal.c - from a host signal to the guest's handler (see signal.h).
 *
 * Invariants:
 *   - task.pending is written by the task's own thread only (its handler and
 *     signal_deliver); it holds at most one signal;
 *   - the host handler leaves everything blocked, so that the next signal
 *     stays in the kernel until this one is delivered. If the mask was
 *     opened in between, the second one is given back to the kernel;
 *   - SIGSEGV, SIGBUS and SIGNAL_KICK are never blocked on the host: metic
 *     lives by them. Sent by kill while the guest blocks them, they wait in
 *     signal_held.c;
 *   - a handler's mask, or that of sigprocmask, reaches the host with the
 *     next other system call, if all that it adds are standard signals with
 *     handlers: mostly there is none before the old mask is back. One that
 *     comes meanwhile is given back to the kernel, and the mask is set then.
 */
#include <linux/membarrier.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/exec/fault.h"
#include "runtime/user/gdb_target.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/sample.h"
#include "runtime/user/signal.h"

/* struct sigaction as the host's kernel has it. */
struct host_action {
	void (*handler)(int, siginfo_t *, void *);
	u64 flags;
	void (*restorer)(void);
	u64 mask;
};

struct signal_host {
	struct host_action saved[LINUX_NSIG + 1];
	bool taken[LINUX_NSIG + 1]; /* saved is valid */
};

#define HOST_SA_RESTORER 0x04000000u
#define HOST_SIG(n) ((void (*)(int, siginfo_t *, void *))(uintptr_t)(n))
#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

extern char safe_syscall_start[], safe_syscall_end[];
extern char safe_syscall_interrupted[];
void signal_restorer(void);

/* --- the host's side ----------------------------------------------------- */

static i64 call4(long nr, u64 a, u64 b, u64 c, u64 d)
{
	const u64 args[6] = { a, b, c, d };
	return host_call(nr, args);
}

u64 signal_host_mask(u64 guest)
{
	return guest & ~SIGNAL_NEVER_BLOCKED;
}

static void host_swap(u64 mask, u64 *old)
{
	struct linux_task *t = linux_current();
	mask = signal_host_mask(mask);
	/* Before the call: a handler that runs after it says "all". */
	if (t)
		t->host_mask = mask;
	call4(SYS_rt_sigprocmask, SIG_SETMASK, (u64)&mask, (u64)old, 8);
}

void signal_host_set(u64 mask)
{
	host_swap(mask, NULL);
}

u64 signal_host_swap(u64 mask)
{
	u64 old = 0;
	host_swap(mask, &old);
	return old;
}

void signal_host_open(u64 mask)
{
	call4(SYS_rt_sigprocmask, SIG_SETMASK, (u64)&mask, 0, 8);
}

u64 signal_host_close(void)
{
	const u64 all = ~(u64)0;
	u64 old = 0;
	call4(SYS_rt_sigprocmask, SIG_SETMASK, (u64)&all, (u64)&old, 8);
	return old;
}

/*
 * The kernel lets only a process's first thread send what looks like its own
 * or kill's: from the others it goes under a code that is nobody's.
 */
#define CODE_REQUEUED (-0x1000)

bool signal_code_restore(siginfo_t *si)
{
	if (si->si_code > CODE_REQUEUED)
		return false;
	si->si_code = CODE_REQUEUED - si->si_code;
	return true;
}

/* One that was sent to the thread goes to the thread. */
void signal_requeue(struct linux_task *t, siginfo_t *si)
{
	if (si->si_code >= 0 && !t->leader)
		si->si_code = CODE_REQUEUED - si->si_code;
	if (si->si_code == SI_TKILL)
		call4(SYS_rt_tgsigqueueinfo, (u64)getpid(), (u64)t->tid,
		    (u64)si->si_signo, (u64)si);
	else
		call4(SYS_rt_sigqueueinfo, (u64)getpid(), (u64)si->si_signo,
		    (u64)si, 0);
}

void signal_put_back(struct linux_task *t)
{
	if (t->pending <= 0 || !(t->sigmask & SIGNAL_BIT(t->pending)))
		return;
	siginfo_t si = t->pending_info;
	t->pending = 0;
	signal_requeue(t, &si);
}

/*
 * The host's mask, which was `before` but for a delivery, becomes the guest's,
 * or stays (or becomes again) what it was, see above.
 */
static void open_mask(struct linux_task *t, u64 before)
{
	u64 want = signal_host_mask(t->sigmask);
	before = signal_host_mask(before);
	if (!(before & ~want) &&
	    !(want & ~before & ~atomic_load(&t->p->handled)))
		want = before;
	if (t->host_mask != want)
		signal_host_set(want);
	signal_put_back(t);
}

void signal_set_mask(struct linux_task *t, u64 mask)
{
	t->sigmask = mask & ~UNBLOCKABLE;
	/* SIGSEGV and SIGBUS go before all others: not opened yet */
	if (held_look(t) && !(held_set(t) & SIGNAL_BIT(SIGNAL_KICK)))
		return;
	open_mask(t, t->host_mask);
}

/* A system call that has not begun, or is to be restarted, returns. */
static void leave_safe_syscall(ucontext_t *uc)
{
#if defined(__x86_64__)
	greg_t *rip = &uc->uc_mcontext.gregs[REG_RIP];
	if (*rip >= (greg_t)(uintptr_t)safe_syscall_start &&
	    *rip < (greg_t)(uintptr_t)safe_syscall_end)
		*rip = (greg_t)(uintptr_t)safe_syscall_interrupted;
#else
	(void)uc;
#endif
}

/* The mask when the host's handler has returned. */
static void return_to_mask(struct linux_task *t, ucontext_t *uc, u64 mask)
{
	mask = signal_host_mask(mask);
	t->host_mask = mask;
	memcpy(&uc->uc_sigmask, &mask, sizeof(mask));
}

static void on_host_signal(int sig, siginfo_t *si, void *ctx)
{
	struct linux_task *t = linux_current();
	ucontext_t *uc = ctx;
	int saved_errno = errno;

	if (sig == SIGSEGV || sig == SIGBUS) {
		if (fault_handle(sig, si, ctx))
			return;
		if (si->si_code > 0 || !t) {
			/* metic itself crashed: die of it, with its core */
			struct host_action dfl = { .mask = 0 };
			call4(SYS_rt_sigaction, (u64)sig, (u64)&dfl, 0, 8);
			return;
		}
	}
	if (!t)
		return;
	if (sig == SIGNAL_KICK && sample_tick(t, si, ctx)) {
		errno = saved_errno;
		return;
	}
	signal_code_restore(si);
	int traced = sig == SIGNAL_KICK ? ptrace_kick(t, &si) : 0;
	if (traced > 0)
		sig = traced;
	if (traced < 0 ||
	    (sig == SIGNAL_KICK && si->si_code == SI_QUEUE &&
		si->si_value.sival_ptr == t->p)) {
		if (!t->pending)
			t->pending = -1;
	} else if ((t->pending > 0 || (t->sigmask & SIGNAL_BIT(sig))) &&
	    (SIGNAL_BIT(sig) & SIGNAL_NEVER_BLOCKED)) {
		/* given back, it would come again at once */
		held_add(t, si);
		if (!t->pending)
			t->pending = -1; /* another thread may want it */
	} else if (t->sigmask & SIGNAL_BIT(sig)) {
		signal_requeue(t, si);
		return_to_mask(t, uc, t->pending ? ~(u64)0 : t->sigmask);
		errno = saved_errno;
		return;
	} else if (t->pending > 0) {
		signal_requeue(t, si);
	} else {
		t->pending_info = *si;
		t->pending = sig;
	}
	return_to_mask(t, uc, ~(u64)0);
	leave_safe_syscall(uc);
	exec_request(t->v, REQ_EVENT);
	errno = saved_errno;
}

static int set_host_action(
    struct linux_process *p, int sig, const struct host_action *act)
{
	struct signal_host *h = p->sighost;
	struct host_action old;
	bool first = !h->taken[sig];
	i64 r = call4(
	    SYS_rt_sigaction, (u64)sig, (u64)act, first ? (u64)&old : 0, 8);
	if (r == 0 && first) {
		h->taken[sig] = true;
		h->saved[sig] = old;
	}
	return (int)r;
}

/* Actions that metic and its C library set by other ways, too. */
#define SIGNAL_OTHERS_SET (SIGNAL_NEVER_BLOCKED | SIGNAL_BIT(HOST_SIGSETXID))

/* What host_action says of one; never 0, which is "not known". */
static u8 brief(const struct host_action *act)
{
	return (u8)(1 | (act->handler == HOST_SIG(1)) << 1 |
	    (act->handler == on_host_signal) << 2 |
	    !!(act->flags & SA_NOCLDSTOP) << 3 |
	    !!(act->flags & SA_NOCLDWAIT) << 4);
}

int signal_host_action(struct linux_process *p, int sig)
{
	const struct linux_sigaction *g = &p->action[sig];
	struct host_action act = {
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART |
		    HOST_SA_RESTORER |
		    (g->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)),
		.restorer = signal_restorer,
		.mask = signal_host_mask(~(u64)0),
	};
	u64 std = SIGNAL_BIT(sig) & 0x7fffffff & ~SIGNAL_NEVER_BLOCKED;
	if (g->handler > 1)
		atomic_fetch_or(&p->handled, std);
	else
		atomic_fetch_and(&p->handled, ~std);
	bool ours = SIGNAL_BIT(sig) & SIGNAL_NEVER_BLOCKED;
	bool shown = p->debug_signals && g->handler == 0 &&
	    signal_default_of(sig) != SIGNAL_IGNORE;
	shown = shown || (g->handler == 0 && sample_wants(p, sig));
	if (ours || shown || g->handler > 1)
		act.handler = on_host_signal;
	else
		act.handler = HOST_SIG(g->handler);
	if (sig == SIGSEGV || sig == SIGBUS) {
		/* a fault inside the handler's own copies must still work */
		act.flags |= SA_NODEFER;
		act.mask = 0;
	}
	if (SIGNAL_BIT(sig) & SIGNAL_OTHERS_SET)
		return set_host_action(p, sig, &act);
	int r = 0;
	if (p->host_action[sig] != brief(&act))
		r = set_host_action(p, sig, &act);
	p->host_action[sig] = r ? 0 : brief(&act);
	return r;
}

/* Has t blocked the signal for the guest, but not for the host yet? */
static bool blocks_late(const struct linux_task *t, u64 bit)
{
	return (t->sigmask & bit) &&
	    !(__atomic_load_n(&t->host_mask, __ATOMIC_ACQUIRE) & bit) &&
	    !t->leaving && !t->p->ending;
}

void signal_unhandle(struct linux_process *p, int sig)
{
	const u64 bit = SIGNAL_BIT(sig);
	const u64 a[6] = { MEMBARRIER_CMD_PRIVATE_EXPEDITED };

	if (!(atomic_fetch_and(&p->handled, ~bit) & bit) || p->ntasks == 1)
		return;
	/* Others see that, or we see what they block: open_mask. */
	host_call(SYS_membarrier, a);
	pthread_mutex_lock(&p->lock);
	for (struct linux_task *t = p->tasks; t; t = t->next)
		if (t != linux_current() && blocks_late(t, bit)) {
			signal_kick(t);
			while (blocks_late(t, bit))
				sched_yield();
		}
	pthread_mutex_unlock(&p->lock);
}

void signal_inherit(struct linux_process *p)
{
	for (int s = 1; s <= LINUX_NSIG; s++) {
		struct host_action old;
		if (call4(SYS_rt_sigaction, (u64)s, 0, (u64)&old, 8) == 0 &&
		    old.handler == HOST_SIG(1))
			p->action[s].handler = 1;
	}
}

int signal_init(struct linux_process *p)
{
	p->sighost = calloc(1, sizeof(*p->sighost));
	if (!p->sighost || held_init(p) < 0)
		return -ENOMEM;
	for (int s = 1; s <= LINUX_NSIG; s++) {
		if (!(SIGNAL_BIT(s) & SIGNAL_NEVER_BLOCKED))
			continue;
		int r = signal_host_action(p, s);
		if (r)
			return r;
	}
	return 0;
}

void signal_fini(struct linux_process *p)
{
	struct signal_host *h = p->sighost;
	const u64 kick = SIGNAL_BIT(SIGNAL_KICK);
	const struct timespec now = { 0 };
	if (!h)
		return;
	/* one that came after the end is nobody's but ours */
	while (call4(SYS_rt_sigtimedwait, (u64)&kick, 0, (u64)&now, 8) > 0)
		;
	for (int s = 1; s <= LINUX_NSIG; s++)
		if (h->taken[s])
			call4(
			    SYS_rt_sigaction, (u64)s, (u64)&h->saved[s], 0, 8);
	free(h);
	p->sighost = NULL;
	free(p->held);
	p->held = NULL;
}

void signal_before_exec(struct linux_task *t)
{
	struct host_action ign = { .handler = HOST_SIG(1),
		.flags = HOST_SA_RESTORER,
		.restorer = signal_restorer };
	u64 mask = t->sigmask;
	for (int s = 1; s <= LINUX_NSIG; s++)
		if ((SIGNAL_BIT(s) & SIGNAL_NEVER_BLOCKED) &&
		    t->p->action[s].handler == 1)
			call4(SYS_rt_sigaction, (u64)s, (u64)&ign, 0, 8);
	call4(SYS_rt_sigprocmask, SIG_SETMASK, (u64)&mask, 0, 8);
	held_give_back(t);
}

void signal_after_exec(struct linux_task *t)
{
	for (int s = 1; s <= LINUX_NSIG; s++)
		if (SIGNAL_BIT(s) & SIGNAL_NEVER_BLOCKED)
			signal_host_action(t->p, s);
	signal_host_set(t->sigmask);
}

void signal_kick(struct linux_task *t)
{
	siginfo_t si;
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGNAL_KICK;
	si.si_code = SI_QUEUE;
	si.si_pid = getpid();
	si.si_uid = getuid();
	si.si_value.sival_ptr = t->p;
	exec_request(t->v, REQ_EVENT);
	call4(SYS_rt_tgsigqueueinfo, (u64)getpid(), (u64)t->tid, SIGNAL_KICK,
	    (u64)&si);
}

/* --- the guest's side ---------------------------------------------------- */

enum signal_default signal_default_of(int sig)
{
	switch (sig) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH: return SIGNAL_IGNORE;
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU: return SIGNAL_STOP;
	case SIGQUIT:
	case SIGILL:
	case SIGTRAP:
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGSEGV:
	case SIGXCPU:
	case SIGXFSZ:
	case SIGSYS: return SIGNAL_CORE;
	default: return SIGNAL_TERM;
	}
}

void signal_die(struct linux_process *p, int sig)
{
	struct linux_exit ex = {
		.signaled = true,
		.status = sig,
		.core = signal_default_of(sig) == SIGNAL_CORE,
	};
	linux_end(p, &ex);
}

/* Go back to the system call instruction, its first argument restored. */
static void rewind_syscall(struct linux_task *t)
{
	struct abi_state *s = &t->v->abi;
	s->pc -= t->p->abi->syscall_len;
	s->state[t->p->abi->slot_arg[0]] = t->orig_arg0;
}

/* An interrupted system call meets a handler with these flags. */
static void settle_restart(struct linux_task *t, u64 sa_flags)
{
	if (!t->restart)
		return;
	if (t->restart == SYS_RESTART_ALWAYS ||
	    (t->restart == SYS_RESTART && (sa_flags & SA_RESTART)))
		rewind_syscall(t);
	else
		t->v->abi.state[t->p->abi->slot_ret] = (u64)-EINTR;
	t->restart = 0;
}

bool signal_on_altstack(const struct linux_task *t)
{
	const struct linux_altstack *ss = &t->altstack;
	u64 sp = t->v->abi.state[t->p->abi->slot_sp];
	return ss->size && !((u32)ss->flags & SS_AUTODISARM) && sp > ss->sp &&
	    sp - ss->sp <= ss->size;
}

/* Enter the handler of act. 0 or -EFAULT. */
static int enter_handler(struct linux_task *t, const siginfo_t *info,
    const struct linux_sigaction *act)
{
	struct linux_delivery d = {
		.sig = info->si_signo,
		.info = *info,
		.handler = act->handler,
		.restorer = t->p->abi->sa_restorer ? act->restorer : 0,
		.flags = act->flags,
		.mask = t->suspended ? t->suspend_mask : t->sigmask,
		.on_altstack = (act->flags & SA_ONSTACK) && t->altstack.size &&
		    !signal_on_altstack(t),
	};
	struct linux_altstack ss = t->altstack;

	settle_restart(t, act->flags);
	/* the frame shows it as it was set */
	if (!t->altstack.size)
		t->altstack.flags = SS_DISABLE;
	int r = t->p->abi->signal_push(t, &d);
	t->altstack = ss;
	if (r)
		return r;
	if ((u32)ss.flags & SS_AUTODISARM)
		memset(&t->altstack, 0, sizeof(t->altstack));
	u64 mask = t->sigmask | act->mask;
	if (!(act->flags & SA_NODEFER))
		mask |= SIGNAL_BIT(d.sig);
	t->suspended = false;
	t->sigmask = mask & ~UNBLOCKABLE;
	return 0;
}

/* The action to take now; SA_RESETHAND is applied. */
static struct linux_sigaction take_action(struct linux_process *p, int sig)
{
	if (p->action[sig].flags & SA_RESETHAND)
		signal_unhandle(p, sig);
	pthread_mutex_lock(&p->sig_lock);
	struct linux_sigaction act = p->action[sig];
	if (act.handler > 1 && (act.flags & SA_RESETHAND)) {
		p->action[sig].handler = 0;
		signal_host_action(p, sig);
	}
	pthread_mutex_unlock(&p->sig_lock);
	return act;
}

void signal_force(struct linux_task *t, const siginfo_t *info)
{
	int sig = info->si_signo;
	siginfo_t si = *info;
	if (unlikely(t->debug.stub)) {
		sig = gdb_signal(t, &si);
		if (!sig)
			return;
		info = &si;
	}
	if (unlikely(t->ptrace.traced)) {
		sig = ptrace_signal(t, &si);
		if (!sig)
			return;
		info = &si;
	}
	struct linux_sigaction act = take_action(t->p, sig);
	u64 before = t->suspended ? ~(u64)0 : t->sigmask;

	if (act.handler <= 1 || (t->sigmask & SIGNAL_BIT(sig)) ||
	    enter_handler(t, info, &act)) {
		report_fault(t, info);
		/* A frame that cannot be written is SIGSEGV, too. */
		signal_die(t->p, act.handler > 1 ? SIGSEGV : sig);
		return;
	}
	open_mask(t, before);
}

void signal_fault(struct linux_task *t, int sig, int code, gva_t addr)
{
	siginfo_t si;
	memset(&si, 0, sizeof(si));
	si.si_signo = sig;
	si.si_code = code;
	si.si_addr = (void *)addr;
	signal_force(t, &si);
}

/* Signals are blocked on the host. */
static void deliver_one(struct linux_task *t, const siginfo_t *info)
{
	int sig = info->si_signo;
	struct linux_sigaction act = take_action(t->p, sig);

	if (act.handler > 1) {
		if (enter_handler(t, info, &act)) {
			siginfo_t segv;
			memset(&segv, 0, sizeof(segv));
			segv.si_signo = SIGSEGV;
			segv.si_code = SI_KERNEL;
			if (sig == SIGSEGV)
				signal_die(t->p, SIGSEGV);
			else
				signal_force(t, &segv);
		}
		return;
	}
	if (act.handler == 1)
		return;
	/* The guest went back to the default after the host delivered. */
	switch (signal_default_of(sig)) {
	case SIGNAL_IGNORE: return;
	case SIGNAL_STOP:
		if (t->ptrace.traced)
			ptrace_stop_self(t, sig);
		else
			kill(getpid(), SIGSTOP);
		return;
	default: signal_die(t->p, sig);
	}
}

/* The next signal to deliver, or 0; those of the host are closed then. */
static int next_signal(struct linux_task *t, siginfo_t *info)
{
	int sig = t->pending;
	if (sig) {
		if (t->host_mask != signal_host_mask(~(u64)0))
			signal_host_set(~(u64)0);
		sig = t->pending;
		*info = t->pending_info;
		t->pending = 0;
	} else {
		sig = t->self_sig;
		*info = t->self_info;
		t->self_sig = 0;
	}
	if (sig >= 0)
		return sig;
	held_pass_on(t);
	return held_take(t, t->sigmask, info);
}

void signal_deliver(struct linux_task *t)
{
	while (!t->p->ending && (t->pending || t->self_sig || held_look(t))) {
		siginfo_t info;
		u64 before = t->suspended ? ~(u64)0 : t->sigmask;
		int sig = next_signal(t, &info);
		if (sig > 0 && unlikely(t->debug.stub))
			sig = gdb_signal(t, &info);
		if (sig > 0 && unlikely(t->ptrace.traced))
			sig = ptrace_signal(t, &info);
		if (sig > 0)
			deliver_one(t, &info);
		if (t->p->ending)
			return;
		/* The next one may arrive right here. */
		open_mask(t, before);
	}
	if (t->restart) {
		rewind_syscall(t);
		t->restart = 0;
	}
	if (t->suspended) {
		t->suspended = false;
		signal_set_mask(t, t->suspend_mask);
	}
}

siginfo_t *signal_to_self(struct linux_task *t, int sig)
{
	struct linux_process *p = t->p;

	if (sig < 1 || sig > LINUX_NSIG || (t->sigmask & SIGNAL_BIT(sig)) ||
	    t->pending || t->self_sig)
		return NULL;
	pthread_mutex_lock(&p->sig_lock);
	bool handled = p->action[sig].handler > 1;
	pthread_mutex_unlock(&p->sig_lock);
	if (!handled)
		return NULL;
	memset(&t->self_info, 0, sizeof(t->self_info));
	t->self_info.si_signo = sig;
	t->self_sig = sig;
	return &t->self_info;
}

/* --- safe system calls --------------------------------------------------- */

i64 safe_syscall(struct linux_task *t, long nr, ...)
{
	u64 a[6];
	va_list ap;
	va_start(ap, nr);
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		a[i] = va_arg(ap, u64);
	va_end(ap);
	return safe_syscall6(&t->pending, nr, a);
}

#if !defined(__x86_64__)
/*
 * Without a window that the handler can recognise, a signal between the test
 * and the call is seen only when the call ends.
 */
i64 safe_syscall6(volatile int *pending, long nr, const u64 a[6])
{
	return *pending ? SYS_RESTART : host_call(nr, a);
}
#endif
