/*
 * floats.c - floating point: exact bits and exact flags, in four rounding
 * modes, for both precisions, on awkward operands.
 *
 * On the guest each operation is its instruction. Natively it is the SSE
 * instruction, and RISC-V's rules are applied where x86 has others: one
 * canonical NaN, saturating conversions, number-preserving minimum and
 * maximum, NaN-boxed single precision. (The fifth mode, nearest with ties
 * away, has no native twin; fpmodes.S covers it.)
 */
#include <fenv.h>
#include <math.h>

#include "check.h"

enum { NX = 1, UF = 2, OF = 4, DZ = 8, NV = 16 };
enum { RNE, RTZ, RDN, RUP };

#define NAN64 0x7ff8000000000000
#define NAN32 0x7fc00000u

static const uint64_t wide[] = { 0, 0x8000000000000000, 1, 0x8000000000000001,
	0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001,
	0x3ff0000000000000, 0xbff0000000000000, 0x3ff0000000000001,
	0x3fefffffffffffff, 0x3fe0000000000000, 0x3ff8000000000000,
	0x4000000000000000, 0x400921fb54442d18, 0xc004000000000000,
	0x3fb999999999999a, 0x41dfffffffc00000, 0x41e0000000000000,
	0xc1e0000000200000, 0x41efffffffe00000, 0x43e0000000000000,
	0xc3e0000000000000, 0x43dfffffffffffff, 0x43f0000000000000,
	0x7fefffffffffffff, 0xffefffffffffffff, 0x7ff0000000000000,
	0xfff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001,
	0xfff8000000000123, 0x3810000000000000, 0x36a0000000000000,
	0x47efffffe0000000, 0x47effffff0000000, 0x380fffffffffffff };
static const uint32_t narrow[] = { 0, 0x80000000, 1, 0x80000001, 0x007fffff,
	0x00800000, 0x00800001, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff,
	0x3f000000, 0x3fc00000, 0x40000000, 0x40490fdb, 0xc0200000, 0x3dcccccd,
	0x4effffff, 0x4f000000, 0xcf000000, 0x4f800000, 0x5f000000, 0xdf000000,
	0x5f800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
	0x7f800001, 0xffc00123, 0x4b000001 };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Results of one operation. */
struct result {
	uint64_t bits;
	unsigned flags;
};

static double as_double(uint64_t v)
{
	double d;

	memcpy(&d, &v, 8);
	return d;
}

static uint64_t bits_of(double d)
{
	uint64_t v;

	memcpy(&v, &d, 8);
	return v;
}

#ifdef __riscv

static void set_mode(unsigned rm)
{
	__asm__ volatile("fsrm %0" : : "r"(rm));
}

/* Operands travel as raw 64-bit registers, boxed or not. */
#define FP(name, insn, ...) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		struct result r; \
		double d, x = as_double(a), y = as_double(b); \
		double z = as_double(c); \
		__asm__ volatile("fsflags zero\n" insn "\nfrflags %1" \
				 : "=&f"(d), "=&r"(r.flags) \
				 : "f"(x), "f"(y), "f"(z)); \
		r.bits = bits_of(d); \
		return r; \
	}
#define INT(name, insn) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		struct result r; \
		double x = as_double(a), y = as_double(b); \
		(void)c; \
		__asm__ volatile("fsflags zero\n" insn "\nfrflags %1" \
				 : "=&r"(r.bits), "=&r"(r.flags) \
				 : "f"(x), "f"(y)); \
		return r; \
	}
#define FROM(name, insn) \
	static struct result name(uint64_t a, uint64_t b, uint64_t c) \
	{ \
		struct result r; \
		double d; \
		(void)b, (void)c; \
		__asm__ volatile("fsflags zero\n" insn "\nfrflags %1" \
				 : "=&f"(d), "=&r"(r.flags) \
				 : "r"(a)); \
		r.bits = bits_of(d); \
		return r; \
	}

