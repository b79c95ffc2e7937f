/*
 * table.c - insns.def as an array, row 0 being "no instruction".
 */
#include "frontend/riscv/lift.h"

/* Which bits of the word belong to the encoding, by shape. */
#define M_OP 0x0000007fu /* opcode */
#define M_F3 0x0000707fu /* opcode, funct3 */
#define M_F6 0xfc00707fu /* and six bits above a 64-bit shift amount */
#define M_F7 0xfe00707fu /* and funct7 */
#define M_F12 0xfff0707fu /* and rs2 too */
#define M_RNUM 0xff00707fu /* and eight bits above a round's number */
#define M_F7RM 0xfe00007fu /* funct7, but funct3 is a rounding mode */
#define M_F12RM 0xfff0007fu
#define M_R4 0x0600007fu /* fused multiply-add: the fp format */
#define M_AMO 0xf800707fu /* all but aq, rl */
#define M_LR 0xf9f0707fu
#define M_ALL 0xffffffffu
#define M_C3 0xe003u /* compressed: funct3 and quadrant */
#define M_CRD 0xef83u /* and rd */
#define M_CB 0xec03u
#define M_CA 0xfc63u
#define M_CR 0xf003u
#define M_CR0 0xf07fu

const struct rv_row rv_rows[RV_NROWS] = {
	[RV_NONE] = { "illegal", RV_KIND_RAW, RV_FMT_NONE, 0, 0, 1,
	    rv_illegal },
#define X(kind, id, text, fmt, lift, arg, mask, match) \
	[RV_##id] = { text, RV_KIND_##kind, RV_FMT_##fmt, arg, mask, match, \
		rv_##lift },
#include "frontend/riscv/insns.def"
#undef X
};
