/*
 * gen_fp.c - floating point; eval_fp.c says what each op means, bit by bit.
 *
 * The host's SSE does it under the guest's MXCSR, whose flags are sticky:
 * GCC may move such an op, and do equal ones once, but with -ftrapping-math,
 * -frounding-math and -fsignaling-nans neither leave it out where its result
 * is used nor do it ahead of a branch. Rounding modes other than the dynamic
 * one stay with the baseline, but for conversions (gen_fpconv.c).
 */
#include <stdio.h>

#include "backend/gccjit/gen.h"

bool gen_can_fp(const struct gen *g, const struct ir_insn *i)
{
	switch (i->op) {
	case IR_HELPER: return false;
	case IR_FMADD:
	case IR_FMSUB:
	case IR_FNMADD:
	case IR_FNMSUB: return g->f.fma && i->aux == RM_DYN;
	case IR_F_TO_S32:
	case IR_F_TO_U32:
	case IR_F_TO_S64:
	case IR_F_TO_U64: return gen_can_convert(g, i);
	case IR_LOAD:
	case IR_STORE: return !(i->aux & MEM_ALIGNED);
	case IR_S32_TO_F:
	case IR_U32_TO_F:
	case IR_F32_TO_F64: return i->type == IR_F64 || i->aux == RM_DYN;
	default: return !ir_rounds(i->op) || i->aux == RM_DYN;
	}
}

rval gen_bitcast(struct gen *g, u8 ty, rval v)
{
	return gcc_jit_context_new_bitcast(g->cx, NULL, v, g->type[ty]);
}

static lval keep(struct gen *g, ir_ref ref, rval v)
{
	lval to = gen_local(g, g->type[g->r->insn[ref].type], "f");

	if (v)
		gen_assign(g, to, v);
	g->var[ref] = to;
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
	return to;
}

static rval call1(struct gen *g, const char *name, unsigned n, rval *arg)
{
	gcc_jit_function *f = gcc_jit_context_get_builtin_function(g->cx, name);

	return gcc_jit_context_new_call(g->cx, NULL, f, (int)n, arg);
}

static rval minus(struct gen *g, u8 ty, rval v)
{
	return gcc_jit_context_new_unary_op(
	    g->cx, NULL, GCC_JIT_UNARY_OP_MINUS, g->type[ty], v);
}

static i64 nan_bits(u8 ty)
{
	return ty == IR_F32 ? 0x7fc00000 : 0x7ff8000000000000;
}

/*
 * Make NaNs in one or two variables canonical. A statement, so that GCC needs
 * no copy for a way that is not taken, makes no arithmetic of the branch, nor
 * goes through an integer register; what is rare is behind the unit's code.
 * The canonical NaN: ones, shifted left until exponent and sign are left, and
 * right by one.
 */
static void canonicalize(struct gen *g, u8 ty, lval a, lval b)
{
	const char *v = g->f.avx ? "v" : "", d = ty == IR_F64 ? 'd' : 's';
	char text[512], set[2][128];
	size_t n;

	for (int k = 0; k < 2; k++) {
		char same[8], size = ty == IR_F64 ? 'q' : 'd';
		snprintf(same, sizeof(same), g->f.avx ? "%%%d, " : "", k);
		snprintf(set[k], sizeof(set[k]),
		    "%spcmpeqd %%%d, %s%%%d; %spsll%c $%d, %s%%%d; "
		    "%spsrl%c $1, %s%%%d; ",
		    v, k, same, k, v, size, ty == IR_F64 ? 52 : 23, same, k, v,
		    size, same, k);
	}
	n = (size_t)snprintf(text, sizeof(text),
	    "%sucomis%c %%%d, %%0; jp 2f\n1:\n"
	    "\t.pushsection .text, 1\n2:\t",
	    v, d, b ? 1 : 0);
	if (b)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "%sucomis%c %%0, %%0; jnp 3f; %s\n"
		    "3:\t%sucomis%c %%1, %%1; jnp 1b; ",
		    v, d, set[0], v, d);
	snprintf(text + n, sizeof(text) - n, "%sjmp 1b\n\t.popsection",
	    set[b ? 1 : 0]);
	gcc_jit_extended_asm *s =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_add_output_operand(s, NULL, "+x", a);
	if (b)
		gcc_jit_extended_asm_add_output_operand(s, NULL, "+x", b);
	gcc_jit_extended_asm_add_clobber(s, "cc");
}

