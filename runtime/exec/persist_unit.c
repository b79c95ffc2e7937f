/*
 * persist_unit.c - the optimizing tier's code in the store.
 *
 * A unit is kept like a block (persist.c). Behind its code stands what only
 * units have:
 *
 *   code, zeros up to a multiple of 8
 *   accesses, places, parts (structs as they are in memory)
 *   struct trailer
 *
 * It is taken only if the guest has the bytes of every part now.
 */
#include "runtime/exec/persist.h"

#include <xxhash.h>

struct trailer {
	u32 code; /* bytes */
	u32 naccess, nplaces, nparts;
};

static size_t code_size(const struct tb *tb)
{
	return (size_t)(tb->code_end - tb->code_start);
}

size_t persist_unit_size(const struct tb *tb)
{
	const struct tb_unit *u = tb->unit;

	return ALIGN_UP(code_size(tb), 8) +
	    u->map.naccess * sizeof(struct unit_access) +
	    u->map.nplaces * sizeof(struct unit_place) +
	    u->nparts * sizeof(struct unit_part) + sizeof(struct trailer);
}

static u8 *put(u8 *to, const void *p, size_t n)
{
	if (n)
		memcpy(to, p, n);
	return to + n;
}

void persist_unit_write(const struct tb *tb, u8 *to)
{
	const struct unit_map *m = &tb->unit->map;
	const struct trailer t = { (u32)code_size(tb), m->naccess, m->nplaces,
		tb->unit->nparts };
	size_t end = ALIGN_UP(t.code, 8);

	memset(to + t.code, 0, end - t.code);
	to = put(to + end, m->access, m->naccess * sizeof(*m->access));
	to = put(to, m->place, m->nplaces * sizeof(*m->place));
	to = put(to, tb->unit->part, t.nparts * sizeof(*tb->unit->part));
	put(to, &t, sizeof(t));
}

/* Does the guest have the code of all parts? Under the caller's guard. */
static bool parts_hold(
    struct vcpu *v, const struct image *im, const struct tb_unit *u, gva_t pc)
{
	for (u32 i = 0; i < u->nparts; i++) {
		const struct unit_part *p = &u->part[i];
		gva_t at = pc + (gva_t)p->off;
		if (at < im->start || at >= im->end || p->len > im->end - at)
			return false;
		XXH128_hash_t h = XXH3_128bits(
		    (const void *)(uintptr_t)(v->vm->mem_base + at), p->len);
		if (h.low64 != p->hash.lo || h.high64 != p->hash.hi)
			return false;
	}
	return true;
}

static bool map_holds(const struct unit_map *m, u32 code)
{
	for (u32 i = 0; i < m->naccess; i++) {
		const struct unit_access *a = &m->access[i];
		if (a->off >= code || a->first > m->nplaces ||
		    a->n > m->nplaces - a->first)
			return false;
	}
	for (u32 i = 0; i < m->nplaces; i++)
		if (m->place[i].slot >= ABI_NSLOTS ||
		    m->place[i].kind > PLACE_FPINS ||
		    m->place[i].reg >= PLACE_REGS)
			return false;
	return true;
}

bool persist_unit_read(struct vcpu *v, const struct image *im, struct tb *tb,
    struct store_block *b, u64 delta)
{
	struct arena *a = &v->vm->exec->meta;
	struct tb_unit *u = arena_new(a, struct tb_unit, 1);
	struct trailer t;

	if (!u || b->size < sizeof(t))
		return false;
	memcpy(&t, b->code + b->size - sizeof(t), sizeof(t));
	u64 want = ALIGN_UP((u64)t.code, 8) +
	    (u64)t.naccess * sizeof(struct unit_access) +
	    (u64)t.nplaces * sizeof(struct unit_place) +
	    (u64)t.nparts * sizeof(struct unit_part) + sizeof(t);
	if (want != b->size || b->entry >= t.code)
		return false;
	const u8 *p = b->code + ALIGN_UP(t.code, 8);
	u->map.naccess = t.naccess;
	u->map.nplaces = t.nplaces;
	u->nparts = t.nparts;
	u->map.access = arena_new(a, struct unit_access, t.naccess);
	u->map.place = arena_new(a, struct unit_place, t.nplaces);
	u->part = arena_new(a, struct unit_part, t.nparts);
	if (!u->map.access || !u->map.place || !u->part)
		return false;
	memcpy(u->map.access, p, t.naccess * sizeof(*u->map.access));
	p += t.naccess * sizeof(*u->map.access);
	memcpy(u->map.place, p, t.nplaces * sizeof(*u->map.place));
	p += t.nplaces * sizeof(*u->map.place);
	memcpy(u->part, p, t.nparts * sizeof(*u->part));
	for (u32 i = 0; i < t.naccess; i++)
		u->map.access[i].pc += delta;
	tb->unit = u;
	b->size = t.code;
	return map_holds(&u->map, t.code) && parts_hold(v, im, u, tb->pc);
}
