/*
 * session.c - the stub's thread: bytes to packets to handlers to replies, and
 * the packets that begin and end a session.
 */
#include "runtime/debug/stub.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the wire ------------------------------------------------------------ */

static void send_bytes(struct debug_stub *s, const char *p, size_t n)
{
	while (n && !s->gone) {
		ssize_t k = write(s->fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			s->gone = true;
			return;
		}
		p += k;
		n -= (size_t)k;
	}
}

static void send_reply(struct debug_stub *s)
{
	if (s->out.full)
		out_error(&s->out, E_GENERAL);
	s->frame_n = packet_frame(s->frame, s->out.body, s->out.n);
	send_bytes(s, s->frame, s->frame_n);
}

struct command {
	const char *name;
	void (*run)(struct debug_stub *s, struct cursor *c);
};

static const struct command commands[] = {
#define CMD(name, fn) { name, debug_##fn },
#include "runtime/debug/commands.def"
#undef CMD
};

/*
 * While the program runs its stop is the next reply, and a debugger has
 * nothing to ask; what ends the session is heard all the same.
 */
static bool may_ask(const struct debug_stub *s)
{
	const char *b = s->in.body;
	return !s->due || *b == 'k' || *b == 'D' || !strncmp(b, "vKill", 5);
}

static void handle(struct debug_stub *s)
{
	struct cursor c = packet_cursor(&s->in);
	if (!may_ask(s))
		return;
	out_reset(&s->out);
	pthread_mutex_lock(&s->use);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (cursor_text(&c, commands[i].name)) {
			commands[i].run(s, &c);
			break;
		}
	pthread_mutex_unlock(&s->use);
	if (s->due || s->gone) /* the reply is a stop, or has been sent */
		return;
	send_reply(s);
	s->gone = s->told_end;
}

static void feed(struct debug_stub *s, u8 byte)
{
	switch (packet_feed(&s->in, byte)) {
	case PACKET_READY:
		if (!s->noack)
			send_bytes(s, "+", 1);
		handle(s);
		break;
	case PACKET_BAD:
		if (!s->noack)
			send_bytes(s, "-", 1);
		break;
	case PACKET_NAK: send_bytes(s, s->frame, s->frame_n); break;
	case PACKET_BREAK: debug_interrupt(s, s->g_thread); break;
	default: break;
	}
}

static void receive(struct debug_stub *s)
{
	u8 buf[4096];
	ssize_t n = read(s->fd, buf, sizeof(buf));
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		s->gone = true;
	for (ssize_t i = 0; i < n && !s->gone; i++)
		feed(s, buf[i]);
}

/* --- stops --------------------------------------------------------------- */

static void out_registers(struct debug_stub *s, const struct vcpu *v)
{
	const struct debug_arch *a = s->arch;
	for (unsigned i = 0; i < a->nexpedite; i++) {
		const struct debug_reg *r = debug_reg_find(a, a->expedite[i]);
		u64 value = debug_reg_get(a, v, r);
		out_fmt(&s->out, "%02x:", r->num);
		out_hex(&s->out, &value, r->bits / 8);
		out_text(&s->out, ";");
	}
}

static int stop_signal(const struct debug_why *w)
{
	return w->kind == STOP_SIGNAL ? debug_signal_to_gdb(w->sig) :
	    w->kind == STOP_ASKED     ? 2 :
					5;
}

static void out_reason(struct debug_stub *s, const struct debug_why *w)
{
	const char *name;
	switch (w->kind) {
	case STOP_BREAK:
		if (s->swbreak)
			out_text(&s->out, "swbreak:;");
		break;
	case STOP_WATCH:
		out_fmt(&s->out, "%s:%llx;",
		    w->watch == WATCH_WRITE    ? "watch" :
			w->watch == WATCH_READ ? "rwatch" :
						 "awatch",
		    (unsigned long long)w->addr);
		break;
	case STOP_EXEC:
		name = s->ops->exec_file(s->ctx);
		if (s->exec_events && name) {
			out_text(&s->out, "exec:");
			out_hex(&s->out, name, strlen(name));
			out_text(&s->out, ";");
		}
		break;
	default: break;
	}
}

static void out_exit(struct debug_stub *s)
{
	out_fmt(&s->out, "%c%02x", s->signaled ? 'X' : 'W',
	    s->signaled ? debug_signal_to_gdb(s->status) : s->status & 255);
	if (s->multiprocess)
		out_fmt(&s->out, ";process:%llx",
		    (unsigned long long)s->ops->pid(s->ctx));
}

