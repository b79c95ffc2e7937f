/*
 * compile.c - struct host_backend of x86-64 and the compiler's main loop;
 * cc.h explains the parts.
 */
#include "backend/x86_64/compile.h"

#include "backend/x86_64/cc.h"
#include "backend/x86_64/context.h"
#include "backend/x86_64/disasm.h"
#include "backend/x86_64/keeps_fp.h"
#include "backend/x86_64/object.h"
#include "backend/x86_64/thunks.h"
#include "translator/fpu.h"

void fail(struct cc *c, int err)
{
	if (!c->err)
		c->err = err;
}

void note_insn(struct cc *c, gva_t pc)
{
	struct codegen *cg = c->cg;
	struct pc_map *last = cg->nmap ? &cg->map[cg->nmap - 1] : NULL;

	c->pc = pc;
	if (last && last->off == c->a.len) {
		last->guest_off = (u32)(pc - c->r->pc);
		return;
	}
	if (cg->nmap == c->map_cap) {
		fail(c, -E2BIG);
		return;
	}
	cg->map[cg->nmap++] = (struct pc_map){ .off = (u32)c->a.len,
		.guest_off = (u32)(pc - c->r->pc) };
}

void note_pc(struct cc *c, size_t at)
{
	struct codegen *cg = c->cg;

	if (cg->npcs == c->pcs_cap) {
		u32 n = c->pcs_cap ? 2 * c->pcs_cap : 32;
		u32 *more = arena_new(cg->arena, u32, n);
		if (!more) {
			fail(c, -ENOMEM);
			return;
		}
		if (cg->npcs)
			memcpy(more, cg->pcs, cg->npcs * sizeof(*more));
		cg->pcs = more;
		c->pcs_cap = n;
	}
	cg->pcs[cg->npcs++] = (u32)at;
}

void mov_pc(struct cc *c, unsigned r, gva_t pc)
{
	if (!c->cg->opts.movable) {
		asm_mov_ri(&c->a, r, pc);
		return;
	}
	asm_mov_ri64(&c->a, r, pc);
	note_pc(c, c->a.len - sizeof(u64));
}

static void emit_const(struct cc *c, ir_ref ref)
{
	struct val *v = &c->s.val[ref];

	v->kind = VAL_CONST;
	v->facts = 0;
	v->fp = false;
	v->home = HOME_NONE;
	v->reg = NOREG;
}

/* Integer ops and everything without a home of its own. */
static void emit_plain(struct cc *c, ir_ref ref)
{
	switch (c->insn[ref].op) {
	case IR_CONST:
	case IR_PC: emit_const(c, ref); break;
	case IR_GET: emit_get(c, ref); break;
	case IR_PUT: emit_put(c, ref); break;
	case IR_MULHS:
	case IR_MULHU:
	case IR_MULHSU: emit_high(c, ref); break;
	case IR_DIVS:
	case IR_DIVU:
	case IR_REMS:
	case IR_REMU: emit_div(c, ref); break;
	case IR_CLMUL:
	case IR_CLMULH:
	case IR_AES_ENC:
	case IR_AES_ENCLAST:
	case IR_AES_DEC:
	case IR_AES_DECLAST:
	case IR_AES_IMC:
	case IR_AES_SUB: emit_crypto(c, ref); break;
	case IR_BOOL: emit_bool(c, ref); break;
	case IR_SELECT: emit_select(c, ref); break;
	case IR_FENCE: emit_fence(c, ref); break;
	case IR_XPERM4:
	case IR_XPERM8:
	case IR_HELPER: emit_reference(c, ref); break;
	default: emit_int(c, ref); break;
	}
}

