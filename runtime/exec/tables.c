/*
 * tables.c - finding translation blocks: by guest pc, by host code address,
 * by guest page; and the links between them.
 */
#include "runtime/base/pages.h"
#include "runtime/look/look.h"

/* Entries at the start, a page of them; and at most. */
#define HASH_BITS_MIN 9
#define HASH_BITS_MAX 22
/* It grows fourfold. */
#define HASH_BITS_STEP 2

/*
 * An entry is a block's address and above it 16 bits of its pc, so that other
 * blocks need not be looked at; 0: free; GONE: it was in use.
 */
#define TAG_SHIFT 48
#define GONE 1

static size_t hash_bytes(u32 bits)
{
	return sizeof(struct tb_hash) + (sizeof(u64) << bits);
}

static struct tb_hash *hash_new(u32 bits)
{
	struct tb_hash *h = pages_new(hash_bytes(bits));
	if (h)
		h->bits = bits;
	return h;
}

static void free_older(struct tb_hash *h)
{
	struct tb_hash *o = h->older;
	h->older = NULL;
	while (o) {
		struct tb_hash *older = o->older;
		pages_free(o, hash_bytes(o->bits));
		o = older;
	}
}

int tb_hash_init(struct exec *ex)
{
	atomic_store(&ex->hash, hash_new(HASH_BITS_MIN));
	return atomic_load(&ex->hash) ? 0 : -ENOMEM;
}

void tb_hash_reset(struct exec *ex)
{
	struct tb_hash *h = atomic_load(&ex->hash);
	free_older(h);
	memset((void *)h->entry, 0, sizeof(u64) << h->bits);
	h->used = 0;
}

void tb_hash_free(struct exec *ex)
{
	struct tb_hash *h = atomic_load(&ex->hash);
	if (!h)
		return;
	free_older(h);
	pages_free(h, hash_bytes(h->bits));
}

static u64 tag_of(gva_t pc)
{
	return (pc >> 1 ^ pc >> 17) << TAG_SHIFT;
}

static struct tb *block_of(u64 entry)
{
	u64 at = entry << (64 - TAG_SHIFT) >> (64 - TAG_SHIFT);
	return at == GONE ? NULL : (struct tb *)(uintptr_t)at;
}

static u64 entry_for(const struct tb *tb)
{
	return tb ? tag_of(tb->pc) | (u64)(uintptr_t)tb : GONE;
}

/* pc's entry with what is there in *tb, or the one that it would get. */
static _Atomic u64 *entry_of(struct tb_hash *h, gva_t pc, struct tb **tb)
{
	size_t mask = ((size_t)1 << h->bits) - 1;
	size_t i = pc * 0x9e3779b97f4a7c15u >> (64 - h->bits);
	u64 tag = tag_of(pc) >> TAG_SHIFT;
	_Atomic u64 *gone = NULL;
	for (;; i++) {
		_Atomic u64 *e = &h->entry[i & mask];
		u64 is = atomic_load_explicit(e, memory_order_acquire);
		if (!is) {
			*tb = NULL;
			return gone ? gone : e;
		}
		if (is == GONE && !gone)
			gone = e;
		if (is == GONE || is >> TAG_SHIFT != tag)
			continue;
		*tb = block_of(is);
		if ((*tb)->pc == pc)
			return e;
	}
}

/* Of two blocks with one pc the one that came last, a unit, is in front. */
static void push(struct tb_hash *h, struct tb *tb)
{
	struct tb *was;
	_Atomic u64 *e = entry_of(h, tb->pc, &was);
	h->used += !*e;
	atomic_store(&tb->next, was);
	atomic_store(e, entry_for(tb));
}

/*
 * Room for one more. Whoever is looking in the old table meanwhile misses
 * what is new.
 */
static int make_room(struct exec *ex)
{
	struct tb_hash *old = atomic_load(&ex->hash), *h = NULL;
	if (old->used < ((size_t)1 << old->bits) / 3 * 2)
		return 0;
	if (old->bits < HASH_BITS_MAX)
		h = hash_new(old->bits + HASH_BITS_STEP);
	if (!h)
		return -ENOMEM;
	for (size_t i = 0; i < (size_t)1 << old->bits; i++) {
		struct tb *was, *tb = block_of(atomic_load(&old->entry[i]));
		if (!tb)
			continue;
		atomic_store(entry_of(h, tb->pc, &was), entry_for(tb));
		h->used++;
	}
	h->older = old;
	atomic_store(&ex->hash, h);
	return 0;
}

