/*
 * seccomp.c - the guest's seccomp filters, evaluated by metic itself.
 *
 * The host's seccomp would judge metic's own system calls, so filters are
 * programs for the small checked evaluator below, run over the guest's calls
 * before they are dispatched. What a program may be is what the kernel's
 * seccomp_check_filter lets through: 32-bit loads of seccomp_data, the
 * scratch memory, arithmetic, forward jumps, return. Every program ends.
 *
 * Filters form a chain, newest first; one is never changed or freed once a
 * task has it (a few hundred bytes for the life of the process). A new task
 * starts with its creator's chain, fork copies memory, execve passes the
 * chain on in a memory file. Not supported: listeners (user notification),
 * tracers; a program for the host is not executed under filters, which it
 * would escape.
 */
#include "runtime/user/seccomp.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/signal.h"

#define CHAIN_MAX 32768 /* instructions, each filter costs 4 more */
#define SI_SECCOMP 1 /* si_code of SIGSYS */

struct seccomp_filter {
	struct seccomp_filter *older;
	u32 total; /* instructions of the chain */
	u32 n;
	bool strict; /* SECCOMP_MODE_STRICT: no program */
	struct sock_filter insn[];
};

/* --- programs ------------------------------------------------------------ */

static bool is_alu(u16 op)
{
	switch (op) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_DIV:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
	case BPF_LSH:
	case BPF_RSH: return true;
	default: return false;
	}
}

static bool load_ok(const struct sock_filter *f)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return f->k < sizeof(struct seccomp_data) && f->k % 4 == 0;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM: return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX: return f->k < BPF_MEMWORDS;
	default: return false;
	}
}

static bool alu_ok(const struct sock_filter *f)
{
	u16 op = BPF_OP(f->code), src = BPF_SRC(f->code);

	if (f->code == (BPF_ALU | BPF_NEG))
		return true;
	if (f->code != (BPF_ALU | op | src) || !is_alu(op))
		return false;
	if (src == BPF_X)
		return true;
	if (op == BPF_DIV)
		return f->k != 0;
	return (op != BPF_LSH && op != BPF_RSH) || f->k < 32;
}

/* Jumps from instruction i of n stay inside. */
static bool jump_ok(const struct sock_filter *f, u32 i, u32 n)
{
	u16 op = BPF_OP(f->code);
	u32 left = n - i - 1;

	if (f->code == (BPF_JMP | BPF_JA))
		return f->k < left;
	if (f->code != (BPF_JMP | op | BPF_SRC(f->code)) ||
	    (op != BPF_JEQ && op != BPF_JGT && op != BPF_JGE && op != BPF_JSET))
		return false;
	return f->jt < left && f->jf < left;
}

static bool program_ok(const struct sock_filter *f, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		bool ok;

		switch (BPF_CLASS(f[i].code)) {
		case BPF_ALU: ok = alu_ok(&f[i]); break;
		case BPF_JMP: ok = jump_ok(&f[i], i, n); break;
		case BPF_RET:
			ok = f[i].code == (BPF_RET | BPF_K) ||
			    f[i].code == (BPF_RET | BPF_A);
			break;
		case BPF_MISC:
			ok = f[i].code == (BPF_MISC | BPF_TAX) ||
			    f[i].code == (BPF_MISC | BPF_TXA);
			break;
		default: ok = load_ok(&f[i]);
		}
		if (!ok)
			return false;
	}
	return BPF_CLASS(f[n - 1].code) == BPF_RET;
}

static u32 alu(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_DIV: return a / b; /* b == 0 ended the program */
	case BPF_AND: return a & b;
	case BPF_OR: return a | b;
	case BPF_XOR: return a ^ b;
	case BPF_LSH: return a << (b & 31);
	case BPF_RSH: return a >> (b & 31);
	default: return -a; /* BPF_NEG */
	}
}

static bool jumps(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	default: return a & b; /* BPF_JSET */
	}
}