/* With AVX in one instruction, next to a register of ones. */
rval gen_box(struct gen *g, rval v)
{
	gcc_jit_type *t = g->type[IR_I64];

	if (!g->f.avx) {
		rval b = gen_cast(g, t, gen_bitcast(g, IR_I32, v));
		return gen_bitcast(g, IR_F64,
		    gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_OR, t, b,
			gen_num(g, t, (i64)0xffffffff00000000)));
	}
	lval from = gen_local(g, g->type[IR_F32], "single");
	lval to = gen_local(g, g->type[IR_F64], "boxed");
	gen_assign(g, from, v);
	gcc_jit_extended_asm *a = gcc_jit_block_add_extended_asm(
	    g->cur, NULL, "vblendps $1, %1, %2, %0");
	gcc_jit_extended_asm_add_output_operand(a, NULL, "=x", to);
	gcc_jit_extended_asm_add_input_operand(
	    a, NULL, "x", gcc_jit_lvalue_as_rvalue(from));
	gcc_jit_extended_asm_add_input_operand(
	    a, NULL, "x", gcc_jit_lvalue_as_rvalue(g->ones));
	return gcc_jit_lvalue_as_rvalue(to);
}

void gen_ones(struct gen *g)
{
	if (!g->fp || !g->f.avx)
		return;
	g->ones = gen_local(g, g->type[IR_F64], "ones");
	gcc_jit_extended_asm_add_output_operand(
	    gcc_jit_block_add_extended_asm(g->cur, NULL, "vpcmpeqd %0, %0, %0"),
	    NULL, "=x", g->ones);
}

ir_ref gen_in_box(const struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];

	return i->op == IR_F32_BOX ? i->a : g->single[ref] ? ref : IR_NONE;
}

/* A box is made where it is wanted: mostly a slot takes the float. */
rval gen_value(struct gen *g, ir_ref ref)
{
	ir_ref in = gen_in_box(g, ref);

	return in ? gen_box(g, gen_canonical(g, in, IR_NONE)) : g->val[ref];
}

void gen_settle(struct gen *g, const struct slots *but)
{
	lval waits[2] = { NULL, NULL }; /* double, float */

	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!slots_has(&g->at.raw, s) || (but && slots_has(but, s)))
			continue;
		bool single = gen_single(g, s);
		if (waits[single])
			canonicalize(g, single ? IR_F32 : IR_F64, waits[single],
			    gen_slot(g, s));
		waits[single] = waits[single] ? NULL : gen_slot(g, s);
		slots_remove(&g->at.raw, s);
	}
	for (int single = 0; single < 2; single++)
		if (waits[single])
			canonicalize(
			    g, single ? IR_F32 : IR_F64, waits[single], NULL);
}

void gen_box_slots(struct gen *g, const struct slots *but)
{
	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!gen_single(g, s) || (but && slots_has(but, s)))
			continue;
		gen_assign(g, g->slot[s], gen_whole(g, s));
		slots_remove(&g->at.single, s);
	}
}

rval gen_whole(struct gen *g, unsigned slot)
{
	rval v = gcc_jit_lvalue_as_rvalue(gen_slot(g, slot));

	return gen_single(g, slot) ? gen_box(g, v) : v;
}

void gen_take(struct gen *g, unsigned slot, rval whole)
{
	if (gen_single(g, slot))
		whole = gen_bitcast(g, IR_F32,
		    gen_cast(
			g, g->type[IR_I32], gen_bitcast(g, IR_I64, whole)));
	gen_assign(g, gen_slot(g, slot), whole);
}

/* By its bits: a comparison would raise invalid for a signalling one. */
rval gen_is_nan(struct gen *g, unsigned slot, rval whole)
{
	bool single = gen_single(g, slot);
	gcc_jit_type *t = g->type[single ? IR_I32 : IR_I64];
	rval bits = gen_cast(g, t, gen_bitcast(g, IR_I64, whole));

	/* the sign goes out at the top */
	return gen_cmp(g, GCC_JIT_COMPARISON_GT,
	    gen_bin(g, GCC_JIT_BINARY_OP_LSHIFT, t, bits, gen_num(g, t, 1)),
	    gen_num(g, t, single ? 0xff000000 : (i64)0xffe0000000000000));
}

