/*
 * signal_held.c - SIGSEGV, SIGBUS and SIGNAL_KICK that somebody sent while
 * the guest blocks them.
 *
 * The host never blocks these, so they arrive all the same and wait here, in
 * place of the kernel's queues: those sent to a thread for that thread, the
 * others for any. Faults of the guest's own do not come here, a blocked one
 * ends the process.
 *
 * Entries are taken and freed without a lock, because the host's handler
 * adds them. A forked child finds its parent's and leaves them alone.
 */
#include <stdlib.h>
#include <unistd.h>

#include "runtime/user/hostcall.h"
#include "runtime/user/signal.h"

#define NHELD 128 /* SIGNAL_KICK may be queued; more are lost */

enum { HELD_FREE, HELD_BUSY, HELD_FULL };

struct held {
	_Atomic int state;
	pid_t pid, tid; /* tid 0: any thread of the process */
	u64 turn; /* in order of arrival */
	siginfo_t info;
};

struct signal_held {
	_Atomic u32 count;
	_Atomic u64 turn;
	struct held list[NHELD];
};

int held_init(struct linux_process *p)
{
	p->held = calloc(1, sizeof(*p->held));
	return p->held ? 0 : -ENOMEM;
}

/* Is e full, and there for t? */
static bool is_for(struct held *e, const struct linux_task *t, pid_t pid)
{
	return atomic_load(&e->state) == HELD_FULL && e->pid == pid &&
	    (!e->tid || e->tid == t->tid);
}

static bool take(struct signal_held *h, struct held *e, siginfo_t *info)
{
	int full = HELD_FULL;
	if (!atomic_compare_exchange_strong(&e->state, &full, HELD_BUSY))
		return false;
	*info = e->info;
	atomic_store(&e->state, HELD_FREE);
	atomic_fetch_sub(&h->count, 1);
	return true;
}

void held_add(struct linux_task *t, const siginfo_t *si)
{
	struct signal_held *h = t->p->held;
	pid_t pid = getpid(), tid = si->si_code == SI_TKILL ? t->tid : 0;

	for (unsigned i = 0; i < NHELD && si->si_signo < SIGNAL_KICK; i++) {
		struct held *e = &h->list[i];
		/* a standard signal is pending once */
		if (is_for(e, t, pid) && e->tid == tid &&
		    e->info.si_signo == si->si_signo)
			return;
	}
	for (unsigned i = 0; i < NHELD; i++) {
		struct held *e = &h->list[i];
		int none = HELD_FREE;
		if (!atomic_compare_exchange_strong(
			&e->state, &none, HELD_BUSY))
			continue;
		e->pid = pid;
		e->tid = tid;
		e->turn = atomic_fetch_add(&h->turn, 1);
		e->info = *si;
		atomic_fetch_add(&h->count, 1);
		atomic_store(&e->state, HELD_FULL);
		return;
	}
}

/* The first for t that mask does not block: lowest signal, then oldest. */
static struct held *first(struct linux_task *t, u64 mask)
{
	struct signal_held *h = t->p->held;
	struct held *best = NULL;
	pid_t pid = getpid();

	for (unsigned i = 0; i < NHELD; i++) {
		struct held *e = &h->list[i];
		if (!is_for(e, t, pid) || (mask & SIGNAL_BIT(e->info.si_signo)))
			continue;
		if (!best || e->info.si_signo < best->info.si_signo ||
		    (e->info.si_signo == best->info.si_signo &&
			e->turn < best->turn))
			best = e;
	}
	return best;
}

int held_take(struct linux_task *t, u64 mask, siginfo_t *info)
{
	struct signal_held *h = t->p->held;
	while (unlikely(atomic_load(&h->count))) {
		struct held *e = first(t, mask);
		if (!e)
			break;
		if (take(h, e, info))
			return info->si_signo;
	}
	return 0;
}

u64 held_set(struct linux_task *t)
{
	struct signal_held *h = t->p->held;
	u64 set = 0;
	if (!atomic_load(&h->count))
		return 0;
	pid_t pid = getpid();
	for (unsigned i = 0; i < NHELD; i++)
		if (is_for(&h->list[i], t, pid))
			set |= SIGNAL_BIT(h->list[i].info.si_signo);
	return set;
}

bool held_look(struct linux_task *t)
{
	int none = 0;
	if (likely(!atomic_load(&t->p->held->count)) || !first(t, t->sigmask))
		return false;
	/* one instruction: the handler of this thread writes it, too */
	__atomic_compare_exchange_n(
	    &t->pending, &none, -1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return true;
}

/* A thread that does not block e's signal; p->lock is held. */
static struct linux_task *taker(struct linux_process *p, const struct held *e)
{
	struct linux_task *o = p->tasks;
	while (o &&
	    (!o->tid || o->leaving ||
		(o->sigmask & SIGNAL_BIT(e->info.si_signo))))
		o = o->next;
	return o;
}

/* The kernel would not let us send it with the sender's si_code. */
void held_pass_on(struct linux_task *t)
{
	struct signal_held *h = t->p->held;

	if (likely(!atomic_load(&h->count)))
		return;
	pid_t pid = getpid();
	pthread_mutex_lock(&t->p->lock);
	for (unsigned i = 0; i < NHELD; i++) {
		struct held *e = &h->list[i];
		int full = HELD_FULL;
		if (!is_for(e, t, pid) || e->tid)
			continue;
		struct linux_task *o = taker(t->p, e);
		if (!o || o == t ||
		    !atomic_compare_exchange_strong(
			&e->state, &full, HELD_BUSY))
			continue;
		e->tid = o->tid;
		atomic_store(&e->state, HELD_FULL);
		signal_kick(o);
	}
	pthread_mutex_unlock(&t->p->lock);
}

void held_give_back(struct linux_task *t)
{
	siginfo_t si;
	while (held_take(t, 0, &si))
		signal_requeue(t, &si);
}
