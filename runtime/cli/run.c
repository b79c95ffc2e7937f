/* run.c - `metic run` and `metic check`: one guest Linux program. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Guests see low descriptors as they were; ours are above this. */
#define FD_FLOOR 1000

static void log_text(void *ctx, const char *text, size_t n)
{
	int fd = *(int *)ctx;
	while (n) {
		ssize_t k = write(fd, text, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return;
		text += k;
		n -= (size_t)k;
	}
}

/* fd where the guest does not look, or fd itself. */
static int out_of_the_way(int fd)
{
	struct rlimit rl;
	int floor = FD_FLOOR;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur <= (rlim_t)floor)
		floor = (int)rl.rlim_cur / 2;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, floor);
	return copy < 0 ? fd : copy;
}

/* A file that the run and its children add lines to; -1: a message is out. */
static int open_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0) {
		fprintf(stderr, "metic: %s: %s\n", path, strerror(errno));
		return -1;
	}
	int high = out_of_the_way(fd);
	if (high != fd)
		close(fd);
	return high;
}

/* Where lines go: the log, and --strace's. */
struct outputs {
	int log, strace;
};

/*
 * The log is a stderr of our own, out of the guest's way, where more than a
 * last word will be said. Otherwise the guest must not find one more
 * descriptor.
 */
static bool open_outputs(const struct options *o, struct outputs *out)
{
	out->log = STDERR_FILENO;
	if (o->log)
		out->log = open_log(o->log);
	else if (o->strace || o->stats || o->dump || o->check || o->verbose ||
	    o->profile)
		out->log = out_of_the_way(STDERR_FILENO);
	out->strace = out->log;
	if (out->log >= 0 && o->strace && *o->strace)
		out->strace = open_log(o->strace);
	return out->log >= 0 && out->strace >= 0;
}

