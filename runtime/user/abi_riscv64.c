/*
 * abi_riscv64.c - what is particular to Linux on riscv64.
 *
 * Sources: Linux arch/riscv/include/uapi/asm/{sigcontext,ucontext,hwprobe,
 * elf}.h and arch/riscv/kernel/signal.c for the frame's layout and the
 * registers at a handler's entry; the RISC-V psABI for e_flags.
 * State slots: x0-x31 = 0-31, f0-f31 = 32-63, then as below.
 */
#include <elf.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/user/handlers.h"
#include "translator/fpu.h"

extern const struct linux_abi linux_abi_riscv64;

enum {
	REG_RA = 1,
	REG_SP = 2,
	REG_TP = 4,
	REG_A0 = 10,
	REG_A7 = 17,
	SLOT_F0 = 32,
	SLOT_RESV_ADDR = 64,
	SLOT_FRM = 66
};

/* --- signal frame -------------------------------------------------------- */

struct rv_sigcontext {
	u64 pc;
	u64 x[31]; /* x1 to x31 */
	/* union __riscv_fp_state: its D part, padded to the size of Q's */
	u64 f[32];
	u32 fcsr;
	u8 pad[256];
	u32 reserved; /* of the extension header: must be zero */
	u32 ext_magic, ext_size; /* END: both zero */
} __attribute__((aligned(16)));

struct rv_ucontext {
	u64 flags;
	u64 link;
	struct linux_altstack stack;
	u64 sigmask;
	u8 unused[120]; /* sigset_t may grow to 1024 bits */
	struct rv_sigcontext mcontext;
};

struct rv_sigframe {
	siginfo_t info;
	struct rv_ucontext uc;
};

_Static_assert(sizeof(siginfo_t) == 128, "siginfo");
_Static_assert(offsetof(struct rv_ucontext, mcontext) == 176, "ucontext");
_Static_assert(offsetof(struct rv_sigcontext, reserved) == 256 + 516, "ext");
_Static_assert(sizeof(struct rv_sigcontext) == 784, "sigcontext");
_Static_assert(sizeof(struct rv_sigframe) == 1088, "rt_sigframe");

static void save_state(const struct vcpu *v, struct rv_sigcontext *mc)
{
	mc->pc = v->abi.pc;
	memcpy(mc->x, &v->abi.state[1], sizeof(mc->x));
	memcpy(mc->f, &v->abi.state[SLOT_F0], sizeof(mc->f));
	mc->fcsr = fpu_flags(v->abi.fpu) | (v->abi.frm & 7) << 5;
}

static void load_state(struct vcpu *v, const struct rv_sigcontext *mc)
{
	u32 frm = mc->fcsr >> 5 & 7;
	v->abi.pc = mc->pc & ~(u64)1;
	memcpy(&v->abi.state[1], mc->x, sizeof(mc->x));
	memcpy(&v->abi.state[SLOT_F0], mc->f, sizeof(mc->f));
	v->abi.frm = frm;
	v->abi.state[SLOT_FRM] = frm;
	v->abi.fpu = fpu_make_word(frm, mc->fcsr & 31);
	v->abi.state[SLOT_RESV_ADDR] = ~(u64)0;
}

/* struct user_regs_struct: pc, x1 to x31; the D extension's state. */
static void regs_get(const struct vcpu *v, struct linux_regs *r)
{
	r->gp[0] = v->abi.pc;
	memcpy(&r->gp[1], &v->abi.state[1], 31 * sizeof(u64));
	memcpy(r->fp, &v->abi.state[SLOT_F0], 32 * sizeof(u64));
	r->fp[32] = fpu_flags(v->abi.fpu) | (v->abi.frm & 7) << 5;
}

static void regs_set(struct vcpu *v, const struct linux_regs *r)
{
	struct rv_sigcontext mc;
	mc.pc = r->gp[0];
	memcpy(mc.x, &r->gp[1], sizeof(mc.x));
	memcpy(mc.f, r->fp, sizeof(mc.f));
	mc.fcsr = (u32)r->fp[32];
	load_state(v, &mc);
}

