/*
 * semantics.c - what instructions compute, lifted and run by the reference
 * interpreter, against values worked out by hand from the manual: the cases
 * that are easy to get wrong.
 */
#include <criterion/criterion.h>

#include "tests/riscv/machine.h"
#include "translator/passes.h"

#define MEM MACHINE_MEM
#define PC MACHINE_PC
enum { A0 = 10, A1, A2, A3 };

static struct machine m;
#define s m.s
#define mem m.mem
#define result m.result

static void setup(void)
{
	cr_assert(machine_init(&m));
}

static void teardown(void)
{
	machine_free(&m);
}

TestSuite(riscv_semantics, .init = setup, .fini = teardown);

/*
 * Run `n` words (compressed ones alone in theirs) as one translation block:
 * as lifted, and again after the passes, which must not make a difference.
 */
static void run(const u32 *words, u32 n)
{
	struct pipeline_opts passes = { .verify = true };
	struct abi_state before = s, after;
	struct interp_result first;
	u8 memory_before[sizeof(mem)], memory_after[sizeof(mem)];

	memcpy(memory_before, mem, sizeof(mem));
	machine_lift(&m, words, n);
	const char *e = ir_verify(&guest_riscv64, &m.region);
	cr_assert(!e, "%s", e);
	machine_run(&m);

	after = s;
	first = result;
	memcpy(memory_after, mem, sizeof(mem));
	s = before;
	memcpy(mem, memory_before, sizeof(mem));
	translate_passes(&guest_riscv64, &m.region, &passes);
	machine_run(&m);
	cr_expect(first.reason == result.reason && first.pc == result.pc);
	cr_expect(!memcmp(mem, memory_after, sizeof(mem)));
	for (u32 k = 0; k < guest_riscv64.nregs; k++)
		if (*words >> 20 != 0xc01) /* rdtime differs by itself */
			cr_expect_eq(s.state[k], after.state[k],
			    "%08x: %s differs after the passes", *words,
			    guest_riscv64.regs[k].name);
	cr_expect_eq(s.fpu, after.fpu, "%08x: fp status", *words);
}

static void run1(u32 word)
{
	run(&word, 1);
}

/* a0 = row(a1, a2 or the shift amount or immediate) */
static u32 encode(u32 id, u32 b)
{
	u32 w = rv_rows[id].match | A0 << 7 | A1 << 15;

	switch (rv_rows[id].format) {
	case RV_FMT_R: return w | A2 << 20;
	case RV_FMT_SHIFT:
	case RV_FMT_RNUM:
	case RV_FMT_I: return w | b << 20;
	default: return w;
	}
}

struct int_case {
	u32 id;
	u64 a, b, want;
};

static void check_int(const struct int_case *c, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		s.state[A1] = c[k].a;
		s.state[A2] = c[k].b;
		run1(encode(c[k].id, (u32)c[k].b));
		cr_expect_eq(s.state[A0], c[k].want,
		    "%s %#llx %#llx = %#llx, not %#llx", rv_rows[c[k].id].text,
		    (long long)c[k].a, (long long)c[k].b,
		    (long long)s.state[A0], (long long)c[k].want);
	}
}

#define MIN64 0x8000000000000000ull
#define ONES 0xffffffffffffffffull

Test(riscv_semantics, base)
{
	static const struct int_case c[] = {
		{ RV_ADDW, 0x7fffffff, 1, 0xffffffff80000000 },
		{ RV_ADDW, 0x1ffffffff, 1, 0 },
		{ RV_SUBW, 0, 0x80000000, 0xffffffff80000000 },
		{ RV_ADDIW, 0xffffffff80000000, 0, 0xffffffff80000000 },
		{ RV_ADDIW, 0x12345678ffffffff, 0xfff, 0xfffffffffffffffe },
		{ RV_ADDI, 5, 0x800, 0xfffffffffffff805 },
		{ RV_SLL, 1, 64 + 63, MIN64 },
		{ RV_SRL, MIN64, 64 + 63, 1 },
		{ RV_SRA, MIN64, 63, ONES },
		{ RV_SLLW, 1, 32 + 31, 0xffffffff80000000 },
		{ RV_SRLW, 0xffffffff80000000, 32, 0xffffffff80000000 },
		{ RV_SRLW, 0xffffffff80000000, 31, 1 },
		{ RV_SRAW, 0x80000000, 4, 0xfffffffff8000000 },
		{ RV_SRLIW, 0xf80000000, 4, 0x8000000 },
		{ RV_SRAIW, 0x80000000, 31, ONES },
		{ RV_SRAI, MIN64, 63, ONES },
		{ RV_SLT, ONES, 0, 1 },
		{ RV_SLTU, ONES, 0, 0 },
		{ RV_SLTI, 0, 0xfff, 0 },
		{ RV_SLTIU, 0, 0xfff, 1 },
		{ RV_XORI, 0x5a, 0xfff, ~0x5aull },
	};

	check_int(c, ARRAY_LEN(c));
}

