/*
 * needed.h - the shared objects that an ELF file is linked with, and where a
 * dynamic loader would find them.
 */
#ifndef USER_NEEDED_H
#define USER_NEEDED_H

#include "runtime/user/linux.h"

/*
 * Call `each` with the host path of every shared object that the ELF file
 * `host` names and that is found: by its run path, the directories of
 * /etc/ld.so.conf.d, the usual ones. Those of these are not followed.
 */
void needed_each(struct linux_process *p, const char *host,
    void (*each)(void *ctx, const char *path), void *ctx);

#endif
