/*
 * disasm.c - text of an instruction.
 *
 * Capstone's text where it has one, with the targets of branches made
 * absolute (it prints them relative). Legal forms that it refuses are shown
 * with the ignored fields cleared. RAW rows are printed here by format.
 */
#include <stdio.h>

#include "frontend/riscv/decode.h"

/* clang-format off */
static const char *const xname[32] = {
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",
	"a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2", "s3", "s4", "s5",
	"s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};
/* clang-format on */

static void print_raw(const struct rv_insn *i, char *buf, size_t n)
{
	const char *t = i->row->text, *rd = xname[i->rd];
	const char *rs1 = xname[i->rs1];

	switch ((enum rv_format)i->row->format) {
	case RV_FMT_R:
		snprintf(buf, n, "%s %s, %s, %s", t, rd, rs1, xname[i->rs2]);
		break;
	case RV_FMT_R1: snprintf(buf, n, "%s %s, %s", t, rd, rs1); break;
	case RV_FMT_SHIFT:
	case RV_FMT_RNUM:
		snprintf(buf, n, "%s %s, %s, %d", t, rd, rs1, (int)i->imm);
		break;
	case RV_FMT_HINT:
		snprintf(buf, n, "%s zero, %u", t, bits(i->word, 2, 5));
		break;
	default: snprintf(buf, n, "%s", t); break;
	}
}

/* The word without the bits that the manual says to ignore and Capstone
   insists on. */
static u32 plain_word(const struct rv_insn *i)
{
	if (i->row->format == RV_FMT_FENCE) /* fm, rs1, rd; all but opcode */
		return i->word & (i->rm ? 0x707fu : 0x0ff0707fu);
	if (i->row->kind == RV_KIND_LAX && i->len == 4) /* exact FCVT: rm */
		return i->word & ~0x7000u;
	return i->len == 2 ? i->row->match : i->word;
}

static bool has_target(const struct rv_insn *i)
{
	switch ((enum rv_format)i->row->format) {
	case RV_FMT_B:
	case RV_FMT_J:
	case RV_FMT_CB:
	case RV_FMT_CJ: return true;
	default: return false;
	}
}

static bool capstone_text(struct rv_decoder *d, const struct rv_insn *i,
    u32 word, char *buf, size_t n)
{
	u8 bytes[4] = { (u8)word, (u8)(word >> 8), (u8)(word >> 16),
		(u8)(word >> 24) };
	const u8 *p = bytes;
	size_t len = i->len, keep;
	u64 pc = i->pc;
	const char *ops, *last;

	if (!cs_disasm_iter(d->cs, &p, &len, &pc, d->scratch))
		return false;
	ops = d->scratch->op_str;
	last = strrchr(ops, ' ');
	keep = last ? (size_t)(last - ops) + 1 : 0;
	if (has_target(i))
		snprintf(buf, n, "%s %.*s0x%llx", d->scratch->mnemonic,
		    (int)keep, ops, (unsigned long long)(i->pc + (u64)i->imm));
	else
		snprintf(buf, n, "%s%s%s", d->scratch->mnemonic,
		    *ops ? " " : "", ops);
	return true;
}

unsigned rv_disassemble(
    void *decoder, const struct lift_code *code, char *buf, size_t n)
{
	struct rv_decoder *d = decoder;
	struct rv_insn i;

	if (!rv_decode(d, code->pc, code->bytes, code->len, &i) || !i.row)
		return 0;
	if (i.row->kind == RV_KIND_RAW ||
	    (!capstone_text(d, &i, i.word, buf, n) &&
		!capstone_text(d, &i, plain_word(&i), buf, n)))
		print_raw(&i, buf, n);
	return i.len;
}
