/*
 * append.c - adding blocks to a container.
 *
 * One writer at a time, by flock; who cannot have the lock at once gives up,
 * the blocks will be made again some day. A segment goes behind the last
 * one, its head last. A container that is new, damaged, or has too many
 * segments is written anew beside the old one and renamed: who has mapped
 * the old one keeps it.
 */
#include "runtime/store/container.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define NEW_NAME 24 /* of a container being written */

struct segment {
	u8 *data;
	u64 size;
};

static u32 slots_for(u32 n)
{
	u32 s = 4;
	while (s < 2 * n)
		s *= 2;
	return s;
}

static struct block_head head_of(const struct store_block *b)
{
	return (struct block_head){ .off = b->off,
		.pc = b->pc,
		.bytes = b->bytes,
		.len = b->len,
		.insns = b->insns,
		.size = b->size,
		.entry = b->entry,
		.phase = b->phase,
		.nlinks = b->nlinks,
		.nmap = b->nmap,
		.npcs = b->npcs,
		.flags = b->flags };
}

static u8 *put(u8 *p, const void *from, u64 n, u64 align)
{
	if (n) /* from may be NULL then */
		memcpy(p, from, n);
	return p + ALIGN_UP(n, align);
}

static void write_payload(
    u8 *p, const struct block_head *h, const struct store_block *b)
{
	p = put(p, h, sizeof(*h), 8);
	p = put(p, b->code, b->size, 8);
	p = put(p, b->links, b->nlinks * sizeof(struct link_site), 8);
	p = put(p, b->map, b->nmap * sizeof(struct pc_map), 8);
	put(p, b->pcs, 4ull * b->npcs, 8);
}

static void enter(u32 *slot, u32 nslots, u64 off, u32 row)
{
	u32 k = slot_of(off) & (nslots - 1);
	while (slot[k])
		k = (k + 1) & (nslots - 1);
	slot[k] = row + 1;
}

/* The blocks as a segment in memory, to be freed; 0 or -ENOMEM. */
static int build(const struct store_block *b, u32 n, struct segment *s)
{
	u32 nslots = slots_for(n);
	u64 at = seg_rows_at(nslots) + n * sizeof(struct row);

	s->size = at;
	for (u32 i = 0; i < n; i++) {
		struct block_head h = head_of(&b[i]);
		s->size += payload_size(&h);
	}
	s->size = ALIGN_UP(s->size, SEG_ALIGN);
	s->data = calloc(1, s->size);
	if (!s->data)
		return -ENOMEM;
	struct seg_head h = { .magic = SEG_MAGIC,
		.size = s->size,
		.nblocks = n,
		.nslots = nslots };
	struct row *row = (struct row *)(void *)(s->data + seg_rows_at(nslots));
	u32 *slot = (u32 *)(void *)(s->data + sizeof(struct seg_head));
	for (u32 i = 0; i < n; i++) {
		struct block_head head = head_of(&b[i]);
		u64 size = payload_size(&head);
		u32 bit = filter_bit(b[i].off);
		if (b[i].off >= STORE_BESIDE)
			h.filter[bit / 64] |= 1ull << bit % 64;
		write_payload(s->data + at, &head, &b[i]);
		row[i] = (struct row){ .off = b[i].off,
			.pos = at,
			.size = size,
			.sum = XXH3_64bits_withSeed(
			    s->data + at, size, b[i].off) };
		enter(slot, nslots, b[i].off, i);
		at += size;
	}
	h.sum = XXH3_64bits(&h, offsetof(struct seg_head, sum));
	memcpy(s->data, &h, sizeof(h));
	return 0;
}

