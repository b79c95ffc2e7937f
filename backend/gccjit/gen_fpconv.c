/*
 * gen_fpconv.c - between floating point and integers; see gen_fp.c.
 *
 * To signed ones in the dynamic rounding mode or by truncation, as the host's
 * instructions do; to 64 bits in others by rounding first, which is inexact
 * just where the conversion is, for what does not fit has no fraction. (It may
 * have one where 32 bits are wanted: the baseline's.)
 */
#include <stdio.h>

#include "backend/gccjit/gen.h"

bool gen_can_convert(const struct gen *g, const struct ir_insn *i)
{
	if (i->aux == RM_RTZ)
		return true;
	if (i->op != IR_F_TO_S32 && i->op != IR_F_TO_S64)
		return false;
	return i->aux == RM_DYN ||
	    (i->op == IR_F_TO_S64 && g->f.sse41 && i->aux != RM_RMM);
}

/* Raise invalid: 0 / 0, whose result nobody wants. */
static void raise_invalid(struct gen *g)
{
	lval x = gen_local(g, g->type[IR_F64], "nv");

	gen_assign(
	    g, x, gen_bitcast(g, IR_F64, gen_num(g, g->type[IR_I64], 0)));
	gcc_jit_extended_asm *s = gcc_jit_block_add_extended_asm(
	    g->cur, NULL, g->f.avx ? "vdivsd %0, %0, %0" : "divsd %0, %0");
	gcc_jit_extended_asm_set_volatile_flag(s, 1);
	gcc_jit_extended_asm_add_output_operand(s, NULL, "+x", x);
}

static rval fconst(struct gen *g, u8 ty, double v)
{
	return gcc_jit_context_new_rvalue_from_double(g->cx, g->type[ty], v);
}

/* cvttsd2si and its like, as they are; without the second t if `dyn`. */
static lval host_convert(struct gen *g, u8 from, bool wide, bool dyn, rval v)
{
	lval to = gen_local(g, g->type[wide ? IR_I64 : IR_I32], "c");
	char text[32];

	snprintf(text, sizeof(text), "%scvt%s%s2si%s %%1, %%0",
	    g->f.avx ? "v" : "", dyn ? "" : "t", from == IR_F64 ? "sd" : "ss",
	    wide ? "q" : "l");
	gcc_jit_extended_asm *s =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_set_volatile_flag(s, 1);
	gcc_jit_extended_asm_add_output_operand(s, NULL, "=r", to);
	gcc_jit_extended_asm_add_input_operand(s, NULL, "x", v);
	return to;
}

/* To an integer that is kept as a double or float, inexact if it was none. */
static rval round_to(struct gen *g, u8 ty, unsigned rm, rval a)
{
	static const u8 mode[] = { [RM_RNE] = 0, [RM_RDN] = 1, [RM_RUP] = 2 };
	lval to = gen_local(g, g->type[ty], "round");
	char text[40], size = ty == IR_F64 ? 'd' : 's';

	snprintf(text, sizeof(text), "%srounds%c $%u, %%1, %s%%0",
	    g->f.avx ? "v" : "", size, mode[rm], g->f.avx ? "%1, " : "");
	gcc_jit_extended_asm *s =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_set_volatile_flag(s, 1);
	gcc_jit_extended_asm_add_output_operand(s, NULL, "=x", to);
	gcc_jit_extended_asm_add_input_operand(s, NULL, "x", a);
	return gcc_jit_lvalue_as_rvalue(to);
}

/* The host gives MIN for all that does not fit; only negatives want it. */
static void to_signed(struct gen *g, ir_ref ref, bool wide)
{
	const struct ir_insn *i = &g->r->insn[ref];
	bool dyn = i->aux == RM_DYN;
	u8 from = g->r->insn[i->a].type;
	gcc_jit_type *t = g->type[i->type];
	rval a = dyn || i->aux == RM_RTZ ?
	    g->val[i->a] :
	    round_to(g, from, i->aux, g->val[i->a]);
	i64 min = wide ? INT64_MIN : INT32_MIN;
	lval to = host_convert(g, from, wide, dyn, a);
	gcc_jit_block *rare = gen_block(g), *max = gen_block(g);
	gcc_jit_block *on = gen_block(g);

	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_cmp(g, GCC_JIT_COMPARISON_EQ, g->val[ref], gen_num(g, t, min)),
	    rare, on);
	gcc_jit_block_end_with_conditional(rare, NULL,
	    gen_cmp(g, GCC_JIT_COMPARISON_LT, a, fconst(g, from, 0)), on, max);
	gcc_jit_block_add_assignment(
	    max, NULL, to, gen_num(g, t, wide ? INT64_MAX : INT32_MAX));
	gcc_jit_block_end_with_jump(max, NULL, on);
	g->cur = on;
}

