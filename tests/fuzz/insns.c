/*
 * insns.c - the differential instruction fuzzer.
 *
 *   fuzz_insns [--seed N] [--first N] [--cases N] [--seconds S]
 *              [--qemu] [--runner CMD] [--failures N] [--brief] [--rows]
 *              [--jitd FILE]
 *
 * Runs random sequences of instructions in every way that machines.c has,
 * and with --qemu (or a runner of another name) also there, and compares
 * all registers, fp status, memory and how each ended. With --jitd blocks that
 * loop also become units of the optimizing tier. Ends at the first
 * difference (or the N-th) with the whole story; --brief gives one line for
 * each, --rows counts of everything. Exit status: 0 all the same, 1
 * differences, 77 no runner.
 *
 * A worker process runs the cases one after the other; this one watches it,
 * so a crash or an endless loop is found as any other difference is.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/qemu.h"
#include "tests/fuzz/trial.h"

#define PATIENCE 30.0 /* seconds without a finished case */
/* Zba to Zbs it has by itself. */
#define QEMU \
	"qemu-riscv64 -cpu rv64,zbkb=true,zbkc=true,zbkx=true,zknd=true," \
	"zkne=true,zknh=true"
#define ENOUGH 20000 /* cases after which each row must have been executed */

struct shared {
	_Atomic u64 done; /* cases */
	_Atomic u64
	    index; /* of the case under way, or of the one that failed */
	_Atomic u32 variant, way;
	_Atomic bool finished, broken;
	u64 executed[RV_NROWS];
	u64 ends[EXIT_NREASONS]; /* how cases ended */
	_Atomic u64 units, refused; /* of the optimizing tier */
	char why[200];
	struct fz_result want, got; /* of a case that failed */
};

struct main_opts {
	struct fz_opts common;
	u64 first, failures;
	const char *runner;
	bool brief, rows;
	double t0;
};

/* --- the worker ------------------------------------------------------------
 */

struct worker {
	const struct main_opts *o;
	struct shared *sh;
	struct fz_gen *gen;
	struct fz_machines *m;
	/* what waits for the runner */
	struct fz_case *c;
	struct fz_result *want;
	u32 n;
};

static void fail(struct worker *w, const struct fz_case *c, u32 way,
    const struct fz_result *want, const struct fz_result *got)
{
	w->sh->want = *want;
	w->sh->got = *got;
	w->sh->index = c->index;
	w->sh->variant = c->variant;
	w->sh->way = way;
	_exit(1);
}

static void run_batch(struct worker *w)
{
	static struct fz_result got[FZ_SLOTS];

	if (!w->n || !w->o->runner)
		return;
	w->sh->way = FZ_ELSEWHERE;
	if (!fz_run_elsewhere(w->o->runner, w->c, w->n, got, w->sh->why,
		sizeof(w->sh->why))) {
		w->sh->index = w->c[0].index;
		w->sh->broken = true;
		_exit(1);
	}
	for (u32 k = 0; k < w->n; k++)
		if (fz_compare(&w->want[k], &got[k], false))
			fail(w, &w->c[k], FZ_ELSEWHERE, &w->want[k], &got[k]);
	w->n = 0;
}

/* The next case in all ways; it stays for the batch, if there is one. */
static void run_ways(
    struct worker *w, const struct fz_case *c, struct fz_result *want)
{
	static struct fz_result got;

	w->sh->index = c->index;
	w->sh->variant = c->variant;
	w->sh->way = 0;
	fz_run(w->m, 0, c, want);
	w->sh->ends[want->reason]++;
	for (u32 k = 1; k < fz_nways; k++) {
		if (!fz_way_works(&fz_ways[k]))
			continue;
		w->sh->way = k;
		fz_run(w->m, k, c, &got);
		if (fz_compare(want, &got, true))
			fail(w, c, k, want, &got);
	}
	if (w->o->runner && ++w->n == FZ_SLOTS)
		run_batch(w);
	w->sh->done++;
}

