/*
 * fold_int.c - algebra on integers: identities, chains of constants, shift
 * pairs that are extensions or masks, rotates, widths.
 *
 * Each function gets an instruction whose operands are in the new array,
 * not all constant, a constant second if the op commutes. It returns the
 * value that replaces it, or IR_NONE.
 */
#include "translator/fold.h"

/* In IR instructions, markers and puts among them: five guest ones or so. */
#define FOLD_NEAR 16u

/* (x op c1) op c2 -> x op (c1 op c2), for ADD, AND, OR, XOR. */
static ir_ref chain(struct folder *f, const struct ir_insn *i, i64 c2)
{
	const struct ir_insn *d = fold_def(f, i->a);
	i64 c1;

	if (d->op != i->op || !fold_is_const(f, d->b, &c1) ||
	    !fold_may_bypass(f, i->a, d->a))
		return IR_NONE;
	u64 c = i->op == IR_ADD ? (u64)c1 + (u64)c2 :
	    i->op == IR_AND     ? (u64)(c1 & c2) :
	    i->op == IR_OR      ? (u64)(c1 | c2) :
				  (u64)(c1 ^ c2);
	ir_ref x = d->a;
	return fold_op2(f, i->op, i->type, x, fold_const(f, i->type, c));
}

/* x & c, c constant. */
static ir_ref mask(struct folder *f, const struct ir_insn *i, i64 c)
{
	u64 m = i->type == IR_I32 ? (u32)c : (u64)c;
	unsigned u = f->fact[i->a].ubits;
	u64 all = u >= 64 ? ~0ull : (1ull << u) - 1;

	if ((m & all) == all)
		return i->a;
	if (!(m & all))
		return fold_const(f, i->type, 0);
	if (m == 0xff)
		return fold_op1(f, IR_ZEXT8, i->type, i->a);
	if (m == 0xffff)
		return fold_op1(f, IR_ZEXT16, i->type, i->a);
	if (m == 0xffffffff)
		return fold_op1(
		    f, IR_ZEXT32, IR_I64, fold_op1(f, IR_TRUNC, IR_I32, i->a));
	return chain(f, i, c);
}

/* a and b are the same value, perhaps truncated twice. */
static bool same_value(const struct folder *f, ir_ref a, ir_ref b)
{
	const struct ir_insn *x = fold_def(f, a), *y = fold_def(f, b);
	return a == b ||
	    (x->op == IR_TRUNC && y->op == IR_TRUNC && x->a == y->a);
}

/* a = 0 - b */
static bool is_negation(const struct folder *f, ir_ref a, ir_ref b)
{
	const struct ir_insn *d = fold_def(f, a);
	return d->op == IR_SUB && d->b == b && fold_is(f, d->a, 0);
}

/*
 * One of `shl x k` and `shr x (width - k)` in either order, as an or, xor or
 * sum of the two: the count k's ref in *k and x in *x.
 */
static bool is_rotate(const struct folder *f, ir_ref a, ir_ref b, bool is_or,
    ir_ref *x, ir_ref *k)
{
	const struct ir_insn *l = fold_def(f, a), *h = fold_def(f, b);
	i64 n, m;

	if (l->op == IR_SHR) {
		const struct ir_insn *t = l;
		l = h;
		h = t;
	}
	if (l->op != IR_SHL || h->op != IR_SHR || l->type != h->type ||
	    !same_value(f, l->a, h->a))
		return false;
	*x = l->a;
	*k = l->b;
	i64 w = fold_width_of(l->type);
	if (fold_is_const(f, l->b, &n) && fold_is_const(f, h->b, &m))
		return (n & (w - 1)) && (n & (w - 1)) + (m & (w - 1)) == w;
	/* Count 0 gives x | x = x, but x + x and x ^ x are not x. */
	return is_or &&
	    (is_negation(f, l->b, h->b) || is_negation(f, h->b, l->b));
}

/*
 * or, xor, add of two shifts. The 32-bit form is what RV64 compilers make:
 * or (sext32 (shl.i32 x k)) (sext32 or zext32 (shr.i32 x (32 - k))).
 */
static ir_ref rotate(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *p = fold_def(f, i->a), *q = fold_def(f, i->b);
	bool is_or = i->op == IR_OR;
	ir_ref x, k;

	if (is_rotate(f, i->a, i->b, is_or, &x, &k))
		return fold_op2(f, IR_ROTL, i->type, x, k);
	if (p->op == IR_ZEXT32) {
		const struct ir_insn *t = p;
		p = q;
		q = t;
	}
	if (p->op != IR_SEXT32 || (q->op != IR_SEXT32 && q->op != IR_ZEXT32))
		return IR_NONE;
	/* With zext32 it must be the right shift that is extended so. */
	if (q->op == IR_ZEXT32 && fold_def(f, q->a)->op != IR_SHR)
		return IR_NONE;
	if (!is_rotate(f, p->a, q->a, is_or, &x, &k))
		return IR_NONE;
	return fold_op1(
	    f, IR_SEXT32, i->type, fold_op2(f, IR_ROTL, IR_I32, x, k));
}

