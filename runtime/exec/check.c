/*
 * check.c - lock step: each block runs in the interpreter and natively, and
 * the first difference is reported with the whole story.
 *
 * One block at a time: save the state, interpret with every store noted,
 * keep what came out, undo the stores, restore the state, run the native
 * code (compiled without links, so it comes back after one block), compare
 * registers, exit and the bytes at each noted address. What follows the
 * block (a system call, a fault) then happens once. All vCPUs take turns
 * under one lock, so threads of the guest do not disturb a comparison.
 *
 * Not compared: blocks that call helpers (reading a clock twice gives two
 * values); they run in the interpreter only.
 */
#include "runtime/exec/internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/mem/access.h"
#include "translator/fpu.h"

struct note {
	gva_t a;
	u32 size;
	u64 old, new;
};

struct check {
	struct note *notes;
	size_t n, cap;
	bool native_done;
	u32 reason;
	u64 arg;
};

static bool note(struct vcpu *v, gva_t a, u32 size)
{
	struct check *c = v->check;
	u64 old;
	if (!exec_mem.load(v, a, size, &old))
		return false;
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 256;
		struct note *p = realloc(c->notes, cap * sizeof(*p));
		assert(p);
		c->notes = p;
		c->cap = cap;
	}
	c->notes[c->n++] = (struct note){ .a = a, .size = size, .old = old };
	return true;
}

static bool check_load(struct vcpu *v, gva_t a, u32 size, u64 *out)
{
	return exec_mem.load(v, a, size, out);
}

static bool check_store(struct vcpu *v, gva_t a, u32 size, u64 value)
{
	return note(v, a, size) && exec_mem.store(v, a, size, value);
}

static bool check_amo(
    struct vcpu *v, u8 op, gva_t a, u32 size, u64 b, u64 c, u64 *old)
{
	return note(v, a, size) && exec_mem.amo(v, op, a, size, b, c, old);
}

static const struct interp_mem check_mem = { check_load, check_store,
	check_amo };

/* Replaces abi.service while native code runs for a comparison. */
static const void *check_service(struct vcpu *v, u32 reason, u64 arg)
{
	if (reason == EXIT_LOOKUP)
		v->abi.pc = arg;
	v->check->reason = reason;
	v->check->arg = reason == EXIT_MEMORY && !arg ? v->guard_arg : arg;
	return NULL;
}

static void undo_stores(struct vcpu *v, const struct check *c)
{
	for (size_t i = c->n; i-- > 0;)
		exec_mem.store(
		    v, c->notes[i].a, c->notes[i].size, c->notes[i].old);
}

static void collect_new(struct vcpu *v, struct check *c)
{
	for (size_t i = 0; i < c->n; i++)
		exec_mem.load(
		    v, c->notes[i].a, c->notes[i].size, &c->notes[i].new);
}

static size_t memory_differs(struct vcpu *v, const struct check *c)
{
	for (size_t i = 0; i < c->n; i++) {
		u64 now = 0;
		if (!exec_mem.load(v, c->notes[i].a, c->notes[i].size, &now) ||
		    now != c->notes[i].new)
			return i + 1;
	}
	return 0;
}

static bool state_differs(const struct abi_state *a, const struct abi_state *b)
{
	return memcmp(a->state, b->state, sizeof(a->state)) ||
	    fpu_flags(a->fpu) != fpu_flags(b->fpu) || a->frm != b->frm ||
	    a->pc != b->pc;
}

static void report_regs(struct vcpu *v, const struct abi_state *before,
    const struct abi_state *want, const struct abi_state *got)
{
	const struct guest_isa *g = v->vm->guest;
	vm_log(v->vm, "  %-8s   %-18s %-18s %-18s\n", "register", "before",
	    "interpreter", "native");
	for (u32 i = 0; i < g->nregs; i++) {
		u32 s = g->regs[i].slot;
		vm_log(v->vm, "%c %-8s 0x%016llx 0x%016llx 0x%016llx\n",
		    want->state[s] == got->state[s] ? ' ' : '*',
		    g->regs[i].name, (unsigned long long)before->state[s],
		    (unsigned long long)want->state[s],
		    (unsigned long long)got->state[s]);
	}
	vm_log(v->vm, "%c pc       0x%016llx 0x%016llx 0x%016llx\n",
	    want->pc == got->pc ? ' ' : '*', (unsigned long long)before->pc,
	    (unsigned long long)want->pc, (unsigned long long)got->pc);
	vm_log(v->vm, "%c fflags   0x%016x 0x%016x 0x%016x\n",
	    fpu_flags(want->fpu) == fpu_flags(got->fpu) ? ' ' : '*',
	    fpu_flags(before->fpu), fpu_flags(want->fpu), fpu_flags(got->fpu));
}