/* Not known to GCC: a map has no name for a constant in memory. */
static void opaque(struct gen *g, lval v, const char *where)
{
	gcc_jit_extended_asm_add_output_operand(
	    gcc_jit_block_add_extended_asm(g->cur, NULL, ""), NULL, where, v);
}

/*
 * Without its sign a NaN is above infinity: this much more overflows into the
 * sign. By the bits, as a comparison would raise invalid for a signalling one.
 */
rval gen_any_nan(
    struct gen *g, const struct slots *in, bool single, rval *whole)
{
	gcc_jit_type *t = g->type[single ? IR_I32 : IR_I64];
	lval num[3]; /* no sign; what is added; the result */

	for (int k = 0; k < 3; k++)
		num[k] = gen_local(g, t, "nan");
	gen_assign(g, num[0], gen_num(g, t, single ? 0x7fffffff : INT64_MAX));
	gen_assign(
	    g, num[1], gen_num(g, t, single ? 0x7fffff : 0xfffffffffffff));
	gen_assign(g, num[2], gen_num(g, t, 0));
	if (!single) {
		/* once in a register, not often anew */
		opaque(g, num[0], "+r");
		opaque(g, num[1], "+r");
	}
	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!slots_has(in, s))
			continue;
		rval v = gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_AND, t,
		    gen_cast(g, t, gen_bitcast(g, IR_I64, whole[s])),
		    gcc_jit_lvalue_as_rvalue(num[0]));
		v = gen_bin(g, GCC_JIT_BINARY_OP_PLUS, t, v,
		    gcc_jit_lvalue_as_rvalue(num[1]));
		gen_assign(g, num[2],
		    gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_OR, t, v,
			gcc_jit_lvalue_as_rvalue(num[2])));
	}
	gcc_jit_type *sign = single ? g->i32 : g->i64;
	return gen_cmp(g, GCC_JIT_COMPARISON_LT,
	    gen_cast(g, sign, gcc_jit_lvalue_as_rvalue(num[2])),
	    gen_num(g, sign, 0));
}

/* The same of a value of an op. */
static rval is_nan(struct gen *g, u8 ty, rval v)
{
	gcc_jit_type *t = g->type[ty == IR_F32 ? IR_I32 : IR_I64];

	return gen_cmp(g, GCC_JIT_COMPARISON_GT,
	    gen_bin(g, GCC_JIT_BINARY_OP_LSHIFT, t,
		gen_bitcast(g, ty == IR_F32 ? IR_I32 : IR_I64, v),
		gen_num(g, t, 1)),
	    gen_num(g, t, ty == IR_F32 ? 0xff000000 : (i64)0xffe0000000000000));
}

rval gen_all_boxed(struct gen *g, rval *whole)
{
	gcc_jit_type *t = g->type[IR_I64];
	rval all = NULL;

	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!slots_has(&g->used, s) || !gen_single(g, s))
			continue;
		rval v = gen_bitcast(g, IR_I64, whole[s]);
		all = all ?
		    gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_AND, t, all, v) :
		    v;
	}
	return all ?
	    gen_cmp(g, GCC_JIT_COMPARISON_EQ,
		gen_bin(g, GCC_JIT_BINARY_OP_RSHIFT, t, all, gen_num(g, t, 32)),
		gen_num(g, t, 0xffffffff)) :
	    NULL;
}

/* Of a value of state[] that is a NaN. */
rval gen_is_canonical(struct gen *g, unsigned slot, rval whole)
{
	gcc_jit_type *t = g->type[IR_I64];
	i64 nan = gen_single(g, slot) ?
	    nan_bits(IR_F32) | (i64)0xffffffff00000000 :
	    nan_bits(IR_F64);

	return gen_cmp(g, GCC_JIT_COMPARISON_EQ, gen_bitcast(g, IR_I64, whole),
	    gen_num(g, t, nan));
}

/* Was the slot's value, as it is here, put by this node, and is it v? */
static bool holds(const struct gen *g, unsigned slot, ir_ref v)
{
	ir_ref put = g->put[slot];

	if (put && gen_single(g, slot))
		put = gen_in_box(g, put);
	return put && put == v;
}

