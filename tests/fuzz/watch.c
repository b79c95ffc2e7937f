/* watch.c - see watch.h. */
#include "tests/fuzz/watch.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANGS_AFTER 120 /* seconds in one case, on a machine that is busy */

/* Big freed blocks are given back soon: leaks of mappings are looked for. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4";
}

struct options {
	struct fz_opts common;
	u64 first;
};

/* All cases; what the worker exits with. */
static int work(
    const struct options *o, const struct fz_cases *c, struct fz_watch *w)
{
	void *ctx = c->start(w);
	double t0 = fz_now();

	if (!ctx)
		return 2;
	for (u64 i = o->first; fz_more(&o->common, w->done, t0); i++) {
		struct fz_rng g = { o->common.seed * 0x100000001b3u + i };
		w->index = i;
		c->run(ctx, w, &g);
		if (w->bad[0])
			break;
		w->done++;
	}
	c->end(ctx);
	return w->bad[0] ? 1 : 0;
}

/* Wait for the worker; false: it hung and has been killed. */
static bool wait_for(pid_t pid, const struct fz_watch *w, int *status)
{
	u64 last = 0;
	double since = fz_now();

	while (waitpid(pid, status, WNOHANG) == 0) {
		u64 now = w->done;
		usleep(20000);
		if (now != last)
			since = fz_now();
		last = now;
		if (fz_now() - since < HANGS_AFTER)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, status, 0);
		return false;
	}
	return true;
}

static void tell(
    const struct options *o, const struct fz_watch *w, bool ended, int status)
{
	unsigned long long seed = o->common.seed, index = w->index;

	printf("seed %llu, case %llu: ", seed, index);
	if (w->bad[0])
		printf("%s\n", w->bad);
	else if (!ended)
		printf("hangs\n");
	else if (WIFSIGNALED(status))
		printf("killed by signal %d\n", WTERMSIG(status));
	else
		printf("ended with status %d\n", WEXITSTATUS(status));
	printf("again: --seed %llu --first %llu --cases 1\n", seed, index);
}

static int watch(
    const struct options *o, const struct fz_cases *c, struct fz_watch *w)
{
	int status = 0;
	double t0 = fz_now();

	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return 2;
	if (pid == 0)
		exit(work(o, c, w));
	bool ended = wait_for(pid, w, &status);
	bool ok = ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (!ok)
		tell(o, w, ended, status);
	printf(
	    "%llu cases, %.1f s", (unsigned long long)w->done, fz_now() - t0);
	for (u32 k = 0; k < FZ_COUNTS && c->counts[k]; k++)
		printf(
		    ", %llu %s", (unsigned long long)w->count[k], c->counts[k]);
	printf("\n");
	return ok ? 0 : 1;
}

int fz_watch_main(int argc, char **argv, const struct fz_cases *c)
{
	struct options o = { .common.seed = 1 };
	struct fz_watch *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (int i = 1; i < argc; i++) {
		if (fz_option(&o.common, argc, argv, &i))
			continue;
		if (strcmp(argv[i], "--first") || i + 1 == argc) {
			fprintf(stderr,
			    "usage: %s [--seed N] [--first N] [--cases N] "
			    "[--seconds S]\n",
			    argv[0]);
			return 2;
		}
		o.first = strtoull(argv[++i], NULL, 0);
	}
	if (!o.common.cases && !o.common.seconds)
		o.common.seconds = 10;
	return w == MAP_FAILED ? 2 : watch(&o, c, w);
}
