/*
 * abi.h - the ABI of generated code: what every tier and every thunk agrees
 * on. Change nothing here without re-reading translator/README.md.
 *
 * Registers (x86-64 host; the encodings are in backend/x86_64/abi_x86.h):
 *   - one callee-saved register holds VCPU = &vcpu.abi + ABI_BIAS;
 *   - ABI_NPIN integer and ABI_NFPIN fp host registers hold guest slots for
 *     as long as generated code runs. Which slot has which pin is in the
 *     guest's register table (guest_reg.pin); pins 0..5 are those that live
 *     across calls and that the optimizing tier keeps too;
 *   - the stack pointer is the vCPU's own call stack: it holds nothing but
 *     return addresses of generated code. C code never runs on it.
 *   - everything else is scratch at the border of two translation blocks.
 *
 * State between translation blocks, and at every instruction that may fault
 * or leave: pinned slots are in their pins (their copies in state[] are
 * stale), all other slots in state[]; MXCSR holds the guest's rounding mode
 * and accrued flags.
 *
 * Calls and returns: CALL is a host call of the target's code; RET puts the
 * guest pc into the return register (rax) and does a host ret. The caller's
 * frame compares it with the pc that it expects and goes on, or does another
 * ret: stale frames (longjmp, coroutines, signals) unwind by themselves. The
 * frame at the bottom asks the runtime (LOOKUP). When the call stack is full
 * it is simply restarted at its bottom.
 *
 * Service: generated code that needs the runtime jumps to the service thunk
 * with a reason (exits.def) and an argument. The thunk writes the pins back
 * to state[], switches to the C stack and calls abi.service(vcpu, reason,
 * arg), which returns the code to go on with (pins are reloaded, the call
 * stack is abi.call_sp) or NULL to leave the run loop.
 *
 * Each translation block's code is preceded by its guest pc (8 bytes), so a
 * jump-table entry is one word and a probe cannot see half an update. The
 * word is the code's address minus the table's, and the 8 bytes before the
 * table are ABI_JT_NO_PC: an entry of zero is the code of a pc that belongs
 * into entry 0. So an empty table is zeroed memory, which costs nothing until
 * it is used; only its entry 0 must lead to backend_thunks.miss.
 *
 * Cells: a jump whose target is loaded from a place that the code names (a
 * procedure linkage table) has a cell for the code that it led to last: an
 * entry behind the others of the jump table. The word before that code tells
 * whether it still is right; of code that is gone it is ABI_DEAD_PC.
 */
#ifndef TRANSLATOR_ABI_H
#define TRANSLATOR_ABI_H

#include "translator/ir.h"

#define ABI_NSLOTS 128 /* 8-byte words of guest state */
#define ABI_NPIN 10
#define ABI_NFPIN 12
#define ABI_NTMP 512 /* spill words of one translation block */
#define ABI_NHOST 27 /* words private to the backend */
#define ABI_BIAS 128 /* VCPU points here: more slots in a disp8 */

/* The indirect-branch table: index = (pc >> 1) & (ABI_JT_SIZE - 1). */
#define ABI_JT_BITS 16
#define ABI_JT_SIZE (1u << ABI_JT_BITS)
#define ABI_JT_NO_PC ((u64)1)

#define ABI_NCELLS 512u
#define ABI_JT_ENTRIES (ABI_JT_SIZE + ABI_NCELLS)
/* Both odd: jumps through cells clear bit 0. */
#define ABI_DEAD_PC (~(u64)0)

#define ABI_NCOUNTERS 64u
#define ABI_POLL (~(u32)0) /* above all that VCPU's low half can be */

struct vcpu;

/* The head of struct vcpu, reached by generated code. */
struct abi_state {
	u32 poll; /* ABI_POLL: go to service(STOP) at a backward branch; or 0 */
	u32 fpu; /* guest MXCSR while outside generated code */
	const i64 *jt; /* ABI_JT_ENTRIES entries, see above */
	u64 pc; /* guest pc while outside generated code */
	u64 state[ABI_NSLOTS];
	u64 tmp[ABI_NTMP]; /* spills; arguments and result of `reference` */
	u64 call_sp; /* call stack pointer while outside generated code */
	u64 call_base; /* where it starts (its bottom frame lies above) */
	u64 call_limit; /* below it, code that has a frame starts it again */
	u64 c_sp; /* C stack pointer of metic's run loop */
	i64 budget; /* guest instructions left (compile option) */
	u64 mem_base; /* address of guest address 0 (AS_BASED) */
	u64 fault_addr; /* of the last MEMORY or MISALIGNED exit */
	u32 frm; /* guest rounding mode as written, RM_* (5 and 6 possible) */
	u32 host_fpu; /* C's MXCSR; C code runs with any flags in it */
	/* see above */
	const void *(*service)(struct vcpu *v, u32 reason, u64 arg);
	/*
	 * Evaluate one op in C: tmp[0..2] are the operands, tmp[0] the result;
	 * `what` is op | type << 8 | aux << 16, operand types in `types` (4
	 * bits each). HELPER runs guest_isa.helpers[aux]. Not for memory ops.
	 */
	void (*reference)(struct vcpu *v, u32 what, u32 types);
	/*
	 * The same for AMO_* and CAS; operand a is the guest address with the
	 * displacement added. false: the access faulted or was misaligned,
	 * fault_addr is set and the exit (EXIT_MEMORY or EXIT_MISALIGNED) in
	 * tmp[0].
	 */
	bool (*reference_mem)(struct vcpu *v, u32 what, u32 types);
	/* guest_isa.helpers, for those that are leaf_helpers. */
	u64 (*const *helpers)(struct vcpu *v, u64 a, u64 b);
	/* Thunk addresses and constants of the backend; enter() fills it. */
	u64 host[ABI_NHOST];
	/* How often units were entered, by abi_unit_counter. */
	u32 entered[ABI_NCOUNTERS];
	/* The host's clock `clock`: seconds, nanoseconds; 0 if it has it. */
	int (*read_clock)(int clock, i64 time[2]);
	/* Does that leave the host's fp registers alone? */
	u32 clock_keeps_fp;
	/* In generated code: FPU_* flags raised that MXCSR does not have. */
	u32 raised;
};

/*
 * The counter of the unit whose head is at pc: it is in the code, so it may
 * not depend on where a file is mapped, only on the place within a page.
 */
static inline u32 abi_unit_counter(gva_t pc)
{
	return (u32)(pc % 4096 / 2 ^ pc % 4096 / 128) % ABI_NCOUNTERS;
}

/* struct vcpu begins with its struct abi_state. */
static inline struct abi_state *vcpu_abi(struct vcpu *v)
{
	return (struct abi_state *)(void *)v;
}

#define ABI_OFF(field) ((i32)offsetof(struct abi_state, field) - ABI_BIAS)
#define ABI_SLOT_OFF(slot) (ABI_OFF(state) + 8 * (i32)(slot))
#define ABI_TMP_OFF(i) (ABI_OFF(tmp) + 8 * (i32)(i))

#endif