bool is_dir(const char *path)
{
	struct stat st;
	return path && *path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* NULL: none. The environment of a setuid program is not to be trusted. */
const char *choose_sysroot(const struct options *o)
{
	const char *env = secure_getenv("METIC_SYSROOT");
	if (o->sysroot)
		return *o->sysroot ? o->sysroot : NULL;
	if (env && *env)
		return env;
	return is_dir(DEFAULT_SYSROOT) ? DEFAULT_SYSROOT : NULL;
}

static bool same_file(const char *path, const struct stat *st)
{
	struct stat other;
	return stat(path, &other) == 0 && other.st_dev == st->st_dev &&
	    other.st_ino == st->st_ino;
}

/*
 * In a chroot the link names a file that is not there, or is another one: the
 * link itself can be executed then. Without /proc the kernel's word is left,
 * which for an interpreter is the program's name.
 */
const char *self_path(const char *prog, char *buf, size_t n)
{
	static const char link[] = "/proc/self/exe";
	struct stat st;
	ssize_t k = readlink(link, buf, n - 1);
	if (k > 0 && stat(link, &st) == 0) {
		buf[k] = '\0';
		return same_file(buf, &st) ? buf : link;
	}
	const char *given = (const char *)getauxval(AT_EXECFN);
	char resolved[PATH_MAX];
	if (!given || (prog && !strcmp(given, prog)) ||
	    !realpath(given, resolved) || access(resolved, X_OK) < 0)
		return NULL;
	snprintf(buf, n, "%s", resolved);
	return buf;
}

/*
 * The compiling process: as asked for, else beside this program, installed
 * or in the folder that it was built in; NULL: there is none.
 */
const char *choose_jitd(const struct options *o, const char *self, char *buf)
{
	static const char *const place[] = { "metic-jitd",
		"../libexec/metic-jitd", "../../backend/gccjit/metic-jitd" };
	const char *env = secure_getenv("METIC_JITD");
	if (o->jitd || env)
		return o->jitd ? o->jitd : env;
	const char *slash = self ? strrchr(self, '/') : NULL;
	for (size_t i = 0; slash && i < 3; i++) {
		int n = snprintf(buf, PATH_MAX, "%.*s/%s", (int)(slash - self),
		    self, place[i]);
		if (n < PATH_MAX && access(buf, X_OK) == 0)
			return buf;
	}
	return NULL;
}

/* `name` in the directories of PATH, each below `root` first. */
static bool search_path(const char *root, const char *name, char *out)
{
	const char *path = getenv("PATH");
	while (path && *path) {
		size_t n = strcspn(path, ":");
		for (int i = root ? 0 : 1; i < 2; i++) {
			int k = snprintf(out, PATH_MAX, "%s%.*s/%s",
			    i ? "" : root, (int)n, path, name);
			if (k < PATH_MAX && access(out, X_OK) == 0)
				return true;
		}
		path += n + (path[n] == ':');
	}
	return false;
}

/*
 * The program that the kernel has opened: by its name if that still means the
 * same file and may be read, else by the descriptor. Without the descriptor
 * nobody could run a program that may be executed but not read.
 */
static const char *opened_program(const struct options *o, char *out)
{
	struct stat st;
	if (fstat(o->execfd, &st) == 0 && same_file(o->args[0], &st) &&
	    access(o->args[0], R_OK) == 0)
		return o->args[0];
	snprintf(out, PATH_MAX, "/proc/self/fd/%d", o->execfd);
	return out;
}

/*
 * Where the program is: the host path as given, else (absolute) the guest
 * path in the sysroot, else (a bare name) along PATH.
 */
const char *find_program(const struct options *o, const char *root, char *out)
{
	const char *name = o->args[0];
	if (o->execfd >= 0)
		return opened_program(o, out);
	if (access(name, F_OK) == 0)
		return name;
	if (name[0] == '/' && root &&
	    snprintf(out, PATH_MAX, "%s%s", root, name) < PATH_MAX &&
	    access(out, F_OK) == 0)
		return out;
	if (!strchr(name, '/') && !o->qemu && search_path(root, name, out))
		return out;
	return name;
}

/* The variable of e ("NAME" or "NAME=VALUE") out of env; k are there. */
static size_t drop_variable(char **env, size_t k, const char *e)
{
	size_t len = strcspn(e, "="), kept = 0;
	for (size_t i = 0; i < k; i++)
		if (strncmp(env[i], e, len) != 0 || env[i][len] != '=')
			env[kept++] = env[i];
	return kept;
}

/* The guest's environment: ours, as -E and then -U change it. */
static char **make_environment(const struct options *o)
{
	extern char **environ;
	size_t k = 0;
	while (environ[k])
		k++;
	char **env = calloc(k + o->set_env.n + 1, sizeof(*env));
	if (!env)
		return NULL;
	memcpy(env, environ, k * sizeof(*env));
	for (unsigned i = 0; i < o->set_env.n; i++) {
		const char *e = o->set_env.item[i];
		k = drop_variable(env, k, e);
		if (strchr(e, '='))
			env[k++] = (char *)e;
	}
	for (unsigned i = 0; i < o->unset_env.n; i++)
		k = drop_variable(env, k, o->unset_env.item[i]);
	env[k] = NULL;
	return env;
}

/* Where translations are kept, an absolute path; NULL: nowhere. */
static const char *choose_cache(const struct options *o, char buf[PATH_MAX])
{
	char dflt[PATH_MAX];
	const char *dir =
	    o->cache_dir ? o->cache_dir : cache_default(dflt, sizeof(dflt));
	if (o->no_cache || !dir || strlen(dir) >= PATH_MAX)
		return NULL;
	if (dir[0] == '/')
		return strcpy(buf, dir);
	return realpath(dir, buf);
}

#define RERUN_MAX 40

struct rerun {
	const char *word[RERUN_MAX];
	unsigned n;
	char log[PATH_MAX], strace[PATH_MAX + 16], stack[24];
	char profile[PATH_MAX + 16], part[PATH_MAX + 24];
	char jitdump[PATH_MAX + 16];
};

static void add(struct rerun *r, const char *word, const char *value)
{
	r->word[r->n++] = word;
	if (value)
		r->word[r->n++] = value;
}

/* `path` for a process that may have another working directory. */
static const char *absolute(const char *path, char buf[PATH_MAX])
{
	return realpath(path, buf) ? buf : path;
}

/* Children's samples are added to ours. */
static void add_profiling(struct rerun *r, const struct profiling *pr)
{
	if (!*pr->path)
		return;
	if (pr->profile) {
		snprintf(r->profile, sizeof(r->profile), "--profile%s%s",
		    *pr->profile ? "=" : "", pr->profile);
		add(r, r->profile, NULL);
	}
	if (pr->flamegraph)
		add(r, "--flamegraph", pr->flamegraph);
	if (pr->folded)
		add(r, "--folded", pr->folded);
	snprintf(
	    r->part, sizeof(r->part), "%.4000s:%d", pr->path, (int)pr->pid);
	add(r, "--profile-part", r->part);
}

static void add_perf(struct rerun *r, const struct options *o)
{
	char real[PATH_MAX];

	if (o->perf_map)
		add(r, o->qemu ? "-perfmap" : "--perf-map", NULL);
	if (o->jitdump && o->qemu) {
		add(r, "-jitdump", NULL);
	} else if (o->jitdump) {
		snprintf(r->jitdump, sizeof(r->jitdump), "--jitdump=%s",
		    absolute(*o->jitdump ? o->jitdump : ".", real));
		add(r, r->jitdump, NULL);
	}
}

static void add_run_options(
    struct rerun *r, const struct options *o, const char *cache)
{
	add(r, cache ? "--cache-dir" : "--no-cache", cache);
	if (o->tier)
		add(r, "--tier", o->tier);
	if (o->jit_wait)
		add(r, "--jit-wait", NULL);
	if (o->jitd)
		add(r, "--jitd", o->jitd);
	if (o->jit_memory)
		add(r, "--jit-memory", o->jit_memory);
	if (o->jit_timeout)
		add(r, "--jit-timeout", o->jit_timeout);
	if (o->strace && *o->strace) {
		char real[PATH_MAX];
		snprintf(r->strace, sizeof(r->strace), "--strace=%s",
		    absolute(o->strace, real));
		add(r, r->strace, NULL);
	} else if (o->strace) {
		add(r, "--strace", NULL);
	}
	if (o->stats)
		add(r, "--stats", NULL);
	if (o->verbose)
		add(r, "--verbose", NULL);
}

/*
 * The command that runs another guest program in the same way. In the place
 * of qemu-user, what came from variables is read from them again: the guest
 * may have changed them.
 */
static const char *const *make_rerun(struct rerun *r, const struct options *o,
    const char *self, const char *root, const char *cache,
    const struct profiling *pr)
{
	if (!self)
		return NULL;
	add(r, self, o->qemu ? "qemu-riscv64" : o->check ? "check" : "run");
	if (root && (!o->qemu || o->sysroot_given))
		add(r, "-L", root);
	if (o->stack_value) {
		snprintf(
		    r->stack, sizeof(r->stack), "%" PRIu64, o->stack_value);
		add(r, "-s", r->stack);
	}
	if (o->log)
		add(r, o->qemu ? "-D" : "--log", absolute(o->log, r->log));
	if (o->uname)
		add(r, o->qemu ? "-r" : "--uname", o->uname);
	if (!o->qemu)
		add_run_options(r, o, cache);
	else if (o->strace)
		add(r, "-strace", NULL);
	add_perf(r, o);
	add_profiling(r, pr);
	r->word[r->n] = NULL;
	return r->word;
}

static void show_stats(const metic_vm *vm, bool json, int fd)
{
	struct metic_stats s = { .size = sizeof(s) };
	metic_get_stats(vm, &s);
#define ROW(name) \
	{ \
#name, s.name \
	}
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = { ROW(blocks), ROW(guest_insns), ROW(ir_insns),
		ROW(host_bytes), ROW(translate_ns), ROW(links), ROW(lookups),
		ROW(exits), ROW(invalidated), ROW(flushes), ROW(interp_blocks),
		ROW(units), ROW(units_failed), ROW(units_dropped),
		ROW(unit_insns), ROW(cache_hits), ROW(cache_misses),
		ROW(cache_saved), ROW(cache_load_ns), ROW(baseline_ns),
		ROW(optimized_ns), ROW(interp_ns), ROW(translation_ns),
		ROW(syscalls_ns), ROW(metic_ns) };
#undef ROW
	char text[2048];
	int n = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    json ? "%s\"%s\": %" PRIu64 : "%s%-15s %" PRIu64 "\n",
		    json ? (i ? ", " : "{") : "metic: ", rows[i].name,
		    rows[i].value);
	n += snprintf(text + n, sizeof(text) - (size_t)n,
	    json ? ", \"optimizer\": \"%s\"}\n" : "metic: optimizer       %s\n",
	    s.optimizer);
	log_text(&fd, text, (size_t)n);
}

