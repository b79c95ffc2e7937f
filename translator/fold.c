/*
 * fold.c - constants, algebra, widths and compares: the driver.
 *
 * The region is copied instruction by instruction into a new array; each
 * goes through fold_op, which may give an earlier value instead, or append
 * something simpler. A simpler form is folded again, so that one walk
 * reaches the end of every chain. NOPs are left out, and so are blocks that
 * a constant condition makes unreachable; what nobody uses afterwards is
 * dce's business.
 *
 * With each new value go bounds of its width (sbits, ubits), which tell
 * when an extension or a mask does nothing.
 */
#include "translator/fold.h"

#include "translator/eval.h"

static u8 u8_min(unsigned a, unsigned b)
{
	return (u8)MIN(a, b);
}

static u8 u8_max(unsigned a, unsigned b)
{
	return (u8)MAX(a, b);
}

static void const_fact(struct fold_fact *k, i64 v, u8 type)
{
	u64 u = type == IR_I64 ? (u64)v : type == IR_I32 ? (u32)v : v & 1;
	u64 m = (u64)(v < 0 ? ~v : v);
	k->ubits = (u8)(u ? 64 - __builtin_clzll(u) : 0);
	k->sbits = (u8)(m ? 65 - __builtin_clzll(m) : 1);
}

/* Bounds for ops of two operands, x and y being theirs. */
static void binary_fact(
    const struct folder *f, const struct ir_insn *i, struct fold_fact *k)
{
	const struct fold_fact *x = &f->fact[i->a], *y = &f->fact[i->b];
	unsigned w = k->ubits;
	i64 c;

	switch (i->op) {
	case IR_AND:
		k->ubits = u8_min(x->ubits, y->ubits);
		k->sbits = u8_max(x->sbits, y->sbits);
		break;
	case IR_OR:
	case IR_XOR:
		k->ubits = u8_max(x->ubits, y->ubits);
		k->sbits = u8_max(x->sbits, y->sbits);
		break;
	case IR_ADD:
		k->ubits = u8_min(w, MAX(x->ubits, y->ubits) + 1u);
		k->sbits = u8_min(w, MAX(x->sbits, y->sbits) + 1u);
		break;
	case IR_SUB: k->sbits = u8_min(w, MAX(x->sbits, y->sbits) + 1u); break;
	case IR_MUL:
		k->ubits = u8_min(w, (unsigned)x->ubits + y->ubits);
		k->sbits = u8_min(w, (unsigned)x->sbits + y->sbits);
		break;
	case IR_REMU: k->ubits = x->ubits; break;
	case IR_SHL:
		if (!fold_is_const(f, i->b, &c))
			break;
		k->ubits = u8_min(w, x->ubits + (unsigned)(c & (w - 1)));
		k->sbits = u8_min(w, x->sbits + (unsigned)(c & (w - 1)));
		break;
	case IR_SHR:
		k->ubits = x->ubits;
		if (fold_is_const(f, i->b, &c))
			k->ubits = (u8)(x->ubits -
			    MIN(x->ubits, (unsigned)(c & (w - 1))));
		break;
	case IR_SAR:
		k->sbits = x->sbits;
		if (x->ubits < w)
			k->ubits = x->ubits;
		if (fold_is_const(f, i->b, &c))
			k->sbits = (u8)(x->sbits -
			    MIN(x->sbits - 1u, (unsigned)(c & (w - 1))));
		break;
	default: break;
	}
}

static void extension_fact(const struct fold_fact *x, unsigned bits,
    bool is_signed, struct fold_fact *k)
{
	if (x->ubits < bits + !is_signed)
		k->ubits = x->ubits;
	else if (!is_signed)
		k->ubits = (u8)bits;
	if (is_signed)
		k->sbits = u8_min(bits, x->sbits);
}

