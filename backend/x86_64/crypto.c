/*
 * crypto.c - carry-less products and the steps of AES, in xmm registers.
 *
 * The host's instructions give 128 bits, an IR op one half of them. Where the
 * op for the other half follows, as it does in all code for AES (a round of
 * b:a is one of a:b with the halves exchanged), one instruction is for both.
 *
 * Intel SDM volume 2: PCLMULQDQ, AESENC and so on.
 */
#include "backend/x86_64/cc.h"

static bool is_product(u8 op)
{
	return op == IR_CLMUL || op == IR_CLMULH;
}

/* The op for the other half of what ref is computed from, or IR_NONE. */
static ir_ref twin_of(const struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];

	switch (i->op) {
	case IR_CLMUL: return soon_after(c, ref, IR_CLMULH, i->a, i->b);
	case IR_CLMULH: return soon_after(c, ref, IR_CLMUL, i->a, i->b);
	default:
		return i->a == i->b ? IR_NONE :
				      soon_after(c, ref, i->op, i->b, i->a);
	}
}

static void product(
    struct cc *c, unsigned x, unsigned y, unsigned a, unsigned b)
{
	movd_to(c, 8, x, a);
	movd_to(c, 8, y, b);
	fp_op3(c, OP_PCLMULQDQ, IR_VOID, x, x, opnd_reg(y));
	asm_u8(&c->a, 0); /* the low halves of both */
}

/* x = hi:lo */
static void join(struct cc *c, unsigned x, unsigned lo, unsigned hi)
{
	movd_to(c, 8, x, lo);
	if (c->f.avx)
		asm_vex_rr(&c->a, OP_PINSR, 8, x, x, hi);
	else
		asm_rr(&c->a, OP_PINSR, 8, x, hi);
	asm_u8(&c->a, 1);
}

static void aes_round(struct cc *c, u8 op, unsigned x, unsigned key)
{
	u32 how = op == IR_AES_ENC ? OP_AESENC :
	    op == IR_AES_ENCLAST   ? OP_AESENCLAST :
	    op == IR_AES_DEC       ? OP_AESDEC :
				     OP_AESDECLAST;

	fp_op3(c, OP_XORPS, IR_VOID, key, key, opnd_reg(key));
	fp_op3(c, how, IR_VOID, x, x, opnd_reg(key));
}

/* ref is a half of x, made in d. */
static void take_half(
    struct cc *c, ir_ref ref, unsigned d, unsigned x, bool high)
{
	if (!high) {
		movd_from(c, 8, d, x);
	} else {
		if (c->f.avx)
			asm_vex_rr(&c->a, OP_PEXTR, 8, x, 0, d);
		else
			asm_rr(&c->a, OP_PEXTR, 8, x, d);
		asm_u8(&c->a, 1);
	}
	define(c, ref, d, 0);
}

static void emit_halves(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	bool high = i->op == IR_CLMULH;

	if (c->s.val[ref].kind != VAL_UNSET) /* done with its twin */
		return;
	ir_ref twin = twin_of(c, ref);
	unsigned a = use_reg(c, i->a), b = use_reg(c, i->b);
	for (unsigned n = twin == IR_NONE ? 1 : 2; n; n--) {
		consume(c, i->a);
		consume(c, i->b);
	}
	unsigned x = alloc(c, true), y = alloc(c, true);
	if (is_product(i->op)) {
		product(c, x, y, a, b);
	} else {
		join(c, x, a, b);
		aes_round(c, i->op, x, y);
	}
	take_half(c, ref, dest(c, ref, a), x, high);
	/* Its hint is for the place where it stands. */
	if (twin != IR_NONE)
		take_half(c, twin, dest_scratch(c, twin, b), x, !high);
}

/* AES_IMC, and AES_SUB by what AESKEYGENASSIST makes of the second word. */
static void emit_columns(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type), a = use_reg(c, i->a);

	consume(c, i->a);
	unsigned x = alloc(c, true), d = dest(c, ref, a);
	movd_to(c, w, x, a);
	if (i->op == IR_AES_IMC) {
		fp_op2(c, OP_AESIMC, IR_VOID, x, opnd_reg(x));
	} else {
		fp_op3(c, OP_PUNPCKLDQ, IR_VOID, x, x, opnd_reg(x));
		fp_op2(c, OP_AESKEYGENASSIST, IR_VOID, x, opnd_reg(x));
		asm_u8(&c->a, 0);
	}
	movd_from(c, w, d, x);
	define(c, ref, d, w == 4 ? FACT_ZX : 0);
}

void emit_crypto(struct cc *c, ir_ref ref)
{
	u8 op = c->insn[ref].op;

	if (is_product(op) ? !c->f.pclmul : !c->f.aes)
		emit_reference(c, ref);
	else if (op == IR_AES_IMC || op == IR_AES_SUB)
		emit_columns(c, ref);
	else
		emit_halves(c, ref);
}
