/*
 * persist.h - translations that outlive the process.
 *
 * Guest code that comes from a file is an image: its translations are taken
 * from the file's container in the store (runtime/store) where there is one
 * for the bytes that the guest has now, and new ones are added to it when
 * the process ends.
 */
#ifndef RUNTIME_PERSIST_H
#define RUNTIME_PERSIST_H

#include "runtime/exec/internal.h"
#include "runtime/store/store.h"

struct image {
	gva_t start, end;
	u64 off; /* of start in the file */
	bool stale; /* the container may have grown since it was opened */
	struct store_file file;
};

/* With so many new blocks a process does not wait for its end. */
#define SAVE_SOON 8192u
/* Files that are executable in one process; more are not kept. */
#define IMAGES_MAX 256

struct persist {
	struct store store;
	u32 nimages;
	struct image *image; /* IMAGES_MAX */
	size_t saved; /* by_code[0 .. saved) is kept or not ours to keep */
	bool patient; /* all is saved, and only when asked for */
};

/* The image that pc is in, or NULL. Needs exec.lock, as do the others. */
struct image *persist_image(struct exec *ex, gva_t pc);
/* May code at pc be taken to another address? */
static inline bool persist_movable(const struct metic_vm *vm, gva_t pc)
{
	/* what lies below was linked there */
	return vm->as == AS_IDENTITY && pc >> 31;
}
/*
 * The block at pc from the store, entered into the tables; NULL: there is
 * none. `max` bytes are readable from pc; `units`: the optimizing tier's code,
 * too.
 */
struct tb *persist_load(
    struct vcpu *v, struct image *im, gva_t pc, size_t max, bool units);
/* persist_unit.c: tb's code with what else a unit has, as it is kept. */
size_t persist_unit_size(const struct tb *tb);
/* All but the code itself, which the caller puts at the start of `to`. */
void persist_unit_write(const struct tb *tb, u8 *to);
/*
 * The other way, into tb, whose pc is set: b->size becomes that of the code.
 * False: damaged, or the guest's code is not what it was. Under fault_guard.
 */
bool persist_unit_read(struct vcpu *v, const struct image *im, struct tb *tb,
    struct store_block *b, u64 delta);
/*
 * The unit by_code[k] did not pay: the store shall know, too. What it has of
 * the unit says so from then on.
 */
void persist_leave(struct exec *ex, struct tb *unit, size_t k);
/* New blocks go to the store. */
void persist_save(struct exec *ex);
/* In a forked child: what is there is the parent's to save. */
void persist_forked(struct exec *ex);
void persist_free(struct exec *ex);

#endif
