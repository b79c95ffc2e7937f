/*
 * seccomp.h - the guest's seccomp filters, evaluated by metic itself.
 */
#ifndef USER_SECCOMP_H
#define USER_SECCOMP_H

#include "runtime/user/linux.h"

/*
 * Whether the task's filters let system call nr through. False: it does not
 * happen, *result is its result (or SYS_NO_RETURN: a signal or the end of
 * the task came of it). Only for tasks that have filters.
 */
bool seccomp_allows(struct linux_task *t, u64 nr, const u64 a[6], i64 *result);
/* The options PR_SET_SECCOMP and PR_GET_SECCOMP of prctl. */
i64 seccomp_prctl_set(struct linux_task *t, u64 mode, gva_t prog);
i64 seccomp_prctl_get(struct linux_task *t);

/*
 * Filters outlive execve: they are written into a memory file, and `env`
 * becomes the variable that names it to the next metic. Its descriptor (to
 * be closed when execve fails), -1 without filters, or another -errno.
 */
int seccomp_pass_on(struct linux_task *t, char env[64]);
/*
 * What was passed on becomes the first task's; the variable is removed from
 * p's envp. 0 or -errno.
 */
int seccomp_receive(struct linux_process *p);
/* Free them; no task has them any more. */
void seccomp_forget(struct linux_process *p);

#endif
