/*
 * flow.c - block ends: links, branches, calls and returns, indirect jumps,
 * exits; and the region's entry.
 *
 * A side exit that is nothing but a GOTO_TB is a jcc straight to the
 * target's code: a link site. A site's rel32 lies within one cache line, so
 * that it can be patched while other threads run it (context.c).
 *
 * Safepoints: any cycle of translation blocks contains an edge to a pc not
 * above the start of the block that it leaves. A region with such an edge
 * polls at its entry, where all state is exact; the others never do.
 * (Indirect jumps are stopped by the runtime, which swaps the jump table.)
 *
 * A region's fast version may assume that certain slots hold boxed f32
 * values; it is checked at the entry, and a jump back to the region's own
 * start skips the check where the code can see that it would succeed.
 */
#include "backend/x86_64/cc.h"
#include "backend/x86_64/thunks.h"

void exit_service(struct cc *c, u32 reason, gva_t pc)
{
	struct mem m = mem_vcpu(ABI_OFF(pc));

	if (fits32((i64)pc) && !c->cg->opts.movable) {
		asm_mov_mi(&c->a, 8, m, (i32)pc);
	} else {
		mov_pc(c, RAX, pc);
		asm_store(&c->a, 8, m, RAX);
	}
	asm_mov_ri(&c->a, RAX, reason);
	asm_jmp_m(&c->a, mem_vcpu(HOST_OFF(HOST_SERVICE)));
}

/* --- links --- */

static void cold_link(struct cc *c, struct cold *x)
{
	struct link_site *l = &c->cg->links[x->arg];

	l->stub = (u32)c->a.len;
	asm_fix(&c->a, asm_lea_rip(&c->a, RCX), l->off);
	asm_jmp_m(&c->a, mem_vcpu(HOST_OFF(HOST_LINK)));
}

/* The rel32 at `site` shall lead to the code of `target`. */
static void add_link(struct cc *c, size_t site, gva_t target)
{
	if (c->cg->nlinks == c->links_cap) {
		fail(c, -E2BIG);
		return;
	}
	struct cold *x = cold_new(c, cold_link);
	x->arg = c->cg->nlinks++;
	c->cg->links[x->arg] =
	    (struct link_site){ .off = (u32)site, .target = target };
	cold_from(c, x, site);
}

/* Bytes to insert before a rel32 at offset `at` to keep it in one line. */
static size_t straddle(struct cc *c, size_t at)
{
	size_t in_line = (c->cg->rx + at) & 63;

	return in_line > 60 ? 64 - in_line : 0;
}

/* Before a jmp or call, whose opcode is one byte. */
static void pad_link(struct cc *c)
{
	asm_nop(&c->a, straddle(c, c->a.len + 1));
}

static void lookup_const(struct cc *c, gva_t pc)
{
	mov_pc(c, RAX, pc);
	asm_jmp_m(&c->a, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
}

static void cold_lookup(struct cc *c, struct cold *x)
{
	lookup_const(c, x->arg);
}

/* --- where a jump goes --- */

struct target {
	enum { TO_LINK, TO_OFFSET, TO_COLD } kind;
	gva_t pc;
	size_t off;
	struct cold *cold;
};

/* Do all slots assumed boxed at the loop's start hold boxed values here? */
static bool still_boxed(struct cc *c)
{
	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!(c->boxed[s / 64] >> s % 64 & 1) || !c->s.slot_put[s])
			continue;
		ir_ref v = c->s.slot_val[s];
		if (v == IR_NONE || !(facts(c, v) & FACT_BOX))
			return false;
	}
	return true;
}

static struct target target_of(struct cc *c, gva_t pc)
{
	/* After FRM_SET the runtime has to choose the tier again. */
	if (c->cg->opts.no_links || c->s.frm_set) {
		struct cold *x = cold_new(c, cold_lookup);
		x->arg = pc;
		return (struct target){ .kind = TO_COLD, .cold = x };
	}
	if (pc == c->r->pc)
		return (struct target){ .kind = TO_OFFSET,
			.off = still_boxed(c) ? c->loop : c->entry };
	return (struct target){ .kind = TO_LINK, .pc = pc };
}