static int signal_push(struct linux_task *t, const struct linux_delivery *d)
{
	struct vcpu *v = t->v;
	struct rv_sigframe fr;
	const struct linux_altstack *ss = &t->altstack;
	gva_t sp = d->on_altstack ? ss->sp + ss->size : v->abi.state[REG_SP];

	sp = ALIGN_DOWN(sp - sizeof(fr), 16);
	memset(&fr, 0, sizeof(fr));
	fr.info = d->info;
	fr.uc.stack = *ss;
	fr.uc.sigmask = d->mask;
	save_state(v, &fr.uc.mcontext);
	if (guest_put(t, sp, fr))
		return -EFAULT;
	v->abi.state[REG_RA] = d->restorer ? d->restorer : t->p->tramp;
	v->abi.state[REG_SP] = sp;
	v->abi.state[REG_A0] = (u64)d->sig;
	v->abi.state[REG_A0 + 1] = sp + offsetof(struct rv_sigframe, info);
	v->abi.state[REG_A0 + 2] = sp + offsetof(struct rv_sigframe, uc);
	v->abi.state[SLOT_RESV_ADDR] = ~(u64)0;
	v->abi.pc = d->handler & ~(u64)1;
	return 0;
}

static int signal_pop(
    struct linux_task *t, u64 *mask, struct linux_altstack *ss)
{
	struct rv_sigframe fr;
	gva_t sp = t->v->abi.state[REG_SP];

	if ((sp & 15) || guest_get(t, fr, sp))
		return -EFAULT;
	if (fr.uc.mcontext.reserved || fr.uc.mcontext.ext_magic ||
	    fr.uc.mcontext.ext_size)
		return -EFAULT;
	load_state(t->v, &fr.uc.mcontext);
	*mask = fr.uc.sigmask;
	*ss = fr.uc.stack;
	return 0;
}

#include "runtime/user/vdso/riscv64.inc"

/* --- start and identification -------------------------------------------- */

static int elf_check(u32 e_flags, char *why, size_t n)
{
	if (e_flags & EF_RISCV_RVE) {
		snprintf(why, n, "uses the RVE base (16 registers)");
		return -ENOEXEC;
	}
	if ((e_flags & EF_RISCV_FLOAT_ABI) == EF_RISCV_FLOAT_ABI_QUAD) {
		snprintf(why, n, "needs the Q extension");
		return -ENOEXEC;
	}
	return 0;
}

static u64 hwcap(const struct guest_isa *g)
{
	u64 bits = 0;
	for (u32 i = 0; i < g->nfeatures; i++)
		bits |= g->features[i].hwcap;
	return bits;
}

static void start(struct vcpu *v, gva_t entry, gva_t sp)
{
	v->abi.pc = entry & ~(u64)1;
	v->abi.state[REG_SP] = sp;
}

static char *cpuinfo(const struct guest_isa *g, unsigned ncpu)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	if (!f)
		return NULL;
	for (unsigned i = 0; i < ncpu; i++)
		fprintf(f,
		    "processor\t: %u\nhart\t\t: %u\nisa\t\t: %s\n"
		    "mmu\t\t: sv48\nmvendorid\t: 0x0\nmarchid\t\t: 0x0\n"
		    "mimpid\t\t: 0x0\nhart isa\t: %s\n\n",
		    i, i, g->summary, g->summary);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- system calls of riscv64 only ---------------------------------------- */

enum {
	HWPROBE_BASE = 3,
	HWPROBE_IMA_EXT_0 = 4,
	HWPROBE_CPUPERF_0 = 5,
	HWPROBE_ZICBOZ_SIZE = 6,
	HWPROBE_HIGHEST_VA = 7,
	HWPROBE_TIME_FREQ = 8,
	HWPROBE_MISALIGNED_SCALAR = 9,
	HWPROBE_MISALIGNED_VECTOR = 10
};

