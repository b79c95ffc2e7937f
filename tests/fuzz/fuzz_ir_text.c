/*
 * fuzz_ir_text.c - damaged text against ir_parse, and everything behind it.
 *
 *   fuzz_ir_text [--seed N] [--cases N] [--seconds S]
 *
 * Random words are lifted, optimized and printed; the text is damaged and
 * parsed. ir_parse must refuse it with a line number and a message, or take
 * it. What it takes and the verifier accepts must come back the same when
 * printed and parsed again, and must get through the passes, which the
 * verifier watches. Built with sanitizers where there are any.
 */
#include "frontend/riscv/lift.h"
#include "tests/fuzz/fuzz.h"
#include "translator/passes.h"
#include "translator/text.h"

extern const struct guest_isa guest_riscv64;

#define TEXT_MAX (1u << 17)
#define WORDS 12

struct fuzz {
	struct fz_rng g;
	void *decoder;
	struct arena arena;
	struct ir_region r;
	char text[TEXT_MAX], other[TEXT_MAX];
};

static void print_to(struct fuzz *x, char *buf)
{
	FILE *f = fmemopen(buf, TEXT_MAX - 1, "w");

	memset(buf, 0, 64);
	if (!f)
		abort();
	ir_print(f, &guest_riscv64, &x->r);
	buf[MIN(ftell(f), TEXT_MAX - 1)] = 0;
	fclose(f);
}

/* A region of random instructions as text. */
static void make_text(struct fuzz *x)
{
	static const struct lift_opts lo = { WORDS, true, true };
	struct pipeline_opts po = { .verify = false };
	u32 word[WORDS];
	struct lift_code code = { 0x10000, (const u8 *)word, sizeof(word) };

	for (u32 k = 0; k < WORDS; k++) {
		const struct rv_row *row =
		    &rv_rows[1 + fz_below(&x->g, RV_NROWS - 1)];

		if (rv_is_compressed(row->match))
			row = &rv_rows[RV_ADD];
		word[k] = row->match | ((u32)fz_next(&x->g) & ~row->mask);
	}
	arena_reset(&x->arena);
	ir_init(&x->r, &x->arena, code.pc);
	guest_riscv64.lift(x->decoder, &x->r, &code, &lo);
	if (fz_below(&x->g, 2))
		translate_passes(&guest_riscv64, &x->r, &po);
	print_to(x, x->text);
}

/* --- damage ----------------------------------------------------------------
 */

/* Replace n bytes at `at` by the string `s`. */
static void splice(char *text, size_t at, size_t n, const char *s)
{
	size_t len = strlen(text), add = strlen(s);

	if (at > len || len + add + 1 >= TEXT_MAX)
		return;
	n = MIN(n, len - at);
	memmove(text + at + add, text + at + n, len - at - n + 1);
	memcpy(text + at, s, add);
}

/* Start of a random line; *n is its length with the newline. */
static size_t some_line(struct fuzz *x, size_t *n)
{
	size_t at = fz_below(&x->g, (u32)strlen(x->text) + 1);

	while (at > 0 && x->text[at - 1] != '\n')
		at--;
	*n = strcspn(x->text + at, "\n");
	*n += x->text[at + *n] == '\n';
	return at;
}

/* Start of a random word in the text; *n is its length. */
static size_t some_word(struct fuzz *x, size_t *n)
{
	size_t at = fz_below(&x->g, (u32)strlen(x->text) + 1);

	while (at > 0 && !strchr(" \n", x->text[at - 1]))
		at--;
	*n = strcspn(x->text + at, " \n");
	return at;
}

