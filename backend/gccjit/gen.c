/*
 * gen.c - the compiler's frame: types, options, what there is code for, and a
 * unit's blocks in order.
 */
#include "backend/gccjit/gen.h"

#include <stdio.h>
#include <stdlib.h>

#include "translator/unit_object.h"

/* --- small things that everybody needs ----------------------------------- */

gcc_jit_block *gen_block(struct gen *g)
{
	return gcc_jit_function_new_block(g->fn, NULL);
}

lval gen_local(struct gen *g, gcc_jit_type *t, const char *name)
{
	char text[32];

	snprintf(text, sizeof(text), "%s_%u", name, g->serial++);
	return gcc_jit_function_new_local(g->fn, NULL, t, text);
}

void gen_assign(struct gen *g, lval to, rval v)
{
	gcc_jit_block_add_assignment(g->cur, NULL, to, v);
}

rval gen_num(struct gen *g, gcc_jit_type *t, i64 v)
{
	return gcc_jit_context_new_rvalue_from_long(g->cx, t, (long)v);
}

/*
 * Where the code may move, relative to one address that the loader fills in:
 * GCC still sees that two of them are equal.
 */
rval gen_pc(struct gen *g, gva_t pc)
{
	gcc_jit_type *t = g->type[IR_I64];

	if (!g->u->movable)
		return gen_num(g, t, (i64)pc);
	return gen_bin(g, GCC_JIT_BINARY_OP_PLUS, t,
	    gcc_jit_lvalue_as_rvalue(g->guest),
	    gen_num(g, t, (i64)(pc - g->u->node[0].ir->pc)));
}

void gen_guest(struct gen *g)
{
	if (!g->u->movable)
		return;
	g->guest = gen_local(g, g->type[IR_I64], "guest");
	gcc_jit_extended_asm_add_output_operand(
	    gcc_jit_block_add_extended_asm(
		g->cur, NULL, "movabsq $" OBJECT_GUEST ", %0"),
	    NULL, "=r", g->guest);
}

rval gen_bin(
    struct gen *g, enum gcc_jit_binary_op op, gcc_jit_type *t, rval a, rval b)
{
	return gcc_jit_context_new_binary_op(g->cx, NULL, op, t, a, b);
}

rval gen_cast(struct gen *g, gcc_jit_type *t, rval v)
{
	return gcc_jit_context_new_cast(g->cx, NULL, v, t);
}

rval gen_cmp(struct gen *g, enum gcc_jit_comparison op, rval a, rval b)
{
	return gcc_jit_context_new_comparison(g->cx, NULL, op, a, b);
}

rval gen_unlikely(struct gen *g, rval c)
{
	gcc_jit_type *t = gcc_jit_context_get_type(g->cx, GCC_JIT_TYPE_LONG);
	rval arg[2] = { gen_cast(g, t, c), gen_num(g, t, 0) };
	gcc_jit_function *f =
	    gcc_jit_context_get_builtin_function(g->cx, "__builtin_expect");

	return gen_cmp(g, GCC_JIT_COMPARISON_NE,
	    gcc_jit_context_new_call(g->cx, NULL, f, 2, arg), gen_num(g, t, 0));
}

void gen_choose(struct gen *g, lval to, rval c, rval a, rval b)
{
	gcc_jit_block *yes = gen_block(g), *no = gen_block(g);
	gcc_jit_block *on = gen_block(g);

	gcc_jit_block_end_with_conditional(g->cur, NULL, c, yes, no);
	gcc_jit_block_add_assignment(yes, NULL, to, a);
	gcc_jit_block_end_with_jump(yes, NULL, on);
	gcc_jit_block_add_assignment(no, NULL, to, b);
	gcc_jit_block_end_with_jump(no, NULL, on);
	g->cur = on;
}

/* In state[] and in pins. */
gcc_jit_type *gen_slot_type(const struct gen *g, unsigned slot)
{
	const struct guest_reg *r = guest_reg_of_slot(g->g, slot);

	return g->type[r ? r->type : IR_I64];
}

