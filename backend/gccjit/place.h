/*
 * place.h - where metic-jitd's temporary files are, which must be gone when
 * it is, however it ends.
 */
#ifndef GCCJIT_PLACE_H
#define GCCJIT_PLACE_H

#include "runtime/base/types.h"

struct place {
	char dir[64];
	int fd; /* of the folder, locked while it is in use */
};

/*
 * Give this process a /tmp of its own, in memory, of at most `size` bytes: it
 * ends with the last process that sees it. False: the kernel refuses, or
 * allows it to nobody but root.
 */
bool place_private(size_t size);
/*
 * Make a folder in /tmp and let the compiler's files go there; folders that
 * killed processes of ours left behind are removed. False: it cannot be made.
 */
bool place_make(struct place *p);
/* The folder and all in it go. Nobody writes there any more. */
void place_remove(struct place *p);

#endif
