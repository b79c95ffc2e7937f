/*
 * explain_code.c - one block or region in three columns.
 *
 * A row group is a guest instruction with the IR that came of it after the
 * passes and the host code that the pc map gives to it. Code in front of the
 * first instruction (tests at the entry, polls) is a group of its own, and so
 * is what stands behind a jump without an instruction of its own: rare cases,
 * and the stubs that links lead to until they are linked.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "runtime/look/explain.h"

#define GUEST_WIDTH 36
#define IR_WIDTH 38

/* Lines of one column, each for a group. */
struct line {
	u32 group;
	char *text;
};

struct column {
	struct line *line;
	size_t n, cap;
};

/* Groups: guest offset + 1; in front of all; behind all. */
enum { GROUP_ENTRY = 0, GROUP_RARE = UINT32_MAX };

struct table {
	struct explain *x;
	const struct explained *e;
	struct column guest, ir, host;
	u32 host_insns, c_calls;
	bool rare; /* host code is out of line now */
};

static void put(struct column *c, u32 group, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void put(struct column *c, u32 group, const char *fmt, ...)
{
	va_list ap;

	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct line *p = realloc(c->line, cap * sizeof(*p));
		if (!p)
			return;
		c->line = p;
		c->cap = cap;
	}
	va_start(ap, fmt);
	if (vasprintf(&c->line[c->n].text, fmt, ap) >= 0)
		c->line[c->n++].group = group;
	va_end(ap);
}

static void column_free(struct column *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->line[i].text);
	free(c->line);
}

/* --- the three columns --------------------------------------------------- */

static void fill_guest(struct table *t)
{
	const struct explained *e = t->e;
	const struct metic_vm *vm = t->x->vm;
	char text[128];

	for (u32 off = 0; off < e->len;) {
		const struct lift_code code = {
			.pc = e->pc + off,
			.bytes =
			    (const u8 *)(uintptr_t)(vm->mem_base + e->pc + off),
			.len = e->len - off,
		};
		unsigned n = vm->guest->disassemble(
		    t->x->decoder, &code, text, sizeof(text));
		put(&t->guest, off + 1, "%8llx  %s",
		    (unsigned long long)(code.pc - t->x->base),
		    n ? text : "(not an instruction)");
		off += n ? n : vm->guest->min_insn;
	}
}

/* The printed region, line by line. */
static void fill_ir(struct table *t)
{
	char *text = NULL, *save = NULL, label[16] = "";
	size_t n = 0;
	u32 group = GROUP_ENTRY;
	FILE *f = t->e->ir ? open_memstream(&text, &n) : NULL;

	if (!f)
		return;
	ir_print(f, t->x->vm->guest, t->e->ir);
	fclose(f);
	strtok_r(text, "\n", &save); /* "region ..." */
	for (char *l = strtok_r(NULL, "\n", &save); l && strcmp(l, "end") != 0;
	     l = strtok_r(NULL, "\n", &save)) {
		unsigned long long pc;
		if (sscanf(l, "  insn %llx", &pc) == 1) {
			group = (u32)(pc - t->e->pc) + 1;
			if (*label)
				put(&t->ir, group, "%s", label);
			label[0] = '\0';
		} else if (*l == 'b') {
			if (*label)
				put(&t->ir, group, "%s", label);
			snprintf(label, sizeof(label), "%s", l);
		} else {
			if (*label)
				put(&t->ir, group, "%s", label);
			label[0] = '\0';
			put(&t->ir, group, "%s", l + 2);
		}
	}
	free(text);
}

