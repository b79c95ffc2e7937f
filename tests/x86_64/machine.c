/*
 * machine.c - see machine.h. Guest faults come as real SIGSEGVs and go the
 * way that the runtime takes: context_save, pc map, context_leave.
 */
#include "tests/x86_64/machine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "backend/x86_64/context.h"
#include "backend/x86_64/thunks.h"
#include "translator/eval.h"
#include "translator/fpu.h"

#define CODE_SIZE ((size_t)1 << 20)
#define CALL_STACK ((size_t)64 << 10)
#define GUARD ((size_t)4 << 30)

#define INT(name, slot, pin) \
	{ \
		name, slot, IR_I64, pin, true \
	}
#define FP(name, slot, pin) \
	{ \
		name, FP0 + (slot), IR_F64, pin, true \
	}
#define NP GUEST_NO_PIN
static const struct guest_reg regs[NREGS] = {
	INT("r0", 0, 0),
	INT("r1", 1, 1),
	INT("r2", 2, 2),
	INT("r3", 3, 3),
	INT("r4", 4, 4),
	INT("r5", 5, 5),
	INT("r6", 6, 6),
	INT("r7", 7, 7),
	INT("r8", 8, 8),
	INT("r9", 9, 9),
	INT("m0", 10, NP),
	INT("m1", 11, NP),
	INT("m2", 12, NP),
	INT("m3", 13, NP),
	INT("m4", 14, NP),
	INT("m5", 15, NP),
	FP("f0", 0, 0),
	FP("f1", 1, 1),
	FP("f2", 2, 2),
	FP("f3", 3, 3),
	FP("f4", 4, 4),
	FP("f5", 5, 5),
	FP("f6", 6, 6),
	FP("f7", 7, 7),
	FP("f8", 8, 8),
	FP("f9", 9, 9),
	FP("f10", 10, 10),
	FP("f11", 11, 11),
	FP("g0", 12, NP),
	FP("g1", 13, NP),
	FP("g2", 14, NP),
	FP("g3", 15, NP),
};

/* A helper that changes a pinned and an unpinned slot. */
static u64 helper_swap(struct vcpu *v, u64 a, u64 b)
{
	u64 *s = v->abi.state, t = s[3];

	s[3] = s[12] + a;
	s[12] = t ^ b;
	s[FP0 + 2] ^= 1;
	return a * 3 + b;
}

static u64 helper_sum(struct vcpu *v, u64 a, u64 b)
{
	return v->abi.state[0] + v->abi.state[11] + a - b;
}

/* Two clocks that run by what is asked: even ones are there. */
static int calm_clock(int clock, i64 time[2])
{
	time[0] = clock & 0xffff;
	time[1] = clock >> 16 & 0xffff;
	return clock & 1 ? -EINVAL : 0;
}

/* The same by a function that uses all registers that it may use. */
static int wild_clock(int clock, i64 time[2])
{
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n"
			 "movaps %%xmm0, %%xmm4\nmovaps %%xmm0, %%xmm5\n"
			 "movaps %%xmm0, %%xmm6\nmovaps %%xmm0, %%xmm7\n"
			 "movaps %%xmm0, %%xmm8\nmovaps %%xmm0, %%xmm9\n"
			 "movaps %%xmm0, %%xmm10\nmovaps %%xmm0, %%xmm11\n"
			 "movaps %%xmm0, %%xmm12\nmovaps %%xmm0, %%xmm13\n"
			 "movaps %%xmm0, %%xmm14\nmovaps %%xmm0, %%xmm15\n"
			 "mov $77, %%r8d\nmov %%r8, %%r9\nmov %%r8, %%r10\n"
			 "mov %%r8, %%r11\nmov %%r8, %%rcx\n"
			 :
			 :
			 : "xmm0", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
			 "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			 "xmm15", "r8", "r9", "r10", "r11", "rcx");
	return calm_clock(clock, time);
}

