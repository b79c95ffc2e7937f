/*
 * eval_fp.c - what each floating-point op means: IEEE 754-2019 binary32 and
 * binary64, in integer arithmetic only.
 *
 * Neither the host's rounding mode nor its flags are read or changed, so
 * the answer is the same on every host, in every rounding mode (also
 * round-to-nearest-ties-to-max-magnitude, which x86 lacks) and whatever the
 * compiler's options. The tests compare it with the host's unit.
 *
 * A finite number is sign, exponent and a 128-bit significand; each op
 * makes its exact result, or one whose last bit is "jammed" (set when any
 * bit below it would be), and round_pack rounds once. Jamming is sound as
 * long as the significand is at least two bits longer than the format's.
 *
 * Choices that IEEE leaves open, as RISC-V and ops.def have them:
 *   - tininess is detected after rounding;
 *   - the NaN results of arithmetic are the canonical NaN;
 *   - inf * 0 + NaN raises invalid, also for a quiet NaN;
 *   - a float-to-integer conversion whose rounded value does not fit
 *     raises invalid alone, and saturates; NaN gives the maximum;
 *   - FMIN, FMAX: minimumNumber, maximumNumber with -0 < +0; a signalling
 *     NaN raises invalid.
 * FCLASS: bit 0 -inf, 1 negative normal, 2 negative subnormal, 3 -0, 4 +0,
 * 5 positive subnormal, 6 positive normal, 7 +inf, 8 signalling NaN,
 * 9 quiet NaN.
 */
#include "translator/eval_fp.h"

/* A format: precision with the hidden bit, and exponent field width. */
struct format {
	unsigned width, prec;
	i32 emin; /* exponent of the smallest normal number */
	i32 emax;
};

static const struct format fmt32 = { 32, 24, -126, 127 };
static const struct format fmt64 = { 64, 53, -1022, 1023 };

enum fclass { ZERO, FINITE, INF, QNAN, SNAN };

/* Value = (-1)^neg * sig * 2^exp for FINITE; sig is not zero then. */
struct num {
	enum fclass cls;
	bool neg;
	i32 exp;
	u128 sig;
};

static const struct format *format_of(u8 ty)
{
	return ty == IR_F32 ? &fmt32 : &fmt64;
}

static u64 sign_bit(const struct format *f)
{
	return 1ull << (f->width - 1);
}

static u64 inf_bits(const struct format *f)
{
	return sign_bit(f) - (1ull << (f->prec - 1));
}

static u64 quiet_bit(const struct format *f)
{
	return 1ull << (f->prec - 2);
}

static u64 nan_bits(const struct format *f)
{
	return inf_bits(f) | quiet_bit(f);
}

static bool is_nan(struct num n)
{
	return n.cls >= QNAN;
}

static struct num unpack(const struct format *f, u64 v)
{
	struct num n = { .neg = (v & sign_bit(f)) != 0 };
	u64 mag = v & (sign_bit(f) - 1);
	u64 hidden = 1ull << (f->prec - 1);
	u64 frac = mag & (hidden - 1);
	i32 biased = (i32)(mag >> (f->prec - 1));

	if (mag > inf_bits(f)) {
		n.cls = v & quiet_bit(f) ? QNAN : SNAN;
	} else if (mag == inf_bits(f)) {
		n.cls = INF;
	} else if (!mag) {
		n.cls = ZERO;
	} else {
		n.cls = FINITE;
		n.sig = biased ? frac | hidden : frac;
		n.exp =
		    (biased ? biased - 1 : 0) + f->emin - (i32)(f->prec - 1);
	}
	return n;
}

static i32 top_bit(u128 v)
{
	u64 hi = (u64)(v >> 64);
	return hi ? 127 - __builtin_clzll(hi) : 63 - __builtin_clzll((u64)v);
}

/* v / 2^n, the last bit set if anything was cut off. n may be any size. */
static u128 shift_right_jam(u128 v, i32 n)
{
	if (n <= 0)
		return v;
	if (n > 127)
		return v != 0;
	return v >> n | ((v & (((u128)1 << n) - 1)) != 0);
}

/*
 * sig / 2^n rounded to an integer; *inexact says whether bits were lost.
 * n <= 0 shifts left and is exact; the caller makes sure that it fits.
 */
static u128 round_shift(u128 sig, i32 n, bool neg, u32 rm, bool *inexact)
{
	*inexact = false;
	if (n <= 0)
		return sig << -n;

	/* Two more bits: the half and, jammed, everything below it. */
	u128 v = n >= 2 ? shift_right_jam(sig, n - 2) : sig << 1;
	unsigned low = (unsigned)(v & 3);
	bool up = false;

	v >>= 2;
	*inexact = low != 0;
	switch (rm) {
	case RM_RTZ: break;
	case RM_RDN: up = neg && low; break;
	case RM_RUP: up = !neg && low; break;
	case RM_RMM: up = low >= 2; break;
	default: up = low == 3 || (low == 2 && (v & 1)); break;
	}
	return v + up;
}

