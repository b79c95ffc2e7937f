/* internal.h - what the files of the public API share. */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H

#include "runtime/api/metic.h"
#include "runtime/exec/exec.h"

/*
 * metic_call returns to this address: the last page of the window, which
 * metic_map refuses, so that fetching there leaves the run loop.
 */
#define RETURN_PC (METIC_ADDRESS_SPACE - HOST_PAGE)

/* Host guard on either side of the window. */
#define SANDBOX_GUARD ((size_t)4 << 30)

enum metic_error api_error(int negative_errno);
int sandbox_new(void **mapping, u64 *base);
void sandbox_free(void *mapping);

#endif
