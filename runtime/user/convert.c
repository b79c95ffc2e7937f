/*
 * convert.c - structures that asm-generic and the host lay out differently.
 */
#include "runtime/user/convert.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/*
 * What is handed through without conversion: sizes and numbers as in
 * asm-generic. A host where one of these fails needs a conversion here.
 */
#define SAME_SIZE(type, n) _Static_assert(sizeof(type) == (n), #type)
SAME_SIZE(struct timespec, 16);
SAME_SIZE(struct timeval, 16);
SAME_SIZE(struct itimerval, 32);
SAME_SIZE(struct timex, 208);
SAME_SIZE(struct iovec, 16);
SAME_SIZE(struct msghdr, 56);
SAME_SIZE(struct cmsghdr, 16);
SAME_SIZE(struct mmsghdr, 64);
SAME_SIZE(struct sockaddr_storage, 128);
SAME_SIZE(struct flock, 32);
SAME_SIZE(struct f_owner_ex, 8);
SAME_SIZE(struct statfs, 120);
SAME_SIZE(struct statx, 256);
SAME_SIZE(struct pollfd, 8);
SAME_SIZE(fd_set, 128);
SAME_SIZE(struct rlimit, 16);
SAME_SIZE(struct rusage, 144);
SAME_SIZE(struct sysinfo, 112);
SAME_SIZE(struct utsname, 390);
SAME_SIZE(siginfo_t, 128);
SAME_SIZE(struct sigevent, 64);
SAME_SIZE(struct signalfd_siginfo, 128);
SAME_SIZE(struct shmid_ds, 112);
SAME_SIZE(struct msqid_ds, 120);
SAME_SIZE(struct sembuf, 6);

_Static_assert(O_DIRECTORY == 0200000 && O_NOFOLLOW == 0400000 &&
	O_DIRECT == 040000 && O_CLOEXEC == 02000000 && O_CREAT == 0100 &&
	O_APPEND == 02000 && O_NONBLOCK == 04000 && O_TMPFILE == 020200000,
    "open flags are asm-generic's");
_Static_assert(F_GETLK == 5 && F_SETLKW == 7 && F_SETOWN == 8 &&
	F_OFD_SETLKW == 38 && F_RDLCK == 0 && F_UNLCK == 2,
    "fcntl commands are asm-generic's");
_Static_assert(SOL_SOCKET == 1 && SO_REUSEADDR == 2 && SO_PEERCRED == 17 &&
	SOCK_STREAM == 1 && SOCK_NONBLOCK == O_NONBLOCK,
    "socket options are asm-generic's");
_Static_assert(EAGAIN == 11 && EDEADLK == 35 && ENOSYS == 38 &&
	ENOTSOCK == 88 && ETIMEDOUT == 110 && EHWPOISON == 133,
    "errno values are asm-generic's");
_Static_assert(POLLRDNORM == 0x40 && POLLWRBAND == 0x200 && POLLRDHUP == 0x2000,
    "poll events are asm-generic's");

void stat_to_generic(struct generic_stat *out, const struct stat *in)
{
	*out = (struct generic_stat){
		.dev = in->st_dev,
		.ino = in->st_ino,
		.mode = in->st_mode,
		.nlink = (u32)in->st_nlink,
		.uid = in->st_uid,
		.gid = in->st_gid,
		.rdev = in->st_rdev,
		.size = in->st_size,
		.blksize = (i32)in->st_blksize,
		.blocks = in->st_blocks,
		.atime = in->st_atim.tv_sec,
		.atime_ns = (u64)in->st_atim.tv_nsec,
		.mtime = in->st_mtim.tv_sec,
		.mtime_ns = (u64)in->st_mtim.tv_nsec,
		.ctime = in->st_ctim.tv_sec,
		.ctime_ns = (u64)in->st_ctim.tv_nsec,
	};
}

void epoll_to_generic(
    struct generic_epoll_event *out, const struct epoll_event *in)
{
	*out = (struct generic_epoll_event){
		.events = in->events,
		.data = in->data.u64,
	};
}

void epoll_from_generic(
    struct epoll_event *out, const struct generic_epoll_event *in)
{
	memset(out, 0, sizeof(*out));
	out->events = in->events;
	out->data.u64 = in->data;
}

void semid_to_generic(
    struct generic_semid_ds *out, const struct x86_semid_ds *in)
{
	*out = (struct generic_semid_ds){
		.perm = in->perm,
		.otime = in->otime,
		.ctime = in->ctime,
		.nsems = in->nsems,
	};
}

void semid_from_generic(
    struct x86_semid_ds *out, const struct generic_semid_ds *in)
{
	*out = (struct x86_semid_ds){
		.perm = in->perm,
		.otime = in->otime,
		.ctime = in->ctime,
		.nsems = in->nsems,
	};
}
