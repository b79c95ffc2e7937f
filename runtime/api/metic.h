/*
 * metic.h - run foreign machine code at near-native speed, as a library.
 *
 * A VM is one guest: either *raw* (an address space and processors that you
 * fill and drive; system calls and faults come back to you) or *linux* (a
 * guest Linux program with its system calls carried out for it).
 *
 *	metic_vm *vm;
 *	struct metic_config c = METIC_CONFIG_INIT;
 *	if (metic_create(&c, &vm) != METIC_OK) ...
 *	metic_map(vm, 0x10000, 4096, METIC_READ | METIC_EXEC);
 *	metic_write(vm, 0x10000, code, sizeof(code));
 *	metic_vcpu *cpu = metic_cpu(vm);
 *	metic_set_pc(cpu, 0x10000);
 *	struct metic_exit e = { sizeof(e) };
 *	metic_run(cpu, 0, &e);
 *
 * Rules
 *   - Errors are values (enum metic_error); the library never prints,
 *     exits or aborts on its own account.
 *   - Threads: calls on one VM or one vCPU must not overlap, but for
 *     metic_stop, which any thread or signal handler may call at any time.
 *     Different VMs are independent. A raw vCPU may be run by any thread,
 *     one at a time.
 *   - Sized structs: set `size` to sizeof the struct (the INIT macros do);
 *     a newer library then knows what an older caller has.
 *   - Guest faults are found by SIGSEGV and SIGBUS handlers, which the first
 *     VM installs and the last one removes; faults that are not the guest's
 *     go to the handlers that were there before. A linux VM makes the
 *     calling process into that guest process (its signals, descriptors,
 *     working directory, fork): have one per process.
 */
#ifndef METIC_H
#define METIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define METIC_API __attribute__((visibility("default")))
#else
#define METIC_API
#endif

typedef struct metic_vm metic_vm;
typedef struct vcpu metic_vcpu;

enum metic_error {
	METIC_OK = 0,
	METIC_ERR_ARG, /* an argument is out of range or inconsistent */
	METIC_ERR_MEMORY, /* the host is out of memory */
	METIC_ERR_HOST, /* a host system call failed; see the error text */
	METIC_ERR_UNSUPPORTED, /* not built in, or not on this machine */
	METIC_ERR_NOT_FOUND, /* no such file, register or symbol */
	METIC_ERR_FORMAT, /* not a program that this VM can run */
	METIC_ERR_FAULT, /* guest memory there is not accessible */
	METIC_ERR_KIND, /* not for this kind of VM */
};
/* A short English text; never NULL. */
METIC_API const char *metic_error_text(enum metic_error e);

/* "0.1.0" */
METIC_API const char *metic_version(void);
/*
 * The guests built in, one per index from 0: name ("riscv64") and, if
 * summary is not NULL, what is implemented of it. NULL past the last.
 */
METIC_API const char *metic_guest(unsigned index, const char **summary);

enum metic_kind { METIC_RAW, METIC_LINUX };

enum metic_tier {
	METIC_TIER_AUTO, /* the fastest that this host has */
	METIC_TIER_INTERP, /* the reference interpreter */
	METIC_TIER_BASELINE, /* native code; fails where there is none */
	/* as AUTO, but it is said when hot code cannot be optimized */
	METIC_TIER_OPTIMIZING,
};

struct metic_config {
	size_t size;
	enum metic_kind kind;
	enum metic_tier tier;
	const char *guest; /* NULL: riscv64; linux: from the program */
	bool check; /* interpret and run natively in lock step; no budget */
	bool budget; /* metic_run honours its budget (costs some speed) */
	bool strace; /* linux: log each system call */
	/* Stages to log, a letter each ("lpX"); NULL or "": none.
	   l lifted, X host code, those of translator/passes.def. */
	const char *dump;
	/* Where text goes: --strace, dumps, reports. NULL: nowhere. */
	void (*log)(void *ctx, const char *text, size_t n);
	void *log_ctx;
	size_t code_cache; /* bytes; 0: default */
	/* metic_create puts one line there that says what is wrong with
	   which file, or "". May be NULL. */
	char *why;
	size_t why_size;

