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

void gen_flush(struct gen *g, bool pins)
{
	for (unsigned s = 0; s < ABI_NSLOTS; s++)
		if (slots_has(&g->at.dirty, s) &&
		    (pins || gen_pin(g, s) == NOREG))
			gen_store_slot(g, s);
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
			    "%u%c%%%u ", s,
			    slots_has(&g->at.raw, s) ? '~' : '=', operand++);
	len += (size_t)snprintf(text + len, cap - len, "\"\n\t.popsection");
	return len;
}

static void note_operands(struct gen *g, gcc_jit_extended_asm *a)
{
	for (unsigned s = 0; s < ABI_NSLOTS; s++) {
		if (!slots_has(&g->at.dirty, s))
			continue;
		bool fp = gen_slot_type(g, s) == g->type[IR_F64];
		gcc_jit_extended_asm_add_input_operand(a, NULL,
		    fp ? "xm" : "rmi", gcc_jit_lvalue_as_rvalue(g->slot[s]));
	}
}

/* i->a + i->imm, for a "p" operand: GCC makes an addressing mode of it. */
static rval address(struct gen *g, const struct ir_insn *i)
{
	gcc_jit_type *t = g->type[IR_I64];
	rval a = g->val[i->a];

	if (i->imm)
		a = gen_bin(
		    g, GCC_JIT_BINARY_OP_PLUS, t, a, gen_num(g, t, i->imm));
	lval v = gen_local(g, t, "a");
	gen_assign(g, v, a);
	return gcc_jit_lvalue_as_rvalue(v);
}

/* The load's template and how its result is named in it. */
static const char *load_form(struct gen *g, const struct ir_insn *i)
{
	static const char *const zero[] = { "movzbl %a1, %k0",
		"movzwl %a1, %k0", "movl %a1, %k0", "movq %a1, %q0" };
	static const char *const sign64[] = { "movsbq %a1, %q0",
		"movswq %a1, %q0", "movslq %a1, %q0", "movq %a1, %q0" };
	static const char *const sign32[] = { "movsbl %a1, %k0",
		"movswl %a1, %k0", "movl %a1, %k0", "movl %a1, %k0" };
	unsigned n = MEM_LOG2(i->aux);

	if (i->type == IR_F64)
		return g->f.avx ? "vmovsd %a1, %0" : "movsd %a1, %0";
	if (i->type == IR_F32)
		return g->f.avx ? "vmovss %a1, %0" : "movss %a1, %0";
	if (!(i->aux & MEM_SIGNED))
		return zero[n];
	return i->type == IR_I64 ? sign64[n] : sign32[n];
}

static const char *store_form(struct gen *g, const struct ir_insn *i)
{
	static const char *const form[] = { "movb %b1, %a0", "movw %w1, %a0",
		"movl %k1, %a0", "movq %1, %a0" };

	if (i->type == IR_F64)
		return g->f.avx ? "vmovsd %1, %a0" : "movsd %1, %a0";
	if (i->type == IR_F32)
		return g->f.avx ? "vmovss %1, %a0" : "movss %1, %a0";
	return form[MEM_LOG2(i->aux)];
}

static gcc_jit_extended_asm *access(struct gen *g, const char *form)
{
	char text[1024];
	size_t n = (size_t)snprintf(text, sizeof(text), "1:\t%s", form);

	note(g, text, n, sizeof(text), 2);
	gcc_jit_extended_asm *a =
	    gcc_jit_block_add_extended_asm(g->cur, NULL, text);
	gcc_jit_extended_asm_set_volatile_flag(a, 1);
	return a;
}

static bool is_fp(u8 ty)
{
	return ty == IR_F32 || ty == IR_F64;
}

static void load(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	rval at = address(g, i);
	lval to = gen_local(g, g->type[i->type], "l");
	gcc_jit_extended_asm *a = access(g, load_form(g, i));

	gcc_jit_extended_asm_add_output_operand(
	    a, NULL, is_fp(i->type) ? "=x" : "=r", to);
	gcc_jit_extended_asm_add_input_operand(a, NULL, "p", at);
	note_operands(g, a);
	g->val[ref] = gcc_jit_lvalue_as_rvalue(to);
}

static void store(struct gen *g, ir_ref ref)
{
	const struct ir_insn *i = &g->r->insn[ref];
	rval at = address(g, i);
	rval v = gen_seen(g, i->b);
	const char *c = is_fp(i->type) ? "x" : MEM_LOG2(i->aux) ? "re" : "qe";

	/* an operand is a plain variable or a number */
	gcc_jit_extended_asm *a = access(g, store_form(g, i));
	gcc_jit_extended_asm_add_input_operand(a, NULL, "p", at);
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
		gen_settle(g);
		gen_flush(g, true);
		g->at = (struct facts){ 0 };
	}
	if (i->op == IR_LOAD)
		load(g, ref);
	else
		store(g, ref);
}
