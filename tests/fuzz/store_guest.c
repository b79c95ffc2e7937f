/*
 * store_guest.c - guest code run in this process with translations from a
 * container: identity mapping, no Linux.
 *
 * The program: functions of random arithmetic, each with a loop, a branch
 * that depends on the data, and an address of its own code made a number that
 * is the same wherever the code lies; main calls them in turn, a few times.
 */
#include "tests/fuzz/fuzz_store.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUNCTIONS 24
#define WORDS 12288
#define RESULT 10 /* a0 */
#define BASE 8 /* s0: where the code lies */

enum { RA = 1, T0 = 5, T1 = 6, T2 = 7, S0 = 8, S1 = 9, A0 = 10, A1 = 11 };

struct writer {
	u32 word[WORDS];
	u32 n;
};

static void put(struct writer *w, u32 word)
{
	if (w->n < WORDS)
		w->word[w->n++] = word;
}

static u32 rtype(u32 f7, u32 rs2, u32 rs1, u32 f3, u32 rd, u32 op)
{
	return f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}

static u32 itype(u32 imm, u32 rs1, u32 f3, u32 rd, u32 op)
{
	return imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}

static u32 branch(i32 by, u32 rs2, u32 rs1, u32 f3)
{
	u32 v = (u32)by;

	return (v >> 12 & 1) << 31 | (v >> 5 & 63) << 25 | rs2 << 20 |
	    rs1 << 15 | f3 << 12 | (v >> 1 & 15) << 8 | (v >> 11 & 1) << 7 |
	    0x63;
}

static u32 jal(i32 by, u32 rd)
{
	u32 v = (u32)by;

	return (v >> 20 & 1) << 31 | (v >> 1 & 1023) << 21 |
	    (v >> 11 & 1) << 20 | (v >> 12 & 255) << 12 | rd << 7 | 0x6f;
}

/* One operation on a0 or a1. */
static void put_arithmetic(struct writer *w, struct fz_rng *g)
{
	static const u8 f3[] = { 0, 4, 6, 7, 1,
		5 }; /* add xor or and sll srl */
	u32 rd = A0 + fz_below(g, 2), rs1 = A0 + fz_below(g, 2);

	switch (fz_below(g, 3)) {
	case 0: put(w, itype(fz_below(g, 4096), rs1, 0, rd, 0x13)); break;
	case 1: put(w, rtype(1, A1, rs1, 0, rd, 0x33)); break; /* mul */
	default:
		put(w,
		    rtype(0, A0 + fz_below(g, 2), rs1,
			f3[fz_below(g, ARRAY_LEN(f3))], rd, 0x33));
	}
}

static void put_function(struct writer *w, struct fz_rng *g)
{
	put(w, itype(1 + fz_below(g, 6), 0, 0, T0, 0x13)); /* rounds */
	u32 loop = w->n;
	for (u32 k = 2 + fz_below(g, 12); k > 0; k--)
		put_arithmetic(w, g);
	/* over the next two if a0 is odd */
	put(w, itype(1, A0, 7, T1, 0x13));
	put(w, branch(12, 0, T1, 1));
	put_arithmetic(w, g);
	put_arithmetic(w, g);
	/* auipc t2, 0; t2 - s0 into a0 */
	put(w, T2 << 7 | 0x17);
	put(w, rtype(32, S0, T2, 0, T2, 0x33));
	put(w, rtype(0, T2, A0, 4, A0, 0x33));
	put(w, itype(4095, T0, 0, T0, 0x13));
	put(w, branch((i32)(loop - w->n) * 4, 0, T0, 1));
	put(w, itype(0, RA, 0, 0, 0x67)); /* ret */
}

