/*
 * lift.c - what the lifter makes: well-formed regions from any word, and the
 * shape of translation blocks. What the instructions compute: semantics.c.
 */
#include <criterion/criterion.h>

#include "frontend/riscv/lift.h"
#include "translator/passes.h"

extern const struct guest_isa guest_riscv64;
static const struct guest_isa *const g = &guest_riscv64;

static struct arena arena;
static struct ir_region *r;
static void *decoder;

static void setup(void)
{
	arena_init(&arena);
	decoder = g->open();
	r = malloc(sizeof(*r));
	cr_assert(decoder && r);
}

static void teardown(void)
{
	g->close(decoder);
	arena_free(&arena);
	free(r);
}

TestSuite(riscv_lift, .init = setup, .fini = teardown);

/* Lift `n` bytes at 0x10000 into r, which must then be in order. */
static void lift(const void *bytes, size_t n, u32 max, bool side_exits)
{
	struct lift_code code = { 0x10000, bytes, n };
	struct lift_opts opts = { max, side_exits, true };
	const char *e;

	arena_reset(&arena);
	ir_init(r, &arena, code.pc);
	g->lift(decoder, r, &code, &opts);
	e = ir_verify(g, r);
	cr_assert(!e, "%08x: %s", *(const u32 *)bytes, e);
}

static const struct ir_insn *last(void)
{
	return &r->insn[r->ninsns - 1];
}

static u32 count(u8 op)
{
	u32 n = 0;

	for (u32 i = 0; i < r->ninsns; i++)
		n += r->insn[i].op == op;
	return n;
}

