/*
 * gen.c - making a case of the instruction fuzzer.
 *
 * Nothing here knows an instruction: a word is drawn from a row of the
 * instruction table (its fixed bits, the others at random), lifted alone,
 * and what its IR shows decides whether it fits. Then it is run, by the
 * interpreter, in the state that the instructions before it have made: so
 * loads and stores can be held to addresses that exist, and jumps to
 * targets inside the sequence. Backward jumps are taken as long as the
 * whole sequence ends within MAX_STEPS.
 *
 * A jump may lead over instructions that are not made yet. `pending` keeps
 * such targets, so that an instruction begins there; what lies between is
 * dead code, made without being run.
 *
 * Shapes that would hardly come about by chance are built on purpose: a
 * counted loop, a function with calls to it, and what compilers write all the
 * time, a constant and an operation with it, a result and a branch on it.
 */
#include "tests/fuzz/case.h"

#define MACHINE_MEM FZ_DATA
#define MACHINE_SIZE FZ_DATA_SIZE
#include "tests/riscv/machine.h"

#include "tests/fuzz/known.h"

#define MAX_STEPS 400
#define TRIES 400 /* words drawn of one row before another one is taken */
#define NONE (~0u)

struct fz_gen {
	struct machine m;
	struct fz_rng rng;
	bool plain;
	bool faulty; /* faults are welcome in this case */
	u32 row[RV_NROWS]; /* rows that can be used */
	u32 nrows;
	u64 executed[RV_NROWS];

	/* the case under construction */
	struct fz_case *c;
	u32 theme[8], ntheme; /* rows that it prefers */
	u8 reg[8]; /* register numbers that it prefers */
	gva_t end; /* where the next instruction goes */
	gva_t pc; /* of the machine: end, or a pending target */
	u32 steps;
	u32 written; /* the x-register written last; 0: none lately */
	bool constants; /* the case has many */
	bool back; /* a jump shall lead backward */
	bool over; /* nothing follows: a fault or the like was met */
	u64 keep; /* registers that must not be written now, by number */
	gva_t function; /* 0: there is none */
	u32 link; /* its link register */
	bool start[FZ_SLOT]; /* an instruction begins at this offset */
	bool pending[FZ_SLOT]; /* a jump leads to it: one must begin here */
};

/* --- values ----------------------------------------------------------------
 */

static u64 edge_int(struct fz_rng *g)
{
	static const u8 widths[] = { 7, 15, 31, 31, 32, 32, 63, 63 };
	u32 n = fz_below(g, 2) ? widths[fz_below(g, 8)] : fz_below(g, 64);
	u64 power = 1ull << n;

	switch (fz_below(g, 8)) {
	case 0: return 0;
	case 1: return fz_below(g, 2) ? 1 : ~0ull;
	case 2: return power;
	case 3: return power - 1;
	case 4: return power + 1;
	case 5: return -power;
	case 6: return (u64)(i64)(i32)power;
	default: return (u64)(i64)(i32)(power - 1) ^ (u64)-fz_below(g, 2);
	}
}

static u64 some_int(struct fz_rng *g)
{
	if (fz_below(g, 8) < 5)
		return edge_int(g);
	return fz_next(g) >> fz_below(g, 64);
}

/* Exponents about which something changes: ends, limits of conversions. */
static u64 some_exponent(struct fz_rng *g, unsigned width, unsigned bias)
{
	/* clang-format off */
	static const i32 near[] = { 0, 0, 0, 15, 16, 22, 23, 24, 25, 30, 31,
		32, 51, 52, 53, 54, 62, 63, 64, 126, 127, 128, -1, -2, -24,
		-53, -125, -126, -127, -149, -150 };
	/* clang-format on */
	u64 max = (1ull << width) - 1;

	switch (fz_below(g, 8)) {
	case 0: return 0;
	case 1: return max;
	case 2: return max - 1;
	case 3: return 1;
	case 4: return fz_next(g) & max;
	default: return (bias + (u64)near[fz_below(g, ARRAY_LEN(near))]) & max;
	}
}