FP(add_d, "fadd.d %0, %2, %3")
FP(sub_d, "fsub.d %0, %2, %3")
FP(mul_d, "fmul.d %0, %2, %3")
FP(div_d, "fdiv.d %0, %2, %3")
FP(sqrt_d, "fsqrt.d %0, %2")
FP(min_d, "fmin.d %0, %2, %3")
FP(max_d, "fmax.d %0, %2, %3")
FP(sgnj_d, "fsgnj.d %0, %2, %3")
FP(sgnjn_d, "fsgnjn.d %0, %2, %3")
FP(sgnjx_d, "fsgnjx.d %0, %2, %3")
FP(madd_d, "fmadd.d %0, %2, %3, %4")
FP(msub_d, "fmsub.d %0, %2, %3, %4")
FP(nmadd_d, "fnmadd.d %0, %2, %3, %4")
FP(nmsub_d, "fnmsub.d %0, %2, %3, %4")
FP(add_s, "fadd.s %0, %2, %3")
FP(sub_s, "fsub.s %0, %2, %3")
FP(mul_s, "fmul.s %0, %2, %3")
FP(div_s, "fdiv.s %0, %2, %3")
FP(sqrt_s, "fsqrt.s %0, %2")
FP(min_s, "fmin.s %0, %2, %3")
FP(max_s, "fmax.s %0, %2, %3")
FP(sgnj_s, "fsgnj.s %0, %2, %3")
FP(sgnjn_s, "fsgnjn.s %0, %2, %3")
FP(sgnjx_s, "fsgnjx.s %0, %2, %3")
FP(madd_s, "fmadd.s %0, %2, %3, %4")
FP(nmsub_s, "fnmsub.s %0, %2, %3, %4")
FP(d_to_s, "fcvt.s.d %0, %2")
FP(s_to_d, "fcvt.d.s %0, %2")
INT(eq_d, "feq.d %0, %2, %3")
INT(lt_d, "flt.d %0, %2, %3")
INT(le_d, "fle.d %0, %2, %3")
INT(class_d, "fclass.d %0, %2")
INT(eq_s, "feq.s %0, %2, %3")
INT(lt_s, "flt.s %0, %2, %3")
INT(le_s, "fle.s %0, %2, %3")
INT(class_s, "fclass.s %0, %2")
INT(w_d, "fcvt.w.d %0, %2")
INT(wu_d, "fcvt.wu.d %0, %2")
INT(l_d, "fcvt.l.d %0, %2")
INT(lu_d, "fcvt.lu.d %0, %2")
INT(w_s, "fcvt.w.s %0, %2")
INT(wu_s, "fcvt.wu.s %0, %2")
INT(l_s, "fcvt.l.s %0, %2")
INT(lu_s, "fcvt.lu.s %0, %2")
INT(trunc_d, "fcvt.l.d %0, %2, rtz")
INT(floor_d, "fcvt.l.d %0, %2, rdn")
INT(ceil_d, "fcvt.l.d %0, %2, rup")
INT(mv_x_w, "fmv.x.w %0, %2")
FROM(d_w, "fcvt.d.w %0, %2")
FROM(d_wu, "fcvt.d.wu %0, %2")
FROM(d_l, "fcvt.d.l %0, %2")
FROM(d_lu, "fcvt.d.lu %0, %2")
FROM(s_w, "fcvt.s.w %0, %2")
FROM(s_wu, "fcvt.s.wu %0, %2")
FROM(s_l, "fcvt.s.l %0, %2")
FROM(s_lu, "fcvt.s.lu %0, %2")
FROM(mv_w_x, "fmv.w.x %0, %2")

#else
#include "floats_native.h"
#endif

typedef struct result (*operation)(uint64_t, uint64_t, uint64_t);

/* What the operands of an operation are. */
enum kind { D1, D2, D3, S1, S2, S3, INTEGER };