static void report_guest(struct vcpu *v, const struct tb *tb)
{
	for (u32 off = 0; off < tb->len;) {
		char text[128];
		struct lift_code code = { tb->pc + off,
			mem_host(v, tb->pc + off), tb->len - off };
		unsigned n = v->vm->guest->disassemble(
		    v->vm->exec->decoder, &code, text, sizeof(text));
		vm_log(v->vm, "  0x%llx: %s\n",
		    (unsigned long long)(tb->pc + off), n ? text : "(refused)");
		off += n ? n : v->vm->guest->min_insn;
	}
}

static void report_code(struct vcpu *v, const struct tb *tb)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	if (f) {
		ir_print(f, v->vm->guest, tb->ir);
		fclose(f);
		if (v->vm->cfg.log)
			v->vm->cfg.log(v->vm->cfg.log_ctx, text, n);
		free(text);
	}
	for (const u8 *p = tb->code_start; p < tb->code_end; p += 16) {
		char line[64];
		int k = 0;
		for (const u8 *q = p; q < MIN(p + 16, tb->code_end); q++)
			k += snprintf(
			    line + k, sizeof(line) - (size_t)k, " %02x", *q);
		vm_log(v->vm, "  %p:%s\n", (const void *)p, line);
	}
}

static void report(struct vcpu *v, const struct tb *tb,
    const struct abi_state *before, const struct abi_state *want,
    const struct check *c, u32 want_reason, size_t where)
{
	vm_log(v->vm,
	    "metic: difference in the block at 0x%llx\n"
	    "  exit: interpreter %s, native %s\n",
	    (unsigned long long)tb->pc, exec_reason_name(want_reason),
	    exec_reason_name(c->reason));
	if (where) {
		const struct note *n = &c->notes[where - 1];
		vm_log(v->vm, "* memory at 0x%llx, %u bytes: expected 0x%llx\n",
		    (unsigned long long)n->a, n->size,
		    (unsigned long long)n->new);
	}
	report_regs(v, before, want, &v->abi);
	report_guest(v, tb);
	report_code(v, tb);
}

/* Run native code for one block from the state that v has. */
static void run_native(struct vcpu *v, struct tb *tb)
{
	v->abi.service = check_service;
	v->abi.call_sp = v->abi.call_base;
	v->vm->exec->thunks.enter(v, tb->code);
	v->abi.service = exec_service;
}

static bool compare(struct vcpu *v, struct tb *tb, struct check *c)
{
	struct abi_state before = v->abi;
	struct interp_result r = exec_interp(v, tb, &check_mem);
	struct abi_state want = v->abi;
	collect_new(v, c);
	do { /* a request may stop native code in the middle: once more */
		undo_stores(v, c);
		memcpy(v->abi.state, before.state, sizeof(before.state));
		v->abi.fpu = before.fpu;
		v->abi.frm = before.frm;
		v->abi.pc = before.pc;
		__atomic_store_n(&v->abi.poll, 0, __ATOMIC_SEQ_CST);
		run_native(v, tb);
	} while (c->reason == EXIT_STOP);
	if (atomic_load(&v->requests))
		__atomic_store_n(&v->abi.poll, ABI_POLL, __ATOMIC_SEQ_CST);
	/* what the guest will be told; looking at memory moves it */
	u64 fault_addr = v->abi.fault_addr;
	size_t where = memory_differs(v, c);
	v->abi.fault_addr = fault_addr;
	bool same =
	    !where && r.reason == c->reason && !state_differs(&want, &v->abi);
	if (!same)
		report(v, tb, &before, &want, c, r.reason, where);
	return same;
}

bool check_step(struct vcpu *v)
{
	struct exec *ex = v->vm->exec;
	struct check c = { 0 };
	exec_leave_code(v);
	pthread_mutex_lock(&ex->turn);
	exec_enter_code(v);
	struct tb *tb = tb_get(v, v->abi.pc, true);
	bool ok = true;
	if (tb && (tb->has_helper || v->abi.frm > RM_RUP || !tb->code)) {
		struct interp_result r = exec_interp_pc(v, tb, &exec_mem);
		c.reason = r.reason;
		c.arg = r.arg;
	} else if (tb) {
		v->check = &c;
		ok = compare(v, tb, &c);
		v->check = NULL;
	}
	pthread_mutex_unlock(&ex->turn);
	free(c.notes);
	if (!tb) {
		exec_flush(v);
		return true;
	}
	if (!ok) {
		v->exit_reason = EXIT_CHECK;
		return false;
	}
	return exec_handle_exit(v, c.reason, c.arg);
}
