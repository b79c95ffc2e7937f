/*
 * mem.c - guest memory: loads, stores, atomics, fences.
 *
 * AS_IDENTITY: the guest address is the host address, so an access is one
 * instruction with its displacement, and a fault is the host's. AS_BASED:
 * the address is checked against the window, then mem_base is added.
 *
 * x86-TSO is at least as strong as any acquire or release access asks for,
 * and locked instructions are full fences; only store-load order needs one.
 *
 * An access that faults must have changed nothing yet: no result goes to a
 * pin before the access is done.
 */
#include "backend/x86_64/cc.h"

#include <signal.h>

/* Exit with the guest address x->mem as argument and fault address. */
static void cold_fault(struct cc *c, struct cold *x)
{
	asm_rm(&c->a, OP_LEA, 8, RCX, x->mem);
	asm_store(&c->a, 8, mem_vcpu(ABI_OFF(fault_addr)), RCX);
	if (x->arg == EXIT_MEMORY) /* what the host would have said */
		asm_mov_ri(&c->a, RCX, SIGSEGV | SEGV_MAPERR << 8);
	exit_service(c, (u32)x->arg, x->pc);
}

static void fault_if(struct cc *c, enum x86_cc cc, u32 reason, struct mem m)
{
	struct cold *x = cold_new(c, cold_fault);

	x->arg = reason;
	x->mem = m;
	cold_jcc(c, x, cc);
}

/* Bounds of the window; t holds the guest address and becomes the host's. */
static void based(struct cc *c, unsigned t)
{
	unsigned u = alloc(c, false);

	asm_mov_rr(&c->a, 8, u, t);
	asm_shift_ri(&c->a, SH_SHR, 8, u, AS_WINDOW_BITS);
	fault_if(c, CC_NE, EXIT_MEMORY, mem_at(t, 0));
	unlock(c, u);
	asm_alu_rm(&c->a, ALU_ADD, 8, t, mem_vcpu(ABI_OFF(mem_base)));
}

/* The host address of the access i; i->a is consumed. */
static struct mem address(struct cc *c, const struct ir_insn *i)
{
	i32 mask = (1 << MEM_LOG2(i->aux)) - 1, disp = (i32)i->imm;
	bool aligned = (i->aux & MEM_ALIGNED) && mask;
	bool is_based = c->cg->opts.as == AS_BASED;
	i64 k;

	if (value_const(c, i->a, &k) && !is_based && !aligned &&
	    fits32(k + disp)) {
		consume(c, i->a);
		return mem_at(NOREG, (i32)(k + disp));
	}
	unsigned base = use_reg(c, i->a);
	consume(c, i->a);
	if (!is_based && !aligned)
		return mem_at(base, disp);

	unsigned t = base;
	if (disp || is_based) {
		t = alloc(c, false);
		asm_rm(&c->a, OP_LEA, 8, t, mem_at(base, disp));
		if (is_scratch(base))
			unlock(c, base);
	}
	if (aligned) {
		asm_test_ri(&c->a, 8, t, mask);
		fault_if(c, CC_NE, EXIT_MISALIGNED, mem_at(t, 0));
	}
	if (is_based)
		based(c, t);
	return mem_at(t, 0);
}

static void load_fp(struct cc *c, ir_ref ref, struct mem m)
{
	bool single = c->insn[ref].type == IR_F32;

	if (!single) {
		unsigned d = dest(c, ref, NOREG);
		fp_load(c, d, m);
		define(c, ref, d, 0);
	} else if (c->f.avx) {
		/* The ones above come from the first source. */
		unsigned one = ones(c), d = dest(c, ref, NOREG);
		asm_vex_rm(&c->a, OP_INSERTPS, 4, d, one, m);
		asm_u8(&c->a, 0);
		define(c, ref, d, FACT_BOX);
	} else {
		unsigned d = dest(c, ref, NOREG), t = alloc(c, true);
		asm_rm(&c->a, OP_MOVSS_LOAD, 4, t, m);
		fp_bits(c, OP_ORPS, d, t, HOST_BOX_ONES);
		define(c, ref, d, FACT_BOX);
	}
}

