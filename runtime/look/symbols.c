/*
 * symbols.c - see symbols.h. Sections are read one by one with pread, and
 * everything taken from the file is checked against its size.
 */
#include "runtime/look/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/look/eh_frame.h"

#define SECTION_MAX ((u64)1 << 30)
#define SECTIONS_MAX 65536u
#define PLT_ENTRY 16 /* of every ABI that we have */

struct reader {
	int fd;
	u64 size;
	Elf64_Ehdr eh;
	Elf64_Shdr *sh;
	u32 nsh;
	char *names; /* .shstrtab, terminated */
	u64 names_size;
};

static void *read_part(const struct reader *r, u64 off, u64 n)
{
	if (n > SECTION_MAX || off > r->size || n > r->size - off)
		return NULL;
	char *p = malloc(n + 1);
	for (u64 done = 0; p && done < n;) {
		ssize_t k =
		    pread(r->fd, p + done, n - done, (off_t)(off + done));
		if (k <= 0) {
			free(p);
			return NULL;
		}
		done += (u64)k;
	}
	if (p)
		p[n] = '\0';
	return p;
}

static void *read_section(const struct reader *r, const Elf64_Shdr *s)
{
	return s->sh_type == SHT_NOBITS ?
	    NULL :
	    read_part(r, s->sh_offset, s->sh_size);
}

static void reader_close(struct reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->sh);
	free(r->names);
	*r = (struct reader){ .fd = -1 };
}

static bool reader_open(struct reader *r, const char *path)
{
	struct stat st;

	*r = (struct reader){
		.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
	};
	if (r->fd < 0 || fstat(r->fd, &st) < 0 || !S_ISREG(st.st_mode))
		goto bad;
	r->size = (u64)st.st_size;
	Elf64_Ehdr *eh = read_part(r, 0, sizeof(*eh));
	if (!eh)
		goto bad;
	r->eh = *eh;
	free(eh);
	if (memcmp(r->eh.e_ident, ELFMAG, SELFMAG) != 0 ||
	    r->eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    r->eh.e_ident[EI_DATA] != ELFDATA2LSB)
		goto bad;
	r->nsh = r->eh.e_shentsize == sizeof(Elf64_Shdr) ? r->eh.e_shnum : 0;
	if (r->nsh)
		r->sh = read_part(
		    r, r->eh.e_shoff, (u64)r->nsh * sizeof(Elf64_Shdr));
	if (!r->sh)
		r->nsh = 0;
	if (r->eh.e_shstrndx < r->nsh) {
		r->names_size = r->sh[r->eh.e_shstrndx].sh_size;
		r->names = read_section(r, &r->sh[r->eh.e_shstrndx]);
	}
	return true;
bad:
	reader_close(r);
	return false;
}

static const Elf64_Shdr *find_type(const struct reader *r, u32 type)
{
	for (u32 i = 0; i < r->nsh; i++)
		if (r->sh[i].sh_type == type)
			return &r->sh[i];
	return NULL;
}

static const Elf64_Shdr *find_named(const struct reader *r, const char *name)
{
	for (u32 i = 0; i < r->nsh && r->names; i++)
		if (r->sh[i].sh_name < r->names_size &&
		    !strcmp(r->names + r->sh[i].sh_name, name))
			return &r->sh[i];
	return NULL;
}

/* --- collecting ---------------------------------------------------------- */

static void read_segments(struct symbols *t, const struct reader *r)
{
	u64 n = r->eh.e_phnum;

	if (r->eh.e_phentsize != sizeof(Elf64_Phdr))
		return;
	Elf64_Phdr *ph = read_part(r, r->eh.e_phoff, n * sizeof(*ph));
	for (u64 i = 0; ph && i < n && t->nsegs < SYMBOL_SEGMENTS; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X))
			t->seg[t->nsegs++] =
			    (struct symbol_segment){ ph[i].p_vaddr,
				    ph[i].p_offset, ph[i].p_filesz };
	free(ph);
}

