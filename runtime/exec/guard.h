/* guard.h - where a fault jumps to, for fault_guard of exec/fault.h. */
#ifndef RUNTIME_GUARD_H
#define RUNTIME_GUARD_H

#if defined(__x86_64__) /* guard.S */
typedef void *guard_buf[8];
int guard_set(guard_buf guard) __attribute__((returns_twice));
void guard_jump(guard_buf guard) __attribute__((noreturn));
#else
#include <setjmp.h>
typedef sigjmp_buf guard_buf;
#define guard_set(guard) sigsetjmp(guard, 0)
#define guard_jump(guard) siglongjmp(guard, 1)
#endif

#endif