static void emit_load(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type), log2 = MEM_LOG2(i->aux);
	bool sign = i->aux & MEM_SIGNED;
	struct mem m = address(c, i);

	if (is_fp(i->type)) {
		load_fp(c, ref, m);
		return;
	}
	u32 op = OP_MOV_LOAD;
	if (log2 < 2)
		op = log2 ? (sign ? OP_MOVSX16 : OP_MOVZX16) :
			    (sign ? OP_MOVSX8 : OP_MOVZX8);
	else if (log2 == 2 && sign && w == 8)
		op = OP_MOVSXD;
	bool wide = log2 == 3 || (sign && w == 8);
	unsigned d = dest(c, ref, m.base);
	asm_rm(&c->a, op, wide ? 8 : 4, d, m);
	define(c, ref, d,
	    log2 == 3             ? 0 :
		wide              ? FACT_SX :
		log2 == 2 || sign ? FACT_ZX :
				    FACT_ZX | FACT_SX);
}

static void emit_store(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned size = 1u << MEM_LOG2(i->aux);
	struct mem m = address(c, i);
	struct opnd v = fetch(
	    c, i->b, size == 8 ? 8 : 4, is_fp(i->type) ? TAKE_REG : TAKE_IMM);

	consume(c, i->b);
	if (v.kind == OPND_IMM)
		asm_mov_mi(&c->a, size, m, v.imm);
	else if (v.reg < XMM0)
		asm_store(&c->a, size, m, v.reg);
	else if (size == 8)
		fp_store(c, m, v.reg);
	else if (c->f.avx)
		asm_vex_rm(&c->a, OP_MOVSS_STORE, 4, v.reg, 0, m);
	else
		asm_rm(&c->a, OP_MOVSS_STORE, 4, v.reg, m);
}

static u8 amo_facts(unsigned w)
{
	return w == 4 ? FACT_ZX : 0;
}

static enum x86_alu amo_alu(u8 op)
{
	switch (op) {
	case IR_AMO_ADD: return ALU_ADD;
	case IR_AMO_AND: return ALU_AND;
	case IR_AMO_OR: return ALU_OR;
	default: return ALU_XOR;
	}
}

static bool is_min_max(u8 op)
{
	return op >= IR_AMO_MINS && op <= IR_AMO_MAXU;
}

/* Nobody wants the old value: one locked instruction. */
static void amo_quiet(struct cc *c, const struct ir_insn *i, unsigned w)
{
	struct mem m = address(c, i);
	struct opnd b = fetch(c, i->b, w, TAKE_IMM);

	consume(c, i->b);
	asm_lock(&c->a);
	if (b.kind == OPND_IMM)
		asm_alu_mi(&c->a, amo_alu(i->op), w, m, b.imm);
	else
		asm_alu_mr(&c->a, amo_alu(i->op), w, m, b.reg);
}

static void amo_exchange(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];
	struct mem m = address(c, i);
	struct opnd b = fetch(c, i->b, w, TAKE_MEM | TAKE_IMM);

	consume(c, i->b);
	unsigned d = dest_scratch(c, ref, b.reg == m.base ? NOREG : b.reg);
	mov_opnd(c, w, d, b);
	if (i->op == IR_AMO_SWAP) { /* locks by itself */
		asm_rm(&c->a, OP_XCHG, w, d, m);
	} else {
		asm_lock(&c->a);
		asm_rm(&c->a, OP_XADD, w, d, m);
	}
	define(c, ref, d, amo_facts(w));
}

/* rax = old value; t = what to store. */
static void amo_new_value(
    struct cc *c, u8 op, unsigned w, unsigned t, unsigned b)
{
	static const u8 keep_not[] = { CC_GE, CC_LE, CC_AE, CC_BE };

	asm_mov_rr(&c->a, w, t, RAX);
	if (!is_min_max(op)) {
		asm_alu_rr(&c->a, amo_alu(op), w, t, b);
		return;
	}
	/* min: b unless old < b; max: b unless old > b */
	asm_alu_rr(&c->a, ALU_CMP, w, RAX, b);
	asm_cmov_rr(&c->a, (enum x86_cc)keep_not[op - IR_AMO_MINS], w, t, b);
}

