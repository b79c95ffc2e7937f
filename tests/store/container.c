/* container.c - containers: round trip, damage, other makers, many writers. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/store/container.h"

#define NBLOCKS 40

static const struct store_key maker = { 11, 22 };
static u8 guest[NBLOCKS * 16];

struct made {
	u8 code[64];
	struct link_site link;
	struct pc_map map[2];
	u32 pcs[1];
};
static struct made made[NBLOCKS];

/* Block i: 16 guest bytes at 16 * i. */
static struct store_block block(u32 i)
{
	struct made *m = &made[i];
	for (u32 k = 0; k < sizeof(guest); k++)
		guest[k] = (u8)(k * 7 + k / 256);
	memset(m->code, (int)i, sizeof(m->code));
	m->link = (struct link_site){ 20, 40, 0x1000 + i };
	m->map[1] = (struct pc_map){ 8, 4 };
	m->pcs[0] = 24;
	XXH128_hash_t h = XXH3_128bits(guest + 16 * i, 16);
	return (struct store_block){ .off = 16 * i,
		.pc = 0x10000 + 16 * i,
		.bytes = { h.low64, h.high64 },
		.len = 16,
		.insns = 4,
		.size = sizeof(m->code),
		.entry = 8,
		.phase = 16,
		.nlinks = 1,
		.nmap = 2,
		.npcs = 1,
		.flags = i,
		.code = m->code,
		.links = &m->link,
		.map = m->map,
		.pcs = m->pcs };
}

static void add(struct store_file *f, u32 from, u32 to)
{
	struct store_block b[NBLOCKS];
	for (u32 i = from; i < to; i++)
		b[i] = block(i);
	cr_assert_eq(store_append(f, b + from, to - from), 0);
}

/* Number of blocks found; each must be what was put in. */
static u32 look(const struct store_file *f)
{
	struct store_block b;
	u32 n = 0;
	for (u32 i = 0; i < NBLOCKS; i++) {
		if (!f->nsegs ||
		    !store_find(f, 16 * i, guest + 16 * i, 16, &b, NULL))
			continue;
		struct store_block w = block(i);
		n++;
		cr_assert(b.off == w.off && b.pc == w.pc && b.len == 16 &&
		    b.size == w.size && b.entry == 8 && b.flags == i);
		cr_assert(!memcmp(b.code, w.code, b.size));
		cr_assert(!memcmp(b.links, w.links, sizeof(made[i].link)));
		cr_assert(!memcmp(b.map, w.map, sizeof(made[i].map)));
		cr_assert_eq(b.pcs[0], 24);
	}
	return n;
}

static char dir[64], path[PATH_MAX];
static int guest_fd;
static struct store store;
static struct store_file file;

static void begin(void)
{
	strcpy(dir, "/tmp/metic-store.XXXXXX");
	cr_assert(mkdtemp(dir));
	char exe[128];
	snprintf(exe, sizeof(exe), "%s/exe", dir);
	guest_fd = open(exe, O_RDWR | O_CREAT, 0600);
	cr_assert_eq(write(guest_fd, "a guest's file", 14), 14);
	strcat(dir, "/cache");
	cr_assert_eq(store_open(&store, dir, 1 << 20, &maker), 0);
	cr_assert(store_file_open(&file, &store, guest_fd));
	cr_assert(container_path(&store, &file.key, path, sizeof(path)));
}

static void end(void)
{
	char cmd[128];
	store_file_close(&file);
	store_close(&store);
	close(guest_fd);
	snprintf(cmd, sizeof(cmd), "rm -r %.*s", (int)strlen(dir) - 6, dir);
	cr_assert_eq(system(cmd), 0);
}

static void reopen(void)
{
	store_file_close(&file);
	cr_assert(store_file_open(&file, &store, guest_fd));
}

TestSuite(store, .init = begin, .fini = end);

Test(store, what_was_put_in_is_found)
{
	cr_expect_eq(look(&file), 0);
	add(&file, 0, 10);
	reopen();
	cr_expect_eq(look(&file), 10);
	cr_expect_eq(file.nblocks, 10);
}

