/*
 * clone.h - the three things that clone can mean: a thread (thread.c), a
 * copy of the process (fork.c), a child that runs in its memory (vfork.c).
 */
#ifndef USER_CLONE_H
#define USER_CLONE_H

#include <linux/sched.h>

#include "runtime/user/linux.h"

/* Bits of clone that C libraries define late or not at all. */
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define CLONE_NAMESPACES \
	((u64)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)
/* What is done by the host's kernel when it makes a child process. */
#define CLONE_BY_KERNEL \
	(CLONE_NAMESPACES | CLONE_FS | CLONE_FILES | CLONE_PARENT | \
	    CLONE_PIDFD | CLONE_SYSVSEM | CLONE_IO | CLONE_INTO_CGROUP)

#define CLONE_NTIDS 32 /* levels of pid namespaces */

/* struct clone_args of clone3, its third version. */
struct clone_args_host {
	u64 flags, pidfd, child_tid, parent_tid, exit_signal;
	u64 stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/* A thread of t's process: its tid or -errno. */
i64 thread_clone(struct linux_task *t, const struct clone_args_host *ca);
/* A new process with a copy of the memory. In the child 0. */
i64 fork_clone(struct linux_task *t, const struct clone_args_host *ca);
/*
 * A new process in the same memory. With CLONE_VFORK this returns when it
 * executes a program or ends.
 */
i64 vfork_clone(struct linux_task *t, const struct clone_args_host *ca);

/* A task of process p with t's registers as the child has them; no thread. */
struct linux_task *task_clone(const struct linux_task *t,
    struct linux_process *p, const struct clone_args_host *ca);
/*
 * The parent's half of clone's tid and pidfd arguments, and the child's;
 * v is the vCPU of the calling thread, whatever task it belongs to. pidfd
 * is a descriptor that the kernel has made, or -1: it is made here.
 */
void clone_tell_parent(struct linux_task *t, const struct clone_args_host *ca,
    pid_t pid, int pidfd);
void clone_tell_child(
    struct vcpu *v, struct linux_task *t, const struct clone_args_host *ca);
/*
 * The arguments for the host's clone3: flags are those of ca that the kernel
 * does itself, exit signal, cgroup and tids with them (copied to tids).
 * Stack, pidfd and child_tid are the caller's. 0 or -EFAULT.
 */
int clone_host_args(struct linux_task *t, const struct clone_args_host *ca,
    struct clone_args *out, pid_t tids[CLONE_NTIDS]);
/* CLONE_CLEAR_SIGHAND, in the child: what had a handler has none. */
void clone_clear_handlers(struct linux_process *p);
/*
 * pthread_create for p. With its first thread the host's C library takes
 * signal 33 (its SIGSETXID), which the guest's C library has just taken for
 * the same purpose: the guest's action is put back.
 */
int clone_host_thread(struct linux_process *p, pthread_t *th,
    const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
/*
 * Where the C library keeps the calling host thread's tid; the kernel must
 * write a forked child's there. 0: unknown.
 */
u64 clone_tid_address(struct linux_task *t);

/*
 * The host's clone3 with a stack of the child's own, on which it runs
 * fn(arg) and exits with its result; host_clone.S. The child's pid or -errno.
 */
i64 host_clone3(
    const struct clone_args *args, size_t size, int (*fn)(void *), void *arg);

/* End the calling host process as ex says. For processes made by fork. */
_Noreturn void process_finish(const struct linux_exit *ex);

#endif
