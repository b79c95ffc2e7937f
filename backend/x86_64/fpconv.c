/*
 * fpconv.c - conversions between formats and the status word.
 *
 * Float to integer: the host's conversion gives the "indefinite" value and
 * raises invalid when the result does not fit; cold code then makes it the
 * saturated value. Where a wider host conversion stands in for a missing
 * unsigned one, the range is checked first, on the bits, so that no inexact
 * flag is raised for a value out of range; those go to the reference.
 */
#include "backend/x86_64/cc.h"
#include "translator/fpu.h"

void movd_from(struct cc *c, unsigned w, unsigned d, unsigned s)
{
	if (c->f.avx)
		asm_vex_rr(&c->a, OP_MOVD_STORE, w, s, 0, d);
	else
		asm_rr(&c->a, OP_MOVD_STORE, w, s, d);
}

void movd_to(struct cc *c, unsigned w, unsigned d, unsigned s)
{
	if (c->f.avx)
		asm_vex_rr(&c->a, OP_MOVD_LOAD, w, d, 0, s);
	else
		asm_rr(&c->a, OP_MOVD_LOAD, w, d, s);
}

static void emit_fbits(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);
	struct opnd o = fetch(c, i->a, w, TAKE_MEM);

	consume(c, i->a);
	unsigned d = dest(c, ref, NOREG);
	if (o.kind == OPND_MEM)
		asm_load(&c->a, w, d, o.mem);
	else
		movd_from(c, w, d, o.reg);
	define(c, ref, d, w == 4 ? FACT_ZX : 0);
}

static void emit_bitsf(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);
	i64 k;

	if (w == 8 && value_const(c, i->a, &k) && !k) {
		consume(c, i->a);
		unsigned d = dest(c, ref, NOREG);
		fp_op3(c, OP_XORPS, IR_VOID, d, d, opnd_reg(d));
		define(c, ref, d, FACT_CANON);
		return;
	}
	struct opnd o = fetch(c, i->a, w, w == 8 ? TAKE_MEM : TAKE_REG);
	consume(c, i->a);
	unsigned d = dest(c, ref, NOREG);
	if (o.kind == OPND_MEM) {
		fp_load(c, d, o.mem);
	} else if (w == 8) {
		movd_to(c, 8, d, o.reg);
	} else {
		movd_to(c, 4, d, o.reg);
		fp_bits(c, OP_ORPS, d, d, HOST_BOX_ONES);
	}
	define(c, ref, d, w == 4 ? FACT_BOX : 0);
}

static void emit_to_f32(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	struct opnd op[3];

	if (fp_needs_reference(c, ref)) {
		emit_reference(c, ref);
		return;
	}
	unsigned one = ones(c);
	op[0] = opnd_reg(use_reg(c, i->a));
	consume(c, i->a);
	unsigned d = dest(c, ref, op[0].reg);
	struct cold *x = fp_mode(c, ref, op, 1, d);
	/* The upper half is the first source's: ones. */
	fp_op3(c, OP_CVTSD2SS, IR_VOID, d, one, op[0]);
	fp_result(c, ref, d, x);
}

static void emit_to_f64(struct cc *c, ir_ref ref)
{
	unsigned a = use_reg(c, c->insn[ref].a);

	consume(c, c->insn[ref].a);
	unsigned d = dest(c, ref, a);
	fp_op3(c, OP_CVTSS2SD, IR_VOID, d, a, opnd_reg(a));
	fp_result(c, ref, d, NULL);
}

/* cvtsi2sd or cvtsi2ss of the w-byte integer in r. */
static void cvtsi(
    struct cc *c, u8 ty, unsigned w, unsigned d, unsigned one, unsigned r)
{
	u32 op = ty == IR_F32 ? asm_f32_op(OP_CVTSI2SD) : OP_CVTSI2SD;

	if (c->f.avx) {
		/* A zero idiom ends the dependency on d's old value. */
		if (one == NOREG) {
			fp_op3(c, OP_XORPS, IR_VOID, d, d, opnd_reg(d));
			one = d;
		}
		asm_vex_rr(&c->a, op, w, d, one, r);
		return;
	}
	if (one == NOREG)
		fp_op3(c, OP_XORPS, IR_VOID, d, d, opnd_reg(d));
	else
		fp_mov(c, d, one);
	asm_rr(&c->a, op, w, d, r);
}

