/*
 * elf.h - ELF64 executables: reading their headers, checking them, mapping.
 *
 * elf_open looks at the file only and refuses everything that could not be
 * mapped exactly as it says; elf_map then only fails for the host's reasons
 * (no memory, address taken). Source: System V gABI chapters 4 and 5, and
 * what Linux's loader makes of it.
 */
#ifndef USER_ELF_H
#define USER_ELF_H

#include <elf.h>

#include "runtime/user/linux.h"

struct elf_file {
	int fd;
	char *path;
	u64 size; /* of the file */
	u64 dev, ino;
	Elf64_Ehdr eh;
	Elf64_Phdr *ph; /* eh.e_phnum of them, checked */
	char *interp; /* PT_INTERP's string, or NULL */
	u64 lo, hi; /* page-aligned span of the PT_LOADs */
	u64 align; /* largest p_align of them, at least a page */
	u64 phdr; /* unbiased address of the headers; 0: not in memory */
	bool stack_exec;
};

/*
 * Open and check. 0, or -errno (-ENOEXEC: not a runnable ELF file) and one
 * line naming path and reason in why[n]. addr_max bounds virtual addresses.
 * On failure nothing is left open.
 */
int elf_open(
    const char *path, u64 addr_max, struct elf_file *f, char *why, size_t n);
/* The same for what PT_INTERP names: its own PT_INTERP means nothing. */
int elf_open_interp(
    const char *path, u64 addr_max, struct elf_file *f, char *why, size_t n);
void elf_close(struct elf_file *f);

/* Where to place a position-independent file. */
#define ELF_ANYWHERE 0
#define ELF_PIE_BASE 0x2aaaaaa000ull

/*
 * Map f's segments into p: at their addresses (ET_EXEC), or at `hint` or a
 * multiple of it by a power of two that is free, else anywhere. *bias is the
 * load bias; the mappings are recorded in the VM's map. 0, or -errno with the
 * reason in why.
 */
int elf_map(struct linux_process *p, const struct elf_file *f, gva_t hint,
    u64 *bias, char *why, size_t n);

#endif
