/*
 * linux.h - the Linux user-mode personality: what its files share.
 *
 * A Linux process is a VM whose event hook is a Linux kernel as a guest
 * program sees it. Guest addresses are host addresses (identity mapping),
 * guest threads are host threads, guest pids, tids and file descriptors are
 * the host's, and the guest's signal mask is the host thread's mask (but for
 * the few signals that metic itself must receive). What is left to translate
 * is data layouts, paths, protection bits and the delivery of signals.
 *
 * Rules for everyone here:
 *   - every number and pointer from the guest is untrusted: memory is touched
 *     with the guest_* helpers below only, a bad pointer gives -EFAULT;
 *   - a system call that may block goes through safe_syscall, or a signal
 *     that arrives just before it would be lost;
 *   - descriptors that metic keeps for itself go through linux_fd_hide.
 */
#ifndef USER_LINUX_H
#define USER_LINUX_H

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "runtime/debug/debug.h"
#include "runtime/exec/exec.h"
#include "runtime/mem/access.h"
#include "runtime/user/ptrace.h"

struct linux_task;
struct linux_process;

/* --- entry points for runtime/api ---------------------------------------- */

struct linux_config {
	const char *sysroot; /* NULL: the host's root */
	const char *prog; /* as the guest finds it: in the sysroot, then here */
	const char *argv0; /* NULL: argv[0], or prog without argv */
	char *const *argv; /* NULL-terminated, argv[0] included */
	char *const *envp; /* NULL-terminated */
	/*
	 * Host command that runs another guest program, NULL-terminated; its
	 * own options, then "-0" argv0 path args... are appended by execve.
	 * NULL: execve of a guest program is left to the host's kernel.
	 */
	const char *const *rerun;
	bool strace;
	const char *cache_dir; /* NULL: translations are not kept */
	u64 cache_cap; /* bytes there */
	int strace_fd; /* a copy of it is written to */
	u64 stack_size; /* 0: RLIMIT_STACK, 8 MiB when that is unlimited */
	const char *gdb; /* where to wait for a debugger (debug.h), or NULL */
	const char *uname_release; /* NULL: the host's */
	bool perf_map, profile; /* as in runtime/look/look.h */
	const char *jitdump; /* folder, or NULL */
	/*
	 * Called at the end of each process, forked children's too, and, with
	 * `exec`, before the process becomes another guest program. May be
	 * NULL.
	 */
	void (*ended)(void *ctx, struct metic_vm *vm, bool exec);
	void *ended_ctx;
};

struct linux_exit {
	bool signaled;
	int status; /* exit status, or the signal's number */
	bool core; /* the signal's default action dumps core */
	/* EXIT_CHECK (the tiers differ) or EXIT_STOP (metic_stop) ended it
	   before its time; else 0. */
	u32 cut_short;
};

/*
 * Load cfg->prog into a new VM, ready to run. 0, -ENOENT, -EACCES, -ENOMEM
 * ..., or -ENOEXEC: not runnable. `why` always gets one line that names the
 * file and the reason. Nothing of cfg is kept.
 */
int linux_new(const struct linux_config *cfg, const struct vm_config *vmcfg,
    struct metic_vm **out, char *why, size_t n);
/*
 * Run the main thread to the end of the process. The calling thread becomes
 * the guest's main thread (its tid is the guest's pid when it is the host
 * process's main thread). 0 or -errno.
 */
int linux_run(struct metic_vm *vm, struct linux_exit *ex);
void linux_free(struct metic_vm *vm);

/* --- system calls -------------------------------------------------------- */

/*
 * The handler of system call foo is sys_foo; its row is in syscalls.def.
 * It returns the value or -errno, or one of the codes below.
 */
typedef i64 (*syscall_fn)(struct linux_task *t, const u64 a[6]);

/*
 * Interrupted: the first four have the numbers and the meaning of the
 * kernel's ERESTART* codes. They never reach the guest.
 */
