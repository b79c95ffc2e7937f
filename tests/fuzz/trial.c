/*
 * trial.c - see trial.h.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/qemu.h"
#include "tests/fuzz/trial.h"

#define PATIENCE 5.0 /* seconds for one case */

/* Where the child leaves what it found. */
struct report {
	_Atomic int stage; /* results that are there */
	struct fz_result result[2];
};

static struct report *shared_report(void)
{
	static struct report *r;

	if (!r) {
		r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (r == MAP_FAILED)
			abort();
	}
	return r;
}

const char *fz_way_name(u32 way)
{
	return way == FZ_ELSEWHERE ? "elsewhere" : fz_ways[way].name;
}

static void child(
    const struct fz_trial *t, const struct fz_case *c, struct report *r)
{
	struct fz_machines *m = fz_machines_new(NULL, 0);
	char why[200];

	if (!m)
		_exit(3);
	fz_run(m, 0, c, &r->result[0]);
	r->stage = 1;
	if (t->way != FZ_ELSEWHERE)
		fz_run(m, t->way, c, &r->result[1]);
	else if (!fz_run_elsewhere(
		     t->runner, c, 1, &r->result[1], why, sizeof(why)))
		_exit(4);
	r->stage = 2;
	_exit(0);
}

/* Wait for the child; false if it had to be killed. */
static bool wait_for(pid_t pid, int *status)
{
	double end = fz_now() + PATIENCE;
	struct timespec nap = { 0, 200000 };

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (fz_now() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, status, 0);
			return false;
		}
		nanosleep(&nap, NULL);
	}
	return true;
}

void fz_try(struct fz_trial *t, const struct fz_case *c)
{
	struct report *r = shared_report();

	r->stage = 0;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		child(t, c, r);
	bool ended = pid > 0 && wait_for(pid, &t->status);
	t->want = r->result[0];
	t->got = r->result[1];
	t->diff = 0;
	if (r->stage == 0) {
		t->verdict = FZ_UNTESTED;
	} else if (!ended) {
		t->verdict = FZ_HUNG;
	} else if (r->stage == 1) {
		t->verdict = FZ_CRASHED;
	} else {
		t->diff = fz_compare(&t->want, &t->got, t->way != FZ_ELSEWHERE);
		t->verdict = t->diff ? FZ_DIFFERS : FZ_SAME;
	}
}

/* Take the changed case over if it still shows the same. */
static bool accept(
    struct fz_trial *t, struct fz_case *c, const struct fz_case *smaller)
{
	static struct fz_trial u;

	u.runner = t->runner;
	u.way = t->way;
	fz_try(&u, smaller);
	if (u.verdict != t->verdict || (u.diff & ~t->diff))
		return false;
	*t = u;
	*c = *smaller;
	return true;
}

static bool drop_insn(struct fz_trial *t, struct fz_case *c, u32 k)
{
	static struct fz_case s;
	u32 end = k + 1 < c->n ? c->at[k + 1] : c->len;
	u32 nop = FZ_NOP;
	u32 len = end - c->at[k];

	if (len == 2)
		nop = FZ_C_NOP;
	if (memcmp(c->code + c->at[k], &nop, len) == 0)
		return false;
	s = *c;
	memcpy(s.code + s.at[k], &nop, len);
	return accept(t, c, &s);
}

/* End the sequence before its last instruction. */
static bool cut_end(struct fz_trial *t, struct fz_case *c)
{
	static struct fz_case s;
	u16 half = FZ_C_EBREAK;

	if (c->n < 2)
		return false;
	s = *c;
	s.len = s.at[--s.n];
	for (u32 k = s.len; k < c->len; k += 2)
		memcpy(s.code + k, &half, 2);
	return accept(t, c, &s);
}

static void simplify_state(struct fz_trial *t, struct fz_case *c)
{
	static struct fz_case s;

	for (u32 k = 0; k < RV_SLOT_RESV_ADDR; k++) {
		s = *c;
		s.in.slot[k] = 0;
		if (c->in.slot[k])
			accept(t, c, &s);
	}
	s = *c;
	memset(s.in.data, 0, sizeof(s.in.data));
	accept(t, c, &s);
	s = *c;
	s.in.fflags = 0;
	if (c->in.fflags)
		accept(t, c, &s);
	s = *c;
	s.in.frm = 0;
	s.in.slot[RV_SLOT_FRM] = 0;
	if (c->in.frm)
		accept(t, c, &s);
}

void fz_shrink(struct fz_trial *t, struct fz_case *c)
{
	bool again = true;

	while (cut_end(t, c))
		;
	while (again) {
		again = false;
		for (u32 k = c->n; k-- > 0;)
			again |= drop_insn(t, c, k);
		while (cut_end(t, c))
			again = true;
	}
	simplify_state(t, c);
}
