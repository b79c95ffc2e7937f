/*
 * gen.c - see gen.h. Operand types follow the letters of ops.def, so a new
 * pure op is drawn as soon as its row exists.
 *
 * Values are taken from a window of recent ones and from slots, so that
 * lives are short mostly and long sometimes; PUTs hit few slots again and
 * again, which is what the allocator's rescues are about.
 */
#include "tests/x86_64/gen.h"

struct gen {
	struct rng g;
	struct ir_region *r;
	const struct gen_opts *o;
	gva_t pc;
	u32 depth;
};

/* The values on the current path, by type. */
struct pool {
	ir_ref v[IR_NTYPES][32];
	u32 n[IR_NTYPES];
	ir_ref pair; /* the latest op that may have a twin, or IR_NONE */
};

static u32 below(struct gen *x, u32 n)
{
	return rng_below(&x->g, n);
}

static void keep(struct pool *p, u8 ty, ir_ref v)
{
	p->v[ty][p->n[ty]++ % 32] = v;
}

static unsigned int_slot(struct gen *x)
{
	return below(x, NINT);
}

static unsigned fp_slot(struct gen *x)
{
	return FP0 + below(x, NFP);
}

static ir_ref value(struct gen *x, struct pool *p, u8 ty);

/* A new value of the type: a slot or a constant. */
static ir_ref fresh(struct gen *x, struct pool *p, u8 ty)
{
	struct ir_region *r = x->r;
	ir_ref v;

	switch (ty) {
	case IR_I1:
		if (below(x, 8) == 0) {
			v = ir_const(r, ty, below(x, 2));
			break;
		}
		v = ir_op2(r, (u8)(IR_EQ + below(x, 6)), IR_I1,
		    value(x, p, IR_I64), value(x, p, IR_I64));
		break;
	case IR_I32:
		v = below(x, 3) ? ir_op1(r, IR_TRUNC, ty, value(x, p, IR_I64)) :
				  ir_const(r, ty, (i64)rng_int(&x->g));
		break;
	case IR_I64:
		if (below(x, 3))
			v = ir_get(r, ty, int_slot(x));
		else if (below(x, 4))
			v = ir_const(r, ty, (i64)rng_int(&x->g));
		else /* like a constant, but the passes may not look */
			v = ir_emit(r,
			    (struct ir_insn){ .op = IR_PC,
				.type = ty,
				.imm = (i64)rng_int(&x->g) });
		break;
	case IR_F32:
		v = ir_op1(r, IR_F32_UNBOX, ty, value(x, p, IR_F64));
		break;
	default: v = ir_get(r, IR_F64, fp_slot(x)); break;
	}
	keep(p, ty, v);
	return v;
}

static ir_ref value(struct gen *x, struct pool *p, u8 ty)
{
	u32 n = MIN(p->n[ty], 32u);

	if (!n || below(x, 3) == 0)
		return fresh(x, p, ty);
	if (below(x, 2)) /* the latest few */
		return p->v[ty][(p->n[ty] - 1 - below(x, MIN(n, 3u))) % 32];
	return p->v[ty][below(x, n)];
}

static u8 int_type(struct gen *x)
{
	return below(x, 3) ? IR_I64 : IR_I32;
}

static u8 fp_type(struct gen *x)
{
	return below(x, 2) ? IR_F64 : IR_F32;
}

