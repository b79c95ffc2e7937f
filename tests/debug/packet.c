/* packet.c - framing and parsing of the remote protocol's packets. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "runtime/debug/packet.h"

static struct packet_in in;
static struct packet_out out;

/* What the last byte of text makes. */
static enum packet_event feed(const char *text, size_t n)
{
	enum packet_event e = PACKET_NONE;
	for (size_t i = 0; i < n; i++)
		e = packet_feed(&in, (u8)text[i]);
	return e;
}

static enum packet_event feed_text(const char *text)
{
	return feed(text, strlen(text));
}

/* A body with the right frame around it. */
static enum packet_event feed_body(const char *body, size_t n)
{
	char *frame = malloc(n + 4);
	size_t k = packet_frame(frame, body, n);
	enum packet_event e = feed(frame, k);
	free(frame);
	return e;
}

Test(packet, frame)
{
	char buf[16];
	cr_assert_eq(packet_frame(buf, "OK", 2), 6);
	cr_expect(!memcmp(buf, "$OK#9a", 6));
	cr_assert_eq(packet_frame(buf, "", 0), 4);
	cr_expect(!memcmp(buf, "$#00", 4));
}

Test(packet, good)
{
	cr_expect_eq(feed_text("$OK#9a"), PACKET_READY);
	cr_expect_str_eq(in.body, "OK");
	cr_expect_eq(feed_text("$#00"), PACKET_READY);
	cr_expect_eq(in.n, 0);
	cr_expect_eq(feed_text("noise$OK#9A"), PACKET_READY);
	cr_expect_eq(feed_text("+"), PACKET_ACK);
	cr_expect_eq(feed_text("-"), PACKET_NAK);
	cr_expect_eq(feed_text("\3"), PACKET_BREAK);
	cr_expect_eq(feed_text("$lost$OK#9a"), PACKET_READY);
	cr_expect_str_eq(in.body, "OK");
	/* inside a packet these are data */
	cr_expect_eq(feed_body("+-\3", 3), PACKET_READY);
	cr_expect_eq(in.n, 3);
	cr_expect_eq(feed_body("a\0b", 3), PACKET_READY);
	cr_expect_eq(in.n, 3);
}

Test(packet, bad)
{
	cr_expect_eq(feed_text("$OK#9b"), PACKET_BAD);
	cr_expect_eq(feed_text("$OK#00"), PACKET_BAD);
	cr_expect_eq(feed_text("$OK#x"), PACKET_BAD);
	cr_expect_eq(feed_text("$OK#9x"), PACKET_BAD);
	cr_expect_eq(feed_text("$OK#-"), PACKET_BAD);
	cr_expect_eq(feed_text("$OK#9a"), PACKET_READY, "and goes on");
}

Test(packet, too_long)
{
	size_t n = PACKET_MAX + 1;
	char *body = malloc(n);
	memset(body, 'a', n);
	cr_expect_eq(feed_body(body, PACKET_MAX), PACKET_READY);
	cr_expect_eq(in.n, PACKET_MAX);
	cr_expect_eq(feed_body(body, n), PACKET_BAD);
	cr_expect_eq(feed_body("OK", 2), PACKET_READY);
	free(body);
}

