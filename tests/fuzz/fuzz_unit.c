/*
 * fuzz_unit.c - damaged objects of metic-jitd against the loader of units.
 *
 *   fuzz_unit [--seed N] [--cases N] [--seconds S] [UNIT OBJECT]...
 *
 * Objects that metic-jitd made when this was built (units/, or those given:
 * a unit's text and its object) are damaged and loaded, now and then into too
 * little room. x86_load_unit must refuse with a reason, or give what the rest
 * of metic may rely on: every offset within the code, link sites that can be
 * patched, addresses that do not overlap, a map of known places. Each
 * allocation is one of malloc (strict_arena.c) and of the exact size, for the
 * sanitizers. A case that takes ten seconds ends it, too: the loader works
 * under a lock.
 */
#include <unistd.h>

#include "backend/x86_64/abi_x86.h"
#include "backend/x86_64/object.h"
#include "runtime/base/arena.h"
#include "tests/fuzz/unit_damage.h"
#include "translator/unit.h"

#define SEEDS_MAX 32
#define HANGS_S 10
#define ROOM (256u << 10)

struct seed {
	struct arena arena;
	struct unit unit;
	u8 *object;
	size_t n;
};

static u8 *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	u8 *p = malloc(1 << 20);

	if (!f || !p) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	*n = fread(p, 1, (1 << 20) - 1, f);
	fclose(f);
	p[*n] = 0;
	return p;
}

static void read_seed(struct seed *s, const char *unit, const char *object)
{
	size_t n;
	char err[256] = "", *text = (char *)slurp(unit, &n);

	arena_init(&s->arena);
	if (unit_parse(
		text, guest_list[0], &s->arena, &s->unit, err, sizeof(err))) {
		fprintf(stderr, "%s: %s\n", unit, err);
		exit(2);
	}
	free(text);
	s->object = slurp(object, &s->n);
}

/* --- what must hold ------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* What is written later: no byte of it twice, nothing outside. */
static const char *check_sites(const struct unit_code *uc)
{
	u64 *at = malloc((uc->npcs + uc->nlinks + 1) * sizeof(*at)), n = 0;
	const char *bad = NULL;

	for (u32 k = 0; k < uc->npcs; k++)
		at[n++] = (u64)uc->pcs[k] << 32 | 8;
	for (u32 k = 0; k < uc->nlinks; k++)
		at[n++] = (u64)uc->links[k].off << 32 | 4;
	qsort(at, n, sizeof(*at), by_value);
	for (u64 k = 0; k < n; k++) {
		u64 end = (at[k] >> 32) + (u32)at[k];
		if (end > uc->size)
			bad = "a site outside of the code";
		if (k + 1 < n && end > at[k + 1] >> 32)
			bad = "sites overlap";
	}
	free(at);
	return bad;
}

static const char *check_links(const struct unit_code *uc)
{
	for (u32 k = 0; k < uc->nlinks; k++) {
		const struct link_site *s = &uc->links[k];
		i32 rel;
		if (s->off < 1 || s->off + 4u > uc->size)
			return "a link outside of the code";
		memcpy(&rel, uc->rw + s->off, 4);
		if (uc->rw[s->off - 1] != 0xe9 || s->stub >= uc->size ||
		    (i64)s->off + 4 + rel != s->stub)
			return "a link that does not lead to its stub";
		if ((uc->rx + s->off) % 64 > 60)
			return "a link on two cache lines";
		if (s->target & 1 & ~LINK_BASELINE)
			return "a link to an odd address";
	}
	return NULL;
}

static const char *check_map(const struct unit_code *uc)
{
	const struct unit_map *m = &uc->map;

	for (u32 k = 0; k < m->naccess; k++) {
		const struct unit_access *a = &m->access[k];
		if (a->off >= uc->size || a->first > m->nplaces ||
		    a->n > m->nplaces - a->first)
			return "an access outside";
		if (k && a->off < a[-1].off)
			return "accesses that are not sorted";
		bool known = false;
		for (u32 n = 0; n < uc->unit->nnodes; n++) {
			const struct ir_region *r = uc->unit->node[n].ir;
			known |= a->pc - r->pc < r->guest_len;
		}
		if (!known)
			return "an access at a pc that is not the unit's";
	}
	for (u32 k = 0; k < m->nplaces; k++) {
		const struct unit_place *p = &m->place[k];
		bool reg = p->kind == PLACE_REG && p->reg < XMM0 + 16u &&
		    p->reg != RSP && p->reg != VCPU &&
		    (p->reg < 16 || p->reg >= XMM0);
		bool stack = p->kind == PLACE_STACK && p->value >= 0 &&
		    p->value < FRAME_MAX;
		if (p->slot >= ABI_NSLOTS ||
		    (!reg && !stack && p->kind != PLACE_CONST &&
			p->kind != PLACE_FPINS))
			return "a place that is none";
	}
	return NULL;
}