bool gen_waits(const struct gen *g, ir_ref ref)
{
	return g->raw[ref] && !g->settled[ref];
}

/* var has been made canonical in place: so is what it was put to. */
static void settled(struct gen *g, ir_ref ref, lval var)
{
	g->settled[ref] = g->var[ref] != NULL;
	for (unsigned s = 0; s < ABI_NSLOTS; s++)
		if (slots_has(&g->at.raw, s) && holds(g, s, ref)) {
			gen_assign(
			    g, gen_slot(g, s), gcc_jit_lvalue_as_rvalue(var));
			slots_remove(&g->at.raw, s);
		}
}

/* How val is kept. */
static u8 type_of(const struct gen *g, ir_ref ref)
{
	return g->single[ref] ? IR_F32 : g->r->insn[ref].type;
}

rval gen_canonical(struct gen *g, ir_ref ref, ir_ref next)
{
	u8 ty = type_of(g, ref);
	lval var = g->var[ref];

	if (!gen_waits(g, ref))
		return g->val[ref];
	if (!var) {
		var = gen_local(g, g->type[ty], "c");
		gen_assign(g, var, g->val[ref]);
	}
	if (next == ref || (next && type_of(g, next) != ty))
		next = IR_NONE;
	canonicalize(g, ty, var, next ? g->var[next] : NULL);
	settled(g, ref, var);
	if (next)
		settled(g, next, g->var[next]);
	return gcc_jit_lvalue_as_rvalue(var);
}

rval gen_seen(struct gen *g, ir_ref ref)
{
	return gen_in_box(g, ref) ? gen_value(g, ref) :
				    gen_canonical(g, ref, IR_NONE);
}

/*
 * inf * 0 + NaN is invalid here and not on x86. Rare code: where the result
 * is a NaN, multiply infinity by zero if that is what was multiplied.
 */
static void fma_invalid(struct gen *g, u8 ty, rval r, rval a, rval b)
{
	gcc_jit_block *rare = gen_block(g), *on = gen_block(g);
	const char *mul = ty == IR_F64 ? "mulsd %1, %0" : "mulss %1, %0";
	const char *vmul =
	    ty == IR_F64 ? "vmulsd %1, %0, %0" : "vmulss %1, %0, %0";
	rval bits[2] = { a, b };
	gcc_jit_type *t = g->type[ty == IR_F64 ? IR_I64 : IR_I32];
	i64 inf = ty == IR_F64 ? 0x7ff0000000000000 : 0x7f800000;
	rval is[2][2];

	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_unlikely(g, gen_cmp(g, GCC_JIT_COMPARISON_NE, r, r)), rare, on);
	g->cur = rare;
	for (int k = 0; k < 2; k++) {
		lval m = gen_local(g, t, "m");
		rval x =
		    gen_bitcast(g, ty == IR_F64 ? IR_I64 : IR_I32, bits[k]);
		/* the sign goes out at the top */
		gen_assign(g, m,
		    gen_bin(
			g, GCC_JIT_BINARY_OP_LSHIFT, t, x, gen_num(g, t, 1)));
		rval v = gcc_jit_lvalue_as_rvalue(m);
		is[k][0] =
		    gen_cmp(g, GCC_JIT_COMPARISON_EQ, v, gen_num(g, t, 0));
		is[k][1] = gen_cmp(
		    g, GCC_JIT_COMPARISON_EQ, v, gen_num(g, t, inf << 1));
	}
	gcc_jit_type *b1 = g->type[IR_I1];
	rval c = gen_bin(g, GCC_JIT_BINARY_OP_LOGICAL_OR, b1,
	    gen_bin(g, GCC_JIT_BINARY_OP_LOGICAL_AND, b1, is[0][0], is[1][1]),
	    gen_bin(g, GCC_JIT_BINARY_OP_LOGICAL_AND, b1, is[0][1], is[1][0]));
	gcc_jit_block *raise = gen_block(g);
	gcc_jit_block_end_with_conditional(g->cur, NULL, c, raise, on);
	g->cur = raise;
	lval x = gen_local(g, g->type[ty], "x");
	gen_assign(g, x, a);
	gcc_jit_extended_asm *s =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, g->f.avx ? vmul : mul);
	gcc_jit_extended_asm_set_volatile_flag(s, 1);
	gcc_jit_extended_asm_add_output_operand(s, NULL, "+x", x);
	gcc_jit_extended_asm_add_input_operand(s, NULL, "x", b);
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = on;
}

