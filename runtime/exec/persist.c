/*
 * persist.c - between the block tables and the store.
 *
 * What is kept is the code as the generator made it: no link is patched, and
 * the places that hold guest addresses are listed, so that the block can run
 * wherever the file is mapped. Blocks below 2 GiB belong to programs linked
 * to their addresses; their code is shorter and stays where it is.
 *
 * A block is taken only if the guest's bytes have the hash of those that it
 * was made from, so an image that is not what it was costs time, no more.
 */
#include "runtime/exec/persist.h"

#include "runtime/base/pages.h"
#include "runtime/exec/tier.h"

#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "store_maker.h"

enum {
	KEPT_HELPER = 1,
	KEPT_MOVABLE = 2,
	KEPT_UNIT = 4,
	KEPT_LEFT = 8 /* a unit that did not pay: none is to be made there */
};

/* Units are kept beside the blocks of their heads. */
#define UNIT_OFF STORE_BESIDE
/* One is worth as many blocks, when it comes to saving. */
#define UNIT_WORTH 64

/*
 * Programs never run the same way twice. When adding to a container means
 * writing it anew, a process with fewer new blocks than this, or than this
 * part of it, leaves it alone.
 */
#define SAVE_MIN 8u
#define SAVE_PART 64u

#define IMAGES_BYTES (IMAGES_MAX * sizeof(struct image))

/* Blocks that are loaded together: what was made together is used together. */
#define LOAD_AHEAD 32u

void exec_cache_maker(const struct host_backend *host, struct store_key *out)
{
	char text[256];
	const char *cpu = host ? host->features(text, sizeof(text)) : "";
	XXH128_hash_t h = XXH3_128bits_withSeed(cpu, strlen(cpu), TB_MAX_INSNS);
	*out = (struct store_key){ h.low64 ^ STORE_MAKER_LO,
		h.high64 ^ STORE_MAKER_HI };
}

int exec_cache_open(struct metic_vm *vm, const char *dir, u64 cap)
{
	struct exec *ex = vm->exec;
	struct store_key maker;

	if (!ex->host || vm->cfg.check || vm->cfg.count || vm->cfg.max_insns ||
	    vm->cfg.dump || vm->as != AS_IDENTITY)
		return 0; /* other code than what is kept */
	exec_cache_maker(ex->host, &maker);
	struct persist *p = calloc(1, sizeof(*p));
	if (!p || !(p->image = pages_new(IMAGES_BYTES))) {
		free(p);
		return -ENOMEM;
	}
	int err = store_open(&p->store, dir, cap, &maker);
	if (err) {
		pages_free(p->image, IMAGES_BYTES);
		free(p);
	} else {
		ex->persist = p;
	}
	return err;
}

int *exec_cache_fd(struct metic_vm *vm)
{
	return vm->exec->persist ? &vm->exec->persist->store.fd : NULL;
}

/*
 * An image that the new mapping [start, end) covers, or a free one. The
 * mapping has been made: what was translated there is dead already.
 */
static struct image *place_for(struct persist *p, gva_t start, gva_t end)
{
	for (u32 i = 0; i < p->nimages; i++) {
		struct image *im = &p->image[i];
		if (im->start < end && start < im->end) {
			store_file_close(&im->file);
			return im;
		}
	}
	return p->nimages < IMAGES_MAX ? &p->image[p->nimages++] : NULL;
}

static void add_image(struct exec *ex, struct image new)
{
	pthread_mutex_lock(&ex->lock);
	struct image *im = place_for(ex->persist, new.start, new.end);
	if (im)
		*im = new;
	else
		store_file_close(&new.file);
	pthread_mutex_unlock(&ex->lock);
}

void exec_cache_image(
    struct metic_vm *vm, gva_t start, gva_t end, int fd, u64 off)
{
	struct persist *p = vm->exec->persist;
	struct image im = { .start = start, .end = end, .off = off };

	if (p && store_file_open(&im.file, &p->store, fd))
		add_image(vm->exec, im);
}

void exec_cache_bytes(
    struct metic_vm *vm, gva_t start, gva_t end, const void *bytes)
{
	struct persist *p = vm->exec->persist;
	struct image im = { .start = start, .end = end };

	if (!p)
		return;
	store_bytes_open(&im.file, &p->store, bytes, end - start, end - start);
	add_image(vm->exec, im);
}

struct image *persist_image(struct exec *ex, gva_t pc)
{
	struct persist *p = ex->persist;

	for (u32 i = 0; p && i < p->nimages; i++)
		if (pc - p->image[i].start <
		    p->image[i].end - p->image[i].start)
			return &p->image[i];
	return NULL;
}

