/*
 * bench.c - how fast the frontend is: decodes and lifts a file's bytes as if
 * all of them were code. Not a test: run it by hand with a raw .text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "frontend/riscv/lift.h"

extern const struct guest_isa guest_riscv64;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static u8 *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	u8 *p;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f);
	rewind(f);
	p = malloc(*n + 1);
	if (p)
		*n = fread(p, 1, *n, f);
	fclose(f);
	return p;
}

static void decode_all(struct rv_decoder *d, const u8 *p, size_t n)
{
	double t = now();
	size_t at = 0, insns = 0;
	struct rv_insn i;

	while (rv_decode(d, at, p + at, n - at, &i)) {
		at += i.len;
		insns++;
	}
	printf("decode: %zu instructions, %.1f ns each\n", insns,
	    (now() - t) / (double)insns);
}

static void lift_all(void *d, const u8 *p, size_t n)
{
	struct arena arena;
	struct ir_region *r = malloc(sizeof(*r));
	struct lift_opts opts = { 64, true, true };
	size_t at = 0, insns = 0, ir = 0, blocks = 0;
	double t = now();

	arena_init(&arena);
	while (r && n - at >= 4) {
		struct lift_code code = { at, p + at, n - at };

		arena_reset(&arena);
		ir_init(r, &arena, at);
		guest_riscv64.lift(d, r, &code, &opts);
		at += r->guest_len;
		insns += r->guest_insns;
		ir += r->ninsns;
		blocks++;
	}
	printf("lift: %zu blocks, %zu instructions, %.1f ns each, %.2f IR\n",
	    blocks, insns, (now() - t) / (double)insns,
	    (double)ir / (double)insns);
	arena_free(&arena);
	free(r);
}

int main(int argc, char **argv)
{
	size_t n = 0;
	u8 *p = argc > 1 ? slurp(argv[1], &n) : NULL;
	double t = now();
	void *d = rv_open();

	printf("open: %.1f us\n", (now() - t) / 1e3);
	if (!d || !p)
		return 77;
	for (int k = 0; k < 3; k++) {
		decode_all(d, p, n);
		lift_all(d, p, n);
	}
	rv_close(d);
	free(p);
	return 0;
}
