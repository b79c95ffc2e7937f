/*
 * container.c - opening a container and finding blocks in it.
 *
 * The key of a guest file is a hash of its first page, where an ELF file has
 * its headers and its build id, and of its size. Two files with the same key
 * share a container, which is no harm: each block is compared with the bytes
 * that the guest has now.
 */
#include "runtime/store/container.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

int container_open(const struct store *s, const char *name)
{
	return openat(
	    s->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

void container_name(const struct store_key *key, char name[CONTAINER_NAME])
{
	snprintf(name, CONTAINER_NAME, "%016llx%016llx" CONTAINER_SUFFIX,
	    (unsigned long long)key->hi, (unsigned long long)key->lo);
}

bool container_path(
    const struct store *s, const struct store_key *key, char *buf, size_t n)
{
	char name[CONTAINER_NAME];

	container_name(key, name);
	int k = snprintf(buf, n, "%s/%s", s->dir, name);
	return k > 0 && (size_t)k < n;
}

void container_head(const struct store_file *f, struct file_head *h)
{
	*h = (struct file_head){ .magic = FILE_MAGIC,
		.format = FORMAT,
		.maker = f->store->maker,
		.key = f->key };
	h->sum = XXH3_64bits(h, offsetof(struct file_head, sum));
}

/*
 * Heads are read, not mapped: a file that shrinks meanwhile is then only
 * shorter.
 */
static bool read_at(int fd, void *to, size_t n, u64 at)
{
	return pread(fd, to, n, (off_t)at) == (ssize_t)n;
}

bool container_segment(const struct seg_head *s, u64 room)
{
	return s->magic == SEG_MAGIC && s->size <= room &&
	    s->size % SEG_ALIGN == 0 && s->nslots &&
	    !(s->nslots & (s->nslots - 1)) && s->nblocks < s->nslots &&
	    seg_rows_at(s->nslots) + sizeof(struct row) * (u64)s->nblocks <=
	    s->size &&
	    s->sum == XXH3_64bits(s, offsetof(struct seg_head, sum));
}

/* The segments that can be reached; what follows a bad one cannot. */
static void find_segments(struct store_file *f, int fd)
{
	u64 at = sizeof(struct file_head);

	while (f->nsegs < STORE_SEGS) {
		struct seg_head *s = &f->head[f->nsegs];
		if (!read_at(fd, s, sizeof(*s), at) ||
		    !container_segment(s, f->size - at))
			break;
		f->seg[f->nsegs++] = at;
		f->nblocks += s->nblocks;
		at += s->size;
	}
	f->end = at;
}

static bool read_head(int fd, struct file_head *h, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || !read_at(fd, h, sizeof(*h), 0))
		return false;
	*size = (size_t)st.st_size;
	return true;
}

static void map_segments(struct store_file *f, int fd)
{
	struct file_head want, h;

	container_head(f, &want);
	if (!read_head(fd, &h, &f->size) || memcmp(&h, &want, sizeof(h)))
		return;
	find_segments(f, fd);
	void *p = mmap(NULL, f->size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		f->nsegs = 0;
	else
		f->data = p;
}

void store_file_close(struct store_file *f)
{
	if (f->data)
		munmap((void *)f->data, f->size);
	f->data = NULL;
	f->size = 0;
	f->nsegs = 0;
	f->nblocks = f->end = 0;
}

void store_file_refresh(struct store_file *f)
{
	char name[CONTAINER_NAME];

	store_file_close(f);
	container_name(&f->key, name);
	int fd = container_open(f->store, name);
	if (fd < 0)
		return;
	map_segments(f, fd);
	close(fd);
}

bool container_open_any(struct store_file *f, const struct store *s,
    const char *name, struct store_key *maker)
{
	struct file_head h;
	int fd = container_open(s, name);

	*f = (struct store_file){ 0 };
	if (fd < 0)
		return false;
	bool ok = read_head(fd, &h, &f->size) && h.magic == FILE_MAGIC &&
	    h.format == FORMAT &&
	    h.sum == XXH3_64bits(&h, offsetof(struct file_head, sum));
	if (ok) {
		*maker = h.maker;
		f->key = h.key;
		find_segments(f, fd);
	}
	close(fd);
	return ok;
}

void store_bytes_open(
    struct store_file *f, struct store *s, const void *page, size_t n, u64 size)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(page, n, s->maker.lo ^ size);

	*f = (struct store_file){ .store = s,
		.key = { h.low64 ^ s->maker.hi, h.high64 } };
	store_file_refresh(f);
}

bool store_file_open(struct store_file *f, struct store *s, int fd)
{
	u8 page[HOST_PAGE];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	ssize_t n = pread(fd, page, sizeof(page), 0);
	if (n <= 0)
		return false;
	store_bytes_open(f, s, page, (size_t)n, (u64)st.st_size);
	return true;
}

static bool links_fit(const struct store_block *b)
{
	const struct link_site *l = b->links;

	for (u32 i = 0; i < b->nlinks; i++)
		if (l[i].off > b->size - 4 || l[i].stub > b->size)
			return false;
	for (u32 i = 0; i < b->npcs; i++)
		if (b->pcs[i] > b->size - 8)
			return false;
	return true;
}

bool payload_parse(const u8 *p, u64 n, struct store_block *out)
{
	const struct block_head *h = (const void *)p;

	if (n < sizeof(*h) || h->size < 8 || h->size > n ||
	    h->nlinks > n / sizeof(struct link_site) ||
	    h->nmap > n / sizeof(struct pc_map) || h->npcs > n / 4 ||
	    payload_size(h) != n || h->entry < 8 || h->entry >= h->size ||
	    h->phase > 63 || !h->len)
		return false;
	*out = (struct store_block){ .off = h->off,
		.pc = h->pc,
		.bytes = h->bytes,
		.len = h->len,
		.insns = h->insns,
		.size = h->size,
		.entry = h->entry,
		.phase = h->phase,
		.nlinks = h->nlinks,
		.nmap = h->nmap,
		.npcs = h->npcs,
		.flags = h->flags };
	p += sizeof(*h);
	out->code = p;
	p += ALIGN_UP((u64)h->size, 8);
	out->links = p;
	p += h->nlinks * sizeof(struct link_site);
	out->map = p;
	p += h->nmap * sizeof(struct pc_map);
	out->pcs = (const u32 *)(const void *)p;
	return links_fit(out);
}

/* The payload of row r if it is whole and made from these bytes. */
static bool take_row(const u8 *seg, const struct seg_head *s,
    const struct row *r, const u8 *guest, size_t max, struct store_block *out)
{
	u64 pos = r->pos, n = r->size, off = r->off;

	if (pos % PAYLOAD_ALIGN || pos > s->size || n > s->size - pos ||
	    n < sizeof(struct block_head))
		return false;
	const u8 *p = seg + pos;
	const struct block_head *h = (const void *)p;
	u32 len = h->len;
	if (h->off != off || len > max)
		return false;
	XXH128_hash_t now = XXH3_128bits(guest, len);
	if (now.low64 != h->bytes.lo || now.high64 != h->bytes.hi)
		return false;
	return XXH3_64bits_withSeed(p, n, off) == r->sum &&
	    payload_parse(p, n, out) && out->len == len;
}

static bool find_in(const u8 *seg, const struct seg_head *s, u64 off,
    const u8 *guest, size_t max, struct store_block *out, u32 *at)
{
	const u32 *slot = seg_slots(seg);
	const struct row *row = seg_rows(seg, s->nslots);

	for (u32 k = slot_of(off), i = 0; i < s->nslots; k++, i++) {
		u32 n = slot[k & (s->nslots - 1)];
		if (!n || n > s->nblocks)
			return false;
		*at = n - 1;
		if (row[*at].off == off &&
		    take_row(seg, s, &row[*at], guest, max, out))
			return true;
	}
	return false;
}

bool store_find(const struct store_file *f, u64 off, const u8 *guest,
    size_t max, struct store_block *out, struct store_place *at)
{
	struct store_place here;

	at = at ? at : &here;
	for (u32 i = f->nsegs; i-- > 0;) {
		at->seg = i;
		if (find_in(f->data + f->seg[i], &f->head[i], off, guest, max,
			out, &at->row))
			return true;
	}
	return false;
}

bool store_may_have(const struct store_file *f, u64 off)
{
	u32 bit = filter_bit(off);

	for (u32 i = 0; i < f->nsegs; i++)
		if (f->head[i].filter[bit / 64] >> bit % 64 & 1)
			return true;
	return false;
}

static const struct row *row_at(
    const struct store_file *f, struct store_place at)
{
	return &seg_rows(
	    f->data + f->seg[at.seg], f->head[at.seg].nslots)[at.row];
}

bool store_next(const struct store_file *f, struct store_place *at, u64 *off)
{
	if (at->row + 1 >= f->head[at->seg].nblocks)
		return false;
	at->row++;
	*off = row_at(f, *at)->off;
	return true;
}

bool store_take(const struct store_file *f, struct store_place at, u64 off,
    const u8 *guest, size_t max, struct store_block *out)
{
	const struct row *r = row_at(f, at);

	return r->off == off &&
	    take_row(
		f->data + f->seg[at.seg], &f->head[at.seg], r, guest, max, out);
}
