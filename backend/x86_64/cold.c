/*
 * cold.c - rare code, collected while the main code is emitted and placed
 * behind it.
 *
 * Whoever makes a cold path has done all its allocating before the jump
 * there: between the jump and cold_back nothing may move a value, or the
 * two ways would disagree about where it is.
 */
#include "backend/x86_64/cc.h"

struct cold *cold_new(struct cc *c, void (*emit)(struct cc *, struct cold *))
{
	struct cold *x = arena_new(c->cg->arena, struct cold, 1);

	if (!x) {
		fail(c, -ENOMEM);
		memset(&c->spare, 0, sizeof(c->spare));
		return &c->spare; /* all of this is thrown away */
	}
	x->emit = emit;
	x->pc = c->pc;
	*c->cold_tail = x;
	c->cold_tail = &x->next;
	return x;
}

void cold_from(struct cc *c, struct cold *x, size_t site)
{
	(void)c;
	for (size_t k = 0; k < ARRAY_LEN(x->at); k++)
		if (!x->at[k]) {
			x->at[k] = site;
			return;
		}
	assert(false && "too many ways into a cold path");
}

void cold_jcc(struct cc *c, struct cold *x, enum x86_cc cc)
{
	cold_from(c, x, asm_jcc(&c->a, cc));
}

void cold_back(struct cc *c, struct cold *x)
{
	x->back = c->a.len;
}

/* Store an operand to tmp[k] as a u64 with the bits above its type zero. */
static void store_arg(struct cc *c, unsigned k, u8 ty, struct opnd o)
{
	struct mem m = mem_vcpu(ABI_TMP_OFF(k)), hi = m;
	unsigned w = width_of(ty);

	hi.disp += 4;
	if (o.kind == OPND_IMM) {
		asm_mov_mi(&c->a, w, m, o.imm);
	} else if (o.kind == OPND_MEM) {
		asm_load(&c->a, w, RAX, o.mem);
		asm_store(&c->a, w, m, RAX);
	} else if (o.reg < XMM0) {
		asm_store(&c->a, w, m, o.reg);
	} else {
		fp_store(c, m, o.reg);
	}
	if (w == 4)
		asm_mov_mi(&c->a, 4, hi, 0);
}

static void save_live(struct cc *c, u32 live, bool save)
{
	unsigned k = TMP_SAVE;

	for (; live; live &= live - 1, k++) {
		unsigned r = (unsigned)__builtin_ctz(live);
		struct mem m = mem_vcpu(ABI_TMP_OFF(k));
		if (r >= XMM0 && save)
			fp_store(c, m, r);
		else if (r >= XMM0)
			fp_load(c, r, m);
		else if (save)
			asm_store(&c->a, 8, m, r);
		else
			asm_load(&c->a, 8, r, m);
	}
}

static void load_result(struct cc *c, u8 ty, unsigned d)
{
	struct mem m = mem_vcpu(ABI_TMP_OFF(0));

	if (d < XMM0) {
		asm_load(&c->a, 8, d, m);
		return;
	}
	if (ty == IR_F32) { /* box it */
		struct mem hi = m;
		hi.disp += 4;
		asm_mov_mi(&c->a, 4, hi, -1);
	}
	fp_load(c, d, m);
}

/* A helper that leaves the guest's state alone? */
static bool is_leaf(const struct cc *c, const struct ir_insn *i)
{
	return i->op == IR_HELPER && i->aux < 64 &&
	    (c->cg->guest->leaf_helpers >> i->aux & 1);
}

static bool is_clock(const struct cc *c, const struct ir_insn *i)
{
	return is_leaf(c, i) && i->type == IR_I64 && i->a != IR_NONE &&
	    (c->cg->guest->clock_helpers >> i->aux & 1);
}

static void emit_clock(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];

	use_in(c, i->a, RCX);
	if (i->b != IR_NONE)
		consume(c, i->b);
	forget_slots(c);
	spill_scratch(c);
	asm_call_m(&c->a, mem_vcpu(HOST_OFF(HOST_CLOCK)));
	unlock(c, RCX);
	lock(c, RAX); /* dest may move others */
	unsigned d = dest(c, ref, NOREG);
	asm_mov_rr(&c->a, 8, d, RAX);
	unlock(c, RAX);
	define(c, ref, d, 0);
}

