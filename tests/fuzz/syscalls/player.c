/*
 * player.c - make random system calls and print what came of each.
 *
 *   player SEED FIRST COUNT [SKIP...]
 *
 * The same source is built for the host and for the guest. Each case is a
 * child in an empty directory of its own that makes CALLS calls, all drawn
 * from the seed and its number. SKIP names calls that are drawn, but not made.
 *
 * What a call may do is bounded by calls.def and by what arguments can be:
 * names are relative, descriptors small, every descriptor that could block is
 * opened non-blocking, times are short. Nothing printed may depend on when
 * and where it runs: addresses, inode numbers and times are left out.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#define CALLS 40
#define LOG_FD 900
#define SLOTS ((uintptr_t)0x200000000000) /* away from where ASan lives */
#define SLOT ((uintptr_t)0x4000)
#define SLOT_RW ((uintptr_t)0x3000) /* behind it: no access */
#define MAPS ((uintptr_t)0x201000000000) /* what mmap and its like play with */
#define MAPS_SIZE ((uintptr_t)0x40000)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PICK(a) ((uintptr_t)(a)[below(ARRAY_LEN(a))])

struct call {
	const char *name, *kinds;
	long nr;
	unsigned weight;
};

static const struct call calls[] = {
#define CALL(name, kinds, weight) { #name, kinds, SYS_##name, weight },
#include "calls.def"
};

/* --- random numbers ------------------------------------------------------ */

static uint64_t state;

static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/*
 * Never twice in one expression: compilers for different machines evaluate
 * in different orders.
 */
static unsigned below(unsigned n)
{
	return (unsigned)((next() >> 32) * n >> 32);
}

static const struct call *pick_call(void)
{
	unsigned all = 0, at;

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		all += calls[i].weight;
	at = below(all);
	for (const struct call *c = calls;; at -= c++->weight)
		if (at < c->weight)
			return c;
}

/* --- arguments ----------------------------------------------------------- */

static uintptr_t slot_of(int i)
{
	return SLOTS + (uintptr_t)i * SLOT;
}

/* An address that is no memory of ours, or is at its very end. */
static uintptr_t hostile(int i, uintptr_t good)
{
	switch (below(14)) {
	case 0: return 0;
	case 1: return 1;
	case 2: return slot_of(i) + SLOT_RW;
	case 3: return slot_of(i) + SLOT_RW - 1 - below(40);
	case 4: return (uintptr_t)1 << 63;
	case 5: return ~(uintptr_t)0 - below(4096);
	case 6: return MAPS + below(MAPS_SIZE);
	default: return good;
	}
}

/* Mostly the slot itself. */
static uintptr_t pointer(int i)
{
	uintptr_t good = slot_of(i) + (below(4) ? 0 : below(64));
	return below(6) ? good : hostile(i, good);
}

static uintptr_t bits(void)
{
	switch (below(5)) {
	case 0:
	case 1: return 0;
	case 2: return (uintptr_t)1 << below(12);
	case 3: return (uintptr_t)1 << below(32);
	default: return below(4096);
	}
}

static uintptr_t size(void)
{
	static const uintptr_t edge[] = { 0, 1, 7, 8, 16, 24, 64, 128, 4095,
		4096, 4097, 8192, 0x7fffffff, 0x80000000u, 0xffffffffu,
		~(uintptr_t)0, (uintptr_t)1 << 63 };

	return below(3) ? below(256) : PICK(edge);
}

static uintptr_t offset(void)
{
	static const int64_t edge[] = { 0, 1, -1, 4096, 8192, 65536, INT64_MAX,
		INT64_MIN, 1 << 20 };

	return below(3) ? below(5000) : (uintptr_t)edge[below(ARRAY_LEN(edge))];
}

static uintptr_t path(int i)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "a/b",
		"b/a", "a/b/c", "./a", "../x", "a/../b", "a/", "b/.", "", ".",
		"..", "/dev", "/dev/null", "/proc/self/fd", "/proc/self/fd/3",
		"/proc/self/exe/", "/nowhere/a", "/proc/self/comm",
		"/dev/zero/x", "/proc/self/status/a" };
	char *at = (char *)slot_of(i);
	unsigned k = below(40);

	if (k < 25)
		strcpy(at, names[below(ARRAY_LEN(names))]);
	else
		strcpy(at, names[below(6)]);
	if (below(150) == 0)
		memset(at, 'n', 300);
	if (below(150) == 0)
		memset(at, '/', 5000);
	return below(12) ? (uintptr_t)at : hostile(i, (uintptr_t)at);
}

