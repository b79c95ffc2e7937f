/* toy.c - see toy.h. */
#include "tests/translator/toy.h"

#include <stdio.h>
#include <stdlib.h>

#include "translator/eval.h"
#include "translator/fpu.h"
#include "translator/text.h"

static const struct guest_reg regs[TOY_NREGS] = {
#define R(n) \
	{ \
		.name = "r" #n, .slot = n, .type = IR_I64, .pin = n \
	}
#define F(n, s) \
	{ \
		.name = "f" #n, .slot = s, .type = IR_F64, .pin = n \
	}
	R(0),
	R(1),
	R(2),
	R(3),
	R(4),
	R(5),
	R(6),
	R(7),
	F(0, 8),
	F(1, 9),
	F(2, 10),
	F(3, 11),
};

/* Reads r6 and writes r7: what passes must expect of any helper. */
static u64 helper_mix(struct vcpu *v, u64 a, u64 b)
{
	v->abi.state[7] ^= a + b;
	return v->abi.state[6] * 3 + a - b;
}

static const guest_helper helpers[] = { helper_mix };
static const char *const helper_names[] = { "mix" };

const struct guest_isa toy_guest = {
	.name = "toy",
	.regs = regs,
	.nregs = TOY_NREGS,
	.helpers = helpers,
	.helper_names = helper_names,
	.nhelpers = 1,
};

static bool touch(struct vcpu *v, gva_t a, u64 what)
{
	v->log = (v->log ^ a ^ what << 48) * 0x9e3779b97f4a7c15ull;
	if (!v->faults || (a * 0x9e3779b97f4a7c15ull >> 60) != 0)
		return true;
	v->abi.fault_addr = a;
	return false;
}

static bool load(struct vcpu *v, gva_t a, u32 size, u64 *out)
{
	if (!touch(v, a, size))
		return false;
	*out = 0;
	for (u32 i = 0; i < size; i++)
		*out |= (u64)v->mem[(a + i) % TOY_MEM] << 8 * i;
	return true;
}

static bool store(struct vcpu *v, gva_t a, u32 size, u64 value)
{
	if (!touch(v, a, size | 16))
		return false;
	for (u32 i = 0; i < size; i++)
		v->mem[(a + i) % TOY_MEM] = (u8)(value >> 8 * i);
	return true;
}

static bool amo(
    struct vcpu *v, u8 op, gva_t a, u32 size, u64 b, u64 c, u64 *old)
{
	u8 ty = size == 4 ? IR_I32 : IR_I64;

	if (!load(v, a, size, old))
		return false;
	if (op != IR_CAS)
		return store(v, a, size, eval_amo(op, ty, *old, b));
	return *old != b || store(v, a, size, c);
}

const struct interp_mem toy_mem = { load, store, amo };

void toy_reset(struct vcpu *v, const struct guest_isa *g, u64 seed)
{
	struct rng rng = { seed * 2 + 1 };

	memset(v, 0, sizeof(*v));
	for (u32 i = 0; i < g->nregs; i++) {
		u64 r = rng_next(&rng), *slot = &v->abi.state[g->regs[i].slot];
		if (g->regs[i].type == IR_F64)
			*slot = r & 1 ? r : r | 0xffffffffull << 32;
		else
			*slot = r & 1 ? (u64)((i64)r >> (r >> 1 & 63)) :
			    r & 2     ? (u64)(i64)(i32)r :
					(r >> 2 & 15) - 8;
	}
	for (u32 i = 0; i < TOY_MEM; i++)
		v->mem[i] = (u8)rng_next(&rng);
	v->abi.frm = (u32)(rng_next(&rng) % 5);
	v->abi.fpu = fpu_make_word(v->abi.frm, 0);
	v->faults = rng_next(&rng) & 1;
}

struct interp_result toy_run(
    struct vcpu *v, const struct guest_isa *g, const struct ir_region *r)
{
	u64 *values = calloc(r->ninsns, sizeof(u64));
	struct interp_result res = interp_run(v, g, r, &toy_mem, values);
	free(values);
	return res;
}

char *toy_text(const struct guest_isa *g, const struct ir_region *r)
{
	char *buf = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&buf, &n);

	ir_print(f, g, r);
	fclose(f);
	char *s = arena_alloc(r->arena, n + 1);
	memcpy(s, buf, n + 1);
	free(buf);
	return s;
}

const char *toy_compare(const struct guest_isa *g, const struct ir_region *a,
    const struct ir_region *b, u64 seed)
{
	static struct vcpu x, y;

	toy_reset(&x, g, seed);
	toy_reset(&y, g, seed);
	struct interp_result ra = toy_run(&x, g, a);
	struct interp_result rb = toy_run(&y, g, b);
	if (ra.reason != rb.reason || ra.pc != rb.pc || ra.arg != rb.arg)
		return "exit";
	if (x.log != y.log)
		return "accesses";
	if (memcmp(x.mem, y.mem, TOY_MEM))
		return "memory";
	if (memcmp(x.abi.state, y.abi.state, sizeof(x.abi.state)))
		return "registers";
	if (x.abi.fpu != y.abi.fpu || x.abi.frm != y.abi.frm)
		return "fp status";
	return NULL;
}
