/*
 * mm.h - the guest's address space: host mappings and their record in step.
 *
 * Every function takes p->mm->lock itself. Host pages of the guest are never
 * executable; what the guest may execute is in vm->map. Memory that is
 * mapped but not in vm->map is metic's own and is never touched.
 */
#ifndef USER_MM_H
#define USER_MM_H

#include <sys/mman.h>

#include "runtime/user/linux.h"

/*
 * mmap for the guest; prot and flags as the guest (or the loader) gives
 * them. name is for /proc/self/maps; NULL: taken from fd. The address or
 * -errno; -ENOMEM when MAP_FIXED would hit memory of metic itself.
 */
i64 mm_mmap(struct linux_process *p, gva_t addr, u64 len, int prot, int flags,
    int fd, u64 off, const char *name);
/* Unmap what the guest has mapped in [addr, addr + len). 0 or -errno. */
int mm_munmap(struct linux_process *p, gva_t addr, u64 len);
int mm_mprotect(struct linux_process *p, gva_t addr, u64 len, int prot);
/* Set up the break area to start at `start`. */
void mm_brk_init(struct linux_process *p, gva_t start);
/* Move the break; the break afterwards, which is not `want` on failure. */
gva_t mm_brk(struct linux_process *p, gva_t want);
/* mremap and madvise for the guest, kept to what the guest has mapped. */
i64 mm_mremap(struct linux_process *p, gva_t old, u64 old_len, u64 new_len,
    int flags, gva_t to);
int mm_madvise(struct linux_process *p, gva_t addr, u64 len, int advice);
/*
 * What was mapped with MAP_GROWSDOWN has grown: put that in the record.
 * grow_sync: with p->mm->lock held.
 */
void mm_grown(struct linux_process *p);
void grow_sync(struct linux_process *p);
/* Unmap everything the guest has. */
void mm_free(struct linux_process *p);

#endif
