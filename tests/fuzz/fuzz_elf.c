/*
 * fuzz_elf.c - damaged ELF files against the loader's elf_open.
 *
 *   fuzz_elf [--seed N] [--cases N] [--seconds S] [FILE...]
 *
 * Each FILE (the C library of a cross compiler, if there is one and no FILE is
 * given), and a small one made here, is damaged in its headers and its
 * length, again and again. elf_open must refuse with a reason and leave
 * nothing open, or accept; what it accepts must keep every promise of the
 * comment at the head of elf.c, which is checked here by itself. Built with
 * the address and undefined-behaviour sanitizers where there are any.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "runtime/user/elf.h"
#include "tests/fuzz/fuzz.h"

#define HEAD 4096 /* bytes at the start that are damaged */
#define MAX_FILES 32
#define MAX_SIZE (8u << 20)
#define ADDR_MAX (1ull << 47)

/* A file to be damaged: a memory file that open() finds by its path. */
struct seed {
	int fd;
	char path[32];
	u8 head[HEAD];
	u64 size;
};

static bool make_seed(struct seed *s, const void *bytes, u64 size)
{
	s->fd = memfd_create("fuzz_elf", MFD_CLOEXEC);
	s->size = size;
	snprintf(s->path, sizeof(s->path), "/proc/self/fd/%d", s->fd);
	memcpy(s->head, bytes, MIN(size, HEAD));
	return s->fd >= 0 && write(s->fd, bytes, size) == (ssize_t)size;
}

static bool read_seed(struct seed *s, const char *path)
{
	static u8 bytes[MAX_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	if (fd >= 0)
		close(fd);
	return n > 0 && make_seed(s, bytes, (u64)n);
}

/* Code, data with a zeroed tail, an interpreter, a stack. */
static bool small_seed(struct seed *s)
{
	static u8 bytes[3 * HOST_PAGE];
	Elf64_Ehdr eh = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
			      ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = 0x1004,
		.e_phoff = sizeof(eh),
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 5 };
	const Elf64_Phdr ph[] = {
		{ PT_PHDR, PF_R, 64, 64, 64, 5 * 56, 5 * 56, 8 },
		{ PT_INTERP, PF_R, 0x300, 0x300, 0x300, 8, 8, 1 },
		{ PT_LOAD, PF_R | PF_X, 0, 0, 0, 0x1800, 0x1800, 0x1000 },
		{ PT_LOAD, PF_R | PF_W, 0x2000, 0x3000, 0x3000, 0x100, 0x2345,
		    0x1000 },
		{ PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 },
	};

	memcpy(bytes, &eh, sizeof(eh));
	memcpy(bytes + sizeof(eh), ph, sizeof(ph));
	memcpy(bytes + 0x300, "/lib/ld", 8);
	return make_seed(s, bytes, sizeof(bytes));
}

/* --- damage ----------------------------------------------------------------
 */

static u64 edge(struct fz_rng *g, const struct seed *s)
{
	switch (fz_below(g, 8)) {
	case 0: return fz_below(g, 16);
	case 1: return ~(u64)fz_below(g, 16);
	case 2: return (1ull << fz_below(g, 64)) - fz_below(g, 2);
	case 3: return s->size + fz_below(g, 5) - 2;
	case 4: return ADDR_MAX + fz_below(g, 5) - 2 - HOST_PAGE;
	case 5: return fz_below(g, (u32)s->size);
	case 6: return (u64)fz_below(g, 64) * HOST_PAGE;
	default: return fz_next(g);
	}
}

/* Change one thing in the headers. */
static void damage(struct fz_rng *g, const struct seed *s, u8 head[HEAD])
{
	Elf64_Ehdr eh;
	u32 n = MIN((u32)s->size, HEAD), size = 1u << fz_below(g, 4);
	u64 v = edge(g, s), table;

	memcpy(&eh, s->head, sizeof(eh));
	table = MIN(eh.e_phoff, HEAD / 2);
	u32 entries = MIN(eh.e_phnum, 20);
	u8 *a = head + table + fz_below(g, entries) * sizeof(Elf64_Phdr);
	u8 *b = head + table + fz_below(g, entries) * sizeof(Elf64_Phdr);
	switch (fz_below(g, 8)) {
	case 0: head[fz_below(g, n)] ^= (u8)(1u << fz_below(g, 8)); break;
	case 1: memcpy(a, b, sizeof(Elf64_Phdr)); break;
	case 2: /* only a type, flags or an alignment */
		a[fz_below(g, 2) ? 0 : 4] = (u8)fz_below(g, 8);
		break;
	case 3: memcpy(head + fz_below(g, 8) * 8, &v, size); break;
	default: /* a field of a program header */
		memcpy(a + 8 * fz_below(g, 7), &v, 8);
	}
}

static u64 damaged_size(struct fz_rng *g, const struct seed *s)
{
	switch (fz_below(g, 8)) {
	case 0: return fz_below(g, (u32)s->size);
	case 1: return fz_below(g, 1024);
	default: return s->size;
	}
}