static u64 helper_clock(struct vcpu *v, u64 a, u64 b)
{
	i64 t[2];

	(void)v;
	(void)b;
	if (calm_clock((int)a, t))
		return ~(u64)0;
	return (u64)t[0] << 30 | (u64)t[1];
}

static const guest_helper helpers[] = { helper_swap, helper_sum, helper_clock };
static const char *const helper_names[] = { "swap", "sum", "clock" };

const struct guest_isa fake_guest = {
	.name = "fake",
	.summary = "a guest made up for tests",
	.regs = regs,
	.nregs = NREGS,
	.helpers = helpers,
	.helper_names = helper_names,
	.nhelpers = ARRAY_LEN(helpers),
	.leaf_helpers = 1 << 2,
	.clock_helpers = 1 << 2,
};

/* --- what generated code calls --- */

static struct machine *running;
static struct vcpu *running_vcpu;

static void reference(struct vcpu *v, u32 what, u32 types)
{
	u8 at[3] = { types & 15, types >> 4 & 15, types >> 8 & 15 };
	u8 op = (u8)what;
	u16 aux = (u16)(what >> 16);
	u64 *t = v->abi.tmp;

	if (op == IR_HELPER) {
		t[0] = helpers[aux](v, t[0], t[1]);
		return;
	}
	struct eval_fp fp = { .rm = v->abi.frm };
	t[0] = eval_op(op, (u8)(what >> 8), aux, at, t, &fp);
	v->abi.fpu =
	    fpu_with_flags(v->abi.fpu, fpu_flags(v->abi.fpu) | fp.flags);
}

static const void *service(struct vcpu *v, u32 reason, u64 arg)
{
	const struct codegen *cg = &running->cg;

	v->reason = reason;
	v->pc = v->abi.pc;
	v->arg = arg;
	if (reason == EXIT_LINK) {
		u64 off = arg - cg->rx;
		for (u32 i = 0; i < cg->nlinks; i++)
			if (cg->links[i].off == off) {
				v->reason = EXIT_LOOKUP;
				v->pc = cg->links[i].target;
				v->arg = 0;
				return NULL;
			}
		v->reason = ~0u; /* no such site */
	} else if (reason == EXIT_LOOKUP) {
		v->pc = arg;
		v->arg = 0;
	}
	return NULL;
}

static void on_segv(int sig, siginfo_t *si, void *uc)
{
	struct vcpu *v = running_vcpu;
	struct machine *m = running;
	u64 host = x86_context_pc(uc), off = v ? host - m->cg.rx : 0;

	if (!v || off >= m->cg.size) {
		fprintf(stderr, "host fault at %llx, pc %llx (off %llx)\n",
		    (unsigned long long)(uintptr_t)si->si_addr,
		    (unsigned long long)host, (unsigned long long)off);
		signal(sig, SIG_DFL);
		return;
	}
	x86_context_save(&fake_guest, v, uc);
	v->abi.fault_addr = (u64)(uintptr_t)si->si_addr - m->mem_base;
	u32 i = 0;
	while (i + 1 < m->cg.nmap && m->cg.map[i + 1].off <= off)
		i++;
	v->abi.pc = m->cg.region->pc + m->cg.map[i].guest_off;
	x86_context_leave(
	    uc, v, &m->thunks, EXIT_MEMORY, SIGSEGV | SEGV_MAPERR << 8);
}

static void catch_faults(void)
{
	static bool done;
	static u8 stack[64 << 10];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_segv,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (done)
		return;
	done = true;
	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

static void *map_at(u64 at, size_t n, int prot)
{
	void *p = mmap((void *)(uintptr_t)at, n, prot,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0),
	    -1, 0);
	if (p == MAP_FAILED)
		abort();
	return p;
}

struct machine *machine_new(enum as_kind as)
{
	struct machine *m = calloc(1, sizeof(*m));
	const int rwx = PROT_READ | PROT_WRITE | PROT_EXEC;

