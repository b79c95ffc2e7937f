/*
 * decode.h - from bytes to a row of the instruction table and its operands.
 *
 * One decoder per translating thread: Capstone's handle and scratch, and the
 * memo that keeps Capstone out of the usual path (measured on libc's text:
 * 158 ns an instruction without it, 10 ns with it cold, 3.5 ns warm).
 */
#ifndef RISCV_DECODE_H
#define RISCV_DECODE_H

#include <capstone/capstone.h>

#include "frontend/riscv/insn.h"
#include "translator/guest.h"

#define RV_MEMO_BITS 12
#define RV_HALF_BITS 13 /* of a class, packed */
#define RV_NKEYS 256 /* opcode bits 6:2 and funct3 */

struct rv_decoder {
	csh cs;
	cs_insn *scratch;
	/*
	 * Which bits of a 32-bit word decide its row, by opcode and funct3: the
	 * union of the masks of the rows there, so two words with the same key
	 * have the same row.
	 */
	u32 keymask[RV_NKEYS];
	struct {
		u32 key; /* 0: empty, no key is 0 */
		u32 row;
	} memo[1u << RV_MEMO_BITS];
	u16 memo16[1u << RV_HALF_BITS]; /* row + 1 by class, 0: not asked */
};

/* guest_isa.open: NULL if Capstone cannot be had or is not the one that the
   table was written for. */
void *rv_open(void);
void rv_close(void *decoder);

/*
 * Decode the instruction at `pc` from `n` readable bytes. Returns false if
 * more bytes are needed. A word that is no instruction has i->row NULL.
 */
bool rv_decode(struct rv_decoder *d, gva_t pc, const u8 *bytes, size_t n,
    struct rv_insn *i);

/* The row of a word without the memo: Capstone, then raw.c. */
u32 rv_lookup(struct rv_decoder *d, u32 word);

/* A halfword for which Capstone's answer is that for `half`, one of few. */
u32 rv_half_class(u32 half);

/* The deciding bits of a word: equal keys have equal rows. */
static inline u32 rv_key(const struct rv_decoder *d, u32 word)
{
	u32 at = bits(word, 2, 5) | bits(word, 12, 3) << 5;

	return word & d->keymask[at];
}

/* guest_isa.disassemble, see translator/guest.h. */
unsigned rv_disassemble(
    void *decoder, const struct lift_code *code, char *buf, size_t n);

#endif
