/*
 * object.c - an object file of metic-jitd becomes code in the cache.
 *
 * In the cache: the head's guest pc (8 bytes, as before every block), a test
 * that the call stack has room for a frame, the object's text, its constants,
 * then a stub for each place that the text goes on at. Link sites are the
 * jumps of stubs, so that the compiler need not know how they are patched.
 *
 * The object comes from another process. Every offset is checked, only the
 * relocations that GCC makes for such code are applied, and the borders,
 * where GCC has to leave the pins alone, are looked at (check_borders).
 * ELF-64 object files, x86-64 psABI 4.4.
 */
#include "backend/x86_64/object.h"

#include <elf.h>
#include <stdio.h>

#include "translator/unit_object.h"
#include "backend/x86_64/abi_x86.h"
#include "translator/unit.h"

#define SECTIONS_MAX 64
#define STUBS_MAX 1024

struct stub {
	char name[72];
	size_t at;
};

struct loader {
	struct unit_code *uc;
	struct asm_buf a;
	const Elf64_Ehdr *eh;
	const Elf64_Shdr *sh;
	const Elf64_Sym *sym;
	size_t nsyms;
	const char *strings;
	size_t nstrings;
	size_t at[SECTIONS_MAX]; /* where a loaded section is; 0: it is not */
	unsigned text; /* its section */
	struct stub *stub;
	u32 nstubs, links_cap, pcs_cap;
	bool bad;
};

static void bad(struct loader *l, const char *why)
{
	if (!l->bad)
		l->uc->why = why;
	l->bad = true;
}

/* `n` bytes at `off` of the object, or NULL. */
static const void *bytes(struct loader *l, u64 off, u64 n)
{
	if (off > l->uc->nobject || n > l->uc->nobject - off) {
		bad(l, "cut off");
		return NULL;
	}
	return l->uc->object + off;
}

static const void *section(struct loader *l, unsigned i, u64 *n)
{
	const Elf64_Shdr *s = &l->sh[i];

	*n = s->sh_size;
	if ((s->sh_type == SHT_RELA || s->sh_type == SHT_SYMTAB) &&
	    s->sh_offset % 8) {
		bad(l, "a table that is not aligned");
		return NULL;
	}
	return bytes(l, s->sh_offset, *n);
}

static const char *text_at(struct loader *l, const char *tab, u64 n, u64 off)
{
	if (off >= n || !memchr(tab + off, 0, n - off)) {
		bad(l, "bad name");
		return "";
	}
	return tab + off;
}

static void read_tables(struct loader *l)
{
	u64 n;

	l->eh = bytes(l, 0, sizeof(*l->eh));
	if (!l->eh || memcmp(l->eh->e_ident, ELFMAG, SELFMAG) ||
	    l->eh->e_machine != EM_X86_64 || l->eh->e_type != ET_REL ||
	    l->eh->e_shnum >= SECTIONS_MAX || l->eh->e_shoff % 8 ||
	    l->eh->e_shentsize != sizeof(*l->sh)) {
		bad(l, "not an object");
		return;
	}
	l->sh = bytes(l, l->eh->e_shoff, l->eh->e_shnum * sizeof(*l->sh));
	for (unsigned i = 0; l->sh && i < l->eh->e_shnum; i++) {
		if (l->sh[i].sh_type != SHT_SYMTAB)
			continue;
		l->sym = section(l, i, &n);
		l->nsyms = n / sizeof(*l->sym);
		if (l->sh[i].sh_link >= l->eh->e_shnum)
			bad(l, "bad symbols");
		else
			l->strings = section(l, l->sh[i].sh_link, &n);
		l->nstrings = n;
	}
	if (!l->sym || !l->strings)
		bad(l, "no symbols");
}

static const char *section_name(struct loader *l, unsigned i)
{
	u64 n;

	if (l->eh->e_shstrndx >= l->eh->e_shnum)
		return "";
	const char *tab = section(l, l->eh->e_shstrndx, &n);
	return tab ? text_at(l, tab, n, l->sh[i].sh_name) : "";
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
		    s->sh_addralign > 64) {
			bad(l, "a section that is neither code nor constant");
			return;
		}
		const void *p = section(l, i, &n);
		u64 align = MAX(s->sh_addralign, 16);
		asm_nop(&l->a,
		    ALIGN_UP(l->uc->rx + l->a.len, align) -
			(l->uc->rx + l->a.len));
		l->at[i] = l->a.len;
		if (!p || l->a.cap - l->a.len < n) {
			l->a.full = true;
			return;
		}
		memcpy(l->a.base + l->a.len, p, n);
		l->a.len += n;
		if (s->sh_flags & SHF_EXECINSTR) {
			if (l->text)
				bad(l, "two texts");
			l->text = i;
		}
	}
	if (!l->text)
		bad(l, "no text");
}

