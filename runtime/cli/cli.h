/* cli.h - what the files of the metic command share. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <metic.h>

#define DEFAULT_SYSROOT "/usr/riscv64-linux-gnu"
#define GDB_PORT "1234" /* as qemu and many a tutorial have it */

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
	const char *sysroot, *argv0, *stack, *tier, *dump, *log, *uname,
	    *cache_dir, *jitd, *jit_memory, *jit_timeout;
	const char *gdb; /* where a debugger connects; "": the usual port */
	const char *profile; /* "": to the log; a file, or "json" */
	const char *flamegraph, *folded, *profile_part;
	const char *jitdump; /* a folder; "": the working directory */
	const char *strace; /* "": to --log or stderr; else a file */
	struct list set_env, unset_env; /* set_env: NAME alone unsets */
	bool stats, json, verbose, help, no_cache, perf_map, jit_wait;
	bool check; /* the command is `check` */
	enum metic_tier tier_value;
	uint64_t stack_value, jit_memory_value, jit_timeout_value;
	char **args; /* program and its arguments, NULL-terminated */
	/* Started in another role than `metic run`. */
	bool qemu; /* as qemu-riscv64: its statuses, no search along PATH */
	bool sysroot_given; /* as an option, not by the environment */
	bool binfmt; /* by the kernel, as an interpreter */
	int execfd; /* the program, opened by the kernel; -1: none */
};

/*
 * Parse argv after the command word into o. 0, or the exit status after a
 * message was printed.
 */
int options_parse(struct options *o, int argc, char **argv);
/* One line per option, for --help. */
void options_help(FILE *f);
/* "64K" and the like; false if it is no size. */
bool options_size(const char *s, uint64_t *out);
/*
 * The name of the NULL-terminated list that `word` was probably meant to be,
 * or NULL.
 */
const char *nearest(const char *word, const char *const *names);

/* The folder for translations that the environment names, or NULL. */
const char *cache_default(char *buf, size_t n);
/* `metic cache`; argv[0] is the word. Returns the exit status. */
int cache_command(int argc, char **argv);
void cache_help(FILE *f);

/* Run o->args; returns the exit status. */
int run_program(const struct options *o);
/* The guest's root directory, or NULL. */
const char *choose_sysroot(const struct options *o);
/* Where the program o->args[0] is; out has PATH_MAX bytes. */
const char *find_program(const struct options *o, const char *root, char *out);
/* Say what failed; the exit status. */
int status_of_error(const struct options *o, enum metic_error e,
    const char *prog, const char *why);

/* What is to become of the samples of a run; profile.c. */
struct profiling {
	const char *profile, *flamegraph, *folded; /* files, or NULL */
	char path[4096]; /* of all processes' samples; "": none are taken */
	pid_t pid; /* the process that reports */
	int log;
};
/* What the options say; false: a message was printed. */
bool profile_start(const struct options *o, struct profiling *pr);
/* The run is over, or has not begun. */
void profile_finish(const struct profiling *pr);
/* metic_config.ended. */
void profile_ended(
    const struct profiling *pr, const char *program, metic_vm *vm, bool exec);

/* `metic explain` of o->args. */
int explain_program(const struct options *o);
void explain_help(FILE *f);
/*
 * The host path by which this metic can be executed again, into buf: also in
 * a chroot that does not contain it, also without /proc. NULL: none. prog:
 * the program as it was given, or NULL.
 */
const char *self_path(const char *prog, char *buf, size_t n);
/* Path of metic-jitd, or NULL; `self` is that of this program or NULL; buf has
   PATH_MAX bytes. */
const char *choose_jitd(const struct options *o, const char *self, char *buf);
bool is_dir(const char *path);

/* True if metic was started by a name of qemu-user's for our guest. */
bool qemu_named(const char *argv0);
/* Be that program: argv[0] is its name. Returns the exit status. */
int qemu_main(int argc, char **argv);

/*
 * True if the kernel runs metic as the interpreter of argv[1]: o is set up
 * for run_program then.
 */
bool binfmt_started(struct options *o, int argc, char **argv);
/* `metic binfmt ...`: argv[0] is "binfmt". Returns the exit status. */
int binfmt_command(int argc, char **argv);

#endif
