/*
 * handlers.h - prototypes of the system call handlers, from syscalls.def.
 */
#ifndef USER_HANDLERS_H
#define USER_HANDLERS_H

#include "runtime/user/linux.h"

/*
 * A remark on something that is not supported, into the VM's log; only for
 * who watches system calls (--strace): programs try many things and go on.
 */
void syscall_remark(struct linux_task *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define PASS(nr, name, arity, sig)
#define WAIT(nr, name, arity, sig)
#define PATH(nr, name, arity, sig, dir, path, at, flags)
#define SYS(nr, name, arity, sig) \
	i64 sys_##name(struct linux_task *t, const u64 a[6]);
#define NONE(nr, name, arity, sig)
#define DENY(nr, name, arity, sig)
#include "runtime/user/syscalls.def"
#undef PASS
#undef WAIT
#undef PATH
#undef SYS
#undef NONE
#undef DENY

#endif
