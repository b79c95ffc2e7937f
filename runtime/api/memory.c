/*
 * memory.c - public API: the sandbox of a raw VM.
 *
 * One reserved window of METIC_ADDRESS_SPACE bytes with inaccessible guards
 * before and after it; mapping guest memory makes parts of it accessible.
 * The guest's protection is the host's, less execution.
 */
#include "runtime/api/internal.h"

#include <sys/mman.h>
#include <unistd.h>

#include "runtime/user/elf.h"

_Static_assert(METIC_ADDRESS_SPACE == (u64)1 << AS_WINDOW_BITS,
    "the public header and the code generators agree");

int sandbox_new(void **mapping, u64 *base)
{
	void *p = mmap(NULL, METIC_ADDRESS_SPACE + 2 * SANDBOX_GUARD, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	*mapping = p;
	*base = (u64)(uintptr_t)p + SANDBOX_GUARD;
	return 0;
}

void sandbox_free(void *mapping)
{
	if (mapping)
		munmap(mapping, METIC_ADDRESS_SPACE + 2 * SANDBOX_GUARD);
}

static bool page_range(u64 addr, u64 size)
{
	return size && !((addr | size) & (HOST_PAGE - 1)) && addr < RETURN_PC &&
	    size <= RETURN_PC - addr;
}

static void *host(metic_vm *vm, u64 addr)
{
	return (void *)(uintptr_t)(vm->mem_base + addr);
}

static int host_prot(unsigned prot)
{
	int p = 0;
	if (prot & (METIC_READ | METIC_EXEC | METIC_WRITE))
		p |= PROT_READ;
	if (prot & METIC_WRITE)
		p |= PROT_WRITE;
	return p;
}

static enum metic_error check(metic_vm *vm, u64 addr, u64 size, unsigned prot)
{
	if (vm->kernel)
		return METIC_ERR_KIND;
	if (!page_range(addr, size) || prot > 7)
		return METIC_ERR_ARG;
	return METIC_OK;
}

/* Replace [addr, addr + size) by fresh memory of this protection. */
static int remap(metic_vm *vm, u64 addr, u64 size, int prot)
{
	void *p = mmap(host(vm, addr), size, prot,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	return p == MAP_FAILED ? -errno : 0;
}

enum metic_error metic_map(
    metic_vm *vm, uint64_t addr, uint64_t size, unsigned prot)
{
	enum metic_error e = check(vm, addr, size, prot);
	if (e)
		return e;
	int err = remap(vm, addr, size, host_prot(prot));
	if (!err)
		err = map_set(&vm->map,
		    &(struct map_range){
			.start = addr, .end = addr + size, .prot = (u8)prot });
	exec_invalidate(vm, addr, addr + size, false);
	return api_error(err);
}

enum metic_error metic_unmap(metic_vm *vm, uint64_t addr, uint64_t size)
{
	enum metic_error e = check(vm, addr, size, 0);
	if (e)
		return e;
	int err = remap(vm, addr, size, PROT_NONE);
	if (!err)
		err = map_clear(&vm->map, addr, addr + size);
	exec_invalidate(vm, addr, addr + size, false);
	return api_error(err);
}

enum metic_error metic_protect(
    metic_vm *vm, uint64_t addr, uint64_t size, unsigned prot)
{
	enum metic_error e = check(vm, addr, size, prot);
	if (e)
		return e;
	if (!map_covers(&vm->map, addr, addr + size, 0))
		return METIC_ERR_FAULT;
	int err = 0;
	if (mprotect(host(vm, addr), size, host_prot(prot)) < 0)
		err = -errno;
	if (!err)
		err = map_protect(&vm->map, addr, addr + size, (u8)prot);
	exec_invalidate(vm, addr, addr + size, false);
	return api_error(err);
}

/* A copy to or from [addr, addr + n) can be done at all. */
static enum metic_error copyable(metic_vm *vm, u64 addr, size_t n)
{
	if (vm->kernel)
		return METIC_ERR_KIND;
	if (addr >= METIC_ADDRESS_SPACE || n > METIC_ADDRESS_SPACE - addr ||
	    !map_covers(&vm->map, addr, addr + n, 0))
		return METIC_ERR_FAULT;
	return METIC_OK;
}

/* Let the host at a range whatever the guest may do with it. */
static enum metic_error open_range(metic_vm *vm, u64 addr, size_t n, int prot)
{
	u64 lo = ALIGN_DOWN(addr, HOST_PAGE);
	u64 hi = ALIGN_UP(addr + n, HOST_PAGE);
	if (n && mprotect(host(vm, lo), hi - lo, prot) < 0)
		return api_error(-errno);
	return METIC_OK;
}

/* Give the range the protection that the guest's list says. */
static void close_range_again(metic_vm *vm, u64 addr, size_t n)
{
	u64 a = ALIGN_DOWN(addr, HOST_PAGE);
	u64 end = ALIGN_UP(addr + n, HOST_PAGE);
	struct map_range r;
	while (a < end && map_find(&vm->map, a, &r)) {
		u64 stop = MIN(r.end, end);
		mprotect(host(vm, a), stop - a, host_prot(r.prot));
		a = stop;
	}
}

enum metic_error metic_read(metic_vm *vm, uint64_t addr, void *buf, size_t n)
{
	enum metic_error e = copyable(vm, addr, n);
	if (e)
		return e;
	bool readable = map_covers(&vm->map, addr, addr + n, MAP_PROT_R);
	if (!readable && (e = open_range(vm, addr, n, PROT_READ)))
		return e;
	memcpy(buf, host(vm, addr), n);
	if (!readable)
		close_range_again(vm, addr, n);
	return METIC_OK;
}

enum metic_error metic_write(
    metic_vm *vm, uint64_t addr, const void *buf, size_t n)
{
	enum metic_error e = copyable(vm, addr, n);
	if (e)
		return e;
	bool writable = map_covers(&vm->map, addr, addr + n, MAP_PROT_W);
	if (!writable && (e = open_range(vm, addr, n, PROT_READ | PROT_WRITE)))
		return e;
	memcpy(host(vm, addr), buf, n);
	if (!writable)
		close_range_again(vm, addr, n);
	exec_invalidate(vm, addr, addr + n, false);
	return METIC_OK;
}

/* Copy one PT_LOAD into the sandbox. */
static enum metic_error load_segment(
    metic_vm *vm, const struct elf_file *f, const Elf64_Phdr *ph)
{
	u64 lo = ALIGN_DOWN(ph->p_vaddr, HOST_PAGE);
	u64 hi = ALIGN_UP(ph->p_vaddr + ph->p_memsz, HOST_PAGE);
	unsigned prot = (ph->p_flags & PF_R ? METIC_READ : 0u) |
	    (ph->p_flags & PF_W ? METIC_WRITE : 0u) |
	    (ph->p_flags & PF_X ? METIC_EXEC : 0u);
	enum metic_error e =
	    metic_map(vm, lo, hi - lo, METIC_READ | METIC_WRITE);
	for (u64 done = 0; !e && done < ph->p_filesz;) {
		ssize_t n = pread(f->fd, host(vm, ph->p_vaddr + done),
		    ph->p_filesz - done, (off_t)(ph->p_offset + done));
		if (n <= 0)
			return n < 0 ? api_error(-errno) : METIC_ERR_FORMAT;
		done += (u64)n;
	}
	return e ? e : metic_protect(vm, lo, hi - lo, prot);
}

enum metic_error metic_load_elf(metic_vm *vm, const char *path, uint64_t *entry)
{
	char why[256];
	struct elf_file f;
	if (vm->kernel)
		return METIC_ERR_KIND;
	int err = elf_open(path, RETURN_PC, &f, why, sizeof(why));
	if (err)
		return api_error(err);
	enum metic_error e = METIC_OK;
	if (f.eh.e_machine != vm->guest->elf_machine ||
	    f.eh.e_type != ET_EXEC || f.interp)
		e = METIC_ERR_FORMAT;
	for (unsigned i = 0; !e && i < f.eh.e_phnum; i++)
		if (f.ph[i].p_type == PT_LOAD && f.ph[i].p_memsz)
			e = load_segment(vm, &f, &f.ph[i]);
	*entry = f.eh.e_entry;
	elf_close(&f);
	return e;
}
