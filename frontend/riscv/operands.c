/*
 * operands.c - operands from the encoding, by format.
 *
 * The manual's chapters "RV32I Base Integer Instruction Set" (immediate
 * encodings) and "C Extension" (instruction formats) drawn as code.
 */
#include "frontend/riscv/insn.h"
#include "translator/ir.h"

/* `n` bits of the word from `lo`, moved up to `to`. */
#define B(lo, n, to) (bits(w, lo, n) << (to))

/* The three-bit registers x8..x15 of compressed instructions. */
static u8 low_reg(u32 w, unsigned lo)
{
	return (u8)(8 + bits(w, lo, 3));
}

static u32 ci_imm(u32 w)
{
	return B(12, 1, 5) | B(2, 5, 0);
}

/* Registers of the formats that name them in the quadrants' usual places. */
static void c_regs(struct rv_insn *i, u8 rd, u8 rs1, u8 rs2, i64 imm)
{
	i->rd = rd;
	i->rs1 = rs1;
	i->rs2 = rs2;
	i->imm = imm;
}

static void compressed(struct rv_insn *i)
{
	u32 w = i->word;
	u8 r7 = (u8)bits(w, 7, 5), r2 = (u8)bits(w, 2, 5);
	u8 l7 = low_reg(w, 7), l2 = low_reg(w, 2);
	u32 word_off = B(10, 3, 3) | B(6, 1, 2) | B(5, 1, 6);
	u32 dword_off = B(10, 3, 3) | B(5, 2, 6);

	switch ((enum rv_format)i->row->format) {
	case RV_FMT_CIW:
		c_regs(i, l2, RV_SP, 0,
		    B(7, 4, 6) | B(11, 2, 4) | B(5, 1, 3) | B(6, 1, 2));
		break;
	case RV_FMT_CL_W: c_regs(i, l2, l7, 0, word_off); break;
	case RV_FMT_CL_D: c_regs(i, l2, l7, 0, dword_off); break;
	case RV_FMT_CS_W: c_regs(i, 0, l7, l2, word_off); break;
	case RV_FMT_CS_D: c_regs(i, 0, l7, l2, dword_off); break;
	case RV_FMT_CI: c_regs(i, r7, r7, 0, sext(ci_imm(w), 6)); break;
	case RV_FMT_CI_LI: c_regs(i, r7, 0, 0, sext(ci_imm(w), 6)); break;
	case RV_FMT_CI_LUI:
		c_regs(i, r7, 0, 0, sext((u64)ci_imm(w) << 12, 18));
		break;
	case RV_FMT_CI_16SP:
		c_regs(i, RV_SP, RV_SP, 0,
		    sext(B(12, 1, 9) | B(6, 1, 4) | B(5, 1, 6) | B(3, 2, 7) |
			    B(2, 1, 5),
			10));
		break;
	case RV_FMT_CI_SH: c_regs(i, r7, r7, 0, ci_imm(w)); break;
	case RV_FMT_CI_LW:
		c_regs(i, r7, RV_SP, 0, B(12, 1, 5) | B(4, 3, 2) | B(2, 2, 6));
		break;
	case RV_FMT_CI_LD:
		c_regs(i, r7, RV_SP, 0, B(12, 1, 5) | B(5, 2, 3) | B(2, 3, 6));
		break;
	case RV_FMT_CSS_W:
		c_regs(i, 0, RV_SP, r2, B(9, 4, 2) | B(7, 2, 6));
		break;
	case RV_FMT_CSS_D:
		c_regs(i, 0, RV_SP, r2, B(10, 3, 3) | B(7, 3, 6));
		break;
	case RV_FMT_CB:
		c_regs(i, 0, l7, 0,
		    sext(B(12, 1, 8) | B(10, 2, 3) | B(5, 2, 6) | B(3, 2, 1) |
			    B(2, 1, 5),
			9));
		break;
	case RV_FMT_CB_I: c_regs(i, l7, l7, 0, sext(ci_imm(w), 6)); break;
	case RV_FMT_CB_SH: c_regs(i, l7, l7, 0, ci_imm(w)); break;
	case RV_FMT_CA: c_regs(i, l7, l7, l2, 0); break;
	case RV_FMT_CJ:
		c_regs(i, 0, 0, 0,
		    sext(B(12, 1, 11) | B(11, 1, 4) | B(9, 2, 8) | B(8, 1, 10) |
			    B(7, 1, 6) | B(6, 1, 7) | B(3, 3, 1) | B(2, 1, 5),
			12));
		break;
	case RV_FMT_CR_JR: c_regs(i, 0, r7, 0, 0); break;
	case RV_FMT_CR_JALR: c_regs(i, RV_RA, r7, 0, 0); break;
	case RV_FMT_CR_MV: c_regs(i, r7, 0, r2, 0); break;
	case RV_FMT_CR_ADD: c_regs(i, r7, r7, r2, 0); break;
	default: c_regs(i, 0, 0, 0, 0); break; /* no operands */
	}
}

/* The immediate of a 32-bit format. */
static i64 immediate(enum rv_format f, u32 w)
{
	switch (f) {
	case RV_FMT_I: return sext(bits(w, 20, 12), 12);
	case RV_FMT_SHIFT: return bits(w, 20, 6);
	case RV_FMT_RNUM: return bits(w, 20, 4);
	case RV_FMT_S: return sext(B(25, 7, 5) | B(7, 5, 0), 12);
	case RV_FMT_B:
		return sext(
		    B(31, 1, 12) | B(7, 1, 11) | B(25, 6, 5) | B(8, 4, 1), 13);
	case RV_FMT_U: return sext(w & 0xfffff000, 32);
	case RV_FMT_J:
		return sext(
		    B(31, 1, 20) | B(12, 8, 12) | B(20, 1, 11) | B(21, 10, 1),
		    21);
	default: return 0;
	}
}

void rv_operands(struct rv_insn *i)
{
	u32 w = i->word;

	if (i->len == 2) {
		compressed(i);
		return;
	}
	i->rd = (u8)bits(w, 7, 5);
	i->rs1 = (u8)bits(w, 15, 5);
	i->rs2 = (u8)bits(w, 20, 5);
	i->rs3 = (u8)bits(w, 27, 5);
	i->rm = (u8)bits(w, 12, 3);
	i->csr = (u16)bits(w, 20, 12);
	i->order = (u8)((bits(w, 26, 1) ? MEM_ACQ : 0) |
	    (bits(w, 25, 1) ? MEM_REL : 0));
	i->imm = immediate(i->row->format, w);
}
