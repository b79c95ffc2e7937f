/*
 * arch_riscv64.c - riscv64 as gdb and lldb know it.
 *
 * Numbers are those of gdb's riscv-tdep.h: x0-x31 0-31, pc 32, f0-f31 33-64,
 * control and status register n is 65 + n. State slots: x0-x31 = 0-31,
 * f0-f31 = 32-63. The description's features are those of the GDB manual,
 * "RISC-V Features"; fflags, frm and fcsr belong to the fpu there.
 */
#include "runtime/debug/arch.h"

#include "translator/fpu.h"

extern const struct debug_arch debug_arch_riscv64;

enum { SLOT_FRM = 66, NUM_FFLAGS = 66, NUM_FRM = 67, NUM_FCSR = 68 };

#define CPU "org.gnu.gdb.riscv.cpu"
#define FPU "org.gnu.gdb.riscv.fpu"

/* clang-format off */
static const struct debug_reg regs[] = {
	{ "zero", CPU, "int", 0, 64, DEBUG_REG_ZERO },
	{ "ra", CPU, "code_ptr", 1, 64, 1 },
	{ "sp", CPU, "data_ptr", 2, 64, 2 },
	{ "gp", CPU, "data_ptr", 3, 64, 3 },
	{ "tp", CPU, "data_ptr", 4, 64, 4 },
	{ "t0", CPU, "int", 5, 64, 5 },
	{ "t1", CPU, "int", 6, 64, 6 },
	{ "t2", CPU, "int", 7, 64, 7 },
	{ "fp", CPU, "data_ptr", 8, 64, 8 },
	{ "s1", CPU, "int", 9, 64, 9 },
	{ "a0", CPU, "int", 10, 64, 10 },
	{ "a1", CPU, "int", 11, 64, 11 },
	{ "a2", CPU, "int", 12, 64, 12 },
	{ "a3", CPU, "int", 13, 64, 13 },
	{ "a4", CPU, "int", 14, 64, 14 },
	{ "a5", CPU, "int", 15, 64, 15 },
	{ "a6", CPU, "int", 16, 64, 16 },
	{ "a7", CPU, "int", 17, 64, 17 },
	{ "s2", CPU, "int", 18, 64, 18 },
	{ "s3", CPU, "int", 19, 64, 19 },
	{ "s4", CPU, "int", 20, 64, 20 },
	{ "s5", CPU, "int", 21, 64, 21 },
	{ "s6", CPU, "int", 22, 64, 22 },
	{ "s7", CPU, "int", 23, 64, 23 },
	{ "s8", CPU, "int", 24, 64, 24 },
	{ "s9", CPU, "int", 25, 64, 25 },
	{ "s10", CPU, "int", 26, 64, 26 },
	{ "s11", CPU, "int", 27, 64, 27 },
	{ "t3", CPU, "int", 28, 64, 28 },
	{ "t4", CPU, "int", 29, 64, 29 },
	{ "t5", CPU, "int", 30, 64, 30 },
	{ "t6", CPU, "int", 31, 64, 31 },
	{ "pc", CPU, "code_ptr", 32, 64, DEBUG_REG_PC },
	{ "ft0", FPU, "riscv_double", 33, 64, 32 },
	{ "ft1", FPU, "riscv_double", 34, 64, 33 },
	{ "ft2", FPU, "riscv_double", 35, 64, 34 },
	{ "ft3", FPU, "riscv_double", 36, 64, 35 },
	{ "ft4", FPU, "riscv_double", 37, 64, 36 },
	{ "ft5", FPU, "riscv_double", 38, 64, 37 },
	{ "ft6", FPU, "riscv_double", 39, 64, 38 },
	{ "ft7", FPU, "riscv_double", 40, 64, 39 },
	{ "fs0", FPU, "riscv_double", 41, 64, 40 },
	{ "fs1", FPU, "riscv_double", 42, 64, 41 },
	{ "fa0", FPU, "riscv_double", 43, 64, 42 },
	{ "fa1", FPU, "riscv_double", 44, 64, 43 },
	{ "fa2", FPU, "riscv_double", 45, 64, 44 },
	{ "fa3", FPU, "riscv_double", 46, 64, 45 },
	{ "fa4", FPU, "riscv_double", 47, 64, 46 },
	{ "fa5", FPU, "riscv_double", 48, 64, 47 },
	{ "fa6", FPU, "riscv_double", 49, 64, 48 },
	{ "fa7", FPU, "riscv_double", 50, 64, 49 },
	{ "fs2", FPU, "riscv_double", 51, 64, 50 },
	{ "fs3", FPU, "riscv_double", 52, 64, 51 },
	{ "fs4", FPU, "riscv_double", 53, 64, 52 },
	{ "fs5", FPU, "riscv_double", 54, 64, 53 },
	{ "fs6", FPU, "riscv_double", 55, 64, 54 },
	{ "fs7", FPU, "riscv_double", 56, 64, 55 },
	{ "fs8", FPU, "riscv_double", 57, 64, 56 },
	{ "fs9", FPU, "riscv_double", 58, 64, 57 },
	{ "fs10", FPU, "riscv_double", 59, 64, 58 },
	{ "fs11", FPU, "riscv_double", 60, 64, 59 },
	{ "ft8", FPU, "riscv_double", 61, 64, 60 },
	{ "ft9", FPU, "riscv_double", 62, 64, 61 },
	{ "ft10", FPU, "riscv_double", 63, 64, 62 },
	{ "ft11", FPU, "riscv_double", 64, 64, 63 },
	{ "fflags", FPU, "int", 66, 32, DEBUG_REG_SPECIAL },
	{ "frm", FPU, "int", 67, 32, DEBUG_REG_SPECIAL },
	{ "fcsr", FPU, "int", 68, 32, DEBUG_REG_SPECIAL },
};
/* clang-format on */

static u64 get(const struct vcpu *v, unsigned num)
{
	u64 flags = fpu_flags(v->abi.fpu), frm = v->abi.frm & 7;
	return num == NUM_FFLAGS ? flags :
	    num == NUM_FRM       ? frm :
				   frm << 5 | flags;
}

static void set(struct vcpu *v, unsigned num, u64 value)
{
	u32 flags = fpu_flags(v->abi.fpu), frm = v->abi.frm & 7;
	if (num == NUM_FFLAGS) {
		flags = value & 31;
	} else if (num == NUM_FRM) {
		frm = value & 7;
	} else {
		flags = value & 31;
		frm = value >> 5 & 7;
	}
	v->abi.frm = frm;
	v->abi.state[SLOT_FRM] = frm;
	v->abi.fpu = fpu_make_word(frm, flags);
}

const struct debug_arch debug_arch_riscv64 = {
	.isa = "riscv64",
	.name = "riscv:rv64",
	.extra = "<union id=\"riscv_double\">"
		 "<field name=\"float\" type=\"ieee_single\"/>"
		 "<field name=\"double\" type=\"ieee_double\"/></union>\n",
	.extra_feature = FPU,
	.regs = regs,
	.nregs = ARRAY_LEN(regs),
	.expedite = { 32, 2, 8, 1 },
	.nexpedite = 4,
	.get = get,
	.set = set,
};
