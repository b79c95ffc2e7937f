/*
 * faults.c - every instruction that can fault does, in every position of a
 * block and in every tier, and the embedder sees the exact state: pc,
 * registers, fp flags, memory, and what the fault was.
 *
 * What is right: the state of a run by the interpreter with an ebreak where
 * the instruction stands; reason and address are known.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "frontend/riscv/lift.h"
#include "runtime/api/metic.h"
#include "tests/exec/fault_code.h"

#define CODE 0x20000u
#define CODE_SIZE 4096u
#define DATA 0x40000u /* what follows it is not mapped */
#define RO 0x50000u
#define END (DATA + 4096u)

enum { INTERP, BASELINE, CHECK, NTIERS };
static const char *const tier_name[] = { "interp", "baseline", "lock step" };

struct place {
	metic_vm *vm;
	metic_vcpu *cpu;
	int x[32], f[32];
};

struct state {
	u64 x[32], f[32];
	unsigned fflags;
	u8 data[4096], ro[4096];
	struct metic_exit why;
};

/* A sequence, its start, and the registers that matter. */
struct run {
	struct fc_code code;
	u64 pc, base, data;
	u32 seed;
};

static u8 pattern[4096];

static struct place open_place(int tier)
{
	static const char *const x[] = { "zero", "ra", "sp", "gp", "tp", "t0",
		"t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
		"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9",
		"s10", "s11", "t3", "t4", "t5", "t6" };
	static const char *const f[] = { "ft0", "ft1", "ft2", "ft3", "ft4",
		"ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3",
		"fa4", "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6",
		"fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10",
		"ft11" };
	struct metic_config config = METIC_CONFIG_INIT;
	struct place p;

	config.tier = tier == INTERP ? METIC_TIER_INTERP : METIC_TIER_AUTO;
	config.check = tier == CHECK;
	cr_assert(metic_create(&config, &p.vm) == METIC_OK);
	p.cpu = metic_cpu(p.vm);
	for (unsigned k = 0; k < 32; k++) {
		p.x[k] = metic_reg(p.vm, x[k]);
		p.f[k] = metic_reg(p.vm, f[k]);
		cr_assert((k == 0 || p.x[k] >= 0) && p.f[k] >= 0);
	}
	for (unsigned k = 0; k < sizeof(pattern); k++)
		pattern[k] = (u8)(k * 7 + 1);
	cr_assert(!metic_map(p.vm, CODE, CODE_SIZE, METIC_READ | METIC_EXEC));
	cr_assert(!metic_map(p.vm, DATA, 4096, METIC_READ | METIC_WRITE));
	cr_assert(!metic_map(p.vm, RO, 4096, METIC_READ));
	cr_assert(!metic_write(p.vm, DATA, pattern, 4096));
	cr_assert(!metic_write(p.vm, RO, pattern, 4096));
	return p;
}

static void run(struct place *p, const struct run *r, struct state *out)
{
	u64 x[32], f[32];

	fc_registers(r->seed, x, f);
	x[FC_BASE] = x[FC_SP] = r->base;
	x[FC_DATA] = r->data;
	cr_assert(
	    !metic_write(p->vm, r->pc, r->code.half, 2 * (size_t)r->code.n));
	for (unsigned k = 0; k < 32; k++) {
		if (k)
			metic_set(p->cpu, (unsigned)p->x[k], x[k]);
		metic_set(p->cpu, (unsigned)p->f[k], f[k]);
	}
	metic_set_fflags(p->cpu, 0);
	metic_set_pc(p->cpu, r->pc);
	out->why.size = sizeof(out->why);
	cr_assert(!metic_run(p->cpu, 0, &out->why));
	for (unsigned k = 0; k < 32; k++) {
		out->x[k] = k ? metic_get(p->cpu, (unsigned)p->x[k]) : 0;
		out->f[k] = metic_get(p->cpu, (unsigned)p->f[k]);
	}
	out->fflags = metic_get_fflags(p->cpu);
	cr_assert(!metic_read(p->vm, DATA, out->data, 4096));
	cr_assert(!metic_read(p->vm, RO, out->ro, 4096));
}

static void compare(
    const struct state *want, const struct state *got, const char *what)
{
	for (unsigned k = 0; k < 32; k++) {
		cr_assert(want->x[k] == got->x[k], "%s: x%u is %llx, not %llx",
		    what, k, (unsigned long long)got->x[k],
		    (unsigned long long)want->x[k]);
		cr_assert(want->f[k] == got->f[k], "%s: f%u is %llx, not %llx",
		    what, k, (unsigned long long)got->f[k],
		    (unsigned long long)want->f[k]);
	}
	cr_assert(want->fflags == got->fflags, "%s: fflags %x, not %x", what,
	    got->fflags, want->fflags);
	cr_assert(!memcmp(got->data, pattern, 4096) &&
		!memcmp(got->ro, pattern, 4096),
	    "%s: memory changed", what);
	cr_assert(want->why.reason == got->why.reason &&
		want->why.pc == got->why.pc && want->why.arg == got->why.arg,
	    "%s: %s at %llx arg %llx, not %s at %llx arg %llx", what,
	    metic_exit_name(got->why.reason), (unsigned long long)got->why.pc,
	    (unsigned long long)got->why.arg, metic_exit_name(want->why.reason),
	    (unsigned long long)want->why.pc,
	    (unsigned long long)want->why.arg);
}

