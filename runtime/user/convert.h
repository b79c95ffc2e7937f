/*
 * convert.h - structures that asm-generic and the host lay out differently.
 *
 * A 64-bit little-endian Linux guest with the generic system call table
 * (riscv64, aarch64) has exactly these layouts. Whatever is not here has the
 * same layout on an x86-64 host; convert.c asserts it. Conversion is field
 * by field between the generic structure and the host C library's or
 * kernel's own, so it is right on any 64-bit host.
 */
#ifndef USER_CONVERT_H
#define USER_CONVERT_H

#include <sys/epoll.h>
#include <sys/stat.h>

#include "runtime/base/types.h"

struct generic_stat {
	u64 dev, ino;
	u32 mode, nlink, uid, gid;
	u64 rdev, pad1;
	i64 size;
	i32 blksize, pad2;
	i64 blocks;
	i64 atime;
	u64 atime_ns;
	i64 mtime;
	u64 mtime_ns;
	i64 ctime;
	u64 ctime_ns;
	u32 unused[2];
};

struct generic_epoll_event {
	u32 events, pad;
	u64 data;
};

/* SysV IPC; the permission block is the same everywhere. */
struct generic_ipc_perm {
	i32 key;
	u32 uid, gid, cuid, cgid, mode;
	u16 seq, pad;
	u64 unused[2];
};

struct generic_semid_ds {
	struct generic_ipc_perm perm;
	i64 otime, ctime;
	u64 nsems, unused[2];
};

/* The same of the x86-64 kernel, where two fields were left in between. */
struct x86_semid_ds {
	struct generic_ipc_perm perm;
	i64 otime;
	u64 unused1;
	i64 ctime;
	u64 unused2;
	u64 nsems, unused[2];
};

_Static_assert(sizeof(struct generic_stat) == 128, "asm-generic/stat.h");
_Static_assert(sizeof(struct generic_epoll_event) == 16, "not packed");
_Static_assert(sizeof(struct generic_ipc_perm) == 48, "ipc64_perm");
_Static_assert(sizeof(struct generic_semid_ds) == 88, "semid64_ds");
_Static_assert(sizeof(struct x86_semid_ds) == 104, "semid64_ds of x86-64");

void stat_to_generic(struct generic_stat *out, const struct stat *in);
void epoll_to_generic(
    struct generic_epoll_event *out, const struct epoll_event *in);
void epoll_from_generic(
    struct epoll_event *out, const struct generic_epoll_event *in);
void semid_to_generic(
    struct generic_semid_ds *out, const struct x86_semid_ds *in);
void semid_from_generic(
    struct x86_semid_ds *out, const struct generic_semid_ds *in);

#endif
