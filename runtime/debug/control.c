/*
 * control.c - stopping and resuming: where the program's threads and the
 * stub's meet.
 *
 * A thread is held (hold) or free. Held, it parks at its next event; the
 * first that has something to tell while the debugger waits becomes the
 * reporter and holds all others. What happens to a thread after that is kept
 * in its `why` and told at the next resume, with two exceptions: a breakpoint
 * is met again by itself if it is still there, and a step that ends together
 * with another stop is no news.
 */
#include "runtime/debug/stub.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* How often sleeping threads are looked at, and how long at most. */
#define LOOK_NS 300000
#define OWN_LOOKS 3000

struct registers {
	u64 pc, state[ABI_NSLOTS];
	u32 fpu, frm;
};

/*
 * A sleeping thread's registers as the debugger has read them, and as the
 * interrupted call has left them. A debugger that calls a function in the
 * program writes back what it read before; that means the latter.
 */
struct debug_call {
	struct registers shown, real;
};

static void save(struct registers *r, const struct vcpu *v)
{
	memset(r, 0, sizeof(*r));
	r->pc = v->abi.pc;
	memcpy(r->state, v->abi.state, sizeof(r->state));
	r->fpu = v->abi.fpu;
	r->frm = v->abi.frm;
}

static void wake_server(const struct debug_stub *s)
{
	const u64 one = 1;
	ssize_t n = write(s->wake, &one, sizeof(one));
	(void)n; /* full: it is awake already */
}

/* --- threads of the program ---------------------------------------------- */

void debug_thread_add(
    struct debug_stub *s, struct debug_thread *t, struct vcpu *v, i64 id)
{
	pthread_mutex_lock(&s->lock);
	t->stub = s;
	t->v = v;
	t->id = id;
	t->hold = atomic_load(&s->live) && !s->running;
	t->next = s->threads;
	s->threads = t;
	pthread_cond_broadcast(&s->settled);
	pthread_mutex_unlock(&s->lock);
}

void debug_thread_remove(struct debug_thread *t)
{
	struct debug_stub *s = t->stub;
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	t->leaving = true; /* nobody waits for it any more */
	pthread_cond_broadcast(&s->settled);
	pthread_mutex_unlock(&s->lock);

	pthread_mutex_lock(&s->use);
	pthread_mutex_lock(&s->lock);
	struct debug_thread **at = &s->threads;
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	if (s->reporter == t)
		s->reporter = NULL;
	t->stub = NULL;
	atomic_store(&t->hold, false);
	free(t->call);
	t->call = NULL;
	pthread_mutex_unlock(&s->lock);
	pthread_mutex_unlock(&s->use);
}

/* lock is held */
static void hold_all(struct debug_stub *s)
{
	s->running = false;
	for (struct debug_thread *t = s->threads; t; t = t->next) {
		atomic_store(&t->hold, true);
		if (!t->parked)
			exec_request(t->v, REQ_EVENT);
	}
}

/* Wait while held; lock is held. */
static void park(struct debug_stub *s, struct debug_thread *t)
{
	t->parked = true;
	pthread_cond_broadcast(&s->settled);
	while (t->hold && !s->ending && atomic_load(&s->live))
		pthread_cond_wait(&s->resumed, &s->lock);
	t->parked = false;
}

void debug_park(struct debug_thread *t)
{
	struct debug_stub *s = t->stub;
	pthread_mutex_lock(&s->lock);
	park(s, t);
	pthread_mutex_unlock(&s->lock);
}

/* May a stop of this kind be told later? */
static bool keeps(enum debug_kind kind)
{
	return kind == STOP_SIGNAL || kind == STOP_WATCH;
}

