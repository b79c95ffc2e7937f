/*
 * vm.c - see vm.h. A loop looks like this:
 *
 *	csrw frm, t0
 *	1:
 *	  fld fa, 0(a0) ...             operands, each of `group` records
 *	  ld t2, 24(a0); csrw fflags, t2
 *	  jr t1; 2:                     `split` only, the first time: code is
 *	                                another where flags were set before
 *	  INSN fd, fa, fb, fc ...       each of `group`
 *	  csrr t3, fflags
 *	  fsd fd, 32(a0) ... ; sd t3, 40(a0)
 *	...                             until FP_ROUND records are done
 *	addi a0, a0, SIZE; bne a0, a1, 1b; ebreak
 *
 * Several records a round, because lock step works by blocks.
 *
 * In the optimizing tier accesses to a csr are the baseline's, so they stand
 * outside of the inner loop, whose head is the landing:
 *
 *	csrw frm, t0
 *	1:
 *	  ld t2, 24(a0); csrw fflags, t2; addi t4, a0, SIZE * share; j 2f
 *	  2:
 *	    fld ...; INSN ...; fsd ...  as above, a group of records
 *	  addi a0, a0, SIZE * group; bne a0, t4, 2b; j 3f
 *	  3: csrr t3, fflags; sd t3, ...
 *	bne a0, a1, 1b; ebreak
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "frontend/riscv/insn.h"
#include "frontend/riscv/lift.h"
#include "runtime/exec/tier.h"
#include "tests/fp/vm.h"

extern const struct guest_isa guest_riscv64;

#define CODE 0x71000000u
#define CODE_SIZE 0x10000u
#define DATA 0x72000000u
#define DATA_SIZE ALIGN_UP(FP_BATCH * sizeof(struct fp_record), HOST_PAGE)
#define NMODES 8u /* of the rm field; 5 and 6 are not used */
#define LOOP_WORDS 48u
#define SIZE ((u32)sizeof(struct fp_record))

/* x-registers */
enum {
	T0 = 5,
	T1 = 6,
	T2 = 7,
	A0 = 10,
	A1 = 11,
	A4 = 14,
	A5 = 15,
	T3 = 28,
	T4 = 29
};

/* What became of a loop in the optimizing tier. */
enum { UNTRIED, UNIT, LEFT };

struct fp_vm {
	struct metic_vm *vm;
	bool optimizing;
	struct fp_variant variant[FP_VARIANTS];
	u64 start[FP_VARIANTS][NMODES], landing[FP_VARIANTS][NMODES];
	u64 insn[FP_VARIANTS][NMODES]; /* the instruction, or the first */
	u8 unit[FP_VARIANTS][NMODES];
	const struct fp_insn *i;
};

