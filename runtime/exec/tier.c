/*
 * tier.c - see tier.h.
 *
 * vCPUs say where they are and form jobs (job.h); the ticker sends them to
 * the compiling process one after the other and installs what comes back.
 */
#include "runtime/exec/tier.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "runtime/exec/jitd.h"
#include "runtime/exec/job.h"
#include "runtime/exec/persist.h"
#include "runtime/exec/selftest.h"
#include "runtime/exec/spots.h"

#define TICK_NS 1000000
#define START_NS 20000000 /* until the first: short processes are left alone */
#define SAMPLES_HOT 4 /* ticks at one place */
/*
 * So many times more where what is made cannot be kept, unless the tier is
 * asked for by name: guests that make code make it anew.
 */
#define SAMPLES_LOST 10
#define SAMPLES_CALLER 8 /* ticks in what a block called */
#define CALLERS_MAX 3 /* frames that are looked at */
/*
 * Going in and out of a unit takes some 6 ns that its blocks did not take.
 * With more entries in a tick, units are left too soon to pay.
 */
#define ENTRIES_MAX 3000
/* Forming may take one part in so many of the time, and this to begin with. */
#define FORMING_PART 400
#define FORMING_NS 500000
#define IDLE_TICKS 50 /* without guest code: look less often */
#define QUIET_TICKS 64 /* without a new unit: look half as often */
#define QUIET_MAX 16 /* but once in so many ticks */
#define PACE 2 /* ticks to a look to begin with; 1 if asked for by name */
#define REPLY_SECONDS 20 /* unless cfg says how long one may take */
#define WAIT_S 10 /* the same, for one who waits */
#define RESTARTS_MAX 3
#define QUEUE_MAX 64
#define POKES_START 64 /* look-ups in a child until it has a ticker */

struct tier {
	struct exec *ex;
	struct spots spots;
	pthread_mutex_t lock; /* of the queue */
	pthread_cond_t done; /* a job ended */
	pthread_cond_t woken; /* the ticker, by stop */
	pthread_t thread;
	_Atomic bool running, stop;
	bool off; /* for good */
	struct job *queue, **tail;
	u32 queued;
	_Atomic u32 serial;
	u64 started; /* when */
	_Atomic u64 formed_ns; /* spent on forming */
	u64 ended; /* jobs */
	const char *_Atomic what; /* for people: what became of the tier */
	/* The ticker has descriptors of its own: see ticker(). */
	_Atomic bool apart;
	const char *_Atomic unsaid; /* what it had to say, and could not */
	_Atomic u32 pokes;
	/* the ticker's own */
	struct jitd jitd;
	char *trial; /* text of the self-test under way */
	struct job *sent;
	u32 waited, restarts; /* waited: ticks */
	u32 entered[ABI_NCOUNTERS]; /* at the last tick, all vCPUs' */
	u64 ticked; /* when that was, ns */
};

static bool waits(const struct tier *t)
{
	return t->ex->vm->cfg.jit_wait;
}

/* Asked for by name: then it is said when it does not work. */
static bool says(const struct tier *t)
{
	return t->ex->vm->cfg.tier == TIER_OPTIMIZING;
}

/* What the ticker could not say. */
static void say_now(struct tier *t)
{
	const char *why = atomic_exchange(&t->unsaid, NULL);

	if (why)
		vm_log(t->ex->vm, "metic-jitd failed its self-test: %s\n", why);
}

static bool dumps(const struct tier *t, char letter)
{
	const char *d = t->ex->vm->cfg.dump;

	return d && strchr(d, letter);
}

/* --- what vCPUs do ------------------------------------------------------- */

bool tier_wants(struct exec *ex, gva_t pc)
{
	return ex->tier && !spots_is_left(&ex->tier->spots, pc);
}

void tier_leave(struct exec *ex, gva_t pc)
{
	if (ex->tier)
		spots_leave(&ex->tier->spots, pc);
}

/* Will the next process have to make what is made of the code at pc again? */
static bool is_lost(const struct tier *t, gva_t pc)
{
	struct exec *ex = t->ex;

	if (waits(t) || says(t) || !ex->persist)
		return false;
	pthread_mutex_lock(&ex->lock);
	bool lost = !persist_image(ex, pc);
	pthread_mutex_unlock(&ex->lock);
	return lost;
}

static bool may_form(const struct tier *t)
{
	return waits(t) ||
	    t->formed_ns <
	    (exec_now_ns() - t->started) / FORMING_PART + FORMING_NS;
}

