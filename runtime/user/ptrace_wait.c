/*
 * ptrace_wait.c - the tracing side of wait4 and waitid: which of the
 * tracee's stops on the host are the guest's.
 *
 * wait4 and waitid are the host's. What they take from the kernel goes
 * through ptrace_filter: a stop that means nothing to the guest is dealt
 * with, and the call goes on. A signal on its way to the tracee is put into
 * its record and replaced by SIGNAL_KICK, whose handler always queues it:
 * the guest sees it at the guest's point of delivery.
 */
#include <linux/ptrace.h>
#include <stdlib.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/ptrace.h"
#include "runtime/user/signal.h"

#define EVENT_SHIFT 16

static i64 go_on(struct ptrace_tracee *k, u64 sig)
{
	return ptrace_host(PTRACE_CONT, k->tid, 0, sig);
}

/* --- a record that we did not know ---------------------------------------- */

static void learn(struct ptrace_tracee *k, u64 record)
{
	if (k->record == record)
		return;
	k->record = record;
	PTRACE_PUT(k, traced, 1);
	PTRACE_PUT(k, options, k->options);
	PTRACE_PUT(k, seized, (u32)k->seized);
	PTRACE_PUT(k, syscalls, k->syscalls);
	ptrace_host(
	    PTRACE_SETOPTIONS, k->tid, 0, ptrace_host_options(k->options));
}

/* --- announcements -------------------------------------------------------- */

static bool exec_announced(struct ptrace_tracee *k, int *status)
{
	k->starting = false;
	k->message = k->exec_tid;
	if (k->options & PTRACE_O_TRACEEXEC)
		return true;
	(void)status;
	/* Without the event an older tracer gets a SIGTRAP afterwards. */
	PTRACE_PUT(k, exec_trap, (u32)!k->seized);
	PTRACE_PUT(k, syscalls, k->syscalls);
	PTRACE_PUT(k, go, PTRACE_GO_ON);
	ptrace_resume_host(k, false);
	return false;
}

/* PTRACE_MARK_STOP: true if the guest is to see it. */
static bool announced(struct ptrace_tracee *k, u64 record, int *status)
{
	bool fresh = k->fresh;

	k->fresh = false;
	if (!ptrace_peek(k->tid, record, &k->rec, sizeof(k->rec)) ||
	    k->rec.magic != PTRACE_MAGIC)
		return go_on(k, 0), false;
	if (fresh) { /* the kernel gave it what its parent had */
		k->options = k->rec.options;
		k->seized = k->rec.seized;
	}
	learn(k, record);
	k->announced = true;
	k->message = k->rec.message;
	if (k->rec.stop == PTRACE_STOP_EXEC && !exec_announced(k, status))
		return false;
	u32 st = k->rec.status;
	if (k->rec.stop == PTRACE_STOP_SYSCALL &&
	    (k->options & PTRACE_O_TRACESYSGOOD))
		st |= 0x80;
	*status = (int)(st << 8 | 0x7f);
	return true;
}

/* --- a new program -------------------------------------------------------- */

#if defined(__x86_64__)
static bool host_reg(struct ptrace_tracee *k, size_t offset, u64 *out)
{
	/* struct user begins with struct user_regs_struct */
	return ptrace_host(PTRACE_PEEKUSR, k->tid, offset, (u64)out) == 0;
}
#endif

/*
 * Until we have met a tracee that called PTRACE_TRACEME, execve shows as a
 * SIGTRAP by itself, before the first instruction of the new program: its
 * registers are clear, as they cannot be after a system call.
 */
static bool is_exec_trap(struct ptrace_tracee *k, const siginfo_t *si)
{
#if defined(__x86_64__)
	u64 rcx, r11;
	return !k->record && si->si_signo == SIGTRAP &&
	    si->si_code == SI_USER &&
	    host_reg(k, offsetof(struct user_regs_struct, rcx), &rcx) &&
	    host_reg(k, offsetof(struct user_regs_struct, r11), &r11) && !rcx &&
	    !r11;
#else
	(void)k;
	(void)si;
	return false;
#endif
}

/*
 * Tell a fresh metic that it is traced by one: AT_FLAGS, which lies in its
 * auxiliary vector above the environment, and which is 0 on this host.
 */
static void flag_start(struct ptrace_tracee *k)
{
#if defined(__x86_64__)
	u64 rsp, w, aux[2];
	if (!host_reg(k, offsetof(struct user_regs_struct, rsp), &rsp) ||
	    !ptrace_peek(k->tid, rsp, &w, 8))
		return;
	for (rsp += (w + 2) * 8; ptrace_peek(k->tid, rsp, &w, 8); rsp += 8)
		if (!w)
			break;
	for (rsp += 8; ptrace_peek(k->tid, rsp, aux, 16) && aux[0]; rsp += 16)
		if (aux[0] == 8) { /* AT_FLAGS */
			aux[1] |= PTRACE_AT_FLAGS;
			ptrace_poke(k->tid, rsp, aux, 16);
		}
#else
	(void)k;
#endif
}

