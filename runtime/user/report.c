/*
 * report.c - what a guest program died of: the signal, the exact pc, the
 * instruction, where it is mapped from, and the registers.
 */
#include <string.h>

#include "runtime/user/linux.h"
#include "runtime/user/mapped.h"

/* "0x1234 (libc.so.6 + 0x34)" for the log. */
static void place(struct linux_process *p, const char *what, gva_t a)
{
	struct mapped_names names;
	struct map_range r;

	if (!map_find(&p->vm->map, a, &r)) {
		vm_log(p->vm, "  %s 0x%llx: not mapped\n", what,
		    (unsigned long long)a);
		return;
	}
	mapped_names_open(&names, "/proc/self/maps");
	const char *name = mapped_called(&r, mapped_name(&names, a));
	vm_log(p->vm, "  %s 0x%llx: %s + 0x%llx (%c%c%c)\n", what,
	    (unsigned long long)a, *name ? name : "anonymous",
	    (unsigned long long)(a - r.start + r.offset),
	    r.prot & MAP_PROT_R ? 'r' : '-', r.prot & MAP_PROT_W ? 'w' : '-',
	    r.prot & MAP_PROT_X ? 'x' : '-');
	mapped_names_close(&names);
}

static void instruction(struct linux_task *t)
{
	const struct guest_isa *g = t->p->vm->guest;
	u8 bytes[16] = { 0 };
	char text[128];
	size_t n = sizeof(bytes);
	while (n && !mem_read(t->v, bytes, t->v->abi.pc, n))
		n /= 2;
	void *decoder = n ? g->open() : NULL;
	if (!decoder)
		return;
	const struct lift_code code = { t->v->abi.pc, bytes, n };
	if (g->disassemble(decoder, &code, text, sizeof(text)))
		vm_log(t->p->vm, "  %s\n", text);
	g->close(decoder);
}

void report_fault(struct linux_task *t, const siginfo_t *info)
{
	struct metic_vm *vm = t->p->vm;
	const struct guest_isa *g = vm->guest;
	vm_log(vm, "metic: %s (thread %d) killed by SIG%s\n", t->p->exe_guest,
	    (int)t->tid, sigabbrev_np(info->si_signo));
	place(t->p, "pc", t->v->abi.pc);
	instruction(t);
	if (info->si_signo == SIGSEGV || info->si_signo == SIGBUS)
		place(t->p, "address", (gva_t)(uintptr_t)info->si_addr);
	unsigned column = 0;
	for (u32 i = 0; i < g->nregs; i++) {
		const struct guest_reg *r = &g->regs[i];
		if (!r->shown)
			continue;
		vm_log(vm, "%s%-5s%016llx", column % 3 ? " " : "  ", r->name,
		    (unsigned long long)t->v->abi.state[r->slot]);
		if (++column % 3 == 0)
			vm_log(vm, "\n");
	}
	if (column % 3)
		vm_log(vm, "\n");
}
