/*
 * eval_fp_host.c - eval's integer-only floating point against the host's
 * own unit, in its four rounding modes, results and flags; and the fifth
 * mode, which x86 lacks, against the other four.
 *
 * Operands are drawn so that the interesting cases meet: near each other,
 * near the limits, subnormal, short significands (ties), infinities, NaNs.
 */
#include <criterion/criterion.h>

#include <immintrin.h>

#include "translator/eval.h"
#include "translator/fpu.h"

struct rng {
	u64 s;
};

static u64 next(struct rng *g)
{
	g->s ^= g->s << 13;
	g->s ^= g->s >> 7;
	g->s ^= g->s << 17;
	return g->s * 0x2545f4914f6cdd1dull;
}

/* A value of `w` bits whose exponent has `eb` bits. */
static u64 pick(struct rng *g, unsigned w, unsigned eb)
{
	unsigned fb = w - 1 - eb;
	u64 emax = (1ull << eb) - 1, bias = emax >> 1;
	u64 r = next(g), frac = next(g) & ((1ull << fb) - 1), e;
	u64 sign = (r & 1) << (w - 1);

	switch (r >> 1 & 7) {
	case 0: e = r >> 8 & emax; break;
	case 1: e = r >> 8 & 1 ? emax : 0; break;
	case 2: e = (r >> 8 & 63) % emax; break; /* small */
	case 3: e = emax - 1 - (r >> 8 & 3); break; /* large */
	default: e = bias - 4 + (r >> 8 & 7); break;
	}
	switch (r >> 4 & 3) {
	case 0: frac &= frac >> 1 & 7ull << (r >> 20 & 31) % fb; break;
	case 1:
		frac =
		    (r >> 40 & 1 ? frac : 0 - (frac & 3)) & ((1ull << fb) - 1);
		break;
	default: break;
	}
	return sign | e << fb | frac;
}

static double as_d(u64 v)
{
	double d;
	memcpy(&d, &v, 8);
	return d;
}

static float as_s(u64 v)
{
	float s;
	memcpy(&s, &v, 4);
	return s;
}

static u64 of_d(double d)
{
	u64 v;
	memcpy(&v, &d, 8);
	return v;
}

static u64 of_s(float s)
{
	u32 v;
	memcpy(&v, &s, 4);
	return v;
}

#define D(i) as_d(a[i])
#define S(i) as_s(a[i])

/*
 * Each op is one instruction that compilers may neither move nor fold, in a
 * function that is only called through the table.
 */
#define HOST2(name, ins, type, in, out) \
	static u64 name(const u64 *a) \
	{ \
		type r = in(0), b = in(1); \
		__asm__ volatile(ins " %1, %0" : "+x"(r) : "x"(b)); \
		return out(r); \
	}
#define HOST3(name, ins, type, in, out) \
	static u64 name(const u64 *a) \
	{ \
		type r = in(0), b = in(1), c = in(2); \
		__asm__ volatile(ins " %2, %1, %0" \
				 : "+x"(r) \
				 : "x"(b), "x"(c)); \
		return out(r); \
	}