static size_t hash_page(u64 number)
{
	return (size_t)(number + (number >> PAGE_HASH_BITS) * 0x9e3779b9u) &
	    (((size_t)1 << PAGE_HASH_BITS) - 1);
}

static i64 *jt_entry(const struct exec *ex, gva_t pc)
{
	return &ex->jt[(pc >> 1) & (ABI_JT_SIZE - 1)];
}

static i64 jt_value(const struct exec *ex, const struct tb *tb)
{
	return (i64)((uintptr_t)tb->code - (uintptr_t)ex->jt);
}

i64 jt_empty(const struct exec *ex, const i64 *jt, size_t i)
{
	return i ? 0 : (i64)((uintptr_t)ex->thunks.miss - (uintptr_t)jt);
}

/* Leave e without a block, if it has `value`. */
static void jt_remove(const struct exec *ex, i64 *e, i64 value)
{
	i64 none = jt_empty(ex, ex->jt, (size_t)(e - ex->jt));
	__atomic_compare_exchange_n(
	    e, &value, none, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* No cell leads to tb's code any more. */
static void disown_code(struct exec *ex, const struct tb *tb)
{
	u64 *at =
	    (u64 *)(void *)cache_rw(ex, (u64)(uintptr_t)tb->code - sizeof(u64));
	__atomic_store_n(at, ABI_DEAD_PC, __ATOMIC_SEQ_CST);
}

struct tb *tb_find(const struct exec *ex, gva_t pc)
{
	struct tb *tb;
	entry_of(
	    atomic_load_explicit(&ex->hash, memory_order_acquire), pc, &tb);
	return tb;
}

struct tb *tb_find_block(const struct exec *ex, gva_t pc)
{
	struct tb *tb = tb_find(ex, pc);
	while (tb && tb->unit)
		tb = atomic_load_explicit(&tb->next, memory_order_acquire);
	return tb;
}

struct tb *tb_by_code(const struct exec *ex, u64 rx)
{
	const u8 *p = (const u8 *)(uintptr_t)rx;
	size_t n = atomic_load(&ex->ntb), hi = n, lo = n, step = 1;
	/* most often it is one of the last */
	while (lo && p < ex->by_code[lo - 1]->code_end) {
		hi = lo;
		lo -= MIN(step, lo);
		step *= 2;
	}
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (ex->by_code[mid]->code_end <= p)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == n || ex->by_code[lo]->code_start > p)
		return NULL;
	return ex->by_code[lo];
}

gva_t tb_guest_pc(const struct tb *tb, u64 rx)
{
	u32 off = (u32)(rx - (u64)(uintptr_t)tb->code_start);
	u32 lo = 0, hi = tb->nmap;
	while (lo < hi) { /* the last entry at or before off */
		u32 mid = (lo + hi) / 2;
		if (tb->map[mid].off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return tb->pc + (lo ? tb->map[lo - 1].guest_off : 0);
}

struct page *page_find(const struct exec *ex, u64 number)
{
	struct page *p = ex->pages[hash_page(number)];
	while (p && p->number != number)
		p = p->next;
	return p;
}

static int add_to_page(struct exec *ex, struct tb *tb, u64 number)
{
	struct page *p = page_find(ex, number);
	if (!p) {
		struct page **head = &ex->pages[hash_page(number)];
		p = arena_new(&ex->meta, struct page, 1);
		if (!p)
			return -ENOMEM;
		p->number = number;
		p->next = *head;
		*head = p;
	}
	struct page_tb *l = arena_new(&ex->meta, struct page_tb, 1);
	if (!l)
		return -ENOMEM;
	l->tb = tb;
	l->next = p->tbs;
	p->tbs = l;
	return 0;
}

/* Whatever changes tb's guest code finds it. */
static int watch(struct exec *ex, struct tb *tb)
{
	gva_t end = tb->pc + MAX(tb->len, 1);
	for (u64 n = tb->pc / HOST_PAGE; n <= (end - 1) / HOST_PAGE; n++) {
		int err = add_to_page(ex, tb, n);
		if (err)
			return err;
	}
	ex->lo = MIN(ex->lo, tb->pc);
	ex->hi = MAX(ex->hi, end);
	return 0;
}

static void enter(struct exec *ex, struct tb *tb)
{
	if (tb->code) {
		ex->by_code[ex->ntb] = tb;
		atomic_fetch_add(&ex->ntb, 1);
		look_tb(ex, tb);
	}
	push(atomic_load(&ex->hash), tb);
}

int tb_insert(struct exec *ex, struct tb *tb)
{
	int err = make_room(ex);
	if (!err)
		err = watch(ex, tb);
	if (!err)
		enter(ex, tb);
	return err;
}

int tb_add_parts(struct exec *ex, struct tb *tb)
{
	for (u32 k = 0; k < tb->unit->nparts; k++) {
		const struct unit_part *p = &tb->unit->part[k];
		struct tb *part = arena_new(&ex->meta, struct tb, 1);
		if (!part)
			return -ENOMEM;
		part->pc = tb->pc + (gva_t)p->off;
		part->len = p->len;
		part->hash = p->hash;
		part->owner = tb;
		int err = watch(ex, part);
		if (err)
			return err;
	}
	return 0;
}

/* What led to the block leads to the unit, which is found before it. */
void tb_replace(struct exec *ex, struct tb *tb)
{
	struct tb *was = tb_find(ex, tb->pc);
	enter(ex, tb);
	if (was && was->code) {
		struct in_link *l = was->in;
		was->in = NULL;
		while (l) {
			struct in_link *next = l->next;
			const struct link_site *s = &l->from->links[l->site];
			const u8 *rx = l->from->code_start + s->off;
			struct tb *to = s->target & LINK_BASELINE ? was : tb;
			ex->host->patch(cache_rw(ex, (u64)(uintptr_t)rx),
			    (u64)(uintptr_t)rx, (u64)(uintptr_t)to->code);
			l->next = to->in;
			to->in = l;
			l = next;
		}
	}
	/* Cells may still have what was there. */
	for (u32 i = ABI_JT_SIZE; i < ABI_JT_ENTRIES; i++)
		__atomic_store_n(&ex->jt[i], 0, __ATOMIC_RELAXED);
	tb_publish(ex, tb);
}

static void unlink_incoming(struct exec *ex, struct tb *tb)
{
	for (struct in_link *l = tb->in; l; l = l->next) {
		const struct link_site *s = &l->from->links[l->site];
		const u8 *rx = l->from->code_start + s->off;
		ex->host->patch(cache_rw(ex, (u64)(uintptr_t)rx),
		    (u64)(uintptr_t)rx,
		    (u64)(uintptr_t)(l->from->code_start + s->stub));
	}
	tb->in = NULL;
}

/*
 * Against tb_kill on another thread: either it sees the entry made here, or
 * the death is seen here.
 */
void tb_publish(struct exec *ex, struct tb *tb)
{
	i64 *e = jt_entry(ex, tb->pc), value = jt_value(ex, tb);
	__atomic_store_n(e, value, __ATOMIC_SEQ_CST);
	if (atomic_load(&tb->dead))
		jt_remove(ex, e, value);
}

bool tb_published(const struct exec *ex, gva_t pc)
{
	i64 e = __atomic_load_n(jt_entry(ex, pc), __ATOMIC_RELAXED);
	u64 at;
	if (!e)
		return false;
	memcpy(&at, (const u8 *)ex->jt + e - sizeof(at), sizeof(at));
	return at == pc;
}

void tb_kill(struct exec *ex, struct tb *tb)
{
	if (tb->dead)
		return;
	if (tb->owner)
		tb_kill(ex, tb->owner);
	atomic_store(&tb->dead, true);
	struct tb *at;
	_Atomic u64 *e = entry_of(atomic_load(&ex->hash), tb->pc, &at);
	if (at == tb) {
		atomic_store(e, entry_for(tb->next));
	} else {
		while (at && at->next != tb)
			at = at->next;
		if (at)
			atomic_store(&at->next, atomic_load(&tb->next));
	}
	if (tb->code) {
		jt_remove(ex, jt_entry(ex, tb->pc), jt_value(ex, tb));
		disown_code(ex, tb);
		unlink_incoming(ex, tb);
	}
	atomic_fetch_add(&ex->vm->stats.invalidated, 1);
}

void tb_link(struct exec *ex, struct tb *from, u32 site, struct tb *to)
{
	struct in_link *l = arena_new(&ex->meta, struct in_link, 1);
	if (!l)
		return; /* stays unlinked: slower, still right */
	l->from = from;
	l->site = site;
	l->next = to->in;
	to->in = l;
	const u8 *rx = from->code_start + from->links[site].off;
	ex->host->patch(cache_rw(ex, (u64)(uintptr_t)rx), (u64)(uintptr_t)rx,
	    (u64)(uintptr_t)to->code);
	atomic_fetch_add_explicit(
	    &ex->vm->stats.links, 1, memory_order_relaxed);
}
