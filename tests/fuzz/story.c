/*
 * story.c - what is printed when two ways to run a case disagree: listing,
 * registers with a * at each difference, memory, IR and host code.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/qemu.h"
#include "tests/fuzz/trial.h"

#define ULL(x) ((unsigned long long)(x))

static const char *verdict_text(const struct fz_trial *t, char buf[80])
{
	switch (t->verdict) {
	case FZ_SAME: return "no difference";
	case FZ_DIFFERS:
		snprintf(buf, 80, "differs in%s%s%s%s%s",
		    t->diff & FZ_DIFF_EXIT ? " exit" : "",
		    t->diff & FZ_DIFF_REGS ? " registers" : "",
		    t->diff & FZ_DIFF_FFLAGS ? " fflags" : "",
		    t->diff & FZ_DIFF_FRM ? " frm" : "",
		    t->diff & FZ_DIFF_DATA ? " memory" : "");
		return buf;
	case FZ_CRASHED:
		if (WIFSIGNALED(t->status))
			snprintf(
			    buf, 80, "died of signal %d", WTERMSIG(t->status));
		else
			snprintf(
			    buf, 80, "exited with %d", WEXITSTATUS(t->status));
		return buf;
	case FZ_HUNG: return "does not end";
	default: return "the reference itself does not come through";
	}
}

static unsigned disassemble(
    const struct fz_case *c, struct fz_gen *g, u32 k, char *text, size_t n)
{
	u32 off = c->at[k];
	struct lift_code code = { c->pc + off, c->code + off, FZ_SLOT - off };
	unsigned len =
	    guest_riscv64.disassemble(fz_gen_decoder(g), &code, text, n);

	if (!len)
		snprintf(text, n, "(no instruction)");
	return len;
}

static void print_listing(const struct fz_case *c, struct fz_gen *g)
{
	char text[100];

	for (u32 k = 0; k < c->n; k++) {
		u32 off = c->at[k], word;
		u32 len = (k + 1 < c->n ? c->at[k + 1] : c->len) - off;

		memcpy(&word, c->code + off, 4);
		disassemble(c, g, k, text, sizeof(text));
		printf("  %08llx  %0*x%*s  %s\n", ULL(c->pc + off),
		    (int)len * 2, len == 2 ? word & 0xffff : word,
		    8 - (int)len * 2, "", text);
	}
	printf("  %08llx  c.ebreak from here on\n", ULL(c->pc + c->len));
}

static void print_reg(const char *name, u64 before, u64 want, u64 got)
{
	if (before || want || got)
		printf("%c %-9s %16llx  %16llx  %16llx\n",
		    want == got ? ' ' : '*', name, ULL(before), ULL(want),
		    ULL(got));
}

static void print_states(const struct fz_trial *t, const struct fz_case *c)
{
	const struct fz_state *want = &t->want.out, *got = &t->got.out;
	const struct guest_isa *g = &guest_riscv64;

	printf("  %-9s %16s  %16s  %16s   (all-zero rows left out)\n", "",
	    "before", "expected", "got");
	print_reg("pc", c->pc, t->want.pc, t->got.pc);
	for (u32 k = 0; k < g->nregs; k++) {
		u32 s = g->regs[k].slot;

		print_reg(g->regs[k].name, c->in.slot[s], want->slot[s],
		    got->slot[s]);
	}
	print_reg("fflags", c->in.fflags, want->fflags, got->fflags);
	print_reg("frm in C", c->in.frm, want->frm, got->frm);
	printf("  exit: expected %s arg %llx address %llx\n"
	       "        got      %s arg %llx address %llx\n",
	    exec_reason_name(t->want.reason), ULL(t->want.arg),
	    ULL(t->want.fault), exec_reason_name(t->got.reason),
	    ULL(t->got.arg), ULL(t->got.fault));
}

static void print_memory(const struct fz_trial *t, const struct fz_case *c)
{
	const u8 *want = t->want.out.data, *got = t->got.out.data;

	for (u32 k = 0; k < FZ_DATA_SIZE; k += 8) {
		u64 a, b, d;

		memcpy(&a, c->in.data + k, 8);
		memcpy(&b, want + k, 8);
		memcpy(&d, got + k, 8);
		if (b != d || a != b)
			printf("%c %08x  %16llx  %16llx  %16llx\n",
			    b == d ? ' ' : '*', FZ_DATA + k, ULL(a), ULL(b),
			    ULL(d));
	}
}

/* Run it once more with IR after the passes and host code printed. */
static void print_code(const struct fz_trial *t, const struct fz_case *c)
{
	static struct fz_result r;
	u32 way = t->way == FZ_ELSEWHERE ? 0 : t->way;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct fz_machines *m = fz_machines_new("dX", way);

		/* so that it comes out even if the code crashes */
		setvbuf(stdout, NULL, _IOLBF, 0);
		alarm(5);
		if (m)
			fz_run(m, way, c, &r);
		fflush(stdout);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

void fz_story(struct fz_trial *t, const struct fz_case *c, struct fz_gen *g)
{
	char buf[80];

	printf("==== %s: %s\n", fz_way_name(t->way), verdict_text(t, buf));
	printf("     again: fuzz_insns --seed %llu --first %llu --cases 1%s"
	       " (state %u)\n",
	    ULL(c->seed), ULL(c->index), t->runner ? " --qemu" : "",
	    c->variant);
	print_listing(c, g);
	if (t->verdict == FZ_DIFFERS) {
		print_states(t, c);
		print_memory(t, c);
	} else {
		t->got = t->want;
		print_states(t, c);
	}
	print_code(t, c);
	fflush(stdout);
}

void fz_story_line(
    const struct fz_trial *t, const struct fz_case *c, struct fz_gen *g)
{
	char buf[80], text[100];

	printf("case %llu, %s: %s:", ULL(c->index), fz_way_name(t->way),
	    verdict_text(t, buf));
	for (u32 k = 0; k < c->n; k++) {
		disassemble(c, g, k, text, sizeof(text));
		if (strstr(text, "nop") != text && strcmp(text, "c.nop") != 0)
			printf(" %s;", text);
	}
	printf("\n");
	fflush(stdout);
}
