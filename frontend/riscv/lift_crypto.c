/*
 * lift_crypto.c - scalar cryptography, Zbc and Zkn: what is not one IR op.
 * (Manual: "Cryptography Extensions: Scalar & Entropy Source".)
 *
 * All are pure, so with rd = x0 they emit nothing.
 */
#include "frontend/riscv/lift.h"

static ir_ref bin(struct rv_lifter *x, u8 op, u8 type, ir_ref a, ir_ref b)
{
	return ir_op2(x->r, op, type, a, b);
}

/* v op n, a constant */
static ir_ref by(struct rv_lifter *x, u8 op, u8 type, ir_ref v, i64 n)
{
	return bin(x, op, type, v, ir_const(x->r, type, n));
}

/* hi << n | lo */
static ir_ref join(
    struct rv_lifter *x, u8 type, ir_ref hi, unsigned n, ir_ref lo)
{
	return bin(x, IR_OR, type, by(x, IR_SHL, type, hi, n), lo);
}

/* --- Zbc --- */

/* bits 126 to 63 of the product */
void rv_clmulr(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref a, b, low;

	if (!i->rd)
		return;
	a = rv_get(x, i->rs1);
	b = rv_get(x, i->rs2);
	low = by(x, IR_SHR, IR_I64, bin(x, IR_CLMUL, IR_I64, a, b), 63);
	rv_put(
	    x, i->rd, join(x, IR_I64, bin(x, IR_CLMULH, IR_I64, a, b), 1, low));
}

/* --- Zbkb: the low part of rs2 above that of rs1 --- */

void rv_pack(struct rv_lifter *x, const struct rv_insn *i)
{
	if (i->rd)
		rv_put(x, i->rd,
		    join(x, IR_I64, rv_get(x, i->rs2), 32,
			rv_low_word(x, i->rs1)));
}

void rv_packh(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref lo, hi;

	if (!i->rd)
		return;
	lo = ir_op1(x->r, IR_ZEXT8, IR_I64, rv_get(x, i->rs1));
	hi = ir_op1(x->r, IR_ZEXT8, IR_I64, rv_get(x, i->rs2));
	rv_put(x, i->rd, join(x, IR_I64, hi, 8, lo));
}

void rv_packw(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref lo;

	if (!i->rd)
		return;
	lo = ir_op1(x->r, IR_ZEXT16, IR_I32, rv_get32(x, i->rs1));
	rv_put32(x, i->rd, join(x, IR_I32, rv_get32(x, i->rs2), 16, lo));
}

/* The bits of each byte reversed: neighbours, pairs, nibbles swapped. */
void rv_brev8(struct rv_lifter *x, const struct rv_insn *i)
{
	static const u64 low[] = { 0x5555555555555555, 0x3333333333333333,
		0x0f0f0f0f0f0f0f0f };
	ir_ref v, right;

	if (!i->rd)
		return;
	v = rv_get(x, i->rs1);
	for (unsigned k = 0; k < ARRAY_LEN(low); k++) {
		i64 mask = (i64)low[k];
		right = by(x, IR_SHR, IR_I64, v, 1 << k);
		right = by(x, IR_AND, IR_I64, right, mask);
		v = by(x, IR_AND, IR_I64, v, mask);
		v = join(x, IR_I64, v, 1u << k, right);
	}
	rv_put(x, i->rd, v);
}

/* --- Zknd, Zkne: FIPS 197, 5.2 --- */

/*
 * SubWord of rs1's upper word; in front of it RotWord, behind it Rcon of the
 * round, but for number 10, which AES-256 has between the others. The word
 * comes to stand in both halves.
 */
void rv_aes64ks1i(struct rv_lifter *x, const struct rv_insn *i)
{
	enum { NO_ROUND = 10 };
	static const u8 rcon[NO_ROUND] = { 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80,
		0x1b, 0x36 };
	ir_ref v;

	if (i->imm > NO_ROUND) {
		rv_illegal(x, i);
		return;
	}
	if (!i->rd)
		return;
	v = by(x, IR_SHR, IR_I64, rv_get(x, i->rs1), 32);
	v = ir_op1(x->r, IR_TRUNC, IR_I32, v);
	if (i->imm != NO_ROUND)
		v = by(x, IR_ROTR, IR_I32, v, 8);
	v = ir_op1(x->r, IR_AES_SUB, IR_I32, v);
	if (i->imm != NO_ROUND)
		v = by(x, IR_XOR, IR_I32, v, rcon[i->imm]);
	v = ir_op1(x->r, IR_ZEXT32, IR_I64, v);
	rv_put(x, i->rd, join(x, IR_I64, v, 32, v));
}

/* The next two words of a key: each is xored to the one before it. */
void rv_aes64ks2(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref first, up;

	if (!i->rd)
		return;
	first = by(x, IR_SHR, IR_I64, rv_get(x, i->rs1), 32);
	first = bin(x, IR_XOR, IR_I64, first, rv_get(x, i->rs2));
	up = by(x, IR_SHL, IR_I64, first, 32);
	rv_put(x, i->rd, bin(x, IR_XOR, IR_I64, first, up));
}

/* --- Zknh: FIPS 180-4, 4.1.2 and 4.1.3; arg is the row --- */

/* Rotated right by a, by b, and by c rotated or shifted, all xored. */
struct sigma {
	u8 a, b, c;
	u8 last; /* what is done by c */
};

static ir_ref sigma(
    struct rv_lifter *x, u8 type, ir_ref v, const struct sigma *s)
{
	ir_ref ab = bin(x, IR_XOR, type, by(x, IR_ROTR, type, v, s->a),
	    by(x, IR_ROTR, type, v, s->b));

	return bin(x, IR_XOR, type, ab, by(x, s->last, type, v, s->c));
}

void rv_sha256(struct rv_lifter *x, const struct rv_insn *i)
{
	static const struct sigma s[] = {
		{ 2, 13, 22, IR_ROTR },
		{ 6, 11, 25, IR_ROTR },
		{ 7, 18, 3, IR_SHR },
		{ 17, 19, 10, IR_SHR },
	};

	if (i->rd)
		rv_put32(x, i->rd,
		    sigma(x, IR_I32, rv_get32(x, i->rs1), &s[i->row->arg]));
}

void rv_sha512(struct rv_lifter *x, const struct rv_insn *i)
{
	static const struct sigma s[] = {
		{ 28, 34, 39, IR_ROTR },
		{ 14, 18, 41, IR_ROTR },
		{ 1, 8, 7, IR_SHR },
		{ 19, 61, 6, IR_SHR },
	};

	if (i->rd)
		rv_put(x, i->rd,
		    sigma(x, IR_I64, rv_get(x, i->rs1), &s[i->row->arg]));
}
