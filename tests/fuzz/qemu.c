/*
 * qemu.c - cases as a riscv64 Linux program, see qemu.h.
 *
 * The program is one signal handler. Each case ends with a signal (a
 * breakpoint, a fault); the handler stores what the signal frame says (pc,
 * registers, fcsr) and the data page, puts the next case's state into the
 * frame and returns into it. Nothing of the handler's own gets into a case,
 * and a case may do with every register what it likes. The first signal is
 * a breakpoint of the start code, its record is thrown away.
 *
 * Segments, all at fixed addresses: code slots, data page and the read-only
 * page behind it as case.h says; the handler; input and output records;
 * variables and the signal stack. Sources: Linux' arch/riscv/include/uapi
 * (ucontext.h, sigcontext.h) and include/uapi/asm-generic (signal.h).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/qemu.h"

#define TIMEOUT 60 /* seconds for a batch */

/* Where no LUI leads a case; not far from it, for QEMU notes each page of
   the span. */
#define TEXT 0x83000000ull
#define IN 0x84100000ull
#define OUT 0x85800000ull
#define VARS 0x86100000ull
#define VARS_SIZE 0x11000u

/* What a struct sigcontext begins with. */
struct frame_regs {
	u64 pc, x[31], f[32], fcsr; /* fcsr: 32 bits and padding */
};
#define REG_WORDS (sizeof(struct frame_regs) / 8)
#define DATA_WORDS (FZ_DATA_SIZE / 8)
#define MCONTEXT 176 /* offset in struct ucontext */

struct in_record {
	struct frame_regs r;
	u8 data[FZ_DATA_SIZE];
};

struct out_record {
	u64 sig, code, addr;
	struct frame_regs r;
	u8 data[FZ_DATA_SIZE];
};

/* At VARS. */
struct vars {
	u64 out, in, in_end, scratch;
	u64 act[3]; /* handler, flags, mask */
	u64 stack[3]; /* ss_sp, ss_flags, ss_size */
};
#define VAR(field) ((i64)offsetof(struct vars, field))

/* --- a tiny assembler ------------------------------------------------------
 */

enum {
	X0,
	SP = 2,
	T0 = 5,
	T1,
	T2,
	S0 = 8,
	S1,
	A0,
	A1,
	A2,
	A3,
	A7 = 17,
	S2,
	S3,
	S4,
	S5
};

struct text {
	u32 w[256];
	u32 n;
};

static void put(struct text *t, u32 word)
{
	assert(t->n < ARRAY_LEN(t->w));
	t->w[t->n++] = word;
}

/* rd <- row(rs1, imm): formats I and U. */
static void op_i(struct text *t, u32 id, u32 rd, u32 rs1, i64 imm)
{
	put(t, rv_rows[id].match | rd << 7 | rs1 << 15 | (u32)imm << 20);
}

static void op_store(struct text *t, u32 id, u32 rs2, u32 rs1, i64 imm)
{
	u32 v = (u32)imm;

	put(t,
	    rv_rows[id].match | bits(v, 0, 5) << 7 | rs1 << 15 | rs2 << 20 |
		bits(v, 5, 7) << 25);
}

static void op_r(struct text *t, u32 id, u32 rd, u32 rs1, u32 rs2)
{
	put(t, rv_rows[id].match | rd << 7 | rs1 << 15 | rs2 << 20);
}

/* A branch to the word `to` of the text. */
static void branch(struct text *t, u32 id, u32 rs1, u32 rs2, u32 to)
{
	u32 v = (to - t->n) * 4;

	put(t,
	    rv_rows[id].match | rs1 << 15 | rs2 << 20 | bits(v, 12, 1) << 31 |
		bits(v, 5, 6) << 25 | bits(v, 1, 4) << 8 | bits(v, 11, 1) << 7);
}

static void load_imm(struct text *t, u32 rd, u64 value)
{
	u32 v = (u32)value;

	if (value >= 0x7ffff000) {
		load_imm(t, rd, (value + 0x800) >> 12);
		op_i(t, RV_SLLI, rd, rd, 12);
		op_i(t, RV_ADDI, rd, rd, sext(v, 12));
		return;
	}
	put(t, rv_rows[RV_LUI].match | rd << 7 | ((v + 0x800) & 0xfffff000));
	op_i(t, RV_ADDIW, rd, rd, sext(v, 12));
}

static void call_linux(struct text *t, u32 number)
{
	load_imm(t, A7, number);
	put(t, rv_rows[RV_ECALL].match);
}

/* Copy words from src to dst, which are moved on; clobbers T0, T1. */
static void copy_words(struct text *t, u32 dst, u32 src, u32 words)
{
	load_imm(t, T1, words);
	u32 loop = t->n;
	op_i(t, RV_LD, T0, src, 0);
	op_store(t, RV_SD, T0, dst, 0);
	op_i(t, RV_ADDI, src, src, 8);
	op_i(t, RV_ADDI, dst, dst, 8);
	op_i(t, RV_ADDI, T1, T1, -1);
	branch(t, RV_BNE, T1, X0, loop);
}

/* --- the program -----------------------------------------------------------
 */

