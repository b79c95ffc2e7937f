/*
 * strace.c - one line for each system call, made from its table row.
 *
 * The row's trace letters (see syscalls.def) say how each argument and the
 * result look; no call has code here. Arguments up to the first that the
 * call fills are read before it runs, the others after it. A line is written
 * with one write, so that threads do not mix.
 */
#include "runtime/user/strace.h"
#include "runtime/user/hostcall.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <time.h>

#include "runtime/user/ioctl.h"

#define SHOWN_BYTES 48 /* of a string or buffer */

static __attribute__((format(printf, 2, 3))) void add(
    struct strace_line *l, const char *fmt, ...)
{
	size_t left = sizeof(l->text) - l->n;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->n, left, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n += MIN((size_t)n, left - 1);
}

static void flush(struct linux_task *t, struct strace_line *l)
{
	const u64 a[6] = { (u64)t->p->strace_fd, (u64)(uintptr_t)l->text,
		l->n };

	if (l->n)
		l->text[l->n - 1] = '\n'; /* also when the line was cut */
	host_call(SYS_write, a);
	l->n = 0;
}

/* --- kinds of arguments -------------------------------------------------- */

struct flag_name {
	u64 bit;
	const char *name;
};

#define FLAG(x) \
	{ \
		(u64)(x), #x \
	}

static const struct flag_name open_flags[] = {
	FLAG(O_CREAT),
	FLAG(O_EXCL),
	FLAG(O_NOCTTY),
	FLAG(O_TRUNC),
	FLAG(O_APPEND),
	FLAG(O_NONBLOCK),
	FLAG(O_DIRECT),
	{ 0100000, "O_LARGEFILE" },
	FLAG(O_TMPFILE),
	FLAG(O_DIRECTORY),
	FLAG(O_NOFOLLOW),
	FLAG(O_NOATIME),
	FLAG(O_CLOEXEC),
	FLAG(O_PATH),
	FLAG(O_SYNC),
	FLAG(O_DSYNC),
	{ 0, NULL },
};
static const struct flag_name at_flags[] = {
	FLAG(AT_SYMLINK_NOFOLLOW),
	FLAG(AT_EACCESS),
	FLAG(AT_SYMLINK_FOLLOW),
	FLAG(AT_NO_AUTOMOUNT),
	FLAG(AT_EMPTY_PATH),
	FLAG(AT_STATX_FORCE_SYNC),
	FLAG(AT_STATX_DONT_SYNC),
	{ 0, NULL },
};
static const struct flag_name prot_flags[] = {
	FLAG(PROT_READ),
	FLAG(PROT_WRITE),
	FLAG(PROT_EXEC),
	{ 0, NULL },
};
static const struct flag_name map_flags[] = {
	FLAG(MAP_SHARED_VALIDATE),
	FLAG(MAP_SHARED),
	FLAG(MAP_PRIVATE),
	FLAG(MAP_FIXED_NOREPLACE),
	FLAG(MAP_FIXED),
	FLAG(MAP_ANONYMOUS),
	FLAG(MAP_GROWSDOWN),
	FLAG(MAP_LOCKED),
	FLAG(MAP_NORESERVE),
	FLAG(MAP_POPULATE),
	FLAG(MAP_STACK),
	FLAG(MAP_HUGETLB),
	{ 0, NULL },
};

static const struct flag_name unlink_flags[] = { FLAG(AT_REMOVEDIR),
	{ 0, NULL } };
static const struct flag_name message_flags[] = {
	FLAG(MSG_OOB),
	FLAG(MSG_PEEK),
	FLAG(MSG_DONTROUTE),
	FLAG(MSG_CTRUNC),
	FLAG(MSG_TRUNC),
	FLAG(MSG_DONTWAIT),
	FLAG(MSG_EOR),
	FLAG(MSG_WAITALL),
	FLAG(MSG_ERRQUEUE),
	FLAG(MSG_NOSIGNAL),
	FLAG(MSG_MORE),
	FLAG(MSG_WAITFORONE),
	FLAG(MSG_CMSG_CLOEXEC),
	{ 0, NULL },
};
static const struct flag_name socket_flags[] = { FLAG(SOCK_NONBLOCK),
	FLAG(SOCK_CLOEXEC), { 0, NULL } };

