/* gen_int.c - integer ops; eval.c says what each means. */
#include "backend/gccjit/gen.h"

static gcc_jit_type *signed_of(struct gen *g, u8 ty)
{
	return ty == IR_I64 ? g->i64 : g->i32;
}

static void keep(struct gen *g, ir_ref ref, rval v)
{
	lval to = gen_local(g, g->type[g->r->insn[ref].type], "v");

	gen_assign(g, to, v);
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
}

/* The shift count modulo the width. */
static rval count(struct gen *g, u8 ty, rval n)
{
	gcc_jit_type *t = g->type[ty];

	return gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_AND, t, n,
	    gen_num(g, t, ty == IR_I64 ? 63 : 31));
}

static rval rotate(struct gen *g, u8 ty, rval a, rval n, bool left)
{
	gcc_jit_type *t = g->type[ty];
	rval back = count(g, ty,
	    gcc_jit_context_new_unary_op(
		g->cx, NULL, GCC_JIT_UNARY_OP_MINUS, t, n));
	enum gcc_jit_binary_op to = GCC_JIT_BINARY_OP_LSHIFT;
	enum gcc_jit_binary_op from = GCC_JIT_BINARY_OP_RSHIFT;

	n = count(g, ty, n);
	return gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_OR, t,
	    gen_bin(g, left ? to : from, t, a, n),
	    gen_bin(g, left ? from : to, t, a, back));
}

static rval sar(struct gen *g, u8 ty, rval a, rval n)
{
	gcc_jit_type *s = signed_of(g, ty);

	n = gen_cast(g, s, count(g, ty, n));
	return gen_cast(g, g->type[ty],
	    gen_bin(g, GCC_JIT_BINARY_OP_RSHIFT, s, gen_cast(g, s, a), n));
}

static rval mul_high(struct gen *g, u8 ty, rval a, rval b, bool sign)
{
	bool wide = ty == IR_I64;
	gcc_jit_type *x = sign ? (wide ? g->i128 : g->i64) :
				 (wide ? g->u128 : g->type[IR_I64]);

	if (sign) {
		a = gen_cast(g, signed_of(g, ty), a);
		b = gen_cast(g, signed_of(g, ty), b);
	}
	rval p = gen_bin(
	    g, GCC_JIT_BINARY_OP_MULT, x, gen_cast(g, x, a), gen_cast(g, x, b));
	p = gen_bin(
	    g, GCC_JIT_BINARY_OP_RSHIFT, x, p, gen_num(g, x, wide ? 64 : 32));
	return gen_cast(g, g->type[ty], p);
}

/* x/0 = all ones, x%0 = x, x/-1 = -x, x%-1 = 0; the rest is the host's. */
static void divide(struct gen *g, ir_ref ref, bool sign, bool rem)
{
	const struct ir_insn *i = &g->r->insn[ref];
	gcc_jit_type *t = g->type[i->type], *s = signed_of(g, i->type);
	rval a = g->val[i->a], b = g->val[i->b];
	lval to = gen_local(g, t, "q");
	gcc_jit_block *zero = gen_block(g), *some = gen_block(g);
	gcc_jit_block *on = gen_block(g);

	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_cmp(g, GCC_JIT_COMPARISON_EQ, b, gen_num(g, t, 0)), zero, some);
	gcc_jit_block_add_assignment(
	    zero, NULL, to, rem ? a : gen_num(g, t, -1));
	gcc_jit_block_end_with_jump(zero, NULL, on);
	g->cur = some;
	if (sign) {
		gcc_jit_block *minus = gen_block(g), *plain = gen_block(g);
		gcc_jit_block_end_with_conditional(g->cur, NULL,
		    gen_cmp(g, GCC_JIT_COMPARISON_EQ, b, gen_num(g, t, -1)),
		    minus, plain);
		gcc_jit_block_add_assignment(minus, NULL, to,
		    rem ? gen_num(g, t, 0) :
			  gen_bin(g, GCC_JIT_BINARY_OP_MINUS, t,
			      gen_num(g, t, 0), a));
		gcc_jit_block_end_with_jump(minus, NULL, on);
		g->cur = plain;
		a = gen_cast(g, s, a);
		b = gen_cast(g, s, b);
	}
	gen_assign(g, to,
	    gen_cast(g, t,
		gen_bin(g,
		    rem ? GCC_JIT_BINARY_OP_MODULO : GCC_JIT_BINARY_OP_DIVIDE,
		    sign ? s : t, a, b)));
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = on;
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
}

