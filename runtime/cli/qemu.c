/*
 * qemu.c - metic in the place of qemu-user.
 *
 * Under the name qemu-riscv64 or qemu-riscv64-static the options and the
 * environment variables of that program mean here what they mean there, so
 * that scripts and binfmt set-ups go on working. qemu.def has them all; what
 * cannot be done says so in one line, and the program runs all the same
 * unless it would not be what was asked for.
 *
 * As there: variables first, then options, each with one dash or two; the
 * program is a path and not looked up along PATH; failures have status 1.
 * Other than there, a guest program that executes another one needs no binfmt,
 * and that one is run with the same options.
 *
 * Variables are ignored when the kernel says AT_SECURE: they would be the
 * caller's word against a program with more rights than his.
 */
#include "cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define QEMU_PREFIX "/etc/qemu-binfmt/riscv64"
#define QEMU_PREFIX_OLD "/usr/gnemul/qemu-riscv64"

enum { EXIT_QEMU = 1 };

/* What to do with an option: the rest of the command line, or an end. */
enum verdict { GO_ON, STOP_OK, STOP_BAD };

struct request {
	struct options *o;
	const char *name; /* as it was given, "-cpu" or "QEMU_CPU" */
	const char *value; /* NULL: an option without argument */
};

static enum verdict bad(const struct request *q, const char *why)
{
	fprintf(stderr, "metic: %s %s: %s\n", q->name, q->value ? q->value : "",
	    why);
	return STOP_BAD;
}

static enum verdict lacking(const struct request *q)
{
	fprintf(stderr, "metic: %s is not supported and ignored\n", q->name);
	return GO_ON;
}

static enum verdict show_version(struct request *q)
{
	(void)q;
	printf("qemu-riscv64: this is metic %s\n", metic_version());
	return STOP_OK;
}

static enum verdict show_help(struct request *q);

/* A number is a TCP port, anything else the path of a UNIX socket. */
static enum verdict gdb(struct request *q)
{
	static char path[256];
	q->o->gdb = q->value;
	if (q->value[strspn(q->value, "0123456789")] == 0 ||
	    !strncmp(q->value, "fd:", 3)) /* metic's own, over an execve */
		return GO_ON;
	if (snprintf(path, sizeof(path), "unix:%s", q->value) >=
	    (int)sizeof(path))
		return bad(q, "too long");
	q->o->gdb = path;
	return GO_ON;
}

static enum verdict stack_size(struct request *q)
{
	char *end;
	unsigned long long v = strtoull(q->value, &end, 0);
	unsigned shift = *end == 'M' ? 20 : *end == 'k' || *end == 'K' ? 10 : 0;
	if (end == q->value || end[shift != 0] || !v || v > UINT64_MAX >> 21)
		return bad(q, "not a size");
	q->o->stack_value = (uint64_t)v << shift;
	return GO_ON;
}

/* One CPU: the default model's. Vectors and 32-bit models are not there. */
static enum verdict cpu(struct request *q)
{
	static const char *const models[] = { "any", "rv64", "max", "rv64i",
		"sifive-u54", "sifive-e51", "shakti-c", "thead-c906", NULL };
	size_t n = strcspn(q->value, ",");
	const char *on = strstr(q->value + n, ",v=");
	if (!strcmp(q->value, "help") || !strcmp(q->value, "?")) {
		for (unsigned i = 0; models[i]; i++)
			printf("  %s\n", models[i]);
		return STOP_OK;
	}
	if (on && !strncmp(on + 3, "true", 4))
		return bad(q, "no vectors here");
	if (on && !strncmp(on + 3, "on", 2))
		return bad(q, "no vectors here");
	for (unsigned i = 0; models[i]; i++)
		if (strlen(models[i]) == n && !strncmp(models[i], q->value, n))
			return GO_ON;
	return bad(q, "no such CPU model");
}

static bool is_zero(const char *s)
{
	char *end;
	return strtoull(s, &end, 0) == 0 && end != s && !*end;
}