/* Tell `why`, now or later, and stay until the debugger has decided. */
static void report(
    struct debug_stub *s, struct debug_thread *t, const struct debug_why *why)
{
	if (s->ending || !atomic_load(&s->live))
		return;
	if (s->running) {
		hold_all(s);
		s->reporter = t;
		t->why = *why;
		wake_server(s);
	} else {
		atomic_store(&t->hold, true);
		bool asked = s->reporter == t && t->why.kind == STOP_ASKED;
		if (keeps(why->kind) || asked) /* not told yet */
			t->why = *why;
	}
	park(s, t);
}

enum vm_action debug_stopped(struct debug_thread *t, u64 what)
{
	struct debug_stub *s = t->stub;
	struct debug_why why = { .kind = what == DEBUG_STEP ? STOP_STEP :
		    what == DEBUG_WATCH                     ? STOP_WATCH :
							      STOP_BREAK };
	if (!s)
		return VM_PASS;
	if (what == DEBUG_WATCH) {
		why.watch = t->v->watch_kind;
		why.addr = t->v->watch_hit;
	}
	pthread_mutex_lock(&s->lock);
	gva_t pc = t->v->abi.pc;
	bool inside = what == DEBUG_STEP && pc >= t->range_start &&
	    pc < t->range_end && !t->hold;
	if (!inside)
		report(s, t, &why);
	/* Without its debugger nobody stops at what it may have left. */
	bool alone = s->ending || !atomic_load(&s->live);
	pthread_mutex_unlock(&s->lock);
	return alone ? VM_PASS : VM_RESUME;
}

int debug_signal(struct debug_thread *t, int sig, const void *info, size_t n)
{
	struct debug_stub *s = t->stub;
	struct debug_why why = { .kind = STOP_SIGNAL, .sig = sig };
	if (!s || (atomic_load(&s->pass) >> (sig - 1) & 1))
		return sig;
	memcpy(why.info, info, MIN(n, sizeof(why.info)));
	pthread_mutex_lock(&s->lock);
	t->answer = sig;
	t->at_signal = true;
	report(s, t, &why);
	t->at_signal = false;
	t->why.kind = STOP_NONE;
	int answer = t->answer;
	t->answer = 0;
	pthread_mutex_unlock(&s->lock);
	return answer;
}

void debug_ending(struct debug_stub *s)
{
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_broadcast(&s->resumed);
	pthread_cond_broadcast(&s->settled);
	pthread_mutex_unlock(&s->lock);
}

/* --- the server ---------------------------------------------------------- */

struct debug_thread *debug_find(struct debug_stub *s, i64 id)
{
	pthread_mutex_lock(&s->lock);
	struct debug_thread *t = s->threads;
	while (t && t->id != id)
		t = t->next;
	pthread_mutex_unlock(&s->lock);
	return t;
}

/* lock is held */
static struct debug_thread *next_above(struct debug_stub *s, i64 after)
{
	struct debug_thread *best = NULL;
	for (struct debug_thread *t = s->threads; t; t = t->next)
		if (t->id > after && (!best || t->id < best->id))
			best = t;
	return best;
}

struct debug_thread *debug_next(struct debug_stub *s, i64 after)
{
	pthread_mutex_lock(&s->lock);
	struct debug_thread *t = next_above(s, after);
	pthread_mutex_unlock(&s->lock);
	return t;
}

void debug_await_thread(struct debug_stub *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->threads && !s->ending)
		pthread_cond_wait(&s->settled, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

void debug_interrupt(struct debug_stub *s, i64 who)
{
	pthread_mutex_lock(&s->lock);
	if (s->running && !s->ending) {
		struct debug_thread *t = s->threads;
		while (t && t->id != who)
			t = t->next;
		if (!t)
			t = next_above(s, 0);
		if (t) {
			hold_all(s);
			s->reporter = t;
			t->why.kind = STOP_ASKED;
			wake_server(s);
		}
	}
	pthread_mutex_unlock(&s->lock);
}

static struct timespec look_again(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += LOOK_NS;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	return ts;
}

/* lock is held */
static bool all_stopped(struct debug_stub *s)
{
	for (struct debug_thread *t = s->threads; t; t = t->next)
		if (!t->parked && !t->leaving &&
		    !(atomic_load(&t->in_call) && s->ops->asleep(s->ctx, t)))
			return false;
	return true;
}

void debug_settle(struct debug_stub *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->running && !s->ending && !all_stopped(s)) {
		struct timespec ts = look_again();
		pthread_cond_timedwait(&s->settled, &s->lock, &ts);
	}
	pthread_mutex_unlock(&s->lock);
}

