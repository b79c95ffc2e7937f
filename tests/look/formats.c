/*
 * formats.c - the files for perf, byte by byte and after flushes of the code
 * cache; names; unwind tables.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <metic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/look/eh_frame.h"
#include "runtime/look/names.h"
#include "runtime/look/perf.h"

static char *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *p = calloc(1, 1 << 22);
	cr_assert(f && p, "%s", path);
	*n = fread(p, 1, (1 << 22) - 1, f);
	fclose(f);
	return p;
}

static const char *map_path(void)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	return path;
}

Test(look, map)
{
	static const u8 code[16];
	struct perf_out *o;
	char want[256];
	size_t n;

	/* what a process of our number left long ago goes */
	FILE *f = fopen(map_path(), "w");
	fputs("1 2 stale\n", f);
	fclose(f);
	const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
	utimensat(AT_FDCWD, map_path(), old, 0);
	cr_assert_eq(perf_open(&o, true, NULL), 0);
	perf_code(o, "alpha+0x12", code, 5);
	perf_code(o, "beta", code + 8, 8);
	perf_flush(o);
	snprintf(want, sizeof(want), "%llx 5 alpha+0x12\n%llx 8 beta\n",
	    (unsigned long long)(uintptr_t)code,
	    (unsigned long long)(uintptr_t)(code + 8));
	char *got = slurp(map_path(), &n);
	cr_assert_str_eq(got, want);
	free(got);
	/* what another program in this process wrote stays */
	struct perf_out *second;
	cr_assert_eq(perf_open(&second, true, NULL), 0);
	perf_code(second, "gamma", code, 1);
	perf_free(second);
	got = slurp(map_path(), &n);
	cr_assert(strstr(got, "beta\n") && strstr(got, "gamma\n"));
	free(got);
	/* after a flush nothing of before it is there */
	perf_restart(o);
	perf_code(o, "delta", code, 2);
	perf_free(o);
	got = slurp(map_path(), &n);
	cr_assert(strstr(got, "delta\n") && !strstr(got, "beta"));
	free(got);
	unlink(map_path());
}

Test(look, dump)
{
	static const u8 code[] = { 0x90, 0xc3 };
	char dir[] = "/tmp/metic-look-XXXXXX", path[128];
	struct perf_out *o;
	size_t n;
	u32 w[10];

	cr_assert(mkdtemp(dir));
	cr_assert_eq(perf_open(&o, false, dir), 0);
	perf_code(o, "f", code, sizeof(code));
	snprintf(path, sizeof(path), "%s/jit-%d.dump", dir, (int)getpid());
	/* perf finds it by an executable mapping */
	char *maps = slurp("/proc/self/maps", &n);
	char *line = strstr(maps, path);
	cr_assert(line);
	while (line > maps && line[-1] != '\n')
		line--;
	cr_assert(
	    strstr(line, "r-xp") && strstr(line, "r-xp") < strchr(line, '\n'));
	free(maps);
	perf_free(o);
	char *got = slurp(path, &n);
	/* head, load record with "f\0" and two bytes of code, close record */
	cr_assert_eq(n, 40 + 56 + 2 + 2 + 16);
	memcpy(w, got, sizeof(w));
	cr_assert_eq(w[0], 0x4a695444);
	cr_assert_eq(w[1], 1);
	cr_assert_eq(w[2], 40);
	cr_assert_eq(w[3], 62);
	cr_assert_eq(w[5], (u32)getpid());
	memcpy(w, got + 40, sizeof(w));
	cr_assert_eq(w[0], 0);
	cr_assert_eq(w[1], 60);
	cr_assert(!memcmp(got + 40 + 56, "f\0\x90\xc3", 4));
	memcpy(w, got + 100, sizeof(w[0]) * 2);
	cr_assert_eq(w[0], 3);
	cr_assert_eq(w[1], 16);
	free(got);
	unlink(path);
	rmdir(dir);
	cr_assert_neq(perf_open(&o, false, "/no/such/folder"), 0);
	perf_free(o);
}

#define CODE 0x100000
#define CHAIN 4000

/* A VM whose code does not fit into its cache: the map is of what is there. */
Test(look, flushes)
{
	static uint32_t code[2 * CHAIN + 1];
	struct metic_config c = METIC_CONFIG_INIT;
	struct metic_exit e = { .size = sizeof(e) };
	struct metic_stats st = { .size = sizeof(st) };
	unsigned long long at, size, last = 0, blocks = 0;
	metic_vm *vm;
	uint64_t zero = 0, r = 0;
	char name[64], end[32];
	bool seen = false;

	snprintf(end, sizeof(end), "0x%x", CODE + 8 * CHAIN);
	c.code_cache = 64 << 10;
	c.tier = METIC_TIER_BASELINE;
	c.perf_map = true;
	cr_assert_eq(metic_create(&c, &vm), METIC_OK);
	for (unsigned i = 0; i < CHAIN; i++) {
		code[2 * i] = 0x00150513; /* addi a0, a0, 1 */
		code[2 * i + 1] = 0x0040006f; /* j + 4 */
	}
	code[2 * CHAIN] = 0x00008067;
	cr_assert_eq(
	    metic_map(vm, CODE, 1 << 16, METIC_READ | METIC_EXEC), METIC_OK);
	cr_assert_eq(metic_write(vm, CODE, code, sizeof(code)), METIC_OK);
	cr_assert_eq(metic_call(metic_cpu(vm), CODE, &zero, 1, &r, &e), 0);
	cr_assert_eq(r, CHAIN);
	metic_get_stats(vm, &st);
	cr_assert_gt(st.flushes, 0);
	FILE *f = fopen(map_path(), "r");
	cr_assert(f);
	while (fscanf(f, "%llx %llx %63s", &at, &size, name) == 3) {
		cr_assert_geq(at, last, "%s overlaps", name);
		last = at + size;
		blocks++;
		seen |= strstr(name, end) != NULL;
	}
	fclose(f);
	cr_assert_gt(blocks, 10);
	cr_assert_lt(blocks, CHAIN);
	cr_assert(seen, "the last block of all is not there");
	metic_destroy(vm);
	unlink(map_path());
}