Test(store, other_guest_bytes_are_not_found)
{
	struct store_block b;
	add(&file, 0, 10);
	reopen();
	u8 other[16];
	memcpy(other, guest, 16);
	cr_expect(store_find(&file, 0, other, 16, &b, NULL));
	cr_expect(!store_find(&file, 0, other, 15, &b, NULL), "too few bytes");
	other[15] ^= 1;
	cr_expect(!store_find(&file, 0, other, 16, &b, NULL));
	cr_expect(!store_find(&file, 16, guest, 16, &b, NULL), "another place");
}

/* Blocks follow each other as they were made, within a segment. */
Test(store, one_leads_to_the_next)
{
	struct store_block b;
	struct store_place at;
	u64 off;
	add(&file, 0, 4);
	reopen();
	add(&file, 4, 5);
	reopen();
	cr_assert(store_find(&file, 16, guest + 16, 16, &b, &at));
	for (u32 i = 2; i < 4; i++) {
		cr_assert(store_next(&file, &at, &off));
		cr_expect_eq(off, 16 * i);
		cr_expect(store_take(&file, at, off, guest + 16 * i, 16, &b));
		cr_expect_eq(b.flags, i);
		cr_expect(!store_take(&file, at, 16, guest + 16, 16, &b));
		cr_expect(
		    !store_take(&file, at, off, guest + 16 * i + 1, 16, &b));
	}
	cr_expect(!store_next(&file, &at, &off));
}

Test(store, segments_are_added_and_merged)
{
	for (u32 i = 0; i < NBLOCKS; i++) {
		add(&file, i, i + 1);
		reopen();
		cr_expect_eq(look(&file), i + 1);
		cr_expect_leq(file.nsegs, STORE_SEGS);
	}
	/* The same again: merging keeps one of each. */
	for (u32 i = 0; i < 2 * STORE_SEGS; i++)
		add(&file, 0, NBLOCKS);
	reopen();
	cr_expect_eq(look(&file), NBLOCKS);
	cr_expect_leq(file.nblocks, NBLOCKS * STORE_SEGS);
}

Test(store, who_has_it_open_sees_more_after_refresh)
{
	struct store_file other;
	add(&file, 0, 5);
	cr_assert(store_file_open(&other, &store, guest_fd));
	add(&file, 5, 9);
	cr_expect_eq(look(&other), 5);
	store_file_refresh(&other);
	cr_expect_eq(look(&other), 9);
	store_file_close(&other);
}

static size_t slurp(u8 **out)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	cr_assert(fd >= 0 && fstat(fd, &st) == 0);
	*out = malloc((size_t)st.st_size);
	cr_assert_eq(read(fd, *out, (size_t)st.st_size), st.st_size);
	close(fd);
	return (size_t)st.st_size;
}

static void spit(const u8 *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

/* A flipped bit costs blocks, never more; the rest is what it was. */
Test(store, every_byte_may_be_damaged, .timeout = 120)
{
	u8 *p;
	add(&file, 0, 3);
	add(&file, 3, 6);
	size_t n = slurp(&p);
	u32 worst = 6;
	for (size_t i = 0; i < n; i++) {
		p[i] ^= (u8)(1 << i % 8);
		spit(p, n);
		reopen();
		u32 found = look(&file);
		worst = MIN(worst, found);
		p[i] ^= (u8)(1 << i % 8);
	}
	cr_expect_eq(worst, 0, "the head counts");
	/* Writing to a damaged one makes it whole again. */
	p[sizeof(struct file_head)] ^= 1;
	spit(p, n);
	reopen();
	add(&file, 0, 6);
	reopen();
	cr_expect_eq(look(&file), 6);
	free(p);
}

Test(store, it_may_end_anywhere, .timeout = 120)
{
	u8 *p;
	add(&file, 0, 3);
	add(&file, 3, 6);
	size_t n = slurp(&p);
	for (size_t len = 0; len <= n; len++) {
		spit(p, len);
		reopen();
		u32 found = look(&file);
		cr_assert(found == 0 || found == 3 || found == 6);
		if (len % 64 == 0) { /* and be written to then */
			add(&file, 0, 1);
			reopen();
			cr_assert_geq(look(&file), 1);
		}
	}
	free(p);
}

Test(store, noise_is_nothing)
{
	u8 noise[4096];
	srand(5);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (u8)rand();
		struct file_head h;
		container_head(&file, &h);
		if (round & 1)
			memcpy(noise, &h, sizeof(h));
		spit(noise, sizeof(noise));
		reopen();
		cr_assert_eq(look(&file), 0);
	}
}

