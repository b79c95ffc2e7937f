/*
 * selftest.c - see selftest.h.
 *
 * The code may be anything, so it runs in a process of its own that shares
 * our memory: a crash or an endless loop ends that one. A wild store would
 * hurt us, as it would later.
 */
#include "runtime/exec/selftest.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "translator/fpu.h"
#include "translator/unit.h"

#define PC 0x1000
#define PC_BEHIND 0x1004
#define ROUNDS 50
#define WORDS 4 /* of memory that the unit works on */
#define STACK ((size_t)32 << 10)
#define PATIENCE_MS 2000
#define TRIES 3 /* the code cache may be flushed meanwhile */

/* Four registers: counter, accumulator, result, address; and two of fp. */
struct regs {
	const struct guest_reg *i[4], *f[2];
};

/* Integers in a pin and in none, as they come; fp in pins. */
static struct regs choose(const struct guest_isa *g)
{
	struct regs r = { { NULL } };
	unsigned pinned = 0, other = 2, fp = 0;

	for (u32 k = 0; k < g->nregs; k++) {
		const struct guest_reg *x = &g->regs[k];
		bool pin = x->pin != GUEST_NO_PIN;
		if (!x->shown)
			continue;
		if (x->type == IR_F64 && pin && fp < 2)
			r.f[fp++] = x;
		else if (x->type == IR_I64 && pin && pinned < 2)
			r.i[pinned++] = x;
		else if (x->type == IR_I64 && !pin && other < 4)
			r.i[other++] = x;
	}
	return r;
}

static void integers(FILE *f, const struct regs *r)
{
	fprintf(f,
	    "  %%2:i64 = get %s\n"
	    "  %%3:i64 = get %s\n"
	    "  %%4:i64 = const 0x1e3779b97f4a7c15\n"
	    "  %%5:i64 = mul %%3 %%4\n"
	    "  %%6:i64 = const 0x1d\n"
	    "  %%7:i64 = shr %%5 %%6\n"
	    "  %%8:i64 = xor %%5 %%7\n"
	    "  %%9:i64 = mulhu %%8 %%4\n"
	    "  %%10:i64 = rotl %%9 %%2\n"
	    "  %%11:i64 = sar %%8 %%2\n"
	    "  %%12:i64 = sub %%10 %%11\n"
	    "  %%13:i64 = remu %%4 %%2\n"
	    "  %%14:i64 = add %%12 %%13\n"
	    "  %%15:i32 = trunc %%14\n"
	    "  %%16:i32 = shl %%15 %%15\n"
	    "  %%17:i64 = sext32 %%16\n"
	    "  put %s %%14\n"
	    "  put %s %%17\n",
	    r->i[0]->name, r->i[1]->name, r->i[1]->name, r->i[2]->name);
}

static void floats_and_memory(FILE *f, const struct regs *r)
{
	fprintf(f,
	    "  %%20:f64 = get %s\n"
	    "  %%21:f64 = get %s\n"
	    "  %%22:f64 = s64.f.dyn %%2\n"
	    "  %%23:f64 = fmul.dyn %%20 %%21\n"
	    "  %%24:f64 = fadd.dyn %%23 %%22\n"
	    "  %%25:f64 = fdiv.dyn %%24 %%21\n"
	    "  %%26:f64 = fcanon %%25\n"
	    "  put %s %%26\n"
	    "  %%28:i64 = get %s\n"
	    "  store.3 %%28 %%26 + 8\n"
	    "  %%30:i64 = load.3 %%28 + 8\n"
	    "  %%31:i64 = xor %%30 %%14\n"
	    "  store.3 %%28 %%31 + 16\n",
	    r->f[0]->name, r->f[1]->name, r->f[0]->name, r->i[3]->name);
}

