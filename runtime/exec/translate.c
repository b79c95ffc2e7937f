/*
 * translate.c - from guest pc to a translation block in the tables:
 * lift -> passes -> compile -> insert, all under exec.lock.
 */
#include "runtime/exec/persist.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <xxhash.h>

/* The most guest bytes that one block may span. */
#define WINDOW (2 * HOST_PAGE)
/* The longest instruction of any guest. */
#define INSN_MAX 4

u64 exec_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* Bytes of executable guest memory from pc on, at most WINDOW. */
static size_t code_window(struct metic_vm *vm, gva_t pc)
{
	gva_t end = pc;
	struct map_range r;
	while (end - pc < WINDOW && map_find(&vm->map, end, &r) &&
	    (r.prot & MAP_PROT_X))
		end = r.end;
	return (size_t)MIN(end - pc, WINDOW);
}

static void dump_ir(
    void *ctx, char letter, const char *stage, const struct ir_region *r)
{
	const struct metic_vm *vm = ctx;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	if (!f)
		return;
	fprintf(f, "# %c: after %s\n", letter, stage);
	ir_print(f, vm->guest, r);
	fclose(f);
	if (vm->cfg.log)
		vm->cfg.log(vm->cfg.log_ctx, text, n);
	free(text);
}

static void dump_host(const struct metic_vm *vm, const struct codegen *cg)
{
	vm_log(vm, "# X: host code of 0x%llx at 0x%llx, %zu bytes\n",
	    (unsigned long long)cg->region->pc, (unsigned long long)cg->rx,
	    cg->size);
	for (size_t i = 0; i < cg->size; i += 32) {
		char line[80];
		int k = 0;
		for (size_t j = i; j < MIN(i + 32, cg->size); j++)
			k += snprintf(line + k, sizeof(line) - (size_t)k,
			    "%02x", cg->rw[j]);
		vm_log(vm, "%s\n", line);
	}
}

/*
 * Lift from guest memory, which may go away under us (a file truncated by
 * somebody else): then false. The hash covers the bytes that were lifted.
 */
static bool lift(struct vcpu *v, gva_t pc, u32 max_insns, bool beneath,
    bool exclusive, struct code_hash *hash)
{
	struct metic_vm *vm = v->vm;
	struct exec *ex = vm->exec;
	struct lift_opts o = {
		.max_insns = max_insns,
		.side_exits = true,
		.user = true,
		.movable = persist_movable(vm, pc),
		.exclusive = exclusive,
		.wants_exclusive = exclusive_wanted,
		.ctx = ex,
	};
	struct lift_code code = {
		.pc = pc,
		.bytes = (const u8 *)(uintptr_t)(vm->mem_base + pc),
		.len = code_window(vm, pc),
	};
	if (!beneath)
		code.len = debug_code_end(ex, pc, code.len);
	arena_reset(&ex->arena);
	ir_init(&ex->region, &ex->arena, pc);
	if (!fault_guard(v)) {
		/* unreadable after all: lift it as unmapped */
		arena_reset(&ex->arena);
		ir_init(&ex->region, &ex->arena, pc);
		code.len = 0;
		vm->guest->lift(ex->decoder, &ex->region, &code, &o);
		*hash = (struct code_hash){ 0 };
		return !ex->region.failed;
	}
	vm->guest->lift(ex->decoder, &ex->region, &code, &o);
	XXH128_hash_t h = XXH3_128bits(code.bytes, ex->region.guest_len);
	*hash = (struct code_hash){ h.low64, h.high64 };
	fault_unguard(v);
	return !ex->region.failed;
}

/* A copy of the region in an arena that lives longer. */
static struct ir_region *keep_ir(struct exec *ex, struct arena *a)
{
	const struct ir_region *r = &ex->region;
	struct ir_region *k = arena_alloc(a, sizeof(*k));
	if (!k)
		return NULL;
	*k = *r;
	k->arena = NULL;
	k->insn = arena_new(a, struct ir_insn, r->ninsns);
	if (!k->insn)
		return NULL;
	memcpy(k->insn, r->insn, r->ninsns * sizeof(*r->insn));
	return k;
}

static bool uses_helper(const struct ir_region *r)
{
	for (u32 i = 0; i < r->ninsns; i++)
		if (r->insn[i].op == IR_HELPER)
			return true;
	return false;
}

/* Compile ex->region into the cache. -ENOSPC, -ENOMEM: flush first. */
static int compile(struct exec *ex, struct tb *tb)
{
	struct metic_vm *vm = ex->vm;
	struct codegen cg = {
		.guest = vm->guest,
		.region = &ex->region,
		.opts = { .as = vm->as,
		    .count = vm->cfg.count,
		    .no_links = vm->cfg.check,
		    .movable = persist_movable(vm, tb->pc) },
		.rw = ex->rw + ex->used,
		.rx = (u64)(uintptr_t)ex->rx + ex->used,
		.cap = ex->size - ex->used,
		.arena = &ex->arena,
	};
	if (ex->ntb == TB_MAX)
		return -ENOSPC;
	int err = ex->host->compile(&cg);
	if (err)
		return err;
	tb->code_start = ex->rx + ex->used;
	tb->code = tb->code_start + cg.entry;
	tb->code_end = tb->code_start + cg.size;
	tb->links = arena_new(&ex->meta, struct link_site, cg.nlinks);
	tb->map = arena_new(&ex->meta, struct pc_map, cg.nmap);
	if (!tb->links || !tb->map)
		return -ENOMEM;
	memcpy(tb->links, cg.links, cg.nlinks * sizeof(*cg.links));
	memcpy(tb->map, cg.map, cg.nmap * sizeof(*cg.map));
	if (ex->persist && cg.npcs) {
		tb->pcs = arena_new(&ex->meta, u32, cg.npcs);
		if (!tb->pcs)
			return -ENOMEM;
		memcpy(tb->pcs, cg.pcs, cg.npcs * sizeof(*cg.pcs));
		tb->npcs = cg.npcs;
	}
	tb->nlinks = cg.nlinks;
	tb->nmap = cg.nmap;
	ex->used += ALIGN_UP(cg.size, 16);
	vm->stats.host_bytes += cg.size;
	if (vm->cfg.dump && strchr(vm->cfg.dump, 'X'))
		dump_host(vm, &cg);
	return 0;
}

