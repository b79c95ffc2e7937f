/* vm.c - making and freeing VMs and vCPUs. */
#include "runtime/base/pages.h"
#include "runtime/exec/host_clock.h"
#include "runtime/exec/persist.h"
#include "runtime/exec/tier.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/look/look.h"
#include "translator/fpu.h"

#define PAGES_BYTES (sizeof(struct page *) << PAGE_HASH_BITS)
#define JT_HEAD 8 /* words before a jump table: a cache line */
#define JT_BYTES ((JT_HEAD + ABI_JT_ENTRIES) * sizeof(i64))

static i64 *jump_table(const struct exec *ex)
{
	i64 *p = pages_new(JT_BYTES);
	if (!p)
		return NULL;
	p[JT_HEAD - 1] = (i64)ABI_JT_NO_PC;
	p[JT_HEAD] = jt_empty(ex, p + JT_HEAD, 0);
	return p + JT_HEAD;
}

static void free_jump_table(i64 *jt)
{
	if (jt)
		pages_free(jt - JT_HEAD, JT_BYTES);
}

static int init_native(struct exec *ex)
{
	int err = cache_init(ex);
	if (err)
		return err;
	ex->jt = jump_table(ex);
	ex->jt_miss = jump_table(ex);
	ex->by_code = pages_new(TB_MAX * sizeof(struct tb *));
	if (!ex->jt || !ex->jt_miss || !ex->by_code)
		return -ENOMEM;
	return 0;
}

static void exec_free(struct exec *ex)
{
	if (!ex)
		return;
	tier_free(ex);
	persist_free(ex);
	look_free(ex);
	if (ex->decoder)
		ex->vm->guest->close(ex->decoder);
	if (ex->host)
		cache_free(ex);
	free_jump_table(ex->jt);
	free_jump_table(ex->jt_miss);
	pages_free(ex->by_code, TB_MAX * sizeof(struct tb *));
	free(ex->lrs);
	exec_debug_free(ex);
	tb_hash_free(ex);
	pages_free(ex->pages, PAGES_BYTES);
	arena_free(&ex->meta);
	arena_free(&ex->arena);
	pthread_mutex_destroy(&ex->lock);
	free(ex);
}

static int exec_new(struct metic_vm *vm)
{
	struct exec *ex = vm->exec = calloc(1, sizeof(*ex));
	if (!ex)
		return -ENOMEM;
	ex->vm = vm;
	ex->read_clock = host_clock(NULL, &ex->clock_keeps_fp);
	ex->lo = ~(gva_t)0;
	ex->asymmetric = exec_fence_init();
	lock_init(&ex->lock);
	pthread_mutex_init(&ex->turn, NULL);
	arena_init(&ex->meta);
	arena_init(&ex->arena);
	ex->pages = pages_new(PAGES_BYTES);
	if (tb_hash_init(ex) < 0 || !ex->pages)
		return -ENOMEM;
	ex->decoder = vm->guest->open();
	if (!ex->decoder)
		return -ENOTSUP;
	if (vm->cfg.tier == TIER_INTERP && !vm->cfg.check)
		return 0;
	ex->host = host_backend_default();
	ex->read_clock = host_clock(ex->host, &ex->clock_keeps_fp);
	if (!ex->host)
		return vm->cfg.tier == TIER_BASELINE ? -ENOTSUP : 0;
	int err = init_native(ex);
	return err || vm->cfg.tier == TIER_BASELINE ? err : tier_new(ex);
}

int vm_new(const struct guest_isa *guest, enum as_kind as, u64 as_base,
    const struct vm_hooks *hooks, const struct vm_config *cfg,
    struct metic_vm **out)
{
	struct metic_vm *vm = calloc(1, sizeof(*vm));
	if (!vm)
		return -ENOMEM;
	vm->guest = guest;
	vm->hooks = hooks;
	vm->as = as;
	vm->mem_base = as_base;
	vm->cfg = *cfg;
	lock_init(&vm->lock);
	int err = map_init(&vm->map);
	if (!err)
		err = fault_install();
	if (!err)
		err = exec_new(vm);
	if (err) {
		vm_free(vm);
		return err;
	}
	*out = vm;
	return 0;
}

