/*
 * tier.c - see tier.h.
 *
 * A job is formed by a vCPU under exec.lock, which registers the guest code
 * it was made from (parts): whatever drops that code before the job is done
 * kills the job's block, and its output is thrown away. A flush of the code
 * cache frees both; jobs remember the epoch that they belong to.
 */
#include "runtime/exec/tier.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/exec/form.h"
#include "runtime/exec/jitd.h"

#define TICK_NS 1000000
#define SAMPLES_HOT 4 /* ticks at one place */
#define SAMPLES_CALLER 8 /* ticks in what a block called */
#define CALLERS_MAX 3 /* frames that are looked at */
#define SAMPLES_AGAIN 100 /* more of them where there was no unit */
/* A unit that is entered so often in a tick is left too soon to pay. */
#define ENTRIES_MAX 15000
#define SAMPLES_COVERED 60 /* more of them where a unit has been made */
#define SAMPLES_UNDER_WAY 5000 /* at the head of one being compiled */
#define IDLE_TICKS 50 /* without guest code: look less often */
#define REPLY_TICKS 20000 /* a compilation that takes longer has failed */
#define RESTARTS_MAX 3
#define TRIES_MAX 2 /* for one head */
#define QUEUE_MAX 64
#define POKES_START 64 /* look-ups in a child until it has a ticker */
#define SPOTS 8192 /* places that are counted */
#define SPOT_WAYS 8

struct spot {
	gva_t pc;
	i16 seen; /* ticks, below zero where a unit should come by */
	u16 tries;
	bool dropped; /* a unit there did not pay */
};

struct job {
	struct job *next;
	u32 id;
	u64 epoch;
	struct tb *tb; /* the code to be */
	struct formed formed;
	struct arena arena;
	char *text;
	size_t len;
};

struct tier {
	struct exec *ex;
	pthread_mutex_t lock; /* spots and queue */
	pthread_cond_t done; /* a job ended */
	pthread_t thread;
	_Atomic bool running, stop;
	bool off; /* for good */
	bool any_dropped;
	struct spot spot[SPOTS];
	struct job *queue, **tail;
	u32 queued, serial;
	u64 ended; /* jobs */
	_Atomic u32 pokes;
	/* the ticker's own */
	struct jitd jitd;
	struct job *sent;
	u32 waited, restarts;
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

static bool dumps(const struct tier *t, char letter)
{
	const char *d = t->ex->vm->cfg.dump;

	return d && strchr(d, letter);
}

static void job_free(struct job *j)
{
	if (!j)
		return;
	arena_free(&j->arena);
	free(j->text);
	free(j);
}

/* --- forming, by a vCPU --------------------------------------------------- */

static bool make_text(struct job *j, const struct guest_isa *g)
{
	FILE *f = open_memstream(&j->text, &j->len);

	if (!f)
		return false;
	unit_print(f, g, &j->formed.unit);
	return fclose(f) == 0;
}

/* The block that the job's code will be, and what kills it. Needs lock. */
static bool register_parts(struct exec *ex, struct job *j)
{
	struct tb *tb = arena_new(&ex->meta, struct tb, 1);

	if (!tb)
		return false;
	tb->pc = j->formed.unit.node[0].ir->pc;
	tb->len = j->formed.unit.node[0].ir->guest_len;
	tb->insns = j->formed.insns;
	tb->hash = j->formed.part[0].hash;
	tb->unit = arena_new(&ex->meta, struct tb_unit, 1);
	if (!tb->unit)
		return false;
	u32 n = tb->unit->nparts = j->formed.nparts;
	tb->unit->part = arena_new(&ex->meta, struct unit_part, n);
	if (!tb->unit->part)
		return false;
	memcpy(tb->unit->part, j->formed.part, n * sizeof(struct unit_part));
	j->tb = tb;
	return tb_add_parts(ex, tb) == 0;
}

/* A unit at head, or NULL. */
static struct job *form(struct vcpu *v, gva_t head, bool all)
{
	struct exec *ex = v->vm->exec;
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	arena_init(&j->arena);
	pthread_mutex_lock(&ex->lock);
	bool ok = form_unit(v, head, all, &j->arena, &j->formed) &&
	    register_parts(ex, j);
	j->epoch = atomic_load(&ex->epoch);
	pthread_mutex_unlock(&ex->lock);
	if (ok) {
		j->id = j->formed.unit.id = ++ex->tier->serial;
		ok = make_text(j, v->vm->guest);
	}
	if (ok)
		return j;
	job_free(j);
	return NULL;
}

/* Needs lock. Who was there first stays while he counts for something. */
static struct spot *spot_of(struct tier *t, gva_t pc)
{
	size_t at = pc >> 1 ^ pc >> 14;
	struct spot *s = NULL;