/* --- loading ------------------------------------------------------------- */

/* Copy the code to where it runs and tell it where the guest's code is. */
static bool place_code(
    struct exec *ex, struct tb *tb, const struct store_block *b, u64 delta)
{
	size_t at = ALIGN_DOWN(ex->used, 64) + b->phase;

	if (at < ex->used)
		at += 64;
	if (at > ex->size || ex->size - at < b->size || ex->ntb == TB_MAX)
		return false;
	u8 *code = ex->rw + at;
	memcpy(code, b->code, b->size);
	for (u32 i = 0; delta && i < b->npcs; i++) {
		u64 pc;
		memcpy(&pc, code + b->pcs[i], sizeof(pc));
		pc += delta;
		memcpy(code + b->pcs[i], &pc, sizeof(pc));
	}
	tb->code_start = ex->rx + at;
	tb->code = tb->code_start + b->entry;
	tb->code_end = tb->code_start + b->size;
	ex->used = ALIGN_UP(at + b->size, 16);
	return true;
}

/* Is there an LR that this VM executes in another way (exclusive.c)? */
static bool has_exclusive(const struct exec *ex, gva_t pc, u32 len)
{
	for (size_t i = 0; i < ex->nlrs; i++)
		if (ex->lrs[i] - pc < len)
			return true;
	return false;
}

static struct tb *take(
    struct vcpu *v, const struct image *im, struct store_block *b, gva_t pc)
{
	struct exec *ex = v->vm->exec;
	u64 delta = pc - b->pc;
	struct tb *tb = arena_new(&ex->meta, struct tb, 1);

	if (!tb || (delta && !(b->flags & KEPT_MOVABLE)) ||
	    has_exclusive(ex, pc, b->len))
		return NULL;
	tb->links = arena_new(&ex->meta, struct link_site, b->nlinks);
	tb->map = arena_new(&ex->meta, struct pc_map, b->nmap);
	if (!tb->links || !tb->map)
		return NULL;
	memcpy(tb->links, b->links, b->nlinks * sizeof(*tb->links));
	memcpy(tb->map, b->map, b->nmap * sizeof(*tb->map));
	for (u32 i = 0; i < b->nlinks; i++)
		tb->links[i].target += delta;
	tb->pc = pc;
	tb->len = b->len;
	tb->insns = b->insns;
	tb->hash = (struct code_hash){ b->bytes.lo, b->bytes.hi };
	tb->nlinks = b->nlinks;
	tb->nmap = b->nmap;
	tb->has_helper = b->flags & KEPT_HELPER;
	tb->kept = true;
	if (b->flags & KEPT_UNIT && !persist_unit_read(v, im, tb, b, delta))
		return NULL;
	return place_code(ex, tb, b, delta) ? tb : NULL;
}

/* The unit that is entered at pc before the block there; *at is a block's. */
static struct tb *find_and_take(struct vcpu *v, const struct image *im,
    gva_t pc, size_t max, bool units, struct store_place *at)
{
	const u8 *guest = (const u8 *)(uintptr_t)(v->vm->mem_base + pc);
	u64 off = im->off + (pc - im->start);
	struct exec *ex = v->vm->exec;
	struct store_block b;
	struct tb *tb;

	if (units && !ex->debug.nbreaks &&
	    store_may_have(&im->file, off | UNIT_OFF) && tier_wants(ex, pc) &&
	    store_find(&im->file, off | UNIT_OFF, guest, max, &b, NULL) &&
	    b.flags & KEPT_UNIT) {
		if (b.flags & KEPT_LEFT)
			tier_leave(ex, pc);
		else if ((tb = take(v, im, &b, pc)))
			return tb;
	}
	if (!store_find(&im->file, off, guest, max, &b, at) ||
	    b.flags & KEPT_UNIT)
		return NULL;
	return take(v, im, &b, pc);
}

/* Container and guest memory may both be cut off under us. */
static struct tb *find(struct vcpu *v, struct image *im, gva_t pc, size_t max,
    bool units, struct store_place *at)
{
	if (!im->file.nsegs || !fault_guard(v))
		return NULL;
	struct tb *tb = find_and_take(v, im, pc, max, units, at);
	fault_unguard(v);
	return tb;
}

/*
 * May the block at pc, in r, be loaded before it is reached? Not where
 * somebody may have put a breakpoint, nor where the guest can still write:
 * what it writes before it is run needs no fence.i on many a machine.
 */
static bool may_load_ahead(
    const struct exec *ex, const struct map_range *r, gva_t pc)
{
	return !ex->debug.nbreaks && r->start <= pc && pc < r->end &&
	    (r->prot & (MAP_PROT_X | MAP_PROT_W)) == MAP_PROT_X;
}

