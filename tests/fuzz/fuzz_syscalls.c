/*
 * fuzz_syscalls.c - random system calls, natively and under metic.
 *
 *   fuzz_syscalls [--seed N] [--cases N] [--seconds S] [--case N]
 *                 [--metic FILE] [--native FILE] [--guest FILE]
 *
 * The same player (syscalls/player.c, syscalls/calls.def) is run as a program
 * of this machine and as a guest; what it prints of each call (arguments,
 * result, the buffers that were filled) must be equal. The first case that
 * differs is made smaller by leaving out calls, and shown from both sides.
 *
 * Players run without privileges, in namespaces of their own (network, IPC,
 * mounts), in an empty directory. METIC names another metic, one with
 * sanitizers for instance: what they report makes a case fail.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define BATCH 100 /* cases of one run of the players */
#define CALLS 40 /* of a case, as in player.c */
#define NOBODY 65534
#define WORK "/var/tmp" /* players see an empty one of their own there */
#define SKIPPED 77

struct player {
	const char *name;
	const char *metic; /* NULL: it runs by itself */
	const char *program;
	char dir[64]; /* for what sanitizers report */
	char root[64]; /* an empty directory */
	bool rooted; /* it is the sysroot of this run */
};

/* What a run printed, its lines cut apart. */
struct text {
	char *bytes;
	char **line;
	size_t n;
};

/* --- one run ------------------------------------------------------------- */

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (s >= 0)
		ioctl(s, SIOCSIFFLAGS, &r);
	close(s);
}

/* Namespaces, an empty directory, no privileges; false: not possible here. */
static bool confine(void)
{
	int spaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS;
	bool root = geteuid() == 0;

	if (unshare(root ? spaces : spaces | CLONE_NEWUSER) < 0)
		return false;
	loopback_up();
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", WORK, "tmpfs", 0, "mode=1777,size=64m") < 0 ||
	    chdir(WORK) < 0)
		return false;
	return !root ||
	    (setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 &&
		setuid(NOBODY) == 0);
}