static void call_reference(struct cc *c, ir_ref ref)
{
	if (is_leaf(c, &c->insn[ref])) {
		asm_mov_ri(&c->a, RAX, c->insn[ref].aux);
		asm_call_m(&c->a, mem_vcpu(HOST_OFF(HOST_LEAF)));
		asm_store(&c->a, 8, mem_vcpu(ABI_TMP_OFF(0)), RAX);
		return;
	}
	asm_mov_ri(&c->a, RAX, reference_what(c, ref));
	asm_mov_ri(&c->a, RCX, reference_types(c, ref));
	asm_call_m(&c->a, mem_vcpu(HOST_OFF(HOST_REFERENCE)));
}

static void cold_call(struct cc *c, struct cold *x)
{
	const struct ir_insn *i = &c->insn[x->ref];
	const ir_ref o[3] = { i->a, i->b, i->c };

	/* First: store_arg uses rax. */
	save_live(c, x->live, true);
	for (unsigned k = 0; k < x->t; k++)
		if (x->op[k].kind == OPND_REG)
			store_arg(c, k, c->insn[o[k]].type, x->op[k]);
	for (unsigned k = 0; k < x->t; k++)
		if (x->op[k].kind != OPND_REG)
			store_arg(c, k, c->insn[o[k]].type, x->op[k]);
	call_reference(c, x->ref);
	load_result(c, i->type, x->d);
	save_live(c, x->live, false);
	asm_jmp_to(&c->a, x->back);
}

struct cold *cold_reference(
    struct cc *c, ir_ref ref, const struct opnd op[3], unsigned n, unsigned d)
{
	struct cold *x = cold_new(c, cold_call);

	x->ref = ref;
	x->live = live_scratch(c) & ~(1u << d);
	x->d = (u8)d;
	x->t = (u8)n;
	memcpy(x->op, op, n * sizeof(*op));
	return x;
}

u32 reference_what(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];

	return i->op | (u32)i->type << 8 | (u32)i->aux << 16;
}

u32 reference_types(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];

	return c->insn[i->a].type | (u32)c->insn[i->b].type << 4 |
	    (u32)c->insn[i->c].type << 8;
}

void emit_reference(struct cc *c, ir_ref ref)
{
	const struct ir_insn *i = &c->insn[ref];
	const ir_ref o[3] = { i->a, i->b, i->c };
	unsigned n = (unsigned)strlen(ir_opinfo[i->op].args);

	if (is_clock(c, i)) {
		emit_clock(c, ref);
		return;
	}
	for (unsigned k = 0; k < n; k++) {
		if (o[k] == IR_NONE) {
			asm_mov_mi(&c->a, 8, mem_vcpu(ABI_TMP_OFF(k)), 0);
			continue;
		}
		u8 ty = c->insn[o[k]].type;
		struct opnd v = fetch(c, o[k], width_of(ty), TAKE_IMM);
		store_arg(c, k, ty, v);
		if (v.kind == OPND_REG)
			unlock(c, v.reg);
		consume(c, o[k]);
	}
	if (i->op == IR_HELPER)
		forget_slots(c);
	spill_scratch(c);
	call_reference(c, ref);
	if (i->type == IR_VOID)
		return;
	unsigned d = dest(c, ref, NOREG);
	load_result(c, i->type, d);
	define(c, ref, d,
	    d < XMM0 ? (width_of(i->type) == 4 ? FACT_ZX : 0) :
		       (i->type == IR_F32 ? FACT_BOX : 0) | FACT_CANON);
}

void emit_cold(struct cc *c)
{
	/* Cold blocks may add more of them to the end of the list. */
	for (struct cold *x = c->cold; x && !c->err && !c->a.full;
	     x = x->next) {
		for (size_t k = 0; k < ARRAY_LEN(x->at); k++)
			if (x->at[k])
				asm_fix(&c->a, x->at[k], c->a.len);
		x->emit(c, x);
	}
	c->cold = NULL;
	c->cold_tail = &c->cold;
}
