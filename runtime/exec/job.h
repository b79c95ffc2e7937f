/*
 * job.h - a unit on its way: formed, sent to the compiling process as text,
 * installed when the object has come back.
 *
 * A job is formed by a vCPU under exec.lock, which registers the guest code
 * it was made from (parts): whatever drops that code before the job is done
 * kills the job's block, and its output is thrown away. A flush of the code
 * cache frees both; jobs remember the epoch that they belong to.
 */
#ifndef RUNTIME_JOB_H
#define RUNTIME_JOB_H

#include "runtime/exec/form.h"

struct job {
	struct job *next;
	u32 id;
	u64 epoch;
	struct tb *tb; /* the code to be */
	struct formed formed;
	struct arena arena;
	char *text;
	size_t len;
	bool other; /* of another compiler: not to be kept */
};

/* The job `id` of the loops at head (`all`: see form_unit), or NULL. */
struct job *job_form(struct vcpu *v, gva_t head, bool all, u32 id);
/*
 * Make the job's block of the object of n bytes and put it in its place.
 * Needs exec.lock. NULL, or why not.
 */
const char *job_install(
    struct exec *ex, struct job *j, const u8 *object, size_t n);
/* NULL is fine. */
void job_free(struct job *j);

#endif
