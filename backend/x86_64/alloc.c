/*
 * alloc.c - where values are: pins, scratch registers, slots, spills.
 *
 * A GET costs nothing: of a pinned slot its value is in the pin, of another
 * slot in memory until somebody wants it in a register, which is then
 * remembered. A PUT of a pinned slot moves the value into the pin (unless it
 * was computed there, see dest); of another slot it stores it at once, so
 * that state[] is exact wherever the code may leave, and the value stays in
 * its register. Before a slot changes, its old value is rescued if it still
 * has uses.
 */
#include "backend/x86_64/cc.h"

static struct val *val(struct cc *c, ir_ref ref)
{
	return &c->s.val[ref];
}

ir_ref root(struct cc *c, ir_ref ref)
{
	while (val(c, ref)->kind == VAL_ALIAS)
		ref = val(c, ref)->alias;
	return ref;
}

/* A constant whose bits are known: not an address that may move. */
static bool is_imm(struct cc *c, ir_ref r)
{
	return val(c, r)->kind == VAL_CONST && c->insn[r].op != IR_PC;
}

bool value_const(struct cc *c, ir_ref ref, i64 *imm)
{
	ir_ref r = root(c, ref);

	if (!is_imm(c, r) || r == c->r->ninsns)
		return false;
	*imm = c->insn[r].imm;
	if (width_of(c->insn[ref].type) == 4)
		*imm = (i32)*imm;
	return true;
}

u8 facts(struct cc *c, ir_ref ref)
{
	return val(c, root(c, ref))->facts;
}

struct mem home_mem(i16 home)
{
	assert(home >= 0);
	return mem_vcpu(home < ABI_NSLOTS ? ABI_SLOT_OFF(home) :
					    ABI_TMP_OFF(home - ABI_NSLOTS));
}

void lock(struct cc *c, unsigned reg)
{
	c->locked |= 1u << reg;
}

void unlock(struct cc *c, unsigned reg)
{
	c->locked &= ~(1u << reg);
}

void mov_reg(struct cc *c, unsigned d, unsigned s)
{
	if (d == s)
		return;
	if (d >= XMM0)
		fp_mov(c, d, s);
	else
		asm_mov_rr(&c->a, 8, d, s);
}

/* The word is free after this op: it may be the op's memory operand. */
static void drop_home(struct cc *c, struct val *v)
{
	if (v->home >= ABI_NSLOTS) {
		assert(c->nspills_done < ARRAY_LEN(c->spills_done));
		c->spills_done[c->nspills_done++] = (u16)(v->home - ABI_NSLOTS);
	}
	v->home = HOME_NONE;
}

static void free_spills(struct cc *c, struct state *s)
{
	for (u32 k = 0; k < c->nspills_done; k++)
		s->spills[c->spills_done[k]] = false;
}

void begin_op(struct cc *c)
{
	c->locked = c->held = 0;
	free_spills(c, &c->s);
	c->nspills_done = 0;
}

void consume(struct cc *c, ir_ref ref)
{
	struct val *v = val(c, root(c, ref));

	assert(v->uses);
	if (--v->uses == 0 && v->home >= ABI_NSLOTS)
		drop_home(c, v);
}

/* Can the value be had again if its register is lost? */
static bool recoverable(const struct val *v)
{
	return v->home != HOME_NONE || v->kind == VAL_CONST;
}

static void store_home(struct cc *c, struct val *v)
{
	struct mem m = home_mem(v->home);

	if (v->fp)
		fp_store(c, m, v->reg);
	else
		asm_store(&c->a, 8, m, v->reg);
}

static void spill(struct cc *c, struct val *v)
{
	unsigned k = TMP_SPILL;

	while (k < TMP_SAVE && c->s.spills[k])
		k++;
	if (k == TMP_SAVE) {
		fail(c, -E2BIG);
		return;
	}
	c->s.spills[k] = true;
	v->home = (i16)(ABI_NSLOTS + k);
	store_home(c, v);
}

static u32 scratch_set(bool fp)
{
	return fp ? X86_FSCRATCH : X86_SCRATCH;
}

/* What it costs to take register r: 0 nothing .. 3 a spill. */
static unsigned price(struct cc *c, unsigned r)
{
	ir_ref o = c->s.owner[r];

	if (o == IR_NONE)
		return 0;
	if (!val(c, o)->uses)
		return 1;
	return recoverable(val(c, o)) ? 2 : 3;
}

