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
#include "tests/fuzz/elf_damage.h"

#define HEAD ELF_HEAD
#define MAX_FILES 32
#define MAX_SIZE (8u << 20)
#define ADDR_MAX ELF_ADDR_MAX

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

static bool small_seed(struct seed *s)
{
	static u8 bytes[ELF_SMALL_SIZE];

	elf_small(bytes, 0, "/lib/ld");
	return make_seed(s, bytes, sizeof(bytes));
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
		if (p->p_filesz &&
		    (p->p_offset > f->size ||
			p->p_filesz > f->size - p->p_offset))
			return "not in the file";
		if (p->p_filesz && (p->p_vaddr ^ p->p_offset) % HOST_PAGE)
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
		if (p->p_flags & PF_X &&
		    e >= ALIGN_DOWN(p->p_vaddr, HOST_PAGE) &&
		    e < ALIGN_UP(end, HOST_PAGE))
			entry = true;
	}
	return entry || f->interp ? NULL : "entry point not in code";
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
	Elf64_Ehdr eh;
	u8 head[HEAD];
	u64 size = damaged_size(g, s);

	memcpy(&eh, s->head, sizeof(eh));
	memcpy(head, s->head, HEAD);
	for (u32 k = 1 + fz_below(g, 4); k > 0; k--)
		if (fz_once_in(g, 4))
			elf_nudge(g, &eh, head);
		else
			elf_damage(g, &eh, s->size, head);
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