#define BOTH2(name, ins) \
	HOST2(name##_d, ins "sd", double, D, of_d) \
	HOST2(name##_s, ins "ss", float, S, of_s)
#define BOTH3(name, ins) \
	HOST3(name##_d, ins "sd", double, D, of_d) \
	HOST3(name##_s, ins "ss", float, S, of_s)
/* From or to another type: constraint of the result and the operand. */
#define CONVERT(name, ins, rtype, rc, out, ac, in) \
	static u64 name(const u64 *a) \
	{ \
		rtype r; \
		__asm__ volatile(ins " %1, %0" : "=" rc(r) : ac(in)); \
		return out(r); \
	}

BOTH2(h_add, "add")
BOTH2(h_sub, "sub")
BOTH2(h_mul, "mul")
BOTH2(h_div, "div")
BOTH3(h_fmadd, "vfmadd213")
BOTH3(h_fmsub, "vfmsub213")
BOTH3(h_fnmadd, "vfnmsub213")
BOTH3(h_fnmsub, "vfnmadd213")
CONVERT(h_sqrt_d, "sqrtsd", double, "x", of_d, "x", D(0))
CONVERT(h_sqrt_s, "sqrtss", float, "x", of_s, "x", S(0))
CONVERT(h_d2s, "cvtsd2ss", float, "x", of_s, "x", D(0))
CONVERT(h_s2d, "cvtss2sd", double, "x", of_d, "x", S(0))
CONVERT(h_l2d, "cvtsi2sdq", double, "x", of_d, "r", a[0])
CONVERT(h_l2s, "cvtsi2ssq", float, "x", of_s, "r", a[0])
CONVERT(h_w2s, "cvtsi2ssl", float, "x", of_s, "r", (u32)a[0])
CONVERT(h_d2l, "cvtsd2si", u64, "r", (u64), "x", D(0))
CONVERT(h_s2l, "cvtss2si", u64, "r", (u64), "x", S(0))
CONVERT(h_d2w, "cvtsd2si", u32, "r", (u64), "x", D(0))
HOST2(h_feq, "cmpeqsd", double, D, 1 & of_d)
HOST2(h_flt, "cmpltsd", double, D, 1 & of_d)
HOST2(h_fle, "cmplesd", double, D, 1 & of_d)

static const struct host_op {
	u8 op, ty, at; /* result type, operand types */
	u64 (*run)(const u64 *a);
} host_ops[] = {
	{ IR_FADD, IR_F64, IR_F64, h_add_d },
	{ IR_FADD, IR_F32, IR_F32, h_add_s },
	{ IR_FSUB, IR_F64, IR_F64, h_sub_d },
	{ IR_FSUB, IR_F32, IR_F32, h_sub_s },
	{ IR_FMUL, IR_F64, IR_F64, h_mul_d },
	{ IR_FMUL, IR_F32, IR_F32, h_mul_s },
	{ IR_FDIV, IR_F64, IR_F64, h_div_d },
	{ IR_FDIV, IR_F32, IR_F32, h_div_s },
	{ IR_FSQRT, IR_F64, IR_F64, h_sqrt_d },
	{ IR_FSQRT, IR_F32, IR_F32, h_sqrt_s },
	{ IR_F64_TO_F32, IR_F32, IR_F64, h_d2s },
	{ IR_F32_TO_F64, IR_F64, IR_F32, h_s2d },
	{ IR_S64_TO_F, IR_F64, IR_I64, h_l2d },
	{ IR_S64_TO_F, IR_F32, IR_I64, h_l2s },
	{ IR_S32_TO_F, IR_F32, IR_I32, h_w2s },
	{ IR_F_TO_S64, IR_I64, IR_F64, h_d2l },
	{ IR_F_TO_S64, IR_I64, IR_F32, h_s2l },
	{ IR_F_TO_S32, IR_I32, IR_F64, h_d2w },
	{ IR_FEQ, IR_I1, IR_F64, h_feq },
	{ IR_FLT, IR_I1, IR_F64, h_flt },
	{ IR_FLE, IR_I1, IR_F64, h_fle },
	{ IR_FMADD, IR_F64, IR_F64, h_fmadd_d },
	{ IR_FMADD, IR_F32, IR_F32, h_fmadd_s },
	{ IR_FMSUB, IR_F64, IR_F64, h_fmsub_d },
	{ IR_FMSUB, IR_F32, IR_F32, h_fmsub_s },
	{ IR_FNMADD, IR_F64, IR_F64, h_fnmadd_d },
	{ IR_FNMADD, IR_F32, IR_F32, h_fnmadd_s },
	{ IR_FNMSUB, IR_F64, IR_F64, h_fnmsub_d },
	{ IR_FNMSUB, IR_F32, IR_F32, h_fnmsub_s },
};

static bool is_nan(u8 ty, u64 v)
{
	return ty == IR_F32 ? (u32)(v << 1) > 0xff000000u :
	    ty == IR_F64    ? v << 1 > 0x7ffull << 53 :
			      false;
}

static bool is_fma(u8 op)
{
	return op >= IR_FMADD && op <= IR_FNMSUB;
}

static u64 operand(struct rng *g, u8 at)
{
	u64 r;
	switch (at) {
	case IR_F32: return pick(g, 32, 8);
	case IR_F64: return pick(g, 64, 11);
	default:
		r = next(g);
		r = (u64)((i64)next(g) >> (r & 63));
		return at == IR_I32 ? (u32)r : r;
	}
}

static void check_one(const struct host_op *h, const u64 a[3], u32 rm)
{
	u8 at[3] = { h->at, h->at, h->at };
	struct eval_fp fp = { .rm = rm };
	u64 mine = eval_op(h->op, h->ty, RM_DYN, at, a, &fp);

	u32 old = _mm_getcsr();
	_mm_setcsr(fpu_make_word(rm, 0));
	u64 host = h->run(a);
	u32 flags = fpu_flags(_mm_getcsr());
	_mm_setcsr(old);

	if (is_nan(h->ty, host) && is_nan(h->ty, mine))
		host = mine;
	/* A conversion that does not fit: x86 has one answer for all. */
	if ((h->op == IR_F_TO_S64 || h->op == IR_F_TO_S32) && flags == FPX_NV &&
	    fp.flags == FPX_NV)
		host = mine;
	/* inf * 0 + quiet NaN: x86 is silent there. */
	if (is_fma(h->op) && fp.flags == FPX_NV && !flags &&
	    is_nan(h->at, a[2]))
		flags = FPX_NV;
	cr_assert(mine == host && fp.flags == flags,
	    "%s type %u rm %u (%lx, %lx, %lx): eval %lx flags %x, "
	    "host %lx flags %x",
	    ir_opinfo[h->op].text, h->ty, rm, a[0], a[1], a[2], mine, fp.flags,
	    host, flags);
}

Test(eval_fp_host, four_modes)
{
	struct rng g = { 88172645463325252ull };

	for (size_t i = 0; i < ARRAY_LEN(host_ops); i++) {
		const struct host_op *h = &host_ops[i];
		if (is_fma(h->op) && !__builtin_cpu_supports("fma"))
			continue;
		for (unsigned n = 0; n < 30000; n++) {
			u64 a[3] = { operand(&g, h->at), operand(&g, h->at),
				operand(&g, h->at) };
			for (u32 rm = RM_RNE; rm <= RM_RUP; rm++)
				check_one(h, a, rm);
		}
	}
}

/*
 * Ties to the larger magnitude: unless the exact value lies halfway, that
 * is RNE's answer; halfway, it is the neighbour away from zero. The exact
 * value is halfway when it is exactly representable in one more bit: take
 * f32 sums and products, which f64 and x87's format hold exactly.
 */
Test(eval_fp_host, ties_to_max_magnitude)
{
	struct rng g = { 362436069362436069ull };
	static const u8 at[3] = { IR_F32, IR_F32, IR_F32 };
	unsigned ties = 0;

	for (unsigned n = 0; n < 300000; n++) {
		u64 a[3] = { pick(&g, 32, 8), pick(&g, 32, 8) & ~0xfffull };
		double exact = (double)as_s(a[0]) * as_s(a[1]);
		struct eval_fp near = { .rm = RM_RNE }, up = { .rm = RM_RUP };
		struct eval_fp down = { .rm = RM_RDN }, max = { .rm = RM_RMM };
		u64 vn = eval_op(IR_FMUL, IR_F32, RM_DYN, at, a, &near);
		u64 vu = eval_op(IR_FMUL, IR_F32, RM_DYN, at, a, &up);
		u64 vd = eval_op(IR_FMUL, IR_F32, RM_DYN, at, a, &down);
		u64 vm = eval_op(IR_FMUL, IR_F32, RM_DYN, at, a, &max);

		if (exact != exact || near.flags & (FPX_OF | FPX_UF))
			continue;
		double lo = (double)as_s(vd), hi = (double)as_s(vu);
		u64 want = vn;
		if (lo != hi && exact - lo == hi - exact) {
			want = exact < 0 ? vd : vu;
			ties++;
		}
		cr_assert(vm == want && max.flags == near.flags,
		    "%lx * %lx: %lx, want %lx", a[0], a[1], vm, want);
	}
	cr_assert(ties > 100, "only %u ties", ties);
}