/*
 * The block at `off` if it is in r and not there yet, and no unit takes its
 * place. Under fault_guard.
 */
static struct tb *take_ahead(struct vcpu *v, const struct image *im,
    const struct map_range *r, struct store_place at, u64 off)
{
	struct exec *ex = v->vm->exec;
	gva_t pc = im->start + (off - im->off);
	struct store_block b;

	if (off < im->off || pc < im->start || pc >= im->end ||
	    !may_load_ahead(ex, r, pc) || tb_find(ex, pc) ||
	    (ex->tier && store_may_have(&im->file, off | UNIT_OFF)) ||
	    !store_take(&im->file, at, off,
		(const u8 *)(uintptr_t)(v->vm->mem_base + pc), r->end - pc,
		&b) ||
	    b.flags & KEPT_UNIT)
		return NULL;
	return take(v, im, &b, pc);
}

/* Links between what has just been loaded and what was there. */
static void link_ahead(struct exec *ex, struct tb *tb)
{
	for (u32 i = 0; i < tb->nlinks; i++) {
		struct tb *to = tb_find(ex, tb->links[i].target);
		if (to && to->code)
			tb_link(ex, tb, i, to);
	}
}

/* The blocks that follow the one at `at`, which was loaded for pc. */
static void load_ahead(
    struct vcpu *v, const struct image *im, gva_t pc, struct store_place at)
{
	struct exec *ex = v->vm->exec;
	size_t first = ex->ntb - 1;
	struct map_range r;
	u64 off;

	cache_ahead(ex);
	if (!map_find(&v->vm->map, pc, &r) || !may_load_ahead(ex, &r, pc) ||
	    !fault_guard(v))
		return;
	for (u32 i = 1; i < LOAD_AHEAD && store_next(&im->file, &at, &off);
	     i++) {
		struct tb *tb = take_ahead(v, im, &r, at, off);
		if (tb && tb_insert(ex, tb) != 0)
			break;
	}
	fault_unguard(v);
	v->vm->stats.cache_hits += ex->ntb - 1 - first;
	for (size_t i = first; i < ex->ntb; i++)
		link_ahead(ex, ex->by_code[i]);
}

struct tb *persist_load(
    struct vcpu *v, struct image *im, gva_t pc, size_t max, bool units)
{
	struct exec *ex = v->vm->exec;
	struct store_place at;
	struct tb *tb = find(v, im, pc, max, units, &at);

	if (!tb && im->stale) {
		im->stale = false;
		store_file_refresh(&im->file);
		tb = find(v, im, pc, max, units, &at);
	}
	if (!tb || (tb->unit && tb_add_parts(ex, tb) != 0) ||
	    tb_insert(ex, tb) != 0) {
		v->vm->stats.cache_misses++;
		return NULL;
	}
	v->vm->stats.cache_hits++;
	v->vm->stats.units += tb->unit != NULL;
	if (!tb->unit)
		load_ahead(v, im, pc, at);
	return tb;
}

/* --- saving -------------------------------------------------------------- */

/* The code as it was made: alive, and every link leads to its stub. */
static u8 *pristine(struct exec *ex, const struct tb *tb, u8 *to)
{
	const u8 *from = cache_rw(ex, (u64)(uintptr_t)tb->code_start);

	memcpy(to, from, (size_t)(tb->code_end - tb->code_start));
	memcpy(to + (tb->code - tb->code_start) - sizeof(tb->pc), &tb->pc,
	    sizeof(tb->pc));
	for (u32 i = 0; i < tb->nlinks; i++) {
		const struct link_site *l = &tb->links[i];
		u32 rel = l->stub - (l->off + 4);
		memcpy(to + l->off, &rel, sizeof(rel));
	}
	if (tb->unit)
		persist_unit_write(tb, to);
	return to;
}

static size_t kept_size(const struct tb *tb)
{
	return tb->unit ? persist_unit_size(tb) :
			  (size_t)(tb->code_end - tb->code_start);
}