/* A value about a number that is one for integers. */
static u64 float_near_int(struct fz_rng *g, bool single)
{
	u64 v = edge_int(g), ulp = fz_below(g, 5) - 2u;
	double d = fz_below(g, 2) ? (double)v : (double)(i64)v;
	u32 w;

	if (fz_once_in(g, 4))
		d = 0;
	d += (double)(i64)fz_below(g, 9) / 2 - 2;
	float f = (float)d;
	memcpy(&v, &d, sizeof(v));
	memcpy(&w, &f, sizeof(w));
	return single ? (u32)(w + ulp) : v + ulp;
}

static u64 some_float(struct fz_rng *g, unsigned ewidth, unsigned fwidth)
{
	u64 fmask = (1ull << fwidth) - 1, top = 1ull << (fwidth - 1), frac;
	u64 e = some_exponent(g, ewidth, (1u << (ewidth - 1)) - 1);

	if (fz_once_in(g, 3))
		return float_near_int(g, fwidth == 23);
	switch (fz_below(g, 8)) {
	case 0:
	case 1: frac = 0; break;
	case 2: frac = fmask; break;
	case 3: frac = 1; break;
	case 4: frac = top; break; /* of a NaN: quiet */
	case 5: frac = (1ull << fz_below(g, fwidth)); break;
	default: frac = fz_next(g) & fmask;
	}
	return (u64)fz_below(g, 2) << (ewidth + fwidth) | e << fwidth | frac;
}

static u64 some_fp_reg(struct fz_rng *g)
{
	u64 boxed = 0xffffffffull << 32;

	switch (fz_below(g, 16)) {
	case 0: return fz_next(g);
	case 1: /* a single that is not boxed, by one bit or all */
		return some_float(g, 8, 23) |
		    (fz_below(g, 2) ? boxed ^ 1ull << (32 + fz_below(g, 32)) :
				      0);
	case 2: return 0x7ff8000000000000; /* the canonical NaNs */
	case 3: return boxed | 0x7fc00000;
	default:
		return fz_below(g, 2) ? some_float(g, 11, 52) :
					boxed | some_float(g, 8, 23);
	}
}

/* An address in the data page, near its ends and aligned more often. */
static u64 some_address(struct fz_rng *g)
{
	u64 off = fz_below(g, FZ_DATA_SIZE);

	if (fz_once_in(g, 8))
		off = fz_below(g, 2) ? fz_below(g, 16) :
				       FZ_DATA_SIZE - 1 - fz_below(g, 16);
	if (!fz_once_in(g, 4))
		off = ALIGN_DOWN(off, 8);
	return FZ_DATA + off;
}

static void make_state(struct fz_gen *g)
{
	struct fz_state *s = &g->c->in;
	struct fz_rng *r = &g->rng;

	memset(s, 0, sizeof(*s));
	for (unsigned n = 1; n < 32; n++)
		s->slot[n] = some_int(r);
	for (unsigned n = 0; n < 32; n++)
		s->slot[RV_SLOT_F + n] = some_fp_reg(r);
	for (unsigned n = 0; n < 2; n++)
		if (g->reg[n])
			s->slot[g->reg[n]] = some_address(r);
	if (fz_below(r, 2))
		s->slot[RV_SP] = some_address(r);
	if (fz_below(r, 2)) /* a base of compressed loads and stores */
		s->slot[8 + fz_below(r, 8)] = some_address(r);
	if (fz_once_in(r, 8)) /* somewhere in the slot: the end, mostly */
		s->slot[g->reg[2] ? g->reg[2] : 1] =
		    g->c->pc + fz_below(r, FZ_SLOT / 2) * 2;
	for (unsigned n = 0; n < FZ_DATA_SIZE; n += 8) {
		u64 v = fz_below(r, 2) ? some_int(r) : some_fp_reg(r);
		memcpy(s->data + n, &v, 8);
	}
	s->fflags = fz_below(r, 2) ? fz_below(r, 32) : 0;
	s->frm = fz_below(r, 4);
	if (fz_once_in(r, 8))
		s->frm = fz_below(r, 8);
	s->slot[RV_SLOT_FRM] = s->frm;
	s->slot[RV_SLOT_RESV_ADDR] = (u64)RV_NO_RESV;
}

/* --- words -----------------------------------------------------------------
 */

