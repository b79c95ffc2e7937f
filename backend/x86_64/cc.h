/*
 * cc.h - the compiler's internals: struct cc, values and their places.
 *
 * One forward pass over the region emits code; scan.c has looked at it
 * backwards before (use counts, destination hints). The pieces:
 *
 *   compile.c  entry, blocks, dispatch on the op
 *   scan.c     the backward pre-pass
 *   alloc.c    where values are, registers, spills, GET and PUT
 *   int.c      integer ops       muldiv.c  the ones with fixed registers
 *   crypto.c   carry-less products, AES
 *   cond.c     compares, conditions, SELECT
 *   mem.c      loads, stores, atomics
 *   fp.c       arithmetic, NaNs    fpconv.c  conversions, status word
 *   flow.c     block ends, links
 *   cold.c     everything rare, emitted after the main code
 *
 * Invariants
 *   - i32 and i1 values: the bits of their register above the type are
 *     anything, unless FACT_ZX says zero. A materialised i1 is 0 or 1 in 64
 *     bits. f32 values: bits 63..32 of the xmm register are ones, so that
 *     F32_BOX costs nothing.
 *   - `uses` counts the operands still to be emitted; a value with none is
 *     dead, but its register stays known until somebody takes it.
 *   - moving, loading and spilling values never changes the host's flags.
 *   - at each guest instruction that may fault or leave, all PUTs before it
 *     are done: pins hold their slots, other slots are in state[].
 */
#ifndef X86_CC_H
#define X86_CC_H

#include "backend/x86_64/abi_x86.h"
#include "backend/x86_64/cpu_features.h"
#include "translator/backend.h"

enum val_kind {
	VAL_UNSET, /* not computed yet */
	VAL_PLAIN, /* in reg and/or home */
	VAL_CONST, /* insn.imm; may also be in reg */
	VAL_LAZY, /* computed by its only user */
	VAL_ALIAS, /* the same bits as another value */
};

enum {
	FACT_ZX = 1, /* bits 63..32 are zero */
	FACT_SX = 2, /* bits 63..32 are copies of bit 31 */
	FACT_BOX = 4, /* bits 63..32 are ones (fp) */
	FACT_CANON = 8, /* if a NaN, the canonical one */
	FACT_WIDE = 16, /* an i32 that an i64 is an alias of */
};

#define HOME_NONE (-1) /* else a slot, or ABI_NSLOTS + a word of tmp[] */

struct val {
	u8 kind;
	u8 reg; /* or NOREG */
	u8 facts;
	bool fp; /* lives in xmm registers */
	i16 home;
	u16 uses;
	ir_ref alias; /* VAL_ALIAS */
	ir_ref last; /* last user, also by its aliases */
};

/* What scan.c found out about an instruction; does not change. */
struct info {
	u16 uses;
	u8 hint; /* slot that it is put to next, or HINT_NONE */
	bool dead; /* has no effect and no use */
	bool nan_seen; /* somebody can tell its NaNs apart */
	bool whole; /* somebody looks at bits 63..32 */
	ir_ref put; /* the PUT meant by hint */
	ir_ref last; /* last user; the only one if uses is 1 */
};
#define HINT_NONE 255

/* The allocator's state at one point of the code; copied at a split. */
struct state {
	struct val *val; /* ninsns + 1: the last is the constant all ones */
	ir_ref owner[32]; /* of each host register, or IR_NONE */
	ir_ref slot_val[ABI_NSLOTS]; /* known content, or IR_NONE */
	bool slot_put[ABI_NSLOTS]; /* changed in this region */
	bool spills[ABI_NTMP]; /* words of tmp[] in use */
	bool frm_set; /* FRM_SET was seen: the mode may lack a host mode */
	bool flags_set; /* FFLAGS_SET was seen: flags are looked at */
};

/* An operand as emitters get it. */
enum opnd_kind { OPND_REG, OPND_MEM, OPND_IMM };
struct opnd {
	u8 kind;
	u8 reg;
	struct mem mem;
	i32 imm;
};
/* What fetch() may return besides a register. */
enum { TAKE_REG = 0, TAKE_MEM = 1, TAKE_IMM = 2 };