/* An instruction of the host with one operand, no branch around it. */
static void host_op(struct gen *g, ir_ref ref, const char *name)
{
	const struct ir_insn *i = &g->r->insn[ref];
	char text[40];
	lval to = gen_local(g, g->type[i->type], "h");

	snprintf(text, sizeof(text), "%s %%1, %%0", name);
	gcc_jit_extended_asm *a =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_add_output_operand(a, NULL, "=r", to);
	gcc_jit_extended_asm_add_input_operand(a, NULL, "r", g->val[i->a]);
	gcc_jit_extended_asm_add_clobber(a, "cc");
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
}

/*
 * Instructions of the host in xmm registers: %0 the result, %1 and %2 the
 * operands (the second one, if `hi`, in a general register), %3 zero.
 */
static void in_xmm(struct gen *g, ir_ref ref, const char *text, bool hi)
{
	const struct ir_insn *i = &g->r->insn[ref];
	gcc_jit_type *t = g->type[i->type];
	lval to = gen_local(g, t, "x");
	rval zero = gen_num(g, t, 0), b = i->b ? g->val[i->b] : zero;

	gcc_jit_extended_asm *a =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_add_output_operand(a, NULL, "=&x", to);
	gcc_jit_extended_asm_add_input_operand(a, NULL, "x", g->val[i->a]);
	gcc_jit_extended_asm_add_input_operand(a, NULL, hi ? "r" : "x", b);
	gcc_jit_extended_asm_add_input_operand(a, NULL, "x", zero);
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
}

#define ROUND(op) "vpinsrq $1, %2, %1, %0\n\t" op " %3, %0, %0"
#define PRODUCT "vpclmulqdq $0, %2, %1, %0"

static void crypto(struct gen *g, ir_ref ref)
{
	switch (g->r->insn[ref].op) {
	case IR_CLMUL: in_xmm(g, ref, PRODUCT, false); break;
	case IR_CLMULH:
		in_xmm(g, ref, PRODUCT "\n\tvpsrldq $8, %0, %0", false);
		break;
	case IR_AES_ENC: in_xmm(g, ref, ROUND("vaesenc"), true); break;
	case IR_AES_ENCLAST: in_xmm(g, ref, ROUND("vaesenclast"), true); break;
	case IR_AES_DEC: in_xmm(g, ref, ROUND("vaesdec"), true); break;
	case IR_AES_DECLAST: in_xmm(g, ref, ROUND("vaesdeclast"), true); break;
	case IR_AES_IMC: in_xmm(g, ref, "vaesimc %1, %0", false); break;
	default: /* the instruction looks at the second word */
		in_xmm(g, ref,
		    "vpunpckldq %1, %1, %0\n\t"
		    "vaeskeygenassist $0, %0, %0",
		    false);
	}
}

static rval bswap(struct gen *g, u8 ty, rval a)
{
	gcc_jit_function *f = gcc_jit_context_get_builtin_function(
	    g->cx, ty == IR_I64 ? "__builtin_bswap64" : "__builtin_bswap32");

	return gcc_jit_context_new_call(g->cx, NULL, f, 1, &a);
}

static rval compare(struct gen *g, const struct ir_insn *i)
{
	rval a = g->val[i->a], b = g->val[i->b];

	if (i->op == IR_LTS || i->op == IR_GES) {
		gcc_jit_type *s = signed_of(g, g->r->insn[i->a].type);
		a = gen_cast(g, s, a);
		b = gen_cast(g, s, b);
	}
	switch (i->op) {
	case IR_EQ: return gen_cmp(g, GCC_JIT_COMPARISON_EQ, a, b);
	case IR_NE: return gen_cmp(g, GCC_JIT_COMPARISON_NE, a, b);
	case IR_LTS:
	case IR_LTU: return gen_cmp(g, GCC_JIT_COMPARISON_LT, a, b);
	default: return gen_cmp(g, GCC_JIT_COMPARISON_GE, a, b);
	}
}