/* What a checked program says of d. */
static u32 evaluate(
    const struct seccomp_filter *s, const struct seccomp_data *d)
{
	u32 a = 0, x = 0, mem[BPF_MEMWORDS] = { 0 };

	for (u32 i = 0;; i++) {
		const struct sock_filter *f = &s->insn[i];
		u16 op = BPF_OP(f->code);
		u32 b = BPF_SRC(f->code) == BPF_X ? x : f->k;

		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			if (BPF_MODE(f->code) == BPF_ABS)
				memcpy(&a, (const char *)d + f->k, sizeof(a));
			else if (BPF_MODE(f->code) == BPF_LEN)
				a = sizeof(*d);
			else
				a = BPF_MODE(f->code) == BPF_MEM ? mem[f->k] :
								   f->k;
			break;
		case BPF_LDX:
			if (BPF_MODE(f->code) == BPF_LEN)
				x = sizeof(*d);
			else
				x = BPF_MODE(f->code) == BPF_MEM ? mem[f->k] :
								   f->k;
			break;
		case BPF_ST: mem[f->k] = a; break;
		case BPF_STX: mem[f->k] = x; break;
		case BPF_ALU:
			if (op == BPF_DIV && b == 0)
				return SECCOMP_RET_KILL_THREAD;
			a = alu(op, a, b);
			break;
		case BPF_JMP:
			if (op == BPF_JA)
				i += f->k;
			else
				i += jumps(op, a, b) ? f->jt : f->jf;
			break;
		case BPF_RET: return BPF_RVAL(f->code) == BPF_A ? a : f->k;
		default: /* BPF_MISC */
			if (BPF_MISCOP(f->code) == BPF_TAX)
				x = a;
			else
				a = x;
		}
	}
}

/* --- a system call ------------------------------------------------------- */

/* The call becomes a SIGSYS. */
static i64 trap(struct linux_task *t, const struct seccomp_data *d, u32 data)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = SIGSYS;
	si.si_code = SI_SECCOMP;
	si.si_errno = (int)data;
	si.si_call_addr = (void *)(uintptr_t)d->instruction_pointer;
	si.si_syscall = d->nr;
	si.si_arch = d->arch;
	signal_force(t, &si);
	return SYS_NO_RETURN;
}

/* The thread is killed, and with it a process that has no other. */
static i64 kill_task(struct linux_task *t, int sig, bool process)
{
	const u64 status[6] = { 0 };

	if (!process && t->p->ntasks > 1)
		return sys_exit(t, status);
	signal_die(t->p, sig);
	return SYS_NO_RETURN;
}

static bool strict_allows(u64 nr)
{
	const struct syscall_row *row = syscall_generic(nr);
	const char *name = row && row->name ? row->name : "";

	return !strcmp(name, "read") || !strcmp(name, "write") ||
	    !strcmp(name, "exit") || !strcmp(name, "rt_sigreturn");
}

bool seccomp_allows(struct linux_task *t, u64 nr, const u64 a[6], i64 *result)
{
	const struct seccomp_filter *s =
	    __atomic_load_n(&t->seccomp, __ATOMIC_ACQUIRE);
	struct seccomp_data d = { .nr = (int)nr,
		.arch = (u32)t->p->vm->guest->elf_machine | __AUDIT_ARCH_64BIT |
		    __AUDIT_ARCH_LE,
		.instruction_pointer = t->v->abi.pc };
	u32 verdict = SECCOMP_RET_ALLOW;

	if (s->strict) {
		if (strict_allows(nr))
			return true;
		*result = kill_task(t, SIGKILL, false);
		return false;
	}
	memcpy(d.args, a, sizeof(d.args));
	for (; s; s = s->older) {
		u32 r = evaluate(s, &d);

		/* The strictest wins: actions are ordered as signed. */
		if ((i32)(r & SECCOMP_RET_ACTION_FULL) <
		    (i32)(verdict & SECCOMP_RET_ACTION_FULL))
			verdict = r;
	}
	u32 data = verdict & SECCOMP_RET_DATA;
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG: return true;
	case SECCOMP_RET_ERRNO: *result = -(i64)MIN(data, 4095u); break;
	case SECCOMP_RET_TRAP: *result = trap(t, &d, data); break;
	case SECCOMP_RET_TRACE: /* no tracer, no listener */
	case SECCOMP_RET_USER_NOTIF: *result = -ENOSYS; break;
	case SECCOMP_RET_KILL_THREAD:
		*result = kill_task(t, SIGSYS, false);
		break;
	default: *result = kill_task(t, SIGSYS, true);
	}
	return false;
}

