/*
 * gen_mem.c - guest memory: one asm statement an access, with a note for the
 * fault handler.
 *
 * The note is text, made by the assembler from the statement's operands
 * (unit_object.h has its grammar): GCC decides where a value is, and only the
 * assembler's input says so.
 */
#include <stdio.h>

#include "backend/gccjit/gen.h"
#include "translator/unit_object.h"

void gen_flush(struct gen *g, bool pins)
{
	for (unsigned s = 0; s < ABI_NSLOTS; s++)
		if (slots_has(&g->at.dirty, s) &&
		    (pins || gen_pin(g, s) == NOREG))
			gen_store_slot(g, s);
}

/* How the value in its place is to be understood: unit_object.h. */
static char mark(struct gen *g, unsigned slot)
{
	bool raw = slots_has(&g->at.raw, slot);

	if (gen_single(g, slot))
		return raw ? '?' : '!';
	return raw ? '~' : '=';
}

/* Append the note to an asm template: where dirty slots are. */
static size_t note(
    struct gen *g, char *text, size_t len, size_t cap, unsigned operand)
{
	len += (size_t)snprintf(text + len, cap - len,
	    "\n\t.pushsection .metic.map,\"\",@progbits"
	    "\n\t.quad 1b\n\t.quad 0x%llx\n\t.asciz \"",
	    (unsigned long long)g->pc);
	for (unsigned s = 0; s < ABI_NSLOTS; s++)
		if (slots_has(&g->at.dirty, s))
			len += (size_t)snprintf(text + len, cap - len,
			    "%u%c%%%u ", s, mark(g, s), operand++);
	/* state[] has not seen them: the entry of such a unit stores none */
	len += (size_t)snprintf(text + len, cap - len, "%s\"\n\t.popsection",
	    g->fp ? "" : OBJECT_FPINS);
	return len;
}

static void note_operands(struct gen *g, gcc_jit_extended_asm *a)
{
	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!slots_has(&g->at.dirty, s))
			continue;
		bool fp = gen_slot_type(g, s) == g->type[IR_F64];
		gcc_jit_extended_asm_add_input_operand(a, NULL,
		    fp ? "xm" : "rmi",
		    gcc_jit_lvalue_as_rvalue(gen_slot(g, s)));
	}
}

/*
 * The address operand: without displacement "p", of which GCC makes an
 * addressing mode; with one a register, and the displacement in the text, for
 * GCC would keep the sum in a register if it is wanted twice.
 */
static void add_address(
    gcc_jit_extended_asm *a, const struct ir_insn *i, lval at)
{
	gcc_jit_extended_asm_add_input_operand(
	    a, NULL, i->imm ? "r" : "p", gcc_jit_lvalue_as_rvalue(at));
}

static lval gen_address(struct gen *g, const struct ir_insn *i)
{
	lval v = gen_local(g, g->type[IR_I64], "a");

	gen_assign(g, v, g->val[i->a]);
	return v;
}

/* The name of an access of this width; %A stands for the address. */
static const char *load_form(struct gen *g, const struct ir_insn *i)
{
	static const char *const zero[] = { "movzbl %A, %k0", "movzwl %A, %k0",
		"movl %A, %k0", "movq %A, %q0" };
	static const char *const sign64[] = { "movsbq %A, %q0",
		"movswq %A, %q0", "movslq %A, %q0", "movq %A, %q0" };
	static const char *const sign32[] = { "movsbl %A, %k0",
		"movswl %A, %k0", "movl %A, %k0", "movl %A, %k0" };
	unsigned n = MEM_LOG2(i->aux);

	if (i->type == IR_F64)
		return g->f.avx ? "vmovsd %A, %0" : "movsd %A, %0";
	if (i->type == IR_F32)
		return g->f.avx ? "vmovss %A, %0" : "movss %A, %0";
	if (!(i->aux & MEM_SIGNED))
		return zero[n];
	return i->type == IR_I64 ? sign64[n] : sign32[n];
}

