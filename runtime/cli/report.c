/* report.c - a profile as text, JSON and folded stacks. */
#include "profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOP 30 /* rows of a table of the text */

static int fewer(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_self(const void *x, const void *y)
{
	const struct prof_function *a = x, *b = y;
	int c = fewer(a->self, b->self);

	c = c ? c : fewer(a->total, b->total);
	return c ? c : strcmp(a->name, b->name);
}

static int by_time(const void *x, const void *y)
{
	const struct prof_block *a = x, *b = y;
	int c = fewer(a->ns, b->ns);

	return c ? c : a->pc < b->pc ? -1 : a->pc > b->pc;
}

/* The stacks' frames mean nothing afterwards. */
void prof_sort(struct prof *p)
{
	if (p->nfunctions)
		qsort(
		    p->function, p->nfunctions, sizeof(*p->function), by_self);
	if (p->nblocks)
		qsort(p->block, p->nblocks, sizeof(*p->block), by_time);
}

static double share(const struct prof *p, uint64_t ns)
{
	return p->ns ? 100.0 * (double)ns / (double)p->ns : 0;
}

/* --- text ---------------------------------------------------------------- */

static const char *function_text(
    const struct prof_function *f, char *buf, size_t n)
{
	snprintf(buf, n, "%s", *f->name ? f->name : "(no symbol)");
	return buf;
}

static void text_functions(const struct prof *p, FILE *f)
{
	char name[256];

	fputs("\n   self   total  function\n", f);
	for (size_t i = 0; i < p->nfunctions && i < TOP; i++) {
		const struct prof_function *fn = &p->function[i];
		if (share(p, fn->self) < 0.05 && i >= 10)
			break;
		fprintf(f, "%6.1f%% %6.1f%%  %s (%s)\n", share(p, fn->self),
		    share(p, fn->total), function_text(fn, name, sizeof(name)),
		    *fn->object ? fn->object : "?");
	}
}

static void text_blocks(const struct prof *p, FILE *f)
{
	fputs("\n   self  block\n", f);
	for (size_t i = 0; i < p->nblocks && i < TOP / 2; i++) {
		const struct prof_block *b = &p->block[i];
		fprintf(f, "%6.1f%%  %s (%s), %s: ", share(p, b->ns), b->name,
		    b->object, metic_where_name(b->where));
		if (!b->insns) {
			fputs("its code is gone\n", f);
			continue;
		}
		fprintf(f, "%u instructions,", b->insns);
		for (unsigned k = 0; k < METIC_MIXES; k++)
			if (b->mix[k])
				fprintf(f, " %u %s", b->mix[k],
				    metic_mix_name((enum metic_mix)k));
		if (b->host_bytes)
			fprintf(f, "; %u -> %u bytes", b->bytes, b->host_bytes);
		fputc('\n', f);
	}
}

static void text_calls(const struct prof *p, FILE *f)
{
	/* few names: a walk for each will do */
	fputs("\n   self  system call\n", f);
	for (size_t i = 0; i < p->nstacks; i++) {
		const char *name = p->stack[i].syscall;
		uint64_t sum = 0;
		bool before = false;
		for (size_t k = 0; name && k < p->nstacks; k++) {
			const char *other = p->stack[k].syscall;
			if (!other || strcmp(name, other) != 0)
				continue;
			before |= k < i;
			sum += p->stack[k].ns;
		}
		if (name && !before && share(p, sum) >= 0.1)
			fprintf(f, "%6.1f%%  %s\n", share(p, sum), name);
	}
}

void prof_text(const struct prof *p, FILE *f)
{
	const char *program = p->nprocesses ? p->process[0].program : "?";

	fprintf(f, "metic: profile of %s", program);
	if (p->nprocesses > 1)
		fprintf(f, " and %zu more processes", p->nprocesses - 1);
	fprintf(f, ": %.3f s of CPU time in guest threads\n\n",
	    (double)p->ns / 1e9);
	if (!p->ns) {
		fputs("no samples: it ran for less than a few ms\n", f);
		return;
	}
	fputs("   share  where\n", f);
	for (unsigned i = 0; i < METIC_WHERES; i++)
		fprintf(f, "%7.1f%%  %s\n", share(p, p->where[i]),
		    metic_where_name((enum metic_where)i));
	text_functions(p, f);
	if (p->nblocks)
		text_blocks(p, f);
	if (p->where[METIC_IN_SYSCALLS])
		text_calls(p, f);
	if (p->nblocks && !strcmp(p->block[0].object, p->block[0].program))
		fprintf(f, "\nto look into one: metic explain %s %s\n",
		    p->block[0].program, p->block[0].name);
}

/* --- JSON ---------------------------------------------------------------- */

static void json_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

static void json_key(FILE *f, const char *key, const char *value)
{
	fprintf(f, "\"%s\": ", key);
	json_string(f, value);
	fputs(", ", f);
}

static void json_block(FILE *f, const struct prof_block *b)
{
	fputs("{", f);
	json_key(f, "program", b->program);
	json_key(f, "block", b->name);
	json_key(f, "object", b->object);
	json_key(f, "where", metic_where_name(b->where));
	fprintf(f,
	    "\"pc\": %llu, \"ns\": %" PRIu64 ", \"insns\": %u, \"bytes\": %u, "
	    "\"host_bytes\": %u, \"mix\": {",
	    b->pc, b->ns, b->insns, b->bytes, b->host_bytes);
	for (unsigned i = 0; i < METIC_MIXES; i++)
		fprintf(f, "%s\"%s\": %u", i ? ", " : "",
		    metic_mix_name((enum metic_mix)i), b->mix[i]);
	fputs("}}", f);
}

void prof_json(const struct prof *p, FILE *f)
{
	fprintf(
	    f, "{\"version\": 1, \"ns\": %" PRIu64 ",\n\"where\": {", p->ns);
	for (unsigned i = 0; i < METIC_WHERES; i++)
		fprintf(f, "%s\"%s\": %" PRIu64, i ? ", " : "",
		    metic_where_name((enum metic_where)i), p->where[i]);
	fputs("},\n\"processes\": [", f);
	for (size_t i = 0; i < p->nprocesses; i++) {
		fprintf(f, "%s{\"pid\": %d, \"program\": ", i ? ",\n  " : "",
		    p->process[i].pid);
		json_string(f, p->process[i].program);
		fputs("}", f);
	}
	fputs("],\n\"functions\": [", f);
	for (size_t i = 0; i < p->nfunctions; i++) {
		const struct prof_function *fn = &p->function[i];
		fputs(i ? ",\n  {" : "{", f);
		json_key(f, "function", fn->name);
		json_key(f, "object", fn->object);
		fprintf(f,
		    "\"self_ns\": %" PRIu64 ", \"total_ns\": %" PRIu64 "}",
		    fn->self, fn->total);
	}
	fputs("],\n\"blocks\": [", f);
	for (size_t i = 0; i < p->nblocks; i++) {
		fputs(i ? ",\n  " : "", f);
		json_block(f, &p->block[i]);
	}
	fputs("]}\n", f);
}

/* --- folded stacks ------------------------------------------------------- */

const char *prof_leaf(const struct prof_stack *s, char *buf, size_t n)
{
	if (s->syscall)
		snprintf(buf, n, "[syscall %s]", s->syscall);
	else if (s->where > METIC_IN_OPTIMIZED)
		snprintf(buf, n, "[%s]", metic_where_name(s->where));
	else
		return NULL;
	return buf;
}

void prof_folded(const struct prof *p, FILE *f)
{
	char leaf[64];

	for (size_t i = 0; i < p->nstacks; i++) {
		const struct prof_stack *s = &p->stack[i];
		fputs(s->program, f);
		if (s->cut)
			fputs(";[...]", f);
		for (uint32_t k = 0; k < s->depth; k++) {
			const struct prof_function *fn =
			    &p->function[s->frame[k]];
			if (*fn->name)
				fprintf(f, ";%s", fn->name);
			else
				fprintf(f, ";[%s]", fn->object);
		}
		if (prof_leaf(s, leaf, sizeof(leaf)))
			fprintf(f, ";%s", leaf);
		fprintf(f, " %" PRIu64 "\n", s->ns / 1000000);
	}
}
