/*
 * fault.c - see fault.h.
 *
 * A host signal handler is a thing of the process, so this file holds the
 * only process-wide state of the library: the previous handlers and a count.
 */
#include "runtime/exec/internal.h"

#include <stdlib.h>
#include <sys/mman.h>

#define SIGSTACK_SIZE ((size_t)64 << 10)

static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned installed;
static struct sigaction prev_segv, prev_bus;

static bool on_call_stack_guard(const struct vcpu *v, u64 addr)
{
	return addr - (u64)(uintptr_t)v->call_stack < HOST_PAGE;
}

/*
 * arg of EXIT_MEMORY: the signal and its code, as the kernel gave them. An
 * address that is none for the host's processor comes as SI_KERNEL without
 * the address; the interpreter knows it, and for native code the dispatcher
 * asks the interpreter (exec_handle_exit).
 */
static u64 memory_arg(int sig, const siginfo_t *si)
{
	return (u32)sig | (u64)(u32)si->si_code << 8;
}

/* The guest's state at host address pc in tb, which faulted. */
static bool save_state(struct vcpu *v, const struct tb *tb, void *uc, u64 pc)
{
	const struct host_backend *host = v->vm->exec->host;
	if (tb->unit) {
		u64 off = pc - (u64)(uintptr_t)tb->code_start;
		if (!host->context_save_unit(v->vm->guest, v, uc,
			&tb->unit->map, (u32)off, &v->abi.pc))
			return false;
		/* its frame lies on the call stack: begin a new one */
		host->context_restart_stack(uc, v);
		return true;
	}
	host->context_save(v->vm->guest, v, uc);
	v->abi.pc = tb_guest_pc(tb, pc);
	return true;
}

bool fault_handle(int sig, siginfo_t *si, void *uc)
{
	struct vcpu *v = vcpu_current();
	if (!v || si->si_code <= 0) /* not ours, or sent by somebody */
		return false;
	struct exec *ex = v->vm->exec;
	u64 addr = (u64)(uintptr_t)si->si_addr;
	u64 pc = ex->host ? ex->host->context_pc(uc) : 0;
	if (ex->host && cache_contains(ex, pc)) {
		if (on_call_stack_guard(v, addr)) {
			ex->host->context_restart_stack(uc, v);
			return true;
		}
		struct tb *tb = tb_by_code(ex, pc);
		if (!tb)
			return false;
		if (!save_state(v, tb, uc, pc))
			return false;
		v->abi.fault_addr = addr - v->vm->mem_base;
		ex->host->context_leave(
		    uc, v, &ex->thunks, EXIT_MEMORY, memory_arg(sig, si));
		return true;
	}
	if (v->guarded) {
		v->guarded = false;
		v->guard_arg = SIGSEGV | SEGV_MAPERR << 8;
		if (si->si_code != SI_KERNEL) {
			v->abi.fault_addr = addr - v->vm->mem_base;
			v->guard_arg = memory_arg(sig, si);
		}
		guard_jump(v->guard);
	}
	return false;
}

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	if (fault_handle(sig, si, uc))
		return;
	const struct sigaction *prev = sig == SIGBUS ? &prev_bus : &prev_segv;
	if (prev->sa_flags & SA_SIGINFO) {
		prev->sa_sigaction(sig, si, uc);
	} else if (prev->sa_handler == SIG_DFL || prev->sa_handler == SIG_IGN) {
		/* the instruction runs again and the default takes it */
		signal(sig, SIG_DFL);
		if (si->si_code <= 0)
			raise(sig);
	} else {
		prev->sa_handler(sig);
	}
}

int fault_install(void)
{
	int err = 0;
	pthread_mutex_lock(&install_lock);
	if (installed++ == 0) {
		struct sigaction sa = {
			.sa_sigaction = on_signal,
			.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
		};
		sigemptyset(&sa.sa_mask);
		if (sigaction(SIGSEGV, &sa, &prev_segv) < 0 ||
		    sigaction(SIGBUS, &sa, &prev_bus) < 0)
			err = -errno;
	}
	pthread_mutex_unlock(&install_lock);
	return err;
}

void fault_uninstall(void)
{
	pthread_mutex_lock(&install_lock);
	if (--installed == 0) {
		sigaction(SIGSEGV, &prev_segv, NULL);
		sigaction(SIGBUS, &prev_bus, NULL);
	}
	pthread_mutex_unlock(&install_lock);
}

int fault_thread_enter(struct vcpu *v)
{
	if (!v->sigstack) {
		void *p = mmap(NULL, SIGSTACK_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			return -errno;
		v->sigstack = p;
	}
	stack_t ss = { .ss_sp = v->sigstack, .ss_size = SIGSTACK_SIZE };
	if (sigaltstack(&ss, &v->prev_sigstack) < 0)
		return -errno;
	return 0;
}

void fault_thread_leave(struct vcpu *v)
{
	sigaltstack(&v->prev_sigstack, NULL);
}

void fault_free(struct vcpu *v)
{
	if (v->sigstack)
		munmap(v->sigstack, SIGSTACK_SIZE);
}