static u32 next_random(u32 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

Test(riscv_lift, every_row)
{
	u32 seed = 12345;

	for (u32 n = 1; n < RV_NROWS; n++) {
		const struct rv_row *row = &rv_rows[n];
		bool c = rv_is_compressed(row->match);

		for (u32 k = 0; k < 200; k++) {
			u32 w = row->match | (next_random(&seed) & ~row->mask);

			if (k & 1) /* x0 and its like */
				w &= row->mask | next_random(&seed);
			if (k & 2 && row->format == RV_FMT_CSR)
				w = (w & 0xfffff) | (k >> 2 & 3) << 20;
			lift(&w, c ? 2 : 4, 1, k & 4);
			cr_assert_leq(
			    r->ninsns, RV_MAX_IR + 2, "%s", row->text);
			cr_assert_leq(
			    r->nblocks, RV_MAX_BLOCKS + 1, "%s", row->text);
		}
	}
}

Test(riscv_lift, any_bytes)
{
	u32 seed = 99, code[64];

	for (u32 k = 0; k < 3000; k++) {
		for (u32 n = 0; n < ARRAY_LEN(code); n++)
			code[n] = next_random(&seed) | (k & 1 ? 3 : 0);
		lift(code, next_random(&seed) % (sizeof(code) + 1), 1 + k % 64,
		    true);
		cr_assert_leq(r->guest_len, sizeof(code));
		translate_passes(
		    g, r, &(struct pipeline_opts){ .verify = true });
	}
}

/* The longest blocks stop before the region is full. */
Test(riscv_lift, long_blocks)
{
	static u32 code[8192];

	for (u32 n = 0; n < ARRAY_LEN(code); n++)
		code[n] = 0x00b50463; /* beq a0,a1,+8 */
	lift(code, sizeof(code), 1u << 30, true);
	cr_expect_gt(r->guest_insns, 100);
	for (u32 n = 0; n < ARRAY_LEN(code); n++)
		code[n] = 0x00351073; /* csrw fcsr,a0 */
	lift(code, sizeof(code), 1u << 30, true);
	for (u32 n = 0; n < ARRAY_LEN(code); n++)
		code[n] = 0x22b51553; /* fsgnjn.d */
	lift(code, sizeof(code), 1u << 30, true);
	cr_expect_gt(r->guest_insns, 500);
	cr_expect_eq(last()->op, IR_GOTO_TB);
	cr_expect_eq(last()->imm, 0x10000 + (i64)r->guest_len);
}

Test(riscv_lift, missing_bytes)
{
	static const u8 code[] = { 0x05, 0x05, 0x13, 0x05 }; /* c.addi; addi */

	lift(code, 0, 8, true);
	cr_expect(last()->op == IR_EXIT && last()->aux == EXIT_FETCH);
	cr_expect(last()->imm == 0x10000 && last()->b == 0);
	lift(code + 2, 2, 8, true);
	cr_expect(last()->op == IR_EXIT && last()->aux == EXIT_FETCH);
	cr_expect_eq(last()->b, 2);
	lift(code, 4, 8, true);
	cr_expect(last()->op == IR_GOTO_TB && last()->imm == 0x10002);
	cr_expect_eq(r->guest_len, 2);
	cr_expect_eq(r->guest_insns, 1);
}

/* One instruction: its block's end. */
static const struct ir_insn *end_of(u32 word)
{
	lift(&word, 4, 1, false);
	return last();
}

Test(riscv_lift, calls_and_returns)
{
	const struct ir_insn *e;

	cr_expect_eq(end_of(0x0000006f)->op, IR_GOTO_TB); /* j 0 */
	cr_expect_eq(end_of(0x0000a001)->op, IR_GOTO_TB); /* c.j 0 */
	e = end_of(0x010000ef); /* jal 16 */
	cr_expect(e->op == IR_CALL && e->imm == 0x10004);
	cr_expect(r->insn[e->a].op == IR_CONST && r->insn[e->a].imm == 0x10010);
	cr_expect_eq(end_of(0x010002ef)->op, IR_CALL); /* jal t0 */
	cr_expect_eq(end_of(0x0100056f)->op, IR_GOTO_TB); /* jal a0 */
	e = end_of(0x00009502); /* c.jalr a0 */
	cr_expect(e->op == IR_CALL && e->imm == 0x10002);
	cr_expect_eq(end_of(0x000500e7)->op, IR_CALL); /* jalr a0 */
	cr_expect_eq(end_of(0x000080e7)->op, IR_CALL); /* jalr ra,ra */
	cr_expect_eq(end_of(0x00008082)->op, IR_RET);
	cr_expect_eq(end_of(0x00008067)->op, IR_RET);
	cr_expect_eq(end_of(0x00028067)->op, IR_RET); /* jr t0 */
	cr_expect_eq(end_of(0x00408067)->op, IR_GOTO_PTR); /* jr 4(ra) */
	cr_expect_eq(end_of(0x00050067)->op, IR_GOTO_PTR); /* jr a0 */
}

Test(riscv_lift, exits)
{
	static const struct {
		u32 word, reason;
		i64 pc;
	} c[] = {
		{ 0x00000073, EXIT_SYSCALL, 0x10004 },
		{ 0x00100073, EXIT_BREAK, 0x10000 },
		{ 0x00009002, EXIT_BREAK, 0x10000 },
		{ 0x00000000, EXIT_ILLEGAL, 0x10000 },
		{ 0xc0001073, EXIT_ILLEGAL, 0x10000 }, /* unimp */
		{ 0x30200073, EXIT_ILLEGAL, 0x10000 }, /* mret */
		{ 0x10500073, EXIT_ILLEGAL, 0x10000 }, /* wfi */
		{ 0x0000100f, EXIT_ICACHE, 0x10004 },
		{ 0x02b5d553, EXIT_ILLEGAL, 0x10000 }, /* fadd.d rm=5 */
		{ 0x30002573, EXIT_ILLEGAL, 0x10000 }, /* csrr mstatus */
		{ 0xc0151073, EXIT_ILLEGAL, 0x10000 }, /* csrw time */
		{ 0x00225073, EXIT_FPMODE, 0x10004 }, /* fsrmi 4 */
		{ 0x31b59513, EXIT_ILLEGAL, 0x10000 }, /* aes64ks1i 11 */
		{ 0x31f51013, EXIT_ILLEGAL, 0x10000 }, /* the same, rd = x0 */
	};

	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		const struct ir_insn *e = end_of(c[k].word);

		cr_expect(e->op == IR_EXIT && e->aux == c[k].reason, "%08x",
		    c[k].word);
		cr_expect_eq(e->imm, c[k].pc, "%08x", c[k].word);
		if (e->aux == EXIT_ILLEGAL)
			cr_expect_eq(e->b, c[k].word);
	}
}

Test(riscv_lift, side_exits)
{
	/* beq a0,a1,+12; addi a0,a0,1; ret */
	static const u32 code[] = { 0x00b50663, 0x00150513, 0x00008067 };

	lift(code, sizeof(code), 8, false);
	cr_expect_eq(r->guest_insns, 1);
	cr_expect_eq(count(IR_GOTO_TB), 2);
	lift(code, sizeof(code), 8, true);
	cr_expect_eq(r->guest_insns, 3);
	cr_expect_eq(count(IR_GOTO_TB), 1);
	cr_expect_eq(count(IR_RET), 1);
	lift(code, sizeof(code), 1, true);
	cr_expect_eq(r->guest_insns, 1);
	cr_expect_eq(r->guest_len, 4);
}

