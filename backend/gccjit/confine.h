/*
 * confine.h - what metic-jitd may do: compile, and nothing that it would be
 * worth breaking into a compiler for.
 */
#ifndef GCCJIT_CONFINE_H
#define GCCJIT_CONFINE_H

#include "runtime/base/types.h"

/*
 * For this process and the assembler that it starts: no privileges, nobody's
 * user where we are root, little memory, no core files, and no system calls
 * that reach other processes, the network, or the kernel's own state. Low
 * priority unless somebody waits. What the host refuses to take away stays;
 * false: the system calls could not be limited.
 */
bool confine(bool eager);

#endif
