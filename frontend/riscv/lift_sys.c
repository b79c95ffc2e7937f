/*
 * lift_sys.c - exits, fences and control and status registers.
 *
 * CSRs that user mode has: fflags, frm, fcsr and the Zicntr counters. Accrued
 * flags live in the host's fp status (FFLAGS_GET/SET), the rounding mode in a
 * slot with a copy in the host's (FRM_SET). A rounding mode that the host
 * does not have (RMM and the reserved ones) is the runtime's business: after
 * writing one the block leaves with EXIT_FPMODE.
 *
 * In the range of custom read-only CSRs are metic's own, 0xcc0 + n: Linux's
 * clock n as seconds << 30 | nanoseconds, which user mode's vDSO reads.
 */
#include "frontend/riscv/lift.h"

enum rv_csr {
	CSR_FFLAGS = 0x001,
	CSR_FRM = 0x002,
	CSR_FCSR = 0x003,
	CSR_CYCLE = 0xc00,
	CSR_TIME = 0xc01,
	CSR_INSTRET = 0xc02,
	CSR_CLOCK = 0xcc0,
	CSR_CLOCK_LAST = 0xccb,
};

void rv_illegal(struct rv_lifter *x, const struct rv_insn *i)
{
	rv_exit(x, EXIT_ILLEGAL, i->pc, i->word);
}

void rv_ecall(struct rv_lifter *x, const struct rv_insn *i)
{
	rv_exit(x, EXIT_SYSCALL, i->next, 0);
}

void rv_ebreak(struct rv_lifter *x, const struct rv_insn *i)
{
	rv_exit(x, EXIT_BREAK, i->pc, 0);
}

void rv_fence_i(struct rv_lifter *x, const struct rv_insn *i)
{
	rv_exit(x, EXIT_ICACHE, i->next, 0);
}

static void fence(struct rv_lifter *x, u16 store_load)
{
	ir_emit(x->r, (struct ir_insn){ .op = IR_FENCE, .aux = store_load });
}

/* FENCE.TSO orders everything but a store before a load. */
void rv_fence_tso(struct rv_lifter *x, const struct rv_insn *i)
{
	(void)i;
	fence(x, 0);
}

void rv_fence(struct rv_lifter *x, const struct rv_insn *i)
{
	enum { W = 1, R = 2, O = 4, I = 8 };
	u32 pred = bits(i->word, 24, 4), succ = bits(i->word, 20, 4);

	if (pred && succ) /* else a hint: pause */
		fence(x, (pred & (W | O)) && (succ & (R | I)));
}

static ir_ref csr_read(struct rv_lifter *x, u16 csr)
{
	struct ir_region *r = x->r;
	ir_ref zero, frm;

	switch (csr) {
	case CSR_FFLAGS: return ir_op1(r, IR_FFLAGS_GET, IR_I64, IR_NONE);
	case CSR_FRM: return ir_get(r, IR_I64, RV_SLOT_FRM);
	case CSR_FCSR:
		frm = ir_op2(r, IR_SHL, IR_I64, ir_get(r, IR_I64, RV_SLOT_FRM),
		    rv_const(x, 5));
		return ir_op2(r, IR_OR, IR_I64, frm,
		    ir_op1(r, IR_FFLAGS_GET, IR_I64, IR_NONE));
	default: break;
	}
	if (csr >= CSR_CLOCK)
		return ir_emit(r,
		    (struct ir_insn){ .op = IR_HELPER,
			.type = IR_I64,
			.a = rv_const(x, csr - CSR_CLOCK),
			.b = rv_const(x, 0),
			.aux = RV_HELPER_CLOCK });
	zero = rv_const(x, 0); /* a counter */
	return ir_emit(r,
	    (struct ir_insn){ .op = IR_HELPER,
		.type = IR_I64,
		.a = zero,
		.b = zero,
		.aux = (u16)(RV_HELPER_CYCLE + csr - CSR_CYCLE) });
}

static void set_fflags(struct rv_lifter *x, ir_ref v)
{
	v = ir_op2(x->r, IR_AND, IR_I64, v, rv_const(x, 31));
	ir_emit(x->r, (struct ir_insn){ .op = IR_FFLAGS_SET, .a = v });
}

static void set_frm(struct rv_lifter *x, ir_ref v)
{
	v = ir_op2(x->r, IR_AND, IR_I64, v, rv_const(x, 7));
	ir_put(x->r, IR_I64, RV_SLOT_FRM, v);
	ir_emit(x->r, (struct ir_insn){ .op = IR_FRM_SET, .a = v });
}

/* Leave if the frm just written is beyond the host's four modes. */
static void check_frm(struct rv_lifter *x, const struct rv_insn *i)
{
	ir_ref frm = ir_get(x->r, IR_I64, RV_SLOT_FRM);
	u32 no =
	    rv_if(x, ir_op2(x->r, IR_GEU, IR_I1, frm, rv_const(x, RM_RMM)));

	rv_exit(x, EXIT_FPMODE, i->next, 0);
	rv_else(x, no);
}

/* `known`: v is the constant `imm`. */
static void csr_write(
    struct rv_lifter *x, const struct rv_insn *i, ir_ref v, bool known, u32 imm)
{
	u32 frm = i->csr == CSR_FCSR ? bits(imm, 5, 3) : bits(imm, 0, 3);

	if (i->csr != CSR_FRM)
		set_fflags(x, v);
	if (i->csr == CSR_FFLAGS)
		return;
	if (i->csr == CSR_FCSR)
		v = ir_op2(x->r, IR_SHR, IR_I64, v, rv_const(x, 5));
	set_frm(x, v);
	if (!known)
		check_frm(x, i);
	else if (frm >= RM_RMM)
		rv_exit(x, EXIT_FPMODE, i->next, 0);
}

/* arg: 0 replace, IR_OR set bits, IR_AND clear bits */
void rv_csr(struct rv_lifter *x, const struct rv_insn *i)
{
	bool imm = i->row->format == RV_FMT_CSRI;
	u8 op = (u8)i->row->arg;
	bool write = !op || i->rs1, read = op || i->rd;
	bool fp = i->csr >= CSR_FFLAGS && i->csr <= CSR_FCSR;
	bool counter = (i->csr >= CSR_CYCLE && i->csr <= CSR_INSTRET) ||
	    (i->csr >= CSR_CLOCK && i->csr <= CSR_CLOCK_LAST);
	ir_ref v = IR_NONE, old = IR_NONE;

	if (!fp && !(counter && !write)) {
		rv_illegal(x, i);
		return;
	}
	if (write) /* before rd, which may be rs1 */
		v = imm ? rv_const(x, i->rs1) : rv_get(x, i->rs1);
	if (read) {
		old = csr_read(x, i->csr);
		rv_put(x, i->rd, old);
	}
	if (!write)
		return;
	if (op == IR_AND)
		v = rv_not(x, v);
	if (op)
		v = ir_op2(x->r, op, IR_I64, old, v);
	csr_write(x, i, v, !op && (imm || !i->rs1), imm ? i->rs1 : 0);
}
