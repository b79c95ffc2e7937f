/*
 * asm.c - every form of the encoder, over all registers, scales and sizes of
 * displacement and immediate, decoded by Zydis: mnemonic, operands, length.
 */
#include <criterion/criterion.h>

#include <Zydis/Zydis.h>

#include "backend/x86_64/asm.h"

static u8 code[64];
static struct asm_buf buf;

/* An explicit operand as it should be decoded. */
struct want {
	enum { W_REG, W_MEM, W_IMM } kind;
	ZydisRegister reg;
	struct mem mem;
	i64 imm;
};

static ZydisRegister zreg(unsigned r, unsigned w)
{
	static const ZydisRegister base[] = { [1] = ZYDIS_REGISTER_AL,
		[2] = ZYDIS_REGISTER_AX,
		[4] = ZYDIS_REGISTER_EAX,
		[8] = ZYDIS_REGISTER_RAX };

	if (r >= XMM0)
		return ZYDIS_REGISTER_XMM0 + (r - XMM0);
	/* spl..dil stand behind the four high byte registers there. */
	return base[w] + r + (w == 1 && r >= RSP ? 4 : 0);
}

static struct want reg(unsigned r, unsigned w)
{
	return (struct want){ .kind = W_REG, .reg = zreg(r, w) };
}

static struct want mem(struct mem m)
{
	return (struct want){ .kind = W_MEM, .mem = m };
}

static struct want imm(i64 v)
{
	return (struct want){ .kind = W_IMM, .imm = v };
}

static bool same_mem(const ZydisDecodedOperandMem *z, struct mem m)
{
	ZydisRegister b =
	    m.base == NOREG ? ZYDIS_REGISTER_NONE : zreg(m.base, 8);
	ZydisRegister i =
	    m.index == NOREG ? ZYDIS_REGISTER_NONE : zreg(m.index, 8);

	return z->base == b && z->index == i &&
	    (m.index == NOREG || z->scale == 1 << m.shift) &&
	    z->disp.value == m.disp;
}

static void begin(void)
{
	buf = (struct asm_buf){ .base = code, .cap = sizeof(code) };
}

