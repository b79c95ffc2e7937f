/*
 * fold_cmp.c - compares, truth values and choices.
 *
 * The aim is one compare next to the branch or select that uses it, with a
 * constant second and as few extensions as possible. See fold_int.c for
 * what the functions are given and return.
 */
#include "translator/fold.h"

static_assert(IR_NE == IR_EQ + 1 && IR_GES == IR_LTS + 1 &&
	IR_GEU == IR_LTU + 1 && IR_LTS == IR_EQ + 2 && IR_LTU == IR_EQ + 4,
    "a compare and its opposite are neighbours");

static bool is_compare(u8 op)
{
	return op >= IR_EQ && op <= IR_GEU;
}

static u8 opposite(u8 op)
{
	return (u8)(IR_EQ + ((op - IR_EQ) ^ 1));
}

static ir_ref truth(struct folder *f, bool v)
{
	return fold_const(f, IR_I1, v);
}

ir_ref fold_invert(struct folder *f, ir_ref c)
{
	const struct ir_insn *d = fold_def(f, c);

	if (!is_compare(d->op))
		return IR_NONE;
	return fold_op2(f, opposite(d->op), IR_I1, d->a, d->b);
}

ir_ref fold_strip_not(struct folder *f, ir_ref cond, bool *negated)
{
	for (;;) {
		const struct ir_insn *d = fold_def(f, cond);
		if (d->op != IR_EQ || !fold_is(f, d->b, 0) ||
		    fold_def(f, d->a)->op != IR_BOOL)
			return cond;
		cond = fold_def(f, d->a)->a;
		*negated = !*negated;
	}
}

/* c op x -> x op' (c + 1): the compares have no "greater". */
static ir_ref constant_first(struct folder *f, const struct ir_insn *i)
{
	u8 ty = fold_def(f, i->a)->type;
	bool is_signed = i->op == IR_LTS || i->op == IR_GES;
	u64 max = is_signed ? ~0ull >> 1 : ~0ull;
	i64 c;

	if (!fold_is_const(f, i->a, &c) || i->op == IR_EQ || i->op == IR_NE)
		return IR_NONE;
	if (ty == IR_I32)
		max = is_signed ? 0x7fffffff : 0xffffffff;
	u64 u = ty == IR_I32 && !is_signed ? (u32)c : (u64)c;
	if (u == max)
		return truth(f, i->op == IR_GES || i->op == IR_GEU);
	return fold_op2(
	    f, opposite(i->op), IR_I1, i->b, fold_const(f, ty, u + 1));
}

/* eq or ne of a bool and a constant. */
static ir_ref bool_equals(struct folder *f, const struct ir_insn *i, i64 c)
{
	ir_ref cond = fold_def(f, i->a)->a;

	if (c != 0 && c != 1)
		return truth(f, i->op == IR_NE);
	if ((i->op == IR_EQ) == (c == 1))
		return cond;
	return fold_invert(f, cond);
}

/* eq or ne with a constant: look through what leads there. */
static ir_ref equals_const(struct folder *f, const struct ir_insn *i, i64 c)
{
	const struct ir_insn *d = fold_def(f, i->a);
	u8 ty = d->type;
	i64 c1;

	switch (d->op) {
	case IR_BOOL: return bool_equals(f, i, c);
	case IR_ADD:
		if (!fold_is_const(f, d->b, &c1) ||
		    !fold_may_bypass(f, i->a, d->a))
			return IR_NONE;
		return fold_op2(
		    f, i->op, IR_I1, d->a, fold_const(f, ty, (u64)c - (u64)c1));
	case IR_SUB:
	case IR_XOR:
		if (c || !fold_may_bypass(f, i->a, d->a) ||
		    !fold_may_bypass(f, i->a, d->b))
			return IR_NONE;
		return fold_op2(f, i->op, IR_I1, d->a, d->b);
	default: return IR_NONE;
	}
}

/*
 * Compare before the extension instead of after it. Sign extension keeps
 * the unsigned order too; zero extension makes the signed order unsigned.
 * Left alone when the extended value sits in a guest register anyway.
 */
static ir_ref before_extension(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *x = fold_def(f, i->a), *y = fold_def(f, i->b);
	u8 op = i->op;
	i64 c;

	if ((x->op != IR_SEXT32 && x->op != IR_ZEXT32) || f->fact[i->a].homes)
		return IR_NONE;
	if (x->op == IR_ZEXT32)
		op = op == IR_LTS ? IR_LTU : op == IR_GES ? IR_GEU : op;
	if (fold_is_const(f, i->b, &c)) {
		bool fits = x->op == IR_SEXT32 ? c == (i32)c : c == (u32)c;
		if (!fits)
			return IR_NONE;
		return fold_op2(
		    f, op, IR_I1, x->a, fold_const(f, IR_I32, (u64)c));
	}
	if (y->op != x->op || f->fact[i->b].homes)
		return IR_NONE;
	return fold_op2(f, op, IR_I1, x->a, y->a);
}

ir_ref fold_compare(struct folder *f, const struct ir_insn *i)
{
	ir_ref v;
	i64 c;

	if (i->a == i->b)
		return truth(
		    f, i->op == IR_EQ || i->op == IR_GES || i->op == IR_GEU);
	v = constant_first(f, i);
	if (v)
		return v;
	if (fold_is_const(f, i->b, &c)) {
		if (!c && (i->op == IR_LTU || i->op == IR_GEU))
			return truth(f, i->op == IR_GEU);
		if (c == 1 && (i->op == IR_LTU || i->op == IR_GEU))
			return fold_op2(f, i->op == IR_LTU ? IR_EQ : IR_NE,
			    IR_I1, i->a,
			    fold_const(f, fold_def(f, i->a)->type, 0));
		if (i->op == IR_EQ || i->op == IR_NE)
			v = equals_const(f, i, c);
	}
	return v ? v : before_extension(f, i);
}

static ir_ref fold_bool(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *d = fold_def(f, i->a);

	/* x != 0 where x is 0 or 1. */
	if (d->op == IR_NE && fold_is(f, d->b, 0) && f->fact[d->a].ubits <= 1 &&
	    fold_def(f, d->a)->type == i->type)
		return d->a;
	return IR_NONE;
}

ir_ref fold_choice(struct folder *f, const struct ir_insn *i)
{
	struct ir_insn s = *i;
	bool negated = false;
	i64 c;

	if (i->op == IR_BOOL)
		return fold_bool(f, i);
	if (s.b == s.c)
		return s.b;
	s.a = fold_strip_not(f, s.a, &negated);
	if (negated) {
		s.b = i->c;
		s.c = i->b;
	}
	if (fold_is_const(f, s.a, &c))
		return c ? s.b : s.c;
	if (s.type == IR_I32 || s.type == IR_I64) {
		if (fold_is(f, s.b, 1) && fold_is(f, s.c, 0))
			return fold_op1(f, IR_BOOL, s.type, s.a);
		if (fold_is(f, s.b, 0) && fold_is(f, s.c, 1)) {
			ir_ref no = fold_invert(f, s.a);
			if (no)
				return fold_op1(f, IR_BOOL, s.type, no);
		}
	}
	return negated ? fold_emit(f, s) : IR_NONE;
}