/* In range: as i64, for the upper half of u64 less 2^63. Else invalid. */
static void to_unsigned(struct gen *g, ir_ref ref, bool wide)
{
	const struct ir_insn *i = &g->r->insn[ref];
	u8 from = g->r->insn[i->a].type;
	gcc_jit_type *t = g->type[i->type];
	rval a = g->val[i->a];
	lval to = gen_local(g, t, "u");
	gcc_jit_block *b[6];
	double half = wide ? 0x1p63 : 0x1p32;
	unsigned fraction = from == IR_F64 ? 52 : 23;
	i64 bias = from == IR_F64 ? 1023 : 127;

	for (size_t k = 0; k < ARRAY_LEN(b); k++)
		b[k] = gen_block(g);
	gcc_jit_block *on = b[5], *rare = gen_block(g);
	/* mostly it is +0 to half, and its exponent says so */
	gcc_jit_type *bits = g->type[from == IR_F64 ? IR_I64 : IR_I32];
	rval exponent = gen_bin(g, GCC_JIT_BINARY_OP_RSHIFT, bits,
	    gen_bitcast(g, from == IR_F64 ? IR_I64 : IR_I32, a),
	    gen_num(g, bits, fraction));
	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_unlikely(g,
		gen_cmp(g, GCC_JIT_COMPARISON_GE, exponent,
		    gen_num(g, bits, bias + (wide ? 63 : 32)))),
	    rare, b[1]);
	g->cur = rare;
	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_cmp(g, GCC_JIT_COMPARISON_GT, a, fconst(g, from, -1)), b[0],
	    b[3]);
	gcc_jit_block_end_with_conditional(b[0], NULL,
	    gen_cmp(g, GCC_JIT_COMPARISON_LT, a, fconst(g, from, half)), b[1],
	    wide ? b[2] : b[4]);
	g->cur = b[1];
	gen_assign(g, to,
	    gen_cast(g, t,
		gcc_jit_lvalue_as_rvalue(
		    host_convert(g, from, true, false, a))));
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = b[2]; /* from 2^63 on: exact, for there is no fraction */
	gcc_jit_block *fits = gen_block(g);
	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_cmp(g, GCC_JIT_COMPARISON_LT, a, fconst(g, from, 0x1p64)), fits,
	    b[4]);
	g->cur = fits;
	lval low = gen_local(g, g->type[from], "low");
	gen_assign(g, low,
	    gen_bin(g, GCC_JIT_BINARY_OP_MINUS, g->type[from], a,
		fconst(g, from, half)));
	rval l = gcc_jit_lvalue_as_rvalue(
	    host_convert(g, from, true, false, gcc_jit_lvalue_as_rvalue(low)));
	gen_assign(g, to,
	    gen_cast(g, t,
		gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_XOR, g->type[IR_I64], l,
		    gen_num(g, g->type[IR_I64], INT64_MIN))));
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = b[3]; /* not above -1: 0, or a NaN */
	raise_invalid(g);
	gen_assign(g, to, gen_num(g, t, 0));
	gcc_jit_block *nan = gen_block(g);
	gcc_jit_block_end_with_conditional(
	    g->cur, NULL, gen_cmp(g, GCC_JIT_COMPARISON_NE, a, a), nan, on);
	gcc_jit_block_add_assignment(nan, NULL, to, gen_num(g, t, -1));
	gcc_jit_block_end_with_jump(nan, NULL, on);
	g->cur = b[4];
	raise_invalid(g);
	gen_assign(g, to, gen_num(g, t, -1));
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = on;
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
}

void gen_to_int(struct gen *g, ir_ref ref)
{
	switch (g->r->insn[ref].op) {
	case IR_F_TO_S32: to_signed(g, ref, false); return;
	case IR_F_TO_S64: to_signed(g, ref, true); return;
	case IR_F_TO_U32: to_unsigned(g, ref, false); return;
	default: to_unsigned(g, ref, true); return;
	}
}

rval gen_from_int(struct gen *g, const struct ir_insn *i)
{
	rval a = g->val[i->a];

	if (i->op == IR_S32_TO_F)
		a = gen_cast(g, g->i32, a);
	else if (i->op == IR_S64_TO_F)
		a = gen_cast(g, g->i64, a);
	return gen_cast(g, g->type[i->type], a);
}
