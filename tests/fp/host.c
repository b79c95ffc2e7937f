/*
 * host.c - the host's floating-point unit as an oracle: scalar SSE2 and FMA
 * instructions between two accesses to MXCSR, whose rounding is correct by
 * IEEE 754 in four of the five modes. What RISC-V defines otherwise is put
 * right here: every NaN is the canonical one, inf * 0 + NaN is invalid, and
 * conversions saturate.
 */
#include <string.h>

#include "tests/fp/bits.h"

/* Of MXCSR: all exceptions masked; the modes RNE RTZ RDN RUP. */
#define MASKED 0x1f80u
static const u32 mxcsr_rc[] = { 0, 3u << 13, 1u << 13, 2u << 13 };

static u32 flags_of(u32 mxcsr)
{
	return (mxcsr & 1 ? FP_NV : 0) | (mxcsr & 4 ? FP_DZ : 0) |
	    (mxcsr & 8 ? FP_OF : 0) | (mxcsr & 16 ? FP_UF : 0) |
	    (mxcsr & 32 ? FP_NX : 0);
}

/* One instruction between ldmxcsr and stmxcsr. */
#define RUN(text, x, y, z) \
	__asm__ volatile("ldmxcsr %1\n" text "\nstmxcsr %1\n" \
			 "ldmxcsr %4" \
			 : "+x"(x), "+m"(csr) \
			 : "x"(y), "x"(z), "m"(plain))

static const u32 plain = MASKED;

#define ARITHMETIC(name, type, s) \
	static u32 name(u8 kind, u32 csr, type *r, type b, type c) \
	{ \
		type a = *r; \
		switch (kind) { \
		case FP_ADD: RUN("adds" s " %2, %0", a, b, b); break; \
		case FP_SUB: RUN("subs" s " %2, %0", a, b, b); break; \
		case FP_MUL: RUN("muls" s " %2, %0", a, b, b); break; \
		case FP_DIV: RUN("divs" s " %2, %0", a, b, b); break; \
		case FP_SQRT: RUN("sqrts" s " %0, %0", a, b, b); break; \
		case FP_MADD: RUN("vfmadd213s" s " %3, %2, %0", a, b, c); \
		    break; \
		case FP_MSUB: RUN("vfmsub213s" s " %3, %2, %0", a, b, c); \
		    break; \
		case FP_NMSUB: \
			RUN("vfnmadd213s" s " %3, %2, %0", a, b, c); \
			break; \
		default: RUN("vfnmsub213s" s " %3, %2, %0", a, b, c); break; \
		} \
		*r = a; \
		return flags_of(csr); \
	}
ARITHMETIC(run_s, float, "s")
ARITHMETIC(run_d, double, "d")

/* inf * 0, with whatever is added */
static bool invalid_product(u8 t, u64 a, u64 b)
{
	a &= ~fp_sign_bit(t);
	b &= ~fp_sign_bit(t);
	return (a == fp_inf(t) && !b) || (b == fp_inf(t) && !a);
}

static void arithmetic(
    const struct fp_insn *i, const u64 in[3], u32 csr, struct fp_answer *out)
{
	u8 t = i->from;
	u64 v[3], r = 0;

	for (unsigned k = 0; k < 3; k++)
		v[k] = fp_unbox(t, in[k]);
	if (t == FP_S) {
		float f[3];
		for (unsigned k = 0; k < 3; k++)
			memcpy(&f[k], &v[k], 4);
		out->flags = run_s(i->kind, csr, &f[0], f[1], f[2]);
		memcpy(&r, &f[0], 4);
	} else {
		double f[3];
		memcpy(f, v, sizeof(f));
		out->flags = run_d(i->kind, csr, &f[0], f[1], f[2]);
		memcpy(&r, &f[0], 8);
	}
	if (i->nargs == 3 && invalid_product(t, v[0], v[1]))
		out->flags |= FP_NV;
	if (fp_is_nan(t, r))
		r = fp_nan(t);
	out->bits = fp_box(t, r);
}

