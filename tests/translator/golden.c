/*
 * golden.c - the files ir/ *.ir: what passes make of a region.
 *
 *   # what is tested
 *   passes fold dce
 *   region ... end        the input
 *   region ... end        what comes out
 *
 * Input and output are also run from a number of states, and must do the
 * same. Run with UPDATE=1 in the environment, the program rewrites the
 * second regions with what it gets: look at the difference.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/translator/toy.h"
#include "translator/passes.h"
#include "translator/text.h"

static const struct {
	const char *name;
	void (*run)(const struct guest_isa *g, struct ir_region *r);
} passes[] = {
#define X(name, letter, doc) { #name, pass_##name },
#include "translator/passes.def"
#undef X
};

static char *read_file(const char *path)
{
	static char buf[1 << 16];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(buf, 1, sizeof(buf) - 1, f) : 0;

	if (f)
		fclose(f);
	buf[n] = 0;
	return buf;
}

static void parse(
    struct ir_region *r, struct arena *a, const char *text, const char *path)
{
	char err[128];

	r->arena = a;
	int line = ir_parse(text, &toy_guest, r, err, sizeof(err));
	cr_assert(!line, "%s: line %d of a region: %s", path, line, err);
	const char *e = ir_verify(&toy_guest, r);
	cr_assert(!e, "%s: %s\n%s", path, e, toy_text(&toy_guest, r));
}

static void run_passes(struct ir_region *r, const char *list, const char *path)
{
	char name[32];
	int n;

	while (sscanf(list, " %31[a-z]%n", name, &n) == 1) {
		size_t i = 0;
		while (i < ARRAY_LEN(passes) && strcmp(passes[i].name, name))
			i++;
		cr_assert(i < ARRAY_LEN(passes), "%s: pass %s", path, name);
		passes[i].run(&toy_guest, r);
		const char *e = ir_verify(&toy_guest, r);
		cr_assert(!e, "%s: after %s: %s\n%s", path, name, e,
		    toy_text(&toy_guest, r));
		list += n;
		if (*list == '\n')
			break;
	}
}

static void check_file(const char *path)
{
	static struct ir_region before, after;
	struct arena a;
	char *text = read_file(path);
	char *list = strstr(text, "passes ");
	char *in = strstr(text, "\nregion ");

	cr_assert(list && in && list < in, "%s: no passes or region", path);
	arena_init(&a);
	parse(&before, &a, in + 1, path);
	parse(&after, &a, in + 1, path);
	run_passes(&after, list + 7, path);
	for (u64 seed = 1; seed <= 64; seed++) {
		const char *e = toy_compare(&toy_guest, &before, &after, seed);
		cr_assert(!e, "%s: %s differ from state %lu", path, e, seed);
	}

	char *got = toy_text(&toy_guest, &after);
	char *want = strstr(in + 1, "\nregion ");
	if (getenv("UPDATE")) {
		char *end = want ? want + 1 : text + strlen(text);
		FILE *f = fopen(path, "w");
		fwrite(text, 1, (size_t)(end - text), f);
		fputs(got, f);
		fclose(f);
	} else {
		cr_expect(
		    want && !strcmp(want + 1, got), "%s: got\n%s", path, got);
	}
	arena_free(&a);
}

Test(golden, files)
{
	DIR *d = opendir(IR_DIR);
	const struct dirent *e;
	unsigned n = 0;

	cr_assert(d, "no directory %s", IR_DIR);
	while ((e = readdir(d))) {
		char path[512];
		size_t len = strlen(e->d_name);
		if (len < 4 || strcmp(e->d_name + len - 3, ".ir"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", IR_DIR, e->d_name);
		check_file(path);
		n++;
	}
	closedir(d);
	cr_assert(n > 5, "only %u files", n);
}
