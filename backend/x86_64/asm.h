/*
 * asm.h - the x86-64 encoder: one small function per instruction form.
 *
 * A register is a number 0..31: 0..15 the integer registers, 16..31 the
 * xmm registers. `w` is an operand width in bytes (1, 2, 4 or 8). Each form
 * picks its shortest encoding. Writing past the end of the buffer writes
 * nothing and sets `full`, which stays set.
 *
 * Intel SDM volume 2; tests/x86_64/asm.c compares every form with Zydis.
 */
#ifndef X86_ASM_H
#define X86_ASM_H

#include "runtime/base/types.h"

enum x86_reg {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15,
	XMM0,
	XMM1,
	XMM2,
	XMM3,
	XMM4,
	XMM5,
	XMM6,
	XMM7,
	XMM8,
	XMM9,
	XMM10,
	XMM11,
	XMM12,
	XMM13,
	XMM14,
	XMM15,
	NOREG = 255
};

struct asm_buf {
	u8 *base;
	size_t len, cap;
	u32 flag_writes; /* counts instructions that write the host's flags */
	bool full;
};

/* [base + index * (1 << shift) + disp]; base and index may be NOREG. */
struct mem {
	u8 base, index, shift;
	i32 disp;
};

static inline struct mem mem_at(unsigned base, i32 disp)
{
	return (struct mem){ (u8)base, NOREG, 0, disp };
}

static inline struct mem mem_index(
    unsigned base, unsigned index, unsigned shift, i32 disp)
{
	return (struct mem){ (u8)base, (u8)index, (u8)shift, disp };
}

/* Immediate byte of ROUNDSS and ROUNDSD; QUIET: inexact is not raised. */
enum { ROUND_DOWN = 1, ROUND_UP, ROUND_TRUNC, ROUND_QUIET = 8 };

/*
 * An opcode: its byte, its map and its mandatory prefix. Bits 0..7 the
 * byte, 8..9 the map (0F, 0F38, 0F3A), 10..11 the prefix.
 */
#define OPC(pfx, map, byte) ((pfx) << 10 | (map) << 8 | (byte))
enum { PFX_NONE, PFX_66, PFX_F3, PFX_F2 };
enum { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A };