/*
 * PC + c, PC & c. A region moves by whole pages, so the low bits of a PC
 * never change.
 */
static ir_ref fold_pc(struct folder *f, const struct ir_insn *i, i64 c)
{
	struct ir_insn pc = *fold_def(f, i->a);

	if (pc.op != IR_PC || (i->op == IR_AND && ~c & ~(i64)0xfff))
		return IR_NONE;
	pc.imm = (i64)(i->op == IR_AND ? (u64)pc.imm & (u64)c :
					 (u64)pc.imm + (u64)c);
	return fold_emit(f, pc);
}

static ir_ref fold_add(struct folder *f, const struct ir_insn *i)
{
	i64 c;

	if (!fold_is_const(f, i->b, &c))
		return rotate(f, i);
	ir_ref v = fold_pc(f, i, c);
	if (v)
		return v;
	return c ? chain(f, i, c) : i->a;
}

static ir_ref fold_sub(struct folder *f, const struct ir_insn *i)
{
	i64 c;

	if (i->a == i->b)
		return fold_const(f, i->type, 0);
	if (fold_is_const(f, i->b, &c))
		return fold_op2(f, IR_ADD, i->type, i->a,
		    fold_const(f, i->type, 0 - (u64)c));
	return IR_NONE;
}

static ir_ref fold_logic(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *d = fold_def(f, i->a);
	i64 c;

	if (i->a == i->b)
		return i->op == IR_XOR ? fold_const(f, i->type, 0) : i->a;
	if (!fold_is_const(f, i->b, &c))
		return i->op == IR_AND ? IR_NONE : rotate(f, i);
	if (i->op == IR_AND) {
		ir_ref v = fold_pc(f, i, c);
		return v ? v : mask(f, i, c);
	}
	if (!c)
		return i->a;
	if (i->op == IR_OR && c == -1)
		return i->b;
	if (i->op == IR_XOR && c == 1 && d->op == IR_BOOL) {
		ir_ref no = fold_invert(f, d->a);
		return no ? fold_op1(f, IR_BOOL, i->type, no) : IR_NONE;
	}
	return chain(f, i, c);
}

static ir_ref fold_mul(struct folder *f, const struct ir_insn *i)
{
	i64 c;

	if (!fold_is_const(f, i->b, &c))
		return IR_NONE;
	if (c == 0)
		return i->b;
	if (c == 1)
		return i->a;
	u64 u = i->type == IR_I32 ? (u32)c : (u64)c;
	if (u & (u - 1))
		return IR_NONE;
	return fold_op2(f, IR_SHL, i->type, i->a,
	    fold_const(f, i->type, (u64)__builtin_ctzll(u)));
}

static ir_ref fold_div(struct folder *f, const struct ir_insn *i)
{
	i64 c;

	if (!fold_is_const(f, i->b, &c))
		return IR_NONE;
	if (c == 1 && (i->op == IR_DIVU || i->op == IR_DIVS))
		return i->a;
	if (c == 1)
		return fold_const(f, i->type, 0);
	u64 u = i->type == IR_I32 ? (u32)c : (u64)c;
	if (!u || u & (u - 1))
		return IR_NONE;
	if (i->op == IR_DIVU)
		return fold_op2(f, IR_SHR, i->type, i->a,
		    fold_const(f, i->type, (u64)__builtin_ctzll(u)));
	if (i->op == IR_REMU)
		return fold_op2(
		    f, IR_AND, i->type, i->a, fold_const(f, i->type, u - 1));
	return IR_NONE;
}

/* x's low `n` bits, extended by sign or zero, or IR_NONE: no op does it. */
static ir_ref extend(
    struct folder *f, u8 type, ir_ref x, unsigned n, bool is_signed)
{
	switch (n) {
	case 8: return fold_op1(f, is_signed ? IR_SEXT8 : IR_ZEXT8, type, x);
	case 16: return fold_op1(f, is_signed ? IR_SEXT16 : IR_ZEXT16, type, x);
	case 32:
		return fold_op1(f, is_signed ? IR_SEXT32 : IR_ZEXT32, type,
		    fold_op1(f, IR_TRUNC, IR_I32, x));
	default:
		/* A mask that fits an immediate. */
		if (is_signed || n > 31)
			return IR_NONE;
		return fold_op2(
		    f, IR_AND, type, x, fold_const(f, type, (1ull << n) - 1));
	}
}

/* (x << k) >> n, both constant. */
static ir_ref shift_pair(
    struct folder *f, const struct ir_insn *i, ir_ref x, unsigned k, unsigned n)
{
	unsigned w = fold_width_of(i->type);
	bool is_signed = i->op == IR_SAR;

