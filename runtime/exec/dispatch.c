/*
 * dispatch.c - the run loop: what generated code asks of the runtime.
 *
 * Generated code runs from block to block by itself. It comes here (service)
 * to find a block it has no link to, or because the guest needs something.
 * resume() is the single place that decides how guest execution goes on at
 * abi.pc: requests first, then interpreter or native code.
 *
 * Holding code: a thread that executes generated code, or keeps a pointer to
 * a block, has in_code set. exec_event clears it around everything that may
 * block. A flush waits until nobody has it; whoever sets it again and finds
 * a new epoch forgets its call stack, whose frames are gone.
 */
#include "runtime/exec/persist.h"
#include "runtime/exec/tier.h"
#include "runtime/look/look.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/mem/access.h"

/* A flush is under way, perhaps: in_code is only set once it is over. */
static __attribute__((noinline)) void enter_after_flush(struct vcpu *v)
{
	struct exec *ex = v->vm->exec;
	do {
		atomic_store(&v->in_code, 0);
		pthread_mutex_lock(&v->vm->lock); /* held during a flush */
		pthread_mutex_unlock(&v->vm->lock);
		atomic_store(&v->in_code, 1);
	} while (atomic_load(&ex->flushing));
}

static inline void enter_code(struct vcpu *v)
{
	struct exec *ex = v->vm->exec;
	/* Before the look at `flushing`, see flush_begin. */
	if (likely(ex->asymmetric)) {
		atomic_store_explicit(&v->in_code, 1, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
	} else {
		atomic_store(&v->in_code, 1);
	}
	if (unlikely(atomic_load(&ex->flushing)))
		enter_after_flush(v);
	u64 epoch = atomic_load(&ex->epoch);
	if (unlikely(v->flush_epoch != epoch)) {
		v->flush_epoch = epoch;
		v->abi.call_sp = v->abi.call_base;
	}
}

void exec_enter_code(struct vcpu *v)
{
	enter_code(v);
}

static inline void leave_code(struct vcpu *v)
{
	atomic_store_explicit(&v->in_code, 0, memory_order_release);
}

void exec_leave_code(struct vcpu *v)
{
	leave_code(v);
}

static bool membarrier(int cmd)
{
	return syscall(SYS_membarrier, cmd, 0, 0) == 0;
}

bool exec_fence_init(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

/*
 * Either a thread sees `flushing` or we see its in_code. Threads enter code
 * after each system call and flushes are rare, so the kernel makes all of
 * them order their accesses here, instead of each doing so there.
 */
static void flush_begin(struct exec *ex)
{
	atomic_store(&ex->flushing, true);
	while (ex->asymmetric && !membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		exec_fence_init(); /* a process made by fork may have to */
}

void exec_reset_tables(struct exec *ex)
{
	tb_hash_reset(ex);
	memset(ex->pages, 0, sizeof(*ex->pages) << PAGE_HASH_BITS);
	if (ex->host) {
		memset(ex->jt, 0, ABI_JT_ENTRIES * sizeof(*ex->jt));
		ex->jt[0] = jt_empty(ex, ex->jt, 0);
		cache_reset(ex);
	}
	atomic_store(&ex->ntb, 0);
	if (ex->persist)
		ex->persist->saved = 0;
	ex->lo = ~(gva_t)0;
	ex->hi = 0;
	arena_reset(&ex->meta);
	atomic_fetch_add(&ex->epoch, 1);
	look_flushed(ex);
}

/*
 * Forget every translation, unless somebody did so since `epoch`. The caller
 * is outside code. exec.lock is not held while waiting: whoever is in code
 * may need it to get out.
 */
static void flush(struct metic_vm *vm, u64 epoch)
{
	struct exec *ex = vm->exec;
	pthread_mutex_lock(&vm->lock);
	if (atomic_load(&ex->epoch) == epoch) {
		flush_begin(ex);
		for (struct vcpu *o = vm->vcpus; o; o = o->next)
			exec_request(o, REQ_FLUSH);
		for (struct vcpu *o = vm->vcpus; o; o = o->next)
			while (atomic_load(&o->in_code))
				sched_yield();
		pthread_mutex_lock(&ex->lock);
		exec_reset_tables(ex);
		pthread_mutex_unlock(&ex->lock);
		atomic_store(&ex->flushing, false);
		vm->stats.flushes++;
	}
	pthread_mutex_unlock(&vm->lock);
}

void exec_abandoned(struct vcpu *v)
{
	struct metic_vm *vm = v->vm;
	struct exec *ex = vm->exec;
	atomic_store(&v->in_code, 0);
	bool half_done = lock_left(&ex->lock);
	if (lock_left(&vm->lock))
		atomic_store(&ex->flushing, false);
	if (half_done)
		flush(vm, atomic_load(&ex->epoch));
}

void exec_flush(struct vcpu *v)
{
	u64 epoch = v->flush_epoch;
	exec_leave_code(v);
	flush(v->vm, epoch);
	exec_enter_code(v);
}

/* A block for pc, whatever it takes. in_code is set. */
static struct tb *must_get(struct vcpu *v, gva_t pc, bool with_ir)
{
	struct tb *tb;
	while (!(tb = tb_get(v, pc, with_ir)))
		exec_flush(v);
	return tb;
}

static inline enum vm_action event(struct vcpu *v, u32 reason, u64 arg)
{
	leave_code(v);
	v->exit_reason = reason;
	v->exit_arg = arg;
	v->activity = reason == EXIT_SYSCALL ? VCPU_CALLS : VCPU_RUNS;
	enum vm_action act = v->vm->hooks->event(v, reason, arg);
	v->activity = VCPU_RUNS;
	enter_code(v);
	return act;
}

/* The same, but not a unit. */
static struct tb *must_get_block(struct vcpu *v, gva_t pc)
{
	struct tb *tb;
	while (!(tb = tb_get_block(v, pc)))
		exec_flush(v);
	return tb;
}

enum vm_action exec_event(struct vcpu *v, u32 reason, u64 arg)
{
	return event(v, reason, arg);
}

void exec_request(struct vcpu *v, u32 req)
{
	struct exec *ex = v->vm->exec;
	atomic_fetch_or(&v->requests, req);
	__atomic_store_n(&v->abi.poll, ABI_POLL, __ATOMIC_RELEASE);
	__atomic_store_n(&v->abi.jt, ex->jt_miss, __ATOMIC_RELEASE);
}

/*
 * A request is made in three stores, and one that was served half way leaves
 * the later ones behind: whatever stops generated code must be cleared, or
 * it stops for ever.
 */
static bool asked_to_stop(const struct vcpu *v)
{
	return atomic_load_explicit(&v->requests, memory_order_relaxed) ||
	    __atomic_load_n(&v->abi.poll, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&v->abi.jt, __ATOMIC_RELAXED) != v->vm->exec->jt;
}

bool exec_serve_requests(struct vcpu *v)
{
	struct exec *ex = v->vm->exec;
	__atomic_store_n(&v->abi.poll, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->abi.jt, ex->jt, __ATOMIC_SEQ_CST);
	u32 req = atomic_exchange(&v->requests, 0);
	if (req & REQ_FLUSH) {
		exec_leave_code(v);
		exec_enter_code(v);
	}
	if (req & REQ_SAMPLE && v->vm->exec->tier)
		tier_sample(v);
	if (req & REQ_EVENT && exec_event(v, EXIT_STOP, 0) == VM_LEAVE)
		return false;
	if (req & REQ_STOP) {
		v->exit_reason = EXIT_STOP;
		v->exit_arg = 0;
		return false;
	}
	return true;
}

static bool interp_step(struct vcpu *v);

/* What exec does itself about an exit, or the hook. */
bool exec_handle_exit(struct vcpu *v, u32 reason, u64 arg)
{
	v->exits++;
	switch (reason) {
	case EXIT_LOOKUP:
	case EXIT_FPMODE: /* resume() chooses the tier by the mode */
		return true;
	case EXIT_EXCLUSIVE: return exclusive_step(v, arg != 0);
	case EXIT_ICACHE:
		exec_leave_code(v);
		exec_invalidate(v->vm, 0, ~(gva_t)0, true);
		exec_enter_code(v);
		return true;
	case EXIT_STOP:
		if (v->vm->cfg.count && v->abi.budget <= 0) {
			v->exit_reason = EXIT_STOP;
			v->exit_arg = 1;
			return false;
		}
		return true; /* the request is served by the caller's loop */
	case EXIT_MEMORY:
		if (arg >> 8 == SI_KERNEL) /* the address is not known */
			return interp_step(v);
		return exec_event(v, reason, arg) == VM_RESUME;
	case EXIT_FETCH: return exec_debug_fetch(v, arg + v->abi.pc);
	default: return exec_event(v, reason, arg) == VM_RESUME;
	}
}

struct interp_result exec_interp(
    struct vcpu *v, struct tb *tb, const struct interp_mem *mem)
{
	struct interp_result r =
	    interp_run(v, v->vm->guest, tb->ir, mem, v->values);
	v->abi.pc = r.pc;
	if (r.reason == EXIT_MEMORY)
		r.arg = v->guard_arg;
	return r;
}

static bool rounds_by_frm(const struct ir_region *r)
{
	for (u32 i = 0; i < r->ninsns; i++)
		if (ir_rounds(r->insn[i].op) && r->insn[i].aux == RM_DYN)
			return true;
	return false;
}

/* While frm holds 5, 6 or 7 an instruction that rounds by it is refused. */
bool exec_interp_one(struct vcpu *v, bool beneath, const struct interp_mem *mem,
    struct interp_result *r)
{
	const struct ir_region *one = translate_one(v, v->abi.pc, beneath);
	if (!one)
		return false;
	if (v->abi.frm > RM_RMM && rounds_by_frm(one)) {
		*r = (struct interp_result){ .reason = EXIT_ILLEGAL,
			.pc = v->abi.pc };
		mem_read(v, &r->arg, r->pc, sizeof(u32));
		return true;
	}
	*r = interp_run(v, v->vm->guest, one, mem, v->values);
	v->abi.pc = r->pc;
	if (r->reason == EXIT_MEMORY)
		r->arg = v->guard_arg;
	return true;
}

/* Blocks do not know that they may be refused, so then go one by one. */
struct interp_result exec_interp_pc(
    struct vcpu *v, struct tb *tb, const struct interp_mem *mem)
{
	struct interp_result r;
	if (v->abi.frm > RM_RMM && exec_interp_one(v, false, mem, &r))
		return r;
	return exec_interp(v, tb, mem);
}

/* One block in the interpreter; false: leave the run loop. */
static bool interp_step(struct vcpu *v)
{
	struct tb *tb = must_get(v, v->abi.pc, true);
	if (v->vm->cfg.count) {
		if (v->abi.budget <= 0)
			return exec_handle_exit(v, EXIT_STOP, 0);
		v->abi.budget -= tb->insns;
	}
	v->vm->stats.interp_blocks++;
	v->activity = VCPU_INTERPRETS;
	struct interp_result r = exec_interp_pc(v, tb, &exec_mem);
	v->activity = VCPU_RUNS;
	return exec_handle_exit(v, r.reason, r.arg);
}

/* Native code cannot run in every state: RMM has no host mode. */
static bool wants_interp(const struct vcpu *v)
{
	return !v->vm->exec->host || v->abi.frm > RM_RUP || exec_debugged(v);
}

/*
 * Go on at abi.pc: native code to run, or NULL to leave the run loop with
 * exit_reason set. in_code is set before and after.
 */
static const void *resume(struct vcpu *v)
{
	struct exec *ex = v->vm->exec;
	for (;;) {
		gva_t pc = v->abi.pc;
		if (asked_to_stop(v) &&
		    !(exec_serve_requests(v) && exec_debug_moved(v, pc)))
			return NULL;
		if (exec_debugged(v)) {
			if (!exec_debug_run(v))
				return NULL;
			continue;
		}
		if (v->vm->cfg.check) {
			if (!check_step(v))
				return NULL;
			continue;
		}
		if (wants_interp(v)) {
			if (!interp_step(v))
				return NULL;
			continue;
		}
		if (v->vm->cfg.jit_wait && ex->tier)
			tier_reached(v);
		struct tb *tb = must_get(v, v->abi.pc, false);
		if (!tb->code) {
			if (!interp_step(v))
				return NULL;
			continue;
		}
		tb_publish(ex, tb);
		return tb->code;
	}
}

/*
 * A system call: what exec_handle_exit and resume do, without detours. The
 * code behind it is as a rule where generated code itself would find it.
 */
static const void *after_call(struct vcpu *v, u64 arg)
{
	struct exec *ex = v->vm->exec;
	v->exits++;
	if (unlikely(event(v, EXIT_SYSCALL, arg) != VM_RESUME))
		return NULL;
	const struct vm_config *cfg = &v->vm->cfg;
	if (likely(!asked_to_stop(v) && !wants_interp(v) && !cfg->check &&
		!cfg->jit_wait)) {
		const void *code = jt_code(ex, v->abi.pc);
		if (likely(code))
			return code;
	}
	return resume(v);
}

/* A link site was reached: find its target, patch it for next time. */
static const void *link_site(struct vcpu *v, u64 rx_site)
{
	struct exec *ex = v->vm->exec;
	struct tb *from = tb_by_code(ex, rx_site);
	assert(from);
	u32 off = (u32)(rx_site - (u64)(uintptr_t)from->code_start), i = 0;
	while (i < from->nlinks && from->links[i].off != off)
		i++;
	assert(i < from->nlinks);
	u64 epoch = atomic_load(&ex->epoch);
	gva_t target = from->links[i].target;
	v->abi.pc = target & ~(gva_t)LINK_BASELINE;
	if (asked_to_stop(v) || wants_interp(v))
		return resume(v);
	if (ex->tier)
		tier_poke(ex);
	if (v->vm->cfg.jit_wait && ex->tier)
		tier_reached(v);
	struct tb *to = target & LINK_BASELINE ? must_get_block(v, v->abi.pc) :
						 must_get(v, v->abi.pc, false);
	if (!to->code)
		return resume(v);
	pthread_mutex_lock(&ex->lock);
	if (atomic_load(&ex->epoch) == epoch && !from->dead && !to->dead)
		tb_link(ex, from, i, to);
	pthread_mutex_unlock(&ex->lock);
	return to->code;
}

const void *exec_service(struct vcpu *v, u32 reason, u64 arg)
{
	switch (reason) {
	case EXIT_LINK: return link_site(v, arg);
	case EXIT_LOOKUP:
		v->abi.pc = arg;
		v->vm->stats.lookups++;
		return resume(v);
	case EXIT_SYSCALL: return after_call(v, arg);
	default: return exec_handle_exit(v, reason, arg) ? resume(v) : NULL;
	}
}

static _Thread_local struct vcpu *current
    __attribute__((tls_model("initial-exec")));

struct vcpu *vcpu_current(void)
{
	return current;
}

void vcpu_adopt(struct vcpu *v)
{
	current = v;
}

u32 exec_run(struct vcpu *v)
{
	struct exec *ex = v->vm->exec;
	struct vcpu *outer = current;
	current = v;
	int err = fault_thread_enter(v);
	assert(err == 0);
	(void)err;
	v->abi.call_sp = v->abi.call_base;
	if (ex->tier)
		tier_start(ex);
	exec_enter_code(v);
	const void *code = resume(v);
	if (code)
		ex->thunks.enter(v, code);
	exec_leave_code(v);
	v->vm->stats.exits += v->exits;
	v->exits = 0;
	fault_thread_leave(v);
	current = outer;
	return v->exit_reason;
}
