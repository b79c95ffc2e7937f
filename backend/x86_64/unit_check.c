/*
 * unit_check.c - what an object says about its own code: where its exits
 * are, at which nothing may happen to a pin any more, and where guest state
 * is at each access.
 *
 * Both are lists of quads with a relocation each, which name a place in the
 * text. The assembler writes them in order, so each is looked at once.
 */
#include "backend/x86_64/loader.h"

struct labels {
	const Elf64_Rela *r; /* those of one section */
	u64 n, next;
};

/* The relocations of section i; none: an empty list. */
static struct labels labels_of(struct loader *l, unsigned i)
{
	struct labels found = { 0 };
	u64 n;

	for (unsigned k = 1; k < l->eh->e_shnum; k++)
		if (l->sh[k].sh_type == SHT_RELA && l->sh[k].sh_info == i) {
			found.r = loader_section(l, k, &n);
			found.n = found.r ? n / sizeof(*found.r) : 0;
			return found;
		}
	return found;
}

/* Offset in the cache that the `.quad label` at `off` means, in the text. */
static bool label(struct loader *l, struct labels *q, u64 off, size_t *at)
{
	if (q->next == q->n)
		return false;
	const Elf64_Rela *r = &q->r[q->next++];
	u64 i = ELF64_R_SYM(r->r_info);
	if (r->r_offset != off || ELF64_R_TYPE(r->r_info) != R_X86_64_64 ||
	    i >= l->nsyms || l->sym[i].st_shndx != l->text ||
	    !loader_symbol(l, i, at))
		return false;
	*at += (size_t)r->r_addend;
	size_t t = l->at[l->text];
	return *at >= t && *at - t < l->sh[l->text].sh_size;
}

/* --- the map of accesses -------------------------------------------------- */

/* Is it the pc of an instruction that the unit was made from? */
static bool in_unit(const struct unit *u, gva_t pc)
{
	for (u32 k = 0; k < u->nnodes; k++)
		if (pc - u->node[k].ir->pc < u->node[k].ir->guest_len)
			return true;
	return false;
}

static void read_map(struct loader *l, unsigned i)
{
	struct unit_map *m = &l->uc->map;
	struct labels q = labels_of(l, i);
	u64 n, off = 0;
	const u8 *p = loader_section(l, i, &n);

	if (!p)
		return;
	if (m->access) {
		loader_bad(l, "two maps");
		return;
	}
	u32 max = (u32)(n / 4 + 1); /* places; "0=$0 " is the shortest */
	m->access = arena_new(l->uc->arena, struct unit_access, n / 17 + 1);
	m->place = arena_new(l->uc->arena, struct unit_place, max);
	if (!m->access || !m->place) {
		l->a.full = true;
		return;
	}
	while (off < n && !l->bad) {
		struct unit_access *x = &m->access[m->naccess++];
		size_t at;
		if (n - off < 17 || !memchr(p + off + 16, 0, n - off - 16) ||
		    !label(l, &q, off, &at)) {
			loader_bad(l, "bad map");
			return;
		}
		const char *text = (const char *)p + off + 16;
		memcpy(&x->pc, p + off + 8, sizeof(x->pc));
		x->off = (u32)at;
		x->first = m->nplaces;
		if (!in_unit(l->uc->unit, x->pc)) {
			loader_bad(l, "an access that the unit has not");
			return;
		}
		if (!x86_read_places(text, m, max)) {
			loader_bad(l, "a place in the map that is not known");
			return;
		}
		x->n = m->nplaces - x->first;
		off += 16 + strlen(text) + 1;
	}
	x86_sort_map(m);
}

/* --- borders -------------------------------------------------------------- */

/* Length of the change of rsp at p, of which `left` bytes are there; or 0. */
static size_t adjusts_rsp(const u8 *p, size_t left)
{
	static const struct {
		u8 code[4];
		u8 n, len;
	} form[] = {
		{ { 0x48, 0x83, 0xc4 }, 3, 4 }, /* add rsp, imm8 */
		{ { 0x48, 0x81, 0xc4 }, 3, 7 }, /* add rsp, imm32 */
		{ { 0x48, 0x83, 0xec }, 3, 4 }, /* sub rsp, -128 */
		{ { 0x48, 0x8d, 0x64, 0x24 }, 4, 5 }, /* lea rsp, [rsp + d8] */
	};

	for (size_t k = 0; k < ARRAY_LEN(form); k++)
		if (left >= form[k].len && !memcmp(p, form[k].code, form[k].n))
			return form[k].len;
	return 0;
}

static bool is_stub(const struct loader *l, size_t at)
{
	for (u32 i = 0; i < l->nstubs; i++)
		if (l->stub[i].at == at)
			return true;
	return false;
}

/* From `at` on nothing but changes of rsp, then out. */
static bool clean_exit(struct loader *l, size_t at)
{
	size_t t = l->at[l->text], end = t + l->sh[l->text].sh_size, n;

	for (int k = 0; k < 16; k++) {
		if (at < t || at >= end)
			return k > 0 && is_stub(l, at);
		const u8 *p = l->a.base + at;
		i32 rel = 0;
		if (p[0] == 0xc3)
			return true;
		if (p[0] == 0xe9 && end - at >= 5) {
			memcpy(&rel, p + 1, 4);
			at += 5 + (size_t)(i64)rel;
		} else if (p[0] == 0xeb && end - at >= 2) {
			at += 2 + (size_t)(i64)(i8)p[1];
		} else if ((n = adjusts_rsp(p, end - at))) {
			at += n;
		} else {
			return false;
		}
	}
	return false;
}

static void check_exits(struct loader *l, unsigned i)
{
	struct labels q = labels_of(l, i);
	u64 n;
	size_t at;

	if (!loader_section(l, i, &n))
		return;
	for (u64 k = 0; k < n / 8 && !l->bad; k++)
		if (!label(l, &q, 8 * k, &at) || !clean_exit(l, at))
			loader_bad(l, "a pin is touched after its exit");
}

void loader_check(struct loader *l)
{
	for (unsigned i = 1; i < l->eh->e_shnum && !l->bad; i++) {
		const char *name = loader_section_name(l, i);
		if (!strcmp(name, OBJECT_MAP))
			read_map(l, i);
		else if (!strcmp(name, OBJECT_EXITS))
			check_exits(l, i);
	}
}
