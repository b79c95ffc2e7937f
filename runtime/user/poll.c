/*
 * poll.c - waiting for descriptors: ppoll, pselect6 and epoll.
 *
 * These may put a signal mask in place for as long as they wait. The host
 * call is given the mask, and the task remembers it: a handler that runs
 * because of the wait begins under the waiting mask and returns to the old
 * one, as in the kernel.
 */
#include <stdlib.h>

#include "runtime/user/convert.h"
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/signal.h"

#define SIGSET_SIZE 8 /* of the kernel's sigset_t */
#define EVENTS_MAX ((i32)(INT_MAX / sizeof(struct generic_epoll_event)))
#define EPOLL_BATCH 128 /* events that need no allocation */
#define EPOLL_MOST (1 << 20) /* of one wait: no process has more files */

/* --- the waiting mask ---------------------------------------------------- */

/*
 * Put the guest mask in place and its host form into *host for the kernel.
 * mask_leave must follow.
 */
static void mask_enter(struct linux_task *t, u64 guest, u64 *host)
{
	*host = signal_host_mask(guest);
	t->suspend_mask = t->sigmask;
	t->suspended = true;
	t->sigmask = guest;
}

/*
 * After the wait. When a signal ended it (EINTR), its delivery ends the
 * suspension. When one came before it (SYS_RESTART), that is handled under
 * the old mask.
 */
static i64 mask_leave(struct linux_task *t, i64 r)
{
	if (t->suspended && !(r == -EINTR && t->pending)) {
		t->sigmask = t->suspend_mask;
		t->suspended = false;
		if (!t->pending)
			signal_sync_mask(t);
	}
	return r;
}

/* What the waiting mask lets through at once ends the wait. */
static i64 wait_masked(struct linux_task *t, long nr, const u64 a[6])
{
	if (t->suspended && held_look(t))
		return -EINTR;
	return host_wait(t, nr, a);
}

/*
 * A wait whose argument `at` is a pointer to a signal mask, or 0; its size
 * is the argument after it.
 */
static i64 masked_wait(
    struct linux_task *t, long nr, const u64 a[6], unsigned at)
{
	u64 b[6], mask, host;
	int r;

	memcpy(b, a, sizeof(b));
	if (a[at]) {
		r = signal_get_mask(t, a[at], a[at + 1], &mask);
		if (r < 0)
			return r;
		mask_enter(t, mask, &host);
		b[at] = (u64)(uintptr_t)&host;
		b[at + 1] = SIGSET_SIZE;
	}
	return mask_leave(t, wait_masked(t, nr, b));
}

i64 sys_ppoll(struct linux_task *t, const u64 a[6])
{
	return masked_wait(t, SYS_ppoll, a, 3);
}

/*
 * The same for calls whose sixth argument points to the mask's address and
 * its size.
 */
static i64 pair_masked_wait(struct linux_task *t, long nr, const u64 a[6])
{
	u64 b[6], pair[2] = { 0, 0 }, mask, host;
	int r;

	if (a[5] && guest_get(t, pair, a[5]))
		return -EFAULT;
	memcpy(b, a, sizeof(b));
	b[5] = 0;
	if (pair[0]) {
		r = signal_get_mask(t, pair[0], pair[1], &mask);
		if (r < 0)
			return r;
		mask_enter(t, mask, &host);
		pair[0] = (u64)(uintptr_t)&host;
		pair[1] = SIGSET_SIZE;
		b[5] = (u64)(uintptr_t)pair;
	}
	return mask_leave(t, wait_masked(t, nr, b));
}

i64 sys_pselect6(struct linux_task *t, const u64 a[6])
{
	return pair_masked_wait(t, SYS_pselect6, a);
}

i64 sys_io_pgetevents(struct linux_task *t, const u64 a[6])
{
	return pair_masked_wait(t, SYS_io_pgetevents, a);
}

/* --- epoll --------------------------------------------------------------- */

i64 sys_epoll_ctl(struct linux_task *t, const u64 a[6])
{
	struct generic_epoll_event g = { 0 };
	struct epoll_event ev;
	u64 b[6] = { a[0], a[1], a[2] };

	if (a[1] != EPOLL_CTL_DEL) {
		if (guest_get(t, g, a[3]))
			return -EFAULT;
		epoll_from_generic(&ev, &g);
		b[3] = (u64)(uintptr_t)&ev;
	}
	return host_call(SYS_epoll_ctl, b);
}

/* The n events at ev, in the guest's layout, to the guest's array at to. */
static i64 put_events(
    struct linux_task *t, gva_t to, const struct epoll_event *ev, i64 n)
{
	struct generic_epoll_event g[EPOLL_BATCH];

	for (i64 done = 0; done < n;) {
		i64 k = MIN(n - done, EPOLL_BATCH);
		for (i64 i = 0; i < k; i++)
			epoll_to_generic(&g[i], &ev[done + i]);
		if (guest_write(t, to + (u64)done * sizeof(g[0]), g,
			(size_t)k * sizeof(g[0])))
			return -EFAULT;
		done += k;
	}
	return n;
}

/* Both forms of epoll_pwait; they differ in what a[3] is. */
static i64 epoll_wait_events(struct linux_task *t, long nr, const u64 a[6])
{
	struct epoll_event few[EPOLL_BATCH], *ev = few;
	u64 b[6], max = t->p->abi->task_size;
	i32 most = (i32)a[2];
	i64 n;

	/* What is wrong at first sight is the host kernel's to say. */
	if (most <= 0 || most > EVENTS_MAX ||
	    a[1] > max - (u64)most * sizeof(struct generic_epoll_event))
		return host_wait(t, nr, a);
	if (most > EPOLL_BATCH) {
		most = MIN(most, EPOLL_MOST);
		ev = malloc((size_t)most * sizeof(*ev));
		if (!ev)
			return -ENOMEM;
	}
	memcpy(b, a, sizeof(b));
	b[1] = (u64)(uintptr_t)ev;
	b[2] = (u64)most;
	n = masked_wait(t, nr, b, 4);
	if (n > 0)
		n = put_events(t, a[1], ev, n);
	if (ev != few)
		free(ev);
	return n;
}

i64 sys_epoll_pwait(struct linux_task *t, const u64 a[6])
{
	return epoll_wait_events(t, SYS_epoll_pwait, a);
}

i64 sys_epoll_pwait2(struct linux_task *t, const u64 a[6])
{
	return epoll_wait_events(t, SYS_epoll_pwait2, a);
}