static int write_at(int fd, const u8 *p, u64 n, u64 at)
{
	while (n) {
		ssize_t k = pwrite(fd, p, n, (off_t)at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k ? -errno : -ENOSPC;
		p += k;
		at += (u64)k;
		n -= (u64)k;
	}
	return 0;
}

/* A segment, its head last. */
static int write_segment(int fd, const struct segment *s, u64 at)
{
	const u64 head = sizeof(struct seg_head);
	int err = write_at(fd, s->data + head, s->size - head, at + head);
	return err ? err : write_at(fd, s->data, head, at);
}

u8 *container_read(const struct store_file *f, int fd)
{
	u8 *p = f->nsegs ? malloc(f->end) : NULL;
	size_t got = 0;

	while (p && got < f->end) {
		ssize_t n = pread(fd, p + got, f->end - got, (off_t)got);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (p && got < f->end)
		memset(p + got, 0, f->end - got);
	return p;
}

/* Is row r of a segment whole? Then it goes to *b. */
static bool whole_row(const u8 *seg, const struct seg_head *s,
    const struct row *r, struct store_block *b)
{
	return r->pos <= s->size && r->size <= s->size - r->pos &&
	    r->pos % PAYLOAD_ALIGN == 0 &&
	    XXH3_64bits_withSeed(seg + r->pos, r->size, r->off) == r->sum &&
	    payload_parse(seg + r->pos, r->size, b) && b->off == r->off;
}

u32 container_blocks(
    const struct store_file *f, const u8 *data, struct store_block *b)
{
	struct store_block spare;
	u32 n = 0;

	for (u32 k = 0; k < f->nsegs; k++) {
		const u8 *seg = data + f->seg[k];
		const struct row *row = seg_rows(seg, f->head[k].nslots);
		for (u32 i = 0; i < f->head[k].nblocks; i++)
			n += whole_row(
			    seg, &f->head[k], &row[i], b ? &b[n] : &spare);
	}
	return n;
}

static int compare_places(
    const struct store_block *a, const struct store_block *b)
{
	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	return memcmp(&a->bytes, &b->bytes, sizeof(a->bytes));
}

/* By place, the last first. */
static int by_place(const void *x, const void *y)
{
	const struct store_block *a = *(struct store_block *const *)x;
	const struct store_block *b = *(struct store_block *const *)y;
	int c = compare_places(a, b);
	return c ? c : a < b ? 1 : a > b ? -1 : 0;
}

/*
 * Of blocks made from the same bytes at the same place keep the last; the
 * others keep their order. How many are left; `sorted` has room for n.
 */
static u32 unique(struct store_block *b, u32 n, struct store_block **sorted)
{
	u32 k = 0;

	for (u32 i = 0; i < n; i++)
		sorted[i] = &b[i];
	qsort(sorted, n, sizeof(*sorted), by_place);
	for (u32 i = n; i-- > 1;)
		if (!compare_places(sorted[i - 1], sorted[i]))
			sorted[i]->code = NULL;
	for (u32 i = 0; i < n; i++)
		if (b[i].code)
			b[k++] = b[i];
	return k;
}

/* A new file with a name of its own: its descriptor or -errno. */
static int open_new(const struct store *s, char name[NEW_NAME])
{
	u64 r;

	for (int i = 0; i < 100; i++) {
		if (getrandom(&r, sizeof(r), 0) != sizeof(r))
			return -EIO;
		snprintf(name, NEW_NAME, "new.%016llx", (unsigned long long)r);
		int fd = openat(
		    s->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

/* Write a container of this segment and put it in place. */
static int write_new(
    struct store_file *f, const struct segment *s, const char *name)
{
	char tmp[NEW_NAME];
	struct file_head h;
	int err, dir = f->store->fd, fd = open_new(f->store, tmp);

	if (fd < 0)
		return fd;
	container_head(f, &h);
	err = write_at(fd, (const u8 *)&h, sizeof(h), 0);
	if (!err)
		err = write_segment(fd, s, sizeof(h));
	close(fd);
	if (!err && renameat(dir, tmp, dir, name) < 0)
		err = -errno;
	if (err)
		unlinkat(dir, tmp, 0);
	return err;
}

/* The blocks that `old` (fd, or -1) has and the new ones as a new file. */
static int rewrite(struct store_file *f, int old, const struct store_block *b,
    u32 n, const char *name)
{
	struct segment s = { 0 };
	u8 *data = container_read(f, old);
	u64 room = n + (data ? f->nblocks : 0);
	struct store_block *all = malloc(room * sizeof(*all));
	struct store_block **sorted = malloc(room * sizeof(*sorted));
	int err = -ENOMEM;

	if (all && sorted) {
		u32 had = data ? container_blocks(f, data, all) : 0;
		memcpy(all + had, b, n * sizeof(*all));
		err = build(all, unique(all, had + n, sorted), &s);
	}
	if (!err)
		err = write_new(f, &s, name);
	free(s.data);
	free(sorted);
	free(all);
	free(data);
	return err;
}

/* Add a segment to the file `fd`, which is locked and as f has it. */
static int extend(
    struct store_file *f, const struct store_block *b, u32 n, int fd)
{
	struct segment s = { 0 };
	int err = build(b, n, &s);
	if (!err)
		err = write_segment(fd, &s, f->end);
	free(s.data);
	return err;
}

/* Is what we opened still what has the name? */
static bool same_file(int fd, int dir, const char *name)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && fstatat(dir, name, &b, 0) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int store_append(struct store_file *f, const struct store_block *b, u32 n)
{
	char name[CONTAINER_NAME];
	int dir = f->store->fd;

	container_name(&f->key, name);
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd < 0) {
		struct store_totals removed;
		store_file_close(f);
		store_gc(f->store, f->store->cap, &removed);
		return rewrite(f, -1, b, n, name);
	}
	int err = 0;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !same_file(fd, dir, name)) {
		close(fd);
		return -EAGAIN;
	}
	store_file_refresh(f);
	/* A tail that belongs to no segment was left by a writer that died. */
	if (!f->data || f->end != f->size || f->nsegs == STORE_SEGS)
		err = rewrite(f, fd, b, n, name);
	else
		err = extend(f, b, n, fd);
	close(fd);
	return err;
}
