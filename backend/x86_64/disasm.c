/*
 * disasm.c - generated code as text: Capstone's, with a comment that names
 * what an operand relative to VCPU is (a guest register at home, a spill, a
 * thunk), and the host registers that hold guest registers.
 */
/* Its name for registers is ours, too. */
#define x86_reg capstone_x86_reg
#include <capstone/capstone.h>
#undef x86_reg
#include <stdio.h>
#include <stdlib.h>

#include "backend/x86_64/abi_x86.h"
#include "backend/x86_64/disasm.h"

static const char *const host_words[HOST_N] = {
	[HOST_SERVICE] = "service",
	[HOST_LOOKUP] = "lookup",
	[HOST_LINK] = "link",
	[HOST_REFERENCE] = "reference",
	[HOST_LEAF] = "helper",
	[HOST_CLOCK] = "clock",
	[HOST_CELL] = "cell",
	[HOST_SIGN64] = "sign64",
	[HOST_ABS64] = "abs64",
	[HOST_SIGN32] = "sign32",
	[HOST_ABS32] = "abs32",
	[HOST_NAN64] = "nan64",
	[HOST_NAN32] = "nan32",
	[HOST_BOX_ONES] = "box",
	[HOST_ZERO] = "zero",
};

static const struct {
	const char *name;
	i32 off;
} fields[] = {
#define FIELD(f) \
	{ \
#f, ABI_OFF(f) \
	}
	FIELD(poll),
	FIELD(fpu),
	FIELD(jt),
	FIELD(pc),
	FIELD(call_sp),
	FIELD(call_base),
	FIELD(c_sp),
	FIELD(budget),
	FIELD(mem_base),
#undef FIELD
};

/* What lies at VCPU + off, into buf; "": nothing that has a name. */
static void name_field(const struct guest_isa *g, i64 off, char *buf, size_t n)
{
	i64 slot = (off - ABI_OFF(state)) / 8, tmp = (off - ABI_OFF(tmp)) / 8;
	i64 host = (off - HOST_OFF(0)) / 8;

	buf[0] = '\0';
	if (off >= ABI_OFF(state) && slot < ABI_NSLOTS) {
		const struct guest_reg *r = guest_reg_of_slot(g, (u32)slot);
		if (r)
			snprintf(buf, n, "%s", r->name);
		return;
	}
	if (off >= ABI_OFF(tmp) && tmp < ABI_NTMP) {
		snprintf(buf, n, "spill %d", (int)tmp);
		return;
	}
	if (off >= HOST_OFF(0) && host < HOST_N) {
		snprintf(buf, n, "%s", host_words[host]);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].off == off)
			snprintf(buf, n, "%s", fields[i].name);
}

/* Append "; name" for an operand [rbp + N]. */
static void comment(const struct guest_isa *g, char *text, size_t n)
{
	const char *at = strstr(text, "[rbp");
	char name[32];

	if (!at || (at[4] != ']' && at[4] != ' '))
		return;
	i64 off = at[4] == ']' ? 0 : strtoll(at + 7, NULL, 0);
	name_field(g, at[5] == '-' ? -off : off, name, sizeof(name));
	size_t len = strlen(text);
	if (name[0])
		snprintf(text + len, n - len, " ; %s", name);
}

/* "qword ptr [" says no more than the registers' names. */
static void drop_word(char *text, const char *word)
{
	char *at = strstr(text, word);

	if (at)
		memmove(at, at + strlen(word), strlen(at + strlen(word)) + 1);
}

bool x86_disassemble(const struct guest_isa *g, const u8 *code, size_t n,
    u64 rx, disasm_fn line, void *ctx)
{
	char text[256];
	csh cs;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
		return false;
	cs_insn *i = cs_malloc(cs);
	size_t left = n;
	u64 pc = rx;
	while (i && left) {
		u32 off = (u32)(n - left);
		if (cs_disasm_iter(cs, &code, &left, &pc, i)) {
			snprintf(text, sizeof(text), "%s%s%s", i->mnemonic,
			    *i->op_str ? " " : "", i->op_str);
			drop_word(text, "qword ptr ");
			comment(g, text, sizeof(text));
			line(ctx, off, i->size, text);
			continue;
		}
		snprintf(text, sizeof(text), ".byte 0x%02x", *code);
		line(ctx, off, 1, text);
		code++;
		pc++;
		left--;
	}
	if (i)
		cs_free(i, 1);
	cs_close(&cs);
	return i;
}

static const char *const reg_names[] = { "rax", "rcx", "rdx", "rbx", "rsp",
	"rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
	"r15" };

const char *x86_pin_name(const struct guest_reg *r, char *buf, size_t n)
{
	unsigned pin = x86_pin_of(r);

	if (pin == NOREG)
		return NULL;
	if (pin >= XMM0)
		snprintf(buf, n, "xmm%u", pin - XMM0);
	else
		snprintf(buf, n, "%s", reg_names[pin]);
	return buf;
}