static u32 random_bits(struct fz_rng *g)
{
	u32 v = (u32)fz_next(g);

	switch (fz_below(g, 6)) {
	case 0: return v & (u32)fz_next(g);
	case 1: return v & (u32)fz_next(g) & (u32)fz_next(g);
	case 2: return v | (u32)fz_next(g) | (u32)fz_next(g);
	default: return v;
	}
}

/*
 * A word of the row. Where registers usually stand and the row leaves all
 * bits free, one of the preferred ones is put in: the instructions of a
 * sequence shall depend on each other.
 */
static u32 draw_word(struct fz_gen *g, const struct rv_row *row)
{
	static const u8 wide[] = { 7, 15, 20, 27 }, narrow[] = { 7, 2 };
	bool c = rv_is_compressed(row->match);
	u32 free = ~row->mask & (c ? 0xffffu : ~0u);
	u32 w = row->match | (random_bits(&g->rng) & free);

	if (g->back && fz_below(&g->rng, 2)) /* small negative offsets */
		return w | ((u32)(fz_next(&g->rng) | fz_next(&g->rng)) & free);
	if (fz_once_in(&g->rng, 4))
		return w;
	for (unsigned k = 0; k < (c ? 2u : 4u); k++) {
		unsigned lo = c ? narrow[k] : wide[k];
		u32 field = 31u << lo;

		if ((free & field) == field)
			w = (w & ~field) |
			    (u32)g->reg[fz_below(&g->rng, 8)] << lo;
	}
	return w;
}

static bool in_slot(const struct fz_gen *g, gva_t a)
{
	return a - g->c->pc < FZ_SLOT;
}

/* May code at the end of the sequence, of `len` bytes, jump to a? */
static bool target_ok(const struct fz_gen *g, gva_t a, unsigned len)
{
	u32 off = (u32)(a - g->c->pc);

	if (!in_slot(g, a) || a & 1)
		return false;
	if (a >= g->end + len) /* becomes pending */
		return a == g->end + len || !g->back;
	return g->start[off] || a == g->end;
}

/*
 * Look at the lifted instruction: may it stand here at all? Sets *faults if
 * it is one that always leaves with a fault.
 */
static bool ir_ok(struct fz_gen *g, unsigned len, bool *faults)
{
	const struct ir_region *r = &g->m.region;

	*faults = r->nblocks == 1 && r->insn[r->ninsns - 1].op == IR_EXIT;
	for (u32 k = 0; k < r->ninsns; k++) {
		const struct ir_insn *i = &r->insn[k];

		switch (i->op) {
		case IR_HELPER: return false; /* not twice the same */
		case IR_EXIT:
			if (i->aux == EXIT_SYSCALL || i->aux == EXIT_FETCH)
				return false;
			if (i->aux == EXIT_FPMODE || i->aux == EXIT_ICACHE)
				*faults = false;
			break;
		case IR_PUT:
			if (i->aux < 32 && g->keep >> i->aux & 1)
				return false;
			break;
		case IR_GOTO_TB:
			if (!target_ok(g, (gva_t)i->imm, len))
				return false;
			break;
		default: break;
		}
	}
	return true;
}

/* Where it may jump, and the register that it writes. */
static void note_targets(struct fz_gen *g)
{
	const struct ir_region *r = &g->m.region;

	g->written = 0;
	for (u32 k = 0; k < r->ninsns; k++) {
		gva_t a = (gva_t)r->insn[k].imm;

		if (r->insn[k].op == IR_PUT && r->insn[k].aux < 32)
			g->written = r->insn[k].aux;

		if (r->insn[k].op == IR_GOTO_TB && in_slot(g, a))
			g->pending[a - g->c->pc] = true;
	}
}

static void lift_at(struct fz_gen *g, gva_t pc)
{
	u32 off = (u32)(pc - g->c->pc);
	struct lift_code code = { pc, g->c->code + off, FZ_SLOT - off };

	machine_lift_code(&g->m, &code, 1);
}

static u32 row_at(struct fz_gen *g, gva_t pc, struct rv_insn *i)
{
	u32 off = (u32)(pc - g->c->pc);

	if (!rv_decode(g->m.decoder, pc, g->c->code + off, FZ_SLOT - off, i) ||
	    !i->row)
		return RV_NONE;
	return (u32)(i->row - rv_rows);
}