#define SYS_RESTART (-512) /* again if SA_RESTART, else -EINTR */
#define SYS_RESTART_ALWAYS (-513) /* again after any handler */
#define SYS_RESTART_NOHAND (-514) /* -EINTR if a handler runs, else again */
#define SYS_NO_RETURN (-600) /* the registers are already right */

/* One row of syscalls.def as seen by the dispatcher. */
struct syscall_row {
	const char *name;
	syscall_fn fn;
	const char *sig; /* argument and result kinds, for strace.c */
};

/* Rows of the asm-generic numbering (riscv64, aarch64); syscall.c. */
const struct syscall_row *syscall_generic(u64 nr);
/*
 * Run system call nr, with --strace output when asked for. Unknown numbers
 * give -ENOSYS. Never acts on the SYS_* codes. syscall.c.
 */
i64 syscall_dispatch(struct linux_task *t, u64 nr, const u64 a[6]);

/*
 * A host system call that cannot lose a signal: -errno or the result, or
 * SYS_RESTART when a signal for the guest is pending or interrupted it.
 * Pointers must be valid or at least the guest's (the kernel checks).
 */
i64 safe_syscall(struct linux_task *t, long nr, ...);
/* The same with six arguments always; safe_syscall.S. */
i64 safe_syscall6(volatile int *pending, long nr, const u64 a[6]);

/* --- guest copies: 0 or -EFAULT ------------------------------------------ */

#define guest_read(t, dst, gva, n) \
	(mem_read((t)->v, (dst), (gva), (n)) ? 0 : -EFAULT)
#define guest_write(t, gva, src, n) \
	(mem_write((t)->v, (gva), (src), (n)) ? 0 : -EFAULT)
/* One object, its size taken from the host variable. */
#define guest_get(t, var, gva) guest_read((t), &(var), (gva), sizeof(var))
#define guest_put(t, gva, var) guest_write((t), (gva), &(var), sizeof(var))
/*
 * The string at gva into buf[n]; its length, -EFAULT, or -ENAMETOOLONG when
 * it does not fit with its NUL.
 */
i64 guest_string(struct linux_task *t, char *buf, gva_t gva, size_t n);

/* --- a guest ISA's Linux ABI --------------------------------------------- */

/* A signal about to be delivered. */
struct linux_delivery {
	int sig;
	siginfo_t info; /* same layout on all 64-bit Linux */
	gva_t handler;
	gva_t restorer; /* 0: the process's trampoline */
	u64 flags; /* SA_* */
	u64 mask; /* to be restored by sigreturn */
	bool on_altstack; /* switch to the task's alternate stack */
};

/* struct stack_t of 64-bit guests. */
struct linux_altstack {
	u64 sp;
	i32 flags;
	u32 pad;
	u64 size;
};

/* The shared object that the kernel maps into each program: one page. */
struct linux_vdso {
	const void *image;
	size_t size;
	size_t sigreturn; /* offset of the code that calls rt_sigreturn */
	/* Offset of two u64: the resolutions of CLOCK_MONOTONIC and
	   CLOCK_MONOTONIC_COARSE in nanoseconds, filled in when mapped. */
	size_t resolution;
	/* Fills in what else depends on the machine; may be NULL. */
	void (*fill)(const struct linux_process *p, u8 *image);
};

