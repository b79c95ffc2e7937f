/*
 * elf_damage.h - a small ELF program made by hand, and damage to ELF headers.
 */
#ifndef FUZZ_ELF_DAMAGE_H
#define FUZZ_ELF_DAMAGE_H

#include <elf.h>

#include "tests/fuzz/fuzz.h"

#define ELF_HEAD 4096 /* bytes at the start of a file that are damaged */
#define ELF_ADDR_MAX (1ull << 47)

/*
 * The small program: headers and an interpreter's name, code at 0x1004, data
 * at 0x3000 with a zeroed tail, a stack.
 */
#define ELF_SMALL_SIZE 0x3000u
#define ELF_SMALL_ENTRY 0x1004u
#define ELF_SMALL_DATA 0x3000u
#define ELF_SMALL_FILESZ 0x100u
#define ELF_SMALL_MEMSZ 0x2345u

/*
 * Make it for addresses from `base` on, position-independent if that is 0.
 * interp: its interpreter, at most 64 bytes; NULL: it has none. The code is
 * the caller's.
 */
void elf_small(u8 bytes[ELF_SMALL_SIZE], u64 base, const char *interp);

/*
 * Change one thing in the headers of a file of `size` bytes; eh is its header
 * as it was before any damage.
 */
void elf_damage(
    struct fz_rng *g, const Elf64_Ehdr *eh, u64 size, u8 head[ELF_HEAD]);
/* The same, but so that the file may still be one that can be loaded. */
void elf_nudge(struct fz_rng *g, const Elf64_Ehdr *eh, u8 head[ELF_HEAD]);

#endif
