/* options.c - the command line of `metic run` and `metic check`. */
#include "cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX 86400

enum {
	OPTION_BASE = 256,
#define OPT(s, name, arg, kind, member, help) OPTION_##member,
#include "options.def"
#undef OPT
};

#define ARGUMENT_TEXT required_argument
#define ARGUMENT_LIST required_argument
#define ARGUMENT_MAYBE optional_argument
#define ARGUMENT_FLAG no_argument

static const struct option long_options[] = {
#define OPT(s, name, arg, kind, member, help) \
	{ name, ARGUMENT_##kind, NULL, OPTION_##member },
#include "options.def"
#undef OPT
	{ 0 },
};

static const struct {
	int letter;
	int id;
} letters[] = {
#define OPT(s, name, arg, kind, member, help) { s, OPTION_##member },
#include "options.def"
#undef OPT
};

static bool set_TEXT(const char **to, const char *value)
{
	*to = value;
	return true;
}

static bool set_MAYBE(const char **to, const char *value)
{
	*to = value ? value : "";
	return true;
}

static bool set_FLAG(bool *to, const char *value)
{
	(void)value;
	*to = true;
	return true;
}

static bool set_LIST(struct list *to, const char *value)
{
	if (to->n == LIST_MAX)
		return false;
	to->item[to->n++] = value;
	return true;
}

static bool set(struct options *o, int id, const char *value)
{
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (letters[i].letter && letters[i].letter == id)
			id = letters[i].id;
	switch (id) {
#define OPT(s, name, arg, kind, member, help) \
	case OPTION_##member: \
		return set_##kind(&o->member, value);
#include "options.def"
#undef OPT
	default: return false;
	}
}

void options_help(FILE *f)
{
#define OPT(s, name, arg, kind, member, help) \
	{ s, name, arg, ARGUMENT_##kind == optional_argument, help },
	static const struct {
		int letter;
		const char *name, *arg;
		bool maybe;
		const char *help;
	} rows[] = {
#include "options.def"
	};
#undef OPT
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char left[64];
		bool maybe = rows[i].maybe;
		snprintf(left, sizeof(left), "%c%c%s--%s%s%s%s",
		    rows[i].letter ? '-' : ' ',
		    rows[i].letter ? rows[i].letter : ' ',
		    rows[i].letter ? ", " : "  ", rows[i].name,
		    maybe           ? "[=" :
			rows[i].arg ? " " :
				      "",
		    rows[i].arg ? rows[i].arg : "", maybe ? "]" : "");
		const char *help = rows[i].help;
		for (size_t n; *help; help += n + (help[n] == '\n')) {
			n = strcspn(help, "\n");
			fprintf(f, "  %-26s %.*s\n", left, (int)n, help);
			left[0] = '\0';
		}
	}
}

bool options_size(const char *s, uint64_t *out)
{
	char *end;
	unsigned long long v = strtoull(s, &end, 10);
	unsigned shift = *end == 'K' ? 10 :
	    *end == 'M'              ? 20 :
	    *end == 'G'              ? 30 :
				       0;
	if (end == s || *s == '-' || (shift ? end[1] : end[0]) ||
	    v > UINT64_MAX >> 1 >> shift)
		return false;
	*out = (uint64_t)v << shift;
	return true;
}

static int usage(const char *what, const char *why)
{
	fprintf(stderr, "metic: %s: %s; see metic run --help\n", what, why);
	return EXIT_USAGE;
}

/* How many letters must be added, removed or changed: a becomes b. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], na = strlen(a), nb = strlen(b);
	if (na >= 32 || nb >= 32)
		return 32;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

const char *nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t least = strlen(word) / 2 + 1;
	for (; *names; names++) {
		size_t d = distance(word, *names);
		if (d < least) {
			least = d;
			best = *names;
		}
	}
	return best;
}

/* getopt refused argv[optind - 1], or the letter optopt in it. */
static int refused(const char *arg, bool missing)
{
	static const char *const names[] = {
#define OPT(s, name, arg, kind, member, help) name,
#include "options.def"
#undef OPT
		NULL
	};
	char word[64], why[128] = "no such option";
	if (optopt && optopt < OPTION_BASE) {
		snprintf(word, sizeof(word), "-%c", optopt);
		return usage(word, missing ? "needs an argument" : why);
	}
	snprintf(
	    word, sizeof(word), "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
	const char *meant = nearest(word, names);
	if (missing)
		return usage(arg, "needs an argument");
	if (optopt) /* a known one */
		return usage(arg, "takes no argument");
	if (meant)
		snprintf(why, sizeof(why), "no such option, did you mean --%s",
		    meant);
	return usage(arg, why);
}

static int check_values(struct options *o)
{
	static const char *const tiers[] = {
		[METIC_TIER_AUTO] = "auto",
		[METIC_TIER_INTERP] = "interp",
		[METIC_TIER_BASELINE] = "baseline",
		[METIC_TIER_OPTIMIZING] = "optimizing",
	};
	unsigned t = 0;
	while (o->tier && t < 4 && strcmp(o->tier, tiers[t]))
		t++;
	if (t == 4)
		return usage(o->tier, "no such tier");
	o->tier_value = (enum metic_tier)t;
	if (o->stack && !options_size(o->stack, &o->stack_value))
		return usage(o->stack, "not a size");
	if (o->jit_memory && !options_size(o->jit_memory, &o->jit_memory_value))
		return usage(o->jit_memory, "not a size");
	if (o->jit_timeout &&
	    (!options_size(o->jit_timeout, &o->jit_timeout_value) ||
		!o->jit_timeout_value || o->jit_timeout_value > TIMEOUT_MAX))
		return usage(o->jit_timeout, "not 1 to 86400 seconds");
	for (unsigned i = 0; i < o->set_env.n; i++)
		if (!strchr(o->set_env.item[i], '='))
			return usage(
			    o->set_env.item[i], "--env wants NAME=VALUE");
	return 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
	int id;
	opterr = 0;
	/* '+': stop at the program, its options are its own */
	while ((id = getopt_long(argc, argv, "+:L:E:U:0:s:g:vh", long_options,
		    NULL)) != -1) {
		if (id == '?' || id == ':')
			return refused(argv[optind - 1], id == ':');
		if (!set(o, id, optarg))
			return usage(argv[optind - 1], "given too often");
	}
	o->args = argv + optind;
	o->sysroot_given = o->sysroot;
	int err = check_values(o);
	if (!err && !o->help && !o->args[0])
		return usage("run", "no program given");
	return err;
}