enum x86_op {
	OP_MOV_LOAD = OPC(PFX_NONE, MAP_ONE, 0x8b),
	OP_MOV_STORE = OPC(PFX_NONE, MAP_ONE, 0x89),
	OP_MOVSXD = OPC(PFX_NONE, MAP_ONE, 0x63),
	OP_LEA = OPC(PFX_NONE, MAP_ONE, 0x8d),
	OP_TEST = OPC(PFX_NONE, MAP_ONE, 0x85),
	OP_XCHG = OPC(PFX_NONE, MAP_ONE, 0x87),
	OP_GRP3 = OPC(PFX_NONE, MAP_ONE, 0xf7), /* see enum x86_grp3 */
	OP_GRP5 = OPC(PFX_NONE, MAP_ONE, 0xff),
	OP_IMUL = OPC(PFX_NONE, MAP_0F, 0xaf),
	OP_MOVZX8 = OPC(PFX_NONE, MAP_0F, 0xb6),
	OP_MOVZX16 = OPC(PFX_NONE, MAP_0F, 0xb7),
	OP_MOVSX8 = OPC(PFX_NONE, MAP_0F, 0xbe),
	OP_MOVSX16 = OPC(PFX_NONE, MAP_0F, 0xbf),
	OP_XADD = OPC(PFX_NONE, MAP_0F, 0xc1),
	OP_CMPXCHG = OPC(PFX_NONE, MAP_0F, 0xb1),
	OP_LDSTMXCSR = OPC(PFX_NONE, MAP_0F, 0xae), /* /2 load, /3 store */
	OP_LZCNT = OPC(PFX_F3, MAP_0F, 0xbd),
	OP_TZCNT = OPC(PFX_F3, MAP_0F, 0xbc),
	OP_POPCNT = OPC(PFX_F3, MAP_0F, 0xb8),
	/* VEX only */
	OP_ANDN = OPC(PFX_NONE, MAP_0F38, 0xf2),
	OP_SHLX = OPC(PFX_66, MAP_0F38, 0xf7),
	OP_SARX = OPC(PFX_F3, MAP_0F38, 0xf7),
	OP_SHRX = OPC(PFX_F2, MAP_0F38, 0xf7),
	OP_MULX = OPC(PFX_F2, MAP_0F38, 0xf6), /* rdx * rm; high, low */
	OP_RORX = OPC(PFX_F2, MAP_0F3A, 0xf0),
	/* scalar fp: the f64 form; asm_fp_op makes the f32 form of it */
	OP_ADDSD = OPC(PFX_F2, MAP_0F, 0x58),
	OP_MULSD = OPC(PFX_F2, MAP_0F, 0x59),
	OP_SUBSD = OPC(PFX_F2, MAP_0F, 0x5c),
	OP_MINSD = OPC(PFX_F2, MAP_0F, 0x5d),
	OP_DIVSD = OPC(PFX_F2, MAP_0F, 0x5e),
	OP_MAXSD = OPC(PFX_F2, MAP_0F, 0x5f),
	OP_SQRTSD = OPC(PFX_F2, MAP_0F, 0x51),
	OP_CMPSD = OPC(PFX_F2, MAP_0F, 0xc2),
	OP_CVTSI2SD = OPC(PFX_F2, MAP_0F, 0x2a),
	OP_CVTTSD2SI = OPC(PFX_F2, MAP_0F, 0x2c),
	OP_CVTSD2SI = OPC(PFX_F2, MAP_0F, 0x2d),
	OP_CVTSD2SS = OPC(PFX_F2, MAP_0F, 0x5a),
	OP_CVTSS2SD = OPC(PFX_F3, MAP_0F, 0x5a),
	OP_UCOMISD = OPC(PFX_66, MAP_0F, 0x2e),
	OP_COMISD = OPC(PFX_66, MAP_0F, 0x2f),
	OP_MOVSD_LOAD = OPC(PFX_F2, MAP_0F, 0x10),
	OP_MOVSD_STORE = OPC(PFX_F2, MAP_0F, 0x11),
	OP_MOVSS_LOAD = OPC(PFX_F3, MAP_0F, 0x10),
	OP_MOVSS_STORE = OPC(PFX_F3, MAP_0F, 0x11),
	/* packed, for bit operations and moves */
	OP_MOVAPS = OPC(PFX_NONE, MAP_0F, 0x28),
	OP_MOVUPS_LOAD = OPC(PFX_NONE, MAP_0F, 0x10),
	OP_ANDPS = OPC(PFX_NONE, MAP_0F, 0x54),
	OP_ANDNPS = OPC(PFX_NONE, MAP_0F, 0x55),
	OP_ORPS = OPC(PFX_NONE, MAP_0F, 0x56),
	OP_XORPS = OPC(PFX_NONE, MAP_0F, 0x57),
	OP_PCMPEQB = OPC(PFX_66, MAP_0F, 0x74),
	OP_PCMPEQD = OPC(PFX_66, MAP_0F, 0x76),
	OP_MOVD_LOAD = OPC(PFX_66, MAP_0F, 0x6e), /* xmm <- int */
	OP_MOVD_STORE = OPC(PFX_66, MAP_0F, 0x7e), /* int <- xmm */
	OP_PUNPCKLDQ = OPC(PFX_66, MAP_0F, 0x62),
	OP_PEXTR = OPC(PFX_66, MAP_0F3A, 0x16), /* int <- xmm; SSE4.1 */
	OP_PINSR = OPC(PFX_66, MAP_0F3A, 0x22), /* xmm <- int; SSE4.1 */
	OP_PTEST = OPC(PFX_66, MAP_0F38, 0x17), /* SSE4.1 */
	OP_INSERTPS = OPC(PFX_66, MAP_0F3A, 0x21), /* SSE4.1 */
	OP_ROUNDSS = OPC(PFX_66, MAP_0F3A, 0x0a), /* SSE4.1 */
	OP_ROUNDSD = OPC(PFX_66, MAP_0F3A, 0x0b),
	/* PCLMULQDQ; AES */
	OP_PCLMULQDQ = OPC(PFX_66, MAP_0F3A, 0x44),
	OP_AESIMC = OPC(PFX_66, MAP_0F38, 0xdb),
	OP_AESENC = OPC(PFX_66, MAP_0F38, 0xdc),
	OP_AESENCLAST = OPC(PFX_66, MAP_0F38, 0xdd),
	OP_AESDEC = OPC(PFX_66, MAP_0F38, 0xde),
	OP_AESDECLAST = OPC(PFX_66, MAP_0F38, 0xdf),
	OP_AESKEYGENASSIST = OPC(PFX_66, MAP_0F3A, 0xdf),
	/* FMA3, VEX only, f64 form; + 0x10 for 213, + 0x20 for 231 */
	OP_FMADD132 = OPC(PFX_66, MAP_0F38, 0x99),
	OP_FMSUB132 = OPC(PFX_66, MAP_0F38, 0x9b),
	OP_FNMADD132 = OPC(PFX_66, MAP_0F38, 0x9d),
	OP_FNMSUB132 = OPC(PFX_66, MAP_0F38, 0x9f),
};

