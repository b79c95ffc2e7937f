/*
 * stack.h - the initial stack of a program: strings, vectors, auxv.
 */
#ifndef USER_STACK_H
#define USER_STACK_H

#include "runtime/user/linux.h"

/*
 * Map the main stack and fill it as Linux does for execve. execfn is
 * AT_EXECFN's string. *sp is the stack pointer at the program's entry.
 * Uses p->cfg.argv and envp; sets p->stack_*, arg_*, env_*, auxv_*. 0, or
 * -E2BIG, -ENOMEM.
 */
int stack_build(struct linux_process *p, const char *execfn, gva_t *sp);

#endif
