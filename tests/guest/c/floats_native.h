/*
 * floats_native.h - RISC-V's floating-point operations on x86-64, for
 * floats.c: what its results must be.
 */
#ifndef FLOATS_NATIVE_H
#define FLOATS_NATIVE_H

static unsigned mode; /* RNE .. RUP */

static void set_mode(unsigned rm)
{
	static const int host[] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD,
		FE_UPWARD };

	mode = rm;
	fesetround(host[rm]);
}

static void clear_flags(void)
{
	feclearexcept(FE_ALL_EXCEPT);
}

static unsigned flags(void)
{
	int e = fetestexcept(FE_ALL_EXCEPT);

	return (e & FE_INEXACT ? NX : 0) | (e & FE_UNDERFLOW ? UF : 0) |
	    (e & FE_OVERFLOW ? OF : 0) | (e & FE_DIVBYZERO ? DZ : 0) |
	    (e & FE_INVALID ? NV : 0);
}

static uint64_t box(uint32_t v)
{
	return v | 0xffffffff00000000;
}

/* What a single-precision operation sees of a register. */
static uint32_t unbox(uint64_t v)
{
	return v >> 32 == 0xffffffff ? (uint32_t)v : NAN32;
}

static float as_float(uint32_t v)
{
	float f;

	memcpy(&f, &v, 4);
	return f;
}

static uint32_t float_bits(float f)
{
	uint32_t v;

	memcpy(&v, &f, 4);
	return v;
}

static struct result done_d(double d)
{
	unsigned f = flags();

	return (struct result){ isnan(d) ? NAN64 : bits_of(d), f };
}

static struct result done_s(float s)
{
	unsigned f = flags();

	return (struct result){ box(isnan(s) ? NAN32 : float_bits(s)), f };
}

#define SSE_D(name, insn) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		double x = as_double(a), y = as_double(b); \
		(void)c; \
		clear_flags(); \
		__asm__ volatile(insn " %1, %0" : "+x"(x) : "x"(y)); \
		return done_d(x); \
	}
#define SSE_S(name, insn) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		float x = as_float(unbox(a)), y = as_float(unbox(b)); \
		(void)c; \
		clear_flags(); \
		__asm__ volatile(insn " %1, %0" : "+x"(x) : "x"(y)); \
		return done_s(x); \
	}
SSE_D(add_d, "addsd")
SSE_D(sub_d, "subsd")
SSE_D(mul_d, "mulsd")
SSE_D(div_d, "divsd")
SSE_S(add_s, "addss")
SSE_S(sub_s, "subss")
SSE_S(mul_s, "mulss")
SSE_S(div_s, "divss")

static struct result sqrt_d(uint64_t a, uint64_t b, uint64_t c)
{
	double x = as_double(a);

	(void)b, (void)c;
	clear_flags();
	__asm__ volatile("sqrtsd %0, %0" : "+x"(x));
	return done_d(x);
}

static struct result sqrt_s(uint64_t a, uint64_t b, uint64_t c)
{
	float x = as_float(unbox(a));

	(void)b, (void)c;
	clear_flags();
	__asm__ volatile("sqrtss %0, %0" : "+x"(x));
	return done_s(x);
}

/* x86 does not flag infinity times zero plus a quiet NaN. */
#define FUSED_D(name, sx, sz) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		volatile double x = as_double(a), y = as_double(b); \
		volatile double z = as_double(c), d; \
		struct result r; \
		clear_flags(); \
		d = fma(sx x, y, sz z); \
		r = done_d(d); \
		if ((isinf(x) && y == 0) || (x == 0 && isinf(y))) \
			r.flags |= NV; \
		return r; \
	}
FUSED_D(madd_d, +, +)
FUSED_D(msub_d, +, -)
FUSED_D(nmadd_d, -, -)
FUSED_D(nmsub_d, -, +)

#define FUSED_S(name, sx, sz) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		volatile float x = as_float(unbox(a)), y = as_float(unbox(b)); \
		volatile float z = as_float(unbox(c)), d; \
		struct result r; \
		clear_flags(); \
		d = fmaf(sx x, y, sz z); \
		r = done_s(d); \
		if ((isinf(x) && y == 0) || (x == 0 && isinf(y))) \
			r.flags |= NV; \
		return r; \
	}
