/*
 * fault_code.h - code sequences with one instruction that faults, for
 * tests/exec/faults.c (the library) and tests/user/guest/exact.c (a Linux
 * program): every instruction that touches memory, illegal words, jumps to
 * nowhere, in all positions of a block.
 *
 * The state at the fault must be what it is at an ebreak in the same place,
 * so each sequence is made twice. Between fault_build's instructions only
 * FC_BASE, FC_DATA, the stack pointer, gp, tp, FC_LINK and FC_COUNT are left
 * alone; all others, fp flags included, change all the time.
 */
#ifndef TEST_FAULT_CODE_H
#define TEST_FAULT_CODE_H

#include <stdbool.h>
#include <stdint.h>

enum fc_kind { FC_LOAD, FC_STORE, FC_LR, FC_SC, FC_AMO, FC_WORD, FC_JUMP };

/* x-registers */
enum { FC_LINK = 1, FC_SP = 2, FC_COUNT = 5, FC_BASE = 10, FC_DATA = 11 };

struct fc_insn {
	const char *text;
	uint32_t word; /* base a0 or sp, data a1 or fa1, offset 0 */
	uint8_t kind, size; /* size: of the access */
	bool sp; /* the base is sp */
};

#define FC_I(match) ((match) | 11u << 7 | 10u << 15)
#define FC_S(match) ((match) | 11u << 20 | 10u << 15)
#define FC_A(match) ((match) | 11u << 7 | 10u << 15 | 11u << 20)
#define FC_CL(match) ((match) | (10u - 8) << 7 | (11u - 8) << 2)
#define FC_CI(match) ((match) | 11u << 7)
#define FC_CSS(match) ((match) | 11u << 2)