static uintptr_t open_flags(void)
{
	static const int flag[] = { O_CREAT, O_CREAT, O_EXCL, O_TRUNC, O_APPEND,
		O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC, O_PATH, O_TMPFILE, O_SYNC,
		O_DIRECT, O_NOATIME, O_ASYNC };
	uintptr_t f = O_NONBLOCK | below(4);

	for (unsigned n = below(4); n; n--)
		f |= PICK(flag);
	return below(30) ? f : f | bits();
}

static uintptr_t at_flags(void)
{
	static const int flag[] = { 0, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR,
		AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, AT_NO_AUTOMOUNT };

	uintptr_t f = PICK(flag);

	if (below(4) == 0)
		f |= PICK(flag);
	return below(20) ? f : bits();
}

static uintptr_t vector(int i)
{
	struct iovec *v = (struct iovec *)slot_of(i);

	for (int k = 0; k < 4; k++) {
		v[k].iov_base = (void *)(slot_of(i) + 256 + 128 * (unsigned)k);
		v[k].iov_len = below(130);
		if (below(20) == 0)
			v[k].iov_base = (void *)hostile(i, 1);
		if (below(40) == 0)
			v[k].iov_len = size();
	}
	return below(12) ? (uintptr_t)v : hostile(i, (uintptr_t)v);
}

static uintptr_t address(int i)
{
	union {
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} *u = (void *)slot_of(i);
	unsigned k;

	memset(u, 0, sizeof(*u));
	switch (below(6)) {
	case 0:
	case 1:
	case 2:
		u->un.sun_family = AF_UNIX;
		k = below(8);
		sprintf(u->un.sun_path, "%ss%u", k < 6 ? "" : "./", k % 4);
		break;
	case 3: /* abstract */
		u->un.sun_family = AF_UNIX;
		sprintf(u->un.sun_path + 1, "fuzz%u", below(3));
		break;
	case 4:
		u->in.sin_family = AF_INET;
		u->in.sin_port = htons((uint16_t)(4000 + below(3)));
		u->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		break;
	default:
		u->in6.sin6_family = AF_INET6;
		u->in6.sin6_port = htons((uint16_t)(4000 + below(3)));
		u->in6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	}
	return below(15) ? (uintptr_t)u : pointer(i);
}

/* A message header with data, a name, and rights or credentials. */
static uintptr_t message(int i, int receive)
{
	char *at = (char *)slot_of(i);
	struct msghdr *m = (struct msghdr *)at;
	struct cmsghdr *c = (struct cmsghdr *)(at + 1024);
	struct iovec *v = (struct iovec *)(at + 512);

	memset(at, 0, 2048);
	m->msg_iov = v;
	m->msg_iovlen = below(3);
	v[0] = (struct iovec){ at + 600, below(64) };
	v[1] = (struct iovec){ at + 700, below(64) };
	if (receive) {
		m->msg_control = below(2) ? c : NULL;
		m->msg_controllen = m->msg_control ? below(256) : 0;
		m->msg_name = below(2) ? at + 800 : NULL;
		m->msg_namelen = below(140);
	} else if (below(3) == 0) {
		int fds[2];

		fds[0] = (int)below(12);
		fds[1] = (int)below(12);
		c->cmsg_len = below(10) ? CMSG_LEN(sizeof(fds)) : size();
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = below(5) ? SCM_RIGHTS : (int)below(8);
		memcpy(CMSG_DATA(c), fds, sizeof(fds));
		m->msg_control = c;
		m->msg_controllen = CMSG_SPACE(sizeof(fds));
	}
	return below(15) ? (uintptr_t)m : hostile(i, (uintptr_t)m);
}

static uintptr_t timespec(int i)
{
	struct timespec *ts = (struct timespec *)slot_of(i);
	static const int64_t ns[] = { 0, 0, 1000, 999999, -1, 1000000000,
		1073741823, 1073741822 };

	for (int k = 0; k < 2; k++) {
		ts[k].tv_sec = below(12) ? 0 : -1;
		ts[k].tv_nsec = ns[below(ARRAY_LEN(ns))];
	}
	/* NULL would be for ever. */
	return below(12) ? (uintptr_t)ts : slot_of(i) + SLOT_RW - 8;
}

