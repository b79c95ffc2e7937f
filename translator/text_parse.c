/*
 * text_parse.c - read what text_print.c writes.
 *
 * Line by line; what follows a '#' is a comment. A value gets the place in
 * the array that its number says, with NOPs before it, so that a region
 * that was printed comes back with the same numbers; a number that is
 * already behind (in text written by hand) is only a name.
 *
 * Only the text is checked here: bounds, names, order of blocks. Whether
 * the region makes sense is the verifier's business.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "translator/text.h"
#include "translator/text_form.h"

struct parser {
	const char *p; /* next character */
	int line;
	bool bad; /* sticky: err says why */
	bool ended; /* "end" was read */
	bool begun; /* a block is */
	const struct guest_isa *g;
	struct ir_region *r;
	ir_ref *named; /* number -> ref */
	char *err;
	size_t errlen;
};

__attribute__((format(printf, 2, 3))) static void fail(
    struct parser *p, const char *fmt, ...)
{
	va_list ap;

	if (p->bad)
		return;
	p->bad = true;
	va_start(ap, fmt);
	vsnprintf(p->err, p->errlen, fmt, ap);
	va_end(ap);
}

static void skip_blanks(struct parser *p)
{
	while (*p->p == ' ' || *p->p == '\t')
		p->p++;
	if (*p->p == '#')
		p->p += strcspn(p->p, "\n");
}

static bool at_end(struct parser *p)
{
	skip_blanks(p);
	return *p->p == '\n' || !*p->p;
}

/* Take `s` if it comes next. */
static bool accept(struct parser *p, const char *s)
{
	skip_blanks(p);
	if (strncmp(p->p, s, strlen(s)))
		return false;
	p->p += strlen(s);
	return true;
}

static void expect(struct parser *p, const char *s)
{
	if (!accept(p, s))
		fail(p, "expected '%s'", s);
}

/* The word that comes next, into buf; empty if none does. */
static void word(struct parser *p, char *buf, size_t n)
{
	skip_blanks(p);
	size_t len = strcspn(p->p, " \t\n#:=");
	if (len >= n) {
		fail(p, "word too long");
		len = 0;
	}
	memcpy(buf, p->p, len);
	buf[len] = 0;
	p->p += len;
}

static u64 number(struct parser *p)
{
	char *end;

	skip_blanks(p);
	bool minus = *p->p == '-';
	const char *start = p->p + minus;
	if (*start < '0' || *start > '9') {
		fail(p, "expected a number");
		return 0;
	}
	u64 v = strtoull(start, &end, 0);
	p->p = end;
	return minus ? 0 - v : v;
}

static u32 small_number(struct parser *p, u64 limit, const char *what)
{
	u64 v = number(p);
	if (v >= limit) {
		fail(p, "%s out of range", what);
		return 0;
	}
	return (u32)v;
}

/* bN: a block, made if it is new. */
static u32 block_name(struct parser *p)
{
	expect(p, "b");
	u32 b = small_number(p, IR_MAX_BLOCKS, "block number");
	while (!p->bad && p->r->nblocks <= b) {
		ir_new_block(p->r);
		if (p->r->failed)
			fail(p, "out of memory");
	}
	return b;
}

static ir_ref operand(struct parser *p)
{
	if (accept(p, "_"))
		return IR_NONE;
	expect(p, "%");
	u32 n = small_number(p, IR_MAX_INSNS, "value number");
	if (!p->bad && !p->named[n])
		fail(p, "no value %%%u", n);
	return p->bad ? IR_NONE : p->named[n];
}

static u8 type_name(struct parser *p)
{
	char buf[16];

	word(p, buf, sizeof(buf));
	for (u8 t = IR_I1; t < IR_NTYPES; t++)
		if (!strcmp(buf, text_types[t]))
			return t;
	fail(p, "unknown type '%s'", buf);
	return IR_VOID;
}

/* The op whose text is the longest head of `w`; *suffix is what follows. */
static u8 find_op(struct parser *p, const char *w, const char **suffix)
{
	size_t best = 0;
	u8 op = IR_NOP;

	for (u32 i = 0; i < IR_NOPS; i++) {
		size_t n = strlen(ir_opinfo[i].text);
		if (n > best && !strncmp(w, ir_opinfo[i].text, n) &&
		    (!w[n] || w[n] == '.')) {
			best = n;
			op = (u8)i;
		}
	}
	if (!best)
		fail(p, "unknown op '%s'", w);
	*suffix = w + best;
	return op;
}

