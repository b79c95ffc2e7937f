/*
 * check.h - for guest programs that test themselves: they also pass when
 * compiled for the host, whose kernel is the reference.
 */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* write(2), because many checks run in handlers or after vfork. */
#define CHECK(x) \
	do { \
		if (!(x)) { \
			char check_buf[256]; \
			int check_n = snprintf(check_buf, sizeof(check_buf), \
			    "%s:%d: failed: %s (errno %d)\n", __FILE__, \
			    __LINE__, #x, errno); \
			(void)!write(2, check_buf, (size_t)check_n); \
			_exit(1); \
		} \
	} while (0)

#endif
