/*
 * fp.c - floating-point arithmetic, compares and bit operations.
 *
 * The host's unit computes, in the guest's rounding mode, and its sticky
 * flags are the guest's. What differs from ops.def is repaired:
 *   - NaN results are canonical there. The host gives another default NaN
 *     or an operand's, so a result is tested if somebody can tell (scan.c:
 *     nan_seen); the cold path loads the canonical one. One ucomis tests
 *     two results: the first one waits, untested in its pin, until the next
 *     comes or anything might see it (settle).
 *   - a fused multiply-add with inf * 0 + quiet NaN raises invalid there,
 *     not on the host: its cold path multiplies once more.
 *   - a static rounding mode is only taken natively when it is the dynamic
 *     one at the moment; RMM goes to the reference.
 *   - FMIN and FMAX take the host's instruction for ordered, different
 *     operands only.
 *
 * Scalar instructions keep the bits above the element from their first
 * source, so an f32 computed from boxed ones is boxed.
 */
#include "backend/x86_64/cc.h"

void fp_mov(struct cc *c, unsigned d, unsigned s)
{
	if (d == s)
		return;
	if (!c->f.avx)
		asm_rr(&c->a, OP_MOVAPS, 4, d, s);
	else if (s >= XMM8 && d < XMM8) /* the store form is shorter */
		asm_vex_rr(&c->a, OP_MOVAPS + 1, 4, s, 0, d);
	else
		asm_vex_rr(&c->a, OP_MOVAPS, 4, d, 0, s);
}

void fp_load(struct cc *c, unsigned d, struct mem m)
{
	if (c->f.avx)
		asm_vex_rm(&c->a, OP_MOVSD_LOAD, 4, d, 0, m);
	else
		asm_rm(&c->a, OP_MOVSD_LOAD, 4, d, m);
}

void fp_store(struct cc *c, struct mem m, unsigned s)
{
	if (c->f.avx)
		asm_vex_rm(&c->a, OP_MOVSD_STORE, 4, s, 0, m);
	else
		asm_rm(&c->a, OP_MOVSD_STORE, 4, s, m);
}

static u32 typed(u32 op, u8 ty)
{
	return ty == IR_F32 ? asm_f32_op(op) : op;
}

void fp_op2(struct cc *c, u32 op, u8 ty, unsigned reg, struct opnd o)
{
	op = typed(op, ty);
	if (o.kind == OPND_MEM && c->f.avx)
		asm_vex_rm(&c->a, op, 4, reg, 0, o.mem);
	else if (o.kind == OPND_MEM)
		asm_rm(&c->a, op, 4, reg, o.mem);
	else if (c->f.avx)
		asm_vex_rr(&c->a, op, 4, reg, 0, o.reg);
	else
		asm_rr(&c->a, op, 4, reg, o.reg);
}

static bool fp_commutes(u32 op)
{
	switch (op) {
	case OP_SUBSD:
	case OP_DIVSD:
	case OP_ANDNPS:
	case OP_CVTSD2SS:
	case OP_CVTSS2SD:
	case OP_SQRTSD: return false;
	default: return true;
	}
}

void fp_op3(
    struct cc *c, u32 op, u8 ty, unsigned d, unsigned s1, struct opnd s2)
{
	u32 top = typed(op, ty);

	if (c->f.avx) {
		if (s2.kind == OPND_MEM)
			asm_vex_rm(&c->a, top, 4, d, s1, s2.mem);
		else
			asm_vex_rr(&c->a, top, 4, d, s1, s2.reg);
		return;
	}
	bool clash = s2.kind == OPND_REG && s2.reg == d && s1 != d;
	if (clash && fp_commutes(op)) {
		s2.reg = (u8)s1;
		s1 = d;
	} else if (clash) {
		/* A memory word, as every scratch register may be taken. */
		struct mem m = mem_vcpu(ABI_TMP_OFF(0));
		fp_store(c, m, d);
		s2 = opnd_mem(m);
	}
	fp_mov(c, d, s1);
	fp_op2(c, op, ty, d, s2);
}

/* d = s1 op constant: packed bit operation, d != scratch of the caller. */
void fp_bits(
    struct cc *c, u32 op, unsigned d, unsigned s1, enum x86_host constant)
{
	struct mem m = mem_vcpu(HOST_OFF(constant));

