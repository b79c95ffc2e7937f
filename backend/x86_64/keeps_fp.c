/*
 * keeps_fp.c - can host code that others wrote change an fp register?
 *
 * Generated code keeps the guest's fp registers in the host's; around a call
 * of C they must be saved, unless what is called leaves them alone. The
 * kernel's vDSO does: it is made of integer instructions. That is not
 * believed but seen: every instruction that can be reached is decoded, and
 * must be one of the integer instructions listed here (Intel's manual,
 * volume 2, appendix A). Anything else, any indirect branch, any way out of
 * the code that was given: false.
 */
#include "backend/x86_64/keeps_fp.h"

#define IMAGE_MAX ((size_t)32 << 10)

/* What follows an opcode. */
enum form {
	NO, /* not listed */
	OP, /* nothing */
	RM, /* ModRM */
	I8, /* a byte */
	IZ, /* 4 bytes, with a 66 prefix 2 */
	IV, /* as IZ, with REX.W 8 */
	RM8, /* ModRM and a byte */
	RMZ, /* ModRM and IZ */
	J8, /* a conditional branch */
	JZ,
	GOTO8,
	GOTO,
	CALL,
	END, /* nothing comes after it */
	GROUP, /* of ModRM: see below */
};

/* The first six of each row of arithmetic: 00 + 8 * operation. */
#define ALU RM, RM, RM, RM, I8, IZ, NO, NO
#define X4(f) f, f, f, f
#define X8(f) X4(f), X4(f)

/* Prefixes (26 to 3e, 40 to 4f, 64 to 67, f0 to f3) are gone by then. */
static const u8 one_byte[256] = {
	[0x00] = ALU,
	[0x08] = ALU,
	[0x10] = ALU,
	[0x18] = ALU,
	[0x20] = ALU,
	[0x28] = ALU,
	[0x30] = ALU,
	[0x38] = ALU,
	[0x50] = X8(OP), /* push */
	[0x58] = X8(OP), /* pop */
	[0x63] = RM, /* movsxd */
	[0x68] = IZ, /* push */
	[0x69] = RMZ, /* imul */
	[0x6a] = I8, /* push */
	[0x6b] = RM8, /* imul */
	[0x70] = X8(J8),
	[0x78] = X8(J8),
	[0x80] = RM8,
	[0x81] = RMZ,
	[0x83] = RM8,
	[0x84] = X8(RM), /* test, xchg, mov */
	[0x8d] = RM, /* lea */
	[0x90] = X8(OP), /* nop, pause, xchg */
	[0x98] = OP, /* cdqe */
	[0x99] = OP, /* cqo */
	[0xa8] = I8, /* test */
	[0xa9] = IZ,
	[0xb0] = X8(I8), /* mov */
	[0xb8] = X8(IV),
	[0xc0] = RM8, /* shifts */
	[0xc1] = RM8,
	[0xc3] = END, /* ret */
	[0xc6] = GROUP, /* mov */
	[0xc7] = GROUP,
	[0xc9] = OP, /* leave */
	[0xcc] = END, /* int3 */
	[0xd0] = X4(RM), /* shifts */
	[0xe8] = CALL,
	[0xe9] = GOTO,
	[0xeb] = GOTO8,
	[0xf6] = GROUP,
	[0xf7] = GROUP,
	[0xfe] = GROUP,
	[0xff] = GROUP,
};

static const u8 two_bytes[256] = {
	[0x01] = GROUP,
	[0x05] = OP, /* syscall */
	[0x0b] = END, /* ud2 */
	[0x18] = RM, /* prefetch */
	[0x1e] = RM, /* endbr64 */
	[0x1f] = RM, /* nop */
	[0x31] = OP, /* rdtsc */
	[0x40] = X8(RM), /* cmov */
	[0x48] = X8(RM),
	[0x80] = X8(JZ),
	[0x88] = X8(JZ),
	[0x90] = X8(RM), /* set */
	[0x98] = X8(RM),
	[0xa2] = OP, /* cpuid */
	[0xa3] = RM, /* bt */
	[0xa4] = RM8, /* shld */
	[0xa5] = RM,
	[0xab] = RM, /* bts */
	[0xac] = RM8, /* shrd */
	[0xad] = RM,
	[0xae] = GROUP,
	[0xaf] = RM, /* imul */
	[0xb0] = RM, /* cmpxchg */
	[0xb1] = RM,
	[0xb3] = RM, /* btr */
	[0xb6] = RM, /* movzx */
	[0xb7] = RM,
	[0xba] = RM8, /* bt, bts, btr, btc */
	[0xbb] = RM,
	[0xbc] = RM, /* bsf, bsr, tzcnt, lzcnt */
	[0xbd] = RM,
	[0xbe] = RM, /* movsx */
	[0xbf] = RM,
	[0xc0] = RM, /* xadd */
	[0xc1] = RM,
	[0xc7] = GROUP,
	[0xc8] = X8(OP), /* bswap */
};

struct code {
	const u8 *base;
	size_t n;
	u64 seen[IMAGE_MAX / 64];
	u16 todo[256]; /* branch targets to be looked at */
	unsigned ntodo;
};

