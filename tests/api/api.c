/* api.c - the public API as an embedder relies on it, in every tier. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <metic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CODE 0x10000
#define DATA 0x20000

static metic_vm *make(enum metic_tier tier, bool budget)
{
	struct metic_config c = METIC_CONFIG_INIT;
	metic_vm *vm;
	c.tier = tier;
	c.budget = budget;
	cr_assert_eq(metic_create(&c, &vm), METIC_OK);
	cr_assert_eq(
	    metic_map(vm, CODE, 4096, METIC_READ | METIC_EXEC), METIC_OK);
	cr_assert_eq(
	    metic_map(vm, DATA, 4096, METIC_READ | METIC_WRITE), METIC_OK);
	return vm;
}

static void put(metic_vm *vm, const uint32_t *code, size_t n)
{
	cr_assert_eq(metic_write(vm, CODE, code, n), METIC_OK);
}

static struct metic_exit run_at(metic_vm *vm, uint64_t pc, uint64_t budget)
{
	struct metic_exit e = { .size = sizeof(e) };
	metic_set_pc(metic_cpu(vm), pc);
	cr_assert_eq(metic_run(metic_cpu(vm), budget, &e), METIC_OK);
	return e;
}

ParameterizedTestParameters(api, tiers)
{
	static enum metic_tier t[] = { METIC_TIER_INTERP, METIC_TIER_BASELINE };
	return cr_make_param_array(enum metic_tier, t, 2);
}

/* ecall, ebreak, an illegal word: each comes back with its pc */
ParameterizedTest(enum metic_tier *tier, api, tiers)
{
	const uint32_t code[] = {
		0x00000073, /* ecall */
		0x00100073, /* ebreak */
		0xffffffff, /* illegal */
		0x0002b503, /* ld a0, 0(t0) */
		0x0000006f, /* j . */
		0x00150513, /* addi a0, a0, 1 */
		0xffdff06f, /* j -4 */
	};
	metic_vm *vm = make(*tier, true);
	metic_vcpu *cpu = metic_cpu(vm);
	put(vm, code, sizeof(code));
	struct metic_exit e = run_at(vm, CODE, 0);
	cr_expect_eq(e.reason, METIC_EXIT_SYSCALL);
	cr_expect_eq(e.pc, CODE + 4);
	e = run_at(vm, CODE + 4, 0);
	cr_expect_eq(e.reason, METIC_EXIT_BREAK);
	cr_expect_eq(e.pc, CODE + 4);
	e = run_at(vm, CODE + 8, 0);
	cr_expect_eq(e.reason, METIC_EXIT_ILLEGAL);
	cr_expect_eq(e.pc, CODE + 8);
	cr_expect_eq(e.arg, 0xffffffff);

	/* a load from nowhere, inside the window and outside it */
	unsigned t0 = (unsigned)metic_reg(vm, "t0");
	unsigned a0 = (unsigned)metic_reg(vm, "a0");
	const uint64_t wild[] = { 0x40000, METIC_ADDRESS_SPACE + 8,
		UINT64_MAX - 7, (uint64_t)1 << 63, 0 };
	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		metic_set(cpu, t0, wild[i]);
		metic_set(cpu, a0, 77);
		e = run_at(vm, CODE + 12, 0);
		cr_expect_eq(e.reason, METIC_EXIT_MEMORY);
		cr_expect_eq(e.pc, CODE + 12);
		cr_expect_eq(
		    e.arg, wild[i], "%zu: %llx", i, (unsigned long long)e.arg);
		cr_expect_eq(metic_get(cpu, a0), 77);
	}

	/* budgets end endless loops, and can be continued */
	e = run_at(vm, CODE + 16, 1000);
	cr_expect_eq(e.reason, METIC_EXIT_BUDGET);
	metic_set(cpu, a0, 0);
	e = run_at(vm, CODE + 20, 10000);
	cr_expect_eq(e.reason, METIC_EXIT_BUDGET);
	uint64_t n = metic_get(cpu, a0);
	cr_expect(n >= 4900 && n <= 5100, "%llu", (unsigned long long)n);
	metic_destroy(vm);
}

static void *stopper(void *cpu)
{
	usleep(20000);
	metic_stop(cpu);
	return NULL;
}

static void stop_loop(enum metic_tier tier)
{
	const uint32_t loop[] = { 0x0000006f }; /* j . */
	metic_vm *vm = make(tier, false);
	pthread_t th;
	put(vm, loop, sizeof(loop));
	pthread_create(&th, NULL, stopper, metic_cpu(vm));
	struct metic_exit e = run_at(vm, CODE, 0);
	cr_expect_eq(e.reason, METIC_EXIT_STOPPED);
	cr_expect_eq(e.pc, CODE);
	pthread_join(th, NULL);
	metic_destroy(vm);
}

Test(api, stop_from_another_thread)
{
	stop_loop(METIC_TIER_INTERP);
	stop_loop(METIC_TIER_BASELINE);
}

