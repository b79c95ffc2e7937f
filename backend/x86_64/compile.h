/*
 * compile.h - the code generator with the CPU features as a parameter, for
 * tests; everyone else uses backend_x86_64.
 */
#ifndef X86_COMPILE_H
#define X86_COMPILE_H

#include "backend/x86_64/cpu_features.h"
#include "translator/backend.h"

int x86_compile(struct codegen *cg, const struct x86_features *f);

extern const struct host_backend backend_x86_64;

#endif
