/*
 * symbols.h - the functions of one ELF file, by file offset and by name.
 *
 * From .symtab, else from the separate debug file that the build id or
 * .gnu_debuglink names, else from .dynsym; calls through .plt are named
 * "puts@plt", functions that only .eh_frame knows "sub_" and their address,
 * and what a section begins with, if in none of these, as the section.
 * The file is untrusted: what does not make sense is not there.
 */
#ifndef LOOK_SYMBOLS_H
#define LOOK_SYMBOLS_H

#include "runtime/base/types.h"

struct symbol {
	u64 off; /* in the file: addresses depend on where it is mapped */
	u64 size;
	u32 name; /* in symbols.text */
	u8 rank; /* which of several names of a place is shown: the highest */
};

/* Executable bytes of the file: virtual address addr is at offset off. */
struct symbol_segment {
	u64 addr, off, size;
};

#define SYMBOL_SEGMENTS 8
#define SYMBOL_SECTIONS 16

struct symbols {
	struct symbol *s; /* by off; several may start at one place */
	size_t n, cap;
	char *text;
	size_t text_size, text_cap;
	struct symbol_segment seg[SYMBOL_SEGMENTS];
	/* Sections with code: a segment may hold more than code. */
	struct symbol_segment section[SYMBOL_SECTIONS];
	u32 nsegs, nsections;
};

/*
 * Read those of the ELF file `path`. root: where its system's /usr/lib/debug
 * is ("" for the host's own). 0 or -errno; then t is empty.
 */
int symbols_read(struct symbols *t, const char *path, const char *root);
void symbols_free(struct symbols *t);

/* The function that has the byte at file offset off, or NULL. */
const struct symbol *symbols_at(const struct symbols *t, u64 off);
/* The function of that name, or NULL. */
const struct symbol *symbols_named(const struct symbols *t, const char *name);
static inline const char *symbol_name(
    const struct symbols *t, const struct symbol *s)
{
	return t->text + s->name;
}
/* The file offset of a virtual address; false: it is not in code. */
bool symbols_offset(const struct symbols *t, u64 addr, u64 *off);

#endif
