/*
 * net.c - where the debugger comes from: a TCP port, a UNIX socket, or the
 * connection that the program before an exec had. The life of the stub.
 */
#include "runtime/debug/stub.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What a session keeps over an exec. */
enum {
	KEEP_NOACK = 1,
	KEEP_MULTIPROCESS = 2,
	KEEP_SWBREAK = 4,
	KEEP_HWBREAK = 8,
	KEEP_EXEC = 16
};

static int listen_at(const struct sockaddr *sa, socklen_t len)
{
	int one = 1, fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, sa, len) < 0 || listen(fd, 1) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* "PORT", ":PORT" or "HOST:PORT" */
static int open_tcp(
    struct debug_stub *s, const char *where, char *said, size_t n)
{
	const char *colon = strrchr(where, ':');
	const char *port = colon ? colon + 1 : where;
	char host[64] = "127.0.0.1", *end;
	unsigned long num = strtoul(port, &end, 10);
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);

	if (end == port || *end || num > 65535 || *port == '-')
		return -EINVAL;
	if (colon && colon > where) {
		if ((size_t)(colon - where) >= sizeof(host))
			return -EINVAL;
		memcpy(host, where, (size_t)(colon - where));
		host[colon - where] = 0;
	}
	if (!strcmp(host, "localhost"))
		snprintf(host, sizeof(host), "127.0.0.1");
	if (inet_pton(AF_INET, host, &sa.sin_addr) != 1)
		return -EINVAL;
	sa.sin_port = htons((u16)num);
	s->listen_fd = listen_at((struct sockaddr *)&sa, len);
	if (s->listen_fd < 0)
		return s->listen_fd;
	getsockname(s->listen_fd, (struct sockaddr *)&sa, &len);
	snprintf(said, n, "waiting for a debugger on %s:%u", host,
	    ntohs(sa.sin_port));
	return 0;
}

static int open_unix(
    struct debug_stub *s, const char *path, char *said, size_t n)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	if (!*path || strlen(path) >= sizeof(sa.sun_path))
		return -EINVAL;
	strcpy(sa.sun_path, path);
	s->listen_fd = listen_at((struct sockaddr *)&sa, sizeof(sa));
	if (s->listen_fd < 0)
		return s->listen_fd;
	s->unix_path = strdup(path);
	snprintf(said, n, "waiting for a debugger on %s", path);
	return 0;
}

/* fd:NUMBER:FLAGS:SIGNALS, see debug_before_exec */
static int open_kept(struct debug_stub *s, const char *text)
{
	int fd;
	unsigned keep;
	unsigned long long pass;
	if (sscanf(text, "%d:%x:%llx", &fd, &keep, &pass) != 3 || fd < 0)
		return -EINVAL;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	s->fd = fd;
	s->noack = keep & KEEP_NOACK;
	s->multiprocess = keep & KEEP_MULTIPROCESS;
	s->swbreak = keep & KEEP_SWBREAK;
	s->hwbreak = keep & KEEP_HWBREAK;
	s->exec_events = keep & KEEP_EXEC;
	s->pass = pass;
	s->first.kind = STOP_EXEC;
	s->due = true; /* whoever resumed the old program waits */
	return 0;
}

int debug_open(const char *where, struct debug_stub **out, char *said, size_t n)
{
	struct debug_stub *s = calloc(1, sizeof(*s));
	int err;
	if (!s)
		return -ENOMEM;
	*said = 0;
	s->listen_fd = s->fd = s->wake = -1;
	s->first.kind = STOP_STEP;
	pthread_mutex_init(&s->use, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->resumed, NULL);
	pthread_cond_init(&s->settled, NULL);
	if (!strncmp(where, "unix:", 5))
		err = open_unix(s, where + 5, said, n);
	else if (!strncmp(where, "fd:", 3))
		err = open_kept(s, where + 3);
	else
		err = open_tcp(s, where, said, n);
	if (err) {
		debug_free(s);
		return err;
	}
	*out = s;
	return 0;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int accept_one(struct debug_stub *s)
{
	int one = 1;
	while (s->fd < 0) {
		s->fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (s->fd < 0 && errno != EINTR && errno != ECONNABORTED)
			return -errno;
	}
	drop(&s->listen_fd);
	if (s->unix_path)
		unlink(s->unix_path);
	/* fails on a UNIX socket, which needs it not */
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

int debug_start(struct debug_stub *s, struct metic_vm *vm,
    const struct debug_ops *ops, void *ctx, int (*hide)(void *ctx, int fd))
{
	sigset_t all, old;
	s->vm = vm;
	s->ops = ops;
	s->ctx = ctx;
	s->arch = debug_arch_of(vm->guest);
	if (!s->arch)
		return -ENOTSUP;
	int err = accept_one(s);
	if (err)
		return err;
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0)
		return -errno;
	if ((s->wake = hide(ctx, s->wake)) < 0)
		return s->wake;
	if ((s->fd = hide(ctx, s->fd)) < 0)
		return s->fd;
	s->hidden = true;
	atomic_store(&s->live, true);
	/* signals are for the program's threads */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&s->server, NULL, debug_serve, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->served = err == 0;
	return -err;
}

void debug_exited(struct debug_stub *s, bool signaled, int status)
{
	const u64 one = 1;
	pthread_mutex_lock(&s->lock);
	s->exited = true;
	s->signaled = signaled;
	s->status = status;
	pthread_mutex_unlock(&s->lock);
	if (s->served) {
		ssize_t n = write(s->wake, &one, sizeof(one));
		(void)n;
		pthread_join(s->server, NULL);
		s->served = false;
	}
	debug_free(s);
}

void debug_free(struct debug_stub *s)
{
	if (s->served) { /* the program never began */
		debug_ending(s);
		shutdown(s->fd, SHUT_RDWR);
		pthread_join(s->server, NULL);
	}
	drop(&s->listen_fd);
	if (!s->hidden) { /* else they are closed by who hid them */
		drop(&s->fd);
		drop(&s->wake);
	}
	for (size_t i = 0; i < STUB_FILES; i++)
		free(s->files[i]);
	free(s->unix_path);
	free(s->xml);
	pthread_mutex_destroy(&s->use);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->resumed);
	pthread_cond_destroy(&s->settled);
	free(s);
}

/* Its memory stays: a thread that is no more may have held its locks. */
void debug_forget(struct debug_stub *s, struct vcpu *v)
{
	s->fd = s->wake = -1;
	exec_set_step(v, false);
	exec_debug_clear(v->vm);
}

void debug_before_exec(struct debug_stub *s, char *where, size_t n)
{
	unsigned keep = (s->noack ? KEEP_NOACK : 0u) |
	    (s->multiprocess ? KEEP_MULTIPROCESS : 0u) |
	    (s->swbreak ? KEEP_SWBREAK : 0u) |
	    (s->hwbreak ? KEEP_HWBREAK : 0u) |
	    (s->exec_events ? KEEP_EXEC : 0u);
	snprintf(where, n, "fd:%d:%x:%llx", s->fd, keep,
	    (unsigned long long)atomic_load(&s->pass));
	fcntl(s->fd, F_SETFD, 0);
}

void debug_after_exec(struct debug_stub *s)
{
	fcntl(s->fd, F_SETFD, FD_CLOEXEC);
}