enum {
	NR_write = 64,
	NR_exit = 93,
	NR_sigaltstack = 132,
	NR_sigaction = 134,
	NR_sigreturn = 139
};

static void write_start(struct text *t)
{
	static const u32 sigs[] = { SIGILL, SIGTRAP, SIGBUS, SIGSEGV };

	load_imm(t, A0, VARS + VAR(stack));
	load_imm(t, A1, 0);
	call_linux(t, NR_sigaltstack);
	for (u32 k = 0; k < ARRAY_LEN(sigs); k++) {
		load_imm(t, A0, sigs[k]);
		load_imm(t, A1, VARS + VAR(act));
		load_imm(t, A2, 0);
		load_imm(t, A3, 8);
		call_linux(t, NR_sigaction);
	}
	put(t, rv_rows[RV_EBREAK].match);
}

/* a0 = signal, a1 = siginfo, a2 = ucontext */
static void write_handler(struct text *t)
{
	load_imm(t, S0, VARS);
	op_i(t, RV_ADDI, T0, S0, VAR(scratch));
	op_r(t, RV_SC_W, X0, T0, X0); /* drops the reservation */
	/* store the result */
	op_i(t, RV_LD, S1, S0, VAR(out));
	op_store(t, RV_SD, A0, S1, 0);
	op_i(t, RV_LW, T0, A1, 8);
	op_store(t, RV_SD, T0, S1, 8);
	op_i(t, RV_LD, T0, A1, 16);
	op_store(t, RV_SD, T0, S1, 16);
	op_i(t, RV_ADDI, S1, S1, 24);
	op_i(t, RV_ADDI, S2, A2, MCONTEXT);
	copy_words(t, S1, S2, REG_WORDS);
	load_imm(t, S2, FZ_DATA);
	copy_words(t, S1, S2, DATA_WORDS);
	op_store(t, RV_SD, S1, S0, VAR(out));
	/* the next case */
	op_i(t, RV_LD, S1, S0, VAR(in));
	op_i(t, RV_LD, S3, S0, VAR(in_end));
	u32 skip = t->n++;
	op_i(t, RV_ADDI, S2, A2, MCONTEXT);
	copy_words(t, S2, S1, REG_WORDS);
	load_imm(t, S2, FZ_DATA);
	copy_words(t, S2, S1, DATA_WORDS);
	op_store(t, RV_SD, S1, S0, VAR(in));
	call_linux(t, NR_sigreturn);
	u32 end = t->n;
	t->n = skip;
	branch(t, RV_BEQ, S1, S3, end);
	t->n = end;
}

/* All results go to standard output, then exit(0). */
static void write_finish(struct text *t, u32 n)
{
	load_imm(t, S1, OUT + sizeof(struct out_record));
	load_imm(t, S2, OUT + (n + 1) * sizeof(struct out_record));
	u32 loop = t->n;
	load_imm(t, A0, 1);
	op_i(t, RV_ADDI, A1, S1, 0);
	op_r(t, RV_SUB, A2, S2, S1);
	call_linux(t, NR_write);
	op_r(t, RV_ADD, S1, S1, A0);
	branch(t, RV_BLTU, S1, S2, loop);
	load_imm(t, A0, 0);
	call_linux(t, NR_exit);
}

/* --- the file --------------------------------------------------------------
 */

struct elf_writer {
	FILE *f;
	Elf64_Phdr ph[8];
	u16 n;
	u64 off;
};

#define HEADERS 4096 /* file offset of the first segment */

static void segment(struct elf_writer *e, gva_t a, u64 size, u32 flags,
    const void *bytes, u64 file_size)
{
	e->ph[e->n++] = (Elf64_Phdr){ .p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = e->off,
		.p_vaddr = a,
		.p_paddr = a,
		.p_filesz = file_size,
		.p_memsz = size,
		.p_align = HOST_PAGE };
	fseek(e->f, (long)e->off, SEEK_SET);
	fwrite(bytes, 1, file_size, e->f);
	e->off += ALIGN_UP(file_size, HOST_PAGE);
}

static void headers(struct elf_writer *e, gva_t entry)
{
	Elf64_Ehdr eh = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
			      ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = entry,
		.e_phoff = sizeof(eh),
		.e_flags = 5, /* compressed code, double-float ABI */
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = e->n };

	fseek(e->f, 0, SEEK_SET);
	fwrite(&eh, sizeof(eh), 1, e->f);
	fwrite(e->ph, sizeof(e->ph[0]), e->n, e->f);
}

static void fill_record(struct in_record *r, const struct fz_case *c)
{
	r->r.pc = c->pc;
	memcpy(r->r.x, c->in.slot + 1, sizeof(r->r.x));
	memcpy(r->r.f, c->in.slot + RV_SLOT_F, sizeof(r->r.f));
	r->r.fcsr = c->in.fflags | c->in.frm << 5;
	memcpy(r->data, c->in.data, FZ_DATA_SIZE);
}

