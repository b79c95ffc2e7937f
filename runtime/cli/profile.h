/*
 * profile.h - what samples of one or many processes add up to.
 *
 * Every process that comes of a run (forked, or another program executed)
 * appends its samples to one file, the parts. The first one reads them all at
 * its end and reports.
 */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include "cli.h"

struct prof_function {
	const char *name, *object;
	uint64_t self, total; /* ns */
	uint32_t seen; /* number of the last stack that was added to total */
	uint32_t next; /* in its chain */
};

struct prof_stack {
	uint64_t ns;
	enum metic_where where;
	const char *program, *syscall; /* syscall: NULL if in none */
	bool cut;
	uint32_t depth;
	uint32_t *frame; /* functions, the outermost first */
};

struct prof_block {
	uint64_t ns;
	enum metic_where where;
	const char *name, *object, *program; /* name: with offset */
	unsigned long long pc;
	unsigned insns, bytes, host_bytes;
	unsigned mix[METIC_MIXES];
};

struct prof_process {
	int pid;
	const char *program;
};

#define PROF_CHAINS 4096

struct prof {
	char *text; /* the parts; all strings point there */
	struct prof_function *function;
	struct prof_stack *stack;
	struct prof_block *block;
	struct prof_process *process;
	size_t nfunctions, nstacks, nblocks, nprocesses;
	uint64_t ns, where[METIC_WHERES];
	uint32_t chain[PROF_CHAINS]; /* function + 1 */
};

/* Read and add up the parts in `path`; false: no memory or no file. */
bool prof_read(struct prof *p, const char *path);
void prof_free(struct prof *p);

/* report.c: the most expensive first. */
void prof_sort(struct prof *p);
void prof_text(const struct prof *p, FILE *f);
void prof_json(const struct prof *p, FILE *f);
void prof_folded(const struct prof *p, FILE *f);
/* The innermost frame that is not a function's: "[syscall read]", or NULL. */
const char *prof_leaf(const struct prof_stack *s, char *buf, size_t n);
/* flame.c */
void prof_flame(const struct prof *p, FILE *f);

#endif