/* --- stubs ---------------------------------------------------------------- */

/* The 8 bytes at `at` are a guest address. */
static void note_pc(struct loader *l, size_t at)
{
	if (l->uc->npcs == l->pcs_cap)
		bad(l, "too many addresses");
	else
		l->uc->pcs[l->uc->npcs++] = (u32)at;
}

static void mov_pc(struct loader *l, unsigned reg, gva_t pc)
{
	asm_mov_ri64(&l->a, reg, pc);
	note_pc(l, l->a.len - sizeof(u64));
}

/* A jump by a link: its rel32 in one cache line, its way to the runtime. */
static void link_jump(struct loader *l, gva_t target)
{
	struct unit_code *uc = l->uc;

	if (uc->nlinks == l->links_cap) {
		bad(l, "too many exits");
		return;
	}
	size_t in_line = (uc->rx + l->a.len + 1) & 63;
	asm_nop(&l->a, in_line > 60 ? 64 - in_line : 0);
	size_t site = asm_jmp(&l->a);
	size_t stub = l->a.len;
	asm_fix(&l->a, site, stub);
	asm_fix(&l->a, asm_lea_rip(&l->a, RCX), site);
	asm_jmp_m(&l->a, mem_vcpu(HOST_OFF(HOST_LINK)));
	uc->links[uc->nlinks++] = (struct link_site){
		.off = (u32)site, .stub = (u32)stub, .target = target
	};
}