static u64 overflow(const struct format *f, bool neg, u32 rm, u32 *flags)
{
	bool to_inf = rm == RM_RNE || rm == RM_RMM || (rm == RM_RDN && neg) ||
	    (rm == RM_RUP && !neg);

	*flags |= FPX_OF | FPX_NX;
	return inf_bits(f) - !to_inf;
}

/* Round (-1)^neg * sig * 2^exp, sig != 0, to the format. */
static u64 round_pack(
    const struct format *f, bool neg, i32 exp, u128 sig, u32 rm, u32 *flags)
{
	i32 drop = top_bit(sig) - (i32)(f->prec - 1);
	i32 e = exp + drop; /* of the last bit that stays */
	i32 elast = f->emin - (i32)(f->prec - 1);
	u64 sign = neg ? sign_bit(f) : 0;
	bool inexact, dummy, tiny = false;

	if (e < elast) {
		/* Tiny unless rounding to full precision reaches 2^emin. */
		u128 full = round_shift(sig, drop, neg, rm, &dummy);
		tiny = e < elast - 1 || full < (u128)1 << f->prec;
		drop += elast - e;
		e = elast;
	}
	u64 r = (u64)round_shift(sig, drop, neg, rm, &inexact);
	if (inexact)
		*flags |= FPX_NX | (tiny ? FPX_UF : 0);
	/*
	 * The exponent field counts from elast and the hidden bit adds one to
	 * it, so a carry out of the rounding moves it as it should.
	 */
	u64 mag = r + ((u64)(u32)(e - elast) << (f->prec - 1));
	if (e > f->emax || mag >= inf_bits(f))
		mag = overflow(f, neg, rm, flags);
	return sign | mag;
}

static u64 pack(const struct format *f, struct num n, u32 rm, u32 *flags)
{
	u64 sign = n.neg ? sign_bit(f) : 0;

	switch (n.cls) {
	case ZERO: return sign;
	case INF: return sign | inf_bits(f);
	case FINITE: return round_pack(f, n.neg, n.exp, n.sig, rm, flags);
	default: return nan_bits(f);
	}
}

static struct num make_nan(void)
{
	return (struct num){ .cls = QNAN };
}

/* True, with invalid raised if one signals, when any operand is a NaN. */
static bool nan_operand(struct num a, struct num b, u32 *flags)
{
	if (a.cls == SNAN || b.cls == SNAN)
		*flags |= FPX_NV;
	return is_nan(a) || is_nan(b);
}

/* Move the top bit to bit 126, so that a sum has room for its carry. */
static struct num normalise(struct num n)
{
	i32 up = 126 - top_bit(n.sig);
	n.sig <<= up;
	n.exp -= up;
	return n;
}

static struct num add(struct num a, struct num b, u32 rm, u32 *flags)
{
	if (nan_operand(a, b, flags))
		return make_nan();
	if (a.cls == INF && b.cls == INF && a.neg != b.neg) {
		*flags |= FPX_NV;
		return make_nan();
	}
	if (a.cls == ZERO && b.cls == ZERO && a.neg != b.neg) {
		a.neg = rm == RM_RDN;
		return a;
	}
	if (a.cls == INF || b.cls == ZERO)
		return a;
	if (b.cls == INF || a.cls == ZERO)
		return b;

	a = normalise(a);
	b = normalise(b);
	if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
		struct num t = a;
		a = b;
		b = t;
	}
	b.sig = shift_right_jam(b.sig, a.exp - b.exp);
	if (a.neg == b.neg) {
		a.sig += b.sig;
	} else {
		a.sig -= b.sig;
		if (!a.sig) {
			a.cls = ZERO;
			a.neg = rm == RM_RDN;
		}
	}
	return a;
}

/* Exact. */
static struct num mul(struct num a, struct num b, u32 *flags)
{
	if (nan_operand(a, b, flags))
		return make_nan();
	if ((a.cls == INF && b.cls == ZERO) ||
	    (a.cls == ZERO && b.cls == INF)) {
		*flags |= FPX_NV;
		return make_nan();
	}
	a.neg ^= b.neg;
	if (a.cls == FINITE && b.cls == FINITE) {
		a.sig *= b.sig;
		a.exp += b.exp;
	} else if (a.cls == INF || b.cls == INF) {
		a.cls = INF;
	} else {
		a.cls = ZERO;
	}
	return a;
}