static enum verdict guest_base(struct request *q)
{
	return is_zero(q->value) ? GO_ON : lacking(q);
}

static enum verdict reserved(struct request *q)
{
	return is_zero(q->value) ? GO_ON : lacking(q);
}

static enum verdict plugin(struct request *q)
{
	return bad(q, "there are no plugins here");
}

static enum verdict log_calls(struct request *q)
{
	q->o->strace = "";
	return GO_ON;
}

static enum verdict perfmap(struct request *q)
{
	q->o->perf_map = true;
	return GO_ON;
}

static enum verdict jitdump(struct request *q)
{
	q->o->jitdump = "";
	return GO_ON;
}

/* What -d can log, in metic's terms: letters of --dump. */
static const struct {
	const char *item, *letters;
} log_rows[] = { { "strace", NULL }, { "in_asm", "l" }, { "op", "l" },
	{ "op_opt", "d" }, { "out_asm", "X" }, { "unimp", "" },
	{ "guest_errors", "" }, { "nochain", "" } };

static char dump_letters[16];

static bool log_item(struct options *o, const char *item, size_t n)
{
	for (size_t i = 0; i < sizeof(log_rows) / sizeof(log_rows[0]); i++) {
		if (strlen(log_rows[i].item) != n ||
		    strncmp(log_rows[i].item, item, n) != 0)
			continue;
		const char *letters = log_rows[i].letters;
		if (!letters)
			o->strace = "";
		else if (*letters && !strstr(dump_letters, letters))
			strcat(dump_letters, letters);
		o->dump = *dump_letters ? dump_letters : NULL;
		return true;
	}
	return false;
}

static enum verdict log_items(struct request *q)
{
	if (!strcmp(q->value, "help")) {
		for (size_t i = 0; i < sizeof(log_rows) / sizeof(log_rows[0]);
		     i++)
			printf("  %s\n", log_rows[i].item);
		return STOP_BAD; /* as QEMU */
	}
	for (const char *s = q->value; *s;) {
		size_t n = strcspn(s, ",");
		if (n && !log_item(q->o, s, n))
			fprintf(stderr, "metic: %s: cannot log %.*s, ignored\n",
			    q->name, (int)n, s);
		s += n + (s[n] == ',');
	}
	return GO_ON;
}

/* Words between commas; the copies live as long as the process. */
static enum verdict split(const struct request *q, struct list *to, bool set)
{
	char *copy = strdup(q->value), *save;
	if (!copy)
		return bad(q, "out of memory");
	for (char *w = strtok_r(copy, ",", &save); w;
	     w = strtok_r(NULL, ",", &save)) {
		if (!*w || set != !!strchr(w, '='))
			return bad(q, set ? "wants var=value" : "wants names");
		if (to->n == LIST_MAX)
			return bad(q, "too many variables");
		to->item[to->n++] = w;
	}
	return GO_ON;
}

static enum verdict set_vars(struct request *q)
{
	return split(q, &q->o->set_env, true);
}

/* Into the same list: the last change of a variable is what counts. */
static enum verdict unset_vars(struct request *q)
{
	return split(q, &q->o->set_env, false);
}

enum action { ACT_TEXT, ACT_DO, ACT_IGNORE, ACT_LACKING };

