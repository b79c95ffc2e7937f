/*
 * limits.c - RLIMIT_AS and RLIMIT_DATA, kept and applied for the guest.
 *
 * What counts is as in the kernel: every mapping for the first, private
 * writable ones for the second, the stack by what Linux would have made of
 * it. All other limits are the host's. The limits of another process are
 * those of its host process, which metic's memory counts against.
 */
#include "runtime/user/limits.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/process.h"

#define ENV_NAME "METIC_LIMITS="

static const int resources[2] = { RLIMIT_AS, RLIMIT_DATA };

/* Which of the process's kept limits, or -1. */
static int kept_limit(u64 resource)
{
	for (int k = 0; k < 2; k++)
		if ((int)resource == resources[k])
			return k;
	return -1;
}

/* p->lock is held. */
static struct rlimit limit_of(const struct linux_process *p, int k)
{
	struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

	if (p->limit_kept[k])
		return p->kept_limit[k];
	getrlimit((__rlimit_resource_t)resources[k], &l);
	return l;
}

struct rlimit limits_get(struct linux_process *p, int k)
{
	pthread_mutex_lock(&p->lock);
	struct rlimit l = limit_of(p, k);
	pthread_mutex_unlock(&p->lock);
	return l;
}

/* --- what is used -------------------------------------------------------- */

void limits_usage(struct linux_process *p, u64 *total, u64 *data)
{
	u64 all[2], writable[2];
	gva_t low = p->stack_low, top = p->stack_top;

	map_measure(&p->vm->map, 0, p->abi->task_size, &all[0], &writable[0]);
	map_measure(&p->vm->map, low, top, &all[1], &writable[1]);
	*total = all[0] - all[1] + MIN(all[1], STACK_COUNTED);
	*data = writable[0] - writable[1];
	/* the guard below it, which Linux has no mapping for */
	map_measure(&p->vm->map, p->stack_guard, low, &all[0], &writable[0]);
	*total -= all[0];
}

/* As the kernel has it for programs that set RLIMIT_DATA to 0. */
static u64 data_limit(const struct rlimit *l)
{
	return l->rlim_cur == 0 ? l->rlim_max : l->rlim_cur;
}

bool limits_allow(
    struct linux_process *p, u64 grow, bool data, gva_t start, gva_t end)
{
	u64 total, writable, gone = 0, gone_data = 0;

	if (likely(!p->limit_kept[0] && !(data && p->limit_kept[1])))
		return true;
	limits_usage(p, &total, &writable);
	if (start < end)
		map_measure(&p->vm->map, start, end, &gone, &gone_data);
	(void)gone_data; /* the kernel looks at pages of any kind */
	grow -= MIN(gone, grow);
	if (p->limit_kept[0] && total + grow > p->kept_limit[0].rlim_cur)
		return false;
	return !data || !p->limit_kept[1] ||
	    writable + grow <= data_limit(&p->kept_limit[1]);
}

bool limits_allow_brk(const struct linux_process *p, u64 size)
{
	return !p->limit_kept[1] || size <= p->kept_limit[1].rlim_cur;
}

/* --- the calls ----------------------------------------------------------- */

/* Only such a process may raise a hard limit. */
static bool may_raise(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };
	const u64 a[6] = { (u64)(uintptr_t)&h, (u64)(uintptr_t)d };

	return host_call(SYS_capget, a) == 0 &&
	    (d[0].effective & (1u << CAP_SYS_RESOURCE));
}

static i64 change_kept(struct linux_task *t, int k, const u64 a[6])
{
	struct linux_process *p = t->p;
	struct rlimit lim = { 0 };

	if (a[2] && guest_get(t, lim, a[2]))
		return -EFAULT;
	if (lim.rlim_cur > lim.rlim_max)
		return -EINVAL;
	bool raise = may_raise();
	pthread_mutex_lock(&p->lock);
	struct rlimit old = limit_of(p, k);
	bool ok = !a[2] || lim.rlim_max <= old.rlim_max || raise;
	if (a[2] && ok) {
		p->kept_limit[k] = lim;
		p->limit_kept[k] = true;
	}
	pthread_mutex_unlock(&p->lock);
	if (!ok)
		return -EPERM;
	return a[3] ? guest_put(t, a[3], old) : 0;
}

i64 sys_prlimit64(struct linux_task *t, const u64 a[6])
{
	int k = kept_limit(a[1]);

	if (k >= 0 && ((pid_t)a[0] == 0 || (pid_t)a[0] == getpid()))
		return change_kept(t, k, a);
	return host_call(SYS_prlimit64, a);
}

i64 sys_getrlimit(struct linux_task *t, const u64 a[6])
{
	const u64 b[6] = { 0, a[0], 0, a[1] };

	return a[1] ? sys_prlimit64(t, b) : host_call(SYS_getrlimit, a);
}

i64 sys_setrlimit(struct linux_task *t, const u64 a[6])
{
	const u64 b[6] = { 0, a[0], a[1], 0 };

	return a[1] ? sys_prlimit64(t, b) : host_call(SYS_setrlimit, a);
}

/* --- execve -------------------------------------------------------------- */

bool limits_pass_on(struct linux_process *p, char env[128])
{
	struct rlimit l[2] = { limits_get(p, 0), limits_get(p, 1) };

	if (!p->limit_kept[0] && !p->limit_kept[1])
		return false;
	snprintf(env, 128, ENV_NAME "%llx,%llx,%llx,%llx",
	    (unsigned long long)l[0].rlim_cur,
	    (unsigned long long)l[0].rlim_max,
	    (unsigned long long)l[1].rlim_cur,
	    (unsigned long long)l[1].rlim_max);
	return true;
}

void limits_receive(struct linux_process *p)
{
	char *text = config_take(p, ENV_NAME);
	unsigned long long v[4];

	bool ok = text &&
	    sscanf(text, "%llx,%llx,%llx,%llx", &v[0], &v[1], &v[2], &v[3]) ==
		4;
	for (int k = 0; ok && k < 2; k++) {
		p->kept_limit[k].rlim_cur = v[2 * k];
		p->kept_limit[k].rlim_max = v[2 * k + 1];
		p->limit_kept[k] = true;
	}
	free(text);
}

void limits_lend(struct linux_process *p, struct rlimit old[2])
{
	for (int k = 0; k < 2; k++) {
		__rlimit_resource_t which = (__rlimit_resource_t)resources[k];
		getrlimit(which, &old[k]);
		/* the soft one only: a hard one could not be given back */
		struct rlimit l = { limits_get(p, k).rlim_cur,
			old[k].rlim_max };
		l.rlim_cur = MIN(l.rlim_cur, l.rlim_max);
		setrlimit(which, &l);
	}
}

void limits_return(const struct rlimit old[2])
{
	for (int k = 0; k < 2; k++)
		setrlimit((__rlimit_resource_t)resources[k], &old[k]);
}
