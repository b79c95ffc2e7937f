/*
 * invalidate.c - guest code that changed or went away.
 *
 * RISC guests must say when they changed code (an instruction fence or the
 * flush system call), and the kernel's mapping calls say the rest, so guest
 * pages are never write-protected. A fence only drops blocks whose bytes
 * differ from what they were made from.
 */
#include "runtime/exec/internal.h"

#include <xxhash.h>

/* Does [tb] still have the bytes that it was made from? */
static bool unchanged(struct metic_vm *vm, const struct tb *tb)
{
	struct vcpu *v = vcpu_current();
	const void *p = (const void *)(uintptr_t)(vm->mem_base + tb->pc);
	if (!v || !tb->hash.lo || !fault_guard(v))
		return false;
	XXH128_hash_t h = XXH3_128bits(p, tb->len);
	fault_unguard(v);
	return h.low64 == tb->hash.lo && h.high64 == tb->hash.hi;
}

/* Kill the blocks of one page that lie in [start, end). */
static bool invalidate_page(
    struct exec *ex, struct page *p, gva_t start, gva_t end, bool verify)
{
	bool any = false;
	struct page_tb **at = &p->tbs;
	while (*at) {
		struct tb *tb = (*at)->tb;
		if (!tb->dead && tb->pc < end && start < tb->pc + tb->len &&
		    !(verify && unchanged(ex->vm, tb))) {
			tb_kill(ex, tb);
			any = true;
		}
		if (tb->dead)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	return any;
}

/* Only what may be written, here or elsewhere, can have changed. */
static bool may_change(struct metic_vm *vm, u64 page)
{
	struct map_range r;
	return !map_find(&vm->map, page * HOST_PAGE, &r) || r.was_writable ||
	    r.shared;
}

/* One page, if it has code that the change concerns. */
static bool visit(
    struct exec *ex, struct page *p, gva_t start, gva_t end, bool verify)
{
	gva_t a = p->number * HOST_PAGE;
	if (a >= end || a + HOST_PAGE <= start || !p->tbs ||
	    (verify && !may_change(ex->vm, p->number)))
		return false;
	return invalidate_page(ex, p, start, end, verify);
}

/* Few pages are looked up one by one, many by walking the whole table. */
static bool visit_range(struct exec *ex, gva_t start, gva_t end, bool verify)
{
	const size_t buckets = (size_t)1 << PAGE_HASH_BITS;
	bool any = false;
	start = MAX(start, ex->lo);
	end = MIN(end, ex->hi);
	if (start >= end)
		return false;
	u64 first = start / HOST_PAGE, last = (end - 1) / HOST_PAGE;
	if (last - first < buckets) {
		for (u64 n = first; n <= last; n++) {
			struct page *p = page_find(ex, n);
			any |= p && visit(ex, p, start, end, verify);
		}
		return any;
	}
	for (size_t i = 0; i < buckets; i++)
		for (struct page *p = ex->pages[i]; p; p = p->next)
			any |= visit(ex, p, start, end, verify);
	return any;
}

/* Others may be inside a dead block's own loop. */
void exec_get_out(struct metic_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	for (struct vcpu *o = vm->vcpus; o; o = o->next)
		if (o != vcpu_current())
			exec_request(o, REQ_SYNC);
	pthread_mutex_unlock(&vm->lock);
}

void exec_invalidate(struct metic_vm *vm, gva_t start, gva_t end, bool verify)
{
	struct exec *ex = vm->exec;
	pthread_mutex_lock(&ex->lock);
	bool any = visit_range(ex, start, end, verify);
	pthread_mutex_unlock(&ex->lock);
	if (any)
		exec_get_out(vm);
}

void exec_recheck(struct metic_vm *vm)
{
	struct exec *ex = vm->exec;
	bool any = false;
	pthread_mutex_lock(&ex->lock);
	for (size_t i = 0; i < (size_t)1 << PAGE_HASH_BITS; i++)
		for (struct page *p = ex->pages[i]; p; p = p->next)
			any |= invalidate_page(ex, p, 0, ~(gva_t)0, true);
	pthread_mutex_unlock(&ex->lock);
	if (any)
		exec_get_out(vm);
}
