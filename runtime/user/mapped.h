/*
 * mapped.h - which file a mapping is of. The record (vm->map) has what tells
 * files apart; names are left to the kernel, which knows them at any time,
 * but for code, whose names profiles want.
 */
#ifndef USER_MAPPED_H
#define USER_MAPPED_H

#include <limits.h>
#include <stdio.h>

#include "runtime/mem/map.h"

/* Set r's device, inode and mount to those of fd; none: they are left. */
void mapped_file(struct map_range *r, int fd);
/* Does the mount's noexec forbid to run what r is of? (proc(5), mountinfo) */
bool mapped_no_exec(const struct map_range *r);
/* A walk through a text like /proc/self/maps. */
struct mapped_names {
	FILE *text; /* NULL: no mapping has a name */
	gva_t lo, hi; /* of the line that was read last */
	char name[PATH_MAX];
};

void mapped_names_open(struct mapped_names *m, const char *path);
void mapped_names_close(struct mapped_names *m);
/* The name at `a`, "" if there is none; ask in ascending order. */
const char *mapped_name(struct mapped_names *m, gva_t a);
/* What r is called; file: what the host says of a file that is mapped there. */
static inline const char *mapped_called(
    const struct map_range *r, const char *file)
{
	return r->name ? r->name : r->ino ? file : "";
}
/* The name in one line of the text, whose newline goes. */
const char *mapped_name_in(char *line);

#endif
