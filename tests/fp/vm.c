/*
 * vm.c - see vm.h. A loop looks like this:
 *
 *	csrw frm, t0
 *	1:
 *	  fld fa, 0(a0) ...             operands, each of `group` records
 *	  jr t1; 2:                     `split` only, the first time
 *	  ld t2, 24(a0); csrw fflags, t2
 *	  INSN fd, fa, fb, fc ...       each of `group`
 *	  csrr t3, fflags
 *	  fsd fd, 32(a0) ... ; sd t3, 40(a0)
 *	...                             until FP_ROUND records are done
 *	addi a0, a0, SIZE; bne a0, a1, 1b; ebreak
 *
 * Several records a round, because lock step works by blocks.
 */
#include <stdlib.h>

#include "frontend/riscv/insn.h"
#include "tests/fp/vm.h"

#define CODE 0x10000u
#define CODE_SIZE 0x10000u
#define DATA 0x100000u
#define NMODES 8u /* of the rm field; 5 and 6 are not used */
#define LOOP_WORDS 48u

/* x-registers */
enum { T0 = 5, T1 = 6, T2 = 7, A0 = 10, A1 = 11, A4 = 14, A5 = 15, T3 = 28 };

struct fp_vm {
	metic_vm *vm;
	metic_vcpu *cpu;
	int t0, t1, a0, a1;
	struct fp_variant variant[FP_VARIANTS];
	u64 start[FP_VARIANTS][NMODES], landing[FP_VARIANTS][NMODES];
};

struct writer {
	u32 *word;
	u32 n, loop, landing;
	const struct fp_insn *insn;
	const struct fp_variant *v;
};

static void put(struct writer *w, u32 word)
{
	w->word[w->n++] = word;
}

static u32 i_type(u32 row, u32 rd, u32 rs1, u32 imm)
{
	return rv_rows[row].match | rd << 7 | rs1 << 15 | imm << 20;
}

static u32 s_type(u32 row, u32 rs2, u32 rs1, u32 imm)
{
	return rv_rows[row].match | rs2 << 20 | rs1 << 15 | (imm & 31) << 7 |
	    imm >> 5 << 25;
}

/* Operand k of instruction u of the group: its register. */
static u32 source(const struct writer *w, u32 u, u32 k)
{
	if (!fp_is_float(w->insn->from))
		return A4 + 2 * u;
	return w->v->f[u][k == 1 && w->v->same ? 0 : k];
}

static u32 target(const struct writer *w, u32 u)
{
	return fp_is_float(w->insn->to) ? w->v->f[u][3] : A5 + 2 * u;
}

/* Operands of record `at` of the round into the registers of place u. */
static void put_loads(struct writer *w, u32 u, u32 at)
{
	u32 load = fp_is_float(w->insn->from) ? RV_FLD : RV_LD;

	if (w->insn->from == FP_S && w->v->singles)
		load = RV_FLW;
	for (u32 k = 0; k < w->insn->nargs; k++)
		put(w,
		    i_type(load, source(w, u, k), A0,
			(u32)sizeof(struct fp_record) * at + 8 * k));
}

static void put_insn(struct writer *w, u32 u, u32 rm)
{
	const struct fp_insn *i = w->insn;
	u32 word = rv_rows[i->row].match | target(w, u) << 7;

	word |= source(w, u, 0) << 15;
	if (i->nargs > 1)
		word |= source(w, u, 1) << 20;
	if (i->nargs > 2)
		word |= source(w, u, 2) << 27;
	put(w, i->rm ? word | rm << 12 : word);
}

static u32 branch_back(const struct writer *w)
{
	u32 v = (w->loop - w->n) * 4;

	return rv_rows[RV_BNE].match | A0 << 15 | A1 << 20 |
	    bits(v, 12, 1) << 31 | bits(v, 5, 6) << 25 | bits(v, 1, 4) << 8 |
	    bits(v, 11, 1) << 7;
}

/* Records `at` and on, as many as share one look at the flags. */
static void put_group(struct writer *w, u32 rm, u32 at)
{
	const u32 size = sizeof(struct fp_record);
	u32 group = w->v->group;

	for (u32 u = 0; u < group; u++)
		put_loads(w, u, at + u);
	if (!at) {
		if (w->v->split)
			put(w, i_type(RV_JALR, 0, T1, 0));
		w->landing = w->n;
	}
	put(w, i_type(RV_LD, T2, A0, size * at + 24));
	put(w, i_type(RV_CSRRW, 0, T2, 1));
	for (u32 u = 0; u < group; u++)
		put_insn(w, u, rm);
	put(w, i_type(RV_CSRRS, T3, 0, 1));
	for (u32 u = 0; u < group; u++)
		put(w,
		    s_type(fp_is_float(w->insn->to) ? RV_FSD : RV_SD,
			target(w, u), A0, size * (at + u) + 32));
	put(w, s_type(RV_SD, T3, A0, size * at + 40));
}

