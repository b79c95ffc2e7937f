/* cli.h - what the files of the metic command share. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <metic.h>

#define DEFAULT_SYSROOT "/usr/riscv64-linux-gnu"

/* Exit statuses of metic's own, see show_help. */
enum {
	EXIT_USAGE = 2,
	EXIT_METIC = 125,
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127
};

#define LIST_MAX 256

/* Strings given by an option that may be repeated, in order. */
struct list {
	const char *item[LIST_MAX];
	unsigned n;
};

/* What the command line said; members are named in options.def. */
struct options {
	const char *sysroot, *argv0, *stack, *tier, *dump;
	struct list set_env, unset_env;
	bool strace, stats, json, help;
	bool check; /* the command is `check` */
	enum metic_tier tier_value;
	uint64_t stack_value;
	char **args; /* program and its arguments, NULL-terminated */
};

/*
 * Parse argv after the command word into o. 0, or the exit status after a
 * message was printed.
 */
int options_parse(struct options *o, int argc, char **argv);
/* One line per option, for --help. */
void options_help(FILE *f);

/* Run o->args; returns the exit status. */
int run_program(const struct options *o);

#endif
