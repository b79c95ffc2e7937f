/*
 * explain.c - from a symbol or an address to blocks; explain_code.c writes
 * one.
 *
 * The blocks are made as a run would make them: from the function's start,
 * from where jumps and calls in it lead, and, for what an indirect jump leads
 * to, from the end of each block. So there may be blocks that no run enters.
 */
#include "runtime/look/explain.h"

#include <stdlib.h>

#include "runtime/exec/tier.h"

#define BLOCKS_MAX 4096
/* A unit with code that is farther apart is shown by its head. */
#define MAX_SPAN 65536

struct found {
	struct tb *tb[BLOCKS_MAX];
	size_t n, done; /* the links of tb[0 .. done) have been followed */
};

static bool known(const struct found *f, gva_t pc)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->tb[i]->pc == pc)
			return true;
	return false;
}

static int add(struct explain *x, struct found *f, gva_t pc)
{
	if (known(f, pc) || f->n == BLOCKS_MAX)
		return 0;
	struct tb *tb = tb_get(x->vm->vcpus, pc, true);
	if (!tb)
		return -ENOMEM;
	f->tb[f->n++] = tb;
	return 0;
}

/* The first byte of [lo, hi) that no block has, or hi. */
static gva_t first_gap(const struct found *f, gva_t lo, gva_t hi)
{
	for (bool moved = true; moved && lo < hi;) {
		moved = false;
		for (size_t i = 0; i < f->n; i++)
			if (lo - f->tb[i]->pc < f->tb[i]->len) {
				lo = f->tb[i]->pc + f->tb[i]->len;
				moved = true;
			}
	}
	return lo;
}

static int collect(struct explain *x, struct found *f, gva_t lo, gva_t hi)
{
	int err = add(x, f, lo);
	while (!err && hi && f->n < BLOCKS_MAX) {
		while (!err && f->done < f->n) {
			const struct tb *tb = f->tb[f->done++];
			for (u32 i = 0; !err && i < tb->nlinks; i++)
				if (tb->links[i].target - lo < hi - lo)
					err = add(x, f, tb->links[i].target);
		}
		gva_t gap = first_gap(f, lo, hi);
		if (gap >= hi)
			break;
		err = err ? err : add(x, f, gap);
	}
	return err;
}

static int by_pc(const void *a, const void *b)
{
	const struct tb *x = *(struct tb *const *)a;
	const struct tb *y = *(struct tb *const *)b;

	return x->pc < y->pc ? -1 : x->pc > y->pc;
}

static void show_pins(struct explain *x)
{
	const struct guest_isa *g = x->vm->guest;
	const struct host_backend *host = x->vm->exec->host;
	char name[16];
	int col = 0;

	if (!host)
		return;
	fputs("registers held in host registers:", x->out);
	for (u32 i = 0; i < g->nregs; i++) {
		if (!host->pin_name(&g->regs[i], name, sizeof(name)))
			continue;
		fprintf(x->out, "%s %s=%s", col++ % 8 ? "" : "\n ",
		    g->regs[i].name, name);
	}
	fputc('\n', x->out);
}

/* The accesses of a unit are what is known of its host code's guest pcs. */
static void explain_unit(struct explain *x, const struct tb *tb)
{
	const struct unit_map *m = &tb->unit->map;
	gva_t lo = tb->pc, hi = tb->pc + tb->len;
	struct pc_map *map = calloc(m->naccess + 1, sizeof(*map));
	u32 n = 0;

	for (u32 i = 0; i < tb->unit->nparts; i++) {
		const struct unit_part *p = &tb->unit->part[i];
		lo = MIN(lo, tb->pc + (gva_t)p->off);
		hi = MAX(hi, tb->pc + (gva_t)p->off + p->len);
	}
	for (u32 i = 0; map && i < m->naccess; i++)
		map[n++] = (struct pc_map){ m->access[i].off,
			(u32)(m->access[i].pc - lo) };
	const struct explained e = {
		.tier = "optimizing",
		.pc = lo,
		.len = hi - lo < MAX_SPAN ? (u32)(hi - lo) : tb->len,
		.code = tb->code_start,
		.entry = (u32)(tb->code - tb->code_start),
		.size = (u32)(tb->code_end - tb->code_start),
		.map = map,
		.nmap = n,
		.links = tb->links,
		.nlinks = tb->nlinks,
	};
	explain_code(x, &e);
	free(map);
}

static bool covers(const struct tb *unit, gva_t pc)
{
	for (u32 i = 0; unit && i < unit->unit->nparts; i++)
		if (unit->pc + (gva_t)unit->unit->part[i].off == pc)
			return true;
	return false;
}

/* The loops of the blocks, each where it is met first. */
static void explain_units(struct explain *x, const struct found *f)
{
	const struct tb *unit = NULL;

	for (size_t i = 0; i < f->n; i++) {
		if (covers(unit, f->tb[i]->pc))
			continue;
		struct tb *tb = tier_compile(x->vm->vcpus, f->tb[i]->pc);
		if (!tb)
			continue;
		unit = tb;
		explain_unit(x, tb);
	}
}