static rval narrow(struct gen *g, const struct ir_insn *i, gcc_jit_type *t)
{
	return gen_cast(g, g->type[i->type],
	    gen_cast(g, i->type == IR_I64 ? g->i64 : g->i32,
		gen_cast(g, t, g->val[i->a])));
}

static rval value(struct gen *g, const struct ir_insn *i)
{
	gcc_jit_type *t = g->type[i->type];
	rval a = g->val[i->a], b = g->val[i->b];
	u8 ty = i->type;

	switch (i->op) {
	case IR_ADD: return gen_bin(g, GCC_JIT_BINARY_OP_PLUS, t, a, b);
	case IR_SUB: return gen_bin(g, GCC_JIT_BINARY_OP_MINUS, t, a, b);
	case IR_MUL: return gen_bin(g, GCC_JIT_BINARY_OP_MULT, t, a, b);
	case IR_MULHS: return mul_high(g, ty, a, b, true);
	case IR_MULHU: return mul_high(g, ty, a, b, false);
	case IR_AND: return gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_AND, t, a, b);
	case IR_OR: return gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_OR, t, a, b);
	case IR_XOR: return gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_XOR, t, a, b);
	case IR_SHL:
		return gen_bin(
		    g, GCC_JIT_BINARY_OP_LSHIFT, t, a, count(g, ty, b));
	case IR_SHR:
		return gen_bin(
		    g, GCC_JIT_BINARY_OP_RSHIFT, t, a, count(g, ty, b));
	case IR_SAR: return sar(g, ty, a, b);
	case IR_ROTL: return rotate(g, ty, a, b, true);
	case IR_ROTR: return rotate(g, ty, a, b, false);
	case IR_BSWAP: return bswap(g, ty, a);
	case IR_SEXT8: return narrow(g, i, g->i8);
	case IR_SEXT16: return narrow(g, i, g->i16);
	case IR_ZEXT8: return narrow(g, i, g->u8);
	case IR_ZEXT16: return narrow(g, i, g->u16);
	case IR_SEXT32: return narrow(g, i, g->i32);
	case IR_ZEXT32: return gen_cast(g, t, gen_cast(g, g->type[IR_I32], a));
	case IR_TRUNC:
	case IR_BOOL: return gen_cast(g, t, a);
	default: return compare(g, i);
	}
}

void gen_int(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	bool wide = i->type == IR_I64;

	switch (i->op) {
	case IR_PC: keep(g, ref, gen_pc(g, (gva_t)i->imm)); return;
	case IR_CONST:
		g->val[ref] = gen_num(g, g->type[i->type], i->imm);
		return;
	case IR_DIVS: divide(g, ref, true, false); return;
	case IR_DIVU: divide(g, ref, false, false); return;
	case IR_REMS: divide(g, ref, true, true); return;
	case IR_REMU: divide(g, ref, false, true); return;
	case IR_CLZ: host_op(g, ref, wide ? "lzcntq" : "lzcntl"); return;
	case IR_CTZ: host_op(g, ref, wide ? "tzcntq" : "tzcntl"); return;
	case IR_POPCNT: host_op(g, ref, wide ? "popcntq" : "popcntl"); return;
	case IR_CLMUL:
	case IR_CLMULH:
	case IR_AES_ENC:
	case IR_AES_ENCLAST:
	case IR_AES_DEC:
	case IR_AES_DECLAST:
	case IR_AES_IMC:
	case IR_AES_SUB: crypto(g, ref); return;
	case IR_SELECT: {
		lval to = gen_local(g, g->type[i->type], "s");
		rval b = gen_seen(g, i->b), c = gen_seen(g, i->c);
		gen_choose(g, to, g->val[i->a], b, c);
		g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
		return;
	}
	default: keep(g, ref, value(g, i)); return;
	}
}