struct hwprobe_pair {
	i64 key;
	u64 value;
};

static void hwprobe_one(
    const struct linux_process *p, struct hwprobe_pair *pair)
{
	const struct guest_isa *g = p->vm->guest;
	pair->value = 0;
	switch (pair->key) {
	case 0: /* mvendorid, marchid, mimpid: unspecified */
	case 1:
	case 2:
	case HWPROBE_ZICBOZ_SIZE: break;
	case HWPROBE_BASE:
		pair->value = 1; /* IMA */
		break;
	case HWPROBE_IMA_EXT_0:
		for (u32 i = 0; i < g->nfeatures; i++)
			pair->value |= g->features[i].hwprobe_ima_ext_0;
		break;
	case HWPROBE_CPUPERF_0:
	case HWPROBE_MISALIGNED_SCALAR:
		pair->value = 3; /* fast */
		break;
	case HWPROBE_MISALIGNED_VECTOR:
		pair->value = 4; /* none */
		break;
	case HWPROBE_HIGHEST_VA: pair->value = p->abi->task_size - 1; break;
	case HWPROBE_TIME_FREQ: pair->value = 1000000000; break;
	default: pair->key = -1;
	}
}

/*
 * Linux answers in the vDSO, without a system call; strace 6.13 has no name
 * for the call and dies of it (strace -c).
 */
static void vdso_fill(const struct linux_process *p, u8 *image)
{
	const size_t n = (VDSO_HWPROBE_END - VDSO_HWPROBE) / sizeof(u64);
	for (size_t i = 0; i < n; i++) {
		struct hwprobe_pair pair = { .key = (i64)i };
		hwprobe_one(p, &pair);
		memcpy(image + VDSO_HWPROBE + i * sizeof(u64), &pair.value,
		    sizeof(u64));
	}
}

/* (pairs, count, cpusetsize, cpus, flags): all CPUs are alike. */
i64 sys_riscv_hwprobe(struct linux_task *t, const u64 a[6])
{
	if (a[4] != 0)
		return -EINVAL;
	for (u64 i = 0; i < a[1]; i++) {
		struct hwprobe_pair pair;
		gva_t at = a[0] + i * sizeof(pair);
		if (guest_get(t, pair, at))
			return -EFAULT;
		hwprobe_one(t->p, &pair);
		if (guest_put(t, at, pair))
			return -EFAULT;
	}
	return 0;
}

/* (start, end, flags): flag 1, this thread only, is no promise to keep. */
i64 sys_riscv_flush_icache(struct linux_task *t, const u64 a[6])
{
	if (a[2] & ~(u64)1)
		return -EINVAL;
	exec_invalidate(t->p->vm, a[0], a[1], true);
	return 0;
}

const struct linux_abi linux_abi_riscv64 = {
	.isa = "riscv64",
	.machine = "riscv64",
	.slot_nr = REG_A7,
	.slot_arg = { REG_A0, REG_A0 + 1, REG_A0 + 2, REG_A0 + 3, REG_A0 + 4,
	    REG_A0 + 5 },
	.slot_ret = REG_A0,
	.slot_sp = REG_SP,
	.slot_tls = REG_TP,
	.syscall_len = 4,
	.min_sigstack = sizeof(struct rv_sigframe),
	.task_size = (u64)1 << 47,
	.vdso = { .image = vdso_image,
	    .size = sizeof(vdso_image),
	    .sigreturn = VDSO_SIGRETURN,
	    .resolution = VDSO_RESOLUTION,
	    .fill = vdso_fill },
	.syscall = syscall_generic,
	.elf_check = elf_check,
	.hwcap = hwcap,
	.start = start,
	.signal_push = signal_push,
	.signal_pop = signal_pop,
	.regs_get = regs_get,
	.regs_set = regs_set,
	.gp_size = 32 * 8,
	.fp_size = 33 * 8,
	.audit_arch = AUDIT_ARCH_RISCV64,
	.cpuinfo = cpuinfo,
};