static void find_fact(
    const struct folder *f, const struct ir_insn *i, struct fold_fact *k)
{
	unsigned w = fold_width_of(i->type), size;

	k->sbits = k->ubits = (u8)w;
	if (ir_ends_block(i->op)) /* b and c may be plain numbers */
		return;
	const struct fold_fact *x = &f->fact[i->a], *y = &f->fact[i->b];
	switch (i->op) {
	case IR_CONST: const_fact(k, i->imm, i->type); return;
	case IR_LOAD:
		size = 8u << MEM_LOG2(i->aux);
		if (i->aux & MEM_SIGNED)
			k->sbits = (u8)size;
		else
			k->ubits = (u8)size;
		break;
	case IR_SEXT8: extension_fact(x, 8, true, k); break;
	case IR_SEXT16: extension_fact(x, 16, true, k); break;
	case IR_SEXT32: extension_fact(x, 32, true, k); break;
	case IR_ZEXT8: extension_fact(x, 8, false, k); break;
	case IR_ZEXT16: extension_fact(x, 16, false, k); break;
	case IR_ZEXT32: extension_fact(x, 32, false, k); break;
	case IR_TRUNC:
		k->ubits = u8_min(32, x->ubits);
		k->sbits = u8_min(32, x->sbits);
		break;
	case IR_BOOL: k->ubits = 1; break;
	case IR_CLZ:
	case IR_CTZ:
	case IR_POPCNT: k->ubits = 7; break;
	case IR_FFLAGS_GET: k->ubits = 5; break;
	case IR_FCLASS: k->ubits = 10; break;
	case IR_SELECT:
		k->ubits = u8_max(y->ubits, f->fact[i->c].ubits);
		k->sbits = u8_max(y->sbits, f->fact[i->c].sbits);
		break;
	default: binary_fact(f, i, k); break;
	}
	if (k->ubits < w)
		k->sbits = u8_min(k->sbits, k->ubits + 1u);
}

ir_ref fold_emit(struct folder *f, struct ir_insn i)
{
	if (f->n == f->cap) {
		f->full = true;
		return IR_NONE;
	}
	f->out[f->n] = i;
	find_fact(f, &i, &f->fact[f->n]);
	return f->n++;
}

ir_ref fold_const(struct folder *f, u8 type, u64 v)
{
	i64 c = type == IR_I64 ? (i64)v :
	    type == IR_I32     ? (i32)v :
				 (i64)(v & 1);
	return fold_emit(
	    f, (struct ir_insn){ .op = IR_CONST, .type = type, .imm = c });
}

/* All operands constant and the result an integer: compute it. */
static ir_ref evaluate(struct folder *f, const struct ir_insn *i)
{
	const ir_ref v[3] = { i->a, i->b, i->c };
	const char *args = ir_opinfo[i->op].args;
	u8 at[3] = { 0 };
	u64 arg[3] = { 0 };

	if (!args[0] || i->type == IR_F32 || i->type == IR_F64)
		return IR_NONE;
	for (size_t k = 0; args[k]; k++) {
		const struct ir_insn *d = fold_def(f, v[k]);
		if (d->op != IR_CONST)
			return IR_NONE;
		at[k] = d->type;
		arg[k] = d->type == IR_I64 ? (u64)d->imm : (u32)d->imm;
	}
	return fold_const(
	    f, i->type, eval_op(i->op, i->type, i->aux, at, arg, NULL));
}

static bool commutes(u8 op)
{
	switch (op) {
	case IR_ADD:
	case IR_MUL:
	case IR_MULHS:
	case IR_MULHU:
	case IR_CLMUL:
	case IR_CLMULH:
	case IR_AND:
	case IR_OR:
	case IR_XOR:
	case IR_EQ:
	case IR_NE: return true;
	default: return false;
	}
}