/* jcc; `start` is where the code that makes its flags starts. */
static void jump_cc(
    struct cc *c, enum x86_cc cc, const struct target *t, size_t start)
{
	switch (t->kind) {
	case TO_OFFSET: asm_jcc_to(&c->a, cc, t->off); return;
	case TO_COLD: cold_jcc(c, t->cold, cc); return;
	default: break;
	}
	size_t site = asm_jcc(&c->a, cc), pad = straddle(c, site);
	if (pad && !c->a.full) {
		/* Move compare and jump, so that they stay neighbours. */
		size_t n = c->a.len - start;
		asm_nop(&c->a, pad); /* room */
		if (c->a.full)
			return;
		memmove(c->a.base + start + pad, c->a.base + start, n);
		c->a.len = start;
		asm_nop(&c->a, pad);
		c->a.len += n;
		site += pad;
	}
	add_link(c, site, t->pc);
}

/* Jump there if the condition is `when`. */
static void jump_if(
    struct cc *c, struct cond k, bool when, const struct target *t)
{
	if (!k.feq) {
		jump_cc(c, when ? k.cc : k.cc ^ 1, t, k.start);
	} else if (when != k.negated) { /* E and NP */
		size_t skip = asm_jcc8(&c->a, CC_P);
		jump_cc(c, CC_E, t, c->a.len);
		asm_fix8(&c->a, skip);
	} else {
		jump_cc(c, CC_P, t, c->a.len);
		jump_cc(c, CC_NE, t, c->a.len);
	}
}

static void jump(struct cc *c, gva_t pc)
{
	struct target t = target_of(c, pc);

	if (t.kind == TO_LINK) {
		pad_link(c);
		add_link(c, asm_jmp(&c->a), pc);
	} else if (t.kind == TO_OFFSET) {
		asm_jmp_to(&c->a, t.off);
	} else {
		cold_from(c, t.cold, asm_jmp(&c->a));
	}
}

/* --- branches --- */

/* Is block b nothing but a GOTO_TB? Then its target. */
static bool only_goto(struct cc *c, u32 b, gva_t *pc)
{
	const struct ir_block *blk = &c->r->block[b];
	const struct ir_insn *end = &c->insn[blk->first + blk->n - 1];

	for (ir_ref k = blk->first; k < blk->first + blk->n - 1; k++) {
		u8 op = c->insn[k].op;
		if (op != IR_NOP && op != IR_INSN_START && op != IR_CONST &&
		    op != IR_PC && !c->info[k].dead)
			return false;
	}
	if (end->op != IR_GOTO_TB)
		return false;
	*pc = (gva_t)end->imm;
	return true;
}

static void cold_block(struct cc *c, struct cold *x)
{
	c->s = *x->state;
	note_insn(c, x->pc); /* it may fault before the next instruction */
	c->zf_ref = c->flag_ref = IR_NONE;
	c->nspills_done = 0;
	emit_blocks(c, (u32)x->arg);
}

/* A jump to block b, which is emitted later from the state as it is now. */
static struct target later(struct cc *c, u32 b)
{
	struct cold *x = cold_new(c, cold_block);

	x->arg = b;
	x->state = save_state(c);
	return (struct target){ .kind = TO_COLD, .cold = x };
}

static int emit_branch(struct cc *c, const struct ir_insn *i)
{
	gva_t yes, no;
	bool yes_goto = only_goto(c, i->b, &yes);
	bool no_goto = only_goto(c, i->c, &no);
	struct cond k = emit_cond(c, i->a);
	struct target t;

	if (yes_goto) {
		t = target_of(c, yes);
		jump_if(c, k, true, &t);
		if (!no_goto)
			return (int)i->c;
		jump(c, no);
		return -1;
	}
	if (no_goto) {
		t = target_of(c, no);
		jump_if(c, k, false, &t);
		return (int)i->b;
	}
	t = later(c, i->b);
	jump_if(c, k, true, &t);
	return (int)i->c;
}

/* --- indirect jumps, calls, returns --- */

static void make_even(struct cc *c)
{
	asm_alu_ri(&c->a, ALU_AND, 8, RAX, -2);
}

/*
 * Where to go, into rax. True: but for bit 0, which the guest clears. No
 * block is at an odd address, so it is done where none is found.
 */
static bool use_target(struct cc *c, ir_ref ref)
{
	const struct ir_insn *even = waiting(c, ref, IR_AND);

	if (!even) {
		use_in(c, ref, RAX);
		return false;
	}
	use_in(c, even->a, RAX);
	consume(c, even->b);
	absorbed(c, ref);
	return true;
}