/* --- signals on their way ------------------------------------------------- */

static void save(struct ptrace_tracee *k, const siginfo_t *si)
{
	if (k->nsaved < ARRAY_LEN(k->saved))
		k->saved[k->nsaved++] = *si;
}

/* True if the guest is to see this stop as it is. */
static bool on_signal(struct ptrace_tracee *k, int sig, int *status)
{
	struct {
		u64 magic, process;
		u32 traced, options, seized, recheck, leaving, native_stop;
	} head;
	siginfo_t si;

	if (ptrace_host(PTRACE_GETSIGINFO, k->tid, 0, (u64)&si) < 0)
		return true; /* a group stop */
	if (sig == SIGNAL_KICK && si.si_code == SI_QUEUE &&
	    si.si_uid == PTRACE_MARK) {
		u64 record = (u64)(uintptr_t)si.si_value.sival_ptr;
		if (si.si_errno == PTRACE_MARK_STOP)
			return announced(k, record, status);
		if (si.si_errno != PTRACE_MARK_HERE)
			return go_on(k, SIGNAL_KICK), false;
		learn(k, record);
		return ptrace_resume_host(k, false), false;
	}
	if (k->foreign)
		return true;
	if (sig == SIGSEGV || sig == SIGBUS || sig == SIGNAL_KICK)
		return go_on(k, (u64)sig), false; /* its handler is there */
	if (k->fresh && sig == SIGSTOP && si.si_pid == 0)
		return go_on(k, 0), false; /* of the kernel, as it attached */
	if (is_exec_trap(k, &si)) {
		ptrace_host(PTRACE_SETOPTIONS, k->tid, 0,
		    ptrace_host_options(k->options));
		flag_start(k);
		k->starting = true;
		return go_on(k, 0), false;
	}
	if (k->starting) {
		save(k, &si);
		return go_on(k, 0), false;
	}
	if (!k->record) {
		save(k, &si);
		ptrace_send(k, PTRACE_MARK_HELLO);
		return go_on(k, 0), false;
	}
	if (!ptrace_peek(k->tid, k->record, &head, sizeof(head)) ||
	    head.magic != PTRACE_MAGIC || head.leaving ||
	    (int)head.native_stop == sig)
		return go_on(k, (u64)sig), false;
	save(k, &si);
	return ptrace_resume_host(k, false), false;
}

_Static_assert(offsetof(struct ptrace_record, native_stop) == 36, "head");

/* --- the kernel's events -------------------------------------------------- */

/* The process is another program now, under the leader's tid. */
static bool on_exec(struct ptrace_tracer *tr, struct ptrace_tracee *k)
{
	ptrace_host(PTRACE_GETEVENTMSG, k->tid, 0, (u64)&k->exec_tid);
	struct ptrace_tracee *old = ptrace_find(tr, (pid_t)k->exec_tid);
	if (old && old != k) {
		k->options = old->options;
		k->seized = old->seized;
		k->syscalls = old->syscalls;
		ptrace_forget(tr, old->tid);
	}
	k->record = 0;
	k->fresh = false;
	k->foreign = !ptrace_is_metic(k->tid, false);
	if (!k->foreign) {
		flag_start(k);
		k->starting = true;
		return go_on(k, 0), false;
	}
	if (k->options & PTRACE_O_TRACEEXEC)
		return true;
	return go_on(k, k->seized ? 0 : SIGTRAP), false;
}

static bool on_event(
    struct ptrace_tracer *tr, struct ptrace_tracee *k, int event, int sig)
{
	u32 bit = event < 32 ? 1u << event : 0;

	switch (event) {
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_VFORK_DONE:
		if (!k->fresh && (k->options & bit))
			return true;
		break;
	case PTRACE_EVENT_EXEC: return on_exec(tr, k);
	case PTRACE_EVENT_STOP:
		/* a group stop, its end, or the first stop of a child */
		if (sig != SIGTRAP || !k->fresh)
			return true;
		break;
	default: /* fork, clone: the tracee tells when it is out of it */
		if (k->foreign)
			return true;
	}
	go_on(k, 0);
	return false;
}

/* --- stops ---------------------------------------------------------------- */

/* A stop of somebody we did not know; NULL: it is not our tracee. */
static struct ptrace_tracee *newcomer(
    struct ptrace_tracer *tr, pid_t tid, int event, int sig)
{
	siginfo_t si;
	u64 msg;

	if (ptrace_host(PTRACE_GETEVENTMSG, tid, 0, (u64)&msg) < 0)
		return NULL;
	struct ptrace_tracee *k = ptrace_add(tr, tid);
	if (!k)
		return NULL;
	if (event == PTRACE_EVENT_STOP)
		k->fresh = k->seized = true;
	else if (sig == SIGSTOP &&
	    ptrace_host(PTRACE_GETSIGINFO, tid, 0, (u64)&si) == 0)
		k->fresh = si.si_code == SI_USER && si.si_pid == 0;
	if (!k->fresh) /* PTRACE_TRACEME */
		k->foreign = !ptrace_is_metic(tid, false);
	return k;
}