static void expect(ZydisMnemonic mnemonic, unsigned n, const struct want *w)
{
	ZydisDecoder d;
	ZydisDecodedInstruction i;
	ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];

	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZyanStatus s = ZydisDecoderDecodeFull(&d, code, buf.len, &i, o);
	cr_assert(ZYAN_SUCCESS(s), "undecodable %s",
	    ZydisMnemonicGetString(mnemonic));
	cr_assert(i.length == buf.len && i.mnemonic == mnemonic,
	    "%s of %d bytes, wanted %s of %zu",
	    ZydisMnemonicGetString(i.mnemonic), i.length,
	    ZydisMnemonicGetString(mnemonic), buf.len);
	cr_assert(i.operand_count_visible == n, "%s: %d operands",
	    ZydisMnemonicGetString(mnemonic), i.operand_count_visible);
	for (unsigned k = 0; k < n; k++) {
		bool ok = w[k].kind == W_REG ?
		    o[k].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			o[k].reg.value == w[k].reg :
		    w[k].kind == W_MEM ?
		    o[k].type == ZYDIS_OPERAND_TYPE_MEMORY &&
			same_mem(&o[k].mem, w[k].mem) :
		    o[k].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
			o[k].imm.value.s == w[k].imm;
		cr_assert(
		    ok, "%s: operand %u", ZydisMnemonicGetString(mnemonic), k);
	}
}
#define EXPECT(m, ...) \
	do { \
		const struct want w_[] = { __VA_ARGS__ }; \
		expect(ZYDIS_MNEMONIC_##m, ARRAY_LEN(w_), w_); \
	} while (0)
#define FORM(call, m, ...) \
	do { \
		begin(); \
		call; \
		EXPECT(m, __VA_ARGS__); \
	} while (0)

static const unsigned widths[] = { 1, 2, 4, 8 };
static const i32 disps[] = { 0, 1, -1, 127, 128, -128, -129, 0x12345678,
	INT32_MIN };
#define EACH(i, array) for (size_t i = 0; i < ARRAY_LEN(array); i++)
#define EACH_REG(r) for (unsigned r = 0; r < 16; r++)

/* Call f with every shape of address (all registers, scales, sizes). */
static void each_mem(void (*f)(struct mem))
{
	for (unsigned b = 0; b <= 16; b++)
		EACH(k, disps)
		{
			unsigned base = b == 16 ? NOREG : b;
			f(mem_at(base, disps[k]));
			EACH_REG(x)
			if (x != RSP)
				f(mem_index(base, x, (b + x) % 4, disps[k]));
		}
}

static const ZydisMnemonic alu_name[] = { ZYDIS_MNEMONIC_ADD, ZYDIS_MNEMONIC_OR,
	ZYDIS_MNEMONIC_ADC, ZYDIS_MNEMONIC_SBB, ZYDIS_MNEMONIC_AND,
	ZYDIS_MNEMONIC_SUB, ZYDIS_MNEMONIC_XOR, ZYDIS_MNEMONIC_CMP };

static const i32 imms[] = { 0, 1, -1, 127, 128, -128, -129, 0x7fffffff,
	INT32_MIN };

static i64 cut(i32 v, unsigned w)
{
	return w == 1 ? (i8)v : w == 2 ? (i16)v : v;
}

Test(asm, alu)
{
	for (unsigned op = ALU_ADD; op <= ALU_CMP; op++)
		EACH(k, widths) EACH_REG(d)
		{
			unsigned w = widths[k];
			EACH_REG(s)
			{
				begin();
				asm_alu_rr(&buf, op, w, d, s);
				const struct want x[] = { reg(d, w),
					reg(s, w) };
				expect(alu_name[op], 2, x);
			}
			EACH(j, imms)
			{
				begin();
				asm_alu_ri(&buf, op, w, d, imms[j]);
				const struct want x[] = { reg(d, w),
					imm(cut(imms[j], w)) };
				expect(alu_name[op], 2, x);
			}
		}
}

static void memory_forms(struct mem m)
{
	EACH(k, widths)
	{
		unsigned w = widths[k], r = (m.base + 5u * m.index) % 16;
		FORM(
		    asm_alu_rm(&buf, ALU_XOR, w, r, m), XOR, reg(r, w), mem(m));
		FORM(
		    asm_alu_mr(&buf, ALU_ADD, w, m, r), ADD, mem(m), reg(r, w));
		FORM(asm_alu_mi(&buf, ALU_CMP, w, m, 5), CMP, mem(m), imm(5));
		FORM(asm_alu_mi(&buf, ALU_CMP, w, m, 0x1234), CMP, mem(m),
		    imm(cut(0x1234, w)));
		FORM(asm_load(&buf, w, r, m), MOV, reg(r, w), mem(m));
		FORM(asm_store(&buf, w, m, r), MOV, mem(m), reg(r, w));
		FORM(asm_mov_mi(&buf, w, m, -2), MOV, mem(m), imm(-2));
		FORM(asm_rm(&buf, OP_XCHG, w, r, m), XCHG, mem(m), reg(r, w));
		FORM((asm_lock(&buf), asm_rm(&buf, OP_XADD, w, r, m)), XADD,
		    mem(m), reg(r, w));
		FORM((asm_lock(&buf), asm_rm(&buf, OP_CMPXCHG, w, r, m)),
		    CMPXCHG, mem(m), reg(r, w));
		FORM(asm_grp3_m(&buf, G3_NEG, w, m), NEG, mem(m));
		if (w < 4)
			continue;
		FORM(asm_rm(&buf, OP_LEA, w, r, m), LEA, reg(r, w), mem(m));
		FORM(asm_rm(&buf, OP_IMUL, w, r, m), IMUL, reg(r, w), mem(m));
		FORM(
		    asm_rm(&buf, OP_MOVZX8, w, r, m), MOVZX, reg(r, w), mem(m));
		FORM(asm_rm(&buf, OP_MOVSX16, w, r, m), MOVSX, reg(r, w),
		    mem(m));
		FORM(
		    asm_cmov_rm(&buf, CC_L, w, r, m), CMOVL, reg(r, w), mem(m));
		FORM(asm_rm(&buf, OP_LZCNT, w, r, m), LZCNT, reg(r, w), mem(m));
		FORM(asm_vex_rm(&buf, OP_SHLX, w, r, 3, m), SHLX, reg(r, w),
		    mem(m), reg(3, w));
		FORM(asm_vex_rm(&buf, OP_ANDN, w, r, 11, m), ANDN, reg(r, w),
		    reg(11, w), mem(m));
	}
	FORM(asm_rm(&buf, OP_MOVSXD, 8, R9, m), MOVSXD, reg(R9, 8), mem(m));
	FORM(asm_jmp_m(&buf, m), JMP, mem(m));
	FORM(asm_call_m(&buf, m), CALL, mem(m));
	FORM(asm_push_m(&buf, m), PUSH, mem(m));
	FORM(asm_pop_m(&buf, m), POP, mem(m));
	FORM(asm_ldmxcsr(&buf, m), LDMXCSR, mem(m));
	FORM(asm_stmxcsr(&buf, m), STMXCSR, mem(m));
}

Test(asm, memory)
{
	each_mem(memory_forms);
}

static void fp_memory_forms(struct mem m)
{
	unsigned r = XMM0 + (m.base + m.index) % 16, v = XMM0 + m.base % 16;

	FORM(asm_rm(&buf, OP_MOVSD_LOAD, 4, r, m), MOVSD, reg(r, 8), mem(m));
	FORM(asm_rm(&buf, OP_MOVSS_STORE, 4, r, m), MOVSS, mem(m), reg(r, 8));
	FORM(asm_rm(&buf, OP_ADDSD, 4, r, m), ADDSD, reg(r, 8), mem(m));
	FORM(asm_vex_rm(&buf, OP_MOVSD_LOAD, 4, r, 0, m), VMOVSD, reg(r, 8),
	    mem(m));
	FORM(asm_vex_rm(&buf, OP_MOVSD_STORE, 4, r, 0, m), VMOVSD, mem(m),
	    reg(r, 8));
	FORM(asm_vex_rm(&buf, OP_MULSD, 4, r, v, m), VMULSD, reg(r, 8),
	    reg(v, 8), mem(m));
	FORM(asm_vex_rm(&buf, asm_f32_op(OP_MULSD), 4, r, v, m), VMULSS,
	    reg(r, 8), reg(v, 8), mem(m));
	FORM(asm_vex_rm(&buf, OP_UCOMISD, 4, r, 0, m), VUCOMISD, reg(r, 8),
	    mem(m));
	FORM(asm_vex_rm(&buf, OP_XORPS, 4, r, v, m), VXORPS, reg(r, 8),
	    reg(v, 8), mem(m));
	FORM(asm_vex_rm(&buf, OP_PTEST, 4, r, 0, m), VPTEST, reg(r, 8), mem(m));
	FORM((asm_vex_rm(&buf, OP_INSERTPS, 4, r, v, m), asm_u8(&buf, 0)),
	    VINSERTPS, reg(r, 8), reg(v, 8), mem(m), imm(0));
	FORM((asm_vex_rm(&buf, OP_ROUNDSD, 4, r, v, m), asm_u8(&buf, 1)),
	    VROUNDSD, reg(r, 8), reg(v, 8), mem(m), imm(1));
	FORM((asm_rm(&buf, OP_ROUNDSS, 4, r, m), asm_u8(&buf, 2)), ROUNDSS,
	    reg(r, 8), mem(m), imm(2));
}

Test(asm, fp_memory)
{
	each_mem(fp_memory_forms);
}

static void one_register(unsigned d, unsigned w)
{
	static const ZydisMnemonic set[] = { ZYDIS_MNEMONIC_SETO,
		ZYDIS_MNEMONIC_SETNO, ZYDIS_MNEMONIC_SETB, ZYDIS_MNEMONIC_SETNB,
		ZYDIS_MNEMONIC_SETZ, ZYDIS_MNEMONIC_SETNZ, ZYDIS_MNEMONIC_SETBE,
		ZYDIS_MNEMONIC_SETNBE, ZYDIS_MNEMONIC_SETS,
		ZYDIS_MNEMONIC_SETNS, ZYDIS_MNEMONIC_SETP, ZYDIS_MNEMONIC_SETNP,
		ZYDIS_MNEMONIC_SETL, ZYDIS_MNEMONIC_SETNL, ZYDIS_MNEMONIC_SETLE,
		ZYDIS_MNEMONIC_SETNLE };

	FORM(asm_grp3_r(&buf, G3_NOT, w, d), NOT, reg(d, w));
	FORM(asm_grp3_r(&buf, G3_DIV, w, d), DIV, reg(d, w));
	FORM(asm_grp3_r(&buf, G3_IDIV, w, d), IDIV, reg(d, w));
	FORM(asm_shift_ri(&buf, SH_SHL, w, d, 1), SHL, reg(d, w), imm(1));
	FORM(asm_shift_ri(&buf, SH_SAR, w, d, 7), SAR, reg(d, w), imm(7));
	FORM(asm_shift_rc(&buf, SH_ROR, w, d), ROR, reg(d, w), reg(RCX, 1));
	EACH(k, imms)
	{
		i32 v = imms[k];
		begin();
		asm_test_ri(&buf, w, d, v);
		/* Short forms of masks without the sign bit. */
		unsigned t = w > 1 && v >= 0 && v < 128 ? 1 :
		    w == 8 && v >= 0                    ? 4 :
							  w;
		EXPECT(TEST, reg(d, t), imm(cut(v, t)));
	}
	if (w < 4)
		return;
	FORM(asm_bswap(&buf, w, d), BSWAP, reg(d, w));
	for (unsigned cc = CC_O; cc <= CC_G; cc++) {
		begin();
		asm_setcc(&buf, cc, d);
		const struct want x[] = { reg(d, 1) };
		expect(set[cc], 1, x);
	}
}

static void two_registers(unsigned d, unsigned s, unsigned w)
{
	FORM(asm_rr(&buf, OP_TEST, w, s, d), TEST, reg(d, w), reg(s, w));
	FORM(asm_mov_rr(&buf, w, d, s), MOV, reg(d, w), reg(s, w));
	if (w < 4)
		return;
	FORM(asm_rr(&buf, OP_IMUL, w, d, s), IMUL, reg(d, w), reg(s, w));
	FORM(asm_imul_ri(&buf, w, d, s, 100), IMUL, reg(d, w), reg(s, w),
	    imm(100));
	FORM(asm_imul_ri(&buf, w, d, s, -1000), IMUL, reg(d, w), reg(s, w),
	    imm(-1000));
	FORM(asm_rr(&buf, OP_MOVZX8, w, d, s), MOVZX, reg(d, w), reg(s, 1));
	FORM(asm_rr(&buf, OP_MOVSX8, w, d, s), MOVSX, reg(d, w), reg(s, 1));
	FORM(asm_rr(&buf, OP_MOVZX16, w, d, s), MOVZX, reg(d, w), reg(s, 2));
	FORM(asm_rr(&buf, OP_LZCNT, w, d, s), LZCNT, reg(d, w), reg(s, w));
	FORM(asm_rr(&buf, OP_TZCNT, w, d, s), TZCNT, reg(d, w), reg(s, w));
	FORM(asm_rr(&buf, OP_POPCNT, w, d, s), POPCNT, reg(d, w), reg(s, w));
	FORM(asm_cmov_rr(&buf, CC_NE, w, d, s), CMOVNZ, reg(d, w), reg(s, w));
	FORM(asm_rorx(&buf, w, d, s, 9), RORX, reg(d, w), reg(s, w), imm(9));
	FORM(asm_vex_rr(&buf, OP_SARX, w, d, RDX, s), SARX, reg(d, w),
	    reg(s, w), reg(RDX, w));
	FORM(asm_vex_rr(&buf, OP_MULX, w, d, d, s), MULX, reg(d, w), reg(d, w),
	    reg(s, w));
	FORM(asm_vex_rr(&buf, OP_SHRX, w, d, R13, s), SHRX, reg(d, w),
	    reg(s, w), reg(R13, w));
}

Test(asm, registers)
{
	EACH(k, widths) EACH_REG(d)
	{
		one_register(d, widths[k]);
		EACH_REG(s) two_registers(d, s, widths[k]);
	}
	EACH_REG(d)
	{
		EACH_REG(s)
		FORM(asm_rr(&buf, OP_MOVSXD, 8, d, s), MOVSXD, reg(d, 8),
		    reg(s, 4));
		FORM(asm_push(&buf, d), PUSH, reg(d, 8));
		FORM(asm_pop(&buf, d), POP, reg(d, 8));
		FORM(asm_jmp_r(&buf, d), JMP, reg(d, 8));
		FORM(asm_call_r(&buf, d), CALL, reg(d, 8));
		FORM(asm_mov_ri(&buf, d, 0x80000000), MOV, reg(d, 4),
		    imm((i32)0x80000000));
		FORM(asm_mov_ri(&buf, d, -5ull), MOV, reg(d, 8), imm(-5));
		FORM(asm_mov_ri(&buf, d, 1ull << 40), MOV, reg(d, 8),
		    imm(1ll << 40));
	}
}

static void fp_pair(unsigned d, unsigned s, unsigned v)
{
	unsigned g = (s - XMM0) % 16;

	FORM(asm_rr(&buf, OP_MOVAPS, 4, d, s), MOVAPS, reg(d, 8), reg(s, 8));
	FORM(asm_rr(&buf, OP_DIVSD, 4, d, s), DIVSD, reg(d, 8), reg(s, 8));
	FORM(asm_rr(&buf, asm_f32_op(OP_SUBSD), 4, d, s), SUBSS, reg(d, 8),
	    reg(s, 8));
	FORM(asm_rr(&buf, OP_COMISD, 4, d, s), COMISD, reg(d, 8), reg(s, 8));
	FORM(asm_rr(&buf, asm_f32_op(OP_COMISD), 4, d, s), COMISS, reg(d, 8),
	    reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_MOVAPS, 4, d, 0, s), VMOVAPS, reg(d, 8),
	    reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_MOVAPS + 1, 4, s, 0, d), VMOVAPS, reg(d, 8),
	    reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_ADDSD, 4, d, v, s), VADDSD, reg(d, 8),
	    reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_SQRTSD, 4, d, v, s), VSQRTSD, reg(d, 8),
	    reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_CVTSD2SS, 4, d, v, s), VCVTSD2SS, reg(d, 8),
	    reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_CVTSS2SD, 4, d, v, s), VCVTSS2SD, reg(d, 8),
	    reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_PCMPEQD, 4, d, v, s), VPCMPEQD, reg(d, 8),
	    reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_FMADD132 + 0x20, 8, d, v, s), VFMADD231SD,
	    reg(d, 8), reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_FNMSUB132 + 0x10, 4, d, v, s), VFNMSUB213SS,
	    reg(d, 8), reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_AESENC, 4, d, v, s), VAESENC, reg(d, 8),
	    reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_AESDEC, 4, d, v, s), VAESDEC, reg(d, 8),
	    reg(v, 8), reg(s, 8));
	FORM(asm_vex_rr(&buf, OP_AESIMC, 4, d, 0, s), VAESIMC, reg(d, 8),
	    reg(s, 8));
	FORM(asm_rr(&buf, OP_AESENCLAST, 4, d, s), AESENCLAST, reg(d, 8),
	    reg(s, 8));
	FORM(asm_rr(&buf, OP_AESDECLAST, 4, d, s), AESDECLAST, reg(d, 8),
	    reg(s, 8));
	FORM(asm_rr(&buf, OP_PUNPCKLDQ, 4, d, s), PUNPCKLDQ, reg(d, 8),
	    reg(s, 8));
	for (unsigned w = 4; w <= 8; w += 4) {
		FORM(asm_rr(&buf, OP_CVTSI2SD, w, d, g), CVTSI2SD, reg(d, 8),
		    reg(g, w));
		FORM(asm_vex_rr(&buf, OP_CVTSI2SD, w, d, v, g), VCVTSI2SD,
		    reg(d, 8), reg(v, 8), reg(g, w));
		FORM(asm_vex_rr(&buf, OP_CVTTSD2SI, w, g, 0, d), VCVTTSD2SI,
		    reg(g, w), reg(d, 8));
		FORM(asm_vex_rr(&buf, asm_f32_op(OP_CVTSD2SI), w, g, 0, d),
		    VCVTSS2SI, reg(g, w), reg(d, 8));
	}
	FORM(asm_vex_rr(&buf, OP_MOVD_LOAD, 8, d, 0, g), VMOVQ, reg(d, 8),
	    reg(g, 8));
	FORM(asm_vex_rr(&buf, OP_MOVD_STORE, 4, d, 0, g), VMOVD, reg(g, 4),
	    reg(d, 8));
	FORM(asm_rr(&buf, OP_MOVD_LOAD, 4, d, g), MOVD, reg(d, 8), reg(g, 4));
	FORM(asm_rr(&buf, OP_MOVD_STORE, 8, d, g), MOVQ, reg(g, 8), reg(d, 8));
}