/* A unit at head, or NULL. */
static struct job *form(struct vcpu *v, gva_t head, bool all)
{
	struct tier *t = v->vm->exec->tier;
	u64 began = exec_now_ns();
	struct job *j = job_form(v, head, all, ++t->serial);

	t->formed_ns += exec_now_ns() - began;
	return j;
}

static void enqueue(struct tier *t, struct job *j)
{
	const struct vm_config *cfg = &t->ex->vm->cfg;

	if (dumps(t, 'U') && cfg->log)
		cfg->log(cfg->log_ctx, j->text, j->len);
	spots_spare(&t->spots, &j->formed.unit);
	pthread_mutex_lock(&t->lock);
	*t->tail = j;
	t->tail = &j->next;
	t->queued++;
	pthread_mutex_unlock(&t->lock);
}

/*
 * Let others go on until the job has ended. A forked child starts its ticker
 * now; a visitor's host may have none, or may have died with it.
 */
static void wait_for(struct vcpu *v, struct tier *t, u64 ended)
{
	struct timespec until;
	int err = 0;

	exec_leave_code(v);
	tier_start(v->vm->exec);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&t->lock);
	while (t->running && t->ended <= ended && !t->off && !err)
		err = pthread_cond_timedwait(&t->done, &t->lock, &until);
	t->off |= v->visitor && err;
	pthread_mutex_unlock(&t->lock);
	exec_enter_code(v);
}

/* Does the unit have code of the block at pc, taken in as a callee's? */
static bool has_inlined(const struct unit *u, gva_t pc)
{
	for (u32 k = 0; k < u->nnodes; k++)
		if (u->node[k].ctx && u->node[k].ir->pc == pc)
			return true;
	return false;
}

/*
 * v was seen at `head`, or, with `callee`, in what the block at head called.
 */
static void consider(
    struct vcpu *v, gva_t head, gva_t callee, int often, bool all)
{
	struct tier *t = v->vm->exec->tier;

	pthread_mutex_lock(&t->lock);
	bool may = !t->off && t->queued < QUEUE_MAX && may_form(t);
	u64 ended = t->ended + t->queued;
	pthread_mutex_unlock(&t->lock);
	often *= is_lost(t, head) ? SAMPLES_LOST : 1;
	if (!may || !spots_hot(&t->spots, head, often))
		return;
	const struct tb *is = tb_find(v->vm->exec, head);
	if (is && is->unit)
		return;
	struct job *j = form(v, head, all);
	if (!j || (callee && !has_inlined(&j->formed.unit, callee)) ||
	    (!waits(t) &&
		spots_are_plain(&t->spots, v->vm->guest, &j->formed.unit))) {
		job_free(j);
		return;
	}
	enqueue(t, j);
	if (waits(t))
		wait_for(v, t, ended);
}

/*
 * The callers, too, by the return addresses on the call stack: a short loop
 * that is called again and again is better off as part of a longer one.
 */
void tier_sample(struct vcpu *v)
{
	const u64 *frame = (const u64 *)(uintptr_t)v->abi.call_sp;
	struct exec *ex = v->vm->exec;
	gva_t pc = v->abi.pc;

	say_now(ex->tier);
	if (waits(ex->tier))
		return;
	spots_tick(&ex->tier->spots, pc);
	consider(v, pc, 0, SAMPLES_HOT, false);
	for (int k = 0; k < CALLERS_MAX; k++, frame++) {
		if ((u64)(uintptr_t)frame >= v->abi.call_base)
			return;
		const struct tb *tb = tb_by_code(ex, *frame);
		if (!tb)
			return;
		if (tb->unit) /* or its frame that aligns the stack */
			continue;
		consider(v, tb->pc, pc, SAMPLES_CALLER, false);
	}
}

struct tb *tier_compile(struct vcpu *v, gva_t head)
{
	struct exec *ex = v->vm->exec;
	struct tier *t = ex->tier;
	struct job *j = t && !t->off ? form(v, head, true) : NULL;

	if (!j)
		return NULL;
	tier_start(ex);
	pthread_mutex_lock(&t->lock);
	u64 ended = t->ended + t->queued + (t->sent != NULL);
	pthread_mutex_unlock(&t->lock);
	enqueue(t, j);
	exec_enter_code(v);
	wait_for(v, t, ended);
	struct tb *tb = tb_find(ex, head);
	exec_leave_code(v);
	return tb && tb->unit ? tb : NULL;
}

void tier_reached(struct vcpu *v)
{
	consider(v, v->abi.pc, 0, 1, true);
}