static uintptr_t how(int i)
{
	struct open_how *h = (struct open_how *)slot_of(i);

	memset(h, 0, 64);
	h->flags = open_flags();
	if (h->flags & (O_CREAT | O_TMPFILE) && below(8))
		h->mode = 0600;
	h->resolve = below(3) ? 0 : (uint64_t)1 << below(7);
	h->resolve &= ~(uint64_t)RESOLVE_CACHED; /* as the kernel likes */
	if (below(20) == 0)
		h[1].flags = 1; /* unknown, beyond its end */
	return below(15) ? (uintptr_t)h : hostile(i, (uintptr_t)h);
}

static uintptr_t fcntl_command(void)
{
	static const int cmd[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD,
		F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_OFD_SETLK, F_OFD_GETLK,
		F_GETOWN, F_GETSIG, F_GETLEASE, F_GETPIPE_SZ, F_SETPIPE_SZ,
		F_ADD_SEALS, F_GET_SEALS, F_GET_RW_HINT, F_SET_RW_HINT, 99 };

	return PICK(cmd);
}

static uintptr_t fcntl_argument(uintptr_t cmd, int i)
{
	struct flock *l = (struct flock *)slot_of(i);

	switch ((int)cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC: return below(10) ? below(30) : bits();
	case F_SETFL: return O_NONBLOCK | (below(2) ? O_APPEND : bits());
	case F_GETLK:
	case F_SETLK:
	case F_OFD_SETLK:
	case F_OFD_GETLK:
		memset(l, 0, sizeof(*l));
		l->l_type = (short)below(4);
		l->l_whence = (short)below(4);
		l->l_start = (off_t)offset();
		l->l_len = (off_t)offset();
		return below(10) ? (uintptr_t)l : pointer(i);
	case F_GET_RW_HINT:
	case F_SET_RW_HINT: return pointer(i);
	default: return below(3) ? below(3) : below(1 << 20);
	}
}

static uintptr_t event(int i)
{
	struct epoll_event *e = (struct epoll_event *)slot_of(i);

	e->events = below(2) ? EPOLLIN | EPOLLOUT : (uint32_t)next();
	e->data.u64 = next();
	/* Its size is the machine's: nothing at the end of memory. */
	return below(12) ? (uintptr_t)e : 0;
}

static uintptr_t poll_list(int i)
{
	struct pollfd *p = (struct pollfd *)slot_of(i);

	for (int k = 0; k < 8; k++) {
		p[k].fd = (int)below(14) - 1;
		p[k].events = (short)(below(2) ? 5 : below(65536));
		p[k].revents = 0;
	}
	return below(12) ? (uintptr_t)p : hostile(i, (uintptr_t)p);
}

/* A name for an attribute or a memory file. */
static uintptr_t label(int i)
{
	static const char *const names[] = { "user.a", "user.b", "user.", "a",
		"trusted.x", "", "system.posix_acl_access", "security.x" };

	strcpy((char *)slot_of(i), names[below(ARRAY_LEN(names))]);
	return below(15) ? slot_of(i) : hostile(i, slot_of(i));
}

static uintptr_t in_map(void)
{
	uintptr_t at = MAPS + (uintptr_t)below(MAPS_SIZE >> 12) * 4096;

	return below(15) ? at : at + below(4096);
}

/* Within what belongs to us, and some that is refused everywhere. */
static uintptr_t map_size(uintptr_t at)
{
	uintptr_t left = MAPS + MAPS_SIZE - (at & ~(uintptr_t)4095);
	uintptr_t n = below(6) ? (1 + below(8)) * 4096 : below(20000);

	return n < left ? n : left;
}

static uintptr_t socket_option(unsigned which)
{
	static const int level[] = { SOL_SOCKET, SOL_SOCKET, SOL_SOCKET,
		IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, 0, 255, -1 };

	unsigned option = below(57); /* SO_COOKIE is a number never seen */

	if (option == SO_PEERCRED || option == 24 /* TCP_TIMESTAMP */)
		option = SO_ERROR;
	return which ? option : PICK(level);
}

static uintptr_t device_control(void)
{
	static const unsigned request[] = { FIONREAD, TCGETS, TIOCGWINSZ,
		FIOCLEX, FIONCLEX, TIOCGPGRP, TCSETS, TIOCSWINSZ, TIOCOUTQ,
		0x5460 /* FIOQSIZE */, 0x80086601 /* FS_IOC_GETFLAGS */,
		0x2 /* FIGETBSZ */, 0x801c581f /* FSGETXATTR */, 0xdead };

	return PICK(request);
}