/* The group of the host code at off; *first: it begins there. */
static u32 group_at(const struct explained *e, u32 off, bool *first)
{
	u32 lo = 0, hi = e->nmap;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		if (e->map[mid].off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	*first = lo && e->map[lo - 1].off == off;
	return lo ? e->map[lo - 1].guest_off + 1 : GROUP_ENTRY;
}

/* Where a jump that is a link leads: a name in the place of its stub's. */
static void name_link(
    const struct table *t, const struct link_site *l, char *text, size_t n)
{
	char name[256], *at = strchr(text, ' ');

	if (!at)
		return;
	names_text(t->x->names, l->target, name, sizeof(name));
	size_t left = n - (size_t)(at - text);
	if (l->target - t->e->pc < t->e->len)
		snprintf(at, left, " block %llx",
		    (unsigned long long)(l->target - t->x->base));
	else
		snprintf(at, left, " %s", name);
}

static void host_line(void *ctx, u32 off, u32 len, const char *insn)
{
	struct table *t = ctx;
	const struct explained *e = t->e;
	char text[512];
	u32 at = off + e->entry;
	bool first;

	snprintf(text, sizeof(text), "%s", insn);
	for (u32 i = 0; i < e->nlinks; i++)
		if (e->links[i].off + 4 == at + len)
			name_link(t, &e->links[i], text, sizeof(text));
	t->host_insns++;
	t->c_calls += strstr(text, "; reference") || strstr(text, "; helper");
	u32 group = group_at(e, at, &first);
	t->rare = t->rare && !first;
	put(&t->host, t->rare ? GROUP_RARE : group, "%4x  %s", off, text);
	t->rare |= !strncmp(insn, "jmp", 3) || !strncmp(insn, "ret", 3);
}

static void fill_host(struct table *t)
{
	const struct explained *e = t->e;
	const struct host_backend *host = t->x->vm->exec->host;

	if (!e->code || !host) {
		put(&t->host, GROUP_ENTRY, "(run by the interpreter)");
		return;
	}
	if (!host->disassemble(t->x->vm->guest, e->code + e->entry,
		e->size - e->entry, 0, host_line, t))
		put(&t->host, GROUP_ENTRY, "(no disassembler)");
}

/* --- writing ------------------------------------------------------------- */

/* The next line of the group at or after *i, or "". */
static const char *next_line(const struct column *c, u32 group, size_t *i)
{
	while (*i < c->n && c->line[*i].group != group)
		++*i;
	return *i < c->n ? c->line[(*i)++].text : "";
}

static void write_group(struct table *t, u32 group)
{
	size_t g = 0, i = 0, h = 0;

	for (;;) {
		const char *guest = next_line(&t->guest, group, &g);
		const char *ir = next_line(&t->ir, group, &i);
		const char *host = next_line(&t->host, group, &h);
		if (!*guest && !*ir && !*host)
			return;
		if (*host)
			fprintf(t->x->out, "%-*s | %-*s | %s\n", GUEST_WIDTH,
			    guest, IR_WIDTH, ir, host);
		else
			fprintf(
			    t->x->out, "%-*s | %s\n", GUEST_WIDTH, guest, ir);
	}
}

static u32 count_ir(const struct ir_region *r)
{
	u32 n = 0;
	for (u32 i = 1; r && i < r->ninsns; i++)
		n += r->insn[i].op != IR_NOP && r->insn[i].op != IR_INSN_START;
	return n;
}

static void write_head(struct table *t)
{
	const struct explained *e = t->e;
	char name[1024];
	u32 ir = count_ir(e->ir);
	size_t n = t->guest.n;

	fprintf(t->x->out,
	    "\n%s %llx, %s\n"
	    "  %zu guest instructions, %u IR, %u host in %u bytes",
	    e->ir || e->nlinks ? "block" : "region",
	    (unsigned long long)(e->pc - t->x->base),
	    names_text(t->x->names, e->pc, name, sizeof(name)), n, ir,
	    t->host_insns, e->size - e->entry);
	if (n && t->host_insns)
		fprintf(t->x->out, " (%.1f for one)",
		    (double)t->host_insns / (double)n);
	if (t->c_calls)
		fprintf(t->x->out, "; leaves for C code %u times", t->c_calls);
	fprintf(t->x->out, "\n%-*s | %-*s | %s code\n", GUEST_WIDTH, "   guest",
	    IR_WIDTH, "IR", e->tier);
}

void explain_code(struct explain *x, const struct explained *e)
{
	struct table t = { .x = x, .e = e };
	u32 last = GROUP_ENTRY;

	fill_guest(&t);
	fill_ir(&t);
	fill_host(&t);
	write_head(&t);
	write_group(&t, GROUP_ENTRY);
	for (size_t i = 0; i < t.guest.n; i++) {
		if (t.guest.line[i].group != last)
			write_group(&t, t.guest.line[i].group);
		last = t.guest.line[i].group;
	}
	if (t.host.n && t.host.line[t.host.n - 1].group == GROUP_RARE)
		put(&t.guest, GROUP_RARE, "          out of line:");
	write_group(&t, GROUP_RARE);
	column_free(&t.guest);
	column_free(&t.ir);
	column_free(&t.host);
}
