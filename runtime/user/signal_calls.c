/*
 * signal_calls.c - the system calls on signals. Those that the host's kernel
 * does by itself, because masks and pids are shared with it, are PASS and
 * WAIT rows of syscalls.def.
 */
#include <unistd.h>

#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/signal.h"

/* --- masks --------------------------------------------------------------- */

int signal_get_mask(struct linux_task *t, gva_t gva, u64 size, u64 *mask)
{
	if (size != sizeof(*mask))
		return -EINVAL;
	return guest_get(t, *mask, gva);
}

i64 sys_rt_sigprocmask(struct linux_task *t, const u64 a[6])
{
	u64 old = t->sigmask, set, mask;

	if (a[3] != sizeof(set))
		return -EINVAL;
	if (a[1]) {
		if (guest_get(t, set, a[1]))
			return -EFAULT;
		/* What has arrived before is delivered before. */
		if (t->pending)
			return SYS_RESTART_ALWAYS;
		switch ((int)a[0]) {
		case SIG_BLOCK: mask = old | set; break;
		case SIG_UNBLOCK: mask = old & ~set; break;
		case SIG_SETMASK: mask = set; break;
		default: return -EINVAL;
		}
		signal_set_mask(t, mask);
	}
	return a[2] ? guest_put(t, a[2], old) : 0;
}

i64 sys_rt_sigpending(struct linux_task *t, const u64 a[6])
{
	u64 set = 0;
	const u64 b[6] = { (u64)&set, 8 };

	if (a[1] > sizeof(set))
		return -EINVAL;
	host_call(SYS_rt_sigpending, b);
	set |= held_set(t) & t->sigmask;
	return guest_write(t, a[0], &set, a[1]);
}

i64 sys_rt_sigsuspend(struct linux_task *t, const u64 a[6])
{
	u64 mask, old = t->sigmask;
	int r = signal_get_mask(t, a[0], a[1], &mask);
	if (r)
		return r;
	u64 host = signal_host_mask(mask);
	t->sigmask = mask & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	t->suspend_mask = old;
	t->suspended = true;
	if (held_look(t))
		return -EINTR;
	i64 res = safe_syscall(t, SYS_rt_sigsuspend, (u64)&host, (u64)8, (u64)0,
	    (u64)0, (u64)0, (u64)0);
	if (res == SYS_RESTART) {
		/* Came before the call: it has not begun. */
		t->sigmask = old;
		t->suspended = false;
		return SYS_RESTART_ALWAYS;
	}
	return res;
}

/* Those that wait in metic first, then those that wait in the kernel. */
i64 sys_rt_sigtimedwait(struct linux_task *t, const u64 a[6])
{
	siginfo_t info;
	u64 set;
	int r = signal_get_mask(t, a[0], a[3], &set);
	if (r)
		return r;
	int sig = held_take(t, ~set, &info);
	if (!sig) {
		i64 got = host_wait(t, SYS_rt_sigtimedwait, a);
		if (got > 0 && a[1] && guest_get(t, info, a[1]) == 0 &&
		    signal_code_restore(&info))
			guest_put(t, a[1], info);
		return got;
	}
	return a[1] && guest_put(t, a[1], info) ? -EFAULT : sig;
}

i64 sys_gettid(struct linux_task *t, const u64 a[6])
{
	(void)a;
	return t->tid;
}

/* --- actions ------------------------------------------------------------- */

static i64 put_action(
    struct linux_task *t, gva_t gva, const struct linux_sigaction *sa)
{
	u64 w[4], n = 0;
	w[n++] = sa->handler;
	w[n++] = sa->flags;
	if (t->p->abi->sa_restorer)
		w[n++] = sa->restorer;
	w[n++] = sa->mask;
	return guest_write(t, gva, w, n * 8);
}

static i64 get_action(
    struct linux_task *t, gva_t gva, struct linux_sigaction *sa)
{
	bool rest = t->p->abi->sa_restorer;
	u64 w[4] = { 0 };
	if (guest_read(t, w, gva, rest ? 32 : 24))
		return -EFAULT;
	*sa = (struct linux_sigaction){
		.handler = w[0],
		.flags = w[1],
		.restorer = rest ? w[2] : 0,
		.mask = (rest ? w[3] : w[2]) &
		    ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)),
	};
	return 0;
}

i64 sys_rt_sigaction(struct linux_task *t, const u64 a[6])
{
	struct linux_process *p = t->p;
	struct linux_sigaction new, old;
	u64 sig = a[0];
	i64 r = 0;

	if (a[3] != 8 || sig < 1 || sig > LINUX_NSIG ||
	    (a[1] && (sig == SIGKILL || sig == SIGSTOP)))
		return -EINVAL;
	if (a[1] && get_action(t, a[1], &new))
		return -EFAULT;
	if (a[1] && new.handler <= 1)
		signal_unhandle(p, (int)sig);
	pthread_mutex_lock(&p->sig_lock);
	old = p->action[sig];
	if (a[1]) {
		p->action[sig] = new;
		r = signal_host_action(p, (int)sig);
		if (r)
			p->action[sig] = old;
	}
	pthread_mutex_unlock(&p->sig_lock);
	if (r == 0 && a[2])
		r = put_action(t, a[2], &old);
	return r;
}

/* --- alternate stack, return from a handler ------------------------------ */