static uintptr_t process_option(void)
{
	static const int option[] = { PR_SET_PDEATHSIG, PR_GET_PDEATHSIG,
		PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS,
		PR_SET_KEEPCAPS, PR_GET_TIMING, PR_SET_NAME, PR_GET_NAME,
		PR_CAPBSET_READ, PR_GET_SECUREBITS, PR_SET_TIMERSLACK,
		PR_GET_TIMERSLACK, PR_SET_CHILD_SUBREAPER,
		PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS,
		PR_GET_NO_NEW_PRIVS, PR_GET_THP_DISABLE, PR_CAP_AMBIENT,
		PR_GET_SECCOMP, 9999 };

	return PICK(option);
}

/*
 * Argument i of kind k; a has those before it.
 * f D C descriptor, directory, for close_range  P path  O A open, AT_ flags
 * I o j buffer filled by us, by the call, by the call and not looked at
 * n N x size, small number, flag bits  L Y offset, pointer to one  w whence
 * v V vectors  H B openat2's structure and its size  c g fcntl  M mode
 * S X d s J r filled with a stat, statx, directory, statfs, cwd, address
 * a Z e addresses and sizes  h q messages  1 2 socket options  W MSG_ flags
 * T l y z E polling  m R p F 3 mapping  t G b kinds of sockets  Q names
 * 4 5 prctl  6 limits  7 8 processes  9 clocks  0 zero
 */
static uintptr_t make_argument(char k, int i, const uintptr_t *a)
{
	static const int whom[] = { 0, 1, -1, 99999999 };
	static const int map_kind[] = { MAP_PRIVATE, MAP_SHARED,
		MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS };
	int *number = (int *)slot_of(i);
	uintptr_t v;

	switch (k) {
	case 'f': return below(20) ? 3 + below(9) : below(2) ? 0 : -1ul;
	case 'D': return below(5) ? (uintptr_t)AT_FDCWD : 3 + below(9);
	case 'C': return below(60);
	case 'P': return path(i);
	case 'O': return open_flags();
	case 'A': return at_flags();
	case 'I':
	case 'o':
	case 'j':
	case 'S':
	case 'X':
	case 'd':
	case 's':
	case 'J':
	case 'r': return pointer(i);
	case 'z': return below(12) ? slot_of(i) : 0;
	case 'R': return in_map() & ~(uintptr_t)4095;
	case 'n':
		return i && a[i - 1] - MAPS < MAPS_SIZE ? map_size(a[i - 1]) :
							  size();
	case 'N': return below(8) ? below(9) : bits();
	case 'x': return bits();
	case 'L': return offset();
	case 'Y':
		*(uint64_t *)slot_of(i) = offset();
		return below(3) ? 0 : pointer(i);
	case 'w': return below(8);
	case 'u': return below(20) ? below(5) : size();
	case 'v':
	case 'V': return vector(i);
	case 'H': return how(i);
	case 'B': return below(8) ? sizeof(struct open_how) : below(80);
	case 'c': return fcntl_command();
	case 'g': return fcntl_argument(a[i - 1], i);
	case 'M':
		return below(3) ? 0700 | below(512) : below(8) * 010000 + 0600;
	case 'a': return address(i);
	case 'Z': return below(3) ? 110 : below(130);
	case 'e':
		*number = below(10) ? (int)below(200) : (int)next();
		return below(10) ? slot_of(i) : hostile(i, slot_of(i));
	case 'h': return message(i, 0);
	case 'q': return message(i, 1);
	case '1': return socket_option(0);
	case '2': return socket_option(1);
	case 'W': return MSG_DONTWAIT | MSG_NOSIGNAL | (below(2) ? 0 : bits());
	case 'K': return 2 /* SPLICE_F_NONBLOCK */ | (below(3) ? 0 : bits());
	case 'k': return LOCK_NB | below(12);
	case 'T': return timespec(i);
	case 'l': return poll_list(i);
	case 'y': return event(i);
	case 'E': return below(10) ? 1 + below(3) : below(9);
	case 'm': return in_map();
	case 'p': return below(4);
	case 'F': return MAP_FIXED | map_kind[below(4)];
	case '3': return below(26);
	case 't':
		v = below(2) ? O_CLOEXEC : 0;
		return v | O_NONBLOCK | (below(9) ? 1 + below(2) : below(16));
	case 'G': return SOCK_NONBLOCK | (below(8) ? 0 : bits());
	case 'b': return below(3) ? AF_UNIX : below(2) ? AF_INET : AF_INET6;
	case 'Q': return label(i);
	case 'i': return device_control();
	case '4': return process_option();
	case '5': return below(3) ? below(3) : pointer(i);
	case '6': /* but RLIMIT_STACK (3): ASan opens a file to remark on it */
		return (below(17) + 4) % 18;
	case '7': return 0;
	case '8': return PICK(whom) == 1 ? 99999998 : 99999999;
	case '9': /* not a clock that stands while we sleep */
		v = below(12);
		return v == 2 || v == 3 ? 4 : v;
	case 'U': return below(2) ? (uintptr_t)-1 : getuid();
	default: return 0;
	}
}