enum x86_alu {
	ALU_ADD,
	ALU_OR,
	ALU_ADC,
	ALU_SBB,
	ALU_AND,
	ALU_SUB,
	ALU_XOR,
	ALU_CMP
};
enum x86_shift { SH_ROL, SH_ROR, SH_SHL = 4, SH_SHR, SH_SAR = 7 };
enum x86_grp3 { G3_NOT = 2, G3_NEG, G3_MUL, G3_IMUL, G3_DIV, G3_IDIV };

/* Condition codes; the odd one is the negation. */
enum x86_cc {
	CC_O,
	CC_NO,
	CC_B,
	CC_AE,
	CC_E,
	CC_NE,
	CC_BE,
	CC_A,
	CC_S,
	CC_NS,
	CC_P,
	CC_NP,
	CC_L,
	CC_GE,
	CC_LE,
	CC_G
};

/* Raw bytes. */
void asm_u8(struct asm_buf *b, u8 v);
void asm_u32(struct asm_buf *b, u32 v);
void asm_u64(struct asm_buf *b, u64 v);
/* n bytes of nop, in as few instructions as possible. */
void asm_nop(struct asm_buf *b, size_t n);

/* Any opcode with reg and r/m fields; 8-bit operands where w is 1. */
void asm_rr(struct asm_buf *b, u32 op, unsigned w, unsigned reg, unsigned rm);
/* The same with memory. */
void asm_rm(struct asm_buf *b, u32 op, unsigned w, unsigned reg, struct mem m);
/* VEX.128/LZ forms: v is the register in vvvv, 0 if unused. */
void asm_vex_rr(struct asm_buf *b, u32 op, unsigned w, unsigned reg, unsigned v,
    unsigned rm);
void asm_vex_rm(struct asm_buf *b, u32 op, unsigned w, unsigned reg, unsigned v,
    struct mem m);

/* d = d op s */
void asm_alu_rr(
    struct asm_buf *b, enum x86_alu op, unsigned w, unsigned d, unsigned s);
void asm_alu_rm(
    struct asm_buf *b, enum x86_alu op, unsigned w, unsigned d, struct mem m);
void asm_alu_mr(
    struct asm_buf *b, enum x86_alu op, unsigned w, struct mem m, unsigned s);
void asm_alu_ri(
    struct asm_buf *b, enum x86_alu op, unsigned w, unsigned d, i32 imm);
void asm_alu_mi(
    struct asm_buf *b, enum x86_alu op, unsigned w, struct mem m, i32 imm);
/* imm is taken as unsigned when it fits 31 bits: narrower forms are used. */
void asm_test_ri(struct asm_buf *b, unsigned w, unsigned d, i32 imm);
void asm_test_mi(struct asm_buf *b, unsigned w, struct mem m, i32 imm);

