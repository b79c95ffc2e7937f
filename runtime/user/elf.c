/*
 * elf.c - reading and checking an ELF file; nothing is mapped here.
 *
 * The file is untrusted. After elf_open succeeds:
 *   - all program headers lie in the file and have been read;
 *   - each PT_LOAD has p_filesz <= p_memsz, lies below addr_max, its bytes
 *     lie in the file, and its offset and address agree modulo the page if it
 *     has any;
 *   - no two PT_LOADs share a byte;
 *   - the entry point is on a page of an executable PT_LOAD, unless there
 *     is an interpreter, which then has the first word;
 *   - PT_INTERP, if present, is a NUL-terminated, non-empty string.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/user/elf.h"

#define PHDRS_MAX 65536 /* bytes; Linux's limit */

static int refuse(const struct elf_file *f, char *why, size_t n,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int refuse(
    const struct elf_file *f, char *why, size_t n, const char *fmt, ...)
{
	char reason[160];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	snprintf(why, n, "%s: %s", f->path, reason);
	return -ENOEXEC;
}

/* Exactly n bytes from off, or false. */
static bool read_at(const struct elf_file *f, void *dst, size_t n, u64 off)
{
	if (off > f->size || n > f->size - off)
		return false;
	u8 *d = dst;
	while (n) {
		ssize_t k = pread(f->fd, d, n, (off_t)off);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		d += k;
		off += (u64)k;
		n -= (size_t)k;
	}
	return true;
}

static const char *machine_name(unsigned m)
{
	switch (m) {
	case EM_386: return "i386";
	case EM_ARM: return "arm";
	case EM_X86_64: return "x86-64";
	case EM_AARCH64: return "aarch64";
	case EM_RISCV: return "riscv";
	case EM_PPC64: return "ppc64";
	case EM_S390: return "s390";
	case EM_MIPS: return "mips";
	case EM_SPARCV9: return "sparc64";
	default: return NULL;
	}
}

static int check_ident(struct elf_file *f, char *why, size_t n)
{
	const u8 *id = f->eh.e_ident;
	if (f->size == 0)
		return refuse(f, why, n, "file is empty");
	if (!read_at(f, &f->eh, MIN(sizeof(f->eh), f->size), 0))
		return refuse(f, why, n, "cannot be read");
	if (f->size < SELFMAG || memcmp(id, ELFMAG, SELFMAG) != 0)
		return refuse(f, why, n, "not an ELF file");
	if (f->size < sizeof(f->eh))
		return refuse(f, why, n, "truncated in the ELF header");
	if (id[EI_CLASS] == ELFCLASS32)
		return refuse(f, why, n, "a 32-bit program");
	if (id[EI_CLASS] != ELFCLASS64)
		return refuse(f, why, n, "bad ELF class %u", id[EI_CLASS]);
	if (id[EI_DATA] == ELFDATA2MSB)
		return refuse(f, why, n, "a big-endian program");
	if (id[EI_DATA] != ELFDATA2LSB)
		return refuse(f, why, n, "bad ELF byte order %u", id[EI_DATA]);
	if (id[EI_VERSION] != EV_CURRENT)
		return refuse(f, why, n, "bad ELF version %u", id[EI_VERSION]);
	return 0;
}

static int check_header(struct elf_file *f, char *why, size_t n)
{
	const Elf64_Ehdr *eh = &f->eh;
	if (!guest_by_machine(eh->e_machine)) {
		const char *m = machine_name(eh->e_machine);
		if (m)
			return refuse(f, why, n, "a program for %s", m);
		return refuse(
		    f, why, n, "a program for machine %u", eh->e_machine);
	}
	switch (eh->e_type) {
	case ET_EXEC:
	case ET_DYN: break;
	case ET_REL: return refuse(f, why, n, "an object file, not linked");
	case ET_CORE: return refuse(f, why, n, "a core dump");
	default: return refuse(f, why, n, "bad ELF type %u", eh->e_type);
	}
	if (eh->e_phnum == 0)
		return refuse(f, why, n, "no program headers");
	if (eh->e_phentsize != sizeof(Elf64_Phdr))
		return refuse(
		    f, why, n, "bad program header size %u", eh->e_phentsize);
	if (eh->e_phnum > PHDRS_MAX / sizeof(Elf64_Phdr))
		return refuse(
		    f, why, n, "too many program headers (%u)", eh->e_phnum);
	return 0;
}

static int check_load(
    struct elf_file *f, u64 addr_max, unsigned i, char *why, size_t n)
{
	const Elf64_Phdr *ph = &f->ph[i];
	u64 end, mask = HOST_PAGE - 1;

	if (ph->p_filesz > ph->p_memsz)
		return refuse(f, why, n,
		    "segment %u has more bytes in the file than in memory", i);
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) ||
	    end > addr_max - HOST_PAGE)
		return refuse(f, why, n,
		    "segment %u does not fit into the address space", i);
	if (ph->p_filesz &&
	    (ph->p_offset > f->size || ph->p_filesz > f->size - ph->p_offset))
		return refuse(f, why, n, "truncated in segment %u", i);
	if (ph->p_filesz && (ph->p_vaddr & mask) != (ph->p_offset & mask))
		return refuse(f, why, n, "segment %u is misaligned", i);
	for (unsigned k = 0; k < i; k++) {
		const Elf64_Phdr *o = &f->ph[k];
		if (o->p_type == PT_LOAD && o->p_vaddr < end &&
		    ph->p_vaddr < o->p_vaddr + o->p_memsz)
			return refuse(
			    f, why, n, "segments %u and %u overlap", k, i);
	}
	f->lo = MIN(f->lo, ALIGN_DOWN(ph->p_vaddr, HOST_PAGE));
	f->hi = MAX(f->hi, ALIGN_UP(end, HOST_PAGE));
	/* As Linux has it: what is no power of two does not count. */
	if (!(ph->p_align & (ph->p_align - 1)))
		f->align = MAX(f->align, ph->p_align);
	return 0;
}