/* May an fp result wait untested while this op is emitted? */
static bool nan_may_wait(const struct ir_insn *i)
{
	switch (i->op) {
	case IR_SELECT: return !is_fp(i->type);
	case IR_CONST:
	case IR_PC:
	case IR_GET:
	case IR_PUT:
	case IR_F32_BOX:
	case IR_F32_UNBOX: /* these two see to it where they emit code */
	case IR_FCANON: return true;
	case IR_FMIN:
	case IR_FMAX: return false;
	default:
		return i->op <= IR_GEU ||
		    (i->op >= IR_FADD && i->op <= IR_FNMSUB) ||
		    (i->op >= IR_FEQ && i->op <= IR_FLE) ||
		    (i->op >= IR_F64_TO_F32 && i->op <= IR_F_TO_U64);
	}
}

void emit_insn(struct cc *c, ir_ref ref)
{
	u8 op = c->insn[ref].op;

	if (!nan_may_wait(&c->insn[ref]))
		settle(c);
	if (ir_opinfo[op].flags & IRF_M) {
		emit_memory(c, ref);
	} else if (is_compare(op) || (op >= IR_FEQ && op <= IR_FLE)) {
		emit_compare(c, ref);
	} else if (op < IR_FADD || op == IR_HELPER) {
		emit_plain(c, ref);
	} else if (op <= IR_FMAX) {
		emit_fp_arith(c, ref);
	} else if (op >= IR_FFLAGS_GET) {
		emit_fp_state(c, ref);
	} else if (op == IR_FNEG || op == IR_FABS || op == IR_FCOPYSIGN ||
	    op == IR_FCLASS || op == IR_FCANON || op == IR_F32_BOX ||
	    op == IR_F32_UNBOX) {
		emit_fp(c, ref);
	} else {
		emit_fp_convert(c, ref);
	}
}

/* The number of the block that follows, or -1. */
static int emit_block(struct cc *c, u32 b)
{
	const struct ir_block *blk = &c->r->block[b];

	for (ir_ref ref = blk->first; ref < blk->first + blk->n; ref++) {
		const struct ir_insn *i = &c->insn[ref];

		begin_op(c);
		if (i->op == IR_NOP || c->info[ref].dead)
			continue;
		if (c->err || c->a.full)
			return -1;
		if (ir_ends_block(i->op)) {
			settle(c);
			return emit_end(c, ref);
		}
		if (i->op == IR_INSN_START)
			note_insn(c, (gva_t)i->imm);
		else if (can_wait(c, ref))
			c->s.val[ref].kind = VAL_LAZY;
		else
			emit_insn(c, ref);
	}
	assert(false && "block without an end");
	return -1;
}

void emit_blocks(struct cc *c, u32 b)
{
	int next = (int)b;

	while (next >= 0)
		next = emit_block(c, (u32)next);
}

void begin_version(struct cc *c)
{
	u32 n = c->r->ninsns;

	for (ir_ref ref = 0; ref <= n; ref++)
		c->s.val[ref] = (struct val){ .reg = NOREG,
			.home = HOME_NONE,
			.uses = c->info[ref].uses,
			.last = c->info[ref].last };
	c->s.val[n].kind = VAL_CONST;
	c->s.val[n].fp = true;
	memset(c->s.owner, 0, sizeof(c->s.owner));
	memset(c->s.slot_val, 0, sizeof(c->s.slot_val));
	memset(c->s.slot_put, 0, sizeof(c->s.slot_put));
	memset(c->s.spills, 0, sizeof(c->s.spills));
	c->nspills_done = 0;
	c->s.frm_set = c->s.flags_set = false;
	c->zf_ref = c->flag_ref = IR_NONE;
	c->untested.reg = NOREG;
	c->pc = c->r->pc;
}

static void init_slots(struct cc *c, const struct guest_isa *g)
{
	memset(c->slot_pin, NOREG, sizeof(c->slot_pin));
	for (u32 k = 0; k < g->nregs; k++)
		c->slot_pin[g->regs[k].slot] = (u8)x86_pin_of(&g->regs[k]);
}