/* --- what must hold --------------------------------------------------------
 */

static const char *check_loads(const struct elf_file *f)
{
	bool entry = false;
	u64 e = f->eh.e_entry;

	for (u32 k = 0; k < f->eh.e_phnum; k++) {
		const Elf64_Phdr *p = &f->ph[k];
		u64 end;

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		if (p->p_filesz > p->p_memsz)
			return "more bytes in the file than in memory";
		if (__builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) ||
		    end > ADDR_MAX)
			return "outside of the address space";
		if (p->p_offset > f->size ||
		    p->p_filesz > f->size - p->p_offset)
			return "not in the file";
		if ((p->p_vaddr ^ p->p_offset) % HOST_PAGE)
			return "misaligned";
		if (p->p_vaddr < f->lo || end > f->hi)
			return "outside of lo..hi";
		for (u32 j = 0; j < k; j++) {
			const Elf64_Phdr *o = &f->ph[j];

			if (o->p_type == PT_LOAD && o->p_memsz &&
			    o->p_vaddr < end &&
			    p->p_vaddr < o->p_vaddr + o->p_memsz)
				return "overlap";
		}
		if (p->p_flags & PF_X && e >= p->p_vaddr && e < end)
			entry = true;
	}
	return entry ? NULL : "entry point not in code";
}

/* NULL or what is wrong with an accepted file. */
static const char *check_accepted(const struct elf_file *f)
{
	if (f->fd < 0 || !f->ph || f->eh.e_phnum == 0)
		return "not open";
	if (f->lo % HOST_PAGE || f->hi % HOST_PAGE || f->lo >= f->hi)
		return "bad span";
	if (f->align < HOST_PAGE || f->align & (f->align - 1))
		return "bad alignment";
	if (f->interp && strlen(f->interp) == 0)
		return "empty interpreter";
	return check_loads(f);
}

/* One case; NULL or what is wrong. */
static const char *try_file(const struct seed *s, bool *accepted)
{
	struct elf_file f;
	char why[256] = "";
	int err = elf_open(s->path, ADDR_MAX, &f, why, sizeof(why));

	*accepted = err == 0;
	if (err == 0) {
		const char *bad = check_accepted(&f);
		elf_close(&f);
		return bad;
	}
	if (err > 0)
		return "positive error";
	if (strlen(why) < 5)
		return "no reason given";
	if (f.fd != -1 || f.ph || f.path || f.interp)
		return "left open after an error";
	return NULL;
}

static const char *run_case(
    const struct seed *s, struct fz_rng *g, bool *accepted)
{
	u8 head[HEAD];
	u64 size = damaged_size(g, s);

	memcpy(head, s->head, HEAD);
	for (u32 k = 1 + fz_below(g, 4); k > 0; k--)
		damage(g, s, head);
	size_t n = MIN(size, HEAD);
	if (ftruncate(s->fd, (off_t)size) < 0 ||
	    pwrite(s->fd, head, n, 0) != (ssize_t)n)
		return "the file cannot be written";
	const char *bad = try_file(s, accepted);
	/* as it was; a shortened file has lost its tail: zeros will do */
	if (!bad && size < s->size && ftruncate(s->fd, (off_t)s->size) < 0)
		return "the file cannot be grown again";
	return bad;
}

/* Where Debian's cross compiler has its libraries. */
static const char *const usual[] = {
	"/usr/riscv64-linux-gnu/lib/libc.so.6",
	"/usr/riscv64-linux-gnu/lib/ld-linux-riscv64-lp64d.so.1",
};

int main(int argc, char **argv)
{
	static struct seed seeds[MAX_FILES];
	struct fz_opts o = { .seed = 1 };
	u64 done = 0, accepted = 0, index;
	u32 n = 0, found = 0;
	bool ok;

	if (!small_seed(&seeds[n++]))
		return 2;
	for (int i = 1; i < argc; i++) {
		if (fz_option(&o, argc, argv, &i))
			continue;
		if (n == MAX_FILES || !read_seed(&seeds[n++], argv[i])) {
			fprintf(stderr, "%s: cannot be used\n", argv[i]);
			return 2;
		}
	}
	for (u32 k = 0; n == 1 && k < ARRAY_LEN(usual); k++)
		found += read_seed(&seeds[n + found], usual[k]);
	n += found;
	if (!o.cases && !o.seconds)
		o.seconds = 10;
	double t0 = fz_now();
	for (index = 0; fz_more(&o, done, t0); index++, done++) {
		struct fz_rng g = { o.seed * 0x100000001b3u + index };
		const struct seed *s = &seeds[fz_below(&g, n)];
		const char *bad = run_case(s, &g, &ok);

		accepted += ok;
		if (bad) {
			printf("seed %llu, case %llu: %s\n",
			    (unsigned long long)o.seed,
			    (unsigned long long)index, bad);
			return 1;
		}
	}
	printf("%llu cases of %u files, %llu accepted\n",
	    (unsigned long long)done, n, (unsigned long long)accepted);
	return 0;
}
