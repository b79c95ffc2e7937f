/*
 * ptrace.h - ptrace between guest programs (see ptrace.c for how it works).
 *
 * Each guest thread has a struct ptrace_record in its own memory. A tracing
 * metic reads and writes it while the thread is stopped. Both sides are the
 * same build, so the structure is what they agree on.
 */
#ifndef USER_PTRACE_H
#define USER_PTRACE_H

#include <signal.h>

#include "runtime/base/types.h"

struct linux_task;
struct linux_process;
struct clone_args_host;

/* A guest's registers as PTRACE_GETREGSET has them; abi.regs_get fills it. */
struct linux_regs {
	u64 gp[40];
	u64 fp[40];
};

/* struct ptrace_syscall_info of linux/ptrace.h. */
struct ptrace_syscall {
	u8 op, pad[3];
	u32 arch;
	u64 pc, sp;
	u64 w[8]; /* entry: number, 6 arguments; exit: result, is_error */
};

/* Why a thread has stopped. */
enum ptrace_stop {
	PTRACE_STOP_SIGNAL, /* about to deliver `info` */
	PTRACE_STOP_SYSCALL, /* at the entry or the exit of a system call */
	PTRACE_STOP_EVENT, /* `status` says which */
	PTRACE_STOP_EXEC, /* at the first instruction of a program */
};

enum { PTRACE_GO_ON = 1, PTRACE_GO_FREE }; /* FREE: no longer traced */

struct ptrace_record {
	u64 magic; /* PTRACE_MAGIC in a living task that was ever traced */
	struct linux_process *process; /* for /proc of the tracee */
	/* Written by both sides. */
	u32 traced; /* by a metic: stops are announced */
	u32 options; /* PTRACE_O_* of the guest */
	u32 seized; /* not by PTRACE_TRACEME or _ATTACH */
	u32 recheck; /* guest code may have been written */
	/* Written by the thread. */
	u32 leaving; /* no guest thread any more: signals are the host's */
	u32 native_stop; /* the signal it is about to stop itself with */
	u32 stop; /* enum ptrace_stop */
	u32 status; /* signal | PTRACE_EVENT_* << 8, as wait4 has it */
	u64 message; /* PTRACE_GETEVENTMSG */
	struct ptrace_syscall sys;
	/* Written by the tracer before the thread goes on. */
	u32 go; /* PTRACE_GO_*; 0: nobody did, the tracer is gone */
	u32 syscalls; /* stop at system calls */
	u32 inject; /* the signal to deliver; 0: none */
	u32 exec_trap; /* a SIGTRAP follows PTRACE_STOP_EXEC */
	u32 set_regs, set_mask; /* regs, sigmask were changed */
	siginfo_t info; /* of the stop; may be replaced */
	siginfo_t incoming; /* a host signal that is to be queued */
	u64 sigmask;
	struct linux_regs regs;
	/* Of the thread alone. */
	pid_t owner; /* who met a tracer; else it is a parent's copy */
	bool attention; /* ptrace_attend has something to do */
	bool newborn; /* its first stop is due */
	bool execed; /* the same after execve */
	bool interrupt; /* PTRACE_INTERRUPT */
	bool stop_due; /* stop_info, a SIGSTOP, is to be delivered */
	bool poked; /* the host call was interrupted for us only */
	siginfo_t stop_info;
};

#define PTRACE_MAGIC 0x6563617274706d01ull
/* si_uid of the signals that the two sides send: SIGNAL_KICK, SI_QUEUE. */
#define PTRACE_MARK 0x70e7ced1u
/* si_errno of them; si_value is the record's address from the tracee. */
enum ptrace_mark {
	PTRACE_MARK_STOP = 1, /* from the tracee: stopped, see the record */
	PTRACE_MARK_HERE, /* from the tracee: here is the record, go on */
	PTRACE_MARK_HELLO, /* to the tracee: say HERE */
	PTRACE_MARK_INTERRUPT, /* to the tracee: stop (PTRACE_INTERRUPT) */
	PTRACE_MARK_DELIVER, /* to the tracee: `incoming` has arrived */
};
/* What a tracer adds to AT_FLAGS of a metic that it has seen start. */
#define PTRACE_AT_FLAGS 0x6d740000u

/* --- the traced side, ptrace_tracee.c ------------------------------------- */

/* A fresh process: is it traced by a metic? */
void ptrace_start(struct linux_task *t);
/*
 * In the handler of SIGNAL_KICK: 0 if *si is none of ours, < 0 if only the
 * event hook must run, else the signal that has arrived; *si is its info.
 */
