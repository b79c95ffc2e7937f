/*
 * ptrace_tracee.c - the traced side of ptrace (see ptrace.c).
 *
 * A stop is a signal to ourselves that the kernel reports to the tracer and
 * that the tracer takes away before it lets us go on. It is SIGNAL_KICK,
 * whose handler is always there: if the tracer has vanished, nothing
 * happens, and the record tells us that nobody has answered.
 *
 * At a stop the guest's state is exact, and signals are blocked.
 */
#include <linux/ptrace.h>
#include <sched.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "runtime/user/clone.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/signal.h"

/* --- marks ---------------------------------------------------------------- */

/* Also right for a child whose task still has the parent's tid. */
static pid_t own_tid(void)
{
	const u64 a[6] = { 0 };
	return (pid_t)host_call(SYS_gettid, a);
}

static void mark_self(struct linux_task *t, enum ptrace_mark mark)
{
	siginfo_t si;
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGNAL_KICK;
	si.si_code = SI_QUEUE;
	si.si_errno = (int)mark;
	si.si_pid = getpid();
	si.si_uid = PTRACE_MARK;
	si.si_value.sival_ptr = &t->ptrace;
	const u64 a[6] = { (u64)getpid(), (u64)own_tid(), SIGNAL_KICK,
		(u64)&si };
	/* EAGAIN: more signals are queued than the user may have */
	while (host_call(SYS_rt_tgsigqueueinfo, a) == -EAGAIN)
		sched_yield();
}

static void set_host_mask(u64 mask, u64 *old)
{
	const u64 a[6] = { SIG_SETMASK, (u64)&mask, (u64)old, 8 };
	host_call(SYS_rt_sigprocmask, a);
}

/* What the tracer has changed. */
static void take_changes(struct linux_task *t)
{
	struct ptrace_record *r = &t->ptrace;
	if (r->set_regs)
		t->p->abi->regs_set(t->v, &r->regs);
	if (r->recheck) {
		r->recheck = 0;
		exec_recheck(t->p->vm);
	}
	if (r->set_mask)
		signal_set_mask(t, r->sigmask);
}

/*
 * Stop and wait for the tracer, who finds what the record says. False: there
 * is none any more.
 */
static bool announce(struct linux_task *t, enum ptrace_stop stop, u32 status)
{
	struct ptrace_record *r = &t->ptrace;
	u64 *s = t->v->abi.state, old;
	u64 len = t->p->abi->syscall_len, pc = t->v->abi.pc;
	/* An interrupted call shows as one that is about to be made. */
	bool rewound = stop != PTRACE_STOP_SYSCALL && t->restart;
	u64 ret = s[t->p->abi->slot_ret];

	if (rewound) {
		t->v->abi.pc -= len;
		s[t->p->abi->slot_arg[0]] = t->orig_arg0;
	}
	r->magic = PTRACE_MAGIC;
	r->process = t->p;
	r->stop = stop;
	r->status = status;
	r->go = r->inject = r->set_regs = r->set_mask = 0;
	r->sigmask = t->sigmask;
	t->p->abi->regs_get(t->v, &r->regs);
	r->sys.arch = t->p->abi->audit_arch;
	r->sys.pc = t->v->abi.pc;
	r->sys.sp = s[t->p->abi->slot_sp];
	/* Only our own signal and what cannot be blocked may come now. */
	set_host_mask(~SIGNAL_BIT(SIGNAL_KICK), &old);
	mark_self(t, PTRACE_MARK_STOP);
	set_host_mask(old, NULL);
	bool answered = *(volatile u32 *)&r->go;
	if (answered)
		take_changes(t);
	if (!answered || r->go == PTRACE_GO_FREE)
		r->traced = 0;
	if (rewound && t->v->abi.pc == pc - len) {
		t->v->abi.pc = pc;
		s[t->p->abi->slot_ret] = ret;
	} else if (rewound) {
		t->restart = 0; /* the tracer wants something else */
	}
	return answered;
}

/* siginfo of stops that are no signal's. */
static void event_info(struct linux_task *t, int code)
{
	siginfo_t *si = &t->ptrace.info;
	memset(si, 0, sizeof(*si));
	si->si_signo = SIGTRAP;
	si->si_code = code;
	si->si_pid = t->tid;
	si->si_uid = getuid();
}

/* After a stop that was no signal's: an injected signal is a new one. */
static void send_injected(struct linux_task *t)
{
	u32 sig = t->ptrace.inject;
	const u64 a[6] = { (u64)getpid(), (u64)t->tid, sig };
	if (sig)
		host_call(SYS_tgkill, a);
}

static void event_stop(struct linux_task *t, u32 event, u64 message)
{
	u32 status = SIGTRAP | event << 8;
	event_info(t, (int)status);
	t->ptrace.message = message;
	announce(t, PTRACE_STOP_EVENT, status);
}

/* --- system calls --------------------------------------------------------- */

