/*
 * fuzz_passes.c - random regions before and after the pipeline must do the
 * same: registers, memory, order of accesses, exits, fp flags.
 *
 * Regions are drawn from the shapes that the passes look for: registers
 * read and written again and again, few different constants, shift counts
 * that add up to a width, chains of extensions. Each also goes through the
 * text form and back. A failure prints the seed and both regions; the first
 * argument of a longer run is METIC_FUZZ=<regions> in the environment.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "tests/translator/toy.h"
#include "translator/passes.h"
#include "translator/text.h"

struct gen {
	struct rng g;
	struct ir_region *r;
	/* Values usable in the present block, by type. */
	ir_ref pool[IR_NTYPES][64];
	u32 n[IR_NTYPES];
	gva_t pc;
};

static u32 below(struct gen *x, u32 n)
{
	return (u32)(rng_next(&x->g) >> 33) % n;
}

static void keep(struct gen *x, u8 type, ir_ref v)
{
	u32 i = x->n[type] < 64 ? x->n[type]++ : below(x, 64);
	x->pool[type][i] = v;
}

static ir_ref some_const(struct gen *x, u8 type)
{
	static const i64 values[] = { 0, 1, -1, 2, 8, 16, 24, 31, 32, 33, 40,
		48, 56, 63, 0xff, 0xffff, 0xffffffff, 0x7fffffff, -32, 7, 25,
		-2147483648ll, INT64_MIN, INT64_MAX, 0x12345678 };
	i64 c = values[below(x, ARRAY_LEN(values))];
	ir_ref v = ir_const(x->r, type, c);
	keep(x, type, v);
	return v;
}

/* Recent values are more likely: chains. */
static ir_ref some(struct gen *x, u8 type)
{
	u32 n = x->n[type];

	if (type != IR_F32 && type != IR_F64 && type != IR_I1 &&
	    (!n || below(x, 4) == 0))
		return some_const(x, type);
	if (!n && type == IR_I1)
		return ir_const(x->r, IR_I1, below(x, 2));
	if (!n) {
		ir_ref v = ir_get(x->r, IR_F64, 8 + below(x, 4));
		if (type == IR_F32)
			v = ir_op1(x->r, IR_F32_UNBOX, IR_F32, v);
		keep(x, type, v);
		return v;
	}
	u32 back = below(x, 2) ? below(x, MIN(n, 4)) : below(x, n);
	return x->pool[type][n - 1 - back];
}

static u8 int_type(struct gen *x)
{
	return below(x, 3) ? IR_I64 : IR_I32;
}

/* Keep it, and mostly put it where the comparison will see it. */
static void keep_shown(struct gen *x, u8 type, ir_ref v)
{
	keep(x, type, v);
	if (below(x, 4) == 0)
		return;
	if (type == IR_I1)
		v = ir_op1(x->r, IR_BOOL, IR_I64, v);
	if (type == IR_I32)
		v = ir_op1(x->r, IR_SEXT32, IR_I64, v);
	ir_put(x->r, IR_I64, 4 + below(x, 4), v);
}

static ir_ref extension(struct gen *x, u8 ty, ir_ref v)
{
	static const u8 ops[] = { IR_SEXT8, IR_SEXT16, IR_ZEXT8, IR_ZEXT16,
		IR_SEXT32, IR_ZEXT32, IR_SEXT32, IR_ZEXT32 };
	u8 op = ops[below(x, ty == IR_I64 ? 8 : 4)];

	if (op == IR_SEXT32 || op == IR_ZEXT32)
		v = ir_op1(x->r, IR_TRUNC, IR_I32, v);
	return ir_op1(x->r, op, ty, v);
}

/* Narrow values, something that may widen them, an extension again. */
static void gen_widths(struct gen *x)
{
	static const u8 ops[] = { IR_ADD, IR_SUB, IR_MUL, IR_AND, IR_OR, IR_XOR,
		IR_SHL, IR_SHR, IR_SAR, IR_REMU, IR_SELECT };
	u8 ty = int_type(x), op = ops[below(x, ARRAY_LEN(ops))];
	ir_ref a = extension(x, ty, some(x, ty));
	ir_ref b = extension(x, ty, some(x, ty));

	if (op >= IR_SHL && op <= IR_SAR && below(x, 4))
		b = ir_const(x->r, ty, below(x, 40));
	if (op == IR_SELECT)
		a = ir_op3(x->r, op, ty, some(x, IR_I1), a, b);
	else if (below(x, 4))
		a = ir_op2(x->r, op, ty, a, b);
	keep_shown(x, ty, extension(x, ty, a));
}

