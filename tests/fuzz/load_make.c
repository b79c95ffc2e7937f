/*
 * load_make.c - the files, arguments and environment of a case.
 *
 * Files are named relative to the current folder, which is g/ for the guest
 * and n/ for the native twin; their names are the same in both, so what a
 * "#!" line or PT_INTERP says is, too.
 */
#include "tests/fuzz/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NSCRIPTS 8
#define STRINGS_MAX ((size_t)8 << 20)
#define VEC_MAX 70000u

static const char *const folders[] = { "g", "n" };

/* --- files ---------------------------------------------------------------
 */

static bool write_file(int at, const char *name, const void *bytes, size_t n)
{
	int fd =
	    openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0)
		return false;
	bool ok = write(fd, bytes, n) == (ssize_t)n;
	close(fd);
	return ok;
}

/* For both worlds. */
static void write_both(
    struct ld_world *w, const char *name, const void *bytes, size_t n)
{
	if (!write_file(AT_FDCWD, name, bytes, n) ||
	    !write_file(w->native, name, bytes, n))
		w->c.twin = false;
}

static const char *interp_name(struct ld_world *w, struct fz_rng *g)
{
	static const char *const odd[] = { "./no", "./dir", "./empty", "./fifo",
		"./loop", "./s0", "/dev/null", "./dir/x", "ld" };

	switch (fz_below(g, 8)) {
	case 0: return odd[fz_below(g, ARRAY_LEN(odd))];
	case 1:
	case 2:
	case 3: return NULL;
	default: return w->c.sysroot ? "/ld" : "./ld";
	}
}

/*
 * An ELF file for both machines, with some damage. Only what is the same on
 * both may be compared.
 */
static void make_elf(struct ld_world *w, struct fz_rng *g, const char *name,
    const char *interp, u64 base, u32 hits)
{
	u8 bytes[ELF_SMALL_SIZE], *code = bytes + ELF_SMALL_ENTRY;
	u64 size = ELF_SMALL_SIZE;
	Elf64_Ehdr eh, was;

	elf_small(bytes, base, interp);
	memcpy(&was, bytes, sizeof(was));
	for (u32 k = 0; k < hits; k++)
		if (fz_below(g, 3))
			elf_nudge(g, &was, bytes);
		else
			elf_damage(g, &was, size, bytes);
	if (hits && fz_once_in(g, 16))
		size = fz_below(g, ELF_SMALL_SIZE);
	memcpy(&eh, bytes, sizeof(eh));
	memcpy(code, ld_code_guest, ld_code_guest_size);
	bool ok = write_file(AT_FDCWD, name, bytes, size);
	memset(code, 0, ld_code_guest_size);
	memcpy(code, ld_code_native,
	    (size_t)(ld_code_native_end - ld_code_native));
	if (eh.e_machine == EM_RISCV)
		((Elf64_Ehdr *)(void *)bytes)->e_machine = EM_X86_64;
	/* headers that are code are not the same headers */
	u64 end = eh.e_phoff + (u64)eh.e_phnum * sizeof(Elf64_Phdr);
	if (!ok || !write_file(w->native, name, bytes, size) ||
	    eh.e_machine != EM_RISCV || eh.e_flags != was.e_flags ||
	    end > (u64)(code - bytes))
		w->c.twin = false;
}

static void make_elfs(struct ld_world *w, struct fz_rng *g)
{
	const char *interp = interp_name(w, g);
	u64 base = fz_below(g, 2) ? 0 : 0x10000ull << fz_below(g, 12);

	make_elf(w, g, "prog", interp, base, fz_below(g, 4));
	if (interp)
		make_elf(w, g, "ld", fz_below(g, 4) ? NULL : "./ld",
		    fz_below(g, 4) ? 0 : base << (1 + fz_below(g, 3)),
		    fz_below(g, 3) ? 0 : fz_below(g, 3));
}

static size_t filler(struct fz_rng *g, char *p, size_t max)
{
	static const char set[] = "ab/. \t\\#'\"\r\x01\xff-";
	size_t n = fz_below(g, (u32)max);

	for (size_t k = 0; k < n; k++)
		p[k] = fz_once_in(g, 8) ? set[fz_below(g, sizeof(set))] : 'x';
	return n;
}