/* --- what came of it ----------------------------------------------------- */

static char line[8192];
static size_t used;

static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line + used, sizeof(line) - used, fmt, ap);
	va_end(ap);
	if (n > 0)
		used += (size_t)n;
	if (used >= sizeof(line))
		used = sizeof(line) - 1;
}

static void flush(void)
{
	syscall(SYS_write, LOG_FD, line, used);
	used = 0;
}

/* An argument so that it means the same everywhere. */
static void say_argument(char k, uintptr_t v)
{
	if (k == 'P' && v - SLOTS < 6 * SLOT && v % SLOT < 16)
		say("\"%.20s\"", (char *)v);
	else if (v - SLOTS < 6 * SLOT)
		say("slot+%#lx", (unsigned long)(v % SLOT));
	else if (v - MAPS < MAPS_SIZE)
		say("map+%#lx", (unsigned long)(v - MAPS));
	else if ((intptr_t)v < 0 && (intptr_t)v > -4096)
		say("%ld", (long)v);
	else
		say("%#lx", (unsigned long)v);
}

static unsigned long hash(const unsigned char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return (unsigned long)(h >> 16);
}

static void say_stat(uintptr_t at)
{
	const struct stat *s = (const struct stat *)at;

	say(" {%o %lu %u %u %lld}", s->st_mode, (unsigned long)s->st_nlink,
	    s->st_uid, s->st_gid,
	    S_ISDIR(s->st_mode) || S_ISFIFO(s->st_mode) ?
		0 :
		(long long)s->st_size);
}

static void say_statx(uintptr_t at)
{
	const struct statx *s = (const struct statx *)at;

	say(" {%x %o %u %u %u %llu}", s->stx_mask & 0xfff, s->stx_mode,
	    s->stx_nlink, s->stx_uid, s->stx_gid,
	    S_ISDIR(s->stx_mode) ? 0 : (unsigned long long)s->stx_size);
}

static void say_directory(uintptr_t at, long n)
{
	for (long i = 0; i < n;) {
		const struct dirent64 *d =
		    (const struct dirent64 *)(at + (uintptr_t)i);

		say(" %s/%d", d->d_name, d->d_type);
		i += d->d_reclen;
	}
}

/* An autobound port or name (five digits) is another one each time. */
static void say_address(uintptr_t at)
{
	struct sockaddr_in6 *s = (struct sockaddr_in6 *)at;
	const char *name = ((struct sockaddr_un *)at)->sun_path;
	bool given = *name || strspn(name + 1, "0123456789abcdef") != 5;
	unsigned port = ntohs(s->sin6_port);

	say(" family %u", s->sin6_family);
	if (s->sin6_family == AF_INET || s->sin6_family == AF_INET6)
		say(" port %u", port > 30000 ? 0 : port);
	else if (s->sin6_family == AF_UNIX)
		say(" %lx", hash((unsigned char *)at, given ? 110 : 2));
}

static void say_events(uintptr_t at, long n)
{
	const struct epoll_event *e = (const struct epoll_event *)at;

	for (long i = 0; i < n; i++)
		say(" %x:%llx", e[i].events, (unsigned long long)e[i].data.u64);
}

/* What the call left in the slot of argument i. */
static void say_filled(char k, int i, uintptr_t v, long r)
{
	bool whole = v == slot_of(i);

	if (strchr("ovleYq", k))
		say(" %d:%lx", i, hash((unsigned char *)slot_of(i), SLOT_RW));
	if (r < 0 || !whole)
		return;
	switch (k) {
	case 'S': say_stat(v); break;
	case 'X': say_statx(v); break;
	case 'd': say_directory(v, r); break;
	case 'r': say_address(v); break;
	case 'z': say_events(v, r); break;
	}
}

