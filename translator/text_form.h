/*
 * text_form.h - which of the few shapes of the text form an op has; shared
 * by text_print.c and text_parse.c so that they cannot differ.
 */
#ifndef TRANSLATOR_TEXT_FORM_H
#define TRANSLATOR_TEXT_FORM_H

#include "translator/ir.h"

enum text_form {
	FORM_PLAIN, /* add %1 %2; also rounding ops: fadd.dyn %1 %2 */
	FORM_IMM, /* const 0x10; insn, goto_tb */
	FORM_SLOT, /* get a0; put a0 %4 */
	FORM_MEM, /* load.s2.acq %4 + -8 */
	FORM_NUMBER, /* fence 1 */
	FORM_HELPER, /* helper name %1 _ */
	FORM_GOTO, /* goto b1 */
	FORM_BR, /* br %9 b1 b2 */
	FORM_CALL, /* call %5 0x10008 */
	FORM_EXIT, /* exit syscall 0x10008 0x0 */
};

static inline enum text_form text_form(u8 op)
{
	switch (op) {
	case IR_CONST:
	case IR_PC:
	case IR_INSN_START:
	case IR_GOTO_TB: return FORM_IMM;
	case IR_GET:
	case IR_PUT: return FORM_SLOT;
	case IR_FENCE: return FORM_NUMBER;
	case IR_HELPER: return FORM_HELPER;
	case IR_GOTO: return FORM_GOTO;
	case IR_BR: return FORM_BR;
	case IR_CALL: return FORM_CALL;
	case IR_EXIT: return FORM_EXIT;
	default: return ir_opinfo[op].flags & IRF_M ? FORM_MEM : FORM_PLAIN;
	}
}

static const char *const text_types[IR_NTYPES] = { "void", "i1", "i32", "i64",
	"f32", "f64" };

/* Indexed by enum ir_rm; holes are no rounding modes. */
static const char *const text_rm[8] = { "rne", "rtz", "rdn", "rup", "rmm", NULL,
	NULL, "dyn" };

#endif