struct linux_abi {
	const char *isa; /* guest_isa.name */
	const char *machine; /* uname -m */
	const char *platform; /* AT_PLATFORM; NULL: none */
	/* State slots: syscall number, its arguments, its result, sp, tls. */
	u16 slot_nr, slot_arg[6], slot_ret, slot_sp, slot_tls;
	u8 syscall_len; /* bytes of the system call instruction */
	bool sa_restorer; /* struct sigaction has sa_restorer */
	u16 min_sigstack; /* AT_MINSIGSTKSZ */
	u64 task_size; /* addresses end here */
	struct linux_vdso vdso;
	const struct syscall_row *(*syscall)(u64 nr);
	/* 0, or -ENOEXEC with the reason in why. */
	int (*elf_check)(u32 e_flags, char *why, size_t n);
	u64 (*hwcap)(const struct guest_isa *g);
	/* Registers of a fresh program; the rest of the state is reset. */
	void (*start)(struct vcpu *v, gva_t entry, gva_t sp);
	/* Build the frame and enter the handler: 0, or -EFAULT, no change. */
	int (*signal_push)(
	    struct linux_task *t, const struct linux_delivery *d);
	/* Undo it: state, *mask and *ss come from the frame. 0 or -EFAULT. */
	int (*signal_pop)(
	    struct linux_task *t, u64 *mask, struct linux_altstack *ss);
	/* Registers as ptrace has them; bytes of each set; its arch. */
	void (*regs_get)(const struct vcpu *v, struct linux_regs *r);
	void (*regs_set)(struct vcpu *v, const struct linux_regs *r);
	u32 gp_size, fp_size, audit_arch;
	/* Text of /proc/cpuinfo for ncpu CPUs into a malloc'ed string. */
	char *(*cpuinfo)(const struct guest_isa *g, unsigned ncpu);
};

/* From abis.def; NULL: the guest has no Linux personality. */
const struct linux_abi *linux_abi_of(const struct guest_isa *g);

/* --- process and tasks --------------------------------------------------- */

#define LINUX_NSIG 64

/* A signal's action as the guest set it. */
struct linux_sigaction {
	gva_t handler; /* 0: default, 1: ignore */
	u64 flags;
	gva_t restorer;
	u64 mask;
};

/* What the ELF loader found; addresses are final. */
struct linux_image {
	gva_t base; /* load bias */
	gva_t start, end; /* lowest and highest mapped byte (+1) */
	gva_t entry; /* of the program */
	gva_t interp_base; /* 0: static */
	gva_t interp_entry;
	gva_t phdr; /* address of the program headers, 0: not mapped */
	u16 phnum, phentsize;
	bool stack_exec;
};

#define LINUX_NFDS 32

/* What processes that share memory (vfork, CLONE_VM) have in common. */
struct linux_mm {
	pthread_mutex_t lock; /* serialises changes of the address space */
	gva_t brk_start, brk_end, brk_limit; /* end: the guest's break */
	gva_t brk_mapped; /* page-aligned end of what is accessible */
	bool grows; /* something may have grown down, mm_grow.c */
};

struct linux_process {
	struct metic_vm *vm;
	const struct linux_abi *abi;
	struct linux_config cfg; /* deep copies */
	char *exe; /* host path, absolute and resolved */
	char *exe_guest; /* what /proc/self/exe shows */
	char *execfn; /* AT_EXECFN: what execve was given */
	struct linux_image image;
	struct seccomp_filter *seccomp; /* of the first task, from execve */
	/* The initial stack's strings and vectors, for /proc/self. */
	gva_t arg_start, arg_end, env_start, env_end, auxv_start, auxv_end;
	gva_t stack_guard, stack_low, stack_top; /* of the main thread */
	gva_t vdso; /* where abi->vdso is mapped */
	gva_t tramp; /* its code that calls rt_sigreturn */

	struct linux_mm *mm; /* shared with children that share memory */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t idle; /* signalled when ntasks falls */
	struct linux_task *tasks;
	unsigned ntasks;
	bool ending; /* exit_group or a fatal signal: `end` is set */
	struct linux_exit end;
	bool forked; /* ends by itself, never returns from linux_run */
	unsigned sharers; /* children that run in this memory now */
	int vfork_fd; /* its end is the end of the parent's wait; -1: none */
	bool have_last; /* last_thread has ended and wants to be joined */
	pthread_t last_thread;
	int fds[LINUX_NFDS]; /* metic's own descriptors */
	unsigned nfds;

	struct debug_stub *debug; /* NULL: nobody debugs it; gdb_target.c */
	bool debug_signals; /* deadly ones are shown to the debugger first */
	int debug_fds[2], debug_mem; /* hidden ones: the stub's, our memory */