/* --- the ticker ----------------------------------------------------------- */

/* The units of a counter go; their heads are not tried again. */
static void drop_units(struct tier *t, u32 counter)
{
	struct exec *ex = t->ex;

	pthread_mutex_lock(&ex->lock);
	for (size_t k = 0; k < atomic_load(&ex->ntb); k++) {
		struct tb *tb = ex->by_code[k];
		if (!tb->unit || tb->dead ||
		    abi_unit_counter(tb->pc) != counter)
			continue;
		tb_kill(ex, tb);
		ex->vm->stats.units_dropped++;
		tier_leave(ex, tb->pc);
		persist_leave(ex, tb, k);
		if (dumps(t, 'T'))
			vm_log(ex->vm, "# T: unit at 0x%llx is left too soon\n",
			    (unsigned long long)tb->pc);
	}
	pthread_mutex_unlock(&ex->lock);
}

/* Short loops that are called again and again are the baseline's. */
static void look_at_entries(struct tier *t)
{
	struct metic_vm *vm = t->ex->vm;
	u32 now[ABI_NCOUNTERS] = { 0 };
	u64 ns = exec_now_ns(), passed = ns - t->ticked;

	pthread_mutex_lock(&vm->lock);
	for (struct vcpu *v = vm->vcpus; v; v = v->next)
		for (u32 k = 0; k < ABI_NCOUNTERS; k++)
			now[k] += __atomic_load_n(
			    &v->abi.entered[k], __ATOMIC_RELAXED);
	pthread_mutex_unlock(&vm->lock);
	for (u32 k = 0; k < ABI_NCOUNTERS && !waits(t); k++) {
		u64 more = now[k] - t->entered[k];
		/* a vCPU that ended took its count along */
		if (more < 1u << 31 &&
		    more * TICK_NS > (u64)ENTRIES_MAX * MAX(passed, TICK_NS))
			drop_units(t, k);
	}
	memcpy(t->entered, now, sizeof(now));
	t->ticked = ns;
}

/* Ask vCPUs in guest code for a sample; false: there is none. */
static bool tick(struct tier *t)
{
	struct metic_vm *vm = t->ex->vm;
	bool any = false;

	pthread_mutex_lock(&vm->lock);
	for (struct vcpu *v = vm->vcpus; v; v = v->next)
		if (atomic_load_explicit(&v->in_code, memory_order_relaxed)) {
			any = true;
			if (!waits(t))
				exec_request(v, REQ_SAMPLE);
		}
	pthread_mutex_unlock(&vm->lock);
	return any;
}

/* The job that was sent is over. */
static void end_job(struct tier *t, const u8 *object, size_t n, const char *why)
{
	struct exec *ex = t->ex;
	struct job *j = t->sent;
	struct vm_stats *st = &ex->vm->stats;

	if (!why) {
		pthread_mutex_lock(&ex->lock);
		why = job_install(ex, j, object, n);
		pthread_mutex_unlock(&ex->lock);
	}
	if (why) {
		st->units_failed++;
		if (dumps(t, 'T'))
			vm_log(ex->vm,
			    "# T: unit %u at 0x%llx (%u blocks): %s\n", j->id,
			    (unsigned long long)j->formed.unit.node[0].ir->pc,
			    j->formed.unit.nnodes, why);
	} else {
		st->units++;
		st->unit_insns += j->formed.insns;
		if (dumps(t, 'T'))
			vm_log(ex->vm,
			    "# T: unit %u at 0x%llx: %u blocks, %u inlined, "
			    "%u instructions, %u bytes, %u ms\n",
			    j->id, (unsigned long long)j->tb->pc,
			    j->formed.unit.nnodes, j->formed.unit.nctxs - 1,
			    j->formed.insns,
			    (u32)(j->tb->code_end - j->tb->code_start),
			    t->waited);
		exec_get_out(ex->vm);
	}
	job_free(j);
	t->sent = NULL;
	pthread_mutex_lock(&t->lock);
	t->ended++;
	pthread_cond_broadcast(&t->done);
	pthread_mutex_unlock(&t->lock);
}

static void give_up(struct tier *t, const char *why)
{
	t->what = why;
	if (says(t))
		vm_log(t->ex->vm, "optimizing tier off: %s\n", why);
	pthread_mutex_lock(&t->lock);
	t->off = true;
	pthread_cond_broadcast(&t->done);
	pthread_mutex_unlock(&t->lock);
}

