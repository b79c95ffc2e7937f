/*
 * object.c - an object file of metic-jitd becomes code in the cache.
 *
 * In the cache: the head's guest pc (8 bytes, as before every block), a test
 * that the call stack has room for a frame, the object's text, its constants,
 * then a stub for each place that the text goes on at (unit_stubs.c).
 *
 * The object comes from another process. Every offset is checked, only the
 * relocations that GCC makes for such code are applied, and the borders,
 * where GCC has to leave the pins alone, are looked at (unit_check.c).
 * ELF-64 object files, x86-64 psABI 4.4.
 */
#include "backend/x86_64/loader.h"

#include <stdio.h>
#include <stdlib.h>

void loader_bad(struct loader *l, const char *why)
{
	if (!l->bad)
		l->uc->why = why;
	l->bad = true;
}

/* `n` bytes at `off` of the object, or NULL. */
static const void *bytes(struct loader *l, u64 off, u64 n)
{
	if (off > l->uc->nobject || n > l->uc->nobject - off) {
		loader_bad(l, "cut off");
		return NULL;
	}
	return l->uc->object + off;
}

const void *loader_section(struct loader *l, unsigned i, u64 *n)
{
	const Elf64_Shdr *s = &l->sh[i];

	*n = s->sh_size;
	if ((s->sh_type == SHT_RELA || s->sh_type == SHT_SYMTAB) &&
	    s->sh_offset % 8) {
		loader_bad(l, "a table that is not aligned");
		return NULL;
	}
	return bytes(l, s->sh_offset, *n);
}

/* Section i as a table of strings: it ends with a NUL. Or NULL. */
static const char *string_table(struct loader *l, unsigned i, u64 *n)
{
	if (i >= l->eh->e_shnum) {
		loader_bad(l, "bad names");
		return NULL;
	}
	const char *p = loader_section(l, i, n);
	if (p && *n && !p[*n - 1])
		return p;
	loader_bad(l, "bad names");
	return NULL;
}

static const char *symbol_name(struct loader *l, u64 i)
{
	if (l->sym[i].st_name < l->nstrings)
		return l->strings + l->sym[i].st_name;
	loader_bad(l, "bad name");
	return "";
}

const char *loader_section_name(struct loader *l, unsigned i)
{
	u64 n;
	const char *tab = string_table(l, l->eh->e_shstrndx, &n);

	if (tab && l->sh[i].sh_name < n)
		return tab + l->sh[i].sh_name;
	loader_bad(l, "bad name");
	return "";
}

static bool read_head(struct loader *l)
{
	const Elf64_Ehdr *h = l->eh = bytes(l, 0, sizeof(*l->eh));

	if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64 ||
	    h->e_type != ET_REL || h->e_shnum > SECTIONS_MAX ||
	    h->e_shoff % 8 || h->e_shentsize != sizeof(*l->sh)) {
		loader_bad(l, "not an object");
		return false;
	}
	l->sh = bytes(l, h->e_shoff, h->e_shnum * sizeof(*l->sh));
	return l->sh != NULL;
}

static void read_tables(struct loader *l)
{
	u64 n;

	if (!read_head(l))
		return;
	for (unsigned i = 1; i < l->eh->e_shnum; i++) {
		if (l->sh[i].sh_type != SHT_SYMTAB)
			continue;
		if (l->sym)
			loader_bad(l, "two tables of symbols");
		l->sym = loader_section(l, i, &n);
		l->nsyms = n / sizeof(*l->sym);
		l->strings = string_table(l, l->sh[i].sh_link, &l->nstrings);
	}
	if (!l->sym || !l->strings)
		loader_bad(l, "no symbols");
}

