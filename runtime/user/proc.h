/*
 * proc.h - the guest's view of /proc: what its files share.
 *
 * proc_path.c says what a path means, proc_peer.c makes the state of another
 * metic process available, proc.c writes the texts, proc_text.c says what they
 * look like, proc_fd.c hides metic's own descriptors.
 */
#ifndef USER_PROC_H
#define USER_PROC_H

#include <sys/stat.h>

#include "runtime/user/linux.h"

/* A file below /proc/<pid>. */
struct proc_name {
	pid_t pid; /* of a process or a thread; 0: our own process */
	char dir[64]; /* its directory: "/proc/self", "/proc/1/task/2" */
	const char *file; /* "maps", "fd/3", "" */
};

/*
 * The absolute path below /proc that `path`, a translated one, means: without
 * "." and empty components. False: it is not there, or nothing there has that
 * name that would not be the host's own. No link is followed but /dev/fd and
 * the directories that dirfd and the working directory are.
 */
bool proc_absolute(int dirfd, const char *path, char out[PATH_MAX]);
/* Does the last component of a path look like one of those? */
bool proc_is_candidate(const char *path);
/* Take such a path apart; n->file points into it. False: not of a process. */
bool proc_parse(struct linux_task *t, const char *path, struct proc_name *n);

/* --- a process as the texts describe it (proc_peer.c) --------------------- */

struct proc_view {
	struct linux_task *t; /* who looks */
	struct linux_process *p; /* its own process, or a copy of another's */
	const struct proc_name *name;
};

/*
 * Tell other processes, and the host's kernel, what our program is: its
 * command line, its environment, and where p is. Once, before guest code
 * runs; forked children inherit it.
 */
void proc_publish(struct linux_process *p);
/*
 * Copy what the metic process that n names knows about itself: exe,
 * exe_guest, image, the stack's addresses, break, mappings, limits, hidden
 * descriptors and the program's name; all of it checked. Nothing else of the
 * copy may be used. NULL: it is none, or may not be read.
 */
struct linux_process *proc_peer_new(
    struct linux_task *t, const struct proc_name *n);
void proc_peer_free(struct linux_process *p);
/* n bytes of its memory; false: they cannot be read. */
bool proc_peer_read(const struct proc_view *v, void *to, gva_t from, size_t n);
/*
 * The program's file on the host and, unless it is NULL, what the link `exe`
 * shows of it; of our own process, too, and also where the memory cannot be
 * read. 0 or -errno; PROC_NOT_OURS: no metic.
 */
int proc_peer_exe(struct linux_task *t, const struct proc_name *n,
    char host[PATH_MAX], char guest[PATH_MAX]);

/* --- what a text looks like (proc_text.c) --------------------------------- */

#define PROC_TEXT_NAME 249 /* what the kernel takes, with its end */

/* The name to give the memory file of the text of n. */
void proc_text_name(const struct proc_name *n, char name[PROC_TEXT_NAME]);
/* Of a text, the link in /proc/<pid>/fd to what it stands for; else false. */
bool proc_text_link(char text[PATH_MAX]);
/* If descriptor fd, of which st was told, is a text, tell of the real file. */
void proc_text_stat(int fd, struct stat *st);
void proc_text_statx(int fd, unsigned mask, struct statx *st);

/*
 * The threads of our own process as the guest has them. The host's may also
 * have some of metic's, and such as have ended for the guest.
 */
unsigned proc_threads(struct linux_process *p);
/* Is tid one of them? */
bool proc_has_thread(struct linux_process *p, pid_t tid);
/* The same of another process, which may be metic's. */
unsigned proc_peer_threads(pid_t pid);
bool proc_peer_has_thread(pid_t pid, const char *tid);

/* --- descriptors (proc_fd.c) ---------------------------------------------- */

/* Is n one of metic's own descriptors, which are not there for the guest? */
bool proc_hides(struct linux_task *t, const struct proc_name *n);

#endif