/* code written over is translated anew */
Test(api, rewritten_code)
{
	const uint32_t one[] = { 0x00100513, 0x00008067 }; /* li a0,1; ret */
	const uint32_t two[] = { 0x00200513, 0x00008067 };
	metic_vm *vm = make(METIC_TIER_AUTO, false);
	struct metic_exit e = { .size = sizeof(e) };
	uint64_t r;
	put(vm, one, sizeof(one));
	cr_assert_eq(metic_call(metic_cpu(vm), CODE, NULL, 0, &r, &e), 0);
	cr_expect_eq(r, 1);
	put(vm, two, sizeof(two));
	cr_assert_eq(metic_call(metic_cpu(vm), CODE, NULL, 0, &r, &e), 0);
	cr_expect_eq(r, 2);
	cr_expect_eq(e.reason, METIC_EXIT_RETURNED);
	metic_destroy(vm);
}

Test(api, two_vms)
{
	const uint32_t code[] = { 0x00150513, 0x00008067 };
	metic_vm *vm[2] = { make(METIC_TIER_AUTO, false),
		make(METIC_TIER_AUTO, false) };
	for (uint64_t i = 0; i < 2; i++) {
		uint64_t r, a = 10 * i;
		struct metic_exit e = { .size = sizeof(e) };
		put(vm[i], code, sizeof(code));
		cr_expect_eq(
		    metic_call(metic_cpu(vm[i]), CODE, &a, 1, &r, &e), 0);
		cr_expect_eq(r, 10 * i + 1);
	}
	metic_destroy(vm[0]);
	metic_destroy(vm[1]);
}

Test(api, memory_errors)
{
	metic_vm *vm = make(METIC_TIER_AUTO, false);
	char buf[16];
	cr_expect_eq(metic_map(vm, 1, 4096, METIC_READ), METIC_ERR_ARG);
	cr_expect_eq(metic_map(vm, 0, 100, METIC_READ), METIC_ERR_ARG);
	cr_expect_eq(metic_map(vm, METIC_ADDRESS_SPACE, 4096, METIC_READ),
	    METIC_ERR_ARG);
	cr_expect_eq(
	    metic_map(vm, 0, UINT64_MAX & ~4095ull, METIC_READ), METIC_ERR_ARG);
	cr_expect_eq(metic_read(vm, 0x900000, buf, 16), METIC_ERR_FAULT);
	cr_expect_eq(metic_write(vm, DATA + 4090, buf, 16), METIC_ERR_FAULT);
	cr_expect_eq(metic_read(vm, UINT64_MAX - 3, buf, 16), METIC_ERR_FAULT);
	cr_expect_eq(metic_write(vm, DATA, "hello", 6), METIC_OK);
	cr_expect_eq(metic_protect(vm, DATA, 4096, 0), METIC_OK);
	cr_expect_eq(metic_read(vm, DATA, buf, 6), METIC_OK);
	cr_expect_str_eq(buf, "hello");
	cr_expect_eq(metic_unmap(vm, DATA, 4096), METIC_OK);
	cr_expect_eq(metic_read(vm, DATA, buf, 6), METIC_ERR_FAULT);
	metic_destroy(vm);
}

/* ELF: the path of answer.S built, from meson.build. */
Test(api, load_elf)
{
	struct metic_config c = METIC_CONFIG_INIT;
	metic_vm *vm;
	uint64_t entry = 0;
	cr_assert_eq(metic_create(&c, &vm), METIC_OK);
	cr_expect_eq(
	    metic_load_elf(vm, "/nonexistent", &entry), METIC_ERR_NOT_FOUND);
	cr_expect_eq(metic_load_elf(vm, "/bin/sh", &entry), METIC_ERR_FORMAT);
	cr_assert_eq(metic_load_elf(vm, getenv("ELF"), &entry), METIC_OK);
	struct metic_exit e = run_at(vm, entry, 0);
	cr_expect_eq(e.reason, METIC_EXIT_BREAK);
	unsigned a0 = (unsigned)metic_reg(vm, "a0");
	cr_expect_eq(metic_get(metic_cpu(vm), a0), 42);
	metic_destroy(vm);
}

Test(api, registers_by_name)
{
	metic_vm *vm = make(METIC_TIER_AUTO, false);
	cr_expect_eq(metic_reg(vm, "nonsense"), -1);
	for (unsigned i = 0; metic_reg_name(vm, i); i++)
		cr_expect_eq(metic_reg(vm, metic_reg_name(vm, i)), (int)i);
	unsigned a0 = (unsigned)metic_reg(vm, "a0");
	metic_set(metic_cpu(vm), a0, 0x123456789abcdef0);
	cr_expect_eq(metic_get(metic_cpu(vm), a0), 0x123456789abcdef0);
	metic_set_fflags(metic_cpu(vm), 21);
	cr_expect_eq(metic_get_fflags(metic_cpu(vm)), 21);
	metic_destroy(vm);
}

Test(api, bad_config)
{
	struct metic_config c = METIC_CONFIG_INIT;
	metic_vm *vm;
	c.size = 3;
	cr_expect_eq(metic_create(&c, &vm), METIC_ERR_ARG);
	cr_expect_null(vm);
	c = (struct metic_config)METIC_CONFIG_INIT;
	c.guest = "z80";
	cr_expect_eq(metic_create(&c, &vm), METIC_ERR_UNSUPPORTED);
	cr_expect_eq(metic_create(NULL, &vm), METIC_ERR_ARG);
}