static void put_program(struct writer *w)
{
	struct fz_rng g = { 20 };
	u32 at[FUNCTIONS], calls;

	put(w, itype(3, 0, 0, S1, 0x13));
	calls = w->n;
	w->n += FUNCTIONS + 3;
	for (u32 k = 0; k < FUNCTIONS; k++) {
		/* some at the ends of pages, which blocks do not cross */
		while (k % 3 == 0 && w->n % 1024 < 1000)
			put(w, 0x13);
		at[k] = w->n;
		put_function(w, &g);
	}
	for (u32 k = 0; k < FUNCTIONS; k++)
		w->word[calls + k] = jal((i32)(at[k] - calls - k) * 4, RA);
	u32 *tail = w->word + calls + FUNCTIONS;
	tail[0] = itype(4095, S1, 0, S1, 0x13);
	tail[1] = branch(-(FUNCTIONS + 1) * 4, 0, S1, 1);
	tail[2] = 0x73; /* ecall */
}

/* --- running --------------------------------------------------------------
 */

static enum vm_action leave(struct vcpu *v, u32 reason, u64 arg)
{
	(void)arg;
	v->exit_reason = reason;
	return VM_LEAVE;
}

static void run_in(struct metic_vm *vm, const struct st_guest *s, u8 *code,
    const char *path, long cut, struct st_result *r)
{
	struct vcpu *v = vcpu_new(vm);
	u64 base = (u64)(uintptr_t)code;

	exec_cache_image(vm, base, base + s->size, s->fd, 0);
	if (cut >= 0 && truncate(path, cut) < 0)
		return;
	if (!v)
		return;
	v->abi.pc = base;
	v->abi.state[S0] = base;
	v->abi.state[A0] = 1;
	v->abi.state[A1] = 0x9e3779b97f4a7c15u;
	u32 why = exec_run(v);
	r->value = v->abi.state[RESULT];
	r->ended =
	    why == EXIT_SYSCALL && v->abi.pc - base == 4u * (1 + FUNCTIONS + 3);
	r->hits = vm->stats.cache_hits;
	r->misses = vm->stats.cache_misses;
	r->blocks = vm->stats.blocks;
	exec_cache_save(vm);
}

bool st_guest_run(const struct st_guest *s, const char *dir, bool low,
    const char *path, long cut, struct st_result *r)
{
	static const struct vm_hooks hooks = { .event = leave };
	const struct vm_config cfg = { .cache_size = 1 << 20,
		.tier = dir ? TIER_AUTO : TIER_INTERP };
	struct metic_vm *vm;

	*r = (struct st_result){ .ended = false };
	u8 *code = mmap(NULL, s->size, PROT_READ,
	    MAP_PRIVATE | (low ? MAP_32BIT : 0), s->fd, 0);
	if (code == MAP_FAILED)
		return false;
	bool ok = vm_new(guest_by_name("riscv64"), AS_IDENTITY, 0, &hooks, &cfg,
		      &vm) == 0;
	if (ok) {
		const struct map_range range = { .start = (gva_t)code,
			.end = (gva_t)code + s->size,
			.prot = MAP_PROT_R | MAP_PROT_X };
		ok = map_set(&vm->map, &range) == 0 &&
		    (!dir || exec_cache_open(vm, dir, 1 << 30) == 0);
		if (ok)
			run_in(vm, s, code, path, cut, r);
		vm_free(vm);
	}
	munmap(code, s->size);
	return ok;
}

bool st_guest_init(struct st_guest *s)
{
	static struct writer w;
	struct st_result r;

	put_program(&w);
	s->size = ALIGN_UP(4ull * w.n, HOST_PAGE);
	s->fd = memfd_create("fuzz_store", MFD_CLOEXEC);
	if (w.n == WORDS || s->fd < 0 || ftruncate(s->fd, (off_t)s->size) ||
	    pwrite(s->fd, w.word, 4ull * w.n, 0) != (ssize_t)(4ull * w.n) ||
	    !st_guest_run(s, NULL, false, NULL, -1, &r) || !r.ended)
		return false;
	s->want = r.value;
	return true;
}