unsigned gen_pin(const struct gen *g, unsigned slot)
{
	const struct guest_reg *r = guest_reg_of_slot(g->g, slot);

	return r ? x86_pin_of(r) : NOREG;
}

static gcc_jit_extended_asm *state_asm(struct gen *g, unsigned slot, bool store)
{
	bool fp = gen_slot_type(g, slot) == g->type[IR_F64];
	const char *op = !fp ? "movq" : g->f.avx ? "vmovsd" : "movsd";
	int off = ABI_SLOT_OFF(slot);
	char text[48];

	if (store)
		snprintf(text, sizeof(text), "%s %%0, %d(%%%%rbp)", op, off);
	else
		snprintf(text, sizeof(text), "%s %d(%%%%rbp), %%0", op, off);
	gcc_jit_extended_asm *a =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_set_volatile_flag(a, 1);
	return a;
}

/* A variable that is as state[] has it, or a plain one for a whole slot. */
static lval whole_var(struct gen *g, unsigned slot)
{
	return gen_single(g, slot) ?
	    gen_local(g, gen_slot_type(g, slot), "whole") :
	    g->slot[slot];
}

rval gen_load_slot(struct gen *g, unsigned slot)
{
	bool fp = gen_slot_type(g, slot) == g->type[IR_F64];
	lval to = whole_var(g, slot);

	gcc_jit_extended_asm_add_output_operand(
	    state_asm(g, slot, false), NULL, fp ? "=x" : "=r", to);
	return gcc_jit_lvalue_as_rvalue(to);
}

void gen_store_slot(struct gen *g, unsigned slot)
{
	bool fp = gen_slot_type(g, slot) == g->type[IR_F64];
	lval from = whole_var(g, slot);

	if (gen_single(g, slot))
		gen_assign(g, from, gen_whole(g, slot));
	gcc_jit_extended_asm_add_input_operand(state_asm(g, slot, true), NULL,
	    fp ? "x" : "re", gcc_jit_lvalue_as_rvalue(from));
}

/* --- what there is code for --------------------------------------------- */

/* An exit is left to the baseline's code of that instruction. */
static bool can_end(const struct ir_insn *i)
{
	return i->op != IR_EXIT || i->aux == EXIT_SYSCALL ||
	    i->aux == EXIT_ILLEGAL || i->aux == EXIT_BREAK ||
	    i->aux == EXIT_FETCH || i->aux == EXIT_ICACHE;
}

bool gen_can(const struct gen *g, const struct ir_region *r, ir_ref ref)
{
	const struct ir_insn *i = &r->insn[ref];

	if (ir_opinfo[i->op].flags & IRF_E)
		return can_end(i);
	if (i->type == IR_F32 || i->type == IR_F64 ||
	    ir_opinfo[i->op].flags & IRF_F ||
	    (i->op >= IR_FADD && i->op <= IR_F32_UNBOX))
		return gen_can_fp(g, i);
	switch (i->op) {
	case IR_MULHSU:
	case IR_ORCB:
	case IR_XPERM4:
	case IR_XPERM8:
	case IR_FFLAGS_GET:
	case IR_FFLAGS_SET:
	case IR_FRM_SET:
	case IR_HELPER: return false;
	case IR_CLZ: return g->f.lzcnt;
	case IR_CTZ: return g->f.bmi1;
	case IR_POPCNT: return g->f.popcnt;
	case IR_CLMUL:
	case IR_CLMULH: return g->f.avx && g->f.pclmul;
	case IR_AES_ENC:
	case IR_AES_ENCLAST:
	case IR_AES_DEC:
	case IR_AES_DECLAST:
	case IR_AES_IMC:
	case IR_AES_SUB: return g->f.avx && g->f.aes;
	case IR_LOAD:
	case IR_STORE: return !(i->aux & MEM_ALIGNED);
	default: return i->op < IR_AMO_SWAP || i->op > IR_CAS;
	}
}

