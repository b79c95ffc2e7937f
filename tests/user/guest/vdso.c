/* The vDSO: found as the C libraries find it, and right as the kernel is. */
#include <elf.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unwind.h>

#include "check.h"

#if defined(__riscv)
#define VERSION "LINUX_4.15"
#else
#define VERSION "LINUX_2.6"
#endif

static const char *base;
static Elf64_Phdr load;

/* What the dynamic section says of `tag`, as an address if it is one. */
static uint64_t dynamic(int64_t tag)
{
	const Elf64_Ehdr *eh = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
	const Elf64_Dyn *d = NULL;

	CHECK(memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0);
	CHECK(eh->e_type == ET_DYN);
	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD)
			load = ph[i];
		if (ph[i].p_type == PT_DYNAMIC)
			d = (const void *)(base + ph[i].p_offset);
	}
	CHECK(d && load.p_memsz);
	for (; d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag)
			return d->d_un.d_val;
	return 0;
}

static const void *at(int64_t tag)
{
	uint64_t v = dynamic(tag);
	CHECK(v);
	return base + v - load.p_vaddr;
}

/* The function with this name and version, by walking all symbols. */
static uintptr_t find(const char *name)
{
	const Elf64_Sym *sym = at(DT_SYMTAB);
	const char *str = at(DT_STRTAB);
	const uint16_t *ver = at(DT_VERSYM);
	const Elf64_Verdef *def = at(DT_VERDEF);
	const uint32_t *hash = dynamic(DT_HASH) ? at(DT_HASH) : NULL;
	uint32_t n = hash ? hash[1] : 10;

	for (uint32_t i = 1; i < n; i++) {
		const Elf64_Verdef *d = def;
		if (strcmp(str + sym[i].st_name, name) != 0)
			continue;
		while (d->vd_ndx != (ver[i] & 0x7fff)) {
			CHECK(d->vd_next);
			d = (const void *)((const char *)d + d->vd_next);
		}
		const Elf64_Verdaux *aux =
		    (const void *)((const char *)d + d->vd_aux);
		CHECK(strcmp(str + aux->vda_name, VERSION) == 0);
		CHECK(ELF64_ST_TYPE(sym[i].st_info) == STT_FUNC);
		return (uintptr_t)base + sym[i].st_value - load.p_vaddr;
	}
	return 0;
}

static int64_t ns(const struct timespec *t)
{
	CHECK(t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
	return t->tv_sec * 1000000000 + t->tv_nsec;
}

typedef int (*clock_fn)(clockid_t, struct timespec *);

/* Between two answers of the kernel lies that of the vDSO. */
static void test_clocks(void)
{
	clock_fn get = (clock_fn)find("__vdso_clock_gettime");
	CHECK(get);
	for (int c = -1; c < 20; c++) {
		struct timespec a, b, t, r;
		int err = syscall(SYS_clock_gettime, c, &a) < 0 ? -errno : 0;
		if (err) {
			CHECK(get(c, &t) == err);
			CHECK(clock_gettime(c, &t) < 0 && errno == -err);
			continue;
		}
		for (int i = 0; i < 50; i++) {
			CHECK(syscall(SYS_clock_gettime, c, &a) == 0);
			CHECK(get(c, &t) == 0);
			CHECK(syscall(SYS_clock_gettime, c, &b) == 0);
			CHECK(ns(&a) <= ns(&t) && ns(&t) <= ns(&b));
			CHECK(clock_gettime(c, &r) == 0 && ns(&t) <= ns(&r));
		}
	}
	CHECK(get((clockid_t)0x12345678, NULL) == -EINVAL);
}

static void test_resolution(void)
{
	clock_fn res = (clock_fn)find("__vdso_clock_getres");
	for (int c = -1; res && c < 16; c++) {
		struct timespec a = { 7, 7 }, b = { 7, 7 };
		int err = syscall(SYS_clock_getres, c, &a) < 0 ? -errno : 0;
		CHECK(res(c, &b) == err);
		CHECK(a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec);
		CHECK(res(c, NULL) == err);
	}
}

static void test_timeofday(void)
{
	int (*get)(struct timeval *, void *) =
	    (int (*)(struct timeval *, void *))find("__vdso_gettimeofday");
	struct timeval a, t, b;
	int zone[2] = { 7, 7 }, zone2[2] = { 9, 9 };
	CHECK(get);
	for (int i = 0; i < 1000; i++) {
		CHECK(syscall(SYS_gettimeofday, &a, NULL) == 0);
		CHECK(get(&t, NULL) == 0);
		CHECK(syscall(SYS_gettimeofday, &b, NULL) == 0);
		CHECK(t.tv_usec >= 0 && t.tv_usec < 1000000);
		CHECK(!timercmp(&t, &a, <) && !timercmp(&b, &t, <));
	}
	CHECK(get(&t, zone) == 0 && get(NULL, zone2) == 0);
	CHECK(zone[0] == zone2[0] && zone[1] == zone2[1]);
	CHECK(get(NULL, NULL) == 0);
}

#if defined(__riscv)
/* As the system call says, with keys that are unknown at both ends. */
static void test_hwprobe(void)
{
	struct pair {
		int64_t key;
		uint64_t value;
	} a[14], b[14];
	int (*probe)(struct pair *, size_t, size_t, void *, unsigned) =
	    (int (*)(struct pair *, size_t, size_t, void *, unsigned))find(
		"__vdso_riscv_hwprobe");
	for (int i = 0; i < 14; i++)
		a[i].key = b[i].key = i - 1;
	CHECK(probe && probe(a, 14, 0, NULL, 0) == 0);
	CHECK(syscall(258, b, 14, 0, NULL, 0) == 0);
	CHECK(memcmp(a, b, sizeof(a)) == 0);
	CHECK(a[0].key == -1 && a[4].value == 1 && a[13].key == -1);
	CHECK(probe(a, 1, 0, NULL, 1u << 31) == -EINVAL);
}
#endif

static void test_rest(void)
{
	int (*getcpu)(unsigned *, unsigned *, void *) =
	    (int (*)(unsigned *, unsigned *, void *))find("__vdso_getcpu");
	unsigned cpu = ~0u, node = ~0u;
	CHECK(getcpu && getcpu(&cpu, &node, NULL) == 0);
	CHECK(cpu < 100000 && node < 1000);
	CHECK(!find("__vdso_nothing"));
#if defined(__riscv)
	int (*flush)(void *, void *, unsigned long) =
	    (int (*)(void *, void *, unsigned long))find("__vdso_flush_icache");
	CHECK(flush && flush(&cpu, &cpu + 1, 0) == 0);
	CHECK(find("__vdso_rt_sigreturn"));
	test_hwprobe();
#endif
}

#if defined(__riscv)
static uintptr_t fault_pc;
static void *fault_addr;

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	(void)sig;
	fault_addr = si->si_addr;
	fault_pc = uc->uc_mcontext.__gregs[REG_PC];
	uc->uc_mcontext.__gregs[REG_PC] = uc->uc_mcontext.__gregs[REG_RA];
	uc->uc_mcontext.__gregs[REG_A0] = 99;
}

