/*
 * machines.c - running a case in this process, see machines.h.
 *
 * Guest memory is one memory object mapped three times: at the guest's own
 * addresses (AS_IDENTITY), in a sandbox window (AS_BASED), and once writable
 * for us. The guest can write the data page only.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/machines.h"
#include "translator/fpu.h"

#define I TIER_INTERP
#define B TIER_BASELINE
#define O TIER_OPTIMIZING
/* clang-format off */
const struct fz_way fz_ways[] = {
	{ "interp, blocks of 1", I, AS_IDENTITY, 1, false, false },
	{ "interp", I, AS_IDENTITY, 0, false, false },
	{ "interp, sandbox", I, AS_BASED, 2, false, false },
	{ "baseline, blocks of 1", B, AS_IDENTITY, 1, false, false },
	{ "baseline, blocks of 3", B, AS_BASED, 3, false, false },
	{ "baseline", B, AS_IDENTITY, 0, false, false },
	{ "baseline, sandbox", B, AS_BASED, 0, false, false },
	{ "baseline, counting", B, AS_IDENTITY, 5, true, false },
	{ "lock step", B, AS_IDENTITY, 7, false, true },
	{ "optimizing", O, AS_IDENTITY, 0, false, false },
};
/* clang-format on */
#undef O
#undef I
#undef B
const u32 fz_nways = ARRAY_LEN(fz_ways);

#define WINDOW (1ull << AS_WINDOW_BITS)
#define GUARD (4ull << 30)
#define CACHE_SIZE (1u << 20) /* small: it shall be flushed now and then */

struct fz_machines {
	u8 *code, *data; /* our writable views */
	u64 base; /* of the sandbox window */
	u64 slots_used; /* slots whose code may have been translated */
	struct metic_vm *vm[ARRAY_LEN(fz_ways)];
	u64 seen[ARRAY_LEN(fz_ways)]; /* newest case of each VM, plus 1 */
};

const char *fz_jitd;

bool fz_way_works(const struct fz_way *w)
{
	if (w->tier == TIER_OPTIMIZING && !fz_jitd)
		return false;
	return w->tier == TIER_INTERP || host_backend_default();
}

static void print_log(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	fwrite(text, 1, n, stdout);
}

static enum vm_action leave(struct vcpu *v, u32 reason, u64 arg)
{
	(void)v;
	(void)reason;
	(void)arg;
	return VM_LEAVE;
}

static const struct vm_hooks hooks = { leave };

/* Map `size` bytes of fd from `off` at base + a. */
static bool map_at(u64 base, gva_t a, size_t size, int prot, int fd, off_t off)
{
	void *want = (void *)(uintptr_t)(base + a);

	return mmap(want, size, prot, MAP_SHARED | MAP_FIXED, fd, off) == want;
}

static bool map_guest(u64 base, int fd)
{
	off_t data = FZ_CODE_SIZE;

	return map_at(base, FZ_CODE, FZ_CODE_SIZE, PROT_READ, fd, 0) &&
	    map_at(base, FZ_DATA, FZ_DATA_SIZE, PROT_READ | PROT_WRITE, fd,
		data) &&
	    map_at(base, FZ_DATA_RO, HOST_PAGE, PROT_READ, fd,
		data + FZ_DATA_SIZE);
}

static bool map_memory(struct fz_machines *m)
{
	size_t size = FZ_CODE_SIZE + FZ_DATA_SIZE + HOST_PAGE;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	void *p, *w;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return false;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	w = mmap(NULL, WINDOW + 2 * GUARD, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED || w == MAP_FAILED)
		return false;
	m->code = p;
	m->data = m->code + FZ_CODE_SIZE;
	m->base = (u64)(uintptr_t)w + GUARD;
	bool ok = map_guest(0, fd) && map_guest(m->base, fd);
	close(fd);
	return ok;
}

static bool record(struct metic_vm *vm, gva_t a, size_t size, u8 prot)
{
	struct map_range r = { .start = a, .end = a + size, .prot = prot };

	return map_set(&vm->map, &r) == 0;
}

static struct metic_vm *make_vm(
    struct fz_machines *m, const struct fz_way *w, const char *dump)
{
	u64 base = w->as == AS_BASED ? m->base : 0;
	struct vm_config cfg = { .tier = w->tier,
		.jitd = fz_jitd,
		.jit_wait = w->tier == TIER_OPTIMIZING,
		.count = w->count,
		.check = w->check,
		.verify = w == &fz_ways[1], /* once is enough */
		.max_insns = w->max_insns,
		.cache_size = CACHE_SIZE,
		.dump = dump,
		.log = print_log };
	struct metic_vm *vm;

