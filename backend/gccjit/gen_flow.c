/*
 * gen_flow.c - the borders of a unit, and the ways through it. gen.h tells
 * how borders work, unit_object.h what the symbols mean.
 */
#include "backend/gccjit/gen.h"

#include <stdio.h>

#include "translator/unit_object.h"

static const char *const reg_name[] = { "rax", "rcx", "rdx", "rbx", "rsp",
	"rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
	"r15" };

/* A variable that is a host register in asm operands. */
static lval host_var(struct gen *g, unsigned reg)
{
	bool fp = reg >= XMM0;
	lval v = gen_local(g, g->type[fp ? IR_F64 : IR_I64], "h");
	char name[8];

	if (fp)
		snprintf(name, sizeof(name), "xmm%u", reg - XMM0);
	else
		snprintf(name, sizeof(name), "%s", reg_name[reg]);
	gcc_jit_lvalue_set_register_name(v, name);
	return v;
}

struct pins {
	unsigned n;
	u16 slot[ABI_NPIN + ABI_NFPIN];
	lval var[ABI_NPIN + ABI_NFPIN];
};

/* Variables for the pins of one class. */
static struct pins pin_vars(struct gen *g, bool fp)
{
	struct pins p = { 0 };

	for (u32 k = 0; k < g->g->nregs; k++) {
		const struct guest_reg *r = &g->g->regs[k];
		unsigned pin = x86_pin_of(r);
		if (pin == NOREG || (pin >= XMM0) != fp)
			continue;
		p.slot[p.n] = r->slot;
		p.var[p.n++] = host_var(g, pin);
	}
	return p;
}

static gcc_jit_extended_asm *statement(struct gen *g, const char *text)
{
	gcc_jit_extended_asm *a =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);

	gcc_jit_extended_asm_set_volatile_flag(a, 1);
	return a;
}

static void pins_to_vars(struct gen *g, const struct pins *p)
{
	rval v[ABI_NPIN + ABI_NFPIN];

	for (unsigned k = 0; k < p->n; k++) {
		lval t = gen_local(g, gen_slot_type(g, p->slot[k]), "p");
		gen_assign(g, t, gen_whole(g, p->slot[k]));
		v[k] = gcc_jit_lvalue_as_rvalue(t);
	}
	for (unsigned k = 0; k < p->n; k++)
		gen_assign(g, p->var[k], v[k]);
}

/* The pins at the entry, where they hold what is assumed. */
static void take_pins(struct gen *g, const struct pins *p, rval *whole)
{
	for (unsigned k = 0; k < p->n; k++) {
		lval t = gen_local(g, gen_slot_type(g, p->slot[k]), "p");
		gen_assign(g, t, gcc_jit_lvalue_as_rvalue(p->var[k]));
		whole[p->slot[k]] = gcc_jit_lvalue_as_rvalue(t);
	}
}

static void add_outputs(
    gcc_jit_extended_asm *a, const struct pins *p, const char *constraint)
{
	for (unsigned k = 0; k < p->n; k++)
		gcc_jit_extended_asm_add_output_operand(
		    a, NULL, constraint, p->var[k]);
}

static void add_inputs(
    gcc_jit_extended_asm *a, const struct pins *p, const char *constraint)
{
	for (unsigned k = 0; k < p->n; k++)
		gcc_jit_extended_asm_add_input_operand(
		    a, NULL, constraint, gcc_jit_lvalue_as_rvalue(p->var[k]));
}

/* state[] of the pins becomes true, where they do not count as dirty. */
static void store_pins(struct gen *g, const struct pins *p, bool single)
{
	for (unsigned k = 0; g->memory && k < p->n; k++)
		if (gen_single(g, p->slot[k]) == single &&
		    !slots_has(&g->in[0].dirty, p->slot[k]))
			gen_store_slot(g, p->slot[k]);
}

/* --- leaving -------------------------------------------------------------- */

#define LEAVE \
	".pushsection " OBJECT_EXITS ",\"\",@progbits\n\t.quad 1f\n\t" \
	".popsection\n1:"

/* Everything in its place; rax = pc unless that is NULL. */
static lval leave(struct gen *g, rval pc)
{
	struct pins p = pin_vars(g, false), f = { 0 };
	lval rax = NULL;

	gen_settle(g, NULL);
	gen_flush(g, false);
	if (g->fp)
		f = pin_vars(g, true);
	if (pc) {
		lval keep = gen_local(g, g->type[IR_I64], "to");
		gen_assign(g, keep, pc);
		rax = host_var(g, RAX);
		pins_to_vars(g, &f);
		pins_to_vars(g, &p);
		gen_assign(g, rax, gcc_jit_lvalue_as_rvalue(keep));
	} else {
		pins_to_vars(g, &f);
		pins_to_vars(g, &p);
	}
	gcc_jit_extended_asm *a = statement(g, LEAVE);
	add_inputs(a, &p, "r");
	add_inputs(a, &f, "x");
	if (rax) /* changed, or GCC loads what it was given again, behind it */
		gcc_jit_extended_asm_add_output_operand(a, NULL, "+r", rax);
	gcc_jit_extended_asm_add_clobber(a, "memory");
	return rax;
}

