/* sample.c - see sample.h. */
#include "runtime/user/sample.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/look/look.h"
#include "runtime/look/profile.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/signal.h"

int sample_open(struct linux_process *p)
{
	const struct linux_config *c = &p->cfg;
	const struct look_config look = {
		.root = c->sysroot,
		.perf_map = c->perf_map,
		.jitdump = c->jitdump,
		.profile = c->profile,
	};

	p->pid = getpid();
	if (!c->perf_map && !c->jitdump && !c->profile)
		return 0;
	return look_open(p->vm, &look);
}

static struct profile *profile_of(const struct linux_process *p)
{
	return p->cfg.profile ? p->vm->exec->look->profile : NULL;
}

bool sample_wants(const struct linux_process *p, int sig)
{
	return p->cfg.profile &&
	    (signal_default_of(sig) == SIGNAL_TERM || sig == SIGQUIT ||
		sig == SIGABRT) &&
	    sig != SIGKILL;
}

void sample_begin(struct linux_process *p)
{
	for (int s = 1; s <= LINUX_NSIG; s++)
		if (sample_wants(p, s) && p->action[s].handler == 0)
			signal_host_action(p, s);
}

void sample_thread(struct linux_task *t)
{
	struct linux_process *p = t->p;
	const struct timespec tick = { 0, PROFILE_NS };
	const struct itimerspec every = { tick, tick };
	struct sigevent ev;
	int id = 0;

	t->sample_timer = 0;
	if (!p->cfg.profile || p->pid != getpid())
		return;
	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev.sigev_signo = SIGNAL_KICK;
	ev.sigev_value.sival_ptr = &p->pid; /* nothing of the guest's */
	ev._sigev_un._tid = t->tid;
	const u64 a[6] = { CLOCK_THREAD_CPUTIME_ID, (u64)&ev, (u64)&id };
	if (host_call(SYS_timer_create, a) < 0)
		return;
	t->sample_timer = id + 1;
	const u64 b[6] = { (u64)id, 0, (u64)&every, 0 };
	host_call(SYS_timer_settime, b);
}

void sample_thread_end(struct linux_task *t)
{
	const u64 a[6] = { (u64)(t->sample_timer - 1) };

	if (t->sample_timer)
		host_call(SYS_timer_delete, a);
	t->sample_timer = 0;
}

void sample_forked(struct linux_task *t)
{
	t->p->pid = getpid();
	sample_thread(t);
}

bool sample_tick(struct linux_task *t, const siginfo_t *si, const void *uc)
{
	if (si->si_code != SI_TIMER || si->si_value.sival_ptr != &t->p->pid)
		return false;
	t->sampled = true;
	profile_sample(t->v, uc, 1 + (u32)si->si_overrun, (u32)t->nr);
	return true;
}

void sample_ended(struct linux_process *p, bool exec)
{
	struct profile *prof;

	if (!p->cfg.ended || p->pid != getpid())
		return;
	prof = profile_of(p);
	if (prof) {
		profile_stop(prof, true);
		profile_sum(prof, &p->vm->stats);
	}
	p->cfg.ended(p->cfg.ended_ctx, p->vm, exec);
	if (prof) {
		profile_clear(prof);
		profile_stop(prof, false);
	}
}