/* Result type, and the type of operand a where the letters leave it open. */
static void types_of(struct gen *x, u8 op, u8 *ty, u8 *a)
{
	char letter = ir_opinfo[op].args[0];

	*a = letter == 'i' ? int_type(x) :
	    letter == 'f'  ? fp_type(x) :
	    letter == 'd'  ? IR_F64 :
	    letter == 's'  ? IR_F32 :
	    letter == 'b'  ? IR_I1 :
			     IR_I64;
	*ty = ir_opinfo[op].result == 'b' ? IR_I1 : *a;
	switch (op) {
	case IR_SEXT32:
	case IR_ZEXT32:
		*a = IR_I32;
		*ty = IR_I64;
		break;
	case IR_TRUNC:
		*a = IR_I64;
		*ty = IR_I32;
		break;
	case IR_AES_SUB: *a = *ty = IR_I32; break;
	case IR_BOOL: *ty = int_type(x); break;
	case IR_SELECT:
		*ty = (u8[]){ IR_I64, IR_I64, IR_I32, IR_I1, IR_F64,
			IR_F32 }[below(x, 6)];
		break;
	case IR_FCLASS:
	case IR_F_TO_S64:
	case IR_F_TO_U64: *ty = IR_I64; break;
	case IR_F_TO_S32:
	case IR_F_TO_U32: *ty = IR_I32; break;
	case IR_F64_TO_F32:
	case IR_F32_UNBOX: *ty = IR_F32; break;
	case IR_F32_TO_F64:
	case IR_F32_BOX: *ty = IR_F64; break;
	case IR_S32_TO_F:
	case IR_U32_TO_F:
		*a = IR_I32;
		*ty = fp_type(x);
		break;
	case IR_S64_TO_F:
	case IR_U64_TO_F:
		*a = IR_I64;
		*ty = fp_type(x);
		break;
	case IR_FBITS:
		*a = fp_type(x);
		*ty = *a == IR_F32 ? IR_I32 : IR_I64;
		break;
	case IR_BITSF:
		*a = int_type(x);
		*ty = *a == IR_I32 ? IR_F32 : IR_F64;
		break;
	default: break;
	}
}

static u16 some_rm(struct gen *x)
{
	return below(x, 3) ? RM_DYN : (u16)below(x, 5);
}

static bool is_fp_op(u8 op)
{
	return op >= IR_FADD && op <= IR_F32_UNBOX;
}

bool gen_supported(u8 op)
{
	return op != IR_NOP && op != IR_CONST && op != IR_PC &&
	    (ir_opinfo[op].flags & (IRF_P | IRF_F));
}

static u8 draw_op(struct gen *x)
{
	for (;;) {
		u8 op = (u8)below(x, IR_NOPS);
		if (!gen_supported(op))
			continue;
		if (is_fp_op(op) ? x->o->fp : x->o->integer)
			return op;
	}
}

/* Ops that may be done together with another one. */
static bool has_twin(u8 op)
{
	return (op >= IR_DIVS && op <= IR_REMU) ||
	    (op >= IR_CLMUL && op <= IR_AES_DECLAST);
}

/* One by the operands of the one before: mostly its other half. */
static ir_ref twin(struct gen *x, struct pool *p)
{
	struct ir_insn i = x->r->insn[p->pair];
	u8 first = i.op <= IR_REMU ? IR_DIVS : IR_CLMUL;

	if (i.op >= IR_AES_ENC) {
		ir_ref t = i.a;
		i.a = i.b;
		i.b = t;
	} else {
		i.op = (u8)(first + below(x, first == IR_DIVS ? 4 : 2));
	}
	ir_ref v = ir_emit(x->r, i);
	keep(p, i.type, v);
	return v;
}

static ir_ref pure(struct gen *x, struct pool *p)
{
	u8 op = draw_op(x), ty, a;

	if (has_twin(op) && p->pair != IR_NONE && below(x, 2))
		return twin(x, p);
	const char *args = ir_opinfo[op].args;
	struct ir_insn i = { .op = op };
	ir_ref *o[3] = { &i.a, &i.b, &i.c };

	types_of(x, op, &ty, &a);
	i.type = ty;
	for (unsigned k = 0; args[k]; k++) {
		*o[k] = value(x, p, args[k] == 'v' ? ty : a);
		/* Shifts and compares with constants have forms of their own */
		if (k == 1 && args[k] == 'i' && below(x, 3) == 0)
			i.b = ir_const(x->r, a,
			    below(x, 2) ? (i64)below(x, 70) :
					  (i64)rng_int(&x->g));
	}
	if (ir_rounds(op))
		i.aux = some_rm(x);
	ir_ref v = ir_emit(x->r, i);
	keep(p, ty, v);
	if (has_twin(op))
		p->pair = v;
	return v;
}