bool symbols_offset(const struct symbols *t, u64 addr, u64 *off)
{
	for (u32 i = 0; i < t->nsegs; i++)
		if (addr - t->seg[i].addr < t->seg[i].size) {
			*off = t->seg[i].off + (addr - t->seg[i].addr);
			return true;
		}
	return false;
}

/* A name at the end of text; 0 without memory. */
static u32 keep_text(struct symbols *t, const char *a, const char *b)
{
	size_t n = strlen(a) + strlen(b) + 1, at = t->text_size;
	if (at + n > UINT32_MAX)
		return 0;
	if (at + n > t->text_cap) {
		size_t cap = at + n + t->text_cap / 2;
		char *p = realloc(t->text, cap);
		if (!p)
			return 0;
		t->text = p;
		t->text_cap = cap;
	}
	snprintf(t->text + at, n, "%s%s", a, b);
	t->text_size = at + n;
	return (u32)at;
}

static bool add(struct symbols *t, struct symbol s)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 256;
		struct symbol *p = realloc(t->s, cap * sizeof(*p));
		if (!p)
			return false;
		t->s = p;
		t->cap = cap;
	}
	t->s[t->n++] = s;
	return true;
}

/* Names for the linker's and the assembler's own use. */
static bool is_private(const char *name)
{
	return !*name || *name == '$' || (name[0] == '.' && name[1] == 'L');
}

/* memcpy before __memcpy, global before local, functions before labels. */
static u8 rank_of(const Elf64_Sym *s, const char *name)
{
	unsigned rank = ELF64_ST_TYPE(s->st_info) == STT_NOTYPE ? 0 : 16;

	if (ELF64_ST_BIND(s->st_info) != STB_LOCAL)
		rank += 8;
	if (s->st_size)
		rank += 4;
	return (
	    u8)(rank + (name[0] != '_') + (name[0] != '_' || name[1] != '_'));
}

static void add_table(
    struct symbols *t, const struct reader *r, const Elf64_Shdr *sh)
{
	if (!sh || sh->sh_link >= r->nsh || sh->sh_entsize != sizeof(Elf64_Sym))
		return;
	const Elf64_Shdr *strs = &r->sh[sh->sh_link];
	Elf64_Sym *sym = read_section(r, sh);
	char *text = read_section(r, strs);
	if (!sym || !text || strs->sh_size > UINT32_MAX) {
		free(sym);
		free(text);
		return;
	}
	free(t->text);
	t->text = text;
	t->text_size = t->text_cap = strs->sh_size + 1;
	for (u64 i = 1; i < sh->sh_size / sizeof(*sym); i++) {
		const Elf64_Sym *s = &sym[i];
		unsigned type = ELF64_ST_TYPE(s->st_info);
		u64 off;
		if ((type != STT_FUNC && type != STT_NOTYPE &&
			type != STT_GNU_IFUNC) ||
		    s->st_shndx == SHN_UNDEF || s->st_name >= strs->sh_size ||
		    is_private(text + s->st_name) ||
		    !symbols_offset(t, s->st_value, &off))
			continue;
		if (!add(t,
			(struct symbol){ .off = off,
			    .size = s->st_size,
			    .name = s->st_name,
			    .rank = rank_of(s, text + s->st_name) }))
			break;
	}
	free(sym);
}

