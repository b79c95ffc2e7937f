/*
 * ptrace.c - ptrace, for guests that trace guests: the tracing side's calls.
 *
 * The host's ptrace carries the guest's. The tracer's host thread is the
 * host's tracer of the tracee's host threads, attached in the way the guest
 * asked for (TRACEME, ATTACH, SEIZE), so that children are attached by the
 * kernel, wait4 and SIGCHLD work as ever, and the tracee is freed or killed
 * when the tracer dies. Three things are different from a native tracer:
 *
 *   - Host stops happen anywhere in metic. The stops that a guest sees are
 *     announced by the tracee at exact guest states (ptrace_tracee.c), or
 *     are the kernel's own group stops and vfork events. All others are
 *     dealt with where they are taken from the kernel, in wait4 and waitid
 *     (ptrace_wait.c).
 *   - The guest's registers, its signal and what it shall do next lie in a
 *     record in the tracee's memory, read and written with process_vm_*.
 *   - Guest memory is the host's (addresses are equal), but code in it has
 *     been translated. Who is let go on after a write checks its
 *     translations (exec_recheck).
 *
 * An execve makes a fresh metic. Its tracer says so in AT_FLAGS of the new
 * process (ptrace_wait.c:flag_start), for nothing else survives.
 *
 * Programs for the host can be traced only as far as the kernel's own stops
 * go; attaching to one is EPERM. riscv64 has no PTRACE_SINGLESTEP and no
 * PTRACE_PEEKUSER: EIO, as there.
 */
#include <elf.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/ptrace.h"
#include "runtime/user/signal.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif
#define OPTIONS_KNOWN ((u64)0xff | PTRACE_O_EXITKILL)

/* --- the host's ----------------------------------------------------------- */

i64 ptrace_host(long request, pid_t tid, u64 addr, u64 data)
{
	const u64 a[6] = { (u64)request, (u64)tid, addr, data };
	return host_call(SYS_ptrace, a);
}

static bool remote(long nr, pid_t tid, u64 addr, const void *buf, size_t n)
{
	struct iovec here = { (void *)(uintptr_t)buf, n };
	struct iovec there = { (void *)(uintptr_t)addr, n };
	const u64 a[6] = { (u64)tid, (u64)&here, 1, (u64)&there, 1, 0 };
	return host_call(nr, a) == (i64)n;
}

bool ptrace_peek(pid_t tid, u64 addr, void *buf, size_t n)
{
	return remote(SYS_process_vm_readv, tid, addr, buf, n);
}

bool ptrace_poke(pid_t tid, u64 addr, const void *buf, size_t n)
{
	return remote(SYS_process_vm_writev, tid, addr, buf, n);
}

/* The number after `key` in /proc/<tid>/status, in `base`; false: none. */
static bool status_field(pid_t tid, const char *key, int base, u64 *out)
{
	char path[48], line[256];
	bool found = false;
	size_t n = strlen(key);

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n)) {
			*out = strtoull(line + n, NULL, base);
			found = true;
		}
	fclose(f);
	return found;
}

bool ptrace_is_metic(pid_t tid, bool ready)
{
	char path[48];
	struct stat own, its;
	u64 caught;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)tid);
	if (stat("/proc/self/exe", &own) < 0 || stat(path, &its) < 0 ||
	    own.st_dev != its.st_dev || own.st_ino != its.st_ino)
		return false;
	return !ready ||
	    (status_field(tid, "SigCgt:", 16, &caught) &&
		(caught & SIGNAL_BIT(SIGNAL_KICK)));
}

u64 ptrace_host_options(u32 options)
{
	return PTRACE_O_TRACEEXEC |
	    (options &
		(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		    PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORKDONE |
		    PTRACE_O_EXITKILL));
}

static pid_t tgid_of(struct ptrace_tracee *k)
{
	u64 tgid;
	if (!k->tgid && status_field(k->tid, "Tgid:", 10, &tgid))
		k->tgid = (pid_t)tgid;
	return k->tgid;
}

static void make_mark(siginfo_t *si, enum ptrace_mark mark)
{
	memset(si, 0, sizeof(*si));
	si->si_signo = SIGNAL_KICK;
	si->si_code = SI_QUEUE;
	si->si_errno = (int)mark;
	si->si_pid = getpid();
	si->si_uid = PTRACE_MARK;
}

i64 ptrace_send(struct ptrace_tracee *k, enum ptrace_mark mark)
{
	siginfo_t si;
	make_mark(&si, mark);
	const u64 a[6] = { (u64)tgid_of(k), (u64)k->tid, SIGNAL_KICK,
		(u64)&si };
	return host_call(SYS_rt_tgsigqueueinfo, a);
}

