/*
 * loader.h - what the files that load a unit's object share: object.c reads
 * and relocates it, unit_stubs.c makes the places it goes on at,
 * unit_check.c looks at its borders and reads its map of accesses.
 *
 * Whatever is wrong with an object is said by loader_bad, once; from then on
 * nothing that was read counts.
 */
#ifndef X86_LOADER_H
#define X86_LOADER_H

#include <elf.h>

#include "backend/x86_64/abi_x86.h"
#include "backend/x86_64/object.h"
#include "translator/unit.h"
#include "translator/unit_object.h"

#define SECTIONS_MAX 64
#define STUBS_MAX 1024
#define STUB_NAME 72

struct stub {
	char name[STUB_NAME];
	size_t at;
};

struct loader {
	struct unit_code *uc;
	struct asm_buf a;
	const Elf64_Ehdr *eh;
	const Elf64_Shdr *sh;
	const Elf64_Sym *sym;
	size_t nsyms;
	const char *strings; /* of symbols; ends with a NUL */
	size_t nstrings;
	size_t at[SECTIONS_MAX]; /* where a loaded section is; 0: it is not */
	unsigned text; /* its section */
	struct stub *stub;
	u32 nstubs, links_cap, pcs_cap;
	bool bad;
};

void loader_bad(struct loader *l, const char *why);
/* The bytes of section i, all in the object, or NULL. */
const void *loader_section(struct loader *l, unsigned i, u64 *n);
const char *loader_section_name(struct loader *l, unsigned i);
/* Offset in the cache of a symbol; false: it is not loaded. */
bool loader_symbol(struct loader *l, u64 i, size_t *at);

/* The 8 bytes at `at` are a guest address. */
void loader_note_pc(struct loader *l, size_t at);
/* The stub of an undefined symbol; made when it is first asked for. */
size_t loader_stub(struct loader *l, const char *name);

/* Look at each exit's code, and fill in the unit's map. */
void loader_check(struct loader *l);

#endif