static u16 mem_suffix(struct parser *p, const char *s)
{
	static const struct {
		const char *text;
		u16 bit;
	} marks[] = { { ".acq", MEM_ACQ }, { ".rel", MEM_REL },
		{ ".al", MEM_ALIGNED } };
	u16 aux = 0;

	if (*s == '.' && s[1] == 's') {
		aux = MEM_SIGNED;
		s += 2;
	} else {
		s += *s == '.';
	}
	if (*s < '0' || *s > '3') {
		fail(p, "access size");
		return 0;
	}
	aux |= (u16)(*s++ - '0');
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		size_t n = strlen(marks[i].text);
		if (!strncmp(s, marks[i].text, n)) {
			aux |= marks[i].bit;
			s += n;
		}
	}
	if (*s)
		fail(p, "unknown suffix '%s'", s);
	return aux;
}

static u16 rm_suffix(struct parser *p, const char *s)
{
	for (u16 rm = 0; rm < ARRAY_LEN(text_rm); rm++)
		if (text_rm[rm] && *s == '.' && !strcmp(s + 1, text_rm[rm]))
			return rm;
	fail(p, "rounding mode '%s'", s);
	return 0;
}

/* A word's index: a name from the list, or `prefix` and a number. */
static u16 slot_name(struct parser *p)
{
	char buf[32];

	word(p, buf, sizeof(buf));
	for (u32 i = 0; i < p->g->nregs; i++)
		if (!strcmp(buf, p->g->regs[i].name))
			return p->g->regs[i].slot;
	if (!strncmp(buf, "slot", 4) && buf[4])
		return (u16)(strtoul(buf + 4, NULL, 10) % ABI_NSLOTS);
	fail(p, "unknown register '%s'", buf);
	return 0;
}

static u16 helper_name(struct parser *p)
{
	char buf[64];

	word(p, buf, sizeof(buf));
	for (u32 i = 0; i < p->g->nhelpers; i++)
		if (!strcmp(buf, p->g->helper_names[i]))
			return (u16)i;
	fail(p, "unknown helper '%s'", buf);
	return 0;
}

static u16 exit_reason(struct parser *p)
{
	static const char *const names[EXIT_NREASONS] = {
#define X(name, text, doc) [EXIT_##name] = text,
#include "translator/exits.def"
#undef X
	};
	char buf[32];

	word(p, buf, sizeof(buf));
	for (u16 i = 0; i < EXIT_NREASONS; i++)
		if (!strcmp(buf, names[i]))
			return i;
	fail(p, "unknown exit '%s'", buf);
	return 0;
}

static void operands(struct parser *p, struct ir_insn *i)
{
	ir_ref *v[3] = { &i->a, &i->b, &i->c };
	for (size_t k = 0; ir_opinfo[i->op].args[k]; k++)
		*v[k] = operand(p);
}

/* What follows the name of the op; the mirror of print_rest. */
static void rest(struct parser *p, struct ir_insn *i, const char *suffix)
{
	enum text_form form = text_form(i->op);

	if (form == FORM_MEM)
		i->aux = mem_suffix(p, suffix);
	else if (ir_rounds(i->op))
		i->aux = rm_suffix(p, suffix);
	else if (*suffix)
		fail(p, "unknown suffix '%s'", suffix);

	switch (form) {
	case FORM_PLAIN: operands(p, i); break;
	case FORM_IMM: i->imm = (i64)number(p); break;
	case FORM_SLOT:
		i->aux = slot_name(p);
		operands(p, i);
		break;
	case FORM_MEM:
		operands(p, i);
		if (accept(p, "+"))
			i->imm = (i64)number(p);
		break;
	case FORM_NUMBER:
		i->aux = (u16)small_number(p, 0x10000, "number");
		break;
	case FORM_HELPER:
		i->aux = helper_name(p);
		operands(p, i);
		break;
	case FORM_GOTO: i->b = block_name(p); break;
	case FORM_BR:
		i->a = operand(p);
		i->b = block_name(p);
		i->c = block_name(p);
		break;
	case FORM_CALL:
		i->a = operand(p);
		i->imm = (i64)number(p);
		break;
	case FORM_EXIT:
		i->aux = exit_reason(p);
		i->imm = (i64)number(p);
		i->b = small_number(p, 1ull << 32, "argument");
		break;
	}
}