/* One entry of .plt for each relocation of .rela.plt, after its head. */
static void add_plt(struct symbols *t, const struct reader *r)
{
	const Elf64_Shdr *plt = find_named(r, ".plt");
	const Elf64_Shdr *rel = find_named(r, ".rela.plt");
	const Elf64_Shdr *dyn = find_type(r, SHT_DYNSYM);

	if (!plt || !rel || !dyn || dyn->sh_link >= r->nsh)
		return;
	u64 n = rel->sh_size / sizeof(Elf64_Rela), off;
	u64 nsym = dyn->sh_size / sizeof(Elf64_Sym);
	u64 nstr = r->sh[dyn->sh_link].sh_size;
	Elf64_Rela *ra = read_section(r, rel);
	Elf64_Sym *sym = read_section(r, dyn);
	char *str = read_section(r, &r->sh[dyn->sh_link]);
	if (ra && sym && str && n * PLT_ENTRY <= plt->sh_size &&
	    symbols_offset(t, plt->sh_addr, &off)) {
		off += plt->sh_size - n * PLT_ENTRY;
		for (u64 i = 0; i < n; i++, off += PLT_ENTRY) {
			u64 k = ELF64_R_SYM(ra[i].r_info);
			if (k >= nsym || sym[k].st_name >= nstr)
				continue;
			struct symbol s = { .off = off, .size = PLT_ENTRY };
			s.name = keep_text(t, str + sym[k].st_name, "@plt");
			if (!s.name || !add(t, s))
				break;
		}
	}
	free(ra);
	free(sym);
	free(str);
}

static int by_place(const void *x, const void *y)
{
	const struct symbol *a = x, *b = y;

	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->name < b->name ? 1 : -1;
}

/* What has no size ends where the next one starts. */
static void finish(struct symbols *t)
{
	if (t->n)
		qsort(t->s, t->n, sizeof(*t->s), by_place);
	u64 next = 0;
	for (size_t i = t->n; i-- > 0;) {
		struct symbol *s = &t->s[i];
		if (i + 1 < t->n && t->s[i + 1].off != s->off)
			next = t->s[i + 1].off;
		if (s->size)
			continue;
		u64 end = next > s->off ? next : 0;
		for (u32 k = 0; !end && k < t->nsegs; k++)
			if (s->off - t->seg[k].off < t->seg[k].size)
				end = t->seg[k].off + t->seg[k].size;
		s->size = end - s->off;
	}
}

struct add_frame {
	struct symbols *t;
	size_t n; /* symbols that have names */
};

static void add_frame(void *ctx, u64 start, u64 size)
{
	struct add_frame *a = ctx;
	struct symbols known = *a->t;
	struct symbol s = { .size = size };
	char name[32];

	known.n = a->n;
	if (!symbols_offset(a->t, start, &s.off) || symbols_at(&known, s.off))
		return;
	snprintf(name, sizeof(name), "sub_%llx", (unsigned long long)start);
	s.name = keep_text(a->t, name, "");
	if (s.name)
		add(a->t, s);
}

/* Functions without a name, of stripped files. */
static void add_frames(struct symbols *t, const struct reader *r)
{
	const Elf64_Shdr *sh = find_named(r, ".eh_frame");
	u8 *p = sh ? read_section(r, sh) : NULL;
	struct add_frame a = { t, t->n };

	if (p)
		eh_frame_walk(p, sh->sh_size, sh->sh_addr, add_frame, &a);
	free(p);
	finish(t);
}

/* What a section begins with, if nothing else has a name for it: .plt. */
static void add_sections(struct symbols *t, const struct reader *r)
{
	size_t n = t->n;

	for (u32 i = 0; i < r->nsh; i++) {
		const Elf64_Shdr *sh = &r->sh[i];
		struct symbols known = *t;
		struct symbol s = { 0 };
		known.n = n;
		if (!(sh->sh_flags & SHF_EXECINSTR) ||
		    sh->sh_type != SHT_PROGBITS || !sh->sh_size ||
		    !symbols_offset(t, sh->sh_addr, &s.off))
			continue;
		if (t->nsections < SYMBOL_SECTIONS)
			t->section[t->nsections++] =
			    (struct symbol_segment){ sh->sh_addr, s.off,
				    sh->sh_size };
		if (!r->names || sh->sh_name >= r->names_size ||
		    symbols_at(&known, s.off))
			continue;
		s.name = keep_text(t, r->names + sh->sh_name, "");
		if (s.name)
			add(t, s);
	}
	finish(t);
}

/* --- separate debug files ------------------------------------------------ */

