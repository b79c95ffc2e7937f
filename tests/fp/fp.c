/*
 * fp.c - every F and D instruction, bits and flags, against the oracle.
 *
 *	fp [--cases N] [--tier NAME] [--only TEXT] [--part K/N] [--seed N]
 *	   [--jitd FILE] [--variants N]
 *
 * Tiers: a row each in `tiers`. --part 2/3 takes every third instruction,
 * beginning with the second: N such processes together do them all.
 * For each instruction N cases in the chosen tier: operands from values.c,
 * every combination of a rounding mode field and frm (most cases where field
 * and frm agree, which is what programs do), accrued flags from before. The
 * expected result is the host unit's; of a sixteenth of the batches, and of
 * what the host cannot do, MPFR's, and where both can tell they must agree.
 * The first difference ends it.
 *
 * The optimizing tier needs --jitd. It compiles each loop, which takes its
 * time: --variants takes that many of an instruction's. What it leaves to the
 * baseline is not run but listed; more than left_alone() says is a failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontend/riscv/insn.h"
#include "tests/fp/vm.h"

struct run {
	struct fp_vm *vm;
	struct fp_rng g;
	bool optimizing;
	u64 cases; /* of each instruction */
	const char *only;
	u64 cross; /* where the walk over the cross product is */
	u32 variants, first; /* how many loops of an instruction, from where */
	u64 done, exact; /* cases of this instruction; by fp_exact */
	u8 left; /* rm fields of it that the tier leaves, a bit each */
	u32 total_left;
	u64 total, total_exact;
};

/* Combinations of field and frm: their shares of the cases. */
static u32 share(const struct fp_insn *i, u32 rm, u32 frm)
{
	if (!i->rm)
		return rm == FP_DYN ? 200 : 0;
	if (rm == FP_DYN)
		return frm == FP_RMM ? 1 : 200;
	if (rm == frm && rm != FP_RMM)
		return 40;
	return rm == 5 || rm == 6 ? 0 : 1;
}

/* Of how many they are shares. */
static u32 shares(const struct fp_insn *i)
{
	u32 sum = 0;

	for (u32 k = 0; k < 8 * 5; k++)
		sum += share(i, k / 5, k % 5);
	return sum;
}

static const char *name(const struct fp_insn *i)
{
	return rv_rows[i->row].text;
}

static void show(const char *what, const struct fp_answer *a)
{
	printf("  %-8s %016llx flags %02x\n", what, (unsigned long long)a->bits,
	    a->flags);
}

static void show_case(const struct fp_insn *i, const u64 in[3], u32 rm, u32 frm)
{
	printf("DIFFERENCE %s rm %u frm %u", name(i), rm, frm);
	for (u32 k = 0; k < i->nargs; k++)
		printf(" %016llx", (unsigned long long)in[k]);
	printf("\n");
}

/* What the case must give; false: the two oracles disagree. */
static bool expect(struct run *r, const struct fp_insn *i, const u64 in[3],
    u32 mode, bool both, struct fp_answer *want)
{
	struct fp_answer exact;
	bool host = fp_host(i, in, mode, want);

	if (host && !both)
		return true;
	if (!fp_exact(i, in, mode, &exact))
		return host; /* no MPFR: main has left such cases out */
	r->exact++;
	if (host && (want->bits != exact.bits || want->flags != exact.flags)) {
		show_case(i, in, mode, mode);
		printf("the oracles disagree\n");
		show("host", want);
		show("exact", &exact);
		return false;
	}
	*want = exact;
	return true;
}

static void make_operands(struct run *r, const struct fp_insn *i,
    const struct fp_variant *v, struct fp_record *rec)
{
	fp_operands(&r->g, i, r->cross, rec->in);
	r->cross++;
	if (v->singles)
		for (u32 k = 0; k < 3; k++)
			rec->in[k] |= FP_BOX;
	if (v->same)
		rec->in[1] = rec->in[0];
	rec->flags = fp_below(&r->g, 2) ? 0 : fp_below(&r->g, 32);
}

/* One batch of n records through one loop. */
static bool run_batch(
    struct run *r, const struct fp_insn *i, u32 rm, u32 frm, u32 n, bool both)
{
	static struct fp_record rec[FP_BATCH];
	static struct fp_answer want[FP_BATCH];
	u32 variant = (r->first + fp_below(&r->g, r->variants)) % FP_VARIANTS;
	const struct fp_variant *v = fp_vm_variant(r->vm, variant);
	u32 mode = rm == FP_DYN ? frm : rm;
	const char *why;
	gva_t pc;