void ptrace_syscall_enter(struct linux_task *t)
{
	const struct linux_abi *abi = t->p->abi;
	struct ptrace_record *r = &t->ptrace;
	u64 *s = t->v->abi.state;

	r->poked = false;
	if (!r->syscalls)
		return;
	r->sys.op = PTRACE_SYSCALL_INFO_ENTRY;
	r->sys.w[0] = s[abi->slot_nr];
	r->sys.w[1] = t->orig_arg0;
	for (size_t i = 1; i < 6; i++)
		r->sys.w[1 + i] = s[abi->slot_arg[i]];
	r->message = PTRACE_EVENTMSG_SYSCALL_ENTRY;
	event_info(t, SIGTRAP | 0x80);
	if (announce(t, PTRACE_STOP_SYSCALL, SIGTRAP))
		send_injected(t);
}

void ptrace_syscall_exit(struct linux_task *t)
{
	struct ptrace_record *r = &t->ptrace;
	i64 ret = (i64)t->v->abi.state[t->p->abi->slot_ret];

	if (!r->traced || !r->syscalls || r->newborn || t->leaving ||
	    t->p->ending)
		return;
	r->sys.op = PTRACE_SYSCALL_INFO_EXIT;
	r->sys.w[0] = (u64)ret;
	r->sys.w[1] = ret < 0 && ret >= -4095;
	r->message = PTRACE_EVENTMSG_SYSCALL_EXIT;
	event_info(t, SIGTRAP | 0x80);
	if (announce(t, PTRACE_STOP_SYSCALL, SIGTRAP))
		send_injected(t);
}

/* --- signals -------------------------------------------------------------- */

int ptrace_signal(struct linux_task *t, siginfo_t *info)
{
	struct ptrace_record *r = &t->ptrace;
	int sig = info->si_signo;

	if (!r->traced)
		return sig;
	r->info = *info;
	r->message = 0;
	if (!announce(t, PTRACE_STOP_SIGNAL, (u32)sig))
		return sig;
	sig = (int)r->inject;
	if (sig == 0)
		return 0;
	*info = r->info;
	if (info->si_signo != sig) {
		memset(info, 0, sizeof(*info));
		info->si_signo = sig;
		info->si_code = SI_USER;
		info->si_pid = getppid();
	}
	if (t->sigmask & SIGNAL_BIT(sig)) { /* another one: it has to wait */
		const u64 a[6] = { (u64)getpid(), (u64)t->tid, (u64)sig,
			(u64)info };
		host_call(SYS_rt_tgsigqueueinfo, a);
		return 0;
	}
	return sig;
}

void ptrace_stop_self(struct linux_task *t, int sig)
{
	const u64 a[6] = { (u64)getpid(), (u64)t->tid, (u64)sig };
	u64 old;

	t->ptrace.native_stop = (u32)sig;
	set_host_mask(~SIGNAL_BIT(sig), &old);
	host_call(SYS_tgkill, a);
	set_host_mask(old, NULL);
	t->ptrace.native_stop = 0;
}

/*
 * A tracer has come. What a forked child has from its parent is not about
 * this tracer; the child may not have come so far as to drop it.
 */
static void meet(struct ptrace_record *r)
{
	pid_t tid = own_tid();
	if (r->owner && r->owner != tid)
		memset(r, 0, sizeof(*r));
	r->owner = tid;
}

int ptrace_kick(struct linux_task *t, siginfo_t **si)
{
	struct ptrace_record *r = &t->ptrace;

	if ((*si)->si_code != SI_QUEUE || (*si)->si_uid != PTRACE_MARK)
		return 0;
	switch ((*si)->si_errno) {
	case PTRACE_MARK_HELLO:
		meet(r);
		r->magic = PTRACE_MAGIC;
		r->process = t->p;
		r->traced = 1;
		r->poked = r->attention = true;
		mark_self(t, PTRACE_MARK_HERE);
		return -1;
	case PTRACE_MARK_INTERRUPT:
		meet(r);
		r->traced = r->seized = 1;
		r->poked = r->attention = r->interrupt = true;
		return -1;
	case PTRACE_MARK_DELIVER:
		r->poked = true;
		*si = &r->incoming;
		if (r->incoming.si_signo != SIGSTOP)
			return r->incoming.si_signo;
		/* Cannot be blocked, so it may come when another waits. */
		r->stop_info = r->incoming;
		r->stop_due = r->attention = true;
		return -1;
	default: /* our own, and nobody was there */ return -1;
	}
}

/* --- stops at safepoints -------------------------------------------------- */

/* A stop signal that passed through the tracer. */
static void deliver_stop(struct linux_task *t, siginfo_t *info)
{
	int sig = ptrace_signal(t, info);
	const u64 a[6] = { (u64)getpid(), (u64)t->tid, (u64)sig };

	if (sig == SIGSTOP)
		ptrace_stop_self(t, sig);
	else if (sig)
		host_call(SYS_tgkill, a);
}

static void newborn_stop(struct linux_task *t)
{
	siginfo_t si;

	if (t->ptrace.seized) {
		event_stop(t, PTRACE_EVENT_STOP, 0);
		return;
	}
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGSTOP;
	deliver_stop(t, &si);
}

