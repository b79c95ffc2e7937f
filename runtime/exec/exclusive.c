/*
 * exclusive.c - LR/SC sequences that must not be interrupted by a write.
 *
 * Generated code does SC as a compare and swap of the value that LR read,
 * which does not notice a value that left and came back (ABA). Where nothing
 * but registers is touched between LR and SC nobody can tell, and compilers
 * make nothing else. Code that reads memory in between (a hand-written
 * lock-free stack) relies on a true reservation. Such an SC comes here before
 * it is executed, once: its LR is remembered, and from then on the sequence
 * is interpreted from that LR to the SC while no other thread of the process
 * runs guest code. It costs microseconds and is exact within the process;
 * between processes that share the memory, values are compared.
 *
 * A process that never had a second thread has nobody who could write: there
 * the comparison itself is exact.
 */
#include "runtime/exec/internal.h"

#include <sched.h>
#include <stdlib.h>

/* Longer sequences lose their reservation, as they do on most hardware. */
#define EXCLUSIVE_MAX 2000

bool exclusive_wanted(void *ctx, gva_t pc)
{
	const struct exec *ex = ctx;
	for (size_t i = 0; i < ex->nlrs; i++)
		if (ex->lrs[i] == pc)
			return true;
	return false;
}

/* From now on the LR at pc is exclusive_step's. */
static void remember(struct exec *ex, gva_t pc)
{
	pthread_mutex_lock(&ex->lock);
	if (!exclusive_wanted(ex, pc)) {
		gva_t *r = realloc(ex->lrs, (ex->nlrs + 1) * sizeof(*r));
		if (r) {
			r[ex->nlrs++] = pc;
			ex->lrs = r;
		}
	}
	pthread_mutex_unlock(&ex->lock);
	exec_invalidate(ex->vm, pc, pc + 4, false);
}

/* vm->lock is held: those who come out of code wait for it. */
static void stop_others(struct vcpu *v)
{
	struct metic_vm *vm = v->vm;
	atomic_store(&vm->exec->flushing, true);
	for (struct vcpu *o = vm->vcpus; o; o = o->next)
		if (o != v)
			exec_request(o, REQ_FLUSH);
	for (struct vcpu *o = vm->vcpus; o; o = o->next)
		while (o != v && atomic_load(&o->in_code))
			sched_yield();
}

static struct interp_result run_one(struct vcpu *v)
{
	struct interp_result r = { .reason = EXIT_LOOKUP, .pc = v->abi.pc };
	const struct ir_region *one = translate_exclusive(v, v->abi.pc);
	if (!one) /* no memory for it: try again */
		return r;
	r = interp_run(v, v->vm->guest, one, &exec_mem, v->values);
	v->abi.pc = r.pc;
	if (r.reason == EXIT_MEMORY)
		r.arg = v->guard_arg;
	return r;
}

/* From LR at abi.pc until the reservation is gone or something happens. */
static struct interp_result run_alone(struct vcpu *v)
{
	struct metic_vm *vm = v->vm;
	u64 *resv = &v->abi.state[vm->guest->slot_resv];
	struct interp_result r;

	exec_leave_code(v);
	pthread_mutex_lock(&vm->lock);
	stop_others(v);
	atomic_store(&v->in_code, 1); /* a flush needs vm->lock */
	int n = 0;
	do
		r = run_one(v);
	while (r.reason == EXIT_LOOKUP && *resv != vm->guest->no_resv &&
	    ++n < EXCLUSIVE_MAX);
	*resv = vm->guest->no_resv;
	atomic_store(&v->in_code, 0);
	atomic_store(&vm->exec->flushing, false);
	pthread_mutex_unlock(&vm->lock);
	exec_enter_code(v);
	return r;
}

/* Could somebody else have written since LR? */
static bool ever_shared(struct metic_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	bool any = vm->exec->threaded;
	pthread_mutex_unlock(&vm->lock);
	return any;
}

bool exclusive_step(struct vcpu *v, bool at_lr)
{
	struct metic_vm *vm = v->vm;
	u64 *s = v->abi.state;
	struct interp_result r;

	if (at_lr) {
		r = run_alone(v);
	} else {
		exec_leave_code(v);
		if (ever_shared(vm)) {
			/* this time it fails, next time LR comes here */
			remember(vm->exec, s[vm->guest->slot_resv_pc]);
			s[vm->guest->slot_resv] = vm->guest->no_resv;
		}
		exec_enter_code(v);
		r = run_one(v);
	}
	return r.reason == EXIT_LOOKUP || exec_handle_exit(v, r.reason, r.arg);
}
