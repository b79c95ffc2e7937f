/*
 * machine.h - the smallest machine that runs lifted code: the interpreter's
 * view of one vCPU's registers, and MACHINE_SIZE bytes of memory at
 * MACHINE_MEM (both may be defined before this is included).
 */
#ifndef TESTS_RISCV_MACHINE_H
#define TESTS_RISCV_MACHINE_H

#include <time.h>

#include "backend/interp/interp.h"
#include "frontend/riscv/lift.h"
#include "translator/eval.h"
#include "translator/fpu.h"

extern const struct guest_isa guest_riscv64;

#ifndef MACHINE_MEM
#define MACHINE_MEM 0x4000u
#define MACHINE_SIZE 256u
#endif
#define MACHINE_PC 0x10000u

struct machine {
	struct abi_state s; /* first: this is the vCPU */
	u8 mem[MACHINE_SIZE];
	void *decoder;
	struct arena arena;
	struct ir_region region;
	struct interp_result result; /* of the last run */
};

static inline bool machine_at(struct vcpu *v, gva_t a, u32 size, u8 **p)
{
	struct machine *m = (struct machine *)(void *)v;

	if (a >= MACHINE_MEM && a - MACHINE_MEM + size <= sizeof(m->mem)) {
		*p = m->mem + (a - MACHINE_MEM);
		return true;
	}
	m->s.fault_addr = a;
	return false;
}

static inline bool machine_load(struct vcpu *v, gva_t a, u32 size, u64 *out)
{
	u8 *p;

	*out = 0;
	if (!machine_at(v, a, size, &p))
		return false;
	memcpy(out, p, size);
	return true;
}

static inline bool machine_store(struct vcpu *v, gva_t a, u32 size, u64 value)
{
	u8 *p;

	if (!machine_at(v, a, size, &p))
		return false;
	memcpy(p, &value, size);
	return true;
}

static inline bool machine_amo(
    struct vcpu *v, u8 op, gva_t a, u32 size, u64 b, u64 c, u64 *old)
{
	u64 next;

	if (!machine_load(v, a, size, old))
		return false;
	if (op == IR_CAS)
		next = *old == b ? c : *old;
	else
		next = eval_amo(op, size == 4 ? IR_I32 : IR_I64, *old, b);
	return machine_store(v, a, size, next);
}

static inline int machine_clock(int clock, i64 time[2])
{
	struct timespec ts;
	int r = clock_gettime(clock, &ts);

	time[0] = ts.tv_sec;
	time[1] = ts.tv_nsec;
	return r;
}

static inline bool machine_init(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	arena_init(&m->arena);
	m->decoder = guest_riscv64.open();
	guest_riscv64.reset(&m->s);
	m->s.fpu = fpu_make_word(RM_RNE, 0);
	m->s.read_clock = machine_clock;
	return m->decoder;
}

static inline void machine_free(struct machine *m)
{
	guest_riscv64.close(m->decoder);
	arena_free(&m->arena);
}

/* Lift at most `max` instructions at code->pc as one translation block. */
static inline void machine_lift_code(
    struct machine *m, const struct lift_code *code, u32 max)
{
	struct lift_opts opts = { max, true, true };

	arena_reset(&m->arena);
	ir_init(&m->region, &m->arena, code->pc);
	guest_riscv64.lift(m->decoder, &m->region, code, &opts);
}

/* Lift `n` words at MACHINE_PC as one translation block. */
static inline void machine_lift(struct machine *m, const u32 *words, u32 n)
{
	struct lift_code code = { MACHINE_PC, (const u8 *)words, 4 * n };

	machine_lift_code(m, &code, n);
}

/* Interpret what was lifted. */
static inline void machine_run(struct machine *m)
{
	static const struct interp_mem memory = { machine_load, machine_store,
		machine_amo };
	u64 *values = arena_new(&m->arena, u64, m->region.ninsns);

	assert(values);
	m->result = interp_run((struct vcpu *)(void *)m, &guest_riscv64,
	    &m->region, &memory, values);
}

#endif
