/*
 * hostcall.h - system calls of the host kernel, without libc in between.
 *
 * libc's wrappers may do more than the call (threads of setuid, cancellation
 * points) and answer through errno; a guest wants the bare call on its own
 * thread and the kernel's -errno.
 */
#ifndef USER_HOSTCALL_H
#define USER_HOSTCALL_H

#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/user/hostnr.h"
#include "runtime/user/linux.h"

/* Host call nr with six arguments: its result or -errno. May be EINTR. */
static inline i64 host_call(long nr, const u64 a[6])
{
#if defined(__x86_64__)
	i64 r;
	register u64 r10 __asm__("r10") = a[3];
	register u64 r8 __asm__("r8") = a[4];
	register u64 r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10),
			 "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
#else
	long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);

	return r == -1 ? -errno : r;
#endif
}

/* A host call that may sleep: interrupted by guest signals, SYS_RESTART. */
static inline i64 host_wait(struct linux_task *t, long nr, const u64 a[6])
{
	return safe_syscall6(&t->pending, nr, a);
}

#endif
