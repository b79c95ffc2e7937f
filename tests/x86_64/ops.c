/*
 * ops.c - every pure and fp op by itself: each combination of types, each
 * rounding mode, operands in pins, in memory and constant, over the cross
 * product of edge values and some random ones; result and flags as eval.c
 * says.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "tests/x86_64/gen.h"
#include "translator/eval.h"
#include "translator/fpu.h"

/* Where operands come from. */
enum place { PINNED, MEMORY, CONSTANT, NPLACES };

struct op_test {
	u8 op, ty, at[3];
	u16 aux;
	unsigned nargs;
	enum place place[3];
};

struct bench {
	struct machine *m;
	struct arena arena;
	struct ir_region r;
	struct vcpu *v;
	struct rng g;
	u64 runs;
};

static u64 draw(struct bench *b, u8 ty)
{
	switch (ty) {
	case IR_I1: return rng_next(&b->g) & 1;
	case IR_I32: return (u32)rng_int(&b->g);
	case IR_I64: return rng_int(&b->g);
	case IR_F32: return rng_f32(&b->g);
	default: return rng_f64(&b->g);
	}
}

static unsigned slot_of(const struct op_test *t, unsigned k)
{
	bool fp = t->at[k] == IR_F32 || t->at[k] == IR_F64;

	if (fp)
		return FP0 + (t->place[k] == MEMORY ? 12 + k : 1 + k);
	return t->place[k] == MEMORY ? 10 + k : 1 + k;
}

/* Emit the operand: from its slot, in its type. */
static ir_ref operand(
    struct bench *b, const struct op_test *t, unsigned k, u64 value)
{
	struct ir_region *r = &b->r;
	u8 ty = t->at[k];
	bool fp = ty == IR_F32 || ty == IR_F64;

	if (t->place[k] == CONSTANT && !fp)
		return ir_const(r, ty,
		    ty == IR_I64     ? (i64)value :
			ty == IR_I32 ? (i32)value :
				       (i64)value);
	ir_ref v = ir_get(r, fp ? IR_F64 : IR_I64, slot_of(t, k));
	switch (ty) {
	case IR_I1: return ir_op2(r, IR_NE, IR_I1, v, ir_const(r, IR_I64, 0));
	case IR_I32: return ir_op1(r, IR_TRUNC, ty, v);
	case IR_F32: return ir_op1(r, IR_F32_UNBOX, ty, v);
	default: return v;
	}
}

/* Put the result where it can be read: slot r0 or f0, memory or not. */
static void result(struct ir_region *r, u8 ty, ir_ref v, bool memory)
{
	switch (ty) {
	case IR_I1: v = ir_op1(r, IR_BOOL, IR_I64, v); break;
	case IR_I32: v = ir_op1(r, IR_ZEXT32, IR_I64, v); break;
	case IR_F32: v = ir_op1(r, IR_F32_BOX, IR_F64, v); break;
	default: break;
	}
	if (ty == IR_F32 || ty == IR_F64)
		ir_put(r, IR_F64, memory ? FP0 + 15 : FP0, v);
	else
		ir_put(r, IR_I64, memory ? 15 : 0, v);
}

static void build(
    struct bench *b, const struct op_test *t, const u64 arg[3], bool memory)
{
	struct ir_insn i = { .op = t->op, .type = t->ty, .aux = t->aux };
	ir_ref o[3] = { 0 };

	arena_reset(&b->arena);
	ir_init(&b->r, &b->arena, 0x10000);
	ir_emit(&b->r, (struct ir_insn){ .op = IR_INSN_START, .imm = 0x10000 });
	for (unsigned k = 0; k < t->nargs; k++)
		o[k] = operand(b, t, k, arg[k]);
	i.a = o[0];
	i.b = o[1];
	i.c = o[2];
	result(&b->r, t->ty, ir_emit(&b->r, i), memory);
	ir_emit(&b->r, (struct ir_insn){ .op = IR_EXIT, .imm = 0x10004 });
	b->r.guest_insns = 1;
	cr_assert(machine_compile(b->m, &b->r, true, false, &b->arena) == 0);
}

/* One set of operands through the code just built. */
static void check(struct bench *b, const struct op_test *t, const u64 arg[3],
    u32 rm, bool memory)
{
	struct abi_state *s = &b->v->abi;
	struct eval_fp fp = { .rm = rm };
	bool fp_result = t->ty == IR_F32 || t->ty == IR_F64;
	u32 before = (u32)rng_next(&b->g) & 31;

	for (unsigned k = 0; k < t->nargs; k++)
		s->state[slot_of(t, k)] = t->at[k] == IR_F32 ?
		    0xffffffff00000000 | arg[k] :
		    t->at[k] == IR_I32 ? rng_next(&b->g) << 32 | arg[k] :
					 arg[k];
	s->frm = rm;
	s->fpu = fpu_make_word(rm, before);
	machine_native(b->m, b->v);
	u64 want = eval_op(t->op, t->ty, t->aux, t->at, arg, &fp);
	if (t->ty == IR_F32)
		want |= 0xffffffff00000000;
	unsigned slot = (memory ? 15 : 0) + (fp_result ? FP0 : 0);
	u64 got = s->state[slot];
	u32 flags = fpu_flags(s->fpu);
	b->runs++;
	cr_assert(got == want && flags == (before | fp.flags),
	    "%s type %d aux %d of type %d at %d %d %d, frm %u:\n"
	    "%016llx %016llx %016llx\n-> %016llx flags %x, not %016llx %x",
	    ir_opinfo[t->op].text, t->ty, t->aux, t->at[0], t->place[0],
	    t->place[1], t->place[2], rm, (unsigned long long)arg[0],
	    (unsigned long long)arg[1], (unsigned long long)arg[2],
	    (unsigned long long)got, flags, (unsigned long long)want,
	    before | fp.flags);
}