static bool can_region(const struct gen *g, const struct ir_region *r)
{
	for (u32 i = 1; i < r->ninsns; i++)
		if (!gen_can(g, r, i))
			return false;
	return true;
}

/* --- code ---------------------------------------------------------------- */

/*
 * GCC leaves out, or moves to where it is used, an op whose result is not
 * always used; its flags are wanted all the same, and before the next access.
 * (A comparison is a statement of its own.)
 */
static void keep_flags(struct gen *g, ir_ref ref)
{
	u8 ty = g->r->insn[ref].type;
	bool fp = ty == IR_F32 || ty == IR_F64;

	gcc_jit_extended_asm *a =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, "");
	gcc_jit_extended_asm_set_volatile_flag(a, 1);
	gcc_jit_extended_asm_add_input_operand(
	    a, NULL, fp ? "x" : "r", g->val[ref]);
}

/*
 * Operands that are boxes nobody made: for one instruction, since what is made
 * here need not be there on other ways.
 */
static void with_boxes(
    struct gen *g, ir_ref ref, void (*make)(struct gen *, ir_ref))
{
	const struct ir_insn *i = &g->r->insn[ref];
	const ir_ref v[3] = { i->a, i->b, i->c };
	const char *args = ir_opinfo[i->op].args;
	rval was[3] = { NULL };
	unsigned n = 0;

	for (; n < 3 && args[n]; n++)
		was[n] = g->val[v[n]];
	for (unsigned o = 0; o < n; o++)
		if (gen_in_box(g, v[o]) && !gen_sees_bits(i->op))
			g->val[v[o]] = gen_value(g, v[o]);
	make(g, ref);
	for (unsigned o = 0; o < n; o++)
		g->val[v[o]] = was[o];
}

static void gen_put(struct gen *g, const struct ir_insn *i)
{
	ir_ref in = gen_in_box(g, i->a), v = in ? in : i->a;

	if (in)
		slots_add(&g->at.single, i->aux);
	else
		slots_remove(&g->at.single, i->aux);
	gen_assign(g, gen_slot(g, i->aux), g->val[v]);
	slots_add(&g->at.dirty, i->aux);
	g->put[i->aux] = i->a;
	if (g->raw[v])
		slots_add(&g->at.raw, i->aux);
	else
		slots_remove(&g->at.raw, i->aux);
}

static void gen_get(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	lval from = gen_slot(g, i->aux);
	lval to = gen_local(
	    g, gcc_jit_rvalue_get_type(gcc_jit_lvalue_as_rvalue(from)), "g");

	gen_assign(g, to, gcc_jit_lvalue_as_rvalue(from));
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
	g->single[ref] = gen_single(g, i->aux);
	g->raw[ref] = slots_has(&g->at.raw, i->aux);
}

static void gen_insn(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];

	switch (i->op) {
	case IR_NOP: return;
	case IR_INSN_START: g->pc = (gva_t)i->imm; return;
	case IR_GET: gen_get(g, ref); return;
	case IR_PUT: gen_put(g, i); return;
	case IR_F32_BOX: return; /* made where it is wanted, if at all */
	case IR_LOAD:
	case IR_STORE:
	case IR_FENCE: gen_memory(g, ref); return;
	default: break;
	}
	if (i->op >= IR_FADD && i->op <= IR_F32_UNBOX)
		with_boxes(g, ref, gen_fp);
	else
		with_boxes(g, ref, gen_int);
	if (ir_opinfo[i->op].flags & IRF_F && i->type != IR_I1)
		keep_flags(g, ref);
}

