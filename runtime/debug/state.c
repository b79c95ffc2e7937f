/* state.c - packets that read and change registers, memory, breakpoints. */
#include "runtime/debug/stub.h"

/* --- registers ----------------------------------------------------------- */

/* The current thread; for a change it is made ready. NULL: error replied. */
static struct debug_thread *current(struct debug_stub *s, bool change)
{
	struct debug_thread *t = debug_current(s);
	if (t && !s->exited && (!change || debug_own(s, t)))
		return t;
	out_error(&s->out, E_GENERAL);
	return NULL;
}

void debug_get_all(struct debug_stub *s, struct cursor *c)
{
	struct debug_thread *t = current(s, false);
	(void)c;
	for (unsigned i = 0; t && i < s->arch->nregs; i++) {
		const struct debug_reg *r = &s->arch->regs[i];
		u64 value = debug_reg_get(s->arch, t->v, r);
		out_hex(&s->out, &value, r->bits / 8);
	}
}

void debug_set_all(struct debug_stub *s, struct cursor *c)
{
	struct debug_thread *t = current(s, true);
	if (!t)
		return;
	for (unsigned i = 0; i < s->arch->nregs; i++) {
		const struct debug_reg *r = &s->arch->regs[i];
		u64 value = 0;
		if (cursor_end(c)) /* it need not know the last ones */
			break;
		if (!cursor_bytes(c, &value, r->bits / 8))
			return out_error(&s->out, E_GENERAL);
		debug_reg_set(s->arch, t->v, r, value);
	}
	out_text(&s->out, "OK");
}

static const struct debug_reg *parse_reg(struct debug_stub *s, struct cursor *c)
{
	u64 num;
	if (!cursor_hex(c, &num) || num > UINT16_MAX)
		return NULL;
	return debug_reg_find(s->arch, (unsigned)num);
}

void debug_get_one(struct debug_stub *s, struct cursor *c)
{
	const struct debug_reg *r = parse_reg(s, c);
	if (!r)
		return out_error(&s->out, E_GENERAL);
	struct debug_thread *t = current(s, false);
	if (!t)
		return;
	u64 value = debug_reg_get(s->arch, t->v, r);
	out_hex(&s->out, &value, r->bits / 8);
}

void debug_set_one(struct debug_stub *s, struct cursor *c)
{
	const struct debug_reg *r = parse_reg(s, c);
	u64 value = 0;
	if (!r || !cursor_text(c, "=") ||
	    !cursor_bytes(c, &value, r->bits / 8) || !cursor_end(c))
		return out_error(&s->out, E_GENERAL);
	struct debug_thread *t = current(s, true);
	if (!t)
		return;
	debug_reg_set(s->arch, t->v, r, value);
	out_text(&s->out, "OK");
}

/* --- memory -------------------------------------------------------------- */

/* "ADDR,LENGTH" and what ends it. */
static bool parse_range(struct cursor *c, u64 *a, u64 *n, const char *end)
{
	return cursor_hex(c, a) && cursor_text(c, ",") && cursor_hex(c, n) &&
	    cursor_text(c, end);
}

/* Into buf[PACKET_MAX]; how many came, an error is replied if none did. */
static size_t read_some(
    struct debug_stub *s, struct cursor *c, u8 *buf, u64 max)
{
	u64 a, n;
	if (!parse_range(c, &a, &n, "") || !cursor_end(c)) {
		out_error(&s->out, E_GENERAL);
		return 0;
	}
	size_t got = n ? s->ops->read(s->ctx, a, buf, MIN(n, max)) : 0;
	if (n && !got)
		out_error(&s->out, E_FAULT);
	return got;
}

void debug_read_hex(struct debug_stub *s, struct cursor *c)
{
	u8 buf[PACKET_MAX / 2];
	out_hex(&s->out, buf, read_some(s, c, buf, sizeof(buf)));
}

void debug_read_binary(struct debug_stub *s, struct cursor *c)
{
	u8 buf[PACKET_MAX];
	size_t n = read_some(s, c, buf, sizeof(buf));
	if (s->out.n) /* an error */
		return;
	out_text(&s->out, "b");
	out_binary(&s->out, buf, n);
}

static void write_some(struct debug_stub *s, u64 a, const u8 *buf, u64 n)
{
	if (s->ops->write(s->ctx, a, buf, n) == n)
		out_text(&s->out, "OK");
	else
		out_error(&s->out, E_FAULT);
}

void debug_write_hex(struct debug_stub *s, struct cursor *c)
{
	u8 buf[PACKET_MAX / 2];
	u64 a, n;
	if (!parse_range(c, &a, &n, ":") || n > sizeof(buf) ||
	    !cursor_bytes(c, buf, n) || !cursor_end(c))
		return out_error(&s->out, E_GENERAL);
	write_some(s, a, buf, n);
}

/* A length of 0 asks whether this packet is understood. */
void debug_write_binary(struct debug_stub *s, struct cursor *c)
{
	u8 buf[PACKET_MAX];
	u64 a, n;
	if (!parse_range(c, &a, &n, ":") ||
	    cursor_binary(c, buf, sizeof(buf)) != (i64)n)
		return out_error(&s->out, E_GENERAL);
	write_some(s, a, buf, n);
}

/* --- breakpoints and watchpoints ----------------------------------------- */

enum { SOFTWARE, HARDWARE, WRITE, READ, ACCESS };

static void point(struct debug_stub *s, struct cursor *c, bool set)
{
	u64 type, a, n;
	int r;
	if (!cursor_hex(c, &type) || !cursor_text(c, ",") ||
	    !parse_range(c, &a, &n, ""))
		return out_error(&s->out, E_GENERAL);
	struct watchpoint w = { a, n,
		type == WRITE    ? WATCH_WRITE :
		    type == READ ? WATCH_READ :
				   WATCH_READ | WATCH_WRITE };
	if (type > ACCESS)
		return;
	if (type >= WRITE)
		r = set ? exec_watch_add(s->vm, &w) :
			  exec_watch_remove(s->vm, &w);
	else if (set)
		r = s->ops->has_code(s->ctx, a) ? exec_break_add(s->vm, a) :
						  -EFAULT;
	else
		r = exec_break_remove(s->vm, a);
	/* both kinds of breakpoint share a place; gone is gone */
	if (r == -EEXIST || r == -ENOENT)
		r = 0;
	if (r)
		return out_error(&s->out, r == -EFAULT ? E_FAULT : E_GENERAL);
	out_text(&s->out, "OK");
}

void debug_set_point(struct debug_stub *s, struct cursor *c)
{
	point(s, c, true);
}

void debug_clear_point(struct debug_stub *s, struct cursor *c)
{
	point(s, c, false);
}