int ptrace_kick(struct linux_task *t, siginfo_t **si);
/* Stops that are due at a safepoint. */
void ptrace_attend(struct linux_task *t);
/* Was a system call interrupted for tracing only? It is to be restarted. */
static inline bool ptrace_was_poked(struct ptrace_record *r)
{
	bool was = r->poked;
	r->poked = false;
	return was;
}
/* The stop at the entry (or exit) of a system call, if it is wanted. */
void ptrace_syscall_enter(struct linux_task *t);
void ptrace_syscall_exit(struct linux_task *t);
/*
 * *info is about to be delivered: ask the tracer. The signal to deliver, with
 * its info, or 0.
 */
int ptrace_signal(struct linux_task *t, siginfo_t *info);
/* Stop the process by its default action of sig. */
void ptrace_stop_self(struct linux_task *t, int sig);
/* A new task c of a thread or vfork-like child; before it runs. */
void ptrace_inherit(struct linux_task *c, const struct linux_task *t,
    const struct clone_args_host *ca);
/* clone returned r, in the parent or in a forked child. r is returned. */
i64 ptrace_cloned(
    struct linux_task *t, const struct clone_args_host *ca, i64 r);
/* The thread ends with this wait status; signals to it are the host's now. */
void ptrace_leave(struct linux_task *t, int status);

/* --- the tracing side ----------------------------------------------------- */

struct ptrace_tracee {
	struct ptrace_tracee *next;
	pid_t tid, tgid; /* tgid: 0 until it is needed */
	u64 record; /* its address in the tracee; 0: not known yet */
	u32 options; /* PTRACE_O_* of the guest */
	bool seized;
	bool fresh; /* attached by the kernel, has not shown up yet */
	bool visible; /* fresh, but the guest has been told its pid */
	bool foreign; /* not a metic: only the kernel's own stops */
	bool starting; /* after execve, until it says PTRACE_STOP_EXEC */
	bool stopped; /* and the guest has seen it */
	bool announced; /* stopped by PTRACE_MARK_STOP; else by the kernel */
	bool listening;
	u32 syscalls; /* as resumed last */
	u32 code_gen; /* tracer.code_gen when it was last told */
	u64 message; /* of the stop */
	u64 exec_tid; /* message of PTRACE_EVENT_EXEC */
	struct ptrace_record rec; /* copy of the announcement */
	unsigned nsaved; /* signals that it has not got yet */
	siginfo_t saved[8];
};

struct ptrace_tracer {
	pthread_mutex_t lock;
	struct ptrace_tracee *list;
	u32 code_gen; /* counts writes to the memory of tracees */
	bool mem_open; /* /proc/<pid>/mem was opened for writing */
};

/* The bare call on the host: its result or -errno. */
i64 ptrace_host(long request, pid_t tid, u64 addr, u64 data);
bool ptrace_peek(pid_t tid, u64 addr, void *buf, size_t n);
bool ptrace_poke(pid_t tid, u64 addr, const void *buf, size_t n);
#define PTRACE_PUT(k, field, value) \
	do { \
		typeof((k)->rec.field) ptrace_v = (value); \
		ptrace_poke((k)->tid, \
		    (k)->record + offsetof(struct ptrace_record, field), \
		    &ptrace_v, sizeof(ptrace_v)); \
	} while (0)

struct ptrace_tracee *ptrace_find(struct ptrace_tracer *tr, pid_t tid);
/* NULL: out of memory. */
struct ptrace_tracee *ptrace_add(struct ptrace_tracer *tr, pid_t tid);
void ptrace_forget(struct ptrace_tracer *tr, pid_t tid);
/* The process's tracer state, made if needed; NULL: out of memory. */
struct ptrace_tracer *ptrace_tracer_of(struct linux_process *p);
/* Does tid run a metic of this build? `ready`: and it takes our signals. */
bool ptrace_is_metic(pid_t tid, bool ready);
/* Host options for the guest's. */
u64 ptrace_host_options(u32 options);
/* Let it run on the host; what is saved for it is delivered. */
i64 ptrace_resume_host(struct ptrace_tracee *k, bool detach);
/* Send it a mark. 0 or -errno. */
i64 ptrace_send(struct ptrace_tracee *k, enum ptrace_mark mark);
/* ptrace_wait.c: a stop was taken from the kernel: true if the guest may
   see it; *status is what it sees. Else it was dealt with. */
bool ptrace_filter(struct ptrace_tracer *tr, pid_t tid, int *status);

/* ptrace_proc.c: the address of a tracee's struct linux_process, or 0. */
u64 ptrace_process_of(struct linux_task *t, pid_t pid);
/*
 * A descriptor for the memory of another process was opened: code can be
 * written through it without our seeing it.
 */
void ptrace_note_memory(struct linux_task *t);
/* Something was written to the memory of another process, perhaps a tracee. */
void ptrace_wrote(struct linux_task *t);

#endif