/* Calls whose results or buffers hold another number each time. */
static bool is_vague(const char *name)
{
	static const char *const vague[] = { "cachestat", "sched_getaffinity",
		"getrandom", "keyctl", "waitid", "getpgid", "semget", "getcwd",
		"mmap" };
	for (size_t i = 0; i < ARRAY_LEN(vague); i++)
		if (!strcmp(vague[i], name))
			return true;
	return false;
}

static void one_call(unsigned index, bool skip)
{
	const struct call *c = pick_call();
	uintptr_t a[6] = { 0 };
	uint64_t junk = next();
	bool vague = is_vague(c->name);
	long r;
	int err;

	for (int i = 0; c->kinds[i]; i++) {
		uint64_t *s = (uint64_t *)slot_of(i);
		for (size_t k = 0; k < SLOT_RW / 8; k++)
			s[k] = c->kinds[i] == 'I' ? junk * (2 * k + 1) :
						    0xa5a5a5a5a5a5a5a5u;
		a[i] = make_argument(c->kinds[i], i, a);
	}
	if (skip)
		return;
	say("%u %s(", index, c->name);
	for (int i = 0; c->kinds[i]; i++) {
		say(i ? ", " : "");
		say_argument(c->kinds[i], a[i]);
	}
	say(")");
	flush(); /* known even if the call does not return */
	errno = 0;
	r = syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	err = errno;
	vague |= /* links there have numbers of processes, sockets, pipes */
	    !strcmp(c->name, "readlinkat") && r > 0 &&
	    !strncmp((const char *)a[1], "/proc/", 6);
	if (r < 0 && r >= -4095)
		say(" = %s", strerrorname_np(err));
	else if (vague)
		say(" = done");
	else
		say(" = %ld", r);
	for (int i = 0; c->kinds[i] && !vague; i++)
		say_filled(c->kinds[i], i, a[i], r);
	say("\n");
	flush();
}

/* --- cases --------------------------------------------------------------- */

static void prepare(void)
{
	const struct rlimit small = { 1 << 20, 1 << 20 };
	const struct rlimit files = { 1024, 1024 };
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	for (int i = 0; i < 6; i++) {
		if (mmap((void *)slot_of(i), SLOT, PROT_READ | PROT_WRITE,
			flags, -1, 0) != (void *)slot_of(i) ||
		    mprotect((void *)(slot_of(i) + SLOT_RW), SLOT - SLOT_RW,
			PROT_NONE) < 0)
			_exit(98);
	}
	setrlimit(RLIMIT_FSIZE, &small);
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	prctl(PR_SET_NAME, "player");
	umask(022);
	alarm(20);
	for (int fd = 0; fd < 3; fd++)
		dup2(open("/dev/null", O_RDWR), fd);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
}

/* Something to work on from the start. */
static void furnish(void)
{
	int p[2];

	mkdir("a", 0755);
	symlink("a", "e");
	open("b", O_RDWR | O_CREAT, 0644);
	write(3, "some bytes of a file", 20);
	open(".", O_RDONLY | O_DIRECTORY);
	pipe2(p, O_NONBLOCK);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p);
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, p);
}

static void run_case(uint64_t seed, uint64_t number, char **skip)
{
	state = seed * 0x100000001b3u + number;
	prepare();
	furnish();
	for (unsigned i = 0; i < CALLS; i++) {
		bool leave_out = false;

		for (char **s = skip; *s; s++)
			leave_out |= (unsigned)atoi(*s) == i;
		one_call(i, leave_out);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	uint64_t seed = strtoull(argv[1], NULL, 0);
	uint64_t first = strtoull(argv[2], NULL, 0);
	uint64_t count = strtoull(argv[3], NULL, 0);

	if (dup2(1, LOG_FD) != LOG_FD)
		return 2;
	for (uint64_t n = first; n < first + count; n++) {
		char dir[32];
		int status = 0;

		snprintf(dir, sizeof(dir), "c%llu", (unsigned long long)n);
		say("case %llu\n", (unsigned long long)n);
		flush();
		pid_t pid = fork();
		if (pid == 0) {
			if (mkdir(dir, 0700) < 0 || chdir(dir) < 0)
				_exit(97);
			run_case(seed, n, argv + 4);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 2;
		say("end %#x\n", status);
		flush();
	}
	return 0;
}