/* Those with an immediate behind. */
static void xmm_with_imm(unsigned d, unsigned s, unsigned v)
{
	unsigned g = (s - XMM0) % 16;

	FORM((asm_vex_rr(&buf, OP_PCLMULQDQ, 4, d, v, s), asm_u8(&buf, 1)),
	    VPCLMULQDQ, reg(d, 8), reg(v, 8), reg(s, 8), imm(1));
	FORM((asm_rr(&buf, OP_PCLMULQDQ, 4, d, s), asm_u8(&buf, 16)), PCLMULQDQ,
	    reg(d, 8), reg(s, 8), imm(16));
	FORM(
	    (asm_vex_rr(&buf, OP_AESKEYGENASSIST, 4, d, 0, s), asm_u8(&buf, 0)),
	    VAESKEYGENASSIST, reg(d, 8), reg(s, 8), imm(0));
	FORM((asm_vex_rr(&buf, OP_PINSR, 8, d, v, g), asm_u8(&buf, 1)), VPINSRQ,
	    reg(d, 8), reg(v, 8), reg(g, 8), imm(1));
	FORM((asm_rr(&buf, OP_PINSR, 8, d, g), asm_u8(&buf, 1)), PINSRQ,
	    reg(d, 8), reg(g, 8), imm(1));
	FORM((asm_vex_rr(&buf, OP_PEXTR, 8, d, 0, g), asm_u8(&buf, 1)), VPEXTRQ,
	    reg(g, 8), reg(d, 8), imm(1));
	FORM((asm_rr(&buf, OP_PEXTR, 8, d, g), asm_u8(&buf, 1)), PEXTRQ,
	    reg(g, 8), reg(d, 8), imm(1));
}