/* One sequence, from several states. */
static void run_case(struct worker *w, u64 index)
{
	static struct fz_case c;

	fz_generate(w->gen, w->o->common.seed, index, w->o->runner, &c);
	u32 states = c.n <= 2 ? 24 : c.n <= 6 ? 12 : 4;
	for (u32 k = 0; k < states; k++) {
		if (k)
			fz_vary(w->gen, k, &c);
		w->c[w->n] = c;
		run_ways(w, &w->c[w->n], &w->want[w->n]);
	}
	if ((index + 1) % FZ_SLOTS == 0)
		run_batch(w);
	for (u32 k = 0; k < fz_nways; k++)
		if (fz_ways[k].tier == TIER_OPTIMIZING && fz_jitd) {
			w->sh->units = fz_stats(w->m, k)->units;
			w->sh->refused = fz_stats(w->m, k)->units_failed;
		}
	memcpy(
	    w->sh->executed, fz_gen_executed(w->gen), sizeof(w->sh->executed));
}

/* What each way has done, to see that it did. */
static void print_stats(const struct worker *w)
{
	for (u32 k = 0; k < EXIT_NREASONS; k++)
		if (w->sh->ends[k])
			printf("%llu ended with %s\n",
			    (unsigned long long)w->sh->ends[k],
			    exec_reason_name(k));
	printf("%-24s %9s %9s %9s %9s %9s\n", "", "blocks", "links", "flushes",
	    "exits", "in interp");
	for (u32 k = 0; k < fz_nways; k++) {
		if (!fz_way_works(&fz_ways[k]))
			continue;
		const struct vm_stats *s = fz_stats(w->m, k);
		printf("%-24s %9llu %9llu %9llu %9llu %9llu\n", fz_ways[k].name,
		    (unsigned long long)s->blocks, (unsigned long long)s->links,
		    (unsigned long long)s->flushes,
		    (unsigned long long)s->exits,
		    (unsigned long long)s->interp_blocks);
	}
	fflush(stdout);
}

static void work(const struct main_opts *o, struct shared *sh, u64 index)
{
	struct worker w = { .o = o, .sh = sh };

	w.gen = fz_gen_new();
	w.m = fz_machines_new(NULL, 0);
	w.c = calloc(FZ_SLOTS, sizeof(*w.c));
	w.want = calloc(FZ_SLOTS, sizeof(*w.want));
	if (!w.gen || !w.m || !w.c || !w.want) {
		snprintf(sh->why, sizeof(sh->why), "cannot start: %s",
		    strerror(errno));
		sh->broken = true;
		_exit(1);
	}
	while (fz_more(&o->common, index - o->first, o->t0))
		run_case(&w, index++);
	run_batch(&w);
	if (o->rows)
		print_stats(&w);
	sh->finished = true;
	_exit(0);
}

/* Wait for the worker; false: killed, it made no progress. */
static bool watch(pid_t pid, struct shared *sh)
{
	struct timespec nap = { 0, 5000000 };
	double since = fz_now();
	u64 seen = sh->done;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		nanosleep(&nap, NULL);
		if (sh->done != seen || sh->way == FZ_ELSEWHERE) {
			seen = sh->done;
			since = fz_now();
		} else if (fz_now() - since > PATIENCE) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return false;
		}
	}
	return true;
}

/* --- the watching process --------------------------------------------------
 */

/* Explain what the worker stopped at. */
static void explain(
    const struct main_opts *o, const struct shared *sh, struct fz_gen *g)
{
	static struct fz_case c;
	static struct fz_trial t;

	t.way = sh->way;
	t.runner = o->runner;
	fz_generate(g, o->common.seed, sh->index, o->runner, &c);
	for (u32 k = 1; k <= sh->variant; k++)
		fz_vary(g, k, &c);
	fz_try(&t, &c);
	bool alone = t.verdict != FZ_SAME;
	if (alone && t.verdict != FZ_UNTESTED)
		fz_shrink(&t, &c);
	if (!alone && sh->want.pc) { /* what the worker saw */
		t.want = sh->want;
		t.got = sh->got;
		t.diff = fz_compare(&t.want, &t.got, t.way != FZ_ELSEWHERE);
		t.verdict = FZ_DIFFERS;
	}
	if (o->brief)
		fz_story_line(&t, &c, g);
	else
		fz_story(&t, &c, g);
	if (!alone)
		printf("     alone it is right: it takes the cases before it; "
		       "use --first %llu\n",
		    (unsigned long long)(sh->index / FZ_SLOTS * FZ_SLOTS));
}

