/*
 * lift.h - what the lift_*.c files share: the state of one translation block
 * under construction and the few shorthands that every lift function uses.
 *
 * A lift function is called after INSN_START was emitted. It emits plain GET
 * and PUT of slots; forwarding them is the business of the passes. It either
 * leaves a block open for the next instruction or ends it and sets done.
 */
#ifndef RISCV_LIFT_H
#define RISCV_LIFT_H

#include "frontend/riscv/decode.h"
#include "translator/guest.h"

/* Slots of abi_state.state; the rows are regs.def. */
enum rv_slot {
	RV_SLOT_X = 0,
	RV_SLOT_F = 32,
	RV_SLOT_RESV_ADDR = 64,
	RV_SLOT_RESV_VAL = 65,
	RV_SLOT_FRM = 66,
	RV_SLOT_RESV_PC = 67,
};

/* resv_addr when there is no reservation: no aligned address. */
#define RV_NO_RESV (-1ll)

/* Numbers of the helpers in isa.c, the counters in the order of their CSRs. */
enum rv_helper {
	RV_HELPER_CYCLE,
	RV_HELPER_TIME,
	RV_HELPER_INSTRET,
	RV_HELPER_CLOCK, /* of the host's number a */
};

/*
 * Upper bounds of what one instruction may add, so that a block stops before
 * the region is full (a test holds every row against them).
 */
#define RV_MAX_IR 32
#define RV_MAX_BLOCKS 2

struct rv_lifter {
	struct ir_region *r;
	const struct lift_opts *opts;
	const struct lift_code *code;
	void *decoder;
	gva_t next; /* pc of the instruction after this one */
	u32 n; /* instructions, this one included */
	bool more; /* another instruction may follow this one */
	bool done; /* the block has ended */
	bool after_lr; /* no access to memory since an LR in this block */
};

/* Every lift function named in insns.def. */
#define X(kind, id, text, fmt, lift, arg, mask, match) \
	void rv_##lift(struct rv_lifter *x, const struct rv_insn *i);
#include "frontend/riscv/insns.def"
#undef X

/* guest_isa.lift, see translator/guest.h. */
void rv_lift(void *decoder, struct ir_region *r, const struct lift_code *code,
    const struct lift_opts *opts);

/* The instruction at pc; false: it cannot be read. */
bool rv_fetch(const struct rv_lifter *x, gva_t pc, struct rv_insn *i);
/* End the block. */
void rv_goto(struct rv_lifter *x, gva_t pc);
void rv_exit(struct rv_lifter *x, u16 reason, gva_t pc, u32 arg);
/*
 * Split on `cond`: the returned block is for the true side, which must be
 * filled and ended first; then rv_else(x, that) opens the false side.
 */
u32 rv_if(struct rv_lifter *x, ir_ref cond);
void rv_else(struct rv_lifter *x, u32 b);

static inline ir_ref rv_const(struct rv_lifter *x, i64 v)
{
	return ir_const(x->r, IR_I64, v);
}

/* An address that the pc leads to. */
static inline ir_ref rv_pc(struct rv_lifter *x, gva_t pc)
{
	if (!x->opts->movable)
		return rv_const(x, (i64)pc);
	return ir_emit(x->r,
	    (struct ir_insn){ .op = IR_PC, .type = IR_I64, .imm = (i64)pc });
}

/* Read xN; x0 is the constant 0. */
static inline ir_ref rv_get(struct rv_lifter *x, unsigned n)
{
	return n ? ir_get(x->r, IR_I64, RV_SLOT_X + n) : rv_const(x, 0);
}

/* The low half of xN as an i32. */
static inline ir_ref rv_get32(struct rv_lifter *x, unsigned n)
{
	return n ? ir_op1(x->r, IR_TRUNC, IR_I32, rv_get(x, n)) :
		   ir_const(x->r, IR_I32, 0);
}

/* The low half of xN, zero-extended. */
static inline ir_ref rv_low_word(struct rv_lifter *x, unsigned n)
{
	return ir_op1(x->r, IR_ZEXT32, IR_I64, rv_get32(x, n));
}

static inline void rv_put(struct rv_lifter *x, unsigned n, ir_ref v)
{
	if (n)
		ir_put(x->r, IR_I64, RV_SLOT_X + n, v);
}

/* Write an i32 to xN as the W instructions do. */
static inline void rv_put32(struct rv_lifter *x, unsigned n, ir_ref v)
{
	if (n)
		rv_put(x, n, ir_op1(x->r, IR_SEXT32, IR_I64, v));
}

static inline void rv_put_bool(struct rv_lifter *x, unsigned n, ir_ref v)
{
	if (n)
		rv_put(x, n, ir_op1(x->r, IR_BOOL, IR_I64, v));
}

static inline ir_ref rv_not(struct rv_lifter *x, ir_ref v)
{
	return ir_op2(x->r, IR_XOR, IR_I64, v, rv_const(x, -1));
}

#endif