/* End as the guest did. */
static int die_by_signal(int sig)
{
	sigset_t set;
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	return 128 + sig; /* a signal whose default is not to kill */
}

int status_of_error(const struct options *o, enum metic_error e,
    const char *prog, const char *why)
{
	fprintf(stderr, "metic: %s%s%s\n", *why ? "" : prog, *why ? "" : ": ",
	    *why ? why : metic_error_text(e));
	if (o->qemu)
		return EXIT_FAILURE;
	switch (e) {
	case METIC_ERR_NOT_FOUND: return EXIT_NOT_FOUND;
	case METIC_ERR_FORMAT: return EXIT_CANNOT_RUN;
	default: return EXIT_METIC;
	}
}

static void say(const struct outputs *out, const char *fmt, ...)
{
	char text[2 * PATH_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_text((void *)&out->log, text,
	    (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* Run c's program, whatever comes of it; the exit status. */
static int run(
    const struct options *o, struct metic_config *c, const struct outputs *out)
{
	metic_vm *vm;
	enum metic_error e = metic_create(c, &vm);
	if (o->execfd >= 0)
		close(o->execfd);
	if (e)
		return status_of_error(o, e, c->prog, c->why);
	struct metic_exit ex = { .size = sizeof(ex) };
	e = metic_run(metic_cpu(vm), 0, &ex);
	if (e)
		return status_of_error(o, e, c->prog, "");
	if (o->stats)
		show_stats(vm, o->json, out->log);
	if (o->verbose)
		say(out, "metic: %s: %s %u\n", c->prog,
		    metic_exit_name(ex.reason), (unsigned)ex.arg);
	switch (ex.reason) {
	case METIC_EXIT_EXITED: return (int)ex.arg;
	case METIC_EXIT_KILLED: return die_by_signal((int)ex.arg);
	default: return EXIT_METIC;
	}
}

/* What happens at the end of each process of a run. */
struct ending {
	struct profiling profiling;
	const char *program;
};

static void ended(void *ctx, metic_vm *vm, bool exec)
{
	const struct ending *e = ctx;

	if (*e->profiling.path)
		profile_ended(&e->profiling, e->program, vm, exec);
}

int run_program(const struct options *o)
{
	static struct ending ending; /* large, and for all its processes */
	char found[PATH_MAX], self[PATH_MAX], why[PATH_MAX + 256] = "";
	char dir[PATH_MAX], jitd[PATH_MAX];
	static struct rerun rerun; /* large: kept off the stack */
	struct outputs out;
	if (!open_outputs(o, &out) || !profile_start(o, &ending.profiling))
		return o->qemu ? EXIT_FAILURE : EXIT_METIC;
	const char *root = choose_sysroot(o);
	struct metic_config c = METIC_CONFIG_INIT;
	c.kind = METIC_LINUX;
	c.tier = o->tier_value;
	c.check = o->check;
	c.strace = o->strace;
	c.strace_fd = out.strace;
	c.dump = o->dump;
	c.log = log_text;
	c.log_ctx = &out.log;
	c.why = why;
	c.why_size = sizeof(why);
	c.prog = find_program(o, root, found);
	c.argv0 = o->argv0;
	c.argv = o->args;
	c.envp = make_environment(o);
	c.sysroot = root;
	c.stack_size = o->stack_value;
	c.cache_dir = choose_cache(o, dir);
	c.uname_release = o->uname;
	c.gdb = o->gdb && !*o->gdb ? GDB_PORT : o->gdb;
	const char *me = self_path(o->args[0], self, sizeof(self));
	c.jitd = choose_jitd(o, me, jitd);
	c.jit_wait = o->jit_wait;
	c.jit_memory = o->jit_memory_value;
	c.jit_seconds = (unsigned)o->jit_timeout_value;
	c.perf_map = o->perf_map;
	char here[PATH_MAX];
	if (o->jitdump)
		c.jitdump = absolute(*o->jitdump ? o->jitdump : ".", here);
	ending.program = c.prog;
	ending.profiling.log = out.log;
	c.profile = *ending.profiling.path || o->stats;
	c.ended = ended;
	c.ended_ctx = &ending;
	c.rerun =
	    make_rerun(&rerun, o, me, root, c.cache_dir, &ending.profiling);
	if (o->verbose)
		say(&out, "metic: running %s, sysroot %s\n", c.prog,
		    root ? root : "none");
	int status = run(o, &c, &out);
	profile_finish(&ending.profiling);
	return status;
}
