/*
 * fuzz_store.c - damaged containers of translations against their reader.
 *
 *   fuzz_store [--seed N] [--first N] [--cases N] [--seconds S]
 *
 * Containers are made of blocks that are known here, and of a guest program's
 * real translations; then they are damaged in every way that a disk, a crash
 * or another program may find, and used again: looked up, added to, listed,
 * run. Whatever is found must be what was put in, and the program must
 * compute what it computes without a store. In some cases numbers are forged
 * and all checksums made right: that may give other translations, so nothing
 * is run, but nothing outside of the file may be read. Built with the
 * address and undefined-behaviour sanitizers where there are any.
 */
#include "tests/fuzz/fuzz_store.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "tests/fuzz/watch.h"

#define NBLOCKS 64
#define IMAGES 6 /* containers that are damaged */
#define IMAGE_MAX ((u64)1 << 18)
#define GUEST_SIZE 8192

enum { ST_FOUND, ST_MISSED, ST_FORGED, ST_RUNS, ST_TAKEN, ST_ADDED };

static const struct store_key maker = { 11, 22 };

struct fuzz {
	char dir[64], cache[80], path[PATH_MAX];
	int fd; /* the guest file that the blocks belong to */
	struct store store;
	struct store_file file;
	u8 guest[GUEST_SIZE];
	struct store_block block[NBLOCKS];
	u8 *code; /* of all blocks, their links, maps and pcs */
	struct st_image image[IMAGES], work;
	/* a program and its container */
	struct st_guest program;
	char run_cache[80], run_path[PATH_MAX];
	struct st_image run_image;
};

#define BAD(s, ...) snprintf((s)->bad, sizeof((s)->bad), __VA_ARGS__)

#if defined(__SANITIZE_ADDRESS__)
void __asan_poison_memory_region(const volatile void *p, size_t n);
void __asan_unpoison_memory_region(const volatile void *p, size_t n);
#else
#define __asan_poison_memory_region(p, n) ((void)(p), (void)(n))
#define __asan_unpoison_memory_region(p, n) ((void)(p), (void)(n))
#endif

/* --- files ----------------------------------------------------------------
 */

static bool spit(const char *path, const struct st_image *im)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok =
	    fd >= 0 && write(fd, im->bytes, im->size) == (ssize_t)im->size;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool slurp(const char *path, struct st_image *im)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, im->bytes, im->cap);

	if (fd >= 0)
		close(fd);
	im->size = n > 0 ? (u64)n : 0;
	return n > 0 && im->size < im->cap;
}

static bool new_image(struct st_image *im)
{
	*im = (struct st_image){ .bytes = malloc(IMAGE_MAX), .cap = IMAGE_MAX };
	return im->bytes != NULL;
}

/* --- blocks that are known ------------------------------------------------
 */

/* Block i of random shape; what it has is taken from f->code. */
static u8 *make_block(struct fuzz *f, u32 i, struct fz_rng *g, u8 *p)
{
	struct store_block *b = &f->block[i];

	*b = (struct store_block){ .off = 96 * i,
		.pc = 0x10000 + 96 * i,
		.len = 2 + 2 * fz_below(g, 40),
		.insns = 1 + fz_below(g, 20),
		.size = 8 + fz_below(g, 300),
		.phase = fz_below(g, 64),
		.nlinks = fz_below(g, 4),
		.nmap = fz_below(g, 6),
		.npcs = fz_below(g, 3),
		.flags = fz_below(g, 4) };
	b->size += b->npcs || b->nlinks ? 8 : 1;
	b->entry = 8 + fz_below(g, b->size - 8);
	XXH128_hash_t h = XXH3_128bits(f->guest + b->off, b->len);
	b->bytes = (struct store_key){ h.low64, h.high64 };
	b->code = p;
	for (u32 k = 0; k < b->size; k++)
		*p++ = (u8)fz_next(g);
	p = (u8 *)ALIGN_UP((uintptr_t)p, 8);
	struct link_site *l = (void *)p;
	b->links = l;
	for (u32 k = 0; k < b->nlinks; k++)
		l[k] = (struct link_site){ fz_below(g, b->size - 4),
			fz_below(g, b->size), fz_next(g) };
	struct pc_map *m = (void *)(l + b->nlinks);
	b->map = m;
	for (u32 k = 0; k < b->nmap; k++)
		m[k] = (struct pc_map){ k, 2 * k };
	u32 *pcs = (void *)(m + b->nmap);
	b->pcs = pcs;
	for (u32 k = 0; k < b->npcs; k++)
		pcs[k] = fz_below(g, b->size - 8);
	return (u8 *)ALIGN_UP((uintptr_t)(pcs + b->npcs), 8);
}

