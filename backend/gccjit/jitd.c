/*
 * jitd.c - metic-jitd, the compiling process of the optimizing tier.
 *
 * Its standard input is a socket: a unit's text comes in, an object file goes
 * out (translator/unit_wire.h has the framing, unit_object.h what an object
 * says).
 * One request at a time; it ends with the socket. It runs at low priority,
 * in little memory, without privileges, and may crash: whoever asked goes on
 * without it, and a second process cleans up.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/gccjit/confine.h"
#include "backend/gccjit/gen.h"
#include "backend/gccjit/place.h"
#include "translator/unit_wire.h"

#define MEMORY_DEFAULT ((u64)2 << 30)
#define FILES_MAX ((size_t)64 << 20) /* temporary ones, where they are ours */

static bool read_all(void *p, size_t n)
{
	u8 *at = p;

	while (n) {
		ssize_t k = read(0, at, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		at += k;
		n -= (size_t)k;
	}
	return true;
}

static bool send_all(const void *p, size_t n)
{
	const u8 *at = p;

	while (n) {
		ssize_t k = send(0, at, n, MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		at += k;
		n -= (size_t)k;
	}
	return true;
}

static bool reply(u32 id, u32 status, const void *p, size_t n)
{
	struct jitd_head h = { JITD_MAGIC, status, id, (u32)n };

	return send_all(&h, sizeof(h)) && send_all(p, n);
}

/* The file's bytes, malloc'ed, or NULL. */
static void *slurp(const char *path, size_t *n)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 &&
	    (p = malloc((size_t)st.st_size + 1)))
		*n = (size_t)read(fd, p, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	return p;
}

/* Compile a unit's text to the object file at `path`. */
static bool compile(char *text, const char *path, char *err, size_t n)
{
	const struct guest_isa *g = guest_list[0];
	struct unit *u = calloc(1, sizeof(*u));
	const struct unit *const units[1] = { u };
	struct arena a;
	u64 made = 0;

	arena_init(&a);
	bool ok = u && !unit_parse(text, g, &a, u, err, n) &&
	    gen_object(g, units, 1, path, &made, err, n) == 0 && made;
	if (!ok && !err[0])
		snprintf(err, n, "an op that it has no code for");
	free(u);
	arena_free(&a);
	return ok;
}

/* libgccjit may have been replaced since this was built. */
static u32 object_status(void)
{
	char version[40];

	snprintf(version, sizeof(version), "%d.%d.%d", gcc_jit_version_major(),
	    gcc_jit_version_minor(), gcc_jit_version_patchlevel());
	return strcmp(version, GCCJIT_VERSION) ? JITD_OTHER : JITD_OBJECT;
}

static bool serve(const struct jitd_head *h, char *text, const char *dir)
{
	char err[256] = "", path[128];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/unit.o", dir);
	bool ok = compile(text, path, err, sizeof(err));
	void *object = ok ? slurp(path, &n) : NULL;
	if (ok && !object)
		snprintf(err, sizeof(err), "no object file");
	unlink(path);
	ok = object ? reply(h->id, object_status(), object, n) :
		      reply(h->id, JITD_FAILED, err, strlen(err));
	free(object);
	return ok;
}

/* By hand: to look at what a unit becomes. */
static int compile_file(const char *from, const char *to)
{
	char err[256] = "";
	size_t n = 0;
	char *text = slurp(from, &n);

	if (!text) {
		fprintf(stderr, "metic-jitd: cannot read %s\n", from);
		return 1;
	}
	text[n] = 0;
	bool ok = compile(text, to, err, sizeof(err));
	if (!ok)
		fprintf(stderr, "metic-jitd: %s: %s\n", from, err);
	free(text);
	return !ok;
}

/* What the assembler has to say is not for the guest's standard error. */
static void quiet(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

/* Serve requests until the socket ends; in a process of its own. */
static int work(const struct limits *limits, const char *dir)
{
	struct jitd_head h;

	if (!confine(limits))
		return 1;
	while (read_all(&h, sizeof(h)) && h.magic == JITD_MAGIC &&
	    h.size <= JITD_SIZE_MAX) {
		char *text = malloc(h.size + 1);
		if (!text || !read_all(text, h.size))
			break;
		text[h.size] = 0;
		bool ok = serve(&h, text, dir);
		free(text);
		if (!ok)
			break;
	}
	return 0;
}

static void on_child(int sig)
{
	(void)sig; /* ppoll comes back */
}

/* Until the worker has ended, or metic has: then nobody works any more. */
static void watch(pid_t worker)
{
	struct pollfd p = { .fd = 0, .events = POLLRDHUP };
	struct sigaction sa = { .sa_handler = on_child };
	sigset_t child, none;
	siginfo_t si;

	sigemptyset(&none);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	for (;;) {
		si.si_pid = 0;
		if (waitid(P_PID, (id_t)worker, &si,
			WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    si.si_pid)
			break;
		if (ppoll(&p, 1, NULL, &none) > 0)
			break;
	}
	/* its assembler, too; not reaped, so the number is still its own */
	kill(-worker, SIGKILL);
	waitpid(worker, NULL, 0);
}

/*
 * Two processes: one compiles, this one sees to it that nothing stays of it,
 * neither files nor processes, when it crashes or metic is gone.
 */
static int run(const struct limits *limits)
{
	struct place place;

	quiet();
	if (!limits->shared)
		place_private(FILES_MAX); /* else a folder like others' */
	drop_rights();
	if (!place_make(&place))
		return 1;
	pid_t self = getpid(), worker = fork();
	if (!worker) {
		setpgid(0, 0);
		close(place.fd);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(getppid() == self ? work(limits, place.dir) : 1);
	}
	if (worker > 0) {
		setpgid(worker, worker);
		watch(worker);
	}
	place_remove(&place);
	return worker < 0;
}

static int help(bool asked)
{
	printf("metic-jitd, the optimizing compiler of metic, which starts it "
	       "by itself.\n"
	       "By hand: metic-jitd UNIT OBJECT compiles a unit's text to an "
	       "object file.\n");
	return asked ? 0 : 2;
}

int main(int argc, char **argv)
{
	struct limits limits = { .memory = MEMORY_DEFAULT };

	if (argc == 3 && argv[1][0] != '-')
		return compile_file(argv[1], argv[2]);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--eager"))
			limits.eager = true;
		else if (!strcmp(argv[i], "--shared-tmp"))
			limits.shared = true; /* for tests */
		else if (!strncmp(argv[i], "--memory=", 9))
			limits.memory = strtoull(argv[i] + 9, NULL, 10);
		else
			return help(!strcmp(argv[i], "--help"));
	}
	return run(&limits);
}