/* Between the two formats, and from signed integers. */
static bool to_float(
    const struct fp_insn *i, u64 reg, u32 csr, struct fp_answer *out)
{
	u64 v = fp_unbox(i->from, reg), r = 0;
	float s = 0;
	double d = 0;
	i64 n = i->from == FP_W ? (i32)v :
	    i->from == FP_WU    ? (i64)(u32)v :
				  (i64)v;

	if (i->from == FP_LU && n < 0)
		return false; /* no instruction before AVX-512 */
	if (i->from == FP_S) {
		memcpy(&s, &v, 4);
		RUN("cvtss2sd %2, %0", d, s, s);
	} else if (i->from == FP_D) {
		memcpy(&d, &v, 8);
		RUN("cvtsd2ss %2, %0", s, d, d);
	} else {
		__asm__ volatile("ldmxcsr %2\n"
				 "cvtsi2sdq %3, %0\n"
				 "stmxcsr %2\n"
				 "ldmxcsr %4"
				 : "=x"(d), "=x"(s), "+m"(csr)
				 : "r"(n), "m"(plain));
		if (i->to == FP_S) {
			csr &= ~0x3fu;
			__asm__ volatile("ldmxcsr %1\n"
					 "cvtsi2ssq %2, %0\n"
					 "stmxcsr %1\n"
					 "ldmxcsr %3"
					 : "=x"(s), "+m"(csr)
					 : "r"(n), "m"(plain));
		}
	}
	if (i->to == FP_S)
		memcpy(&r, &s, 4);
	else
		memcpy(&r, &d, 8);
	if (fp_is_nan(i->to, r))
		r = fp_nan(i->to);
	out->bits = fp_box(i->to, r);
	out->flags = flags_of(csr);
	return true;
}

/* In the range of i64 the host rounds; what is beyond is for fp_exact. */
static bool to_int(
    const struct fp_insn *i, u64 reg, u32 csr, struct fp_answer *out)
{
	u64 v = fp_unbox(i->from, reg);
	float s;
	double d;
	i64 n = 0;

	if (i->from == FP_S) {
		memcpy(&s, &v, 4);
		__asm__ volatile("ldmxcsr %1\n"
				 "cvtss2siq %2, %0\n"
				 "stmxcsr %1\n"
				 "ldmxcsr %3"
				 : "=r"(n), "+m"(csr)
				 : "x"(s), "m"(plain));
	} else {
		memcpy(&d, &v, 8);
		__asm__ volatile("ldmxcsr %1\n"
				 "cvtsd2siq %2, %0\n"
				 "stmxcsr %1\n"
				 "ldmxcsr %3"
				 : "=r"(n), "+m"(csr)
				 : "x"(d), "m"(plain));
	}
	out->flags = flags_of(csr);
	if (out->flags & FP_NV)
		return false;
	i64 low = i->to == FP_W ? INT32_MIN : i->to == FP_L ? INT64_MIN : 0;
	i64 high = i->to == FP_W ? INT32_MAX :
	    i->to == FP_WU       ? UINT32_MAX :
				   INT64_MAX;
	if (n < low || n > high) {
		n = n < low ? low : high;
		out->flags = FP_NV;
	}
	out->bits = i->to == FP_WU ? (u64)(i64)(i32)n : (u64)n;
	return true;
}

bool fp_host(
    const struct fp_insn *i, const u64 in[3], u32 rm, struct fp_answer *out)
{
	if (i->kind >= FP_MIN) {
		fp_bits_only(i, in, out);
		return true;
	}
	if (rm > FP_RUP || (i->nargs == 3 && !__builtin_cpu_supports("fma")))
		return false;
	u32 csr = MASKED | mxcsr_rc[rm];
	if (i->kind != FP_CVT) {
		arithmetic(i, in, csr, out);
		return true;
	}
	return fp_is_float(i->to) ? to_float(i, in[0], csr, out) :
				    to_int(i, in[0], csr, out);
}
