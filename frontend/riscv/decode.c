/*
 * decode.c - Capstone as the decoder, with a memo in front of it.
 *
 * Of Capstone's answer only success and the instruction id are used: its
 * operands are rewritten by aliases and lack rounding modes, CSR numbers and
 * more, so operands come from the word itself (operands.c). What Capstone
 * refuses goes to raw.c; both answers are a pure function of the key.
 *
 * The self-check in rv_open guards against a library whose ids do not mean
 * what the header said when this was compiled.
 */
#include "frontend/riscv/decode.h"
#include "frontend/riscv/raw.h"
#include "runtime/base/pages.h"

#if CS_API_MAJOR != 5
#error "the ids in insns.def are Capstone 5's"
#endif

/* Capstone's id -> row. */
#define ID_CS(id) [RISCV_INS_##id] = RV_##id,
#define ID_CS4(id) \
	[RISCV_INS_##id] = RV_##id, [RISCV_INS_##id##_AQ] = RV_##id, \
	[RISCV_INS_##id##_RL] = RV_##id, [RISCV_INS_##id##_AQ_RL] = RV_##id,
#define ID_LAX(id) ID_CS(id)
#define ID_RAW(id)
static const u16 row_of_id[RISCV_INS_ENDING] = {
#define X(kind, id, text, fmt, lift, arg, mask, match) ID_##kind(id)
#include "frontend/riscv/insns.def"
#undef X
};

static void make_keymasks(struct rv_decoder *d)
{
	for (u32 at = 0; at < RV_NKEYS; at++)
		d->keymask[at] = 0x707f;
	for (u32 n = 1; n < RV_NROWS; n++) {
		const struct rv_row *row = &rv_rows[n];

		if (rv_is_compressed(row->match))
			continue;
		for (u32 f3 = 0; f3 < 8; f3++) {
			if ((f3 << 12 ^ row->match) & row->mask & 0x7000)
				continue;
			d->keymask[bits(row->match, 2, 5) | f3 << 5] |=
			    row->mask;
		}
	}
}

/* The library is the header's: each id has the name that its row has. */
static bool self_check(csh cs)
{
	int major = 0, minor = 0;

	cs_version(&major, &minor);
	if (major != CS_API_MAJOR)
		return false;
	for (u32 id = 1; id < RISCV_INS_ENDING; id++) {
		const struct rv_row *row = &rv_rows[row_of_id[id]];
		const char *name;
		size_t n = strlen(row->text);

		if (row_of_id[id] == RV_NONE)
			continue;
		name = cs_insn_name(cs, id);
		if (!name || strncmp(name, row->text, n) ||
		    (name[n] && row->kind != RV_KIND_CS4))
			return false;
	}
	return true;
}

void *rv_open(void)
{
	struct rv_decoder *d = pages_new(sizeof(*d));

	if (!d)
		return NULL;
	if (!cs_support(CS_ARCH_RISCV) ||
	    cs_open(CS_ARCH_RISCV, CS_MODE_RISCV64 | CS_MODE_RISCVC, &d->cs) !=
		CS_ERR_OK) {
		pages_free(d, sizeof(*d));
		return NULL;
	}
	/* detail is off by default: scratch has no detail to fill in */
	d->scratch = cs_malloc(d->cs);
	if (!d->scratch || !self_check(d->cs)) {
		rv_close(d);
		return NULL;
	}
	make_keymasks(d);
	return d;
}

void rv_close(void *decoder)
{
	struct rv_decoder *d = decoder;

	if (d->scratch)
		cs_free(d->scratch, 1);
	cs_close(&d->cs);
	pages_free(d, sizeof(*d));
}

u32 rv_lookup(struct rv_decoder *d, u32 word)
{
	size_t len = rv_is_compressed(word) ? 2 : 4;
	u8 buf[4] = { (u8)word, (u8)(word >> 8), (u8)(word >> 16),
		(u8)(word >> 24) };
	const u8 *p = buf;
	u64 pc = 0;

	if (rv_raw_reserved(word))
		return RV_NONE;
	if (!cs_disasm_iter(d->cs, &p, &len, &pc, d->scratch))
		return rv_raw_lookup(word);
	assert(d->scratch->id < RISCV_INS_ENDING);
	return row_of_id[d->scratch->id];
}

/*
 * The quadrants' tables in the manual distinguish, besides opcode bits, only
 * registers 0, 2 and others, and zero from other immediates.
 */
u32 rv_half_class(u32 w)
{
	u32 funct3 = bits(w, 13, 3), rd = bits(w, 7, 5), low = bits(w, 2, 5);

	if ((w & 3) == 0 && funct3 == 0) /* c.addi4spn and the zero word */
		return bits(w, 5, 8) ? 0x0020 : w ? 0x0004 : 0;
	if ((w & 3) == 0 || ((w & 3) == 1 && funct3 > 4))
		return w & 0xe003;
	if ((w & 3) == 1 && funct3 == 4)
		return w & 0xfc63;
	rd = rd == 1 ? 3 : MIN(rd, 3);
	return (w & 0xf003) | rd << 7 | (low ? 1u << 2 : 0);
}

/*
 * Classes have bits 0..2, 5..8 and 10..15 only: packed, the memo is 16 KiB
 * and a start touches few of its pages.
 */
static u32 half_slot(u32 class)
{
	assert(!(class & 0x218));
	return (class & 7) | (class >> 2 & 0x78) | (class >> 3 & 0x1f80);
}

static u32 row_of_word(struct rv_decoder *d, u32 word)
{
	u32 key = rv_key(d, word);
	u32 slot = (key * 0x9e3779b1u) >> (32 - RV_MEMO_BITS);

	if (unlikely(d->memo[slot].key != key)) {
		d->memo[slot].row = rv_lookup(d, word);
		d->memo[slot].key = key;
	}
	return d->memo[slot].row;
}

static u32 row_of_half(struct rv_decoder *d, u16 half)
{
	u32 class = rv_half_class(half);
	u16 *row = &d->memo16[half_slot(class)];

	if (unlikely(!*row))
		*row = (u16)(rv_lookup(d, class) + 1);
	return *row - 1u;
}

bool rv_decode(struct rv_decoder *d, gva_t pc, const u8 *bytes, size_t n,
    struct rv_insn *i)
{
	u32 row;

	if (n < 2)
		return false;
	i->word = bytes[0] | (u32)bytes[1] << 8;
	i->len = 2;
	if (rv_is_compressed(i->word)) {
		row = row_of_half(d, (u16)i->word);
	} else {
		if (n < 4)
			return false;
		i->word |= (u32)bytes[2] << 16 | (u32)bytes[3] << 24;
		i->len = 4;
		row = row_of_word(d, i->word);
	}
	i->pc = pc;
	i->next = pc + i->len;
	i->row = row == RV_NONE ? NULL : &rv_rows[row];
	if (i->row) {
		assert((i->word & i->row->mask) == i->row->match);
		rv_operands(i);
	}
	return true;
}