/* The owner of r loses it; spilled if nothing else holds it. */
static void evict(struct cc *c, unsigned r)
{
	ir_ref o = c->s.owner[r];

	if (o == IR_NONE)
		return;
	struct val *v = val(c, o);
	if (v->reg == r) {
		if (v->uses && !recoverable(v))
			spill(c, v);
		v->reg = NOREG;
	}
	c->s.owner[r] = IR_NONE;
}

static unsigned cheapest(struct cc *c, bool fp, unsigned *cost)
{
	unsigned best = NOREG;
	ir_ref best_last = 0;

	*cost = 4;
	for (u32 set = scratch_set(fp) & ~c->locked; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set), p = price(c, r);
		ir_ref o = c->s.owner[r];
		ir_ref last = o == IR_NONE ? 0 : val(c, o)->last;
		if (p < *cost || (p == *cost && last > best_last)) {
			best = r;
			*cost = p;
			best_last = last;
		}
	}
	return best;
}

bool has_free(struct cc *c, bool fp)
{
	unsigned cost;

	cheapest(c, fp, &cost);
	return cost < 2;
}

unsigned alloc(struct cc *c, bool fp)
{
	unsigned cost, r = cheapest(c, fp, &cost);

	if (r == NOREG) {
		assert(false && "all scratch registers are locked");
		fail(c, -E2BIG);
		return fp ? XMM0 : RAX;
	}
	evict(c, r);
	lock(c, r);
	return r;
}

/* Another register that holds value o, or NOREG. */
static unsigned other_reg(struct cc *c, ir_ref o, unsigned not )
{
	for (unsigned r = 0; r < 32; r++)
		if (r != not &&c->s.owner[r] == o)
			return r;
	return NOREG;
}

/* Give value o, which is in a register about to change, another place. */
static void relocate(struct cc *c, ir_ref o)
{
	struct val *v = val(c, o);
	unsigned from = v->reg;

	if (recoverable(v)) {
		v->reg = NOREG;
		return;
	}
	unsigned other = other_reg(c, o, from);
	if (other != NOREG) {
		v->reg = (u8)other;
		return;
	}
	if (!has_free(c, v->fp)) {
		spill(c, v);
		v->reg = NOREG;
		return;
	}
	unsigned r = alloc(c, v->fp);
	unlock(c, r);
	mov_reg(c, r, from);
	c->s.owner[r] = o;
	v->reg = (u8)r;
}

/* Register r is about to change; an untested result there may be dead. */
static void settle_reg(struct cc *c, unsigned r)
{
	if (c->untested.reg != r)
		return;
	if (val(c, root(c, c->untested.ref))->uses)
		settle(c);
	else
		c->untested.reg = NOREG;
}

/* Register r gets new contents: keep the old ones if they have uses. */
static void vacate(struct cc *c, unsigned r)
{
	ir_ref o = c->s.owner[r];

	settle_reg(c, r);
	if (o == IR_NONE)
		return;
	struct val *v = val(c, o);
	bool was_locked = c->locked >> r & 1;
	lock(c, r);
	if (v->reg == r) {
		if (v->uses)
			relocate(c, o);
		else
			v->reg = NOREG;
	}
	if (!was_locked)
		unlock(c, r);
	c->s.owner[r] = IR_NONE;
}

void claim(struct cc *c, unsigned reg)
{
	assert(!(c->locked >> reg & 1));
	vacate(c, reg);
	lock(c, reg);
}

static void own(struct cc *c, ir_ref ref, unsigned r)
{
	c->s.owner[r] = ref;
	val(c, ref)->reg = (u8)r;
}

static void mov_const(struct cc *c, ir_ref ref, unsigned r)
{
	const struct ir_insn *i = &c->insn[ref];

	if (i->op == IR_PC)
		mov_pc(c, r, (gva_t)i->imm);
	else
		asm_mov_ri(&c->a, r, (u64)i->imm);
}

static void load_value(struct cc *c, ir_ref ref, unsigned r)
{
	struct val *v = val(c, ref);

	if (v->home != HOME_NONE) {
		if (r >= XMM0)
			fp_load(c, r, home_mem(v->home));
		else
			asm_load(&c->a, 8, r, home_mem(v->home));
	} else {
		assert(v->kind == VAL_CONST && r < XMM0);
		mov_const(c, ref, r);
	}
}

/*
 * A waiting value is computed after all, in the middle of its user: what
 * that has fetched already must stay where it is. An op may overwrite its
 * own operands' registers, hence `held` besides `locked`.
 */
