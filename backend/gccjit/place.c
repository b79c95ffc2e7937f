/*
 * place.c - see place.h.
 *
 * In a mount namespace of our own nothing can be left behind. Where there is
 * none, the folder is locked as long as somebody needs it; one that can be
 * locked by another process is nobody's any more.
 */
#include "backend/gccjit/place.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TMP "/tmp"
#define PREFIX "metic-jitd-"
#define DEPTH_MAX 4
#define TRIES 10

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Who is not root may mount in a user namespace; he stays who he is. */
static bool own_users(void)
{
	char uid[32], gid[32];

	snprintf(uid, sizeof(uid), "%u %u 1", geteuid(), geteuid());
	snprintf(gid, sizeof(gid), "%u %u 1", getegid(), getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	    write_file("/proc/self/uid_map", uid) &&
	    write_file("/proc/self/setgroups", "deny") &&
	    write_file("/proc/self/gid_map", gid);
}

bool place_private(size_t size)
{
	char options[64];

	snprintf(options, sizeof(options), "mode=1777,size=%zu", size);
	if (geteuid() ? !own_users() : unshare(CLONE_NEWNS) < 0)
		return false;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("metic-jitd", TMP, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		options) == 0;
}

/* All that is in the folder fd, which is closed; false: something stays. */
static bool empty(int fd, int depth)
{
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	bool ok = d != NULL;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		int sub = openat(dirfd(d), e->d_name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		ok &= sub >= 0 && depth < DEPTH_MAX && empty(sub, depth + 1) &&
		    unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) == 0;
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return ok;
}

/* The folder `name` in tmp, if it is ours and nobody has it locked. */
static void sweep(int tmp, const char *name)
{
	struct stat st;
	int fd =
	    openat(tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0) {
		if (empty(dup(fd), 0))
			unlinkat(tmp, name, AT_REMOVEDIR);
	}
	close(fd);
}

static void sweep_all(void)
{
	DIR *d = opendir(TMP);

	for (struct dirent *e; d && (e = readdir(d));)
		if (!strncmp(e->d_name, PREFIX, strlen(PREFIX)))
			sweep(dirfd(d), e->d_name);
	if (d)
		closedir(d);
}

/* Locked, and not swept by somebody before it was. */
static bool hold(struct place *p)
{
	struct stat is, was;

	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd >= 0 && flock(p->fd, LOCK_EX | LOCK_NB) == 0 &&
	    stat(p->dir, &is) == 0 && fstat(p->fd, &was) == 0 &&
	    is.st_ino == was.st_ino)
		return true;
	if (p->fd >= 0)
		close(p->fd);
	return false;
}

bool place_make(struct place *p)
{
	sweep_all();
	for (int k = 0; k < TRIES; k++) {
		snprintf(p->dir, sizeof(p->dir), TMP "/" PREFIX "%d-XXXXXX",
		    getpid());
		if (!mkdtemp(p->dir))
			return false;
		if (hold(p))
			return setenv("TMPDIR", p->dir, 1) == 0;
	}
	return false;
}

void place_remove(struct place *p)
{
	/* the assembler may have been at it: once more, then */
	for (int k = 0; k < TRIES; k++)
		if (empty(
			open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0) &&
		    rmdir(p->dir) == 0)
			break;
	close(p->fd);
}