static struct store_block describe(
    struct exec *ex, const struct image *im, const struct tb *tb, u8 *code)
{
	return (struct store_block){
		.off = (im->off + (tb->pc - im->start)) |
		    (tb->unit ? UNIT_OFF : 0),
		.pc = tb->pc,
		.bytes = { tb->hash.lo, tb->hash.hi },
		.len = tb->len,
		.insns = tb->insns,
		.size = (u32)kept_size(tb),
		.entry = (u32)(tb->code - tb->code_start),
		.phase = (u32)((uintptr_t)tb->code_start & 63),
		.nlinks = tb->nlinks,
		.nmap = tb->nmap,
		.npcs = tb->npcs,
		.flags = (tb->has_helper ? KEPT_HELPER : 0) |
		    (persist_movable(ex->vm, tb->pc) ? KEPT_MOVABLE : 0) |
		    (tb->unit ? KEPT_UNIT : 0) |
		    (tb->unit && tb->unit->left ? KEPT_LEFT : 0),
		.code = pristine(ex, tb, code),
		.links = tb->links,
		.map = tb->map,
		.pcs = tb->pcs,
	};
}

/* All of the unit's guest code is the image's. */
static bool unit_in(const struct image *im, const struct tb *tb)
{
	for (u32 i = 0; i < tb->unit->nparts; i++) {
		gva_t at = tb->pc + (gva_t)tb->unit->part[i].off;
		if (at < im->start || at >= im->end ||
		    tb->unit->part[i].len > im->end - at)
			return false;
	}
	return true;
}

static bool is_new(const struct tb *tb)
{
	bool left = tb->unit && tb->unit->left;

	return !tb->kept && (!tb->dead || left) && tb->len && tb->hash.lo;
}

static bool is_of(
    const struct exec *ex, const struct image *im, const struct tb *tb)
{
	if (tb->unit && !unit_in(im, tb))
		return false;
	return tb->pc - im->start < im->end - im->start &&
	    tb->len <= im->end - tb->pc && !has_exclusive(ex, tb->pc, tb->len);
}

void persist_leave(struct exec *ex, struct tb *unit, size_t k)
{
	unit->unit->left = true;
	unit->kept = false;
	if (ex->persist)
		ex->persist->saved = MIN(ex->persist->saved, k);
}

/* Save one image's among n new blocks. */
static void save_image(
    struct exec *ex, struct image *im, struct tb *const *tb, size_t n)
{
	struct persist *p = ex->persist;
	size_t all = 0, bytes = 0, worth = 0;

	for (size_t i = 0; i < n; i++)
		if (is_of(ex, im, tb[i])) {
			bytes += kept_size(tb[i]);
			worth += tb[i]->unit ? UNIT_WORTH : 1;
			all++;
		}
	bool few = im->file.nsegs == STORE_SEGS &&
	    (worth < SAVE_MIN || worth < im->file.nblocks / SAVE_PART);
	if (!all || (few && !p->patient))
		return;
	struct store_block *b = malloc(all * sizeof(*b));
	u8 *code = malloc(bytes);
	size_t k = 0, used = 0;
	for (size_t i = 0; b && code && i < n; i++) {
		if (!is_of(ex, im, tb[i]))
			continue;
		b[k] = describe(ex, im, tb[i], code + used);
		used += b[k++].size;
		tb[i]->kept = true;
	}
	if (k && store_append(&im->file, b, (u32)k) == 0)
		ex->vm->stats.cache_saved += k;
	im->stale = true;
	free(b);
	free(code);
}

void persist_save(struct exec *ex)
{
	struct persist *p = ex->persist;
	size_t n = 0, ntb = ex->ntb;

	if (!p || p->saved == ntb)
		return;
	struct tb **tb = malloc((ntb - p->saved) * sizeof(struct tb *));
	for (size_t i = p->saved; tb && i < ntb; i++)
		if (is_new(ex->by_code[i]))
			tb[n++] = ex->by_code[i];
	for (u32 i = 0; n && i < p->nimages; i++)
		save_image(ex, &p->image[i], tb, n);
	free(tb);
	p->saved = ntb;
}

void exec_cache_save(struct metic_vm *vm)
{
	if (!vm->exec->persist)
		return;
	pthread_mutex_lock(&vm->exec->lock);
	persist_save(vm->exec);
	pthread_mutex_unlock(&vm->exec->lock);
}

void exec_cache_patience(struct metic_vm *vm, bool patient)
{
	if (vm->exec->persist)
		vm->exec->persist->patient = patient;
}

void persist_forked(struct exec *ex)
{
	struct persist *p = ex->persist;

	if (!p)
		return;
	p->saved = ex->ntb;
	for (u32 i = 0; i < p->nimages; i++)
		p->image[i].stale = true;
}

void persist_free(struct exec *ex)
{
	struct persist *p = ex->persist;

	if (!p)
		return;
	for (u32 i = 0; i < p->nimages; i++)
		store_file_close(&p->image[i].file);
	store_close(&p->store);
	pages_free(p->image, IMAGES_BYTES);
	free(p);
	ex->persist = NULL;
}