ir_ref fold_op(struct folder *f, struct ir_insn i)
{
	ir_ref v = evaluate(f, &i);

	if (v)
		return v;
	if (commutes(i.op) && fold_def(f, i.a)->op == IR_CONST) {
		ir_ref t = i.a;
		i.a = i.b;
		i.b = t;
	}
	if (i.op >= IR_ADD && i.op <= IR_ORCB)
		v = fold_int(f, &i);
	else if (i.op >= IR_SEXT8 && i.op <= IR_TRUNC)
		v = fold_width(f, &i);
	else if (i.op >= IR_EQ && i.op <= IR_GEU)
		v = fold_compare(f, &i);
	else if (i.op == IR_BOOL || i.op == IR_SELECT)
		v = fold_choice(f, &i);
	else
		v = fold_fp(f, &i);
	return v ? v : fold_emit(f, i);
}

ir_ref fold_fp(struct folder *f, const struct ir_insn *i)
{
	const struct ir_insn *d = fold_def(f, i->a);

	switch (i->op) {
	case IR_F32_UNBOX: return d->op == IR_F32_BOX ? d->a : IR_NONE;
	case IR_FBITS: return d->op == IR_BITSF ? d->a : IR_NONE;
	case IR_BITSF: return d->op == IR_FBITS ? d->a : IR_NONE;
	case IR_FNEG: return d->op == IR_FNEG ? d->a : IR_NONE;
	case IR_FABS:
		if (d->op == IR_FABS)
			return i->a;
		return d->op == IR_FNEG ? fold_op1(f, IR_FABS, i->type, d->a) :
					  IR_NONE;
	case IR_FCANON:
		/* An integer never becomes a NaN. */
		if (d->op == IR_FCANON ||
		    (d->op >= IR_S32_TO_F && d->op <= IR_U64_TO_F))
			return i->a;
		return IR_NONE;
	default: return IR_NONE;
	}
}

/*
 * A store needs the low bytes only: take them from before an extension or a
 * truncation, if that needs no register more.
 */
static void narrow_store(struct folder *f, struct ir_insn *i)
{
	for (;;) {
		const struct ir_insn *d = fold_def(f, i->b);
		unsigned size = MEM_LOG2(i->aux);
		bool drop = d->op == IR_TRUNC || d->op == IR_FBITS;

		if ((d->op == IR_SEXT8 || d->op == IR_ZEXT8) && size == 0)
			drop = true;
		if ((d->op == IR_SEXT16 || d->op == IR_ZEXT16) && size <= 1)
			drop = true;
		if ((d->op == IR_SEXT32 || d->op == IR_ZEXT32) && size <= 2)
			drop = true;
		/* Only whole registers of the fp file can be stored. */
		if (d->op == IR_FBITS && size != (d->type == IR_I32 ? 2 : 3))
			drop = false;
		if (!drop || f->fact[i->b].homes)
			return;
		i->b = d->a;
		i->type = fold_def(f, d->a)->type;
	}
}

static void set_home(struct folder *f, u32 slot, ir_ref v)
{
	if (f->home[slot])
		f->fact[f->home[slot]].homes--;
	f->home[slot] = v;
	f->fact[v].homes++;
}

static void fold_branch(struct folder *f, struct ir_insn *i)
{
	bool negated = false;
	i64 c;

	i->a = fold_strip_not(f, i->a, &negated);
	if (negated) {
		u32 t = i->b;
		i->b = i->c;
		i->c = t;
	}
	if (fold_is_const(f, i->a, &c))
		*i = (struct ir_insn){ .op = IR_GOTO, .b = c ? i->b : i->c };
}

/* The copy of one instruction whose operands are renamed. */
static ir_ref copy_insn(struct folder *f, struct ir_insn i)
{
	ir_ref v;

	switch (i.op) {
	case IR_GET:
		v = fold_emit(f, i);
		set_home(f, i.aux, v);
		return v;
	case IR_PUT: set_home(f, i.aux, i.a); return fold_emit(f, i);
	case IR_STORE: narrow_store(f, &i); return fold_emit(f, i);
	case IR_BR: fold_branch(f, &i); return fold_emit(f, i);
	case IR_CONST:
	case IR_PC: return fold_emit(f, i);
	default:
		if (ir_opinfo[i.op].flags != IRF_P)
			return fold_emit(f, i);
		return fold_op(f, i);
	}
}

