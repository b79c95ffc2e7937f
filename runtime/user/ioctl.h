/* ioctl.h - names of device control requests (ioctls.def). */
#ifndef USER_IOCTL_H
#define USER_IOCTL_H

#include "runtime/base/types.h"

/* "TCGETS"; NULL: not in the table. */
const char *ioctl_name(u32 request);

#endif
