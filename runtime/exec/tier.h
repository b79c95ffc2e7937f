/*
 * tier.h - the optimizing tier: what is hot, and when it is compiled.
 *
 * A thread of the VM's own, the ticker, asks the vCPUs that run guest code
 * for a sample a millisecond: at its next safepoint a vCPU says where it is.
 * A pc seen often enough is the head of a unit (form.h), whose text goes to
 * the compiling process (jitd.h); what comes back replaces the head's block.
 * Guest code runs in the baseline meanwhile, and for good where the process
 * cannot be had.
 */
#ifndef RUNTIME_TIER_H
#define RUNTIME_TIER_H

#include "runtime/exec/internal.h"

/* After vm_new, if the configuration asks for the tier. 0 or -errno. */
int tier_new(struct exec *ex);
void tier_free(struct exec *ex);
/* The first vCPU is about to run. Nothing happens for a visitor's vCPU. */
void tier_start(struct exec *ex);
/* REQ_SAMPLE: v is at abi.pc, in_code, outside generated code. */
void tier_sample(struct vcpu *v);
/* cfg.jit_wait: v is about to run the block at abi.pc for the first time. */
void tier_reached(struct vcpu *v);
/*
 * The unit at head, compiled now, whatever the configuration says; NULL:
 * there is none. v is outside generated code, and not in_code.
 */
struct tb *tier_compile(struct vcpu *v, gva_t head);
/* May a unit of the store be taken whose head is at pc? */
bool tier_wants(struct exec *ex, gva_t pc);
/* A unit at pc did not pay: that is left to the baseline. */
void tier_leave(struct exec *ex, gva_t pc);
/* A block was looked up; for children, see there. */
void tier_poke(struct exec *ex);
/* In a forked child: there is no ticker, nothing is under way. */
void tier_forked(struct exec *ex);
/* A process that becomes single-threaded for a moment: stop, go on. */
void tier_pause(struct exec *ex);

#endif
