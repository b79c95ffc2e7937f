/*
 * unit_damage.c - see unit_damage.h.
 *
 * A damage changes one thing where the loader looks: headers, sections,
 * symbols and their names, relocations, the notes of the map, code at exits.
 * Where things are is asked of the object as it is now, damaged or not, so
 * everything found is held to the object's bounds.
 */
#include <elf.h>

#include "tests/fuzz/unit_damage.h"
#include "translator/unit_object.h"

struct object {
	u8 *p;
	size_t n;
};

static u64 edge(struct fz_rng *g, u64 size)
{
	switch (fz_below(g, 8)) {
	case 0: return fz_below(g, 16);
	case 1: return ~(u64)fz_below(g, 16);
	case 2: return (1ull << fz_below(g, 64)) - fz_below(g, 2);
	case 3: return size + fz_below(g, 5) - 2;
	case 4: return size - MIN(size, fz_below(g, 64));
	case 5: return fz_below(g, (u32)size + 1);
	case 6: return (u64)fz_below(g, 64) * 8;
	default: return fz_next(g);
	}
}

/* Write `width` bytes of v at p + off, if they are there. */
static void put(struct object *o, u64 off, unsigned width, u64 v)
{
	if (off <= o->n && width <= o->n - off)
		memcpy(o->p + off, &v, width);
}

static u64 get(const struct object *o, u64 off, unsigned width)
{
	u64 v = 0;

	if (off <= o->n && width <= o->n - off)
		memcpy(&v, o->p + off, width);
	return v;
}

#define FIELD(type, at, member) \
	(at) + offsetof(type, member), sizeof(((type *)NULL)->member)

static u64 section(const struct object *o, u32 i)
{
	return get(o, FIELD(Elf64_Ehdr, 0, e_shoff)) + i * sizeof(Elf64_Shdr);
}

static u32 sections(const struct object *o)
{
	return (u32)MIN(get(o, FIELD(Elf64_Ehdr, 0, e_shnum)), 64u);
}

/* The k-th section of a type, in any order; 0: there is none. */
static u64 of_type(struct fz_rng *g, const struct object *o, u32 type)
{
	u32 n = sections(o), at = n ? fz_below(g, n) : 0;

	for (u32 k = 0; k < n; k++) {
		u64 s = section(o, (at + k) % n);
		if (get(o, FIELD(Elf64_Shdr, s, sh_type)) == type)
			return s;
	}
	return 0;
}

/* A section whose name begins so. */
static u64 named(const struct object *o, const char *name)
{
	u64 names = section(o, (u32)get(o, FIELD(Elf64_Ehdr, 0, e_shstrndx)));
	u64 tab = get(o, FIELD(Elf64_Shdr, names, sh_offset));

	for (u32 k = 0; k < sections(o); k++) {
		u64 s = section(o, k);
		u64 at = tab + get(o, FIELD(Elf64_Shdr, s, sh_name));
		size_t len = strlen(name);
		if (at < o->n && len <= o->n - at &&
		    !memcmp(o->p + at, name, len))
			return s;
	}
	return 0;
}

/* An entry of a table of entries of `width` bytes. */
static u64 entry_of(
    struct fz_rng *g, const struct object *o, u64 s, unsigned width)
{
	u64 n = get(o, FIELD(Elf64_Shdr, s, sh_size)) / width;

	return get(o, FIELD(Elf64_Shdr, s, sh_offset)) +
	    (n ? fz_below(g, (u32)MIN(n, 1u << 20)) : 0) * width;
}

static void damage_head(struct fz_rng *g, struct object *o)
{
	static const struct {
		u8 off, width;
	} f[] = {
		{ offsetof(Elf64_Ehdr, e_shoff), 8 },
		{ offsetof(Elf64_Ehdr, e_shnum), 2 },
		{ offsetof(Elf64_Ehdr, e_shstrndx), 2 },
		{ offsetof(Elf64_Ehdr, e_shentsize), 2 },
		{ offsetof(Elf64_Ehdr, e_type), 2 },
		{ EI_CLASS, 1 },
	};
	u32 k = fz_below(g, ARRAY_LEN(f));

	put(o, f[k].off, f[k].width, edge(g, o->n));
}

static void damage_section(struct fz_rng *g, struct object *o)
{
	static const struct {
		u8 off, width;
	} f[] = {
		{ offsetof(Elf64_Shdr, sh_name), 4 },
		{ offsetof(Elf64_Shdr, sh_type), 4 },
		{ offsetof(Elf64_Shdr, sh_flags), 8 },
		{ offsetof(Elf64_Shdr, sh_offset), 8 },
		{ offsetof(Elf64_Shdr, sh_size), 8 },
		{ offsetof(Elf64_Shdr, sh_link), 4 },
		{ offsetof(Elf64_Shdr, sh_info), 4 },
		{ offsetof(Elf64_Shdr, sh_addralign), 8 },
	};
	u32 n = sections(o), k = fz_below(g, ARRAY_LEN(f));
	u64 s = section(o, n ? fz_below(g, n) : 0);
	u64 v = fz_once_in(g, 2) ? edge(g, get(o, s + f[k].off, f[k].width)) :
				   edge(g, o->n);

	if (f[k].off == offsetof(Elf64_Shdr, sh_type) ||
	    f[k].off == offsetof(Elf64_Shdr, sh_flags))
		v = fz_below(g, 16);
	put(o, s + f[k].off, f[k].width, v);
}