Test(riscv_semantics, mul_div)
{
	static const struct int_case c[] = {
		{ RV_MULH, ONES, ONES, 0 },
		{ RV_MULHU, ONES, ONES, ONES - 1 },
		{ RV_MULHSU, ONES, ONES, ONES },
		{ RV_MULHSU, 2, ONES, 1 },
		{ RV_MULH, MIN64, MIN64, 1ull << 62 },
		{ RV_MULW, 0x10000, 0x8000, 0xffffffff80000000 },
		{ RV_DIV, 7, 0, ONES },
		{ RV_DIVU, 7, 0, ONES },
		{ RV_REM, 7, 0, 7 },
		{ RV_REMU, 7, 0, 7 },
		{ RV_DIV, MIN64, ONES, MIN64 },
		{ RV_REM, MIN64, ONES, 0 },
		{ RV_DIV, -7ull, 2, -3ull },
		{ RV_REM, -7ull, 2, -1ull },
		{ RV_DIVW, 0x80000000, 0xffffffff, 0xffffffff80000000 },
		{ RV_REMW, 0x80000000, 0xffffffff, 0 },
		{ RV_DIVW, 9, 1ull << 32, ONES },
		{ RV_REMW, 0x80000001, 0, 0xffffffff80000001 },
		{ RV_DIVUW, 0xffffffff, 1, ONES },
		{ RV_DIVUW, 5, 0, ONES },
		{ RV_REMUW, 0xffffffff, 0, ONES },
	};

	check_int(c, ARRAY_LEN(c));
}

Test(riscv_semantics, bit_manipulation)
{
	static const struct int_case c[] = {
		{ RV_ADD_UW, 0xffffffff80000000, 1, 0x80000001 },
		{ RV_SH1ADD, 3, 10, 16 },
		{ RV_SH3ADD, MIN64 | 1, 1, 9 },
		{ RV_SH2ADD_UW, 0x1ffffffff, 1, 0x3fffffffd },
		{ RV_SLLI_UW, 0xffffffffffffffff, 4, 0xffffffff0 },
		{ RV_ANDN, 0xff, 0x0f, 0xf0 },
		{ RV_ORN, 1, ~6ull, 7 },
		{ RV_XNOR, 0xff, 0xf0, ~0x0full },
		{ RV_CLZ, 0, 0, 64 },
		{ RV_CLZ, 1, 0, 63 },
		{ RV_CTZ, 0, 0, 64 },
		{ RV_CTZ, MIN64, 0, 63 },
		{ RV_CPOP, ONES, 0, 64 },
		{ RV_CLZW, 1ull << 32, 0, 32 },
		{ RV_CLZW, 0xffffffff, 0, 0 },
		{ RV_CTZW, 1ull << 32, 0, 32 },
		{ RV_CPOPW, ONES, 0, 32 },
		{ RV_SEXT_B, 0x180, 0, -128ull },
		{ RV_SEXT_H, 0x18000, 0, -32768ull },
		{ RV_ZEXT_H, ONES, 0, 0xffff },
		{ RV_ORC_B, 0x0100000000800010, 0, 0xff00000000ff00ff },
		{ RV_REV8, 0x0102030405060708, 0, 0x0807060504030201 },
		{ RV_MIN, ONES, 1, ONES },
		{ RV_MINU, ONES, 1, 1 },
		{ RV_MAX, ONES, 1, 1 },
		{ RV_MAXU, ONES, 1, ONES },
		{ RV_ROL, MIN64 | 1, 1, 3 },
		{ RV_ROR, 1, 65, MIN64 },
		{ RV_RORI, 1, 63, 2 },
		{ RV_ROLW, 0x80000000, 1, 1 },
		{ RV_RORW, 1, 1, 0xffffffff80000000 },
		{ RV_RORIW, 0xff00000001, 1, 0xffffffff80000000 },
		{ RV_BCLR, ONES, 64 + 63, MIN64 - 1 },
		{ RV_BINV, 0, 63, MIN64 },
		{ RV_BSET, 1, 32, 0x100000001 },
		{ RV_BEXT, MIN64, 63, 1 },
		{ RV_BEXT, ~1ull, 64, 0 },
		{ RV_BCLRI, ONES, 0, ONES - 1 },
		{ RV_BINVI, 1, 0, 0 },
		{ RV_BSETI, 0, 63, MIN64 },
		{ RV_BEXTI, 8, 3, 1 },
		{ RV_CZERO_EQZ, 5, 0, 0 },
		{ RV_CZERO_EQZ, 5, 9, 5 },
		{ RV_CZERO_NEZ, 5, 0, 5 },
		{ RV_CZERO_NEZ, 5, 9, 0 },
	};

	check_int(c, ARRAY_LEN(c));
}