static void fma_op(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	rval a = g->val[i->a], b = g->val[i->b], c = g->val[i->c];
	bool neg = i->op == IR_FNMADD || i->op == IR_FNMSUB;
	bool sub = i->op == IR_FMSUB || i->op == IR_FNMADD;
	rval arg[3] = { neg ? minus(g, i->type, a) : a, b,
		sub ? minus(g, i->type, c) : c };

	keep(g, ref,
	    call1(g, i->type == IR_F64 ? "__builtin_fma" : "__builtin_fmaf", 3,
		arg));
	fma_invalid(g, i->type, g->val[ref], a, b);
}

/*
 * A comparison that raises invalid for signalling NaNs only, and then the
 * host's instruction, unless they are equal (zeros of either sign are) or one
 * is a NaN, which is the same flag.
 */
static void min_max(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	bool max = i->op == IR_FMAX, single = i->type == IR_F32;
	u8 bits = single ? IR_I32 : IR_I64;
	gcc_jit_type *t = g->type[bits];
	rval a = g->val[i->a], b = g->val[i->b];
	gcc_jit_block *same = gen_block(g), *less = gen_block(g);
	gcc_jit_block *nan = gen_block(g), *equal = gen_block(g);
	gcc_jit_block *on = gen_block(g);
	lval is = gen_local(g, g->type[IR_I1], "is");
	lval to = keep(g, ref, NULL), x = gen_local(g, g->type[i->type], "x");
	const char *v = g->f.avx ? "v" : "";
	char text[2][32], size = single ? 's' : 'd';

	snprintf(text[0], sizeof(text[0]), "%sucomis%c %%2, %%1", v, size);
	snprintf(text[1], sizeof(text[1]), "%s%ss%c %%1, %%0%s", v,
	    max ? "max" : "min", size, g->f.avx ? ", %0" : "");
	gcc_jit_extended_asm *s =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text[0]);
	gcc_jit_extended_asm_set_volatile_flag(s, 1);
	gcc_jit_extended_asm_add_output_operand(s, NULL, "=@ccz", is);
	gcc_jit_extended_asm_add_input_operand(s, NULL, "x", a);
	gcc_jit_extended_asm_add_input_operand(s, NULL, "x", b);
	gcc_jit_block_end_with_conditional(
	    g->cur, NULL, gcc_jit_lvalue_as_rvalue(is), same, less);
	g->cur = less;
	gen_assign(g, x, a);
	s = gcc_jit_block_add_extended_asm(g->cur, NULL, text[1]);
	gcc_jit_extended_asm_set_volatile_flag(s, 1); /* quiet NaNs, too */
	gcc_jit_extended_asm_add_output_operand(s, NULL, "+x", x);
	gcc_jit_extended_asm_add_input_operand(s, NULL, "x", b);
	gen_assign(g, to, gcc_jit_lvalue_as_rvalue(x));
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = same;
	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_bin(g, GCC_JIT_BINARY_OP_LOGICAL_OR, g->type[IR_I1],
		is_nan(g, i->type, a), is_nan(g, i->type, b)),
	    nan, equal);
	g->cur = equal;
	gen_assign(g, to,
	    gen_bitcast(g, i->type,
		gen_bin(g,
		    max ? GCC_JIT_BINARY_OP_BITWISE_AND :
			  GCC_JIT_BINARY_OP_BITWISE_OR,
		    t, gen_bitcast(g, bits, a), gen_bitcast(g, bits, b))));
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = nan;
	gen_choose(g, x, is_nan(g, i->type, b),
	    gen_bitcast(g, i->type, gen_num(g, t, nan_bits(i->type))), b);
	gen_choose(
	    g, to, is_nan(g, i->type, a), gcc_jit_lvalue_as_rvalue(x), a);
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = on;
}

/* `to` = c ? 1 << a : 1 << b. */
static void choose_class(struct gen *g, lval to, rval c, int a, int b)
{
	gcc_jit_type *t = g->type[IR_I64];

	gen_choose(g, to, c, gen_num(g, t, 1 << a), gen_num(g, t, 1 << b));
}

