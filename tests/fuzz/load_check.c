/*
 * load_check.c - what a process must be once it has been loaded: each page of
 * each segment has the bytes and the protection that its file says, as the
 * kernel's loader has it, the stack holds the arguments, the environment and
 * an auxiliary vector that agree with them, and nothing of that lies where
 * memory of metic was before.
 */
#include "tests/fuzz/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PAGES_MAX 64 /* of a segment; of more, both ends */

struct checker {
	const struct ld_world *w;
	struct linux_process *p;
	char *why;
	size_t n;
};

#define BAD(x, ...) (snprintf((x)->why, (x)->n, __VA_ARGS__), false)

/* --- the image ------------------------------------------------------------
 */

/* What a page of the image is. */
struct page {
	u8 bytes[HOST_PAGE];
	int prot;
	bool mapped;
};

/*
 * What Linux's elf_load makes of the page at va (without the bias): the
 * segments in their order, each over those before. A page that a segment
 * has only because of its memory size is writable data.
 */
static void model_page(const struct elf_file *f, u64 va, struct page *out)
{
	*out = (struct page){ .mapped = false };
	for (u32 k = 0; k < f->eh.e_phnum; k++) {
		const Elf64_Phdr *p = &f->ph[k];
		u64 start = ALIGN_DOWN(p->p_vaddr, HOST_PAGE);
		u64 file_end = p->p_vaddr + p->p_filesz;
		u64 end = p->p_vaddr + p->p_memsz;
		u64 anon = p->p_filesz ? ALIGN_UP(file_end, HOST_PAGE) : start;

		if (p->p_type != PT_LOAD || !p->p_memsz || va < start ||
		    va >= MAX(anon, ALIGN_UP(end, HOST_PAGE)))
			continue;
		memset(out->bytes, 0, HOST_PAGE);
		out->mapped = true;
		if (va >= anon) {
			out->prot = MAP_PROT_R | MAP_PROT_W;
			out->prot |= p->p_flags & PF_X ? MAP_PROT_X : 0;
			continue;
		}
		out->prot = (p->p_flags & PF_R ? MAP_PROT_R : 0) |
		    (p->p_flags & PF_W ? MAP_PROT_W : 0) |
		    (p->p_flags & PF_X ? MAP_PROT_X : 0);
		u64 off = ALIGN_DOWN(p->p_offset, HOST_PAGE) + (va - start);
		ssize_t n = pread(f->fd, out->bytes, HOST_PAGE, (off_t)off);
		if (n >= 0 && end > file_end && file_end - va < HOST_PAGE &&
		    (p->p_flags & PF_W))
			memset(out->bytes + (file_end - va), 0,
			    HOST_PAGE - (file_end - va));
	}
}

static bool check_page(
    struct checker *x, const struct elf_file *f, u64 va, u64 bias)
{
	struct map_range r;
	struct page want;

	model_page(f, va, &want);
	if (!map_find(&x->p->vm->map, va + bias, &r))
		return BAD(x, "%s: page %#llx is not mapped", f->path,
		    (unsigned long long)va);
	if (r.prot != want.prot)
		return BAD(x, "%s: page %#llx has protection %d, not %d",
		    f->path, (unsigned long long)va, r.prot, want.prot);
	/* root may map page 0, which C does not look at */
	if (r.prot && va + bias &&
	    memcmp((void *)(va + bias), want.bytes, HOST_PAGE) != 0)
		return BAD(x, "%s: page %#llx has other bytes", f->path,
		    (unsigned long long)va);
	return true;
}

static bool check_segment(
    struct checker *x, const struct elf_file *f, const Elf64_Phdr *p, u64 bias)
{
	u64 va = ALIGN_DOWN(p->p_vaddr, HOST_PAGE);
	u64 end = ALIGN_UP(p->p_vaddr + p->p_memsz, HOST_PAGE);

	for (u32 k = 0; va < end; va += HOST_PAGE, k++) {
		if (k == PAGES_MAX / 2 && end - va > PAGES_MAX * HOST_PAGE)
			va = end - PAGES_MAX / 2 * HOST_PAGE;
		if (!check_page(x, f, va, bias))
			return false;
	}
	return true;
}