char *selftest_text(const struct guest_isa *g, size_t *n)
{
	const struct regs r = choose(g);
	char *text = NULL;
	FILE *f = open_memstream(&text, n);

	if (!f)
		return NULL;
	fprintf(f,
	    "unit %u movable 0\nnode 0 callee 0\n"
	    "region 0x%x guest %s len 4 insns 1\nb0:\n  insn 0x%x\n",
	    SELFTEST_ID, PC, g->name, PC);
	integers(f, &r);
	floats_and_memory(f, &r);
	fprintf(f,
	    "  %%40:i64 = const 0x1\n  %%41:i64 = sub %%2 %%40\n"
	    "  put %s %%41\n  %%43:i64 = const 0x0\n"
	    "  %%44:i1 = ne %%41 %%43\n  br %%44 b1 b2\n"
	    "b1:\n  goto_tb 0x%x\nb2:\n  goto_tb 0x%x\nend\ndone\n",
	    r.i[0]->name, PC, PC_BEHIND);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* --- two ways to run it --------------------------------------------------- */

/* A vCPU that no VM knows of, and what its code works on. */
struct bench {
	struct vcpu v; /* first: service is told its address */
	u64 memory[WORDS];
	const struct unit_code *uc;
	u64 code; /* address of uc's */
	void (*enter)(struct vcpu *v, const void *code);
	_Atomic bool done;
	_Alignas(16) u8 c_stack[STACK];
	_Alignas(16) u8 signal_stack[STACK];
	_Alignas(16) u8 call_stack[STACK];
};

static void prepare(struct bench *b, const struct guest_isa *g)
{
	const struct regs r = choose(g);
	const double x = 1.0 / 3, y = 0.7;
	struct abi_state *s = &b->v.abi;

	g->reset(s);
	s->fpu = fpu_make_word(RM_RNE, 0);
	s->pc = PC;
	s->state[r.i[0]->slot] = ROUNDS;
	s->state[r.i[1]->slot] = 0x0123456789abcdef;
	s->state[r.i[2]->slot] = 0;
	s->state[r.i[3]->slot] = (u64)(uintptr_t)b->memory;
	memcpy(&s->state[r.f[0]->slot], &x, sizeof(x));
	memcpy(&s->state[r.f[1]->slot], &y, sizeof(y));
}

static bool load(struct vcpu *v, gva_t a, u32 size, u64 *out)
{
	(void)v;
	*out = 0;
	memcpy(out, (const void *)(uintptr_t)a, size);
	return true;
}

static bool store(struct vcpu *v, gva_t a, u32 size, u64 value)
{
	(void)v;
	memcpy((void *)(uintptr_t)a, &value, size);
	return true;
}

static bool interpret(
    struct bench *b, const struct guest_isa *g, const struct unit *u)
{
	static const struct interp_mem mem = { .load = load, .store = store };
	const struct ir_region *r = u->node[0].ir;
	u64 *values = calloc(r->ninsns, sizeof(*values));

	for (u32 k = 0; values && b->v.abi.pc == PC && k <= ROUNDS; k++)
		b->v.abi.pc = interp_run(&b->v, g, r, &mem, values).pc;
	free(values);
	return b->v.abi.pc == PC_BEHIND;
}

/* abi.service: the unit has been left, by a link if all is well. */
static const void *left(struct vcpu *v, u32 reason, u64 arg)
{
	const struct bench *b = (const struct bench *)(const void *)v;

	v->abi.pc = ~(u64)0;
	for (u32 k = 0; reason == EXIT_LINK && k < b->uc->nlinks; k++)
		if (arg == b->code + b->uc->links[k].off)
			v->abi.pc = b->uc->links[k].target;
	return NULL;
}

static void crashed(int sig)
{
	_exit(128 + sig);
}

/* In the process of its own. */
static int run_aside(void *arg)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	struct bench *b = arg;
	const stack_t ss = { .ss_sp = b->signal_stack, .ss_size = STACK };
	struct sigaction sa = { .sa_handler = crashed, .sa_flags = SA_ONSTACK };
	sigset_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaltstack(&ss, NULL);
	sigfillset(&sa.sa_mask);
	sigemptyset(&set);
	for (size_t k = 0; k < ARRAY_LEN(fatal); k++) {
		sigaddset(&set, fatal[k]);
		sigaction(fatal[k], &sa, NULL);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	b->enter(&b->v, (const void *)(uintptr_t)(b->code + b->uc->entry));
	b->done = true;
	_exit(0);
}

/* false: it could not be, crashed, or took too long. */
static bool run_native(struct bench *b, struct exec *ex)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	struct abi_state *s = &b->v.abi;
	u64 *top = (u64 *)(void *)(b->call_stack + STACK - 64);

	*top = ex->thunks.bottom;
	s->call_sp = s->call_base = (u64)(uintptr_t)top;
	s->call_limit = (u64)(uintptr_t)b->call_stack + CALL_STACK_FRAME;
	s->jt = ex->jt_miss;
	s->service = left;
	b->enter = ex->thunks.enter;
	pid_t pid = clone(run_aside, b->c_stack + STACK, CLONE_VM, b);
	if (pid < 0)
		return false;
	for (int k = 0; waitpid(pid, NULL, WNOHANG | __WALL) == 0; k++) {
		if (k == PATIENCE_MS)
			kill(pid, SIGKILL);
		nanosleep(&ms, NULL);
	}
	return b->done;
}