	if (n == k)
		return extend(f, i->type, x, w - k, is_signed);
	/* Index arithmetic: slli 32, srli 29 is zext32 and a scale of 8. */
	if (w == 64 && k == 32 && n < k) {
		ir_ref e = extend(f, i->type, x, 32, is_signed);
		return fold_op2(
		    f, IR_SHL, i->type, e, fold_const(f, i->type, k - n));
	}
	return IR_NONE;
}

static ir_ref fold_shift(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *d = fold_def(f, i->a);
	unsigned w = fold_width_of(i->type), n, k;
	i64 c;

	if (!fold_is_const(f, i->b, &c))
		return IR_NONE;
	n = (unsigned)c & (w - 1);
	if (!n)
		return i->a;
	if (n != c)
		return fold_op2(
		    f, i->op, i->type, i->a, fold_const(f, i->type, n));
	if (!fold_is_const(f, d->b, &c) || !fold_may_bypass(f, i->a, d->a))
		return IR_NONE;
	k = (unsigned)c & (w - 1);
	ir_ref x = d->a;
	if (d->op == i->op && i->op != IR_ROTL && i->op != IR_ROTR) {
		if (k + n < w)
			return fold_op2(f, i->op, i->type, x,
			    fold_const(f, i->type, k + n));
		if (i->op != IR_SAR)
			return fold_const(f, i->type, 0);
		return fold_op2(
		    f, i->op, i->type, x, fold_const(f, i->type, w - 1));
	}
	if (d->op == IR_SHL && (i->op == IR_SHR || i->op == IR_SAR))
		return shift_pair(f, i, x, k, n);
	if (d->op == IR_SHR && i->op == IR_SHL && n == k && k < 32)
		return fold_op2(
		    f, IR_AND, i->type, x, fold_const(f, i->type, ~0ull << k));
	return IR_NONE;
}

ir_ref fold_int(struct folder *f, const struct ir_insn *i)
{
	switch (i->op) {
	case IR_ADD: return fold_add(f, i);
	case IR_SUB: return fold_sub(f, i);
	case IR_AND:
	case IR_OR:
	case IR_XOR: return fold_logic(f, i);
	case IR_MUL: return fold_mul(f, i);
	case IR_DIVU:
	case IR_DIVS:
	case IR_REMU:
	case IR_REMS: return fold_div(f, i);
	case IR_SHL:
	case IR_SHR:
	case IR_SAR:
	case IR_ROTL:
	case IR_ROTR: return fold_shift(f, i);
	default: return IR_NONE;
	}
}

/*
 * The word before its extension is there a cycle sooner, but when a guest
 * register holds the extended one, it is also one more value to keep.
 */
static bool word_is_near(const struct folder *f, ir_ref extended)
{
	return !f->fact[extended].homes ||
	    f->n - fold_def(f, extended)->a < FOLD_NEAR;
}

/* TRUNC to i32. */
static ir_ref fold_trunc(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *d = fold_def(f, i->a);

	if (d->op == IR_SEXT32 || d->op == IR_ZEXT32)
		return word_is_near(f, i->a) ? d->a : IR_NONE;
	/* The low half of a boxed f32 is that f32. */
	if (d->op == IR_FBITS && fold_def(f, d->a)->op == IR_F32_BOX)
		return fold_op1(f, IR_FBITS, IR_I32, fold_def(f, d->a)->a);
	if (d->op == IR_BOOL)
		return fold_op1(f, IR_BOOL, IR_I32, d->a);
	return IR_NONE;
}

/* SEXT8 ... ZEXT16 of any narrower or equal extension. */
static ir_ref fold_narrow(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *d = fold_def(f, i->a);
	unsigned n = i->op == IR_SEXT8 || i->op == IR_ZEXT8 ? 8 : 16;
	bool is_signed = i->op == IR_SEXT8 || i->op == IR_SEXT16;

	if (is_signed ? f->fact[i->a].sbits <= n : f->fact[i->a].ubits <= n)
		return i->a;
	/* An extension of at least as many bits below makes no difference. */
	bool wider = d->op == IR_SEXT16 || d->op == IR_ZEXT16 ||
	    (n == 8 && (d->op == IR_SEXT8 || d->op == IR_ZEXT8));
	if (wider && fold_may_bypass(f, i->a, d->a))
		return fold_op1(f, i->op, i->type, d->a);
	return IR_NONE;
}

ir_ref fold_width(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *d = fold_def(f, i->a);
	const struct fold_fact *k;

	switch (i->op) {
	case IR_TRUNC: return fold_trunc(f, i);
	case IR_SEXT32:
	case IR_ZEXT32:
		if (d->op == IR_BOOL)
			return fold_op1(f, IR_BOOL, IR_I64, d->a);
		if (d->op != IR_TRUNC)
			return IR_NONE;
		k = &f->fact[d->a];
		if (i->op == IR_SEXT32 ? k->sbits <= 32 : k->ubits <= 32)
			return d->a;
		return IR_NONE;
	default: return fold_narrow(f, i);
	}
}
