/*
 * object.h - loads what metic-jitd compiled: an ELF relocatable object with
 * one unit's code (translator/unit_object.h is the contract) becomes code in
 * the cache, with link sites like those of a translation block.
 */
#ifndef X86_OBJECT_H
#define X86_OBJECT_H

#include "translator/backend.h"

/* No unit's frame is larger. */
#define FRAME_MAX 4096

/* The object as bytes, untrusted; fills in what is below `out` of uc. */
int x86_load_unit(struct unit_code *uc);
/*
 * Append the places of one access, as text, to those of m, which has room for
 * `max`; false: not understood.
 */
bool x86_read_places(const char *text, struct unit_map *m, u32 max);
void x86_sort_map(struct unit_map *m);
/* Guest state at a fault inside a unit's code, as its map has it. */
bool x86_context_save_unit(const struct guest_isa *g, struct vcpu *v,
    const void *uc, const struct unit_map *map, u32 off, gva_t *pc);

#endif