/* A bad pointer is a fault inside the vDSO, not EFAULT. */
static void test_fault(void)
{
	clock_fn get = (clock_fn)find("__vdso_clock_gettime");
	struct sigaction sa, old;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO;
	CHECK(sigaction(SIGSEGV, &sa, &old) == 0);
	CHECK(get(CLOCK_MONOTONIC, (struct timespec *)64) == 99);
	CHECK(fault_pc >= (uintptr_t)get && fault_pc < (uintptr_t)get + 400);
	CHECK(fault_addr == (void *)64);
	CHECK(sigaction(SIGSEGV, &old, NULL) == 0);
}
#else
static void test_fault(void)
{
}
#endif

static int frames, seen;

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *c, void *arg)
{
	if (_Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(c)) == arg)
		seen = 1;
	return ++frames < 50 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void test_unwind(void);

static void on_unwind(int sig)
{
	(void)sig;
	_Unwind_Backtrace(count_frame, (void *)test_unwind);
}

/* Unwinders find their way out of a handler. */
static __attribute__((noinline)) void test_unwind(void)
{
	signal(SIGUSR1, on_unwind);
	raise(SIGUSR1);
	CHECK(seen);
}

#if defined(__riscv)
/* clang-format off */
#define FP_REGS(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) \
	X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) \
	X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
/* clang-format on */
#define FP_LOAD(n) "fld f" #n ", 8*" #n "(%1)\n"
#define FP_STORE(n) "fsd f" #n ", 8*" #n "(%2)\n"
#define FP_NAME(n) "f" #n,

/* Reading a clock changes one register. */
#define KEEPS(csr) \
	__asm__ volatile(FP_REGS(FP_LOAD) "csrr %0, " #csr \
					  "\n" FP_REGS(FP_STORE) \
			 : "=&r"(t) \
			 : "r"(in), "r"(out) \
			 : FP_REGS(FP_NAME) "memory")

static void test_registers(void)
{
	uint64_t t, in[32], out[32];

	for (unsigned i = 0; i < 32; i++)
		in[i] = 0x0123456789abcdef * (i + 1);
	KEEPS(0xcc1);
	CHECK((int64_t)t > 0 && memcmp(in, out, sizeof(in)) == 0);
	memset(out, 0, sizeof(out));
	KEEPS(0xcc6);
	CHECK((int64_t)t > 0 && memcmp(in, out, sizeof(in)) == 0);
	memset(out, 0, sizeof(out));
	KEEPS(time);
	CHECK((int64_t)t > 0 && memcmp(in, out, sizeof(in)) == 0);
}
#else
static void test_registers(void)
{
}
#endif

int main(void)
{
	base = (const char *)getauxval(AT_SYSINFO_EHDR);
	CHECK(base);
	test_clocks();
	test_registers();
	test_resolution();
	test_timeofday();
	test_rest();
	test_unwind();
	test_fault();
	puts("ok");
	return 0;
}
