/*
 * perf.h - names of generated code for Linux's perf: the map file that
 * `perf report` reads (tools/perf/Documentation/jit-interface.txt) and the
 * dump for `perf inject --jit` (jitdump-specification.txt).
 *
 * No descriptor stays open, so the guest cannot meet one. A vfork child,
 * which runs in its parent's memory, writes into its parent's files.
 */
#ifndef LOOK_PERF_H
#define LOOK_PERF_H

#include "runtime/base/types.h"

struct perf_out;

/* dump: folder of the jitdump, or NULL. 0 or -errno. */
int perf_open(struct perf_out **out, bool map, const char *dump);
void perf_free(struct perf_out *o);
/* `name` is the code at [code, code + size). */
void perf_code(
    struct perf_out *o, const char *name, const u8 *code, size_t size);
/* Write what is still in memory. */
void perf_flush(struct perf_out *o);
/* All code is gone: addresses will mean something else. */
void perf_restart(struct perf_out *o);
/* This is another process now: its files are its own. */
void perf_forked(struct perf_out *o);

#endif