void vm_free(struct metic_vm *vm)
{
	if (!vm)
		return;
	while (vm->vcpus)
		vcpu_free(vm->vcpus);
	if (vm->exec) {
		exec_free(vm->exec);
		fault_uninstall();
	}
	map_free(&vm->map);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

/* The call stack: a guard page below, the bottom frame at the top. */
static bool make_call_stack(struct vcpu *v)
{
	struct exec *ex = v->vm->exec;
	v->call_stack = pages_new(CALL_STACK_SIZE);
	if (!v->call_stack || mprotect(v->call_stack, HOST_PAGE, PROT_NONE) < 0)
		return false;
	u8 *top = (u8 *)v->call_stack + CALL_STACK_SIZE - 64;
	memcpy(top, &ex->thunks.bottom, sizeof(u64));
	v->abi.call_sp = v->abi.call_base = (u64)(uintptr_t)top;
	v->abi.call_limit =
	    (u64)(uintptr_t)v->call_stack + HOST_PAGE + CALL_STACK_FRAME;
	v->abi.jt = ex->jt;
	return true;
}

struct vcpu *vcpu_new(struct metic_vm *vm)
{
	struct vcpu *v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->vm = vm;
	arena_init(&v->arena);
	v->abi.service = exec_service;
	v->abi.helpers = vm->guest->helpers;
	v->abi.read_clock = vm->exec->read_clock;
	v->abi.clock_keeps_fp = vm->exec->clock_keeps_fp;
	v->abi.reference = exec_reference;
	v->abi.reference_mem = exec_reference_mem;
	v->abi.fpu = fpu_make_word(RM_RNE, 0);
	v->abi.mem_base = vm->mem_base;
	v->values = pages_new(IR_MAX_INSNS * sizeof(u64));
	v->flush_epoch = atomic_load(&vm->exec->epoch);
	if (!v->values || (vm->exec->host && !make_call_stack(v))) {
		vcpu_free(v);
		return NULL;
	}
	vm->guest->reset(&v->abi);
	pthread_mutex_lock(&vm->lock);
	v->next = vm->vcpus;
	vm->exec->threaded |= v->next != NULL;
	vm->vcpus = v;
	pthread_mutex_unlock(&vm->lock);
	return v;
}

void vcpu_free(struct vcpu *v)
{
	struct metic_vm *vm = v->vm;
	pthread_mutex_lock(&vm->lock);
	struct vcpu **at = &vm->vcpus;
	while (*at && *at != v)
		at = &(*at)->next;
	if (*at)
		*at = v->next;
	pthread_mutex_unlock(&vm->lock);
	pages_free(v->values, IR_MAX_INSNS * sizeof(u64));
	pages_free(v->call_stack, CALL_STACK_SIZE);
	fault_free(v);
	arena_free(&v->arena);
	free(v);
}

void exec_fork_prepare(struct metic_vm *vm, bool copy)
{
	/* first: who compares the tiers may change and restore memory */
	pthread_mutex_lock(&vm->exec->turn);
	pthread_mutex_lock(&vm->lock);
	pthread_mutex_lock(&vm->exec->lock);
	pthread_rwlock_rdlock(&vm->map.lock);
	if (vm->exec->host && copy)
		cache_snapshot(vm->exec);
}

void exec_fork_parent(struct metic_vm *vm)
{
	if (vm->exec->host)
		cache_drop_snapshot(vm->exec);
	pthread_rwlock_unlock(&vm->map.lock);
	pthread_mutex_unlock(&vm->exec->lock);
	pthread_mutex_unlock(&vm->lock);
	pthread_mutex_unlock(&vm->exec->turn);
}

int exec_fork_child(struct vcpu *v)
{
	struct metic_vm *vm = v->vm;
	/* the locks' state is a copy whose owner may count as another thread */
	pthread_mutex_init(&vm->exec->turn, NULL);
	pthread_rwlock_init(&vm->map.lock, NULL);
	lock_init(&vm->exec->lock);
	lock_init(&vm->lock);
	for (struct vcpu **at = &vm->vcpus; *at;) {
		struct vcpu *o = *at;
		if (o == v) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		pages_free(o->call_stack, CALL_STACK_SIZE);
		pages_free(o->values, IR_MAX_INSNS * sizeof(u64));
		fault_free(o);
		arena_free(&o->arena);
		free(o);
	}
	struct exec *ex = vm->exec;
	look_forked(ex);
	v->visitor = false;
	if (!ex->host)
		return 0;
	tier_forked(ex);
	bool warm = ex->fd >= 0;
	if (!cache_use_snapshot(ex))
		return -ENOMEM;
	if (warm)
		look_known(ex);
	else
		exec_reset_tables(ex);
	persist_forked(ex);
	return 0;
}

static const char *const reason_names[EXIT_NREASONS] = {
#define X(name, text, doc) text,
#include "translator/exits.def"
#undef X
};

const char *exec_reason_name(u32 reason)
{
	return reason < EXIT_NREASONS ? reason_names[reason] : "?";
}

void vm_log(const struct metic_vm *vm, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	if (!vm->cfg.log)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n > 0)
		vm->cfg.log(
		    vm->cfg.log_ctx, buf, MIN((size_t)n, sizeof(buf) - 1));
}
