/*
 * ptrace_proc.c - what a tracer's /proc/<pid> needs to know of tracing.
 *
 * A tracee is found through its record, also where it has not published
 * anything (proc_peer.c).
 */
#include "runtime/user/linux.h"

u64 ptrace_process_of(struct linux_task *t, pid_t pid)
{
	struct ptrace_tracer *tr = t->p->tracer;
	u64 at = 0;

	if (!tr || !pid)
		return 0;
	pthread_mutex_lock(&tr->lock);
	for (struct ptrace_tracee *k = tr->list; k && !at; k = k->next)
		if ((k->tid == pid || k->tgid == pid) && k->record)
			at = (u64)(uintptr_t)k->rec.process;
	pthread_mutex_unlock(&tr->lock);
	return at;
}

void ptrace_wrote(struct linux_task *t)
{
	struct ptrace_tracer *tr = t->p->tracer;

	if (!tr)
		return;
	pthread_mutex_lock(&tr->lock);
	tr->code_gen++;
	pthread_mutex_unlock(&tr->lock);
}

void ptrace_note_memory(struct linux_task *t)
{
	struct ptrace_tracer *tr = ptrace_tracer_of(t->p);

	if (tr)
		tr->mem_open = true;
}