/* Nothing of the span that was claimed is left but the segments. */
static bool check_gaps(struct checker *x, const struct elf_file *f, u64 bias)
{
	struct map_range r;
	struct page page;

	for (u64 a = f->lo + bias;
	     map_next(&x->p->vm->map, a, &r) && r.start < f->hi + bias;
	     a = r.end) {
		u64 va = MAX(r.start, f->lo + bias) - bias;
		model_page(f, va, &page);
		if (!page.mapped && r.prot == 0 && r.end <= f->hi + bias &&
		    r.start != x->p->stack_guard)
			return BAD(x, "%s: the gap at %#llx is still claimed",
			    f->path, (unsigned long long)va);
	}
	return true;
}

typedef int (*opener)(const char *, u64, struct elf_file *, char *, size_t);

static bool check_file(
    struct checker *x, opener opens, const char *path, u64 bias)
{
	struct elf_file f;
	char why[256];
	bool ok = true;

	if (opens(path, x->p->abi->task_size, &f, why, sizeof(why)))
		return BAD(x, "%s: accepted, now refused: %s", path, why);
	for (u32 k = 0; ok && k < f.eh.e_phnum; k++)
		if (f.ph[k].p_type == PT_LOAD && f.ph[k].p_memsz)
			ok = check_segment(x, &f, &f.ph[k], bias);
	ok = ok && check_gaps(x, &f, bias);
	elf_close(&f);
	return ok;
}

static bool check_image(struct checker *x)
{
	const struct linux_image *im = &x->p->image;
	const char *prog = x->p->cfg.prog;

	if (!check_file(x, elf_open, prog, im->base))
		return false;
	/* names other than those of a file of ours are not followed here */
	return !im->interp_base || access("ld", F_OK) < 0 ||
	    check_file(x, elf_open_interp, "ld", im->interp_base);
}

/* --- the stack ------------------------------------------------------------
 */

static bool in_stack(const struct checker *x, u64 a, u64 n)
{
	return a >= x->p->stack_low && a <= x->p->stack_top &&
	    n <= x->p->stack_top - a;
}

/* The strings of a vector; *at moves behind its NULL. */
static bool check_vec(
    struct checker *x, u64 *at, char *const *want, gva_t lo, gva_t hi)
{
	for (;; want++) {
		if (!in_stack(x, *at, 8))
			return BAD(x, "vectors leave the stack");
		u64 a = *(const u64 *)*at;
		*at += 8;
		if (!a != !*want)
			return BAD(x, "a vector has another length");
		if (!a)
			return true;
		if (a < lo || a >= hi || hi - a < strlen(*want) + 1)
			return BAD(x, "a string lies elsewhere");
		if (strcmp((const char *)a, *want) != 0)
			return BAD(x, "a string is another one");
	}
}

static u64 aux_value(const struct checker *x, u64 key, bool *found)
{
	const u64 *a = (const u64 *)x->p->auxv_start;

	for (; a[0] != AT_NULL; a += 2)
		if (a[0] == key) {
			*found = true;
			return a[1];
		}
	*found = false;
	return 0;
}

static bool check_auxv(struct checker *x, u64 at)
{
	const struct linux_image *im = &x->p->image;
	const struct {
		u64 key, value;
	} want[] = {
		{ AT_PHDR, im->phdr },
		{ AT_PHENT, sizeof(Elf64_Phdr) },
		{ AT_PHNUM, im->phnum },
		{ AT_ENTRY, im->entry },
		{ AT_BASE, im->interp_base },
		{ AT_PAGESZ, HOST_PAGE },
		{ AT_SYSINFO_EHDR, x->p->vdso },
	};
	u64 size = x->p->auxv_end - at;
	bool found;

	if (at != x->p->auxv_start || !in_stack(x, at, size) || size % 16 ||
	    ((const u64 *)x->p->auxv_end)[-2] != AT_NULL)
		return BAD(x, "the auxiliary vector lies elsewhere");
	for (u32 k = 0; k < ARRAY_LEN(want); k++)
		if (aux_value(x, want[k].key, &found) != want[k].value ||
		    !found)
			return BAD(
			    x, "auxv: value of %u is wrong", (u32)want[k].key);
	u64 name = aux_value(x, AT_EXECFN, &found);
	if (!found || !in_stack(x, name, 1) ||
	    name + strlen((const char *)name) + 1 != x->p->stack_top - 8)
		return BAD(x, "auxv: AT_EXECFN is wrong");
	u64 random = aux_value(x, AT_RANDOM, &found);
	if (!found || !in_stack(x, random, 16))
		return BAD(x, "auxv: AT_RANDOM is wrong");
	return true;
}