static _Noreturn void child(
    const struct player *p, int out, char *const numbers[])
{
	const char *argv[CALLS + 8];
	char log[128];
	int n = 0;

	snprintf(log, sizeof(log), "detect_leaks=0:log_path=%s/report", p->dir);
	setenv("ASAN_OPTIONS", log, 1);
	snprintf(log, sizeof(log),
	    "halt_on_error=1:print_stacktrace=1:"
	    "log_path=%s/report",
	    p->dir);
	setenv("UBSAN_OPTIONS", log, 1);
	setenv("METIC_SYSROOT", p->rooted ? p->root : "/", 1);
	if (p->metic) {
		argv[n++] = p->metic;
		argv[n++] = "run";
	}
	argv[n++] = p->program;
	for (int i = 0; numbers[i]; i++)
		argv[n++] = numbers[i];
	argv[n] = NULL;
	if (dup2(out, 1) < 0 || !confine())
		_exit(SKIPPED);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

static bool read_all(int fd, struct text *t)
{
	off_t size = lseek(fd, 0, SEEK_END);
	size_t lines = 1;

	t->bytes = calloc(1, (size_t)size + 1);
	if (!t->bytes || pread(fd, t->bytes, (size_t)size, 0) != size)
		return false;
	for (char *s = t->bytes; *s; s++)
		lines += *s == '\n';
	t->line = calloc(lines + 1, sizeof(*t->line));
	t->n = 0;
	for (char *s = strtok(t->bytes, "\n"); s; s = strtok(NULL, "\n"))
		t->line[t->n++] = s;
	return true;
}

static void drop(struct text *t)
{
	free(t->bytes);
	free(t->line);
}

/* Start p; its pid, its output goes to *out. */
static pid_t start(const struct player *p, char *const numbers[], int *out)
{
	*out = memfd_create("output", 0);
	pid_t pid = fork();
	if (pid == 0)
		child(p, *out, numbers);
	return pid;
}

/* Both players' output for these numbers (seed, first, count, skip...). */
static void run_both(
    struct player p[2], char *const numbers[], struct text t[2])
{
	int out[2], status;
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = start(&p[i], numbers, &out[i]);
	}
	for (int i = 0; i < 2; i++) {
		if (pid[i] < 0 || waitpid(pid[i], &status, 0) != pid[i] ||
		    !read_all(out[i], &t[i]))
			exit(2);
		close(out[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
			printf("SKIPPED: no namespaces here\n");
			exit(SKIPPED);
		}
		if (status && t[i].n == 0)
			printf("%s: ended with %#x\n", p[i].name, status);
	}
}

/* The first line that differs, or -1. */
static long difference(const struct text t[2])
{
	for (size_t i = 0; i < t[0].n || i < t[1].n; i++) {
		if (i >= t[0].n || i >= t[1].n ||
		    strcmp(t[0].line[i], t[1].line[i]) != 0)
			return (long)i;
	}
	return -1;
}

/* --- a difference -------------------------------------------------------- */

struct numbers {
	char text[3 + CALLS][24];
	char *list[4 + CALLS];
};

static void set_numbers(
    struct numbers *n, u64 seed, u64 first, u64 count, const bool skip[CALLS])
{
	int k = 3;

	snprintf(n->text[0], 24, "%llu", (unsigned long long)seed);
	snprintf(n->text[1], 24, "%llu", (unsigned long long)first);
	snprintf(n->text[2], 24, "%llu", (unsigned long long)count);
	for (int i = 0; skip && i < CALLS; i++)
		if (skip[i])
			snprintf(n->text[k++], 24, "%d", i);
	for (int i = 0; i < k; i++)
		n->list[i] = n->text[i];
	n->list[k] = NULL;
}

/* The lines up to the first that differs, natively, and metic's for that. */
static void show_difference(const struct text t[2], long at, long from)
{
	for (int i = 0; i < 2; i++)
		for (long k = i ? at : from; k <= at && k < (long)t[i].n; k++)
			printf("%s %s\n",
			    k < at     ? "      " :
				i == 0 ? "native" :
					 "metic ",
			    t[i].line[k]);
}

static bool differs(
    struct player p[2], u64 seed, u64 number, const bool skip[CALLS], bool show)
{
	struct numbers n;
	struct text t[2];

	set_numbers(&n, seed, number, 1, skip);
	run_both(p, n.list, t);
	long at = difference(t);
	if (show)
		show_difference(t, at, 0);
	drop(&t[0]);
	drop(&t[1]);
	return at >= 0;
}

/* What sanitizers wrote: shown, or only removed. */
static void take_reports(const char *dir, bool show)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512], text[8192];

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, "report", 6) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, text, sizeof(text) - 1);
		if (n > 0 && show)
			printf("%.*s\n", (int)n, text);
		close(fd);
		unlink(path);
	}
	if (d)
		closedir(d);
}

/* Leave out what is not needed for the difference, and show the rest. */
static void report(struct player p[2], u64 seed, u64 number,
    const struct text seen[2], long at)
{
	bool skip[CALLS] = { false };

	printf("seed %llu, case %llu differs\n", (unsigned long long)seed,
	    (unsigned long long)number);
	if (!differs(p, seed, number, skip, false)) {
		printf("but not when it is run alone: that was\n");
		show_difference(seen, at, at);
		return;
	}
	for (int i = CALLS - 1; i >= 0; i--) {
		skip[i] = true;
		skip[i] = differs(p, seed, number, skip, false);
	}
	take_reports(p[1].dir, false);
	differs(p, seed, number, skip, true);
	take_reports(p[1].dir, true);
}