struct cc;
/* Rare code, emitted at the end: reached from at[], returns to back. */
struct cold {
	struct cold *next;
	void (*emit)(struct cc *c, struct cold *x);
	size_t at[3]; /* rel32 sites that lead here, 0 = none */
	size_t back;
	ir_ref ref; /* the instruction, where there is one */
	gva_t pc; /* its guest instruction */
	u32 live; /* host registers to preserve */
	u8 d, t; /* result, temporary */
	struct opnd op[3];
	u64 arg;
	struct mem mem;
	struct state *state; /* of a block emitted late */
};

/* A condition made by emit_cond. */
struct cond {
	enum x86_cc cc;
	/* FEQ: true is E and NP; `negated` turns it round. */
	bool feq, negated;
	size_t start; /* of the flag-setting code, for padding */
};

/* An fp result in a pin that may be a NaN other than the canonical one. */
struct untested {
	u8 reg; /* or NOREG */
	u8 type;
	ir_ref ref;
};

struct cc {
	struct asm_buf a;
	struct x86_features f;
	struct codegen *cg;
	const struct ir_region *r;
	const struct ir_insn *insn;
	const struct info *info;
	struct state s;
	u32 locked; /* host registers in use by the op being emitted */
	u32 held; /* those of the op that forced this one, see force */
	u16 spills_done[64]; /* words of tmp[] free after it */
	u32 nspills_done;
	u8 slot_pin[ABI_NSLOTS]; /* host register or NOREG */
	u64 boxed[2]; /* fp slots assumed boxed at entry (bit set) */
	bool polls; /* a link may close a loop */
	size_t entry, loop; /* code offsets; loop: checks already passed */
	gva_t pc; /* of the guest instruction being emitted */
	struct untested untested;
	/* Flags hold zero and sign of this result while no flags are written
	   after zf_at. */
	u32 zf_at;
	ir_ref zf_ref;
	u8 zf_w;
	/* The last compare made into a bool, as above. */
	u32 flag_at;
	ir_ref flag_ref;
	struct cond flag_cond;
	struct cold *cold, **cold_tail;
	struct cold spare; /* when there is no memory for one */
	u32 links_cap, map_cap, pcs_cap;
	int err; /* sticky: -ENOMEM, -E2BIG, -ENOSYS */
};

/* scan.c */
int scan(struct cc *c);

/* compile.c: a guest address, whose place is noted if the code may move */
void mov_pc(struct cc *c, unsigned r, gva_t pc);
/* There is one at this offset. */
void note_pc(struct cc *c, size_t at);

/* alloc.c */
ir_ref root(struct cc *c, ir_ref ref);
bool value_const(struct cc *c, ir_ref ref, i64 *imm);
u8 facts(struct cc *c, ir_ref ref);
/* Before each op: nothing is locked. */
void begin_op(struct cc *c);
/* One operand use has been emitted. */
void consume(struct cc *c, ir_ref ref);
/* A register not locked, locked for this op. */
unsigned alloc(struct cc *c, bool fp);
bool has_free(struct cc *c, bool fp);
void lock(struct cc *c, unsigned reg);
void unlock(struct cc *c, unsigned reg);
/* Free a certain scratch register and lock it. */
void claim(struct cc *c, unsigned reg);
/* The operand's place; locks registers. w: 4 or 8, width of immediates. */
struct opnd fetch(struct cc *c, ir_ref ref, unsigned w, unsigned take);
unsigned use_reg(struct cc *c, ir_ref ref);
/* Put the operand into scratch register `reg`, lock it and consume. */
void use_in(struct cc *c, ir_ref ref, unsigned reg);
/*
 * Where the result goes: its destination pin, else `prefer` if that is a
 * scratch register nobody needs, else any scratch register. Locked.
 */
