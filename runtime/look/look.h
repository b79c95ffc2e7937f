/*
 * look.h - watching a VM from inside: who must be told of new code.
 *
 * Off (exec.look is NULL) unless asked for. runtime/exec tells it of every
 * piece of host code when it is made or taken from the store; it names it for
 * `perf` (perf.c) and remembers names for the profile (profile.c).
 *
 * A tier with code of its own (a region of many blocks) calls look_code for
 * each piece, and adds a case to where_of in profile.c.
 */
#ifndef LOOK_H
#define LOOK_H

#include "runtime/exec/internal.h"
#include "runtime/look/names.h"

struct perf_out;
struct profile;

struct look_config {
	const char *root; /* sysroot, for separate debug files; NULL: none */
	bool perf_map; /* write /tmp/perf-PID.map */
	const char *jitdump; /* write jit-PID.dump in this folder; or NULL */
	bool profile; /* there will be samples */
};

struct look {
	struct metic_vm *vm;
	struct names names;
	struct perf_out *perf; /* NULL: nothing for perf */
	struct profile *profile; /* NULL: no samples are taken */
	bool bulk; /* more code follows at once */
};

enum look_tier { LOOK_BASELINE, LOOK_OPTIMIZED, LOOK_TIERS };

/* A piece of host code for the guest code that starts at pc. */
struct look_code {
	enum look_tier tier;
	gva_t pc;
	const u8 *code; /* where it runs */
	size_t size;
};

/* Watch vm from now on; before guest code runs. 0 or -errno. */
int look_open(struct metic_vm *vm, const struct look_config *cfg);
void look_free(struct exec *ex);

/* All need exec.lock. New code is there. */
void look_code(struct exec *ex, const struct look_code *c);
/* The code of a translation block or a unit is there. */
static inline void look_tb(struct exec *ex, const struct tb *tb)
{
	if (likely(!ex->look))
		return;
	look_code(ex,
	    &(struct look_code){ tb->unit ? LOOK_OPTIMIZED : LOOK_BASELINE,
		tb->pc, tb->code_start,
		(size_t)(tb->code_end - tb->code_start) });
}
/* All code is gone. */
void look_flushed(struct exec *ex);
/* First thing in a forked child: files and samples are its own now. */
void look_forked(struct exec *ex);
/* What is in the tables is new to perf. */
void look_known(struct exec *ex);

#endif