static int check_interp(
    struct elf_file *f, const Elf64_Phdr *ph, char *why, size_t n)
{
	if (f->interp) /* Linux takes the first */
		return 0;
	if (ph->p_filesz < 2 || ph->p_filesz > PATH_MAX)
		return refuse(f, why, n, "bad interpreter name");
	char *s = malloc(ph->p_filesz);
	if (!s) {
		snprintf(why, n, "%s: out of memory", f->path);
		return -ENOMEM;
	}
	if (!read_at(f, s, ph->p_filesz, ph->p_offset)) {
		free(s);
		return refuse(f, why, n, "truncated in the interpreter name");
	}
	f->interp = s;
	if (s[0] == 0 || s[ph->p_filesz - 1] != 0)
		return refuse(f, why, n, "bad interpreter name");
	return 0;
}

/* Where the first program header is in memory, if it is, as Linux tells. */
static u64 find_phdr(const struct elf_file *f)
{
	u64 off = f->eh.e_phoff, at = 0;
	for (unsigned i = 0; i < f->eh.e_phnum; i++) {
		const Elf64_Phdr *ph = &f->ph[i];
		if (ph->p_type == PT_LOAD && ph->p_offset <= off &&
		    off - ph->p_offset < ph->p_filesz)
			at = ph->p_vaddr + (off - ph->p_offset);
	}
	return at;
}

/* The kernel itself jumps to the interpreter, if there is one. */
static int check_entry(const struct elf_file *f, char *why, size_t n)
{
	u64 e = f->eh.e_entry;
	for (unsigned i = 0; i < f->eh.e_phnum && !f->interp; i++) {
		const Elf64_Phdr *ph = &f->ph[i];
		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_X) &&
		    ph->p_memsz && e >= ALIGN_DOWN(ph->p_vaddr, HOST_PAGE) &&
		    e < ALIGN_UP(ph->p_vaddr + ph->p_memsz, HOST_PAGE))
			return 0;
	}
	if (f->interp)
		return 0;
	return refuse(f, why, n, "entry point %#llx is not in its code",
	    (unsigned long long)e);
}

static int check_segments(
    struct elf_file *f, bool is_interp, u64 addr_max, char *why, size_t n)
{
	u64 size = (u64)f->eh.e_phnum * sizeof(Elf64_Phdr);
	int r = 0;

	f->ph = malloc(size);
	if (!f->ph) {
		snprintf(why, n, "%s: out of memory", f->path);
		return -ENOMEM;
	}
	if (!read_at(f, f->ph, size, f->eh.e_phoff))
		return refuse(f, why, n, "truncated in the program headers");
	f->lo = UINT64_MAX;
	f->align = HOST_PAGE;
	for (unsigned i = 0; i < f->eh.e_phnum && r == 0; i++) {
		const Elf64_Phdr *ph = &f->ph[i];
		if (ph->p_type == PT_LOAD && ph->p_memsz)
			r = check_load(f, addr_max, i, why, n);
		else if (ph->p_type == PT_INTERP && !is_interp)
			r = check_interp(f, ph, why, n);
		else if (ph->p_type == PT_GNU_STACK)
			f->stack_exec = ph->p_flags & PF_X;
	}
	if (r)
		return r;
	if (f->hi == 0)
		return refuse(f, why, n, "nothing to load");
	if (f->align > addr_max / 4) /* nobody could, and Linux does not */
		f->align = HOST_PAGE;
	f->phdr = find_phdr(f);
	return check_entry(f, why, n);
}

static int open_file(struct elf_file *f, char *why, size_t n)
{
	struct stat st;
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		int e = errno;
		snprintf(why, n, "%s: %s", f->path, strerror(e));
		return -e;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, n, "%s: %s", f->path,
		    S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
		return -EACCES;
	}
	f->size = (u64)st.st_size;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return 0;
}

static int open_as(const char *path, bool is_interp, u64 addr_max,
    struct elf_file *f, char *why, size_t n)
{
	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->path = strdup(path);
	if (!f->path) {
		snprintf(why, n, "%s: out of memory", path);
		return -ENOMEM;
	}
	int r = open_file(f, why, n);
	if (r == 0)
		r = check_ident(f, why, n);
	if (r == 0)
		r = check_header(f, why, n);
	if (r == 0)
		r = check_segments(f, is_interp, addr_max, why, n);
	if (r)
		elf_close(f);
	return r;
}

int elf_open(
    const char *path, u64 addr_max, struct elf_file *f, char *why, size_t n)
{
	return open_as(path, false, addr_max, f, why, n);
}

int elf_open_interp(
    const char *path, u64 addr_max, struct elf_file *f, char *why, size_t n)
{
	return open_as(path, true, addr_max, f, why, n);
}

void elf_close(struct elf_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->ph);
	free(f->interp);
	memset(f, 0, sizeof(*f));
	f->fd = -1;
}