static bool check_stack(struct checker *x)
{
	struct linux_process *p = x->p;
	u64 at = p->tasks->v->abi.state[p->abi->slot_sp], argc = 0;
	struct map_range r;

	if (at % 16 || !in_stack(x, at, 8))
		return BAD(
		    x, "the stack pointer is %#llx", (unsigned long long)at);
	if (!map_find(&p->vm->map, at, &r) || r.end != p->stack_top ||
	    r.start != p->stack_low || r.prot != 3)
		return BAD(x, "the stack is not mapped as it should be");
	if (!map_find(&p->vm->map, p->stack_low - 1, &r) || r.prot)
		return BAD(x, "there is no guard below the stack");
	while (p->cfg.argv[argc])
		argc++;
	if (*(const u64 *)at != argc)
		return BAD(x, "argc is wrong");
	at += 8;
	return check_vec(x, &at, p->cfg.argv, p->arg_start, p->arg_end) &&
	    check_vec(x, &at, p->cfg.envp, p->env_start, p->env_end) &&
	    check_auxv(x, at);
}

/* What execve was given is what the guest gets, but for what is metic's. */
static bool check_arguments(struct checker *x)
{
	const struct ld_case *c = &x->w->c;
	char *const *got = x->p->cfg.argv;
	u32 n = 0, had = 0;

	while (c->argv && c->argv[had])
		had++;
	while (got[n])
		n++;
	if (n < MAX(had, 1u))
		return BAD(x, "arguments are lost");
	for (u32 k = 1; k < had; k++)
		if (strcmp(got[n - had + k], c->argv[k]) != 0)
			return BAD(x, "argument %u is another one", k);
	return true;
}

static bool check_start(struct checker *x)
{
	const struct linux_image *im = &x->p->image;
	u64 pc = x->p->tasks->v->abi.pc;
	u64 entry = im->interp_entry ? im->interp_entry : im->entry;

	return pc == (entry & ~1ull) || BAD(x, "the program starts elsewhere");
}

bool ld_check(
    const struct ld_world *w, struct metic_vm *vm, char *why, size_t n)
{
	struct checker x = { .w = w, .p = vm->kernel, .why = why, .n = n };

	return check_image(&x) && check_arguments(&x) && check_stack(&x) &&
	    check_start(&x);
}

/* --- the story ------------------------------------------------------------
 */

static void show_elf(const char *name)
{
	Elf64_Ehdr eh = { .e_type = 0 };
	Elf64_Phdr p;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || read(fd, &eh, sizeof(eh)) != sizeof(eh))
		eh.e_phnum = 0;
	printf("%s: type %u, entry %#llx, headers at %#llx, file size %#llx\n",
	    name, eh.e_type, (unsigned long long)eh.e_entry,
	    (unsigned long long)eh.e_phoff,
	    (unsigned long long)lseek(fd, 0, SEEK_END));
	for (u32 k = 0; k < MIN(eh.e_phnum, 12); k++) {
		if (pread(fd, &p, sizeof(p),
			(off_t)(eh.e_phoff + k * sizeof(p))) != sizeof(p))
			break;
		printf("  %08x flags %x offset %#llx vaddr %#llx filesz %#llx "
		       "memsz %#llx align %#llx\n",
		    p.p_type, p.p_flags, (unsigned long long)p.p_offset,
		    (unsigned long long)p.p_vaddr,
		    (unsigned long long)p.p_filesz,
		    (unsigned long long)p.p_memsz,
		    (unsigned long long)p.p_align);
	}
	close(fd);
}

/* Text with what cannot be seen spelled out. */
static void show_text(const char *name)
{
	unsigned char text[300];
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = read(fd, text, sizeof(text));

	printf("%s: ", name);
	for (ssize_t k = 0; k < n; k++)
		printf(
		    text[k] < 32 || text[k] > 126 ? "\\x%02x" : "%c", text[k]);
	printf("\n");
	close(fd);
}

void ld_show(const struct ld_world *w)
{
	const struct ld_case *c = &w->c;
	char name[8];

	for (char **a = c->argv; a && *a; a++)
		printf("argv %zu \"%.60s\"\n", strlen(*a), *a);
	for (char **a = c->envp; a && *a; a++)
		printf("envp %zu \"%.60s\"\n", strlen(*a), *a);
	for (u32 k = 0; k < 8 && !strcmp(c->prog, "./s0"); k++) {
		snprintf(name, sizeof(name), "s%u", k);
		show_text(name);
	}
	show_elf("prog");
	show_elf("ld");
	printf("program %s, sysroot %s, stack %#llx\n", c->prog,
	    c->sysroot ? c->sysroot : "none",
	    (unsigned long long)c->stack_size);
	fflush(stdout);
}