static bool readable(gva_t a)
{
	return a - FZ_CODE < FZ_CODE_SIZE ||
	    a - FZ_DATA < FZ_DATA_SIZE + HOST_PAGE;
}

/*
 * The machine knows the data page only; code and the page behind the data
 * can be read, too. Did it refuse a load that works in the other ways?
 */
static bool would_work(const struct fz_gen *g)
{
	const struct ir_region *r = &g->m.region;
	gva_t a = g->m.s.fault_addr;

	if (g->m.result.reason != EXIT_MEMORY)
		return false;
	for (u32 k = 0; k < r->ninsns; k++)
		if (r->insn[k].op == IR_LOAD)
			return readable(a) || readable(a + 7);
	return false;
}

/*
 * Run the machine from g->pc until it comes to the end of what has been
 * made, or beyond. False if it does something that it must not.
 */
static bool run(struct fz_gen *g, gva_t end)
{
	struct rv_insn i;

	while (g->pc < end) {
		if (!in_slot(g, g->pc) || !g->start[g->pc - g->c->pc] ||
		    ++g->steps > MAX_STEPS)
			return false;
		u32 id = row_at(g, g->pc, &i);
		if (g->plain && id != RV_NONE && fz_known(&i, g->m.s.state))
			return false;
		lift_at(g, g->pc);
		machine_run(&g->m);
		g->executed[id]++;
		g->pc = g->m.result.pc;
		switch (g->m.result.reason) {
		case EXIT_LOOKUP:
		case EXIT_FPMODE:
		case EXIT_ICACHE: break;
		default: g->over = true; return !would_work(g);
		}
	}
	/* it went on somewhere behind the end: must be kept free for it */
	if (!in_slot(g, g->pc) || g->pc & 1)
		return false;
	if (g->pc > end)
		g->pending[g->pc - g->c->pc] = true;
	return true;
}

/* Is this a load or store that misses the data page? Cheap to ask first. */
static bool misses(struct fz_gen *g, const struct rv_insn *i)
{
	gva_t a = g->m.s.state[i->rs1] + (u64)i->imm;

	for (u32 k = 0; k < g->m.region.ninsns; k++)
		if (ir_opinfo[g->m.region.insn[k].op].flags & IRF_M)
			return a - FZ_DATA >= FZ_DATA_SIZE;
	return false;
}

static void put_code(struct fz_gen *g, u32 word, unsigned len)
{
	memcpy(g->c->code + (g->end - g->c->pc), &word, len);
}

/* What has to be restored when an instruction does not fit after all. */
struct saved {
	struct abi_state s;
	u8 mem[FZ_DATA_SIZE];
	gva_t pc;
	u32 steps;
	bool pending[FZ_SLOT];
};

static void save(const struct fz_gen *g, struct saved *x)
{
	x->s = g->m.s;
	memcpy(x->mem, g->m.mem, sizeof(x->mem));
	x->pc = g->pc;
	x->steps = g->steps;
	memcpy(x->pending, g->pending, sizeof(x->pending));
}

static void restore(struct fz_gen *g, const struct saved *x)
{
	g->m.s = x->s;
	memcpy(g->m.mem, x->mem, sizeof(x->mem));
	g->pc = x->pc;
	g->steps = x->steps;
	g->over = false;
	memcpy(g->pending, x->pending, sizeof(x->pending));
}

/*
 * The word stands at the end: may it stay, and what does it do? True: it
 * has been taken, the machine has gone on.
 */