/* End the block by going on at this symbol. */
static void tail_call(struct gen *g, const char *symbol)
{
	gcc_jit_function *f = gcc_jit_context_new_function(g->cx, NULL,
	    GCC_JIT_FUNCTION_IMPORTED, g->type[IR_I64], symbol, 0, NULL, 0);
	rval call = gcc_jit_context_new_call(g->cx, NULL, f, 0, NULL);

	gcc_jit_rvalue_set_bool_require_tail_call(call, 1);
	gcc_jit_block_end_with_return(g->cur, NULL, call);
}

static void exit_to(struct gen *g, const char *symbol, rval pc)
{
	leave(g, pc);
	tail_call(g, symbol);
}

/* By a stub; `pc` in rax if it is not known, `ret` if it is a call. */
static void exit_stub(struct gen *g, char kind, gva_t pc, rval rax, gva_t ret)
{
	char name[80];

	snprintf(name, sizeof(name), OBJECT_JUMP, kind, g->u->id, g->n->ctx,
	    (unsigned long long)pc, (unsigned long long)ret);
	exit_to(g, name, rax);
}

static void exit_jump(struct gen *g, char kind, gva_t pc)
{
	exit_stub(g, kind, pc, NULL, 0);
}

static void exit_ptr(struct gen *g, rval pc)
{
	exit_stub(g, OBJECT_PTR, 0, pc, 0);
}

static void exit_return(struct gen *g, rval pc)
{
	lval rax = leave(g, pc);

	gcc_jit_block_end_with_return(
	    g->cur, NULL, gcc_jit_lvalue_as_rvalue(rax));
}

/* --- inside --------------------------------------------------------------- */

/* Has somebody asked this vCPU to stop? */
static rval poll(struct gen *g)
{
	char text[64];
	lval asked = gen_local(g, g->type[IR_I1], "poll");

	snprintf(text, sizeof(text), "cmpl %%%%ebp, %d(%%%%rbp)",
	    ABI_OFF(poll)); /* ABI_POLL is above; one uop with the jump */
	gcc_jit_extended_asm_add_output_operand(
	    statement(g, text), NULL, "=@cca", asked);
	return gcc_jit_lvalue_as_rvalue(asked);
}

/* Go on at pc in a context; the block ends. */
static void go(struct gen *g, gva_t pc, u32 ctx)
{
	int to = unit_find(g->u, pc, ctx);

	if (to < 0) {
		exit_jump(g, OBJECT_LINK, pc);
		return;
	}
	if (pc <= g->r->pc && ctx == g->n->ctx) {
		gcc_jit_block *stop = gen_block(g), *on = gen_block(g);
		struct facts at = g->at;
		gcc_jit_block_end_with_conditional(
		    g->cur, NULL, gen_unlikely(g, poll(g)), stop, on);
		g->cur = stop;
		exit_jump(g, OBJECT_STOP, pc);
		g->cur = on;
		g->at = at;
	}
	gen_settle(g, &g->in[to].raw);
	gen_box_slots(g, &g->in[to].single);
	gcc_jit_block_end_with_jump(g->cur, NULL, g->head[to]);
}

static bool known(struct gen *g, ir_ref ref, gva_t *pc)
{
	const struct ir_insn *i = &g->r->insn[ref];

	*pc = (gva_t)i->imm;
	return i->op == IR_CONST || i->op == IR_PC;
}

/* A call that is not inlined is made by the baseline, and returns to it. */
static void call(struct gen *g, const struct ir_insn *i)
{
	gva_t pc;

	if (gen_inlined(g->u, g->n, i))
		go(g, (gva_t)g->r->insn[i->a].imm, g->n->callee);
	else if (known(g, i->a, &pc))
		exit_stub(g, OBJECT_LINK, pc, NULL, (gva_t)i->imm);
	else
		exit_stub(g, OBJECT_PTR, 0, g->val[i->a], (gva_t)i->imm);
}