/* clang-format off */
static const struct fc_insn fc_insns[] = {
	{ "lb", FC_I(0x03), FC_LOAD, 1, false },
	{ "lh", FC_I(0x1003), FC_LOAD, 2, false },
	{ "lw", FC_I(0x2003), FC_LOAD, 4, false },
	{ "ld", FC_I(0x3003), FC_LOAD, 8, false },
	{ "lbu", FC_I(0x4003), FC_LOAD, 1, false },
	{ "lhu", FC_I(0x5003), FC_LOAD, 2, false },
	{ "lwu", FC_I(0x6003), FC_LOAD, 4, false },
	{ "flw", FC_I(0x2007), FC_LOAD, 4, false },
	{ "fld", FC_I(0x3007), FC_LOAD, 8, false },
	{ "sb", FC_S(0x23), FC_STORE, 1, false },
	{ "sh", FC_S(0x1023), FC_STORE, 2, false },
	{ "sw", FC_S(0x2023), FC_STORE, 4, false },
	{ "sd", FC_S(0x3023), FC_STORE, 8, false },
	{ "fsw", FC_S(0x2027), FC_STORE, 4, false },
	{ "fsd", FC_S(0x3027), FC_STORE, 8, false },
	{ "c.fld", FC_CL(0x2000), FC_LOAD, 8, false },
	{ "c.lw", FC_CL(0x4000), FC_LOAD, 4, false },
	{ "c.ld", FC_CL(0x6000), FC_LOAD, 8, false },
	{ "c.fsd", FC_CL(0xa000), FC_STORE, 8, false },
	{ "c.sw", FC_CL(0xc000), FC_STORE, 4, false },
	{ "c.sd", FC_CL(0xe000), FC_STORE, 8, false },
	{ "c.fldsp", FC_CI(0x2002), FC_LOAD, 8, true },
	{ "c.lwsp", FC_CI(0x4002), FC_LOAD, 4, true },
	{ "c.ldsp", FC_CI(0x6002), FC_LOAD, 8, true },
	{ "c.fsdsp", FC_CSS(0xa002), FC_STORE, 8, true },
	{ "c.swsp", FC_CSS(0xc002), FC_STORE, 4, true },
	{ "c.sdsp", FC_CSS(0xe002), FC_STORE, 8, true },
	{ "lr.w", 0x1000202f | 11u << 7 | 10u << 15, FC_LR, 4, false },
	{ "lr.d", 0x1000302f | 11u << 7 | 10u << 15, FC_LR, 8, false },
	{ "sc.w", FC_A(0x1800202f), FC_SC, 4, false },
	{ "sc.d", FC_A(0x1800302f), FC_SC, 8, false },
	{ "amoswap.w", FC_A(0x0800202f), FC_AMO, 4, false },
	{ "amoadd.w", FC_A(0x0000202f), FC_AMO, 4, false },
	{ "amoxor.w", FC_A(0x2000202f), FC_AMO, 4, false },
	{ "amoand.w", FC_A(0x6000202f), FC_AMO, 4, false },
	{ "amoor.w", FC_A(0x4000202f), FC_AMO, 4, false },
	{ "amomin.w", FC_A(0x8000202f), FC_AMO, 4, false },
	{ "amomax.w", FC_A(0xa000202f), FC_AMO, 4, false },
	{ "amominu.w", FC_A(0xc000202f), FC_AMO, 4, false },
	{ "amomaxu.w", FC_A(0xe000202f), FC_AMO, 4, false },
	{ "amoswap.d", FC_A(0x0800302f), FC_AMO, 8, false },
	{ "amoadd.d", FC_A(0x0000302f), FC_AMO, 8, false },
	{ "amoxor.d", FC_A(0x2000302f), FC_AMO, 8, false },
	{ "amoand.d", FC_A(0x6000302f), FC_AMO, 8, false },
	{ "amoor.d", FC_A(0x4000302f), FC_AMO, 8, false },
	{ "amomin.d", FC_A(0x8000302f), FC_AMO, 8, false },
	{ "amomax.d", FC_A(0xa000302f), FC_AMO, 8, false },
	{ "amominu.d", FC_A(0xc000302f), FC_AMO, 8, false },
	{ "amomaxu.d", FC_A(0xe000302f), FC_AMO, 8, false },
	{ "all ones", 0xffffffff, FC_WORD, 4, false },
	{ "c.unimp", 0, FC_WORD, 2, false },
	{ "unimp", 0xc0001073, FC_WORD, 4, false },
	{ "reserved c", 0x9c79, FC_WORD, 2, false },
	{ "c.lwsp zero", 0x4002, FC_WORD, 2, false },
	{ "custom-0", 0x0000000b, FC_WORD, 4, false },
	{ "mret", 0x30200073, FC_WORD, 4, false },
	{ "wfi", 0x10500073, FC_WORD, 4, false },
	{ "csrr of no csr", 0x7c0025f3, FC_WORD, 4, false },
	{ "csrw cycle", 0xc0059073, FC_WORD, 4, false },
	{ "fadd.s mode 5", 0x00b5d5d3, FC_WORD, 4, false },
	{ "fadd.d mode 6", 0x02b5e5d3, FC_WORD, 4, false },
	{ "fmadd.d mode 5", 0x5ab5d5c3, FC_WORD, 4, false },
	{ "fcvt.w.d mode 6", 0xc205e5d3, FC_WORD, 4, false },
	{ "fadd.q", 0x06b5f5d3, FC_WORD, 4, false },
	{ "jalr", 0x000500e7, FC_JUMP, 0, false },
	{ "jr", 0x00050067, FC_JUMP, 0, false },
	{ "c.jalr", 0x9502, FC_JUMP, 0, false },
	{ "c.jr", 0x8502, FC_JUMP, 0, false },
	{ "jalr odd", 0x001500e7, FC_JUMP, 0, false }, /* bit 0 is dropped */
};
/* clang-format on */
#define FC_NINSNS (sizeof(fc_insns) / sizeof(fc_insns[0]))

