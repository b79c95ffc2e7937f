/*
 * lift_flow.c - jumps, calls, returns and conditional branches.
 *
 * Calls and returns are told apart by the link registers, as the manual's
 * return-address stack hints do (2.5): a jump that writes ra or t0 is a CALL,
 * one that reads them and keeps nothing is a RET.
 */
#include "frontend/riscv/lift.h"

#define SKIP_MAX 2

static bool is_link(unsigned reg)
{
	return reg == RV_RA || reg == RV_T0;
}

static void end_with(struct rv_lifter *x, u8 op, ir_ref target, gva_t ret)
{
	ir_emit(x->r,
	    (struct ir_insn){
		.op = op, .a = target, .imm = op == IR_CALL ? (i64)ret : 0 });
	x->done = true;
}

void rv_jal(struct rv_lifter *x, const struct rv_insn *i)
{
	gva_t target = i->pc + (u64)i->imm;

	rv_put(x, i->rd, i->rd ? rv_pc(x, i->next) : IR_NONE);
	if (is_link(i->rd))
		end_with(x, IR_CALL, rv_pc(x, target), i->next);
	else
		rv_goto(x, target);
}

void rv_jalr(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref target = rv_get(x, i->rs1);
	u8 op = IR_GOTO_PTR;

	if (is_link(i->rd))
		op = IR_CALL;
	else if (is_link(i->rs1) && !i->imm)
		op = IR_RET;
	if (i->imm)
		target =
		    ir_op2(x->r, IR_ADD, IR_I64, target, rv_const(x, i->imm));
	if (op != IR_RET)
		target = ir_op2(x->r, IR_AND, IR_I64, target, rv_const(x, -2));
	if (i->rd)
		rv_put(x, i->rd, rv_pc(x, i->next));
	end_with(x, op, target, i->next);
}

/* One operation that cannot fault, and only writes rd? */
static bool is_simple(const struct rv_insn *i)
{
	if (!i->row || !i->rd)
		return false;
	if (i->row->lift == rv_lui)
		return true;
	return (i->row->lift == rv_alu || i->row->lift == rv_alui ||
		   i->row->lift == rv_aluw || i->row->lift == rv_aluiw) &&
	    (i->row->arg < IR_MUL || i->row->arg > IR_REMU) &&
	    i->row->arg < IR_CLMUL;
}

/*
 * The few simple instructions that the branch may skip: how many, 0 if it is
 * no such branch. They are done in any case, and their results are chosen:
 * compilers make such code where the guest has no conditional move, and the
 * branch may be one that nobody can predict.
 */
static u32 skipped(
    const struct rv_lifter *x, const struct rv_insn *i, struct rv_insn *s)
{
	gva_t pc = i->next, target = i->pc + (u64)i->imm;
	u32 n = 0;

	if (!x->opts->side_exits || i->imm <= 0)
		return 0;
	for (; pc < target; pc = s[n++].next)
		if (n == SKIP_MAX || x->n + n >= x->opts->max_insns ||
		    !rv_fetch(x, pc, &s[n]) || !is_simple(&s[n]))
			return 0;
	return pc == target ? n : 0;
}

static void choose(
    struct rv_lifter *x, ir_ref taken, const struct rv_insn *s, u32 n)
{
	ir_ref old[SKIP_MAX];

	for (u32 k = 0; k < n; k++)
		old[k] = rv_get(x, s[k].rd);
	for (u32 k = 0; k < n; k++) {
		ir_emit(x->r,
		    (struct ir_insn){
			.op = IR_INSN_START, .imm = (i64)s[k].pc });
		s[k].row->lift(x, &s[k]);
	}
	for (u32 k = 0; k < n; k++)
		if (!k || s[k].rd != s[0].rd)
			rv_put(x, s[k].rd,
			    ir_op3(x->r, IR_SELECT, IR_I64, taken, old[k],
				rv_get(x, s[k].rd)));
	x->n += n;
	x->next = s[n - 1].next;
	x->more &= x->n < x->opts->max_insns;
}

void rv_branch(struct rv_lifter *x, const struct rv_insn *i)
{
	struct rv_insn s[SKIP_MAX];
	ir_ref a = rv_get(x, i->rs1), b = rv_get(x, i->rs2);
	ir_ref taken = ir_op2(x->r, (u8)i->row->arg, IR_I1, a, b);
	u32 n = skipped(x, i, s);

	if (n) {
		choose(x, taken, s, n);
		return;
	}
	u32 no = rv_if(x, taken);

	rv_goto(x, i->pc + (u64)i->imm);
	rv_else(x, no);
	if (!x->opts->side_exits)
		rv_goto(x, i->next);
}
