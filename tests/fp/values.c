/*
 * values.c - see values.h.
 *
 * Random operands of one instruction depend on each other: sums cancel,
 * products and quotients come near both ends of the exponents, the third
 * operand of a fused operation near the product of the first two.
 */
#include "tests/fp/values.h"

#define NEXPONENTS 20
#define NFRACTIONS 6
#define NFLOATS (NEXPONENTS * NFRACTIONS * 2)
#define NINTS 96

static u64 float_edge(u8 type, u32 k)
{
	unsigned f = fp_fraction_bits(type);
	u64 ones = (1ull << f) - 1, max = type == FP_S ? 255 : 2047;
	u64 bias = max / 2, half = 1ull << (f - 1);
	const u64 exponents[NEXPONENTS] = { 0, 1, 2, f, f + 1, bias - f - 1,
		bias - 2, bias - 1, bias, bias + 1, bias + f, bias + f + 1,
		bias + 30, bias + 31, bias + 32, bias + 62, bias + 63,
		bias + 64, max - 1, max };
	const u64 fractions[NFRACTIONS] = { 0, 1, half, half + 1, ones - 1,
		ones };
	u64 v = exponents[k % NEXPONENTS] << f;

	k /= NEXPONENTS;
	v |= fractions[k % NFRACTIONS];
	return fp_box(type, v | (k / NFRACTIONS ? fp_sign_bit(type) : 0));
}

/* About powers of two, where conversions begin to round. */
static u64 int_edge(u32 k)
{
	static const u8 powers[] = { 0, 8, 22, 23, 24, 25, 30, 31, 32, 51, 52,
		53, 54, 61, 62, 63 };
	static const i8 near[] = { -1, 0, 1, -2, 2, 3 };
	u64 v = (1ull << powers[k % 16]) + (u64)(i64)near[k / 16 % 6];

	return k & 1 ? v : -v;
}

u32 fp_nedges(u8 type)
{
	return fp_is_float(type) ? NFLOATS : NINTS;
}

u64 fp_edge(u8 type, u32 k)
{
	return fp_is_float(type) ? float_edge(type, k) : int_edge(k);
}

/* Zeros, ones, infinities and NaNs, and the ends of what is between them. */
static u64 special(struct fp_rng *g, u8 type)
{
	u64 one = (type == FP_S ? 127ull : 1023ull) << fp_fraction_bits(type);
	u64 inf = fp_inf(type);
	const u64 values[] = { 0, 0, one, inf, inf, inf - 1, 1, fp_nan(type),
		fp_nan(type) + 1, inf + 1 };
	u32 n = fp_below(g, 2 * ARRAY_LEN(values));

	return fp_box(type, values[n / 2] | (n & 1 ? fp_sign_bit(type) : 0));
}

u64 fp_ncross(const struct fp_insn *i)
{
	u64 n = fp_nedges(i->from);

	return i->nargs == 1 ? n : n * n;
}

static u64 some_int(struct fp_rng *g)
{
	u64 v = fp_next(g);

	switch (v & 3) {
	case 0: return int_edge(fp_below(g, NINTS));
	case 1: return fp_next(g) >> fp_below(g, 64);
	case 2: /* few bits: ties */
		return ((v >> 37 | 1) << fp_below(g, 40)) +
		    (1ull << fp_below(g, 40));
	default: return v;
	}
}

static u64 make_float(u8 type, u64 sign, u64 exponent, u64 fraction)
{
	unsigned f = fp_fraction_bits(type);
	u64 max = type == FP_S ? 255 : 2047;

	return (sign & 1 ? fp_sign_bit(type) : 0) | (exponent & max) << f |
	    (fraction & ((1ull << f) - 1));
}

static u64 exponent_of(u8 type, u64 v)
{
	return (v & ~fp_sign_bit(type)) >> fp_fraction_bits(type);
}

/* Of few ones, or few zeros, or any. */
static u64 some_fraction(struct fp_rng *g, unsigned f)
{
	u64 v = fp_next(g);

	switch (v & 7) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return 1ull << fp_below(g, f);
	case 3: return ~(1ull << fp_below(g, f));
	case 4: return fp_next(g) << fp_below(g, f);
	default: return v >> 8;
	}
}

/* `near`: an exponent that the value's shall be close to. */
static u64 some_float(struct fp_rng *g, u8 type, u64 near)
{
	unsigned f = fp_fraction_bits(type);
	u64 v = fp_next(g), fraction = some_fraction(g, f);
	u64 spread = v >> 16 & 3 ? 3 : f + 4;
	u64 exponent = near + fp_below(g, (u32)(2 * spread)) - spread;

	switch (v & 7) {
	case 0: return fp_unbox(type, float_edge(type, fp_below(g, NFLOATS)));
	case 1: return make_float(type, v >> 8, v >> 9, fraction);
	default: return make_float(type, v >> 8, exponent, fraction);
	}
}

/* A single that is not boxed: seen as a NaN. */
static u64 into_register(struct fp_rng *g, u8 type, u64 v)
{
	if (type != FP_S || fp_below(g, 32))
		return fp_box(type, v);
	return v |
	    (fp_below(g, 2) ? FP_BOX ^ 1ull << (32 + fp_below(g, 32)) :
			      fp_next(g) << 32);
}

static u64 some_target(struct fp_rng *g, u8 type)
{
	u64 max = type == FP_S ? 255 : 2047, bias = max / 2;
	unsigned f = fp_fraction_bits(type);

	switch (fp_below(g, 8)) {
	case 0: return 1; /* subnormal results */
	case 1: return -(u64)f;
	case 2: return max - 1; /* overflow */
	case 3: return bias + fp_below(g, 70); /* integers */
	default: return bias - 20 + fp_below(g, 40);
	}
}

void fp_operands(struct fp_rng *g, const struct fp_insn *i, u64 n, u64 in[3])
{
	u8 t = i->from;
	u64 bias = t == FP_S ? 127 : 1023, target, x, y, near;
	u32 edges = fp_nedges(t);

	if (n < fp_ncross(i)) {
		in[0] = fp_edge(t, (u32)(n % edges));
		in[1] = fp_edge(t, (u32)(n / edges % edges));
		in[2] = fp_edge(t, fp_below(g, edges));
		return;
	}
	if (!fp_is_float(t)) {
		for (unsigned k = 0; k < 3; k++)
			in[k] = some_int(g);
		return;
	}
	if (fp_below(g, 16) == 0) {
		for (unsigned k = 0; k < 3; k++)
			in[k] = special(g, t);
		return;
	}
	target = some_target(g, t);
	if (i->nargs == 1) {
		if (i->to == FP_S && t == FP_D && fp_below(g, 2))
			target = 1023 - 127 + some_target(g, FP_S);
		in[0] = into_register(g, t, some_float(g, t, target));
		in[1] = in[2] = 0;
		return;
	}
	x = some_float(
	    g, t, i->kind == FP_ADD || i->kind == FP_SUB ? target : fp_next(g));
	near = exponent_of(t, x);
	if (i->kind == FP_MUL || i->nargs == 3)
		near = target + bias - near;
	else if (i->kind == FP_DIV)
		near = near + bias - target;
	y = some_float(g, t, near);
	if (i->kind >= FP_MIN && fp_below(g, 2))
		y = x + fp_below(g, 3) - 1;
	in[0] = into_register(g, t, x);
	in[1] = into_register(g, t, t == FP_S ? (u32)y : y);
	in[2] = into_register(g, t, some_float(g, t, target));
}