static bool block_open(const struct parser *p)
{
	return p->begun && !p->r->failed &&
	    (!p->r->block[p->r->cur].n ||
		!ir_ends_block(p->r->insn[p->r->ninsns - 1].op));
}

static void instruction(struct parser *p)
{
	struct ir_insn i = { 0 };
	const char *suffix = "";
	char buf[64];
	u32 name = 0;

	if (accept(p, "%")) {
		name = small_number(p, IR_MAX_INSNS, "value number");
		expect(p, ":");
		i.type = type_name(p);
		expect(p, "=");
		if (!p->bad && (!name || p->named[name]))
			fail(p, "%%%u has a value already", name);
	}
	word(p, buf, sizeof(buf));
	i.op = find_op(p, buf, &suffix);
	if (!p->bad)
		rest(p, &i, suffix);
	if (!p->bad && (ir_opinfo[i.op].result == '-') != !name &&
	    i.op != IR_HELPER)
		fail(p, name ? "'%s' has no result" : "'%s' has a result", buf);
	if (!p->bad && !block_open(p))
		fail(p, "not inside a block");
	if (p->bad)
		return;

	if (i.op == IR_PUT)
		i.type = p->r->insn[i.a].type;
	if (i.op == IR_STORE)
		i.type = p->r->insn[i.b].type;
	while (p->r->ninsns < name && !p->r->failed)
		ir_emit(p->r, (struct ir_insn){ .op = IR_NOP });
	ir_ref ref = ir_emit(p->r, i);
	if (p->r->failed)
		fail(p, "region too long");
	else if (name)
		p->named[name] = ref;
}

/* bN: */
static void block_head(struct parser *p)
{
	u32 b = block_name(p);
	expect(p, ":");
	if (p->bad)
		return;
	if (!p->begun) {
		if (b != 0)
			fail(p, "block 0 comes first");
		p->begun = true;
	} else if (block_open(p)) {
		fail(p, "the block before has no end");
	} else if (p->r->block[b].n || p->r->cur == b) {
		fail(p, "block %u again", b);
	} else {
		ir_begin(p->r, b);
	}
}

static void region_head(struct parser *p)
{
	char buf[32];

	expect(p, "region");
	gva_t pc = number(p);
	expect(p, "guest");
	word(p, buf, sizeof(buf));
	if (!p->bad && strcmp(buf, p->g->name))
		fail(p, "guest '%s' where '%s' was expected", buf, p->g->name);
	ir_init(p->r, p->r->arena, pc);
	if (p->r->failed)
		fail(p, "out of memory");
	if (accept(p, "len"))
		p->r->guest_len = small_number(p, 1ull << 32, "length");
	if (accept(p, "insns"))
		p->r->guest_insns = small_number(p, 1ull << 32, "count");
}

static bool is_block_head(struct parser *p)
{
	skip_blanks(p);
	return *p->p == 'b' && p->p[1] >= '0' && p->p[1] <= '9';
}

static void line(struct parser *p, bool *headed)
{
	if (at_end(p))
		return;
	if (!*headed) {
		region_head(p);
		*headed = true;
	} else if (is_block_head(p)) {
		block_head(p);
	} else if (accept(p, "end")) {
		p->ended = true;
		if (!p->begun || block_open(p))
			fail(p, "the last block has no end");
	} else {
		instruction(p);
	}
	if (!p->bad && !at_end(p))
		fail(p, "unexpected '%.*s'", (int)strcspn(p->p, "\n"), p->p);
}

int ir_parse(const char *text, const struct guest_isa *g, struct ir_region *r,
    char *err, size_t n)
{
	struct parser p = {
		.p = text, .line = 1, .g = g, .r = r, .err = err, .errlen = n
	};
	bool headed = false;

	p.named = arena_new(r->arena, ir_ref, IR_MAX_INSNS);
	if (!p.named)
		fail(&p, "out of memory");
	while (!p.bad && !p.ended) {
		line(&p, &headed);
		if (p.bad)
			break;
		if (!*p.p && !p.ended)
			fail(&p, "'end' is missing");
		if (*p.p == '\n' && !p.ended) {
			p.p++;
			p.line++;
		}
	}
	return p.bad ? p.line : 0;
}