static bool same(
    const struct bench *a, const struct bench *b, const struct guest_isa *g)
{
	const u16 address = choose(g).i[3]->slot;

	for (u32 k = 0; k < g->nregs; k++) {
		u16 s = g->regs[k].slot;
		if (s != address && a->v.abi.state[s] != b->v.abi.state[s])
			return false;
	}
	return a->v.abi.pc == b->v.abi.pc && a->v.abi.fpu == b->v.abi.fpu &&
	    !memcmp(a->memory, b->memory, sizeof(a->memory));
}

/* --- all of it ------------------------------------------------------------ */

static const char *load_code(
    struct exec *ex, struct unit_code *uc, const struct unit *u)
{
	const char *why = NULL;

	pthread_mutex_lock(&ex->lock);
	uc->unit = u;
	uc->rw = ex->rw + ex->used;
	uc->rx = (u64)(uintptr_t)ex->rx + ex->used;
	uc->cap = ex->size - ex->used;
	int err = ex->host->load_unit(uc);
	if (err)
		why = err == -EBADMSG && uc->why ? uc->why : "no room";
	else
		ex->used += ALIGN_UP(uc->size, 16);
	pthread_mutex_unlock(&ex->lock);
	return why;
}

static const char *try_once(
    struct exec *ex, struct unit_code *uc, const struct unit *u)
{
	const struct guest_isa *g = ex->vm->guest;
	struct bench *want = calloc(1, sizeof(*want));
	struct bench *got = calloc(1, sizeof(*got));
	const char *why = want && got ? load_code(ex, uc, u) : "no memory";

	if (!why) {
		prepare(want, g);
		prepare(got, g);
		got->uc = uc;
		got->code = uc->rx;
		if (!interpret(want, g, u))
			why = "the interpreter fails";
		else if (!run_native(got, ex))
			why = "its code crashes";
		else if (!same(want, got, g))
			why = "its code is wrong";
	}
	free(want);
	free(got);
	return why;
}

const char *selftest_run(struct exec *ex, const u8 *object, size_t n)
{
	struct unit *u = calloc(1, sizeof(*u));
	size_t len;
	char err[128], *text = selftest_text(ex->vm->guest, &len);
	const char *why = "no memory";
	struct arena a;
	u64 epoch;

	arena_init(&a);
	struct unit_code uc = { .guest = ex->vm->guest,
		.object = object,
		.nobject = n,
		.arena = &a };
	if (u && text && !unit_parse(text, uc.guest, &a, u, err, sizeof(err))) {
		int tries = 0;
		do {
			epoch = atomic_load(&ex->epoch);
			why = try_once(ex, &uc, u);
		} while (
		    why && epoch != atomic_load(&ex->epoch) && ++tries < TRIES);
	}
	arena_free(&a);
	free(text);
	free(u);
	return why;
}
