/* arch.c - see arch.h. */
#include "runtime/debug/arch.h"

#include <stdio.h>
#include <stdlib.h>

#define X(sym) extern const struct debug_arch sym;
#include "runtime/debug/archs.def"
#undef X

static const struct debug_arch *const archs[] = {
#define X(sym) &sym,
#include "runtime/debug/archs.def"
#undef X
};

const struct debug_arch *debug_arch_of(const struct guest_isa *g)
{
	for (size_t i = 0; i < ARRAY_LEN(archs); i++)
		if (!strcmp(archs[i]->isa, g->name))
			return archs[i];
	return NULL;
}

const struct debug_reg *debug_reg_find(const struct debug_arch *a, unsigned num)
{
	for (unsigned i = 0; i < a->nregs; i++)
		if (a->regs[i].num == num)
			return &a->regs[i];
	return NULL;
}

u64 debug_reg_get(
    const struct debug_arch *a, const struct vcpu *v, const struct debug_reg *r)
{
	switch (r->slot) {
	case DEBUG_REG_PC: return v->abi.pc;
	case DEBUG_REG_ZERO: return 0;
	case DEBUG_REG_SPECIAL: return a->get(v, r->num);
	default: return v->abi.state[r->slot];
	}
}

void debug_reg_set(const struct debug_arch *a, struct vcpu *v,
    const struct debug_reg *r, u64 value)
{
	switch (r->slot) {
	case DEBUG_REG_PC:
		v->abi.pc = value & -(u64)v->vm->guest->min_insn;
		break;
	case DEBUG_REG_ZERO: break;
	case DEBUG_REG_SPECIAL: a->set(v, r->num, value); break;
	default: v->abi.state[r->slot] = value;
	}
}

char *debug_arch_xml(const struct debug_arch *a)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	if (!f)
		return NULL;
	fprintf(f,
	    "<?xml version=\"1.0\"?>\n"
	    "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
	    "<target version=\"1.0\">\n"
	    "<architecture>%s</architecture>\n"
	    "<osabi>GNU/Linux</osabi>\n",
	    a->name);
	const char *open = NULL;
	for (unsigned i = 0; i < a->nregs; i++) {
		const struct debug_reg *r = &a->regs[i];
		if (!open || strcmp(open, r->feature)) {
			fprintf(f, "%s<feature name=\"%s\">\n",
			    open ? "</feature>\n" : "", r->feature);
			if (a->extra && !strcmp(r->feature, a->extra_feature))
				fputs(a->extra, f);
			open = r->feature;
		}
		fprintf(f,
		    "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" "
		    "regnum=\"%u\"/>\n",
		    r->name, r->bits, r->type, r->num);
	}
	fputs("</feature>\n</target>\n", f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
