/*
 * verify.c - the rules that a region keeps, after the lifter and after each
 * pass. This head is their specification.
 *
 * Shape
 *   1. Instruction 0 is a NOP in no block. The blocks fill the rest of the
 *      array without gap or overlap; block 0 comes first.
 *   2. A block's last instruction is its only terminator.
 *   3. GOTO and BR lead to blocks that stand later in the array; each block
 *      but block 0 has exactly one way in. (So the blocks form a tree, and
 *      every one is reached.)
 * Values
 *   4. An operand stands earlier, in the same block or in one on the path
 *      from block 0, and has a value. Operands that the op does not have
 *      are IR_NONE; HELPER's may be.
 *   5. Types are as the letters of ops.def say, and the conversions have
 *      the one pair of types that their comment names. PUT and STORE carry
 *      their operand's type; what has no result is void; compares are i1.
 *   6. A CONST is i1, i32 or i64 and its imm is sign-extended from it (i1:
 *      0 or 1).
 * Attributes
 *   7. GET and PUT name a slot of the guest's table and have its type.
 *   8. A memory op's aux has only MEM_ bits, SIGNED for LOAD alone; its
 *      size is at most the type's and, for fp types, AMO_* and CAS, equal
 *      to it; its displacement fits 32 bits; an INSN_START stands before
 *      it on its path.
 *   9. Rounding ops carry a rounding mode, HELPER a number of the guest's,
 *      FENCE 0 or 1, EXIT a reason that is not the dispatcher's own. Other
 *      ops have aux 0. Ops for which ops.def names no imm have imm 0.
 *
 * Cost: one walk, no search but up the path of blocks; debug builds always
 * run it.
 */
#include <stdio.h>

#include "translator/passes.h"

struct verifier {
	const struct guest_isa *g;
	const struct ir_region *r;
	/* Blocks by their place in the array. */
	u16 order[IR_MAX_BLOCKS];
	u16 place[IR_MAX_BLOCKS]; /* of a block number */
	u16 parent[IR_MAX_BLOCKS]; /* place -> place of the predecessor */
	bool has_parent[IR_MAX_BLOCKS];
	bool insn_seen[IR_MAX_BLOCKS]; /* at the end of the block */
	u16 *place_of; /* instruction -> place of its block */
};

static bool is_int(u8 t)
{
	return t == IR_I32 || t == IR_I64;
}

static bool is_float(u8 t)
{
	return t == IR_F32 || t == IR_F64;
}

static unsigned log2_size(u8 t)
{
	return t == IR_I32 || t == IR_F32 ? 2 : 3;
}

/* Rules 1 and 2. */
static const char *check_shape(struct verifier *v)
{
	const struct ir_region *r = v->r;
	u32 next = 1;

	if (r->failed)
		return "the region has failed";
	if (!r->ninsns || r->ninsns > r->cap || r->insn[0].op != IR_NOP)
		return "instruction 0 is not a nop";
	if (!r->nblocks || r->nblocks > IR_MAX_BLOCKS)
		return "number of blocks";
	for (u32 b = 0; b < r->nblocks; b++)
		if (!r->block[b].n)
			return "a block is empty";
	ir_block_order(r, v->order);
	if (v->order[0] != 0)
		return "block 0 is not first";
	for (u32 k = 0; k < r->nblocks; k++) {
		const struct ir_block *b = &r->block[v->order[k]];
		v->place[v->order[k]] = (u16)k;
		if (b->first != next || b->n > r->ninsns - next)
			return "blocks do not fill the array";
		for (u32 i = 0; i < b->n; i++) {
			const struct ir_insn *insn = &r->insn[next + i];
			if (insn->op >= IR_NOPS)
				return "unknown op";
			if (ir_ends_block(insn->op) != (i == b->n - 1))
				return "a block ends with its terminator";
			v->place_of[next + i] = (u16)k;
		}
		next += b->n;
	}
	return next == r->ninsns ? NULL : "blocks do not fill the array";
}

static const char *check_edge(struct verifier *v, u32 from, u32 to)
{
	if (to >= v->r->nblocks)
		return "no such block";
	u32 place = v->place[to];
	if (place <= from)
		return "a branch leads backwards";
	if (v->has_parent[place])
		return "a block has two predecessors";
	v->has_parent[place] = true;
	v->parent[place] = (u16)from;
	return NULL;
}

