/*
 * strace.h - one line for each system call, made from its table row.
 */
#ifndef USER_STRACE_H
#define USER_STRACE_H

#include "runtime/user/linux.h"

/* A line being written. */
struct strace_line {
	char text[1024];
	size_t n;
	unsigned next; /* the next argument to be shown */
	bool shown; /* already written: the call may not return */
};

/* Before the call: what it may destroy or never return from is shown now. */
void strace_begin(struct linux_task *t, struct strace_line *l,
    const struct syscall_row *row, u64 nr, const u64 a[6]);
/* After it: what it returned, and the buffers that it filled. */
void strace_end(struct linux_task *t, struct strace_line *l,
    const struct syscall_row *row, const u64 a[6], i64 result);

#endif