unsigned dest(struct cc *c, ir_ref ref, unsigned prefer);
/* The same, but never a pin: for ops that may fault after writing it. */
unsigned dest_scratch(struct cc *c, ir_ref ref, unsigned prefer);
/* ref is now in reg. */
void define(struct cc *c, ir_ref ref, unsigned reg, u8 facts);
/*
 * Can ref = a op .. be done on a's slot in memory, as that is where ref is
 * put? Then *m is the slot; after the op define_home says so.
 */
bool in_place(struct cc *c, ir_ref ref, ir_ref a, struct mem *m);
void define_home(struct cc *c, ir_ref ref, ir_ref old);
void define_alias(struct cc *c, ir_ref ref, ir_ref of);
/* Are the low halves of the operands enough for that of the result? */
bool works_on_half(const struct cc *c, const struct ir_insn *i);
/* A value of this op that waits to be computed by its user, or NULL. */
const struct ir_insn *waiting(struct cc *c, ir_ref ref, u8 op);
/* The waiting value's work is done by its user. */
void absorbed(struct cc *c, ir_ref ref);
/*
 * The i32 value is about to be extended to `wide`: its other uses become
 * uses of that, so its register may be overwritten. False: it must stay.
 * Once `wide` is defined, become_alias completes it.
 */
bool hand_over(struct cc *c, ir_ref narrow, ir_ref wide);
void become_alias(struct cc *c, ir_ref narrow, ir_ref wide);
/* An xmm register with all ones (VAL of c->r->ninsns). */
unsigned ones(struct cc *c);
void emit_get(struct cc *c, ir_ref ref);
void emit_put(struct cc *c, ir_ref ref);
/* C code is about to run: nothing stays in scratch registers. */
void spill_scratch(struct cc *c);
/* Slots may change: values are kept elsewhere. */
void forget_slots(struct cc *c);
struct state *save_state(struct cc *c);
struct mem home_mem(i16 home);
/* Scratch registers with live values. */
u32 live_scratch(struct cc *c);

/* moves */
void mov_reg(struct cc *c, unsigned d, unsigned s);
void mov_opnd(struct cc *c, unsigned w, unsigned d, struct opnd o);

/* compile.c */
void emit_insn(struct cc *c, ir_ref ref);
void fail(struct cc *c, int err);
/* What is emitted from here on is the work of the instruction at pc. */
void note_insn(struct cc *c, gva_t pc);
void emit_reference(struct cc *c, ir_ref ref);
u32 reference_what(struct cc *c, ir_ref ref);
u32 reference_types(struct cc *c, ir_ref ref);

/* int.c, muldiv.c, crypto.c */
void emit_int(struct cc *c, ir_ref ref);
void emit_high(struct cc *c, ir_ref ref);
void emit_div(struct cc *c, ir_ref ref);
void emit_crypto(struct cc *c, ir_ref ref);
/*
 * An `op` of a and b, of ref's type, that comes soon after ref in its block
 * and may be done with it; or IR_NONE.
 */
ir_ref soon_after(const struct cc *c, ir_ref ref, u8 op, ir_ref a, ir_ref b);
void alu_opnd(
    struct cc *c, enum x86_alu op, unsigned w, unsigned d, struct opnd o);

/* cond.c */
struct cond emit_cond(struct cc *c, ir_ref ref);
void emit_compare(struct cc *c, ir_ref ref);
void emit_bool(struct cc *c, ir_ref ref);
void emit_select(struct cc *c, ir_ref ref);
bool is_compare(u8 op);
/* Should this instruction wait for its only user? */
bool can_wait(struct cc *c, ir_ref ref);

/* mem.c */
void emit_memory(struct cc *c, ir_ref ref);
void emit_fence(struct cc *c, ir_ref ref);