/* By its bits, of which the sign goes out at the top. */
static void classify(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	bool single = g->r->insn[i->a].type == IR_F32;
	gcc_jit_type *t = g->type[single ? IR_I32 : IR_I64];
	gcc_jit_type *sign = single ? g->i32 : g->i64;
	unsigned fraction = single ? 23 : 52;
	i64 inf = single ? 0xff000000 : (i64)0xffe0000000000000;
	lval bits = gen_local(g, t, "bits"), rest = gen_local(g, t, "rest");
	lval to = gen_local(g, g->type[IR_I64], "class");
	static const struct {
		int minus, plus;
	} row[] = { { 3, 4 }, { 2, 5 }, { 1, 6 } }; /* 0, subnormal, normal */
	gcc_jit_block *on = gen_block(g);

	gen_assign(
	    g, bits, gen_bitcast(g, single ? IR_I32 : IR_I64, g->val[i->a]));
	rval v = gcc_jit_lvalue_as_rvalue(bits);
	gen_assign(g, rest,
	    gen_bin(g, GCC_JIT_BINARY_OP_LSHIFT, t, v, gen_num(g, t, 1)));
	rval r = gcc_jit_lvalue_as_rvalue(rest);
	rval minus = gen_cmp(g, GCC_JIT_COMPARISON_LT, gen_cast(g, sign, v),
	    gen_num(g, sign, 0));
	/* a NaN is quiet by the top bit of its fraction */
	gcc_jit_block *nan = gen_block(g), *number = gen_block(g);
	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_cmp(g, GCC_JIT_COMPARISON_GT, r, gen_num(g, t, inf)), nan,
	    number);
	g->cur = nan;
	choose_class(g, to,
	    gen_cmp(g, GCC_JIT_COMPARISON_NE,
		gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_AND, t, r,
		    gen_num(g, t, (i64)1 << fraction)),
		gen_num(g, t, 0)),
	    9, 8);
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = number;
	choose_class(g, to, minus, 0, 7); /* infinity, if nothing else */
	for (size_t k = ARRAY_LEN(row); k-- > 0;) {
		gcc_jit_block *below = gen_block(g), *next = gen_block(g);
		i64 end = k == 0 ? 1 : k == 1 ? (i64)2 << fraction : inf;
		gcc_jit_block_end_with_conditional(g->cur, NULL,
		    gen_cmp(g, GCC_JIT_COMPARISON_LT, r, gen_num(g, t, end)),
		    below, next);
		g->cur = below;
		choose_class(g, to, minus, row[k].minus, row[k].plus);
		gcc_jit_block_end_with_jump(g->cur, NULL, next);
		g->cur = next;
	}
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = on;
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
}

static void unbox(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	gcc_jit_type *t = g->type[IR_I64];
	lval b = gen_local(g, t, "b");

	gen_assign(g, b, gen_bitcast(g, IR_I64, gen_seen(g, i->a)));
	rval bits = gcc_jit_lvalue_as_rvalue(b);
	rval top =
	    gen_bin(g, GCC_JIT_BINARY_OP_RSHIFT, t, bits, gen_num(g, t, 32));
	rval single =
	    gen_bitcast(g, IR_F32, gen_cast(g, g->type[IR_I32], bits));
	lval to = keep(g, ref, NULL);
	gen_choose(g, to,
	    gen_cmp(g, GCC_JIT_COMPARISON_EQ, top, gen_num(g, t, 0xffffffff)),
	    single,
	    gen_bitcast(
		g, IR_F32, gen_num(g, g->type[IR_I32], nan_bits(IR_F32))));
}

bool gen_sees_bits(u8 op)
{
	return op == IR_FNEG || op == IR_FABS || op == IR_FCOPYSIGN ||
	    op == IR_FBITS || op == IR_F32_UNBOX || op == IR_SELECT;
}

/*
 * A statement, which happens once: GCC would compare once for each use of the
 * result. LT and LE as b above a, which a NaN makes false.
 */