/* The build id as hexadecimal digits; false: it has none. */
static bool build_id(const struct reader *r, char *hex, size_t n)
{
	const Elf64_Shdr *sh = find_named(r, ".note.gnu.build-id");
	u8 *note = sh ? read_section(r, sh) : NULL;
	Elf64_Nhdr h;
	bool ok = note && sh->sh_size >= sizeof(h) + 4;

	if (ok) {
		memcpy(&h, note, sizeof(h));
		ok = h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 &&
		    h.n_descsz > 2 && 2 * h.n_descsz < n &&
		    h.n_descsz <= sh->sh_size - sizeof(h) - 4;
	}
	for (u32 i = 0; ok && i < h.n_descsz; i++)
		snprintf(
		    hex + 2 * (size_t)i, 3, "%02x", note[sizeof(h) + 4 + i]);
	free(note);
	return ok;
}

/* Take the symbols of `path` if it is the debug file of what has id. */
static bool take_debug(
    struct symbols *t, const char *path, const char *id, bool has_id)
{
	struct reader d;
	char other[128];

	if (!reader_open(&d, path))
		return false;
	if (!build_id(&d, other, sizeof(other)) || !has_id ||
	    !strcmp(id, other))
		add_table(t, &d, find_type(&d, SHT_SYMTAB));
	reader_close(&d);
	return t->n;
}

/* The places that gdb looks in, too. */
static void read_debug(struct symbols *t, const struct reader *r,
    const char *path, const char *root)
{
	char id[128] = "", p[2 * PATH_MAX + 64];
	bool has_id = build_id(r, id, sizeof(id));

	if (has_id) {
		snprintf(p, sizeof(p),
		    "%s/usr/lib/debug/.build-id/%.2s/%s.debug", root, id,
		    id + 2);
		if (take_debug(t, p, id, true))
			return;
	}
	const Elf64_Shdr *sh = find_named(r, ".gnu_debuglink");
	char *link = sh ? read_section(r, sh) : NULL;
	size_t skip = strncmp(path, root, strlen(root)) ? 0 : strlen(root);
	const char *slash = strrchr(path + skip, '/');
	int dir = slash ? (int)(slash - path) + 1 : 0;
	const char *own = path + dir;
	if (link && *link && !strchr(link, '/') && slash) {
		snprintf(p, sizeof(p), "%.*s%s", dir, path, link);
		bool found =
		    strcmp(own, link) != 0 && take_debug(t, p, id, has_id);
		snprintf(p, sizeof(p), "%.*s.debug/%s", dir, path, link);
		found = found || take_debug(t, p, id, has_id);
		snprintf(p, sizeof(p), "%s/usr/lib/debug%.*s%s", root,
		    dir - (int)skip, path + skip, link);
		if (!found)
			take_debug(t, p, id, has_id);
	}
	free(link);
}

int symbols_read(struct symbols *t, const char *path, const char *root)
{
	struct reader r;

	memset(t, 0, sizeof(*t));
	if (!reader_open(&r, path))
		return -ENOENT;
	read_segments(t, &r);
	add_table(t, &r, find_type(&r, SHT_SYMTAB));
	if (!t->n)
		read_debug(t, &r, path, root);
	if (!t->n)
		add_table(t, &r, find_type(&r, SHT_DYNSYM));
	add_plt(t, &r);
	finish(t);
	add_frames(t, &r);
	add_sections(t, &r);
	reader_close(&r);
	return 0;
}

void symbols_free(struct symbols *t)
{
	free(t->s);
	free(t->text);
	memset(t, 0, sizeof(*t));
}

const struct symbol *symbols_at(const struct symbols *t, u64 off)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (t->s[mid].off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* Functions rarely nest: a few steps back will do. */
	for (int i = 0; lo > 0 && i < 8; i++) {
		const struct symbol *s = &t->s[--lo];
		if (off - s->off < s->size)
			return s;
	}
	return NULL;
}

const struct symbol *symbols_named(const struct symbols *t, const char *name)
{
	const struct symbol *best = NULL;

	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(symbol_name(t, &t->s[i]), name) &&
		    (!best || t->s[i].rank > best->rank))
			best = &t->s[i];
	return best;
}