/* An address mostly inside the data, sometimes at its edges. */
static ir_ref address(struct gen *x, struct pool *p, bool amo)
{
	struct ir_region *r = x->r;
	u32 mask = below(x, 12) ? DATA_SIZE / 2 - 1 : 2 * DATA_SIZE - 1;
	u64 base = below(x, 12) ? DATA + 64 : DATA - 8;

	if (amo && below(x, 8))
		mask &= ~7u;
	if (below(x, 6) == 0)
		return ir_const(
		    r, IR_I64, (i64)(base + (rng_next(&x->g) & mask)));
	if (below(x, 40) == 0) /* far away: outside any window */
		return ir_const(r, IR_I64, 0x7f0000000000);
	ir_ref v = ir_op2(
	    r, IR_AND, IR_I64, value(x, p, IR_I64), ir_const(r, IR_I64, mask));
	v = ir_op2(r, IR_ADD, IR_I64, v, ir_const(r, IR_I64, (i64)base));
	if (below(x, 3) == 0) /* through a slot, as guests do */
		ir_put(r, IR_I64, int_slot(x), v);
	return v;
}

static void memory_op(struct gen *x, struct pool *p)
{
	struct ir_insn i = { .imm = below(x, 3) ? 0 : (i64)below(x, 128) - 64 };
	bool amo = below(x, 4) == 0;
	u8 ty = amo ? int_type(x) :
		      (u8[]){ IR_I64, IR_I64, IR_I32, IR_F64,
			      IR_F32 }[below(x, x->o->fp ? 5 : 3)];
	bool fp = ty == IR_F32 || ty == IR_F64,
	     wide = ty == IR_I64 || ty == IR_F64;

	i.type = ty;
	i.aux = wide ? 3 : 2;
	if (amo) {
		i.op = (u8)(IR_AMO_SWAP + below(x, IR_CAS - IR_AMO_SWAP + 1));
		i.aux |= below(x, 4) ? MEM_ALIGNED : 0;
		if (i.imm)
			i.imm &= ~7;
	} else {
		i.op = below(x, 2) ? IR_LOAD : IR_STORE;
		if (!fp)
			i.aux = (u16)below(x, i.aux + 1u);
		if (i.op == IR_LOAD && !fp && below(x, 2))
			i.aux |= MEM_SIGNED;
		if (below(x, 10) == 0)
			i.aux |= MEM_ALIGNED;
	}
	i.a = address(x, p, amo);
	if (i.op != IR_LOAD)
		i.b = value(x, p, ty);
	if (i.op == IR_CAS) {
		i.c = value(x, p, ty);
		if (below(x, 2)) { /* one that can succeed */
			struct ir_insn l = i;
			l.op = IR_LOAD;
			l.b = l.c = IR_NONE;
			i.b = ir_emit(x->r, l);
		}
	}
	ir_ref v = ir_emit(x->r, i);
	if (i.op != IR_STORE)
		keep(p, ty, v);
}

static void put(struct gen *x, struct pool *p)
{
	if (x->o->fp && below(x, 2)) {
		ir_ref v = below(x, 2) ?
		    value(x, p, IR_F64) :
		    ir_op1(x->r, IR_F32_BOX, IR_F64, value(x, p, IR_F32));
		ir_put(x->r, IR_F64, fp_slot(x), v);
	} else {
		ir_put(x->r, IR_I64, int_slot(x), value(x, p, IR_I64));
	}
}

static void state_op(struct gen *x, struct pool *p)
{
	struct ir_insn i = { 0 };

	switch (below(x, 5)) {
	case 0:
		i = (struct ir_insn){ .op = IR_FFLAGS_GET, .type = IR_I64 };
		break;
	case 1:
		i = (struct ir_insn){ .op = IR_FFLAGS_SET,
			.a = value(x, p, IR_I64) };
		break;
	case 2:
		i = (struct ir_insn){ .op = IR_FRM_SET,
			.a = ir_const(x->r, IR_I64, below(x, RM_RMM + 1)) };
		break;
	case 3:
		i = (struct ir_insn){ .op = IR_HELPER,
			.aux = (u16)below(x, 3) };
		if (below(x, 3))
			i.a = value(x, p, IR_I64);
		if (below(x, 3))
			i.b = value(x, p, IR_I64);
		if (below(x, 3))
			i.type = IR_I64;
		break;
	default: i = (struct ir_insn){ .op = IR_FENCE, .aux = 1 }; break;
	}
	ir_ref v = ir_emit(x->r, i);
	if (i.type == IR_I64)
		keep(p, IR_I64, v);
}

