/*
 * context.c - reading and redirecting interrupted generated code (Linux's
 * ucontext_t on x86-64), and link sites.
 *
 * A link site is the rel32 of a jmp, jcc or call. The compiler keeps it
 * within one cache line, so that its store is seen whole by other threads
 * (Intel SDM volume 3, section 8.1.1; instruction fetch follows in practice
 * what section 8.1.3 promises only after serialising: either the old or the
 * new target is taken, and both are right).
 */
#include "backend/x86_64/context.h"

#include <ucontext.h>

#include "backend/x86_64/abi_x86.h"

/* Index into gregs of each integer register. */
static const u8 greg[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP,
	REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12,
	REG_R13, REG_R14, REG_R15 };

u64 x86_context_pc(const void *uc)
{
	const ucontext_t *u = uc;
	return (u64)u->uc_mcontext.gregs[REG_RIP];
}

u64 x86_context_reg(const void *uc, unsigned reg)
{
	const mcontext_t *m = &((const ucontext_t *)uc)->uc_mcontext;
	u64 v;

	if (reg < XMM0)
		return (u64)m->gregs[greg[reg]];
	memcpy(&v, &m->fpregs->_xmm[reg - XMM0], sizeof(v));
	return v;
}

void x86_context_fpu(struct abi_state *s, const void *uc)
{
	s->fpu =
	    ((const ucontext_t *)uc)->uc_mcontext.fpregs->mxcsr | s->raised;
	s->raised = 0;
}

u64 x86_context_sp(const void *uc)
{
	const ucontext_t *u = uc;
	return (u64)u->uc_mcontext.gregs[REG_RSP];
}

void x86_context_save(const struct guest_isa *g, struct vcpu *v, const void *uc)
{
	const mcontext_t *m = &((const ucontext_t *)uc)->uc_mcontext;
	struct abi_state *s = vcpu_abi(v);

	for (u32 i = 0; i < g->nregs; i++) {
		const struct guest_reg *r = &g->regs[i];
		unsigned pin = x86_pin_of(r);

		if (pin == NOREG)
			continue;
		if (pin < XMM0)
			s->state[r->slot] = (u64)m->gregs[greg[pin]];
		else
			memcpy(&s->state[r->slot], &m->fpregs->_xmm[pin - XMM0],
			    8);
	}
	x86_context_fpu(s, uc);
}

void x86_context_leave(void *uc, struct vcpu *v, const struct backend_thunks *t,
    u32 reason, u64 arg)
{
	mcontext_t *m = &((ucontext_t *)uc)->uc_mcontext;

	m->gregs[REG_RIP] = (greg_t)(uintptr_t)t->leave;
	m->gregs[REG_RSI] = (greg_t)reason;
	m->gregs[REG_RDX] = (greg_t)arg;
	m->gregs[REG_RBP] = (greg_t)(uintptr_t)vcpu_abi(v) + ABI_BIAS;
}

void x86_context_restart_stack(void *uc, struct vcpu *v)
{
	mcontext_t *m = &((ucontext_t *)uc)->uc_mcontext;

	m->gregs[REG_RSP] = (greg_t)vcpu_abi(v)->call_base;
}

void x86_patch(u8 *rw_site, u64 rx_site, u64 target)
{
	u32 rel = (u32)(target - rx_site - 4);

	__atomic_store_n((u32 *)(void *)rw_site, rel, __ATOMIC_RELEASE);
}

u64 x86_site_target(const u8 *rw_site, u64 rx_site)
{
	i32 rel;

	memcpy(&rel, rw_site, 4);
	return rx_site + 4 + (u64)(i64)rel;
}