/* Kinds that are one of several names: {value, name}, NULL at the end. */
static const struct flag_name whences[] = { FLAG(SEEK_SET), FLAG(SEEK_CUR),
	FLAG(SEEK_END), FLAG(SEEK_DATA), FLAG(SEEK_HOLE), { 0, NULL } };
static const struct flag_name epoll_operations[] = { FLAG(EPOLL_CTL_ADD),
	FLAG(EPOLL_CTL_DEL), FLAG(EPOLL_CTL_MOD), { 0, NULL } };
static const struct flag_name families[] = { FLAG(AF_UNIX), FLAG(AF_INET),
	FLAG(AF_INET6), FLAG(AF_NETLINK), FLAG(AF_PACKET), FLAG(AF_ALG),
	FLAG(AF_VSOCK), FLAG(AF_BLUETOOTH), { 0, NULL } };
static const struct flag_name socket_types[] = { FLAG(SOCK_STREAM),
	FLAG(SOCK_DGRAM), FLAG(SOCK_RAW), FLAG(SOCK_RDM), FLAG(SOCK_SEQPACKET),
	{ 0, NULL } };
static const struct flag_name fcntl_commands[] = { FLAG(F_DUPFD), FLAG(F_GETFD),
	FLAG(F_SETFD), FLAG(F_GETFL), FLAG(F_SETFL), FLAG(F_GETLK),
	FLAG(F_SETLK), FLAG(F_SETLKW), FLAG(F_SETOWN), FLAG(F_GETOWN),
	FLAG(F_SETSIG), FLAG(F_GETSIG), FLAG(F_SETOWN_EX), FLAG(F_GETOWN_EX),
	FLAG(F_OFD_GETLK), FLAG(F_OFD_SETLK), FLAG(F_OFD_SETLKW),
	FLAG(F_SETLEASE), FLAG(F_GETLEASE), FLAG(F_NOTIFY),
	FLAG(F_DUPFD_CLOEXEC), FLAG(F_SETPIPE_SZ), FLAG(F_GETPIPE_SZ),
	FLAG(F_ADD_SEALS), FLAG(F_GET_SEALS), { 0, NULL } };

/* A|B|0x4: names of the bits, the unknown rest in hex. */
static void add_flags(struct strace_line *l, const struct flag_name *f, u64 v)
{
	const char *sep = "";

	for (; f->name; f++) {
		if ((v & f->bit) == f->bit) {
			add(l, "%s%s", sep, f->name);
			v &= ~f->bit;
			sep = "|";
		}
	}
	if (v || !*sep)
		add(l, "%s%#llx", sep, (unsigned long long)v);
}

/* The name of v, else its number. */
static void add_name(struct strace_line *l, const struct flag_name *f, int v)
{
	while (f->name && (int)f->bit != v)
		f++;
	if (f->name)
		add(l, "%s", f->name);
	else
		add(l, "%d", v);
}

static void add_socket_type(struct strace_line *l, u32 v)
{
	const u32 flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

	if (v & ~flags) { /* accept4 has flags only */
		add_name(l, socket_types, (int)(v & ~flags));
		if (!(v & flags))
			return;
		add(l, "|");
	}
	add_flags(l, socket_flags, v & flags);
}

static void add_open_flags(struct strace_line *l, u64 v)
{
	static const char *const mode[] = { "O_RDONLY", "O_WRONLY", "O_RDWR",
		"O_ACCMODE" };

	add(l, "%s", mode[v & O_ACCMODE]);
	if (v & ~(u64)O_ACCMODE) {
		add(l, "|");
		add_flags(l, open_flags, v & 0xffffffff & ~(u64)O_ACCMODE);
	}
}

static void add_quoted(struct strace_line *l, const char *s, size_t n)
{
	add(l, "\"");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\n')
			add(l, "\\n");
		else if (c == '\t')
			add(l, "\\t");
		else if (c == '"' || c == '\\')
			add(l, "\\%c", c);
		else if (c < 32 || c > 126)
			add(l, "\\x%02x", c);
		else
			add(l, "%c", c);
	}
	add(l, "\"");
}