/* Rule 3. */
static const char *check_edges(struct verifier *v)
{
	for (u32 k = 0; k < v->r->nblocks; k++) {
		const struct ir_block *b = &v->r->block[v->order[k]];
		const struct ir_insn *end = &v->r->insn[b->first + b->n - 1];
		const char *e = NULL;

		if (k && !v->has_parent[k])
			return "a block without predecessor";
		if (end->op == IR_GOTO || end->op == IR_BR)
			e = check_edge(v, k, end->b);
		if (!e && end->op == IR_BR)
			e = check_edge(v, k, end->c);
		if (e)
			return e;
	}
	return NULL;
}

/* Rule 4 for one operand; its type in *type. */
static const char *check_operand(struct verifier *v, ir_ref user, ir_ref ref)
{
	if (ref >= user || v->r->insn[ref].op == IR_NOP)
		return "operand is not an earlier value";
	const struct ir_insn *i = &v->r->insn[ref];
	if (ir_opinfo[i->op].result == '-' || i->type == IR_VOID)
		return "operand has no value";

	u32 at = v->place_of[user], want = v->place_of[ref];
	while (at > want)
		at = v->parent[at];
	return at == want ? NULL : "operand is not on the path";
}

/* Does an operand of type t fit letter c of instruction i? */
static bool letter_fits(char c, u8 t, const struct ir_insn *i, u8 first)
{
	char result = ir_opinfo[i->op].result;

	switch (c) {
	case 'i':
		if (!is_int(t))
			return false;
		return result == 'T' ? t == i->type : t == first;
	case 'f':
		if (!is_float(t))
			return false;
		if (result == 'T' && is_float(i->type))
			return t == i->type;
		return t == first;
	case 'w': return is_int(t);
	case 'l':
	case 'p': return t == IR_I64;
	case 'b': return t == IR_I1;
	case 'd': return t == IR_F64;
	case 's': return t == IR_F32;
	case 'v': return t == i->type;
	default: return false;
	}
}

/* Rules 4 and 5 for the operands. */
static const char *check_operands(struct verifier *v, ir_ref ref)
{
	const struct ir_insn *i = &v->r->insn[ref];
	const char *args = ir_opinfo[i->op].args;
	const ir_ref o[3] = { i->a, i->b, i->c };
	bool numbers = i->op == IR_GOTO || i->op == IR_BR || i->op == IR_EXIT;
	size_t n = 0;

	for (; args[n]; n++) {
		if (i->op == IR_HELPER && o[n] == IR_NONE)
			continue;
		const char *e = check_operand(v, ref, o[n]);
		if (e)
			return e;
		if (!letter_fits(args[n], v->r->insn[o[n]].type, i,
			v->r->insn[o[0]].type))
			return "operand type";
	}
	for (; n < 3; n++)
		if (o[n] != IR_NONE && !(numbers && n))
			return "more operands than the op has";
	return NULL;
}

/* Rule 5: may op have a result of type t, given its first operand's? */
static bool result_fits(const struct ir_insn *i, u8 a)
{
	u8 t = i->type;

	switch (ir_opinfo[i->op].result) {
	case '-': return i->op == IR_PUT || i->op == IR_STORE || t == IR_VOID;
	case 'b': return t == IR_I1;
	default: break;
	}
	switch (i->op) {
	case IR_CONST: return is_int(t) || t == IR_I1;
	case IR_PC:
	case IR_CLMUL:
	case IR_CLMULH:
	case IR_AES_ENC:
	case IR_AES_ENCLAST:
	case IR_AES_DEC:
	case IR_AES_DECLAST:
	case IR_AES_IMC:
	case IR_XPERM4:
	case IR_XPERM8: return t == IR_I64;
	case IR_AES_SUB: return t == IR_I32 && a == IR_I32;
	case IR_GET: return is_int(t) || is_float(t);
	case IR_SELECT: return t > IR_VOID && t < IR_NTYPES;
	case IR_LOAD: return is_int(t) || is_float(t);
	case IR_HELPER: return t == IR_VOID || t == IR_I64;
	case IR_FFLAGS_GET: return t == IR_I64;
	case IR_TRUNC: return t == IR_I32 && a == IR_I64;
	case IR_SEXT32:
	case IR_ZEXT32: return t == IR_I64 && a == IR_I32;
	case IR_F64_TO_F32:
	case IR_F32_UNBOX: return t == IR_F32;
	case IR_F32_TO_F64:
	case IR_F32_BOX: return t == IR_F64;
	case IR_S32_TO_F:
	case IR_U32_TO_F: return is_float(t) && a == IR_I32;
	case IR_S64_TO_F:
	case IR_U64_TO_F: return is_float(t) && a == IR_I64;
	case IR_F_TO_S32:
	case IR_F_TO_U32: return t == IR_I32;
	case IR_F_TO_S64:
	case IR_F_TO_U64: return t == IR_I64;
	case IR_FBITS: return is_int(t) && (t == IR_I32) == (a == IR_F32);
	case IR_BITSF: return is_float(t) && (t == IR_F32) == (a == IR_I32);
	case IR_FCLASS: return is_int(t);
	case IR_FCANON:
	case IR_FNEG:
	case IR_FABS:
	case IR_FCOPYSIGN:
	case IR_FMIN:
	case IR_FMAX: return is_float(t);
	default:
		return i->op >= IR_FADD && i->op <= IR_FNMSUB ? is_float(t) :
								is_int(t);
	}
}

