/* job.c - see job.h. */
#include "runtime/exec/job.h"

#include <stdio.h>
#include <stdlib.h>

void job_free(struct job *j)
{
	if (!j)
		return;
	arena_free(&j->arena);
	free(j->text);
	free(j);
}

static bool make_text(struct job *j, const struct guest_isa *g)
{
	FILE *f = open_memstream(&j->text, &j->len);

	if (!f)
		return false;
	unit_print(f, g, &j->formed.unit);
	return fclose(f) == 0;
}

/* The block that the job's code will be, and what kills it. Needs lock. */
static bool register_parts(struct exec *ex, struct job *j)
{
	struct tb *tb = arena_new(&ex->meta, struct tb, 1);

	if (!tb)
		return false;
	tb->pc = j->formed.unit.node[0].ir->pc;
	tb->len = j->formed.unit.node[0].ir->guest_len;
	tb->insns = j->formed.insns;
	tb->hash = j->formed.part[0].hash;
	tb->unit = arena_new(&ex->meta, struct tb_unit, 1);
	if (!tb->unit)
		return false;
	u32 n = tb->unit->nparts = j->formed.nparts;
	tb->unit->part = arena_new(&ex->meta, struct unit_part, n);
	if (!tb->unit->part)
		return false;
	memcpy(tb->unit->part, j->formed.part, n * sizeof(struct unit_part));
	j->tb = tb;
	return tb_add_parts(ex, tb) == 0;
}

struct job *job_form(struct vcpu *v, gva_t head, bool all, u32 id)
{
	struct exec *ex = v->vm->exec;
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	arena_init(&j->arena);
	pthread_mutex_lock(&ex->lock);
	bool ok = form_unit(v, head, all, &j->arena, &j->formed) &&
	    register_parts(ex, j);
	j->epoch = atomic_load(&ex->epoch);
	pthread_mutex_unlock(&ex->lock);
	if (ok) {
		j->id = j->formed.unit.id = id;
		ok = make_text(j, v->vm->guest);
	}
	if (ok)
		return j;
	job_free(j);
	return NULL;
}

static bool keep_map(struct exec *ex, struct tb *tb, const struct unit_code *uc)
{
	struct unit_map *m = &tb->unit->map;

	*m = uc->map;
	tb->links = arena_new(&ex->meta, struct link_site, uc->nlinks);
	tb->pcs = arena_new(&ex->meta, u32, uc->npcs);
	m->access = arena_new(&ex->meta, struct unit_access, m->naccess);
	m->place = arena_new(&ex->meta, struct unit_place, m->nplaces);
	if (!m->access || !m->place || !tb->links || !tb->pcs)
		return false;
	memcpy(tb->links, uc->links, uc->nlinks * sizeof(*uc->links));
	memcpy(tb->pcs, uc->pcs, uc->npcs * sizeof(*uc->pcs));
	if (m->naccess)
		memcpy(
		    m->access, uc->map.access, m->naccess * sizeof(*m->access));
	if (m->nplaces)
		memcpy(m->place, uc->map.place, m->nplaces * sizeof(*m->place));
	tb->nlinks = uc->nlinks;
	tb->npcs = uc->npcs;
	return true;
}

const char *job_install(
    struct exec *ex, struct job *j, const u8 *object, size_t n)
{
	struct unit_code uc = {
		.guest = ex->vm->guest,
		.unit = &j->formed.unit,
		.object = object,
		.nobject = n,
		.rw = ex->rw + ex->used,
		.rx = (u64)(uintptr_t)ex->rx + ex->used,
		.cap = ex->size - ex->used,
		.arena = &j->arena,
	};
	struct tb *tb = j->tb;

	if (atomic_load(&ex->epoch) != j->epoch)
		return "flushed";
	if (tb->dead)
		return "its code changed";
	if (ex->ntb == TB_MAX)
		return "no room";
	int err = ex->host->load_unit(&uc);
	if (err)
		return err == -EBADMSG && uc.why ? uc.why : "no room";
	if (!keep_map(ex, tb, &uc))
		return "out of memory";
	tb->code_start = ex->rx + ex->used;
	tb->code = tb->code_start + uc.entry;
	tb->code_end = tb->code_start + uc.size;
	ex->used += ALIGN_UP(uc.size, 16);
	tb->kept = j->other;
	tb_replace(ex, tb);
	return NULL;
}