static void add_pointer(struct strace_line *l, u64 v)
{
	if (v)
		add(l, "%#llx", (unsigned long long)v);
	else
		add(l, "NULL");
}

/* n bytes at gva, shown up to SHOWN_BYTES. */
static void add_bytes(
    struct linux_task *t, struct strace_line *l, u64 gva, u64 n)
{
	char buf[SHOWN_BYTES];
	size_t m = MIN(n, sizeof(buf));

	if (!gva || guest_read(t, buf, gva, m)) {
		add_pointer(l, gva);
		return;
	}
	add_quoted(l, buf, m);
	if (m < n)
		add(l, "...");
}

static void add_string(struct linux_task *t, struct strace_line *l, u64 gva)
{
	char buf[PATH_MAX];
	i64 n = gva ? guest_string(t, buf, gva, sizeof(buf)) : -EFAULT;

	if (n == -ENAMETOOLONG)
		add_bytes(t, l, gva, sizeof(buf));
	else if (n < 0)
		add_pointer(l, gva);
	else
		add_quoted(l, buf, MIN((size_t)n, 4 * SHOWN_BYTES));
}

static void add_timespec(struct linux_task *t, struct strace_line *l, u64 gva)
{
	i64 ts[2];

	if (!gva || guest_get(t, ts, gva))
		add_pointer(l, gva);
	else
		add(l, "{%lld.%09lld}", (long long)ts[0], (long long)ts[1]);
}

static void add_address(
    struct linux_task *t, struct strace_line *l, u64 gva, u64 size)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
	char text[INET6_ADDRSTRLEN] = "?";
	size_t n = MIN(size, sizeof(u));

	memset(&u, 0, sizeof(u));
	if (!gva || n < sizeof(u.sa.sa_family) || guest_read(t, &u, gva, n)) {
		add_pointer(l, gva);
		return;
	}
	switch (u.sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &u.in.sin_addr, text, sizeof(text));
		add(l, "{AF_INET, %s:%u}", text, ntohs(u.in.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &u.in6.sin6_addr, text, sizeof(text));
		add(l, "{AF_INET6, [%s]:%u}", text, ntohs(u.in6.sin6_port));
		break;
	case AF_UNIX:
		add(l, "{AF_UNIX, ");
		n -= offsetof(struct sockaddr_un, sun_path);
		add_quoted(l, u.un.sun_path,
		    u.un.sun_path[0] ? strnlen(u.un.sun_path, n) : n);
		add(l, "}");
		break;
	default: add(l, "{AF_%u, ...}", u.sa.sa_family);
	}
}

static void add_fd(struct strace_line *l, int fd)
{
	if (fd == AT_FDCWD)
		add(l, "AT_FDCWD");
	else
		add(l, "%d", fd);
}

static void add_clock(struct strace_line *l, u64 id)
{
	static const char *const name[] = { "CLOCK_REALTIME", "CLOCK_MONOTONIC",
		"CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID",
		"CLOCK_MONOTONIC_RAW", "CLOCK_REALTIME_COARSE",
		"CLOCK_MONOTONIC_COARSE", "CLOCK_BOOTTIME" };

	if (id < ARRAY_LEN(name))
		add(l, "%s", name[id]);
	else
		add(l, "%d", (int)id);
}

static void add_signal(struct strace_line *l, u64 sig)
{
	const char *name = sig < 32 ? sigabbrev_np((int)sig) : NULL;

	if (name && sig)
		add(l, "SIG%s", name);
	else
		add(l, "%d", (int)sig);
}

static void add_ioctl(struct strace_line *l, u64 request)
{
	const char *name = ioctl_name((u32)request);

	if (name)
		add(l, "%s", name);
	else
		add(l, "%#x", (u32)request);
}

