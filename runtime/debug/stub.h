/*
 * stub.h - struct debug_stub, inside runtime/debug.
 *
 * Threads of the program and the stub's own thread meet in control.c, under
 * `lock`. Everything marked "session" is the stub's thread's alone.
 */
#ifndef RUNTIME_DEBUG_STUB_H
#define RUNTIME_DEBUG_STUB_H

#include <limits.h>

#include "runtime/debug/arch.h"
#include "runtime/debug/debug.h"
#include "runtime/debug/packet.h"

#define STUB_FILES 64
/* An error that debuggers only show; they know 14 (EFAULT) and few others. */
#define E_GENERAL 1
#define E_FAULT 14

struct debug_stub {
	struct metic_vm *vm;
	const struct debug_ops *ops;
	void *ctx;
	const struct debug_arch *arch;
	int listen_fd, fd, wake; /* -1: none */
	bool hidden; /* fd and wake are the owner's to close */
	char *unix_path; /* to be removed */
	pthread_t server;
	bool served; /* `server` is to be joined */

	/* --- control.c --- */
	pthread_mutex_t use; /* server: threads stay; taken before lock */
	pthread_mutex_t lock;
	pthread_cond_t resumed; /* threads wait for it */
	pthread_cond_t settled; /* the server does */
	_Atomic bool live; /* a debugger is there */
	bool running; /* it waits for a stop */
	bool ending; /* nobody parks any more */
	bool exited, signaled; /* and nobody is left; exited is sticky */
	int status;
	struct debug_thread *threads;
	struct debug_thread *reporter; /* has a stop to tell, or told it */
	_Atomic u64 pass; /* signals (bit n - 1) delivered without a stop */

	/* --- session --- */
	bool due; /* the debugger waits for a stop reply */
	bool gone; /* no more packets */
	bool told_end; /* W or X is in out */
	bool noack, multiprocess, swbreak, hwbreak, exec_events;
	i64 g_thread; /* of Hg */
	struct debug_why first; /* the reply to the first ? */
	i64 list_next; /* of qsThreadInfo */
	char *xml;
	char *files[STUB_FILES]; /* open by vFile: host paths */
	struct packet_in in;
	struct packet_out out;
	char frame[sizeof(((struct packet_out *)0)->body) + 4];
	size_t frame_n; /* what a NAK wants again */
};

/* --- control.c: of the server's thread, lock not held -------------------- */

/* What a thread is to do when it is resumed. */
struct debug_action {
	bool go, step;
	int sig; /* guest's, 0: none */
	gva_t range_start, range_end; /* step while inside; equal: one */
};

struct debug_thread *debug_find(struct debug_stub *s, i64 id);
/* The thread with the smallest id above `after`, or NULL. */
struct debug_thread *debug_next(struct debug_stub *s, i64 after);
/* Wait until the program has a thread, or ends. */
void debug_await_thread(struct debug_stub *s);
/* Stop all threads; the one with id `who`, if it is there, reports. */
void debug_interrupt(struct debug_stub *s, i64 who);
/* Wait until every thread is stopped or sleeps. */
void debug_settle(struct debug_stub *s);
/*
 * Resume by `choose`, unless a thread that is to go has something to report:
 * then that is the reporter.
 */
void debug_resume(struct debug_stub *s,
    struct debug_action (*choose)(
	struct debug_stub *s, const struct debug_thread *t, void *arg),
    void *arg);
/*
 * Make t's registers final, so that they may be changed: a call it sleeps in
 * is interrupted. False: it does not come out.
 */
bool debug_own(struct debug_stub *s, struct debug_thread *t);
/* Let everything go for good: no breakpoints, no stops. */
void debug_release(struct debug_stub *s);

/* --- session.c ----------------------------------------------------------- */

/* The server's thread. */
void *debug_serve(void *stub);
/* The thread that Hg chose, or the one that stopped; NULL: none is left. */
struct debug_thread *debug_current(struct debug_stub *s);
/* A thread id as the debugger writes it: -1 all, 0 any; *pid the same. */
bool debug_parse_id(struct cursor *c, i64 *pid, i64 *id);
void debug_out_id(struct debug_stub *s, i64 id);
/* Put the stop reply for t's last stop, or W or X, into out. */
void debug_stop_reply(struct debug_stub *s);

/* --- what handles one packet; the cursor is behind its name -------------- */

#define CMD(name, fn) void debug_##fn(struct debug_stub *s, struct cursor *c);
#include "runtime/debug/commands.def"
#undef CMD

/* signals.c: the debugger's numbers are none of Linux's */
int debug_signal_to_gdb(int sig);
/* 0: there is no such signal. */
int debug_signal_from_gdb(int sig);

#endif