static int set_altstack(struct linux_task *t, const struct linux_altstack *ss)
{
	i32 mode = ss->flags & (i32)~SS_AUTODISARM;

	if (signal_on_altstack(t))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		t->altstack = (struct linux_altstack){ .flags = 0 };
		return 0;
	}
	if (ss->size < t->p->abi->min_sigstack)
		return -ENOMEM;
	t->altstack = *ss;
	t->altstack.pad = 0;
	return 0;
}

i64 sys_sigaltstack(struct linux_task *t, const u64 a[6])
{
	struct linux_altstack new, old = t->altstack;
	i64 r = 0;

	old.flags &= (i32)SS_AUTODISARM;
	old.flags |= signal_on_altstack(t) ? SS_ONSTACK : 0;
	if (!old.size)
		old.flags = SS_DISABLE;
	if (a[0]) {
		if (guest_get(t, new, a[0]))
			return -EFAULT;
		r = set_altstack(t, &new);
	}
	if (r == 0 && a[1])
		r = guest_put(t, a[1], old);
	return r;
}

i64 sys_rt_sigreturn(struct linux_task *t, const u64 a[6])
{
	struct linux_altstack ss;
	u64 mask;

	(void)a;
	if (t->p->abi->signal_pop(t, &mask, &ss)) {
		signal_fault(t, SIGSEGV, SI_KERNEL, 0);
		return SYS_NO_RETURN;
	}
	/* As the kernel: an altstack that cannot be set is left as it is. */
	set_altstack(t, &ss);
	signal_set_mask(t, mask);
	return SYS_NO_RETURN;
}

/* --- sending ------------------------------------------------------------- */

/*
 * A signal to ourselves that would end the process by default ends the
 * guest's process in linux_run's way. false: let the host do it.
 */
static bool die_by_own_hand(struct linux_task *t, int sig)
{
	struct linux_process *p = t->p;

	if (sig < 1 || sig > LINUX_NSIG || sig == SIGKILL || t->debug.stub ||
	    t->ptrace.traced || (t->sigmask & SIGNAL_BIT(sig)))
		return false;
	enum signal_default d = signal_default_of(sig);
	pthread_mutex_lock(&p->sig_lock);
	bool dfl = p->action[sig].handler == 0;
	pthread_mutex_unlock(&p->sig_lock);
	if (!dfl || (d != SIGNAL_TERM && d != SIGNAL_CORE))
		return false;
	signal_die(p, sig);
	return true;
}

static pid_t own_pid(const struct linux_task *t)
{
	return t->leader ? t->tid : getpid();
}

/* 0 or SYS_NO_RETURN: done; 1: the host must do it. */
static i64 kill_self(struct linux_task *t, int sig, int si_code)
{
	siginfo_t *si = signal_to_self(t, sig);

	if (!si)
		return die_by_own_hand(t, sig) ? SYS_NO_RETURN : 1;
	si->si_code = si_code;
	si->si_pid = own_pid(t);
	si->si_uid = getuid();
	return 0;
}

/* The main thread is the kernel's first choice, if it takes the signal. */
i64 sys_kill(struct linux_task *t, const u64 a[6])
{
	bool self = (pid_t)a[0] == own_pid(t);
	i64 r = 1;

	if (self && t->leader)
		r = kill_self(t, (int)a[1], SI_USER);
	else if (self && die_by_own_hand(t, (int)a[1]))
		r = SYS_NO_RETURN;
	return r == 1 ? host_call(SYS_kill, a) : r;
}

i64 sys_tkill(struct linux_task *t, const u64 a[6])
{
	i64 r = 1;

	if ((pid_t)a[0] == t->tid)
		r = kill_self(t, (int)a[1], SI_TKILL);
	return r == 1 ? host_call(SYS_tkill, a) : r;
}

i64 sys_tgkill(struct linux_task *t, const u64 a[6])
{
	i64 r = 1;

	if ((pid_t)a[1] == t->tid && (pid_t)a[0] == own_pid(t))
		r = kill_self(t, (int)a[2], SI_TKILL);
	return r == 1 ? host_call(SYS_tgkill, a) : r;
}

/* sigqueue to the calling thread; false: the host must do it. */
static bool queue_self(struct linux_task *t, u64 sig, gva_t gva)
{
	siginfo_t info, *si;

	if (guest_get(t, info, gva) || info.si_code != SI_QUEUE ||
	    !(si = signal_to_self(t, (int)sig)))
		return false;
	/* all that SI_QUEUE says: signal(7), sigqueue(3) */
	si->si_code = SI_QUEUE;
	si->si_errno = info.si_errno;
	si->si_pid = info.si_pid;
	si->si_uid = info.si_uid;
	si->si_value = info.si_value;
	return true;
}

i64 sys_rt_sigqueueinfo(struct linux_task *t, const u64 a[6])
{
	if (t->leader && (pid_t)a[0] == t->tid && queue_self(t, a[1], a[2]))
		return 0;
	return host_call(SYS_rt_sigqueueinfo, a);
}

i64 sys_rt_tgsigqueueinfo(struct linux_task *t, const u64 a[6])
{
	if ((pid_t)a[1] == t->tid && (pid_t)a[0] == own_pid(t) &&
	    queue_self(t, a[2], a[3]))
		return 0;
	return host_call(SYS_rt_tgsigqueueinfo, a);
}
