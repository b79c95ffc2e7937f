/*
 * stack.c - the initial stack, from the top down:
 *
 *	8 zero bytes, execfn, envp strings, argv strings, platform, 16 random
 *	bytes, padding, auxv, NULL, envp[], NULL, argv[], argc  <- sp
 *
 * as Linux's create_elf_tables lays it out; sp is 16-byte aligned.
 */
#include <elf.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/user/mm.h"
#include "runtime/user/stack.h"

#define STACK_DEFAULT ((u64)8 << 20)
#define STACK_MIN ((u64)256 << 10)
#define STACK_MAX ((u64)1 << 30)
#define STACK_GUARD ((u64)1 << 20)
#define NAUX 24

static u64 stack_size(const struct linux_process *p)
{
	struct rlimit rl;
	u64 size = p->cfg.stack_size;
	if (size == 0) {
		size = STACK_DEFAULT;
		if (getrlimit(RLIMIT_STACK, &rl) == 0 &&
		    rl.rlim_cur != RLIM_INFINITY)
			size = rl.rlim_cur;
	}
	return ALIGN_UP(MIN(MAX(size, STACK_MIN), STACK_MAX), HOST_PAGE);
}

static int map_stack(struct linux_process *p)
{
	u64 size = stack_size(p);
	i64 r = mm_mmap(p, 0, STACK_GUARD + size, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, NULL);
	if (r < 0)
		return (int)r;
	gva_t low = (gva_t)r + STACK_GUARD;
	p->stack_guard = (gva_t)r;
	r = mm_mmap(p, low, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0,
	    "[stack]");
	if (r < 0)
		return (int)r;
	p->stack_low = low;
	p->stack_top = low + size;
	return 0;
}

/* Bytes and number of the strings of v. */
static void measure(char *const *v, size_t *count, u64 *bytes)
{
	for (*count = 0; v && v[*count]; ++*count)
		*bytes += strlen(v[*count]) + 1;
}

/* The stack is fresh memory of ours: plain copies are safe. */
static gva_t push(gva_t at, const void *src, size_t n)
{
	at -= n;
	memcpy((void *)at, src, n);
	return at;
}

/* Copy the strings upwards from `at`, their addresses to vec, then a NULL. */
static gva_t put_strings(gva_t at, char *const *v, size_t n, u64 *vec)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(v[i]) + 1;
		memcpy((void *)at, v[i], len);
		vec[i] = at;
		at += len;
	}
	vec[n] = 0;
	return at;
}

static size_t fill_auxv(const struct linux_process *p, u64 (*aux)[2],
    gva_t execfn, gva_t platform, gva_t random)
{
	const struct linux_image *im = &p->image;
	size_t n = 0;
	const u64 rows[][2] = {
		{ AT_SYSINFO_EHDR, p->vdso },
		{ AT_HWCAP, p->abi->hwcap(p->vm->guest) },
		{ AT_PAGESZ, HOST_PAGE },
		{ AT_CLKTCK, (u64)sysconf(_SC_CLK_TCK) },
		{ AT_PHDR, im->phdr },
		{ AT_PHENT, im->phentsize },
		{ AT_PHNUM, im->phnum },
		{ AT_BASE, im->interp_base },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, im->entry },
		{ AT_UID, getuid() },
		{ AT_EUID, geteuid() },
		{ AT_GID, getgid() },
		{ AT_EGID, getegid() },
		{ AT_SECURE, getauxval(AT_SECURE) },
		{ AT_RANDOM, random },
		{ AT_HWCAP2, 0 },
		{ AT_EXECFN, execfn },
		{ AT_MINSIGSTKSZ, p->abi->min_sigstack },
		{ AT_PLATFORM, platform },
	};
	_Static_assert(ARRAY_LEN(rows) < NAUX, "room for AT_NULL");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i][0] == AT_PLATFORM && !platform)
			continue;
		aux[n][0] = rows[i][0];
		aux[n++][1] = rows[i][1];
	}
	aux[n][0] = AT_NULL;
	aux[n++][1] = 0;
	return n;
}

int stack_build(struct linux_process *p, const char *execfn, gva_t *out)
{
	char *const *argv = p->cfg.argv, *const *envp = p->cfg.envp;
	size_t argc, envc;
	u64 bytes = 0, arg_bytes, aux[NAUX][2];
	u8 seed[16];

	int err = map_stack(p);
	if (err)
		return err;
	measure(argv, &argc, &bytes);
	arg_bytes = bytes;
	measure(envp, &envc, &bytes);
	u64 limit = (p->stack_top - p->stack_low) / 4;
	if (bytes + (argc + envc) * 8 + strlen(execfn) > limit)
		return -E2BIG;
	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return -EIO;

	gva_t at = p->stack_top - 8;
	gva_t fn = at = push(at, execfn, strlen(execfn) + 1);
	p->env_end = at;
	p->env_start = p->arg_end = at - (bytes - arg_bytes);
	p->arg_start = at = at - bytes;
	gva_t platform = 0;
	if (p->abi->platform)
		platform = at =
		    push(at, p->abi->platform, strlen(p->abi->platform) + 1);
	gva_t random = at = push(at, seed, sizeof(seed));
	size_t naux = fill_auxv(p, aux, fn, platform, random);
	size_t words = 1 + argc + 1 + envc + 1 + 2 * naux;
	at = ALIGN_DOWN(at - words * 8, 16);

	u64 *w = (u64 *)at;
	*out = at;
	*w++ = argc;
	put_strings(p->arg_start, argv, argc, w);
	w += argc + 1;
	put_strings(p->env_start, envp, envc, w);
	w += envc + 1;
	memcpy(w, aux, naux * sizeof(aux[0]));
	p->auxv_start = (gva_t)w;
	p->auxv_end = p->auxv_start + naux * sizeof(aux[0]);
	return 0;
}
