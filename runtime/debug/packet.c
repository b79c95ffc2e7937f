/* packet.c - see packet.h. */
#include "runtime/debug/packet.h"

#include <stdarg.h>
#include <stdio.h>

enum { IDLE, BODY, SUM_HIGH, SUM_LOW };

#define ESCAPE '}'
#define FLIP 0x20

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static enum packet_event feed_idle(struct packet_in *in, u8 byte)
{
	switch (byte) {
	case '+': return PACKET_ACK;
	case '-': return PACKET_NAK;
	case 3: return PACKET_BREAK;
	case '$':
		in->state = BODY;
		in->n = 0;
		in->sum = 0;
		in->too_long = false;
		return PACKET_NONE;
	default: return PACKET_NONE; /* noise between packets */
	}
}

static void feed_body(struct packet_in *in, u8 byte)
{
	if (byte == '#') {
		in->state = SUM_HIGH;
	} else if (byte == '$') { /* the end of the last one got lost */
		feed_idle(in, byte);
	} else {
		in->sum = (u8)(in->sum + byte);
		if (in->n < PACKET_MAX)
			in->body[in->n++] = (char)byte;
		else
			in->too_long = true;
	}
}

enum packet_event packet_feed(struct packet_in *in, u8 byte)
{
	int d = digit((char)byte);

	switch (in->state) {
	case IDLE: return feed_idle(in, byte);
	case BODY: feed_body(in, byte); return PACKET_NONE;
	case SUM_HIGH:
		in->want = (u8)(d << 4);
		in->state = d < 0 ? IDLE : SUM_LOW;
		return d < 0 ? PACKET_BAD : PACKET_NONE;
	default:
		in->state = IDLE;
		in->body[in->n] = 0;
		if (d < 0 || (in->want | d) != in->sum || in->too_long)
			return PACKET_BAD;
		return PACKET_READY;
	}
}

/* --- reading ------------------------------------------------------------- */

bool cursor_text(struct cursor *c, const char *text)
{
	size_t n = strlen(text);
	if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n))
		return false;
	c->p += n;
	return true;
}

bool cursor_hex(struct cursor *c, u64 *out)
{
	const char *start = c->p;
	u64 v = 0;
	for (; c->p < c->end && digit(*c->p) >= 0; c->p++) {
		if (v >> 60)
			return false;
		v = v << 4 | (u64)digit(*c->p);
	}
	*out = v;
	return c->p > start;
}

bool cursor_bytes(struct cursor *c, void *out, size_t n)
{
	u8 *to = out;
	if ((size_t)(c->end - c->p) / 2 < n)
		return false;
	for (size_t i = 0; i < n; i++, c->p += 2) {
		int hi = digit(c->p[0]), lo = digit(c->p[1]);
		if (hi < 0 || lo < 0)
			return false;
		to[i] = (u8)(hi << 4 | lo);
	}
	return true;
}

bool cursor_hex_text(struct cursor *c, char stop, char *out, size_t n)
{
	size_t len = 0;
	while (c->p + 2 * len < c->end && c->p[2 * len] != stop)
		len++;
	if (len >= n || !cursor_bytes(c, out, len))
		return false;
	out[len] = 0;
	return !memchr(out, 0, len);
}

i64 cursor_binary(struct cursor *c, void *out, size_t n)
{
	u8 *to = out;
	size_t k = 0;
	while (c->p < c->end) {
		u8 b = (u8)*c->p++;
		if (b == ESCAPE) {
			if (c->p == c->end)
				return -1;
			b = (u8)*c->p++ ^ FLIP;
		}
		if (k == n)
			return -1;
		to[k++] = b;
	}
	return (i64)k;
}

/* --- replies ------------------------------------------------------------- */

void out_reset(struct packet_out *o)
{
	o->n = 0;
	o->full = false;
}

static void put(struct packet_out *o, const void *data, size_t n)
{
	if (n > sizeof(o->body) - o->n) {
		o->full = true;
		return;
	}
	memcpy(o->body + o->n, data, n);
	o->n += n;
}

void out_text(struct packet_out *o, const char *text)
{
	put(o, text, strlen(text));
}

void out_fmt(struct packet_out *o, const char *fmt, ...)
{
	char buf[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		o->full = true;
	else
		put(o, buf, (size_t)n);
}

void out_hex(struct packet_out *o, const void *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *from = data;
	for (size_t i = 0; i < n; i++) {
		const char two[2] = { digits[from[i] >> 4],
			digits[from[i] & 15] };
		put(o, two, 2);
	}
}

size_t out_binary(struct packet_out *o, const void *data, size_t n)
{
	const u8 *from = data;
	for (size_t i = 0; i < n; i++) {
		bool esc = memchr("$#}*", from[i], 4) != NULL;
		const u8 two[2] = { ESCAPE, from[i] ^ FLIP };
		if (o->n + 1 + esc > PACKET_MAX)
			return i;
		put(o, esc ? two : &from[i], 1u + esc);
	}
	return n;
}

void out_error(struct packet_out *o, unsigned code)
{
	out_reset(o);
	out_fmt(o, "E%02x", code & 255);
}

size_t packet_frame(char *buf, const char *body, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	u8 sum = 0;
	buf[0] = '$';
	for (size_t i = 0; i < n; i++) {
		buf[i + 1] = body[i];
		sum = (u8)(sum + (u8)body[i]);
	}
	buf[n + 1] = '#';
	buf[n + 2] = digits[sum >> 4];
	buf[n + 3] = digits[sum & 15];
	return n + 4;
}