/*
 * Half of it, with the lowest bit kept as a sticky one below those that count,
 * rounds as the whole does, and twice that is exact.
 */
static void cold_large_u64(struct cc *c, struct cold *x)
{
	u8 ty = c->insn[x->ref].type;
	unsigned v = x->op[0].reg;

	asm_mov_rr(&c->a, 8, x->t, v);
	asm_alu_ri(&c->a, ALU_AND, 8, x->t, 1);
	asm_store(&c->a, 8, mem_vcpu(ABI_TMP_OFF(0)), x->t);
	asm_mov_rr(&c->a, 8, x->t, v);
	asm_shift_ri(&c->a, SH_SHR, 8, x->t, 1);
	asm_alu_rm(&c->a, ALU_OR, 8, x->t, mem_vcpu(ABI_TMP_OFF(0)));
	cvtsi(c, ty, 8, x->d, x->op[1].reg, x->t);
	fp_op3(c, OP_ADDSD, ty, x->d, x->d, opnd_reg(x->d));
	asm_jmp_to(&c->a, x->back);
}

/* Integer to float. */
static void emit_from_int(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	bool single = i->type == IR_F32, is_u64 = i->op == IR_U64_TO_F;
	bool is_u32 = i->op == IR_U32_TO_F, is_s64 = i->op == IR_S64_TO_F;
	bool exact = !single && !is_u64 && !is_s64;
	unsigned w = i->op == IR_S32_TO_F ? 4 : 8;
	struct cold *x = NULL, *big = NULL;
	struct opnd op[3];

	/* floor and its like: what is exact is so in every mode */
	bool is_static = !exact && i->aux != RM_DYN && i->aux != RM_RNE;

	unsigned one = single ? ones(c) : NOREG;
	op[0] = opnd_reg(use_reg(c, i->a));
	unsigned r = op[0].reg;
	if (is_u32 && !(facts(c, i->a) & FACT_ZX)) {
		r = alloc(c, false);
		asm_mov_rr(&c->a, 4, r, op[0].reg);
	}
	consume(c, i->a);
	unsigned d = dest(c, ref, NOREG), t = NOREG;
	if (is_static || is_u64)
		t = alloc(c, false);
	if (is_static) {
		x = cold_reference(c, ref, op, 1, d);
		if (w == 4)
			asm_rr(&c->a, OP_MOVSXD, 8, t, r);
		else
			asm_mov_rr(&c->a, 8, t, r);
		asm_shift_ri(&c->a, SH_SAR, 8, t, single ? 24 : 53);
		asm_alu_ri(&c->a, ALU_ADD, 8, t, 1);
		asm_alu_ri(&c->a, ALU_CMP, 8, t, 1);
		cold_jcc(c, x, CC_A);
	} else if (!exact) {
		x = fp_mode(c, ref, op, 1, d);
	}
	if (is_u64) { /* the sign bit set: too large for the host's */
		big = is_static ? cold_reference(c, ref, op, 1, d) :
				  cold_new(c, cold_large_u64);
		big->ref = ref;
		big->d = (u8)d;
		if (!is_static) {
			big->t = (u8)t;
			big->op[0] = opnd_reg(r);
			big->op[1] = opnd_reg(one);
		}
		asm_rr(&c->a, OP_TEST, 8, r, r);
		cold_jcc(c, big, CC_S);
	}
	cvtsi(c, i->type, w, d, one, r);
	if (x)
		cold_back(c, x);
	if (big)
		cold_back(c, big);
	define(c, ref, d, FACT_CANON | (single ? FACT_BOX : 0));
}

/* The bits of the first value that is too large for the fast path. */
static u64 limit(u8 op, u8 ty, bool truncates)
{
	if (op == IR_F_TO_U64)
		return ty == IR_F32 ? 0x5f000000 : 0x43e0000000000000;
	if (ty == IR_F32)
		return 0x4f800000; /* 2^32; no fraction near it */
	/* 2^32, or what comes after 2^32 - 1: it might round up */
	return truncates ? 0x41f0000000000000 : 0x41efffffffe00001;
}

/*
 * Signed results. d is to be the least or the greatest number: op[0] is out
 * of range or a NaN. The conversion that found out has raised invalid, and
 * nothing else.
 */