static void guest_insn(struct gen *x, struct pool *p)
{
	ir_emit(
	    x->r, (struct ir_insn){ .op = IR_INSN_START, .imm = (i64)x->pc });
	x->pc += 4;
	u32 n = 1 + below(x, 3);
	for (u32 k = 0; k < n; k++)
		pure(x, p);
	if (x->o->memory && below(x, 3) == 0)
		memory_op(x, p);
	if (below(x, 24) == 0)
		state_op(x, p);
	for (u32 k = below(x, 3); k > 0; k--)
		put(x, p);
}

static void goto_tb(struct gen *x)
{
	/* Not the region itself: native code would loop. */
	gva_t pc = x->pc + 4 * below(x, 1000) + 4;

	if (below(x, 4) == 0)
		pc = 0x400000 + pc * 2;
	if (below(x, 8) == 0)
		pc += 0x2a00000000;
	ir_emit(x->r, (struct ir_insn){ .op = IR_GOTO_TB, .imm = (i64)pc });
}

static void end(struct gen *x, struct pool *p)
{
	struct ir_region *r = x->r;
	ir_ref target = below(x, 3) ? value(x, p, IR_I64) :
				      ir_const(r, IR_I64, (i64)x->pc + 64);

	switch (below(x, x->o->calls ? 6 : 4)) {
	case 0:
		ir_emit(r,
		    (struct ir_insn){ .op = IR_EXIT,
			.aux = (u16)below(x, EXIT_MEMORY),
			.imm = (i64)x->pc,
			.b = (u32)rng_next(&x->g) });
		break;
	case 1:
		ir_emit(r, (struct ir_insn){ .op = IR_GOTO_PTR, .a = target });
		break;
	case 4:
		ir_emit(r,
		    (struct ir_insn){
			.op = IR_CALL, .a = target, .imm = (i64)x->pc });
		break;
	case 5:
		ir_emit(r, (struct ir_insn){ .op = IR_RET, .a = target });
		break;
	default: goto_tb(x); break;
	}
}

static void block(struct gen *x, struct pool *p, u32 n);

/* A branch; what follows it goes on in one of its blocks. */
static void branch(struct gen *x, struct pool *p)
{
	struct ir_region *r = x->r;
	ir_ref cond = value(x, p, IR_I1);
	u32 yes = ir_new_block(r), no = ir_new_block(r);
	bool swap = below(x, 4) == 0;
	struct pool side = *p;

	ir_emit(r,
	    (struct ir_insn){ .op = IR_BR,
		.a = cond,
		.b = swap ? no : yes,
		.c = swap ? yes : no });
	ir_begin(r, yes);
	x->depth++;
	if (below(x, 3) || x->depth > 3)
		goto_tb(x);
	else
		block(x, &side, 1 + below(x, 4));
	x->depth--;
	ir_begin(r, no);
}

static void block(struct gen *x, struct pool *p, u32 n)
{
	while (n--) {
		guest_insn(x, p);
		if (below(x, 5) == 0 && x->r->nblocks < 40)
			branch(x, p);
	}
	end(x, p);
}

void gen_region(struct ir_region *r, struct arena *arena, gva_t pc, u64 seed,
    const struct gen_opts *o)
{
	struct gen x = { .g = { seed }, .r = r, .o = o, .pc = pc };
	struct pool p = { 0 };

	ir_init(r, arena, pc);
	block(&x, &p, 1 + below(&x, o->insns));
	r->guest_insns = (u32)((x.pc - pc) / 4);
	r->guest_len = (u32)(x.pc - pc);
}