/* A case that its alarm ended tests little and costs much: to be mended. */
static u64 too_slow(const struct text *t)
{
	u64 n = 0;

	for (size_t i = 1; i < t->n; i++) {
		if (strcmp(t->line[i], "end 0xe") == 0) {
			printf("does not end: %s\n", t->line[i - 1]);
			n++;
		}
	}
	return n;
}

/* The number of the case in which line `at` is. */
static u64 case_of(const struct text *t, long at)
{
	for (long i = MIN(at, (long)t->n - 1); i >= 0; i--)
		if (!strncmp(t->line[i], "case ", 5))
			return strtoull(t->line[i] + 5, NULL, 10);
	return 0;
}

/*
 * Every second batch has a sysroot, which is empty, so that paths go the
 * long way, to the same files.
 */
static void choose_sysroot(struct player *p, u64 number)
{
	p->rooted = (number - 1) / BATCH % 2;
}

/* Cases first .. first + count - 1: the number of those that differ. */
static u64 run_batch(struct player p[2], u64 seed, u64 first, u64 count)
{
	u64 end = first + count, bad = 0;

	choose_sysroot(&p[1], first);
	while (first < end) {
		struct numbers n;
		struct text t[2];

		set_numbers(&n, seed, first, end - first, NULL);
		run_both(p, n.list, t);
		long at = difference(t);
		bad += too_slow(&t[0]);
		first = at < 0 ? end : case_of(&t[0], at) + 1;
		if (at >= 0) {
			report(p, seed, first - 1, t, at);
			bad++;
			fflush(stdout);
		}
		drop(&t[0]);
		drop(&t[1]);
	}
	return bad;
}

static void make_scratch(struct player *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/metic-%s-XXXXXX", p->name);
	snprintf(p->root, sizeof(p->root), "/tmp/metic-root-XXXXXX");
	if (!mkdtemp(p->dir) || !mkdtemp(p->root) || chmod(p->root, 0755) ||
	    (geteuid() == 0 && chown(p->dir, NOBODY, NOBODY) < 0)) {
		perror(p->dir);
		exit(2);
	}
}

#define FAILURES_MAX 10

int main(int argc, char **argv)
{
	struct player p[2] = {
		{ .name = "native", .program = SYSCALLS_NATIVE },
		{ .name = "guest", .program = SYSCALLS_GUEST },
	};
	const char *metic = getenv("METIC");
	struct fz_opts o = { .seed = 1 };
	u64 done = 0, bad = 0, only = 0;

	p[1].metic = metic && *metic ? metic : SYSCALLS_METIC;
	for (int i = 1; i < argc; i++) {
		if (fz_option(&o, argc, argv, &i))
			continue;
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (!strcmp(argv[i], "--metic"))
			p[1].metic = value;
		else if (!strcmp(argv[i], "--native"))
			p[0].program = value;
		else if (!strcmp(argv[i], "--guest"))
			p[1].program = value;
		else if (!strcmp(argv[i], "--case"))
			only = strtoull(value, NULL, 0);
		else
			return fprintf(stderr, "%s?\n", argv[i]), 2;
		i++;
	}
	if (access(p[1].program, R_OK) < 0) {
		printf("SKIPPED: no %s (no cross compiler?)\n", p[1].program);
		return SKIPPED;
	}
	if (!o.cases && !o.seconds)
		o.seconds = 10;
	make_scratch(&p[0]);
	make_scratch(&p[1]);
	double t0 = fz_now();
	if (only) {
		bad = run_batch(p, o.seed, only, 1);
		done = 1;
	}
	while (!only && bad < FAILURES_MAX && fz_more(&o, done, t0)) {
		u64 n = o.cases ? MIN(o.cases - done, BATCH) : BATCH;

		bad += run_batch(p, o.seed, done + 1, n);
		done += n;
	}
	for (int i = 0; i < 2; i++) {
		rmdir(p[i].dir);
		rmdir(p[i].root);
	}
	printf("%llu cases, %llu different\n", (unsigned long long)done,
	    (unsigned long long)bad);
	return bad != 0;
}
