/*
 * ipc.c - System V shared memory and semaphore control.
 *
 * Messages, semaphore operations and the other control calls are rows of
 * syscalls.def. A shared memory segment is attached where the guest's memory
 * map says there is room, and recorded there.
 */
#include "runtime/user/convert.h"
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/mm.h"

#include <stdio.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>

/* --- semctl -------------------------------------------------------------- */

#if defined(__x86_64__)
static i64 semctl_stat(struct linux_task *t, const u64 a[6])
{
	struct x86_semid_ds ds;
	struct generic_semid_ds g;
	const u64 b[6] = { a[0], a[1], a[2], (u64)(uintptr_t)&ds };
	i64 r = host_call(SYS_semctl, b);

	if (r < 0)
		return r;
	semid_to_generic(&g, &ds);
	return guest_put(t, a[3], g) ? -EFAULT : r;
}

static i64 semctl_set(struct linux_task *t, const u64 a[6])
{
	struct x86_semid_ds ds;
	struct generic_semid_ds g;
	const u64 b[6] = { a[0], a[1], a[2], (u64)(uintptr_t)&ds };

	if (guest_get(t, g, a[3]))
		return -EFAULT;
	semid_from_generic(&ds, &g);
	return host_call(SYS_semctl, b);
}
#endif

i64 sys_semctl(struct linux_task *t, const u64 a[6])
{
	switch ((int)a[2]) {
#if defined(__x86_64__)
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY: return semctl_stat(t, a);
	case IPC_SET: return semctl_set(t, a);
#endif
	default: return host_call(SYS_semctl, a);
	}
}

/* --- attaching shared memory --------------------------------------------- */

/*
 * Reserve room for a segment of len bytes at the address that the guest
 * asked for, or anywhere. The address or -errno.
 */
static i64 reserve(struct linux_process *p, gva_t addr, u64 len, u64 flags)
{
	int f = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	i64 r;

	if (addr && (flags & SHM_RND))
		addr = ALIGN_DOWN(addr, HOST_PAGE);
	if (addr & (HOST_PAGE - 1))
		return -EINVAL;
	if (addr)
		f |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	else if (flags & SHM_REMAP)
		return -EINVAL;
	r = mm_mmap(p, addr, len, PROT_NONE, f, -1, 0, NULL);
	return r == -EEXIST ? -EINVAL : r;
}

i64 sys_shmat(struct linux_task *t, const u64 a[6])
{
	struct shmid_ds ds;
	const u64 stat[6] = { a[0], IPC_STAT, (u64)(uintptr_t)&ds };
	struct linux_process *p = t->p;
	struct map_range m = { .shared = true, .prot = MAP_PROT_R };
	char name[32];
	i64 r = host_call(SYS_shmctl, stat);
	u64 len;

	if (r < 0)
		return r;
	len = ALIGN_UP(ds.shm_segsz, HOST_PAGE);
	r = reserve(p, a[1], len, a[2]);
	if (r < 0)
		return r;
	m.start = (u64)r;
	m.end = m.start + len;
	/* The host never executes guest code, so SHM_EXEC is only recorded. */
	const u64 at[6] = { a[0], m.start,
		(a[2] & ~(u64)(SHM_EXEC | SHM_RND)) | SHM_REMAP };
	r = host_call(SYS_shmat, at);
	if (r < 0) {
		mm_munmap(p, m.start, len);
		return r;
	}
	if (!(a[2] & SHM_RDONLY))
		m.prot |= MAP_PROT_W;
	if (a[2] & SHM_EXEC)
		m.prot |= MAP_PROT_X;
	snprintf(name, sizeof(name), "/SYSV%08x", (u32)ds.shm_perm.__key);
	m.name = name;
	m.ino = (u64)(u32)a[0];
	m.was_writable = m.prot & MAP_PROT_W;
	pthread_mutex_lock(&p->mm->lock);
	map_set(&p->vm->map, &m);
	pthread_mutex_unlock(&p->mm->lock);
	return (i64)m.start;
}

i64 sys_shmdt(struct linux_task *t, const u64 a[6])
{
	struct linux_process *p = t->p;
	struct map_range m;
	i64 r;

	/* Only what sys_shmat recorded. */
	if (!map_find(&p->vm->map, a[0], &m) || m.start != a[0] || !m.name ||
	    strncmp(m.name, "/SYSV", 5) != 0)
		return -EINVAL;
	pthread_mutex_lock(&p->mm->lock);
	r = host_call(SYS_shmdt, a);
	if (r == 0) {
		map_clear(&p->vm->map, m.start, m.end);
		exec_invalidate(p->vm, m.start, m.end, false);
	}
	pthread_mutex_unlock(&p->mm->lock);
	return r;
}