/* Extended words compared with each other or a constant. */
static void gen_word_compare(struct gen *x)
{
	u8 ext = below(x, 2) ? IR_SEXT32 : IR_ZEXT32;
	u8 op = (u8)(IR_EQ + below(x, 6));
	ir_ref a = ir_op1(x->r, ext, IR_I64, some(x, IR_I32));
	ir_ref b = below(x, 2) ? some_const(x, IR_I64) :
				 ir_op1(x->r, ext, IR_I64, some(x, IR_I32));

	keep_shown(x, IR_I1,
	    below(x, 4) ? ir_op2(x->r, op, IR_I1, a, b) :
			  ir_op2(x->r, op, IR_I1, b, a));
}

static void gen_shifts(struct gen *x)
{
	u8 ty = int_type(x);
	u32 w = ty == IR_I32 ? 32 : 64, k = below(x, w), j;
	ir_ref a = some(x, ty);
	static const u8 ops[] = { IR_OR, IR_XOR, IR_ADD };

	j = below(x, 2) ? w - k : below(x, 2) ? k : below(x, w);
	ir_ref kl = ir_const(x->r, ty, k), kh = ir_const(x->r, ty, j);
	if (below(x, 3) == 0) {
		/* By a variable, sometimes 0, and its negation. */
		kl = below(x, 3) ? some(x, ty) :
				   ir_op2(x->r, IR_AND, ty, some(x, ty),
				       ir_const(x->r, ty, 1));
		kh = ir_op2(x->r, IR_SUB, ty, ir_const(x->r, ty, 0), kl);
	}
	if (below(x, 2)) {
		ir_ref t = kl;
		kl = kh;
		kh = t;
	}
	ir_ref l = ir_op2(x->r, IR_SHL, ty, a, kl);
	ir_ref from = below(x, 3) ? a : l;
	ir_ref h = ir_op2(x->r, below(x, 3) ? IR_SHR : IR_SAR, ty, from, kh);
	keep_shown(x, ty, h);
	if (from == l && below(x, 3) == 0)
		keep(x, ty, ir_op2(x->r, IR_SHL, ty, l, kh));
	if (from == a && ty == IR_I32 && below(x, 2)) {
		ty = IR_I64;
		l = ir_op1(x->r, below(x, 3) ? IR_SEXT32 : IR_ZEXT32, ty, l);
		h = ir_op1(x->r, below(x, 2) ? IR_SEXT32 : IR_ZEXT32, ty, h);
	}
	if (from == a)
		keep_shown(x, ty,
		    below(x, 2) ? ir_op2(x->r, ops[below(x, 3)], ty, l, h) :
				  ir_op2(x->r, ops[below(x, 3)], ty, h, l));
}

static void gen_int(struct gen *x)
{
	u8 ty = int_type(x), op;
	ir_ref a, b;

	switch (below(x, 14)) {
	case 0: gen_shifts(x); return;
	case 11:
	case 12: gen_widths(x); return;
	case 13: gen_word_compare(x); return;
	case 1:
		op = (u8)(IR_CLZ + below(x, IR_ZEXT16 - IR_CLZ + 1));
		keep(x, ty, ir_op1(x->r, op, ty, some(x, ty)));
		return;
	case 2:
		op = below(x, 2) ? IR_SEXT32 : IR_ZEXT32;
		keep(x, IR_I64, ir_op1(x->r, op, IR_I64, some(x, IR_I32)));
		return;
	case 3:
		keep(
		    x, IR_I32, ir_op1(x->r, IR_TRUNC, IR_I32, some(x, IR_I64)));
		return;
	case 4: keep(x, ty, ir_op1(x->r, IR_BOOL, ty, some(x, IR_I1))); return;
	case 5:
	case 6:
		op = (u8)(IR_EQ + below(x, 6));
		a = some(x, ty);
		b = below(x, 2) ? some(x, ty) : some_const(x, ty);
		keep(x, IR_I1,
		    below(x, 4) ? ir_op2(x->r, op, IR_I1, a, b) :
				  ir_op2(x->r, op, IR_I1, b, a));
		return;
	case 7:
		a = some(x, IR_I1);
		b = some(x, ty);
		keep(x, ty, ir_op3(x->r, IR_SELECT, ty, a, b, some(x, ty)));
		return;
	default:
		op = (u8)(IR_ADD + below(x, IR_ROTR - IR_ADD + 1));
		a = some(x, ty);
		b = below(x, 2) ? some(x, ty) : some_const(x, ty);
		keep(x, ty, ir_op2(x->r, op, ty, a, b));
		return;
	}
}