	if (c->f.avx) {
		asm_vex_rm(&c->a, op, 4, d, s1, m);
		return;
	}
	/* Legacy memory operands must be aligned. */
	unsigned t = alloc(c, true);
	fp_load(c, t, m);
	fp_op3(c, op, IR_VOID, d, s1, opnd_reg(t));
	unlock(c, t);
}

/* Cold: d is a NaN. */
static void cold_nan(struct cc *c, struct cold *x)
{
	fp_load(c, x->d, mem_vcpu(HOST_OFF((i32)x->arg)));
	asm_jmp_to(&c->a, x->back);
}

static u64 nan_const(u8 ty)
{
	return ty == IR_F32 ? HOST_NAN32 : HOST_NAN64;
}

static u8 fp_facts(u8 ty)
{
	return ty == IR_F32 ? FACT_BOX | FACT_CANON : FACT_CANON;
}

/* Cold: d or t or both are NaNs. */
static void cold_nans(struct cc *c, struct cold *x)
{
	struct mem nan = mem_vcpu(HOST_OFF((i32)x->arg));
	u8 ty = x->arg == HOST_NAN32 ? IR_F32 : IR_F64;

	fp_op2(c, OP_UCOMISD, ty, x->t, opnd_reg(x->t));
	size_t skip = asm_jcc8(&c->a, CC_NP);
	fp_load(c, x->t, nan);
	asm_fix8(&c->a, skip);
	fp_op2(c, OP_UCOMISD, ty, x->d, opnd_reg(x->d));
	asm_fix(&c->a, asm_jcc(&c->a, CC_NP), x->back);
	cold_nan(c, x);
}

/* Test d, and in the same instruction t, which may be d. */
static void test_nans(struct cc *c, u8 ty, unsigned d, unsigned t)
{
	struct cold *n = cold_new(c, d == t ? cold_nan : cold_nans);

	n->d = (u8)d;
	n->t = (u8)t;
	n->arg = nan_const(ty);
	fp_op2(c, OP_UCOMISD, ty, d, opnd_reg(t));
	cold_jcc(c, n, CC_P);
	cold_back(c, n);
}

void settle(struct cc *c)
{
	struct untested u = c->untested;

	if (u.reg == NOREG)
		return;
	c->untested.reg = NOREG;
	test_nans(c, u.type, u.reg, u.reg);
}

/* Is the result in the pin that it is put to before anything looks? */
static bool in_its_pin(struct cc *c, ir_ref ref, unsigned d)
{
	u8 slot = c->info[ref].hint;

	return slot != HINT_NONE && c->slot_pin[slot] == d;
}

void fp_result(struct cc *c, ir_ref ref, unsigned d, struct cold *x)
{
	u8 ty = c->insn[ref].type;

	/* The reference's result is tested, too: so may be an older one. */
	if (x)
		cold_back(c, x);
	if (c->info[ref].nan_seen) {
		struct untested *u = &c->untested;
		if (u->reg != NOREG && u->type == ty) {
			test_nans(c, ty, d, u->reg);
			u->reg = NOREG;
		} else if (u->reg == NOREG && in_its_pin(c, ref, d)) {
			*u = (struct untested){ (u8)d, ty, ref };
		} else {
			test_nans(c, ty, d, d);
		}
	}
	define(c, ref, d, fp_facts(ty));
}

bool fp_needs_reference(struct cc *c, ir_ref ref)
{
	return c->insn[ref].aux == RM_RMM;
}

struct cold *fp_mode(
    struct cc *c, ir_ref ref, const struct opnd op[3], unsigned n, unsigned d)
{
	u16 rm = c->insn[ref].aux;
	struct mem frm = mem_vcpu(ABI_OFF(frm));

	/* The runtime starts native code in modes that the host has only. */
	if (rm == RM_DYN && !c->s.frm_set)
		return NULL;
	struct cold *x = cold_reference(c, ref, op, n, d);
	asm_alu_mi(&c->a, ALU_CMP, 4, frm, rm == RM_DYN ? RM_RUP : rm);
	cold_jcc(c, x, rm == RM_DYN ? CC_A : CC_NE);
	return x;
}

static u32 arith_op(u8 op)
{
	switch (op) {
	case IR_FADD: return OP_ADDSD;
	case IR_FSUB: return OP_SUBSD;
	case IR_FMUL: return OP_MULSD;
	default: return OP_DIVSD;
	}
}