Test(store, another_maker_has_its_own)
{
	const struct store_key newer = { 11, 23 };
	struct store s;
	struct store_file f;
	add(&file, 0, 10);
	cr_assert_eq(store_open(&s, dir, 1 << 20, &newer), 0);
	cr_assert(store_file_open(&f, &s, guest_fd));
	cr_expect_eq(look(&f), 0);
	add(&f, 0, 4);
	store_file_refresh(&f);
	cr_expect_eq(look(&f), 4);
	store_file_close(&f);
	store_close(&s);
	reopen();
	cr_expect_eq(look(&file), 10);
}

Test(store, a_folder_is_known_by_its_descriptor)
{
	char moved[80];
	add(&file, 0, 10);
	snprintf(moved, sizeof(moved), "%s.moved", dir);
	cr_assert_eq(rename(dir, moved), 0);
	cr_assert_eq(mkdir(dir, 0700), 0); /* not the one that was opened */
	add(&file, 10, 20);
	reopen();
	cr_expect_eq(look(&file), 20);
	cr_assert_eq(rmdir(dir), 0); /* nothing was written there */
	cr_assert_eq(rename(moved, dir), 0);
}

Test(store, a_folder_that_others_may_write_to_is_refused)
{
	struct store s;
	cr_assert_eq(chmod(dir, 0770), 0);
	cr_expect_eq(store_open(&s, dir, 0, &maker), -EPERM);
	cr_assert_eq(chmod(dir, 0700), 0);
	if (geteuid() == 0) { /* somebody else's */
		cr_assert_eq(chown(dir, 12345, 12345), 0);
		cr_expect_eq(store_open(&s, dir, 0, &maker), -EPERM);
		cr_assert_eq(chown(dir, 0, 0), 0);
	}
}

/* Writers at the same time, some of them killed. */
Test(store, many_write_at_once, .timeout = 60)
{
	for (int round = 0; round < 40; round++) {
		pid_t pid[8];
		for (int k = 0; k < 8; k++) {
			pid[k] = fork();
			if (pid[k])
				continue;
			struct store_block b[NBLOCKS];
			for (u32 i = 0; i < NBLOCKS; i++)
				b[i] = block(i);
			for (u32 i = 0; i < NBLOCKS; i += 4)
				store_append(&file, b + i, 4);
			_exit(0);
		}
		usleep((useconds_t)(rand() % 3000));
		kill(pid[round % 8], SIGKILL);
		for (int k = 0; k < 8; k++)
			waitpid(pid[k], NULL, 0);
		reopen();
		look(&file);
	}
	add(&file, 0, NBLOCKS);
	reopen();
	cr_expect_eq(look(&file), NBLOCKS);
}

Test(store, the_least_used_goes_first)
{
	struct store_totals t;
	add(&file, 0, 10);
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	cr_assert_eq(ftruncate(guest_fd, 10), 0);
	struct store_file f;
	cr_assert(store_file_open(&f, &store, guest_fd));
	add(&f, 0, 10);
	store_file_close(&f);
	cr_expect_eq(store_gc(&store, 1 << 20, &t), 0);
	cr_expect_eq(t.files, 0);
	cr_expect_eq(store_gc(&store, 6 << 10, &t), 0);
	cr_expect_eq(t.files, 1);
	cr_expect(access(path, F_OK) < 0);
}