static void gen_fp(struct gen *x)
{
	u8 ty = below(x, 2) ? IR_F32 : IR_F64,
	   bits = ty == IR_F32 ? IR_I32 : IR_I64;
	struct ir_insn i = { .type = ty, .aux = RM_DYN };

	switch (below(x, 8)) {
	case 0:
		i.op = (u8)(IR_FADD + below(x, 4));
		i.a = some(x, ty);
		i.b = some(x, ty);
		keep(x, ty, ir_emit(x->r, i));
		break;
	case 1:
		keep(x, IR_I1,
		    ir_op2(x->r, (u8)(IR_FEQ + below(x, 3)), IR_I1, some(x, ty),
			some(x, ty)));
		break;
	case 2:
		keep(x, IR_F64,
		    ir_op1(x->r, IR_F32_BOX, IR_F64, some(x, IR_F32)));
		break;
	case 3:
		keep(x, IR_F32,
		    ir_op1(x->r, IR_F32_UNBOX, IR_F32, some(x, IR_F64)));
		break;
	case 4: keep(x, bits, ir_op1(x->r, IR_FBITS, bits, some(x, ty))); break;
	case 5: keep(x, ty, ir_op1(x->r, IR_BITSF, ty, some(x, bits))); break;
	case 6: {
		static const u8 ops[] = { IR_FNEG, IR_FABS, IR_FCANON };
		keep(x, ty, ir_op1(x->r, ops[below(x, 3)], ty, some(x, ty)));
		break;
	}
	default:
		i.op = IR_S64_TO_F;
		i.a = some(x, IR_I64);
		keep(x, ty, ir_emit(x->r, i));
		break;
	}
}

static void gen_memory(struct gen *x)
{
	u8 ty = int_type(x);
	u16 max = ty == IR_I32 ? 3 : 4;
	struct ir_insn i = { .type = ty, .imm = (i64)below(x, 64) - 32 };

	i.a = some(x, IR_I64);
	if (below(x, 2))
		i.a = ir_op2(x->r, IR_ADD, IR_I64, i.a, some_const(x, IR_I64));
	switch (below(x, 5)) {
	case 0:
		i.op = (u8)(IR_AMO_SWAP + below(x, 9));
		i.aux = (u16)((ty == IR_I32 ? 2 : 3) | MEM_ALIGNED);
		i.b = some(x, ty);
		keep(x, ty, ir_emit(x->r, i));
		break;
	case 1:
	case 2:
		i.op = IR_STORE;
		i.aux = (u16)below(x, max);
		i.b = some(x, ty);
		ir_emit(x->r, i);
		break;
	case 3:
		i.op = IR_STORE;
		i.type = below(x, 2) ? IR_F32 : IR_F64;
		i.aux = i.type == IR_F32 ? 2 : 3;
		i.b = some(x, i.type);
		ir_emit(x->r, i);
		break;
	default:
		i.op = IR_LOAD;
		i.aux = (u16)(below(x, max) | (below(x, 2) ? MEM_SIGNED : 0));
		keep(x, ty, ir_emit(x->r, i));
		break;
	}
}

static void gen_state(struct gen *x)
{
	u32 slot = below(x, 8);

	switch (below(x, 8)) {
	case 0:
		ir_emit(x->r,
		    (struct ir_insn){
			.op = IR_INSN_START, .imm = (i64)(x->pc += 4) });
		break;
	case 1:
	case 2:
	case 3: keep(x, IR_I64, ir_get(x->r, IR_I64, slot)); break;
	case 4: ir_put(x->r, IR_F64, 8 + below(x, 4), some(x, IR_F64)); break;
	case 5:
		if (below(x, 4) == 0)
			keep(x, IR_I64,
			    ir_op2(x->r, IR_HELPER, IR_I64, some(x, IR_I64),
				IR_NONE));
		break;
	default: ir_put(x->r, IR_I64, slot, some(x, IR_I64)); break;
	}
}

/* Put values of each type where the comparison sees them. */
static void show_values(struct gen *x)
{
	for (u32 k = 0; k < 4; k++) {
		u8 ty = (u8)(IR_I1 + below(x, 3));
		ir_ref v = some(x, ty);
		if (ty == IR_I1)
			v = ir_op1(x->r, IR_BOOL, IR_I64, v);
		if (ty == IR_I32)
			v = ir_op1(x->r, IR_SEXT32, IR_I64, v);
		ir_put(x->r, IR_I64, k, v);
	}
	ir_put(x->r, IR_F64, 8, some(x, IR_F64));
}