static const struct {
	const char *name;
	operation run;
	enum kind kind;
} ops[] = {
#define X(name, kind) { #name, name, kind },
	X(add_d, D2) X(sub_d, D2) X(mul_d, D2) X(div_d, D2) X(sqrt_d, D1) X(
	    min_d, D2) X(max_d, D2) X(sgnj_d, D2) X(sgnjn_d, D2) X(sgnjx_d,
	    D2) X(madd_d, D3) X(msub_d, D3) X(nmadd_d, D3) X(nmsub_d, D3)
	    X(add_s, S2) X(sub_s, S2) X(mul_s, S2) X(div_s, S2) X(sqrt_s, S1) X(
		min_s, S2) X(max_s, S2) X(sgnj_s, S2) X(sgnjn_s, S2) X(sgnjx_s,
		S2) X(madd_s, S3) X(nmsub_s, S3) X(d_to_s, D1) X(s_to_d, S1)
		X(eq_d, D2) X(lt_d, D2) X(le_d, D2) X(class_d, D1) X(eq_s, S2)
		    X(lt_s, S2) X(le_s, S2) X(class_s, S1) X(w_d, D1) X(
			wu_d, D1) X(l_d, D1) X(lu_d, D1) X(w_s, S1) X(wu_s, S1)
			X(l_s, S1) X(lu_s, S1) X(trunc_d, D1) X(floor_d, D1)
			    X(ceil_d, D1) X(mv_x_w, S1) X(d_w, INTEGER) X(
				d_wu, INTEGER) X(d_l, INTEGER) X(d_lu, INTEGER)
				X(s_w, INTEGER) X(s_wu, INTEGER) X(s_l, INTEGER)
				    X(s_lu, INTEGER) X(mv_w_x, INTEGER)
#undef X
};

static const uint64_t integers[] = { 0, 1, ~0ull, 0x7fffffff, 0x80000000,
	0xffffffff, 0x1000001, 0x20000000000001, 0x7fffffffffffffff,
	0x8000000000000000, 0x123456789abcdef, 0xfffffffffffffc01,
	0x8000000000000401, 0x7fffffbfffffffff, 0xffffff7fffffffff };

/* Operand i of the kind; singles are boxed, all but every 29th one. */
static uint64_t operand(enum kind k, size_t i)
{
	if (k == INTEGER)
		return integers[i];
	if (k <= D3)
		return wide[i];
	return narrow[i] |
	    (i % 29 == 13 ? 0x1234567800000000 : 0xffffffff00000000);
}

static void run(size_t n, unsigned rm)
{
	enum kind k = ops[n].kind;
	size_t count = k == INTEGER ? COUNT(integers) :
	    k <= D3                 ? COUNT(wide) :
				      COUNT(narrow);
	size_t nb = k == D1 || k == S1 || k == INTEGER ? 1 : count;
	size_t nc = k == D3 || k == S3 ? 5 : 1;
	uint64_t h = 0;

	for (size_t a = 0; a < count; a++)
		for (size_t b = 0; b < nb; b++)
			for (size_t c = 0; c < nc; c++) {
				struct result r = ops[n].run(operand(k, a),
				    operand(k, b),
				    operand(k, (a * 7 + b * 3 + c) % count));

				h = fold(h, r.bits);
				h = fold(h, r.flags);
#ifdef SHOW_ALL
				printf("%s/%u %016llx %016llx %016llx: "
				       "%016llx %02x\n",
				    ops[n].name, rm,
				    (unsigned long long)operand(k, a),
				    (unsigned long long)operand(k, b),
				    (unsigned long long)operand(
					k, (a * 7 + b * 3 + c) % count),
				    (unsigned long long)r.bits, r.flags);
#endif
			}
	printf("%s/%u %016llx\n", ops[n].name, rm, (unsigned long long)h);
}

int main(void)
{
	for (size_t n = 0; n < COUNT(ops); n++)
		for (unsigned rm = RNE; rm <= RUP; rm++) {
			set_mode(rm);
			run(n, rm);
			set_mode(RNE);
		}
	return 0;
}
