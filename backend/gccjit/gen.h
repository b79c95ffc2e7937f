/*
 * gen.h - from a unit (translator/unit.h) to an object file, by libgccjit.
 * Private to metic-jitd.
 *
 * One unit becomes one function. Guest registers are its local variables:
 * GCC keeps them where it likes. At the borders they are where the ABI of
 * generated code (translator/abi.h) wants them, by empty asm statements whose
 * operands are tied to the pins' host registers:
 *
 *   entry   its outputs are the pins; slots without pin are loaded
 *   exit    its inputs are the pins; then a tail call to a symbol that says
 *           where to (see unit_object.h), or a return with the guest pc in rax
 *   call    both; the asm is the call itself
 *
 * All host registers are call-clobbered (-fcall-used-*), so the prologue
 * only makes room for spills and the epilogue gives it back: nothing happens
 * to a pin between an exit's asm and the jump. Our loader looks at each such
 * place and refuses the object if that is not so.
 *
 * Guest memory is reached by asm volatile statements: they keep their order
 * and happen once. Each notes in the section .metic.map its address, the
 * guest pc, and where every dirty slot is at that moment: a slot is dirty if
 * its value in state[] is stale. So a fault finds the exact state. The pins
 * are stored to state[] at the entry to begin with a clean one.
 */
#ifndef GCCJIT_GEN_H
#define GCCJIT_GEN_H

#include <libgccjit.h>

#include "backend/x86_64/abi_x86.h"
#include "backend/x86_64/cpu_features.h"
#include "translator/unit.h"

typedef gcc_jit_rvalue *rval;
typedef gcc_jit_lvalue *lval;

/* Slots, one bit each. */
struct slots {
	u64 w[ABI_NSLOTS / 64];
};

static inline bool slots_has(const struct slots *s, unsigned i)
{
	return s->w[i / 64] >> i % 64 & 1;
}

static inline void slots_add(struct slots *s, unsigned i)
{
	s->w[i / 64] |= 1ull << i % 64;
}

static inline unsigned slots_count(const struct slots *s)
{
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LEN(s->w); i++)
		n += (unsigned)__builtin_popcountll(s->w[i]);
	return n;
}

static inline void slots_remove(struct slots *s, unsigned i)
{
	s->w[i / 64] &= ~(1ull << i % 64);
}

/* What is known at a place. Where ways meet, a slot is dirty if it is so on
   one of them, and raw if on all: on the way to there it is made canonical
   (a NaN that came from the guest's memory keeps its bits). */
struct facts {
	struct slots dirty; /* state[] is stale */
	/* A NaN in it may be any NaN: it is made canonical where it can be
	   seen, and by the fault handler, not after each operation. */
	struct slots raw;
	/* Kept as its float: the slot holds a boxed one. Where ways meet, it is
	   so on all of them: on the way to there it is boxed. */
	struct slots single;
	struct slots known; /* which of these two it is; all, in the end */
	bool reached;
	bool full; /* on some way here there were too many dirty slots */
};

/* An asm statement has at most 30 operands; an access has two itself. */
#define MAP_MAX 26

struct gen {
	gcc_jit_context *cx;
	const struct guest_isa *g;
	struct x86_features f;
	gcc_jit_type *type[IR_NTYPES]; /* how a value of each type is kept */
	gcc_jit_type *t_void, *i64, *i32, *i16, *i8, *u16, *u8, *u128, *i128;
	unsigned serial; /* names */

	/* of the unit */
	const struct unit *u;
	gcc_jit_function *fn;
	struct slots used; /* slots that are local variables */
	bool fp, memory;
	lval slot[ABI_NSLOTS]; /* as state[] has it, */
	lval float_slot[ABI_NSLOTS]; /* and where it is kept as its float */
	lval ones; /* all bits set, if there may be floats */
	lval guest; /* the head's pc, if the unit is movable */
	struct facts *in; /* by node */
	gcc_jit_block **head; /* by node */
	bool refused; /* sticky: this unit cannot be compiled */

	/* of the node */
	const struct unit_node *n;
	const struct ir_region *r;
	gcc_jit_block *cur;
	rval *val; /* by ref */
	bool *raw; /* by ref: as facts.raw */
	lval *var; /* by ref: the variable that is val, or NULL */
	bool *single; /* by ref: val is the float in the box */
	/* of the block */
	ir_ref put[ABI_NSLOTS]; /* what it has put to the slot */
	bool *settled; /* by ref: made canonical */
	struct facts at;
	gva_t pc; /* of the last insn */
};

static inline bool gen_single(const struct gen *g, unsigned slot)
{
	return slots_has(&g->at.single, slot);
}

/* The variable that holds the slot's value. */
static inline lval gen_slot(const struct gen *g, unsigned slot)
{
	return gen_single(g, slot) ? g->float_slot[slot] : g->slot[slot];
}