	if (!fp_vm_ready(r->vm, variant, rm)) {
		r->left |= (u8)(1u << rm);
		return true;
	}
	for (u32 k = 0; k < n; k++) {
		make_operands(r, i, v, &rec[k]);
		if (!expect(r, i, rec[k].in, mode, both, &want[k]))
			return false;
	}
	if (!fp_vm_run(r->vm, variant, rm, frm, rec, n, &why, &pc)) {
		printf("%s rm %u frm %u: %s at %llx\n", name(i), rm, frm, why,
		    (unsigned long long)pc);
		return false;
	}
	for (u32 k = 0; k < n; k++) {
		struct fp_answer got = { rec[k].out, want[k].flags };
		if (k % v->share == 0) { /* the flags of all that share them */
			u32 flags = (u32)rec[k].flags;
			for (u32 u = 0; u < v->share; u++)
				flags |= want[k + u].flags;
			got.flags = (u32)rec[k].out_flags;
			want[k].flags = flags;
		}
		if (got.bits == want[k].bits && got.flags == want[k].flags)
			continue;
		show_case(i, rec[k].in, rm, frm);
		printf("variant %u, group of %u, %u share flags, before "
		       "%02llx\n",
		    variant, v->group, v->share,
		    (unsigned long long)rec[k].flags);
		show("expected", &want[k]);
		show("got", &got);
		return false;
	}
	if (fp_vm_ready(r->vm, variant, rm))
		r->done += n;
	else
		r->left |= (u8)(1u << rm);
	return true;
}

/* All cases of one combination. */
static bool run_mode(
    struct run *r, const struct fp_insn *i, u32 rm, u32 frm, u64 cases)
{
	if (cases < 128)
		cases = 128;
	for (u64 n = 0; n < cases; n += FP_BATCH) {
		u64 size = ALIGN_UP(cases - n, FP_ROUND);

		if (size > FP_BATCH)
			size = FP_BATCH;
		if (!run_batch(
			r, i, rm, frm, (u32)size, fp_below(&r->g, 16) == 0))
			return false;
	}
	return true;
}

/* Is that all which the optimizing tier may leave, by gen_fp.c?
   A bit for each rm field. */
static bool left_alone(const struct fp_insn *i, u8 left)
{
	u32 made = 1 << FP_DYN;

	if (i->kind == FP_CVT && !fp_is_float(i->to))
		made = i->to == FP_L ? 0xff & ~(1 << FP_RMM) :
		    i->to == FP_W    ? 1 << FP_DYN | 1 << FP_RTZ :
				       1 << FP_RTZ;
	return !(left & made);
}

static bool run_insn(struct run *r, const struct fp_insn *i)
{
	u32 sum = shares(i);

	r->done = r->exact = r->left = 0;
	r->cross = r->cases > fp_ncross(i) ? 0 : fp_next(&r->g) % fp_ncross(i);
	bool rmm = !i->rm || fp_have_mpfr();
	fp_vm_prepare(r->vm, i, &r->g);
	/* Dynamic modes first: they get the cross product of edges. RMM in
	   frm makes all code the interpreter's, in every tier. */
	for (u32 k = 8 * 5; k-- > 0;) {
		u32 rm = k / 5, frm = k % 5;
		u32 mode = rm == FP_DYN ? frm : rm, part = share(i, rm, frm);

		if (!part || (mode == FP_RMM && !rmm) ||
		    (frm == FP_RMM && r->optimizing))
			continue;
		if (!run_mode(r, i, rm, frm, r->cases * part / sum + 1))
			return false;
	}
	r->total += r->done;
	r->total_exact += r->exact;
	r->total_left += r->left != 0;
	r->first++;
	return left_alone(i, r->left);
}

