/* sockets.c - local and loopback sockets, messages, passed descriptors. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../guest/c/check.h"

static void *volatile bad = (void *)16; /* no address of anything */

static void pairs(void)
{
	char buf[16];
	struct ucred cred;
	socklen_t n = sizeof(cred);
	int s[2], type;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0);
	CHECK(send(s[0], "hello", 5, 0) == 5);
	CHECK(recv(s[1], buf, 16, MSG_PEEK) == 5);
	CHECK(recv(s[1], buf, 16, 0) == 5 && !memcmp(buf, "hello", 5));
	CHECK(recv(s[1], buf, 16, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0);
	CHECK(cred.pid == getpid() && cred.uid == getuid());
	n = sizeof(type);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &type, &n) == 0);
	CHECK(type == SOCK_STREAM && n == 4);
	CHECK(shutdown(s[0], SHUT_WR) == 0 && recv(s[1], buf, 16, 0) == 0);
	CHECK(getsockopt(s[0], SOL_SOCKET, SO_TYPE, bad, &n) == -1 &&
	    errno == EFAULT);
	close(s[0]);
	CHECK(send(s[1], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	close(s[1]);
}

/* A descriptor and credentials travel in control messages. */
static void passing(void)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} out = { { 0 } }, in = { { 0 } };
	char byte = 'b';
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = out.buf,
		.msg_controllen = sizeof(out.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int s[2], p[2], got;

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0 && pipe(p) == 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &p[1], sizeof(int));
	CHECK(sendmsg(s[0], &m, 0) == 1);
	m.msg_control = in.buf;
	m.msg_controllen = sizeof(in.buf);
	CHECK(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC) == 1 &&
	    m.msg_flags == MSG_CMSG_CLOEXEC);
	c = CMSG_FIRSTHDR(&m);
	NEED(c && c->cmsg_type == SCM_RIGHTS);
	memcpy(&got, CMSG_DATA(c), sizeof(got));
	CHECK(write(got, "q", 1) == 1 && read(p[0], &byte, 1) == 1);
	CHECK(byte == 'q' && fcntl(got, F_GETFD) == FD_CLOEXEC);
}

static void batches(void)
{
	char a[4], b[4];
	struct iovec v[2] = { { "one", 3 }, { "two", 3 } };
	struct iovec w[2] = { { a, 4 }, { b, 4 } };
	struct mmsghdr out[2] = { 0 }, in[2] = { 0 };
	int s[2];

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	for (int i = 0; i < 2; i++) {
		out[i].msg_hdr.msg_iov = &v[i];
		in[i].msg_hdr.msg_iov = &w[i];
		out[i].msg_hdr.msg_iovlen = in[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK(sendmmsg(s[0], out, 2, 0) == 2 && out[1].msg_len == 3);
	CHECK(recvmmsg(s[1], in, 2, 0, NULL) == 2 && in[1].msg_len == 3);
	CHECK(!memcmp(a, "one", 3) && !memcmp(b, "two", 3));
}

static void paths(void)
{
	char dir[] = "/tmp/socketsXXXXXX", buf[8];
	struct sockaddr_un un = { .sun_family = AF_UNIX }, peer;
	socklen_t n = sizeof(peer);
	struct stat st;
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c, s;

	NEED(mkdtemp(dir));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", dir);
	CHECK(connect(l, (void *)&un, sizeof(un)) == -1 && errno == ENOENT);
	CHECK(bind(l, (void *)&un, sizeof(un)) == 0 && listen(l, 5) == 0);
	CHECK(stat(un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode));
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(c, (void *)&un, sizeof(un)) == 0);
	s = accept4(l, (void *)&peer, &n, SOCK_CLOEXEC);
	CHECK(s >= 0 && peer.sun_family == AF_UNIX && n == 2);
	CHECK(write(c, "ping", 4) == 4 && read(s, buf, 8) == 4);
	CHECK(unlink(un.sun_path) == 0 && rmdir(dir) == 0);
	/* An abstract name */
	int d = socket(AF_UNIX, SOCK_DGRAM, 0),
	    e = socket(AF_UNIX, SOCK_DGRAM, 0);
	memset(un.sun_path, 0, sizeof(un.sun_path));
	n = (socklen_t)(3 + snprintf(un.sun_path + 1, 40, "test-%d", getpid()));
	CHECK(bind(d, (void *)&un, n) == 0);
	CHECK(sendto(e, "abc", 3, 0, (void *)&un, n) == 3);
	CHECK(recv(d, buf, 8, 0) == 3);
}

static void loopback(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in me, from;
	socklen_t n = sizeof(me);
	char buf[32];
	int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), c, s;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, 4) == 0);
	CHECK(bind(l, (void *)&in, sizeof(in)) == 0 && listen(l, 1) == 0);
	CHECK(getsockname(l, (void *)&me, &n) == 0 && n == sizeof(me));
	CHECK(me.sin_port != 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(c, (void *)&me, sizeof(me)) == 0);
	CHECK(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, 4) == 0);
	s = accept(l, (void *)&from, &n);
	CHECK(s >= 0 && from.sin_addr.s_addr == in.sin_addr.s_addr);
	CHECK(write(c, "stream", 6) == 6);
	CHECK(recvfrom(s, buf, 32, 0, NULL, NULL) == 6);
	CHECK(getpeername(c, (void *)&from, &n) == 0);
	CHECK(from.sin_port == me.sin_port);
	struct timeval tv = { 0, 10000 };
	CHECK(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	CHECK(recv(s, buf, 32, 0) == -1 && errno == EAGAIN);
	int u = socket(AF_INET, SOCK_DGRAM, 0),
	    w = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind(u, (void *)&in, sizeof(in)) == 0);
	CHECK(getsockname(u, (void *)&me, &n) == 0);
	CHECK(sendto(w, "datagram", 8, 0, (void *)&me, sizeof(me)) == 8);
	CHECK(recvfrom(u, buf, 32, 0, (void *)&from, &n) == 8);
	CHECK(connect(c, bad, 16) == -1 && errno == EFAULT);
}

static void interfaces(void)
{
	struct ifreq ifr = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(ifr.ifr_name, "lo");
	CHECK(ioctl(s, SIOCGIFINDEX, &ifr) == 0 && ifr.ifr_ifindex > 0);
	CHECK(
	    ioctl(s, SIOCGIFFLAGS, &ifr) == 0 && ifr.ifr_flags & IFF_LOOPBACK);
	strcpy(ifr.ifr_name, "nosuch");
	CHECK(ioctl(s, SIOCGIFINDEX, &ifr) == -1 && errno == ENODEV);
}

int main(void)
{
	pairs();
	passing();
	batches();
	paths();
	loopback();
	interfaces();
	return 0;
}
