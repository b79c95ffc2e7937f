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
	if (!v || !tb->hash || !fault_guard(v))
		return false;
	XXH64_hash_t h = XXH3_64bits(p, tb->len);
	fault_unguard(v);
	return h == tb->hash;
}

/* Kill the blocks of one page that lie in [start, end). */
static bool invalidate_page(struct exec *ex, struct page *p, gva_t start,
    gva_t end, bool verify)
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
	return !map_find(&vm->map, page * HOST_PAGE, &r) ||
	    r.was_writable || r.shared;
}

void exec_invalidate(struct metic_vm *vm, gva_t start, gva_t end, bool verify)
{
	struct exec *ex = vm->exec;
	bool any = false;
	pthread_mutex_lock(&ex->lock);
	start = MAX(start, ex->lo);
	end = MIN(end, ex->hi);
	for (size_t i = 0; start < end && i < (size_t)1 << PAGE_HASH_BITS;
	     i++) {
		for (struct page *p = ex->pages[i]; p; p = p->next) {
			gva_t a = p->number * HOST_PAGE;
			if (a >= end || a + HOST_PAGE <= start || !p->tbs ||
			    (verify && !may_change(vm, p->number)))
				continue;
			any |= invalidate_page(ex, p, start, end, verify);
		}
	}
	pthread_mutex_unlock(&ex->lock);
	if (!any)
		return;
	/* others may be inside a dead block's own loop */
	pthread_mutex_lock(&vm->lock);
	for (struct vcpu *o = vm->vcpus; o; o = o->next)
		if (o != vcpu_current())
			exec_request(o, REQ_SYNC);
	pthread_mutex_unlock(&vm->lock);
}