/* --- installing a filter ------------------------------------------------- */

/* A filter is only for who could not gain privileges by what it breaks. */
static bool may_filter(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct c[2];
	const u64 a[6] = { (u64)(uintptr_t)&h, (u64)(uintptr_t)c };

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return true;
	return host_call(SYS_capget, a) == 0 &&
	    (c[0].effective >> CAP_SYS_ADMIN & 1);
}

/* A new filter before `older`, its instructions still to come, or NULL. */
static struct seccomp_filter *filter_new(struct seccomp_filter *older, u32 n)
{
	struct seccomp_filter *s =
	    malloc(sizeof(*s) + n * sizeof(struct sock_filter));

	if (!s)
		return NULL;
	s->older = older;
	s->n = n;
	s->total = n + (older ? older->total + 4 : 0);
	s->strict = false;
	return s;
}

/* The others may follow if what they have is a part of what t has. */
static pid_t cannot_follow(struct linux_task *t)
{
	for (struct linux_task *o = t->p->tasks; o; o = o->next) {
		struct seccomp_filter *s = t->seccomp;

		while (s && s != o->seccomp)
			s = s->older;
		if (s != o->seccomp)
			return o->tid;
	}
	return 0;
}

/* `s` becomes t's chain, or with SECCOMP_FILTER_FLAG_TSYNC everyone's. */
static i64 attach(struct linux_task *t, struct seccomp_filter *s, u64 flags)
{
	pid_t tid = 0;

	pthread_mutex_lock(&t->p->lock);
	if (flags & SECCOMP_FILTER_FLAG_TSYNC)
		tid = cannot_follow(t);
	for (struct linux_task *o = t->p->tasks; o && !tid; o = o->next) {
		if (o == t || (flags & SECCOMP_FILTER_FLAG_TSYNC))
			__atomic_store_n(&o->seccomp, s, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&t->p->lock);
	if (!tid)
		return 0;
	free(s);
	return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : tid;
}

#define FLAGS \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | \
	    SECCOMP_FILTER_FLAG_SPEC_ALLOW | \
	    SECCOMP_FILTER_FLAG_NEW_LISTENER | \
	    SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

static i64 set_filter(struct linux_task *t, u64 flags, gva_t gva)
{
	struct sock_fprog prog;
	struct seccomp_filter *s;

	bool listens = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;

	if (flags & ~(u64)FLAGS)
		return -EINVAL;
	if (guest_get(t, prog, gva))
		return -EFAULT;
	if (prog.len == 0 || prog.len > BPF_MAXINSNS)
		return -EINVAL;
	if (!prog.filter)
		return -EINVAL;
	if (!may_filter())
		return -EACCES;
	if (t->seccomp && t->seccomp->strict)
		return -EINVAL;
	s = filter_new(t->seccomp, prog.len);
	if (!s || s->total > CHAIN_MAX) {
		free(s);
		return -ENOMEM;
	}
	if (guest_read(t, s->insn, (u64)(uintptr_t)prog.filter,
		prog.len * sizeof(s->insn[0]))) {
		free(s);
		return -EFAULT;
	}
	if (listens)
		syscall_remark(t, "seccomp listeners are not supported");
	if (listens || !program_ok(s->insn, s->n)) {
		free(s);
		return -EINVAL;
	}
	return attach(t, s, flags);
}

static i64 set_strict(struct linux_task *t)
{
	struct seccomp_filter *s;

	if (t->seccomp)
		return t->seccomp->strict ? 0 : -EINVAL;
	s = filter_new(NULL, 0);
	if (!s)
		return -ENOMEM;
	s->strict = true;
	return attach(t, s, 0);
}

static i64 action_available(struct linux_task *t, gva_t gva)
{
	u32 action;

	if (guest_get(t, action, gva))
		return -EFAULT;
	switch (action) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW: return 0;
	default: return -EOPNOTSUPP;
	}
}

