/*
 * exact.c - the exact result, then one rounding.
 *
 * MPFR computes 120 bits of a sum, product, quotient or root, rounded
 * towards zero, and says whether that was all of it; exponents are
 * unbounded there. Conversions need no help. What rounding to a format
 * means in five modes, with subnormals, overflow and tininess after
 * rounding, is written out in fp_round.
 */
#include <string.h>
#ifdef HAVE_MPFR
#include <mpfr.h>
#endif

#include "tests/fp/bits.h"

typedef unsigned __int128 u128;

/* A positive number: m / 2^128 * 2^exp and a bit more if `more`; m >= half. */
struct exact {
	u128 m;
	long exp;
	bool sign, more;
};

/* The integer made of the upper k bits of x->m, rounded. */
static u128 round_at(const struct exact *x, long k, u32 rm, bool *inexact)
{
	u128 top = (u128)1 << 127;
	u128 q = 0, rest = x->m;
	bool half, more = x->more;

	if (k > 0) {
		q = k >= 128 ? x->m : x->m >> (128 - k);
		rest = k >= 128 ? 0 : x->m << k;
	}
	half = k >= 0 && rest & top;
	more |= k < 0 || (rest & ~top);
	*inexact = half || more;
	switch (rm) {
	case FP_RNE: return q + (half && (more || (q & 1)));
	case FP_RTZ: return q;
	case FP_RDN: return q + (x->sign && *inexact);
	case FP_RUP: return q + (!x->sign && *inexact);
	default: return q + half;
	}
}

static u64 overflowed(u8 type, bool sign, u32 rm)
{
	bool inf =
	    rm == FP_RNE || rm == FP_RMM || rm == (sign ? FP_RDN : FP_RUP);

	return inf ? fp_inf(type) : fp_inf(type) - 1;
}

static u64 fp_round(u8 type, const struct exact *x, u32 rm, u32 *flags)
{
	long p = (long)fp_fraction_bits(type) + 1;
	long bias = type == FP_S ? 127 : 1023, emin = 1 - bias;
	long e = x->exp - 1;
	bool inexact;
	u64 bits;

	/* Tiny is what would still be so with any exponent. */
	u128 q = round_at(x, p, rm, &inexact);
	bool tiny = e + (long)(q >> p) < emin;
	if (e < emin) {
		q = round_at(x, p - (emin - e), rm, &inexact);
		bits = (u64)q; /* may have become the smallest normal one */
	} else {
		e += (long)(q >> p);
		if (q >> p)
			q >>= 1;
		bits = (u64)(e + bias - 1) << (p - 1);
		bits += (u64)q; /* and its leading one */
		if (e > bias) {
			bits = overflowed(type, x->sign, rm);
			*flags |= FP_OF | FP_NX;
		}
	}
	*flags |= inexact ? FP_NX : 0;
	*flags |= inexact && tiny ? FP_UF : 0;
	return bits | (x->sign ? fp_sign_bit(type) : 0);
}

static struct exact from_u64(u64 v, long exp, bool sign)
{
	int zeros = __builtin_clzll(v);

	return (struct exact){ .m = (u128)v << (64 + zeros),
		.exp = 64 - zeros + exp,
		.sign = sign };
}

/* A finite float that is not zero. */
static struct exact from_float(u8 type, u64 v)
{
	unsigned f = fp_fraction_bits(type);
	u64 frac = v & ((1ull << f) - 1);
	long e = (long)((v & ~fp_sign_bit(type)) >> f);
	long bias = type == FP_S ? 127 : 1023;

	if (e)
		frac |= 1ull << f;
	return from_u64(
	    frac, (e ? e : 1) - bias - (long)f, v & fp_sign_bit(type));
}

/* --- conversions ---------------------------------------------------------- */

static u64 to_int(u8 type, u8 to, u64 v, u32 rm, u32 *flags)
{
	static const u64 high[] = { [FP_W] = INT32_MAX,
		[FP_WU] = UINT32_MAX,
		[FP_L] = INT64_MAX,
		[FP_LU] = UINT64_MAX };
	static const u64 low[] = { [FP_W] = 1ull << 31,
		[FP_WU] = 0,
		[FP_L] = 1ull << 63,
		[FP_LU] = 0 }; /* its magnitude */
	u64 magnitude = v & ~fp_sign_bit(type), r;
	bool sign = v & fp_sign_bit(type), inexact = false;
	u128 q = 0;

	if (fp_is_nan(type, v))
		sign = false;
	if (magnitude >= fp_inf(type)) {
		q = (u128)1 << 100;
	} else if (magnitude) {
		struct exact x = from_float(type, v);
		q = x.exp > 100 ? (u128)1 << 100 :
				  round_at(&x, x.exp, rm, &inexact);
	}
	if (q > (sign ? low[to] : high[to])) {
		*flags = FP_NV;
		r = sign ? -low[to] : high[to];
	} else {
		*flags = inexact ? FP_NX : 0;
		r = sign ? -(u64)q : (u64)q;
	}
	return to == FP_W || to == FP_WU ? (u64)(i64)(i32)r : r;
}