/* An instruction under way: it is decoded at `at`. */
struct insn {
	size_t at;
	bool wide, narrow, f3; /* REX.W, 66, F3 */
	u8 form;
	i64 imm;
};

/* One of those that ModRM tells apart. */
static u8 group(bool two, u8 op, u8 modrm, bool f3)
{
	unsigned reg = modrm >> 3 & 7;

	if (two && op == 0x01) /* rdtscp */
		return modrm == 0xf9 ? RM : NO;
	if (two && op == 0xae) /* lfence, mfence, sfence */
		return modrm >= 0xe8 && !(modrm & 7) && !f3 ? RM : NO;
	if (two) /* rdpid */
		return f3 && modrm >= 0xf8 ? RM : NO;
	switch (op) {
	case 0xc6: return reg == 0 ? RM8 : NO;
	case 0xc7: return reg == 0 ? RMZ : NO;
	case 0xf6: return reg < 2 ? RM8 : RM;
	case 0xf7: return reg < 2 ? RMZ : RM;
	default: return reg < 2 || (op == 0xff && reg == 6) ? RM : NO;
	}
}

static void skip_modrm(const struct code *c, struct insn *i)
{
	u8 modrm = c->base[i->at++];
	unsigned mod = modrm >> 6, rm = modrm & 7;

	if (mod == 3)
		return;
	if (rm == 4) {
		u8 sib = c->base[i->at++];
		if (mod == 0 && (sib & 7) == 5)
			i->at += 4;
	} else if (mod == 0 && rm == 5) {
		i->at += 4;
	}
	i->at += mod == 1 ? 1 : mod == 2 ? 4 : 0;
}

static void skip_prefixes(const struct code *c, struct insn *i)
{
	for (unsigned k = 0; k < 4; k++, i->at++) {
		switch (c->base[i->at]) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
		case 0xf0:
		case 0xf2: continue;
		case 0x66: i->narrow = true; continue;
		case 0xf3: i->f3 = true; continue;
		default: return;
		}
	}
}

static void take_imm(const struct code *c, struct insn *i, unsigned n)
{
	i32 v;

	if (n == 1) {
		i->imm = (i8)c->base[i->at];
	} else {
		memcpy(&v, c->base + i->at, sizeof(v));
		i->imm = v;
	}
	i->at += n;
}

/* Decode one instruction; false: not one of those listed. */
static bool decode(const struct code *c, struct insn *i)
{
	bool two = false;
	u8 op;

	skip_prefixes(c, i);
	op = c->base[i->at++];
	if ((op & 0xf0) == 0x40) {
		i->wide = op & 8;
		op = c->base[i->at++];
	}
	if (op == 0x0f) {
		two = true;
		op = c->base[i->at++];
	}
	i->form = two ? two_bytes[op] : one_byte[op];
	if (i->form == GROUP)
		i->form = group(two, op, c->base[i->at], i->f3);
	if (i->form == RM || i->form == RM8 || i->form == RMZ)
		skip_modrm(c, i);
	switch (i->form) {
	case NO: return false;
	case I8:
	case RM8:
	case J8:
	case GOTO8: take_imm(c, i, 1); break;
	case IZ:
	case RMZ: take_imm(c, i, i->narrow ? 2 : 4); break;
	case IV: take_imm(c, i, i->wide ? 8 : i->narrow ? 2 : 4); break;
	case JZ:
	case GOTO:
	case CALL:
		if (i->narrow) /* processors differ */
			return false;
		take_imm(c, i, 4);
		break;
	default: break;
	}
	return true;
}

static bool was_seen(const struct code *c, size_t at)
{
	return c->seen[at / 64] >> (at % 64) & 1;
}

static bool branch(struct code *c, i64 target)
{
	if (target < 0 || (u64)target >= c->n)
		return false;
	if (was_seen(c, (size_t)target))
		return true;
	if (c->ntodo == ARRAY_LEN(c->todo))
		return false;
	c->todo[c->ntodo++] = (u16)target;
	return true;
}

/* Until the code ends or was seen before. */
static bool follow(struct code *c, size_t at)
{
	for (;;) {
		struct insn i = { .at = at };

		/* 15 bytes at most, and what is read beyond prefixes */
		if (at + 32 > c->n)
			return false;
		if (was_seen(c, at))
			return true;
		c->seen[at / 64] |= (u64)1 << (at % 64);
		if (!decode(c, &i) || i.at > at + 15)
			return false;
		i64 target = (i64)i.at + i.imm;
		switch (i.form) {
		case END: return true;
		case GOTO8:
		case GOTO: return branch(c, target);
		case J8:
		case JZ:
		case CALL:
			if (!branch(c, target))
				return false;
			break;
		default: break;
		}
		at = i.at;
	}
}

bool x86_keeps_fp(const u8 *code, size_t n, size_t entry)
{
	struct code c = { .base = code, .n = MIN(n, IMAGE_MAX) };

	if (!branch(&c, (i64)entry))
		return false;
	while (c.ntodo)
		if (!follow(&c, c.todo[--c.ntodo]))
			return false;
	return true;
}
