/*
 * isa.c - struct guest_isa of riscv64: the tables that the rest of metic
 * reads, the helpers that generated code calls, and the reset state.
 */
#include <time.h>

#include "frontend/riscv/lift.h"

extern const struct guest_isa guest_riscv64;

static const struct guest_reg regs[] = {
#define R(name, slot, type, pin, shown) { name, slot, type, pin, shown },
#include "frontend/riscv/regs.def"
#undef R
};

static const struct guest_feature features[] = {
#define LETTER(name, ch, probe) { #name, 1ull << ((ch) - 'a'), probe },
#define EXT(name, probe) { #name, 0, probe },
#include "frontend/riscv/features.def"
#undef LETTER
#undef EXT
};

/* "rv64imafdc_zicond_..." */
#define LETTER(name, ch, probe) #name
#define EXT(name, probe) "_" #name
static const char isa_string[] = "rv64"
#include "frontend/riscv/features.def"
    ;
#undef LETTER
#undef EXT

/*
 * Zicntr: one clock at 1 GHz serves all three counters, as a core would show
 * that retires one instruction per nanosecond.
 */
static u64 clock_ns(struct vcpu *v, u64 a, u64 b)
{
	i64 t[2];

	(void)a;
	(void)b;
	vcpu_abi(v)->read_clock(CLOCK_MONOTONIC, t);
	return (u64)t[0] * 1000000000u + (u64)t[1];
}

/*
 * The custom CSRs that the vDSO reads (lift_sys.c): host clock `a` as seconds
 * << 30 | nanoseconds, or a negative number when it is not for them (the clock
 * is unknown, or past the year 2242).
 */
static u64 clock_any(struct vcpu *v, u64 a, u64 b)
{
	i64 t[2];

	(void)b;
	if (vcpu_abi(v)->read_clock((int)a, t) != 0)
		return ~(u64)0;
	return (u64)t[0] << 30 | (u64)t[1];
}

static const guest_helper helpers[] = {
	[RV_HELPER_CYCLE] = clock_ns,
	[RV_HELPER_TIME] = clock_ns,
	[RV_HELPER_INSTRET] = clock_ns,
	[RV_HELPER_CLOCK] = clock_any,
};

static const char *const helper_names[] = {
	[RV_HELPER_CYCLE] = "rdcycle",
	[RV_HELPER_TIME] = "rdtime",
	[RV_HELPER_INSTRET] = "rdinstret",
	[RV_HELPER_CLOCK] = "rdclock",
};

static void reset(struct abi_state *s)
{
	memset(s->state, 0, sizeof(s->state));
	s->state[RV_SLOT_RESV_ADDR] = (u64)RV_NO_RESV;
	s->frm = RM_RNE;
}

const struct guest_isa guest_riscv64 = {
	.name = "riscv64",
	.summary = isa_string,
	.elf_machine = 243, /* EM_RISCV */
	.min_insn = 2,
	.regs = regs,
	.nregs = ARRAY_LEN(regs),
	.features = features,
	.nfeatures = ARRAY_LEN(features),
	.helpers = helpers,
	.helper_names = helper_names,
	.nhelpers = ARRAY_LEN(helpers),
	.leaf_helpers = ~(u64)0, /* all only read clocks */
	.clock_helpers = 1 << RV_HELPER_CLOCK,
	.open = rv_open,
	.close = rv_close,
	.lift = rv_lift,
	.disassemble = rv_disassemble,
	.cconv = { .arg = { 10, 11, 12, 13, 14, 15, 16, 17 },
	    .ret = 10,
	    .link = 1,
	    .sp = 2 },
	.slot_resv = RV_SLOT_RESV_ADDR,
	.slot_resv_pc = RV_SLOT_RESV_PC,
	.no_resv = (u64)RV_NO_RESV,
	.reset = reset,
};