/* Some of the blocks are added to the container. */
static u64 add_some(struct fuzz *f, struct fz_rng *g, u32 max)
{
	struct store_block b[NBLOCKS];
	u64 added = 0;
	u32 n = 0;

	for (u32 i = 0; i < NBLOCKS && n < max; i++)
		if (fz_below(g, 3) == 0) {
			b[n++] = f->block[i];
			added |= 1ull << i;
		}
	return n && store_append(&f->file, b, n) == 0 ? added : 0;
}

static bool same_block(const struct store_block *a, const struct store_block *b)
{
	return a->off == b->off && a->pc == b->pc &&
	    !memcmp(&a->bytes, &b->bytes, sizeof(a->bytes)) &&
	    a->len == b->len && a->insns == b->insns && a->size == b->size &&
	    a->entry == b->entry && a->phase == b->phase &&
	    a->nlinks == b->nlinks && a->nmap == b->nmap &&
	    a->npcs == b->npcs && a->flags == b->flags &&
	    !memcmp(a->code, b->code, a->size) &&
	    !memcmp(a->links, b->links, a->nlinks * sizeof(struct link_site)) &&
	    !memcmp(a->map, b->map, a->nmap * sizeof(struct pc_map)) &&
	    !memcmp(a->pcs, b->pcs, a->npcs * sizeof(u32));
}

/* --- looking --------------------------------------------------------------
 */

static bool lies_in(const struct store_file *f, const void *p, u64 n)
{
	u64 at = (u64)((const u8 *)p - f->data);

	return at <= f->size && n <= f->size - at;
}

/* Is all that a block has in the file? */
static bool within(const struct store_file *f, const struct store_block *b)
{
	const struct link_site *l = b->links;

	if (!lies_in(f, b->code, b->size) ||
	    !lies_in(f, b->links, b->nlinks * sizeof(*l)) ||
	    !lies_in(f, b->map, b->nmap * sizeof(struct pc_map)) ||
	    !lies_in(f, b->pcs, 4ull * b->npcs) || b->entry >= b->size)
		return false;
	for (u32 k = 0; k < b->nlinks; k++)
		if (l[k].off + 4ull > b->size || l[k].stub > b->size)
			return false;
	for (u32 k = 0; k < b->npcs; k++)
		if (b->pcs[k] + 8ull > b->size)
			return false;
	return true;
}

/* Open it again; what lies behind the file is not to be read. */
static void reopen(struct fuzz *f)
{
	store_file_close(&f->file);
	store_file_open(&f->file, &f->store, f->fd);
}

static void fence(const struct fuzz *f, bool on)
{
	u64 n = ALIGN_UP(f->file.size, HOST_PAGE) - f->file.size;

	if (!f->file.data || !n)
		return;
	if (on)
		__asan_poison_memory_region(f->file.data + f->file.size, n);
	else
		__asan_unpoison_memory_region(f->file.data + f->file.size, n);
}

/* What comes behind a block is whole, too, or is not had. */
static void follow(struct fuzz *f, struct fz_watch *s, struct store_place at)
{
	struct store_block b;
	u64 off;

	for (u32 i = 0; i < 4 && store_next(&f->file, &at, &off); i++)
		if (off < GUEST_SIZE &&
		    store_take(&f->file, at, off, f->guest + off,
			GUEST_SIZE - off, &b) &&
		    !within(&f->file, &b))
			BAD(s, "the block at %#llx leads out of the file",
			    (unsigned long long)off);
}

