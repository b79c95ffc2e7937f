/*
 * profile.c - see profile.h. Everything that profile_sample calls is safe in
 * a signal handler: no locks but the spinning one below, which is only held
 * by handlers, that nothing interrupts on their own thread.
 */
#include "runtime/look/profile.h"

#include <stdlib.h>
#include <sched.h>
#include <sys/mman.h>

#include "runtime/look/look.h"

#define CHAINS 8192u
#define WORDS ((size_t)4 << 20) /* of entries: 32 MiB, used as needed */
#define STACK_WORDS 8192 /* of the call stack that are looked at */

struct profile {
	_Atomic u32 busy;
	_Atomic bool stopped;
	_Atomic u64 lost;
	size_t used; /* words */
	u32 chain[CHAINS]; /* index into words, 0: empty */
	u64 *words;
};

int profile_open(struct profile **out)
{
	struct profile *p = *out = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->words = mmap(NULL, WORDS * sizeof(u64), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->words == MAP_FAILED) {
		free(p);
		*out = NULL;
		return -ENOMEM;
	}
	p->used = 1;
	return 0;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	munmap(p->words, WORDS * sizeof(u64));
	free(p);
}

void profile_clear(struct profile *p)
{
	memset(p->chain, 0, sizeof(p->chain));
	p->used = 1;
	atomic_store(&p->lost, 0);
}

void profile_stop(struct profile *p, bool stopped)
{
	atomic_store(&p->stopped, stopped);
	while (stopped && atomic_load(&p->busy))
		sched_yield();
}

void profile_forked(struct profile *p)
{
	atomic_store(&p->busy, 0);
	profile_clear(p);
}

/* --- adding up ----------------------------------------------------------- */

struct sample {
	u8 where;
	bool cut;
	u32 syscall;
	u16 depth;
	gva_t pc[PROFILE_DEPTH];
};

static size_t entry_words(u32 depth)
{
	return sizeof(struct profile_entry) / sizeof(u64) + depth;
}

static bool same(const struct profile_entry *e, const struct sample *s)
{
	return e->where == s->where && e->depth == s->depth &&
	    e->syscall == s->syscall && e->cut == s->cut &&
	    !memcmp(e->pc, s->pc, s->depth * sizeof(gva_t));
}

static void add(struct profile *p, const struct sample *s, u32 weight)
{
	u64 h = s->where + (u64)s->syscall * 31;

	for (u32 i = 0; i < s->depth; i++)
		h = (h ^ s->pc[i]) * 0x9e3779b97f4a7c15u;
	while (atomic_exchange(&p->busy, 1))
		sched_yield();
	if (atomic_load(&p->stopped))
		goto out;
	u32 *chain = &p->chain[h >> 51];
	struct profile_entry *e = NULL;
	u32 at = *chain;
	while (at && !same((e = (void *)&p->words[at]), s))
		at = e->next;
	if (!at)
		e = NULL;
	if (!e && p->used + entry_words(s->depth) <= WORDS) {
		e = (void *)&p->words[p->used];
		*e = (struct profile_entry){ .where = s->where,
			.next = *chain,
			.cut = s->cut,
			.depth = s->depth,
			.syscall = s->syscall };
		memcpy(e->pc, s->pc, s->depth * sizeof(gva_t));
		*chain = (u32)p->used;
		p->used += entry_words(s->depth);
	}
	if (e)
		e->weight += weight;
	else
		atomic_fetch_add(&p->lost, weight);
out:
	atomic_store(&p->busy, 0);
}

const struct profile_entry *profile_next(
    const struct profile *p, const struct profile_entry *e)
{
	size_t at = e ? (size_t)((const u64 *)(const void *)e - p->words) +
		entry_words(e->depth) :
			1;
	return at < p->used ? (const void *)&p->words[at] : NULL;
}

void profile_sum(const struct profile *p, struct vm_stats *s)
{
	const struct profile_entry *e = NULL;

	_Static_assert((int)LOOK_WHERES <= VM_WHERES, "all have a place");
	while ((e = profile_next(p, e)))
		s->where_ns[e->where] += e->weight * PROFILE_NS;
	s->where_ns[LOOK_IN_METIC] += profile_lost(p) * PROFILE_NS;
}

