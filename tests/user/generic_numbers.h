/* generic_numbers.h - rows of syscalls.def beside asm-generic's numbers. */
#ifndef TESTS_GENERIC_NUMBERS_H
#define TESTS_GENERIC_NUMBERS_H

#include <stddef.h>

struct numbered {
	unsigned row, header; /* the number in syscalls.def, in the header */
	const char *name; /* NULL: the end */
};

extern const struct numbered generic_numbers[];

#endif