static void force(struct cc *c, ir_ref ref)
{
	u32 locked = c->locked, held = c->held;

	if (val(c, ref)->kind != VAL_LAZY)
		return;
	val(c, ref)->kind = VAL_UNSET;
	c->held = locked;
	emit_insn(c, ref);
	c->held = held;
	c->locked = locked;
}

unsigned use_reg(struct cc *c, ir_ref ref)
{
	ref = root(c, ref);
	force(c, ref);
	ref = root(c, ref);
	struct val *v = val(c, ref);
	assert(v->kind == VAL_PLAIN || v->kind == VAL_CONST);
	if (v->reg == NOREG) {
		unsigned r = alloc(c, v->fp);
		load_value(c, ref, r);
		own(c, ref, r);
	}
	lock(c, v->reg);
	return v->reg;
}

struct opnd fetch(struct cc *c, ir_ref ref, unsigned w, unsigned take)
{
	ir_ref r = root(c, ref);
	i64 imm;

	force(c, r);
	r = root(c, r);
	struct val *v = val(c, r);
	if (take & TAKE_IMM && is_imm(c, r)) {
		imm = w == 4 ? (i32)c->insn[r].imm : c->insn[r].imm;
		if (fits32(imm))
			return opnd_imm((i32)imm);
	}
	if (take & TAKE_MEM && v->reg == NOREG && v->home != HOME_NONE &&
	    (v->uses == 1 || !has_free(c, v->fp)))
		return opnd_mem(home_mem(v->home));
	return opnd_reg(use_reg(c, r));
}

void use_in(struct cc *c, ir_ref ref, unsigned reg)
{
	ir_ref r = root(c, ref);

	force(c, r);
	r = root(c, r);
	struct val *v = val(c, r);
	if (v->reg == reg && v->uses == 1) {
		lock(c, reg);
		consume(c, r);
		v->reg = NOREG; /* the op will overwrite it */
		c->s.owner[reg] = IR_NONE;
		return;
	}
	if (!(c->locked >> reg & 1))
		claim(c, reg);
	if (v->reg != NOREG)
		mov_reg(c, reg, v->reg);
	else
		load_value(c, r, reg);
	consume(c, r);
}

/* May pin r be overwritten now by a value that is put there soon? */
static bool pin_is_free(struct cc *c, unsigned r)
{
	ir_ref o = c->s.owner[r];

	if (c->held >> r & 1)
		return false;
	return o == IR_NONE || !val(c, o)->uses || val(c, o)->reg != r ||
	    recoverable(val(c, o)) || other_reg(c, o, r) != NOREG;
}

static void take(struct cc *c, unsigned r)
{
	ir_ref o = c->s.owner[r];

	settle_reg(c, r);
	if (o != IR_NONE && val(c, o)->reg == r)
		val(c, o)->reg = (u8)other_reg(c, o, r);
	c->s.owner[r] = IR_NONE;
	lock(c, r);
}

unsigned dest_scratch(struct cc *c, ir_ref ref, unsigned prefer)
{
	bool fp = is_fp(c->insn[ref].type);

	if (prefer < 32 && (scratch_set(fp) & ~c->held) >> prefer & 1 &&
	    price(c, prefer) < 2) {
		take(c, prefer);
		return prefer;
	}
	return alloc(c, fp);
}

/* An address that is jumped to: that is done by rax. */
static bool is_target(const struct cc *c, ir_ref ref)
{
	const struct info *n = &c->info[ref];
	u8 op = c->insn[n->last].op;

	return n->uses == 1 &&
	    (op == IR_RET || op == IR_GOTO_PTR || op == IR_CALL);
}

unsigned dest(struct cc *c, ir_ref ref, unsigned prefer)
{
	unsigned slot = c->info[ref].hint;

	if (is_target(c, ref))
		prefer = RAX;
	if (slot != HINT_NONE && c->slot_pin[slot] != NOREG) {
		unsigned pin = c->slot_pin[slot];
		bool fp = is_fp(c->insn[ref].type);
		if ((pin >= XMM0) == fp && pin_is_free(c, pin)) {
			take(c, pin);
			c->s.slot_val[slot] = IR_NONE;
			return pin;
		}
	}
	return dest_scratch(c, ref, prefer);
}

void define(struct cc *c, ir_ref ref, unsigned reg, u8 f)
{
	struct val *v = val(c, ref);

	v->kind = VAL_PLAIN;
	v->facts = f;
	v->fp = reg >= XMM0;
	v->home = HOME_NONE;
	own(c, ref, reg);
	lock(c, reg);
}

