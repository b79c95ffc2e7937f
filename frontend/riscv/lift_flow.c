/*
 * lift_flow.c - jumps, calls, returns and conditional branches.
 *
 * Calls and returns are told apart by the link registers, as the manual's
 * return-address stack hints do (2.5): a jump that writes ra or t0 is a CALL,
 * one that reads them and keeps nothing is a RET.
 */
#include "frontend/riscv/lift.h"

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

void rv_branch(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref a = rv_get(x, i->rs1), b = rv_get(x, i->rs2);
	u32 no = rv_if(x, ir_op2(x->r, (u8)i->row->arg, IR_I1, a, b));

	rv_goto(x, i->pc + (u64)i->imm);
	rv_else(x, no);
	if (!x->opts->side_exits)
		rv_goto(x, i->next);
}