/* A branch over what cannot fault is none, where all of it may be read. */
Test(riscv_lift, choices)
{
	enum { ADDI = 0x00150513, ADD = 0x00b50533, SUBW = 0x40c5053b };
	enum { LW = 0x00052503, MUL = 0x02b50533, NOP = 0x00000013 };
	static const struct {
		u32 branch, over[3], bytes, max, choices, insns;
	} c[] = {
		{ 0x00b50463, { ADDI, ADD, ADD }, 16, 4, 1, 4 },
		{ 0x00b50663, { ADDI, SUBW, ADD }, 16, 4, 1, 4 },
		{ 0x00b54663, { ADDI, 0x00158593, ADD }, 16, 4, 2, 4 },
		{ 0x00b50863, { ADDI, ADD, ADD }, 16, 4, 0, 4 },
		{ 0x00b50463, { LW, ADD, ADD }, 16, 4, 0, 4 },
		{ 0x00b50463, { MUL, ADD, ADD }, 16, 4, 0, 4 },
		{ 0x00b50463, { NOP, ADD, ADD }, 16, 4, 0, 4 },
		{ 0x00b50663, { ADDI, LW, ADD }, 16, 4, 0, 4 },
		{ 0x00b50663, { ADDI, ADD, ADD }, 16, 2, 0, 2 },
		{ 0x00b50663, { ADDI, ADD, ADD }, 16, 3, 1, 3 },
		{ 0x00b50663, { ADDI, ADD, ADD }, 8, 4, 0, 2 },
		{ 0x00b50363, { ADDI, ADD, ADD }, 16, 4, 0, 4 }, /* +6 */
		{ 0x00b50063, { ADDI, ADD, ADD }, 16, 4, 0, 4 }, /* +0 */
	};

	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		lift(&c[k], c[k].bytes, c[k].max, true);
		cr_expect_eq(count(IR_SELECT), c[k].choices, "%zu", k);
		cr_expect_eq(count(IR_BR), !c[k].choices, "%zu", k);
		cr_expect_eq(r->guest_insns, c[k].insns, "%zu", k);
		cr_expect_eq(r->guest_len, 4 * c[k].insns, "%zu", k);
		lift(&c[k], c[k].bytes, c[k].max, false);
		cr_expect_eq(count(IR_SELECT), 0, "%zu", k);
	}
}

Test(riscv_lift, fences)
{
	static const struct {
		u32 word, n, aux;
	} c[] = {
		{ 0x0ff0000f, 1, 1 }, /* fence */
		{ 0x0120000f, 1, 1 }, /* fence w,r */
		{ 0x0220000f, 1, 0 }, /* fence r,r */
		{ 0x0310000f, 1, 0 }, /* fence rw,w */
		{ 0x8330000f, 1, 0 }, /* fence.tso */
		{ 0x0100000f, 0, 0 }, /* pause */
	};

	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		end_of(c[k].word);
		cr_expect_eq(count(IR_FENCE), c[k].n, "%08x", c[k].word);
		for (u32 n = 0; n < r->ninsns; n++)
			if (r->insn[n].op == IR_FENCE)
				cr_expect_eq(r->insn[n].aux, c[k].aux);
	}
}

static int any_time(int clock, i64 time[2])
{
	time[0] = 5;
	time[1] = 7;
	return clock == 1 ? 0 : -1;
}

Test(riscv_lift, tables)
{
	bool pin[ABI_NPIN] = { 0 }, fpin[ABI_NFPIN] = { 0 };
	u64 hwcap = 0, probe = 0;
	struct abi_state s = { 0 };

	cr_expect_eq(g->nregs, 68);
	for (u32 n = 0; n < g->nregs; n++) {
		const struct guest_reg *reg = &g->regs[n];

		cr_expect_eq(reg->slot, n);
		if (reg->pin == GUEST_NO_PIN)
			continue;
		bool *p = reg->type == IR_I64 ? pin : fpin;
		cr_assert_lt(
		    reg->pin, reg->type == IR_I64 ? ABI_NPIN : ABI_NFPIN);
		cr_expect_not(p[reg->pin], "%s", reg->name);
		p[reg->pin] = true;
	}
	for (u32 n = 0; n < g->nfeatures; n++) {
		hwcap |= g->features[n].hwcap;
		probe |= g->features[n].hwprobe_ima_ext_0;
	}
	cr_expect_eq(hwcap, 0x112d); /* IMAFDC */
	/* FD, C, Zba, Zbb, Zbs, Zbc, Zbkb, Zbkc, Zbkx, Zknd, Zkne, Zknh */
	cr_expect_eq(probe & 0x3fff, 0x3fbb);
	cr_expect_str_eq(g->summary,
	    "rv64imafdc_zicond_zicsr_zifencei_zihintntl_zihintpause_"
	    "zba_zbb_zbc_zbkb_zbkc_zbkx_zbs_zknd_zkne_zknh");
	g->reset(&s);
	cr_expect_eq(s.state[RV_SLOT_RESV_ADDR], ~0ull);
	s.read_clock = any_time;
	struct vcpu *v = (struct vcpu *)(void *)&s;
	cr_expect_eq(g->helpers[RV_HELPER_TIME](v, 0, 0), 5000000007);
	cr_expect_eq(g->helpers[RV_HELPER_CLOCK](v, 1, 0), 5ull << 30 | 7);
	cr_expect_eq(g->helpers[RV_HELPER_CLOCK](v, 2, 0), ~0ull);
}