/* Where the instruction stands. */
enum fc_shape {
	FC_FIRST, /* of its block */
	FC_AFTER_1,
	FC_AFTER_5,
	FC_AFTER_63, /* last of a block of the usual length, next to last, .. */
	FC_AFTER_64,
	FC_AFTER_65,
	FC_LAST, /* a jump follows */
	FC_NOT_TAKEN, /* behind a branch */
	FC_TAKEN, /* target of a branch */
	FC_AFTER_CALL,
	FC_IN_CALL, /* in a function */
	FC_LOOP_END, /* behind a loop */
	FC_LOOP_ROUND, /* in a loop's third round */
	FC_NSHAPES
};

struct fc_code {
	uint16_t half[512];
	unsigned n;
	unsigned at; /* of the instruction, in bytes */
	uint32_t seed;
};

static inline uint32_t fc_random(struct fc_code *c)
{
	c->seed = c->seed * 1664525u + 1013904223u;
	return c->seed >> 8;
}

static inline void fc_put(struct fc_code *c, uint32_t word)
{
	c->half[c->n++] = (uint16_t)word;
	if ((word & 3) == 3)
		c->half[c->n++] = (uint16_t)(word >> 16);
}

/* An x-register that may change. */
static inline uint32_t fc_reg(struct fc_code *c)
{
	static const uint8_t free[] = { 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18,
		19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };

	return free[fc_random(c) % sizeof(free)];
}

/* n instructions that change registers and fp flags, and never leave. */
static inline void fc_fill(struct fc_code *c, unsigned n)
{
	static const uint32_t x[] = { 0x33, 0x40000033, 0x4033, 0x1033,
		0x2000033, 0x3033, 0x3b, 0x2003033, 0x20002033 };
	/* dynamic rounding */
	static const uint32_t f[] = { 0x2007053, 0x12007053, 0x1a007053, 0x7053,
		0x10007053, 0x18007053, 0x2a000053, 0x5a007053, 0x42000053,
		0x40107053 };

	while (n--) {
		uint32_t r = fc_random(c) % 16, a = fc_random(c) % 32 << 15;
		uint32_t b = fc_random(c) % 32 << 20;

		if (r < 7) {
			fc_put(c, x[fc_random(c) % 9] | fc_reg(c) << 7 | a | b);
		} else if (r < 13) {
			uint32_t op = f[fc_random(c) % 10];
			if (op >> 28 == 5 || op >> 28 == 4)
				b = 0; /* no second operand */
			fc_put(c, op | fc_random(c) % 32 << 7 | a | b);
		} else if (r < 14) { /* fmv.d.x */
			fc_put(c, 0xf2000053 | fc_random(c) % 32 << 7 | a);
		} else { /* c.add */
			fc_put(c, 0x9002 | fc_reg(c) << 7 | fc_reg(c) << 2);
		}
	}
}

static inline void fc_jump(struct fc_code *c, uint32_t rd, int bytes)
{
	uint32_t v = (uint32_t)bytes;

	fc_put(c,
	    0x6f | rd << 7 | (v >> 20 & 1) << 31 | (v >> 1 & 1023) << 21 |
		(v >> 11 & 1) << 20 | (v >> 12 & 255) << 12);
}

/* bne (or beq) x5, x0, over `bytes` */
static inline void fc_branch(struct fc_code *c, bool equal, int bytes)
{
	uint32_t v = (uint32_t)bytes;

	fc_put(c,
	    (equal ? 0x63 : 0x1063) | FC_COUNT << 15 | (v >> 12 & 1) << 31 |
		(v >> 5 & 63) << 25 | (v >> 1 & 15) << 8 | (v >> 11 & 1) << 7);
}

static inline void fc_insn_here(struct fc_code *c, uint32_t word)
{
	c->at = 2 * c->n;
	fc_put(c, word);
}

