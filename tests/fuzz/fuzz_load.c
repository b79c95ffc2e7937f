/*
 * fuzz_load.c - hostile programs against the whole loader.
 *
 *   fuzz_load [--seed N] [--first N] [--cases N] [--seconds S]
 *
 * A case is a few files (an ELF program and its interpreter, both damaged,
 * or chains of "#!" scripts), arguments and an environment, and linux_new
 * over them, in this process: guest addresses are host addresses, so metic
 * must not touch what is its own. It must refuse with a reason and leave
 * nothing behind, or make the process that the files describe
 * (load_check.c). Some of those that can be are run, beside a native program
 * of the same shape, and the kernel says what is right (load_twin.c). Built
 * with the address and undefined-behaviour sanitizers where there are any.
 */
#include "tests/fuzz/load.h"

#include <fcntl.h>
#include <unistd.h>

#define RUN_ONE_IN 24 /* a fork of this process takes milliseconds */
#define MAPS_ONE_IN 8
#define RANGES_MAX 4096

struct range {
	u64 start, end;
};

/* --- what must be left alone ----------------------------------------------
 */

/* This process's mappings; their number. */
static u32 read_maps(struct range *r)
{
	static char buf[1 << 20];
	size_t n = 0;
	ssize_t k;
	u32 count = 0;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	while ((k = read(fd, buf + n, sizeof(buf) - 1 - n)) > 0)
		n += (size_t)k;
	close(fd);
	buf[n] = 0;
	for (char *p = buf; *p && count < RANGES_MAX; count++) {
		unsigned long long lo = strtoull(p, &p, 16);
		unsigned long long hi = strtoull(p + 1, &p, 16);
		r[count] = (struct range){ lo, hi };
		p = strchr(p, '\n');
		p = p ? p + 1 : buf + n;
	}
	return count;
}

/* Does the guest have anything that was mapped before it came? */
static bool overlaps(struct metic_vm *vm, const struct range *r, u32 n)
{
	struct map_range m;

	for (u32 k = 0; k < n; k++)
		if (map_next(&vm->map, r[k].start, &m) && m.start < r[k].end)
			return true;
	return false;
}

/* Descriptors: the lowest free ones are those that were free before. */
static bool descriptors_kept(int low, int high)
{
	int a = fcntl(0, F_DUPFD_CLOEXEC, 3), b;

	b = fcntl(0, F_DUPFD_CLOEXEC, 300);
	close(a);
	close(b);
	return a == low && b == high;
}

/* --- a case ---------------------------------------------------------------
 */

struct fuzz {
	struct ld_world *w;
	struct range before[RANGES_MAX], after[RANGES_MAX];
	u32 nmaps; /* after the first cases */
	u64 cases;
	int low, high; /* descriptors that are free */
};

static int load(const struct ld_world *w, struct metic_vm **vm, char why[512])
{
	const struct ld_case *c = &w->c;
	const struct vm_config vmcfg = { .cache_size = 1 << 20 };
	const struct linux_config cfg = { .prog = c->prog,
		.sysroot = c->sysroot,
		.argv = c->argv,
		.envp = c->envp,
		.stack_size = c->stack_size };

	memset(why, 0, 512);
	return linux_new(&cfg, &vmcfg, vm, why, 512);
}

#define BAD(s, ...) snprintf((s)->bad, sizeof((s)->bad), __VA_ARGS__)

/*
 * Is the first thing that is run the code that was put there? Damage may lead
 * into its middle, where machines differ.
 */
static bool starts_well(struct metic_vm *vm)
{
	struct linux_process *p = vm->kernel;
	struct vcpu *v = p->tasks->v;
	struct map_range r;

	return map_find(&vm->map, v->abi.pc, &r) && v->abi.pc &&
	    (r.prot & MAP_PROT_X) && r.end - v->abi.pc >= ld_code_guest_size &&
	    !memcmp((void *)v->abi.pc, ld_code_guest, ld_code_guest_size);
}

/* Run both and compare. */
static void twins(struct fuzz *f, struct fz_watch *s, struct metic_vm *vm,
    int err, const char *why)
{
	struct ld_end native = ld_run_native(f->w);
	struct ld_end metic = { .err = err };
	bool stricter;

	if (vm)
		metic = ld_run(vm);
	s->count[LD_TWINS]++;
	if (!ld_equal(&metic, &native, why, &stricter))
		BAD(s, "metic: error %d, %s %d (%s); native: error %d, %s %d",
		    metic.err, metic.signaled ? "signal" : "status",
		    metic.status, why, native.err,
		    native.signaled ? "signal" : "status", native.status);
	s->count[stricter ? LD_STRICTER : LD_EQUAL]++;
}

static void try_case(struct fuzz *f, struct fz_watch *s, struct fz_rng *g)
{
	bool look = f->cases % MAPS_ONE_IN == 0;
	bool run = fz_once_in(g, RUN_ONE_IN) && f->w->c.twin;
	u32 n = look ? read_maps(f->before) : 0;
	struct metic_vm *vm = NULL;
	char why[512];

	int err = load(f->w, &vm, why);
	s->count[err ? LD_REFUSED : LD_LOADED]++;
	if (err > 0 || (err && strlen(why) < 5))
		BAD(s, "error %d, reason \"%s\"", err, why);
	if (!err && !ld_check(f->w, vm, why, sizeof(why)))
		BAD(s, "%s", why);
	if (!err && look && overlaps(vm, f->before, n)) {
		/* The sanitizer gives memory back, too: look once more. */
		linux_free(vm);
		vm = NULL;
		n = read_maps(f->before);
		err = load(f->w, &vm, why);
		if (!err && overlaps(vm, f->before, n))
			BAD(s, "the guest's memory was metic's");
	}
	if (run && !s->bad[0] && (!vm || starts_well(vm)))
		twins(f, s, vm, err, why);
	if (vm)
		linux_free(vm);
	if (look && !s->bad[0]) {
		n = read_maps(f->after);
		/* the sanitizer's own grow for a while */
		if (f->cases == 512 * MAPS_ONE_IN)
			f->nmaps = n;
		if (f->nmaps && n > f->nmaps + 300)
			BAD(s, "%u mappings, %u before", n, f->nmaps);
	}
	ld_unmake(f->w);
	if (!s->bad[0] && !descriptors_kept(f->low, f->high))
		BAD(s, "a descriptor is left open, or closed");
}

static void run_case(void *ctx, struct fz_watch *s, struct fz_rng *g)
{
	struct fuzz *f = ctx;

	ld_make(f->w, g);
	try_case(f, s, g);
	if (s->bad[0])
		ld_show(f->w);
	f->cases++;
}

static void *start(struct fz_watch *s)
{
	struct fuzz *f = calloc(1, sizeof(*f));

	(void)s;
	if (!f || !(f->w = ld_world_new()))
		return NULL;
	f->low = fcntl(0, F_DUPFD_CLOEXEC, 3);
	f->high = fcntl(0, F_DUPFD_CLOEXEC, 300);
	close(f->low);
	close(f->high);
	return f;
}

static void end(void *ctx)
{
	struct fuzz *f = ctx;

	ld_world_free(f->w);
	free(f);
}

int main(int argc, char **argv)
{
	static const struct fz_cases cases = {
		.counts = { [LD_LOADED] = "loaded",
		    [LD_REFUSED] = "refused",
		    [LD_TWINS] = "with a twin",
		    [LD_EQUAL] = "equal",
		    [LD_STRICTER] = "where metic is stricter" },
		.start = start,
		.run = run_case,
		.end = end,
	};

	return fz_watch_main(argc, argv, &cases);
}