/* Look for every block; the set of those that are there. */
static u64 look(struct fuzz *f, struct fz_watch *s, bool forged)
{
	struct store_block b;
	struct store_place at;
	u64 found = 0;

	fence(f, true);
	for (u32 i = 0; i < NBLOCKS && !s->bad[0]; i++) {
		const struct store_block *w = &f->block[i];
		const u8 *guest = f->guest + w->off;
		if (!f->file.nsegs ||
		    !store_find(
			&f->file, w->off, guest, GUEST_SIZE - w->off, &b, &at))
			continue;
		found |= 1ull << i;
		if (!within(&f->file, &b))
			BAD(s, "block %u leads out of the file", i);
		else if (!forged && !same_block(&b, w))
			BAD(s, "block %u is not what was put in", i);
		else if (!forged &&
		    store_find(&f->file, w->off, guest, w->len - 1, &b, NULL))
			BAD(s, "block %u is found without its last byte", i);
		follow(f, s, at);
	}
	fence(f, false);
	s->count[ST_FOUND] += (u64)__builtin_popcountll(found);
	s->count[ST_MISSED] += (u64)__builtin_popcountll(~found);
	return found;
}

static void count_one(void *ctx, const struct store_info *i)
{
	*(u64 *)ctx += i->valid;
}

/* What is not a file of ours has a container's name. */
static void odd_file(struct fuzz *f, struct fz_rng *g)
{
	unlink(f->path);
	switch (fz_below(g, 4)) {
	case 0: mkdir(f->path, 0700); break;
	case 1: mkfifo(f->path, 0600); break;
	case 2: symlink("/etc/passwd", f->path); break;
	default: symlink("nowhere", f->path);
	}
	reopen(f);
}

static void odd_file_end(struct fuzz *f)
{
	if (unlink(f->path) < 0)
		rmdir(f->path);
}

static void use(
    struct fuzz *f, struct fz_watch *s, struct fz_rng *g, bool forged)
{
	struct store_totals t;
	u64 n = 0, added;

	reopen(f);
	look(f, s, forged);
	if (fz_below(g, 2) && !s->bad[0]) {
		added = add_some(f, g, NBLOCKS);
		reopen(f);
		if (added & ~look(f, s, forged))
			BAD(s, "blocks that were added are not there");
		s->count[ST_ADDED] += added != 0;
	}
	if (fz_once_in(g, 8))
		store_list(&f->store, true, count_one, &n);
	if (fz_once_in(g, 32))
		store_gc(&f->store, fz_next(g) >> fz_below(g, 64), &t);
}

/* --- cases ----------------------------------------------------------------
 */

static void copy_image(struct st_image *to, const struct st_image *from)
{
	memcpy(to->bytes, from->bytes, from->size);
	to->size = from->size;
}

/* A damaged container of known blocks. */
static void case_blocks(struct fuzz *f, struct fz_watch *s, struct fz_rng *g)
{
	bool forged = fz_below(g, 3) == 0;

	copy_image(&f->work, &f->image[fz_below(g, IMAGES)]);
	for (u32 k = fz_below(g, 4); k > 0; k--)
		if (forged)
			st_forge(g, &f->work);
		else
			st_damage(g, &f->work, &f->image[fz_below(g, IMAGES)]);
	s->count[ST_FORGED] += forged;
	if (fz_once_in(g, 64)) {
		odd_file(f, g);
		use(f, s, g, false);
		odd_file_end(f);
	} else if (!spit(f->path, &f->work)) {
		BAD(s, "the container cannot be written");
	} else {
		use(f, s, g, forged);
	}
}

/* The program with its damaged container, which may shrink meanwhile. */
static void case_run(struct fuzz *f, struct fz_watch *s, struct fz_rng *g)
{
	struct st_result r;
	long cut = -1;

	copy_image(&f->work, &f->run_image);
	for (u32 k = fz_below(g, 4); k > 0; k--)
		st_damage(g, &f->work, &f->image[0]);
	if (fz_once_in(g, 4))
		cut = (long)(fz_next(g) % (f->work.size + 1));
	if (!spit(f->run_path, &f->work) ||
	    !st_guest_run(&f->program, f->run_cache, fz_once_in(g, 8),
		f->run_path, cut, &r))
		BAD(s, "the program cannot be run");
	else if (!r.ended || r.value != f->program.want)
		BAD(s, "the program computes %#llx, not %#llx, %llu taken",
		    (unsigned long long)r.value,
		    (unsigned long long)f->program.want,
		    (unsigned long long)r.hits);
	s->count[ST_RUNS]++;
	s->count[ST_TAKEN] += r.hits;
}

