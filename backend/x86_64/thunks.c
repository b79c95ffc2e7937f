/*
 * thunks.c - the borders of generated code: in from C, out to C and back.
 *
 * On the C side the System V ABI holds; on the other side that of
 * translator/abi.h. The order in memory:
 *
 *   enter      C function (vcpu, code): save C's registers, fill abi.host if
 *              it is not ours, load the pins, jump to the code
 *   ~0         8 bytes: the guest pc of the jump table's empty entry
 *   lookup     rax = guest pc; it is that entry's code, too
 *   link       rcx = link site
 *   service    eax = reason, rcx = argument: pins to state[], then
 *   leave      esi = reason, rdx = argument: call abi.service on the C stack
 *   resume     pins from state[], jump to rax
 *   reference  eax = what, ecx = types: a call of abi.reference
 *   leaf       rax = helper: a call of it, for those that do not look at the
 *              guest's state, nor compute in floating point
 *   clock      rcx = clock: what guest_isa.clock_helpers do; there are two of
 *              it, one for a read_clock that keeps the fp registers
 *   cell       rax = guest pc: the jump table's code of it, into a cell too
 *   bottom     the return address below all frames of the call stack: no call
 *              foresaw the return
 */
#include "backend/x86_64/thunks.h"

#include "backend/x86_64/abi_x86.h"
#include "translator/fpu.h"

static const u8 callee_saved[] = { RBX, RBP, R12, R13, R14, R15 };

static struct mem vcpu_field(size_t offset)
{
	return mem_vcpu((i32)offset - ABI_BIAS);
}
#define FIELD(name) vcpu_field(offsetof(struct abi_state, name))

static bool kept_by_c(unsigned reg)
{
	return reg == RBX || (reg >= R12 && reg <= R15);
}

/* Which pins are moved: all, those that C may change, of those no fp. */
enum pins { PINS_ALL, PINS_LEAF, PINS_INT };

/* Copy each pinned slot to its pin or back. */
static void move_pins(
    struct asm_buf *b, const struct guest_isa *g, bool save, enum pins which)
{
	for (u32 i = 0; i < g->nregs; i++) {
		const struct guest_reg *r = &g->regs[i];
		unsigned pin = x86_pin_of(r);
		struct mem m = mem_vcpu(ABI_SLOT_OFF(r->slot));

		if (pin == NOREG || (which != PINS_ALL && kept_by_c(pin)) ||
		    (which == PINS_INT && pin >= XMM0))
			continue;
		if (pin >= XMM0)
			asm_rm(b, save ? OP_MOVSD_STORE : OP_MOVSD_LOAD, 4, pin,
			    m);
		else if (save)
			asm_store(b, 8, m, pin);
		else
			asm_load(b, 8, pin, m);
	}
}

/* Changes edx. */
static void pins_out(struct asm_buf *b, const struct guest_isa *g)
{
	move_pins(b, g, true, PINS_ALL);
	asm_stmxcsr(b, FIELD(fpu));
	asm_alu_mi(b, ALU_CMP, 4, FIELD(raised), 0);
	size_t none = asm_jcc(b, CC_E);
	asm_load(b, 4, RDX, FIELD(raised));
	asm_alu_mr(b, ALU_OR, 4, FIELD(fpu), RDX);
	asm_mov_mi(b, 4, FIELD(raised), 0);
	asm_fix(b, none, b->len);
}

/*
 * MXCSR's flags are nothing to C, which runs with the guest's while the rest
 * is the same: changing it costs 20 ns each way. Changes ecx.
 */
static void pins_in(struct asm_buf *b, const struct guest_isa *g)
{
	struct mem now = mem_at(RSP, -8); /* in the red zone of C's stack */

	move_pins(b, g, false, PINS_ALL);
	asm_stmxcsr(b, now);
	asm_load(b, 4, RCX, now);
	asm_alu_rm(b, ALU_CMP, 4, RCX, FIELD(fpu));
	size_t same = asm_jcc(b, CC_E);
	asm_ldmxcsr(b, FIELD(fpu));
	asm_fix(b, same, b->len);
	asm_load(b, 8, RSP, FIELD(call_sp));
}

/* From the call stack to C's; rdi = vcpu. Changes eax. */
static void to_c(struct asm_buf *b)
{
	asm_store(b, 8, FIELD(call_sp), RSP);
	asm_load(b, 8, RSP, FIELD(c_sp));
	asm_load(b, 4, RAX, FIELD(fpu));
	asm_alu_rm(b, ALU_XOR, 4, RAX, FIELD(host_fpu));
	asm_alu_ri(b, ALU_AND, 4, RAX, (i32)~FPU_FLAGS);
	size_t same = asm_jcc(b, CC_E);
	asm_ldmxcsr(b, FIELD(host_fpu));
	asm_fix(b, same, b->len);
	asm_rm(b, OP_LEA, 8, RDI, mem_vcpu(-ABI_BIAS));
}

