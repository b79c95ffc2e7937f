/*
 * lift.c - a translation block: decode and lift until control leaves.
 *
 * Blocks are extended basic blocks: after a conditional branch the not-taken
 * side may go on (lift_opts.side_exits). Limits that end a block early: the
 * caller's max_insns, the bytes that may be read, and the region's own size.
 */
#include "frontend/riscv/lift.h"

void rv_goto(struct rv_lifter *x, gva_t pc)
{
	ir_emit(x->r, (struct ir_insn){ .op = IR_GOTO_TB, .imm = (i64)pc });
	x->done = true;
}

void rv_exit(struct rv_lifter *x, u16 reason, gva_t pc, u32 arg)
{
	ir_emit(x->r,
	    (struct ir_insn){
		.op = IR_EXIT, .aux = reason, .b = arg, .imm = (i64)pc });
	x->done = true;
}

u32 rv_if(struct rv_lifter *x, ir_ref cond)
{
	u32 yes = ir_new_block(x->r), no = ir_new_block(x->r);

	ir_emit(x->r,
	    (struct ir_insn){ .op = IR_BR, .a = cond, .b = yes, .c = no });
	ir_begin(x->r, yes);
	return no;
}

void rv_else(struct rv_lifter *x, u32 b)
{
	ir_begin(x->r, b);
	x->done = false;
}

/* The block cannot be read on at pc: its first missing byte is `end`. */
static void unreadable(struct rv_lifter *x, gva_t pc, gva_t end, bool first)
{
	if (first) {
		ir_emit(x->r,
		    (struct ir_insn){ .op = IR_INSN_START, .imm = (i64)pc });
		rv_exit(x, EXIT_FETCH, pc, (u32)(end - pc));
	} else {
		rv_goto(x, pc);
	}
}

bool rv_fetch(const struct rv_lifter *x, gva_t pc, struct rv_insn *i)
{
	size_t off = pc - x->code->pc;

	return rv_decode(
	    x->decoder, pc, x->code->bytes + off, x->code->len - off, i);
}

static bool is_lr(const struct rv_insn *i)
{
	return i->row && i->row->lift == rv_lr;
}

/* May what was lifted from IR instruction `from` on depend on memory? */
static bool sees_memory(const struct ir_region *r, u32 from)
{
	for (u32 k = from; k < r->ninsns; k++) {
		u8 op = r->insn[k].op;
		if ((op >= IR_LOAD && op <= IR_FENCE) || op == IR_HELPER)
			return true;
	}
	return false;
}

/* LR begins a new block if there may be no room for its SC in this one. */
#define LR_ROOM 16

static bool lr_has_room(const struct rv_lifter *x, u32 n)
{
	return n + LR_ROOM <= x->opts->max_insns &&
	    x->r->ninsns < IR_MAX_INSNS / 2 &&
	    x->r->nblocks < IR_MAX_BLOCKS / 2;
}

void rv_lift(void *decoder, struct ir_region *r, const struct lift_code *code,
    const struct lift_opts *opts)
{
	struct rv_lifter x = {
		.r = r, .opts = opts, .code = code, .decoder = decoder
	};
	struct rv_insn i;
	gva_t pc = code->pc;

	while (!x.done) {
		if (!rv_fetch(&x, pc, &i)) {
			unreadable(&x, pc, code->pc + code->len, x.n == 0);
			break;
		}
		if (x.n && is_lr(&i) && !lr_has_room(&x, x.n)) {
			rv_goto(&x, pc);
			break;
		}
		x.n++;
		x.next = i.next;
		x.more = x.n < opts->max_insns &&
		    r->ninsns < IR_MAX_INSNS - 2 * RV_MAX_IR &&
		    r->nblocks < IR_MAX_BLOCKS - 2 * RV_MAX_BLOCKS;
		ir_emit(
		    r, (struct ir_insn){ .op = IR_INSN_START, .imm = (i64)pc });
		u32 from = r->ninsns;
		if (i.row)
			i.row->lift(&x, &i);
		else
			rv_illegal(&x, &i);
		if (is_lr(&i) || sees_memory(r, from))
			x.after_lr = is_lr(&i);
		pc = x.next;
		if (!x.more && !x.done)
			rv_goto(&x, pc);
	}
	r->guest_insns = x.n;
	r->guest_len = (u32)(pc - code->pc);
}
