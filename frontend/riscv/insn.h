/*
 * insn.h - a row of the instruction table and a decoded instruction.
 *
 * The table is insns.def. A row says how a word is recognised, where its
 * operands are (enum rv_format) and which function translates it; compressed
 * instructions have rows and formats of their own and share the functions,
 * because rv_operands brings every format into the one struct rv_insn.
 */
#ifndef RISCV_INSN_H
#define RISCV_INSN_H

#include "runtime/base/types.h"

struct rv_lifter;
struct rv_insn;

/* clang-format off */
enum rv_format {
	/* 32-bit, the manual's names; SHIFT = I with a 6-bit amount, RNUM = I
	   with a 4-bit number, R1 = R whose rs2 field belongs to the opcode */
	RV_FMT_NONE, RV_FMT_R, RV_FMT_R1, RV_FMT_R4, RV_FMT_I, RV_FMT_SHIFT,
	RV_FMT_RNUM, RV_FMT_S, RV_FMT_B, RV_FMT_U, RV_FMT_J, RV_FMT_AMO,
	RV_FMT_CSR, RV_FMT_CSRI, RV_FMT_FENCE,
	/* 16-bit: one per layout of the immediate */
	RV_FMT_CIW, RV_FMT_CL_W, RV_FMT_CL_D, RV_FMT_CS_W, RV_FMT_CS_D,
	RV_FMT_CI, RV_FMT_CI_LI, RV_FMT_CI_LUI, RV_FMT_CI_16SP, RV_FMT_CI_SH,
	RV_FMT_CI_LW, RV_FMT_CI_LD, RV_FMT_CSS_W, RV_FMT_CSS_D, RV_FMT_CB,
	RV_FMT_CB_I, RV_FMT_CB_SH, RV_FMT_CA, RV_FMT_CJ, RV_FMT_CR_JR,
	RV_FMT_CR_JALR, RV_FMT_CR_MV, RV_FMT_CR_ADD, RV_FMT_HINT,
};
/* clang-format on */

enum rv_kind { RV_KIND_CS, RV_KIND_CS4, RV_KIND_LAX, RV_KIND_RAW };

struct rv_row {
	const char *text;
	u8 kind; /* enum rv_kind */
	u8 format; /* enum rv_format */
	u16 arg; /* for lift */
	u32 mask, match;
	void (*lift)(struct rv_lifter *x, const struct rv_insn *i);
};

/* Row numbers; RV_NONE is the word that is no instruction. */
enum rv_row_id {
	RV_NONE,
#define X(kind, id, text, fmt, lift, arg, mask, match) RV_##id,
#include "frontend/riscv/insns.def"
#undef X
	RV_NROWS
};

extern const struct rv_row rv_rows[RV_NROWS];

/* Register numbers that the ABI of calls gives a meaning. */
enum { RV_RA = 1, RV_SP = 2, RV_T0 = 5 };

struct rv_insn {
	const struct rv_row *row; /* NULL: refused */
	gva_t pc, next; /* its address and the following one's */
	u32 word; /* the encoding, 16 or 32 bits */
	u8 len;
	u8 rd, rs1, rs2, rs3; /* rs1: also the 5-bit immediate of CSRI */
	u8 rm; /* funct3 */
	u8 order; /* MEM_ACQ | MEM_REL of an AMO */
	u16 csr;
	i64 imm; /* sign-extended and scaled; branches: from pc */
};

/* Fill in rd .. imm from i->word as i->row->format says. */
void rv_operands(struct rv_insn *i);

static inline bool rv_is_compressed(u32 word)
{
	return (word & 3) != 3;
}

#endif