/* Eight entries of a table that translates flags. */
static u64 flag_bytes(bool get, u32 first)
{
	u64 w = 0;

	for (u32 k = 0; k < 8; k++) {
		u32 f = first + k;
		u32 to = get ? fpu_flags(f) : fpu_with_flags(0, f);
		w |= (u64)to << 8 * k;
	}
	return w;
}

static u64 constant(unsigned i)
{
	if (i >= HOST_FLAGS_SET)
		return flag_bytes(false, 8 * (i - HOST_FLAGS_SET));
	if (i >= HOST_FLAGS_GET)
		return flag_bytes(true, 8 * (i - HOST_FLAGS_GET));
	switch (i) {
	case HOST_SIGN64: return 1ull << 63;
	case HOST_ABS64: return ~(1ull << 63);
	case HOST_SIGN32: return 1ull << 31;
	case HOST_ABS32: return ~(1ull << 31);
	case HOST_NAN64: return 0x7ff8000000000000;
	case HOST_NAN32: return 0xffffffff7fc00000;
	case HOST_BOX_ONES: return 0xffffffff00000000;
	default: return 0;
	}
}

void x86_probe(struct asm_buf *b)
{
	/* Entry (pc >> 1) & (SIZE - 1), 8 bytes each: pc's bits 1..16, * 4. */
	asm_mov_rr(b, 4, RCX, RAX);
	asm_alu_ri(b, ALU_AND, 4, RCX, (i32)(2 * ABI_JT_SIZE - 2));
	asm_load(b, 8, RDX, FIELD(jt));
	asm_load(b, 8, RCX, mem_index(RDX, RCX, 2, 0));
	asm_alu_rr(b, ALU_ADD, 8, RCX, RDX);
	asm_alu_rm(b, ALU_CMP, 8, RAX, mem_at(RCX, -8));
}

/*
 * Fill abi.host; `thunk` are the offsets of the thunks, `quick_clock` is that
 * of the one for a read_clock that keeps the fp registers.
 */
static void fill_host(
    struct asm_buf *b, const size_t thunk[HOST_NTHUNKS], size_t quick_clock)
{
	for (unsigned i = 0; i < HOST_N; i++) {
		struct mem m = mem_vcpu(HOST_OFF(i));
		if (i < HOST_NTHUNKS)
			asm_fix(b, asm_lea_rip(b, RCX), thunk[i]);
		else
			asm_mov_ri(b, RCX, constant(i));
		asm_store(b, 8, m, RCX);
	}
	asm_alu_mi(b, ALU_CMP, 4, FIELD(clock_keeps_fp), 0);
	size_t done = asm_jcc(b, CC_E);
	asm_fix(b, asm_lea_rip(b, RCX), quick_clock);
	asm_store(b, 8, mem_vcpu(HOST_OFF(HOST_CLOCK)), RCX);
	asm_fix(b, done, b->len);
}

/* rdi = vcpu, rsi = code. Returns the offset of resume's jump. */
static void enter(struct asm_buf *b, size_t *known, size_t *resume)
{
	for (size_t i = 0; i < ARRAY_LEN(callee_saved); i++)
		asm_push(b, callee_saved[i]);
	asm_rm(b, OP_LEA, 8, RBP, mem_at(RDI, ABI_BIAS));
	/* An outer run loop of the same vCPU gets its value back at the end.
	   With seven pushes the stack is aligned for calls. */
	asm_push_m(b, FIELD(c_sp));
	asm_store(b, 8, FIELD(c_sp), RSP);
	asm_stmxcsr(b, FIELD(host_fpu));
	asm_mov_rr(b, 8, RAX, RSI);
	*known = asm_lea_rip(b, RCX); /* of service */
	asm_alu_rm(b, ALU_CMP, 8, RCX, mem_vcpu(HOST_OFF(HOST_SERVICE)));
	*resume = asm_jcc(b, CC_E);
}

static void leave_run(struct asm_buf *b)
{
	asm_ldmxcsr(b, FIELD(host_fpu));
	asm_pop_m(b, FIELD(c_sp));
	for (size_t i = ARRAY_LEN(callee_saved); i-- > 0;)
		asm_pop(b, callee_saved[i]);
	asm_ret(b);
}

static void reference(struct asm_buf *b, const struct guest_isa *g)
{
	pins_out(b, g);
	asm_mov_rr(b, 4, RSI, RAX);
	asm_mov_rr(b, 4, RDX, RCX);
	to_c(b);
	asm_call_m(b, FIELD(reference));
	pins_in(b, g);
	asm_ret(b);
}

