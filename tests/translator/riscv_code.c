/*
 * riscv_code.c - the pipeline over code that a compiler made: every block of
 * a RISC-V ELF file is lifted, verified, sent through all passes with the
 * verifier on, printed, parsed and printed again, and run before and after
 * the passes from random states.
 *
 *   riscv_code FILE [blocks]      0: all are right; prints what they cost
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/translator/toy.h"
#include "translator/passes.h"
#include "translator/text.h"

extern const struct guest_isa guest_riscv64;

static const struct guest_isa *const g = &guest_riscv64;

struct tally {
	u64 blocks, guest_insns, before, after;
	double pass_ns, verify_ns;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* IR instructions that are not NOPs. */
static u64 count(const struct ir_region *r)
{
	u64 n = 0;

	for (ir_ref i = 1; i < r->ninsns; i++)
		n += r->insn[i].op != IR_NOP && r->insn[i].op != IR_INSN_START;
	return n;
}

static const char *round_trip(const struct ir_region *r)
{
	static struct ir_region again;
	static char err[128];
	char *text = toy_text(g, r);

	again.arena = r->arena;
	if (ir_parse(text, g, &again, err, sizeof(err)))
		return err;
	return strcmp(toy_text(g, &again), text) ? "text differs" : NULL;
}

static const char *check(struct ir_region *r, struct tally *t)
{
	static struct ir_region before;
	const struct pipeline_opts opts = { 0 };
	const char *e = ir_verify(g, r);

	if (e)
		return e;
	before = *r;
	before.insn = arena_new(r->arena, struct ir_insn, r->cap);
	memcpy(before.insn, r->insn, r->ninsns * sizeof(*r->insn));

	double start = now();
	translate_passes(g, r, &opts);
	t->pass_ns += now() - start;
	start = now();
	e = ir_verify(g, r);
	t->verify_ns += now() - start;
	if (!e)
		e = round_trip(&before);
	if (!e)
		e = round_trip(r);
	for (u64 s = 0; s < 2 && !e; s++)
		e = toy_compare(g, &before, r, t->blocks * 2 + s);
	t->blocks++;
	t->guest_insns += r->guest_insns;
	t->before += count(&before);
	t->after += count(r);
	if (e)
		fprintf(stderr, "%s\n%s", toy_text(g, &before), toy_text(g, r));
	return e;
}

static const char *sweep(
    const u8 *code, size_t len, gva_t pc, u64 max, struct tally *t)
{
	static struct ir_region r;
	const struct lift_opts opts = { 64, true, true };
	struct arena arena;
	void *d = g->open();
	const char *e = d ? NULL : "no decoder";

	arena_init(&arena);
	for (size_t at = 0; !e && at + 4 <= len && t->blocks < max;) {
		struct lift_code c = { pc + at, code + at, len - at };
		arena_reset(&arena);
		ir_init(&r, &arena, c.pc);
		g->lift(d, &r, &c, &opts);
		at += r.guest_len ? r.guest_len : 2;
		e = check(&r, t);
	}
	if (d)
		g->close(d);
	arena_free(&arena);
	return e;
}

int main(int argc, char **argv)
{
	static u8 file[8 << 20];
	struct tally t = { 0 };
	FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
	size_t n = f ? fread(file, 1, sizeof(file), f) : 0;
	u64 max = argc > 2 ? strtoull(argv[2], NULL, 0) : ~0ull;
	const Elf64_Ehdr *eh = (const void *)file;
	const char *e = NULL;

	if (n < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG)) {
		fprintf(stderr, "usage: riscv_code FILE [blocks]\n");
		return 2;
	}
	const Elf64_Shdr *sh = (const void *)(file + eh->e_shoff);
	for (u32 i = 0; i < eh->e_shnum && !e; i++)
		if (sh[i].sh_flags & SHF_EXECINSTR &&
		    sh[i].sh_offset + sh[i].sh_size <= n)
			e = sweep(file + sh[i].sh_offset, sh[i].sh_size,
			    sh[i].sh_addr, max, &t);
	if (e) {
		fprintf(stderr, "block %lu: %s\n", t.blocks, e);
		return 1;
	}
	printf("%lu blocks, %lu guest instructions: %.2f IR each, %.2f after "
	       "the passes (%.0f ns per IR instruction, verify %.0f)\n",
	    t.blocks, t.guest_insns, (double)t.before / (double)t.guest_insns,
	    (double)t.after / (double)t.guest_insns,
	    t.pass_ns / (double)t.before, t.verify_ns / (double)t.before);
	return 0;
}
