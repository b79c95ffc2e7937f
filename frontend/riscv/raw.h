/*
 * raw.h - the encodings in which Capstone 5 is not followed.
 */
#ifndef RISCV_RAW_H
#define RISCV_RAW_H

#include "runtime/base/types.h"

/*
 * The row of a word that Capstone refused: extensions it lacks, and legal
 * forms it does not know. RV_NONE if it is no instruction.
 */
u32 rv_raw_lookup(u32 word);

/* Capstone accepts these although RV64GC reserves them. */
bool rv_raw_reserved(u32 word);

#endif