Test(riscv_semantics, cryptography)
{
	static const struct int_case c[] = {
		{ RV_CLMUL, 0x63746f725d53475d, 0x5b477565726f6e5d,
		    0x929633d5d36f0451 },
		{ RV_CLMULH, 0x63746f725d53475d, 0x5b477565726f6e5d,
		    0x1d4d84c85c3440c0 },
		{ RV_CLMULR, 0x63746f725d53475d, 0x5b477565726f6e5d,
		    0x3a9b0990b8688181 },
		{ RV_CLMULR, MIN64, MIN64, MIN64 },
		{ RV_PACK, 0x1111111122222222, 0x3333333344444444,
		    0x4444444422222222 },
		{ RV_PACKH, 0x1122, 0x3344, 0x4422 },
		{ RV_PACKW, 0x11112222, 0x3333c444, 0xffffffffc4442222 },
		{ RV_BREV8, 0x0123456789abcdef, 0, 0x80c4a2e691d5b3f7 },
		{ RV_XPERM4, 0xfedcba9876543210, 0x0123456789abcdef,
		    0x0123456789abcdef },
		{ RV_XPERM8, 0x8877665544332211, 0x0708ff8000010207,
		    0x8800000011223388 },
		/* FIPS 197, A.1: with RotWord and Rcon, and without */
		{ RV_AES64KS1I, 0x3c4fcf0900000000, 0, 0x01eb848b01eb848b },
		{ RV_AES64KS1I, 0x093c4fcf00000000, 10, 0x01eb848a01eb848a },
		{ RV_AES64KS2, 0x1111111122222222, 0x4444444488888888,
		    0xdddddddd99999999 },
	};

	check_int(c, ARRAY_LEN(c));
}

Test(riscv_semantics, x0_stays_zero)
{
	/* addi x0,x0,5; add a0,x0,x0 */
	static const u32 code[] = { 0x00500013, 0x00000533 };

	s.state[A0] = 9;
	run(code, 2);
	cr_expect_eq(s.state[A0], 0);
	cr_expect_eq(s.state[0], 0);
}

Test(riscv_semantics, jumps)
{
	static const u32 jalr_same = 0x003080e7; /* jalr ra,3(ra) */

	s.state[RV_RA] = 0x2000;
	run1(jalr_same);
	cr_expect_eq(result.pc, 0x2002, "bit 0 is cleared");
	cr_expect_eq(s.state[RV_RA], PC + 4);
	s.state[A0] = 1; /* beq a0,a1,-4 */
	run1(0xfeb50ee3);
	cr_expect_eq(result.pc, PC + 4);
	s.state[A1] = 1;
	run1(0xfeb50ee3);
	cr_expect_eq(result.pc, PC - 4);
}

