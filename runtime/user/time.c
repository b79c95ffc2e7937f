/*
 * time.c - reading clocks.
 *
 * Timers and sleeps are rows of syscalls.def. Programs read clocks in the vDSO
 * (vdso/); these are for those that do not: the host's vDSO, below libc's
 * clock_gettime, saves the way into the kernel.
 */
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"

#include <sys/time.h>
#include <time.h>

i64 sys_clock_gettime(struct linux_task *t, const u64 a[6])
{
	struct timespec ts;

	if (clock_gettime((clockid_t)a[0], &ts) < 0)
		return -errno;
	return guest_put(t, a[1], ts);
}

i64 sys_gettimeofday(struct linux_task *t, const u64 a[6])
{
	struct timespec ts;
	struct timeval tv;

	if (a[1] || !a[0])
		return host_call(SYS_gettimeofday, a);
	if (clock_gettime(CLOCK_REALTIME, &ts) < 0)
		return -errno;
	tv.tv_sec = ts.tv_sec;
	tv.tv_usec = ts.tv_nsec / 1000;
	return guest_put(t, a[0], tv);
}
