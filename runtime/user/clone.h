/*
 * clone.h - the three things that clone can mean: a thread (thread.c), a
 * copy of the process (process.c), a child that borrows it (vfork.c).
 */
#ifndef USER_CLONE_H
#define USER_CLONE_H

#include "runtime/user/linux.h"

/* struct clone_args of clone3, its second version. */
struct clone_args_host {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal;
	u64 stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/* A thread of t's process: its tid or -errno. */
i64 thread_clone(struct linux_task *t, const struct clone_args_host *ca);
/* A new process. In the child 0. */
i64 fork_clone(struct linux_task *t, const struct clone_args_host *ca);
/* A new process in the same memory; returns when it execs or exits. */
i64 vfork_clone(struct linux_task *t, const struct clone_args_host *ca);

/* A task of process p with t's registers as the child has them; no thread. */
struct linux_task *task_clone(const struct linux_task *t,
    struct linux_process *p, const struct clone_args_host *ca);
/*
 * The parent's half of clone's tid and pidfd arguments, and the child's;
 * v is the vCPU of the calling thread, whatever task it belongs to.
 */
void clone_tell_parent(
    struct linux_task *t, const struct clone_args_host *ca, pid_t pid);
void clone_tell_child(
    struct vcpu *v, struct linux_task *t, const struct clone_args_host *ca);

/* End the calling host process as ex says. For processes made by fork. */
_Noreturn void process_finish(const struct linux_exit *ex);

#endif