/* Copy between two integer registers. */
void asm_mov_rr(struct asm_buf *b, unsigned w, unsigned d, unsigned s);
/* All 64 bits of d; does not change the flags. */
/* Always in the form that has 8 bytes for v, at its end. */
void asm_mov_ri64(struct asm_buf *b, unsigned d, u64 v);
void asm_mov_ri(struct asm_buf *b, unsigned d, u64 imm);
/* The sign-extended imm. */
void asm_mov_mi(struct asm_buf *b, unsigned w, struct mem m, i32 imm);
void asm_load(struct asm_buf *b, unsigned w, unsigned d, struct mem m);
void asm_store(struct asm_buf *b, unsigned w, struct mem m, unsigned s);

void asm_shift_ri(
    struct asm_buf *b, enum x86_shift op, unsigned w, unsigned d, unsigned n);
/* by cl */
void asm_shift_rc(struct asm_buf *b, enum x86_shift op, unsigned w, unsigned d);
void asm_rorx(
    struct asm_buf *b, unsigned w, unsigned d, unsigned s, unsigned n);
void asm_grp3_r(struct asm_buf *b, enum x86_grp3 op, unsigned w, unsigned r);
void asm_grp3_m(struct asm_buf *b, enum x86_grp3 op, unsigned w, struct mem m);
/* d = s * imm */
void asm_imul_ri(
    struct asm_buf *b, unsigned w, unsigned d, unsigned s, i32 imm);
void asm_bswap(struct asm_buf *b, unsigned w, unsigned r);
void asm_cdq(struct asm_buf *b, unsigned w); /* cdq or cqo */
void asm_setcc(struct asm_buf *b, enum x86_cc cc, unsigned r);
void asm_cmov_rr(
    struct asm_buf *b, enum x86_cc cc, unsigned w, unsigned d, unsigned s);
void asm_cmov_rm(
    struct asm_buf *b, enum x86_cc cc, unsigned w, unsigned d, struct mem m);
void asm_lock(struct asm_buf *b); /* prefix of the next instruction */

/* rel32 forms: return the offset of the rel32, which is zero. */
size_t asm_jcc(struct asm_buf *b, enum x86_cc cc);
size_t asm_jmp(struct asm_buf *b);
size_t asm_call(struct asm_buf *b);
/* lea d, [rip + rel32] */
size_t asm_lea_rip(struct asm_buf *b, unsigned d);
/* Make the rel32 at `at` lead to `to`. */
void asm_fix(struct asm_buf *b, size_t at, size_t to);
/* rel8 form: the offset of the rel8. */
size_t asm_jcc8(struct asm_buf *b, enum x86_cc cc);
size_t asm_jmp8(struct asm_buf *b);
/* Make the rel8 at `at` lead here. */
void asm_fix8(struct asm_buf *b, size_t at);
/* Backward, shortest form. */
void asm_jcc_to(struct asm_buf *b, enum x86_cc cc, size_t to);
void asm_jmp_to(struct asm_buf *b, size_t to);
void asm_jmp_r(struct asm_buf *b, unsigned r);
void asm_jmp_m(struct asm_buf *b, struct mem m);
void asm_call_r(struct asm_buf *b, unsigned r);
void asm_call_m(struct asm_buf *b, struct mem m);
void asm_ret(struct asm_buf *b);
void asm_push(struct asm_buf *b, unsigned r);
void asm_pop(struct asm_buf *b, unsigned r);
void asm_push_m(struct asm_buf *b, struct mem m);
void asm_pop_m(struct asm_buf *b, struct mem m);
void asm_ldmxcsr(struct asm_buf *b, struct mem m);
void asm_stmxcsr(struct asm_buf *b, struct mem m);

/* The f32 form of a scalar or packed f64 opcode above. */
static inline u32 asm_f32_op(u32 op)
{
	unsigned pfx = op >> 10;
	u32 rest = op & 0x3ffu;
	if (pfx == PFX_F2)
		return rest | PFX_F3 << 10;
	return rest; /* 66 -> none: ucomis, comis */
}

/* Does v fit a sign-extended 32-bit immediate? */
static inline bool fits32(i64 v)
{
	return v == (i32)v;
}

#endif