static u64 from_int(u8 from, u8 type, u64 v, u32 rm, u32 *flags)
{
	bool sign = false;

	if (from == FP_W)
		v = (u64)(i64)(i32)v;
	if (from == FP_WU)
		v = (u32)v;
	if ((from == FP_W || from == FP_L) && (i64)v < 0) {
		sign = true;
		v = -v;
	}
	if (!v)
		return 0;
	struct exact x = from_u64(v, 0, sign);
	return fp_round(type, &x, rm, flags);
}

static u64 between(u8 from, u8 to, u64 v, u32 rm, u32 *flags)
{
	u64 m = v & ~fp_sign_bit(from);
	u64 sign = v & fp_sign_bit(from) ? fp_sign_bit(to) : 0;

	if (fp_is_nan(from, v)) {
		*flags = fp_is_snan(from, v) ? FP_NV : 0;
		return fp_nan(to);
	}
	if (!m || m == fp_inf(from))
		return sign | (m ? fp_inf(to) : 0);
	struct exact x = from_float(from, v);
	return fp_round(to, &x, rm, flags);
}

static void convert(
    const struct fp_insn *i, u64 reg, u32 rm, struct fp_answer *out)
{
	u64 v = fp_unbox(i->from, reg);

	out->flags = 0;
	if (!fp_is_float(i->to))
		out->bits = to_int(i->from, i->to, v, rm, &out->flags);
	else if (!fp_is_float(i->from))
		out->bits =
		    fp_box(i->to, from_int(i->from, i->to, v, rm, &out->flags));
	else
		out->bits =
		    fp_box(i->to, between(i->from, i->to, v, rm, &out->flags));
}

/* --- arithmetic ----------------------------------------------------------- */

bool fp_have_mpfr(void)
{
#ifdef HAVE_MPFR
	return true;
#else
	return false;
#endif
}

#ifdef HAVE_MPFR
#define PRECISION 120

/* Operands, the sign of the product or sum included. */
struct operands {
	u8 type, n;
	u64 v[3];
	bool zero[3], inf[3], sign[3];
};

/* All kinds as a product plus c, or a sum, a quotient, a root. */
static struct operands read_operands(const struct fp_insn *i, const u64 in[3])
{
	struct operands o = { .type = i->from, .n = i->nargs };

	for (unsigned k = 0; k < o.n; k++)
		o.v[k] = fp_unbox(o.type, in[k]);
	/* fused: -(a * b) is (-a) * b, - c is + (-c); NaNs stay NaNs */
	if (i->kind == FP_NMSUB || i->kind == FP_NMADD)
		o.v[0] ^= fp_sign_bit(o.type);
	if (i->kind == FP_MSUB || i->kind == FP_NMADD)
		o.v[2] ^= fp_sign_bit(o.type);
	if (i->kind == FP_SUB)
		o.v[1] ^= fp_sign_bit(o.type);
	for (unsigned k = 0; k < o.n; k++) {
		u64 m = o.v[k] & ~fp_sign_bit(o.type);
		o.sign[k] = o.v[k] & fp_sign_bit(o.type);
		o.zero[k] = !m;
		o.inf[k] = m == fp_inf(o.type);
	}
	return o;
}

