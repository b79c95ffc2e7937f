/*
 * threads.c - packets about threads: who there is, who is meant, who is to
 * run on and how.
 */
#include "runtime/debug/stub.h"

#include <stdio.h>

#define ALL (-1)
#define ANY 0

/* --- ids ----------------------------------------------------------------- */

static bool parse_one(struct cursor *c, i64 *out)
{
	u64 v;
	if (cursor_text(c, "-1")) {
		*out = ALL;
		return true;
	}
	if (!cursor_hex(c, &v) || v > INT32_MAX)
		return false;
	*out = (i64)v;
	return true;
}

bool debug_parse_id(struct cursor *c, i64 *pid, i64 *id)
{
	*pid = ANY;
	if (!cursor_text(c, "p"))
		return parse_one(c, id);
	if (!parse_one(c, pid))
		return false;
	*id = ALL;
	return !cursor_text(c, ".") || parse_one(c, id);
}

void debug_out_id(struct debug_stub *s, i64 id)
{
	if (s->multiprocess)
		out_fmt(
		    &s->out, "p%llx.", (unsigned long long)s->ops->pid(s->ctx));
	out_fmt(&s->out, "%llx", (unsigned long long)id);
}

struct debug_thread *debug_current(struct debug_stub *s)
{
	struct debug_thread *t = debug_find(s, s->g_thread);
	return t ? t : debug_next(s, 0);
}

/* --- who ----------------------------------------------------------------- */

/* Hc is of use without vCont only; who debugs threads has vCont. */
void debug_choose(struct debug_stub *s, struct cursor *c)
{
	bool general = cursor_text(c, "g");
	i64 pid, id;
	if ((!general && !cursor_text(c, "c")) || !debug_parse_id(c, &pid, &id))
		return out_error(&s->out, E_GENERAL);
	if (id > 0 && !debug_find(s, id))
		return out_error(&s->out, E_GENERAL);
	if (general && id > 0)
		s->g_thread = id;
	out_text(&s->out, "OK");
}

void debug_alive(struct debug_stub *s, struct cursor *c)
{
	i64 pid, id;
	if (debug_parse_id(c, &pid, &id) && debug_find(s, id))
		out_text(&s->out, "OK");
	else
		out_error(&s->out, E_GENERAL);
}

void debug_current_id(struct debug_stub *s, struct cursor *c)
{
	struct debug_thread *t = debug_current(s);
	if (!cursor_end(c)) /* qCRC and others that begin alike */
		return;
	if (!t)
		return out_error(&s->out, E_GENERAL);
	out_text(&s->out, "QC");
	debug_out_id(s, t->id);
}

void debug_more_threads(struct debug_stub *s, struct cursor *c)
{
	(void)c;
	const char *sep = "m";
	struct debug_thread *t;
	while (
	    s->out.n < PACKET_MAX - 64 && (t = debug_next(s, s->list_next))) {
		out_text(&s->out, sep);
		debug_out_id(s, t->id);
		s->list_next = t->id;
		sep = ",";
	}
	if (!s->out.n)
		out_text(&s->out, "l");
}

void debug_first_threads(struct debug_stub *s, struct cursor *c)
{
	s->list_next = 0;
	debug_more_threads(s, c);
}

void debug_thread_info(struct debug_stub *s, struct cursor *c)
{
	char name[64];
	i64 pid, id;
	struct debug_thread *t =
	    debug_parse_id(c, &pid, &id) ? debug_find(s, id) : NULL;
	if (!t)
		return out_error(&s->out, E_GENERAL);
	s->ops->name(s->ctx, t, name, sizeof(name));
	out_hex(&s->out, name, strlen(name));
}

/* The stub started the program: a debugger that quits ends it. */
void debug_attached(struct debug_stub *s, struct cursor *c)
{
	(void)c;
	out_text(&s->out, "0");
}

/* --- running on ---------------------------------------------------------- */

#define ACTIONS 64

/* A vCont packet: the first that fits a thread counts. */
struct plan {
	unsigned n;
	struct {
		i64 id; /* ALL, or a thread's */
		struct debug_action does;
	} action[ACTIONS];
};