Test(asm, fp_registers)
{
	for (unsigned d = XMM0; d <= XMM15; d++)
		for (unsigned s = XMM0; s <= XMM15; s++) {
			fp_pair(d, s, XMM0 + (d * 7 + s) % 16);
			xmm_with_imm(d, s, XMM0 + (d * 7 + s) % 16);
		}
}

Test(asm, plain)
{
	begin();
	asm_cdq(&buf, 8);
	expect(ZYDIS_MNEMONIC_CQO, 0, NULL);
	begin();
	asm_cdq(&buf, 4);
	expect(ZYDIS_MNEMONIC_CDQ, 0, NULL);
	begin();
	asm_ret(&buf);
	expect(ZYDIS_MNEMONIC_RET, 0, NULL);
	for (size_t n = 1; n <= 9; n++) {
		begin();
		asm_nop(&buf, n);
		cr_assert(buf.len == n && code[0] != 0);
	}
}

/* Shortest encodings, byte for byte. */
Test(asm, length)
{
#define LEN(call, n) \
	do { \
		begin(); \
		call; \
		cr_expect(buf.len == (n), #call ": %zu bytes", buf.len); \
	} while (0)
	LEN(asm_alu_ri(&buf, ALU_ADD, 4, RBX, 1), 3);
	LEN(asm_alu_ri(&buf, ALU_ADD, 8, RBX, 1), 4);
	LEN(asm_alu_ri(&buf, ALU_CMP, 4, RAX, 0x1000), 5);
	LEN(asm_mov_ri(&buf, RCX, 7), 5);
	LEN(asm_mov_ri(&buf, RCX, -7ull), 7);
	LEN(asm_mov_ri(&buf, R11, 0x123456789), 10);
	LEN(asm_load(&buf, 8, RAX, mem_at(RBP, -8)), 4);
	LEN(asm_load(&buf, 4, RAX, mem_at(RBX, 0)), 2);
	LEN(asm_vex_rr(&buf, OP_ADDSD, 4, XMM4, XMM12, XMM5), 4);
	LEN(asm_vex_rr(&buf, OP_ADDSD, 4, XMM4, XMM5, XMM12), 5);
#undef LEN
}

/* Jumps lead where they are told; a full buffer stays as it was. */
Test(asm, jumps)
{
	i32 rel;

	begin();
	size_t at = asm_jcc(&buf, CC_E);
	asm_fix(&buf, at, 40);
	memcpy(&rel, code + at, 4);
	cr_expect(rel == 40 - 6);
	begin();
	asm_nop(&buf, 20);
	asm_jmp_to(&buf, 3);
	cr_expect(buf.len == 22 && code[20] == 0xeb && (i8)code[21] == 3 - 22);
	begin();
	size_t short_at = asm_jcc8(&buf, CC_NE);
	asm_nop(&buf, 5);
	asm_fix8(&buf, short_at);
	cr_expect(code[short_at] == 5);

	struct asm_buf small = { .base = code, .cap = 3 };
	code[3] = 0x55;
	asm_u32(&small, 1);
	cr_expect(small.full && small.len == 0 && code[3] == 0x55);
	asm_ret(&small);
	cr_expect(small.full);
}
