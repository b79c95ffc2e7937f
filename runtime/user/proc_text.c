/*
 * proc_text.c - a text of proc.c looks like the file that it stands for.
 *
 * Its memory file is named after that file, so the kernel's idea of its name,
 * "/memfd:/proc/1/maps (deleted)", says what to tell of it, also in a process
 * that inherited the descriptor. Programs do look: cp does not copy what is
 * another file than the one it had asked about.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/user/proc.h"

#define BEFORE "/memfd:"
#define AFTER " (deleted)"

void proc_text_name(const struct proc_name *n, char name[PROC_TEXT_NAME])
{
	char dir[PATH_MAX]; /* of whom self is now */

	snprintf(name, PROC_TEXT_NAME, "%.200s/%.40s",
	    realpath(n->dir, dir) ? dir : n->dir, n->file);
}

bool proc_text_link(char text[PATH_MAX])
{
	const size_t before = strlen(BEFORE), after = strlen(AFTER);
	size_t n = strlen(text);

	if (strncmp(text, BEFORE "/proc/", before + 6) != 0 ||
	    n < before + after || strcmp(text + n - after, AFTER) != 0)
		return false;
	n -= before + after;
	memmove(text, text + before, n);
	text[n] = 0;
	return true;
}

/* The file of /proc that descriptor fd is a text of. */
static bool stands_for(int fd, char path[PATH_MAX])
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, PATH_MAX - 1);
	path[MAX(n, 0)] = 0;
	return proc_text_link(path);
}

void proc_text_stat(int fd, struct stat *st)
{
	char path[PATH_MAX];
	struct stat of;

	if (!S_ISREG(st->st_mode) || st->st_nlink || !stands_for(fd, path))
		return;
	if (stat(path, &of) == 0) {
		*st = of;
	} else { /* of a process that is gone */
		st->st_mode = S_IFREG | 0444;
		st->st_nlink = 1;
		st->st_size = st->st_blocks = 0;
	}
}

void proc_text_statx(int fd, unsigned mask, struct statx *st)
{
	char path[PATH_MAX];
	struct statx of;

	if (!S_ISREG(st->stx_mode) || st->stx_nlink || !stands_for(fd, path))
		return;
	if (statx(AT_FDCWD, path, 0, mask, &of) == 0) {
		*st = of;
	} else {
		st->stx_mode = S_IFREG | 0444;
		st->stx_nlink = 1;
		st->stx_size = st->stx_blocks = 0;
	}
}