/* What a fault looks like, but for the registers. */
struct fault {
	enum metic_exit_reason reason;
	u64 base, arg;
	u32 first; /* instruction in front, or 0 */
};

static unsigned runs;

static void try_fault(struct place p[NTIERS], const struct fc_insn *i,
    enum fc_shape shape, const struct fault *x)
{
	static struct state want, got;
	struct run r = { .pc = CODE,
		.base = x->base,
		.data = 0x123456789abcdef0,
		.seed = runs + 1 };
	char what[100];

	fc_build(&r.code, fc_breakpoint(i->word), shape, r.seed, x->first);
	run(&p[INTERP], &r, &want);
	cr_assert(want.why.reason == METIC_EXIT_BREAK &&
		want.why.pc == CODE + r.code.at,
	    "%s in shape %d: no breakpoint", i->text, shape);
	want.why.reason = x->reason;
	want.why.arg = x->arg;
	if (i->kind == FC_JUMP) {
		unsigned size = (i->word & 3) == 3 ? 4 : 2;
		bool link = size == 4 ? i->word & 0xf80 : i->word & 0x1000;
		want.why.pc = x->base;
		if (link)
			want.x[FC_LINK] = CODE + r.code.at + size;
	}
	fc_build(&r.code, i->word, shape, r.seed, x->first);
	for (unsigned t = 0; t < NTIERS; t++) {
		snprintf(what, sizeof(what), "%s, shape %d, base %llx, %s",
		    i->text, shape, (unsigned long long)x->base, tier_name[t]);
		run(&p[t], &r, &got);
		compare(&want, &got, what);
	}
	runs++;
}

static void each_shape(
    struct place p[NTIERS], const struct fc_insn *i, const struct fault *x)
{
	for (unsigned s = 0; s < FC_NSHAPES; s++)
		try_fault(p, i, (enum fc_shape)s, x);
}

/* Addresses where nothing is: beyond a page, far away, not canonical. */
static void try_unmapped(struct place p[NTIERS], const struct fc_insn *i)
{
	static const u64 bases[] = { END, 0, 0xfffff000, METIC_ADDRESS_SPACE,
		1ull << 40, 0x4000000000000000, 0x8000000000000000,
		0xfffffffffffff000, 0xfffffffffffffff8 };

	for (size_t k = 0; k < ARRAY_LEN(bases); k++) {
		struct fault x = { METIC_EXIT_MEMORY, bases[k], bases[k], 0 };
		each_shape(p, i, &x);
	}
}

static void try_memory(struct place p[NTIERS], const struct fc_insn *i)
{
	bool writes = i->kind != FC_LOAD && i->kind != FC_LR;
	bool atomic = i->kind >= FC_LR;

	try_unmapped(p, i);
	for (unsigned k = 1; k < i->size; k++) {
		struct fault x = { atomic ? METIC_EXIT_MISALIGNED :
					    METIC_EXIT_MEMORY,
			END - k, atomic ? END - k : END, 0 };
		each_shape(p, i, &x);
	}
	if (writes) {
		/* sc: with a reservation, or it may fail without trying */
		u32 lr = i->size == 4 ? 0x1000202f : 0x1000302f;
		struct fault x = { METIC_EXIT_MEMORY, RO + 16, RO + 16,
			i->kind == FC_SC ? lr | 12 << 7 | FC_BASE << 15 : 0 };
		each_shape(p, i, &x);
	}
}

static void try_jump(struct place p[NTIERS], const struct fc_insn *i)
{
	static const u64 bases[] = { END, DATA, RO + 2, 0, 0xfffff000,
		METIC_ADDRESS_SPACE, 0x4000000000000000, 0xfffffffffffffffe };

	for (size_t k = 0; k < ARRAY_LEN(bases); k++) {
		struct fault x = { METIC_EXIT_FETCH, bases[k], bases[k], 0 };
		each_shape(p, i, &x);
	}
}