/* Argument i, of kind `letter`; result < 0: the call filled nothing. */
static void add_argument(struct linux_task *t, struct strace_line *l,
    char letter, const u64 a[6], unsigned i, i64 result)
{
	u64 v = a[i];

	switch (letter) {
	case 'd': add(l, "%d", (int)v); break;
	case 'l': add(l, "%lld", (long long)v); break;
	case 'u': add(l, "%llu", (unsigned long long)v); break;
	case 'x': add(l, "%#llx", (unsigned long long)v); break;
	case 'o': add(l, "0%o", (unsigned)v); break;
	case 'f':
	case 'F': add_fd(l, (int)v); break;
	case 's': add_string(t, l, v); break;
	case 'w': add_bytes(t, l, v, a[i + 1]); break;
	case 'r':
		if (result >= 0)
			add_bytes(t, l, v, (u64)result);
		else
			add_pointer(l, v);
		break;
	case 't': add_timespec(t, l, v); break;
	case 'a': add_address(t, l, v, a[i + 1]); break;
	case 'O': add_open_flags(l, v); break;
	case 'A': add_flags(l, at_flags, (u32)v); break;
	case 'm': add_flags(l, prot_flags, v); break;
	case 'M': add_flags(l, map_flags, v); break;
	case 'i': add_ioctl(l, v); break;
	case 'S': add_signal(l, v); break;
	case 'c': add_clock(l, v); break;
	case 'R': add_flags(l, unlink_flags, (u32)v); break;
	case 'G': add_flags(l, message_flags, (u32)v); break;
	case 'T': add_socket_type(l, (u32)v); break;
	case 'W': add_name(l, whences, (int)v); break;
	case 'C': add_name(l, fcntl_commands, (int)v); break;
	case 'D': add_name(l, families, (int)v); break;
	case 'E': add_name(l, epoll_operations, (int)v); break;
	default: add_pointer(l, v);
	}
}

static void add_result(struct strace_line *l, const char *kind, i64 r)
{
	const char *name;

	if (r == SYS_NO_RETURN) {
		add(l, "?");
	} else if (r <= SYS_RESTART && r >= SYS_RESTART_NOHAND) {
		add(l, "? (interrupted)");
	} else if (r < 0 && r >= -4095) {
		name = strerrorname_np((int)-r);
		add(l, "-1 %s", name ? name : "E?");
	} else if (kind[0] == '=' && (kind[1] == 'p' || kind[1] == 'x')) {
		add(l, "%#llx", (unsigned long long)r);
	} else {
		add(l, "%lld", (long long)r);
	}
}

/* --- the line ------------------------------------------------------------ */

/* Arguments from l->next on; with `filled` false up to the first 'r'. */
static void add_arguments(struct linux_task *t, struct strace_line *l,
    const char *sig, const u64 a[6], bool filled, i64 result)
{
	for (; sig[l->next] && sig[l->next] != '='; l->next++) {
		if (!filled && sig[l->next] == 'r')
			return;
		if (l->next)
			add(l, ", ");
		add_argument(t, l, sig[l->next], a, l->next, result);
	}
}

void strace_begin(struct linux_task *t, struct strace_line *l,
    const struct syscall_row *row, u64 nr, const u64 a[6])
{
	const char *sig = row && row->sig ? row->sig : "xxxxxx";

	l->n = 0;
	l->next = 0;
	l->shown = false;
	add(l, "[%d] ", (int)t->tid);
	if (row && row->name)
		add(l, "%s(", row->name);
	else
		add(l, "syscall_%llu(", (unsigned long long)nr);
	add_arguments(t, l, sig, a, false, -1);
	if (strstr(sig, "=!")) {
		add(l, ") = ...\n");
		flush(t, l);
		l->shown = true;
	}
}

void strace_end(struct linux_task *t, struct strace_line *l,
    const struct syscall_row *row, const u64 a[6], i64 result)
{
	const char *sig = row && row->sig ? row->sig : "xxxxxx";

	if (l->shown) {
		if (result == SYS_NO_RETURN)
			return;
		add(l, "[%d] ... %s", (int)t->tid, row ? row->name : "");
	} else {
		add_arguments(t, l, sig, a, true, result);
		add(l, ")");
	}
	add(l, " = ");
	add_result(l, strchrnul(sig, '='), result);
	add(l, "\n");
	flush(t, l);
}