bool in_place(struct cc *c, ir_ref ref, ir_ref a, struct mem *m)
{
	unsigned slot = c->info[ref].hint;
	ir_ref r = root(c, a);

	if (slot == HINT_NONE || c->slot_pin[slot] != NOREG ||
	    val(c, ref)->uses != 1 || c->insn[ref].type != IR_I64)
		return false;
	struct val *v = val(c, r);
	/* Its last use, nowhere but in the slot, and that is what it is. */
	if (v->kind != VAL_PLAIN || v->uses != 1 || v->reg != NOREG ||
	    v->home != (i16)slot || c->s.slot_val[slot] != r)
		return false;
	*m = home_mem((i16)slot);
	return true;
}

void define_home(struct cc *c, ir_ref ref, ir_ref old)
{
	struct val *v = val(c, ref), *o = val(c, root(c, old));

	v->kind = VAL_PLAIN;
	v->facts = 0;
	v->fp = false;
	v->reg = NOREG;
	v->home = o->home;
	o->home = HOME_NONE;
	c->s.slot_val[v->home] = ref;
	c->s.slot_put[v->home] = true;
}

void define_alias(struct cc *c, ir_ref ref, ir_ref of)
{
	struct val *v = val(c, ref);

	of = root(c, of);
	assert(of != ref);
	v->kind = VAL_ALIAS;
	v->alias = of;
	val(c, of)->uses = (u16)(val(c, of)->uses + v->uses);
	v->uses = 0;
	val(c, of)->last = MAX(val(c, of)->last, v->last);
}

bool hand_over(struct cc *c, ir_ref narrow, ir_ref wide)
{
	struct val *n = val(c, narrow), *w = val(c, wide);

	if (c->insn[narrow].type != IR_I32 || n->kind != VAL_PLAIN ||
	    (n->facts & FACT_WIDE))
		return false;
	w->uses = (u16)(w->uses + n->uses);
	w->last = MAX(w->last, n->last);
	n->uses = 0;
	drop_home(c, n);
	return true;
}

void become_alias(struct cc *c, ir_ref narrow, ir_ref wide)
{
	struct val *n = val(c, narrow);

	if (n->reg != NOREG && c->s.owner[n->reg] == narrow)
		c->s.owner[n->reg] = IR_NONE;
	n->kind = VAL_ALIAS;
	n->alias = wide;
}

unsigned ones(struct cc *c)
{
	ir_ref ref = c->r->ninsns;
	struct val *v = val(c, ref);

	if (v->reg == NOREG) {
		unsigned r = alloc(c, true);
		struct opnd self = opnd_reg(r);
		fp_op3(c, OP_PCMPEQD, IR_VOID, r, r, self);
		own(c, ref, r);
	}
	lock(c, v->reg);
	return v->reg;
}

void emit_get(struct cc *c, ir_ref ref)
{
	unsigned slot = c->insn[ref].aux;
	struct val *v = val(c, ref);

	if (c->s.slot_val[slot] != IR_NONE) {
		define_alias(c, ref, c->s.slot_val[slot]);
		/* A dead value may have lost its place; it is in the slot. */
		v = val(c, root(c, ref));
		if (v->kind == VAL_CONST)
			return;
		if (c->slot_pin[slot] == NOREG && v->home == HOME_NONE)
			v->home = (i16)slot;
		else if (c->slot_pin[slot] != NOREG && v->reg == NOREG)
			v->reg = c->slot_pin[slot];
		return;
	}
	v->kind = VAL_PLAIN;
	v->fp = is_fp(c->insn[ref].type);
	v->facts = 0;
	v->home = HOME_NONE;
	v->reg = NOREG;
	if (!c->s.slot_put[slot] && (c->boxed[slot / 64] >> slot % 64 & 1))
		v->facts = FACT_BOX;
	c->s.slot_val[slot] = ref;
	if (c->slot_pin[slot] != NOREG)
		own(c, ref, c->slot_pin[slot]);
	else
		v->home = (i16)slot;
}

/* May r, a constant, be made by xor? Not if the flags are still good. */
static bool zero_idiom(struct cc *c, ir_ref r, unsigned pin)
{
	return is_imm(c, r) && !c->insn[r].imm && pin < XMM0 &&
	    c->zf_at != c->a.flag_writes && c->flag_at != c->a.flag_writes;
}