/* "#!" lines: mostly of the next script or the program, rarely sane. */
static size_t make_line(struct fz_rng *g, char *p, u32 k)
{
	static const char *const names[] = { "./prog", "./prog", "./prog",
		"./ld", "./dir", "./empty", "./fifo", "./no", "./loop", "",
		"/dev/null", "./s0", "/bin/true", "s1" };
	size_t n = 0, cut;
	char next[8];

	p[n++] = '#';
	p[n++] = '!';
	for (u32 blanks = fz_below(g, 3); blanks; blanks--)
		p[n++] = fz_below(g, 2) ? ' ' : '\t';
	if (fz_once_in(g, 8))
		n += filler(g, p + n, 300);
	snprintf(next, sizeof(next), "./s%u", k + 1);
	const char *name = fz_below(g, 3) && k + 1 < NSCRIPTS ?
	    next :
	    names[fz_below(g, ARRAY_LEN(names))];
	n += (size_t)sprintf(p + n, "%s", name);
	if (fz_below(g, 3) == 0)
		p[n++] = "\t  "[fz_below(g, 3)];
	if (fz_below(g, 3) == 0)
		n += filler(g, p + n, fz_once_in(g, 4) ? 300 : 8);
	for (u32 blanks = fz_below(g, 3); blanks; blanks--)
		p[n++] = fz_below(g, 2) ? ' ' : '\t';
	cut = n;
	if (fz_below(g, 8))
		p[n++] = '\n';
	n += filler(g, p + n, 20);
	if (fz_once_in(g, 8))
		n = fz_below(g, (u32)n);
	return fz_once_in(g, 16) ? cut : n;
}

static void make_scripts(struct ld_world *w, struct fz_rng *g)
{
	char line[1024], name[8];

	/* the last ones lead to the program, or they are left from before */
	u32 n = 1 + fz_below(g, NSCRIPTS);
	for (u32 k = 0; k < n; k++) {
		snprintf(name, sizeof(name), "s%u", k);
		write_both(w, name, line, make_line(g, line, k));
	}
	for (u32 k = n; k < NSCRIPTS; k++) {
		snprintf(name, sizeof(name), "s%u", k);
		write_both(w, name, "#!./prog\n", 9);
	}
	w->c.prog = "./s0";
}

/* --- arguments ------------------------------------------------------------
 */

/* A string of n bytes at the end of the strings. */
static char *new_string(size_t *used, struct ld_world *w, size_t n)
{
	if (STRINGS_MAX - *used < n + 64)
		n = 0;
	char *s = w->strings + *used;
	memset(s, 'v', n);
	s[n] = 0;
	*used += n + 64; /* room for names */
	return s;
}

/* How many strings, and how long they are. */
static void shape(struct fz_rng *g, u32 *n, u32 *len)
{
	switch (fz_below(g, 64)) {
	case 0: /* very many */
		*n = fz_below(g, VEC_MAX / 4);
		*len = 0;
		break;
	case 1: /* about what the stack may hold of the smallest */
		*n = 1 + fz_below(g, 4);
		*len = (64u << 10) / *n - 256 + fz_below(g, 512);
		break;
	case 2:
		*n = 1 + fz_below(g, 3);
		*len = fz_below(g, 2u << 20);
		break;
	default: *n = fz_below(g, 6); *len = fz_below(g, 100);
	}
}

static char **make_vec(
    struct ld_world *w, struct fz_rng *g, char **vec, size_t *used)
{
	u32 n, len;

	shape(g, &n, &len);
	for (u32 k = 0; k < n; k++)
		vec[k] = new_string(used, w, len ? fz_below(g, len + 1) : 0);
	vec[n] = NULL;
	if (n > 1000 || (u64)n * len > 32768)
		w->c.twin = false; /* the kernel's limits are its own */
	return vec;
}

/* What metic passes to itself, from who is not metic. */
static void odd_variable(struct ld_world *w, struct fz_rng *g, char *s)
{
	struct ld_case *c = &w->c;

	c->twin = false;
	switch (fz_below(g, 6)) {
	case 0: strcpy(s, "METIC_LIMITS="); break;
	case 1: strcpy(s, "METIC_LIMITS=ffff,,1,"); break;
	case 2:
		sprintf(s, "METIC_LIMITS=%llx,%x,%llx,1",
		    (unsigned long long)fz_next(g) >> fz_below(g, 64),
		    fz_below(g, 2),
		    (unsigned long long)fz_next(g) >> fz_below(g, 64));
		break;
	case 3: sprintf(s, "METIC_EXECFD=%d", -1 - (int)fz_below(g, 3)); break;
	case 4: strcpy(s, "METIC_SECCOMP=99999"); break;
	default:
		if (c->fd < 0)
			c->fd = fcntl(w->seccomp, F_DUPFD_CLOEXEC, 200);
		sprintf(s, "METIC_SECCOMP=%d", c->fd);
	}
}

