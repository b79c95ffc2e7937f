/*
 * gdb_target.h - a Linux process under the remote stub (runtime/debug): what
 * the other files of the personality call. Everything here is harmless for a
 * process that is not debugged.
 */
#ifndef USER_GDB_TARGET_H
#define USER_GDB_TARGET_H

#include "runtime/user/linux.h"

/* Listen where cfg.gdb says, if it does. 0 or -errno; why is set then. */
int gdb_open(struct linux_process *p, char *why, size_t n);
/* Wait for the debugger. 0 or -errno. */
int gdb_connect(struct linux_process *p);
/* After signal_init: from here on signals come to the debugger first. */
void gdb_begin(struct linux_process *p);
/* t, whose tid is known, is about to run; on its own host thread. */
void gdb_thread(struct linux_task *t);
/* The process has ended, p->end says how. */
void gdb_end(struct linux_process *p);
/* In a forked child: it is not debugged. */
void gdb_forked(struct linux_task *t);

/*
 * t is about to get info->si_signo: the signal to deliver instead, with
 * *info made fit, or 0.
 */
int gdb_signal(struct linux_task *t, siginfo_t *info);
/* Was t's system call cut short for the debugger only? Asking resets it. */
bool gdb_kicked(struct linux_task *t);

/*
 * Before execve of a guest program: what the new metic is to be given as -g
 * so that it goes on, into where[n]; false: not debugged. gdb_exec_failed
 * undoes it.
 */
bool gdb_exec(struct linux_task *t, char *where, size_t n);
void gdb_exec_failed(struct linux_task *t);

#endif