Test(riscv_semantics, loads_and_stores)
{
	mem[8] = 0x80;
	mem[9] = 0xff;
	s.state[A1] = MEM + 16;
	run1(0xff858503); /* lb a0,-8(a1) */
	cr_expect_eq(s.state[A0], -128ull);
	run1(0xff85c503); /* lbu */
	cr_expect_eq(s.state[A0], 0x80);
	run1(0xff859503); /* lh */
	cr_expect_eq(s.state[A0], 0xffffffffffffff80);
	s.state[A2] = 0x1122334455667788;
	run1(0xfec5ac23); /* sw a2,-8(a1) */
	cr_expect_eq(*(u64 *)(mem + 8), 0x55667788);
	s.state[A1] = 0;
	run1(0x0005a503); /* lw a0,0(a1) */
	cr_expect_eq(result.reason, EXIT_MEMORY);
	cr_expect_eq(result.pc, PC);
}

Test(riscv_semantics, amo)
{
	static const struct {
		u32 id;
		u64 old, b, want, rd;
	} c[] = {
		{ RV_AMOADD_W, 0xffffffff, 2, 1, ONES },
		{ RV_AMOMIN_W, 0x80000000, 1, 0x80000000, 0xffffffff80000000 },
		{ RV_AMOMINU_W, 0x80000000, 1, 1, 0xffffffff80000000 },
		{ RV_AMOMAX_D, ONES, 1, 1, ONES },
		{ RV_AMOMAXU_D, ONES, 1, ONES, ONES },
		{ RV_AMOSWAP_D, 1, 2, 2, 1 },
		{ RV_AMOXOR_D, 6, 3, 5, 6 },
	};

	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		*(u64 *)mem = c[k].old;
		s.state[A1] = MEM;
		s.state[A2] = c[k].b;
		run1(rv_rows[c[k].id].match | A0 << 7 | A1 << 15 | A2 << 20);
		cr_expect_eq(
		    *(u64 *)mem, c[k].want, "%s memory", rv_rows[c[k].id].text);
		cr_expect_eq(
		    s.state[A0], c[k].rd, "%s rd", rv_rows[c[k].id].text);
	}
	s.state[A1] = MEM + 2;
	run1(rv_rows[RV_AMOADD_W].match | A0 << 7 | A1 << 15 | A2 << 20);
	cr_expect_eq(result.reason, EXIT_MISALIGNED);
}

Test(riscv_semantics, load_reserved_store_conditional)
{
	const u32 lr = rv_rows[RV_LR_W].match | A0 << 7 | A1 << 15;
	const u32 sc = rv_rows[RV_SC_W].match | A3 << 7 | A1 << 15 | A2 << 20;

	s.state[A1] = MEM;
	s.state[A2] = 77;
	*(u64 *)mem = 0xffffffff80000000;
	run1(sc);
	cr_expect_eq(s.state[A3], 1, "no reservation");
	cr_expect_eq(result.pc, PC + 4);
	run1(lr);
	cr_expect_eq(s.state[A0], 0xffffffff80000000);
	run1(sc);
	cr_expect_eq(s.state[A3], 0, "success");
	cr_expect_eq(*(u64 *)mem, 0xffffffff0000004d);
	run1(sc);
	cr_expect_eq(s.state[A3], 1, "the reservation is used up");
	run1(lr);
	mem[0] = 1;
	run1(sc);
	cr_expect_eq(s.state[A3], 1, "memory has changed");
	run1(lr);
	s.state[A1] = MEM + 4;
	run1(sc);
	cr_expect_eq(s.state[A3], 1, "another address");
	s.state[A1] = MEM;
	run1(sc);
	cr_expect_eq(s.state[A3], 1, "which dropped the reservation");
}

/* --- floating point: fa0 = row(fa1, fa2, fa3) --- */

#define F(n) s.state[RV_SLOT_F + (n)]
#define BOX 0xffffffff00000000ull
#define NAN32 (BOX | 0x7fc00000)
#define NAN64 0x7ff8000000000000ull

struct fp_case {
	u32 id;
	u64 a, b, want;
	u32 flags;
};

static void check_fp(const struct fp_case *c, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		const struct rv_row *row = &rv_rows[c[k].id];

		F(A1) = c[k].a;
		F(A2) = c[k].b;
		s.fpu = fpu_make_word(RM_RNE, 0);
		run1(encode(c[k].id, 0) | (row->mask & 0x7000 ? 0 : 0x7000));
		cr_expect_eq(F(A0), c[k].want, "%s %#llx %#llx = %#llx",
		    row->text, (long long)c[k].a, (long long)c[k].b,
		    (long long)F(A0));
		cr_expect_eq(fpu_flags(s.fpu), c[k].flags, "%s %#llx: flags %u",
		    row->text, (long long)c[k].a, fpu_flags(s.fpu));
	}
}