static void ret(struct gen *g, const struct ir_insn *i)
{
	const struct unit_ctx *c = &g->u->ctx[g->n->ctx];

	if (!g->n->ctx) {
		exit_return(g, g->val[i->a]);
		return;
	}
	gcc_jit_block *other = gen_block(g), *on = gen_block(g);
	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_unlikely(g,
		gen_cmp(
		    g, GCC_JIT_COMPARISON_NE, g->val[i->a], gen_pc(g, c->ret))),
	    other, on);
	struct facts at = g->at;
	const struct unit_node *n = g->n;
	struct unit_node outside = { .ctx = 0, .ir = n->ir };
	g->cur = other;
	g->n = &outside; /* the frames of the calls are not made */
	exit_ptr(g,
	    gen_bin(g, GCC_JIT_BINARY_OP_BITWISE_AND, g->type[IR_I64],
		g->val[i->a], gen_num(g, g->type[IR_I64], -2)));
	g->n = n;
	g->cur = on;
	g->at = at;
	/* the exit after a return is one of the caller's */
	struct unit_node back = { .ctx = c->parent, .ir = n->ir };
	g->n = &back;
	go(g, c->ret, c->parent);
	g->n = n;
}

/* Jump tables: the targets that are nodes, by their distance. */
static void jump_ptr(struct gen *g, const struct ir_insn *i)
{
	gcc_jit_case *c[UNIT_MAX_NODES];
	gcc_jit_block *other = gen_block(g);
	gcc_jit_type *t = g->type[IR_I64];
	int n = 0;
	gva_t lo = ~(gva_t)0;

	for (u32 k = 0; k < g->u->nnodes; k++)
		if (g->u->node[k].ctx == g->n->ctx)
			lo = MIN(lo, g->u->node[k].ir->pc);
	for (u32 k = 0; k < g->u->nnodes; k++) {
		const struct unit_node *to = &g->u->node[k];
		if (to->ctx != g->n->ctx || to->ir->pc - lo > 1 << 14)
			continue;
		rval v = gen_num(g, t, (i64)((to->ir->pc - lo) / 2));
		c[n++] = gcc_jit_context_new_case(g->cx, v, v, g->head[k]);
	}
	lval at = gen_local(g, t, "at"), pc = gen_local(g, t, "pc");
	gen_settle(g, NULL);
	gen_box_slots(g, NULL);
	gen_assign(g, pc, g->val[i->a]);
	rval off = gen_bin(g, GCC_JIT_BINARY_OP_MINUS, t,
	    gcc_jit_lvalue_as_rvalue(pc), gen_pc(g, lo));
	gen_assign(g, at,
	    gen_bin(g, GCC_JIT_BINARY_OP_RSHIFT, t, off, gen_num(g, t, 1)));
	rval asked = poll(g);
	gcc_jit_block *on = gen_block(g);
	gcc_jit_block_end_with_conditional(
	    g->cur, NULL, gen_unlikely(g, asked), other, on);
	gcc_jit_block_end_with_switch(
	    on, NULL, gcc_jit_lvalue_as_rvalue(at), other, n, c);
	g->cur = other;
	exit_ptr(g, gcc_jit_lvalue_as_rvalue(pc));
}

static gcc_jit_block *inner(
    struct gen *g, gcc_jit_block **blocks, struct facts *facts, u32 b)
{
	blocks[b] = gen_block(g);
	facts[b] = g->at;
	return blocks[b];
}

void gen_end(
    struct gen *g, ir_ref ref, gcc_jit_block **blocks, struct facts *facts)
{
	const struct ir_insn *i = &g->r->insn[ref];

	switch (i->op) {
	case IR_GOTO:
		gcc_jit_block_end_with_jump(
		    g->cur, NULL, inner(g, blocks, facts, i->b));
		return;
	case IR_BR: {
		gcc_jit_block *yes = inner(g, blocks, facts, i->b);
		gcc_jit_block *no = inner(g, blocks, facts, i->c);
		gcc_jit_block_end_with_conditional(
		    g->cur, NULL, g->val[i->a], yes, no);
		return;
	}
	case IR_GOTO_TB: go(g, (gva_t)i->imm, g->n->ctx); return;
	case IR_CALL: call(g, i); return;
	case IR_RET: ret(g, i); return;
	case IR_EXIT: exit_jump(g, OBJECT_LINK, g->pc); return;
	default: jump_ptr(g, i); return;
	}
}

/* --- the entry ------------------------------------------------------------ */

/* To the baseline, with all as it came. */
static void leave_at_once(
    struct gen *g, rval *whole, const struct pins *p, const struct pins *f)
{
	char name[80];