	struct ptrace_tracer *tracer; /* what it traces, or NULL: ptrace.h */
	struct signal_host *sighost; /* the host's dispositions, signal.c */
	struct signal_held *held; /* blocked by the guest only, signal_held.c */
	_Atomic u64 handled; /* standard signals that have a guest handler */
	pthread_mutex_t sig_lock; /* guards action */
	struct linux_sigaction action[LINUX_NSIG + 1];
	u8 host_action[LINUX_NSIG + 1]; /* what the host has, signal.c */
	int strace_fd; /* where --strace goes; -1: nowhere */
	bool published; /* the kernel knows where arguments are, proc_peer.c */
	_Atomic bool mem_open; /* /proc/self/mem was opened for writing */
	_Atomic int membarriers; /* the guest's registrations */
	_Atomic u64 missing[8]; /* unsupported calls already logged */
	pid_t pid; /* of the host process; not of a vfork child */
	struct rlimit
	    kept_limit[2]; /* RLIMIT_AS, _DATA as the guest set them */
	bool limit_kept[2]; /* and whether it has; guarded by lock */
};

struct linux_task {
	struct vcpu *v;
	struct linux_process *p;
	struct linux_task *next;
	pid_t tid;

	/*
	 * One signal that the host delivered and the guest has not seen yet.
	 * While it waits, the host mask blocks everything else, so that one
	 * place is enough and the kernel keeps the queue. See signal.c.
	 */
	volatile int pending; /* signal number; read by safe_syscall6 */
	siginfo_t pending_info;
	/* One that the guest sent itself, see signal_to_self. */
	int self_sig;
	siginfo_t self_info;
	u64 sigmask; /* as the guest set it */
	/*
	 * The host's mask, or all signals. Between a handler's start and its
	 * next system call it may lack some of sigmask's.
	 */
	u64 host_mask;
	u64 suspend_mask; /* mask to restore after a sigsuspend-like call */
	bool suspended; /* suspend_mask is meaningful */
	struct linux_altstack altstack;

	struct arena exec_arena; /* of the execve under way */
	struct path_dirs *paths; /* directories found before, path.c */
	struct seccomp_filter *seccomp; /* NULL: every call is allowed */
	gva_t clear_child_tid;
	u64 tid_address; /* clone_tid_address, where the kernel cannot say */
	bool started; /* the host's mask is the guest's */
	bool leaving; /* the event hook must say VM_LEAVE */
	int exit_status; /* of exit(2) */
	/* The system call being run, for restarts. */
	u64 nr, orig_arg0;
	int restart; /* SYS_RESTART* of the system call just done, or 0 */
	gva_t robust_list; /* as set_robust_list gave it */
	bool leader; /* the first thread of its process */
	struct ptrace_record ptrace; /* for who traces this thread */
	struct debug_thread debug; /* of the stub; gdb_target.c */
	_Atomic int debug_unseen; /* a signal that the debugger itself sent */
	_Atomic bool debug_kicked; /* the call was cut short for the debugger */
	pthread_mutex_t hold; /* delays the start of a new thread */
	sem_t *vfork_done; /* posted at its end for CLONE_VFORK, or NULL */
	int sample_timer; /* the host's number of it + 1; 0: none */
	volatile bool sampled; /* during the system call being run */
};