static bool try_word(struct fz_gen *g, u32 word)
{
	static struct saved before;
	unsigned len = rv_is_compressed(word) ? 2 : 4;
	u32 off = (u32)(g->end - g->c->pc);
	struct rv_insn i;
	bool faults;

	if (off + len > FZ_SLOT - 2 || (len == 4 && g->pending[off + 2]))
		return false;
	put_code(g, word, len);
	if (row_at(g, g->end, &i) == RV_NONE)
		return false;
	lift_at(g, g->end);
	u32 rare = g->faulty ? 64 : 1024;
	if (!ir_ok(g, len, &faults) || (faults && !fz_once_in(&g->rng, rare)))
		return false;
	if (misses(g, &i) && !fz_once_in(&g->rng, rare))
		return false;
	save(g, &before);
	note_targets(g);
	g->start[off] = true;
	g->c->at[g->c->n] = (u8)off;
	bool ok = g->pc != g->end || run(g, g->end + len);
	if (ok && g->over && !faults && !g->faulty && !fz_once_in(&g->rng, 32))
		ok = false;
	if (!ok) {
		restore(g, &before);
		g->start[off] = false;
		return false;
	}
	g->c->n++;
	g->end += len;
	return true;
}

/* jal rd, to */
static u32 jal(u32 rd, gva_t from, gva_t to)
{
	u32 v = (u32)(to - from);

	return rv_rows[RV_JAL].match | rd << 7 | bits(v, 20, 1) << 31 |
	    bits(v, 1, 10) << 21 | bits(v, 11, 1) << 20 | bits(v, 12, 8) << 12;
}

static u32 branch(u32 id, u32 rs1, gva_t from, gva_t to)
{
	u32 v = (u32)(to - from);

	return rv_rows[id].match | rs1 << 15 | bits(v, 12, 1) << 31 |
	    bits(v, 5, 6) << 25 | bits(v, 1, 4) << 8 | bits(v, 11, 1) << 7;
}

static u32 op_imm(u32 id, u32 rd, u32 rs1, u32 imm)
{
	return rv_rows[id].match | rd << 7 | rs1 << 15 | imm << 20;
}

/* Use the x-register that was written last: branch on it, copy it. */
static bool follow(struct fz_gen *g)
{
	static const u32 on_zero[] = { RV_BEQ, RV_BNE, RV_BNE, RV_BLT, RV_BGE };
	struct fz_rng *r = &g->rng;
	u32 reg = g->written, rd = g->reg[fz_below(r, 8)];

	switch (fz_below(r, 6)) {
	case 0: return try_word(g, op_imm(RV_ADDI, rd, reg, 0));
	case 1: return try_word(g, op_imm(RV_ADDIW, rd, reg, 0));
	case 2: return try_word(g, op_imm(RV_ANDI, rd, reg, 255));
	default:
		return try_word(g,
		    branch(on_zero[fz_below(r, ARRAY_LEN(on_zero))], reg,
			g->end, g->end + 2 * fz_below(r, 10)));
	}
}

/* A register becomes a constant that matters to some instruction. */
static bool add_constant(struct fz_gen *g)
{
	static const i16 values[] = { -1, -1, 0, 1, 2, 3, 8, 16, 31, 32, 33, 63,
		64, 127, 128, 255, 1024, 2047, -2, -128, -2048 };
	struct fz_rng *r = &g->rng;
	u32 v = (u32)values[fz_below(r, ARRAY_LEN(values))];

	return try_word(g, op_imm(RV_ADDI, g->reg[fz_below(r, 8)], 0, v));
}

/* Add one instruction of some row. */
static void add_insn(struct fz_gen *g)
{
	u32 off = (u32)(g->end - g->c->pc);

	if (g->function && fz_once_in(&g->rng, 4) &&
	    try_word(g, jal(g->link, g->end, g->function)))
		return;
	if (g->written && fz_once_in(&g->rng, 6) && follow(g))
		return;
	if (g->constants && fz_once_in(&g->rng, 4) && add_constant(g))
		return;
	for (unsigned rows = 0; rows < 200; rows++) {
		u32 id = g->row[fz_below(&g->rng, g->nrows)];

		if (g->ntheme && fz_below(&g->rng, 4))
			id = g->theme[fz_below(&g->rng, g->ntheme)];
		g->back = fz_once_in(&g->rng, 3);
		for (unsigned k = 0; k < TRIES; k++)
			if (try_word(g, draw_word(g, &rv_rows[id])))
				return;
	}
	/* nothing fits: leave it at what there is */
	memcpy(g->c->code + off, &(u16){ FZ_C_EBREAK }, 2);
	g->over = true;
}

/*
 * A function of a few instructions, jumped over. The jump is put in when it
 * is known how far; until then the machine waits in front of it.
 */