	for (unsigned k = 0; k < f->n; k++)
		gen_assign(g, f->var[k], whole[f->slot[k]]);
	for (unsigned k = 0; k < p->n; k++)
		gen_assign(g, p->var[k], whole[p->slot[k]]);
	gcc_jit_extended_asm *a = statement(g, LEAVE);
	add_inputs(a, p, "r");
	add_inputs(a, f, "x");
	gcc_jit_extended_asm_add_clobber(a, "memory");
	snprintf(name, sizeof(name), OBJECT_JUMP, OBJECT_BASELINE, g->u->id, 0u,
	    (unsigned long long)g->u->node[0].ir->pc, 0ull);
	tail_call(g, name);
}

/* Slots without pin, from state[]. */
static void load_others(struct gen *g, rval *whole)
{
	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!slots_has(&g->used, s) || gen_pin(g, s) != NOREG)
			continue;
		rval v = gen_load_slot(g, s);
		if (gen_single(g, s) || slots_has(&g->in[0].raw, s))
			whole[s] = v;
	}
}

/* On if `c`, else to `other`. */
static void demand(struct gen *g, rval c, gcc_jit_block *other)
{
	gcc_jit_block *on = gen_block(g);

	gcc_jit_block_end_with_conditional(g->cur, NULL, c, on, other);
	g->cur = on;
}

/* No other NaN than the canonical one. */
static void demand_canonical(
    struct gen *g, unsigned slot, rval whole, gcc_jit_block *other)
{
	gcc_jit_block *rare = gen_block(g), *on = gen_block(g);
	rval c = gen_is_canonical(g, slot, whole);

	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_unlikely(g, gen_is_nan(g, slot, whole)), rare, on);
	gcc_jit_block_end_with_conditional(rare, NULL, c, on, other);
	g->cur = on;
}

/* All of a kind at once, then, if there is a NaN, one by one. */
static void check_raw(
    struct gen *g, bool single, rval *whole, gcc_jit_block *other)
{
	struct slots raw = g->in[0].raw;

	for (size_t k = 0; k < ARRAY_LEN(raw.w); k++)
		raw.w[k] &= g->used.w[k] &
		    (single ? g->at.single.w[k] : ~g->at.single.w[k]);
	if (!slots_count(&raw))
		return;
	gcc_jit_block *rare = gen_block(g), *on = gen_block(g);
	gcc_jit_block_end_with_conditional(g->cur, NULL,
	    gen_unlikely(g, gen_any_nan(g, &raw, single, whole)), rare, on);
	g->cur = rare;
	for (unsigned s = 0; s < ABI_NSLOTS; s++)
		if (slots_has(&raw, s))
			demand_canonical(g, s, whole[s], other);
	gcc_jit_block_end_with_jump(g->cur, NULL, on);
	g->cur = on;
}

/* What the unit assumes of the state at its entry; else it is not for it. */
static void check_entry(
    struct gen *g, rval *whole, const struct pins *p, const struct pins *f)
{
	gcc_jit_block *other = gen_block(g);
	rval boxed = gen_all_boxed(g, whole);

	if (!boxed && !slots_count(&g->in[0].raw)) {
		gcc_jit_block_end_with_jump(g->cur, NULL, other);
		g->cur = other;
		return;
	}
	if (boxed)
		demand(g, boxed, other);
	check_raw(g, false, whole, other);
	check_raw(g, true, whole, other);
	gcc_jit_block *on = g->cur;
	g->cur = other;
	leave_at_once(g, whole, p, f);
	g->cur = on;
}

/* What the slots of a kind hold, also in state[] where they are not dirty. */
static void take(struct gen *g, bool single, rval *whole, const struct pins *p,
    const struct pins *f)
{
	for (unsigned s = 0; s < ABI_NSLOTS; s++)
		if (whole[s] && gen_single(g, s) == single)
			gen_take(g, s, whole[s]);
	store_pins(g, p, single);
	store_pins(g, f, single);
}

void gen_entry(struct gen *g, gcc_jit_block *b)
{
	rval whole[ABI_NSLOTS] = { NULL };
	struct pins p, f = { 0 };

	g->cur = b;
	g->at = g->in[0];
	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!slots_has(&g->used, s))
			continue;
		g->slot[s] = gen_local(g, gen_slot_type(g, s), "slot");
		g->float_slot[s] = gen_local(g, g->type[IR_F32], "float");
	}
	p = pin_vars(g, false);
	add_outputs(statement(g, ""), &p, "=r");
	if (g->fp) {
		f = pin_vars(g, true);
		add_outputs(statement(g, ""), &f, "=x");
	}
	gen_ones(g);
	take_pins(g, &p, whole);
	take_pins(g, &f, whole);
	load_others(g, whole);
	take(g, false, whole, &p, &f);
	check_entry(g, whole, &p, &f);
	take(g, true, whole, &p, &f);
	gen_guest(g);
	gcc_jit_block_end_with_jump(g->cur, NULL, g->head[0]);
}
