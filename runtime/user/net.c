/*
 * net.c - sockets whose addresses are paths.
 *
 * Sockets, messages and options have the same layout on both sides, so most
 * calls are PASS and WAIT rows of syscalls.def. Left is AF_UNIX below a
 * sysroot: an absolute path in an address is looked up as any other, in the
 * sysroot first, and a path in an answer becomes the guest's. When the host
 * path does not fit into an address the guest's is used unchanged.
 */
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * The host address of the guest's at `addr`, `size` bytes. False: the
 * guest's own is to be used (no path in it, or not readable: the kernel
 * says what is wrong with it).
 */
static bool unix_address(struct linux_task *t, gva_t addr, u64 size,
    struct sockaddr_un *out, unsigned flags)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	char host[PATH_MAX], guest[sizeof(out->sun_path) + 1] = { 0 };
	size_t n;

	if (!t->p->cfg.sysroot || !addr || size <= head ||
	    size > sizeof(*out) || guest_read(t, out, addr, size))
		return false;
	if (out->sun_family != AF_UNIX || out->sun_path[0] != '/')
		return false;
	memcpy(guest, out->sun_path, size - head);
	if (path_translate(t->p, AT_FDCWD, guest, host, flags) < 0)
		return false;
	n = strlen(host);
	if (n >= sizeof(out->sun_path))
		return false;
	memset(out->sun_path, 0, sizeof(out->sun_path));
	memcpy(out->sun_path, host, n);
	return true;
}

/* Call nr with the address in arguments `at` and at + 1. */
static i64 call_with_address(
    struct linux_task *t, long nr, const u64 a[6], unsigned at, unsigned flags)
{
	struct sockaddr_un un;
	u64 b[6];

	if (!unix_address(t, a[at], (u32)a[at + 1], &un, flags))
		return host_wait(t, nr, a);
	memcpy(b, a, sizeof(b));
	b[at] = (u64)(uintptr_t)&un;
	b[at + 1] = sizeof(un);
	return host_wait(t, nr, b);
}

i64 sys_bind(struct linux_task *t, const u64 a[6])
{
	return call_with_address(t, SYS_bind, a, 1, PATH_ENTRY);
}

i64 sys_connect(struct linux_task *t, const u64 a[6])
{
	return call_with_address(t, SYS_connect, a, 1, 0);
}

i64 sys_sendto(struct linux_task *t, const u64 a[6])
{
	return call_with_address(t, SYS_sendto, a, 4, 0);
}

/* Only the header is copied: data and control stay the guest's. */
i64 sys_sendmsg(struct linux_task *t, const u64 a[6])
{
	struct sockaddr_un un;
	struct msghdr msg;
	u64 b[6] = { a[0], (u64)(uintptr_t)&msg, a[2] };

	if (!t->p->cfg.sysroot || guest_get(t, msg, a[1]) ||
	    !unix_address(
		t, (u64)(uintptr_t)msg.msg_name, msg.msg_namelen, &un, 0))
		return host_wait(t, SYS_sendmsg, a);
	msg.msg_name = &un;
	msg.msg_namelen = sizeof(un);
	return host_wait(t, SYS_sendmsg, b);
}

#define MESSAGES_MAX 1024 /* of one call, as Linux (UIO_MAXIOV) */

/* One by one when a message may name a path: each is a sendmsg then. */
i64 sys_sendmmsg(struct linux_task *t, const u64 a[6])
{
	u64 n = MIN((u32)a[2], MESSAGES_MAX);

	if (!t->p->cfg.sysroot)
		return host_wait(t, SYS_sendmmsg, a);
	for (u64 i = 0; i < n; i++) {
		gva_t at = a[1] + i * sizeof(struct mmsghdr);
		const u64 b[6] = { a[0], at, a[3] };
		i64 r = sys_sendmsg(t, b);
		u32 sent = (u32)r;

		if (r >= 0 &&
		    guest_put(t, at + offsetof(struct mmsghdr, msg_len), sent))
			r = -EFAULT;
		if (r < 0)
			return i ? (i64)i : r;
	}
	return n ? (i64)n : host_wait(t, SYS_sendmmsg, a);
}