static void some_token(struct fuzz *x, char buf[64])
{
	static const char *const odd[] = { "%0", "%1", "%4095", "%4096",
		"%99999999999999999999", "b0", "b1", "b255", "b256", "b-1",
		"0x", "-0x8000000000000000", "0xffffffffffffffffff", "end",
		"b0:", "b1:", "region", "i1", "%3:void", "_", "#", "+ -", "",
		"=", "put", "get", "f0", "pc", "load.s3.al", "fadd.dyn", "br" };
	size_t n, at;

	switch (fz_below(&x->g, 3)) {
	case 0:
		snprintf(buf, 64, "%s", odd[fz_below(&x->g, ARRAY_LEN(odd))]);
		break;
	case 1:
		snprintf(buf, 64, "%%%u%s", fz_below(&x->g, 80),
		    fz_below(&x->g, 4) ? "" : ":i64");
		break;
	default:
		at = some_word(x, &n);
		snprintf(buf, 64, "%.*s", (int)MIN(n, 60), x->text + at);
	}
}

static void damage(struct fuzz *x)
{
	static char line[TEXT_MAX];
	char token[64], byte[2] = "";
	size_t n, at, m;

	some_token(x, token);
	switch (fz_below(&x->g, 6)) {
	case 0:
		at = fz_below(&x->g, (u32)strlen(x->text) + 1);
		byte[0] = (char)fz_below(&x->g, 256);
		splice(x->text, at, fz_below(&x->g, 3), byte);
		break;
	case 1: /* a line goes, or is there twice */
		at = some_line(x, &n);
		memcpy(line, x->text + at, n);
		line[n] = 0;
		splice(x->text, at, n, "");
		if (fz_below(&x->g, 2))
			splice(x->text, some_line(x, &m), 0, line);
		break;
	case 2: x->text[fz_below(&x->g, (u32)strlen(x->text) + 1)] = 0; break;
	default: at = some_word(x, &n); splice(x->text, at, n, token);
	}
}

/* --- what must hold --------------------------------------------------------
 */

static const char *run_case(struct fuzz *x, u64 *parsed, u64 *valid)
{
	struct pipeline_opts po = { .verify = true };
	char err[128] = "";

	make_text(x);
	for (u32 k = fz_below(&x->g, 5); k > 0; k--)
		damage(x);
	arena_reset(&x->arena);
	x->r.arena = &x->arena;
	int at = ir_parse(x->text, &guest_riscv64, &x->r, err, sizeof(err));
	if (at)
		return at < 0 || !*err ? "refused without a reason" : NULL;
	++*parsed;
	if (ir_verify(&guest_riscv64, &x->r))
		return NULL;
	++*valid;
	print_to(x, x->text);
	arena_reset(&x->arena);
	x->r.arena = &x->arena;
	if (ir_parse(x->text, &guest_riscv64, &x->r, err, sizeof(err)))
		return "what was printed cannot be parsed";
	print_to(x, x->other);
	if (strcmp(x->text, x->other) != 0)
		return "printed and parsed, it is another region";
	translate_passes(&guest_riscv64, &x->r, &po);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct fuzz x;
	struct fz_opts o = { .seed = 1 };
	u64 done = 0, parsed = 0, valid = 0;

	for (int i = 1; i < argc; i++) {
		if (fz_option(&o, argc, argv, &i))
			continue;
		fprintf(stderr, "unknown option %s\n", argv[i]);
		return 2;
	}
	if (!o.cases && !o.seconds)
		o.seconds = 10;
	arena_init(&x.arena);
	x.decoder = guest_riscv64.open();
	if (!x.decoder)
		return 2;
	double t0 = fz_now();
	for (; fz_more(&o, done, t0); done++) {
		x.g.s = o.seed * 0x100000001b3u + done;
		const char *bad = run_case(&x, &parsed, &valid);
		if (!bad)
			continue;
		printf("seed %llu, case %llu: %s\n%s",
		    (unsigned long long)o.seed, (unsigned long long)done, bad,
		    x.text);
		return 1;
	}
	guest_riscv64.close(x.decoder);
	arena_free(&x.arena);
	printf("%llu cases, %llu parsed, %llu valid\n",
	    (unsigned long long)done, (unsigned long long)parsed,
	    (unsigned long long)valid);
	return 0;
}
