/* cache.c - the code cache under pressure, W^X, invalidation, fork. */
#include <criterion/criterion.h>
#include <metic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE 0x100000
#define CHAIN 4000

/* CHAIN blocks "addi a0, a0, 1; j +4" and a final ret. */
static metic_vm *chain(size_t cache)
{
	static uint32_t code[2 * CHAIN + 1];
	struct metic_config c = METIC_CONFIG_INIT;
	metic_vm *vm;
	c.code_cache = cache;
	c.tier = METIC_TIER_BASELINE;
	cr_assert_eq(metic_create(&c, &vm), METIC_OK);
	for (unsigned i = 0; i < CHAIN; i++) {
		code[2 * i] = 0x00150513;
		code[2 * i + 1] = 0x0040006f;
	}
	code[2 * CHAIN] = 0x00008067;
	cr_assert_eq(
	    metic_map(vm, CODE, 1 << 16, METIC_READ | METIC_EXEC), METIC_OK);
	cr_assert_eq(metic_write(vm, CODE, code, sizeof(code)), METIC_OK);
	return vm;
}

static uint64_t call(metic_vm *vm)
{
	struct metic_exit e = { .size = sizeof(e) };
	uint64_t zero = 0, r = 0;
	cr_assert_eq(metic_call(metic_cpu(vm), CODE, &zero, 1, &r, &e), 0);
	cr_assert_eq(e.reason, METIC_EXIT_RETURNED);
	return r;
}

Test(cache, a_cache_that_is_too_small_is_flushed)
{
	metic_vm *vm = chain(96 << 10);
	struct metic_stats s = { .size = sizeof(s) };
	for (int i = 0; i < 3; i++)
		cr_assert_eq(call(vm), CHAIN);
	metic_get_stats(vm, &s);
	cr_expect_gt(s.flushes, 2);
	metic_destroy(vm);
}

Test(cache, warm_code_is_linked)
{
	metic_vm *vm = chain(0);
	struct metic_stats a = { .size = sizeof(a) }, b = a;
	call(vm);
	metic_get_stats(vm, &a);
	call(vm);
	metic_get_stats(vm, &b);
	cr_expect_eq(a.blocks, b.blocks);
	cr_expect_eq(a.links, b.links);
	cr_expect_geq(a.links, CHAIN - 1);
	metic_destroy(vm);
}

Test(cache, nothing_is_writable_and_executable)
{
	metic_vm *vm = chain(0);
	char line[512];
	unsigned exec = 0;
	call(vm);
	FILE *f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), f)) {
		cr_expect_null(strstr(line, "rwx"), "%s", line);
		exec += strstr(line, "r-x") && strstr(line, "metic-code");
	}
	fclose(f);
	cr_expect_eq(exec, 1);
	metic_destroy(vm);
}