static void run_case(void *ctx, struct fz_watch *s, struct fz_rng *g)
{
	if (fz_once_in(g, 8))
		case_run(ctx, s, g);
	else
		case_blocks(ctx, s, g);
}

/* --- making it ------------------------------------------------------------
 */

/* Containers of some blocks, of one segment or more. */
static bool make_images(struct fuzz *f)
{
	struct fz_rng g = { 7 };
	u8 *p = f->code;

	for (u32 k = 0; k < GUEST_SIZE; k++)
		f->guest[k] = (u8)fz_next(&g);
	for (u32 i = 0; i < NBLOCKS; i++)
		p = make_block(f, i, &g, p);
	for (u32 k = 0; k < IMAGES; k++) {
		unlink(f->path);
		reopen(f);
		for (u32 n = 0; n <= k; n++) {
			if (!add_some(f, &g, k ? NBLOCKS : 4))
				return false;
			reopen(f);
		}
		if (!new_image(&f->image[k]) || !slurp(f->path, &f->image[k]))
			return false;
	}
	return true;
}

/* The program's container, and a proof that it is used. */
static bool make_program(struct fuzz *f)
{
	struct store_key key;
	struct store store;
	struct store_file file;
	struct st_result r;

	exec_cache_maker(host_backend_default(), &key);
	if (!st_guest_init(&f->program) || !new_image(&f->run_image) ||
	    store_open(&store, f->run_cache, 1 << 30, &key) ||
	    !store_file_open(&file, &store, f->program.fd) ||
	    !container_path(&store, &file.key, f->run_path, PATH_MAX))
		return false;
	store_close(&store);
	for (u32 k = 0; k < 2; k++)
		if (!st_guest_run(
			&f->program, f->run_cache, false, NULL, -1, &r) ||
		    !r.ended || r.value != f->program.want)
			return false;
	return slurp(f->run_path, &f->run_image) && r.hits > 24 && !r.blocks;
}

static void *start(struct fz_watch *s)
{
	struct fuzz *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->code = malloc(NBLOCKS * 1024);
	strcpy(f->dir,
	    access("/dev/shm", W_OK) ? "/tmp/fuzz_store.XXXXXX" :
				       "/dev/shm/fuzz_store.XXXXXX");
	if (!f->code || !new_image(&f->work) || !mkdtemp(f->dir))
		return NULL;
	snprintf(f->cache, sizeof(f->cache), "%s/a", f->dir);
	snprintf(f->run_cache, sizeof(f->run_cache), "%s/b", f->dir);
	f->fd = memfd_create("fuzz_store", MFD_CLOEXEC);
	if (f->fd < 0 || write(f->fd, "a guest's file", 14) != 14 ||
	    store_open(&f->store, f->cache, 1 << 30, &maker) ||
	    !store_file_open(&f->file, &f->store, f->fd) ||
	    !container_path(&f->store, &f->file.key, f->path, PATH_MAX))
		return NULL;
	if (!make_images(f) || !make_program(f)) {
		BAD(s, "the containers cannot be made");
		return NULL;
	}
	return f;
}

static void end(void *ctx)
{
	struct fuzz *f = ctx;
	char command[96];

	store_file_close(&f->file);
	store_close(&f->store);
	close(f->fd);
	close(f->program.fd);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left\n", f->dir);
	for (u32 k = 0; k < IMAGES; k++)
		free(f->image[k].bytes);
	free(f->work.bytes);
	free(f->run_image.bytes);
	free(f->code);
	free(f);
}

int main(int argc, char **argv)
{
	static const struct fz_cases cases = {
		.counts = { [ST_FOUND] = "blocks found",
		    [ST_MISSED] = "missed",
		    [ST_FORGED] = "cases forged",
		    [ST_RUNS] = "programs run",
		    [ST_TAKEN] = "translations taken",
		    [ST_ADDED] = "containers added to" },
		.start = start,
		.run = run_case,
		.end = end,
	};

	return fz_watch_main(argc, argv, &cases);
}
