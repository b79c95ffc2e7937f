/*
 * packet.h - packets of the GDB remote serial protocol: framing, checksums,
 * hexadecimal and escaped binary. Knows bytes only: no sockets, no debugger.
 *
 * On the wire: $body#hh, hh the sum of the body's bytes modulo 256. In
 * binary parts } escapes: the next byte is xored with 0x20.
 */
#ifndef RUNTIME_DEBUG_PACKET_H
#define RUNTIME_DEBUG_PACKET_H

#include "runtime/base/types.h"

/* The longest body that is taken, and said to be taken (PacketSize). */
#define PACKET_MAX ((size_t)0x4000)

enum packet_event {
	PACKET_NONE, /* more bytes are needed */
	PACKET_READY, /* body[0 .. n - 1], followed by a NUL */
	PACKET_BAD, /* wrong checksum, or too long: ask again */
	PACKET_ACK, /* + */
	PACKET_NAK, /* - */
	PACKET_BREAK, /* ^C: stop the program */
};

struct packet_in {
	char body[PACKET_MAX + 1];
	size_t n;
	u32 state;
	bool too_long;
	u8 sum, want;
};

/* Take one byte from the wire. Zeroes are a fresh packet_in. */
enum packet_event packet_feed(struct packet_in *in, u8 byte);

/* --- reading a body ------------------------------------------------------ */

/* What is left of a body. */
struct cursor {
	const char *p, *end;
};

static inline struct cursor packet_cursor(const struct packet_in *in)
{
	return (struct cursor){ in->body, in->body + in->n };
}
/* Skip `text` if it comes next. */
bool cursor_text(struct cursor *c, const char *text);
static inline bool cursor_end(const struct cursor *c)
{
	return c->p == c->end;
}
/* A hexadecimal number of at most 64 bits; false: none, or too large. */
bool cursor_hex(struct cursor *c, u64 *out);
/* n bytes given as 2n digits. */
bool cursor_bytes(struct cursor *c, void *out, size_t n);
/* Digits up to `stop` or the end as text with a NUL; false: does not fit. */
bool cursor_hex_text(struct cursor *c, char stop, char *out, size_t n);
/* The rest, unescaped; the number of bytes, or -1: more than n, or cut. */
i64 cursor_binary(struct cursor *c, void *out, size_t n);

/* --- making a reply ------------------------------------------------------ */

/* Every byte of a body may need an escape. */
struct packet_out {
	char body[2 * PACKET_MAX + 64];
	size_t n;
	bool full; /* something did not fit: the reply is of no use */
};

void out_reset(struct packet_out *o);
void out_text(struct packet_out *o, const char *text);
void out_fmt(struct packet_out *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Bytes as digits. */
void out_hex(struct packet_out *o, const void *data, size_t n);
/* Bytes escaped; as many as leave the body within PACKET_MAX. Their number. */
size_t out_binary(struct packet_out *o, const void *data, size_t n);
/* An error reply "Enn", replacing what is there. */
void out_error(struct packet_out *o, unsigned code);

/* The frame around a body of n bytes: into buf[n + 4], returns n + 4. */
size_t packet_frame(char *buf, const char *body, size_t n);

#endif