static struct num divide(struct num a, struct num b, u32 *flags)
{
	if (nan_operand(a, b, flags))
		return make_nan();
	if (a.cls == b.cls && (a.cls == INF || a.cls == ZERO)) {
		*flags |= FPX_NV;
		return make_nan();
	}
	a.neg ^= b.neg;
	if (a.cls == INF || a.cls == ZERO)
		return a;
	if (b.cls == ZERO) {
		*flags |= FPX_DZ;
		a.cls = INF;
		return a;
	}
	if (b.cls == INF) {
		a.cls = ZERO;
		return a;
	}
	/* Top bit 126 over at most 53 bits: at least 74 bits of quotient. */
	a = normalise(a);
	u128 q = a.sig / b.sig;
	a.sig = q | (q * b.sig != a.sig);
	a.exp -= b.exp;
	return a;
}

static struct num square_root(struct num a, u32 *flags)
{
	if (nan_operand(a, a, flags))
		return make_nan();
	if (a.cls == ZERO)
		return a;
	if (a.neg) {
		*flags |= FPX_NV;
		return make_nan();
	}
	if (a.cls == INF)
		return a;
	a = normalise(a);
	if (a.exp & 1) {
		a.sig >>= 1; /* the lowest bit is clear: exact */
		a.exp++;
	}
	/* Digit by digit; 62 or more bits of root and a remainder. */
	u128 rem = a.sig, root = 0;
	for (u128 bit = (u128)1 << 126; bit; bit >>= 2) {
		bool one = rem >= root + bit;
		if (one)
			rem -= root + bit;
		root = (root >> 1) + (one ? bit : 0);
	}
	a.sig = root | (rem != 0);
	a.exp /= 2;
	return a;
}

static struct num muladd(
    struct num a, struct num b, struct num c, u32 rm, u32 *flags)
{
	/* A NaN addend does not hide an invalid product. */
	struct num p = mul(a, b, flags);
	return add(p, c, rm, flags);
}

/* -1, 0, 1 for two operands that are not NaN. */
static int compare(struct num a, struct num b)
{
	if (a.cls == ZERO && b.cls == ZERO)
		return 0;
	/* Sign of each: -1, 0 or 1. */
	int sa = a.cls == ZERO ? 0 : a.neg ? -1 : 1;
	int sb = b.cls == ZERO ? 0 : b.neg ? -1 : 1;
	if (sa != sb)
		return sa < sb ? -1 : 1;
	if (a.cls == INF || b.cls == INF)
		return a.cls == b.cls ? 0 : a.cls == INF ? sa : -sa;
	a = normalise(a);
	b = normalise(b);
	if (a.exp != b.exp)
		return a.exp < b.exp ? -sa : sa;
	return a.sig == b.sig ? 0 : a.sig < b.sig ? -sa : sa;
}

static bool compare_op(u8 op, struct num a, struct num b, u32 *flags)
{
	if (nan_operand(a, b, flags)) {
		if (op != IR_FEQ)
			*flags |= FPX_NV;
		return false;
	}
	int c = compare(a, b);
	return op == IR_FEQ ? c == 0 : op == IR_FLT ? c < 0 : c <= 0;
}

/* True if a is the one to give. */
static bool choose_first(bool max, struct num a, struct num b)
{
	int c = compare(a, b);
	if (!c) /* zeros of two signs, or the same number */
		return max ? !a.neg : a.neg;
	return max ? c > 0 : c < 0;
}

static u64 min_max(
    const struct format *f, bool max, const u64 arg[3], u32 *flags)
{
	struct num a = unpack(f, arg[0]), b = unpack(f, arg[1]);

	nan_operand(a, b, flags);
	if (is_nan(a))
		return is_nan(b) ? nan_bits(f) : arg[1];
	if (is_nan(b))
		return arg[0];
	return choose_first(max, a, b) ? arg[0] : arg[1];
}

static u64 classify(const struct format *f, u64 v)
{
	struct num n = unpack(f, v);
	bool normal = n.cls == FINITE && n.sig >> (f->prec - 1);

	switch (n.cls) {
	case SNAN: return 1 << 8;
	case QNAN: return 1 << 9;
	case INF: return n.neg ? 1 << 0 : 1 << 7;
	case ZERO: return n.neg ? 1 << 3 : 1 << 4;
	default:
		if (normal)
			return n.neg ? 1 << 1 : 1 << 6;
		return n.neg ? 1 << 2 : 1 << 5;
	}
}

static u64 from_int(const struct format *f, u64 v, bool neg, u32 rm, u32 *flags)
{
	if (!v)
		return 0;
	return round_pack(f, neg, 0, neg ? 0 - v : v, rm, flags);
}

