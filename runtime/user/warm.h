/*
 * warm.h - filling the store with translations of whole files, without
 * running them.
 */
#ifndef USER_WARM_H
#define USER_WARM_H

#include "runtime/user/linux.h"

struct warm_file {
	const char *path; /* on the host */
	u64 functions; /* known of it */
	u64 blocks; /* all that there are now */
	u64 fresh; /* made now */
};

/*
 * Translate the program of vm, which must be new and have a store, its
 * interpreter, the shared objects that they are linked with and, in `more`
 * (NULL-terminated host paths), others that it will load; `each` is told of
 * every file that is done. 0, or -errno with one line in why.
 */
int linux_warm(struct metic_vm *vm, char *const *more,
    void (*each)(void *ctx, const struct warm_file *f), void *ctx, char *why,
    size_t n);

#endif
