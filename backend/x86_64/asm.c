/*
 * asm.c - the encoder, see asm.h.
 *
 * asm_rr and asm_rm know the whole of legacy encoding (prefixes, REX,
 * ModRM, SIB), asm_vex_* that of VEX; every other form is made of them.
 */
#include "backend/x86_64/asm.h"

void asm_u8(struct asm_buf *b, u8 v)
{
	if (b->len < b->cap)
		b->base[b->len++] = v;
	else
		b->full = true;
}

static void put(struct asm_buf *b, const void *p, size_t n)
{
	if (b->cap - b->len < n) {
		b->full = true;
		return;
	}
	memcpy(b->base + b->len, p, n);
	b->len += n;
}

void asm_u32(struct asm_buf *b, u32 v)
{
	put(b, &v, 4);
}

void asm_u64(struct asm_buf *b, u64 v)
{
	put(b, &v, 8);
}

void asm_nop(struct asm_buf *b, size_t n)
{
	static const u8 nops[9][9] = {
		{ 0x90 },
		{ 0x66, 0x90 },
		{ 0x0f, 0x1f, 0x00 },
		{ 0x0f, 0x1f, 0x40, 0 },
		{ 0x0f, 0x1f, 0x44, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0, 0 },
		{ 0x0f, 0x1f, 0x80, 0, 0, 0, 0 },
		{ 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
	};
	while (n) {
		size_t k = MIN(n, (size_t)9);
		put(b, nops[k - 1], k);
		n -= k;
	}
}

/* Opcodes that leave the flags alone; all others count as writing them. */
static bool keeps_flags(u32 op)
{
	switch (op) {
	case OP_MOV_LOAD:
	case OP_MOV_STORE:
	case OP_MOVSXD:
	case OP_LEA:
	case OP_MOVZX8:
	case OP_MOVZX16:
	case OP_MOVSX8:
	case OP_MOVSX16:
	case OP_SHLX:
	case OP_SHRX:
	case OP_SARX:
	case OP_RORX:
	case OP_MULX:
	case OP_MOVAPS:
	case OP_MOVSD_LOAD:
	case OP_MOVSD_STORE:
	case OP_MOVSS_LOAD:
	case OP_MOVSS_STORE:
	case OP_MOVD_LOAD:
	case OP_MOVD_STORE:
	case 0xc7: return true; /* mov imm */
	default: /* mov r, imm; setcc, cmovcc */
		return (op & ~7u) == 0xb8 || (op & ~15u) == 0x190 ||
		    (op & ~15u) == 0x140;
	}
}

static unsigned hi(unsigned r)
{
	return r == NOREG ? 0 : r >> 3 & 1;
}

/* Prefixes and opcode of a legacy instruction. `byte`: needs REX for r4-7. */
static void legacy(struct asm_buf *b, u32 op, unsigned w, unsigned r,
    unsigned x, unsigned m, bool force_rex)
{
	static const u8 prefix[4] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned pfx = op >> 10, map = op >> 8 & 3;
	unsigned rex = (w == 8 ? 8u : 0u) | r << 2 | x << 1 | m;

	b->flag_writes += !keeps_flags(op);
	if (w == 2)
		asm_u8(b, 0x66);
	if (pfx)
		asm_u8(b, prefix[pfx]);
	if (rex || force_rex)
		asm_u8(b, (u8)(0x40 | rex));
	if (map)
		asm_u8(b, 0x0f);
	if (map == MAP_0F38)
		asm_u8(b, 0x38);
	if (map == MAP_0F3A)
		asm_u8(b, 0x3a);
	/* Opcodes of the one-byte map and XADD, CMPXCHG: odd = full width. */
	asm_u8(b, (u8)((op & 0xff) - (w == 1)));
}

static void vex(struct asm_buf *b, u32 op, unsigned w, unsigned r, unsigned x,
    unsigned m, unsigned v)
{
	unsigned pfx = op >> 10, map = op >> 8 & 3, w8 = w == 8;

	b->flag_writes += !keeps_flags(op);
	if (!x && !m && !w8 && map == MAP_0F) {
		asm_u8(b, 0xc5);
		asm_u8(b, (u8)((!r) << 7 | (~v & 15) << 3 | pfx));
	} else {
		asm_u8(b, 0xc4);
		asm_u8(b, (u8)((!r) << 7 | (!x) << 6 | (!m) << 5 | map));
		asm_u8(b, (u8)(w8 << 7 | (~v & 15) << 3 | pfx));
	}
	asm_u8(b, (u8)op);
}

static void modrm_rr(struct asm_buf *b, unsigned reg, unsigned rm)
{
	asm_u8(b, (u8)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

static void modrm_mem(struct asm_buf *b, unsigned reg, struct mem m)
{
	unsigned r = (reg & 7) << 3;

	assert(m.index != RSP);
	if (m.base == NOREG) { /* [index * 2^shift + disp32] */
		unsigned index = m.index == NOREG ? 4 : m.index & 7u;
		asm_u8(b, (u8)(r | 4));
		asm_u8(b, (u8)((unsigned)m.shift << 6 | index << 3 | 5));
		asm_u32(b, (u32)m.disp);
		return;
	}
	unsigned base = m.base & 7u;
	unsigned mod = !m.disp && base != RBP ? 0 :
	    m.disp == (i8)m.disp              ? 1 :
						2;
	bool sib = m.index != NOREG || base == RSP;

	asm_u8(b, (u8)(mod << 6 | r | (sib ? 4 : base)));
	if (sib) {
		unsigned index = m.index == NOREG ? 4 : m.index & 7u;
		asm_u8(b, (u8)((unsigned)m.shift << 6 | index << 3 | base));
	}
	if (mod == 1)
		asm_u8(b, (u8)m.disp);
	else if (mod == 2)
		asm_u32(b, (u32)m.disp);
}

/* Integer registers 4..7 need a REX prefix to be named as bytes. */
static bool byte_rex(unsigned r)
{
	return r >= RSP && r <= RDI;
}

void asm_rr(struct asm_buf *b, u32 op, unsigned w, unsigned reg, unsigned rm)
{
	bool rex = w == 1 && (byte_rex(reg) || byte_rex(rm));

	if ((op == OP_MOVZX8 || op == OP_MOVSX8) && byte_rex(rm))
		rex = true;
	legacy(b, op, w, hi(reg), 0, hi(rm), rex);
	modrm_rr(b, reg, rm);
}

void asm_rm(struct asm_buf *b, u32 op, unsigned w, unsigned reg, struct mem m)
{
	legacy(b, op, w, hi(reg), hi(m.index), hi(m.base),
	    w == 1 && byte_rex(reg));
	modrm_mem(b, reg, m);
}

void asm_vex_rr(struct asm_buf *b, u32 op, unsigned w, unsigned reg, unsigned v,
    unsigned rm)
{
	vex(b, op, w, hi(reg), 0, hi(rm), v);
	modrm_rr(b, reg, rm);
}

void asm_vex_rm(struct asm_buf *b, u32 op, unsigned w, unsigned reg, unsigned v,
    struct mem m)
{
	vex(b, op, w, hi(reg), hi(m.index), hi(m.base), v);
	modrm_mem(b, reg, m);
}

/* A /digit form: the digit stands in the reg field. */
static void digit_r(
    struct asm_buf *b, u32 op, unsigned w, unsigned digit, unsigned rm)
{
	legacy(b, op, w, 0, 0, hi(rm), w == 1 && byte_rex(rm));
	modrm_rr(b, digit, rm);
}

static void digit_m(
    struct asm_buf *b, u32 op, unsigned w, unsigned digit, struct mem m)
{
	legacy(b, op, w, 0, hi(m.index), hi(m.base), false);
	modrm_mem(b, digit, m);
}

static void imm(struct asm_buf *b, unsigned w, i32 v)
{
	if (w == 1)
		asm_u8(b, (u8)v);
	else if (w == 2)
		put(b, &v, 2);
	else
		asm_u32(b, (u32)v);
}

void asm_alu_rr(
    struct asm_buf *b, enum x86_alu op, unsigned w, unsigned d, unsigned s)
{
	asm_rr(b, (u32)op * 8 + 3, w, d, s);
}

void asm_alu_rm(
    struct asm_buf *b, enum x86_alu op, unsigned w, unsigned d, struct mem m)
{
	asm_rm(b, (u32)op * 8 + 3, w, d, m);
}

void asm_alu_mr(
    struct asm_buf *b, enum x86_alu op, unsigned w, struct mem m, unsigned s)
{
	asm_rm(b, (u32)op * 8 + 1, w, s, m);
}

void asm_alu_ri(
    struct asm_buf *b, enum x86_alu op, unsigned w, unsigned d, i32 v)
{
	if (w > 1 && v == (i8)v) {
		digit_r(b, 0x83, w, op, d);
		asm_u8(b, (u8)v);
	} else if (d == RAX) {
		legacy(b, (u32)op * 8 + 5, w, 0, 0, 0, false);
		imm(b, w, v);
	} else {
		digit_r(b, 0x81, w, op, d);
		imm(b, w, v);
	}
}

void asm_alu_mi(
    struct asm_buf *b, enum x86_alu op, unsigned w, struct mem m, i32 v)
{
	if (w > 1 && v == (i8)v) {
		digit_m(b, 0x83, w, op, m);
		asm_u8(b, (u8)v);
	} else {
		digit_m(b, 0x81, w, op, m);
		imm(b, w, v);
	}
}

void asm_test_ri(struct asm_buf *b, unsigned w, unsigned d, i32 v)
{
	/* A narrower test of a mask without its sign bit is the same test. */
	if (v >= 0 && w == 8)
		w = 4;
	if (v >= 0 && v < 128 && w > 1)
		w = 1;
	if (d == RAX)
		legacy(b, 0xa9, w, 0, 0, 0, false);
	else
		digit_r(b, OP_GRP3, w, 0, d);
	imm(b, w, v);
}

void asm_test_mi(struct asm_buf *b, unsigned w, struct mem m, i32 v)
{
	if (v >= 0 && w == 8)
		w = 4;
	if (v >= 0 && v < 128 && w > 1)
		w = 1;
	digit_m(b, OP_GRP3, w, 0, m);
	imm(b, w, v);
}

void asm_mov_rr(struct asm_buf *b, unsigned w, unsigned d, unsigned s)
{
	asm_rr(b, OP_MOV_LOAD, w, d, s);
}

void asm_mov_ri64(struct asm_buf *b, unsigned d, u64 v)
{
	legacy(b, 0xb8 | (d & 7), 8, 0, 0, hi(d), false);
	asm_u64(b, v);
}

void asm_mov_ri(struct asm_buf *b, unsigned d, u64 v)
{
	if (v == (u32)v) {
		legacy(b, 0xb8 | (d & 7), 4, 0, 0, hi(d), false);
		asm_u32(b, (u32)v);
	} else if (fits32((i64)v)) {
		digit_r(b, 0xc7, 8, 0, d);
		asm_u32(b, (u32)v);
	} else {
		asm_mov_ri64(b, d, v);
	}
}

void asm_mov_mi(struct asm_buf *b, unsigned w, struct mem m, i32 v)
{
	digit_m(b, 0xc7, w, 0, m);
	imm(b, w, v);
}

void asm_load(struct asm_buf *b, unsigned w, unsigned d, struct mem m)
{
	asm_rm(b, OP_MOV_LOAD, w, d, m);
}

void asm_store(struct asm_buf *b, unsigned w, struct mem m, unsigned s)
{
	asm_rm(b, OP_MOV_STORE, w, s, m);
}

void asm_shift_ri(
    struct asm_buf *b, enum x86_shift op, unsigned w, unsigned d, unsigned n)
{
	if (n == 1) {
		digit_r(b, 0xd1, w, op, d);
	} else {
		digit_r(b, 0xc1, w, op, d);
		asm_u8(b, (u8)n);
	}
}

void asm_shift_rc(struct asm_buf *b, enum x86_shift op, unsigned w, unsigned d)
{
	digit_r(b, 0xd3, w, op, d);
}

void asm_rorx(struct asm_buf *b, unsigned w, unsigned d, unsigned s, unsigned n)
{
	asm_vex_rr(b, OP_RORX, w, d, 0, s);
	asm_u8(b, (u8)n);
}

void asm_grp3_r(struct asm_buf *b, enum x86_grp3 op, unsigned w, unsigned r)
{
	digit_r(b, OP_GRP3, w, op, r);
}

void asm_grp3_m(struct asm_buf *b, enum x86_grp3 op, unsigned w, struct mem m)
{
	digit_m(b, OP_GRP3, w, op, m);
}

void asm_imul_ri(struct asm_buf *b, unsigned w, unsigned d, unsigned s, i32 v)
{
	if (v == (i8)v) {
		asm_rr(b, 0x6b, w, d, s);
		asm_u8(b, (u8)v);
	} else {
		asm_rr(b, 0x69, w, d, s);
		asm_u32(b, (u32)v);
	}
}

void asm_bswap(struct asm_buf *b, unsigned w, unsigned r)
{
	legacy(
	    b, OPC(PFX_NONE, MAP_0F, 0xc8u) | (r & 7), w, 0, 0, hi(r), false);
}

void asm_cdq(struct asm_buf *b, unsigned w)
{
	legacy(b, 0x99, w, 0, 0, 0, false);
}

void asm_setcc(struct asm_buf *b, enum x86_cc cc, unsigned r)
{
	legacy(
	    b, OPC(PFX_NONE, MAP_0F, 0x90u) | cc, 4, 0, 0, hi(r), byte_rex(r));
	modrm_rr(b, 0, r);
}

void asm_cmov_rr(
    struct asm_buf *b, enum x86_cc cc, unsigned w, unsigned d, unsigned s)
{
	asm_rr(b, OPC(PFX_NONE, MAP_0F, 0x40u) | cc, w, d, s);
}

void asm_cmov_rm(
    struct asm_buf *b, enum x86_cc cc, unsigned w, unsigned d, struct mem m)
{
	asm_rm(b, OPC(PFX_NONE, MAP_0F, 0x40u) | cc, w, d, m);
}

void asm_lock(struct asm_buf *b)
{
	asm_u8(b, 0xf0);
}

static size_t rel32(struct asm_buf *b)
{
	size_t at = b->len;
	asm_u32(b, 0);
	return at;
}

size_t asm_jcc(struct asm_buf *b, enum x86_cc cc)
{
	asm_u8(b, 0x0f);
	asm_u8(b, (u8)(0x80 | cc));
	return rel32(b);
}

size_t asm_jmp(struct asm_buf *b)
{
	asm_u8(b, 0xe9);
	return rel32(b);
}

size_t asm_call(struct asm_buf *b)
{
	asm_u8(b, 0xe8);
	return rel32(b);
}

size_t asm_lea_rip(struct asm_buf *b, unsigned d)
{
	legacy(b, OP_LEA, 8, hi(d), 0, 0, false);
	asm_u8(b, (u8)((d & 7) << 3 | 5));
	return rel32(b);
}

void asm_fix(struct asm_buf *b, size_t at, size_t to)
{
	i32 rel = (i32)((i64)to - (i64)at - 4);

	if (!b->full)
		memcpy(b->base + at, &rel, 4);
}

size_t asm_jcc8(struct asm_buf *b, enum x86_cc cc)
{
	asm_u8(b, (u8)(0x70 | cc));
	asm_u8(b, 0);
	return b->len - 1;
}

size_t asm_jmp8(struct asm_buf *b)
{
	asm_u8(b, 0xeb);
	asm_u8(b, 0);
	return b->len - 1;
}

void asm_fix8(struct asm_buf *b, size_t at)
{
	i64 rel = (i64)b->len - (i64)at - 1;

	if (b->full)
		return;
	assert(rel == (i8)rel);
	b->base[at] = (u8)rel;
}

void asm_jcc_to(struct asm_buf *b, enum x86_cc cc, size_t to)
{
	i64 rel = (i64)to - (i64)b->len - 2;

	if (rel == (i8)rel) {
		asm_u8(b, (u8)(0x70 | cc));
		asm_u8(b, (u8)rel);
	} else {
		asm_fix(b, asm_jcc(b, cc), to);
	}
}

void asm_jmp_to(struct asm_buf *b, size_t to)
{
	i64 rel = (i64)to - (i64)b->len - 2;

	if (rel == (i8)rel) {
		asm_u8(b, 0xeb);
		asm_u8(b, (u8)rel);
	} else {
		asm_fix(b, asm_jmp(b), to);
	}
}

void asm_jmp_r(struct asm_buf *b, unsigned r)
{
	digit_r(b, OP_GRP5, 4, 4, r);
}

void asm_jmp_m(struct asm_buf *b, struct mem m)
{
	digit_m(b, OP_GRP5, 4, 4, m);
}

void asm_call_r(struct asm_buf *b, unsigned r)
{
	digit_r(b, OP_GRP5, 4, 2, r);
}

void asm_call_m(struct asm_buf *b, struct mem m)
{
	digit_m(b, OP_GRP5, 4, 2, m);
}

void asm_ret(struct asm_buf *b)
{
	asm_u8(b, 0xc3);
}

void asm_push(struct asm_buf *b, unsigned r)
{
	legacy(b, 0x50 | (r & 7), 4, 0, 0, hi(r), false);
}

void asm_pop(struct asm_buf *b, unsigned r)
{
	legacy(b, 0x58 | (r & 7), 4, 0, 0, hi(r), false);
}

void asm_push_m(struct asm_buf *b, struct mem m)
{
	digit_m(b, OP_GRP5, 4, 6, m);
}

void asm_pop_m(struct asm_buf *b, struct mem m)
{
	digit_m(b, 0x8f, 4, 0, m);
}

void asm_ldmxcsr(struct asm_buf *b, struct mem m)
{
	digit_m(b, OP_LDSTMXCSR, 4, 2, m);
}

void asm_stmxcsr(struct asm_buf *b, struct mem m)
{
	digit_m(b, OP_LDSTMXCSR, 4, 3, m);
}