/* To an integer of `w` bits; the result's bits above w are unspecified. */
static u64 to_int(struct num n, unsigned w, bool is_signed, u32 rm, u32 *flags)
{
	u64 max = is_signed ? (1ull << (w - 1)) - 1 : ~0ull >> (64 - w);
	u64 min = is_signed ? max + 1 : 0; /* its magnitude */
	bool inexact = false;
	u128 mag = 0;

	if (is_nan(n)) {
		*flags |= FPX_NV;
		return max;
	}
	if (n.cls == ZERO)
		return 0;
	bool huge = n.cls == INF || top_bit(n.sig) + n.exp > 64;
	if (!huge)
		mag = round_shift(n.sig, -n.exp, n.neg, rm, &inexact);
	if (huge || mag > (n.neg ? min : max)) {
		*flags |= FPX_NV;
		return n.neg ? 0 - min : max;
	}
	if (inexact)
		*flags |= FPX_NX;
	return n.neg ? 0 - (u64)mag : (u64)mag;
}

static u64 canonical(const struct format *f, u64 v)
{
	return (v & (sign_bit(f) - 1)) > inf_bits(f) ? nan_bits(f) : v;
}

static u64 unbox(u64 v)
{
	return v >> 32 == 0xffffffff ? (u32)v : nan_bits(&fmt32);
}

/* The ops that round to the format f; a, b, c are unpacked from it. */
static u64 arith(
    u8 op, const struct format *f, const u64 arg[3], u32 rm, u32 *flags)
{
	struct num a = unpack(f, arg[0]), b = unpack(f, arg[1]);
	struct num c = unpack(f, arg[2]), r;

	switch (op) {
	case IR_FSUB: b.neg = !b.neg; /* fall through */
	case IR_FADD: r = add(a, b, rm, flags); break;
	case IR_FMUL: r = mul(a, b, flags); break;
	case IR_FDIV: r = divide(a, b, flags); break;
	case IR_FSQRT: r = square_root(a, flags); break;
	default:
		if (op == IR_FNMADD || op == IR_FNMSUB)
			a.neg = !a.neg;
		if (op == IR_FMSUB || op == IR_FNMADD)
			c.neg = !c.neg;
		r = muladd(a, b, c, rm, flags);
		break;
	}
	return pack(f, r, rm, flags);
}

u64 eval_fp_op(
    u8 op, u8 ty, u16 aux, const u8 at[3], const u64 arg[3], struct eval_fp *fp)
{
	const struct format *to = format_of(ty), *from = format_of(at[0]);
	u32 none = 0, *flags = fp ? &fp->flags : &none;
	u32 rm = aux <= RM_RMM ? aux : fp ? fp->rm : RM_RNE;
	u64 a = arg[0];

	switch (op) {
	case IR_FADD:
	case IR_FSUB:
	case IR_FMUL:
	case IR_FDIV:
	case IR_FSQRT:
	case IR_FMADD:
	case IR_FMSUB:
	case IR_FNMADD:
	case IR_FNMSUB: return arith(op, to, arg, rm, flags);
	case IR_FMIN: return min_max(to, false, arg, flags);
	case IR_FMAX: return min_max(to, true, arg, flags);
	case IR_FNEG: return a ^ sign_bit(to);
	case IR_FABS: return a & ~sign_bit(to);
	case IR_FCOPYSIGN: return (a & ~sign_bit(to)) | (arg[1] & sign_bit(to));
	case IR_FEQ:
	case IR_FLT:
	case IR_FLE:
		return compare_op(
		    op, unpack(from, a), unpack(from, arg[1]), flags);
	case IR_FCLASS: return classify(from, a);
	case IR_FCANON: return canonical(to, a);
	case IR_F64_TO_F32:
	case IR_F32_TO_F64: {
		struct num n = unpack(from, a);
		nan_operand(n, n, flags);
		return pack(to, n, rm, flags);
	}
	case IR_S32_TO_F:
		return from_int(to, (u64)(i32)a, (i32)a < 0, rm, flags);
	case IR_U32_TO_F: return from_int(to, (u32)a, false, rm, flags);
	case IR_S64_TO_F: return from_int(to, a, (i64)a < 0, rm, flags);
	case IR_U64_TO_F: return from_int(to, a, false, rm, flags);
	case IR_F_TO_S32: return to_int(unpack(from, a), 32, true, rm, flags);
	case IR_F_TO_U32: return to_int(unpack(from, a), 32, false, rm, flags);
	case IR_F_TO_S64: return to_int(unpack(from, a), 64, true, rm, flags);
	case IR_F_TO_U64: return to_int(unpack(from, a), 64, false, rm, flags);
	case IR_FBITS:
	case IR_BITSF: return a;
	case IR_F32_BOX: return a | 0xffffffffull << 32;
	case IR_F32_UNBOX: return unbox(a);
	default: assert(false && "not an fp op"); return 0;
	}
}
