/*
 * fuzz.c - random regions, natively and in the interpreter: registers,
 * memory, fp flags, exits and the exact state at faults must agree, for
 * several sets of CPU features and both kinds of address space.
 *
 * METIC_FUZZ=<regions> in the environment makes it longer, METIC_SEED=<n>
 * repeats one. A failure prints the region, all differences, and leaves the
 * host code in a file for objdump.
 */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/x86_64/gen.h"
#include "translator/fpu.h"
#include "translator/passes.h"
#include "translator/text.h"

#define DUMP "/tmp/metic-fuzz.bin"

/* Feature sets: all of the host's, and what is left without each level. */
static struct x86_features without(unsigned level)
{
	struct x86_features f = x86_features_host();

	if (level >= 1)
		f.fma = f.bmi2 = false;
	if (level >= 2)
		f.avx = f.bmi1 = f.lzcnt = f.movbe = false;
	if (level >= 3)
		f.sse41 = f.popcnt = f.pclmul = f.aes = false;
	return f;
}
#define LEVELS 4

struct fuzz {
	struct machine *m;
	struct arena arena;
	struct ir_region r;
	struct vcpu *a, *b; /* interpreter, native */
	u8 before[DATA_SIZE], after[DATA_SIZE];
};

static struct fuzz *fuzz_new(enum as_kind as)
{
	struct fuzz *f = calloc(1, sizeof(*f));

	f->m = machine_new(as);
	arena_init(&f->arena);
	f->a = calloc(1, sizeof(*f->a));
	f->b = calloc(1, sizeof(*f->b));
	return f;
}

static void fuzz_free(struct fuzz *f)
{
	arena_free(&f->arena);
	machine_free(f->m);
	free(f->a);
	free(f->b);
	free(f);
}

static void fresh_state(struct fuzz *f, u64 seed)
{
	struct rng g = { seed * 77 + 5 };
	struct abi_state *s = &f->a->abi;

	for (unsigned i = 0; i < NREGS; i++)
		s->state[i] = rng_slot(&g, i);
	s->frm = rng_below(&g, 4);
	s->fpu = fpu_make_word(s->frm, (u32)rng_next(&g) & 31);
	s->budget = 1000;
	s->fault_addr = 0;
	for (size_t i = 0; i < DATA_SIZE; i += 8) {
		u64 v = i & 8 ? rng_f64(&g) : rng_int(&g);
		memcpy(f->before + i, &v, 8);
	}
	/* host[] belongs to the backend. */
	memcpy(&f->b->abi, s, offsetof(struct abi_state, host));
}

static unsigned differences(struct fuzz *f, bool show)
{
	struct vcpu *a = f->a, *b = f->b;
	unsigned n = 0;

#define CHECK(what, x, y) \
	do { \
		u64 x_ = (x), y_ = (y); \
		if (x_ != y_ && ++n && show) \
			fprintf(stderr, \
			    "  %-8s interp %016llx native %016llx\n", what, \
			    (unsigned long long)x_, (unsigned long long)y_); \
	} while (0)
	CHECK("reason", a->reason, b->reason);
	CHECK("pc", a->pc, b->pc);
	CHECK("arg", a->arg, b->arg);
	for (unsigned i = 0; i < NREGS; i++)
		CHECK(
		    fake_guest.regs[i].name, a->abi.state[i], b->abi.state[i]);
	CHECK("fflags", fpu_flags(a->abi.fpu), fpu_flags(b->abi.fpu));
	CHECK("rc", a->abi.fpu & FPU_RC, b->abi.fpu & FPU_RC);
	CHECK("frm", a->abi.frm, b->abi.frm);
	CHECK("fault", a->abi.fault_addr, b->abi.fault_addr);
	for (size_t i = 0; i < DATA_SIZE; i += 8) {
		u64 x, y;
		memcpy(&x, f->after + i, 8);
		memcpy(&y, f->m->data + i, 8);
		CHECK("memory", x, y);
	}
#undef CHECK
	return n;
}

static void report(struct fuzz *f, u64 seed, unsigned level)
{
	fprintf(stderr, "seed %llu, features less %u, %s:\n",
	    (unsigned long long)seed, level,
	    f->m->as == AS_BASED ? "based" : "identity");
	ir_print(stderr, &fake_guest, &f->r);
	for (unsigned i = 0; i < NREGS; i++)
		fprintf(stderr, "%s=%016llx%c", fake_guest.regs[i].name,
		    (unsigned long long)f->b->abi.state[i],
		    i % 4 == 3 ? '\n' : ' ');
	fprintf(stderr, "frm %u\n", f->b->abi.frm);
	fprintf(stderr, "%s %s\n", machine_dump(f->m, DUMP), DUMP);
}

static u64 current;

static void on_abort(int sig)
{
	(void)sig;
	fprintf(stderr, "aborted at seed %llu\n", (unsigned long long)current);
}

/* One region in all feature sets; false: they differ. */
static bool fuzz_one(struct fuzz *f, u64 seed, bool passes)
{
	struct gen_opts o = {
		.insns = seed % 7 ? 12 : 60,
		.memory = seed % 3 != 0,
		.fp = seed % 4 != 0,
		.integer = seed % 4 != 1,
		.calls = seed % 5 == 0,
	};
	bool no_links = seed % 2, count = seed % 11 == 0;

	current = seed;
	arena_reset(&f->arena);
	gen_region(
	    &f->r, &f->arena, seed % 13 ? 0x10000 : 0x7f1234567890, seed, &o);
	if (f->r.failed)
		return true;
	if (passes)
		translate_passes(&fake_guest, &f->r,
		    &(struct pipeline_opts){ .verify = true });
	const char *e = ir_verify(&fake_guest, &f->r);
	cr_assert(!e, "seed %llu: %s", (unsigned long long)seed, e);

	for (unsigned level = 0; level < LEVELS; level++) {
		f->m->features = without(level);
		fresh_state(f, seed);
		memcpy(f->m->data, f->before, DATA_SIZE);
		machine_interp(f->m, f->a, &f->r, &f->arena);
		memcpy(f->after, f->m->data, DATA_SIZE);
		memcpy(f->m->data, f->before, DATA_SIZE);
		int err =
		    machine_compile(f->m, &f->r, no_links, count, &f->arena);
		cr_assert(err == 0, "seed %llu: compile says %d",
		    (unsigned long long)seed, err);
		if (getenv("METIC_SEED")) /* before it may crash */
			report(f, seed, level);
		machine_native(f->m, f->b);
		if (!differences(f, false))
			continue;
		differences(f, true);
		fresh_state(f, seed);
		report(f, seed, level);
		return false;
	}
	return true;
}

static void run(enum as_kind as, u64 first, bool passes)
{
	struct fuzz *f = fuzz_new(as);
	const char *n = getenv("METIC_FUZZ"), *one = getenv("METIC_SEED");
	u64 count = n ? strtoull(n, NULL, 0) : 4000, bad = 0;

	signal(SIGABRT, on_abort);
	if (one) {
		first = strtoull(one, NULL, 0);
		count = 1;
	}
	for (u64 k = 0; k < count && !bad; k++)
		bad += !fuzz_one(f, first + k, passes);
	fuzz_free(f);
	cr_expect(!bad);
}

Test(fuzz, identity)
{
	run(AS_IDENTITY, 1, false);
}

Test(fuzz, based)
{
	run(AS_BASED, 1000000, false);
}

Test(fuzz, passes)
{
	run(AS_IDENTITY, 2000000, true);
}