	catch_faults();
	m->as = as;
	m->features = x86_features_host();
	m->code_size = CODE_SIZE;
	m->code = map_at(0, CODE_SIZE, rwx);
	m->call_stack = map_at(0, CALL_STACK, PROT_READ | PROT_WRITE);
	if (as == AS_BASED) {
		u8 *w = map_at(
		    0, 2 * GUARD + ((size_t)1 << AS_WINDOW_BITS), PROT_NONE);
		m->mem_base = (u64)(uintptr_t)w + GUARD;
	}
	map_at(m->mem_base + DATA - 16 * HOST_PAGE, 34 * HOST_PAGE, PROT_NONE);
	m->data = map_at(m->mem_base + DATA, DATA_SIZE, PROT_READ | PROT_WRITE);
	if (x86_thunks(&fake_guest, m->code, (u64)(uintptr_t)m->code,
		m->code_size, &m->thunks))
		abort();
	m->jt_pc = ABI_JT_NO_PC;
	m->jt[0] = (i64)((uintptr_t)m->thunks.miss - (uintptr_t)m->jt);
	return m;
}

void machine_free(struct machine *m)
{
	if (m->as == AS_BASED)
		munmap((void *)(uintptr_t)(m->mem_base - GUARD),
		    2 * GUARD + ((size_t)1 << AS_WINDOW_BITS));
	munmap(m->code, CODE_SIZE);
	munmap(m->call_stack, CALL_STACK);
	free(m);
}

int machine_compile(struct machine *m, const struct ir_region *r, bool no_links,
    bool count, struct arena *arena)
{
	m->cg = (struct codegen){
		.guest = &fake_guest,
		.region = r,
		.opts = { .as = m->as,
		    .no_links = no_links,
		    .count = count,
		    .movable = !count },
		.rw = m->code + m->thunks.size,
		.rx = (u64)(uintptr_t)m->code + m->thunks.size,
		.cap = m->code_size - m->thunks.size,
		.arena = arena,
	};
	return x86_compile(&m->cg, &m->features);
}

void machine_native(struct machine *m, struct vcpu *v)
{
	u64 *top = (u64 *)(void *)(m->call_stack + CALL_STACK) - 4;

	*top = m->thunks.bottom;
	v->abi.jt = m->jt;
	v->abi.call_base = v->abi.call_sp = (u64)(uintptr_t)top;
	v->abi.mem_base = m->mem_base;
	v->abi.service = service;
	v->abi.reference = reference;
	v->abi.helpers = helpers;
	v->abi.clock_keeps_fp = m->as == AS_BASED;
	v->abi.read_clock = v->abi.clock_keeps_fp ? calm_clock : wild_clock;
	running = m;
	running_vcpu = v;
	m->thunks.enter(v, m->cg.rw + m->cg.entry);
	running_vcpu = NULL;
}

/* --- the interpreter's memory --- */

static bool reach(struct vcpu *v, gva_t a, u32 size, u8 **p)
{
	u64 off = a - DATA;

	if (off < DATA_SIZE && off + size <= DATA_SIZE) {
		*p = running->data + off;
		return true;
	}
	/* The host names the first byte of the page that is not there. */
	v->abi.fault_addr = off < DATA_SIZE ? DATA + DATA_SIZE : a;
	return false;
}

static bool mem_load(struct vcpu *v, gva_t a, u32 size, u64 *out)
{
	u8 *p;

	*out = 0;
	if (!reach(v, a, size, &p))
		return false;
	memcpy(out, p, size);
	return true;
}

static bool mem_store(struct vcpu *v, gva_t a, u32 size, u64 value)
{
	u8 *p;

	if (!reach(v, a, size, &p))
		return false;
	memcpy(p, &value, size);
	return true;
}

static bool mem_amo(
    struct vcpu *v, u8 op, gva_t a, u32 size, u64 b, u64 c, u64 *old)
{
	u64 new;

	if (!mem_load(v, a, size, old))
		return false;
	if (op == IR_CAS)
		new = *old == b ? c : *old;
	else
		new = eval_amo(op, size == 4 ? IR_I32 : IR_I64, *old, b);
	return mem_store(v, a, size, new);
}