bool ptrace_filter(struct ptrace_tracer *tr, pid_t tid, int *status)
{
	int event = *status >> EVENT_SHIFT, sig = WSTOPSIG(*status);
	struct ptrace_tracee *k = ptrace_find(tr, tid);
	bool seen;

	if (!k)
		k = newcomer(tr, tid, event, sig);
	if (!k)
		return true;
	k->announced = k->stopped = k->listening = false;
	k->message = 0;
	if (event)
		seen = on_event(tr, k, event, sig);
	else
		seen = on_signal(k, sig, status);
	k->stopped = seen;
	if (seen && !k->announced && event)
		ptrace_host(PTRACE_GETEVENTMSG, tid, 0, (u64)&k->message);
	event = *status >> EVENT_SHIFT;
	if (seen &&
	    (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		event == PTRACE_EVENT_CLONE)) {
		struct ptrace_tracee *c = ptrace_find(tr, (pid_t)k->message);
		if (c)
			c->visible = true;
	}
	return seen;
}

/*
 * The end of a tracee. Threads that a tracee has for itself, and that were
 * attached with the guest's, end unseen.
 */
static bool filter_end(struct ptrace_tracer *tr, pid_t tid, bool reaped)
{
	struct ptrace_tracee *k = ptrace_find(tr, tid);
	bool seen = !k || !k->fresh || k->visible || k->tid == k->tgid;
	if (k && reaped)
		ptrace_forget(tr, tid);
	return seen;
}

/* --- the calls ------------------------------------------------------------ */

static i64 put_status(struct linux_task *t, gva_t at, i32 status, i64 r)
{
	return at && guest_put(t, at, status) ? -EFAULT : r;
}

/*
 * (pid, status, options, rusage). Who has not called ptrace yet may be made
 * a tracer by its child, so every stop is looked at.
 */
i64 sys_wait4(struct linux_task *t, const u64 a[6])
{
	struct ptrace_tracer *tr = t->p->tracer;
	i32 status = 0;
	u64 b[6];

	memcpy(b, a, sizeof(b));
	b[1] = (u64)(uintptr_t)&status;
	for (;;) {
		i64 r = host_wait(t, SYS_wait4, b);
		if (r <= 0)
			return r;
		bool stop = WIFSTOPPED(status);
		if (!tr && (!stop || !(tr = ptrace_tracer_of(t->p))))
			return put_status(t, a[1], status, r);
		pthread_mutex_lock(&tr->lock);
		bool seen = stop ? ptrace_filter(tr, (pid_t)r, &status) :
		    WIFCONTINUED(status) ? true :
					   filter_end(tr, (pid_t)r, true);
		pthread_mutex_unlock(&tr->lock);
		if (seen)
			return put_status(t, a[1], status, r);
	}
}

/* The kernel fills the members up to si_status and no others. */
static i64 put_info(struct linux_task *t, gva_t at, const siginfo_t *si, i64 r)
{
	size_t n = offsetof(siginfo_t, si_status) + sizeof(si->si_status);
	return at && guest_write(t, at, si, n) ? -EFAULT : r;
}

/*
 * (idtype, id, siginfo, options, rusage). The kernel fills in zeros when it
 * fails, so EFAULT hides other errors.
 */
i64 sys_waitid(struct linux_task *t, const u64 a[6])
{
	struct ptrace_tracer *tr = t->p->tracer;
	siginfo_t si;
	u64 b[6];

	memcpy(b, a, sizeof(b));
	b[2] = (u64)(uintptr_t)&si;
	for (;;) {
		si.si_pid = 0;
		i64 r = host_wait(t, SYS_waitid, b);
		if (r <= SYS_RESTART || r == -EFAULT)
			return r;
		if (r < 0)
			return put_info(t, a[2], &si, r);
		bool seen = true,
		     stop = si.si_pid &&
		    (si.si_code == CLD_TRAPPED || si.si_code == CLD_STOPPED);
		if (!tr && (!stop || !(tr = ptrace_tracer_of(t->p))))
			return put_info(t, a[2], &si, r);
		pthread_mutex_lock(&tr->lock);
		if (stop) {
			int status = (int)((u32)si.si_status << 8 | 0x7f);
			seen = ptrace_filter(tr, si.si_pid, &status);
			si.si_status = status >> 8;
		} else if (si.si_pid && si.si_code != CLD_CONTINUED) {
			seen = filter_end(tr, si.si_pid, !(a[3] & WNOWAIT)) ||
			    (a[3] & WNOWAIT);
		}
		pthread_mutex_unlock(&tr->lock);
		if (seen)
			return put_info(t, a[2], &si, r);
	}
}