static void amo_loop(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];

	claim(c, RAX);
	struct mem m = address(c, i);
	unsigned b = use_reg(c, i->b);
	consume(c, i->b);
	unsigned t = alloc(c, false);
	asm_load(&c->a, w, RAX, m);
	size_t again = c->a.len;
	amo_new_value(c, i->op, w, t, b);
	asm_lock(&c->a);
	asm_rm(&c->a, OP_CMPXCHG, w, t, m);
	asm_jcc_to(&c->a, CC_NE, again);
	define(c, ref, RAX, amo_facts(w));
}

static void emit_cas(struct cc *c, ir_ref ref, unsigned w)
{
	const struct ir_insn *i = &c->insn[ref];

	use_in(c, i->b, RAX);
	struct mem m = address(c, i);
	unsigned v = use_reg(c, i->c);
	consume(c, i->c);
	asm_lock(&c->a);
	asm_rm(&c->a, OP_CMPXCHG, w, v, m);
	/* On success eax keeps the upper half that it came with. */
	define(c, ref, RAX, 0);
}

static void emit_amo(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);

	if (i->op == IR_CAS)
		emit_cas(c, ref, w);
	else if (i->op == IR_AMO_SWAP ||
	    (i->op == IR_AMO_ADD && c->s.val[ref].uses))
		amo_exchange(c, ref, w);
	else if (!c->s.val[ref].uses && !is_min_max(i->op))
		amo_quiet(c, i, w);
	else
		amo_loop(c, ref, w);
}

void emit_memory(struct cc *c, ir_ref ref)
{
	switch (c->insn[ref].op) {
	case IR_LOAD: emit_load(c, ref); break;
	case IR_STORE: emit_store(c, ref); break;
	default: emit_amo(c, ref); break;
	}
}

static bool is_locked(u8 op)
{
	return op >= IR_AMO_SWAP && op <= IR_CAS;
}

/* The block that leads to the one which starts at `first`, or NULL. */
static const struct ir_block *before(const struct cc *c, ir_ref first)
{
	const struct ir_region *r = c->r;

	for (u32 b = 0; b < r->nblocks; b++) {
		const struct ir_insn *end =
		    &c->insn[r->block[b].first + r->block[b].n - 1];
		if (((end->op == IR_GOTO || end->op == IR_BR) &&
			r->block[end->b].first == first) ||
		    (end->op == IR_BR && r->block[end->c].first == first))
			return &r->block[b];
	}
	return NULL;
}

static ir_ref start_of(const struct cc *c, ir_ref ref)
{
	ir_ref first = 0;

	for (u32 b = 0; b < c->r->nblocks; b++)
		if (c->r->block[b].first <= ref)
			first = MAX(first, c->r->block[b].first);
	return first;
}

/*
 * All that is missing on x86 is that stores before are seen before loads
 * behind: not if there has been no store since the last time, nor if an
 * instruction that locks comes before a load.
 */
static bool fence_needed(const struct cc *c, ir_ref ref)
{
	ir_ref first = start_of(c, ref);

	for (ir_ref k = ref + 1;; k++) {
		u8 op = c->insn[k].op;
		if (is_locked(op))
			return false;
		if (op == IR_LOAD || op == IR_HELPER || ir_ends_block(op))
			break;
	}
	for (ir_ref k = ref;;) {
		if (k == first) {
			const struct ir_block *b = before(c, first);
			if (!b)
				return true;
			first = b->first;
			k = b->first + b->n;
			continue;
		}
		const struct ir_insn *i = &c->insn[--k];
		if (is_locked(i->op) || (i->op == IR_FENCE && i->aux))
			return false;
		if (i->op == IR_STORE || i->op == IR_HELPER)
			return true;
	}
}

void emit_fence(struct cc *c, ir_ref ref)
{
	if (!c->insn[ref].aux || !fence_needed(c, ref))
		return;
	/* Any locked instruction is a full fence, and faster than mfence. */
	asm_lock(&c->a);
	asm_alu_mi(&c->a, ALU_OR, 4, mem_vcpu(ABI_TMP_OFF(0)), 0);
}