static void add_function(struct fz_gen *g)
{
	gva_t jump = g->end;
	u32 before = g->c->n;
	u32 link = fz_below(&g->rng, 2) ? RV_RA : RV_T0;
	u32 body = 1 + fz_below(&g->rng, 5);
	u32 ret = fz_below(&g->rng, 2) ? rv_rows[RV_C_JR].match | link << 7 :
					 rv_rows[RV_JALR].match | link << 15;

	if (g->pc != g->end || jump - g->c->pc > FZ_SLOT - 40)
		return;
	g->c->at[g->c->n++] = (u8)(jump - g->c->pc);
	g->start[jump - g->c->pc] = true;
	put_code(g, jal(0, jump, jump + 4), 4);
	g->end += 4;
	g->keep |= 1ull << link;
	while (body-- && !g->over)
		add_insn(g);
	if (!g->over && try_word(g, ret)) {
		u32 w = jal(0, jump, g->end);

		memcpy(g->c->code + (jump - g->c->pc), &w, 4);
		g->function = jump + 4;
		g->link = link;
	}
	g->keep &= ~(1ull << link);
	if (!run(g, g->end)) { /* end the sequence in front of it */
		g->c->n = before;
		g->end = jump;
		g->over = true;
	}
}

/* A loop of a few instructions that is run a few times. */
static void add_loop(struct fz_gen *g)
{
	u32 reg = 1 + fz_below(&g->rng, 31), body = fz_below(&g->rng, 10);
	u32 count = 1 + fz_below(&g->rng, 8);
	gva_t top;

	if (!try_word(g, op_imm(RV_ADDI, reg, 0, count)))
		return;
	top = g->end;
	g->keep |= 1ull << reg;
	while (body-- && !g->over)
		add_insn(g);
	g->keep &= ~(1ull << reg);
	if (g->over || !try_word(g, op_imm(RV_ADDI, reg, reg, ~0u)))
		return;
	try_word(g, branch(RV_BNE, reg, g->end, top));
}

/* What follows the last dot of a row's name, or "". */
static const char *suffix(u32 id)
{
	const char *dot = strrchr(rv_rows[id].text, '.');

	return dot ? dot : "";
}

/*
 * The rows that the case prefers: any, or half of them of one suffix, which
 * is to say of one type.
 */
static void choose_theme(struct fz_gen *g)
{
	struct fz_rng *r = &g->rng;
	u32 first = g->row[fz_below(r, g->nrows)];
	bool alike = fz_below(r, 2);

	g->ntheme = fz_below(r, 2) ? 0 : 1 + fz_below(r, 8);
	for (unsigned k = 0; k < g->ntheme; k++) {
		u32 id = g->row[fz_below(r, g->nrows)];

		while (alike && k % 2 == 0 &&
		    strcmp(suffix(id), suffix(first)) != 0)
			id = g->row[fz_below(r, g->nrows)];
		g->theme[k] = id;
	}
}

/* The registers and rows that the case prefers. */
static void choose(struct fz_gen *g)
{
	struct fz_rng *r = &g->rng;

	u32 distinct = 2 + fz_below(r, 7);
	for (unsigned k = 0; k < ARRAY_LEN(g->reg); k++)
		g->reg[k] = (u8)fz_below(r, 32);
	if (fz_below(r, 2))
		for (unsigned k = 0; k < 4; k++)
			g->reg[k] = (u8)(8 + fz_below(r, 8));
	for (unsigned k = distinct; k < ARRAY_LEN(g->reg); k++)
		g->reg[k] = g->reg[k % distinct];
	if (fz_below(r, 2)) /* as a source it is much used */
		g->reg[7] = 0;
	g->faulty = fz_once_in(r, 4);
	g->keep = 0;
	g->function = 0;
	g->written = 0;
	g->constants = fz_once_in(r, 3);
	choose_theme(g);
}

static void fill_with_breaks(struct fz_case *c, unsigned from)
{
	u16 half = FZ_C_EBREAK;

	for (unsigned k = from; k < FZ_SLOT; k += 2)
		memcpy(c->code + k, &half, 2);
}