u64 profile_lost(const struct profile *p)
{
	return atomic_load(&p->lost);
}

/* --- taking a sample ----------------------------------------------------- */

/*
 * Keep the tables from being flushed while they are read; false: they are
 * being flushed. See exec_enter_code, which waits where we cannot.
 */
static bool hold_code(struct vcpu *v, u32 *before)
{
	struct exec *ex = v->vm->exec;

	*before = atomic_load(&v->in_code);
	if (!*before)
		atomic_store(&v->in_code, 1);
	if (!atomic_load(&ex->flushing) &&
	    v->flush_epoch == atomic_load(&ex->epoch))
		return true;
	atomic_store(&v->in_code, *before);
	return false;
}

static void push(struct sample *s, gva_t pc)
{
	if (s->depth == PROFILE_DEPTH)
		s->cut = true;
	else
		s->pc[s->depth++] = pc;
}

/* The calls on the stack from sp up. */
static void walk(const struct vcpu *v, u64 sp, struct sample *s)
{
	const struct exec *ex = v->vm->exec;
	u64 low = (u64)(uintptr_t)v->call_stack + HOST_PAGE;

	if (!v->call_stack || sp < low || sp > v->abi.call_base)
		return;
	for (u32 i = 0; i < STACK_WORDS && sp < v->abi.call_base && !s->cut;
	     i++, sp += sizeof(u64)) {
		u64 ret = *(const u64 *)(uintptr_t)sp;
		const struct tb *tb =
		    cache_contains(ex, ret) ? tb_by_code(ex, ret) : NULL;
		if (tb) /* the call is in front of what it returns to */
			push(s, tb_guest_pc(tb, ret - 1));
	}
}

/*
 * Code of a tier at the host address pc; its guest pc goes to s. Who executes
 * it holds it, whatever `flushing` says.
 */
static bool where_of(const struct vcpu *v, u64 pc, struct sample *s)
{
	const struct exec *ex = v->vm->exec;

	if (!ex->host || !cache_contains(ex, pc))
		return false;
	const struct tb *tb = tb_by_code(ex, pc);
	s->where = !tb ? LOOK_IN_METIC : /* thunks */
	    tb->unit ? LOOK_IN_OPTIMIZED :
		       LOOK_IN_BASELINE;
	if (tb)
		push(s, tb->pc);
	return true;
}

/* Outside generated code. */
static void what_of(const struct vcpu *v, u32 syscall, struct sample *s)
{
	switch (v->activity) {
	case VCPU_INTERPRETS:
		s->where = LOOK_IN_INTERP;
		push(s, v->abi.pc);
		break;
	case VCPU_TRANSLATES:
		s->where = LOOK_IN_TRANSLATE;
		push(s, v->abi.pc);
		break;
	case VCPU_CALLS:
		s->where = LOOK_IN_SYSCALL;
		s->syscall = syscall;
		push(s, v->abi.pc - v->vm->guest->min_insn);
		break;
	default: break;
	}
}

void profile_sample(struct vcpu *v, const void *uc, u32 weight, u32 syscall)
{
	struct look *l = v->vm->exec->look;
	const struct host_backend *host = v->vm->exec->host;
	struct sample s = { .where = LOOK_IN_METIC };
	u32 before;

	if (!l || !l->profile)
		return;
	if (host && where_of(v, host->context_pc(uc), &s)) {
		u64 sp = host->context_sp(uc);
		if (sp - (u64)(uintptr_t)v->call_stack >= CALL_STACK_SIZE)
			sp = v->abi.call_sp;
		walk(v, sp, &s);
	} else {
		what_of(v, syscall, &s);
		if (hold_code(v, &before)) {
			walk(v, v->abi.call_sp, &s);
			atomic_store(&v->in_code, before);
		}
	}
	add(l->profile, &s, weight);
}