	if (vm_new(&guest_riscv64, w->as, base, &hooks, &cfg, &vm) != 0)
		return NULL;
	if (!vcpu_new(vm) ||
	    !record(vm, FZ_CODE, FZ_CODE_SIZE, MAP_PROT_R | MAP_PROT_X) ||
	    !record(vm, FZ_DATA, FZ_DATA_SIZE, MAP_PROT_R | MAP_PROT_W) ||
	    !record(vm, FZ_DATA_RO, HOST_PAGE, MAP_PROT_R))
		return NULL;
	return vm;
}

struct fz_machines *fz_machines_new(const char *dump, u32 dump_way)
{
	struct fz_machines *m = calloc(1, sizeof(*m));

	if (!m || !map_memory(m))
		return NULL;
	for (u32 k = 0; k < fz_nways; k++) {
		if (!fz_way_works(&fz_ways[k]))
			continue;
		m->vm[k] = make_vm(m, &fz_ways[k], k == dump_way ? dump : NULL);
		if (!m->vm[k])
			return NULL;
	}
	return m;
}

const struct vm_stats *fz_stats(const struct fz_machines *m, u32 way)
{
	return &m->vm[way]->stats;
}

/*
 * The optimizing tier remembers where it has tried, and does not try often:
 * for other code in the same place it takes a new VM. What the old one has
 * counted is kept.
 */
static void start_anew(struct fz_machines *m, u32 way)
{
	u64 units = m->vm[way]->stats.units;
	u64 failed = m->vm[way]->stats.units_failed;

	vm_free(m->vm[way]);
	m->vm[way] = make_vm(m, &fz_ways[way], NULL);
	if (!m->vm[way])
		abort();
	m->vm[way]->stats.units = units;
	m->vm[way]->stats.units_failed = failed;
}

/* The slots are reused: what was translated from them must go. */
static void forget_old_code(struct fz_machines *m, u32 way, u64 index)
{
	u64 round = index / FZ_SLOTS + 1;

	if (m->seen[way] && m->seen[way] != round) {
		if (fz_ways[way].tier == TIER_OPTIMIZING)
			start_anew(m, way);
		else
			exec_invalidate(
			    m->vm[way], FZ_CODE, FZ_CODE + FZ_CODE_SIZE, false);
	}
	m->seen[way] = round;
}

void fz_run(struct fz_machines *m, u32 way, const struct fz_case *c,
    struct fz_result *out)
{
	forget_old_code(m, way, c->index);
	struct vcpu *v = m->vm[way]->vcpus;
	struct abi_state *s = &v->abi;
	memcpy(m->code + (c->pc - FZ_CODE), c->code, FZ_SLOT);
	memcpy(m->data, c->in.data, FZ_DATA_SIZE);
	memcpy(s->state, c->in.slot, sizeof(s->state));
	s->frm = c->in.frm;
	s->fpu = fpu_make_word(c->in.frm, c->in.fflags);
	s->pc = c->pc;
	s->fault_addr = 0;
	s->budget = 1 << 30;

	memset(out, 0, sizeof(*out));
	out->reason = exec_run(v);
	out->arg = v->exit_arg;
	/* the signal; its code cannot be right in a sandbox, where what is
	   not mapped is mapped without access */
	if (out->reason == EXIT_MEMORY)
		out->arg &= 0xff;
	out->pc = s->pc;
	if (out->reason == EXIT_MEMORY || out->reason == EXIT_MISALIGNED)
		out->fault = s->fault_addr;
	memcpy(out->out.slot, s->state, sizeof(s->state));
	out->out.fflags = fpu_flags(s->fpu);
	out->out.frm = s->frm;
	memcpy(out->out.data, m->data, FZ_DATA_SIZE);
}

u32 fz_compare(
    const struct fz_result *want, const struct fz_result *got, bool full)
{
	const struct fz_state *a = &want->out, *b = &got->out;
	const struct guest_isa *g = &guest_riscv64;
	u32 diff = 0;

	if (want->reason != got->reason || want->pc != got->pc ||
	    (full && (want->arg != got->arg || want->fault != got->fault)))
		diff |= FZ_DIFF_EXIT;
	for (u32 k = 0; k < g->nregs; k++) {
		u32 slot = g->regs[k].slot;

		if ((full || g->regs[k].shown) &&
		    a->slot[slot] != b->slot[slot])
			diff |= FZ_DIFF_REGS;
	}
	if (a->fflags != b->fflags)
		diff |= FZ_DIFF_FFLAGS;
	if (a->frm != b->frm)
		diff |= FZ_DIFF_FRM;
	if (memcmp(a->data, b->data, FZ_DATA_SIZE) != 0)
		diff |= FZ_DIFF_DATA;
	return diff;
}
