/*
 * memory.c - guest memory for the interpreter, and the C side of ops that
 * native code does not emit (abi_state.reference, .reference_mem).
 *
 * Ordinary accesses of the guest are at most 8 bytes wide. Aligned ones are
 * single-copy atomic, as the hosts' are; hence the typed accesses.
 */
#include "runtime/exec/internal.h"

#include "runtime/mem/access.h"
#include "translator/eval.h"
#include "translator/fpu.h"

/* A guest address may be misaligned; each is still one host access. */
struct __attribute__((packed, may_alias)) any8 {
	u8 v;
};
struct __attribute__((packed, may_alias)) any16 {
	u16 v;
};
struct __attribute__((packed, may_alias)) any32 {
	u32 v;
};
struct __attribute__((packed, may_alias)) any64 {
	u64 v;
};

static bool access_ok(struct vcpu *v, gva_t a, u32 size)
{
	v->abi.fault_addr = a;
	const u64 window = (u64)1 << AS_WINDOW_BITS;
	if (v->vm->as == AS_IDENTITY || (a < window && size <= window - a))
		return true;
	v->guard_arg = SIGSEGV | SEGV_MAPERR << 8;
	return false;
}

static bool load(struct vcpu *v, gva_t a, u32 size, u64 *out)
{
	if (!access_ok(v, a, size) || !fault_guard(v))
		return false;
	const void *p = mem_host(v, a);
	switch (size) {
	case 1: *out = ((const volatile struct any8 *)p)->v; break;
	case 2: *out = ((const volatile struct any16 *)p)->v; break;
	case 4: *out = ((const volatile struct any32 *)p)->v; break;
	default: *out = ((const volatile struct any64 *)p)->v; break;
	}
	fault_unguard(v);
	return true;
}

static bool store(struct vcpu *v, gva_t a, u32 size, u64 value)
{
	if (!access_ok(v, a, size) || !fault_guard(v))
		return false;
	void *p = mem_host(v, a);
	switch (size) {
	case 1: ((volatile struct any8 *)p)->v = (u8)value; break;
	case 2: ((volatile struct any16 *)p)->v = (u16)value; break;
	case 4: ((volatile struct any32 *)p)->v = (u32)value; break;
	default: ((volatile struct any64 *)p)->v = value; break;
	}
	fault_unguard(v);
	return true;
}

static u64 amo32(u32 *p, u8 op, u32 b, u32 c)
{
	u32 old = __atomic_load_n(p, __ATOMIC_RELAXED), new;
	do {
		new = op != IR_CAS ? (u32)eval_amo(op, IR_I32, old, b) :
		    old == b       ? c :
				     old;
	} while (!__atomic_compare_exchange_n(
	    p, &old, new, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return old;
}

static u64 amo64(u64 *p, u8 op, u64 b, u64 c)
{
	u64 old = __atomic_load_n(p, __ATOMIC_RELAXED), new;
	do {
		new = op != IR_CAS ? eval_amo(op, IR_I64, old, b) :
		    old == b       ? c :
				     old;
	} while (!__atomic_compare_exchange_n(
	    p, &old, new, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return old;
}

static bool amo(
    struct vcpu *v, u8 op, gva_t a, u32 size, u64 b, u64 c, u64 *old)
{
	if (!access_ok(v, a, size) || !fault_guard(v))
		return false;
	void *p = mem_host(v, a);
	*old = size == 4 ? amo32(p, op, (u32)b, (u32)c) : amo64(p, op, b, c);
	fault_unguard(v);
	return true;
}

const struct interp_mem exec_mem = { load, store, amo };

void exec_reference(struct vcpu *v, u32 what, u32 types)
{
	struct abi_state *s = &v->abi;
	u8 op = (u8)what;
	if (op == IR_HELPER) {
		const struct guest_isa *g = v->vm->guest;
		s->tmp[0] = g->helpers[what >> 16](v, s->tmp[0], s->tmp[1]);
		return;
	}
	u8 at[3] = { types & 15, types >> 4 & 15, types >> 8 & 15 };
	struct eval_fp fp = { .rm = s->frm };
	s->tmp[0] =
	    eval_op(op, (u8)(what >> 8), (u16)(what >> 16), at, s->tmp, &fp);
	s->fpu = fpu_with_flags(s->fpu, fpu_flags(s->fpu) | fp.flags);
}

bool exec_reference_mem(struct vcpu *v, u32 what, u32 types)
{
	struct abi_state *s = &v->abi;
	u16 aux = (u16)(what >> 16);
	u32 size = 1u << MEM_LOG2(aux);
	gva_t a = s->tmp[0];
	(void)types;
	s->fault_addr = a;
	if (aux & MEM_ALIGNED && a & (size - 1)) {
		s->tmp[0] = EXIT_MISALIGNED;
		return false;
	}
	u64 old;
	if (!amo(v, (u8)what, a, size, s->tmp[1], s->tmp[2], &old)) {
		s->tmp[0] = EXIT_MEMORY;
		return false;
	}
	s->tmp[0] = old;
	return true;
}