/* Copy what runs, and its constants, behind what is there. */
static void place_sections(struct loader *l)
{
	for (unsigned i = 1; i < l->eh->e_shnum && !l->bad; i++) {
		const Elf64_Shdr *s = &l->sh[i];
		u64 n;
		if (!(s->sh_flags & SHF_ALLOC) || !s->sh_size)
			continue;
		if (s->sh_type != SHT_PROGBITS || s->sh_flags & SHF_WRITE ||
		    s->sh_addralign > 64 ||
		    s->sh_addralign & (s->sh_addralign - 1)) {
			loader_bad(l, "neither code nor constant");
			return;
		}
		const void *p = loader_section(l, i, &n);
		if (!p)
			return;
		u64 align = MAX(s->sh_addralign, 16);
		asm_nop(&l->a,
		    ALIGN_UP(l->uc->rx + l->a.len, align) -
			(l->uc->rx + l->a.len));
		l->at[i] = l->a.len;
		if (l->a.cap - l->a.len < n) {
			l->a.full = true;
			return;
		}
		memcpy(l->a.base + l->a.len, p, n);
		l->a.len += n;
		if (s->sh_flags & SHF_EXECINSTR) {
			if (l->text)
				loader_bad(l, "two texts");
			l->text = i;
		}
	}
	if (!l->text)
		loader_bad(l, "no text");
}

/* --- relocation ----------------------------------------------------------- */

bool loader_symbol(struct loader *l, u64 i, size_t *at)
{
	if (i >= l->nsyms) {
		loader_bad(l, "bad symbol");
		return false;
	}
	const Elf64_Sym *s = &l->sym[i];
	if (s->st_shndx == SHN_UNDEF) {
		*at = loader_stub(l, symbol_name(l, i));
		return !l->bad;
	}
	if (s->st_shndx >= l->eh->e_shnum || !l->at[s->st_shndx] ||
	    s->st_value > l->sh[s->st_shndx].sh_size) {
		loader_bad(l, "bad symbol");
		return false;
	}
	*at = l->at[s->st_shndx] + s->st_value;
	return true;
}

static bool is_guest(struct loader *l, u64 i)
{
	return i < l->nsyms && l->sym[i].st_shndx == SHN_UNDEF &&
	    !strcmp(symbol_name(l, i), OBJECT_GUEST);
}

static void relocate(struct loader *l, size_t to, u64 len, const Elf64_Rela *r)
{
	u64 width = ELF64_R_TYPE(r->r_info) == R_X86_64_64 ? 8 : 4;
	size_t s, p = to + r->r_offset;
	u64 v;

	if (r->r_offset > len || len - r->r_offset < width) {
		loader_bad(l, "bad relocation");
		return;
	}
	if (is_guest(l, ELF64_R_SYM(r->r_info))) {
		if (width != 8) {
			loader_bad(l, "a short guest address");
			return;
		}
		v = l->uc->unit->node[0].ir->pc + (u64)r->r_addend;
		memcpy(l->a.base + p, &v, sizeof(v));
		loader_note_pc(l, p);
		return;
	}
	if (!loader_symbol(l, ELF64_R_SYM(r->r_info), &s))
		return;
	v = s + (u64)r->r_addend;
	if (v > l->a.len) {
		loader_bad(l, "a relocation to nowhere");
		return;
	}
	switch (ELF64_R_TYPE(r->r_info)) {
	case R_X86_64_PC32:
	case R_X86_64_PLT32: v -= p; break;
	default: loader_bad(l, "unknown relocation"); return;
	}
	memcpy(l->a.base + p, &v, width);
}

static int by_offset(const void *a, const void *b)
{
	const Elf64_Rela *p = a, *q = b;

	return (p->r_offset > q->r_offset) - (p->r_offset < q->r_offset);
}

/* Those of section `of`, which do not overlap. GCC has them in some order. */
static void relocate_section(struct loader *l, unsigned of, unsigned i)
{
	u64 size, done = 0;
	const Elf64_Rela *table = loader_section(l, i, &size);
	size_t n = size / sizeof(*table);

	if (!table || !n)
		return;
	Elf64_Rela *r = arena_new(l->uc->arena, Elf64_Rela, n);
	if (!r) {
		loader_bad(l, "out of memory");
		return;
	}
	memcpy(r, table, n * sizeof(*r));
	qsort(r, n, sizeof(*r), by_offset);
	for (size_t k = 0; k < n && !l->bad; k++) {
		if (r[k].r_offset < done)
			loader_bad(l, "relocations overlap");
		else
			relocate(l, l->at[of], l->sh[of].sh_size, &r[k]);
		done = r[k].r_offset +
		    (ELF64_R_TYPE(r[k].r_info) == R_X86_64_64 ? 8 : 4);
	}
}

