/*
 * debug.h - single steps, breakpoints and watchpoints of a VM.
 *
 * Each arrives as EXIT_DEBUG at the event hook, on the vCPU's own thread,
 * with exact state; arg is one of DEBUG_*. Who is debugged and what a stop
 * means is the hook's business: it may block there for as long as it likes.
 *
 *   DEBUG_STEP   one instruction is done; pc = the next one
 *   DEBUG_BREAK  pc has a breakpoint; its instruction has not run. VM_RESUME
 *                means look again (the same stop, while it is set), VM_PASS
 *                run what is beneath it and go on
 *   DEBUG_WATCH  the instruction before pc touched v->watch_hit
 *
 * Breakpoints are never in guest memory: blocks are translated as if code
 * ended there, so guest and debugger read what the program has there, and a
 * thread can pass one while others still stop at it.
 *
 * What the kernel does for the guest (read(2) into a watched buffer) is not
 * watched, as with a processor's own debug registers.
 */
#ifndef RUNTIME_EXEC_DEBUG_H
#define RUNTIME_EXEC_DEBUG_H

#include "runtime/exec/vm.h"

enum debug_stop { DEBUG_STEP = 1, DEBUG_BREAK, DEBUG_WATCH };

/*
 * While on, v runs one guest instruction at a time and reports DEBUG_STEP
 * before the next. A system call counts as one instruction, and so does a
 * faulting instruction whose signal handler is entered: the report then comes
 * at the handler's first instruction, as Linux has it. A stop that the hook
 * makes by itself (for a signal) and that ends with a new exec_set_step is
 * not followed by a report unless pc has moved. LR/SC: the reservation
 * survives steps. Whoever changes pc, too, does that first: a pc that is not
 * the one seen here has moved. May be called by the hook, or by another thread
 * while v is inside the hook or about to enter its first exec_run.
 */
void exec_set_step(struct vcpu *v, bool on);

/*
 * Set or remove a breakpoint; threads that run notice soon. 0, -EEXIST,
 * -ENOENT or -ENOMEM.
 */
int exec_break_add(struct metic_vm *vm, gva_t pc);
int exec_break_remove(struct metic_vm *vm, gva_t pc);
bool exec_break_at(struct metic_vm *vm, gva_t pc);

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

struct watchpoint {
	gva_t start;
	u64 len;
	u32 kind; /* WATCH_* */
};

/*
 * Report accesses of `kind` to [start, start + len). While any is set all
 * guest code runs in the interpreter. Every vCPU must be inside the hook.
 * 0, -ENOSPC (there are WATCH_MAX), -EINVAL, -ENOENT.
 */
#define WATCH_MAX 32
int exec_watch_add(struct metic_vm *vm, const struct watchpoint *w);
int exec_watch_remove(struct metic_vm *vm, const struct watchpoint *w);

/*
 * Forget all breakpoints and watchpoints and every translation made for
 * them: after a debugger has gone, and in a forked child.
 */
void exec_debug_clear(struct metic_vm *vm);

#endif
