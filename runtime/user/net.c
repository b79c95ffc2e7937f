/*
 * net.c - sockets whose addresses are paths.
 *
 * Sockets, messages and options have the same layout on both sides, so most
 * calls are PASS and WAIT rows of syscalls.def. Left is AF_UNIX: an absolute
 * path in an address is looked up as any other, in the sysroot first. When
 * the host path does not fit into an address the guest's is used unchanged.
 */
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"

#include <fcntl.h>
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
	return call_with_address(
	    t, SYS_bind, a, 1, PATH_NOFOLLOW | PATH_CREATE);
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

/*
 * getsockname and getpeername: a path in the answer becomes the guest's.
 * The kernel fills a buffer of ours, as large as an address can be.
 */
static i64 socket_name(struct linux_task *t, long nr, const u64 a[6])
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	struct {
		struct sockaddr_un un;
		char nul;
	} s = { .nul = 0 };
	socklen_t room, n = sizeof(s.un);
	const u64 b[6] = { a[0], (u64)(uintptr_t)&s.un, (u64)(uintptr_t)&n };
	i64 r;

	if (!t->p->cfg.sysroot)
		return host_call(nr, a);
	if (guest_get(t, room, a[2]))
		return -EFAULT;
	if ((i32)room < 0)
		return -EINVAL;
	memset(&s, 0, sizeof(s));
	r = host_call(nr, b);
	if (r < 0)
		return r;
	if (n > sizeof(s.un) || s.un.sun_family != AF_UNIX ||
	    s.un.sun_path[0] != '/')
		return host_call(nr, a);
	path_to_guest(t->p, s.un.sun_path);
	n = (socklen_t)(head + strlen(s.un.sun_path) + 1);
	if (guest_write(t, a[1], &s.un, MIN(n, room)) || guest_put(t, a[2], n))
		return -EFAULT;
	return 0;
}

i64 sys_getsockname(struct linux_task *t, const u64 a[6])
{
	return socket_name(t, SYS_getsockname, a);
}

i64 sys_getpeername(struct linux_task *t, const u64 a[6])
{
	return socket_name(t, SYS_getpeername, a);
}