/* gen.c */
gcc_jit_block *gen_block(struct gen *g);
lval gen_local(struct gen *g, gcc_jit_type *t, const char *name);
void gen_assign(struct gen *g, lval to, rval v);
rval gen_num(struct gen *g, gcc_jit_type *t, i64 v);
/* At a unit's entry: what gen_pc is relative to. */
void gen_guest(struct gen *g);
/* A guest address. */
rval gen_pc(struct gen *g, gva_t pc);
rval gen_bin(
    struct gen *g, enum gcc_jit_binary_op op, gcc_jit_type *t, rval a, rval b);
rval gen_cast(struct gen *g, gcc_jit_type *t, rval v);
rval gen_cmp(struct gen *g, enum gcc_jit_comparison op, rval a, rval b);
rval gen_unlikely(struct gen *g, rval c);
/* `to` = c ? a : b, by a branch. */
void gen_choose(struct gen *g, lval to, rval c, rval a, rval b);
/* state[slot], in a variable: the slot's, unless it is kept as a float. */
rval gen_load_slot(struct gen *g, unsigned slot);
/* The slot's variable to state[slot]. */
void gen_store_slot(struct gen *g, unsigned slot);
gcc_jit_type *gen_slot_type(const struct gen *g, unsigned slot);
unsigned gen_pin(const struct gen *g, unsigned slot);

/* Is there code for instruction i of r? */
bool gen_can(const struct gen *g, const struct ir_region *r, ir_ref ref);
void gen_int(struct gen *g, ir_ref ref);
bool gen_can_fp(const struct gen *g, const struct ir_insn *i);
void gen_fp(struct gen *g, ir_ref ref);
/* The same bits in another type of this size. */
rval gen_bitcast(struct gen *g, u8 ty, rval v);
/* gen_fpconv.c: to integers, in its rounding mode; from them. */
bool gen_can_convert(const struct gen *g, const struct ir_insn *i);
void gen_to_int(struct gen *g, ir_ref ref);
rval gen_from_int(struct gen *g, const struct ir_insn *i);
/* Does the op look at a NaN's bits, by gen_seen? */
bool gen_sees_bits(u8 op);
/* A value whose bits can be seen. */
rval gen_seen(struct gen *g, ir_ref ref);
/* May val be any NaN, so that gen_canonical has work to do? */
bool gen_waits(const struct gen *g, ir_ref ref);
/*
 * The same as gen_seen, but a boxed float may be without the box; and at once
 * for `next`, which waits in a variable, unless that is IR_NONE.
 */
rval gen_canonical(struct gen *g, ir_ref ref, ir_ref next);
/* At the entry, and at the exits before it: what gen_box needs. */
void gen_ones(struct gen *g);
/* A float's bits below ones, as a double. */
rval gen_box(struct gen *g, rval v);
/* A slot's value as state[] has it. */
rval gen_whole(struct gen *g, unsigned slot);
/* The other way. */
void gen_take(struct gen *g, unsigned slot, rval whole);
/* Is a value of state[] a NaN? */
rval gen_is_nan(struct gen *g, unsigned slot, rval whole);
/* Is it the canonical NaN? */
rval gen_is_canonical(struct gen *g, unsigned slot, rval whole);
/* Is one of these, which are all kept as floats or none, a NaN? */
rval gen_any_nan(
    struct gen *g, const struct slots *in, bool single, rval *whole);
/* Do all that are kept as floats hold one? NULL: there are none. */
rval gen_all_boxed(struct gen *g, rval *whole);
/* A value, wherever it is kept. */
rval gen_value(struct gen *g, ir_ref ref);
/* Make the raw slots canonical, but for those that may stay raw. */
void gen_settle(struct gen *g, const struct slots *but);
/* Box the slots that are kept as floats, but for those that stay so. */
void gen_box_slots(struct gen *g, const struct slots *but);
/* What holds the float of a boxed one, or IR_NONE. */
ir_ref gen_in_box(const struct gen *g, ir_ref ref);
void gen_memory(struct gen *g, ir_ref ref);
/* Store what is dirty to state[]; without pins unless `pins`. */
void gen_flush(struct gen *g, bool pins);

/* gen_facts.c */
/* What r uses is in g->used, g->fp and g->memory. */
void gen_note_use(struct gen *g, const struct ir_region *r);
/* g->in, of which there is one for each node. */
void gen_facts(struct gen *g);
/* Is ref's value a number, whatever happens? It counts as raw: it is both. */
bool gen_never_nan(const struct ir_insn *insn, ir_ref ref);
/* Does this CALL enter nodes of its own? */
bool gen_inlined(const struct unit *u, const struct unit_node *n,
    const struct ir_insn *call);

/* gen_flow.c */
void gen_entry(struct gen *g, gcc_jit_block *b);
void gen_end(
    struct gen *g, ir_ref ref, gcc_jit_block **blocks, struct facts *facts);

/*
 * Compile units to an object file at `path`. Units that cannot be compiled
 * are left out (their bit in `made` is clear). 0, or -1 with a message.
 */
int gen_object(const struct guest_isa *g, const struct unit *const *units,
    u32 n, const char *path, u64 *made, char *err, size_t nerr);

#endif
