/*
 * path.h - what the files that look for paths share: the memory of a task.
 *
 * Nothing remembered is believed: each entry is a guess of what one or two
 * system calls will show, and holds only when they show it.
 */
#ifndef USER_PATH_H
#define USER_PATH_H

#include <sys/stat.h>

#include "runtime/user/linux.h"

#define DIR_BITS 5 /* 2^5 directories are remembered by a task */
#define KNOWN_BITS 7 /* and so many files */
#define DIR_MAX 248 /* longest name worth it */

/* A directory that was found, see path.c. */
struct path_dir {
	dev_t dev;
	ino_t ino; /* 0: nothing remembered */
	char guest[DIR_MAX]; /* as asked for */
	char found[DIR_MAX]; /* without links, below the sysroot */
};

/* A file that was asked for, see path_known.c. */
struct path_known {
	u8 kind;
	bool follow;
	bool top_absent; /* its first directory is not in the sysroot */
	dev_t dev;
	ino_t ino;
	char guest[DIR_MAX];
};

struct path_dirs {
	struct path_dir dir[1 << DIR_BITS];
	struct path_known known[1 << KNOWN_BITS];
};

/* The memory of t, made when it is first needed, or NULL. */
struct path_dirs *path_memory(struct linux_task *t);
/* Give it back. */
void path_forget(struct linux_task *t);
/* A hash of n bytes, its best bits first. */
u32 path_hash(const char *s, size_t n);
/* In a directory that always is the host's. */
bool path_is_host(const char *guest);
/* In one of those whose files and links are the kernel's invention. */
bool path_is_kernels(const char *guest);
/* No link is met on the way to `host`, which is there or not. */
bool path_has_no_links(int dirfd, const char *host);
/* Nothing is there, and no link is met on the way to say so. */
bool path_is_absent(const char *host);

/* The answer to path_guess. */
enum path_guess {
	PATH_UNKNOWN, /* the path must be looked up */
	PATH_ABSENT, /* -ENOENT is the answer */
	PATH_ASK, /* ask for `host` as the guest did; path_holds judges */
};

/*
 * Where a guest path probably leads, without looking it up: *k is for
 * path_holds. `follow`: a link at its end is followed.
 */
enum path_guess path_guess(struct linux_task *t, const char *guest, bool follow,
    char host[PATH_MAX], struct path_known **k);
/* Whether that is what was found: err is 0 or what the call said. */
bool path_holds(struct path_known *k, i64 err, const struct stat *st);
/*
 * Is the file found where it was before? Then `host` is its path, or one that
 * is nowhere if it was and is nowhere.
 */
bool path_recall(
    struct linux_task *t, const char *guest, bool follow, char host[PATH_MAX]);
/* The guest path was looked up and led to `host`: see what to remember. */
void path_study(
    struct linux_task *t, const char *guest, bool follow, const char *host);
/*
 * The guest path was looked up and led to `host`, which is what st says
 * (or, if st is NULL, is nowhere): remember that.
 */
void path_learn(struct linux_task *t, const char *guest, bool follow,
    const char *host, const struct stat *st);

#endif