	/* --- linux only --- */
	const char *prog; /* host path of the program */
	const char *argv0; /* what the program sees as argv[0]; NULL: as is */
	char *const *argv; /* NULL-terminated, argv[0] included */
	char *const *envp; /* NULL-terminated; NULL: empty */
	const char *sysroot; /* guest root directory, looked up first */
	uint64_t stack_size; /* 0: the process's limit */
	/* Folder where translations are kept, made if needed; NULL: nowhere.
	   It must be the caller's and nobody else may write there, or it is
	   not used. */
	const char *cache_dir;
	uint64_t cache_cap; /* bytes that it may hold; 0: 2 GiB */
	const char *uname_release; /* what uname shows; NULL: the host's */
	int strace_fd; /* where --strace lines go; 0: stderr */
	/*
	 * Host command that runs a guest program that this one executes, e.g.
	 * { "/usr/bin/metic", "run", NULL }; -0 ARGV0 PATH ARGS are appended.
	 * NULL: left to the host's kernel, which may have binfmt_misc.
	 */
	const char *const *rerun;
	/*
	 * Before the first instruction wait for a debugger (gdb, lldb) that
	 * connects to this "PORT" or "HOST:PORT" (TCP, 127.0.0.1 by default) or
	 * "unix:PATH"; the log says where. NULL: run.
	 */
	const char *gdb;
	/* Path of metic-jitd, which optimizes hot code; NULL: nothing does. */
	const char *jitd;
	bool jit_wait; /* compile all loops at once and wait: for tests */
	/* Name the generated code for Linux's perf: /tmp/perf-PID.map, and
	   jit-PID.dump in the folder `jitdump` (NULL: none). */
	bool perf_map;
	const char *jitdump;
	bool profile; /* take samples, for metic_profile_stacks */
	/*
	 * Called at the end of each process that comes of this VM, on its last
	 * thread: also in children that the guest forks, which end without
	 * returning from metic_run, and, with `exec`, before rerun[0] is
	 * executed in its place. Statistics and samples can be had there.
	 */
	void (*ended)(void *ctx, metic_vm *vm, bool exec);
	void *ended_ctx;
	/* Of metic-jitd: bytes of memory (0: 2 GiB); seconds that it may take
	   for one loop (0: 20) until it is given up and started again. */
	uint64_t jit_memory;
	unsigned jit_seconds;
};
#define METIC_CONFIG_INIT \
	{ \
		.size = sizeof(struct metic_config) \
	}

/*
 * Make a VM. On an error *out is NULL and config.why says more. Strings in
 * the config are copied.
 */
METIC_API enum metic_error metic_create(
    const struct metic_config *config, metic_vm **out);
/* Free the VM and all it owns. Its vCPUs must not be running. */
METIC_API void metic_destroy(metic_vm *vm);

/* The first vCPU; every VM has it. Owned by the VM. */
METIC_API metic_vcpu *metic_cpu(metic_vm *vm);
/* One more vCPU of a raw VM, in reset state; NULL: out of memory. */
METIC_API metic_vcpu *metic_cpu_new(metic_vm *vm);

/* --- raw: memory ----------------------------------------------------------
 * Guest addresses are 0 .. METIC_ADDRESS_SPACE - 1, sandboxed: a guest
 * cannot reach the host's memory. Addresses and sizes of metic_map,
 * metic_unmap and metic_protect are multiples of 4096.
 */
#define METIC_ADDRESS_SPACE ((uint64_t)1 << 36)
enum { METIC_READ = 1, METIC_WRITE = 2, METIC_EXEC = 4 };

/* Fresh zeroed memory, replacing what was there. */
METIC_API enum metic_error metic_map(
    metic_vm *vm, uint64_t addr, uint64_t size, unsigned prot);
METIC_API enum metic_error metic_unmap(
    metic_vm *vm, uint64_t addr, uint64_t size);
METIC_API enum metic_error metic_protect(
    metic_vm *vm, uint64_t addr, uint64_t size, unsigned prot);
/*
 * Copy between host and guest memory, whatever the guest's protection says;
 * METIC_ERR_FAULT where nothing is mapped (nothing is copied then). Code
 * that was changed by metic_write is translated anew.
 */
METIC_API enum metic_error metic_read(
    metic_vm *vm, uint64_t addr, void *buf, size_t n);
METIC_API enum metic_error metic_write(
    metic_vm *vm, uint64_t addr, const void *buf, size_t n);
/* Map a static ELF executable and give its entry point. */
METIC_API enum metic_error metic_load_elf(
    metic_vm *vm, const char *path, uint64_t *entry);

/* --- registers ------------------------------------------------------------
 * Registers have numbers from 0 in the order of the guest's table; names are
 * the assembler's ("a0", "fa0"). A float register's value is its 64 bits.
 */
