/* store_damage.c - see store_damage.h. */
#include "tests/fuzz/store_damage.h"

#include <xxhash.h>

#define HEAD sizeof(struct file_head)

/* --- damage ----------------------------------------------------------------
 */

/* Where something is done: the start of the file has the heads. */
static u64 place(struct fz_rng *g, const struct st_image *im, u64 n)
{
	u64 room = im->size > n ? im->size - n : 1;

	if (fz_below(g, 3) == 0)
		room = MIN(room, 512);
	return fz_next(g) % room;
}

static u64 length(struct fz_rng *g, const struct st_image *im)
{
	u64 n = 1 + (fz_next(g) % 4096 >> fz_below(g, 12));
	return MIN(n, im->size);
}

static void resize(struct fz_rng *g, struct st_image *im)
{
	u64 was = im->size, less = fz_below(g, 100), more = fz_below(g, 5000);

	switch (fz_below(g, 4)) {
	case 0: im->size = fz_next(g) % (im->size + 1); break;
	case 1: im->size = fz_below(g, 200); break;
	case 2: im->size -= MIN(im->size, less); break;
	default: im->size = MIN(im->cap, im->size + more);
	}
	for (u64 k = was; k < im->size; k++)
		im->bytes[k] = fz_below(g, 2) ? 0 : (u8)fz_next(g);
}

void st_damage(
    struct fz_rng *g, struct st_image *im, const struct st_image *other)
{
	u64 n = length(g, im), at = place(g, im, n), from = place(g, im, n);
	u64 v = fz_next(g) >> fz_below(g, 64);

	if (!im->size) {
		resize(g, im);
		return;
	}
	switch (fz_below(g, 10)) {
	case 0:
	case 1:
	case 2: im->bytes[at] ^= (u8)(1u << fz_below(g, 8)); break;
	case 3: im->bytes[at] = (u8)fz_next(g); break;
	case 4: memset(im->bytes + at, fz_below(g, 2) ? 0 : 255, n); break;
	case 5: memmove(im->bytes + at, im->bytes + from, n); break;
	case 6: /* a number */
		at = ALIGN_DOWN(at, 4);
		memcpy(im->bytes + at, &v, MIN(8, im->size - at));
		break;
	case 7: /* a piece of another file at its place there */
		n = MIN(n, other->size - MIN(other->size, at));
		memcpy(im->bytes + at, other->bytes + at, n);
		break;
	case 8: /* another file behind this one, without its head */
		n = MIN(other->size - HEAD, im->cap - im->size);
		memcpy(im->bytes + im->size, other->bytes + HEAD, n);
		im->size += n;
		break;
	default: resize(g, im);
	}
}

/* --- forging ---------------------------------------------------------------
 */

/* A number that is wrong, but perhaps not by much. */
static u64 wrong(struct fz_rng *g, u64 v)
{
	switch (fz_below(g, 8)) {
	case 0: return v + fz_below(g, 17) - 8;
	case 1: return v ^ 1ull << fz_below(g, 64);
	case 2: return fz_below(g, 64);
	case 3: return ~(u64)fz_below(g, 64);
	case 4: return 1ull << fz_below(g, 64);
	case 5: return v * 2;
	case 6: return -v;
	default: return fz_next(g) >> fz_below(g, 64);
	}
}

static void wrong_u64(struct fz_rng *g, u8 *p)
{
	u64 v;
	memcpy(&v, p, 8);
	v = wrong(g, v);
	memcpy(p, &v, 8);
}

static void wrong_u32(struct fz_rng *g, u8 *p)
{
	u32 v;
	memcpy(&v, p, 4);
	v = (u32)wrong(g, v);
	memcpy(p, &v, 4);
}

/* The payload's sum, if it lies in the file. */
static void seal_row(const struct st_image *im, u64 seg, u8 *at)
{
	struct row r;

	memcpy(&r, at, sizeof(r));
	if (r.pos > im->size - seg || r.size > im->size - seg - r.pos)
		return;
	r.sum = XXH3_64bits_withSeed(im->bytes + seg + r.pos, r.size, r.off);
	memcpy(at, &r, sizeof(r));
}

/* A number of a block's head or of what follows it. */
static void forge_payload(struct fz_rng *g, u8 *p, u64 n)
{
	u64 head = sizeof(struct block_head);

	if (n < head)
		return;
	if (fz_below(g, 2)) /* its counts */
		wrong_u32(g, p + 32 + 4 * fz_below(g, 10));
	else if (fz_below(g, 2))
		wrong_u64(g, p + 8 * fz_below(g, 4));
	else
		wrong_u32(g, p + ALIGN_DOWN(fz_next(g) % (n - 4), 4));
}

static void forge_row(struct fz_rng *g, struct st_image *im, u64 seg, u8 *row)
{
	struct row r;

	if (fz_below(g, 3) == 0)
		wrong_u64(g, row + 8 * fz_below(g, 3));
	memcpy(&r, row, sizeof(r));
	if (fz_below(g, 3) && r.pos <= im->size - seg &&
	    r.size <= im->size - seg - r.pos)
		forge_payload(g, im->bytes + seg + r.pos, r.size);
	seal_row(im, seg, row);
}

/* The rows and slots of the segment at `at` that lie in the file. */
static void forge_rows(
    struct fz_rng *g, struct st_image *im, u64 at, const struct seg_head *s)
{
	u64 rows = at + seg_rows_at(s->nslots);

	for (u32 k = 0; k < s->nblocks; k++) {
		u64 row = rows + k * sizeof(struct row);
		if (row + sizeof(struct row) > im->size)
			return;
		if (fz_below(g, 4) == 0)
			forge_row(g, im, at, im->bytes + row);
	}
	for (u32 k = fz_below(g, 4); k > 0 && s->nslots; k--) {
		u64 slot = at + sizeof(*s) + 4ull * fz_below(g, s->nslots);
		if (slot + 4 <= im->size)
			wrong_u32(g, im->bytes + slot);
	}
}

void st_forge(struct fz_rng *g, struct st_image *im)
{
	struct seg_head s;
	struct file_head f;

	if (im->size < HEAD)
		return;
	if (fz_once_in(g, 16)) {
		wrong_u64(g, im->bytes + 8 * fz_below(g, 6));
		memcpy(&f, im->bytes, sizeof(f));
		f.sum = XXH3_64bits(&f, offsetof(struct file_head, sum));
		memcpy(im->bytes, &f, sizeof(f));
	}
	for (u64 at = HEAD; im->size - at >= sizeof(s); at += s.size) {
		memcpy(&s, im->bytes + at, sizeof(s));
		u64 next = s.size;
		if (s.magic != SEG_MAGIC || next < sizeof(s) ||
		    next > im->size - at)
			return;
		forge_rows(g, im, at, &s);
		if (fz_once_in(g, 4)) {
			u8 *p = im->bytes + at;
			if (fz_below(g, 2))
				wrong_u64(g, p + 8);
			else
				wrong_u32(g, p + 16 + 4 * fz_below(g, 2));
			memcpy(&s, p, sizeof(s));
			s.sum = XXH3_64bits(&s, offsetof(struct seg_head, sum));
			memcpy(p, &s, sizeof(s));
		}
		s.size = next;
	}
}