/* fp.c, fpconv.c */
void emit_fp(struct cc *c, ir_ref ref);
void emit_fp_arith(struct cc *c, ir_ref ref);
void emit_class(struct cc *c, ir_ref ref);
void emit_fp_convert(struct cc *c, ir_ref ref);
void emit_fp_state(struct cc *c, ir_ref ref);
struct cond emit_fp_compare(struct cc *c, ir_ref ref);
void fp_mov(struct cc *c, unsigned d, unsigned s);
/* d = s1 op s2; f64 opcode, ty chooses the form */
void fp_op3(
    struct cc *c, u32 op, u8 ty, unsigned d, unsigned s1, struct opnd s2);
/* d = s1 op constant: packed bit operation */
void fp_bits(
    struct cc *c, u32 op, unsigned d, unsigned s1, enum x86_host constant);
/* reg op o, no second source */
void fp_op2(struct cc *c, u32 op, u8 ty, unsigned reg, struct opnd o);
/* ref's result is in d: make a NaN the canonical one if anybody can tell. */
void fp_result(struct cc *c, ir_ref ref, unsigned d, struct cold *x);
/* Test what waits: somebody may look now. Changes flags, moves nothing. */
void settle(struct cc *c);
/* Between integer and xmm registers, w bytes; the rest of xmm is zero. */
void movd_from(struct cc *c, unsigned w, unsigned d, unsigned s);
void movd_to(struct cc *c, unsigned w, unsigned d, unsigned s);
/* Load, store 8 bytes. */
void fp_load(struct cc *c, unsigned d, struct mem m);
void fp_store(struct cc *c, struct mem m, unsigned s);
/* Must ref go to the reference, its rounding mode having no host mode? */
bool fp_needs_reference(struct cc *c, ir_ref ref);
/*
 * The guest's rounding mode decides: jump to a cold call of the reference
 * unless it is ref's. NULL if there is nothing to test.
 */
struct cold *fp_mode(
    struct cc *c, ir_ref ref, const struct opnd op[3], unsigned n, unsigned d);

/* flow.c */
/* The end of a block; the block to go on with, or -1. */
int emit_end(struct cc *c, ir_ref ref);
/* Store abi.pc and go to service; rcx holds the argument. */
void exit_service(struct cc *c, u32 reason, gva_t pc);
/* All code of the region, in one or two versions. */
void emit_region(struct cc *c);
/* compile.c: a fresh allocator state; block b and those that follow it. */
void begin_version(struct cc *c);
void emit_blocks(struct cc *c, u32 b);

/* cold.c */
struct cold *cold_new(struct cc *c, void (*emit)(struct cc *, struct cold *));
/* Add a rel32 site that leads there. */
void cold_from(struct cc *c, struct cold *x, size_t site);
void cold_jcc(struct cc *c, struct cold *x, enum x86_cc cc);
/* Here the cold code comes back. */
void cold_back(struct cc *c, struct cold *x);
/*
 * Cold: compute x->ref by abi.reference from the operands x->op into x->d,
 * keeping all live scratch registers.
 */
struct cold *cold_reference(
    struct cc *c, ir_ref ref, const struct opnd op[3], unsigned n, unsigned d);
void emit_cold(struct cc *c);

static inline bool is_scratch(unsigned reg)
{
	return reg < 32 && ((X86_SCRATCH | X86_FSCRATCH) >> reg & 1);
}

static inline unsigned width_of(u8 ty)
{
	return ty == IR_I64 || ty == IR_F64 ? 8 : 4;
}

static inline bool is_fp(u8 ty)
{
	return ty == IR_F32 || ty == IR_F64;
}

static inline struct opnd opnd_reg(unsigned reg)
{
	return (struct opnd){ .kind = OPND_REG, .reg = (u8)reg };
}

static inline struct opnd opnd_imm(i32 imm)
{
	return (struct opnd){ .kind = OPND_IMM, .reg = NOREG, .imm = imm };
}

static inline struct opnd opnd_mem(struct mem m)
{
	return (struct opnd){ .kind = OPND_MEM, .reg = NOREG, .mem = m };
}

/* Words of tmp[]: 0..2 for reference, then spills, then saves of cold.c. */
#define TMP_SPILL 3
#define TMP_SAVE (ABI_NTMP - 8)

#endif