/* The register's number, or -1. */
METIC_API int metic_reg(const metic_vm *vm, const char *name);
/* The register's name, or NULL past the last one. */
METIC_API const char *metic_reg_name(const metic_vm *vm, unsigned reg);
METIC_API uint64_t metic_get(const metic_vcpu *cpu, unsigned reg);
METIC_API void metic_set(metic_vcpu *cpu, unsigned reg, uint64_t value);
METIC_API uint64_t metic_get_pc(const metic_vcpu *cpu);
METIC_API void metic_set_pc(metic_vcpu *cpu, uint64_t pc);
/* Accrued floating-point exceptions: 1 inexact, 2 underflow, 4 overflow,
   8 division by zero, 16 invalid. */
METIC_API unsigned metic_get_fflags(const metic_vcpu *cpu);
METIC_API void metic_set_fflags(metic_vcpu *cpu, unsigned flags);

/* --- running -------------------------------------------------------------- */
enum metic_exit_reason {
	METIC_EXIT_SYSCALL, /* raw: system call; pc is after it */
	METIC_EXIT_BREAK, /* raw: breakpoint instruction at pc */
	METIC_EXIT_ILLEGAL, /* raw: arg = the refused instruction at pc */
	METIC_EXIT_FETCH, /* raw: no executable memory; arg = address */
	METIC_EXIT_MEMORY, /* raw: data access at pc failed; arg = address */
	METIC_EXIT_MISALIGNED, /* raw: arg = address */
	METIC_EXIT_BUDGET, /* the budget is used up; run again to go on */
	METIC_EXIT_STOPPED, /* metic_stop */
	METIC_EXIT_RETURNED, /* metic_call's function came back */
	METIC_EXIT_EXITED, /* linux: arg = exit status */
	METIC_EXIT_KILLED, /* linux: arg = signal number */
	METIC_EXIT_DIFFERENCE, /* check: the tiers differ, see the log */
};

struct metic_exit {
	size_t size;
	enum metic_exit_reason reason;
	uint64_t pc; /* raw only */
	uint64_t arg;
};

/* A short name of a reason ("syscall"). */
METIC_API const char *metic_exit_name(enum metic_exit_reason r);

/*
 * Run until something needs the caller. budget: at most about this many
 * guest instructions (checked between blocks, so it may be passed by less
 * than a block), 0 for no limit; needs config.budget. A linux VM runs to
 * the end of its program, once; its vCPU is gone then.
 */
METIC_API enum metic_error metic_run(
    metic_vcpu *cpu, uint64_t budget, struct metic_exit *exit);
/*
 * Raw: call the guest function at addr with up to eight integer arguments by
 * the guest's C convention, on the stack that its stack pointer has, until
 * it returns to its caller (METIC_EXIT_RETURNED) or anything else happens.
 */
METIC_API enum metic_error metic_call(metic_vcpu *cpu, uint64_t addr,
    const uint64_t *args, unsigned nargs, uint64_t *result,
    struct metic_exit *exit);
/* Make a running or the next metic_run return METIC_EXIT_STOPPED soon. */
METIC_API void metic_stop(metic_vcpu *cpu);

struct metic_stats {
	size_t size;
	uint64_t blocks; /* translated */
	uint64_t guest_insns; /* translated */
	uint64_t ir_insns;
	uint64_t host_bytes; /* of generated code */
	uint64_t translate_ns;
	uint64_t links; /* direct jumps patched */
	uint64_t lookups; /* blocks searched from generated code */
	uint64_t exits; /* to the runtime */
	uint64_t invalidated; /* blocks dropped because their code changed */
	uint64_t flushes; /* of the whole code cache */
	uint64_t interp_blocks; /* executed by the interpreter */
	/* optimizing tier: units made or loaded, that could not be had, that
	   did not pay; guest instructions */
	uint64_t units, units_failed, units_dropped, unit_insns;
	uint64_t cache_hits; /* blocks taken from cache_dir */
	uint64_t cache_misses; /* and not found there */
	uint64_t cache_saved; /* put there */
	uint64_t cache_load_ns; /* spent on hits */
	/* CPU time of guest threads, sampled (config.profile) and known from
	   config.ended on: in generated code of each tier, and elsewhere. */
	uint64_t baseline_ns, optimized_ns, interp_ns, translation_ns,
	    syscalls_ns, metic_ns;
	/* What became of the optimizing tier: "on", "not asked for", ... or
	   why it was given up; a constant. */
	const char *optimizer;
};
METIC_API void metic_get_stats(const metic_vm *vm, struct metic_stats *s);

/* --- looking inside -------------------------------------------------------
 * linux, before metic_run: what becomes of the function or the block `what`
 * ("symbol", "symbol+0x12" or an address of the program, as in its file), as
 * text for people: guest instructions, IR and the host code of each tier.
 * METIC_ERR_NOT_FOUND: there is no such place.
 */