/* The slots that are unboxed as they were on entry: checked there once. */
static void find_boxed(struct cc *c)
{
	bool put[ABI_NSLOTS] = { false };

	for (ir_ref ref = 1; ref < c->r->ninsns; ref++) {
		const struct ir_insn *i = &c->insn[ref];

		if (i->op == IR_PUT)
			put[i->aux] = true;
		if (i->op == IR_HELPER)
			memset(put, 1, sizeof(put));
		if (i->op != IR_F32_UNBOX || c->info[ref].dead ||
		    c->insn[i->a].op != IR_GET)
			continue;
		unsigned s = c->insn[i->a].aux;
		if (!put[s])
			c->boxed[s / 64] |= 1ull << s % 64;
	}
}

/* Capacities, and what the entry has to know about the block ends. */
static int prepare(struct cc *c)
{
	struct codegen *cg = c->cg;
	u32 marks = 1;

	for (ir_ref ref = 1; ref < c->r->ninsns; ref++) {
		const struct ir_insn *i = &c->insn[ref];
		marks += i->op == IR_INSN_START;
		i64 target = i->imm;
		if (i->op == IR_CALL &&
		    (c->insn[i->a].op == IR_CONST || c->insn[i->a].op == IR_PC))
			target = c->insn[i->a].imm;
		if ((i->op == IR_GOTO_TB || i->op == IR_CALL) &&
		    (gva_t)target <= c->r->pc)
			c->polls = true;
	}
	/* Each block in two versions, each end with up to three sites. */
	c->links_cap = 6 * c->r->nblocks;
	c->map_cap = 2 * (marks + c->r->nblocks);
	cg->nlinks = cg->nmap = cg->npcs = 0;
	cg->pcs = NULL;
	cg->links = arena_new(cg->arena, struct link_site, c->links_cap);
	cg->map = arena_new(cg->arena, struct pc_map, c->map_cap);
	c->s.val = arena_new(cg->arena, struct val, c->r->ninsns + 1);
	return cg->links && cg->map && c->s.val ? scan(c) : -ENOMEM;
}

#define ENTRY_ALIGN 16
#define LOOP_ALIGN 32

int x86_compile(struct codegen *cg, const struct x86_features *f)
{
	struct cc cc = {
		.a = { .base = cg->rw, .cap = cg->cap },
		.f = *f, .cg = cg, .r = cg->region, .insn = cg->region->insn,
	}, *c = &cc;

	c->cold_tail = &c->cold;
	init_slots(c, cg->guest);
	int err = prepare(c);
	if (err)
		return err;
	find_boxed(c);

	u64 align = c->polls ? LOOP_ALIGN : ENTRY_ALIGN;
	c->entry = (size_t)(ALIGN_UP(cg->rx + 8, align) - cg->rx);
	while (c->a.len < c->entry - 8 && !c->a.full)
		asm_u8(&c->a, 0xcc);
	asm_u64(&c->a, cg->region->pc);
	if (cg->opts.movable)
		note_pc(c, c->entry - sizeof(u64));
	emit_region(c);
	if (c->err)
		return c->err;
	if (c->a.full)
		return -ENOSPC;
	cg->entry = c->entry;
	cg->size = c->a.len;
	return 0;
}

static int compile(struct codegen *cg)
{
	struct x86_features f = x86_features_host();

	return x86_compile(cg, &f);
}

static u32 make_fpu(u32 frm, u32 fflags)
{
	return fpu_make_word(frm, fflags);
}

static u32 flags_of_fpu(u32 fpu)
{
	return fpu_flags(fpu);
}

const struct host_backend backend_x86_64 = {
	.name = "x86_64",
	.features = x86_features_text,
	.thunks = x86_thunks,
	.compile = compile,
	.load_unit = x86_load_unit,
	.patch = x86_patch,
	.site_target = x86_site_target,
	.disassemble = x86_disassemble,
	.pin_name = x86_pin_name,
	.keeps_fp = x86_keeps_fp,
	.context_pc = x86_context_pc,
	.context_sp = x86_context_sp,
	.context_save = x86_context_save,
	.context_save_unit = x86_context_save_unit,
	.context_leave = x86_context_leave,
	.context_restart_stack = x86_context_restart_stack,
	.fpu_make = make_fpu,
	.fpu_flags = flags_of_fpu,
};
