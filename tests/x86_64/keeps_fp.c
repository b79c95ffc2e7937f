/*
 * keeps_fp.c - does x86_keeps_fp see every fp register? Short pieces of code,
 * and random instructions, about which Zydis is asked.
 */
#include <criterion/criterion.h>

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/x86_64/keeps_fp.h"

#define RET 0xc3
#define ROOM 256

/* The n bytes, and behind them only movaps, which is fp. */
static bool keeps(const u8 *insn, size_t n)
{
	static const u8 movaps[] = { 0x0f, 0x28, 0xc1 };
	u8 code[ROOM];

	for (size_t i = 0; i < ROOM; i++)
		code[i] = movaps[(ROOM - i) % 3];
	memcpy(code, insn, n);
	for (size_t i = n; i < ROOM; i++)
		code[i] = movaps[(i - n) % 3];
	return x86_keeps_fp(code, ROOM, 0);
}

#define BYTES(...) \
	(const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ })

Test(keeps_fp, accepts)
{
	cr_assert(keeps(BYTES(RET)));
	/* rdtscp; shl rdx, 32; or rax, rdx; mov [rsi + 8], rax; ret */
	cr_assert(keeps(BYTES(0x0f, 0x01, 0xf9, 0x48, 0xc1, 0xe2, 0x20, 0x48,
	    0x09, 0xd0, 0x48, 0x89, 0x46, 0x08, RET)));
	/* syscall; a loop: cmp rax, imm; ja back; ret */
	cr_assert(keeps(BYTES(
	    0x0f, 0x05, 0x48, 0x3d, 0xff, 0xc9, 0x9a, 0x3b, 0x77, 0xf6, RET)));
	/* jmp over an fp instruction; call what is behind it */
	cr_assert(keeps(
	    BYTES(0xeb, 3, 0x0f, 0x58, 0xc1, 0xe8, 1, 0, 0, 0, RET, RET)));
	/* lock cmpxchg [rip + 4], ecx; nopw cs:[rax + rax + 0]; ud2 */
	cr_assert(keeps(BYTES(0xf0, 0x0f, 0xb1, 0x0d, 4, 0, 0, 0, 0x66, 0x2e,
	    0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x0f, 0x0b)));
}

Test(keeps_fp, refuses)
{
	/* addps, also behind jne and je, in a call, behind ret's way */
	cr_assert_not(keeps(BYTES(0x0f, 0x58, 0xc1, RET)));
	cr_assert_not(keeps(BYTES(0x75, 1, RET, 0x0f, 0x58, 0xc1, RET)));
	cr_assert_not(
	    keeps(BYTES(0x0f, 0x84, 1, 0, 0, 0, RET, 0x0f, 0x58, 0xc1, RET)));
	cr_assert_not(
	    keeps(BYTES(0xe8, 1, 0, 0, 0, RET, 0x0f, 0x58, 0xc1, RET)));
	/* fld1; emms; vzeroupper; a VEX and an EVEX instruction */
	cr_assert_not(keeps(BYTES(0xd9, 0xe8, RET)));
	cr_assert_not(keeps(BYTES(0x0f, 0x77, RET)));
	cr_assert_not(keeps(BYTES(0xc5, 0xf8, 0x77, RET)));
	cr_assert_not(keeps(BYTES(0xc5, 0xf0, 0x58, 0xc1, RET)));
	cr_assert_not(keeps(BYTES(0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2, RET)));
	/* ldmxcsr, xrstor, fxrstor; xbegin */
	cr_assert_not(keeps(BYTES(0x0f, 0xae, 0x16, RET)));
	cr_assert_not(keeps(BYTES(0x0f, 0xae, 0x2e, RET)));
	cr_assert_not(keeps(BYTES(0x0f, 0xae, 0x0e, RET)));
	cr_assert_not(keeps(BYTES(0xc7, 0xf8, 0, 0, 0, 0, RET)));
	/* jmp rax; call [rax]; jumps to before and behind the code */
	cr_assert_not(keeps(BYTES(0xff, 0xe0)));
	cr_assert_not(keeps(BYTES(0xff, 0x10, RET)));
	cr_assert_not(keeps(BYTES(0xeb, 0x80)));
	cr_assert_not(keeps(BYTES(0xe9, 0xf0, 0, 0, 0)));
	/* no end */
	cr_assert_not(keeps(BYTES(0x90)));
}

static bool is_fp(const ZydisDecodedOperand *o)
{
	if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	switch (ZydisRegisterGetClass(o->reg.value)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
	case ZYDIS_REGCLASS_FLAGS:
	case ZYDIS_REGCLASS_IP:
	case ZYDIS_REGCLASS_SEGMENT: return false;
	/* rdtscp and rdpid read a model specific register */
	default: return o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	}
}

/* Random instructions, mostly of likely opcodes. */
Test(keeps_fp, random_instructions)
{
	ZydisDecoder d;
	unsigned accepted = 0;

	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	srand(1);
	for (unsigned k = 0; k < 1000000; k++) {
		static const u8 first[] = { 0x0f, 0x48, 0x66, 0xf3, 0xf2, 0xc4,
			0xc5, 0x41, 0x62 };
		ZydisDecodedInstruction i;
		ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
		u8 b[17];

		for (size_t j = 0; j < sizeof(b); j++)
			b[j] = (u8)(rand() >> 7);
		for (size_t j = 0; j < 2; j++)
			if (b[16] >> j & 1)
				b[j] = first[(unsigned)rand() % sizeof(first)];
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, b, 15, &i, op)))
			continue;
		if (i.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE)
			continue;
		b[i.length] = RET;
		if (!keeps(b, i.length + 1u))
			continue;
		accepted++;
		for (unsigned j = 0; j < i.operand_count; j++)
			cr_assert_not(is_fp(&op[j]), "%02x %02x %02x %02x: %s",
			    b[0], b[1], b[2], b[3],
			    ZydisMnemonicGetString(i.mnemonic));
	}
	cr_assert_gt(accepted, 50000, "%u", accepted);
}