METIC_API enum metic_error metic_explain(metic_vm *vm, const char *what,
    void (*out)(void *ctx, const char *text, size_t n), void *ctx);

/*
 * Where CPU time went, from samples (config.profile; linux only). To be asked
 * for in config.ended, after which they are forgotten.
 */
enum metic_where {
	METIC_IN_BASELINE, /* generated code of that tier */
	METIC_IN_OPTIMIZED,
	METIC_IN_INTERP,
	METIC_IN_TRANSLATION,
	METIC_IN_SYSCALLS,
	METIC_IN_METIC, /* the rest of metic */
	METIC_WHERES
};
/* "baseline", ... */
METIC_API const char *metic_where_name(enum metic_where w);

struct metic_frame {
	uint64_t pc;
	const char *object; /* file name, "[vdso]", "" if not known */
	const char *function; /* NULL: in none that has a name */
	uint64_t offset; /* in the function, else in the object's file */
};
struct metic_stack {
	size_t size;
	uint64_t ns; /* CPU time that was so */
	enum metic_where where;
	const char *syscall; /* METIC_IN_SYSCALLS: its name; else NULL */
	bool cut; /* there were more frames */
	unsigned depth; /* may be 0 */
	const struct metic_frame *frames; /* the innermost first */
};
METIC_API enum metic_error metic_profile_stacks(metic_vm *vm,
    void (*each)(void *ctx, const struct metic_stack *s), void *ctx);

enum metic_mix {
	METIC_MIX_INT,
	METIC_MIX_MULDIV,
	METIC_MIX_LOAD,
	METIC_MIX_STORE,
	METIC_MIX_ATOMIC,
	METIC_MIX_BRANCH, /* conditional */
	METIC_MIX_JUMP, /* calls, returns, jumps */
	METIC_MIX_FP,
	METIC_MIX_SYSTEM, /* system calls, fences, counters */
	METIC_MIXES
};
/* "int", "mul/div", ... */
METIC_API const char *metic_mix_name(enum metic_mix m);

/* A translation block in which samples were taken. */
struct metic_block {
	size_t size;
	uint64_t ns;
	enum metic_where where;
	struct metic_frame at;
	unsigned insns; /* of the guest; 0: its code is gone */
	unsigned bytes, host_bytes;
	unsigned mix[METIC_MIXES]; /* of insns */
};
/* Each block with its time, in no order. */
METIC_API enum metic_error metic_profile_blocks(metic_vm *vm,
    void (*each)(void *ctx, const struct metic_block *b), void *ctx);

/* One file of a cache_dir: the translations of one guest file. */
struct metic_cache_file {
	size_t size;
	const char *name;
	uint64_t bytes; /* on disk */
	uint64_t blocks;
	uint64_t damaged; /* blocks that will not be taken (if verified) */
	int64_t used; /* when it was last used, seconds since 1970 */
	bool current; /* made by this version of metic for this CPU */
};
/*
 * Translate everything that can be reached of the program of a new linux VM
 * with a cache_dir, of its interpreter, of the shared objects they are linked
 * with and of `more` (host paths, NULL-terminated, or NULL), from functions
 * that symbols or unwind tables know. Nothing is run; the VM is only good for
 * metic_destroy then. why[n] gets a line on an error.
 */
struct metic_warm_file {
	size_t size;
	const char *path;
	uint64_t functions, blocks;
	uint64_t fresh; /* of blocks: made now, not there before */
};
METIC_API enum metic_error metic_cache_warm(metic_vm *vm, char *const *more,
    void (*each)(void *ctx, const struct metic_warm_file *f), void *ctx,
    char *why, size_t n);

typedef void (*metic_cache_fn)(void *ctx, const struct metic_cache_file *f);
/*
 * Call `each` for every file, the most recently used first; `verify` checks
 * them whole. METIC_ERR_HOST: not a folder that we may use.
 */
METIC_API enum metic_error metic_cache_list(
    const char *dir, bool verify, metic_cache_fn each, void *ctx);
/*
 * Remove the least recently used files until at most `cap` bytes are left,
 * and say how much that was. Running programs are not disturbed.
 */
METIC_API enum metic_error metic_cache_trim(
    const char *dir, uint64_t cap, uint64_t *files, uint64_t *bytes);

/* The host's code generator and CPU features in use, one line. */
METIC_API const char *metic_host(char *buf, size_t n);

#ifdef __cplusplus
}
#endif

#endif