static void sum(void *ctx, u64 start, u64 size)
{
	u64 *at = ctx;
	at[0]++;
	at[1] += start;
	at[2] += size;
}

/* A CIE "zR" with pc-relative 4-byte addresses, two functions, the end. */
static const u8 frames[] = {
	/* */ 16,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	1,
	'z',
	'R',
	0,
	1,
	0x7c,
	1,
	1,
	0x1b,
	0,
	0,
	0, /* 20 */
	12,
	0,
	0,
	0,
	24,
	0,
	0,
	0,
	0xe4,
	0x0f,
	0,
	0,
	0x10,
	0,
	0,
	0, /* 36 */
	12,
	0,
	0,
	0,
	40,
	0,
	0,
	0,
	0xe4,
	0x0f,
	0,
	0,
	0x20,
	0,
	0,
	0, /* 52 */
	0,
	0,
	0,
	0,
};

Test(look, eh_frame)
{
	u64 at[3] = { 0 };
	eh_frame_walk(frames, sizeof(frames), 0x1000, sum, at);
	cr_assert_eq(at[0], 2);
	/* 0x1000 + 28 + 0xfe4 = 0x2000, and 16 bytes further */
	cr_assert_eq(at[1], 0x2000 + 0x2010);
	cr_assert_eq(at[2], 0x30);
	/* every cut, every byte changed: it ends, and stays inside */
	for (size_t n = 0; n < sizeof(frames); n++) {
		u8 *copy = malloc(n + 1); /* its end is where tools look */
		memcpy(copy, frames, n);
		eh_frame_walk(copy, n, 0x1000, sum, at);
		for (size_t i = 0; i < n; i++) {
			copy[i] ^= 0xff;
			eh_frame_walk(copy, n, 0x1000, sum, at);
			copy[i] ^= 0xff;
		}
		free(copy);
	}
}

/* The symbols of the host's own files will do. */
Test(look, symbols)
{
	struct symbols t;
	struct mem_map map;
	struct names n;
	char buf[128];

	cr_assert_eq(symbols_read(&t, "/proc/self/exe", ""), 0);
	const struct symbol *s = symbols_named(&t, "slurp");
	cr_assert(s && s->size);
	cr_assert_eq(symbols_at(&t, s->off + s->size - 1), s);
	cr_assert_neq(symbols_at(&t, s->off + s->size), s);
	cr_assert_neq(symbols_read(&t, "/etc/passwd", ""), 0);

	char exe[1024];
	ssize_t k = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[k < 0 ? 0 : k] = '\0';
	cr_assert_eq(symbols_read(&t, exe, ""), 0);
	s = symbols_named(&t, "slurp");
	cr_assert_eq(map_init(&map), 0);
	cr_assert_eq(names_init(&n, NULL), 0);
	struct map_range r = { .start = 0x10000000,
		.end = 0x20000000,
		.prot = MAP_PROT_R | MAP_PROT_X,
		.dev = 1,
		.ino = 1,
		.name = exe };
	cr_assert_eq(map_set(&map, &r), 0);
	names_learn(&n, &map, 0x10000000 + s->off);
	names_text(&n, 0x10000000 + s->off + 3, buf, sizeof(buf));
	cr_assert_str_eq(buf, "slurp+0x3");
	names_text(&n, 0x10000000 + s->off, buf, sizeof(buf));
	cr_assert_str_eq(buf, "slurp");
	/* still known when it is gone, until something else is there */
	map_clear(&map, r.start, r.end);
	names_learn(&n, &map, r.start);
	names_text(&n, 0x10000000 + s->off, buf, sizeof(buf));
	cr_assert_str_eq(buf, "slurp");
	r.name = NULL;
	r.dev = r.ino = 0;
	cr_assert_eq(map_set(&map, &r), 0);
	names_learn(&n, &map, r.start);
	names_text(&n, 0x10000000 + s->off, buf, sizeof(buf));
	cr_assert_eq(strncmp(buf, "[anon]+0x1", 10), 0, "%s", buf);
	names_text(&n, 0x666, buf, sizeof(buf));
	cr_assert_str_eq(buf, "0x666");
	symbols_free(&t);
	names_free(&n);
	map_free(&map);
}
