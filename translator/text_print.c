/*
 * text_print.c - a region as text; text.h shows an example, text_form.h the
 * shapes.
 *
 * Blocks come in the order in which they stand in the array. NOPs are not
 * printed: the gap in the numbers of the values that follow tells of them,
 * and the parser fills it again.
 */
#include <inttypes.h>

#include "translator/text.h"
#include "translator/text_form.h"

struct printer {
	FILE *f;
	const struct guest_isa *g;
	const struct ir_region *r;
};

static void print_imm(FILE *f, i64 v)
{
	if (v < 0 && v > -(1ll << 32))
		fprintf(f, " -0x%" PRIx64, (u64)-v);
	else
		fprintf(f, " 0x%" PRIx64, (u64)v);
}

static void print_ref(FILE *f, ir_ref v)
{
	if (v == IR_NONE)
		fputs(" _", f);
	else
		fprintf(f, " %%%u", v);
}

static void print_operands(const struct printer *p, const struct ir_insn *i)
{
	const ir_ref v[3] = { i->a, i->b, i->c };
	for (size_t k = 0; ir_opinfo[i->op].args[k]; k++)
		print_ref(p->f, v[k]);
}

static void print_slot(const struct printer *p, u32 slot)
{
	const struct guest_reg *reg = guest_reg_of_slot(p->g, slot);
	if (reg)
		fprintf(p->f, " %s", reg->name);
	else
		fprintf(p->f, " slot%u", slot);
}

static void print_mem_suffix(FILE *f, u16 aux)
{
	fprintf(f, ".%s%u", aux & MEM_SIGNED ? "s" : "", MEM_LOG2(aux));
	if (aux & MEM_ACQ)
		fputs(".acq", f);
	if (aux & MEM_REL)
		fputs(".rel", f);
	if (aux & MEM_ALIGNED)
		fputs(".al", f);
}

static const char *exit_name(u32 reason)
{
	static const char *const names[EXIT_NREASONS] = {
#define X(name, text, doc) [EXIT_##name] = text,
#include "translator/exits.def"
#undef X
	};
	return reason < EXIT_NREASONS ? names[reason] : "?";
}

static void print_helper(const struct printer *p, u32 n)
{
	if (n < p->g->nhelpers)
		fprintf(p->f, " %s", p->g->helper_names[n]);
	else
		fprintf(p->f, " helper%u", n);
}

/* What follows the name of the op. */
static void print_rest(const struct printer *p, const struct ir_insn *i)
{
	FILE *f = p->f;

	switch (text_form(i->op)) {
	case FORM_PLAIN:
		if (ir_rounds(i->op) && i->aux < 8 && text_rm[i->aux])
			fprintf(f, ".%s", text_rm[i->aux]);
		print_operands(p, i);
		break;
	case FORM_IMM: print_imm(f, i->imm); break;
	case FORM_SLOT:
		print_slot(p, i->aux);
		print_operands(p, i);
		break;
	case FORM_MEM:
		print_mem_suffix(f, i->aux);
		print_operands(p, i);
		if (i->imm)
			fprintf(f, " + %" PRId64, i->imm);
		break;
	case FORM_NUMBER: fprintf(f, " %u", i->aux); break;
	case FORM_HELPER:
		print_helper(p, i->aux);
		print_operands(p, i);
		break;
	case FORM_GOTO: fprintf(f, " b%u", i->b); break;
	case FORM_BR:
		print_ref(f, i->a);
		fprintf(f, " b%u b%u", i->b, i->c);
		break;
	case FORM_CALL:
		print_ref(f, i->a);
		print_imm(f, i->imm);
		break;
	case FORM_EXIT:
		fprintf(f, " %s", exit_name(i->aux));
		print_imm(f, i->imm);
		print_imm(f, i->b);
		break;
	}
}

static void print_insn(const struct printer *p, ir_ref ref)
{
	const struct ir_insn *i = &p->r->insn[ref];
	const struct ir_opinfo *info = &ir_opinfo[i->op];
	const char *type = i->type < IR_NTYPES ? text_types[i->type] : "?";

	if (i->op == IR_NOP)
		return;
	fputs("  ", p->f);
	if (info->result != '-' && i->type != IR_VOID)
		fprintf(p->f, "%%%u:%s = ", ref, type);
	fputs(info->text, p->f);
	print_rest(p, i);
	fputc('\n', p->f);
}

void ir_print(FILE *f, const struct guest_isa *g, const struct ir_region *r)
{
	struct printer p = { f, g, r };
	u16 order[IR_MAX_BLOCKS];
	u32 n = ir_block_order(r, order);

	fprintf(f, "region 0x%" PRIx64 " guest %s len %u insns %u\n", r->pc,
	    g->name, r->guest_len, r->guest_insns);
	for (u32 k = 0; k < n; k++) {
		const struct ir_block *b = &r->block[order[k]];
		fprintf(f, "b%u:\n", order[k]);
		for (ir_ref ref = b->first; ref < b->first + b->n; ref++)
			print_insn(&p, ref);
	}
	fputs("end\n", f);
}