/* (operation, flags, argument) */
i64 sys_seccomp(struct linux_task *t, const u64 a[6])
{
	const struct seccomp_notif_sizes sizes = { sizeof(struct seccomp_notif),
		sizeof(struct seccomp_notif_resp),
		sizeof(struct seccomp_data) };

	switch ((u32)a[0]) {
	case SECCOMP_SET_MODE_STRICT:
		return (u32)a[1] || a[2] ? -EINVAL : set_strict(t);
	case SECCOMP_SET_MODE_FILTER: return set_filter(t, (u32)a[1], a[2]);
	case SECCOMP_GET_ACTION_AVAIL:
		return (u32)a[1] ? -EINVAL : action_available(t, a[2]);
	case SECCOMP_GET_NOTIF_SIZES:
		return (u32)a[1] ? -EINVAL : guest_put(t, a[2], sizes);
	default: return -EINVAL;
	}
}

i64 seccomp_prctl_set(struct linux_task *t, u64 mode, gva_t prog)
{
	switch (mode) {
	case SECCOMP_MODE_STRICT: return set_strict(t);
	case SECCOMP_MODE_FILTER: return set_filter(t, 0, prog);
	default: return -EINVAL;
	}
}

i64 seccomp_prctl_get(struct linux_task *t)
{
	if (!t->seccomp)
		return SECCOMP_MODE_DISABLED;
	return t->seccomp->strict ? SECCOMP_MODE_STRICT : SECCOMP_MODE_FILTER;
}

/* --- execve -------------------------------------------------------------- */

#define ENV_NAME "METIC_SECCOMP="

/* The file: for each filter, oldest first, its length and instructions. */
static bool write_chain(const struct seccomp_filter *s, FILE *f)
{
	return !s ||
	    (write_chain(s->older, f) && fwrite(&s->n, sizeof(s->n), 1, f) &&
		fwrite(s->insn, sizeof(s->insn[0]), s->n, f) == s->n);
}

int seccomp_pass_on(struct linux_task *t, char env[64])
{
	if (!t->seccomp)
		return -1;
	int fd = memfd_create("seccomp", MFD_CLOEXEC);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD, 500);
	FILE *f = copy < 0 ? NULL : fdopen(fd, "w");
	bool ok = f && write_chain(t->seccomp, f);

	if (f)
		ok = fclose(f) == 0 && ok;
	else if (fd >= 0)
		close(fd);
	if (!ok && copy >= 0)
		close(copy);
	snprintf(env, 64, ENV_NAME "%d", copy);
	return ok ? copy : -ENOMEM;
}

static int read_chain(struct linux_process *p, FILE *f)
{
	u32 n;

	while (fread(&n, sizeof(n), 1, f) == 1) {
		if (n == 0 || n > BPF_MAXINSNS)
			return -EINVAL;
		struct seccomp_filter *s = filter_new(p->seccomp, n);
		if (!s)
			return -ENOMEM;
		if (fread(s->insn, sizeof(s->insn[0]), n, f) != n ||
		    !program_ok(s->insn, n)) {
			free(s);
			return -EINVAL;
		}
		p->seccomp = s;
	}
	return 0;
}

void seccomp_forget(struct linux_process *p)
{
	while (p->seccomp) {
		struct seccomp_filter *older = p->seccomp->older;
		free(p->seccomp);
		p->seccomp = older;
	}
}

int seccomp_receive(struct linux_process *p)
{
	char **env = (char **)p->cfg.envp, **to = env;
	const char *value = NULL;
	int r = 0;

	for (; *env; env++) {
		if (strncmp(*env, ENV_NAME, strlen(ENV_NAME)) != 0) {
			*to++ = *env;
			continue;
		}
		value = *env + strlen(ENV_NAME);
		int fd = atoi(value);
		FILE *f = fd > 2 ? fdopen(fd, "r") : NULL;
		r = f && fseek(f, 0, SEEK_SET) == 0 ? read_chain(p, f) :
						      -EINVAL;
		if (f)
			fclose(f);
		free(*env);
	}
	*to = NULL;
	return r;
}
