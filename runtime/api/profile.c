/* profile.c - public API: where the time went. */
#include "runtime/look/profile.h"

#include <stdlib.h>

#include "runtime/api/internal.h"
#include "runtime/look/look.h"
#include "runtime/look/mix.h"
#include "runtime/user/linux.h"

_Static_assert((int)METIC_IN_BASELINE == LOOK_IN_BASELINE &&
	(int)METIC_WHERES == LOOK_WHERES && (int)METIC_MIXES == LOOK_MIXES,
    "the public names are in the same order");

static const char *const where_names[] = {
	[METIC_IN_BASELINE] = "baseline",
	[METIC_IN_OPTIMIZED] = "optimized",
	[METIC_IN_INTERP] = "interpreter",
	[METIC_IN_TRANSLATION] = "translation",
	[METIC_IN_SYSCALLS] = "syscalls",
	[METIC_IN_METIC] = "metic",
};

const char *metic_where_name(enum metic_where w)
{
	return (unsigned)w < METIC_WHERES ? where_names[w] : "unknown";
}

static const char *const mix_names[] = {
	[METIC_MIX_INT] = "int",
	[METIC_MIX_MULDIV] = "mul/div",
	[METIC_MIX_LOAD] = "load",
	[METIC_MIX_STORE] = "store",
	[METIC_MIX_ATOMIC] = "atomic",
	[METIC_MIX_BRANCH] = "branch",
	[METIC_MIX_JUMP] = "jump",
	[METIC_MIX_FP] = "fp",
	[METIC_MIX_SYSTEM] = "system",
};

const char *metic_mix_name(enum metic_mix m)
{
	return (unsigned)m < METIC_MIXES ? mix_names[m] : "unknown";
}

/* Other threads may be learning names; what was learnt stays. */
static struct metic_frame frame_of(const struct look *l, gva_t pc)
{
	struct code_name c;

	pthread_mutex_lock(&l->vm->exec->lock);
	names_find(&l->names, pc, &c);
	pthread_mutex_unlock(&l->vm->exec->lock);
	return (struct metic_frame){ .pc = pc,
		.object = c.object ? c.object->name : "",
		.function = c.symbol ? c.text : NULL,
		.offset = c.off };
}

static const char *call_name(const struct metic_vm *vm, u32 nr)
{
	const struct linux_process *p = vm->kernel;
	const struct syscall_row *row = p->abi->syscall(nr);
	return row ? row->name : "unknown";
}

enum metic_error metic_profile_stacks(metic_vm *vm,
    void (*each)(void *ctx, const struct metic_stack *s), void *ctx)
{
	const struct look *l = vm->exec->look;
	struct metic_frame frames[PROFILE_DEPTH];
	const struct profile_entry *e = NULL;

	if (!vm->kernel || !l || !l->profile)
		return METIC_ERR_KIND;
	while ((e = profile_next(l->profile, e))) {
		for (u32 i = 0; i < e->depth; i++)
			frames[i] = frame_of(l, e->pc[i]);
		const struct metic_stack s = {
			.size = sizeof(s),
			.ns = e->weight * PROFILE_NS,
			.where = (enum metic_where)e->where,
			.syscall = e->where == LOOK_IN_SYSCALL ?
			    call_name(vm, e->syscall) :
			    NULL,
			.cut = e->cut,
			.depth = e->depth,
			.frames = frames,
		};
		each(ctx, &s);
	}
	const struct metic_stack lost = {
		.size = sizeof(lost),
		.ns = profile_lost(l->profile) * PROFILE_NS,
		.where = METIC_IN_METIC,
		.frames = frames,
	};
	if (lost.ns)
		each(ctx, &lost);
	return METIC_OK;
}

/* --- blocks -------------------------------------------------------------- */

/* Time in one block by one tier. */
struct hot {
	gva_t pc;
	u64 weight;
	u32 where;
};

static int by_pc(const void *x, const void *y)
{
	const struct hot *a = x, *b = y;

	if (a->pc != b->pc)
		return a->pc < b->pc ? -1 : 1;
	return (int)a->where - (int)b->where;
}

/* Those of all samples with a block, alike ones added up; NULL: no memory. */
static struct hot *collect(const struct profile *p, size_t *count)
{
	const struct profile_entry *e = NULL;
	size_t n = 0, k = 0;

	while ((e = profile_next(p, e)))
		n++;
	struct hot *h = calloc(n + 1, sizeof(*h));
	*count = 0;
	if (!h)
		return NULL;
	for (e = NULL; (e = profile_next(p, e));)
		if (e->depth && e->where <= LOOK_IN_INTERP)
			h[k++] = (struct hot){ e->pc[0], e->weight, e->where };
	qsort(h, k, sizeof(*h), by_pc);
	for (size_t i = 0; i < k; i++) {
		if (*count && by_pc(&h[*count - 1], &h[i]) == 0)
			h[*count - 1].weight += h[i].weight;
		else
			h[(*count)++] = h[i];
	}
	return h;
}

static struct metic_block block_of(
    const struct look *l, struct vcpu *v, const struct hot *h)
{
	struct block_mix m;

	block_mix(v, h->pc, &m);
	struct metic_block b = {
		.size = sizeof(b),
		.ns = h->weight * PROFILE_NS,
		.where = (enum metic_where)h->where,
		.at = frame_of(l, h->pc),
		.insns = m.insns,
		.bytes = m.bytes,
		.host_bytes = m.host_bytes,
	};
	for (unsigned i = 0; i < LOOK_MIXES; i++)
		b.mix[i] = m.count[i];
	return b;
}

enum metic_error metic_profile_blocks(metic_vm *vm,
    void (*each)(void *ctx, const struct metic_block *b), void *ctx)
{
	const struct look *l = vm->exec->look;
	struct vcpu *outer = vcpu_current();
	size_t n;

	if (!vm->kernel || !l || !l->profile)
		return METIC_ERR_KIND;
	struct vcpu *v = vcpu_new(vm);
	struct hot *h = v ? collect(l->profile, &n) : NULL;
	if (h) {
		vcpu_adopt(v); /* code may be unreadable: guards need it */
		for (size_t i = 0; i < n; i++) {
			const struct metic_block b = block_of(l, v, &h[i]);
			each(ctx, &b);
		}
		vcpu_adopt(outer);
	}
	if (v)
		vcpu_free(v);
	free(h);
	return h ? METIC_OK : METIC_ERR_MEMORY;
}