/* execve, seen from the new program: its event, then the call's end. */
static void exec_stop(struct linux_task *t)
{
	struct ptrace_record *r = &t->ptrace;
	siginfo_t si;

	event_info(t, SIGTRAP | PTRACE_EVENT_EXEC << 8);
	if (!announce(t, PTRACE_STOP_EXEC, SIGTRAP | PTRACE_EVENT_EXEC << 8))
		return;
	bool trap = r->exec_trap;
	ptrace_syscall_exit(t);
	if (!trap)
		return;
	memset(&si, 0, sizeof(si));
	si.si_signo = SIGTRAP;
	si.si_pid = getpid();
	si.si_uid = getuid();
	if (ptrace_signal(t, &si)) {
		r->inject = (u32)si.si_signo;
		send_injected(t);
	}
}

void ptrace_attend(struct linux_task *t)
{
	struct ptrace_record *r = &t->ptrace;
	u64 old;

	if (t->leaving || t->p->ending)
		return;
	set_host_mask(~(u64)0 & ~SIGNAL_BIT(SIGNAL_KICK), &old);
	r->attention = false;
	if (r->recheck) {
		r->recheck = 0;
		exec_recheck(t->p->vm);
	}
	bool newborn = r->newborn, execed = r->execed;
	bool interrupt = r->interrupt && !newborn;
	r->newborn = r->execed = r->interrupt = false;
	if (newborn && r->traced)
		newborn_stop(t);
	if (execed && r->traced)
		exec_stop(t);
	if (interrupt && r->traced)
		event_stop(t, PTRACE_EVENT_STOP, 0);
	if (r->stop_due) {
		siginfo_t si = r->stop_info;
		r->stop_due = false;
		deliver_stop(t, &si);
	}
	signal_host_set(t->sigmask);
}

/* --- life ----------------------------------------------------------------- */

void ptrace_start(struct linux_task *t)
{
	struct ptrace_record *r = &t->ptrace;

	if ((getauxval(AT_FLAGS) & 0xffff0000u) != PTRACE_AT_FLAGS)
		return;
	r->magic = PTRACE_MAGIC;
	r->process = t->p;
	r->traced = 1;
	r->execed = r->attention = true;
	r->owner = t->tid;
}

/* The event that a clone with these arguments is; 0: none. */
static u32 clone_event(const struct clone_args_host *ca)
{
	if (ca->flags & CLONE_UNTRACED)
		return 0;
	if (ca->flags & CLONE_VFORK)
		return PTRACE_EVENT_VFORK;
	if ((ca->flags & CLONE_THREAD) || ca->exit_signal != SIGCHLD)
		return PTRACE_EVENT_CLONE;
	return PTRACE_EVENT_FORK;
}

static bool is_wanted(const struct ptrace_record *r, u32 event)
{
	return r->traced && event && (r->options & 1u << event);
}

/* The record of a child that is traced because its parent is. */
static void be_born(struct ptrace_record *c, const struct ptrace_record *parent)
{
	const struct ptrace_record old = *parent;
	memset(c, 0, sizeof(*c));
	c->magic = PTRACE_MAGIC;
	c->traced = 1;
	c->options = old.options;
	c->seized = old.seized;
	c->newborn = c->attention = true;
	if (c == parent &&
	    old.owner == own_tid()) { /* a tracer was here already */
		*c = old;
		c->newborn = c->attention = true;
	}
}

void ptrace_inherit(struct linux_task *c, const struct linux_task *t,
    const struct clone_args_host *ca)
{
	if (c->p != t->p)
		c->p->tracer = NULL;
	if (is_wanted(&t->ptrace, clone_event(ca)))
		be_born(&c->ptrace, &t->ptrace);
}

i64 ptrace_cloned(struct linux_task *t, const struct clone_args_host *ca, i64 r)
{
	u32 event = clone_event(ca);

	if (r == 0) { /* a forked child, in its copy of our memory */
		t->p->tracer = NULL;
		if (is_wanted(&t->ptrace, event))
			be_born(&t->ptrace, &t->ptrace);
		else if (t->ptrace.owner != own_tid())
			memset(&t->ptrace, 0, sizeof(t->ptrace));
		return r;
	}
	/* The kernel reports vfork itself: the parent waits within. */
	bool kernel = event == PTRACE_EVENT_VFORK && (ca->flags & CLONE_VM) &&
	    !(ca->flags & CLONE_THREAD);
	if (r > 0 && !kernel && is_wanted(&t->ptrace, event))
		event_stop(t, event, (u64)r);
	return r;
}

void ptrace_leave(struct linux_task *t, int status)
{
	struct ptrace_record *r = &t->ptrace;

	if (r->leaving || !r->magic)
		return;
	if (r->traced && (r->options & 1u << PTRACE_EVENT_EXIT))
		event_stop(t, PTRACE_EVENT_EXIT, (u64)(u32)status);
	r->leaving = 1;
	r->traced = 0;
}