/* The loop that counts x5 from 3 down, and its end. */
static inline void fc_loop(struct fc_code *c, uint32_t word, bool inside)
{
	unsigned top, size = (word & 3) == 3 ? 4 : 2;

	fc_put(c, 0x00300293); /* li t0, 3 */
	top = c->n;
	fc_fill(c, 6);
	fc_put(c, 0xfff28293); /* addi t0, t0, -1 */
	if (inside) {
		fc_branch(c, false, 4 + (int)size);
		fc_insn_here(c, word);
		fc_fill(c, 3);
	}
	fc_branch(c, false, 2 * ((int)top - (int)c->n));
	if (!inside)
		fc_insn_here(c, word);
}

/* The instruction within a call, or behind it. */
static inline void fc_call(struct fc_code *c, uint32_t word, bool inside)
{
	unsigned skip = c->n, function, end;

	fc_jump(c, 0, 0); /* over the function, patched below */
	function = c->n;
	fc_fill(c, 3);
	if (inside)
		fc_insn_here(c, word);
	fc_fill(c, 1);
	fc_put(c, 0x8082); /* ret */
	end = c->n;
	c->n = skip;
	fc_jump(c, 0, 2 * (int)(end - skip));
	c->n = end;
	fc_fill(c, 2);
	fc_jump(c, FC_LINK, 2 * ((int)function - (int)c->n));
	if (!inside)
		fc_insn_here(c, word);
}

/*
 * Make the sequence of a shape with `word` in it; it ends with c.ebreak. The
 * same seed gives the same instructions around it. first: an instruction to
 * be put at the very beginning, 0 for none.
 */
static inline void fc_build(struct fc_code *c, uint32_t word,
    enum fc_shape shape, uint32_t seed, uint32_t first)
{
	static const uint8_t before[] = { [FC_AFTER_1] = 1,
		[FC_AFTER_5] = 5,
		[FC_AFTER_63] = 63,
		[FC_AFTER_64] = 64,
		[FC_AFTER_65] = 65,
		[FC_LAST] = 4 };

	c->n = 0;
	c->seed = seed;
	if (first)
		fc_put(c, first);
	switch (shape) {
	case FC_NOT_TAKEN:
		fc_put(c, 0x00000293); /* li t0, 0 */
		fc_fill(c, 4);
		fc_branch(c, false, 8);
		fc_fill(c, 3);
		fc_insn_here(c, word);
		break;
	case FC_TAKEN:
		fc_put(c, 0x00000293);
		fc_fill(c, 4);
		fc_branch(c, true, 8);
		fc_put(c, 0x00100293); /* li t0, 1: jumped over */
		fc_insn_here(c, word);
		break;
	case FC_AFTER_CALL: fc_call(c, word, false); break;
	case FC_IN_CALL: fc_call(c, word, true); break;
	case FC_LOOP_END: fc_loop(c, word, false); break;
	case FC_LOOP_ROUND: fc_loop(c, word, true); break;
	default:
		fc_fill(c, before[shape]);
		fc_insn_here(c, word);
		if (shape == FC_LAST)
			fc_jump(c, 0, 4);
		break;
	}
	fc_fill(c, 3);
	fc_put(c, 0x9002);
}

/* A sequence with a breakpoint where the other has `word`. */
static inline uint32_t fc_breakpoint(uint32_t word)
{
	return (word & 3) == 3 ? 0x00100073 : 0x9002;
}

/*
 * The seed's registers: any numbers, whole and floating; base, data and so
 * on are set by the caller afterwards.
 */
static inline void fc_registers(uint32_t seed, uint64_t x[32], uint64_t f[32])
{
	struct fc_code c = { .seed = seed };

	for (unsigned k = 0; k < 32; k++) {
		uint64_t v = (uint64_t)fc_random(&c) << 40 |
		    (uint64_t)fc_random(&c) << 20 | fc_random(&c);
		uint64_t w = fc_random(&c);

		x[k] = v;
		if (k % 2) /* a double near one, else a single near one */
			f[k] = (0x3f0 + w % 32) << 52 | v >> 12;
		else
			f[k] = 0xffffffff00000000 | (120 + w % 16) << 23 |
			    (v & 0x7fffff);
	}
	x[0] = 0;
}

#endif