static void gen_leave(struct gen *x)
{
	show_values(x);
	struct ir_insn i = { .imm = (i64)(x->pc + 4) };

	switch (below(x, 4)) {
	case 0: i.op = IR_GOTO_TB; break;
	case 1:
		i.op = IR_EXIT;
		i.aux = EXIT_SYSCALL;
		i.b = below(x, 9);
		break;
	case 2:
		i.op = IR_CALL;
		i.a = some(x, IR_I64);
		break;
	default:
		i.op = below(x, 2) ? IR_GOTO_PTR : IR_RET;
		i.imm = 0;
		i.a = some(x, IR_I64);
		break;
	}
	ir_emit(x->r, i);
}

static void gen_body(struct gen *x)
{
	for (u32 n = 2 + below(x, 24); n; n--) {
		u32 k = below(x, 10);
		if (k < 5)
			gen_int(x);
		else if (k < 7)
			gen_state(x);
		else if (k < 8)
			gen_memory(x);
		else
			gen_fp(x);
	}
}

/* A trunk with side exits, as a lifter makes it. */
static void generate(struct ir_region *r, struct arena *a, u64 seed)
{
	static struct gen x, at_exit;

	memset(&x, 0, sizeof(x));
	x.g.s = seed * 0x9e3779b97f4a7c15ull | 1;
	x.r = r;
	x.pc = 0x1000;
	ir_init(r, a, x.pc);
	ir_emit(r, (struct ir_insn){ .op = IR_INSN_START, .imm = (i64)x.pc });
	for (u32 k = 0; k < 5; k++)
		keep(&x, IR_I64, ir_get(r, IR_I64, k));
	for (u32 k = below(&x, 4); k; k--) {
		gen_body(&x);
		u32 out = ir_new_block(r), on = ir_new_block(r);
		bool first = below(&x, 2);
		ir_emit(r,
		    (struct ir_insn){ .op = IR_BR,
			.a = some(&x, IR_I1),
			.b = first ? out : on,
			.c = first ? on : out });
		ir_begin(r, out);
		at_exit = x;
		if (below(&x, 3) == 0)
			gen_body(&at_exit);
		gen_leave(&at_exit);
		ir_begin(r, on);
	}
	gen_body(&x);
	gen_leave(&x);
}

static void copy(struct ir_region *to, const struct ir_region *from)
{
	*to = *from;
	to->insn = arena_new(from->arena, struct ir_insn, from->cap);
	memcpy(to->insn, from->insn, from->ninsns * sizeof(*to->insn));
}

static void check_seed(struct arena *a, u64 seed)
{
	static struct ir_region before, after, again;
	const struct pipeline_opts opts = { 0 };
	char err[128];

	generate(&before, a, seed);
	const char *e = ir_verify(&toy_guest, &before);
	cr_assert(
	    !e, "seed %lu: %s\n%s", seed, e, toy_text(&toy_guest, &before));

	char *text = toy_text(&toy_guest, &before);
	again.arena = a;
	int line = ir_parse(text, &toy_guest, &again, err, sizeof(err));
	cr_assert(!line, "seed %lu: line %d: %s\n%s", seed, line, err, text);
	cr_assert_str_eq(toy_text(&toy_guest, &again), text);

	copy(&after, &before);
	translate_passes(&toy_guest, &after, &opts);
	e = ir_verify(&toy_guest, &after);
	cr_assert(!e, "seed %lu: %s\n%s\n%s", seed, e, text,
	    toy_text(&toy_guest, &after));
	for (u64 state = 1; state <= 8; state++) {
		e = toy_compare(&toy_guest, &before, &after, seed * 8 + state);
		cr_assert(!e, "seed %lu state %lu: %s differ\n%s\n%s", seed,
		    state, e, text, toy_text(&toy_guest, &after));
	}
	/* The text of the result leads to the same result. */
	text = toy_text(&toy_guest, &after);
	line = ir_parse(text, &toy_guest, &again, err, sizeof(err));
	cr_assert(!line, "seed %lu: line %d: %s\n%s", seed, line, err, text);
	cr_assert_str_eq(toy_text(&toy_guest, &again), text);
}

Test(fuzz_passes, same_behaviour)
{
	const char *env = getenv("METIC_FUZZ");
	u64 n = env ? strtoull(env, NULL, 0) : 4000;
	struct arena a;

	arena_init(&a);
	for (u64 seed = 1; seed <= n; seed++) {
		check_seed(&a, seed);
		arena_reset(&a);
	}
	arena_free(&a);
}