FUSED_S(madd_s, +, +)
FUSED_S(nmsub_s, -, +)

static int signalling_d(uint64_t v)
{
	return isnan(as_double(v)) && !(v >> 51 & 1);
}

static int signalling_s(uint32_t v)
{
	return (v & 0x7f800000) == 0x7f800000 && (v & 0x7fffff) &&
	    !(v >> 22 & 1);
}

static int nan_s(uint32_t v)
{
	return (v & 0x7fffffff) > 0x7f800000;
}

/* The smaller of two numbers; -0 is smaller than +0; a NaN gives way. */
static struct result extreme_d(uint64_t a, uint64_t b, int max)
{
	unsigned f = signalling_d(a) || signalling_d(b) ? NV : 0;
	double x = as_double(a), y = as_double(b);
	int less;

	if (isnan(x) || isnan(y))
		return (struct result){ isnan(x) && isnan(y) ? NAN64 :
			    isnan(x)                         ? b :
							       a,
			f };
	less = x < y || (x == y && a >> 63 > b >> 63);
	return (struct result){ less != max ? a : b, f };
}

static struct result extreme_s(uint64_t ra, uint64_t rb, int max)
{
	uint32_t a = unbox(ra), b = unbox(rb);
	unsigned f = signalling_s(a) || signalling_s(b) ? NV : 0;
	int less;

	if (nan_s(a) || nan_s(b))
		return (struct result){ box(nan_s(a) && nan_s(b) ? NAN32 :
						nan_s(a)         ? b :
								   a),
			f };
	less = as_float(a) < as_float(b) ||
	    (as_float(a) == as_float(b) && a >> 31 > b >> 31);
	return (struct result){ box(less != max ? a : b), f };
}

#define PURE(name, value) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		(void)a, (void)b, (void)c; \
		return value; \
	}
#define BITS(v) ((struct result){ (v), 0 })
#define SIGN64 0x8000000000000000
#define SIGN32 0x80000000u
PURE(min_d, extreme_d(a, b, 0))
PURE(max_d, extreme_d(a, b, 1))
PURE(min_s, extreme_s(a, b, 0))
PURE(max_s, extreme_s(a, b, 1))
PURE(sgnj_d, BITS((a & ~SIGN64) | (b & SIGN64)))
PURE(sgnjn_d, BITS((a & ~SIGN64) | (~b & SIGN64)))
PURE(sgnjx_d, BITS(a ^ (b & SIGN64)))
PURE(sgnj_s, BITS(box((unbox(a) & ~SIGN32) | (unbox(b) & SIGN32))))
PURE(sgnjn_s, BITS(box((unbox(a) & ~SIGN32) | (~unbox(b) & SIGN32))))
PURE(sgnjx_s, BITS(box(unbox(a) ^ (unbox(b) & SIGN32))))
PURE(mv_x_w, BITS((uint64_t)(int64_t)(int32_t)a))
PURE(mv_w_x, BITS(box((uint32_t)a)))

static struct result d_to_s(uint64_t a, uint64_t b, uint64_t c)
{
	float s;

	(void)b, (void)c;
	clear_flags();
	__asm__ volatile("cvtsd2ss %1, %0" : "=x"(s) : "x"(as_double(a)));
	return done_s(s);
}

static struct result s_to_d(uint64_t a, uint64_t b, uint64_t c)
{
	double d;

	(void)b, (void)c;
	clear_flags();
	__asm__ volatile("cvtss2sd %1, %0" : "=x"(d) : "x"(as_float(unbox(a))));
	return done_d(d);
}

/* quiet: only a signalling NaN is invalid. */
#define COMPARE(name, type, value, nan, snan, op, quiet) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		unsigned f = snan(value(a)) || snan(value(b)) ? NV : 0; \
		(void)c; \
		if (nan(value(a)) || nan(value(b))) \
			return (struct result){ 0, (quiet) ? f : NV }; \
		return (struct result){ type(value(a)) op type(value(b)), 0 }; \
	}
