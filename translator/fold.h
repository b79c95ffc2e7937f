/*
 * fold.h - between the three files of the fold pass: fold.c drives and
 * copies, fold_int.c knows arithmetic, fold_cmp.c compares and choices.
 */
#ifndef TRANSLATOR_FOLD_H
#define TRANSLATOR_FOLD_H

#include "translator/passes.h"

/* What is known of a value in the new array. */
struct fold_fact {
	u8 sbits; /* it is the sign extension of that many low bits */
	u8 ubits; /* it is below 1 << ubits */
	u8 homes; /* guest registers that hold it now (a hint) */
	u16 uses; /* in the old region (a hint) */
};

struct folder {
	struct ir_insn *out;
	struct fold_fact *fact;
	u32 n, cap;
	bool full; /* sticky: the result would be too long */
	ir_ref home[ABI_NSLOTS];
};

/* Append as it is. */
ir_ref fold_emit(struct folder *f, struct ir_insn i);
/* Append, or give an earlier value that equals it. */
ir_ref fold_op(struct folder *f, struct ir_insn i);
/* A CONST, cut to its type. */
ir_ref fold_const(struct folder *f, u8 type, u64 v);

/* Rules by subject: IR_NONE if none applies. */
ir_ref fold_int(struct folder *f, const struct ir_insn *i);
ir_ref fold_width(struct folder *f, const struct ir_insn *i);
ir_ref fold_compare(struct folder *f, const struct ir_insn *i);
ir_ref fold_choice(struct folder *f, const struct ir_insn *i);
ir_ref fold_fp(struct folder *f, const struct ir_insn *i);
/* The opposite of the integer compare c, or IR_NONE: fp has none. */
ir_ref fold_invert(struct folder *f, ir_ref c);
/*
 * If cond is `eq (bool c) 0` give c and flip *negated; repeat. For users of
 * a condition that can as well use its opposite.
 */
ir_ref fold_strip_not(struct folder *f, ir_ref cond, bool *negated);

static inline const struct ir_insn *fold_def(const struct folder *f, ir_ref v)
{
	return &f->out[v];
}

static inline bool fold_is_const(const struct folder *f, ir_ref v, i64 *c)
{
	if (f->out[v].op != IR_CONST)
		return false;
	*c = f->out[v].imm;
	return true;
}

/* v is the constant c. */
static inline bool fold_is(const struct folder *f, ir_ref v, i64 c)
{
	return f->out[v].op == IR_CONST && f->out[v].imm == c;
}

static inline ir_ref fold_op1(struct folder *f, u8 op, u8 type, ir_ref a)
{
	return fold_op(f, (struct ir_insn){ .op = op, .type = type, .a = a });
}

static inline ir_ref fold_op2(
    struct folder *f, u8 op, u8 type, ir_ref a, ir_ref b)
{
	return fold_op(
	    f, (struct ir_insn){ .op = op, .type = type, .a = a, .b = b });
}

/*
 * May a user of v take v's operand `inner` instead? Not when v stays in use
 * and inner would then need a register of its own.
 */
static inline bool fold_may_bypass(
    const struct folder *f, ir_ref v, ir_ref inner)
{
	return f->fact[v].uses <= 1 || f->fact[inner].homes;
}

static inline unsigned fold_width_of(u8 type)
{
	return type == IR_I1 ? 1 : type == IR_I32 || type == IR_F32 ? 32 : 64;
}

#endif
