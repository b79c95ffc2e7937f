/*
 * debug.h - the remote stub: a debugger (gdb, lldb) on a socket controls the
 * vCPUs of a VM by the GDB remote serial protocol.
 *
 * The stub knows vCPUs, not what runs on them: whoever owns the VM (the Linux
 * personality, later a whole machine) tells it about threads, signals, memory
 * and files through debug_ops, and calls the functions below from its event
 * hook. One host thread of the stub's own serves the socket; a vCPU that is
 * stopped waits inside its hook, with exact state. All-stop: when one stops,
 * all do.
 *
 * A vCPU's host thread that sleeps in the kernel (a system call) counts as
 * stopped where it is and goes no further than the end of the call; so a
 * debugger that looks at a program does not interrupt its system calls.
 */
#ifndef RUNTIME_DEBUG_H
#define RUNTIME_DEBUG_H

#include "runtime/exec/debug.h"
#include "runtime/exec/exec.h"

struct debug_stub;
struct debug_call; /* a call that was interrupted to change registers */

enum debug_kind {
	STOP_NONE,
	STOP_ASKED, /* the debugger asked, or it is the beginning */
	STOP_STEP,
	STOP_BREAK,
	STOP_WATCH,
	STOP_SIGNAL,
	STOP_EXEC, /* another program has been started in the process */
};

/* Why a thread stopped. */
struct debug_why {
	enum debug_kind kind;
	int sig; /* SIGNAL: the guest's number */
	u32 watch; /* WATCH: WATCH_* */
	gva_t addr; /* WATCH: what was touched */
	u8 info[128]; /* SIGNAL: the guest's siginfo */
};

/* A thread of the program; lives in its owner's structure. */
struct debug_thread {
	struct debug_stub *stub; /* NULL: is not debugged */
	struct debug_thread *next;
	struct vcpu *v;
	i64 id; /* more than 0 */
	/*
	 * Set by the owner around what may sleep on the guest's behalf. A
	 * thread that is there may be counted as stopped (ops->asleep).
	 */
	_Atomic bool in_call;

	/* --- the stub's; its lock guards them --- */
	_Atomic bool hold; /* to stay in the hook */
	bool parked; /* does so */
	bool leaving; /* is being removed */
	bool at_signal; /* parked before a signal's delivery */
	int answer; /* the signal to deliver, 0: none */
	struct debug_why why; /* not reported yet, or STOP_NONE */
	struct debug_why last; /* the last one that was */
	gva_t range_start, range_end; /* step on while pc is inside */
	struct debug_call *call;
};

/*
 * What the stub needs of the VM's owner. Called on the stub's thread, mostly
 * while the guest is stopped; errors are -errno.
 */
struct debug_ops {
	/* pid for thread ids; constant. */
	i64 (*pid)(void *ctx);
	/* Name of a thread into buf, "" if it has none. */
	void (*name)(void *ctx, struct debug_thread *t, char *buf, size_t n);
	/* Does t's host thread, which is in_call, sleep in the kernel? */
	bool (*asleep)(void *ctx, struct debug_thread *t);
	/* Make t's call end early, to be restarted if that can be. */
	void (*kick)(void *ctx, struct debug_thread *t);
	/* Deliver signal sig to t; debug_signal is not to see it. */
	void (*inject)(void *ctx, struct debug_thread *t, int sig);
	/*
	 * Copy guest memory, whatever its protection; the number of bytes up to
	 * the first that is not there. Code written is translated anew.
	 */
	size_t (*read)(void *ctx, gva_t a, void *buf, size_t n);
	size_t (*write)(void *ctx, gva_t a, const void *buf, size_t n);
	/* May code be there? */
	bool (*has_code)(void *ctx, gva_t a);
	/* qXfer "auxv": malloc'ed bytes and their number; NULL: none. */
	u8 *(*auxv)(void *ctx, size_t *n);
	/* The program's path as the guest knows it, or NULL. */
	const char *(*exec_file)(void *ctx);
	/* The host's path for a guest's, into out[PATH_MAX]: 0 or -errno. */
	int (*host_path)(void *ctx, const char *path, char *out);
	/* End the program at once, as kill -9 does. May not return. */
	void (*kill)(void *ctx);
	/* The debugger has gone: give back what was only for it. */
	void (*detached)(void *ctx);
};

/*
 * Listen for a debugger. `where`: "PORT" (0: any that is free) or "HOST:PORT",
 * by default on 127.0.0.1; "unix:PATH"; or "fd:..." as debug_before_exec made
 * it. 0 or -errno; on success `said` gets one line for the user, or "".
 */
int debug_open(
    const char *where, struct debug_stub **out, char *said, size_t n);
/*
 * Wait for the debugger to connect, then serve it; ctx goes to ops. Each
 * descriptor passes through `hide`, which gives the number that is used (or
 * -errno) and whose owner closes it after debug_exited. 0 or -errno.
 */
int debug_start(struct debug_stub *s, struct metic_vm *vm,
    const struct debug_ops *ops, void *ctx, int (*hide)(void *ctx, int fd));
/*
 * The program has ended: tell the debugger, wait until it has understood.
 * Then, or instead if it never started, free the stub.
 */
void debug_exited(struct debug_stub *s, bool signaled, int status);
void debug_free(struct debug_stub *s);
/* The program is going to end: let all threads run, to their end. */
void debug_ending(struct debug_stub *s);
/* In a forked child: the stub is the parent's, nothing is debugged here. */
void debug_forget(struct debug_stub *s, struct vcpu *v);
/*
 * Before an exec of this host process: an argument for debug_open with which
 * the new program goes on with this debugger. `after`: the exec has failed.
 */
void debug_before_exec(struct debug_stub *s, char *where, size_t n);
void debug_after_exec(struct debug_stub *s);

/* --- threads, on their own host thread ----------------------------------- */

void debug_thread_add(
    struct debug_stub *s, struct debug_thread *t, struct vcpu *v, i64 id);
/* No longer seen; harmless when it was never added. */
void debug_thread_remove(struct debug_thread *t);

/* EXIT_DEBUG with `what`: what the hook is to return. */
enum vm_action debug_stopped(struct debug_thread *t, u64 what);
/*
 * Signal sig is about to be delivered: the signal that is to be delivered
 * instead (mostly the same), or 0.
 */
int debug_signal(struct debug_thread *t, int sig, const void *info, size_t n);
/* Wait here, before guest code, for as long as the debugger wants. */
void debug_park(struct debug_thread *t);
static inline void debug_hold(struct debug_thread *t)
{
	if (atomic_load_explicit(&t->hold, memory_order_relaxed))
		debug_park(t);
}

#endif
