/*
 * fault.h - host SIGSEGV/SIGBUS: guest faults and guarded accesses.
 *
 * One handler per process, installed by the first VM and chained to what
 * was there before. A fault in generated code becomes EXIT_MEMORY with the
 * exact guest pc, a fault inside a guard jumps back to it, anything else is
 * a bug of ours or of the embedder and goes to the previous handler.
 */
#ifndef RUNTIME_FAULT_H
#define RUNTIME_FAULT_H

#include <signal.h>

#include "runtime/exec/vm.h"

/* Install the handler (counted). 0 or -errno. */
int fault_install(void);
void fault_uninstall(void);
/* Give the calling thread an alternate signal stack for v. */
int fault_thread_enter(struct vcpu *v);
void fault_thread_leave(struct vcpu *v);

/*
 * The handler itself, for a personality that owns the process's signals and
 * wants to decide on SIGSEGV and SIGBUS: true if the fault was ours and uc
 * was changed to go on, false if it was not.
 */
bool fault_handle(int sig, siginfo_t *si, void *uc);

/*
 * FAULT_GUARD(v) { may fault } else { did }; used as
 *	if (fault_guard(v)) { ...; fault_unguard(v); } else { faulted }
 * Code between must not hold locks. A macro, because it must be in the frame
 * that stays.
 */
#define fault_guard(v) \
	(guard_set((v)->guard) == 0 ? ((v)->guarded = true) : false)
static inline void fault_unguard(struct vcpu *v)
{
	v->guarded = false;
}

#endif
