/*
 * eh_frame.c - see eh_frame.h. An entry is a CIE, which says how the FDEs
 * that refer to it are encoded, or an FDE, one for each function.
 */
#include "runtime/look/eh_frame.h"

/* DW_EH_PE_*: format in the low half, what it counts from in the high one. */
enum {
	PE_ABS = 0x00,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_PCREL = 0x10,
};

struct reader {
	const u8 *base; /* of the section */
	u64 pos, end; /* of the entry under way */
	bool bad;
};

static u64 get(struct reader *r, unsigned n)
{
	u64 v = 0;

	if (r->bad || r->end - r->pos < n) {
		r->bad = true;
		return 0;
	}
	memcpy(&v, r->base + r->pos, n);
	r->pos += n;
	return v;
}

static u64 get_leb(struct reader *r)
{
	u64 v = 0, byte;
	unsigned shift = 0;

	do {
		byte = get(r, 1);
		if (shift < 64)
			v |= (byte & 127) << shift;
		shift += 7;
	} while (byte & 128 && !r->bad);
	return v;
}

static u64 get_encoded(struct reader *r, u8 format)
{
	switch (format & 15) {
	case PE_UDATA2: return get(r, 2);
	case PE_UDATA4: return get(r, 4);
	case PE_SDATA2: return (u64)sext(get(r, 2), 16);
	case PE_SDATA4: return (u64)sext(get(r, 4), 32);
	case PE_ABS:
	case PE_UDATA8:
	case PE_SDATA8: return get(r, 8);
	default: r->bad = true; return 0;
	}
}

/* The encoding of addresses in the FDEs of the CIE at `pos`. */
static u8 cie_encoding(const u8 *base, u64 pos, u64 n, bool *bad)
{
	struct reader r = { .base = base, .pos = pos, .end = n };
	char aug[8];
	u8 encoding = PE_ABS;
	unsigned k = 0;

	u64 len = get(&r, 4);
	if (len >= 0xfffffff0u || get(&r, 4) != 0)
		r.bad = true;
	u64 version = get(&r, 1);
	do
		aug[k] = (char)get(&r, 1);
	while (aug[k] && ++k < sizeof(aug) && !r.bad);
	if (k == sizeof(aug) || (version != 1 && version != 3))
		r.bad = true;
	get_leb(&r); /* code and data alignment, return address */
	get_leb(&r);
	if (version == 1)
		get(&r, 1);
	else
		get_leb(&r);
	for (unsigned i = 0; !r.bad && aug[0] == 'z' && i < k; i++) {
		switch (aug[i]) {
		case 'z': get_leb(&r); break;
		case 'R': encoding = (u8)get(&r, 1); break;
		case 'L': get(&r, 1); break;
		case 'P': get_encoded(&r, (u8)get(&r, 1)); break;
		default: break; /* S, B: a flag */
		}
	}
	*bad = r.bad;
	return encoding;
}

void eh_frame_walk(const u8 *p, u64 n, u64 addr,
    void (*each)(void *ctx, u64 start, u64 size), void *ctx)
{
	struct reader r = { .base = p };
	u64 last_cie = ~(u64)0;
	u8 encoding = 0;

	for (u64 at = 0; n - at >= 8 && !r.bad; at = r.end) {
		r.pos = at;
		r.end = n;
		u64 len = get(&r, 4);
		if (!len || len > n - r.pos) /* the end; 64-bit: nobody does */
			return;
		r.end = r.pos + len;
		u64 id_at = r.pos, id = get(&r, 4);
		if (!id)
			continue; /* a CIE: looked at when referred to */
		if (id > id_at)
			return;
		if (id_at - id != last_cie) {
			last_cie = id_at - id;
			encoding = cie_encoding(p, last_cie, n, &r.bad);
		}
		u64 here = addr + r.pos;
		u64 start = get_encoded(&r, encoding);
		u64 size = get_encoded(&r, encoding & 15);
		if ((encoding & 0x70) == PE_PCREL)
			start += here;
		else if (encoding & 0xf0)
			r.bad = true;
		if (!r.bad && start && size)
			each(ctx, start, size);
	}
}
