/*
 * context.h - generated code seen from the host's signal handler, and the
 * patching of link sites.
 */
#ifndef X86_CONTEXT_H
#define X86_CONTEXT_H

#include "translator/backend.h"

u64 x86_context_pc(const void *uc);
/* Integer register `reg`, or the low half of an xmm register. */
u64 x86_context_reg(const void *uc, unsigned reg);
/* abi_state.fpu, by what the context and the state have of it. */
void x86_context_fpu(struct abi_state *s, const void *uc);
u64 x86_context_sp(const void *uc);
void x86_context_save(
    const struct guest_isa *g, struct vcpu *v, const void *uc);
void x86_context_leave(void *uc, struct vcpu *v, const struct backend_thunks *t,
    u32 reason, u64 arg);
void x86_context_restart_stack(void *uc, struct vcpu *v);
void x86_patch(u8 *rw_site, u64 rx_site, u64 target);
u64 x86_site_target(const u8 *rw_site, u64 rx_site);

#endif