/* Rule 8. */
static const char *check_memory(struct verifier *v, ir_ref ref)
{
	const struct ir_insn *i = &v->r->insn[ref];
	unsigned size = MEM_LOG2(i->aux), full = log2_size(i->type);
	bool plain = i->op == IR_LOAD || i->op == IR_STORE;

	if (i->aux >= 2 * MEM_ALIGNED)
		return "unknown memory attribute";
	if (i->aux & MEM_SIGNED && i->op != IR_LOAD)
		return "only a load extends by sign";
	if (size > full || (size != full && (!plain || is_float(i->type))))
		return "access size";
	if (i->imm != (i32)i->imm)
		return "displacement";
	return v->insn_seen[v->place_of[ref]] ? NULL : "no insn before it";
}

static bool slot_fits(const struct guest_isa *g, const struct ir_insn *i)
{
	const struct guest_reg *reg = guest_reg_of_slot(g, i->aux);
	return reg && reg->type == i->type;
}

/* Rules 6, 7 and 9. */
static const char *check_attributes(struct verifier *v, ir_ref ref)
{
	const struct ir_insn *i = &v->r->insn[ref];
	bool rm = i->aux <= RM_RMM || i->aux == RM_DYN;

	switch (i->op) {
	case IR_CONST:
		if (i->type == IR_I1 ?
			i->imm != (i->imm & 1) :
			i->type == IR_I32 && i->imm != (i32)i->imm)
			return "constant is not normalised";
		break;
	case IR_PC:
	case IR_INSN_START:
	case IR_GOTO_TB:
	case IR_CALL: break;
	case IR_EXIT: return i->aux < EXIT_STOP ? NULL : "exit reason";
	case IR_GET:
	case IR_PUT: return slot_fits(v->g, i) ? NULL : "slot";
	case IR_HELPER: return i->aux < v->g->nhelpers ? NULL : "helper number";
	case IR_FENCE: return i->aux <= 1 ? NULL : "fence attribute";
	default:
		if (ir_opinfo[i->op].flags & IRF_M)
			return check_memory(v, ref);
		if (i->imm)
			return "imm is not zero";
		if (ir_rounds(i->op))
			return rm ? NULL : "rounding mode";
		break;
	}
	return i->aux ? "aux is not zero" : NULL;
}

static const char *say(struct verifier *v, ir_ref ref, const char *what)
{
	const struct ir_insn *i = &v->r->insn[ref];
	char *s = arena_alloc(v->r->arena, 128);

	if (!s)
		return what;
	snprintf(s, 128, "%%%u %s: %s", ref, ir_opinfo[i->op].text, what);
	return s;
}

const char *ir_verify(const struct guest_isa *g, const struct ir_region *r)
{
	struct verifier v = { .g = g, .r = r };

	v.place_of = arena_new(r->arena, u16, r->ninsns + 1);
	if (!v.place_of)
		return "out of memory";
	const char *e = check_shape(&v);
	if (!e)
		e = check_edges(&v);
	if (e)
		return e;

	for (ir_ref ref = 1; ref < r->ninsns; ref++) {
		const struct ir_insn *i = &r->insn[ref];
		u32 k = v.place_of[ref];

		if (ref == r->block[v.order[k]].first && k)
			v.insn_seen[k] = v.insn_seen[v.parent[k]];
		if (i->op == IR_INSN_START)
			v.insn_seen[k] = true;
		if (i->op == IR_NOP)
			continue;
		e = check_operands(&v, ref);
		if (!e && !result_fits(i, r->insn[i->a].type))
			e = "result type";
		if (!e)
			e = check_attributes(&v, ref);
		if (e)
			return say(&v, ref, e);
	}
	return NULL;
}
