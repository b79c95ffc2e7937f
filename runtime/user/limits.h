/*
 * limits.h - RLIMIT_AS and RLIMIT_DATA of the guest.
 *
 * The host's limits would stop metic before the guest, whose memory is the
 * smaller part of the process. Once a guest sets one of the two it is kept
 * here and applied to what the guest has mapped.
 */
#ifndef USER_LIMITS_H
#define USER_LIMITS_H

#include "runtime/user/linux.h"

/* The stack grows: of what is set aside for it Linux would count this. */
#define STACK_COUNTED ((u64)132 << 10)

/* Bytes that the guest has mapped, and those private and writable. */
void limits_usage(struct linux_process *p, u64 *total, u64 *data);
/*
 * May the guest have `grow` bytes more, private and writable ones if `data`?
 * Those that go away at the same time in [start, end) are not counted. The
 * caller holds p->mm->lock.
 */
bool limits_allow(
    struct linux_process *p, u64 grow, bool data, gva_t start, gva_t end);
/* May the break be `size` bytes from where it began? */
bool limits_allow_brk(const struct linux_process *p, u64 size);
/* The limit k of the process (0: AS, 1: DATA), the guest's or the host's. */
struct rlimit limits_get(struct linux_process *p, int k);

/*
 * Around execve. limits_pass_on: the environment string for the next metic
 * into env; false: nothing to pass on. limits_receive takes it from
 * p->cfg.envp. limits_lend makes them the host's for a host program, until
 * limits_return when there was none.
 */
bool limits_pass_on(struct linux_process *p, char env[128]);
void limits_receive(struct linux_process *p);
void limits_lend(struct linux_process *p, struct rlimit old[2]);
void limits_return(const struct rlimit old[2]);

#endif
