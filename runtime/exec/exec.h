/*
 * exec.h - running guest code: tiers, code cache, dispatch, invalidation.
 *
 * Thread rules: a vCPU is used by one thread at a time, the one that is in
 * exec_run. exec_request may be called from anywhere, also from a signal
 * handler. exec_invalidate may be called by any thread outside generated
 * code (an event hook, or a thread that runs no vCPU).
 */
#ifndef RUNTIME_EXEC_H
#define RUNTIME_EXEC_H

#include "runtime/exec/vm.h"

/*
 * Make a VM for `guest`. as_base is the host address of the sandbox window
 * (AS_BASED) or 0. 0 or -errno.
 */
int vm_new(const struct guest_isa *guest, enum as_kind as, u64 as_base,
    const struct vm_hooks *hooks, const struct vm_config *cfg,
    struct metic_vm **out);
/* No vCPU may be running. Frees the vCPUs, too. */
void vm_free(struct metic_vm *vm);

/* A vCPU in reset state; it belongs to the VM. NULL: out of memory. */
struct vcpu *vcpu_new(struct metic_vm *vm);
void vcpu_free(struct vcpu *v);
/* The vCPU that the calling thread is running, or NULL. Signal-safe. */
struct vcpu *vcpu_current(void);
/*
 * Make v, which is in exec_run further up this stack, the current one again:
 * after a vfork whose child ran a vCPU on this thread's TLS and went away.
 */
void vcpu_adopt(struct vcpu *v);

/*
 * Run from v->abi.pc until the event hook says VM_LEAVE or REQ_STOP is
 * seen; the reason is returned and kept in v->exit_reason, v->exit_arg.
 */
u32 exec_run(struct vcpu *v);

/* Ask v to do what REQ_* says at its next safepoint. Signal-safe. */
void exec_request(struct vcpu *v, u32 req);
/* What the kernel calls a thread that is no vCPU's, and not the guest's. */
#define EXEC_THREAD_NAME "metic-ticker"

/*
 * The guest code in [start, end) may have changed or gone: drop the
 * translations made from it. With `verify`, keep those whose bytes are
 * still the same (an instruction fence), else drop all (munmap, mprotect).
 */
void exec_invalidate(struct metic_vm *vm, gva_t start, gva_t end, bool verify);

/*
 * Somebody else may have written to any guest code, also where the guest
 * cannot (a debugger): drop the translations that are out of date. Called by
 * a vCPU's thread outside generated code.
 */
void exec_recheck(struct metic_vm *vm);

/*
 * Around fork(): exec_fork_prepare stops translation, _parent and _child
 * let it go on; in the child v is the only vCPU left and the code cache is
 * its own; with `copy` it starts with what is translated now, which needs
 * a descriptor of its own. Not needed for children that share memory.
 */
void exec_fork_prepare(struct metic_vm *vm, bool copy);
void exec_fork_parent(struct metic_vm *vm);
int exec_fork_child(struct vcpu *v);

/*
 * Keep translations in the folder `dir`, `cap` bytes of them at most, and
 * take those that are there. To be called before guest code runs. 0 or
 * -errno: nothing is kept then.
 */
int exec_cache_open(struct metic_vm *vm, const char *dir, u64 cap);
/*
 * Where the descriptor of that folder is noted, or NULL: nothing is kept. Who
 * moves it writes the new number there (negative: it was closed), who closes
 * it itself at the end writes -1 before vm_free.
 */
int *exec_cache_fd(struct metic_vm *vm);
/* Who makes translations here: only these are taken. host may be NULL. */
struct store_key;
void exec_cache_maker(const struct host_backend *host, struct store_key *out);
/* Guest code in [start, end) is that of the open file `fd` from `off` on. */
void exec_cache_image(
    struct metic_vm *vm, gva_t start, gva_t end, int fd, u64 off);
/* Guest code in [start, end) that comes from no file: these bytes are it. */
void exec_cache_bytes(
    struct metic_vm *vm, gva_t start, gva_t end, const void *bytes);
/* The descriptor that the optimizing tier keeps, or -1: not the guest's. */
int exec_own_fd(const struct metic_vm *vm);
/* What became of the optimizing tier, for people. */
const char *exec_optimizer(const struct metic_vm *vm);
/* The process is about to end or to become another program. */
void exec_ending(struct metic_vm *vm);
/*
 * Until exec_go_on the VM has no threads of its own, for calls that the
 * kernel refuses to a process with several.
 */
void exec_alone(struct metic_vm *vm);
void exec_go_on(struct metic_vm *vm);
/* Save what is new; before the process ends or becomes another program. */
void exec_cache_save(struct metic_vm *vm);
/*
 * With patience every new block is saved, at exec_cache_save alone; without,
 * few are not worth it and many do not wait.
 */
void exec_cache_patience(struct metic_vm *vm, bool patient);

/*
 * A child that ran v in this memory on the calling thread's thread-local
 * data is gone, perhaps killed: nothing of v's is in use any more. v is
 * still to be freed.
 */
void exec_abandoned(struct vcpu *v);

/* Name of an exit reason ("syscall"). */
const char *exec_reason_name(u32 reason);

#endif
