/*
 * embed.c - metic inside a C program: the whole of it, as a new user would
 * write it. A guest function is loaded, called, made to fail and stopped.
 *
 *	cc embed.c $(pkg-config --cflags --libs metic)
 *
 * It is built against the public header alone and run as a test.
 */
#include <metic.h>
#include <stdio.h>

/* uint64_t gcd(uint64_t a, uint64_t b), as riscv64 machine code:
 *	1: beqz a1, 2f;  remu t0, a0, a1;  mv a0, a1;  mv a1, t0;  j 1b
 *	2: ret */
static const uint32_t gcd_code[] = {
	0x00058a63,
	0x02b572b3,
	0x00058513,
	0x00028593,
	0xff1ff06f,
	0x00008067,
};

#define CODE 0x10000
#define STACK 0x80000

static int check(enum metic_error e, const char *what)
{
	if (e)
		fprintf(stderr, "%s: %s\n", what, metic_error_text(e));
	return e != METIC_OK;
}

int main(void)
{
	struct metic_config config = METIC_CONFIG_INIT;
	metic_vm *vm;
	if (check(metic_create(&config, &vm), "create"))
		return 1;
	if (check(metic_map(vm, CODE, 4096, METIC_READ | METIC_EXEC), "map") ||
	    check(metic_write(vm, CODE, gcd_code, sizeof(gcd_code)), "write") ||
	    check(
		metic_map(vm, STACK, 65536, METIC_READ | METIC_WRITE), "stack"))
		return 1;

	metic_vcpu *cpu = metic_cpu(vm);
	metic_set(cpu, (unsigned)metic_reg(vm, "sp"), STACK + 65536);
	const uint64_t args[] = { 1071, 462 };
	uint64_t gcd;
	struct metic_exit why = { .size = sizeof(why) };
	if (check(metic_call(cpu, CODE, args, 2, &gcd, &why), "call"))
		return 1;
	printf("gcd(1071, 462) = %llu, %s\n", (unsigned long long)gcd,
	    metic_exit_name(why.reason));

	/* a wild jump comes back as a value, with the exact pc */
	if (check(metic_call(cpu, 0x666000, NULL, 0, NULL, &why), "call"))
		return 1;
	printf("jump to nowhere: %s at 0x%llx\n", metic_exit_name(why.reason),
	    (unsigned long long)why.pc);
	metic_destroy(vm);
	return gcd == 21 && why.reason == METIC_EXIT_FETCH &&
		why.pc == 0x666000 ?
	    0 :
	    1;
}
