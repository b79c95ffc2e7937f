/*
 * confine.h - what metic-jitd may do: compile, and nothing that it would be
 * worth breaking into a compiler for.
 */
#ifndef GCCJIT_CONFINE_H
#define GCCJIT_CONFINE_H

#include "runtime/base/types.h"

struct limits {
	u64 memory; /* bytes of address space */
	bool eager; /* somebody waits: no lower priority */
	bool shared; /* its files are in everybody's /tmp */
};

/* Root becomes nobody, where there is such a user; capabilities go. */
void drop_rights(void);
/*
 * For this process and the assembler that it starts: little memory, no core
 * files, and no system calls that reach other processes, the network, or the
 * kernel's own state. Low priority unless somebody waits. What the host
 * refuses to take away stays; false: the system calls could not be limited.
 */
bool confine(const struct limits *limits);

#endif