static u32 count_rows(
    const struct main_opts *o, const struct shared *sh, struct fz_gen *g)
{
	u32 missing = 0, used = 0;

	for (u32 id = RV_NONE + 1; id < RV_NROWS; id++) {
		bool part = fz_row_used(g, id);

		used += part;
		if (part && !sh->executed[id])
			missing++;
		if (o->rows)
			printf("%-14s %s%llu\n", rv_rows[id].text,
			    part ? "" : "left out ",
			    (unsigned long long)sh->executed[id]);
		else if (part && !sh->executed[id] && sh->done >= ENOUGH)
			printf("never executed: %s\n", rv_rows[id].text);
	}
	printf("%u of %u rows executed", used - missing, used);
	return missing;
}

static void parse(struct main_opts *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (fz_option(&o->common, argc, argv, &i))
			continue;
		if (!strcmp(a, "--qemu")) {
			o->runner = QEMU;
		} else if (!strcmp(a, "--brief")) {
			o->brief = true;
		} else if (!strcmp(a, "--rows")) {
			o->rows = true;
		} else if (value && !strcmp(a, "--first")) {
			o->first = strtoull(argv[++i], NULL, 0);
		} else if (value && !strcmp(a, "--failures")) {
			o->failures = strtoull(argv[++i], NULL, 0);
		} else if (value && !strcmp(a, "--runner")) {
			o->runner = argv[++i];
		} else if (value && !strcmp(a, "--jitd")) {
			fz_jitd = argv[++i];
		} else {
			fprintf(stderr,
			    "usage: fuzz_insns [--seed N] [--first N] "
			    "[--cases N] [--seconds S] [--qemu]\n"
			    "                  [--runner CMD] [--failures N] "
			    "[--brief] [--rows] [--jitd FILE]\n");
			exit(2);
		}
	}
	if (!o->common.cases && !o->common.seconds)
		o->common.seconds = 10;
}

/* Is the first word of the runner a program that can be found? */
static bool have_runner(const char *runner)
{
	char cmd[300];
	int len = (int)strcspn(runner, " ");

	snprintf(cmd, sizeof(cmd), "command -v %.*s > /dev/null", len, runner);
	return system(cmd) == 0;
}

int main(int argc, char **argv)
{
	static struct main_opts o = { .common.seed = 1, .failures = 1 };
	struct fz_gen *g = fz_gen_new();
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	u64 failed = 0, index;

	parse(&o, argc, argv);
	if (!g || sh == MAP_FAILED)
		return 2;
	if (o.runner && !have_runner(o.runner)) {
		printf("skipped: no %s\n", o.runner);
		return 77;
	}
	if (!host_backend_default())
		printf("no host backend: the interpreter only\n");
	o.t0 = fz_now();
	index = o.first;
	while (!sh->finished && failed < o.failures) {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0)
			work(&o, sh, index);
		bool ended = watch(pid, sh);
		if (sh->finished)
			break;
		failed++;
		if (!ended)
			printf("no progress for %.0f s\n", PATIENCE);
		if (sh->broken) {
			printf("case %llu on: %s\n",
			    (unsigned long long)sh->index, sh->why);
			break;
		}
		explain(&o, sh, g);
		index = sh->index + 1;
		sh->done++;
	}
	if (fz_jitd)
		printf("%llu units, %llu left to the baseline\n",
		    (unsigned long long)sh->units,
		    (unsigned long long)sh->refused);
	u32 missing = count_rows(&o, sh, g);
	printf(", %llu cases, %llu failed\n", (unsigned long long)sh->done,
	    (unsigned long long)failed);
	fz_gen_free(g);
	return failed || (fz_jitd && !sh->units) ||
	    (missing && sh->done >= ENOUGH && !o.runner);
}