static const char *store_form(struct gen *g, const struct ir_insn *i)
{
	static const char *const form[] = { "movb %b1, %A", "movw %w1, %A",
		"movl %k1, %A", "movq %1, %A" };

	if (i->type == IR_F64)
		return g->f.avx ? "vmovsd %1, %A" : "movsd %1, %A";
	if (i->type == IR_F32)
		return g->f.avx ? "vmovss %1, %A" : "movss %1, %A";
	return form[MEM_LOG2(i->aux)];
}

/* The statement: operand `at` is the address, operand 2 the first noted. */
static gcc_jit_extended_asm *access(
    struct gen *g, const struct ir_insn *i, const char *form, unsigned at)
{
	char text[1024];
	const char *a = strstr(form, "%A");
	size_t n = (size_t)snprintf(
	    text, sizeof(text), "1:\t%.*s", (int)(a - form), form);

	if (i->imm)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "%lld(%%%u)%s", (long long)i->imm, at, a + 2);
	else
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%%a%u%s", at, a + 2);
	note(g, text, n, sizeof(text), 2);
	gcc_jit_extended_asm *s =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_set_volatile_flag(s, 1);
	return s;
}

static bool is_fp(u8 ty)
{
	return ty == IR_F32 || ty == IR_F64;
}

static void load(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	lval to = gen_local(g, g->type[i->type], "l");
	lval at = gen_address(g, i);
	gcc_jit_extended_asm *a = access(g, i, load_form(g, i), 1);

	gcc_jit_extended_asm_add_output_operand(
	    a, NULL, is_fp(i->type) ? "=x" : "=r", to);
	add_address(a, i, at);
	note_operands(g, a);
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
}

/*
 * A float is stored by its bits, as an integer: by the float itself, then.
 * IR_NONE: it is something else.
 */
static ir_ref float_behind(const struct gen *g, const struct ir_insn *store)
{
	const struct ir_insn *bits = &g->r->insn[store->b];

	if (bits->op != IR_FBITS || MEM_LOG2(store->aux) != 2)
		return IR_NONE;
	return gen_in_box(g, bits->a);
}

/* What the next store of the block stores, if it is there already. */
static ir_ref next_stored(const struct gen *g, ir_ref ref)
{
	const struct ir_insn *insn = g->r->insn;

	for (ir_ref k = ref + 1; !ir_ends_block(insn[k].op); k++) {
		if (insn[k].op != IR_STORE)
			continue;
		ir_ref f = float_behind(g, &insn[k]);
		ir_ref v = f ? f : insn[k].b;
		if (v < ref && g->var[v] && gen_waits(g, v))
			return v;
	}
	return IR_NONE;
}

static void store(struct gen *g, ir_ref ref)
{
	struct ir_insn i = g->r->insn[ref];
	ir_ref f = float_behind(g, &i);

	if (f) {
		i.type = IR_F32;
		i.b = f;
	}
	bool waits = gen_waits(g, i.b);
	rval v = !f && gen_in_box(g, i.b) ?
	    gen_seen(g, i.b) :
	    gen_canonical(g, i.b, waits ? next_stored(g, ref) : IR_NONE);
	lval at = gen_address(g, &i);
	const char *c = is_fp(i.type) ? "x" : MEM_LOG2(i.aux) ? "re" : "qe";
	gcc_jit_extended_asm *a = access(g, &i, store_form(g, &i), 0);

	add_address(a, &i, at);
	gcc_jit_extended_asm_add_input_operand(a, NULL, c, v);
	note_operands(g, a);
}

void gen_memory(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];

	if (i->op == IR_FENCE) {
		gcc_jit_extended_asm *a = gcc_jit_block_add_extended_asm(
		    g->cur, NULL, i->aux ? "lock orl $0, (%%rsp)" : "");
		gcc_jit_extended_asm_set_volatile_flag(a, 1);
		gcc_jit_extended_asm_add_clobber(a, "cc");
		return;
	}
	if (slots_count(&g->at.dirty) > MAP_MAX) {
		gen_settle(g, NULL);
		gen_flush(g, true);
		g->at.dirty = g->at.raw = (struct slots){ { 0 } };
	}
	if (i->op == IR_LOAD)
		load(g, ref);
	else
		store(g, ref);
}
