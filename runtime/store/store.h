/*
 * store.h - translations on disk: a folder of containers.
 *
 * A container belongs to one file with guest code and one code generator. It
 * is a sequence of segments, each written once by the process that made the
 * translations; a process maps what is there when it opens the container.
 * Nothing that is read is trusted: what is damaged, truncated or foreign is
 * not found, and that is all. Layout: container.h.
 *
 * A container's memory is a file's: it may shrink under the reader. Whoever
 * calls store_find, or reads what it gave, catches SIGBUS (fault_guard).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "runtime/base/types.h"

struct store_key {
	u64 lo, hi;
};

/*
 * A folder in which we may keep code. It is opened once and known by its
 * descriptor: the process may change its root, its mounts or its working
 * directory and goes on saving where it began.
 */
struct store {
	int fd; /* O_PATH */
	char *dir; /* as it was given, for people */
	u64 cap; /* bytes that all containers together may use */
	struct store_key maker; /* of the code generator and this CPU */
};

/*
 * Use `dir`, which is made (mode 0700) if it is not there. 0; -EPERM: it
 * belongs to somebody else, or others may write there; -errno.
 */
int store_open(
    struct store *s, const char *dir, u64 cap, const struct store_key *maker);
/* s->fd may have been replaced by a copy, or by -1 if somebody else has it. */
void store_close(struct store *s);

/* A translation block as it is kept. */
struct store_block {
	u64 off; /* of its first guest byte from the image's start */
	u64 pc; /* the address that it was made for */
	struct store_key bytes; /* XXH3-128 of the guest's bytes */
	u32 len, insns; /* of the guest */
	u32 size, entry; /* bytes of host code; where it is entered */
	u32 phase; /* of the first byte's address, modulo 64 */
	u32 nlinks, nmap, npcs, flags, unused;
	/* what follows in a container, in this order */
	const u8 *code;
	const void *links; /* nlinks struct link_site */
	const void *map; /* nmap struct pc_map */
	const u32 *pcs; /* npcs offsets of guest addresses in the code */
};

/*
 * Offsets from here on are no file's: what is kept beside blocks has them.
 * It is rare, and a filter says quickly where there is none.
 */
#define STORE_BESIDE (1ull << 63)
#define STORE_FILTER 1024 /* bits */

struct seg_head {
	u64 magic;
	u64 size; /* from this head to the next */
	u32 nblocks, nslots; /* nslots is a power of two, > nblocks */
	u64 filter[STORE_FILTER / 64]; /* one bit for each of those offsets */
	u64 sum; /* of what is before it */
};

/* Segments of a container; one with more is written anew. */
#define STORE_SEGS 8

/* One container as it was when it was opened; data may be NULL. */
struct store_file {
	struct store *store;
	struct store_key key;
	const u8 *data;
	size_t size;
	u32 nsegs;
	u64 seg[STORE_SEGS]; /* offsets of its segments */
	struct seg_head head[STORE_SEGS]; /* checked copies of their heads */
	u64 end; /* where they end: a writer goes on there */
	u64 nblocks;
};

/*
 * The container of the guest file that `fd` is open for, which may be empty.
 * false: the file cannot be told apart from others, nothing is kept of it.
 */
bool store_file_open(struct store_file *f, struct store *s, int fd);
/* The same for `size` bytes that begin with these n, of no file. */
void store_bytes_open(struct store_file *f, struct store *s, const void *page,
    size_t n, u64 size);
/* Look again: others may have added to it. */
void store_file_refresh(struct store_file *f);
void store_file_close(struct store_file *f);
/* Where a block is in its container. */
struct store_place {
	u32 seg, row;
};

/*
 * The block at `off` that was made from the guest bytes at `guest`, where at
 * most `max` may be read; checked. Its pointers go into the container. *at,
 * unless NULL: where it was.
 */
bool store_find(const struct store_file *f, u64 off, const u8 *guest,
    size_t max, struct store_block *out, struct store_place *at);
/* May there be a block at `off`, which is at least STORE_BESIDE? */
bool store_may_have(const struct store_file *f, u64 off);
/*
 * On to the block that was made after the one at *at, as a rule by the same
 * process: its offset, of which nothing is known. False: it was the last.
 */
bool store_next(const struct store_file *f, struct store_place *at, u64 *off);
/* The block there, as store_find. */
bool store_take(const struct store_file *f, struct store_place at, u64 off,
    const u8 *guest, size_t max, struct store_block *out);

/*
 * Add n blocks. Their pointers are ours until it returns. -EAGAIN: another
 * process is writing; -errno.
 */
int store_append(struct store_file *f, const struct store_block *b, u32 n);

/* One container, for people. */
struct store_info {
	const char *name; /* in the folder */
	u64 bytes; /* on disk */
	u64 blocks; /* whole ones, if `verify`, else all */
	u64 damaged; /* blocks that are not, if `verify`; bytes after the
	                last segment count as one */
	i64 used; /* time of the last use, roughly */
	bool ours; /* made by this code generator for this CPU */
	bool valid; /* is a container at all */
};

/*
 * Call `each` for every container in `s`; `verify` reads them whole. 0 or
 * -errno.
 */
int store_list(struct store *s, bool verify,
    void (*each)(void *ctx, const struct store_info *i), void *ctx);

struct store_totals {
	u64 files, bytes;
};
/* Remove the least recently used until at most `cap` bytes are left. */
int store_gc(struct store *s, u64 cap, struct store_totals *removed);

#endif
