/* vm.c - public API: VMs, errors, registers, statistics. */
#include "runtime/api/internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/look/look.h"
#include "runtime/user/linux.h"
#include "translator/fpu.h"

static const char *const error_texts[] = {
	[METIC_OK] = "no error",
	[METIC_ERR_ARG] = "invalid argument",
	[METIC_ERR_MEMORY] = "out of memory",
	[METIC_ERR_HOST] = "a host system call failed",
	[METIC_ERR_UNSUPPORTED] = "not supported by this build or machine",
	[METIC_ERR_NOT_FOUND] = "not found",
	[METIC_ERR_FORMAT] = "not a program that can run here",
	[METIC_ERR_FAULT] = "guest memory not accessible",
	[METIC_ERR_KIND] = "not for this kind of VM",
};

const char *metic_error_text(enum metic_error e)
{
	return (unsigned)e < ARRAY_LEN(error_texts) ? error_texts[e] :
						      "unknown error";
}

enum metic_error api_error(int err)
{
	switch (-err) {
	case 0: return METIC_OK;
	case ENOMEM: return METIC_ERR_MEMORY;
	case EINVAL: return METIC_ERR_ARG;
	case ENOENT:
	case ENOTDIR: return METIC_ERR_NOT_FOUND;
	case ENOEXEC:
	case EACCES:
	case EISDIR: return METIC_ERR_FORMAT;
	case ENOTSUP: return METIC_ERR_UNSUPPORTED;
	case EFAULT: return METIC_ERR_FAULT;
	default: return METIC_ERR_HOST;
	}
}

const char *metic_version(void)
{
	return METIC_VERSION;
}

const char *metic_guest(unsigned index, const char **summary)
{
	for (unsigned i = 0; guest_list[i]; i++) {
		if (i != index)
			continue;
		if (summary)
			*summary = guest_list[i]->summary;
		return guest_list[i]->name;
	}
	return NULL;
}

const char *metic_host(char *buf, size_t n)
{
	const struct host_backend *h = host_backend_default();
	char features[256];
	if (h)
		snprintf(buf, n, "%s (%s)", h->name,
		    h->features(features, sizeof(features)));
	else
		snprintf(buf, n, "interpreter only");
	return buf;
}

/* A raw VM: everything that happens goes back to metic_run's caller. */
static enum vm_action raw_event(struct vcpu *v, u32 reason, u64 arg)
{
	(void)v;
	(void)reason;
	(void)arg;
	return VM_LEAVE;
}

static const struct vm_hooks raw_hooks = { raw_event };

static int new_raw(const struct metic_config *c, const struct vm_config *vc,
    struct metic_vm **out)
{
	const struct guest_isa *g =
	    guest_by_name(c->guest ? c->guest : "riscv64");
	void *window;
	u64 base;
	if (!g)
		return -ENOTSUP;
	int err = sandbox_new(&window, &base);
	if (err)
		return err;
	err = vm_new(g, AS_BASED, base, &raw_hooks, vc, out);
	if (err) {
		sandbox_free(window);
		return err;
	}
	(*out)->sandbox = window;
	const struct look_config look = { .perf_map = c->perf_map,
		.jitdump = c->jitdump };
	if (c->perf_map || c->jitdump)
		err = look_open(*out, &look);
	if (!err && !vcpu_new(*out))
		err = -ENOMEM;
	if (err)
		metic_destroy(*out);
	return err;
}

#define CACHE_CAP ((u64)2 << 30)

static int new_linux(const struct metic_config *c, const struct vm_config *vc,
    struct metic_vm **out)
{
	char spare[256];
	struct linux_config lc = {
		.sysroot = c->sysroot,
		.prog = c->prog,
		.argv0 = c->argv0,
		.argv = c->argv,
		.envp = c->envp,
		.rerun = c->rerun,
		.strace = c->strace,
		.stack_size = c->stack_size,
		.cache_dir = c->cache_dir,
		.cache_cap = c->cache_cap ? c->cache_cap : CACHE_CAP,
		.uname_release = c->uname_release,
		.strace_fd = c->strace_fd ? c->strace_fd : STDERR_FILENO,
		.gdb = c->gdb,
		.perf_map = c->perf_map,
		.jitdump = c->jitdump,
		.profile = c->profile,
		.ended = c->ended,
		.ended_ctx = c->ended_ctx,
	};
	if (!c->prog)
		return -EINVAL;
	return linux_new(&lc, vc, out, c->why ? c->why : spare,
	    c->why ? c->why_size : sizeof(spare));
}

