/*
 * mm_calls.c - the system calls on the address space.
 *
 * Calls that could destroy memory (madvise, mremap) are limited to what the
 * guest has mapped: metic lives in the same address space. Those that only
 * look or lock go straight to the host.
 */
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/mm.h"

/* mmap flags of asm-generic; MAP_32BIT's bit means nothing there. */
i64 sys_mmap(struct linux_task *t, const u64 a[6])
{
	int flags = (int)a[3] & ~MAP_32BIT;
	return mm_mmap(
	    t->p, a[0], a[1], (int)a[2], flags, (int)a[4], a[5], NULL);
}

i64 sys_munmap(struct linux_task *t, const u64 a[6])
{
	return mm_munmap(t->p, a[0], a[1]);
}

i64 sys_mprotect(struct linux_task *t, const u64 a[6])
{
	return mm_mprotect(t->p, a[0], a[1], (int)a[2]);
}

i64 sys_pkey_mprotect(struct linux_task *t, const u64 a[6])
{
	if ((int)a[3] != -1)
		return -EINVAL;
	return mm_mprotect(t->p, a[0], a[1], (int)a[2]);
}

/* The new break, or the old one when it cannot be. Never an error. */
i64 sys_brk(struct linux_task *t, const u64 a[6])
{
	return (i64)mm_brk(t->p, a[0]);
}

i64 sys_mremap(struct linux_task *t, const u64 a[6])
{
	return mm_mremap(t->p, a[0], a[1], a[2], (int)a[3], a[4]);
}

i64 sys_madvise(struct linux_task *t, const u64 a[6])
{
	i64 r = mm_madvise(t->p, a[0], a[1], (int)a[2]);
	/* Advice that does not exist is found before memory that does not. */
	const u64 nowhere[6] = { 0, 0, a[2] };

	return r == -ENOMEM && host_call(SYS_madvise, nowhere) < 0 ? -EINVAL :
								     r;
}

/* --- calls that ask what is mapped --------------------------------------- */

/* Unwinders and collectors probe memory with these: metic's is not there. */
static bool guest_range(struct linux_task *t, gva_t addr, u64 len)
{
	u64 max = t->p->abi->task_size;
	if (len > max || addr > max - len)
		return false;
	mm_grown(t->p);
	return map_covers(&t->p->vm->map, ALIGN_DOWN(addr, HOST_PAGE),
	    ALIGN_UP(addr + len, HOST_PAGE), 0);
}

i64 sys_mincore(struct linux_task *t, const u64 a[6])
{
	if (a[0] & (HOST_PAGE - 1))
		return -EINVAL;
	if (a[2] > t->p->abi->task_size)
		return -EFAULT;
	if (guest_range(t, a[0], a[1]))
		return host_call(SYS_mincore, a);
	/* up to the hole the kernel tells, too */
	u64 max = t->p->abi->task_size;
	gva_t at = a[0];
	struct map_range r;
	while (a[1] <= max && a[0] <= max - a[1] && at < a[0] + a[1] &&
	    map_find(&t->p->vm->map, at, &r))
		at = r.end;
	const u64 b[6] = { a[0], at - a[0], a[2] };
	i64 done = at > a[0] ? host_call(SYS_mincore, b) : 0;
	return done < 0 ? done : -ENOMEM;
}

i64 sys_msync(struct linux_task *t, const u64 a[6])
{
	if ((a[0] & (HOST_PAGE - 1)) ||
	    ((u32)a[2] & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
	    ((a[2] & MS_ASYNC) && (a[2] & MS_SYNC)))
		return -EINVAL;
	return guest_range(t, a[0], a[1]) ?
	    safe_syscall6(&t->pending, SYS_msync, a) :
	    -ENOMEM;
}

/* --- calls that need nothing of the kind ---------------------------------- */

/*
 * mlock and its like change no contents: the host does them. mlockall would
 * lock metic's own reserve (the code cache), so it is accepted without effect,
 * as on a system whose memory does not swap.
 */
i64 sys_mlockall(struct linux_task *t, const u64 a[6])
{
	(void)t;
	return a[0] == 0 || (a[0] & ~(u64)7) ? -EINVAL : 0;
}

i64 sys_munlockall(struct linux_task *t, const u64 a[6])
{
	(void)t;
	(void)a;
	return 0;
}