/* The result where NaNs, infinities or a zero divisor decide it. */
static bool special(u8 kind, const struct operands *o, u64 *r, u32 *flags)
{
	u8 t = o->type;
	bool nan = false, snan = false;
	bool product = o->n == 3 || kind == FP_MUL;
	bool p_inf = o->inf[0] || o->inf[1], p_sign = o->sign[0] ^ o->sign[1];
	bool invalid =
	    product && ((o->inf[0] && o->zero[1]) || (o->zero[0] && o->inf[1]));
	bool inf = p_inf, sign = p_sign;

	for (unsigned k = 0; k < o->n; k++) {
		nan |= fp_is_nan(t, o->v[k]);
		snan |= fp_is_snan(t, o->v[k]);
	}
	if (o->n == 3 && o->inf[2]) {
		invalid |= !nan && p_inf && p_sign != o->sign[2];
		inf = true;
		sign = o->sign[2];
	}
	switch (kind) {
	case FP_ADD:
	case FP_SUB:
		invalid = o->inf[0] && o->inf[1] && p_sign;
		sign = o->inf[0] ? o->sign[0] : o->sign[1];
		break;
	case FP_DIV:
		invalid =
		    (o->inf[0] && o->inf[1]) || (o->zero[0] && o->zero[1]);
		if (!nan && !invalid && o->inf[1]) {
			*r = p_sign ? fp_sign_bit(t) : 0;
			return true;
		}
		if (!nan && o->zero[1] && !o->zero[0] && !o->inf[0])
			*flags |= FP_DZ;
		inf = o->inf[0] || o->zero[1];
		break;
	case FP_SQRT:
		invalid = !nan && o->sign[0] && !o->zero[0];
		inf = o->inf[0];
		sign = false;
		break;
	default: break;
	}
	if (nan || invalid) {
		*r = fp_nan(t);
		*flags = snan || invalid ? FP_NV : 0;
		return true;
	}
	if (inf)
		*r = fp_inf(t) | (sign ? fp_sign_bit(t) : 0);
	return inf;
}

/* The sign of an exact zero. */
static bool zero_sign(u8 kind, const struct operands *o, u32 rm)
{
	bool a = o->sign[0], b = o->sign[1];

	if (kind == FP_SQRT)
		return a;
	if (kind == FP_MUL || kind == FP_DIV)
		return a ^ b;
	if (o->n == 3) {
		a ^= b;
		b = o->sign[2];
	}
	return a == b ? a : rm == FP_RDN;
}

static void set(mpfr_t x, u8 type, u64 v)
{
	if (type == FP_S) {
		float f;
		memcpy(&f, &v, 4);
		mpfr_set_flt(x, f, MPFR_RNDZ);
	} else {
		double d;
		memcpy(&d, &v, 8);
		mpfr_set_d(x, d, MPFR_RNDZ);
	}
}

static void compute(
    u8 kind, const struct operands *o, u32 rm, u64 *r, u32 *flags)
{
	static mpfr_t v[3], y;
	static bool ready;
	int ternary;

	if (!ready) {
		for (unsigned k = 0; k < 3; k++)
			mpfr_init2(v[k], 53);
		mpfr_init2(y, PRECISION);
		ready = true;
	}
	for (unsigned k = 0; k < o->n; k++)
		set(v[k], o->type, o->v[k]);
	switch (kind) {
	case FP_ADD:
	case FP_SUB: ternary = mpfr_add(y, v[0], v[1], MPFR_RNDZ); break;
	case FP_MUL: ternary = mpfr_mul(y, v[0], v[1], MPFR_RNDZ); break;
	case FP_DIV: ternary = mpfr_div(y, v[0], v[1], MPFR_RNDZ); break;
	case FP_SQRT: ternary = mpfr_sqrt(y, v[0], MPFR_RNDZ); break;
	default: ternary = mpfr_fma(y, v[0], v[1], v[2], MPFR_RNDZ); break;
	}
	if (mpfr_zero_p(y)) {
		*r = zero_sign(kind, o, rm) ? fp_sign_bit(o->type) : 0;
		return;
	}
	const u64 *limb = mpfr_custom_get_significand(y);
	struct exact x = { .m = (u128)limb[1] << 64 | limb[0],
		.exp = mpfr_get_exp(y),
		.sign = mpfr_signbit(y),
		.more = ternary != 0 };
	*r = fp_round(o->type, &x, rm, flags);
}
#endif

bool fp_exact(
    const struct fp_insn *i, const u64 in[3], u32 rm, struct fp_answer *out)
{
	if (i->kind >= FP_MIN) {
		fp_bits_only(i, in, out);
		return true;
	}
	if (i->kind == FP_CVT) {
		convert(i, in[0], rm, out);
		return true;
	}
#ifdef HAVE_MPFR
	struct operands o = read_operands(i, in);
	u64 r;

	out->flags = 0;
	if (!special(i->kind, &o, &r, &out->flags))
		compute(i->kind, &o, rm, &r, &out->flags);
	out->bits = fp_box(i->to, r);
	return true;
#else
	return false;
#endif
}
