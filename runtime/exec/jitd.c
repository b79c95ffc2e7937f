/* jitd.c - see jitd.h. */
#include "runtime/exec/jitd.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a guest's own descriptors rarely reach. */
#define FD_MIN 900
#define STACK ((size_t)64 << 10)

struct start {
	char *const *argv;
	int fd;
	pid_t pid; /* of the process that stays */
	char *stack; /* of both; STACK bytes */
};

/*
 * Runs on our memory while we wait, so it may only make system calls. The
 * process that stays is its child, and nobody's when it has ended.
 */
static int start_it(void *arg)
{
	const struct start *s = arg;
	char *env[] = { "PATH=/usr/bin:/bin", NULL };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	setpgid(0, 0); /* what the terminal sends is not for it */
	for (int sig = 1; sig < 65; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* whoever waits for the end of the guest's output waits not for it */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (dup2(s->fd, 0) == 0 && fcntl(0, F_SETFD, 0) == 0 &&
	    dup2(null < 0 ? 0 : null, 1) == 1 &&
	    dup2(null < 0 ? 0 : null, 2) == 2) {
		close_range(3, ~0u, 0);
		execve(s->argv[0], s->argv, env);
	}
	_exit(127);
}

/* No vfork: the sanitizers' one takes this stack for the thread's own. */
static int start_both(void *arg)
{
	struct start *s = arg;

	s->pid = clone(start_it, s->stack + STACK / 2,
	    CLONE_VM | CLONE_VFORK | SIGCHLD, s);
	_exit(0);
}

/* Without a signal at its end: a guest's wait does not see it. */
static int spawn(struct start *s)
{
	s->stack = malloc(STACK);
	if (!s->stack)
		return -ENOMEM;
	/* nor does a tracer see, and stop, what we start */
	int pid = clone(start_both, s->stack + STACK,
	    CLONE_VM | CLONE_VFORK | CLONE_UNTRACED, s);
	int err = pid < 0 ? -errno : 0;
	if (pid > 0)
		waitpid(pid, NULL, __WCLONE);
	free(s->stack);
	return err ? err : s->pid < 0 ? -EAGAIN : 0;
}

int jitd_start(struct jitd *j, const struct jitd_options *o)
{
	char memory[40];
	char *argv[4] = { (char *)o->path };
	int pair[2], n = 1;

	*j = (struct jitd){ .fd = -1 };
	if (access(o->path, X_OK) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	snprintf(memory, sizeof(memory), "--memory=%llu",
	    (unsigned long long)o->memory);
	if (o->memory)
		argv[n++] = memory;
	if (o->eager)
		argv[n++] = "--eager";
	struct start s = { argv, pair[1], -1, NULL };
	int err = spawn(&s);
	close(pair[1]);
	int high = fcntl(pair[0], F_DUPFD_CLOEXEC, FD_MIN);
	if (high >= 0) {
		close(pair[0]);
		pair[0] = high;
	}
	if (err) {
		close(pair[0]);
		return err;
	}
	j->fd = pair[0];
	j->pid = s.pid;
	return 0;
}

void jitd_wake(const struct jitd *j)
{
	/* were the number somebody else's by now, it would not hurt him */
	if (j->pid > 0)
		kill(j->pid, SIGCONT);
}

void jitd_stop(struct jitd *j)
{
	if (j->fd >= 0) {
		close(j->fd);
		jitd_wake(j);
	}
	free(j->reply);
	*j = (struct jitd){ .fd = -1 };
}

/* Send what the socket takes now. 0 or -errno. */
static int push(struct jitd *j)
{
	size_t head = MIN(j->sent, sizeof(j->head));
	struct iovec v[2] = {
		{ (u8 *)&j->head + head, sizeof(j->head) - head },
		{ (char *)j->text + (j->sent - head),
		    j->size - (j->sent - head) },
	};
	const struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	ssize_t k = sendmsg(j->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (k < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	j->sent += (size_t)k;
	return 0;
}

static bool all_sent(const struct jitd *j)
{
	return j->sent == sizeof(j->head) + j->size;
}

int jitd_send(struct jitd *j, u32 id, const char *text, size_t n)
{
	if (n > JITD_SIZE_MAX)
		return -E2BIG;
	j->have = j->sent = 0;
	j->head = (struct jitd_head){ JITD_MAGIC, 0, id, (u32)n };
	j->text = text;
	j->size = n;
	return push(j);
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

/* What has come, up to the end of a reply. 1: it is whole; 0: not yet. */
static int pull(struct jitd *j, struct jitd_head *h)
{
	size_t want = sizeof(*h);

	for (;;) {
		if (j->have >= sizeof(*h)) {
			memcpy(h, j->reply, sizeof(*h));
			if (h->magic != JITD_MAGIC || h->size > JITD_SIZE_MAX)
				return -EPROTO;
			want = sizeof(*h) + h->size;
			if (j->have == want)
				return 1;
		}
		if (!room(j, want))
			return -ENOMEM;
		ssize_t k = recv(
		    j->fd, j->reply + j->have, want - j->have, MSG_DONTWAIT);
		if (k < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (k <= 0)
			return -EPIPE;
		j->have += (size_t)k;
	}
}

int jitd_receive(struct jitd *j, int ms, struct jitd_head *h, const u8 **body)
{
	struct pollfd p = { .fd = j->fd, .events = POLLIN };

	if (!all_sent(j))
		p.events |= POLLOUT;
	if (poll(&p, 1, ms) <= 0)
		return 0;
	if (p.revents & POLLOUT) {
		int err = push(j);
		if (err)
			return err;
	}
	int r = p.revents & ~POLLOUT ? pull(j, h) : 0;
	if (r > 0 && !all_sent(j))
		return -EPROTO; /* an answer before the question */
	*body = j->reply + sizeof(*h);
	return r;
}