static void relocate_all(struct loader *l)
{
	u64 seen = 0; /* sections, a bit each */

	_Static_assert(SECTIONS_MAX <= 64, "a bit each");
	for (unsigned i = 1; i < l->eh->e_shnum && !l->bad; i++) {
		u32 of = l->sh[i].sh_info;
		if (l->sh[i].sh_type != SHT_RELA || of >= l->eh->e_shnum ||
		    !l->at[of])
			continue;
		if (seen >> of & 1)
			loader_bad(l, "two tables of relocations");
		else
			relocate_section(l, of, i);
		seen |= 1ull << of;
	}
}

/* --- all together --------------------------------------------------------- */

/* Offset in the cache of the unit's first instruction, in the text. */
static size_t find_unit(struct loader *l)
{
	char name[32];

	snprintf(name, sizeof(name), OBJECT_UNIT, l->uc->unit->id);
	for (u64 i = 0; i < l->nsyms && !l->bad; i++) {
		const Elf64_Sym *s = &l->sym[i];
		if (strcmp(symbol_name(l, i), name))
			continue;
		if (s->st_shndx == l->text &&
		    s->st_value < l->sh[l->text].sh_size)
			return l->at[l->text] + s->st_value;
		loader_bad(l, "the unit is no code");
	}
	loader_bad(l, "the unit is missing");
	return 0;
}

/*
 * GCC's code may spill 16 bytes at a time, to where it takes the stack to be
 * aligned as behind any call; frames of ours have 8. A frame more, that goes
 * on to the next one, makes it so. From then on the guest function that the
 * unit is part of has an aligned stack, so there is one at most.
 */
static void entry(struct loader *l, size_t *to_code)
{
	struct unit_code *uc = l->uc;
	struct asm_buf *a = &l->a;

	uc->entry = (size_t)(ALIGN_UP(uc->rx + 8, 16) - uc->rx);
	while (a->len < uc->entry - 8 && !a->full)
		asm_u8(a, 0xcc);
	asm_u64(a, uc->unit->node[0].ir->pc);
	loader_note_pc(l, a->len - sizeof(u64));
	u32 counter = abi_unit_counter(uc->unit->node[0].ir->pc);
	asm_alu_mi(
	    a, ALU_ADD, 4, mem_vcpu(ABI_OFF(entered) + 4 * (i32)counter), 1);
	asm_alu_rm(a, ALU_CMP, 8, RSP, mem_vcpu(ABI_OFF(call_limit)));
	size_t room = asm_jcc8(a, CC_AE);
	asm_load(a, 8, RSP, mem_vcpu(ABI_OFF(call_base)));
	asm_fix8(a, room);
	asm_mov_rr(a, 4, RAX, RSP);
	asm_alu_ri(a, ALU_AND, 4, RAX, 8);
	size_t aligned = asm_jcc8(a, CC_NE);
	size_t with_pad = asm_call(a);
	asm_ret(a); /* the guest pc stays in rax: on to the next frame */
	asm_fix(a, with_pad, a->len);
	asm_fix8(a, aligned);
	*to_code = asm_jmp(a);
}

int x86_load_unit(struct unit_code *uc)
{
	struct loader loader = { .uc = uc }, *l = &loader;
	size_t to_code;

	l->a = (struct asm_buf){ .base = uc->rw, .cap = uc->cap };
	l->links_cap = STUBS_MAX;
	l->pcs_cap = 3 * STUBS_MAX;
	uc->nlinks = uc->npcs = 0;
	uc->pcs = arena_new(uc->arena, u32, l->pcs_cap);
	uc->map = (struct unit_map){ 0 };
	uc->links = arena_new(uc->arena, struct link_site, l->links_cap);
	l->stub = arena_new(uc->arena, struct stub, STUBS_MAX);
	if (!uc->links || !l->stub || !uc->pcs)
		return -ENOMEM;
	entry(l, &to_code);
	read_tables(l);
	if (!l->bad)
		place_sections(l);
	if (!l->bad && !l->a.full)
		asm_fix(&l->a, to_code, find_unit(l));
	if (!l->bad && !l->a.full)
		relocate_all(l);
	if (!l->bad && !l->a.full)
		loader_check(l);
	if (l->bad)
		return -EBADMSG;
	uc->size = l->a.len;
	return l->a.full ? -ENOSPC : 0;
}