#define TEXT(m) ACT_TEXT, offsetof(struct options, m), NULL
#define DO(f) ACT_DO, 0, f
#define IGNORE ACT_IGNORE, 0, NULL
#define LACKING ACT_LACKING, 0, NULL
static const struct row {
	const char *name, *var, *arg, *help;
	enum action action;
	size_t member;
	enum verdict (*fn)(struct request *q);
} rows[] = {
#define QEMU(name, var, arg, what, help) { name, var, arg, help, what },
#include "qemu.def"
#undef QEMU
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static enum verdict show_help(struct request *q)
{
	(void)q;
	printf("usage: qemu-riscv64 [options] program [arguments...]\n"
	       "metic %s in the place of qemu-riscv64; see also metic(1)\n\n",
	    metic_version());
	for (size_t i = 0; i < NROWS; i++) {
		char left[64];
		snprintf(left, sizeof(left), "-%s%s%s", rows[i].name,
		    rows[i].arg ? " " : "", rows[i].arg ? rows[i].arg : "");
		printf("%-20s %-21s %s\n", left, rows[i].var ? rows[i].var : "",
		    rows[i].help);
	}
	return STOP_BAD; /* as QEMU */
}

static enum verdict apply(
    struct options *o, const struct row *r, const char *name, const char *value)
{
	struct request q = { o, name, value };
	switch (r->action) {
	case ACT_TEXT:
		memcpy((char *)o + r->member, &value, sizeof(value));
		return GO_ON;
	case ACT_DO: return r->fn(&q);
	case ACT_LACKING: return lacking(&q);
	case ACT_IGNORE: break;
	}
	return GO_ON;
}

static enum verdict read_variables(struct options *o)
{
	enum verdict v = GO_ON;
	for (size_t i = 0; i < NROWS && v == GO_ON; i++) {
		const char *value =
		    rows[i].var ? secure_getenv(rows[i].var) : NULL;
		if (value)
			v = apply(o, &rows[i], rows[i].var,
			    rows[i].arg ? value : NULL);
	}
	return v;
}

/* Options up to the program; *at becomes its index. */
static enum verdict read_options(
    struct options *o, int argc, char **argv, int *at)
{
	enum verdict v = GO_ON;
	while (*at < argc && v == GO_ON) {
		const char *arg = argv[*at], *name = arg + 1, *value = NULL;
		size_t i = 0;
		if (arg[0] != '-')
			break;
		++*at;
		if (!strcmp(arg, "-"))
			break;
		name += *name == '-';
		while (i < NROWS && strcmp(name, rows[i].name) != 0)
			i++;
		if (i == NROWS) {
			fprintf(
			    stderr, "metic: %s: no such option; see -h\n", arg);
			return STOP_BAD;
		}
		if (rows[i].arg && *at == argc) {
			fprintf(stderr, "metic: %s wants an argument\n", arg);
			return STOP_BAD;
		}
		if (rows[i].arg)
			value = argv[(*at)++];
		o->sysroot_given |= !strcmp(name, "L");
		v = apply(o, &rows[i], arg, value);
	}
	return v;
}

/* A prefix that does not exist is none: QEMU does not say so either. */
static void choose_prefix(struct options *o)
{
	if (!o->sysroot)
		o->sysroot = is_dir(QEMU_PREFIX) ? QEMU_PREFIX :
		    is_dir(QEMU_PREFIX_OLD)      ? QEMU_PREFIX_OLD :
						   DEFAULT_SYSROOT;
	if (!is_dir(o->sysroot))
		o->sysroot = "";
}

bool qemu_named(const char *argv0)
{
	const char *base = strrchr(argv0, '/');
	base = base ? base + 1 : argv0;
	return !strcmp(base, "qemu-riscv64") ||
	    !strcmp(base, "qemu-riscv64-static");
}

int qemu_main(int argc, char **argv)
{
	static struct options o; /* large: keep it off the stack */
	int at = 1;
	o.qemu = true;
	o.execfd = -1;
	bool kernel = binfmt_started(&o, argc, argv);
	char **args = o.args;
	enum verdict v = read_variables(&o);
	if (v == GO_ON && !kernel)
		v = read_options(&o, argc, argv, &at);
	if (v != GO_ON)
		return v == STOP_OK ? 0 : EXIT_QEMU;
	o.args = kernel ? args : argv + at;
	if (!o.args[0]) {
		fputs("metic: no program given; see -h\n", stderr);
		return EXIT_QEMU;
	}
	choose_prefix(&o);
	return run_program(&o);
}