Test(faults, every_instruction)
{
	struct place p[NTIERS];

	for (int t = 0; t < NTIERS; t++)
		p[t] = open_place(t);
	for (size_t k = 0; k < FC_NINSNS; k++) {
		const struct fc_insn *i = &fc_insns[k];
		struct fault x = { METIC_EXIT_ILLEGAL, DATA, i->word, 0 };
		if (i->kind == FC_JUMP)
			try_jump(p, i);
		else if (i->kind != FC_WORD)
			try_memory(p, i);
		else
			each_shape(p, i, &x);
	}
	cr_expect(runs > 8000, "%u runs", runs);
	for (int t = 0; t < NTIERS; t++)
		metic_destroy(p[t].vm);
}

/* Rounding dynamically in a mode that does not exist is illegal. */
Test(faults, rounding_mode)
{
	static const struct fc_insn rounds[] = {
		{ "fadd.s", 0x00b5f5d3, FC_WORD, 4, false },
		{ "fsub.d", 0x0ab5f5d3, FC_WORD, 4, false },
		{ "fsqrt.d", 0x5a05f5d3, FC_WORD, 4, false },
		{ "fmadd.s", 0x58b5f5c3, FC_WORD, 4, false },
		{ "fcvt.w.s", 0xc005f5d3, FC_WORD, 4, false },
		{ "fcvt.s.lu", 0xd035f5d3, FC_WORD, 4, false },
		{ "fcvt.s.d", 0x4015f5d3, FC_WORD, 4, false },
	};
	struct place p[NTIERS];

	for (int t = 0; t < NTIERS; t++)
		p[t] = open_place(t);
	for (size_t k = 0; k < ARRAY_LEN(rounds); k++)
		for (u32 mode = 5; mode < 8; mode++) {
			struct fault x = { METIC_EXIT_ILLEGAL, DATA,
				rounds[k].word, 0x00205073 | mode << 15 };
			try_fault(p, &rounds[k], FC_FIRST, &x);
		}
	for (int t = 0; t < NTIERS; t++)
		metic_destroy(p[t].vm);
}

/*
 * At the end of the executable memory: an instruction of which half is
 * missing faults there with its own pc, the one in front of it still works.
 */
Test(faults, fetch)
{
	static struct state got;
	u64 end = CODE + CODE_SIZE;

	for (int t = 0; t < NTIERS; t++)
		for (unsigned next = 0; next < 2; next++) {
			struct place p = open_place(t);
			struct run r = { .pc = end - 6, .base = DATA };

			if (next) /* data follows, else nothing */
				cr_assert(!metic_map(
				    p.vm, end, 4096, METIC_READ | METIC_WRITE));
			fc_put(&r.code, 0x00150513); /* addi a0, a0, 1 */
			r.code.half[r.code.n++] = 0x0513; /* half of it */
			run(&p, &r, &got);
			cr_expect(got.x[10] == DATA + 1);
			cr_expect(got.why.reason == METIC_EXIT_FETCH &&
				got.why.pc == end - 2 && got.why.arg == end,
			    "%s: %s at %llx arg %llx", tier_name[t],
			    metic_exit_name(got.why.reason),
			    (unsigned long long)got.why.pc,
			    (unsigned long long)got.why.arg);
			r.code.half[2] = 0x0505; /* c.addi a0, 1 */
			run(&p, &r, &got);
			cr_expect(got.x[10] == DATA + 2);
			cr_expect(got.why.reason == METIC_EXIT_FETCH &&
			    got.why.pc == end && got.why.arg == end);
			metic_destroy(p.vm);
		}
}

/* ecall and ebreak: the first leaves with the pc behind it. */
Test(faults, calls)
{
	static struct state want, got;

	for (int t = 0; t < NTIERS; t++) {
		struct place p = open_place(t);
		for (unsigned s = 0; s < FC_NSHAPES; s++) {
			struct run r = { .pc = CODE, .base = DATA, .seed = s };
			fc_build(&r.code, 0x00100073, s, s, 0);
			run(&p, &r, &want);
			cr_assert(want.why.pc == CODE + r.code.at);
			fc_build(&r.code, 0x00000073, s, s, 0);
			run(&p, &r, &got);
			want.why.reason = METIC_EXIT_SYSCALL;
			want.why.pc += 4;
			compare(&want, &got, tier_name[t]);
		}
		metic_destroy(p.vm);
	}
}

/* Every row that touches memory is in the table. */
Test(faults, table_is_complete)
{
	for (u32 row = 1; row < RV_NROWS; row++) {
		const struct rv_row *r = &rv_rows[row];
		bool found = false;

		if (r->lift != rv_load && r->lift != rv_store &&
		    r->lift != rv_flw && r->lift != rv_fld &&
		    r->lift != rv_fstore && r->lift != rv_lr &&
		    r->lift != rv_sc && r->lift != rv_amow &&
		    r->lift != rv_amod)
			continue;
		for (size_t k = 0; k < FC_NINSNS; k++)
			found |= !strcmp(fc_insns[k].text, r->text) &&
			    (fc_insns[k].word & r->mask) == r->match;
		cr_expect(found, "%s is not there", r->text);
	}
}