static struct tb *translate(struct vcpu *v, gva_t pc, bool with_ir, bool units)
{
	struct metic_vm *vm = v->vm;
	struct exec *ex = vm->exec;
	u64 t0 = exec_now_ns();
	u32 max = vm->cfg.max_insns ? vm->cfg.max_insns : TB_MAX_INSNS;
	struct image *im = persist_image(ex, pc);
	struct tb *tb;
	/* flush first: blocks that died are in there, too */
	if (ex->meta.size > META_MAX)
		return NULL;
	if (im && !with_ir) {
		tb = persist_load(v, im, pc,
		    debug_code_end(ex, pc, code_window(vm, pc)), units);
		if (tb) {
			vm->stats.load_ns += exec_now_ns() - t0;
			return tb;
		}
	}
	tb = arena_new(&ex->meta, struct tb, 1);
	if (!tb || !lift(v, pc, max, false, false, &tb->hash))
		return NULL;
	tb->pc = pc;
	tb->len = ex->region.guest_len;
	if (!tb->len) { /* no code: whatever comes there replaces it */
		tb->len = INSN_MAX;
		tb->hash = (struct code_hash){ 0 };
	}
	tb->insns = ex->region.guest_insns;
	tb->kept = ex->debug.nbreaks; /* cut short by one, perhaps */
	struct pipeline_opts po = {
		.verify = vm->cfg.verify,
		.dump = vm->cfg.dump,
		.dump_to = dump_ir,
		.dump_ctx = vm,
	};
	translate_passes(vm->guest, &ex->region, &po);
	tb->has_helper = uses_helper(&ex->region);
	if (ex->host && vm->cfg.tier != TIER_INTERP) {
		int err = compile(ex, tb);
		if (err == -E2BIG) /* the backend cannot: interpret it */
			with_ir = true;
		else if (err)
			return NULL;
	}
	if (with_ir && !(tb->ir = keep_ir(ex, &ex->meta)))
		return NULL;
	if (tb_insert(ex, tb) != 0)
		return NULL;
	vm->stats.blocks++;
	vm->stats.guest_insns += tb->insns;
	vm->stats.ir_insns += ex->region.ninsns;
	vm->stats.translate_ns += exec_now_ns() - t0;
	if (ex->persist && !ex->persist->patient &&
	    ex->ntb - ex->persist->saved >= SAVE_SOON)
		persist_save(ex);
	return tb;
}

struct tb *tb_get(struct vcpu *v, gva_t pc, bool with_ir)
{
	struct exec *ex = v->vm->exec;
	struct tb *tb = tb_find(ex, pc);
	if (tb && (!with_ir || tb->ir))
		return tb;
	pthread_mutex_lock(&ex->lock);
	tb = tb_find(ex, pc);
	if (tb && with_ir && !tb->ir) {
		tb_kill(ex, tb); /* made for native code only: once more */
		tb = NULL;
	}
	if (!tb) {
		u8 before = v->activity;
		v->activity = VCPU_TRANSLATES;
		tb = translate(v, pc, with_ir, true);
		v->activity = before;
	}
	pthread_mutex_unlock(&ex->lock);
	return tb;
}

struct tb *tb_get_block(struct vcpu *v, gva_t pc)
{
	struct exec *ex = v->vm->exec;
	pthread_mutex_lock(&ex->lock);
	struct tb *tb = tb_find_block(ex, pc);
	if (!tb)
		tb = translate(v, pc, false, false);
	pthread_mutex_unlock(&ex->lock);
	return tb;
}

struct ir_region *translate_ir(
    struct vcpu *v, gva_t pc, u32 max, struct arena *a, struct code_hash *hash)
{
	struct exec *ex = v->vm->exec;
	struct pipeline_opts po = { .verify = v->vm->cfg.verify };

	if (!lift(v, pc, max, false, false, hash))
		return NULL;
	translate_passes(v->vm->guest, &ex->region, &po);
	return ex->region.failed ? NULL : keep_ir(ex, a);
}

struct ir_region *translate_again(struct vcpu *v, gva_t pc)
{
	struct exec *ex = v->vm->exec;
	u32 max = v->vm->cfg.max_insns;
	struct code_hash hash;

	return lift(v, pc, max ? max : TB_MAX_INSNS, false, false, &hash) ?
	    &ex->region :
	    NULL;
}

static const struct ir_region *one(
    struct vcpu *v, gva_t pc, bool beneath, bool exclusive)
{
	struct exec *ex = v->vm->exec;
	const struct ir_region *r = NULL;
	struct code_hash hash;
	arena_reset(&v->arena);
	pthread_mutex_lock(&ex->lock);
	if (lift(v, pc, 1, beneath, exclusive, &hash))
		r = keep_ir(ex, &v->arena);
	pthread_mutex_unlock(&ex->lock);
	return r;
}

const struct ir_region *translate_one(struct vcpu *v, gva_t pc, bool beneath)
{
	return one(v, pc, beneath, false);
}

const struct ir_region *translate_exclusive(struct vcpu *v, gva_t pc)
{
	return one(v, pc, false, true);
}