static void cold_saturate(struct cc *c, struct cold *x)
{
	const struct ir_insn *i = &c->insn[x->ref];
	u8 ty = c->insn[i->a].type;
	u64 min = i->op == IR_F_TO_S32 ? 1ull << 31 : 1ull << 63;

	fp_op2(c, OP_UCOMISD, ty, x->op[0].reg, x->op[0]);
	size_t nan = asm_jcc8(&c->a, CC_P);
	movd_from(c, width_of(ty), x->d, x->op[0].reg);
	asm_rr(&c->a, OP_TEST, width_of(ty), x->d, x->d);
	asm_mov_ri(&c->a, x->d, min);
	asm_fix(&c->a, asm_jcc(&c->a, CC_S), x->back);
	asm_fix8(&c->a, nan);
	asm_mov_ri(&c->a, x->d, min - 1);
	asm_jmp_to(&c->a, x->back);
}

/* The bits, but for the sign, of the value from which on all are too large. */
static u64 too_large(u8 op, u8 ty, bool negative)
{
	if (op == IR_F_TO_S32) {
		if (ty == IR_F32)
			return 0x4f000000u + negative;
		return negative ? 0x41e0000000200000 : 0x41e0000000000000;
	}
	return (ty == IR_F32 ? 0x5f000000 : 0x43e0000000000000) + negative;
}

static void cvt_to(
    struct cc *c, ir_ref ref, u32 op, unsigned w, unsigned d, unsigned s)
{
	if (c->insn[c->insn[ref].a].type == IR_F32)
		op = asm_f32_op(op);
	if (c->f.avx)
		asm_vex_rr(&c->a, op, w, d, 0, s);
	else
		asm_rr(&c->a, op, w, d, s);
}

static void cvt(struct cc *c, ir_ref ref, u32 op, unsigned d, unsigned s)
{
	cvt_to(c, ref, op, c->insn[ref].op == IR_F_TO_S32 ? 4 : 8, d, s);
}

/* The least number is in range yet. t is scratch. */
static void cold_large(struct cc *c, struct cold *x)
{
	const struct ir_insn *i = &c->insn[x->ref];
	u8 ty = c->insn[i->a].type;
	unsigned s = x->op[0].reg, w = width_of(ty);
	u64 min = i->op == IR_F_TO_S32 ? 1ull << 31 : 1ull << 63;
	u64 sign = 1ull << (8 * w - 1);

	fp_op2(c, OP_UCOMISD, ty, s, x->op[0]);
	size_t nan = asm_jcc8(&c->a, CC_P);
	movd_from(c, w, x->d, s);
	asm_rr(&c->a, OP_TEST, w, x->d, x->d);
	size_t positive = asm_jcc8(&c->a, CC_NS);
	asm_mov_ri(&c->a, x->t, too_large(i->op, ty, true) | sign);
	asm_alu_rr(&c->a, ALU_CMP, w, x->d, x->t);
	size_t large = asm_jcc8(&c->a, CC_AE);
	cvt(c, x->ref, OP_CVTTSD2SI, x->d, s);
	asm_jmp_to(&c->a, x->back);
	asm_fix8(&c->a, large);
	asm_mov_ri(&c->a, x->d, min);
	size_t done = asm_jmp8(&c->a);
	asm_fix8(&c->a, nan);
	asm_fix8(&c->a, positive);
	asm_mov_ri(&c->a, x->d, min - 1);
	asm_fix8(&c->a, done);
	asm_alu_mi(&c->a, ALU_OR, 4, mem_vcpu(ABI_OFF(raised)), FPU_IE);
	asm_jmp_to(&c->a, x->back);
}

/*
 * Between FFLAGS_SET and a look at the flags, as JavaScript engines test
 * whether a conversion was exact: invalid is noted in abi_state.raised.
 * Raised in MXCSR, it would have to be taken back there, and reading MXCSR
 * after it was written takes 75 ns on an Ice Lake.
 */
static void to_int_quietly(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	u8 ty = c->insn[i->a].type;
	struct opnd s = opnd_reg(use_reg(c, i->a));
	unsigned w = width_of(ty);

	consume(c, i->a);
	unsigned d = dest(c, ref, NOREG), t = alloc(c, false);
	struct cold *x = cold_new(c, cold_large);
	x->ref = ref;
	x->d = (u8)d;
	x->t = (u8)t;
	x->op[0] = s;
	asm_mov_ri(&c->a, t, too_large(i->op, ty, false) * 2);
	movd_from(c, w, d, s.reg);
	asm_alu_rr(&c->a, ALU_ADD, w, d, d);
	asm_alu_rr(&c->a, ALU_CMP, w, d, t);
	cold_jcc(c, x, CC_AE);
	cvt(c, ref, OP_CVTTSD2SI, d, s.reg);
	cold_back(c, x);
	define(c, ref, d, i->op == IR_F_TO_S32 ? FACT_ZX : 0);
}