/* The machine starts anew. */
static void enter_state(struct fz_gen *g)
{
	const struct fz_state *s = &g->c->in;

	memcpy(g->m.s.state, s->slot, sizeof(s->slot));
	memcpy(g->m.mem, s->data, sizeof(g->m.mem));
	g->m.s.frm = s->frm;
	g->m.s.fpu = fpu_make_word(s->frm, s->fflags);
	g->pc = g->c->pc;
	g->steps = 0;
	g->over = false;
}

void fz_vary(struct fz_gen *g, u32 variant, struct fz_case *c)
{
	static struct fz_state old;

	old = c->in;
	g->c = c;
	c->variant = variant;
	g->rng.s = c->seed * 0x100000001b3u + c->index + ((u64)variant << 56);
	g->rng.s = fz_next(&g->rng);
	make_state(g);
	for (unsigned k = 1; k < RV_SLOT_RESV_ADDR; k++) {
		u64 v = old.slot[k];
		bool address = v - FZ_DATA < FZ_DATA_SIZE || in_slot(g, v);

		if (fz_below(&g->rng, 16) < (address ? 15u : 4u))
			c->in.slot[k] = v;
	}
	enter_state(g);
	if (!run(g, g->end))
		c->in = old;
}

void fz_generate(
    struct fz_gen *g, u64 seed, u64 index, bool plain, struct fz_case *c)
{
	g->rng.s = seed * 0x100000001b3u + index;
	g->rng.s = fz_next(&g->rng);
	g->plain = plain;
	g->c = c;
	c->seed = seed;
	c->index = index;
	c->variant = 0;
	c->n = 0;
	c->pc = g->end = FZ_CODE + index % FZ_SLOTS * FZ_SLOT;
	g->back = false;
	memset(g->start, 0, sizeof(g->start));
	memset(g->pending, 0, sizeof(g->pending));
	fill_with_breaks(c, 0);
	choose(g);
	make_state(g);
	enter_state(g);

	static const u8 lengths[] = { 6, 6, 6, 6, 24, 24, 24, FZ_INSNS };
	u32 n = lengths[fz_below(&g->rng, ARRAY_LEN(lengths))];
	n = 1 + fz_below(&g->rng, n);
	u32 function = fz_once_in(&g->rng, 4) ? fz_below(&g->rng, n) : NONE;
	u32 loop = fz_once_in(&g->rng, 4) ? fz_below(&g->rng, n) : NONE;
	for (u32 k = 0; k < n && c->n + 14 < FZ_INSNS && !g->over; k++) {
		if (k == function)
			add_function(g);
		else if (k == loop)
			add_loop(g);
		else
			add_insn(g);
	}
	c->len = (u8)(g->end - c->pc);
	fill_with_breaks(c, c->len);
}

/* --- rows ------------------------------------------------------------------
 */

/* Is there a word of the row that can be part of a sequence? */
static bool row_works(struct fz_gen *g, u32 id)
{
	bool faults;

	for (unsigned k = 0; k < 20000; k++) {
		u32 w = draw_word(g, &rv_rows[id]);

		put_code(g, w, 4);
		lift_at(g, g->end);
		if (ir_ok(g, rv_is_compressed(w) ? 2 : 4, &faults) && !faults)
			return true;
	}
	return false;
}

struct fz_gen *fz_gen_new(void)
{
	static struct fz_case scratch;
	struct fz_gen *g = calloc(1, sizeof(*g));

	if (!g || !machine_init(&g->m)) {
		free(g);
		return NULL;
	}
	g->rng.s = 1;
	g->c = &scratch;
	scratch.pc = g->end = FZ_CODE;
	for (u32 id = RV_NONE + 1; id < RV_NROWS; id++)
		if (row_works(g, id))
			g->row[g->nrows++] = id;
	return g;
}

void fz_gen_free(struct fz_gen *g)
{
	machine_free(&g->m);
	free(g);
}

bool fz_row_used(const struct fz_gen *g, u32 id)
{
	for (u32 k = 0; k < g->nrows; k++)
		if (g->row[k] == id)
			return true;
	return false;
}

const u64 *fz_gen_executed(const struct fz_gen *g)
{
	return g->executed;
}

void *fz_gen_decoder(struct fz_gen *g)
{
	return g->m.decoder;
}