i64 ptrace_resume_host(struct ptrace_tracee *k, bool detach)
{
	long how = detach ? PTRACE_DETACH : PTRACE_CONT;
	siginfo_t si;

	if (!k->nsaved || !k->record)
		return ptrace_host(how, k->tid, 0, 0);
	PTRACE_PUT(k, incoming, k->saved[0]);
	k->nsaved--;
	memmove(k->saved, k->saved + 1, k->nsaved * sizeof(k->saved[0]));
	make_mark(&si, PTRACE_MARK_DELIVER);
	ptrace_host(PTRACE_SETSIGINFO, k->tid, 0, (u64)&si);
	return ptrace_host(how, k->tid, 0, SIGNAL_KICK);
}

/* --- the list of tracees -------------------------------------------------- */

struct ptrace_tracee *ptrace_find(struct ptrace_tracer *tr, pid_t tid)
{
	struct ptrace_tracee *k = tr->list;
	while (k && k->tid != tid)
		k = k->next;
	return k;
}

struct ptrace_tracee *ptrace_add(struct ptrace_tracer *tr, pid_t tid)
{
	ptrace_forget(tr, tid); /* an old one: numbers are used again */
	struct ptrace_tracee *k = calloc(1, sizeof(*k));
	if (k) {
		k->tid = tid;
		k->code_gen = tr->code_gen;
		k->next = tr->list;
		tr->list = k;
	}
	return k;
}

void ptrace_forget(struct ptrace_tracer *tr, pid_t tid)
{
	struct ptrace_tracee **at = &tr->list, *k;
	while ((k = *at) && k->tid != tid)
		at = &k->next;
	if (k) {
		*at = k->next;
		free(k);
	}
}

struct ptrace_tracer *ptrace_tracer_of(struct linux_process *p)
{
	pthread_mutex_lock(&p->lock);
	struct ptrace_tracer *tr = p->tracer;
	if (!tr && (tr = calloc(1, sizeof(*tr)))) {
		pthread_mutex_init(&tr->lock, NULL);
		p->tracer = tr;
	}
	pthread_mutex_unlock(&p->lock);
	return tr;
}

/* --- beginning ------------------------------------------------------------ */

static i64 trace_me(struct linux_task *t)
{
	if (!ptrace_is_metic(getppid(), true)) {
		syscall_remark(t, "ptrace: the parent is no guest program");
		return -EPERM;
	}
	i64 r = ptrace_host(PTRACE_TRACEME, 0, 0, 0);
	if (r == 0) {
		memset(&t->ptrace, 0, sizeof(t->ptrace));
		t->ptrace.process = t->p;
		t->ptrace.magic = PTRACE_MAGIC;
		t->ptrace.traced = 1;
		t->ptrace.owner = t->tid;
	}
	return r;
}

static i64 attach(struct linux_task *t, struct ptrace_tracer *tr, bool seize,
    pid_t tid, u64 addr, u64 options)
{
	char path[48];
	i64 r;

	if (seize && (addr || (options & ~OPTIONS_KNOWN)))
		return -EIO;
	snprintf(path, sizeof(path), "/proc/%d", (int)tid);
	if (access(path, F_OK) < 0)
		return -ESRCH;
	if (!ptrace_is_metic(tid, true)) {
		syscall_remark(t, "ptrace: %d is no guest program", (int)tid);
		return -EPERM;
	}
	r = seize ? ptrace_host(PTRACE_SEIZE, tid, 0,
			ptrace_host_options((u32)options)) :
		    ptrace_host(PTRACE_ATTACH, tid, 0, 0);
	if (r < 0)
		return r;
	struct ptrace_tracee *k = ptrace_add(tr, tid);
	if (!k) {
		ptrace_host(PTRACE_DETACH, tid, 0, 0);
		return -ENOMEM;
	}
	k->seized = seize;
	k->options = seize ? (u32)options : 0;
	return 0;
}

/* --- going on ------------------------------------------------------------- */

static void tell_code(struct ptrace_tracer *tr, struct ptrace_tracee *k)
{
	if (tr->mem_open)
		tr->code_gen++; /* nobody saw whether anything was written */
	if (k->record && k->code_gen != tr->code_gen)
		PTRACE_PUT(k, recheck, 1);
	k->code_gen = tr->code_gen;
}