static const char *check_loaded(const struct unit_code *uc)
{
	gva_t pc;
	const char *bad;

	if (uc->size > uc->cap || uc->entry < 8 || uc->entry >= uc->size ||
	    (uc->rx + uc->entry) % 16)
		return "a bad entry";
	memcpy(&pc, uc->rw + uc->entry - 8, sizeof(pc));
	if (pc != uc->unit->node[0].ir->pc)
		return "the head's pc is missing";
	bad = check_sites(uc);
	if (!bad)
		bad = check_links(uc);
	return bad ? bad : check_map(uc);
}

/* Load n bytes of the object; NULL or what is wrong. */
static const char *load(const struct seed *s, const u8 *object, size_t n,
    size_t room, u64 rx, bool *taken)
{
	struct arena a;
	struct unit_code uc = { .guest = guest_list[0],
		.unit = &s->unit,
		.object = object,
		.nobject = n,
		.rw = malloc(room),
		.rx = rx,
		.cap = room,
		.arena = &a };
	const char *bad = NULL;

	arena_init(&a);
	int err = x86_load_unit(&uc);
	*taken = !err;
	if (!err)
		bad = check_loaded(&uc);
	else if (err != -ENOSPC && err != -EBADMSG)
		bad = "an error that is not known";
	else if (err == -ENOSPC && room == ROOM)
		bad = "too much room wanted";
	else if (err == -EBADMSG && !uc.why)
		bad = "no reason given";
	arena_free(&a);
	free(uc.rw);
	return bad;
}

static const char *run_case(const struct seed *s, struct fz_rng *g, bool *taken)
{
	u8 *whole = malloc(s->n);

	memcpy(whole, s->object, s->n);
	size_t n = unit_damage(g, whole, s->n);
	u8 *object = malloc(n ? n : 1); /* of its size */
	memcpy(object, whole, n);
	free(whole);
	size_t room = fz_once_in(g, 8) ? fz_below(g, 8192) : ROOM;
	const char *bad = load(s, object, n, room,
	    0x7f0000000000 + 16ull * fz_below(g, 1 << 20), taken);
	free(object);
	return bad;
}

/* Undamaged, every object is taken. */
static bool all_taken(const struct seed *seeds, u32 n)
{
	bool taken;

	for (u32 k = 0; k < n; k++) {
		const char *bad = load(&seeds[k], seeds[k].object, seeds[k].n,
		    ROOM, 0x7f0000000000, &taken);
		if (bad || !taken) {
			printf("seed %u: %s\n", k, bad ? bad : "refused");
			return false;
		}
	}
	return n > 0;
}

static u32 usual_seeds(struct seed *seeds)
{
	static const char *const name[] = { FUZZ_UNITS };
	u32 n = 0;

	for (; n < ARRAY_LEN(name); n++) {
		char unit[512], object[512];
		snprintf(unit, sizeof(unit), UNITS_SOURCE "/%s.unit", name[n]);
		snprintf(
		    object, sizeof(object), UNITS_BUILT "/%s.unit.o", name[n]);
		read_seed(&seeds[n], unit, object);
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct seed seeds[SEEDS_MAX];
	struct fz_opts o = { .seed = 1 };
	u64 done = 0, accepted = 0;
	u32 n = 0;

	for (int i = 1; i < argc; i++) {
		if (fz_option(&o, argc, argv, &i))
			continue;
		if (n < SEEDS_MAX && i + 1 < argc)
			read_seed(&seeds[n++], argv[i], argv[i + 1]);
		i++;
	}
	if (!n)
		n = usual_seeds(seeds);
	if (!all_taken(seeds, n))
		return 1;
	if (!o.cases && !o.seconds)
		o.seconds = 10;
	double t0 = fz_now();
	for (u64 index = 0; fz_more(&o, done, t0); index++, done++) {
		struct fz_rng g = { o.seed * 0x100000001b3u + index };
		const struct seed *s = &seeds[fz_below(&g, n)];
		bool taken;
		alarm(HANGS_S);
		const char *bad = run_case(s, &g, &taken);
		accepted += taken;
		if (bad) {
			printf("seed %llu, case %llu: %s\n",
			    (unsigned long long)o.seed,
			    (unsigned long long)index, bad);
			return 1;
		}
	}
	printf("%llu cases of %u objects, %llu accepted\n",
	    (unsigned long long)done, n, (unsigned long long)accepted);
	return 0;
}