static void make_arguments(struct ld_world *w, struct fz_rng *g)
{
	struct ld_case *c = &w->c;
	size_t used = 0;

	c->argv = make_vec(w, g, w->vec, &used);
	c->envp = make_vec(w, g, w->vec + VEC_MAX, &used);
	if (!c->argv[0] && fz_below(g, 2))
		c->argv = NULL;
	if (!c->argv || !c->argv[0])
		c->twin = false;
	if (c->envp[0] && fz_once_in(g, 12))
		odd_variable(w, g, c->envp[0]);
	c->stack_size = 0;
	if (fz_once_in(g, 4))
		c->stack_size =
		    fz_below(g, 2) ? 256u << 10 : fz_next(g) >> fz_below(g, 64);
}

/* --- cases ----------------------------------------------------------------
 */

static const char *some_prog(struct fz_rng *g)
{
	static const char *const odd[] = { "./dir", "./empty", "./fifo",
		"./loop", "./no", "", "./prog/", "dir/../prog", "/dev/zero" };

	return fz_once_in(g, 64) ? odd[fz_below(g, ARRAY_LEN(odd))] : "./prog";
}

/* A file of filters as metic hands it on, or something like one. */
static void make_filter(struct ld_world *w, struct fz_rng *g)
{
	u64 noise[16] = { 1 + fz_below(g, 20) };

	for (u32 k = 1; k < ARRAY_LEN(noise); k++)
		noise[k] = fz_next(g) & (fz_below(g, 2) ? 0xff : ~0ull);
	noise[0] |= (u64)(fz_below(g, 2) ? 6 : fz_below(g, 256)) << 32;
	if (ftruncate(w->seccomp, 0) == 0)
		pwrite(w->seccomp, noise, fz_below(g, sizeof(noise)), 0);
}

void ld_make(struct ld_world *w, struct fz_rng *g)
{
	struct ld_case *c = &w->c;

	*c = (struct ld_case){ .fd = -1, .twin = true };
	c->prog = some_prog(g);
	if (fz_once_in(g, 4)) {
		c->sysroot = fz_below(g, 8) ? "." : "/";
		c->twin = false;
	}
	make_arguments(w, g);
	if (c->fd >= 0)
		make_filter(w, g);
	make_elfs(w, g);
	if (fz_once_in(g, 5))
		make_scripts(w, g);
}

void ld_unmake(struct ld_world *w)
{
	if (w->c.fd >= 0) /* unless who was told of it has closed it */
		close(w->c.fd);
}

/* --- the folder -----------------------------------------------------------
 */

/* What is in each folder and never changes. */
static bool furnish(int at)
{
	return mkdirat(at, "dir", 0755) == 0 &&
	    mkfifoat(at, "fifo", 0644) == 0 &&
	    symlinkat("loop", at, "loop") == 0 &&
	    write_file(at, "empty", "", 0);
}

/* Files in memory are quicker, but not every system runs them. */
static bool may_run(const char *dir)
{
	struct statvfs fs;

	return access(dir, W_OK) == 0 && statvfs(dir, &fs) == 0 &&
	    !(fs.f_flag & ST_NOEXEC);
}

struct ld_world *ld_world_new(void)
{
	struct ld_world *w = calloc(1, sizeof(*w));
	char path[96];

	if (!w)
		return NULL;
	snprintf(w->dir, sizeof(w->dir), "%s/fuzz_load.XXXXXX",
	    may_run("/dev/shm") ? "/dev/shm" : "/tmp");
	w->strings = malloc(STRINGS_MAX + 64);
	w->vec = calloc(2 * VEC_MAX, sizeof(*w->vec));
	w->seccomp = memfd_create("fuzz_load", MFD_CLOEXEC);
	if (!w->strings || !w->vec || w->seccomp < 0 || !mkdtemp(w->dir))
		return NULL;
	for (u32 k = 0; k < ARRAY_LEN(folders); k++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, folders[k]);
		if (mkdir(path, 0755) < 0)
			return NULL;
		w->native = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (w->native < 0 || !furnish(w->native))
			return NULL;
		if (k == 0 && (fchdir(w->native) < 0 || close(w->native) < 0))
			return NULL;
	}
	return w;
}

void ld_world_free(struct ld_world *w)
{
	char command[96];

	close(w->native);
	close(w->seccomp);
	snprintf(command, sizeof(command), "rm -r %s", w->dir);
	if (chdir("/") < 0 || system(command) != 0)
		fprintf(stderr, "%s is left\n", w->dir);
	free(w->strings);
	free(w->vec);
	free(w);
}