static void put_loop(struct writer *w, u32 rm)
{
	put(w, i_type(RV_CSRRW, 0, T0, 2));
	w->loop = w->n;
	for (u32 at = 0; at < FP_ROUND; at += w->v->group)
		put_group(w, rm, at);
	put(w,
	    i_type(RV_ADDI, A0, A0, (u32)sizeof(struct fp_record) * FP_ROUND));
	put(w, branch_back(w));
	put(w, rv_rows[RV_EBREAK].match);
}

static void choose(
    struct fp_variant *v, u32 k, const struct fp_insn *i, struct fp_rng *g)
{
	u8 reg[32];

	for (u32 n = 0; n < 32; n++) { /* a shuffle */
		u32 at = fp_below(g, n + 1);
		reg[n] = reg[at];
		reg[at] = (u8)n;
	}
	for (u32 n = 0; n < 8; n++)
		v->f[n / 4][n % 4] = reg[n];
	/* the result may be one of the operands */
	for (u32 u = 0; u < 2; u++)
		if (k & 1)
			v->f[u][3] = v->f[u][fp_below(g, i->nargs)];
	v->group = k & 2 ? 2 : 1;
	v->split = k & 4;
	v->same = k == 5 && i->nargs > 1;
	v->singles = i->from == FP_S && (k == 2 || k == 5 || k == 0);
}

struct fp_vm *fp_vm_new(enum metic_tier tier, bool check)
{
	struct metic_config config = METIC_CONFIG_INIT;
	struct fp_vm *m = calloc(1, sizeof(*m));

	config.tier = tier;
	config.check = check;
	if (!m || metic_create(&config, &m->vm) != METIC_OK) {
		free(m);
		return NULL;
	}
	m->cpu = metic_cpu(m->vm);
	m->t0 = metic_reg(m->vm, "t0");
	m->t1 = metic_reg(m->vm, "t1");
	m->a0 = metic_reg(m->vm, "a0");
	m->a1 = metic_reg(m->vm, "a1");
	u64 size = ALIGN_UP(FP_BATCH * sizeof(struct fp_record), 4096);
	if (metic_map(m->vm, CODE, CODE_SIZE, METIC_READ | METIC_EXEC) ||
	    metic_map(m->vm, DATA, size, METIC_READ | METIC_WRITE)) {
		fp_vm_free(m);
		return NULL;
	}
	return m;
}

void fp_vm_free(struct fp_vm *m)
{
	metic_destroy(m->vm);
	free(m);
}

bool fp_vm_prepare(struct fp_vm *m, const struct fp_insn *i, struct fp_rng *g)
{
	static u32 words[FP_VARIANTS * NMODES * LOOP_WORDS];
	struct writer w = { .word = words, .insn = i };

	for (u32 k = 0; k < FP_VARIANTS; k++) {
		w.v = &m->variant[k];
		choose(&m->variant[k], k, i, g);
		for (u32 rm = 0; rm < NMODES; rm++) {
			m->start[k][rm] = CODE + 4ull * w.n;
			put_loop(&w, rm);
			m->landing[k][rm] = CODE + 4ull * w.landing;
		}
	}
	return metic_write(m->vm, CODE, words, 4ull * w.n) == METIC_OK;
}

const struct fp_variant *fp_vm_variant(const struct fp_vm *m, u32 variant)
{
	return &m->variant[variant];
}

bool fp_vm_run(struct fp_vm *m, u32 variant, u32 rm, u32 frm,
    struct fp_record *rec, u32 n, struct metic_exit *why)
{
	size_t size = n * sizeof(*rec);

	why->size = sizeof(*why);
	metic_set(m->cpu, (unsigned)m->t0, frm);
	metic_set(m->cpu, (unsigned)m->t1, m->landing[variant][rm]);
	metic_set(m->cpu, (unsigned)m->a0, DATA);
	metic_set(m->cpu, (unsigned)m->a1, DATA + size);
	metic_set_pc(m->cpu, m->start[variant][rm]);
	return metic_write(m->vm, DATA, rec, size) == METIC_OK &&
	    metic_run(m->cpu, 0, why) == METIC_OK &&
	    why->reason == METIC_EXIT_BREAK &&
	    metic_read(m->vm, DATA, rec, size) == METIC_OK;
}
