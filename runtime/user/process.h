/*
 * process.h - life and death of processes and threads (inside the
 * personality): load.c makes a process, thread.c and process.c the rest.
 */
#ifndef USER_PROCESS_H
#define USER_PROCESS_H

#include <sys/syscall.h>

#include "runtime/user/hostcall.h"
#include "runtime/user/linux.h"

/* The VM's event hook. */
enum vm_action linux_event(struct vcpu *v, u32 reason, u64 arg);

/* Free what load.c allocated in p, and p. */
void process_free(struct linux_process *p);

/*
 * The end of a guest thread, on its own host thread after exec_run: robust
 * futexes, clear_child_tid, then t is freed. The last task of a process
 * that has not ended yet ends it.
 */
void task_exit(struct linux_task *t);
/* t is none of its process's tasks any more, if it was; p->lock is held. */
void task_unlink(struct linux_task *t);

/*
 * Is the calling thread the only one of p, and of the host's process? Waits
 * for those that have ended to be gone.
 */
bool process_alone(struct linux_process *p);

/*
 * The value of the variable that metic passed to itself ("NAME="), which is
 * taken out of the guest's environment: to be freed, or NULL.
 */
char *config_take(struct linux_process *p, const char *name);

/* The descriptor that the program is, for linux_fd_hide. */
#define EXEC_FD_ENV "METIC_EXECFD="
/* The path that execve was given, if it is not the program's own. */
#define EXEC_FN_ENV "METIC_EXECFN="

/* A "#!" line: the interpreter's path and its one optional argument. */
struct script {
	char line[256];
	char *interp, *arg; /* into line; arg may be NULL */
};
/* 1: path is a script, 0: it is not, or -errno. */
int script_read(const char *path, struct script *s);

#endif
