/*
 * illegal.c - encodings that must be refused with SIGILL, at their own pc.
 *
 * Natively there is nothing to try: the expected lines are printed.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "check.h"

#define LONG(w) \
	{ \
		(w) & 0xffff, (w) >> 16 \
	}

static const struct {
	const char *what;
	uint16_t code[2];
} row[] = {
	{ "all zero", LONG(0) },
	{ "all ones", LONG(0xffffffff) },
	{ "c.addi4spn of nothing", { 0x0004, 0 } },
	{ "c.lui of nothing", { 0x6501, 0 } },
	{ "c.addi16sp of nothing", { 0x6101, 0 } },
	{ "c.lwsp to zero", { 0x4002, 0 } },
	{ "c.ldsp to zero", { 0x6002, 0 } },
	{ "c.jr of zero", { 0x8002, 0 } },
	{ "c.addiw to zero", { 0x2005, 0 } },
	{ "reserved c arithmetic", { 0x9c79, 0 } },
	{ "load of width 7", LONG(0x0005f503) },
	{ "store of width 4", LONG(0x00b54023) },
	{ "branch of kind 2", LONG(0x00b52463) },
	{ "jalr of kind 1", LONG(0x00059567) },
	{ "add with odd funct7", LONG(0xfe000533) },
	{ "slliw by 32", LONG(0x0205951b) },
	{ "amo of width 5", LONG(0x00b5552f) },
	{ "lr.w with rs2", LONG(0x1015a52f) },
	{ "fadd.d, rounding mode 5", LONG(0x02b5d553) },
	{ "fadd.d, rounding mode 6", LONG(0x02b5e553) },
	{ "fadd of quad precision", LONG(0x06b57553) },
	{ "fsqrt.d with rs2", LONG(0x5a15f553) },
	{ "unknown csr", LONG(0x12302573) },
	{ "machine csr", LONG(0x30002573) },
	{ "write of a read-only csr", LONG(0xc0051573) },
	{ "mret", LONG(0x30200073) },
	{ "sret", LONG(0x10200073) },
	{ "sfence.vma", LONG(0x12000073) },
	{ "custom-0", LONG(0x0000000b) },
	{ "a 48-bit instruction", LONG(0x0000001f) },
};

#ifdef __riscv
static sigjmp_buf out;
static uintptr_t pc;
static int signo;

static void handler(int sig, siginfo_t *si, void *context)
{
	(void)si;
	signo = sig;
	pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.__gregs[REG_PC];
	siglongjmp(out, 1);
}

/* Run the encoding, with a return after it; did it raise SIGILL? */
static int refused(uint16_t *p, const uint16_t code[2])
{
	int n = (code[0] & 3) == 3 || (!code[0] && !code[1]) ? 2 : 1;

	memcpy(p, code, 4);
	p[n] = 0x8082; /* ret */
	if (!code[0] && !code[1])
		p[2] = 0;
	__builtin___clear_cache((char *)p, (char *)(p + 8));
	signo = 0;
	if (!sigsetjmp(out, 1)) {
		((void (*)(void))(uintptr_t)p)();
		return 0;
	}
	return signo == SIGILL && pc == (uintptr_t)p;
}

#else
static int refused(uint16_t *p, const uint16_t code[2])
{
	(void)p, (void)code;
	return 1;
}

#endif

int main(void)
{
	uint16_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(p != MAP_FAILED);
#ifdef __riscv
	{
		struct sigaction sa = { .sa_sigaction = handler,
			.sa_flags = SA_SIGINFO };

		sigaction(SIGILL, &sa, NULL);
		sigaction(SIGSEGV, &sa, NULL);
	}
#endif
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		printf("%s %s\n", refused(p, row[i].code) ? "ok " : "BAD",
		    row[i].what);
	return 0;
}