static struct debug_action choose(
    struct debug_stub *s, const struct debug_thread *t, void *arg)
{
	const struct plan *p = arg;
	(void)s;
	for (unsigned i = 0; i < p->n; i++)
		if (p->action[i].id == ALL || p->action[i].id == t->id)
			return p->action[i].does;
	return (struct debug_action){ .go = false };
}

static void run(struct debug_stub *s, const struct plan *p)
{
	s->due = true;
	if (s->exited) { /* it ended while it was stopped */
		debug_stop_reply(s);
		return;
	}
	debug_resume(s, choose, (void *)p);
}

/* A signal's number of the debugger's, as two digits. */
static bool parse_signal(struct cursor *c, int *sig)
{
	u64 n;
	if (!cursor_hex(c, &n) || n > 255)
		return false;
	*sig = debug_signal_from_gdb((int)n);
	return true;
}

static bool parse_action(struct cursor *c, struct debug_action *a)
{
	*a = (struct debug_action){ .go = true };
	if (cursor_end(c))
		return false;
	char what = *c->p++;
	switch (what) {
	case 'c': return true;
	case 's': a->step = true; return true;
	case 'C': return parse_signal(c, &a->sig);
	case 'S': a->step = true; return parse_signal(c, &a->sig);
	case 'r':
		a->step = true;
		return cursor_hex(c, &a->range_start) && cursor_text(c, ",") &&
		    cursor_hex(c, &a->range_end);
	default: return false;
	}
}

void debug_can_resume(struct debug_stub *s, struct cursor *c)
{
	(void)c;
	out_text(&s->out, "vCont;c;C;s;S;r");
}

void debug_resume_some(struct debug_stub *s, struct cursor *c)
{
	struct plan p = { 0 };
	while (cursor_text(c, ";")) {
		i64 pid, id = ALL;
		if (p.n == ACTIONS || !parse_action(c, &p.action[p.n].does))
			return out_error(&s->out, E_GENERAL);
		if (cursor_text(c, ":") && !debug_parse_id(c, &pid, &id))
			return out_error(&s->out, E_GENERAL);
		if (id == ANY) {
			struct debug_thread *t = debug_current(s);
			id = t ? t->id : ALL;
		}
		p.action[p.n++].id = id;
	}
	if (!p.n || !cursor_end(c))
		return out_error(&s->out, E_GENERAL);
	run(s, &p);
}

/* c, C, s, S: the chosen thread, for C and s; all others go on. */
static void run_simple(
    struct debug_stub *s, struct cursor *c, bool step, bool with_signal)
{
	struct debug_thread *t = debug_current(s);
	struct plan p = { .n = 2 };
	u64 pc;
	struct debug_action *a = &p.action[0].does;
	a->go = true;
	a->step = step;
	if (with_signal && !parse_signal(c, &a->sig))
		return out_error(&s->out, E_GENERAL);
	if (with_signal)
		cursor_text(c, ";");
	if (t && cursor_hex(c, &pc)) {
		if (!debug_own(s, t))
			return out_error(&s->out, E_GENERAL);
		t->v->abi.pc = pc;
	}
	p.action[0].id = t ? t->id : ALL;
	p.action[1].id = ALL;
	p.action[1].does.go = true;
	run(s, &p);
}

void debug_go(struct debug_stub *s, struct cursor *c)
{
	run_simple(s, c, false, false);
}

void debug_go_signal(struct debug_stub *s, struct cursor *c)
{
	run_simple(s, c, false, true);
}

void debug_step(struct debug_stub *s, struct cursor *c)
{
	run_simple(s, c, true, false);
}

void debug_step_signal(struct debug_stub *s, struct cursor *c)
{
	run_simple(s, c, true, true);
}

void debug_pass_signals(struct debug_stub *s, struct cursor *c)
{
	u64 pass = 0, n;
	while (cursor_hex(c, &n)) {
		int sig = n < 256 ? debug_signal_from_gdb((int)n) : 0;
		if (sig)
			pass |= (u64)1 << (sig - 1);
		cursor_text(c, ";");
	}
	atomic_store(&s->pass, pass);
	out_text(&s->out, "OK");
}
