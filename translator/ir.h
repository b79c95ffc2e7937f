/*
 * ir.h - the intermediate representation.
 *
 * A region is an array of instructions cut into blocks. Each instruction is
 * at once an SSA value: its index is its ir_ref. Operands refer to earlier
 * instructions only; a block that is not block 0 has exactly one
 * predecessor in a translation block (an extended basic block: side exits
 * leave it, nothing enters its middle), so what dominates is what stands
 * on the path from block 0.  See verify.c for the whole list of rules.
 *
 * Guest state is reached through GET/PUT of slots (guest.h); between two
 * instructions that may fault or leave, every PUT before them is visible.
 */
#ifndef TRANSLATOR_IR_H
#define TRANSLATOR_IR_H

#include "runtime/base/arena.h"
#include "translator/ops.def"

enum ir_type { IR_VOID, IR_I1, IR_I32, IR_I64, IR_F32, IR_F64, IR_NTYPES };

enum ir_op {
#define X_ENUM(name, text, args, res, flags) IR_##name,
	IR_OPS(X_ENUM)
#undef X_ENUM
	    IR_NOPS
};

enum ir_op_flags {
	IRF_P = 1, /* pure */
	IRF_M = 2, /* guest memory, may fault */
	IRF_S = 4, /* vCPU state */
	IRF_F = 8, /* fp status */
	IRF_E = 16, /* ends a block */
};

struct ir_opinfo {
	const char *text;
	const char *args;
	char result;
	u8 flags;
};
extern const struct ir_opinfo ir_opinfo[IR_NOPS];

typedef u32 ir_ref;
#define IR_NONE 0u /* instruction 0 of every region is a NOP */

/* aux of LOAD, STORE, AMO_*, CAS */
#define MEM_LOG2(aux) ((aux)&3u) /* size in bytes = 1 << this */
#define MEM_SIGNED 4u /* LOAD: sign-extend to T, else zero-extend */
#define MEM_ACQ 8u
#define MEM_REL 16u
#define MEM_ALIGNED 32u /* exit MISALIGNED unless naturally aligned */

/* aux of rounding ops; the first five numbers are also vcpu.frm's */
enum ir_rm { RM_RNE, RM_RTZ, RM_RDN, RM_RUP, RM_RMM, RM_DYN = 7 };

/* fp exception flags as FFLAGS_GET shows them */
enum { FPX_NX = 1, FPX_UF = 2, FPX_OF = 4, FPX_DZ = 8, FPX_NV = 16 };

enum ir_exit {
#define X(name, text, doc) EXIT_##name,
#include "translator/exits.def"
#undef X
	EXIT_NREASONS
};

struct ir_insn {
	u8 op; /* enum ir_op */
	u8 type; /* enum ir_type of the result; of the operand for PUT/STORE */
	u16 aux;
	ir_ref a, b, c;
	i64 imm;
};

struct ir_block {
	ir_ref first; /* index of its first instruction */
	u32 n; /* number of instructions, the last one ends the block */
};

#define IR_MAX_INSNS 4096
#define IR_MAX_BLOCKS 256

struct ir_region {
	struct arena *arena;
	gva_t pc; /* guest address of the first instruction */
	u32 guest_len; /* bytes of guest code read, from pc */
	u32 guest_insns;
	u32 ninsns, nblocks, cap;
	u32 cur; /* block under construction */
	bool failed; /* sticky: out of memory or too long */
	struct ir_insn *insn;
	struct ir_block block[IR_MAX_BLOCKS];
};

/* Start an empty region whose block 0 is under construction. */
void ir_init(struct ir_region *r, struct arena *arena, gva_t pc);
/* Append an instruction; returns its ref (IR_NONE once r->failed). */
ir_ref ir_emit(struct ir_region *r, struct ir_insn i);
/* Reserve a block number; fill it later with ir_begin. */
u32 ir_new_block(struct ir_region *r);
/* Append to block `b` from now on; the previous block must have ended. */
void ir_begin(struct ir_region *r, u32 b);

/*
 * The blocks in the order in which they stand in the array (every block
 * after its predecessor); returns their number.
 */
u32 ir_block_order(const struct ir_region *r, u16 order[IR_MAX_BLOCKS]);

/* Shorthands for frontends. */
static inline ir_ref ir_const(struct ir_region *r, u8 type, i64 v)
{
	return ir_emit(r,
	    (struct ir_insn){ .op = IR_CONST,
		.type = type,
		.imm = type == IR_I64 ? v :
		    type == IR_I32    ? (i32)v :
					(v & 1) });
}

static inline ir_ref ir_get(struct ir_region *r, u8 type, unsigned slot)
{
	return ir_emit(r,
	    (struct ir_insn){ .op = IR_GET, .type = type, .aux = (u16)slot });
}

static inline void ir_put(struct ir_region *r, u8 type, unsigned slot, ir_ref v)
{
	ir_emit(r,
	    (struct ir_insn){
		.op = IR_PUT, .type = type, .aux = (u16)slot, .a = v });
}

static inline ir_ref ir_op1(struct ir_region *r, u8 op, u8 type, ir_ref a)
{
	return ir_emit(r, (struct ir_insn){ .op = op, .type = type, .a = a });
}

static inline ir_ref ir_op2(
    struct ir_region *r, u8 op, u8 type, ir_ref a, ir_ref b)
{
	return ir_emit(
	    r, (struct ir_insn){ .op = op, .type = type, .a = a, .b = b });
}

static inline ir_ref ir_op3(
    struct ir_region *r, u8 op, u8 type, ir_ref a, ir_ref b, ir_ref c)
{
	return ir_emit(r,
	    (struct ir_insn){ .op = op, .type = type, .a = a, .b = b, .c = c });
}

static inline bool ir_is_const(const struct ir_region *r, ir_ref v)
{
	return r->insn[v].op == IR_CONST;
}

/* True if aux is a rounding mode. */
static inline bool ir_rounds(u8 op)
{
	return (op >= IR_FADD && op <= IR_FNMSUB) ||
	    (op >= IR_F64_TO_F32 && op <= IR_F_TO_U64);
}

static inline bool ir_ends_block(u8 op)
{
	return ir_opinfo[op].flags & IRF_E;
}

#endif
