/*
 * lift_mem.c - integer and fp loads and stores, LR/SC and AMOs.
 *
 * Ordinary accesses may be misaligned; those of A may not. Acquire and
 * release travel as MEM_ACQ and MEM_REL.
 */
#include "frontend/riscv/lift.h"

static ir_ref load(
    struct rv_lifter *x, const struct rv_insn *i, u8 type, u16 aux)
{
	return ir_emit(x->r,
	    (struct ir_insn){ .op = IR_LOAD,
		.type = type,
		.aux = aux,
		.a = rv_get(x, i->rs1),
		.imm = i->imm });
}

static void store(struct rv_lifter *x, const struct rv_insn *i, u8 type,
    ir_ref addr, ir_ref v)
{
	ir_emit(x->r,
	    (struct ir_insn){ .op = IR_STORE,
		.type = type,
		.aux = i->row->arg,
		.a = addr,
		.b = v,
		.imm = i->imm });
}

void rv_load(struct rv_lifter *x, const struct rv_insn *i)
{
	/* also with rd = x0: it may fault */
	rv_put(x, i->rd, load(x, i, IR_I64, i->row->arg));
}

void rv_store(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref addr = rv_get(x, i->rs1);

	store(x, i, IR_I64, addr, rv_get(x, i->rs2));
}

void rv_fld(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_put(x->r, IR_F64, RV_SLOT_F + i->rd, load(x, i, IR_F64, 3));
}

void rv_flw(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref v = load(x, i, IR_F32, 2);

	ir_put(x->r, IR_F64, RV_SLOT_F + i->rd,
	    ir_op1(x->r, IR_F32_BOX, IR_F64, v));
}

/*
 * FSW stores the low bits as they are: the manual wants no box check, so
 * they go as bits of an integer.
 */
void rv_fstore(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref addr = rv_get(x, i->rs1);
	ir_ref v = ir_get(x->r, IR_F64, RV_SLOT_F + i->rs2);

	if (i->row->arg == 2)
		store(x, i, IR_I64, addr, ir_op1(x->r, IR_FBITS, IR_I64, v));
	else
		store(x, i, IR_F64, addr, v);
}

/*
 * LR: remember where and what; SC decides by comparing both. An LR with rl
 * comes after the stores before it.
 */
void rv_lr(struct rv_lifter *x, const struct rv_insn *i)
{
	const struct lift_opts *o = x->opts;
	if (o->wants_exclusive && !o->exclusive &&
	    o->wants_exclusive(o->ctx, i->pc)) {
		rv_exit(x, EXIT_EXCLUSIVE, i->pc, 1);
		return;
	}
	if (i->order & MEM_REL)
		ir_emit(x->r, (struct ir_insn){ .op = IR_FENCE, .aux = 1 });
	ir_ref addr = rv_get(x, i->rs1);
	u16 aux = (u16)(i->row->arg | MEM_ALIGNED | i->order);
	ir_ref v = ir_emit(x->r,
	    (struct ir_insn){
		.op = IR_LOAD, .type = IR_I64, .aux = aux, .a = addr });

	ir_put(x->r, IR_I64, RV_SLOT_RESV_ADDR, addr);
	ir_put(x->r, IR_I64, RV_SLOT_RESV_VAL, v);
	ir_put(x->r, IR_I64, RV_SLOT_RESV_PC, rv_pc(x, i->pc));
	rv_put(x, i->rd, v);
}

static void drop_reservation(struct rv_lifter *x)
{
	ir_put(x->r, IR_I64, RV_SLOT_RESV_ADDR, rv_const(x, RV_NO_RESV));
}

/*
 * SC succeeds if memory still holds what LR read there. A value that left
 * and came back goes unnoticed, which is right only if nothing between LR
 * and SC depends on memory: then it is as if LR had been executed just now.
 * For any other SC the runtime sees to it that nobody writes in between
 * (exec/exclusive.c). Without a reservation for the address it fails,
 * unless it faults: a misaligned address always does, one where nothing is
 * mapped does as on processors that translate it first. Blocks cannot join,
 * so that path leaves the translation block.
 */
void rv_sc(struct rv_lifter *x, const struct rv_insn *i)
{
	struct ir_region *r = x->r;
	ir_ref addr = rv_get(x, i->rs1);
	ir_ref resv = ir_get(r, IR_I64, RV_SLOT_RESV_ADDR);
	u32 match = rv_if(x, ir_op2(r, IR_NE, IR_I1, resv, addr));
	u8 ty = i->row->arg == 2 ? IR_I32 : IR_I64;
	ir_ref want, value, old;

	ir_emit(r,
	    (struct ir_insn){ .op = IR_LOAD,
		.type = IR_I64,
		.aux = (u16)(i->row->arg | MEM_ALIGNED),
		.a = addr });
	if (i->rd)
		rv_put(x, i->rd, rv_const(x, 1));
	drop_reservation(x);
	rv_goto(x, i->next);

	rv_else(x, match);
	if (x->opts->wants_exclusive && !x->opts->exclusive && !x->after_lr) {
		rv_exit(x, EXIT_EXCLUSIVE, i->pc, 0);
		return;
	}
	want = ir_get(r, IR_I64, RV_SLOT_RESV_VAL);
	if (ty == IR_I32)
		want = ir_op1(r, IR_TRUNC, IR_I32, want);
	value = ty == IR_I32 ? rv_get32(x, i->rs2) : rv_get(x, i->rs2);
	old = ir_emit(r,
	    (struct ir_insn){ .op = IR_CAS,
		.type = ty,
		.aux = (u16)(i->row->arg | MEM_ALIGNED | i->order),
		.a = addr,
		.b = want,
		.c = value });
	drop_reservation(x);
	rv_put_bool(x, i->rd, ir_op2(r, IR_NE, IR_I1, old, want));
}

static ir_ref amo(struct rv_lifter *x, const struct rv_insn *i, u8 type,
    u16 log2, ir_ref addr, ir_ref v)
{
	return ir_emit(x->r,
	    (struct ir_insn){ .op = (u8)i->row->arg,
		.type = type,
		.aux = (u16)(log2 | MEM_ALIGNED | i->order),
		.a = addr,
		.b = v });
}

void rv_amow(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref addr = rv_get(x, i->rs1);

	rv_put32(x, i->rd, amo(x, i, IR_I32, 2, addr, rv_get32(x, i->rs2)));
}

void rv_amod(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref addr = rv_get(x, i->rs1);

	rv_put(x, i->rd, amo(x, i, IR_I64, 3, addr, rv_get(x, i->rs2)));
}
