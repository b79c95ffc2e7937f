/*
 * load.h - inside fuzz_load: a case, what it is run with, what must hold.
 */
#ifndef FUZZ_LOAD_H
#define FUZZ_LOAD_H

#include "runtime/user/elf.h"
#include "runtime/user/process.h"
#include "tests/fuzz/elf_damage.h"
#include "tests/fuzz/watch.h"

enum { LD_LOADED, LD_REFUSED, LD_TWINS, LD_EQUAL, LD_STRICTER };

/* What a case is. Files have been written; the rest lives in the case. */
struct ld_case {
	const char *prog, *sysroot;
	char **argv, **envp; /* argv may be NULL */
	u64 stack_size;
	int fd; /* named in the environment; -1: none */
	bool twin; /* a native program in the same case says what is right */
};

/* The folder: guest's files in g/, which is the current one, native in n/. */
struct ld_world {
	char dir[64];
	int native; /* n/ */
	int seccomp; /* a file of a filter */
	struct ld_case c;
	char *strings; /* of argv and envp */
	char **vec;
};

/* load_make.c */
struct ld_world *ld_world_new(void);
void ld_world_free(struct ld_world *w);
/* Write the files of a case and describe it in w->c. */
void ld_make(struct ld_world *w, struct fz_rng *g);
void ld_unmake(struct ld_world *w);
/* The words of the program at ELF_SMALL_ENTRY, for each machine. */
extern const u32 ld_code_guest[];
extern const u8 ld_code_native[], ld_code_native_end[];
extern const size_t ld_code_guest_size;

/*
 * load_check.c: is the process what the files say? False, and the reason in
 * why[n].
 */
bool ld_check(
    const struct ld_world *w, struct metic_vm *vm, char *why, size_t n);

/* What the case is, for who reads a failure. */
void ld_show(const struct ld_world *w);

/* How a program ended. */
struct ld_end {
	int err; /* it was not even started: -errno */
	bool signaled;
	int status;
};

/* load_twin.c: run it in a child; how it ended. */
struct ld_end ld_run(struct metic_vm *vm);
struct ld_end ld_run_native(const struct ld_world *w);
/* Did metic do what the kernel did? why is metic's refusal. */
bool ld_equal(const struct ld_end *metic, const struct ld_end *native,
    const char *why, bool *stricter);

#endif