enum metic_error metic_create(const struct metic_config *config, metic_vm **out)
{
	struct metic_config c = METIC_CONFIG_INIT;
	*out = NULL;
	if (!config || config->size < offsetof(struct metic_config, log) ||
	    config->size > sizeof(c))
		return METIC_ERR_ARG;
	memcpy(&c, config, config->size);
	if (c.why && c.why_size)
		c.why[0] = '\0';
	const struct vm_config vc = {
		.tier = (enum exec_tier)c.tier,
		.check = c.check,
		.count = c.budget,
#ifndef NDEBUG
		.verify = true,
#endif
		.jitd = c.jitd,
		.jit_wait = c.jit_wait,
		.jit_memory = c.jit_memory,
		.jit_seconds = c.jit_seconds,
		.cache_size = c.code_cache,
		.perf_map = c.perf_map,
		.dump = c.dump,
		.log = c.log,
		.log_ctx = c.log_ctx,
	};
	if (c.kind > METIC_LINUX || c.tier > METIC_TIER_OPTIMIZING ||
	    (c.check && c.budget))
		return METIC_ERR_ARG;
	int err = c.kind == METIC_RAW ? new_raw(&c, &vc, out) :
					new_linux(&c, &vc, out);
	if (err)
		*out = NULL;
	return api_error(err);
}

void metic_destroy(metic_vm *vm)
{
	if (!vm)
		return;
	if (vm->kernel) {
		linux_free(vm);
		return;
	}
	void *window = vm->sandbox;
	vm_free(vm);
	sandbox_free(window);
}

metic_vcpu *metic_cpu(metic_vm *vm)
{
	struct vcpu *v = vm->vcpus;
	while (v && v->next) /* new ones are put in front */
		v = v->next;
	return v;
}

metic_vcpu *metic_cpu_new(metic_vm *vm)
{
	return vm->kernel ? NULL : vcpu_new(vm);
}

int metic_reg(const metic_vm *vm, const char *name)
{
	for (u32 i = 0; i < vm->guest->nregs; i++)
		if (!strcmp(vm->guest->regs[i].name, name))
			return (int)i;
	return -1;
}

const char *metic_reg_name(const metic_vm *vm, unsigned reg)
{
	return reg < vm->guest->nregs ? vm->guest->regs[reg].name : NULL;
}

uint64_t metic_get(const metic_vcpu *cpu, unsigned reg)
{
	const struct guest_isa *g = cpu->vm->guest;
	return reg < g->nregs ? cpu->abi.state[g->regs[reg].slot] : 0;
}

void metic_set(metic_vcpu *cpu, unsigned reg, uint64_t value)
{
	const struct guest_isa *g = cpu->vm->guest;
	if (reg < g->nregs)
		cpu->abi.state[g->regs[reg].slot] = value;
}

uint64_t metic_get_pc(const metic_vcpu *cpu)
{
	return cpu->abi.pc;
}

void metic_set_pc(metic_vcpu *cpu, uint64_t pc)
{
	cpu->abi.pc = pc;
}

unsigned metic_get_fflags(const metic_vcpu *cpu)
{
	return fpu_flags(cpu->abi.fpu);
}

void metic_set_fflags(metic_vcpu *cpu, unsigned flags)
{
	cpu->abi.fpu = fpu_with_flags(cpu->abi.fpu, flags);
}

void metic_get_stats(const metic_vm *vm, struct metic_stats *out)
{
	const struct vm_stats *s = &vm->stats;
	struct metic_stats m = {
		.size = MIN(out->size, sizeof(m)),
		.blocks = s->blocks,
		.guest_insns = s->guest_insns,
		.ir_insns = s->ir_insns,
		.host_bytes = s->host_bytes,
		.translate_ns = s->translate_ns,
		.links = s->links,
		.lookups = s->lookups,
		.exits = s->exits,
		.invalidated = s->invalidated,
		.flushes = s->flushes,
		.interp_blocks = s->interp_blocks,
		.units = s->units,
		.units_failed = s->units_failed,
		.units_dropped = s->units_dropped,
		.unit_insns = s->unit_insns,
		.cache_hits = s->cache_hits,
		.cache_misses = s->cache_misses,
		.cache_saved = s->cache_saved,
		.cache_load_ns = s->load_ns,
		.baseline_ns = s->where_ns[METIC_IN_BASELINE],
		.optimized_ns = s->where_ns[METIC_IN_OPTIMIZED],
		.interp_ns = s->where_ns[METIC_IN_INTERP],
		.translation_ns = s->where_ns[METIC_IN_TRANSLATION],
		.syscalls_ns = s->where_ns[METIC_IN_SYSCALLS],
		.metic_ns = s->where_ns[METIC_IN_METIC],
		.optimizer = exec_optimizer(vm),
	};
	memcpy(out, &m, m.size);
}