/* The thread that stops are about; NULL: none is left. */
static struct debug_thread *take_reporter(struct debug_stub *s)
{
	pthread_mutex_lock(&s->lock);
	struct debug_thread *t = s->reporter;
	if (t && t->why.kind) {
		t->last = t->why;
		t->why.kind = STOP_NONE;
	}
	pthread_mutex_unlock(&s->lock);
	if (!t && (t = debug_next(s, 0)))
		t->last = s->first;
	return t;
}

void debug_stop_reply(struct debug_stub *s)
{
	out_reset(&s->out);
	struct debug_thread *t = take_reporter(s);
	s->due = false;
	if (s->exited) {
		out_exit(s);
		s->told_end = true;
		return;
	}
	if (!t) { /* its threads are leaving: the end will be the reply */
		s->due = true;
		return;
	}
	s->g_thread = t->id;
	out_fmt(&s->out, "T%02xthread:", stop_signal(&t->last));
	debug_out_id(s, t->id);
	out_text(&s->out, ";");
	out_reason(s, &t->last);
	out_registers(s, t->v);
}

/* Something happened to the program: tell it if the debugger waits. */
static void tell(struct debug_stub *s)
{
	u64 count;
	ssize_t n = read(s->wake, &count, sizeof(count));
	(void)n;
	pthread_mutex_lock(&s->lock);
	bool now =
	    s->due && (s->exited || (!s->running && !s->ending && s->reporter));
	pthread_mutex_unlock(&s->lock);
	if (!now)
		return;
	pthread_mutex_lock(&s->use);
	debug_settle(s);
	pthread_mutex_lock(&s->lock);
	now = s->exited || !s->ending; /* else the end is told, soon */
	pthread_mutex_unlock(&s->lock);
	if (now)
		debug_stop_reply(s);
	pthread_mutex_unlock(&s->use);
	if (now && !s->due)
		send_reply(s);
	if (s->told_end)
		s->gone = true;
}

/*
 * Nothing is asked before the first thread is there to answer for. After an
 * exec the new program's first stop is waited for already.
 */
static void begin(struct debug_stub *s)
{
	debug_await_thread(s);
	if (!s->due)
		return;
	pthread_mutex_lock(&s->use);
	debug_settle(s);
	debug_stop_reply(s);
	pthread_mutex_unlock(&s->use);
	if (!s->due)
		send_reply(s);
}

void *debug_serve(void *stub)
{
	struct debug_stub *s = stub;
	begin(s);
	while (!s->gone) {
		struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN },
			{ .fd = s->wake, .events = POLLIN } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			tell(s);
		if (p[0].revents && !s->gone)
			receive(s);
	}
	pthread_mutex_lock(&s->use);
	debug_release(s);
	pthread_mutex_unlock(&s->use);
	shutdown(s->fd, SHUT_RDWR);
	return NULL;
}

/* --- packets ------------------------------------------------------------- */

void debug_supported(struct debug_stub *s, struct cursor *c)
{
	static const char sep[] = ";:";
	while (!cursor_end(c)) {
		const char *word = c->p;
		while (!cursor_end(c) && !strchr(sep, *c->p))
			c->p++;
		size_t n = (size_t)(c->p - word);
		if (n == 13 && !memcmp(word, "multiprocess+", n))
			s->multiprocess = true;
		else if (n == 8 && !memcmp(word, "swbreak+", n))
			s->swbreak = true;
		else if (n == 8 && !memcmp(word, "hwbreak+", n))
			s->hwbreak = true;
		else if (n == 12 && !memcmp(word, "exec-events+", n))
			s->exec_events = true;
		if (!cursor_end(c))
			c->p++;
	}
	out_fmt(&s->out, "PacketSize=%zx;", PACKET_MAX);
	out_text(&s->out,
	    "QStartNoAckMode+;multiprocess+;swbreak+;hwbreak+;exec-events+;"
	    "vContSupported+;QPassSignals+;binary-upload+;"
	    "qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;"
	    "qXfer:threads:read+;qXfer:siginfo:read+");
}

void debug_no_ack(struct debug_stub *s, struct cursor *c)
{
	(void)c;
	s->noack = true;
	out_text(&s->out, "OK");
}

void debug_why(struct debug_stub *s, struct cursor *c)
{
	(void)c;
	debug_settle(s);
	debug_stop_reply(s);
}

void debug_detach(struct debug_stub *s, struct cursor *c)
{
	(void)c;
	out_text(&s->out, "OK");
	send_reply(s);
	s->gone = true;
}

void debug_kill(struct debug_stub *s, struct cursor *c)
{
	(void)c;
	s->gone = true;
	s->ops->kill(s->ctx);
}

void debug_vkill(struct debug_stub *s, struct cursor *c)
{
	out_text(&s->out, "OK");
	send_reply(s);
	debug_kill(s, c);
}
