/*
 * container.h - the file format.
 *
 *   file_head
 *   segment ...     each starts on a multiple of SEG_ALIGN:
 *     seg_head
 *     u32 slot[nslots]      open addressing by hash of off: row + 1, or 0
 *     row[nblocks]
 *     payloads              block_head, code, links, map, pcs
 *
 * A segment's head is written after everything else of it, so a writer that
 * dies leaves a tail that no head describes. Each row carries the checksum
 * of its payload, taken with off as the seed; that of the slots and rows
 * would cost more than a wrong row, which is not found. Numbers are the
 * host's: the maker's key tells hosts apart.
 */
#ifndef STORE_CONTAINER_H
#define STORE_CONTAINER_H

#include "runtime/store/store.h"
#include "translator/backend.h"

#define FILE_MAGIC 0x6568636163746d7full /* "\x7fmtcache" */
#define SEG_MAGIC 0x746e656d67657374ull
#define FORMAT 2
#define SEG_ALIGN 64
#define PAYLOAD_ALIGN 8

struct file_head {
	u64 magic;
	u32 format, unused;
	struct store_key maker, key;
	u64 sum; /* of what is before it */
	u64 pad;
};
static_assert(sizeof(struct file_head) == SEG_ALIGN, "segments are aligned");

struct row {
	u64 off;
	u64 pos; /* of the payload, from the segment's head */
	u64 size;
	u64 sum;
};

struct block_head {
	u64 off, pc;
	struct store_key bytes;
	u32 len, insns, size, entry, phase, nlinks, nmap, npcs, flags, unused;
};

/* Places in a segment, which its head has been checked to have. */
static inline const u32 *seg_slots(const u8 *seg)
{
	return (const void *)(seg + sizeof(struct seg_head));
}

static inline u64 seg_rows_at(u32 nslots)
{
	return sizeof(struct seg_head) + ALIGN_UP(4ull * nslots, 8);
}

static inline const struct row *seg_rows(const u8 *seg, u32 nslots)
{
	return (const void *)(seg + seg_rows_at(nslots));
}

static inline u32 slot_of(u64 off)
{
	return (u32)((off * 0x9e3779b97f4a7c15u) >> 32);
}

/* The bit of a segment's filter that an offset sets. */
static inline u32 filter_bit(u64 off)
{
	return slot_of(off) % STORE_FILTER;
}

/* Bytes of a payload with these counts. */
static inline u64 payload_size(const struct block_head *h)
{
	return sizeof(*h) + ALIGN_UP((u64)h->size, 8) +
	    h->nlinks * sizeof(struct link_site) +
	    h->nmap * sizeof(struct pc_map) + ALIGN_UP(4ull * h->npcs, 8);
}

/* Open for reading; what is no file must not keep us waiting. */
int container_open(const struct store *s, const char *name);
/* The payload at p, n bytes, as a block; false: it is not one. */
bool payload_parse(const u8 *p, u64 n, struct store_block *out);
/*
 * Open the container `name` of s as it is, whoever made it: f->key and *maker
 * are its own. false: it is none.
 */
bool container_open_any(struct store_file *f, const struct store *s,
    const char *name, struct store_key *maker);
/* The head of a container of `f`. */
void container_head(const struct store_file *f, struct file_head *h);
/* Does this head describe a segment of at most `room` bytes? */
bool container_segment(const struct seg_head *s, u64 room);
/* f up to its last segment's end, to be freed; NULL: none, or no memory. */
u8 *container_read(const struct store_file *f, int fd);
/*
 * The whole blocks in `data`, which has f's segments; into b unless NULL,
 * which has room for f->nblocks.
 */
u32 container_blocks(
    const struct store_file *f, const u8 *data, struct store_block *b);
#define CONTAINER_SUFFIX ".mtc"
#define CONTAINER_NAME (32 + sizeof(CONTAINER_SUFFIX))
/* The container's name in its folder. */
void container_name(const struct store_key *key, char name[CONTAINER_NAME]);
/* Where people find it; false: n bytes are too few. */
bool container_path(
    const struct store *s, const struct store_key *key, char *buf, size_t n);

#endif
