/*
 * sample.h - a Linux process that is looked at (runtime/look): timers on its
 * threads, and telling who asked for it when a process ends.
 *
 * The timers run on each thread's CPU time and come as signal 64, which metic
 * has for itself (signal.h), so the guest's own SIGPROF and timers are not
 * touched. Two things can be noticed: a call that was interrupted is made
 * again with its whole timeout, and a write to a pipe may be cut short, as by
 * any signal.
 */
#ifndef USER_SAMPLE_H
#define USER_SAMPLE_H

#include "runtime/user/linux.h"

/* What the configuration asks for; the VM is new. 0 or -errno. */
int sample_open(struct linux_process *p);
/* The process begins: signals that would kill it are told to us first. */
void sample_begin(struct linux_process *p);
/* Is a fatal signal without a handler to be told to us? */
bool sample_wants(const struct linux_process *p, int sig);
/* On the thread itself: sample it from now on; at its end. */
void sample_thread(struct linux_task *t);
void sample_thread_end(struct linux_task *t);
/* In a child made by fork, which is t. */
void sample_forked(struct linux_task *t);
/* In the handler of SIGNAL_KICK: was it a timer of ours? */
bool sample_tick(struct linux_task *t, const siginfo_t *si, const void *uc);
/* The process ends, or, with `exec`, becomes another guest program. */
void sample_ended(struct linux_process *p, bool exec);

#endif