static void emit_arith(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	struct opnd op[3];

	op[1] = fetch(c, i->b, 8, TAKE_MEM);
	op[0] = opnd_reg(use_reg(c, i->a));
	consume(c, i->a);
	consume(c, i->b);
	unsigned d = dest(c, ref, op[0].reg);
	struct cold *x = fp_mode(c, ref, op, 2, d);
	fp_op3(c, arith_op(i->op), i->type, d, op[0].reg, op[1]);
	fp_result(c, ref, d, x);
}

static void emit_sqrt(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	struct opnd op[3] = { opnd_reg(use_reg(c, i->a)) };

	consume(c, i->a);
	unsigned d = dest(c, ref, op[0].reg);
	struct cold *x = fp_mode(c, ref, op, 1, d);
	/* Both sources: the bits above come from the first. */
	fp_op3(c, OP_SQRTSD, i->type, d, op[0].reg, op[0]);
	fp_result(c, ref, d, x);
}

/*
 * Cold: d is a NaN; was it inf * 0 + quiet NaN? a * b with clear flags
 * tells: it is invalid then (or for a signalling NaN, already raised).
 */
static void cold_fma(struct cc *c, struct cold *x)
{
	struct mem fpu = mem_vcpu(ABI_OFF(fpu));
	struct mem t0 = mem_vcpu(ABI_TMP_OFF(0)), t1 = mem_vcpu(ABI_TMP_OFF(1));
	u8 ty = c->insn[x->ref].type;

	if (x->t != x->d) { /* another result was tested with it */
		fp_op2(c, OP_UCOMISD, ty, x->t, opnd_reg(x->t));
		size_t skip = asm_jcc8(&c->a, CC_NP);
		fp_load(c, x->t, mem_vcpu(HOST_OFF((i32)nan_const(ty))));
		asm_fix8(&c->a, skip);
		fp_op2(c, OP_UCOMISD, ty, x->d, opnd_reg(x->d));
		asm_fix(&c->a, asm_jcc(&c->a, CC_NP), x->back);
	}
	asm_store(&c->a, 8, t1, RAX);
	asm_stmxcsr(&c->a, fpu);
	asm_load(&c->a, 4, RAX, fpu);
	asm_alu_ri(&c->a, ALU_AND, 4, RAX, ~0x3f);
	asm_store(&c->a, 4, t0, RAX);
	asm_ldmxcsr(&c->a, t0);
	fp_op3(c, OP_MULSD, ty, x->d, x->op[0].reg, x->op[1]);
	asm_stmxcsr(&c->a, t0);
	asm_load(&c->a, 4, RAX, t0);
	asm_alu_ri(&c->a, ALU_AND, 4, RAX, 1);
	asm_alu_mr(&c->a, ALU_OR, 4, fpu, RAX);
	asm_ldmxcsr(&c->a, fpu);
	asm_load(&c->a, 8, RAX, t1);
	fp_load(c, x->d, mem_vcpu(HOST_OFF((i32)nan_const(ty))));
	asm_jmp_to(&c->a, x->back);
}

static u32 fma_op(u8 op)
{
	switch (op) {
	case IR_FMADD: return OP_FMADD132;
	case IR_FMSUB: return OP_FMSUB132;
	case IR_FNMADD: return OP_FNMSUB132; /* -(a*b) - c */
	default: return OP_FNMADD132; /* -(a*b) + c */
	}
}
#define FMA_213 0x10
#define FMA_231 0x20

/* A scratch register that dies here, or any operand's. */
static unsigned fma_prefer(const struct opnd op[3])
{
	for (int k = 2; k >= 0; k--)
		if (is_scratch(op[k].reg))
			return op[k].reg;
	return NOREG;
}

static void fma_emit(
    struct cc *c, u32 op, u8 ty, unsigned d, unsigned v, unsigned rm)
{
	/* W chooses the element here. */
	asm_vex_rr(&c->a, op, ty == IR_F64 ? 8 : 4, d, v, rm);
}

