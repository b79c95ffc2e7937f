/*
 * run_words.c - the tool behind qemu.py: reads cases, one per line,
 *   word a1 a2 a3 fa1 fa2 fa3 frm      (hexadecimal)
 * runs each through lifter and interpreter and prints a0 fa0 fflags.
 */
#include <stdio.h>

#include "tests/riscv/machine.h"

int main(void)
{
	static struct machine m;
	u64 *x = m.s.state, *f = m.s.state + RV_SLOT_F;
	unsigned long long in[7];
	unsigned word;

	if (!machine_init(&m))
		return 1;
	while (scanf("%x %llx %llx %llx %llx %llx %llx %llx", &word, &in[0],
		   &in[1], &in[2], &in[3], &in[4], &in[5], &in[6]) == 8) {
		for (unsigned n = 0; n < 3; n++) {
			x[11 + n] = in[n];
			f[11 + n] = in[3 + n];
		}
		x[10] = f[10] = 0;
		m.s.frm = (u32)in[6];
		m.s.state[RV_SLOT_FRM] = in[6];
		m.s.fpu = fpu_make_word(m.s.frm, 0);
		machine_lift(&m, &word, 1);
		machine_run(&m);
		if (m.result.reason != EXIT_LOOKUP) {
			printf("exit %u\n", m.result.reason);
			continue;
		}
		printf("%llx %llx %x\n", (unsigned long long)x[10],
		    (unsigned long long)f[10], fpu_flags(m.s.fpu));
	}
	machine_free(&m);
	return 0;
}