/* The compiling process is of no use any more. */
static void lost(struct tier *t, const char *why)
{
	jitd_stop(&t->jitd);
	free(t->trial);
	t->trial = NULL;
	if (t->sent)
		end_job(t, NULL, 0, why);
	if (++t->restarts > RESTARTS_MAX)
		give_up(t, why);
}

static struct job *take(struct tier *t)
{
	pthread_mutex_lock(&t->lock);
	struct job *j = t->queue;
	if (j) {
		t->queue = j->next;
		if (!t->queue)
			t->tail = &t->queue;
		t->queued--;
	}
	pthread_mutex_unlock(&t->lock);
	return j;
}

/* The process, and first of all its self-test. */
static void start(struct tier *t)
{
	const struct vm_config *cfg = &t->ex->vm->cfg;
	const struct jitd_options o = { cfg->jitd, cfg->jit_memory, waits(t) };
	size_t n;

	if (jitd_start(&t->jitd, &o)) {
		give_up(t, "metic-jitd cannot be started");
		return;
	}
	t->waited = 0;
	t->trial = selftest_text(t->ex->vm->guest, &n);
	if (!t->trial)
		lost(t, "out of memory");
	else if (jitd_send(&t->jitd, SELFTEST_ID, t->trial, n) < 0)
		lost(t, "metic-jitd is gone");
}

/* The self-test has been compiled. */
static void end_trial(struct tier *t, const u8 *object, size_t n)
{
	const char *why = selftest_run(t->ex, object, n);

	free(t->trial);
	t->trial = NULL;
	if (!why) {
		t->what = "on";
		return;
	}
	jitd_stop(&t->jitd);
	t->unsaid = why;
	if (!t->apart)
		say_now(t);
	give_up(t, "metic-jitd failed its self-test");
}

static void send_next(struct tier *t)
{
	if (t->jitd.fd < 0 && t->queue && !t->off)
		start(t);
	if (t->jitd.fd < 0 || t->trial || !(t->sent = take(t)))
		return;
	t->waited = 0;
	if (jitd_send(&t->jitd, t->sent->id, t->sent->text, t->sent->len) < 0)
		lost(t, "metic-jitd is gone");
}

static void receive(struct tier *t, int ms)
{
	struct jitd_head h;
	const u8 *body;
	u32 limit = t->ex->vm->cfg.jit_seconds;
	int r = jitd_receive(&t->jitd, ms, &h, &body);

	if (r < 0 || (r && h.id != (t->trial ? SELFTEST_ID : t->sent->id)) ||
	    (r && h.status == JITD_FAILED && t->trial)) {
		lost(t, "metic-jitd went wrong");
	} else if (r && t->trial) {
		end_trial(t, body, h.size);
	} else if (r && h.status == JITD_FAILED) {
		end_job(t, NULL, 0, "refused by metic-jitd");
	} else if (r) {
		t->sent->other = h.status == JITD_OTHER;
		end_job(t, body, h.size, NULL);
	} else if (++t->waited > 1000 * (limit ? limit : REPLY_SECONDS)) {
		lost(t, "metic-jitd takes too long");
	}
}

static void sleep_for(struct tier *t, u64 ns)
{
	u64 until = exec_now_ns() + ns;
	const struct timespec at = { (time_t)(until / 1000000000),
		(long)(until % 1000000000) };

	pthread_mutex_lock(&t->lock);
	while (!t->stop && !pthread_cond_timedwait(&t->woken, &t->lock, &at))
		;
	pthread_mutex_unlock(&t->lock);
}

/*
 * A process of two threads that share descriptors pays for that in every
 * system call, so the ticker shares none, unless it may have to write
 * something. The compiler's socket is its own then, and ends with it.
 */
static void set_apart(struct tier *t)
{
	t->apart = !says(t) && !waits(t) && !t->ex->vm->cfg.dump &&
	    close_range(0, ~0u, CLOSE_RANGE_UNSHARE) == 0;
}

static void end_apart(struct tier *t)
{
	if (!t->apart)
		return;
	jitd_stop(&t->jitd);
	free(t->trial);
	t->trial = NULL;
	if (t->sent)
		end_job(t, NULL, 0, "stopped");
}

