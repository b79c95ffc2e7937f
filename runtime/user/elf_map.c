/*
 * elf_map.c - mapping the segments of a checked ELF file.
 *
 * The whole span is claimed first, so that segments replace only memory of
 * our own; what lies between segments is given back at the end.
 */
#include <stdio.h>
#include <unistd.h>

#include "runtime/user/elf.h"
#include "runtime/user/mm.h"

/*
 * Doubling ELF_PIE_BASE this often stays below the places where Linux puts
 * a host program (0x555555554000) and its mappings.
 */
#define PIE_TRIES 8

static int failed(
    const struct elf_file *f, i64 err, const char *what, char *why, size_t n)
{
	snprintf(why, n, "%s: %s: %s", f->path, what, strerror((int)-err));
	return (int)err;
}

/*
 * Claim [lo, hi) of the file. 0 or -errno; *bias may be below zero, for a
 * file that was linked high up.
 */
static i64 claim_span(
    struct linux_process *p, const struct elf_file *f, gva_t hint, u64 *bias)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	u64 len = f->hi - f->lo;

	if (f->eh.e_type == ET_EXEC) {
		i64 r = mm_mmap(p, f->lo, len, PROT_NONE,
		    flags | MAP_FIXED_NOREPLACE, -1, 0, NULL);
		*bias = 0;
		return r < 0 ? r : 0;
	}
	/* Several processes in one host process: each further up. */
	for (int i = 0; hint && i < PIE_TRIES; i++) {
		gva_t at = ALIGN_UP(hint << i, f->align);
		i64 r = mm_mmap(p, at, len, PROT_NONE,
		    flags | MAP_FIXED_NOREPLACE, -1, 0, NULL);
		*bias = (u64)r - f->lo;
		if (r >= 0)
			return 0;
	}
	/* Too much, then cut to the alignment. */
	u64 slack = f->align - HOST_PAGE;
	i64 r = mm_mmap(p, 0, len + slack, PROT_NONE, flags, -1, 0, NULL);
	if (r < 0)
		return r;
	gva_t got = (gva_t)r, at = ALIGN_UP(got, f->align);
	if (at > got)
		mm_munmap(p, got, at - got);
	if (got + slack > at)
		mm_munmap(p, at + len, got + slack - at);
	*bias = at - f->lo;
	return 0;
}

static int prot_of(const Elf64_Phdr *ph)
{
	return (ph->p_flags & PF_R ? PROT_READ : 0) |
	    (ph->p_flags & PF_W ? PROT_WRITE : 0) |
	    (ph->p_flags & PF_X ? PROT_EXEC : 0);
}

static i64 map_segment(struct linux_process *p, const struct elf_file *f,
    const Elf64_Phdr *ph, u64 bias)
{
	gva_t va = ph->p_vaddr + bias, start = ALIGN_DOWN(va, HOST_PAGE);
	gva_t file_end = va + ph->p_filesz, end = va + ph->p_memsz;
	gva_t anon = ph->p_filesz ? ALIGN_UP(file_end, HOST_PAGE) : start;
	int prot = prot_of(ph);

	if (ph->p_filesz) {
		i64 r = mm_mmap(p, start, anon - start, prot,
		    MAP_PRIVATE | MAP_FIXED, f->fd,
		    ALIGN_DOWN(ph->p_offset, HOST_PAGE), NULL);
		if (r < 0)
			return r;
		/* Zero to the end of the page, also past p_memsz: ld.so
		   takes its first memory from there. */
		if (end > file_end && (prot & PROT_WRITE))
			memset((void *)file_end, 0, anon - file_end);
	}
	/* To Linux this is data, whatever the segment is. */
	prot = PROT_READ | PROT_WRITE | (prot & PROT_EXEC);
	if (end > anon)
		return mm_mmap(p, anon, end - anon, prot,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0, NULL);
	return 0;
}

/* Give back the pages of the span that no segment uses. */
static void free_gaps(
    struct linux_process *p, const struct elf_file *f, u64 bias)
{
	gva_t a = f->lo;
	while (a < f->hi) {
		gva_t next = f->hi, past = a;
		for (unsigned i = 0; i < f->eh.e_phnum; i++) {
			const Elf64_Phdr *ph = &f->ph[i];
			if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
				continue;
			gva_t lo = ALIGN_DOWN(ph->p_vaddr, HOST_PAGE);
			gva_t hi =
			    ALIGN_UP(ph->p_vaddr + ph->p_memsz, HOST_PAGE);
			if (lo <= a && hi > a)
				past = MAX(past, hi);
			else if (lo > a)
				next = MIN(next, lo);
		}
		if (past == a) {
			mm_munmap(p, a + bias, next - a);
			past = next;
		}
		a = past;
	}
}

int elf_map(struct linux_process *p, const struct elf_file *f, gva_t hint,
    u64 *bias, char *why, size_t n)
{
	i64 r = claim_span(p, f, hint, bias);
	if (r < 0) {
		if (f->eh.e_type == ET_EXEC) {
			snprintf(why, n,
			    "%s: its addresses %#llx-%#llx are "
			    "not free here",
			    f->path, (unsigned long long)f->lo,
			    (unsigned long long)f->hi);
			return -ENOMEM;
		}
		return failed(f, r, "no address space", why, n);
	}
	for (unsigned i = 0; i < f->eh.e_phnum; i++) {
		const Elf64_Phdr *ph = &f->ph[i];
		if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
			continue;
		r = map_segment(p, f, ph, *bias);
		if (r < 0)
			return failed(f, r, "cannot map", why, n);
	}
	free_gaps(p, f, *bias);
	return 0;
}