static void go_on(struct loader *l, char kind, gva_t pc)
{
	struct asm_buf *a = &l->a;

	if (kind == OBJECT_LINK || kind == OBJECT_BASELINE) {
		link_jump(l, kind == OBJECT_LINK ? pc : pc | LINK_BASELINE);
		return;
	}
	if (kind == OBJECT_STOP) {
		mov_pc(l, RAX, pc);
		asm_jmp_m(a, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
		return;
	}
	asm_mov_rr(a, 4, RCX, RAX);
	asm_alu_ri(a, ALU_AND, 4, RCX, (i32)(2 * ABI_JT_SIZE - 2));
	asm_load(a, 8, RDX, mem_vcpu(ABI_OFF(jt)));
	asm_load(a, 8, RCX, mem_index(RDX, RCX, 2, 0));
	asm_alu_rr(a, ALU_ADD, 8, RCX, RDX);
	asm_alu_rm(a, ALU_CMP, 8, RAX, mem_at(RCX, -8));
	size_t miss = asm_jcc8(a, CC_NE);
	asm_jmp_r(a, RCX);
	asm_fix8(a, miss);
	asm_jmp_m(a, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
}

/*
 * The frames of inlined calls, the outermost first: each calls what follows
 * and, returned to, goes on like the code after any guest call.
 */
static void with_frames(
    struct loader *l, u32 ctx, char kind, gva_t pc, gva_t ret)
{
	const struct unit *u = l->uc->unit;
	gva_t to[UNIT_MAX_CTXS + 1];
	u32 n = 0;

	if (ret)
		to[n++] = ret;
	for (; ctx && n <= UNIT_MAX_CTXS; ctx = u->ctx[ctx].parent)
		to[n++] = u->ctx[ctx].ret;
	while (n-- > 0) {
		size_t inner = asm_call(&l->a);
		mov_pc(l, RCX, to[n]);
		asm_alu_rr(&l->a, ALU_CMP, 8, RAX, RCX);
		size_t other = asm_jcc8(&l->a, CC_NE);
		link_jump(l, to[n]);
		asm_fix8(&l->a, other);
		asm_ret(&l->a);
		asm_fix(&l->a, inner, l->a.len);
	}
	go_on(l, kind, pc);
}

/* The stub of an undefined symbol; made when it is first asked for. */
static size_t stub_of(struct loader *l, const char *name)
{
	unsigned id, ctx;
	unsigned long long pc, ret;
	char kind;

	for (u32 i = 0; i < l->nstubs; i++)
		if (!strcmp(l->stub[i].name, name))
			return l->stub[i].at;
	if (l->nstubs == STUBS_MAX || strlen(name) >= sizeof(l->stub->name) ||
	    sscanf(name, OBJECT_JUMP, &kind, &id, &ctx, &pc, &ret) != 5 ||
	    id != l->uc->unit->id || ctx >= l->uc->unit->nctxs) {
		bad(l, "an exit to nowhere");
		return 0;
	}
	struct stub *s = &l->stub[l->nstubs++];
	strcpy(s->name, name);
	s->at = l->a.len;
	with_frames(l, ctx, kind, pc, ret);
	return s->at;
}

/* --- relocation ----------------------------------------------------------- */

/* Offset in the cache of a symbol; false: it is not loaded. */
static bool symbol_at(struct loader *l, u64 i, size_t *at)
{
	if (i >= l->nsyms) {
		bad(l, "bad symbol");
		return false;
	}
	const Elf64_Sym *s = &l->sym[i];
	if (s->st_shndx == SHN_UNDEF) {
		*at =
		    stub_of(l, text_at(l, l->strings, l->nstrings, s->st_name));
		return !l->bad;
	}
	if (s->st_shndx >= l->eh->e_shnum || !l->at[s->st_shndx] ||
	    s->st_value > l->sh[s->st_shndx].sh_size) {
		bad(l, "bad symbol");
		return false;
	}
	*at = l->at[s->st_shndx] + s->st_value;
	return true;
}

static bool is_guest(struct loader *l, u64 i)
{
	return i < l->nsyms && l->sym[i].st_shndx == SHN_UNDEF &&
	    !strcmp(text_at(l, l->strings, l->nstrings, l->sym[i].st_name),
		OBJECT_GUEST);
}

static void relocate(struct loader *l, size_t to, u64 len, const Elf64_Rela *r)
{
	u64 width = ELF64_R_TYPE(r->r_info) == R_X86_64_64 ? 8 : 4;
	size_t s, p = to + r->r_offset;
	u64 v;

	if (r->r_offset > len || len - r->r_offset < width) {
		bad(l, "bad relocation");
		return;
	}
	if (is_guest(l, ELF64_R_SYM(r->r_info))) {
		if (width != 8) {
			bad(l, "a short guest address");
			return;
		}
		v = l->uc->unit->node[0].ir->pc + (u64)r->r_addend;
		memcpy(l->a.base + p, &v, sizeof(v));
		note_pc(l, p);
		return;
	}
	if (!symbol_at(l, ELF64_R_SYM(r->r_info), &s))
		return;
	v = s + (u64)r->r_addend;
	if (v > l->a.len) {
		bad(l, "a relocation to nowhere");
		return;
	}
	switch (ELF64_R_TYPE(r->r_info)) {
	case R_X86_64_PC32:
	case R_X86_64_PLT32: v -= p; break;
	default: bad(l, "unknown relocation"); return;
	}
	memcpy(l->a.base + p, &v, width);
}

static void relocate_all(struct loader *l)
{
	for (unsigned i = 1; i < l->eh->e_shnum && !l->bad; i++) {
		const Elf64_Shdr *s = &l->sh[i];
		u64 n;
		if (s->sh_type != SHT_RELA || s->sh_info >= l->eh->e_shnum ||
		    !l->at[s->sh_info])
			continue;
		const Elf64_Rela *r = section(l, i, &n);
		for (u64 k = 0; r && k < n / sizeof(*r) && !l->bad; k++)
			relocate(l, l->at[s->sh_info],
			    l->sh[s->sh_info].sh_size, &r[k]);
	}
}

/* Offset in the text that the `.quad label` at `off` of section i means. */
static bool label(struct loader *l, unsigned i, u64 off, size_t *at)
{
	for (unsigned k = 1; k < l->eh->e_shnum; k++) {
		const Elf64_Shdr *s = &l->sh[k];
		u64 n;
		if (s->sh_type != SHT_RELA || s->sh_info != i)
			continue;
		const Elf64_Rela *r = section(l, k, &n);
		/* in order, one each: a search that begins where it ended */
		for (u64 j = 0; r && j < n / sizeof(*r); j++)
			if (r[j].r_offset == off &&
			    ELF64_R_TYPE(r[j].r_info) == R_X86_64_64) {
				if (!symbol_at(l, ELF64_R_SYM(r[j].r_info), at))
					return false;
				*at += (size_t)r[j].r_addend;
				size_t t = l->at[l->text];
				return *at >= t &&
				    *at - t < l->sh[l->text].sh_size;
			}
	}
	return false;
}

/* --- the map of accesses -------------------------------------------------- */

static void read_map(struct loader *l, unsigned i)
{
	struct unit_map *m = &l->uc->map;
	u64 n, off = 0;
	const u8 *p = section(l, i, &n);

	if (!p)
		return;
	if (m->access) {
		bad(l, "two maps");
		return;
	}
	m->access = arena_new(l->uc->arena, struct unit_access, n / 17 + 1);
	m->place = arena_new(l->uc->arena, struct unit_place, n / 4 + 1);
	if (!m->access || !m->place) {
		l->a.full = true;
		return;
	}
	while (off < n && !l->bad) {
		struct unit_access *x = &m->access[m->naccess++];
		size_t at;
		if (n - off < 17 || !memchr(p + off + 16, 0, n - off - 16) ||
		    !label(l, i, off, &at)) {
			bad(l, "bad map");
			return;
		}
		const char *text = (const char *)p + off + 16;
		memcpy(&x->pc, p + off + 8, sizeof(x->pc));
		x->off = (u32)at;
		x->first = m->nplaces;
		if (!x86_read_places(text, m)) {
			bad(l, "a place in the map that is not known");
			return;
		}
		x->n = m->nplaces - x->first;
		off += 16 + strlen(text) + 1;
	}
	x86_sort_map(m);
}

/* --- borders -------------------------------------------------------------- */

static bool adjusts_rsp(const u8 *p, size_t *n)
{
	if (p[0] == 0x48 && p[1] == 0x83 && p[2] == 0xc4)
		*n = 4; /* add rsp, imm8 */
	else if (p[0] == 0x48 && p[1] == 0x81 && p[2] == 0xc4)
		*n = 7; /* add rsp, imm32 */
	else if (p[0] == 0x48 && p[1] == 0x83 && p[2] == 0xec)
		*n = 4; /* sub rsp, -128 */
	else if (p[0] == 0x48 && p[1] == 0x8d && p[2] == 0x64 && p[3] == 0x24)
		*n = 5; /* lea rsp, [rsp + disp8] */
	else
		return false;
	return true;
}

static bool is_stub(const struct loader *l, size_t at)
{
	for (u32 i = 0; i < l->nstubs; i++)
		if (l->stub[i].at == at)
			return true;
	return false;
}

/* The jmp at `at`. */
static bool jumps_to_stub(const struct loader *l, size_t at)
{
	i32 rel;

	memcpy(&rel, l->a.base + at + 1, 4);
	return is_stub(l, at + 5 + (size_t)(i64)rel);
}

/* From `at` on nothing but changes of rsp, then out. */
static bool clean_exit(struct loader *l, size_t at)
{
	size_t t = l->at[l->text], end = t + l->sh[l->text].sh_size, n;

	for (int k = 0; k < 16; k++) {
		const u8 *p = l->a.base + at;
		if (at < t || at >= end)
			return k > 0 && is_stub(l, at);
		if (end - at < 8) /* what is looked at lies in the text */
			return p[0] == 0xc3 ||
			    (p[0] == 0xe9 && end - at >= 5 &&
				jumps_to_stub(l, at));
		if (p[0] == 0xc3)
			return true;
		i32 rel = 0;
		if (p[0] == 0xe9) {
			memcpy(&rel, p + 1, 4);
			at += 5 + (size_t)(i64)rel;
		} else if (p[0] == 0xeb) {
			at += 2 + (size_t)(i64)(i8)p[1];
		} else if (adjusts_rsp(p, &n)) {
			at += n;
		} else {
			return false;
		}
	}
	return false;
}

static void check_borders(struct loader *l)
{
	for (unsigned i = 1; i < l->eh->e_shnum && !l->bad; i++) {
		const char *name = section_name(l, i);
		u64 n = l->sh[i].sh_size;
		size_t a;
		if (!strcmp(name, OBJECT_MAP))
			read_map(l, i);
		for (u64 k = 0; !strcmp(name, OBJECT_EXITS) && k < n / 8; k++)
			if (!label(l, i, 8 * k, &a) || !clean_exit(l, a))
				bad(l, "a pin is touched after its exit");
	}
}

/* --- all together --------------------------------------------------------- */

static size_t find_unit(struct loader *l)
{
	char name[32];

	snprintf(name, sizeof(name), OBJECT_UNIT, l->uc->unit->id);
	for (u64 i = 0; i < l->nsyms; i++)
		if (!strcmp(
			text_at(l, l->strings, l->nstrings, l->sym[i].st_name),
			name)) {
			size_t at;
			return symbol_at(l, i, &at) ? at : 0;
		}
	bad(l, "the unit is missing");
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
	note_pc(l, a->len - sizeof(u64));
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
		check_borders(l);
	if (l->a.full)
		return -ENOSPC;
	uc->size = l->a.len;
	return l->bad ? -EBADMSG : 0;
}