/* MXCSR stays the guest's: nothing is computed under it. */
static void leaf(struct asm_buf *b, const struct guest_isa *g)
{
	move_pins(b, g, true, PINS_LEAF);
	asm_load(b, 8, RCX, FIELD(helpers));
	asm_load(b, 8, RSI, mem_vcpu(ABI_TMP_OFF(0)));
	asm_load(b, 8, RDX, mem_vcpu(ABI_TMP_OFF(1)));
	asm_store(b, 8, FIELD(call_sp), RSP);
	asm_load(b, 8, RSP, FIELD(c_sp));
	asm_rm(b, OP_LEA, 8, RDI, mem_vcpu(-ABI_BIAS));
	asm_call_m(b, mem_index(RCX, RAX, 3, 0));
	asm_load(b, 8, RSP, FIELD(call_sp));
	move_pins(b, g, false, PINS_LEAF);
	asm_ret(b);
}

/* The same for guest_isa.clock_helpers; `which` depends on read_clock. */
static void call_clock(
    struct asm_buf *b, const struct guest_isa *g, enum pins which)
{
	struct mem time = mem_vcpu(ABI_TMP_OFF(0));

	move_pins(b, g, true, which);
	asm_mov_rr(b, 4, RDI, RCX);
	asm_rm(b, OP_LEA, 8, RSI, time);
	asm_store(b, 8, FIELD(call_sp), RSP);
	asm_load(b, 8, RSP, FIELD(c_sp));
	asm_call_m(b, FIELD(read_clock));
	asm_load(b, 8, RSP, FIELD(call_sp));
	move_pins(b, g, false, which);
	asm_rr(b, OP_TEST, 4, RAX, RAX);
	size_t none = asm_jcc(b, CC_NE);
	asm_load(b, 8, RAX, time);
	asm_shift_ri(b, SH_SHL, 8, RAX, 30);
	time.disp += 8;
	asm_alu_rm(b, ALU_OR, 8, RAX, time);
	asm_ret(b);
	asm_fix(b, none, b->len);
	asm_mov_ri(b, RAX, ~0ull);
	asm_ret(b);
}

static void fill_cell(struct asm_buf *b)
{
	x86_probe(b);
	size_t none = asm_jcc(b, CC_NE);
	asm_alu_rr(b, ALU_SUB, 8, RCX, RDX);
	asm_store(b, 8, mem_index(RDX, R11, 0, 0), RCX);
	asm_alu_rr(b, ALU_ADD, 8, RCX, RDX);
	asm_ret(b);
	asm_fix(b, none, b->len);
	asm_load(b, 8, RCX, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
	asm_ret(b);
}

int x86_thunks(const struct guest_isa *g, u8 *rw, u64 rx, size_t cap,
    struct backend_thunks *out)
{
	struct asm_buf buf = { .base = rw, .cap = cap }, *b = &buf;
	size_t known, to_resume, thunk[HOST_NTHUNKS];

	enter(b, &known, &to_resume);
	size_t to_fill = asm_jmp(b);
	asm_u64(b, ~0ull);
	size_t lookup = b->len;
	asm_mov_rr(b, 8, RCX, RAX);
	asm_mov_ri(b, RAX, EXIT_LOOKUP);
	size_t to_service = asm_jmp8(b);
	size_t link = b->len;
	asm_mov_ri(b, RAX, EXIT_LINK);
	asm_fix8(b, to_service);
	size_t service = b->len;
	pins_out(b, g);
	asm_mov_rr(b, 4, RSI, RAX);
	asm_mov_rr(b, 8, RDX, RCX);
	size_t leave = b->len;
	to_c(b);
	asm_call_m(b, FIELD(service));
	asm_rr(b, OP_TEST, 8, RAX, RAX);
	size_t to_end = asm_jcc(b, CC_E);
	size_t resume = b->len;
	pins_in(b, g);
	asm_jmp_r(b, RAX);
	asm_fix(b, to_end, b->len);
	leave_run(b);
	thunk[HOST_REFERENCE] = b->len;
	reference(b, g);
	thunk[HOST_LEAF] = b->len;
	leaf(b, g);
	thunk[HOST_CLOCK] = b->len;
	call_clock(b, g, PINS_LEAF);
	size_t quick_clock = b->len;
	call_clock(b, g, PINS_INT);
	thunk[HOST_CELL] = b->len;
	fill_cell(b);
	size_t bottom = b->len;
	asm_alu_ri(b, ALU_AND, 8, RAX, -2);
	/* The word that was just returned to is still there. */
	asm_rm(b, OP_LEA, 8, RSP, mem_at(RSP, -8));
	asm_jmp_to(b, lookup);

	asm_fix(b, to_fill, b->len);
	thunk[HOST_SERVICE] = service;
	thunk[HOST_LOOKUP] = lookup;
	thunk[HOST_LINK] = link;
	fill_host(b, thunk, quick_clock);
	asm_jmp_to(b, resume);
	asm_fix(b, known, service);
	asm_fix(b, to_resume, resume);
	if (b->full)
		return -ENOSPC;

	u64 enter_at = rx;
	memcpy(&out->enter, &enter_at, sizeof(out->enter));
	out->miss = (const void *)(uintptr_t)(rx + lookup);
	out->leave = (const void *)(uintptr_t)(rx + leave);
	out->bottom = rx + bottom;
	out->size = ALIGN_UP(b->len, 64);
	return 0;
}
