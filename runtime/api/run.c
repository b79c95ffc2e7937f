/* run.c - public API: running guest code and why it came back. */
#include "runtime/api/internal.h"

#include "runtime/user/linux.h"

static const char *const exit_names[] = {
	[METIC_EXIT_SYSCALL] = "syscall",
	[METIC_EXIT_BREAK] = "break",
	[METIC_EXIT_ILLEGAL] = "illegal",
	[METIC_EXIT_FETCH] = "fetch",
	[METIC_EXIT_MEMORY] = "memory",
	[METIC_EXIT_MISALIGNED] = "misaligned",
	[METIC_EXIT_BUDGET] = "budget",
	[METIC_EXIT_STOPPED] = "stopped",
	[METIC_EXIT_RETURNED] = "returned",
	[METIC_EXIT_EXITED] = "exited",
	[METIC_EXIT_KILLED] = "killed",
	[METIC_EXIT_DIFFERENCE] = "difference",
};

const char *metic_exit_name(enum metic_exit_reason r)
{
	return (unsigned)r < ARRAY_LEN(exit_names) ? exit_names[r] : "unknown";
}

/* The public reason and argument of why exec_run came back. */
static void raw_exit(const struct vcpu *v, u32 reason, struct metic_exit *e)
{
	e->arg = v->exit_arg;
	switch (reason) {
	case EXIT_SYSCALL: e->reason = METIC_EXIT_SYSCALL; break;
	case EXIT_BREAK: e->reason = METIC_EXIT_BREAK; break;
	case EXIT_ILLEGAL: e->reason = METIC_EXIT_ILLEGAL; break;
	case EXIT_FETCH:
		e->reason = METIC_EXIT_FETCH;
		if (v->abi.pc == RETURN_PC)
			e->reason = METIC_EXIT_RETURNED;
		break;
	case EXIT_MEMORY:
		e->reason = METIC_EXIT_MEMORY;
		e->arg = v->abi.fault_addr;
		break;
	case EXIT_MISALIGNED: e->reason = METIC_EXIT_MISALIGNED; break;
	case EXIT_CHECK: e->reason = METIC_EXIT_DIFFERENCE; break;
	default:
		e->reason =
		    v->exit_arg ? METIC_EXIT_BUDGET : METIC_EXIT_STOPPED;
		break;
	}
}

/* The vCPU is gone afterwards. */
static enum metic_error run_linux(struct metic_vm *vm, struct metic_exit *e)
{
	struct linux_exit le;
	int err = linux_run(vm, &le);
	if (err)
		return api_error(err);
	e->reason = le.cut_short == EXIT_CHECK ? METIC_EXIT_DIFFERENCE :
	    le.cut_short == EXIT_STOP          ? METIC_EXIT_STOPPED :
	    le.signaled                        ? METIC_EXIT_KILLED :
						 METIC_EXIT_EXITED;
	e->arg = (u64)le.status;
	return METIC_OK;
}

enum metic_error metic_run(
    metic_vcpu *cpu, uint64_t budget, struct metic_exit *exit)
{
	struct metic_exit e = { .size = sizeof(e) };
	enum metic_error err = METIC_OK;
	if (!exit || exit->size < offsetof(struct metic_exit, pc) ||
	    (budget && !cpu->vm->cfg.count))
		return METIC_ERR_ARG;
	if (cpu->vm->kernel) {
		err = run_linux(cpu->vm, &e);
	} else {
		cpu->abi.budget =
		    budget && budget < INT64_MAX ? (i64)budget : INT64_MAX;
		raw_exit(cpu, exec_run(cpu), &e);
		e.pc = cpu->abi.pc;
	}
	e.size = MIN(exit->size, sizeof(e));
	memcpy(exit, &e, e.size);
	return err;
}

enum metic_error metic_call(metic_vcpu *cpu, uint64_t addr,
    const uint64_t *args, unsigned nargs, uint64_t *result,
    struct metic_exit *exit)
{
	const struct guest_cconv *cc = &cpu->vm->guest->cconv;
	struct metic_exit e = { .size = sizeof(e) };
	if (cpu->vm->kernel)
		return METIC_ERR_KIND;
	if (nargs > ARRAY_LEN(cc->arg))
		return METIC_ERR_ARG;
	for (unsigned i = 0; i < nargs; i++)
		cpu->abi.state[cc->arg[i]] = args[i];
	cpu->abi.state[cc->link] = RETURN_PC;
	cpu->abi.pc = addr;
	if (!exit)
		exit = &e;
	enum metic_error err = metic_run(cpu, 0, exit);
	if (result)
		*result = cpu->abi.state[cc->ret];
	return err;
}

void metic_stop(metic_vcpu *cpu)
{
	exec_request(cpu, REQ_STOP);
}
