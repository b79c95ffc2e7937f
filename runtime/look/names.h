/*
 * names.h - names for guest addresses: "PyObject_Call+0x12".
 *
 * What is mapped where is asked of the VM's map when code is translated and
 * kept, so that a pc can still be named after its file is gone.
 */
#ifndef LOOK_NAMES_H
#define LOOK_NAMES_H

#include "runtime/look/symbols.h"
#include "runtime/mem/map.h"

/* A guest file, or another mapping that has a name or none. */
struct object {
	struct object *next;
	u64 dev, ino;
	char *path; /* of the host; "" if it has none */
	const char *name; /* its last part, "[vdso]", "[anon]" */
	struct symbols symbols;
};

struct name_span {
	gva_t start, end;
	u64 off; /* of start in the file */
	struct object *object;
};

struct names {
	char *root; /* the sysroot, "" for the host's */
	struct object *objects;
	struct name_span *span; /* the latest last */
	size_t nspans, cap;
};

struct code_name {
	const struct object *object; /* NULL: never mapped, as far as known */
	const struct symbol *symbol; /* NULL: in no function */
	const char *text; /* the function's, else the object's name */
	u64 off; /* from the start of what text names */
};

int names_init(struct names *n, const char *root);
void names_free(struct names *n);
/* Take note of what pc is in now. */
void names_learn(struct names *n, struct mem_map *map, gva_t pc);
/* Name pc by what was learnt; false: nothing is known of it. */
bool names_find(const struct names *n, gva_t pc, struct code_name *out);
/* "text+0x12", or "0x1234" for what is not known; returns buf. */
const char *names_text(const struct names *n, gva_t pc, char *buf, size_t size);

#endif