static i64 resume(struct ptrace_tracer *tr, struct ptrace_tracee *k,
    bool syscalls, bool detach, u64 sig)
{
	bool stale = tr->mem_open || k->code_gen != tr->code_gen;

	if (sig > LINUX_NSIG)
		return -EIO;
	tell_code(tr, k);
	k->stopped = k->listening = false;
	k->syscalls = syscalls && !detach;
	if (k->record) {
		PTRACE_PUT(k, syscalls, k->syscalls);
		if (detach)
			PTRACE_PUT(k, traced, 0);
	}
	if (k->announced) {
		PTRACE_PUT(k, inject, (u32)sig);
		PTRACE_PUT(k, go, detach ? PTRACE_GO_FREE : PTRACE_GO_ON);
		return ptrace_resume_host(k, detach);
	}
	/* A stop of the kernel's: the record is not looked at by itself. */
	if (!k->foreign && !k->starting && !detach && (stale || !k->record))
		ptrace_send(k, PTRACE_MARK_HELLO);
	return ptrace_host(
	    detach ? PTRACE_DETACH : PTRACE_CONT, k->tid, 0, sig);
}

static i64 set_options(struct ptrace_tracee *k, u64 options)
{
	if (options & ~OPTIONS_KNOWN)
		return -EINVAL;
	i64 r = ptrace_host(
	    PTRACE_SETOPTIONS, k->tid, 0, ptrace_host_options((u32)options));
	if (r < 0)
		return r;
	k->options = (u32)options;
	if (k->record)
		PTRACE_PUT(k, options, k->options);
	return 0;
}

/* Not for stops, but for running tracees. */
static i64 interrupt(struct ptrace_tracee *k)
{
	if (!k->seized)
		return -EIO;
	if (k->listening)
		return ptrace_host(PTRACE_INTERRUPT, k->tid, 0, 0);
	/* a program that starts has its stop before it, anyway */
	return k->starting ? 0 : ptrace_send(k, PTRACE_MARK_INTERRUPT);
}

static i64 listen(struct ptrace_tracee *k)
{
	if (!k->seized || k->announced)
		return -EIO;
	i64 r = ptrace_host(PTRACE_LISTEN, k->tid, 0, 0);
	if (r == 0) {
		k->listening = true;
		k->stopped = false;
	}
	return r;
}

/* --- registers ------------------------------------------------------------ */

/* PTRACE_GETREGSET, _SETREGSET with struct iovec at `at`. */
static i64 regset(
    struct linux_task *t, struct ptrace_tracee *k, bool set, u64 type, gva_t at)
{
	const struct linux_abi *abi = t->p->abi;
	struct iovec iov;
	u8 *regs;
	u64 size;

	if (guest_get(t, iov, at))
		return -EFAULT;
	if (type == NT_PRSTATUS) {
		regs = (u8 *)k->rec.regs.gp;
		size = abi->gp_size;
	} else if (type == NT_FPREGSET) {
		regs = (u8 *)k->rec.regs.fp;
		size = abi->fp_size;
	} else {
		return -EINVAL;
	}
	if (iov.iov_len % 8)
		return -EINVAL;
	if (!k->record || k->foreign)
		return -EIO;
	gva_t base = (gva_t)(uintptr_t)iov.iov_base;
	iov.iov_len = MIN(iov.iov_len, size);
	if (guest_put(t, at, iov))
		return -EFAULT;
	if (!set)
		return guest_write(t, base, regs, iov.iov_len);
	if (!k->announced)
		return -EIO; /* stopped by the kernel, anywhere in metic */
	if (guest_read(t, regs, base, iov.iov_len))
		return -EFAULT;
	PTRACE_PUT(k, regs, k->rec.regs);
	PTRACE_PUT(k, set_regs, 1);
	return 0;
}

/* --- what a stop is about ------------------------------------------------- */

static i64 get_siginfo(
    struct linux_task *t, struct ptrace_tracee *k, gva_t data)
{
	if (!k->announced)
		return ptrace_host(PTRACE_GETSIGINFO, k->tid, 0, data);
	siginfo_t si = k->rec.info;
	if (k->rec.stop == PTRACE_STOP_SYSCALL &&
	    !(k->options & PTRACE_O_TRACESYSGOOD))
		si.si_code = SIGTRAP;
	return guest_put(t, data, si);
}

static i64 set_siginfo(
    struct linux_task *t, struct ptrace_tracee *k, gva_t data)
{
	if (!k->announced)
		return ptrace_host(PTRACE_SETSIGINFO, k->tid, 0, data);
	if (guest_get(t, k->rec.info, data))
		return -EFAULT;
	PTRACE_PUT(k, info, k->rec.info);
	return 0;
}