/* The task that runs on the calling thread, or NULL. Signal-safe. */
struct linux_task *linux_current(void);
struct linux_task *linux_task_new(struct linux_process *p);
/* Unlink and free t and its vCPU. */
void linux_task_free(struct linux_task *t);
/* Run t until it leaves; what cuts it short ends the process. */
void linux_task_run(struct linux_task *t);
/* The process ends: all tasks leave. The first call decides the outcome. */
void linux_end(struct linux_process *p, const struct linux_exit *ex);
/* Message to the VM's log ("metic: ..." lines of the personality). */
void linux_warn(struct linux_process *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Take fd for metic's own use: it is moved to a high number, close-on-exec,
 * and protected from the guest. The new number, or -errno (fd is closed).
 */
int linux_fd_hide(struct linux_process *p, int fd);
/* True if the guest may not touch fd (close, dup2 over it: -EBADF). */
bool linux_fd_hidden(struct linux_process *p, int fd);
/* Close a hidden descriptor. */
void linux_fd_drop(struct linux_process *p, int fd);

/* --- signals (signal.c) -------------------------------------------------- */

/* Read a sigset_t pointer argument; size must be 8: 0, -EINVAL, -EFAULT. */
int signal_get_mask(struct linux_task *t, gva_t gva, u64 size, u64 *mask);
/*
 * The host mask for a guest mask: without the signals that metic needs. For
 * ppoll, pselect6, epoll_pwait, io_getevents: pass this to the host call.
 */
u64 signal_host_mask(u64 guest);
/*
 * Queue a signal that the guest's own action caused (SIGPIPE from a write
 * comes from the host by itself; this is for what we emulate).
 */
void signal_force(struct linux_task *t, const siginfo_t *info);

/*
 * Tell the VM's log what the task is about to die of: the signal, the exact
 * pc, the instruction and the registers. report.c.
 */
void report_fault(struct linux_task *t, const siginfo_t *info);

/* --- paths (path.c) and /proc (proc.c) ----------------------------------- */

enum {
	PATH_NOFOLLOW = 1, /* do not follow a symbolic link at the end ... */
	PATH_ENTRY = 8 | PATH_NOFOLLOW, /* ... even with a slash behind it */
	PATH_EMPTY = 2, /* "" is allowed (AT_EMPTY_PATH) */
	PATH_NULL = 4, /* NULL is allowed: out becomes "" */
	PATH_LEAVE = 16, /* what is no path at all is left to the host */
	PATH_FIND = 32, /* what is nowhere is not made, but an error */
};

/*
 * Is there anything to do for the path? Without a sysroot, only in /proc.
 */
bool path_matters(struct linux_task *t, gva_t path);
/*
 * The host path for the guest path at `path`: absolute ones are looked up
 * in the sysroot, then on the host; relative ones stay relative (to dirfd,
 * which the caller passes on to the host). 0 or -errno. With PATH_LEAVE, 1
 * for a string that cannot be read or is too long: given the guest's own
 * pointer, the host kernel says so after whatever else it looks at before.
 */
int path_lookup(struct linux_task *t, int dirfd, gva_t path, char out[PATH_MAX],
    unsigned flags);
/* The same for a string that is already here. */
int path_translate(struct linux_process *p, int dirfd, const char *path,
    char out[PATH_MAX], unsigned flags);
/*
 * With a sysroot: a host path to be tried first, without following a link at
 * its end. What is found there, unless it is a link, is what path_translate
 * would find, for fewer system calls. False: nothing to try. A relative path
 * stays relative.
 */
bool path_quick(struct linux_process *p, const char *path, char out[PATH_MAX]);
/*
 * The same if the kernel will be told to follow no link at all: no system
 * call is needed to say so.
 */
bool path_below(struct linux_process *p, const char *path, char out[PATH_MAX]);
/* Turn a host path (getcwd, readlink) into the guest's, in place. */
void path_to_guest(struct linux_process *p, char *path);

/*
 * Open a file of /proc whose text must be the guest's, of whatever process:
 * its descriptor, -errno, or PROC_NOT_OURS. `path` is relative to dirfd, or
 * the guest's absolute one, or already translated; flags as open(2) on the
 * host.
 */
#define PROC_NOT_OURS INT_MIN
int proc_open(struct linux_task *t, int dirfd, const char *path, int flags);
/*
 * The same for readlink: the length of `text` (terminated), -errno,
 * PROC_NOT_OURS.
 */
i64 proc_readlink(
    struct linux_task *t, int dirfd, const char *path, char text[PATH_MAX]);
/*
 * Another path for such a one, if a program's `exe` is meant and is to be
 * followed (no PATH_NOFOLLOW in flags): 0; -ENOENT for metic's descriptors.
 */
int proc_follow(struct linux_task *t, int dirfd, const char *path,
    unsigned flags, char out[PATH_MAX]);
/*
 * The guest has written n bytes to descriptor fd, from its position on or, if
 * off is not negative, there: code in our own memory is made anew.
 */
void proc_written(struct linux_task *t, int fd, i64 n, i64 off);

#endif