static bool write_elf(FILE *f, const struct fz_case *c, u32 n)
{
	static const u8 zeros[FZ_DATA_SIZE + HOST_PAGE];
	static u8 code[FZ_CODE_SIZE];
	static struct in_record in[FZ_SLOTS];
	struct elf_writer e = { .f = f, .off = HEADERS };
	struct text t = { .n = 0 };

	for (u32 k = 0; k < n; k++) {
		memcpy(code + (c[k].pc - FZ_CODE), c[k].code, FZ_SLOT);
		fill_record(&in[k], &c[k]);
	}
	write_start(&t);
	struct vars v = { .out = OUT,
		.in = IN,
		.in_end = IN + n * sizeof(in[0]),
		.act = { TEXT + 4 * t.n, SA_SIGINFO | SA_ONSTACK | SA_NODEFER },
		.stack = { VARS + 0x1000, 0, VARS_SIZE - 0x1000 } };
	write_handler(&t);
	write_finish(&t, n);

	segment(&e, FZ_CODE, FZ_CODE_SIZE, PF_R | PF_X, code, FZ_CODE_SIZE);
	segment(&e, FZ_DATA, FZ_DATA_SIZE, PF_R | PF_W, zeros, FZ_DATA_SIZE);
	segment(&e, FZ_DATA_RO, HOST_PAGE, PF_R, zeros, HOST_PAGE);
	segment(&e, TEXT, sizeof(t.w), PF_R | PF_X, t.w, sizeof(t.w));
	segment(&e, IN, n * sizeof(in[0]), PF_R, in, n * sizeof(in[0]));
	segment(&e, OUT, (n + 1) * sizeof(struct out_record), PF_R | PF_W,
	    zeros, 0);
	segment(&e, VARS, VARS_SIZE, PF_R | PF_W, &v, sizeof(v));
	headers(&e, TEXT);
	return !ferror(f) && fflush(f) == 0;
}

/* --- running it ------------------------------------------------------------
 */

static void take_result(const struct out_record *r, struct fz_result *out)
{
	memset(out, 0, sizeof(*out));
	switch (r->sig) {
	case SIGTRAP: out->reason = EXIT_BREAK; break;
	case SIGILL: out->reason = EXIT_ILLEGAL; break;
	case SIGBUS: out->reason = EXIT_MISALIGNED; break;
	default: out->reason = EXIT_MEMORY; break;
	}
	out->pc = r->r.pc;
	out->fault = r->addr;
	memcpy(out->out.slot + 1, r->r.x, sizeof(r->r.x));
	memcpy(out->out.slot + RV_SLOT_F, r->r.f, sizeof(r->r.f));
	out->out.fflags = (u32)r->r.fcsr & 31;
	out->out.frm = (u32)r->r.fcsr >> 5 & 7;
	out->out.slot[RV_SLOT_FRM] = out->out.frm;
	memcpy(out->out.data, r->data, FZ_DATA_SIZE);
}

/* Read `size` bytes until a deadline; how many came. */
static size_t read_all(int fd, u8 *buf, size_t size)
{
	double end = fz_now() + TIMEOUT;
	size_t n = 0;

	while (n < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ms = (int)(1000 * (end - fz_now()));

		if (ms <= 0 || poll(&p, 1, ms) <= 0)
			break;
		ssize_t k = read(fd, buf + n, size - n);
		if (k <= 0)
			break;
		n += (size_t)k;
	}
	return n;
}

/* exec `runner path`; the runner may have arguments, split at blanks. */
static void exec_runner(const char *runner, char *path, int out)
{
	static char words[512];
	char *argv[16];
	int n = 0;

	snprintf(words, sizeof(words), "%s", runner);
	for (char *w = strtok(words, " "); w && n < 14; w = strtok(NULL, " "))
		argv[n++] = w;
	argv[n++] = path;
	argv[n] = NULL;
	dup2(out, STDOUT_FILENO);
	execvp(argv[0], argv);
	_exit(127);
}

/* Run it; true if `size` bytes came and it exited with 0. */
static bool run_file(const char *runner, char *path, u8 *buf, size_t size,
    char *why, size_t why_size)
{
	int fds[2], status = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		snprintf(why, why_size, "cannot start: %s", strerror(errno));
		return false;
	}
	if (pid == 0)
		exec_runner(runner, path, fds[1]);
	close(fds[1]);
	size_t n = read_all(fds[0], buf, size);
	close(fds[0]);
	if (n < size)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (n == size && status == 0)
		return true;
	snprintf(why, why_size,
	    "%s: %zu of %zu bytes of results, wait status %#x", runner, n, size,
	    status);
	return false;
}

bool fz_run_elsewhere(const char *runner, const struct fz_case *c, u32 n,
    struct fz_result *out, char *why, size_t size)
{
	static struct out_record got[FZ_SLOTS];
	char path[] = "/tmp/metic-fuzz-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return false;
	}
	bool ok = write_elf(f, c, n);
	if (!ok)
		snprintf(why, size, "%s: cannot be written", path);
	fchmod(fd, 0700);
	fclose(f);
	ok = ok &&
	    run_file(runner, path, (u8 *)got, n * sizeof(got[0]), why, size);
	unlink(path);
	for (u32 k = 0; ok && k < n; k++)
		take_result(&got[k], &out[k]);
	return ok;
}