static void gen_node(struct gen *g, u32 k)
{
	gcc_jit_block *blocks[IR_MAX_BLOCKS] = { NULL };
	struct facts facts[IR_MAX_BLOCKS];
	u16 order[IR_MAX_BLOCKS];

	g->n = &g->u->node[k];
	g->r = g->n->ir;
	g->val = calloc(g->r->ninsns, sizeof(rval));
	g->raw = calloc(g->r->ninsns, sizeof(bool));
	g->var = calloc(g->r->ninsns, sizeof(lval));
	g->single = calloc(g->r->ninsns, sizeof(bool));
	g->settled = calloc(g->r->ninsns, sizeof(bool));
	if (!g->val || !g->raw || !g->var || !g->single || !g->settled) {
		g->refused = true;
		return;
	}
	u32 n = ir_block_order(g->r, order);
	blocks[0] = g->head[k];
	facts[0] = g->in[k];
	g->pc = g->r->pc;
	for (u32 b = 0; b < n; b++) {
		const struct ir_block *blk = &g->r->block[order[b]];
		ir_ref end = blk->first + blk->n - 1;
		g->cur = blocks[order[b]];
		g->at = facts[order[b]];
		memset(g->put, 0, sizeof(g->put));
		memset(g->settled, 0, g->r->ninsns * sizeof(bool));
		for (ir_ref i = blk->first; i < end; i++)
			gen_insn(g, i);
		gen_end(g, end, blocks, facts);
	}
	free(g->val);
	free(g->raw);
	free(g->var);
	free(g->single);
	free(g->settled);
}

/* The nodes that there is code for; the ways to the others are exits. */
static bool choose_nodes(struct gen *g, const struct unit *all, struct unit *u)
{
	*u = *all;
	u->nnodes = 0;
	for (u32 k = 0; k < all->nnodes; k++)
		if (can_region(g, all->node[k].ir))
			u->node[u->nnodes++] = all->node[k];
		else if (!k)
			return false;
	return true;
}

static bool gen_unit(struct gen *g, const struct unit *all)
{
	struct unit chosen;
	const struct unit *u = &chosen;
	char name[32];

	g->u = u;
	g->used = (struct slots){ { 0 } };
	g->memory = false;
	g->refused = false;
	if (!choose_nodes(g, all, &chosen))
		return false;
	for (u32 k = 0; k < u->nnodes; k++)
		gen_note_use(g, u->node[k].ir);
	g->in = calloc(u->nnodes, sizeof(*g->in));
	g->head = calloc(u->nnodes, sizeof(*g->head));
	if (!g->in || !g->head)
		return false;
	gen_facts(g);
	if (g->refused)
		return false;
	snprintf(name, sizeof(name), "unit_%u", u->id);
	g->fn = gcc_jit_context_new_function(g->cx, NULL,
	    GCC_JIT_FUNCTION_EXPORTED, g->type[IR_I64], name, 0, NULL, 0);
	gcc_jit_block *entry = gen_block(g);
	for (u32 k = 0; k < u->nnodes; k++)
		g->head[k] = gen_block(g);
	gen_entry(g, entry);
	for (u32 k = 0; k < u->nnodes; k++)
		gen_node(g, k);
	free(g->in);
	free(g->head);
	return !g->refused;
}

/* --- the context ---------------------------------------------------------- */

static void make_types(struct gen *g)
{
	gcc_jit_context *x = g->cx;

	g->t_void = gcc_jit_context_get_type(x, GCC_JIT_TYPE_VOID);
	g->type[IR_VOID] = g->t_void;
	g->type[IR_I1] = gcc_jit_context_get_type(x, GCC_JIT_TYPE_BOOL);
	g->type[IR_I32] = gcc_jit_context_get_int_type(x, 4, 0);
	g->type[IR_I64] = gcc_jit_context_get_int_type(x, 8, 0);
	g->type[IR_F32] = gcc_jit_context_get_type(x, GCC_JIT_TYPE_FLOAT);
	g->type[IR_F64] = gcc_jit_context_get_type(x, GCC_JIT_TYPE_DOUBLE);
	g->i64 = gcc_jit_context_get_int_type(x, 8, 1);
	g->i32 = gcc_jit_context_get_int_type(x, 4, 1);
	g->i16 = gcc_jit_context_get_int_type(x, 2, 1);
	g->i8 = gcc_jit_context_get_int_type(x, 1, 1);
	g->u16 = gcc_jit_context_get_int_type(x, 2, 0);
	g->u8 = gcc_jit_context_get_int_type(x, 1, 0);
	g->i128 = gcc_jit_context_get_int_type(x, 16, 1);
	g->u128 = gcc_jit_context_get_int_type(x, 16, 0);
}

