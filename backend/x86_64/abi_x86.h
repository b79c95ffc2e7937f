/*
 * abi_x86.h - translator/abi.h in terms of x86-64: one table.
 *
 * Pins 0..4 are callee-saved in the System V ABI, as is VCPU: C code called
 * from a thunk keeps them, but the thunks save all pins anyway, so that C
 * sees and may change the guest's state in state[].
 */
#ifndef X86_ABI_X86_H
#define X86_ABI_X86_H

#include "backend/x86_64/asm.h"
#include "translator/guest.h"

#define VCPU RBP /* &vcpu.abi + ABI_BIAS */

/* Host register of each pin: integer, fp. */
static const u8 x86_pin[ABI_NPIN] = { RBX, R12, R13, R14, R15, R8, RDI, RSI, R9,
	R10 };
static const u8 x86_fpin[ABI_NFPIN] = { XMM4, XMM5, XMM6, XMM7, XMM8, XMM9,
	XMM10, XMM11, XMM12, XMM13, XMM14, XMM15 };

/* Free between any two guest instructions. */
#define X86_SCRATCH (1u << RAX | 1u << RCX | 1u << RDX | 1u << R11)
#define X86_FSCRATCH (1u << XMM0 | 1u << XMM1 | 1u << XMM2 | 1u << XMM3)

/*
 * abi_state.host: entries of the thunks, then constants. A packed op reads 16
 * bytes at a constant; only the low 8 matter to it, except for BOX_ONES,
 * which must be followed by zeros.
 *   SERVICE   eax = reason, rcx = argument; jump
 *   LOOKUP    rax = guest pc; jump
 *   LINK      rcx = address of the link site; jump
 *   REFERENCE eax = what, ecx = types; call
 *   LEAF      rax = number of a leaf helper, tmp[0..1] its operands; call.
 *             The result is in rax
 *   CLOCK     rcx = clock; call. The result is in rax
 *   CELL      rax = guest pc, r11 = the cell's offset in the jump table;
 *             call. rcx = the code of that pc, in the cell as well, or
 *             LOOKUP's
 */
enum x86_host {
	HOST_SERVICE,
	HOST_LOOKUP,
	HOST_LINK,
	HOST_REFERENCE,
	HOST_LEAF,
	HOST_CLOCK,
	HOST_CELL,
	HOST_NTHUNKS,
	HOST_SIGN64 = HOST_NTHUNKS,
	HOST_ABS64,
	HOST_SIGN32,
	HOST_ABS32,
	HOST_NAN64,
	HOST_NAN32,
	HOST_BOX_ONES,
	HOST_ZERO,
	HOST_FLAGS_GET, /* 64 bytes: FPX_* of the flags in MXCSR */
	HOST_FLAGS_SET = HOST_FLAGS_GET + 8, /* 32 bytes: the way back */
	HOST_N = HOST_FLAGS_SET + 4
};
_Static_assert(HOST_N <= ABI_NHOST, "abi_state.host is too small");

#define HOST_OFF(i) (ABI_OFF(host) + 8 * (i32)(i))

static inline struct mem mem_vcpu(i32 off)
{
	return mem_at(VCPU, off);
}

/* The host register pinned to this register of the guest, or NOREG. */
static inline unsigned x86_pin_of(const struct guest_reg *r)
{
	if (r->pin == GUEST_NO_PIN)
		return NOREG;
	return r->type == IR_F64 ? x86_fpin[r->pin] : x86_pin[r->pin];
}

#endif
