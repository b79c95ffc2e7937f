/*
 * arch.h - a guest ISA as debuggers see it: registers in their numbering and
 * the target description.
 */
#ifndef RUNTIME_DEBUG_ARCH_H
#define RUNTIME_DEBUG_ARCH_H

#include "runtime/exec/vm.h"

struct debug_reg {
	const char *name;
	const char *feature; /* of the target description */
	const char *type; /* in it */
	u16 num; /* the debugger's; rows are in its order */
	u16 bits; /* 32 or 64 */
	u16 slot; /* state slot, or a DEBUG_REG_* */
};

enum { DEBUG_REG_PC = 0x1000, DEBUG_REG_ZERO, DEBUG_REG_SPECIAL };

struct debug_arch {
	const char *isa; /* guest_isa.name */
	const char *name; /* <architecture> */
	const char *extra; /* types and the like, in front of a feature */
	const char *extra_feature; /* that one */
	const struct debug_reg *regs;
	unsigned nregs;
	unsigned expedite[4]; /* debugger's numbers that each stop reports */
	unsigned nexpedite;
	/* Registers of DEBUG_REG_SPECIAL and above, by number. */
	u64 (*get)(const struct vcpu *v, unsigned num);
	void (*set)(struct vcpu *v, unsigned num, u64 value);
};

/* NULL: none for this guest. */
const struct debug_arch *debug_arch_of(const struct guest_isa *g);

/* The row of a debugger's register number, or NULL. */
const struct debug_reg *debug_reg_find(
    const struct debug_arch *a, unsigned num);
u64 debug_reg_get(const struct debug_arch *a, const struct vcpu *v,
    const struct debug_reg *r);
void debug_reg_set(const struct debug_arch *a, struct vcpu *v,
    const struct debug_reg *r, u64 value);

/* The target description, malloc'ed; NULL: out of memory. */
char *debug_arch_xml(const struct debug_arch *a);

#endif