Test(packet, numbers)
{
	static const struct {
		const char *text;
		bool ok;
		u64 value;
		size_t used;
	} rows[] = {
		{ "0", true, 0, 1 },
		{ "1f,", true, 0x1f, 2 },
		{ "DEADbeef", true, 0xdeadbeef, 8 },
		{ "ffffffffffffffff", true, ~(u64)0, 16 },
		{ "00000000000000000001", true, 1, 20 },
		{ "10000000000000000", false, 0, 0 },
		{ "", false, 0, 0 },
		{ ",", false, 0, 0 },
		{ "-1", false, 0, 0 },
		{ "x1", false, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *t = rows[i].text;
		struct cursor c = { t, t + strlen(t) };
		u64 v;
		cr_expect_eq(cursor_hex(&c, &v), rows[i].ok, "%s", t);
		if (!rows[i].ok)
			continue;
		cr_expect_eq(v, rows[i].value, "%s", t);
		cr_expect_eq((size_t)(c.p - t), rows[i].used, "%s", t);
	}
}

Test(packet, bytes)
{
	static const char good[] = "00ffA5", odd[] = "00f", bad[] = "0g";
	u8 b[4];
	struct cursor c = { good, good + 6 };
	cr_expect(cursor_bytes(&c, b, 3) && cursor_end(&c));
	cr_expect(b[0] == 0 && b[1] == 0xff && b[2] == 0xa5);
	c = (struct cursor){ good, good + 6 };
	cr_expect(!cursor_bytes(&c, b, 4));
	c = (struct cursor){ odd, odd + 3 };
	cr_expect(!cursor_bytes(&c, b, 2));
	c = (struct cursor){ bad, bad + 2 };
	cr_expect(!cursor_bytes(&c, b, 1));
	/* a length that would wrap around */
	c = (struct cursor){ good, good + 6 };
	cr_expect(!cursor_bytes(&c, b, ~(size_t)0 / 2 + 2));
}

Test(packet, hex_text)
{
	static const char path[] = "2f62,0", nul[] = "2f00", odd[] = "2f6,0";
	char text[3];
	struct cursor c = { path, path + 6 };
	cr_expect(cursor_hex_text(&c, ',', text, sizeof(text)));
	cr_expect_str_eq(text, "/b");
	cr_expect_eq(*c.p, ',');
	c = (struct cursor){ path, path + 6 };
	cr_expect(!cursor_hex_text(&c, ',', text, 2), "no room for the NUL");
	c = (struct cursor){ nul, nul + 4 };
	cr_expect(!cursor_hex_text(&c, ',', text, sizeof(text)));
	c = (struct cursor){ odd, odd + 5 };
	cr_expect(!cursor_hex_text(&c, ',', text, sizeof(text)));
}

Test(packet, binary)
{
	static const char text[] = "a}\x03}]b", cut[] = "a}";
	u8 b[4];
	struct cursor c = { text, text + 6 };
	cr_expect_eq(cursor_binary(&c, b, 4), 4);
	cr_expect(!memcmp(b, "a#}b", 4));
	c = (struct cursor){ text, text + 6 };
	cr_expect_eq(cursor_binary(&c, b, 3), -1);
	c = (struct cursor){ cut, cut + 2 };
	cr_expect_eq(cursor_binary(&c, b, 4), -1);
}

/* Every byte, sent and read back; as much as fits. */
Test(packet, binary_both_ways)
{
	u8 all[256], back[256];
	for (unsigned i = 0; i < 256; i++)
		all[i] = (u8)i;
	out_reset(&out);
	cr_assert_eq(out_binary(&out, all, 256), 256);
	cr_assert_eq(feed_body(out.body, out.n), PACKET_READY);
	struct cursor c = packet_cursor(&in);
	cr_assert_eq(cursor_binary(&c, back, 256), 256);
	cr_expect(!memcmp(all, back, 256));

	static u8 many[2 * PACKET_MAX];
	memset(many, '#', sizeof(many));
	out_reset(&out);
	cr_expect_eq(out_binary(&out, many, sizeof(many)), PACKET_MAX / 2);
	cr_expect(out.n == PACKET_MAX && !out.full);
}

Test(packet, a_reply_that_does_not_fit)
{
	static u8 many[PACKET_MAX];
	out_reset(&out);
	out_hex(&out, many, sizeof(many));
	cr_expect(!out.full);
	out_hex(&out, many, sizeof(many));
	cr_expect(out.full && out.n <= sizeof(out.body));
	out_error(&out, 14);
	cr_expect(!out.full && out.n == 3 && !memcmp(out.body, "E0e", 3));
}

/* Nothing that comes over the wire makes more than PACKET_MAX of it. */
Test(packet, random_bytes)
{
	static const char likely_bytes[] = "$$$$$####}+-\3abc019,:;";
	u64 x = 1;
	unsigned ready = 0;
	for (unsigned i = 0; i < 2000000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		u8 b = (u8)(x >> 56);
		if (x >> 40 & 3)
			b = (u8)likely_bytes[b % (sizeof(likely_bytes) - 1)];
		if (packet_feed(&in, b) == PACKET_READY)
			ready++;
		cr_assert_leq(in.n, PACKET_MAX);
	}
	cr_expect_gt(ready, 0);
}