Test(riscv_semantics, boxes_and_nans)
{
	static const struct fp_case c[] = {
		{ RV_FADD_S, BOX | 0x3f800000, BOX | 0x3f800000,
		    BOX | 0x40000000, 0 },
		/* unboxed operand reads as NaN */
		{ RV_FADD_S, 0x3f800000, BOX | 0x3f800000, NAN32, 0 },
		/* any NaN becomes the canonical one; a signalling one is NV */
		{ RV_FADD_S, BOX | 0xffc12345, BOX | 0x3f800000, NAN32, 0 },
		{ RV_FADD_S, BOX | 0x7f800001, BOX | 0x3f800000, NAN32,
		    FPX_NV },
		{ RV_FADD_D, 0xfff8000000000123, 0, NAN64, 0 },
		{ RV_FSQRT_D, 0xbff0000000000000, 0, NAN64, FPX_NV },
		{ RV_FDIV_D, 0x3ff0000000000000, 0, 0x7ff0000000000000,
		    FPX_DZ },
		{ RV_FMIN_S, NAN32, BOX | 0x3f800000, BOX | 0x3f800000, 0 },
		{ RV_FMIN_S, BOX | 0x7f800001, BOX | 0x3f800000,
		    BOX | 0x3f800000, FPX_NV },
		{ RV_FMIN_S, NAN32, 0, NAN32, 0 },
		{ RV_FMIN_D, 0, MIN64, MIN64, 0 },
		{ RV_FMAX_D, MIN64, 0, 0, 0 },
		{ RV_FCVT_S_D, 0x7ff4000000000000, 0, NAN32, FPX_NV },
		{ RV_FCVT_D_S, BOX | 0xffc00001, 0, NAN64, 0 },
		{ RV_FSGNJ_S, BOX | 0x3f800000, 0x80000000, BOX | 0x3f800000,
		    0 },
		{ RV_FSGNJ_S, 1, BOX | 0x80000000, BOX | 0xffc00000, 0 },
		{ RV_FSGNJN_D, 0x7ff0000000000001, 1, 0xfff0000000000001, 0 },
		{ RV_FSGNJX_S, BOX | 0xbf800000, BOX | 0x80000000,
		    BOX | 0x3f800000, 0 },
		{ RV_FSGNJX_D, MIN64 | 5, MIN64, 5, 0 },
	};

	check_fp(c, ARRAY_LEN(c));
}

Test(riscv_semantics, sign_moves)
{
	const u32 same = A0 << 7 | A1 << 15 | A1 << 20;

	F(A1) = 0x7ff0000000000001;
	run1(rv_rows[RV_FSGNJ_D].match | same);
	cr_expect_eq(F(A0), 0x7ff0000000000001, "fmv.d keeps a NaN");
	run1(rv_rows[RV_FSGNJN_D].match | same);
	cr_expect_eq(F(A0), 0xfff0000000000001);
	run1(rv_rows[RV_FSGNJ_S].match | same);
	cr_expect_eq(F(A0), NAN32, "fmv.s checks the box");
	F(A1) = BOX | 0x80000005;
	run1(rv_rows[RV_FSGNJX_S].match | same);
	cr_expect_eq(F(A0), BOX | 5);
}

struct cvt_case {
	u32 id, rm;
	u64 in, want;
	u32 flags;
};

static void check_cvt(const struct cvt_case *c, size_t n, bool to_int)
{
	for (size_t k = 0; k < n; k++) {
		const struct rv_row *row = &rv_rows[c[k].id];
		u64 got;

		F(A1) = s.state[A1] = c[k].in;
		s.fpu = fpu_make_word(RM_RNE, 0);
		run1(encode(c[k].id, 0) |
		    (row->mask & 0x7000 ? 0 : c[k].rm << 12));
		got = to_int ? s.state[A0] : F(A0);
		cr_expect_eq(got, c[k].want, "%s %#llx rm %u = %#llx",
		    row->text, (long long)c[k].in, c[k].rm, (long long)got);
		cr_expect_eq(fpu_flags(s.fpu), c[k].flags, "%s %#llx flags",
		    row->text, (long long)c[k].in);
	}
}