bool debug_own(struct debug_stub *s, struct debug_thread *t)
{
	pthread_mutex_lock(&s->lock);
	if (!t->parked) {
		struct registers shown;
		save(&shown, t->v);
		s->ops->kick(s->ctx, t);
		for (int i = 0; i < OWN_LOOKS && !t->parked && !s->ending;
		     i++) {
			struct timespec ts = look_again();
			pthread_cond_timedwait(&s->settled, &s->lock, &ts);
		}
		if (t->parked && !t->call)
			t->call = malloc(sizeof(*t->call));
		if (t->parked && t->call) {
			t->call->shown = shown;
			save(&t->call->real, t->v);
		}
	}
	bool own = t->parked;
	pthread_mutex_unlock(&s->lock);
	return own;
}

/* The debugger has put back what it once read: that call goes on. */
static void back_to_call(struct debug_thread *t)
{
	struct registers now;
	if (!t->call || !t->parked)
		return;
	save(&now, t->v);
	if (memcmp(&now, &t->call->shown, sizeof(now)))
		return;
	t->v->abi.pc = t->call->real.pc;
	memcpy(t->v->abi.state, t->call->real.state, sizeof(now.state));
	t->v->abi.fpu = t->call->real.fpu;
	t->v->abi.frm = t->call->real.frm;
	free(t->call);
	t->call = NULL;
}

/* lock is held */
static void resume_one(
    struct debug_stub *s, struct debug_thread *t, const struct debug_action *a)
{
	back_to_call(t);
	t->range_start = a->range_start;
	t->range_end = a->range_end;
	exec_set_step(t->v, a->step);
	if (t->at_signal)
		t->answer = a->sig;
	else if (a->sig)
		s->ops->inject(s->ctx, t, a->sig);
	t->why.kind = STOP_NONE;
	atomic_store(&t->hold, false);
}

void debug_resume(struct debug_stub *s,
    struct debug_action (*choose)(
	struct debug_stub *s, const struct debug_thread *t, void *arg),
    void *arg)
{
	pthread_mutex_lock(&s->lock);
	for (struct debug_thread *t = s->threads; t; t = t->next)
		if (t->why.kind && choose(s, t, arg).go) {
			s->reporter = t;
			wake_server(s);
			pthread_mutex_unlock(&s->lock);
			return;
		}
	s->reporter = NULL;
	s->running = true;
	for (struct debug_thread *t = s->threads; t; t = t->next) {
		struct debug_action a = choose(s, t, arg);
		if (a.go)
			resume_one(s, t, &a);
	}
	pthread_cond_broadcast(&s->resumed);
	pthread_mutex_unlock(&s->lock);
}

void debug_release(struct debug_stub *s)
{
	exec_debug_clear(s->vm);
	pthread_mutex_lock(&s->lock);
	for (struct debug_thread *t = s->threads; t; t = t->next) {
		back_to_call(t);
		exec_set_step(t->v, false);
		/* a signal that was told is dropped, others are delivered */
		if (t->at_signal && t->why.kind == STOP_NONE)
			t->answer = 0;
		t->why.kind = STOP_NONE;
		atomic_store(&t->hold, false);
	}
	atomic_store(&s->live, false);
	s->running = true;
	s->reporter = NULL;
	pthread_cond_broadcast(&s->resumed);
	pthread_mutex_unlock(&s->lock);
	s->ops->detached(s->ctx);
}