static void emit_fma(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	u32 o = fma_op(i->op);
	struct opnd op[3];

	if (!c->f.fma) {
		emit_reference(c, ref);
		return;
	}
	if (i->aux != RM_DYN || c->s.frm_set)
		settle(c); /* the reference's way does not test it */
	op[0] = opnd_reg(use_reg(c, i->a));
	op[1] = opnd_reg(use_reg(c, i->b));
	op[2] = opnd_reg(use_reg(c, i->c));
	consume(c, i->a);
	consume(c, i->b);
	consume(c, i->c);
	unsigned a = op[0].reg, b = op[1].reg, z = op[2].reg;
	unsigned d = dest(c, ref, fma_prefer(op));
	/* The cold path wants a and b as they were. */
	unsigned t = d == a || d == b ? alloc(c, true) : NOREG;
	struct cold *x = fp_mode(c, ref, op, 3, d);
	if (t != NOREG)
		fp_mov(c, t, d);
	if (d == z) {
		fma_emit(c, o + FMA_231, i->type, d, a, b);
	} else if (d == a) {
		fma_emit(c, o + FMA_213, i->type, d, b, z);
	} else if (d == b) {
		fma_emit(c, o + FMA_213, i->type, d, a, z);
	} else {
		fp_mov(c, d, z);
		fma_emit(c, o + FMA_231, i->type, d, a, b);
	}
	struct cold *n = cold_new(c, cold_fma);
	bool pair = c->untested.reg != NOREG && c->untested.type == i->type;
	n->ref = ref;
	n->d = (u8)d;
	n->t = pair ? c->untested.reg : (u8)d;
	n->op[0] = opnd_reg(d == a ? t : a);
	n->op[1] = opnd_reg(d == b ? t : b);
	fp_op2(c, OP_UCOMISD, i->type, d, opnd_reg(n->t));
	if (pair)
		c->untested.reg = NOREG;
	cold_jcc(c, n, CC_P);
	cold_back(c, n);
	if (x)
		cold_back(c, x);
	define(c, ref, d, fp_facts(i->type));
}

/* Cold: equal operands, which differ only as zeros of two signs. */
static void cold_equal(struct cc *c, struct cold *x)
{
	u32 op = c->insn[x->ref].op == IR_FMIN ? OP_ORPS : OP_ANDPS;

	fp_op3(c, op, IR_VOID, x->d, x->op[0].reg, x->op[1]);
	asm_jmp_to(&c->a, x->back);
}

static void emit_min_max(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	struct opnd op[3];

	op[0] = opnd_reg(use_reg(c, i->a));
	op[1] = opnd_reg(use_reg(c, i->b));
	consume(c, i->a);
	consume(c, i->b);
	unsigned d = dest(c, ref, op[0].reg);
	struct cold *nan = cold_reference(c, ref, op, 2, d);
	struct cold *eq = cold_new(c, cold_equal);
	eq->ref = ref;
	eq->d = (u8)d;
	eq->op[0] = op[0];
	eq->op[1] = op[1];
	fp_op2(c, OP_UCOMISD, i->type, op[0].reg, op[1]);
	cold_jcc(c, nan, CC_P);
	cold_jcc(c, eq, CC_E);
	fp_op3(c, i->op == IR_FMIN ? OP_MINSD : OP_MAXSD, i->type, d, op[0].reg,
	    op[1]);
	cold_back(c, nan);
	cold_back(c, eq);
	define(c, ref, d, fp_facts(i->type));
}

void emit_fp_arith(struct cc *c, ir_ref ref)
{
	switch (c->insn[ref].op) {
	case IR_FMIN:
	case IR_FMAX: emit_min_max(c, ref); return;
	default: break;
	}
	if (fp_needs_reference(c, ref)) {
		emit_reference(c, ref);
		return;
	}
	switch (c->insn[ref].op) {
	case IR_FSQRT: emit_sqrt(c, ref); break;
	case IR_FMADD:
	case IR_FMSUB:
	case IR_FNMADD:
	case IR_FNMSUB: emit_fma(c, ref); break;
	default: emit_arith(c, ref); break;
	}
}

/* Operands are consumed. a < b is b > a: unordered is false that way. */
struct cond emit_fp_compare(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	bool eq = i->op == IR_FEQ;
	ir_ref x = eq ? i->a : i->b, y = eq ? i->b : i->a;
	u8 ty = c->insn[i->a].type;
	struct opnd o = fetch(c, y, 8, TAKE_MEM);
	unsigned r = use_reg(c, x);

	consume(c, x);
	consume(c, y);
	struct cond k = { .feq = eq,
		.start = c->a.len,
		.cc = eq            ? CC_E :
		    i->op == IR_FLT ? CC_A :
				      CC_AE };
	fp_op2(c, eq ? OP_UCOMISD : OP_COMISD, ty, r, o);
	return k;
}