/* op[1] is no i32, which its conversion to i64 could not raise. */
static void cold_narrow(struct cc *c, struct cold *x)
{
	cvt(c, x->ref, OP_CVTTSD2SI, x->d, x->op[1].reg);
	cold_saturate(c, x);
}

/* The rounded value is another: raise inexact. t is scratch. */
static void cold_inexact(struct cc *c, struct cold *x)
{
	cvt(c, x->ref, OP_CVTTSD2SI, x->t, x->op[0].reg);
	asm_jmp_to(&c->a, x->back);
}

static void round_to(struct cc *c, u8 ty, unsigned d, unsigned s, u8 how)
{
	u32 op = ty == IR_F32 ? OP_ROUNDSS : OP_ROUNDSD;

	if (c->f.avx)
		asm_vex_rr(&c->a, op, 4, d, s, s);
	else
		asm_rr(&c->a, op, 4, d, s);
	asm_u8(&c->a, how);
}

/* f is s without its fraction: one away from zero if that was a half. */
static void round_half_away(struct cc *c, u8 ty, unsigned f, struct opnd s)
{
	unsigned g = alloc(c, true);

	fp_op3(c, OP_SUBSD, ty, g, s.reg, opnd_reg(f));
	fp_op3(c, OP_ADDSD, ty, g, g, opnd_reg(g));
	round_to(c, ty, g, g, ROUND_TRUNC | ROUND_QUIET);
	fp_op3(c, OP_ADDSD, ty, f, f, opnd_reg(g));
}

/*
 * Round in a way that is no mode of the guest's, usually: floor, ceil, round.
 * What is too large for an i32 may have a fraction, and is not inexact.
 */
static void to_int_static(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	u8 ty = c->insn[i->a].type;
	bool narrow = i->op == IR_F_TO_S32;
	struct opnd s = opnd_reg(use_reg(c, i->a));
	struct cold *bad, *inexact = NULL;
	u8 how = i->aux == RM_RDN ? ROUND_DOWN :
	    i->aux == RM_RUP      ? ROUND_UP :
				    ROUND_TRUNC;

	consume(c, i->a);
	unsigned d = dest(c, ref, NOREG), f = alloc(c, true), k = NOREG;
	if (narrow)
		k = alloc(c, false);
	round_to(c, ty, f, s.reg, how | (narrow ? ROUND_QUIET : 0));
	if (i->aux == RM_RMM)
		round_half_away(c, ty, f, s);
	bad = cold_new(c, narrow ? cold_narrow : cold_saturate);
	bad->ref = ref;
	bad->d = (u8)d;
	bad->op[0] = s;
	bad->op[1] = opnd_reg(f);
	cvt_to(c, ref, OP_CVTTSD2SI, 8, d, f);
	if (narrow) {
		asm_rr(&c->a, OP_MOVSXD, 8, k, d);
		asm_alu_rr(&c->a, ALU_CMP, 8, k, d);
		cold_jcc(c, bad, CC_NE);
		inexact = cold_new(c, cold_inexact);
		inexact->ref = ref;
		inexact->t = (u8)k;
		inexact->op[0] = s;
		fp_op2(c, OP_UCOMISD, ty, f, s);
		cold_jcc(c, inexact, CC_NE);
		cold_back(c, inexact);
	} else {
		asm_alu_ri(&c->a, ALU_CMP, 8, d, 1);
		cold_jcc(c, bad, CC_O);
	}
	cold_back(c, bad);
	define(c, ref, d, 0);
}

