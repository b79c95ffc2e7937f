/* cache.c - `metic cache`: looking after the kept translations. */
#include "cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

const char *cache_default(char *buf, size_t n)
{
	const char *dir = getenv("METIC_CACHE_DIR");
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int k = 0;
	if (getauxval(AT_SECURE)) /* the variables are somebody else's */
		return NULL;
	if (dir && *dir)
		k = snprintf(buf, n, "%s", dir);
	else if (xdg && xdg[0] == '/')
		k = snprintf(buf, n, "%s/metic", xdg);
	else if (home && home[0] == '/')
		k = snprintf(buf, n, "%s/.cache/metic", home);
	return k > 0 && (size_t)k < n ? buf : NULL;
}

void cache_help(FILE *f)
{
	fputs(
	    "usage: metic cache COMMAND [OPTIONS]\n"
	    "\n"
	    "Translations of guest programs are kept in a folder, so that\n"
	    "the next start is faster. It is safe to remove at any time.\n"
	    "\n"
	    "  stat    sums: files, blocks, bytes\n"
	    "  ls      a line for each file, the last used first\n"
	    "  verify  check every block; exit status 1 if any is damaged\n"
	    "  gc      remove the least recently used down to --size\n"
	    "  clear   remove all\n"
	    "  warm PROGRAM [FILE...]\n"
	    "          translate all of PROGRAM, its interpreter, the shared\n"
	    "          objects it is linked with, and FILEs that it will load\n"
	    "          (plugins); from all functions that symbols or unwind\n"
	    "          tables know. Nothing is run. The next start translates\n"
	    "          nearly nothing\n"
	    "\n"
	    "      --cache-dir DIR  (default: $METIC_CACHE_DIR, else metic\n"
	    "                       in $XDG_CACHE_HOME or ~/.cache)\n"
	    "      --size BYTES     for gc (default 2G), K, M and G known\n"
	    "  -L, --sysroot DIR    for warm: the guest's root directory\n"
	    "      --json           print JSON\n",
	    f);
}

struct sums {
	bool lines, json;
	uint64_t files, blocks, bytes, damaged, other;
};

static void show_file(void *ctx, const struct metic_cache_file *f)
{
	struct sums *s = ctx;
	time_t used = (time_t)f->used;
	struct tm tm;
	char when[32];

	if (s->lines && s->json) {
		printf("%s\n  {\"name\": \"%s\", \"bytes\": %" PRIu64
		       ", \"blocks\": %" PRIu64 ", \"damaged\": %" PRIu64
		       ", \"used\": %" PRId64 ", \"current\": %s}",
		    s->files ? "," : "[", f->name, f->bytes, f->blocks,
		    f->damaged, f->used, f->current ? "true" : "false");
	} else if (s->lines) {
		localtime_r(&used, &tm);
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
		printf("%s  %s %9" PRIu64 " KiB %8" PRIu64 " blocks%s%s\n",
		    f->name, when, f->bytes >> 10, f->blocks,
		    f->damaged ? ", damaged" : "",
		    f->current ? "" : ", of another metic or CPU");
	}
	s->files++;
	s->blocks += f->blocks;
	s->bytes += f->bytes;
	s->damaged += f->damaged;
	s->other += !f->current;
}

static int failed(const char *dir, enum metic_error e)
{
	fprintf(stderr, "metic: cache %s: %s\n", dir,
	    e == METIC_ERR_HOST ? "not a folder of ours that only we write to" :
				  metic_error_text(e));
	return EXIT_METIC;
}

static int list(const char *dir, bool verify, struct sums *s)
{
	enum metic_error e = metic_cache_list(dir, verify, show_file, s);
	if (e)
		return failed(dir, e);
	if (s->lines && s->json)
		printf("%s\n", s->files ? "\n]" : "[]");
	else if (s->json)
		printf("{\"dir\": \"%s\", \"files\": %" PRIu64
		       ", \"blocks\": %" PRIu64 ", \"bytes\": %" PRIu64
		       ", \"damaged\": %" PRIu64 ", \"other\": %" PRIu64 "}\n",
		    dir, s->files, s->blocks, s->bytes, s->damaged, s->other);
	else if (!s->lines)
		printf("%s: %" PRIu64 " files, %" PRIu64 " blocks, %" PRIu64
		       " KiB; %" PRIu64 " files of another metic or CPU%s\n",
		    dir, s->files, s->blocks, s->bytes >> 10, s->other,
		    s->damaged ? "; damaged" : "");
	return verify && s->damaged ? 1 : 0;
}