	for (size_t k = 0; k < SPOT_WAYS; k++) {
		s = &t->spot[(at + k) % SPOTS];
		if (s->pc == pc)
			return s;
		if (!s->pc)
			break;
	}
	*s = (struct spot){ .pc = pc };
	return s;
}

bool tier_wants(struct exec *ex, gva_t pc)
{
	struct tier *t = ex->tier;

	if (!t)
		return false;
	pthread_mutex_lock(&t->lock);
	bool wants = !t->any_dropped || !spot_of(t, pc)->dropped;
	pthread_mutex_unlock(&t->lock);
	return wants;
}

/* Needs lock; true: pc is to be compiled now. */
static bool is_hot(struct tier *t, gva_t pc, int often)
{
	struct spot *s = spot_of(t, pc);

	if (s->tries >= TRIES_MAX || t->queued >= QUEUE_MAX ||
	    ++s->seen < often)
		return false;
	s->seen = -SAMPLES_AGAIN;
	s->tries++;
	return true;
}

/*
 * What runs in the unit's loops will come by its head, unless it stays in an
 * inner loop: wait longer before another unit is made of that.
 */
static void spare(struct tier *t, const struct unit *u)
{
	for (u32 k = 0; k < u->nnodes; k++)
		if (!u->node[k].ctx)
			spot_of(t, u->node[k].ir->pc)->seen =
			    k ? -SAMPLES_COVERED : -SAMPLES_UNDER_WAY;
}

static void enqueue(struct tier *t, struct job *j)
{
	pthread_mutex_lock(&t->lock);
	spare(t, &j->formed.unit);
	*t->tail = j;
	t->tail = &j->next;
	t->queued++;
	pthread_mutex_unlock(&t->lock);
}

/* Let others go on until the job has ended. */
static void wait_for(struct vcpu *v, struct tier *t, u64 ended)
{
	exec_leave_code(v);
	pthread_mutex_lock(&t->lock);
	while (t->ended <= ended && !t->off)
		pthread_cond_wait(&t->done, &t->lock);
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
	bool hot = !t->off && is_hot(t, head, often);
	u64 ended = t->ended + t->queued;
	pthread_mutex_unlock(&t->lock);
	if (!hot)
		return;
	const struct tb *is = tb_find(v->vm->exec, head);
	if (is && is->unit)
		return;
	struct job *j = form(v, head, all);
	if (!j || (callee && !has_inlined(&j->formed.unit, callee))) {
		job_free(j);
		return;
	}
	if (dumps(t, 'U') && v->vm->cfg.log)
		v->vm->cfg.log(v->vm->cfg.log_ctx, j->text, j->len);
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

	if (waits(ex->tier))
		return;
	consider(v, pc, 0, SAMPLES_HOT, false);
	for (int k = 0; k < CALLERS_MAX; k++, frame++) {
		if ((u64)(uintptr_t)frame >= v->abi.call_base)
			return;
		const struct tb *tb = tb_by_code(ex, *frame);
		if (!tb || tb->unit)
			return;
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
		pthread_mutex_lock(&t->lock);
		spot_of(t, tb->pc)->tries = TRIES_MAX;
		spot_of(t, tb->pc)->dropped = true;
		t->any_dropped = true;
		pthread_mutex_unlock(&t->lock);
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

static bool keep_map(struct exec *ex, struct tb *tb, const struct unit_code *uc)
{
	struct unit_map *m = &tb->unit->map;

	*m = uc->map;
	tb->links = arena_new(&ex->meta, struct link_site, uc->nlinks);
	tb->pcs = arena_new(&ex->meta, u32, uc->npcs);
	m->access = arena_new(&ex->meta, struct unit_access, m->naccess);
	m->place = arena_new(&ex->meta, struct unit_place, m->nplaces);
	if (!m->access || !m->place || !tb->links || !tb->pcs)
		return false;
	memcpy(tb->links, uc->links, uc->nlinks * sizeof(*uc->links));
	memcpy(tb->pcs, uc->pcs, uc->npcs * sizeof(*uc->pcs));
	if (m->naccess)
		memcpy(
		    m->access, uc->map.access, m->naccess * sizeof(*m->access));
	if (m->nplaces)
		memcpy(m->place, uc->map.place, m->nplaces * sizeof(*m->place));
	tb->nlinks = uc->nlinks;
	tb->npcs = uc->npcs;
	return true;
}

/* Needs exec.lock. NULL, or why not. */
static const char *install(
    struct exec *ex, struct job *j, const u8 *object, size_t n)
{
	struct unit_code uc = {
		.guest = ex->vm->guest,
		.unit = &j->formed.unit,
		.object = object,
		.nobject = n,
		.rw = ex->rw + ex->used,
		.rx = (u64)(uintptr_t)ex->rx + ex->used,
		.cap = ex->size - ex->used,
		.arena = &j->arena,
	};
	struct tb *tb = j->tb;

	if (atomic_load(&ex->epoch) != j->epoch)
		return "flushed";
	if (tb->dead)
		return "its code changed";
	if (ex->ntb == TB_MAX)
		return "no room";
	int err = ex->host->load_unit(&uc);
	if (err)
		return err == -EBADMSG && uc.why ? uc.why : "no room";
	if (!keep_map(ex, tb, &uc))
		return "out of memory";
	tb->code_start = ex->rx + ex->used;
	tb->code = tb->code_start + uc.entry;
	tb->code_end = tb->code_start + uc.size;
	ex->used += ALIGN_UP(uc.size, 16);
	tb_replace(ex, tb);
	return NULL;
}

/* The job that was sent is over. */
static void end_job(struct tier *t, const u8 *object, size_t n, const char *why)
{
	struct exec *ex = t->ex;
	struct job *j = t->sent;
	struct vm_stats *st = &ex->vm->stats;

	if (!why) {
		pthread_mutex_lock(&ex->lock);
		why = install(ex, j, object, n);
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

static void send_next(struct tier *t)
{
	if (t->jitd.fd < 0 && t->queue && !t->off) {
		int err = jitd_start(&t->jitd, t->ex->vm->cfg.jitd, waits(t));
		if (err) {
			give_up(t, "metic-jitd cannot be started");
			return;
		}
	}
	if (t->jitd.fd < 0 || !(t->sent = take(t)))
		return;
	t->waited = 0;
	if (jitd_send(&t->jitd, t->sent->id, t->sent->text, t->sent->len) < 0)
		lost(t, "metic-jitd is gone");
}

static void receive(struct tier *t, int ms)
{
	struct jitd_head h;
	const u8 *body;
	int r = jitd_receive(&t->jitd, ms, &h, &body);

	if (r < 0 || (r && h.id != t->sent->id)) {
		lost(t, "metic-jitd went wrong");
	} else if (r && h.status) {
		end_job(t, NULL, 0, "refused by metic-jitd");
	} else if (r) {
		end_job(t, body, h.size, NULL);
	} else if (++t->waited > REPLY_TICKS) {
		lost(t, "metic-jitd takes too long");
	}
}

static void *ticker(void *arg)
{
	struct tier *t = arg;
	struct timespec pause = { 0, TICK_NS };
	u32 idle = 0;

	while (!t->stop) {
		idle = tick(t) ? 0 : idle + 1;
		look_at_entries(t);
		if (!t->sent)
			send_next(t);
		if (t->sent) {
			receive(t, 1);
			continue;
		}
		pause.tv_nsec = idle > IDLE_TICKS ? 20 * TICK_NS : TICK_NS;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* --- life ----------------------------------------------------------------- */

int tier_new(struct exec *ex)
{
	const struct vm_config *cfg = &ex->vm->cfg;

	/* by name only: see runtime/README.md, what was measured */
	if ((cfg->tier != TIER_OPTIMIZING && !cfg->jit_wait) || !ex->host ||
	    !ex->host->load_unit || !cfg->jitd || cfg->check || cfg->count ||
	    ex->vm->as != AS_IDENTITY)
		return 0;
	struct tier *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->ex = ex;
	t->jitd.fd = -1;
	t->tail = &t->queue;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->done, NULL);
	ex->tier = t;
	return 0;
}

/* All signals are the guest's: none goes to the ticker. */
void tier_start(struct exec *ex)
{
	struct tier *t = ex->tier;
	sigset_t all, old;
	pthread_attr_t a;

	if (!t || t->off || t->running || atomic_exchange(&t->running, true))
		return;
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
	atomic_store(&t->stop, true);
	pthread_join(t->thread, NULL);
	atomic_store(&t->stop, false);
	atomic_store(&t->running, false);
}

int exec_own_fd(const struct metic_vm *vm)
{
	const struct tier *t = vm->exec->tier;

	return t ? t->jitd.fd : -1;
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
}

void tier_forked(struct exec *ex)
{
	struct tier *t = ex->tier;

	if (!t)
		return;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->done, NULL);
	atomic_store(&t->running, false);
	atomic_store(&t->stop, false);
	atomic_store(&t->pokes, 0);
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