static void emit_to_int(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	u8 ty = c->insn[i->a].type;
	bool is_signed = i->op == IR_F_TO_S32 || i->op == IR_F_TO_S64;
	bool truncates = i->aux == RM_RTZ;
	unsigned w = i->op == IR_F_TO_S32 ? 4 : 8;
	struct cold *x = NULL, *bad;
	struct opnd op[3];

	if (is_signed && truncates && c->s.flags_set) {
		to_int_quietly(c, ref);
		return;
	}
	if (is_signed && c->f.sse41 &&
	    (i->aux == RM_RDN || i->aux == RM_RUP || i->aux == RM_RMM)) {
		to_int_static(c, ref);
		return;
	}
	if (fp_needs_reference(c, ref)) {
		emit_reference(c, ref);
		return;
	}
	op[0] = opnd_reg(use_reg(c, i->a));
	consume(c, i->a);
	unsigned d = dest(c, ref, NOREG), k = NOREG;
	if (!is_signed)
		k = alloc(c, false);
	if (!truncates)
		x = fp_mode(c, ref, op, 1, d);
	if (is_signed) {
		bad = cold_new(c, cold_saturate);
		bad->ref = ref;
		bad->d = (u8)d;
		bad->op[0] = op[0];
	} else { /* negative numbers and NaNs are large as bits */
		bad = cold_reference(c, ref, op, 1, d);
		asm_mov_ri(&c->a, k, limit(i->op, ty, truncates));
		movd_from(c, width_of(ty), d, op[0].reg);
		asm_alu_rr(&c->a, ALU_CMP, width_of(ty), d, k);
		cold_jcc(c, bad, CC_AE);
	}
	cvt(c, ref, truncates ? OP_CVTTSD2SI : OP_CVTSD2SI, d, op[0].reg);
	if (is_signed) { /* d - 1 overflows for the indefinite value only */
		asm_alu_ri(&c->a, ALU_CMP, w, d, 1);
		cold_jcc(c, bad, CC_O);
	}
	cold_back(c, bad);
	if (x)
		cold_back(c, x);
	/* An u32 above 2^31 is zero-extended; the reference's result, too. */
	define(c, ref, d, w == 4 || i->op == IR_F_TO_U32 ? FACT_ZX : 0);
}

/* Zero; the rest is the reference's. d: the bits; t is scratch. */
static void cold_class(struct cc *c, struct cold *x)
{
	const struct ir_insn *i = &c->insn[x->ref];
	unsigned w = width_of(c->insn[i->a].type);

	asm_mov_rr(&c->a, w, x->t, x->d);
	asm_alu_rr(&c->a, ALU_ADD, w, x->t, x->t);
	cold_from(c, x->next, asm_jcc(&c->a, CC_NE));
	asm_shift_ri(&c->a, SH_SAR, w, x->d, 8 * w - 1);
	asm_alu_ri(&c->a, ALU_AND, w, x->d, 8 - 16);
	asm_alu_ri(&c->a, ALU_ADD, w, x->d, 16);
	asm_jmp_to(&c->a, x->back);
}

/* Normal numbers here: 2 or, without the sign, 64. */
void emit_class(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(c->insn[i->a].type);
	struct opnd op[3];

	op[0] = opnd_reg(use_reg(c, i->a));
	consume(c, i->a);
	unsigned d = dest(c, ref, NOREG), t = alloc(c, false);
	struct cold *x = cold_new(c, cold_class);
	struct cold *other = cold_reference(c, ref, op, 1, d); /* its next */
	x->ref = ref;
	x->d = (u8)d;
	x->t = (u8)t;
	movd_from(c, w, d, op[0].reg);
	asm_mov_rr(&c->a, w, t, d);
	asm_alu_rr(&c->a, ALU_ADD, w, t, t);
	asm_shift_ri(&c->a, SH_SHR, w, t, w == 8 ? 53 : 24);
	asm_alu_ri(&c->a, ALU_SUB, 4, t, 1);
	asm_alu_ri(&c->a, ALU_CMP, 4, t, w == 8 ? 2045 : 253);
	cold_jcc(c, x, CC_A);
	asm_shift_ri(&c->a, SH_SAR, w, d, 8 * w - 1);
	asm_alu_ri(&c->a, ALU_AND, w, d, 2 - 64);
	asm_alu_ri(&c->a, ALU_ADD, w, d, 64);
	cold_back(c, x);
	cold_back(c, other);
	define(c, ref, d, FACT_ZX | FACT_SX);
}