static void emit_sign(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	bool single = i->type == IR_F32;
	unsigned a = use_reg(c, i->a);

	consume(c, i->a);
	unsigned d = dest(c, ref, a);
	if (i->op == IR_FNEG)
		fp_bits(c, OP_XORPS, d, a, single ? HOST_SIGN32 : HOST_SIGN64);
	else
		fp_bits(c, OP_ANDPS, d, a, single ? HOST_ABS32 : HOST_ABS64);
	define(c, ref, d, single ? FACT_BOX : 0);
}

static void emit_copysign(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	bool single = i->type == IR_F32;
	unsigned a = use_reg(c, i->a), b = use_reg(c, i->b);

	unsigned t = alloc(c, true);
	fp_bits(c, OP_ANDPS, t, b, single ? HOST_SIGN32 : HOST_SIGN64);
	if (is_scratch(b) && b != a)
		unlock(c, b);
	consume(c, i->a);
	consume(c, i->b);
	unsigned d = dest(c, ref, a);
	fp_bits(c, OP_ANDPS, d, a, single ? HOST_ABS32 : HOST_ABS64);
	fp_op3(c, OP_ORPS, IR_VOID, d, d, opnd_reg(t));
	define(c, ref, d, single ? FACT_BOX : 0);
}

/*
 * Any bits may come here, a signalling NaN must not raise invalid: compare
 * the bits without the sign.
 */
static void emit_canon(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	unsigned w = width_of(i->type);

	/* (A boxed f32 seen as an f64 is a NaN of another kind.) */
	if ((facts(c, i->a) & FACT_CANON) &&
	    (w == 4 || !(facts(c, i->a) & FACT_BOX))) {
		define_alias(c, ref, i->a);
		consume(c, i->a);
		return;
	}
	settle(c);
	unsigned a = use_reg(c, i->a);
	consume(c, i->a);
	unsigned d = dest(c, ref, a);
	unsigned t = alloc(c, false), k = alloc(c, false);
	fp_mov(c, d, a);
	asm_mov_ri(&c->a, k, w == 8 ? 0xffe0000000000000 : 0xff000000);
	movd_from(c, w, t, d);
	asm_alu_rr(&c->a, ALU_ADD, w, t, t);
	asm_alu_rr(&c->a, ALU_CMP, w, t, k);
	struct cold *n = cold_new(c, cold_nan);
	n->d = (u8)d;
	n->arg = nan_const(i->type);
	cold_jcc(c, n, CC_A);
	cold_back(c, n);
	define(c, ref, d, fp_facts(i->type));
}

static void emit_unbox(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];

	if (facts(c, i->a) & FACT_BOX) {
		define_alias(c, ref, i->a);
		consume(c, i->a);
		return;
	}
	settle(c);
	unsigned a = use_reg(c, i->a);
	consume(c, i->a);
	unsigned d = dest(c, ref, a), t = alloc(c, false);
	fp_mov(c, d, a);
	movd_from(c, 8, t, d);
	asm_shift_ri(&c->a, SH_SAR, 8, t, 32);
	asm_alu_ri(&c->a, ALU_CMP, 4, t, -1);
	struct cold *n = cold_new(c, cold_nan);
	n->d = (u8)d;
	n->arg = HOST_NAN32;
	cold_jcc(c, n, CC_NE);
	cold_back(c, n);
	define(c, ref, d, FACT_BOX);
}

/* Ops on bits: no flags, no rounding. */
void emit_fp(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];

	switch (i->op) {
	case IR_FNEG:
	case IR_FABS: emit_sign(c, ref); break;
	case IR_FCOPYSIGN: emit_copysign(c, ref); break;
	case IR_FCANON: emit_canon(c, ref); break;
	case IR_F32_UNBOX: emit_unbox(c, ref); break;
	case IR_F32_BOX:
		define_alias(c, ref, i->a);
		consume(c, i->a);
		break;
	default: emit_class(c, ref); break;
	}
}