static void rename_operands(struct ir_insn *i, const ir_ref *with)
{
	const char *args = ir_opinfo[i->op].args;
	if (!args[0])
		return;
	i->a = with[i->a];
	if (!args[1])
		return;
	i->b = with[i->b];
	if (args[2])
		i->c = with[i->c];
}

static void count_uses(const struct ir_region *r, u16 *uses)
{
	for (ir_ref ref = 1; ref < r->ninsns; ref++) {
		const struct ir_insn *i = &r->insn[ref];
		const ir_ref v[3] = { i->a, i->b, i->c };
		for (size_t k = 0; ir_opinfo[i->op].args[k]; k++)
			uses[v[k]]++;
	}
}

/* Copy block b; gives its new bounds and marks the blocks it leads to. */
static struct ir_block copy_block(struct folder *f, const struct ir_region *r,
    u32 b, ir_ref *with, const u16 *uses, bool *alive)
{
	struct ir_block nb = { .first = f->n };

	for (u32 k = 0; k < r->block[b].n; k++) {
		ir_ref ref = r->block[b].first + k;
		struct ir_insn i = r->insn[ref];
		if (i.op == IR_NOP)
			continue;
		rename_operands(&i, with);
		with[ref] = copy_insn(f, i);
		f->fact[with[ref]].uses =
		    (u16)(f->fact[with[ref]].uses + uses[ref]);
	}
	nb.n = f->n - nb.first;
	const struct ir_insn *end = &f->out[f->n - 1];
	if (end->op == IR_GOTO || end->op == IR_BR)
		alive[end->b] = true;
	if (end->op == IR_BR)
		alive[end->c] = true;
	return nb;
}

/* Take the new arrays; blocks that are not alive disappear. */
static void install(struct ir_region *r, struct folder *f,
    const struct ir_block *nb, const bool *alive)
{
	u32 number[IR_MAX_BLOCKS], n = 0;

	for (u32 b = 0; b < r->nblocks; b++) {
		if (!alive[b])
			continue;
		r->block[n] = nb[b];
		number[b] = n++;
	}
	for (u32 b = 0; b < n; b++) {
		struct ir_insn *end =
		    &f->out[r->block[b].first + r->block[b].n - 1];
		if (end->op == IR_GOTO || end->op == IR_BR)
			end->b = number[end->b];
		if (end->op == IR_BR)
			end->c = number[end->c];
	}
	r->insn = f->out;
	r->ninsns = f->n;
	r->cap = f->cap;
	r->nblocks = n;
}

void pass_fold(const struct guest_isa *g, struct ir_region *r)
{
	(void)g;
	struct folder f = { .n = 1 };
	struct ir_block nb[IR_MAX_BLOCKS];
	bool alive[IR_MAX_BLOCKS] = { true };
	u16 order[IR_MAX_BLOCKS];
	u32 n = ir_block_order(r, order);

	f.cap = MIN(2 * r->ninsns + 32, (u32)IR_MAX_INSNS);
	f.out = arena_new(r->arena, struct ir_insn, f.cap);
	f.fact = arena_new(r->arena, struct fold_fact, f.cap);
	ir_ref *with = arena_new(r->arena, ir_ref, r->ninsns);
	u16 *uses = arena_new(r->arena, u16, r->ninsns);
	if (!f.out || !f.fact || !with || !uses) {
		r->failed = true;
		return;
	}
	f.out[0] = (struct ir_insn){ .op = IR_NOP };
	count_uses(r, uses);
	for (u32 k = 0; k < n && !f.full; k++)
		if (alive[order[k]])
			nb[order[k]] =
			    copy_block(&f, r, order[k], with, uses, alive);
	/* Too long for a region: it stays as it is, which is right too. */
	if (!f.full)
		install(r, &f, nb, alive);
}
