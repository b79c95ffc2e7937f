/*
 * interp.c - the reference interpreter of the IR.
 *
 * One word of `values` per instruction holds its result. Everything that
 * computes goes through eval_op; what is left here is control flow, guest
 * state and memory. Slow and simple on purpose: every other tier is
 * compared with it.
 *
 * A region is run once, from block 0 until a terminator leaves it or an
 * access faults. All slots are in abi.state all the time, so nothing has to
 * be written back at an exit.
 */
#include "backend/interp/interp.h"

#include "translator/eval.h"
#include "translator/fpu.h"

struct run {
	struct vcpu *v;
	struct abi_state *s;
	const struct guest_isa *g;
	const struct ir_region *r;
	const struct interp_mem *mem;
	u64 *val;
	gva_t pc; /* of the instruction being run */
	struct interp_result res;
};

static void finish(struct run *x, u32 reason, u64 pc, u64 arg)
{
	x->res = (struct interp_result){ reason, pc, arg };
}

static u64 compute(struct run *x, const struct ir_insn *i)
{
	const struct ir_insn *insn = x->r->insn;
	const u8 at[3] = { insn[i->a].type, insn[i->b].type, insn[i->c].type };
	const u64 arg[3] = { x->val[i->a], x->val[i->b], x->val[i->c] };

	if (!(ir_opinfo[i->op].flags & IRF_F))
		return eval_op(i->op, i->type, i->aux, at, arg, NULL);

	struct eval_fp fp = { .rm = x->s->frm };
	u64 v = eval_op(i->op, i->type, i->aux, at, arg, &fp);
	if (fp.flags)
		x->s->fpu =
		    fpu_with_flags(x->s->fpu, fpu_flags(x->s->fpu) | fp.flags);
	return v;
}

/* LOAD, STORE, AMO, CAS. False: it faulted, x->res is set. */
static bool access(struct run *x, const struct ir_insn *i, u64 *out)
{
	gva_t a = x->val[i->a] + (u64)i->imm;
	u32 size = 1u << MEM_LOG2(i->aux);
	u64 b = x->val[i->b], c = x->val[i->c], raw = 0;
	bool ok;

	if (i->aux & MEM_ALIGNED && a & (size - 1)) {
		x->s->fault_addr = a;
		finish(x, EXIT_MISALIGNED, x->pc, a);
		return false;
	}
	if (i->op == IR_LOAD) {
		ok = x->mem->load(x->v, a, size, &raw);
		raw = eval_load(i->type, i->aux, raw);
	} else if (i->op == IR_STORE) {
		ok = x->mem->store(x->v, a, size, b);
	} else {
		ok = x->mem->amo(x->v, i->op, a, size, b, c, &raw);
	}
	if (!ok) {
		finish(x, EXIT_MEMORY, x->pc, x->s->fault_addr);
		return false;
	}
	*out = raw;
	return true;
}

/* Ops with flag S: guest state outside SSA. */
static u64 state_op(struct run *x, const struct ir_insn *i)
{
	struct abi_state *s = x->s;
	u64 a = x->val[i->a], b = x->val[i->b];

	switch (i->op) {
	case IR_INSN_START: x->pc = (gva_t)i->imm; break;
	case IR_GET: return s->state[i->aux];
	case IR_PUT: s->state[i->aux] = a; break;
	case IR_FENCE: __atomic_thread_fence(__ATOMIC_SEQ_CST); break;
	case IR_FFLAGS_GET: return fpu_flags(s->fpu);
	case IR_FFLAGS_SET: s->fpu = fpu_with_flags(s->fpu, (u32)a); break;
	case IR_FRM_SET:
		s->frm = (u32)a;
		s->fpu = fpu_with_rm(s->fpu, (u32)a);
		break;
	case IR_HELPER: return x->g->helpers[i->aux](x->v, a, b);
	default: assert(false && "not a state op");
	}
	return 0;
}

/*
 * The end of a block. True: go on at block *next; false: the region is left
 * and x->res is set.
 */
static bool leave_block(struct run *x, const struct ir_insn *i, u32 *next)
{
	switch (i->op) {
	case IR_GOTO: *next = i->b; return true;
	case IR_BR: *next = x->val[i->a] ? i->b : i->c; return true;
	case IR_GOTO_TB: finish(x, EXIT_LOOKUP, (u64)i->imm, 0); break;
	case IR_GOTO_PTR:
	case IR_CALL: finish(x, EXIT_LOOKUP, x->val[i->a], 0); break;
	case IR_RET: finish(x, EXIT_LOOKUP, x->val[i->a] & ~1ull, 0); break;
	case IR_EXIT: finish(x, i->aux, (u64)i->imm, i->b); break;
	default: assert(false && "not a block end");
	}
	return false;
}

struct interp_result interp_run(struct vcpu *v, const struct guest_isa *g,
    const struct ir_region *r, const struct interp_mem *mem, u64 *values)
{
	struct run x = { .v = v,
		.s = vcpu_abi(v),
		.g = g,
		.r = r,
		.mem = mem,
		.val = values,
		.pc = r->pc };
	u32 block = 0;

	values[IR_NONE] = 0;
	for (;;) {
		const struct ir_block *b = &r->block[block];
		for (ir_ref ref = b->first;; ref++) {
			const struct ir_insn *i = &r->insn[ref];
			u8 flags = ir_opinfo[i->op].flags;

			assert(ref < b->first + b->n);
			if (flags & IRF_E) {
				if (!leave_block(&x, i, &block))
					return x.res;
				break;
			}
			if (i->op == IR_CONST || i->op == IR_PC)
				values[ref] = i->type == IR_I64 ? (u64)i->imm :
								  (u32)i->imm;
			else if (flags & IRF_S)
				values[ref] = state_op(&x, i);
			else if (!(flags & IRF_M))
				values[ref] =
				    i->op == IR_NOP ? 0 : compute(&x, i);
			else if (!access(&x, i, &values[ref]))
				return x.res;
		}
	}
}