static i64 mask_of(struct linux_task *t, struct ptrace_tracee *k, bool set,
    u64 size, gva_t data)
{
	if (size != sizeof(k->rec.sigmask))
		return -EINVAL;
	if (!k->announced)
		return ptrace_host(set ? PTRACE_SETSIGMASK : PTRACE_GETSIGMASK,
		    k->tid, size, data);
	if (!set)
		return guest_put(t, data, k->rec.sigmask);
	if (guest_get(t, k->rec.sigmask, data))
		return -EFAULT;
	k->rec.sigmask &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	PTRACE_PUT(k, sigmask, k->rec.sigmask);
	PTRACE_PUT(k, set_mask, 1);
	return 0;
}

/* The size that the kernel would have filled. */
static i64 syscall_info(
    struct linux_task *t, struct ptrace_tracee *k, u64 size, gva_t data)
{
	struct ptrace_syscall s = k->rec.sys;
	u64 n = offsetof(struct ptrace_syscall, w);

	if (!k->announced || k->rec.stop != PTRACE_STOP_SYSCALL)
		s.op = PTRACE_SYSCALL_INFO_NONE;
	else if (s.op == PTRACE_SYSCALL_INFO_ENTRY)
		n += 7 * 8;
	else
		n += 8 + 1; /* the kernel counts up to the end of is_error */
	i64 r = guest_write(t, data, &s, MIN(n, size));
	return r ? r : (i64)n;
}

/* --- the call ------------------------------------------------------------- */

/* Requests on a tracee that is stopped. */
static i64 on_stopped(struct linux_task *t, struct ptrace_tracer *tr,
    struct ptrace_tracee *k, const u64 a[6])
{
	u64 addr = a[2], data = a[3];

	switch (a[0]) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return ptrace_host(PTRACE_PEEKDATA, k->tid, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		tr->code_gen++;
		return ptrace_host(PTRACE_POKEDATA, k->tid, addr, data);
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
		return resume(tr, k, a[0] == PTRACE_SYSCALL, false, data);
	case PTRACE_DETACH: {
		i64 r = resume(tr, k, false, true, data);
		if (r == 0)
			ptrace_forget(tr, k->tid);
		return r;
	}
	case PTRACE_SETOPTIONS: return set_options(k, data);
	case PTRACE_GETEVENTMSG: return guest_put(t, data, k->message);
	case PTRACE_GETSIGINFO: return get_siginfo(t, k, data);
	case PTRACE_SETSIGINFO: return set_siginfo(t, k, data);
	case PTRACE_PEEKSIGINFO:
		return ptrace_host(PTRACE_PEEKSIGINFO, k->tid, addr, data);
	case PTRACE_GETSIGMASK:
	case PTRACE_SETSIGMASK:
		return mask_of(t, k, a[0] == PTRACE_SETSIGMASK, addr, data);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return regset(t, k, a[0] == PTRACE_SETREGSET, addr, data);
	case PTRACE_GET_SYSCALL_INFO: return syscall_info(t, k, addr, data);
	case PTRACE_LISTEN: return listen(k);
	default:
		syscall_remark(t, "ptrace request %#llx is not supported",
		    (unsigned long long)a[0]);
		return -EIO;
	}
}

static i64 on_tracee(
    struct linux_task *t, struct ptrace_tracer *tr, pid_t tid, const u64 a[6])
{
	struct ptrace_tracee *k = ptrace_find(tr, tid);
	if (!k)
		return -ESRCH;
	if (a[0] == PTRACE_KILL) {
		const u64 b[6] = { (u64)tid, SIGKILL };
		host_call(SYS_tkill, b);
		return 0;
	}
	if (a[0] == PTRACE_INTERRUPT)
		return interrupt(k);
	return k->stopped ? on_stopped(t, tr, k, a) : -ESRCH;
}

/* (request, pid, addr, data) */
i64 sys_ptrace(struct linux_task *t, const u64 a[6])
{
	pid_t tid = (pid_t)a[1];
	i64 r;

	if (a[0] == PTRACE_TRACEME)
		return trace_me(t);
	struct ptrace_tracer *tr = ptrace_tracer_of(t->p);
	if (!tr)
		return -ENOMEM;
	pthread_mutex_lock(&tr->lock);
	if (a[0] == PTRACE_ATTACH || a[0] == PTRACE_SEIZE)
		r = attach(t, tr, a[0] == PTRACE_SEIZE, tid, a[2], a[3]);
	else
		r = on_tracee(t, tr, tid, a);
	pthread_mutex_unlock(&tr->lock);
	return r;
}