/* Is every row of F and D under test, but for loads and stores? */
static bool all_covered(void)
{
	u32 missing = 0;

	for (u32 row = RV_FMADD_S; row <= RV_FCVT_D_LU; row++) {
		bool found = row == RV_FLD || row == RV_FSD;
		for (u32 k = 0; k < fp_ninsns; k++)
			found |= fp_insns[k].row == row;
		if (!found) {
			printf("%s has no oracle\n", rv_rows[row].text);
			missing++;
		}
	}
	return !missing;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How the guest is run. */
static const struct tier {
	const char *name;
	enum exec_tier tier;
	bool check; /* lock step of all there are */
} tiers[] = {
	{ "native", TIER_BASELINE, false },
	{ "interp", TIER_INTERP, false },
	{ "check", TIER_BASELINE, true },
	{ "optimizing", TIER_OPTIMIZING, false },
};

static const struct tier *find_tier(const char *text)
{
	for (u32 k = 0; k < ARRAY_LEN(tiers); k++)
		if (!strcmp(tiers[k].name, text))
			return &tiers[k];
	return NULL;
}

static int usage(void)
{
	fprintf(stderr,
	    "usage: fp [--cases N] [--tier NAME] [--only TEXT] "
	    "[--part K/N] [--seed N]\n"
	    "          [--jitd FILE] [--variants N]\ntiers:");
	for (u32 k = 0; k < ARRAY_LEN(tiers); k++)
		fprintf(stderr, " %s", tiers[k].name);
	fprintf(stderr, "\n");
	return 2;
}

/* What the command line asks for. */
struct options {
	const struct tier *tier;
	unsigned part, parts;
	const char *jitd;
};

static bool read_options(
    struct run *r, struct options *o, int argc, char **argv)
{
	for (int k = 1; k < argc; k += 2) {
		const char *v = k + 1 < argc ? argv[k + 1] : "";
		if (!strcmp(argv[k], "--cases"))
			r->cases = strtoull(v, NULL, 0);
		else if (!strcmp(argv[k], "--seed"))
			r->g.s = strtoull(v, NULL, 0);
		else if (!strcmp(argv[k], "--only"))
			r->only = v;
		else if (!strcmp(argv[k], "--variants"))
			r->variants = (u32)strtoul(v, NULL, 0);
		else if (!strcmp(argv[k], "--jitd"))
			o->jitd = v;
		else if (!strcmp(argv[k], "--tier"))
			o->tier = find_tier(v);
		else if (strcmp(argv[k], "--part") ||
		    sscanf(v, "%u/%u", &o->part, &o->parts) != 2)
			return false;
	}
	return o->tier && o->part && o->part <= o->parts && r->variants &&
	    r->variants <= FP_VARIANTS;
}

static void show_left(u8 left)
{
	if (left)
		printf(", left to the baseline: rm");
	for (u32 rm = 0; rm < 8; rm++)
		if (left >> rm & 1)
			printf(" %u", rm);
	printf("\n");
}

/* All the instructions asked for; their number, 0 after a difference. */
static u32 run_all(struct run *r, const struct options *o)
{
	u32 insns = 0;

	for (u32 k = o->part - 1; k < fp_ninsns; k += o->parts) {
		const struct fp_insn *i = &fp_insns[k];
		double t = now();
		if (!strstr(name(i), r->only))
			continue;
		bool ok = run_insn(r, i);
		printf("%-10s %10llu cases, %9llu exact, %6.2f s", name(i),
		    (unsigned long long)r->done, (unsigned long long)r->exact,
		    now() - t);
		show_left(r->left);
		if (!ok)
			return 0;
		insns++;
	}
	return insns;
}

int main(int argc, char **argv)
{
	struct run r = {
		.cases = 20000, .g = { 1 }, .only = "", .variants = FP_VARIANTS
	};
	struct options o = { &tiers[0], 1, 1, NULL };

	if (!read_options(&r, &o, argc, argv))
		return usage();
	r.optimizing = o.tier->tier == TIER_OPTIMIZING;
	if (!fp_have_mpfr())
		printf("rounding mode RMM and the exact oracle SKIPPED: "
		       "built without MPFR (package libmpfr-dev)\n");
	r.vm =
	    fp_vm_new(&(struct fp_how){ o.tier->tier, o.tier->check, o.jitd });
	if (!r.vm) {
		printf("SKIPPED: no such tier on this machine\n");
		return 77;
	}
	double start = now();
	u32 insns = all_covered() ? run_all(&r, &o) : 0;
	printf("%s: %u instructions, %llu cases, %llu exact, %.1f s: %s\n",
	    o.tier->name, insns, (unsigned long long)r.total,
	    (unsigned long long)r.total_exact, now() - start,
	    insns ? "no difference" : "FAILED");
	if (r.optimizing)
		printf("%llu units, %u instructions left in part\n",
		    (unsigned long long)fp_vm_units(r.vm), r.total_left);
	fp_vm_free(r.vm);
	return insns ? 0 : 1;
}