static const struct interp_mem memory = { mem_load, mem_store, mem_amo };

void machine_interp(struct machine *m, struct vcpu *v,
    const struct ir_region *r, struct arena *arena)
{
	u64 *values = arena_new(arena, u64, r->ninsns);

	running = m;
	struct interp_result res =
	    interp_run(v, &fake_guest, r, &memory, values);
	v->reason = res.reason;
	v->pc = res.pc;
	v->arg =
	    res.reason == EXIT_MEMORY ? SIGSEGV | SEGV_MAPERR << 8 : res.arg;
}

const char *machine_dump(struct machine *m, const char *path)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fwrite(m->cg.rw + m->cg.entry, 1, m->cg.size - m->cg.entry, f);
		fclose(f);
	}
	return "objdump -D -b binary -m i386:x86-64";
}

/* --- values --- */

u64 rng_int(struct rng *g)
{
	static const u64 edge[] = { 0, 1, 2, ~0ull, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, 0xffffffff80000000, 1ull << 63,
		~0ull >> 1, 0x7f, 0x80, 0xff, 0x8000, 0xffff, 63, 64, 31 };
	switch (rng_below(g, 6)) {
	case 0:
	case 1: return edge[rng_below(g, ARRAY_LEN(edge))];
	case 2: return (u64)(i64)(i32)rng_next(g);
	case 3: return rng_below(g, 256) - 128ull;
	case 4: return rng_next(g) >> rng_below(g, 64);
	default: return rng_next(g);
	}
}

u64 rng_f64(struct rng *g)
{
	static const u64 edge[] = { 0, 0x3ff0000000000000, 0x7ff0000000000000,
		0x7ff8000000000000, 0x7ff0000000000001, 0x7ff8000000000123, 1,
		0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff,
		0x41dfffffffc00000, 0x41e0000000000000, 0x41efffffffe00000,
		0x41efffffffe80000, 0x41f0000000000000, 0x43e0000000000000,
		0x43f0000000000000, 0x43dfffffffffffff, 0x3fe0000000000000,
		0x3ff8000000000000, 0x4008000000000000, 0x36a0000000000000,
		0x47efffffe0000000, 0x47efffffefffffff };
	u64 sign = (rng_next(g) & 1) << 63;
	double d;

	switch (rng_below(g, 6)) {
	case 0:
	case 1: return sign | edge[rng_below(g, ARRAY_LEN(edge))];
	case 2: /* near one: sums and products that round */
		return sign |
		    (0x3f00000000000000 + (rng_next(g) & 0x01ffffffffffffff));
	case 3:
		d = (double)(i32)rng_next(g) / 4;
		memcpy(&sign, &d, 8);
		return sign;
	case 4: /* few bits: exact results, ties */
		return rng_next(g) & 0xfff0000010000000;
	default: return rng_next(g);
	}
}

u32 rng_f32(struct rng *g)
{
	static const u32 edge[] = { 0, 0x3f800000, 0x7f800000, 0x7fc00000,
		0x7f800001, 0x7fc00123, 1, 0x007fffff, 0x00800000, 0x7f7fffff,
		0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x5f000000,
		0x5f800000, 0x5effffff, 0x3f000000, 0x3fc00000 };
	u32 sign = (u32)(rng_next(g) & 1) << 31;
	float f;

	switch (rng_below(g, 5)) {
	case 0:
	case 1: return sign | edge[rng_below(g, ARRAY_LEN(edge))];
	case 2: return sign | (0x3c000000 + ((u32)rng_next(g) & 0x07ffffff));
	case 3:
		f = (float)(i16)rng_next(g) / 4;
		memcpy(&sign, &f, 4);
		return sign;
	default: return (u32)rng_next(g);
	}
}

u64 rng_slot(struct rng *g, unsigned slot)
{
	if (slot < FP0)
		return rng_int(g);
	if (rng_below(g, 8) < 5)
		return 0xffffffff00000000 | rng_f32(g);
	return rng_f64(g);
}