/* --- addresses in answers ------------------------------------------------ */

/*
 * The kernel has put an address of n bytes at `addr`, where there is room
 * for `room`: a path in it becomes the guest's. Its length then.
 */
static u32 guest_address(struct linux_task *t, gva_t addr, u32 room, u32 n)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	struct {
		struct sockaddr_un un;
		char nul;
	} s;
	u32 have = MIN(MIN(room, n), (u32)sizeof(s.un));

	memset(&s, 0, sizeof(s));
	if (!addr || have <= head || guest_read(t, &s.un, addr, have) ||
	    s.un.sun_family != AF_UNIX || s.un.sun_path[0] != '/')
		return n;
	path_to_guest(t->p, s.un.sun_path);
	n = (u32)(head + strlen(s.un.sun_path) + 1);
	return guest_write(t, addr, &s.un, MIN(n, have)) ? have : n;
}

/* Call nr, which fills an address at argument `at`, its size at at + 1. */
static i64 call_for_address(
    struct linux_task *t, long nr, const u64 a[6], unsigned at)
{
	u32 room = 0, n;
	bool wanted = t->p->cfg.sysroot && a[at] && a[at + 1] &&
	    guest_get(t, room, a[at + 1]) == 0;
	i64 r = host_wait(t, nr, a);

	if (r < 0 || !wanted || guest_get(t, n, a[at + 1]))
		return r;
	n = guest_address(t, a[at], room, n);
	return guest_put(t, a[at + 1], n) ? -EFAULT : r;
}

i64 sys_accept(struct linux_task *t, const u64 a[6])
{
	return call_for_address(t, SYS_accept, a, 1);
}

i64 sys_accept4(struct linux_task *t, const u64 a[6])
{
	return call_for_address(t, SYS_accept4, a, 1);
}

i64 sys_recvfrom(struct linux_task *t, const u64 a[6])
{
	return call_for_address(t, SYS_recvfrom, a, 4);
}

/* The address of a received message; msg is its header before the call. */
static void message_address(
    struct linux_task *t, gva_t at, const struct msghdr *msg)
{
	gva_t len = at + offsetof(struct msghdr, msg_namelen);
	u32 n;

	if (!msg->msg_name || guest_get(t, n, len))
		return;
	n = guest_address(t, (gva_t)msg->msg_name, msg->msg_namelen, n);
	if (guest_put(t, len, n))
		return; /* it was writable a moment ago: not our news */
}

i64 sys_recvmsg(struct linux_task *t, const u64 a[6])
{
	struct msghdr msg = { .msg_name = NULL };
	bool wanted = t->p->cfg.sysroot && guest_get(t, msg, a[1]) == 0;
	i64 r = host_wait(t, SYS_recvmsg, a);

	if (r >= 0 && wanted)
		message_address(t, a[1], &msg);
	return r;
}

/*
 * The room for each name is that of the answer's length field before the
 * call, which is why the headers are kept.
 */
i64 sys_recvmmsg(struct linux_task *t, const u64 a[6])
{
	u64 n = MIN((u32)a[2], MESSAGES_MAX);
	struct mmsghdr *old = NULL;
	i64 r;

	if (t->p->cfg.sysroot && n)
		old = malloc(n * sizeof(*old));
	if (old && guest_read(t, old, a[1], n * sizeof(*old))) {
		free(old);
		old = NULL;
	}
	r = host_wait(t, SYS_recvmmsg, a);
	for (i64 i = 0; old && i < r; i++)
		message_address(
		    t, a[1] + (u64)i * sizeof(*old), &old[i].msg_hdr);
	free(old);
	return r;
}

i64 sys_getsockname(struct linux_task *t, const u64 a[6])
{
	return call_for_address(t, SYS_getsockname, a, 1);
}

i64 sys_getpeername(struct linux_task *t, const u64 a[6])
{
	return call_for_address(t, SYS_getpeername, a, 1);
}