struct writer {
	u32 *word;
	u32 n, loop, landing, first;
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
		put(w, i_type(load, source(w, u, k), A0, SIZE * at + 8 * k));
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

static void put_result(struct writer *w, u32 u, u32 at)
{
	u32 store = fp_is_float(w->insn->to) ? RV_FSD : RV_SD;

	put(w, s_type(store, target(w, u), A0, SIZE * at + 32));
}

/* Back to `to` until a0 is as register `end`. */
static u32 branch_back(const struct writer *w, u32 to, u32 end)
{
	u32 v = (to - w->n) * 4;

	return rv_rows[RV_BNE].match | A0 << 15 | end << 20 |
	    bits(v, 12, 1) << 31 | bits(v, 5, 6) << 25 | bits(v, 1, 4) << 8 |
	    bits(v, 11, 1) << 7;
}

/* Records `at` and on, as many as share one look at the flags. */
static void put_group(struct writer *w, u32 rm, u32 at)
{
	u32 group = w->v->group;

	for (u32 u = 0; u < group; u++)
		put_loads(w, u, at + u);
	put(w, i_type(RV_LD, T2, A0, SIZE * at + 24));
	put(w, i_type(RV_CSRRW, 0, T2, 1));
	if (!at) {
		if (w->v->split)
			put(w, i_type(RV_JALR, 0, T1, 0));
		w->landing = w->n;
	}
	for (u32 u = 0; u < group; u++)
		put_insn(w, u, rm);
	put(w, i_type(RV_CSRRS, T3, 0, 1));
	for (u32 u = 0; u < group; u++)
		put_result(w, u, at + u);
	put(w, s_type(RV_SD, T3, A0, SIZE * at + 40));
}

static void put_loop(struct writer *w, u32 rm)
{
	put(w, i_type(RV_CSRRW, 0, T0, 2));
	w->loop = w->n;
	for (u32 at = 0; at < FP_ROUND; at += w->v->group)
		put_group(w, rm, at);
	put(w, i_type(RV_ADDI, A0, A0, SIZE * FP_ROUND));
	put(w, branch_back(w, w->loop, A1));
	put(w, rv_rows[RV_EBREAK].match);
}

/* jal x0, to the next instruction: it ends a block. */
static void put_jump(struct writer *w)
{
	put(w, rv_rows[RV_JAL].match | 4u << 20);
}

static void put_unit_loop(struct writer *w, u32 rm)
{
	u32 group = w->v->group, share = w->v->share;

	put(w, i_type(RV_CSRRW, 0, T0, 2));
	w->loop = w->n;
	put(w, i_type(RV_LD, T2, A0, 24));
	put(w, i_type(RV_CSRRW, 0, T2, 1));
	put(w, i_type(RV_ADDI, T4, A0, SIZE * share));
	put_jump(w);
	w->landing = w->n;
	for (u32 u = 0; u < group; u++)
		put_loads(w, u, u);
	if (w->v->split)
		put_jump(w);
	w->first = w->n;
	for (u32 u = 0; u < group; u++)
		put_insn(w, u, rm);
	for (u32 u = 0; u < group; u++)
		put_result(w, u, u);
	put(w, i_type(RV_ADDI, A0, A0, SIZE * group));
	put(w, branch_back(w, w->landing, T4));
	put_jump(w); /* what follows is no part of the unit's block */
	put(w, i_type(RV_CSRRS, T3, 0, 1));
	put(w, s_type(RV_SD, T3, A0, (40 - SIZE * share) & 0xfff));
	put(w, branch_back(w, w->loop, A1));
	put(w, rv_rows[RV_EBREAK].match);
}

static void choose(
    struct fp_vm *m, u32 k, const struct fp_insn *i, struct fp_rng *g)
{
	struct fp_variant *v = &m->variant[k];
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
	/* the rounds of an inner loop share them, too */
	v->share = m->optimizing && k % 3 ? 2 * v->group : v->group;
	v->split = k & 4;
	v->same = k == 5 && i->nargs > 1;
	v->singles = i->from == FP_S && (k == 2 || k == 5 || k == 0);
}

static enum vm_action leave(struct vcpu *v, u32 reason, u64 arg)
{
	(void)v;
	(void)reason;
	(void)arg;
	return VM_LEAVE;
}

static const struct vm_hooks hooks = { leave };

static bool map(struct metic_vm *vm, gva_t a, size_t size, u8 prot)
{
	struct map_range r = { .start = a, .end = a + size, .prot = prot };
	void *at = (void *)(uintptr_t)a;

	return mmap(at, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		   0) == at &&
	    map_set(&vm->map, &r) == 0;
}

struct fp_vm *fp_vm_new(const struct fp_how *how)
{
	/* units are not dropped for being left too soon if they are waited
	   for, and nothing is sampled */
	struct vm_config cfg = { .tier = how->tier,
		.check = how->check,
		.jitd = how->jitd,
		.jit_wait = how->tier == TIER_OPTIMIZING };
	struct fp_vm *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->optimizing = how->tier == TIER_OPTIMIZING;
	if (vm_new(&guest_riscv64, AS_IDENTITY, 0, &hooks, &cfg, &m->vm) ||
	    !vcpu_new(m->vm) || (m->optimizing && !m->vm->exec->tier) ||
	    !map(m->vm, CODE, CODE_SIZE, MAP_PROT_R | MAP_PROT_X) ||
	    !map(m->vm, DATA, DATA_SIZE, MAP_PROT_R | MAP_PROT_W)) {
		fp_vm_free(m);
		return NULL;
	}
	return m;
}

void fp_vm_free(struct fp_vm *m)
{
	if (m->vm)
		vm_free(m->vm);
	free(m);
}

void fp_vm_prepare(struct fp_vm *m, const struct fp_insn *i, struct fp_rng *g)
{
	struct writer w = { .word = (u32 *)(uintptr_t)CODE, .insn = i };

	_Static_assert(FP_VARIANTS * NMODES * LOOP_WORDS * 4 <= CODE_SIZE,
	    "the loops of an instruction must fit");
	for (u32 k = 0; k < FP_VARIANTS; k++) {
		w.v = &m->variant[k];
		choose(m, k, i, g);
		for (u32 rm = 0; rm < NMODES; rm++) {
			m->start[k][rm] = CODE + 4ull * w.n;
			if (m->optimizing)
				put_unit_loop(&w, rm);
			else
				put_loop(&w, rm);
			m->landing[k][rm] = CODE + 4ull * w.landing;
			m->insn[k][rm] = CODE + 4ull * w.first;
		}
	}
	m->i = i;
	memset(m->unit, UNTRIED, sizeof(m->unit));
	exec_invalidate(m->vm, CODE, CODE + CODE_SIZE, false);
}

const struct fp_variant *fp_vm_variant(const struct fp_vm *m, u32 variant)
{
	return &m->variant[variant];
}

bool fp_vm_ready(struct fp_vm *m, u32 variant, u32 rm)
{
	u8 *unit = &m->unit[variant][rm];

	if (!m->optimizing)
		return true;
	if (*unit == UNTRIED)
		*unit = tier_compile(m->vm->vcpus, m->landing[variant][rm]) ?
		    UNIT :
		    LEFT;
	return *unit == UNIT;
}

/* Has the baseline code for pc? A unit that leaves it out, or that does not
   take the state at its entry, has that made. */
static bool in_baseline(const struct fp_vm *m, gva_t pc)
{
	const struct exec *ex = m->vm->exec;

	for (size_t k = 0; k < ex->ntb; k++) {
		const struct tb *tb = ex->by_code[k];
		if (!tb->unit && !tb->dead && pc - tb->pc < tb->len)
			return true;
	}
	return false;
}

/* What a unit may ask of the state: a register that holds floats has good
   boxes, one of doubles no other NaN than the canonical one. */
static void clear_floats(struct fp_vm *m, const struct fp_variant *v)
{
	u64 *f = m->vm->vcpus->abi.state + RV_SLOT_F;

	for (u32 u = 0; u < 2; u++) {
		for (u32 k = 0; k < 3; k++)
			f[v->f[u][k]] = m->i->from == FP_S ? FP_BOX : 0;
		if (fp_is_float(m->i->to))
			f[v->f[u][3]] = m->i->to == FP_S ? FP_BOX : 0;
	}
}

bool fp_vm_run(struct fp_vm *m, u32 variant, u32 rm, u32 frm,
    struct fp_record *rec, u32 n, const char **why, gva_t *pc)
{
	struct abi_state *s = &m->vm->vcpus->abi;
	size_t size = n * sizeof(*rec);
	void *data = (void *)(uintptr_t)DATA;

	s->state[T0] = frm;
	s->state[T1] = m->landing[variant][rm];
	s->state[A0] = DATA;
	s->state[A1] = DATA + size;
	s->pc = m->start[variant][rm];
	clear_floats(m, &m->variant[variant]);
	memcpy(data, rec, size);
	u32 reason = exec_run(m->vm->vcpus);
	memcpy(rec, data, size);
	*why = exec_reason_name(reason);
	*pc = s->pc;
	if (m->optimizing && in_baseline(m, m->insn[variant][rm]))
		m->unit[variant][rm] = LEFT;
	return reason == EXIT_BREAK;
}

u64 fp_vm_units(const struct fp_vm *m)
{
	return m->vm->stats.units;
}