static void put_pinned(struct cc *c, unsigned slot, ir_ref r)
{
	unsigned pin = c->slot_pin[slot];
	struct val *v = val(c, r);

	if (c->s.owner[pin] != r) {
		if (v->reg != NOREG)
			lock(c, v->reg);
		vacate(c, pin);
		if (v->reg != NOREG)
			mov_reg(c, pin, v->reg);
		else if (zero_idiom(c, r, pin))
			asm_alu_rr(&c->a, ALU_XOR, 4, pin, pin);
		else
			load_value(c, r, pin);
		c->s.owner[pin] = r;
	}
	/* A scratch register is given back: the pin is as good. */
	if (v->reg == NOREG || is_scratch(v->reg)) {
		if (v->reg != NOREG)
			c->s.owner[v->reg] = IR_NONE;
		v->reg = (u8)pin;
	}
}

static void put_memory(struct cc *c, unsigned slot, ir_ref r)
{
	ir_ref o = c->s.slot_val[slot];
	struct val *v = val(c, r);
	struct mem m = home_mem((i16)slot);
	i64 imm;

	if (o != IR_NONE && val(c, o)->home == (i16)slot) {
		struct val *ov = val(c, o);
		if (ov->uses && ov->reg == NOREG && ov->kind != VAL_CONST)
			unlock(c, use_reg(c, o));
		ov->home = HOME_NONE;
	}
	if (v->kind == VAL_CONST && v->reg == NOREG &&
	    value_const(c, r, &imm) && fits32(imm)) {
		asm_mov_mi(&c->a, 8, m, (i32)imm);
	} else {
		unsigned reg = use_reg(c, r);

		if (reg >= XMM0)
			fp_store(c, m, reg);
		else
			asm_store(&c->a, 8, m, reg);
	}
	if (v->kind != VAL_CONST &&
	    (v->home == HOME_NONE || v->home >= ABI_NSLOTS)) {
		drop_home(c, v);
		v->home = (i16)slot;
	}
}

void emit_put(struct cc *c, ir_ref ref)
{
	unsigned slot = c->insn[ref].aux;
	ir_ref r = root(c, c->insn[ref].a);

	force(c, r);
	r = root(c, r);
	c->s.slot_put[slot] = true;
	/* It waits in this very pin, or has to be what it should be now. */
	if (c->untested.reg != NOREG && c->untested.ref == r &&
	    c->untested.reg != c->slot_pin[slot])
		settle(c);
	if (c->s.slot_val[slot] != r) {
		if (c->slot_pin[slot] != NOREG)
			put_pinned(c, slot, r);
		else
			put_memory(c, slot, r);
		c->s.slot_val[slot] = r;
	}
	consume(c, r);
}

u32 live_scratch(struct cc *c)
{
	u32 live = 0;

	for (u32 set = X86_SCRATCH | X86_FSCRATCH; set; set &= set - 1) {
		unsigned r = (unsigned)__builtin_ctz(set);
		/* Dead values, too: a GET may bring them back. */
		if (c->s.owner[r] != IR_NONE)
			live |= 1u << r;
	}
	return live;
}

void spill_scratch(struct cc *c)
{
	for (u32 set = X86_SCRATCH | X86_FSCRATCH; set; set &= set - 1)
		evict(c, (unsigned)__builtin_ctz(set));
}

void forget_slots(struct cc *c)
{
	for (unsigned slot = 0; slot < ABI_NSLOTS; slot++) {
		ir_ref o = c->s.slot_val[slot];
		unsigned pin = c->slot_pin[slot];
		if (pin != NOREG) {
			vacate(c, pin);
		} else if (o != IR_NONE && val(c, o)->home == (i16)slot) {
			struct val *v = val(c, o);
			if (v->uses && v->reg == NOREG && v->kind != VAL_CONST)
				unlock(c, use_reg(c, o));
			v->home = HOME_NONE;
		}
		c->s.slot_val[slot] = IR_NONE;
		c->s.slot_put[slot] = true;
	}
}

struct state *save_state(struct cc *c)
{
	struct state *s = arena_new(c->cg->arena, struct state, 1);
	size_t n = c->r->ninsns + 1;
	struct val *v = arena_new(c->cg->arena, struct val, n);

	if (!s || !v) {
		fail(c, -ENOMEM);
		return NULL;
	}
	*s = c->s;
	free_spills(c, s);
	s->val = v;
	memcpy(v, c->s.val, n * sizeof(*v));
	return s;
}