static void damage_symbol(struct fz_rng *g, struct object *o)
{
	u64 s = of_type(g, o, SHT_SYMTAB);
	u64 y = entry_of(g, o, s, sizeof(Elf64_Sym));

	switch (fz_below(g, 3)) {
	case 0: put(o, FIELD(Elf64_Sym, y, st_name), edge(g, 300)); return;
	case 1:
		put(o, FIELD(Elf64_Sym, y, st_shndx),
		    fz_once_in(g, 3) ? edge(g, 16) : fz_below(g, 14));
		return;
	default: put(o, FIELD(Elf64_Sym, y, st_value), edge(g, 1024)); return;
	}
}

static void damage_rela(struct fz_rng *g, struct object *o)
{
	u64 s = of_type(g, o, SHT_RELA);
	u64 r = entry_of(g, o, s, sizeof(Elf64_Rela));
	u64 info = get(o, FIELD(Elf64_Rela, r, r_info));

	switch (fz_below(g, 4)) {
	case 0: put(o, FIELD(Elf64_Rela, r, r_offset), edge(g, 1024)); return;
	case 1:
		put(o, FIELD(Elf64_Rela, r, r_info),
		    ELF64_R_INFO((u64)fz_below(g, 20), ELF64_R_TYPE(info)));
		return;
	case 2:
		put(o, FIELD(Elf64_Rela, r, r_info),
		    ELF64_R_INFO(ELF64_R_SYM(info), fz_below(g, 12)));
		return;
	default: put(o, FIELD(Elf64_Rela, r, r_addend), edge(g, 1024)); return;
	}
}

/* Overwrite text by text, with its NUL or without. */
static void put_text(struct fz_rng *g, struct object *o, u64 at, const char *s)
{
	size_t n = strlen(s) + fz_below(g, 2);

	if (at <= o->n && n <= o->n - at)
		memcpy(o->p + at, s, n);
}

static void damage_name(struct fz_rng *g, struct object *o)
{
	static const char *const name[] = { "to_g_1_0_10400_0",
		"to_x_1_0_10400_0", "to_g_1_99_10400_0", "to_p_1_0_10400_0",
		"to_g_-1_0_10400_0", "to_g_118_1_fffffffffffffffe_1",
		"to_b_1_0_10401_0", "guest_pc", "unit_1", "unit_118", "to_s_",
		"to_%_0_0_0_0", "" };
	static const char letters[] = "gsbpx_0123456789af-%";
	u64 y = entry_of(g, o, of_type(g, o, SHT_SYMTAB), sizeof(Elf64_Sym));
	u64 tab = of_type(g, o, SHT_STRTAB);
	u64 at = get(o, FIELD(Elf64_Shdr, tab, sh_offset)) +
	    get(o, FIELD(Elf64_Sym, y, st_name));

	if (fz_once_in(g, 3))
		put_text(g, o, at, name[fz_below(g, ARRAY_LEN(name))]);
	else
		put(o, at + fz_below(g, 24), 1,
		    (u8)letters[fz_below(g, sizeof(letters))]);
}

static void damage_map(struct fz_rng *g, struct object *o)
{
	static const char *const place[] = { "=$", "=$ =$ =$ =$ =$ =$ =$ =$",
		"0=$0 0=$0 0=$0 0=$0 0=$0 0=$0", "127=%xmm15 ", "128=%rax ",
		"1=%xmm16", "1=%xmmx", "-1=$0 ", "5=4095(%rsp) ",
		"5=4096(%rsp)", "5=-8(%rsp)", "5=(%rsp)", "5=%rsp ", "6~%rbp",
		"7=$99999999999999999999", "8?%r8d ", "      ", "9=\t$1",
		"9=$-" };
	static const char letters[] = "0123456789=~!?%$()rsaxmp- ";
	u64 s = named(o, OBJECT_MAP);
	u64 from = get(o, FIELD(Elf64_Shdr, s, sh_offset));
	u64 at =
	    from + fz_below(g, (u32)get(o, FIELD(Elf64_Shdr, s, sh_size)) + 1);

	if (fz_once_in(g, 2))
		put_text(g, o, at, place[fz_below(g, ARRAY_LEN(place))]);
	else if (fz_once_in(g, 4))
		put(o, from + 8, 8, edge(g, 0x10400));
	else
		put(o, at, 1, (u8)letters[fz_below(g, sizeof(letters))]);
}

/* Code: at an exit, or anywhere. */
static void damage_text(struct fz_rng *g, struct object *o)
{
	static const u8 code[] = { 0xc3, 0xe9, 0xeb, 0x48, 0x83, 0xc4, 0x81,
		0xec, 0x8d, 0x64, 0x24, 0x00, 0xff, 0x80, 0x90 };
	u64 s = named(o, ".text");
	u64 at = get(o, FIELD(Elf64_Shdr, s, sh_offset));
	u64 n = get(o, FIELD(Elf64_Shdr, s, sh_size));

	at += fz_once_in(g, 3) ? n - MIN(n, 1 + fz_below(g, 8)) :
				 fz_below(g, (u32)MIN(n, 1u << 20) + 1);
	put(o, at, 1, code[fz_below(g, sizeof(code))]);
}

size_t unit_damage(struct fz_rng *g, u8 *object, size_t n)
{
	struct object o = { object, n };

	for (u32 k = 1 + fz_below(g, 4); k > 0; k--)
		switch (fz_below(g, 12)) {
		case 0: damage_head(g, &o); break;
		case 1:
		case 2: damage_section(g, &o); break;
		case 3:
		case 4: damage_symbol(g, &o); break;
		case 5:
		case 6: damage_rela(g, &o); break;
		case 7: damage_name(g, &o); break;
		case 8:
		case 9: damage_map(g, &o); break;
		case 10: damage_text(g, &o); break;
		default:
			put(&o, fz_below(g, (u32)n), 1, fz_next(g));
			if (fz_once_in(g, 4))
				o.n = fz_below(g, (u32)o.n + 1);
		}
	return o.n;
}
