/* host_clock.h - the host's clocks, for abi_state.read_clock. */
#ifndef EXEC_HOST_CLOCK_H
#define EXEC_HOST_CLOCK_H

#include "translator/backend.h"

/* The function for abi_state.read_clock. */
typedef int (*clock_reader)(int clock, i64 time[2]);

/*
 * The quickest way to read clocks; *keeps_fp: it leaves the fp registers
 * alone. host may be NULL.
 */
clock_reader host_clock(const struct host_backend *host, bool *keeps_fp);

#endif