static void *ticker(void *arg)
{
	struct tier *t = arg;
	u32 idle = 0, quiet = 0, first = says(t) ? 1 : PACE, pace = first;
	u64 ended = 0;

	prctl(PR_SET_NAME, EXEC_THREAD_NAME);
	set_apart(t);
	if (!waits(t))
		sleep_for(t, START_NS);
	while (!t->stop) {
		idle = tick(t) ? 0 : idle + 1;
		if (t->ended != ended) {
			ended = t->ended;
			quiet = 0;
			pace = first;
		} else if (++quiet == QUIET_TICKS) {
			quiet = 0;
			pace = MIN(2 * pace, QUIET_MAX);
		}
		look_at_entries(t);
		if (!t->sent && !t->trial)
			send_next(t);
		if (t->sent || t->trial) {
			receive(t, 1);
			continue;
		}
		sleep_for(t, (idle > IDLE_TICKS ? 20 : pace) * TICK_NS);
	}
	end_apart(t);
	return NULL;
}

/* --- life ----------------------------------------------------------------- */

static void make_lock(struct tier *t)
{
	pthread_condattr_t a;

	spots_init(&t->spots);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->done, NULL);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&t->woken, &a);
	pthread_condattr_destroy(&a);
}

int tier_new(struct exec *ex)
{
	const struct vm_config *cfg = &ex->vm->cfg;

	if (cfg->tier == TIER_INTERP ||
	    (cfg->tier == TIER_BASELINE && !cfg->jit_wait) || !ex->host ||
	    !ex->host->load_unit || !cfg->jitd || cfg->check || cfg->count ||
	    ex->vm->as != AS_IDENTITY)
		return 0;
	struct tier *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->ex = ex;
	t->what = "on, not needed";
	t->jitd.fd = -1;
	t->tail = &t->queue;
	make_lock(t);
	ex->tier = t;
	return 0;
}

/* All signals are the guest's: none goes to the ticker. */
void tier_start(struct exec *ex)
{
	struct tier *t = ex->tier;
	const struct vcpu *v = vcpu_current();
	sigset_t all, old;
	pthread_attr_t a;

	if (!t || t->off || t->running || (v && v->visitor) ||
	    atomic_exchange(&t->running, true))
		return;
	t->started = exec_now_ns();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, (size_t)256 << 10);
	if (pthread_create(&t->thread, &a, ticker, t) != 0)
		t->off = true;
	pthread_attr_destroy(&a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void tier_pause(struct exec *ex)
{
	struct tier *t = ex->tier;

	if (!t || t->off || !t->running)
		return;
	pthread_mutex_lock(&t->lock);
	atomic_store(&t->stop, true);
	pthread_cond_signal(&t->woken);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	atomic_store(&t->stop, false);
	atomic_store(&t->running, false);
}

int exec_own_fd(const struct metic_vm *vm)
{
	const struct tier *t = vm->exec->tier;

	return t && !t->apart ? t->jitd.fd : -1;
}

void exec_ending(struct metic_vm *vm)
{
	if (!vm->exec->tier)
		return;
	say_now(vm->exec->tier);
	jitd_wake(&vm->exec->tier->jitd);
}

const char *exec_optimizer(const struct metic_vm *vm)
{
	return vm->exec->tier ? vm->exec->tier->what : "not asked for";
}

void exec_alone(struct metic_vm *vm)
{
	tier_pause(vm->exec);
}

void exec_go_on(struct metic_vm *vm)
{
	if (vm->exec->tier)
		tier_start(vm->exec);
}

/* A forked child that runs for a while gets a ticker of its own. */
void tier_poke(struct exec *ex)
{
	struct tier *t = ex->tier;

	if (!atomic_load_explicit(&t->running, memory_order_relaxed) &&
	    ++t->pokes > POKES_START)
		tier_start(ex);
}

static void drop_jobs(struct tier *t)
{
	for (struct job *j; (j = t->queue);) {
		t->queue = j->next;
		job_free(j);
	}
	t->tail = &t->queue;
	t->queued = 0;
	job_free(t->sent);
	t->sent = NULL;
	free(t->trial);
	t->trial = NULL;
}

void tier_forked(struct exec *ex)
{
	struct tier *t = ex->tier;

	if (!t)
		return;
	make_lock(t);
	atomic_store(&t->running, false);
	atomic_store(&t->stop, false);
	atomic_store(&t->pokes, 0);
	if (t->apart) /* not ours to close */
		t->jitd.fd = -1;
	jitd_stop(&t->jitd);
	drop_jobs(t);
}

void tier_free(struct exec *ex)
{
	struct tier *t = ex->tier;

	if (!t)
		return;
	tier_pause(ex);
	drop_jobs(t);
	jitd_stop(&t->jitd);
	free(t);
	ex->tier = NULL;
}
