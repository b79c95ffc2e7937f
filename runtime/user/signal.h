/*
 * signal.h - delivery of signals to guest threads (inside the personality).
 *
 * The host kernel keeps the queues: a guest thread's mask is its host
 * thread's mask, and a signal that the guest ignores or leaves at its default
 * has that disposition on the host, too. What has a guest handler arrives in
 * one host handler, waits in task.pending until the thread is outside
 * generated code, and is then delivered by signal_deliver.
 */
#ifndef USER_SIGNAL_H
#define USER_SIGNAL_H

#include "runtime/user/linux.h"

/* Stops threads that block in a system call; with SI_QUEUE and our value. */
#define SIGNAL_KICK 64
#define HOST_SIGSETXID 33 /* glibc takes it with its first thread */
#define SIGNAL_BIT(sig) ((u64)1 << ((sig)-1))
/* Never blocked on the host: metic lives by them (signal_held.c). */
#define SIGNAL_NEVER_BLOCKED \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGNAL_KICK))

/*
 * Signals ignored on the host are ignored by the new program, as execve has
 * it. Before vm_new, whose fault handler hides SIGSEGV's disposition.
 */
void signal_inherit(struct linux_process *p);
/*
 * Take over the process's signals; later give them back as they were. 0 or
 * -errno.
 */
int signal_init(struct linux_process *p);
void signal_fini(struct linux_process *p);

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
/* Is t's stack pointer on its alternate stack? */
bool signal_on_altstack(const struct linux_task *t);

/* Set the calling thread's host mask. */
void signal_host_set(u64 mask);
/* The same; the previous one is returned, which costs a tenth more. */
u64 signal_host_swap(u64 mask);
/*
 * The calling host thread runs no guest code (yet, or any more): block every
 * signal, those that metic lives by as well, or one of them sent to the
 * process might come here. The previous host mask, for signal_host_open.
 */
u64 signal_host_close(void);
void signal_host_open(u64 mask);
/* Set t's guest mask and the host's with it. Called on t's thread. */
void signal_set_mask(struct linux_task *t, u64 mask);
/* Make the host's mask t's guest mask, if it is not. */
static inline void signal_sync_mask(struct linux_task *t)
{
	if (unlikely(t->host_mask != (t->sigmask & ~SIGNAL_NEVER_BLOCKED)))
		signal_host_set(t->sigmask);
}
/*
 * Give a signal back to the kernel, to come again when it is unblocked. What
 * then comes (not through metic's handler) needs signal_code_restore, which
 * says whether it did anything.
 */
void signal_requeue(struct linux_task *t, siginfo_t *si);
bool signal_code_restore(siginfo_t *si);
/* What waits in t->pending goes back if the guest's mask blocks it. */
void signal_put_back(struct linux_task *t);
/*
 * The guest's thread sends itself sig: what to say of it, where all but the
 * number is 0, or NULL if the host must do it.
 */
siginfo_t *signal_to_self(struct linux_task *t, int sig);

/* --- signal_held.c: blocked by the guest, but not by the host ------------- */

int held_init(struct linux_process *p);
/* In the host's handler: keep *si until a thread of p unblocks it. */
void held_add(struct linux_task *t, const siginfo_t *si);
/* Take one that t may get under `mask`: its number, or 0. */
int held_take(struct linux_task *t, u64 mask, siginfo_t *info);
/* Those that are there for t, blocked or not. */
u64 held_set(struct linux_task *t);
/* Hand those for any thread to one that does not block them. */
void held_pass_on(struct linux_task *t);
/*
 * Does t's mask let some through? They are looked at when t's system call
 * ends; true.
 */
bool held_look(struct linux_task *t);
/* Give all back to the kernel: the host's mask is the guest's now. */
void held_give_back(struct linux_task *t);

/* Deliver what is pending; finish an interrupted system call. */
void signal_deliver(struct linux_task *t);
/* Deliver a fault of the guest's own instruction at abi.pc. */
void signal_fault(struct linux_task *t, int sig, int code, gva_t addr);
/* Make t's thread notice that the process is ending. */
void signal_kick(struct linux_task *t);

/* What happens by default. */
enum signal_default { SIGNAL_TERM, SIGNAL_CORE, SIGNAL_IGNORE, SIGNAL_STOP };
enum signal_default signal_default_of(int sig);
/* The guest process dies of sig. */
void signal_die(struct linux_process *p, int sig);
/*
 * sig is about to lose its handler: by now it is blocked for the host, too,
 * in each thread that blocks it. No lock is held.
 */
void signal_unhandle(struct linux_process *p, int sig);
/* Tell the host what the guest wants done about sig. 0 or -errno. */
int signal_host_action(struct linux_process *p, int sig);
/* Before execve: what the host cannot know is set on it. Undo: fini = 1. */
void signal_before_exec(struct linux_task *t);
void signal_after_exec(struct linux_task *t);

#endif
