/*
 * cpu_features.h - the CPU features that the code generator makes use of.
 */
#ifndef X86_FEATURES_H
#define X86_FEATURES_H

#include "runtime/base/types.h"

struct x86_features {
	bool bmi1; /* andn, tzcnt */
	bool bmi2; /* shlx, rorx */
	bool lzcnt, popcnt, movbe;
	bool sse41; /* ptest, insertps, roundsd */
	bool avx; /* three-operand scalar fp */
	bool fma; /* needs avx */
	bool pclmul, aes; /* need sse41 */
};

/* What this machine has; costs a few loads. */
struct x86_features x86_features_host(void);
/* One line for --stats into buf; returns buf. */
const char *x86_features_text(char *buf, size_t n);

#endif