static void make_options(struct gen *g)
{
	static const char *const always[] = { "-fomit-frame-pointer",
		"-mno-red-zone", "-mno-vzeroupper",
		"-fno-asynchronous-unwind-tables", "-fno-unwind-tables",
		"-fcf-protection=none", "-fno-stack-protector",
		"-fno-strict-aliasing", "-fno-math-errno", "-ffp-contract=off",
		"-frounding-math", "-fsignaling-nans", "-ftrapping-math",
		"-fno-tree-vectorize", "-fno-tree-slp-vectorize",
		"-fno-tree-loop-distribute-patterns", "-fpie",
		"-fno-reorder-blocks-and-partition", "-fno-ident",
		"-fno-delete-null-pointer-checks", "-fno-gcse", "-fno-tree-pre",
		/* a flag raised must not get ahead of an access */
		"-fno-schedule-insns2",
		/* nothing is kept over a call, so no prologue saves it */
		"-ffixed-rbp", "-fcall-used-rbx", "-fcall-used-r12",
		"-fcall-used-r13", "-fcall-used-r14", "-fcall-used-r15",
		"--param=jump-table-max-growth-ratio-for-speed=4000" };
	gcc_jit_context *x = g->cx;
	char text[32];

	for (size_t k = 0; k < ARRAY_LEN(always); k++)
		gcc_jit_context_add_command_line_option(x, always[k]);
	if (!g->fp)
		for (size_t k = 0; k < ABI_NFPIN; k++) {
			snprintf(text, sizeof(text), "-ffixed-xmm%u",
			    x86_fpin[k] - XMM0);
			gcc_jit_context_add_command_line_option(x, text);
		}
	const struct {
		bool has;
		const char *option;
	} cpu[] = { { g->f.avx, "-mavx" }, { g->f.fma, "-mfma" },
		{ g->f.bmi1, "-mbmi" }, { g->f.bmi2, "-mbmi2" },
		{ g->f.lzcnt, "-mlzcnt" }, { g->f.popcnt, "-mpopcnt" },
		{ g->f.sse41, "-msse4.1" } };
	for (size_t k = 0; k < ARRAY_LEN(cpu); k++)
		if (cpu[k].has)
			gcc_jit_context_add_command_line_option(
			    x, cpu[k].option);
	gcc_jit_context_set_int_option(
	    x, GCC_JIT_INT_OPTION_OPTIMIZATION_LEVEL, 2);
	gcc_jit_context_set_bool_allow_unreachable_blocks(x, 1);
}

static bool uses_fp(const struct gen *g, const struct unit *u)
{
	struct gen t = { .g = g->g };

	for (u32 k = 0; k < u->nnodes; k++)
		gen_note_use(&t, u->node[k].ir);
	return t.fp;
}

int gen_object(const struct guest_isa *guest, const struct unit *const *units,
    u32 n, const char *path, u64 *made, char *err, size_t nerr)
{
	struct gen g = { .g = guest, .f = x86_features_host() };

	*made = 0;
	g.cx = gcc_jit_context_acquire();
	if (!g.cx) {
		snprintf(err, nerr, "libgccjit gives no context");
		return -1;
	}
	for (u32 k = 0; k < n; k++)
		g.fp |= uses_fp(&g, units[k]);
	make_types(&g);
	make_options(&g);
	for (u32 k = 0; k < n; k++)
		if (gen_unit(&g, units[k]))
			*made |= 1ull << k;
	const char *why = gcc_jit_context_get_first_error(g.cx);
	if (!why && *made) {
		gcc_jit_context_compile_to_file(
		    g.cx, GCC_JIT_OUTPUT_KIND_OBJECT_FILE, path);
		why = gcc_jit_context_get_first_error(g.cx);
	}
	if (why)
		snprintf(err, nerr, "%s", why);
	gcc_jit_context_release(g.cx);
	return why ? -1 : 0;
}
