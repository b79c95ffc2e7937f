/*
 * host_clock.c - reading clocks as fast as the host can.
 *
 * The kernel maps a shared object, the vDSO, into each process, whose
 * functions read clocks without a system call. libc's clock_gettime calls
 * them; here they are called without libc in between, because then what runs
 * is known to the last instruction, and the backend can tell whether the
 * guest's fp registers must be saved around it. Anything unusual about the
 * vDSO, or none: libc's function.
 */
#include "runtime/exec/host_clock.h"

#include <elf.h>
#include <sys/auxv.h>
#include <time.h>

static const char *const names[] = { "__vdso_clock_gettime",
	"__kernel_clock_gettime" };

/* The vDSO as the kernel mapped it. */
struct vdso {
	const u8 *base;
	size_t n; /* bytes mapped */
	const Elf64_Sym *sym;
	u32 nsyms;
	const char *str;
	size_t str_len;
};

static int by_libc(int clock, i64 time[2])
{
	struct timespec ts;
	int r = clock_gettime(clock, &ts);

	time[0] = ts.tv_sec;
	time[1] = ts.tv_nsec;
	return r;
}

static const Elf64_Phdr *segment(const u8 *base, u32 type)
{
	const Elf64_Ehdr *e = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + e->e_phoff);

	for (unsigned i = 0; i < e->e_phnum; i++)
		if (ph[i].p_type == type)
			return &ph[i];
	return NULL;
}

/* `n` bytes from address v on, which are in the image, or NULL. */
static const void *at(const struct vdso *d, u64 v, size_t n)
{
	return v <= d->n && n <= d->n - v ? d->base + v : NULL;
}

/* It is one segment at address 0, and its dynamic section has a DT_HASH. */
static bool open_vdso(struct vdso *d)
{
	const Elf64_Phdr *load, *dyn;
	const u32 *hash = NULL;
	u64 sym = 0, str = 0;

	d->base = (const u8 *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	if (!d->base || memcmp(d->base, ELFMAG, SELFMAG) != 0)
		return false;
	load = segment(d->base, PT_LOAD);
	dyn = segment(d->base, PT_DYNAMIC);
	if (!load || !dyn || load->p_vaddr != 0 || load->p_offset != 0)
		return false;
	d->n = ALIGN_UP(load->p_memsz, HOST_PAGE);
	const Elf64_Dyn *i = at(d, dyn->p_vaddr, dyn->p_memsz);
	for (; i && i->d_tag != DT_NULL; i++) {
		switch (i->d_tag) {
		case DT_HASH: hash = at(d, i->d_un.d_ptr, 8); break;
		case DT_SYMTAB: sym = i->d_un.d_ptr; break;
		case DT_STRTAB: str = i->d_un.d_ptr; break;
		case DT_STRSZ: d->str_len = i->d_un.d_val; break;
		default: break;
		}
	}
	if (!hash)
		return false;
	d->nsyms = hash[1];
	d->sym = at(d, sym, d->nsyms * sizeof(*d->sym));
	d->str = at(d, str, d->str_len);
	return d->sym && d->str && d->str_len && !d->str[d->str_len - 1];
}

/* The offset of one of the names, or 0. */
static size_t find(const struct vdso *d)
{
	for (u32 i = 0; i < d->nsyms; i++) {
		const Elf64_Sym *s = &d->sym[i];
		if (s->st_shndx == SHN_UNDEF || s->st_name >= d->str_len ||
		    ELF64_ST_TYPE(s->st_info) != STT_FUNC ||
		    s->st_value >= d->n)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			if (!strcmp(d->str + s->st_name, names[k]))
				return s->st_value;
	}
	return 0;
}

clock_reader host_clock(const struct host_backend *host, bool *keeps_fp)
{
	struct vdso d = { 0 };
	clock_reader fn;
	size_t off;

	*keeps_fp = false;
	if (!open_vdso(&d) || !(off = find(&d)))
		return by_libc;
	uintptr_t addr = (uintptr_t)d.base + off;
	memcpy(&fn, &addr, sizeof(fn));
	if (host)
		*keeps_fp = host->keeps_fp(d.base, d.n, off);
	return fn;
}