/* arg: use_target's result. */
static void cold_miss(struct cc *c, struct cold *x)
{
	if (x->arg)
		make_even(c);
	asm_jmp_m(&c->a, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
}

/* The same before a call: it goes to lookup instead. */
static void cold_miss_call(struct cc *c, struct cold *x)
{
	if (x->arg)
		make_even(c);
	asm_load(&c->a, 8, RCX, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
	asm_jmp_to(&c->a, x->back);
}

/* arg: the cell's offset in the jump table. */
static void cold_cell(struct cc *c, struct cold *x)
{
	asm_mov_ri(&c->a, R11, x->arg);
	asm_call_m(&c->a, mem_vcpu(HOST_OFF(HOST_CELL)));
	asm_jmp_to(&c->a, x->back);
}

/* A mode that the host lacks, set here: the runtime goes on at rax. */
static void check_mode(struct cc *c, bool odd)
{
	if (!c->s.frm_set)
		return;
	asm_alu_mi(&c->a, ALU_CMP, 4, mem_vcpu(ABI_OFF(frm)), RM_RUP);
	struct cold *x = cold_new(c, cold_miss);
	x->arg = odd;
	cold_jcc(c, x, CC_A);
}

/*
 * The cell of a GOTO_PTR or CALL, as an offset in the jump table, or -1. Not
 * for targets that may be odd: ABI_DEAD_PC must be none.
 */
static i32 cell_of(const struct cc *c, const struct ir_insn *end)
{
	const struct ir_insn *i = &c->insn[end->a];
	unsigned loads = 0;
	i64 place = 0;

	if (i->op != IR_AND || c->insn[i->b].op != IR_CONST ||
	    c->insn[i->b].imm != -2)
		return -1;
	i = &c->insn[i->a];
	for (; i->op == IR_LOAD && loads < 2; loads++) {
		place = 31 * place + i->imm;
		i = &c->insn[i->a];
	}
	if (!loads || (i->op != IR_PC && i->op != IR_CONST))
		return -1;
	/* In files: the same wherever they are mapped. */
	place += i->op == IR_PC ? i->imm - (i64)c->r->pc : i->imm;
	place += (i64)(c->r->pc % 4096);
	return (i32)(8 * (ABI_JT_SIZE + (u64)place / 8 % ABI_NCELLS));
}

/* rcx = code of the guest pc at end's operand, or to the cold path. */
static void find_code(struct cc *c, const struct ir_insn *end)
{
	i32 cell = cell_of(c, end);
	bool odd = false;
	struct cold *x;

	if (cell >= 0)
		use_in(c, end->a, RAX);
	else
		odd = use_target(c, end->a);
	check_mode(c, odd);
	if (cell >= 0) {
		x = cold_new(c, cold_cell);
		x->arg = (u64)cell;
		asm_load(&c->a, 8, RDX, mem_vcpu(ABI_OFF(jt)));
		asm_load(&c->a, 8, RCX, mem_at(RDX, cell));
		asm_alu_rr(&c->a, ALU_ADD, 8, RCX, RDX);
		asm_alu_rm(&c->a, ALU_CMP, 8, RAX, mem_at(RCX, -8));
	} else {
		x = cold_new(
		    c, end->op == IR_CALL ? cold_miss_call : cold_miss);
		x->arg = odd;
		x86_probe(&c->a);
	}
	cold_jcc(c, x, CC_NE);
	cold_back(c, x);
}

static void cold_ret(struct cc *c, struct cold *x)
{
	(void)x;
	asm_ret(&c->a);
}

/* May a call of this be a link? A link's target moves with the code. */
static bool known_target(struct cc *c, ir_ref ref, i64 *pc)
{
	const struct ir_insn *i = &c->insn[root(c, ref)];

	*pc = i->imm;
	return c->cg->opts.movable ? i->op == IR_PC : value_const(c, ref, pc);
}

static void emit_call(struct cc *c, const struct ir_insn *i)
{
	gva_t ret = (gva_t)i->imm;
	i64 pc;

	if (known_target(c, i->a, &pc)) {
		pad_link(c);
		add_link(c, asm_call(&c->a), (gva_t)pc);
	} else {
		find_code(c, i);
		asm_call_r(&c->a, RCX);
	}
	/* A frame that is not the one returned to: so does the next. */
	if (fits32((i64)ret) && !c->cg->opts.movable) {
		asm_alu_ri(&c->a, ALU_CMP, 8, RAX, (i32)ret);
	} else {
		mov_pc(c, RCX, ret);
		asm_alu_rr(&c->a, ALU_CMP, 8, RAX, RCX);
	}
	cold_jcc(c, cold_new(c, cold_ret), CC_NE);
	jump(c, ret);
}

int emit_end(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];

	switch (i->op) {
	case IR_GOTO: return (int)i->b;
	case IR_BR: return emit_branch(c, i);
	case IR_GOTO_TB: jump(c, (gva_t)i->imm); return -1;
	case IR_EXIT:
		asm_mov_ri(&c->a, RCX, i->b);
		exit_service(c, i->aux, (gva_t)i->imm);
		return -1;
	default: break;
	}
	bool ret = i->op == IR_RET;
	if (c->cg->opts.no_links || (c->s.frm_set && i->op == IR_CALL)) {
		use_in(c, i->a, RAX);
		if (ret)
			make_even(c);
		asm_jmp_m(&c->a, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
	} else if (i->op == IR_CALL) {
		emit_call(c, i);
	} else if (ret) {
		use_target(c, i->a);
		check_mode(c, true);
		asm_ret(&c->a);
	} else {
		find_code(c, i);
		asm_jmp_r(&c->a, RCX);
	}
	return -1;
}

/* --- the entry --- */

static void cold_stop(struct cc *c, struct cold *x)
{
	(void)x;
	asm_mov_ri(&c->a, RCX, 0);
	exit_service(c, EXIT_STOP, c->r->pc);
}

/* Budget and poll: each time round, also when the region jumps to itself. */
static void safepoint(struct cc *c)
{
	struct mem budget = mem_vcpu(ABI_OFF(budget));

	if (c->cg->opts.count) {
		asm_alu_mi(&c->a, ALU_CMP, 8, budget, 0);
		cold_jcc(c, cold_new(c, cold_stop), CC_LE);
		asm_alu_mi(&c->a, ALU_SUB, 8, budget, (i32)c->r->guest_insns);
	}
	if (c->polls) {
		/* Without an immediate it is one uop with the jump. */
		asm_alu_mr(&c->a, ALU_CMP, 4, mem_vcpu(ABI_OFF(poll)), RBP);
		cold_jcc(c, cold_new(c, cold_stop), CC_A);
	}
}

/* Test the slots of c->boxed; sites of jumps to the careful version. */
static unsigned check_boxes(struct cc *c, size_t site[ABI_NSLOTS])
{
	unsigned n = 0, first = NOREG;

	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		unsigned pin = c->slot_pin[s];
		if (!(c->boxed[s / 64] >> s % 64 & 1))
			continue;
		if (pin == NOREG) {
			struct mem m = mem_vcpu(ABI_SLOT_OFF(s) + 4);
			asm_alu_mi(&c->a, ALU_CMP, 4, m, -1);
			site[n++] = asm_jcc(&c->a, CC_NE);
		} else if (first == NOREG) {
			first = pin;
		} else { /* all at once: ones only if all are */
			fp_op3(
			    c, OP_ANDPS, IR_VOID, XMM0, first, opnd_reg(pin));
			first = XMM0;
		}
	}
	if (first == NOREG)
		return n;
	if (c->f.avx) { /* carry: no bit of the mask is missing */
		asm_vex_rm(&c->a, OP_PTEST, 4, first, 0,
		    mem_vcpu(HOST_OFF(HOST_BOX_ONES)));
		site[n++] = asm_jcc(&c->a, CC_AE);
	} else {
		asm_rr(&c->a, OP_MOVD_STORE, 8, first, RAX);
		asm_shift_ri(&c->a, SH_SAR, 8, RAX, 32);
		asm_alu_ri(&c->a, ALU_CMP, 4, RAX, -1);
		site[n++] = asm_jcc(&c->a, CC_NE);
	}
	return n;
}

void emit_region(struct cc *c)
{
	size_t site[ABI_NSLOTS];
	unsigned n = check_boxes(c, site);

	c->loop = c->a.len;
	safepoint(c);
	begin_version(c);
	emit_blocks(c, 0);
	emit_cold(c);
	if (!n)
		return;
	for (unsigned k = 0; k < n; k++)
		asm_fix(&c->a, site[k], c->a.len);
	/* The careful version; it comes back through the check. */
	c->boxed[0] = c->boxed[1] = 0;
	c->loop = c->entry;
	safepoint(c);
	begin_version(c);
	emit_blocks(c, 0);
	emit_cold(c);
}