void emit_fp_convert(struct cc *c, ir_ref ref)
{
	switch (c->insn[ref].op) {
	case IR_FBITS: emit_fbits(c, ref); break;
	case IR_BITSF: emit_bitsf(c, ref); break;
	case IR_F64_TO_F32: emit_to_f32(c, ref); break;
	case IR_F32_TO_F64: emit_to_f64(c, ref); break;
	case IR_S32_TO_F:
	case IR_U32_TO_F:
	case IR_S64_TO_F:
	case IR_U64_TO_F: emit_from_int(c, ref); break;
	default: emit_to_int(c, ref); break;
	}
}

static void flags_get(struct cc *c, ir_ref ref)
{
	struct mem fpu = mem_vcpu(ABI_OFF(fpu));
	unsigned d = dest(c, ref, NOREG);

	asm_stmxcsr(&c->a, fpu);
	asm_load(&c->a, 4, d, fpu);
	asm_alu_rm(&c->a, ALU_OR, 4, d, mem_vcpu(ABI_OFF(raised)));
	asm_alu_ri(&c->a, ALU_AND, 4, d, FPU_FLAGS);
	asm_rm(&c->a, OP_MOVZX8, 4, d,
	    mem_index(VCPU, d, 0, HOST_OFF(HOST_FLAGS_GET)));
	define(c, ref, d, FACT_ZX | FACT_SX);
}

/* MXCSR is only written if it has a flag that is to go. */
static void flags_set(struct cc *c, ir_ref ref)
{
	struct mem fpu = mem_vcpu(ABI_OFF(fpu));
	struct mem raised = mem_vcpu(ABI_OFF(raised));
	unsigned s = use_reg(c, c->insn[ref].a), d = alloc(c, false);
	unsigned t = alloc(c, false);

	asm_mov_rr(&c->a, 4, t, s);
	asm_alu_ri(&c->a, ALU_AND, 4, t, 31);
	asm_rm(&c->a, OP_MOVZX8, 4, t,
	    mem_index(VCPU, t, 0, HOST_OFF(HOST_FLAGS_SET)));
	asm_stmxcsr(&c->a, fpu);
	asm_load(&c->a, 4, d, fpu);
	asm_store(&c->a, 4, raised, t);
	asm_alu_ri(&c->a, ALU_AND, 4, d, FPU_FLAGS & ~FPU_DE);
	asm_alu_rr(&c->a, ALU_OR, 4, d, t);
	asm_alu_rr(&c->a, ALU_CMP, 4, d, t);
	size_t none = asm_jcc8(&c->a, CC_E);
	asm_alu_mi(&c->a, ALU_AND, 4, fpu, (i32)~FPU_FLAGS);
	asm_ldmxcsr(&c->a, fpu);
	asm_fix8(&c->a, none);
	consume(c, c->insn[ref].a);
	c->s.flags_set = true;
}

/* RC for RM_RNE..RM_RUP, two bits each: 0 3 1 2. Others change nothing. */
#define RC_TABLE 0x9c

static void frm_set(struct cc *c, ir_ref ref)
{
	struct mem fpu = mem_vcpu(ABI_OFF(fpu));

	use_in(c, c->insn[ref].a, RCX);
	unsigned d = alloc(c, false), t = alloc(c, false);
	asm_store(&c->a, 4, mem_vcpu(ABI_OFF(frm)), RCX);
	asm_alu_ri(&c->a, ALU_CMP, 4, RCX, RM_RUP);
	size_t skip = asm_jcc8(&c->a, CC_A);
	asm_stmxcsr(&c->a, fpu);
	asm_load(&c->a, 4, d, fpu);
	asm_alu_ri(&c->a, ALU_AND, 4, d, ~(3 << 13));
	asm_mov_ri(&c->a, t, RC_TABLE);
	asm_alu_rr(&c->a, ALU_ADD, 4, RCX, RCX);
	asm_shift_rc(&c->a, SH_SHR, 4, t);
	asm_alu_ri(&c->a, ALU_AND, 4, t, 3);
	asm_shift_ri(&c->a, SH_SHL, 4, t, 13);
	asm_alu_rr(&c->a, ALU_OR, 4, d, t);
	asm_store(&c->a, 4, fpu, d);
	asm_ldmxcsr(&c->a, fpu);
	asm_fix8(&c->a, skip);
	c->s.frm_set = true;
}

void emit_fp_state(struct cc *c, ir_ref ref)
{
	switch (c->insn[ref].op) {
	case IR_FFLAGS_GET: flags_get(c, ref); break;
	case IR_FFLAGS_SET: flags_set(c, ref); break;
	default: frm_set(c, ref); break;
	}
}
