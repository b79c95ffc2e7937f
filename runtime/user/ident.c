/*
 * ident.c - what a process may ask about or change of itself and the system.
 *
 * Users, groups, sessions and scheduling are PASS rows: guest processes and
 * threads are host processes and threads. Here is what would show the host's
 * machine or hit metic itself; limits are in limits.c.
 */
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/seccomp.h"

#include <linux/prctl.h>
#include <sys/personality.h>
#include <sys/utsname.h>

i64 sys_uname(struct linux_task *t, const u64 a[6])
{
	struct utsname u;
	const u64 b[6] = { (u64)(uintptr_t)&u };
	i64 r = host_call(SYS_uname, b);

	if (r < 0)
		return r;
	memset(u.machine, 0, sizeof(u.machine));
	strncpy(u.machine, t->p->abi->machine, sizeof(u.machine) - 1);
	if (t->p->cfg.uname_release) {
		memset(u.release, 0, sizeof(u.release));
		strncpy(
		    u.release, t->p->cfg.uname_release, sizeof(u.release) - 1);
	}
	return guest_put(t, a[0], u);
}

/* Other personalities change how the host kernel treats metic's mappings. */
i64 sys_personality(struct linux_task *t, const u64 a[6])
{
	const u64 allowed = ADDR_NO_RANDOMIZE;

	(void)t;
	if ((u32)a[0] != 0xffffffff && ((u32)a[0] & ~allowed) != PER_LINUX)
		return -EINVAL;
	return host_call(SYS_personality, a);
}

/* --- prctl --------------------------------------------------------------- */

#define PRCTL_ICACHE_CONTEXT 71 /* PR_RISCV_SET_ICACHE_FLUSH_CTX */

/* What the host kernel may do for the guest; see prctls.def. */
static bool prctl_passes(int option)
{
	switch (option) {
#define X(name) case name:
#include "runtime/user/prctls.def"
#undef X
		return true;
	default: return false;
	}
}

i64 sys_prctl(struct linux_task *t, const u64 a[6])
{
	switch ((int)a[0]) {
	case PR_GET_SECCOMP: return seccomp_prctl_get(t);
	case PR_SET_SECCOMP: return seccomp_prctl_set(t, a[1], a[2]);
	case PRCTL_ICACHE_CONTEXT: /* fence.i already reaches all threads */
		return a[1] > 1 || a[2] > 1 ? -EINVAL : 0;
	default: break;
	}
	if (prctl_passes((int)a[0]))
		return host_call(SYS_prctl, a);
	syscall_remark(t, "prctl option %d is not supported", (int)a[0]);
	return -EINVAL;
}
