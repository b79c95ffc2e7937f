/* sockets.c - socket pairs, TCP over loopback, descriptors in messages. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void pairs(void)
{
	char buf[10] = { 0 };
	int s[2];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	CHECK(send(s[0], "ping", 4, 0) == 4 && recv(s[1], buf, 10, 0) == 4);
	CHECK(!strcmp(buf, "ping"));
	CHECK(shutdown(s[0], SHUT_WR) == 0 && recv(s[1], buf, 10, 0) == 0);
	CHECK(send(s[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	close(s[0]);
	close(s[1]);
}

static void descriptors(void)
{
	char byte = 'd', buf[10] = { 0 };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl) };
	struct cmsghdr *c;
	int s[2], p[2], got = -1;

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0 && pipe(p) == 0);
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &p[1], sizeof(int));
	CHECK(sendmsg(s[0], &m, 0) == 1);
	memset(&ctl, 0, sizeof(ctl));
	m.msg_controllen = sizeof(ctl);
	CHECK(recvmsg(s[1], &m, 0) == 1);
	c = CMSG_FIRSTHDR(&m);
	CHECK(c && c->cmsg_type == SCM_RIGHTS);
	if (c)
		memcpy(&got, CMSG_DATA(c), sizeof(int));
	CHECK(got > 2 && got != p[1] && write(got, "through", 7) == 7);
	CHECK(read(p[0], buf, 10) == 7 && !strcmp(buf, "through"));
	close(s[0]), close(s[1]), close(p[0]), close(p[1]), close(got);
}

static void loopback(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
			   peer;
	socklen_t len = sizeof(a), plen = sizeof(peer);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	int got = 0, c, status;
	char buf[1000];
	unsigned total = 0;
	ssize_t n;

	NEED(server >= 0);
	CHECK(!setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	CHECK(bind(server, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(listen(server, 5) == 0);
	CHECK(getsockname(server, (struct sockaddr *)&a, &len) == 0);
	CHECK(len == sizeof(a) && a.sin_port != 0);
	if (fork() == 0) {
		c = socket(AF_INET, SOCK_STREAM, 0);
		NEED(!connect(c, (struct sockaddr *)&a, sizeof(a)));
		for (int i = 0; i < 100; i++) {
			memset(buf, i, sizeof(buf));
			NEED(write(c, buf, sizeof(buf)) == sizeof(buf));
		}
		_exit(0);
	}
	c = accept4(server, (struct sockaddr *)&peer, &plen, SOCK_CLOEXEC);
	CHECK(c >= 0 && peer.sin_addr.s_addr == a.sin_addr.s_addr);
	len = sizeof(got);
	CHECK(!setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	CHECK(!getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &got, &len) && got);
	while ((n = read(c, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			total += (unsigned char)buf[i];
	CHECK(total == 4950 * 1000);
	wait(&status);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(c);
	close(server);
	CHECK(socket(99, 1, 1) == -1 && errno == EAFNOSUPPORT);
}

int main(void)
{
	setbuf(stdout, NULL);
	pairs();
	descriptors();
	loopback();
	return 0;
}
