/*
 * vm.h - struct metic_vm and struct vcpu: what everything hangs on.
 *
 * A VM has a guest ISA, an address space and a set of vCPUs; each vCPU is
 * run by one host thread at a time. What a VM *is* (a Linux process, a raw
 * machine for an embedder) is its `event` hook: what happens on system
 * calls, faults and safepoints.
 */
#ifndef RUNTIME_VM_H
#define RUNTIME_VM_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "runtime/base/lock.h"
#include "runtime/exec/guard.h"
#include "runtime/mem/map.h"
#include "translator/backend.h"
#include "translator/passes.h"

struct exec;
struct metic_vm;

enum exec_tier { TIER_AUTO, TIER_INTERP, TIER_BASELINE, TIER_OPTIMIZING };

enum vm_action {
	VM_RESUME, /* go on at abi.pc with the state as it is now */
	VM_LEAVE, /* return from exec_run */
	VM_PASS, /* DEBUG_BREAK only: run what is beneath, then resume */
};

struct vm_hooks {
	/*
	 * An exit of generated code: reason is EXIT_SYSCALL .. EXIT_STOP (never
	 * LOOKUP or LINK). All guest state is in v->abi and may be changed.
	 * Called on the vCPU's thread, on its ordinary C stack, outside
	 * generated code: it may block.
	 */
	enum vm_action (*event)(struct vcpu *v, u32 reason, u64 arg);
};

struct vm_config {
	enum exec_tier tier;
	const char *jitd; /* path of metic-jitd, NULL: no optimizing tier */
	bool jit_wait; /* compile at first sight, and wait for it */
	u64 jit_memory; /* bytes that it may use; 0: default */
	u32 jit_seconds; /* that one compilation may take; 0: default */
	bool check; /* lock step of interpreter and baseline */
	bool count; /* honour abi.budget */
	bool verify; /* IR verifier after each pass */
	bool perf_map; /* code lies where perf looks for names */
	u32 max_insns; /* of a translation block; 0 = default */
	size_t cache_size; /* of the code cache, bytes; 0 = default */
	const char *dump; /* dump letters, NULL: none */
	/* Where text output of any kind goes; may be NULL. */
	void (*log)(void *ctx, const char *text, size_t n);
	void *log_ctx;
};

#define VM_WHERES 8

/* Counters for --stats; each is exact per VM, where_ns is sampled. */
struct vm_stats {
	_Atomic u64 blocks, guest_insns, ir_insns, host_bytes;
	_Atomic u64 translate_ns, links, lookups, flushes, invalidated;
	_Atomic u64 interp_blocks, exits;
	_Atomic u64 units, units_failed, units_dropped,
	    unit_insns; /* optimizing tier */
	_Atomic u64 cache_hits, cache_misses, cache_saved; /* on disk */
	_Atomic u64 load_ns; /* spent on hits */
	_Atomic u64 where_ns[VM_WHERES]; /* look/profile.h's LOOK_IN_* */
};

struct metic_vm {
	const struct guest_isa *guest;
	const struct vm_hooks *hooks;
	enum as_kind as;
	u64 mem_base; /* AS_BASED: host address of guest address 0 */
	struct mem_map map;
	struct vm_config cfg;
	struct vm_stats stats;
	struct exec *exec; /* tiers, code cache, block tables */
	void *sandbox; /* AS_BASED: the reserved window with its guards */
	void *kernel; /* the Linux personality's process, or NULL */
	pthread_mutex_t lock; /* guards the list of vCPUs */
	struct vcpu *vcpus;
};

/* What another thread or a signal handler may ask of a vCPU. */
enum {
	REQ_STOP = 1, /* leave exec_run with EXIT_STOP */
	REQ_EVENT = 2, /* call hooks->event(EXIT_STOP): signals are pending */
	REQ_FLUSH = 4, /* the code cache is being reset: get out of it */
	REQ_SYNC = 8, /* come out of generated code once */
	REQ_SAMPLE = 16, /* the optimizing tier wants to know where it is */
};

/* What a vCPU's thread does outside generated code; read by samples. */
enum { VCPU_RUNS, VCPU_INTERPRETS, VCPU_TRANSLATES, VCPU_CALLS };

struct vcpu {
	struct abi_state abi; /* must be first */
	struct metic_vm *vm;
	struct vcpu *next; /* in vm->vcpus */
	void *task; /* the Linux personality's guest thread, or NULL */
	_Atomic u32 requests; /* REQ_* */
	u32 exit_reason; /* why exec_run returned */
	u64 exit_arg;

	/* What DEBUG_WATCH is about: WATCH_* of the watchpoint, and where. */
	u32 watch_kind;
	gva_t watch_hit;

	/* Run by a process that is a guest in this memory (vfork): it makes
	   no threads for the VM, which would outlive it and be nobody's. */
	bool visitor;

	/* --- private to runtime/exec --- */
	volatile u8 activity; /* VCPU_* */
	_Atomic u32 step; /* see exec/debug.c */
	gva_t step_pc; /* abi.pc when step was set */
	_Atomic u32 in_code; /* generated code or its tables are in use */
	u64 exits; /* counted here, added to stats when exec_run returns */
	u64 flush_epoch; /* of the code cache when in_code was last set */
	void *decoder;
	struct arena arena;
	struct check *check; /* the comparison under way */
	void *call_stack; /* mapping that holds generated code's call stack */
	u64 *values; /* interpreter's SSA values */
	/* Fault guard, see exec/fault.h. */
	volatile bool guarded;
	guard_buf guard;
	u64 guard_arg; /* what the guard caught: EXIT_MEMORY's arg */
	void *sigstack;
	stack_t prev_sigstack;
};

_Static_assert(offsetof(struct vcpu, abi) == 0, "abi must be first");

/* Write text to cfg.log, if there is one. */
void vm_log(const struct metic_vm *vm, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
