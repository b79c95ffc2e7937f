/*
 * move.c - code that may move: made for one address and moved to another, it
 * is byte for byte what is made for the other. Every instruction of a C
 * library is tried as the start of a block.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "translator/backend.h"
#include "translator/passes.h"

#define LIBC "/usr/riscv64-linux-gnu/lib/libc.so.6"
#define CAP 65536

struct made {
	u8 code[CAP];
	struct codegen cg;
	struct arena arena;
	struct ir_region region;
};

static int make(
    struct made *m, void *decoder, const u8 *bytes, size_t n, gva_t pc)
{
	const struct guest_isa *g = guest_by_name("riscv64");
	const struct lift_opts o = { .max_insns = 64,
		.side_exits = true,
		.user = true,
		.movable = true };
	const struct lift_code code = { .pc = pc, .bytes = bytes, .len = n };
	const struct pipeline_opts po = { .verify = true };

	arena_reset(&m->arena);
	ir_init(&m->region, &m->arena, pc);
	g->lift(decoder, &m->region, &code, &o);
	cr_assert(!m->region.failed);
	translate_passes(g, &m->region, &po);
	m->cg = (struct codegen){ .guest = g,
		.region = &m->region,
		.opts = { .as = AS_IDENTITY, .movable = true },
		.rw = m->code,
		.rx = 0x7f0000000000,
		.cap = CAP,
		.arena = &m->arena };
	return host_backend_default()->compile(&m->cg);
}

static void move(struct made *m, u64 delta)
{
	for (u32 i = 0; i < m->cg.npcs; i++) {
		u64 pc;
		memcpy(&pc, m->code + m->cg.pcs[i], 8);
		pc += delta;
		memcpy(m->code + m->cg.pcs[i], &pc, 8);
	}
	for (u32 i = 0; i < m->cg.nlinks; i++)
		m->cg.links[i].target += delta;
}

static void compare(struct made *a, struct made *b, size_t at)
{
	cr_assert_eq(a->cg.size, b->cg.size, "at %#zx", at);
	cr_assert_eq(a->cg.nlinks, b->cg.nlinks, "at %#zx", at);
	cr_assert(!memcmp(a->code, b->code, a->cg.size), "at %#zx", at);
	for (u32 i = 0; i < a->cg.nlinks; i++)
		cr_assert(a->cg.links[i].off == b->cg.links[i].off &&
			a->cg.links[i].stub == b->cg.links[i].stub &&
			a->cg.links[i].target == b->cg.links[i].target,
		    "link %u at %#zx", i, at);
}

Test(store, moved_code_is_what_is_made_there, .timeout = 300)
{
	const gva_t from = 0x2aaaaaa000, to = 0x7f1234567000;
	static struct made a, b;
	struct stat st;
	int fd = open(LIBC, O_RDONLY);

	if (fd < 0) {
		fprintf(stderr, "SKIPPED: no %s\n", LIBC);
		return;
	}
	cr_assert_eq(fstat(fd, &st), 0);
	u8 *lib = malloc((size_t)st.st_size);
	cr_assert_eq(read(fd, lib, (size_t)st.st_size), st.st_size);
	close(fd);
	void *decoder = guest_by_name("riscv64")->open();
	unsigned tried = 0;
	arena_init(&a.arena);
	arena_init(&b.arena);
	/* The library's code lies in its first two thirds. */
	for (size_t at = 0x28000; at < (size_t)st.st_size / 3 * 2; at += 62) {
		int e = make(&a, decoder, lib + at, 512, from + at);
		cr_assert_eq(
		    e, make(&b, decoder, lib + at, 512, to + at), "%#zx", at);
		if (e)
			continue;
		move(&a, to - from);
		compare(&a, &b, at);
		tried++;
	}
	cr_expect_gt(tried, 5000);
	guest_by_name("riscv64")->close(decoder);
	free(lib);
}
