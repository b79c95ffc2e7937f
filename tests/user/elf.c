/*
 * elf.c - the ELF loader against broken files: every truncation, every byte
 * of the headers changed, and one test for each reason it gives.
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/user/elf.h"

#define ADDR_MAX ((u64)1 << 47)
#define FILE_SIZE 0x3000
#define NPH 4

struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[NPH];
	char interp[16];
	u8 rest[FILE_SIZE - sizeof(Elf64_Ehdr) - NPH * sizeof(Elf64_Phdr) - 16];
};
_Static_assert(sizeof(struct image) == FILE_SIZE, "layout");

static struct image good(void)
{
	struct image im;
	memset(&im, 0, sizeof(im));
	memcpy(im.eh.e_ident, ELFMAG, SELFMAG);
	im.eh.e_ident[EI_CLASS] = ELFCLASS64;
	im.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	im.eh.e_ident[EI_VERSION] = EV_CURRENT;
	im.eh.e_type = ET_DYN;
	im.eh.e_machine = EM_RISCV;
	im.eh.e_version = EV_CURRENT;
	im.eh.e_entry = 0x1100;
	im.eh.e_phoff = offsetof(struct image, ph);
	im.eh.e_ehsize = sizeof(im.eh);
	im.eh.e_phentsize = sizeof(im.ph[0]);
	im.eh.e_phnum = NPH;
	im.ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_filesz = 0x1000,
		.p_memsz = 0x1000,
		.p_align = 0x1000 };
	im.ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = 0x1000,
		.p_vaddr = 0x1000,
		.p_filesz = 0x800,
		.p_memsz = 0x800,
		.p_align = 0x1000 };
	im.ph[2] = (Elf64_Phdr){ .p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = 0x2010,
		.p_vaddr = 0x4010,
		.p_filesz = 0xff0,
		.p_memsz = 0x3000,
		.p_align = 0x1000 };
	im.ph[3] =
	    (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	strcpy(im.interp, "/lib/ld.so");
	return im;
}

static void use_interp(struct image *im)
{
	im->ph[3] = (Elf64_Phdr){ .p_type = PT_INTERP,
		.p_offset = offsetof(struct image, interp),
		.p_filesz = 11,
		.p_memsz = 11 };
}

static char path[64];
static int file = -1;

/* A memory file: thousands are written. */
static void setup(void)
{
	file = memfd_create("elf", MFD_CLOEXEC);
	cr_assert_geq(file, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
}

static void teardown(void)
{
	close(file);
}

TestSuite(elf, .init = setup, .fini = teardown);

/* elf_open's promises about an accepted file (see elf.c). */
static void check_accepted(const struct elf_file *f)
{
	bool entry = false;
	cr_assert_lt(f->lo, f->hi);
	cr_assert_leq(f->hi, ADDR_MAX);
	for (unsigned i = 0; i < f->eh.e_phnum; i++) {
		const Elf64_Phdr *p = &f->ph[i];
		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		cr_assert_leq(p->p_filesz, p->p_memsz);
		if (p->p_filesz) {
			cr_assert_leq(p->p_offset, f->size);
			cr_assert_leq(p->p_filesz, f->size - p->p_offset);
			cr_assert_eq((p->p_vaddr ^ p->p_offset) & 0xfff, 0);
		}
		cr_assert_leq(p->p_memsz, f->hi - p->p_vaddr);
		cr_assert_geq(p->p_vaddr, f->lo);
		entry |= (p->p_flags & PF_X) &&
		    f->eh.e_entry >= ALIGN_DOWN(p->p_vaddr, HOST_PAGE) &&
		    f->eh.e_entry <
			ALIGN_UP(p->p_vaddr + p->p_memsz, HOST_PAGE);
	}
	cr_assert(entry || f->interp);
	if (f->interp)
		cr_assert(f->interp[0]);
}

/* Write n bytes, open, check what must hold either way; the result. */
static int try(const struct image *im, size_t n, char *why, size_t size)
{
	struct elf_file f;
	cr_assert_eq(ftruncate(file, 0), 0);
	cr_assert_eq(pwrite(file, im, n, 0), (ssize_t)n);
	why[0] = 0;
	int r = elf_open(path, ADDR_MAX, &f, why, size);
	if (r == 0) {
		check_accepted(&f);
		elf_close(&f);
		return 0;
	}
	cr_assert_eq(r, -ENOEXEC);
	cr_assert(strstr(why, path), "'%s' names no file", why);
	cr_assert_null(strchr(why, '\n'));
	return r;
}

Test(elf, accepts_good_files)
{
	struct image im = good();
	char why[256];
	cr_assert_eq(try(&im, sizeof(im), why, sizeof(why)), 0, "%s", why);
	use_interp(&im);
	cr_assert_eq(try(&im, sizeof(im), why, sizeof(why)), 0, "%s", why);
	im.eh.e_type = ET_EXEC;
	for (int i = 0; i < 3; i++)
		im.ph[i].p_vaddr += 0x10000;
	im.eh.e_entry += 0x10000;
	cr_assert_eq(try(&im, sizeof(im), why, sizeof(why)), 0, "%s", why);
}

Test(elf, every_truncation)
{
	struct image im = good();
	char why[256];
	for (size_t n = 0; n < sizeof(im); n++)
		cr_assert_eq(
		    try(&im, n, why, sizeof(why)), -ENOEXEC, "%zu bytes", n);
	use_interp(&im);
	im.eh.e_phnum = 4;
	for (size_t n = 0; n < sizeof(im); n += 7)
		cr_assert_neq(try(&im, n, why, sizeof(why)), 0);
}

Test(elf, every_header_byte)
{
	static const u8 values[] = { 0, 1, 2, 0x0f, 0x7f, 0x80, 0xf0, 0xff };
	const size_t end = offsetof(struct image, rest);
	char why[256];
	for (int variant = 0; variant < 2; variant++)
		for (size_t at = 0; at < end; at++)
			for (size_t v = 0; v < sizeof(values); v++) {
				struct image im = good();
				if (variant)
					use_interp(&im);
				((u8 *)&im)[at] = values[v];
				try(&im, sizeof(im), why, sizeof(why));
			}
}

Test(elf, extreme_fields)
{
	static const u64 values[] = { 0, 1, 0xfff, 0x1000, 0x7fffffffffff,
		0x800000000000, 0x7fffffffffffffff, 0x8000000000000000,
		0xfffffffffffff000, 0xffffffffffffffff };
	u64 seed = 12345;
	char why[256];
	for (int round = 0; round < 3000; round++) {
		struct image im = good();
		for (int k = 0; k < 1 + round % 3; k++) {
			seed =
			    seed * 6364136223846793005u + 1442695040888963407u;
			u64 *w = (u64 *)(void *)&im;
			w[(seed >> 33) % (offsetof(struct image, rest) / 8)] =
			    values[(seed >> 20) % ARRAY_LEN(values)];
		}
		try(&im, sizeof(im), why, sizeof(why));
	}
}

/* The reason for one change of a good file. */
#define REASON(text, change) \
	do { \
		struct image im = good(); \
		char why[256]; \
		use_interp(&im); \
		change; \
		cr_assert_eq( \
		    try(&im, sizeof(im), why, sizeof(why)), -ENOEXEC); \
		cr_assert( \
		    strstr(why, text), "'%s' instead of '%s'", why, text); \
	} while (0)

Test(elf, reasons)
{
	REASON("not an ELF file", im.eh.e_ident[0] = 0);
	REASON("32-bit", im.eh.e_ident[EI_CLASS] = ELFCLASS32);
	REASON("ELF class 7", im.eh.e_ident[EI_CLASS] = 7);
	REASON("big-endian", im.eh.e_ident[EI_DATA] = ELFDATA2MSB);
	REASON("ELF version", im.eh.e_ident[EI_VERSION] = 0);
	REASON("for x86-64", im.eh.e_machine = EM_X86_64);
	REASON("machine 999", im.eh.e_machine = 999);
	REASON("object file", im.eh.e_type = ET_REL);
	REASON("core dump", im.eh.e_type = ET_CORE);
	REASON("no program headers", im.eh.e_phnum = 0);
	REASON("too many program headers", im.eh.e_phnum = 0xffff);
	REASON("header size 32", im.eh.e_phentsize = 32);
	REASON("program headers", im.eh.e_phoff = ~(u64)0);
	REASON("more bytes in the file", im.ph[2].p_filesz = 0x3001);
	REASON("address space", im.ph[2].p_memsz = ~(u64)0 - 0x4010);
	REASON("address space", im.ph[2].p_vaddr = ADDR_MAX - 0xff0);
	REASON("truncated in segment 2", im.ph[2].p_offset = 0x3010);
	REASON("misaligned", im.ph[2].p_vaddr = 0x4011);
	REASON("overlap", im.ph[2].p_vaddr = 0x1010);
	REASON("entry point", im.eh.e_entry = 0x4000; im.ph[3].p_type = 0);
	REASON("nothing to load",
	    im.ph[0].p_type = im.ph[1].p_type = im.ph[2].p_type = PT_NOTE);
	REASON("interpreter", im.ph[3].p_filesz = 10);
	REASON("interpreter", im.ph[3].p_filesz = 0x2000);
	REASON("interpreter", im.ph[3].p_offset = 0x10000);
}

/* What is odd, and runs under Linux, too. */
#define ACCEPTED(change) \
	do { \
		struct image im = good(); \
		char why[256]; \
		use_interp(&im); \
		change; \
		cr_assert_eq( \
		    try(&im, sizeof(im), why, sizeof(why)), 0, "%s", why); \
	} while (0)

Test(elf, oddities)
{
	ACCEPTED(im.ph[2].p_align = 0x3000);
	ACCEPTED(im.ph[2].p_align = (u64)1 << 60);
	ACCEPTED(im.ph[0] = im.ph[3]); /* the first interpreter counts */
	ACCEPTED(im.ph[2].p_filesz = 0; im.ph[2].p_offset = 0x777777);
	ACCEPTED(im.eh.e_entry = 0x4000); /* it goes to the interpreter */
}

Test(elf, not_files)
{
	struct elf_file f;
	char why[256];
	cr_assert_eq(
	    elf_open("/nonexistent", ADDR_MAX, &f, why, sizeof(why)), -ENOENT);
	cr_assert_str_eq(why, "/nonexistent: No such file or directory");
	cr_assert_eq(elf_open("/tmp", ADDR_MAX, &f, why, sizeof(why)), -EACCES);
	cr_assert_str_eq(why, "/tmp: a directory");
	cr_assert_eq(
	    elf_open("/dev/null", ADDR_MAX, &f, why, sizeof(why)), -EACCES);
	cr_assert_eq(ftruncate(file, 0), 0);
	cr_assert_eq(elf_open(path, ADDR_MAX, &f, why, sizeof(why)), -ENOEXEC);
	cr_assert(strstr(why, "file is empty"));
}

/* --- mapping what was accepted, or failing cleanly ------------------------ */

static size_t count_maps(void)
{
	char buf[65536];
	size_t lines = 0, n;
	FILE *f = fopen("/proc/self/maps", "re");
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		for (size_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	fclose(f);
	return lines;
}

static int load(const struct image *im)
{
	struct linux_config cfg = { .prog = path };
	struct vm_config vmcfg = { .tier = TIER_INTERP };
	struct metic_vm *vm;
	char why[256];
	cr_assert_eq(ftruncate(file, 0), 0);
	cr_assert_eq(pwrite(file, im, sizeof(*im), 0), sizeof(*im));
	int r = linux_new(&cfg, &vmcfg, &vm, why, sizeof(why));
	if (r == 0)
		linux_free(vm);
	else
		cr_assert(strstr(why, path), "'%s'", why);
	return r;
}

Test(elf, load_and_free)
{
	static const u64 values[] = { 0, 0x10, 0x1000, 0x123000, 0x7fffff000000,
		0xffffffff };
	struct image im = good();
	cr_assert_eq(load(&im), 0);
	size_t before = count_maps();
	for (size_t at = 0; at < offsetof(struct image, interp) / 8; at++)
		for (size_t v = 0; v < ARRAY_LEN(values); v++) {
			im = good();
			((u64 *)(void *)&im)[at] = values[v];
			load(&im);
		}
	/* malloc may have grown; the images must be gone */
	cr_assert_leq(count_maps(), before + 8);
}

/* Linked far above where it comes to lie: it moves by less than nothing. */
Test(elf, linked_high_up)
{
	struct image im = good();

	for (int i = 0; i < 3; i++)
		im.ph[i].p_vaddr += 0x700000000000;
	im.eh.e_entry += 0x700000000000;
	cr_assert_eq(load(&im), 0);
}

Test(elf, fixed_addresses_taken)
{
	struct image im = good();
	struct linux_config cfg = { .prog = path };
	struct vm_config vmcfg = { .tier = TIER_INTERP };
	struct metic_vm *vm;
	char why[256];
	u64 taken = (u64)mmap(
	    NULL, 0x10000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	im.eh.e_type = ET_EXEC;
	for (int i = 0; i < 3; i++)
		im.ph[i].p_vaddr += taken;
	im.eh.e_entry += taken;
	cr_assert_eq(pwrite(file, &im, sizeof(im), 0), sizeof(im));
	int r = linux_new(&cfg, &vmcfg, &vm, why, sizeof(why));
	cr_assert_eq(r, -ENOMEM);
	cr_assert(strstr(why, "not free"), "'%s'", why);
	cr_assert_eq(munmap((void *)taken, 0x10000), 0);
}
