/* names.c - see names.h. */
#include "runtime/look/names.h"

#include <stdio.h>
#include <stdlib.h>

int names_init(struct names *n, const char *root)
{
	memset(n, 0, sizeof(*n));
	n->root = strdup(root ? root : "");
	return n->root ? 0 : -ENOMEM;
}

void names_free(struct names *n)
{
	while (n->objects) {
		struct object *o = n->objects;
		n->objects = o->next;
		symbols_free(&o->symbols);
		free(o->path);
		free(o);
	}
	free(n->span);
	free(n->root);
	memset(n, 0, sizeof(*n));
}

static struct object *object_of(struct names *n, const struct map_range *r)
{
	const char *path = r->name ? r->name : "";
	struct object *o = n->objects;

	while (o &&
	    (o->dev != r->dev || o->ino != r->ino ||
		strcmp(o->path, path) != 0))
		o = o->next;
	if (o)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o || !(o->path = strdup(path))) {
		free(o);
		return NULL;
	}
	o->dev = r->dev;
	o->ino = r->ino;
	const char *slash = strrchr(o->path, '/');
	o->name = slash ? slash + 1 : *o->path ? o->path : "[anon]";
	if (*o->path == '/')
		symbols_read(&o->symbols, o->path, n->root);
	o->next = n->objects;
	n->objects = o;
	return o;
}

void names_learn(struct names *n, struct mem_map *map, gva_t pc)
{
	struct map_range r;

	if (!map_find(map, pc, &r))
		return;
	if (!r.name) /* anonymous memory grows and shrinks: as addresses */
		r.offset = r.start;
	for (size_t i = n->nspans; i-- > 0;) {
		const struct name_span *s = &n->span[i];
		if (pc - s->start >= s->end - s->start)
			continue;
		if (s->object->dev == r.dev && s->object->ino == r.ino &&
		    s->off - s->start == r.offset - r.start)
			return;
		break; /* something else is there now */
	}
	if (n->nspans == n->cap) {
		size_t cap = n->cap ? 2 * n->cap : 16;
		struct name_span *p = realloc(n->span, cap * sizeof(*p));
		if (!p)
			return;
		n->span = p;
		n->cap = cap;
	}
	struct object *o = object_of(n, &r);
	if (o)
		n->span[n->nspans++] =
		    (struct name_span){ r.start, r.end, r.offset, o };
}

bool names_find(const struct names *n, gva_t pc, struct code_name *out)
{
	for (size_t i = n->nspans; i-- > 0;) {
		const struct name_span *s = &n->span[i];
		if (pc - s->start >= s->end - s->start)
			continue;
		u64 off = s->off + (pc - s->start);
		out->object = s->object;
		out->symbol = symbols_at(&s->object->symbols, off);
		if (out->symbol) {
			out->text =
			    symbol_name(&s->object->symbols, out->symbol);
			out->off = off - out->symbol->off;
		} else {
			out->text = s->object->name;
			out->off = off;
		}
		return true;
	}
	*out = (struct code_name){ .text = "", .off = pc };
	return false;
}

const char *names_text(const struct names *n, gva_t pc, char *buf, size_t size)
{
	struct code_name c;

	names_find(n, pc, &c);
	if (c.off || !*c.text)
		snprintf(buf, size, "%s%s0x%llx", c.text, *c.text ? "+" : "",
		    (unsigned long long)c.off);
	else
		snprintf(buf, size, "%s", c.text);
	return buf;
}
