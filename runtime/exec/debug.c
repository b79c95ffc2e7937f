/*
 * debug.c - see debug.h.
 *
 * Breakpoints live in a sorted array under exec.lock, where translation looks
 * (debug_code_end). A block that would begin at one is translated as if its
 * code were missing, and the EXIT_FETCH that follows comes to
 * exec_debug_fetch. So no path through links, tables or tiers can miss one.
 *
 * Watchpoints: whole blocks are interpreted with an access function that
 * fails like a page fault where something is watched. That leaves the state
 * exactly before the instruction, which then runs alone.
 */
#include "runtime/exec/debug.h"
#include "runtime/exec/internal.h"

#include <stdlib.h>

/* v->step */
enum {
	STEP_OFF,
	STEP_ON, /* report after this instruction */
	STEP_NEW, /* set since the instruction under way began */
};

/* guard_arg of an access that stopped at a watchpoint; no signal has it. */
#define WATCHED (~(u64)0)

void exec_set_step(struct vcpu *v, bool on)
{
	v->step_pc = v->abi.pc;
	atomic_store(&v->step, on ? STEP_NEW : STEP_OFF);
	exec_request(v, REQ_SYNC);
}

/* --- breakpoints --------------------------------------------------------- */

/* The first breakpoint at or after pc; exec.lock is held. */
static size_t break_index(const struct exec_debug *d, gva_t pc)
{
	size_t lo = 0, hi = d->nbreaks;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (d->breaks[mid] < pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool break_is(const struct exec_debug *d, size_t i, gva_t pc)
{
	return i < d->nbreaks && d->breaks[i] == pc;
}

size_t debug_code_end(const struct exec *ex, gva_t pc, size_t len)
{
	const struct exec_debug *d = &ex->debug;
	size_t i = break_index(d, pc);
	return i < d->nbreaks ? MIN(len, (size_t)(d->breaks[i] - pc)) : len;
}

bool exec_break_at(struct metic_vm *vm, gva_t pc)
{
	struct exec *ex = vm->exec;
	if (!atomic_load(&ex->debug.nbreaks))
		return false;
	pthread_mutex_lock(&ex->lock);
	bool is = break_is(&ex->debug, break_index(&ex->debug, pc), pc);
	pthread_mutex_unlock(&ex->lock);
	return is;
}

static int insert(struct exec_debug *d, gva_t pc)
{
	size_t i = break_index(d, pc);
	if (break_is(d, i, pc))
		return -EEXIST;
	if (d->nbreaks == d->cap) {
		size_t cap = d->cap ? 2 * d->cap : 16;
		gva_t *p = realloc(d->breaks, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		d->breaks = p;
		d->cap = cap;
	}
	memmove(&d->breaks[i + 1], &d->breaks[i],
	    (d->nbreaks - i) * sizeof(*d->breaks));
	d->breaks[i] = pc;
	d->nbreaks++;
	return 0;
}

static int erase(struct exec_debug *d, gva_t pc)
{
	size_t i = break_index(d, pc);
	if (!break_is(d, i, pc))
		return -ENOENT;
	d->nbreaks--;
	memmove(&d->breaks[i], &d->breaks[i + 1],
	    (d->nbreaks - i) * sizeof(*d->breaks));
	return 0;
}

/* Blocks that contain pc, and those that stopped in front of it. */
static void retranslate(struct metic_vm *vm, gva_t pc)
{
	exec_invalidate(vm, pc, pc + 1, false);
}

int exec_break_add(struct metic_vm *vm, gva_t pc)
{
	pthread_mutex_lock(&vm->exec->lock);
	int r = insert(&vm->exec->debug, pc);
	pthread_mutex_unlock(&vm->exec->lock);
	if (r == 0)
		retranslate(vm, pc);
	return r;
}

int exec_break_remove(struct metic_vm *vm, gva_t pc)
{
	pthread_mutex_lock(&vm->exec->lock);
	int r = erase(&vm->exec->debug, pc);
	pthread_mutex_unlock(&vm->exec->lock);
	if (r == 0)
		retranslate(vm, pc);
	return r;
}

/* --- watchpoints --------------------------------------------------------- */

static size_t watch_index(
    const struct exec_debug *d, const struct watchpoint *w)
{
	size_t i = 0;
	while (i < d->nwatches &&
	    (d->watch[i].start != w->start || d->watch[i].len != w->len ||
		d->watch[i].kind != w->kind))
		i++;
	return i;
}

int exec_watch_add(struct metic_vm *vm, const struct watchpoint *w)
{
	struct exec_debug *d = &vm->exec->debug;
	if (!w->len || w->start + w->len < w->start || !w->kind)
		return -EINVAL;
	if (d->nwatches == WATCH_MAX)
		return -ENOSPC;
	d->watch[d->nwatches] = *w;
	atomic_fetch_add(&d->nwatches, 1);
	pthread_mutex_lock(&vm->lock);
	for (struct vcpu *v = vm->vcpus; v; v = v->next)
		exec_request(v, REQ_SYNC);
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

int exec_watch_remove(struct metic_vm *vm, const struct watchpoint *w)
{
	struct exec_debug *d = &vm->exec->debug;
	size_t i = watch_index(d, w);
	if (i == d->nwatches)
		return -ENOENT;
	size_t last = atomic_fetch_sub(&d->nwatches, 1) - 1;
	d->watch[i] = d->watch[last];
	return 0;
}

/* The watchpoint that an access meets, or NULL. */
static const struct watchpoint *watched(
    const struct vcpu *v, gva_t a, u32 size, u32 kind)
{
	const struct exec_debug *d = &v->vm->exec->debug;
	for (size_t i = 0; i < d->nwatches; i++) {
		const struct watchpoint *w = &d->watch[i];
		if ((w->kind & kind) && a < w->start + w->len &&
		    w->start < a + size)
			return w;
	}
	return NULL;
}

/* Stop before an access that is watched. */
static bool may_go(struct vcpu *v, gva_t a, u32 size, u32 kind)
{
	if (!watched(v, a, size, kind))
		return true;
	v->guard_arg = WATCHED;
	return false;
}

static bool guard_load(struct vcpu *v, gva_t a, u32 size, u64 *out)
{
	return may_go(v, a, size, WATCH_READ) && exec_mem.load(v, a, size, out);
}

static bool guard_store(struct vcpu *v, gva_t a, u32 size, u64 value)
{
	return may_go(v, a, size, WATCH_WRITE) &&
	    exec_mem.store(v, a, size, value);
}

static bool guard_amo(
    struct vcpu *v, u8 op, gva_t a, u32 size, u64 b, u64 c, u64 *old)
{
	return may_go(v, a, size, WATCH_READ | WATCH_WRITE) &&
	    exec_mem.amo(v, op, a, size, b, c, old);
}

static const struct interp_mem guard_mem = { guard_load, guard_store,
	guard_amo };

/* Note in v->watch_hit that an access was watched. */
static void note(struct vcpu *v, gva_t a, u32 size, u32 kind)
{
	const struct watchpoint *w = watched(v, a, size, kind);
	if (!w)
		return;
	v->watch_kind = w->kind;
	v->watch_hit = MAX(a, w->start);
}

static bool note_load(struct vcpu *v, gva_t a, u32 size, u64 *out)
{
	bool ok = exec_mem.load(v, a, size, out);
	if (ok)
		note(v, a, size, WATCH_READ);
	return ok;
}

static bool note_store(struct vcpu *v, gva_t a, u32 size, u64 value)
{
	bool ok = exec_mem.store(v, a, size, value);
	if (ok)
		note(v, a, size, WATCH_WRITE);
	return ok;
}

static bool note_amo(
    struct vcpu *v, u8 op, gva_t a, u32 size, u64 b, u64 c, u64 *old)
{
	bool ok = exec_mem.amo(v, op, a, size, b, c, old);
	if (ok)
		note(v, a, size, WATCH_READ | WATCH_WRITE);
	return ok;
}

static const struct interp_mem note_mem = { note_load, note_store, note_amo };

/* --- running ------------------------------------------------------------- */

/* The one instruction at abi.pc, whatever breakpoint it has. */
static bool one_insn(struct vcpu *v)
{
	struct interp_result r;
	v->watch_kind = 0;
	while (!exec_interp_one(v, true, &note_mem, &r))
		exec_flush(v);
	if (v->vm->cfg.count)
		v->abi.budget--;
	if (r.reason == EXIT_FETCH) /* there is no code, break or not */
		return exec_event(v, EXIT_FETCH, r.arg + v->abi.pc) != VM_LEAVE;
	return exec_handle_exit(v, r.reason, r.arg);
}

/*
 * Report a step that is due. One that was set anew while the hook had the
 * vCPU is due only if the guest has moved on since.
 */
static bool report_step(struct vcpu *v)
{
	u32 how = atomic_load(&v->step);
	if (how == STEP_OFF || (how == STEP_NEW && v->abi.pc == v->step_pc))
		return true;
	return exec_event(v, EXIT_DEBUG, DEBUG_STEP) != VM_LEAVE;
}

bool exec_debug_moved(struct vcpu *v, gva_t pc)
{
	return v->abi.pc == pc || report_step(v);
}

static bool step(struct vcpu *v)
{
	u32 new = STEP_NEW;
	if (atomic_compare_exchange_strong(&v->step, &new, STEP_ON) &&
	    v->abi.pc != v->step_pc) /* a signal's handler was entered */
		return report_step(v);
	if (!one_insn(v))
		return false;
	if (v->watch_kind)
		return exec_event(v, EXIT_DEBUG, DEBUG_WATCH) != VM_LEAVE;
	return report_step(v);
}

/* One block, up to the first access that is watched. */
static bool watch_block(struct vcpu *v)
{
	struct tb *tb = tb_get(v, v->abi.pc, true);
	if (!tb) {
		exec_flush(v);
		return true;
	}
	struct interp_result r = exec_interp_pc(v, tb, &guard_mem);
	if (v->vm->cfg.count)
		v->abi.budget -= tb->insns;
	if (r.reason != EXIT_MEMORY || r.arg != WATCHED)
		return exec_handle_exit(v, r.reason, r.arg);
	if (!one_insn(v))
		return false;
	return !v->watch_kind ||
	    exec_event(v, EXIT_DEBUG, DEBUG_WATCH) != VM_LEAVE;
}

bool exec_debug_run(struct vcpu *v)
{
	if (v->vm->cfg.count && v->abi.budget <= 0)
		return exec_handle_exit(v, EXIT_STOP, 0);
	return atomic_load(&v->step) ? step(v) : watch_block(v);
}

bool exec_debug_fetch(struct vcpu *v, gva_t addr)
{
	if (!exec_break_at(v->vm, addr))
		return exec_event(v, EXIT_FETCH, addr) != VM_LEAVE;
	if (addr == v->abi.pc) {
		switch (exec_event(v, EXIT_DEBUG, DEBUG_BREAK)) {
		case VM_LEAVE: return false;
		case VM_PASS: break;
		default: return true;
		}
	}
	/* passed, or set inside an instruction, where nothing begins */
	return one_insn(v);
}

void exec_debug_clear(struct metic_vm *vm)
{
	struct exec_debug *d = &vm->exec->debug;
	atomic_store(&d->nwatches, 0);
	for (;;) {
		pthread_mutex_lock(&vm->exec->lock);
		size_t n = d->nbreaks;
		gva_t pc = n ? d->breaks[--d->nbreaks] : 0;
		pthread_mutex_unlock(&vm->exec->lock);
		if (!n)
			return;
		retranslate(vm, pc);
	}
}

void exec_debug_free(struct exec *ex)
{
	free(ex->debug.breaks);
}