static void run_op(struct bench *b, struct op_test *t)
{
	unsigned per_mode = ir_opinfo[t->op].flags & IRF_F ? 240 : 80;

	for (unsigned p = 0; p < 6; p++) {
		bool memory = p & 1, constant = false;
		for (unsigned k = 0; k < t->nargs; k++) {
			t->place[k] = (p / 2 + k * (p + 1)) % NPLACES;
			constant |= t->place[k] == CONSTANT;
		}
		u64 arg[3] = { 0 };
		for (unsigned n = 0; n < 4 * per_mode; n++) {
			/* Code with constants is for these alone. */
			if (n % per_mode == 0 || (constant && n % 8 == 0)) {
				for (unsigned k = 0; k < t->nargs; k++)
					arg[k] = draw(b, t->at[k]);
				build(b, t, arg, memory);
			}
			for (unsigned k = 0; k < t->nargs; k++)
				if (t->place[k] != CONSTANT ||
				    t->at[k] >= IR_F32)
					arg[k] = draw(b, t->at[k]);
			check(b, t, arg, n / per_mode, memory);
		}
	}
}

static void each_mode(struct bench *b, struct op_test *t)
{
	static const u16 modes[] = { RM_DYN, RM_RNE, RM_RTZ, RM_RDN, RM_RUP,
		RM_RMM };
	unsigned n = ir_rounds(t->op) ? ARRAY_LEN(modes) : 1;

	for (unsigned m = 0; m < n; m++) {
		t->aux = ir_rounds(t->op) ? modes[m] : 0;
		run_op(b, t);
	}
}

/* Is this a combination that verify.c allows? */
static bool allowed(const struct op_test *t)
{
	const u8 ty = t->ty, a = t->at[0];
	const char *args = ir_opinfo[t->op].args;

	for (unsigned k = 0; k < t->nargs; k++) {
		u8 x = t->at[k];
		bool in = x == IR_I32 || x == IR_I64;
		bool fp = x == IR_F32 || x == IR_F64;
		switch (args[k]) {
		case 'i':
			if (!in || x != a)
				return false;
			break;
		case 'f':
			if (!fp || x != a)
				return false;
			break;
		case 'w':
			if (!in)
				return false;
			break;
		case 'l':
			if (x != IR_I64)
				return false;
			break;
		case 'b':
			if (x != IR_I1)
				return false;
			break;
		case 'd':
			if (x != IR_F64)
				return false;
			break;
		case 's':
			if (x != IR_F32)
				return false;
			break;
		case 'v':
			if (x != ty)
				return false;
			break;
		default: return false;
		}
	}
	bool ri = ty == IR_I32 || ty == IR_I64;
	bool rf = ty == IR_F32 || ty == IR_F64;
	if (ir_opinfo[t->op].result == 'b')
		return ty == IR_I1;
	switch (t->op) {
	case IR_TRUNC: return ty == IR_I32 && a == IR_I64;
	case IR_SEXT32:
	case IR_ZEXT32: return ty == IR_I64 && a == IR_I32;
	case IR_BOOL:
	case IR_FCLASS: return ri;
	case IR_SELECT: return true;
	case IR_F64_TO_F32:
	case IR_F32_UNBOX: return ty == IR_F32;
	case IR_F32_TO_F64:
	case IR_F32_BOX: return ty == IR_F64;
	case IR_S32_TO_F:
	case IR_U32_TO_F: return rf && a == IR_I32;
	case IR_S64_TO_F:
	case IR_U64_TO_F: return rf && a == IR_I64;
	case IR_F_TO_S32:
	case IR_F_TO_U32: return ty == IR_I32;
	case IR_F_TO_S64:
	case IR_F_TO_U64: return ty == IR_I64;
	case IR_FBITS: return ri && (ty == IR_I32) == (a == IR_F32);
	case IR_BITSF: return rf && (ty == IR_F32) == (a == IR_I32);
	case IR_AES_SUB: return ty == IR_I32 && a == IR_I32;
	default: return ty == a;
	}
}

static void each_op(struct bench *b)
{
	static const u8 types[] = { IR_I1, IR_I32, IR_I64, IR_F32, IR_F64 };

	for (u8 op = 0; op < IR_NOPS; op++) {
		if (!gen_supported(op))
			continue;
		const char *args = ir_opinfo[op].args;
		struct op_test t = { .op = op,
			.nargs = (unsigned)strlen(args) };
		unsigned n = 1, found = 0;
		for (unsigned k = 0; k < t.nargs; k++)
			n *= 5;
		for (unsigned code = 0; code < 5 * n; code++) {
			unsigned c = code / 5;
			t.ty = types[code % 5];
			for (unsigned k = 0; k < t.nargs; k++, c /= 5)
				t.at[k] = types[c % 5];
			if (!allowed(&t))
				continue;
			found++;
			each_mode(b, &t);
		}
		cr_expect(found, "%s: no types", ir_opinfo[op].text);
	}
}

static void run(struct x86_features f)
{
	struct bench b = { .m = machine_new(AS_IDENTITY), .g = { 42 } };

	b.v = calloc(1, sizeof(*b.v));
	b.m->features = f;
	arena_init(&b.arena);
	each_op(&b);
	cr_expect(b.runs > 1000000);
	arena_free(&b.arena);
	free(b.v);
	machine_free(b.m);
}

Test(ops, host)
{
	run(x86_features_host());
}

/* x86-64 as it was first made. */
Test(ops, oldest)
{
	run((struct x86_features){ 0 });
}
