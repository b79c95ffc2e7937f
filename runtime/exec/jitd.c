/* jitd.c - see jitd.h. */
#include "runtime/exec/jitd.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a guest's own descriptors rarely reach. */
#define FD_MIN 900
#define SEND_S 2

struct start {
	const char *path;
	int fd;
	bool eager;
};

/*
 * Runs on our memory while we wait, so it may only make system calls. The
 * process that stays is its child, and nobody's when it has ended.
 */
static int start_both(void *arg)
{
	const struct start *s = arg;
	char *argv[] = { (char *)s->path, s->eager ? "--eager" : NULL, NULL };
	char *env[] = { "PATH=/usr/bin:/bin", NULL };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	if (vfork() != 0)
		_exit(0);
	setpgid(0, 0); /* what the terminal sends is not for it */
	for (int sig = 1; sig < 65; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(s->fd, 0) == 0 && fcntl(0, F_SETFD, 0) == 0) {
		close_range(3, ~0u, 0);
		execve(s->path, argv, env);
	}
	_exit(127);
}

/* Without a signal at its end: a guest's wait does not see it. */
static int spawn(const char *path, int fd, bool eager)
{
	enum { STACK = 64 << 10 };
	struct start s = { path, fd, eager };
	char *stack = malloc(STACK);
	if (!stack)
		return -ENOMEM;
	int pid = clone(start_both, stack + STACK, CLONE_VM | CLONE_VFORK, &s);
	int err = pid < 0 ? -errno : 0;
	if (pid > 0)
		waitpid(pid, NULL, __WCLONE);
	free(stack);
	return err;
}

int jitd_start(struct jitd *j, const char *path, bool eager)
{
	int pair[2];

	*j = (struct jitd){ .fd = -1 };
	if (access(path, X_OK) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* one that was stopped must not stop us */
	struct timeval patience = { .tv_sec = SEND_S };
	setsockopt(
	    pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	int err = spawn(path, pair[1], eager);
	close(pair[1]);
	int high = fcntl(pair[0], F_DUPFD_CLOEXEC, FD_MIN);
	if (high >= 0) {
		close(pair[0]);
		pair[0] = high;
	}
	if (err)
		close(pair[0]);
	else
		j->fd = pair[0];
	return err;
}

void jitd_stop(struct jitd *j)
{
	if (j->fd >= 0)
		close(j->fd);
	free(j->reply);
	*j = (struct jitd){ .fd = -1 };
}

static int send_all(int fd, const void *p, size_t n)
{
	const u8 *at = p;

	while (n) {
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -EPIPE;
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

int jitd_send(struct jitd *j, u32 id, const char *text, size_t n)
{
	struct jitd_head h = { JITD_MAGIC, 0, id, (u32)n };

	if (n > JITD_SIZE_MAX)
		return -E2BIG;
	j->have = 0;
	int err = send_all(j->fd, &h, sizeof(h));
	return err ? err : send_all(j->fd, text, n);
}

static bool room(struct jitd *j, size_t n)
{
	if (n <= j->cap)
		return true;
	u8 *p = realloc(j->reply, n);
	if (!p)
		return false;
	j->reply = p;
	j->cap = n;
	return true;
}

int jitd_receive(struct jitd *j, int ms, struct jitd_head *h, const u8 **body)
{
	for (;;) {
		size_t want = sizeof(*h);
		if (j->have >= sizeof(*h)) {
			memcpy(h, j->reply, sizeof(*h));
			if (h->magic != JITD_MAGIC || h->size > JITD_SIZE_MAX)
				return -EPROTO;
			want += h->size;
		}
		if (j->have >= sizeof(*h) && j->have == want) {
			*body = j->reply + sizeof(*h);
			return 1;
		}
		if (!room(j, want))
			return -ENOMEM;
		struct pollfd p = { .fd = j->fd, .events = POLLIN };
		if (poll(&p, 1, ms) <= 0)
			return 0;
		ssize_t k = recv(j->fd, j->reply + j->have, want - j->have, 0);
		if (k <= 0)
			return -EPIPE;
		j->have += (size_t)k;
	}
}