Test(riscv_semantics, fp_to_integer)
{
	static const struct cvt_case c[] = {
		{ RV_FCVT_W_D, RM_RTZ, NAN64, 0x7fffffff, FPX_NV },
		{ RV_FCVT_W_D, RM_RTZ, 0xc1e0000000200000, /* -2^31 - 1 */
		    0xffffffff80000000, FPX_NV },
		{ RV_FCVT_W_D, RM_RTZ, 0xbff8000000000000, -1ull, FPX_NX },
		{ RV_FCVT_W_D, RM_RNE, 0x4004000000000000, 2,
		    FPX_NX }, /* 2.5 */
		{ RV_FCVT_W_D, RM_RMM, 0x4004000000000000, 3, FPX_NX },
		{ RV_FCVT_W_D, RM_RUP, 0x4004000000000000, 3, FPX_NX },
		{ RV_FCVT_W_D, RM_RDN, 0xc004000000000000, -3ull, FPX_NX },
		{ RV_FCVT_WU_D, RM_RTZ, 0x41efffffffe00000, ONES, 0 },
		{ RV_FCVT_WU_D, RM_RTZ, NAN64, ONES, FPX_NV },
		{ RV_FCVT_WU_D, RM_RTZ, 0xbff0000000000000, 0, FPX_NV },
		{ RV_FCVT_WU_D, RM_RTZ, 0xbfe0000000000000, 0, FPX_NX },
		{ RV_FCVT_L_D, RM_RTZ, 0x43e0000000000000, /* 2^63 */
		    0x7fffffffffffffff, FPX_NV },
		{ RV_FCVT_LU_D, RM_RTZ, 0x43e0000000000000, MIN64, 0 },
		{ RV_FCVT_LU_S, RM_RTZ, BOX | 0xbf800000, 0, FPX_NV },
		{ RV_FCVT_L_S, RM_RTZ, 0, 0x7fffffffffffffff, FPX_NV },
		{ RV_FMV_X_W, 0, 0x1234567880000001, 0xffffffff80000001, 0 },
		{ RV_FMV_X_D, 0, 0x1234567880000001, 0x1234567880000001, 0 },
		{ RV_FCLASS_D, 0, 0xfff0000000000000, 1, 0 },
		{ RV_FCLASS_S, 0, BOX | 0x80000000, 1 << 3, 0 },
		{ RV_FCLASS_S, 0, BOX | 1, 1 << 5, 0 },
		{ RV_FCLASS_S, 0, 1, 1 << 9, 0 },
		{ RV_FCLASS_D, 0, 0x7ff0000000000001, 1 << 8, 0 },
	};

	check_cvt(c, ARRAY_LEN(c), true);
}

Test(riscv_semantics, integer_to_fp)
{
	static const struct cvt_case c[] = {
		{ RV_FCVT_D_W, 1, 0x1ffffffff, 0xbff0000000000000, 0 },
		{ RV_FCVT_D_WU, 7, ONES, 0x41efffffffe00000, 0 },
		{ RV_FCVT_D_LU, RM_RNE, ONES, 0x43f0000000000000, FPX_NX },
		{ RV_FCVT_D_LU, RM_RTZ, ONES, 0x43efffffffffffff, FPX_NX },
		{ RV_FCVT_S_L, RM_RNE, 16777217, BOX | 0x4b800000, FPX_NX },
		{ RV_FCVT_S_L, RM_RUP, 16777217, BOX | 0x4b800001, FPX_NX },
		{ RV_FMV_W_X, 0, 0x12345678deadbeef, BOX | 0xdeadbeef, 0 },
		{ RV_FMV_D_X, 0, 0x12345678deadbeef, 0x12345678deadbeef, 0 },
	};

	check_cvt(c, ARRAY_LEN(c), false);
}