#define nan_d(v) isnan(as_double(v))
#define whole(v) (v)
COMPARE(eq_d, as_double, whole, nan_d, signalling_d, ==, 1)
COMPARE(lt_d, as_double, whole, nan_d, signalling_d, <, 0)
COMPARE(le_d, as_double, whole, nan_d, signalling_d, <=, 0)
COMPARE(eq_s, as_float, unbox, nan_s, signalling_s, ==, 1)
COMPARE(lt_s, as_float, unbox, nan_s, signalling_s, <, 0)
COMPARE(le_s, as_float, unbox, nan_s, signalling_s, <=, 0)

static struct result classify(double d, int subnormal, int neg, int snan)
{
	unsigned bit;

	if (isnan(d))
		bit = snan ? 8 : 9;
	else if (isinf(d))
		bit = neg ? 0 : 7;
	else if (d == 0)
		bit = neg ? 3 : 4;
	else if (subnormal)
		bit = neg ? 2 : 5;
	else
		bit = neg ? 1 : 6;
	return BITS(1u << bit);
}

PURE(class_d,
    classify(
	as_double(a), (a >> 52 & 0x7ff) == 0, (int)(a >> 63), signalling_d(a)))
PURE(class_s,
    classify(as_float(unbox(a)), (unbox(a) >> 23 & 255) == 0,
	(int)(unbox(a) >> 31), signalling_s(unbox(a))))

/* d rounded in `rm` to an integer of the type, saturating. */
static struct result to_integer(double d, unsigned rm, int w, int is_signed)
{
	long double lo = is_signed ? -ldexpl(1, w - 1) : 0;
	long double hi = ldexpl(1, is_signed ? w - 1 : w), r;
	uint64_t max = is_signed ? ~0ull >> (65 - w) : ~0ull >> (64 - w);
	uint64_t min = is_signed ? ~max : 0, v;
	unsigned back = mode;

	if (!isnan(d)) {
		set_mode(rm);
		r = nearbyintl((long double)d);
		set_mode(back);
	}
	if (isnan(d) || r >= hi)
		v = max;
	else if (r < lo)
		v = min;
	else
		v = r < 0 ? (uint64_t)(int64_t)r : (uint64_t)r;
	if (w == 32)
		v = (uint64_t)(int64_t)(int32_t)v;
	if (isnan(d) || r >= hi || r < lo)
		return (struct result){ v, NV };
	return (struct result){ v, r != (long double)d ? NX : 0 };
}

PURE(w_d, to_integer(as_double(a), mode, 32, 1))
PURE(wu_d, to_integer(as_double(a), mode, 32, 0))
PURE(l_d, to_integer(as_double(a), mode, 64, 1))
PURE(lu_d, to_integer(as_double(a), mode, 64, 0))
PURE(w_s, to_integer(as_float(unbox(a)), mode, 32, 1))
PURE(wu_s, to_integer(as_float(unbox(a)), mode, 32, 0))
PURE(l_s, to_integer(as_float(unbox(a)), mode, 64, 1))
PURE(lu_s, to_integer(as_float(unbox(a)), mode, 64, 0))
PURE(trunc_d, to_integer(as_double(a), RTZ, 64, 1))
PURE(floor_d, to_integer(as_double(a), RDN, 64, 1))
PURE(ceil_d, to_integer(as_double(a), RUP, 64, 1))

/* An 80-bit long double holds every 64-bit integer; one rounding follows. */
#define FROM_INTEGER(name, type, done, integer) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		volatile long double exact = (long double)(integer)a; \
		volatile type t; \
		(void)b, (void)c; \
		clear_flags(); \
		t = (type)exact; \
		return done(t); \
	}
FROM_INTEGER(d_w, double, done_d, int32_t)
FROM_INTEGER(d_wu, double, done_d, uint32_t)
FROM_INTEGER(d_l, double, done_d, int64_t)
FROM_INTEGER(d_lu, double, done_d, uint64_t)
FROM_INTEGER(s_w, float, done_s, int32_t)
FROM_INTEGER(s_wu, float, done_s, uint32_t)
FROM_INTEGER(s_l, float, done_s, int64_t)
FROM_INTEGER(s_lu, float, done_s, uint64_t)

#endif