int explain_range(struct explain *x, gva_t lo, gva_t hi)
{
	struct found *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	int err = collect(x, f, lo, hi);
	if (f->n)
		qsort(f->tb, f->n, sizeof(struct tb *), by_pc);
	u64 insns = 0, host = 0;
	for (size_t i = 0; i < f->n; i++) {
		insns += f->tb[i]->insns;
		host += (u64)(f->tb[i]->code_end - f->tb[i]->code);
	}
	fprintf(x->out,
	    "%zu blocks, %llu guest instructions, %llu bytes of host code\n",
	    f->n, (unsigned long long)insns, (unsigned long long)host);
	show_pins(x);
	for (size_t i = 0; i < f->n; i++) {
		const struct tb *tb = f->tb[i];
		const struct explained e = {
			.tier = "baseline",
			.pc = tb->pc,
			.len = tb->len,
			.ir = tb->ir,
			.code = tb->code ? tb->code_start : NULL,
			.entry = (u32)(tb->code - tb->code_start),
			.size = (u32)(tb->code_end - tb->code_start),
			.map = tb->map,
			.nmap = tb->nmap,
			.links = tb->links,
			.nlinks = tb->nlinks,
		};
		explain_code(x, &e);
	}
	explain_units(x, f);
	free(f);
	return err;
}

/* --- from text to an address --------------------------------------------- */

struct place {
	gva_t lo, hi; /* hi: the end of the function, 0: a block is meant */
};

/* Where the file offset `off` of o is mapped; false: nowhere. */
static bool mapped_at(
    const struct names *n, const struct object *o, u64 off, gva_t *pc)
{
	for (size_t i = 0; i < n->nspans; i++) {
		const struct name_span *s = &n->span[i];
		if (s->object == o && off - s->off < s->end - s->start) {
			*pc = s->start + (off - s->off);
			return true;
		}
	}
	return false;
}

static bool find_symbol(
    const struct names *n, gva_t entry, const char *what, struct place *p)
{
	struct code_name prog;
	char *end, name[1024];
	const char *plus = strrchr(what, '+');
	size_t len = plus ? (size_t)(plus - what) : strlen(what);
	u64 more = plus ? strtoull(plus + 1, &end, 0) : 0;

	if (len >= sizeof(name) || (plus && (*end || !plus[1])))
		return false;
	memcpy(name, what, len);
	name[len] = '\0';
	names_find(n, entry, &prog);
	for (int own = 1; own >= 0; own--)
		for (struct object *o = n->objects; o; o = o->next) {
			if ((o == prog.object) != own)
				continue;
			const struct symbol *s =
			    symbols_named(&o->symbols, name);
			if (!s || !mapped_at(n, o, s->off + more, &p->lo))
				continue;
			p->hi = more ? 0 : p->lo + s->size;
			return true;
		}
	return false;
}

static bool is_code(struct metic_vm *vm, gva_t pc)
{
	struct map_range r;
	return map_find(&vm->map, pc, &r) && (r.prot & MAP_PROT_X);
}

static bool find_place(
    struct explain *x, gva_t entry, const char *what, struct place *p)
{
	char *end;
	u64 addr = strtoull(what, &end, 0);

	if (find_symbol(x->names, entry, what, p))
		return true;
	if (end == what || *end)
		return false;
	*p = (struct place){ .lo = addr + x->base };
	if (!is_code(x->vm, p->lo))
		p->lo = addr;
	return is_code(x->vm, p->lo);
}

/* Learn all code that is mapped. */
static void learn_all(struct names *n, struct mem_map *map)
{
	struct map_range r;

	for (gva_t a = 0; map_next(map, a, &r); a = r.end)
		if (r.prot & MAP_PROT_X)
			names_learn(n, map, r.start);
}

static int explain_place(
    struct explain *x, const char *what, const struct place *p)
{
	char name[1024];

	names_text(x->names, p->lo, name, sizeof(name));
	fprintf(x->out, "%s: %s 0x%llx", what, p->hi ? "function at" : "in",
	    (unsigned long long)(p->lo - x->base));
	if (p->hi)
		fprintf(x->out, ", %llu bytes",
		    (unsigned long long)(p->hi - p->lo));
	else
		fprintf(x->out, ", %s", name);
	fprintf(x->out, ", load address 0x%llx\n", (unsigned long long)x->base);
	return explain_range(x, p->lo, p->hi);
}

int explain_text(struct metic_vm *vm, const char *what, const char *root,
    gva_t base, gva_t entry, FILE *f)
{
	struct vcpu *outer = vcpu_current();
	struct explain x = { .vm = vm, .base = base, .out = f };
	struct names n;
	struct place p;

	int err = names_init(&n, root);
	if (err)
		return err;
	x.names = &n;
	x.decoder = vm->guest->open();
	learn_all(&n, &vm->map);
	vcpu_adopt(vm->vcpus); /* guards work for the running vCPU */
	if (!x.decoder)
		err = -ENOMEM;
	else if (!find_place(&x, entry, what, &p))
		err = -ENOENT;
	else
		err = explain_place(&x, what, &p);
	vcpu_adopt(outer);
	if (x.decoder)
		vm->guest->close(x.decoder);
	names_free(&n);
	return err;
}
