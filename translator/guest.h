/*
 * guest.h - what a frontend provides: struct guest_isa.
 *
 * The list of guests is translator/guests.def; nothing outside frontend/
 * knows a guest's instructions. Frontends know nothing of backends.
 */
#ifndef TRANSLATOR_GUEST_H
#define TRANSLATOR_GUEST_H

#include "translator/abi.h"

#define GUEST_NO_PIN 255

/* A guest register or piece of guest state, one row of the frontend's table. */
struct guest_reg {
	const char *name; /* as assemblers spell it: "a0", "fa0", "pc" */
	u16 slot; /* index into abi_state.state */
	u8 type; /* IR_I64 or IR_F64: the type of its GETs and PUTs */
	u8 pin; /* index of the pin of its class, or GUEST_NO_PIN */
	bool shown; /* in register dumps */
};

/* An extension that the frontend implements, as the guest's Linux tells it. */
struct guest_feature {
	const char *name; /* "zba" */
	u64 hwcap; /* bits of AT_HWCAP */
	u64 hwprobe_ima_ext_0; /* bits of riscv_hwprobe's IMA_EXT_0 */
};

/* How lift may form a translation block. */
struct lift_opts {
	u32 max_insns; /* at least 1 */
	bool side_exits; /* go on after a conditional branch not taken */
	bool user; /* user mode: privileged instructions are illegal */
	bool movable; /* addresses made from the pc are PC, not CONST */
	bool exclusive; /* nobody else runs: SC may compare values only */
	/*
	 * Must this load-reserved be executed by the runtime, EXIT_EXCLUSIVE?
	 * NULL: the runtime cannot, and SC always compares values.
	 */
	bool (*wants_exclusive)(void *ctx, gva_t pc);
	void *ctx;
};

/* Guest code visible to the lifter. */
struct lift_code {
	gva_t pc;
	const u8 *bytes; /* host address of pc's byte */
	size_t len; /* bytes that may be read from there */
};

/* How C calls a function: the slots of the integer registers it uses. */
struct guest_cconv {
	u16 arg[8];
	u16 ret, link, sp;
};

/* A guest thread's view of C that IR cannot express; see HELPER. */
typedef u64 (*guest_helper)(struct vcpu *v, u64 a, u64 b);

struct guest_isa {
	const char *name; /* "riscv64" */
	const char *summary; /* the extensions implemented, for --version */
	u16 elf_machine; /* EM_* */
	u8 min_insn; /* smallest instruction, bytes */
	const struct guest_reg *regs;
	u32 nregs;
	const struct guest_feature *features;
	u32 nfeatures;
	const guest_helper *helpers;
	const char *const *helper_names;
	u32 nhelpers;
	/*
	 * Bit n: helper n neither looks at the guest's state nor computes in
	 * floating point, so calling it costs little.
	 */
	u64 leaf_helpers;
	/*
	 * Bit n: leaf helper n reads clock `a` by abi.read_clock, and returns
	 * seconds << 30 | nanoseconds, or ~0 where there is no such clock.
	 * (No clock of Linux has more than 34 bits of seconds.)
	 */
	u64 clock_helpers;
	struct guest_cconv cconv;
	/* Slots of the reservation's address (or no_resv) and its LR's pc. */
	u16 slot_resv, slot_resv_pc;
	u64 no_resv;

	/* One per translating thread: holds the decoder's handle and memo. */
	void *(*open)(void); /* NULL: the host failed or the self-check did */
	void (*close)(void *decoder);
	/*
	 * Lift one translation block from code->pc into r (after ir_init).
	 * Always makes a well-formed region: what cannot be decoded or read
	 * becomes an EXIT. Sets guest_len and guest_insns.
	 */
	void (*lift)(void *decoder, struct ir_region *r,
	    const struct lift_code *code, const struct lift_opts *opts);
	/*
	 * Text of the instruction at code->pc into buf, at most n bytes with
	 * the terminator. Returns its length in bytes, 0 if it is refused.
	 */
	unsigned (*disassemble)(
	    void *decoder, const struct lift_code *code, char *buf, size_t n);
	/* Set the slots of a fresh vCPU to their reset values. */
	void (*reset)(struct abi_state *s);
};

/* NULL-terminated, from guests.def. */
extern const struct guest_isa *const guest_list[];
const struct guest_isa *guest_by_machine(u16 elf_machine);
const struct guest_isa *guest_by_name(const char *name);
/* The table row of a slot, or NULL. */
const struct guest_reg *guest_reg_of_slot(const struct guest_isa *g, u32 slot);

#endif