static int trim(const char *dir, uint64_t cap, bool json)
{
	uint64_t files, bytes;
	enum metic_error e = metic_cache_trim(dir, cap, &files, &bytes);
	if (e)
		return failed(dir, e);
	printf(json ? "{\"files\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n" :
		      "removed %" PRIu64 " files, %" PRIu64 " bytes\n",
	    files, bytes);
	return 0;
}

/* --- warm ---------------------------------------------------------------- */

struct warmth {
	bool json;
	uint64_t files, functions, blocks, fresh;
};

static void show_warm(void *ctx, const struct metic_warm_file *f)
{
	struct warmth *w = ctx;

	if (!w->json)
		printf("%s: %" PRIu64 " functions, %" PRIu64 " blocks, %" PRIu64
		       " new\n",
		    f->path, f->functions, f->blocks, f->fresh);
	fflush(stdout);
	w->files++;
	w->functions += f->functions;
	w->blocks += f->blocks;
	w->fresh += f->fresh;
}

static int warm(const char *dir, const char *root, char **args, bool json)
{
	char found[PATH_MAX], why[PATH_MAX + 256] = "";
	char *const argv[] = { args[0], NULL };
	struct options o = { .args = args, .sysroot = root, .execfd = -1 };
	struct metic_config c = METIC_CONFIG_INIT;
	struct warmth w = { .json = json };
	metic_vm *vm;

	if (!args[0]) {
		cache_help(stderr);
		return EXIT_USAGE;
	}
	c.kind = METIC_LINUX;
	c.cache_dir = dir;
	c.why = why;
	c.why_size = sizeof(why);
	c.sysroot = choose_sysroot(&o);
	c.prog = find_program(&o, c.sysroot, found);
	c.argv = argv;
	enum metic_error e = metic_create(&c, &vm);
	if (e)
		return status_of_error(&o, e, c.prog, why);
	e = metic_cache_warm(vm, args + 1, show_warm, &w, why, sizeof(why));
	metic_destroy(vm);
	if (e == METIC_ERR_HOST && !*why)
		return failed(dir, e);
	if (e)
		return status_of_error(&o, e, c.prog, why);
	if (json)
		printf("{\"files\": %" PRIu64 ", \"functions\": %" PRIu64
		       ", \"blocks\": %" PRIu64 ", \"new\": %" PRIu64 "}\n",
		    w.files, w.functions, w.blocks, w.fresh);
	else
		printf("%" PRIu64 " files, %" PRIu64 " blocks, %" PRIu64
		       " new\n",
		    w.files, w.blocks, w.fresh);
	return 0;
}

int cache_command(int argc, char **argv)
{
	enum { DIR_ = 256, SIZE, JSON };
	static const struct option known[] = {
		{ "cache-dir", required_argument, NULL, DIR_ },
		{ "size", required_argument, NULL, SIZE },
		{ "json", no_argument, NULL, JSON },
		{ "sysroot", required_argument, NULL, 'L' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char buf[PATH_MAX];
	const char *dir = cache_default(buf, sizeof(buf));
	const char *root = NULL;
	uint64_t cap = (uint64_t)2 << 30;
	struct sums s = { 0 };
	int id;

	while ((id = getopt_long(argc, argv, "hL:", known, NULL)) != -1) {
		switch (id) {
		case DIR_: dir = optarg; break;
		case SIZE:
			if (!options_size(optarg, &cap)) {
				fprintf(
				    stderr, "metic: %s: not a size\n", optarg);
				return EXIT_USAGE;
			}
			break;
		case JSON: s.json = true; break;
		case 'L': root = optarg; break;
		case 'h': cache_help(stdout); return 0;
		default: return EXIT_USAGE;
		}
	}
	const char *what = optind < argc ? argv[optind] : "";
	if (!dir) {
		fprintf(stderr,
		    "metic: no cache folder: HOME is not set; give "
		    "--cache-dir\n");
		return EXIT_METIC;
	}
	if (!strcmp(what, "stat"))
		return list(dir, false, &s);
	s.lines = !strcmp(what, "ls");
	if (s.lines)
		return list(dir, false, &s);
	if (!strcmp(what, "verify"))
		return list(dir, true, &s);
	if (!strcmp(what, "gc"))
		return trim(dir, cap, s.json);
	if (!strcmp(what, "clear"))
		return trim(dir, 0, s.json);
	if (!strcmp(what, "warm"))
		return warm(dir, root, argv + optind + 1, s.json);
	cache_help(stderr);
	return EXIT_USAGE;
}
