/*
 * explain.h - what becomes of guest code: the guest's instructions, their IR
 * and each tier's host code beside each other.
 */
#ifndef LOOK_EXPLAIN_H
#define LOOK_EXPLAIN_H

#include <stdio.h>

#include "runtime/exec/internal.h"
#include "runtime/look/names.h"

struct explain {
	struct metic_vm *vm;
	const struct names *names;
	gva_t base; /* is taken from the addresses that are shown */
	FILE *out;
	void *decoder;
};

/*
 * The code of one tier for a range of guest code. A tier that is not the
 * baseline fills one in and calls explain_code after the blocks.
 */
struct explained {
	const char *tier;
	gva_t pc; /* where it starts */
	u32 len; /* guest bytes from there; its rows */
	const struct ir_region *ir; /* or NULL */
	const u8 *code; /* NULL: the interpreter runs it */
	u32 entry, size; /* of code */
	const struct pc_map *map;
	u32 nmap;
	const struct link_site *links;
	u32 nlinks;
};

/* One block or region in three columns. */
void explain_code(struct explain *x, const struct explained *e);
/* All blocks of the guest code [lo, hi), or, with hi 0, the one at lo. */
int explain_range(struct explain *x, gva_t lo, gva_t hi);
/*
 * `what` is "symbol", "symbol+0x12" or an address, of the program as its file
 * has it or as it is mapped. 0, -ENOENT (no such place), -ENOMEM; f gets the
 * text. base: what to add to addresses of the file; entry: a pc in it.
 */
int explain_text(struct metic_vm *vm, const char *what, const char *root,
    gva_t base, gva_t entry, FILE *f);

#endif
