/* run.c - `metic run` and `metic check`: one guest Linux program. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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

/*
 * A stderr of our own, out of the guest's way, where more than a last word
 * will be said. Otherwise the guest must not find one more descriptor.
 */
static int private_stderr(const struct options *o)
{
	struct rlimit rl;
	int floor = FD_FLOOR;
	if (!o->strace && !o->stats && !o->dump && !o->check)
		return STDERR_FILENO;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur <= (rlim_t)floor)
		floor = (int)rl.rlim_cur / 2;
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, floor);
	return fd < 0 ? STDERR_FILENO : fd;
}

static bool is_dir(const char *path)
{
	struct stat st;
	return path && *path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *choose_sysroot(const struct options *o)
{
	const char *env = getenv("METIC_SYSROOT");
	if (o->sysroot)
		return o->sysroot;
	if (env && *env)
		return env;
	return is_dir(DEFAULT_SYSROOT) ? DEFAULT_SYSROOT : NULL;
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
 * Where the program is: the host path as given, else (absolute) the guest
 * path in the sysroot, else (a bare name) along PATH.
 */
static const char *find_program(const char *root, const char *name, char *out)
{
	if (access(name, F_OK) == 0)
		return name;
	if (name[0] == '/' && root &&
	    snprintf(out, PATH_MAX, "%s%s", root, name) < PATH_MAX &&
	    access(out, F_OK) == 0)
		return out;
	if (!strchr(name, '/') && search_path(root, name, out))
		return out;
	return name;
}

/* The guest's environment: ours, as -E and then -U change it. */
static char **make_environment(const struct options *o)
{
	extern char **environ;
	size_t n = 0;
	while (environ[n])
		n++;
	char **env = calloc(n + o->set_env.n + 1, sizeof(*env));
	if (!env)
		return NULL;
	size_t k = 0;
	for (size_t i = 0; i < n + o->set_env.n; i++) {
		const char *e = i < n ? environ[i] : o->set_env.item[i - n];
		size_t len = strcspn(e, "=");
		bool drop = false;
		for (unsigned u = 0; u < o->unset_env.n; u++)
			drop |= strlen(o->unset_env.item[u]) == len &&
			    !strncmp(e, o->unset_env.item[u], len);
		for (size_t j = 0; j < k && i >= n; j++) {
			if (!strncmp(env[j], e, len + 1)) {
				env[j] = (char *)e; /* replaced in place */
				drop = true;
			}
		}
		if (!drop)
			env[k++] = (char *)e;
	}
	return env;
}

/* The command that runs another guest program in the same way. */
static void make_rerun(const struct options *o, const char *self,
    const char *root, const char **out)
{
	unsigned n = 0;
	out[n++] = self;
	out[n++] = o->check ? "check" : "run";
	if (root) {
		out[n++] = "-L";
		out[n++] = root;
	}
	if (o->tier) {
		out[n++] = "--tier";
		out[n++] = o->tier;
	}
	if (o->stack) {
		out[n++] = "-s";
		out[n++] = o->stack;
	}
	if (o->strace)
		out[n++] = "--strace";
	if (o->stats)
		out[n++] = "--stats";
	out[n] = NULL;
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
		ROW(exits), ROW(invalidated), ROW(flushes),
		ROW(interp_blocks) };
#undef ROW
	char text[1024];
	int n = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    json ? "%s\"%s\": %" PRIu64 : "%s%-15s %" PRIu64 "\n",
		    json ? (i ? ", " : "{") : "metic: ", rows[i].name,
		    rows[i].value);
	n += snprintf(
	    text + n, sizeof(text) - (size_t)n, "%s", json ? "}\n" : "");
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

static int status_of_error(
    enum metic_error e, const char *prog, const char *why)
{
	fprintf(stderr, "metic: %s%s%s\n", *why ? "" : prog, *why ? "" : ": ",
	    *why ? why : metic_error_text(e));
	switch (e) {
	case METIC_ERR_NOT_FOUND: return EXIT_NOT_FOUND;
	case METIC_ERR_FORMAT: return EXIT_CANNOT_RUN;
	default: return EXIT_METIC;
	}
}

int run_program(const struct options *o)
{
	char found[PATH_MAX], self[PATH_MAX], why[PATH_MAX + 256] = "";
	const char *rerun[16];
	int fd = private_stderr(o);
	const char *root = choose_sysroot(o);
	ssize_t k = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[k > 0 ? k : 0] = '\0';
	make_rerun(o, self, root, rerun);
	struct metic_config c = METIC_CONFIG_INIT;
	c.kind = METIC_LINUX;
	c.tier = o->tier_value;
	c.check = o->check;
	c.strace = o->strace;
	c.dump = o->dump;
	c.log = log_text;
	c.log_ctx = &fd;
	c.why = why;
	c.why_size = sizeof(why);
	c.prog = find_program(root, o->args[0], found);
	c.argv0 = o->argv0;
	c.argv = o->args;
	c.envp = make_environment(o);
	c.sysroot = root;
	c.stack_size = o->stack_value;
	c.rerun = k > 0 ? rerun : NULL;

	metic_vm *vm;
	enum metic_error e = metic_create(&c, &vm);
	if (e)
		return status_of_error(e, c.prog, why);
	struct metic_exit ex = { .size = sizeof(ex) };
	e = metic_run(metic_cpu(vm), 0, &ex);
	if (e)
		return status_of_error(e, c.prog, "");
	if (o->stats)
		show_stats(vm, o->json, fd);
	switch (ex.reason) {
	case METIC_EXIT_EXITED: return (int)ex.arg;
	case METIC_EXIT_KILLED: return die_by_signal((int)ex.arg);
	default: return EXIT_METIC;
	}
}