Test(riscv_semantics, fp_compare)
{
	static const struct {
		u32 id;
		u64 a, b;
		u64 want, flags;
	} c[] = {
		{ RV_FEQ_D, NAN64, 0, 0, 0 },
		{ RV_FLT_D, NAN64, 0, 0, FPX_NV },
		{ RV_FLE_D, 0, NAN64, 0, FPX_NV },
		{ RV_FEQ_D, 0, MIN64, 1, 0 },
		{ RV_FEQ_D, 0x7ff0000000000001, 0, 0, FPX_NV },
		{ RV_FLE_S, BOX, BOX | 0x80000000, 1, 0 },
		{ RV_FEQ_S, 0, 0, 0, 0 },
	};

	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		F(A1) = c[k].a;
		F(A2) = c[k].b;
		s.fpu = fpu_make_word(RM_RNE, 0);
		run1(encode(c[k].id, 0));
		cr_expect_eq(s.state[A0], c[k].want, "%s %#llx",
		    rv_rows[c[k].id].text, (long long)c[k].a);
		cr_expect_eq(fpu_flags(s.fpu), c[k].flags);
	}
}

Test(riscv_semantics, fused)
{
	/* 3 * 5 and 1: the four signs */
	static const u32 id[] = { RV_FMADD_D, RV_FMSUB_D, RV_FNMSUB_D,
		RV_FNMADD_D };
	static const double want[] = { 16, 14, -14, -16 };
	double in[3] = { 3, 5, 1 }, got;

	memcpy(&F(A1), in, sizeof(in));
	for (u32 k = 0; k < 4; k++) {
		run1(rv_rows[id[k]].match | A0 << 7 | A1 << 15 | A2 << 20 |
		    (u32)A3 << 27);
		memcpy(&got, &F(A0), 8);
		cr_expect_eq(got, want[k], "%s = %g", rv_rows[id[k]].text, got);
	}
}

Test(riscv_semantics, fp_memory)
{
	s.state[A1] = MEM;
	F(A2) = 0x1122334455667788;
	run1(0x00c5a027); /* fsw fa2,0(a1): no box check */
	cr_expect_eq(*(u64 *)mem, 0x55667788);
	run1(0x0005a507); /* flw fa0,0(a1) */
	cr_expect_eq(F(A0), BOX | 0x55667788);
	run1(0x00c5b427); /* fsd fa2,8(a1) */
	cr_expect_eq(*(u64 *)(mem + 8), 0x1122334455667788);
	run1(0x0085b507); /* fld fa0,8(a1) */
	cr_expect_eq(F(A0), 0x1122334455667788);
}

Test(riscv_semantics, fp_csrs)
{
	s.fpu = fpu_make_word(RM_RNE, FPX_NX | FPX_DZ);
	s.state[A1] = 0x1e3; /* reserved bit 8, frm 7, flags 3 */
	run1(0x00102573); /* frflags a0 */
	cr_expect_eq(s.state[A0], FPX_NX | FPX_DZ);
	run1(0x0011f573); /* csrrci a0,fflags,3 */
	cr_expect_eq(fpu_flags(s.fpu), FPX_DZ);
	run1(0x0021d573); /* fsrmi a0,3 */
	cr_expect_eq(s.state[A0], 0);
	cr_expect(s.frm == RM_RUP && s.state[RV_SLOT_FRM] == RM_RUP);
	cr_expect_eq(result.reason, EXIT_LOOKUP);
	run1(0x00302573); /* frcsr a0 */
	cr_expect_eq(s.state[A0], RM_RUP << 5 | FPX_DZ);
	run1(0x00359573); /* fscsr a0,a1 */
	cr_expect_eq(result.reason, EXIT_FPMODE);
	cr_expect_eq(result.pc, PC + 4);
	cr_expect_eq(s.state[A0], RM_RUP << 5 | FPX_DZ);
	cr_expect(s.frm == 7 && fpu_flags(s.fpu) == 3);
	run1(0x0023f073); /* csrci frm,7 */
	cr_expect(s.frm == 0 && result.reason == EXIT_LOOKUP);
	s.state[A1] = 2;
	run1(0x00259073); /* fsrm a1 */
	cr_expect_eq(s.frm, RM_RDN);
	cr_expect_eq(s.fpu & FPU_RC, 1u << FPU_RC_SHIFT);
	s.state[A1] = 0x1f;
	run1(0x001595f3); /* csrrw a1,fflags,a1: read before written */
	cr_expect_eq(s.state[A1], 3);
	cr_expect_eq(fpu_flags(s.fpu), 31);
}

Test(riscv_semantics, counters)
{
	u64 t;

	run1(0xc0102573); /* rdtime a0 */
	t = s.state[A0];
	cr_expect_gt(t, 0);
	run1(0xc0102573);
	cr_expect_geq(s.state[A0], t);
}
