/*
 * qemu.h - running cases in another process: a batch of them becomes one
 * static ELF file, which any runner of riscv64 Linux programs can run.
 */
#ifndef FUZZ_QEMU_H
#define FUZZ_QEMU_H

#include "tests/fuzz/case.h"

/*
 * Run cases c[0..n) (of different slots, n <= FZ_SLOTS) under `runner`, a
 * command such as "qemu-riscv64". false: it could not be started, failed,
 * did not end in time, or its output is not what the program writes; then
 * why[size] says which. Of the results, `arg` is not set.
 */
bool fz_run_elsewhere(const char *runner, const struct fz_case *c, u32 n,
    struct fz_result *out, char *why, size_t size);

#endif