static rval compare(struct gen *g, u8 op, u8 ty, rval a, rval b)
{
	/* before the statement: libgccjit makes things in this order */
	lval is = gen_local(g, g->type[IR_I1], "is"), ordered = NULL;
	bool eq = op == IR_FEQ;
	char text[32];

	if (eq)
		ordered = gen_local(g, g->type[IR_I1], "ordered");
	snprintf(text, sizeof(text), "%s%scomis%c %s", g->f.avx ? "v" : "",
	    eq ? "u" : "", ty == IR_F64 ? 'd' : 's', eq ? "%3, %2" : "%2, %1");
	gcc_jit_extended_asm *s =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_set_volatile_flag(s, 1);
	gcc_jit_extended_asm_add_output_operand(s, NULL,
	    eq               ? "=@cce" :
		op == IR_FLT ? "=@cca" :
			       "=@ccae",
	    is);
	if (eq)
		gcc_jit_extended_asm_add_output_operand(
		    s, NULL, "=@ccnp", ordered);
	gcc_jit_extended_asm_add_input_operand(s, NULL, "x", b);
	gcc_jit_extended_asm_add_input_operand(s, NULL, "xm", a);
	rval v = gcc_jit_lvalue_as_rvalue(is);
	return eq ? gen_bin(g, GCC_JIT_BINARY_OP_LOGICAL_AND, g->type[IR_I1], v,
			gcc_jit_lvalue_as_rvalue(ordered)) :
		    v;
}

static rval value(struct gen *g, const struct ir_insn *i)
{
	gcc_jit_type *t = g->type[i->type];
	bool wide = i->type == IR_F64, bits = gen_sees_bits(i->op);
	u8 ty = g->r->insn[i->a].type;
	rval a = bits ? gen_seen(g, i->a) : g->val[i->a];
	rval b = bits && i->b ? gen_seen(g, i->b) : g->val[i->b];
	rval arg[2] = { a, b };

	switch (i->op) {
	case IR_FADD: return gen_bin(g, GCC_JIT_BINARY_OP_PLUS, t, a, b);
	case IR_FSUB: return gen_bin(g, GCC_JIT_BINARY_OP_MINUS, t, a, b);
	case IR_FMUL: return gen_bin(g, GCC_JIT_BINARY_OP_MULT, t, a, b);
	case IR_FDIV: return gen_bin(g, GCC_JIT_BINARY_OP_DIVIDE, t, a, b);
	case IR_FSQRT:
		return call1(
		    g, wide ? "__builtin_sqrt" : "__builtin_sqrtf", 1, arg);
	case IR_FNEG: return minus(g, i->type, a);
	case IR_FABS:
		return call1(
		    g, wide ? "__builtin_fabs" : "__builtin_fabsf", 1, arg);
	case IR_FCOPYSIGN:
		return call1(g,
		    wide ? "__builtin_copysign" : "__builtin_copysignf", 2,
		    arg);
	case IR_FEQ:
	case IR_FLT:
	case IR_FLE: return compare(g, i->op, ty, a, b);
	case IR_F64_TO_F32:
	case IR_F32_TO_F64: return gen_cast(g, t, a);
	case IR_FBITS:
	case IR_BITSF: return gen_bitcast(g, i->type, a);
	default: return gen_from_int(g, i);
	}
}

void gen_fp(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	rval a = g->val[i->a];

	g->raw[ref] = gen_never_nan(g->r->insn, ref);
	switch (i->op) {
	case IR_FMADD:
	case IR_FMSUB:
	case IR_FNMADD:
	case IR_FNMSUB: fma_op(g, ref); return;
	case IR_FCANON:
		g->val[ref] = a;
		g->var[ref] = g->var[i->a];
		g->raw[ref] = true;
		return;
	case IR_F_TO_S32:
	case IR_F_TO_S64:
	case IR_F_TO_U32:
	case IR_F_TO_U64: gen_to_int(g, ref); return;
	case IR_FMIN:
	case IR_FMAX: min_max(g, ref); return;
	case IR_FCLASS: classify(g, ref); return;
	case IR_F32_UNBOX:
		if (g->single[i->a]) {
			g->val[ref] = a;
			g->raw[ref] = g->raw[i->a];
		} else {
			unbox(g, ref);
		}
		return;
	case IR_BITSF: opaque(g, keep(g, ref, value(g, i)), "+x"); return;
	default: keep(g, ref, value(g, i)); return;
	}
}
