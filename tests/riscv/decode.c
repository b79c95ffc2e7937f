/*
 * decode.c - the instruction table against Capstone, and the decoder's rules.
 *
 * Every halfword, and every word that differs in opcode, funct3, funct7 or
 * the rs2 field, is looked up: what comes back must match its row's mask, the
 * memo must not change the answer, and every row must come up.
 */
#include <criterion/criterion.h>

#include "frontend/riscv/decode.h"
#include "frontend/riscv/lift.h"
#include "tests/riscv/sweep.h"

Test(riscv_decode, opens)
{
	void *d = rv_open();

	cr_assert(d, "Capstone's ids are not the header's");
	rv_close(d);
}

Test(riscv_decode, compressed_rows)
{
	struct rv_decoder *d = rv_open();
	u32 seen = 0;

	cr_assert(d);
	for (u32 w = 0; w < 0x10000; w++)
		if (rv_is_compressed(w))
			seen += sweep_word(d, w) != RV_NONE;
	/* what the manual's tables of the three quadrants add up to, hints and
	   the defined illegal instruction included */
	cr_expect_eq(seen, 14329 + 16160 + 16255, "%u decode", seen);
	rv_close(d);
}

/* A different word for each n, for the fields that do not decide. */
static u32 mix(u32 n)
{
	n = (n ^ n >> 16) * 0x7feb352du;
	n = (n ^ n >> 15) * 0x846ca68bu;
	return n ^ n >> 16;
}

Test(riscv_decode, word_rows)
{
	struct rv_decoder *d = rv_open();
	bool hit[RV_NROWS] = { 0 };

	cr_assert(d);
	for (u32 w = 0; w < 0x10000; w++)
		if (rv_is_compressed(w))
			hit[sweep_word(d, w)] = true;
	for (u32 n = 0; n < 1u << 20; n++) {
		/* opcode, funct3, funct7, rs2 */
		u32 w = bits(n, 0, 5) << 2 | 3 | bits(n, 5, 3) << 12 |
		    bits(n, 8, 12) << 20;

		hit[sweep_word(d, w)] = true;
		hit[sweep_word(d, w | (mix(n) & 0x000f8f80))] = true;
	}
	hit[sweep_word(d, rv_rows[RV_UNIMP].match)] = true;
	for (u32 r = 1; r < RV_NROWS; r++)
		cr_expect(hit[r], "no word gives %s", rv_rows[r].text);
	rv_close(d);
}

/* Row of a word, by name; "" if refused. */
static const char *name_of(struct rv_decoder *d, u32 w)
{
	u32 row = rv_lookup(d, w);

	return row == RV_NONE ? "" : rv_rows[row].text;
}

Test(riscv_decode, where_capstone_is_not_followed)
{
	static const struct {
		u32 word;
		const char *name;
	} c[] = {
		/* legal, refused by Capstone 5 */
		{ 0x0000008f, "fence" },
		{ 0x0000108f, "fence.i" },
		{ 0x833f8f8f, "fence.tso" },
		{ 0x833f0f8f, "fence.tso" },
		{ 0x933f0f8f, "fence" },
		{ 0xd2001053, "fcvt.d.w" },
		{ 0xd2107053, "fcvt.d.wu" },
		{ 0x42001053, "fcvt.d.s" },
		{ 0x1001, "c.nop" },
		{ 0x4001, "c.li" },
		{ 0x6005, "c.lui" },
		{ 0x7001, "c.lui" },
		{ 0x0006, "c.slli" },
		{ 0x0002, "c.slli" },
		{ 0x8006, "c.mv" },
		{ 0x9006, "c.add" },
		{ 0x900a, "c.add" },
		/* reserved, accepted by Capstone 5 */
		{ 0x6081, "" },
		{ 0x6581, "" },
		{ 0x00200073, "" },
		/* reserved */
		{ 0x6001, "" },
		{ 0x6101, "" },
		{ 0x8002, "" },
		{ 0x2001, "" },
		{ 0xffffffff, "" },
		{ 0x0000001f, "" },
		/* extensions that it lacks */
		{ 0x20b52533, "sh1add" },
		{ 0x60051513, "clz" },
		{ 0x0805453b, "zext.h" },
		{ 0x6b855513, "rev8" },
		{ 0x28755513, "orc.b" },
		{ 0x0eb55533, "czero.eqz" },
		{ 0x48b51533, "bclr" },
		{ 0x0ab51533, "clmul" },
		{ 0x08b5453b, "packw" },
		{ 0x68755513, "brev8" },
		{ 0x30059513, "aes64im" },
		{ 0x31a59513, "aes64ks1i" },
		{ 0x7ec58533, "aes64ks2" },
		{ 0x10759513, "sha512sig1" },
		{ 0x0010001f, "" },
		/* and those that metic lacks too: vsetvli, sm3p0, fadd.h */
		{ 0x0d057557, "" },
		{ 0x10859513, "" },
		{ 0x04b57553, "" },
	};
	struct rv_decoder *d = rv_open();

	cr_assert(d);
	for (size_t k = 0; k < ARRAY_LEN(c); k++)
		cr_expect_str_eq(
		    name_of(d, c[k].word), c[k].name, "%08x", c[k].word);
	rv_close(d);
}

Test(riscv_decode, needs_all_its_bytes)
{
	static const u8 addi[4] = { 0x13, 0x05, 0x15, 0x00 };
	static const u8 c_li[2] = { 0x05, 0x45 };
	struct rv_decoder *d = rv_open();
	struct rv_insn i;

	cr_assert(d);
	for (size_t n = 0; n < 4; n++)
		cr_expect_not(rv_decode(d, 0, addi, n, &i));
	cr_expect(rv_decode(d, 0, addi, 4, &i) && i.len == 4);
	cr_expect_not(rv_decode(d, 0, c_li, 1, &i));
	cr_expect(rv_decode(d, 0, c_li, 2, &i) && i.len == 2);
	cr_expect(i.rd == 10 && i.rs1 == 0 && i.imm == 1);
	rv_close(d);
}

Test(riscv_decode, operands)
{
	static const struct {
		u32 word;
		u8 rd, rs1, rs2;
		i64 imm;
	} c[] = {
		{ 0x80000537, 10, 0, 0, -0x80000000ll }, /* lui a0 */
		{ 0xfe1ff0ef, 1, 31, 1, -0x20 }, /* jal -0x20 */
		{ 0xfea598e3, 17, 11, 10, -16 }, /* bne a1,a0,-16 */
		{ 0xfeb53c23, 24, 10, 11, -8 }, /* sd a1,-8(a0) */
		{ 0x43f55513, 10, 10, 31, 63 }, /* srai a0,a0,63 */
		{ 0x1141, 2, 2, 0, -16 }, /* c.addi sp,-16 */
		{ 0x7139, 2, 2, 0, -64 }, /* c.addi16sp -64 */
		{ 0x0808, 10, 2, 0, 16 }, /* c.addi4spn a0,16 */
		{ 0x1fe0, 8, 2, 0, 1020 }, /* c.addi4spn s0,1020 */
		{ 0x4188, 10, 11, 0, 0 }, /* c.lw a0,0(a1) */
		{ 0x5dfc, 15, 11, 0, 124 }, /* c.lw a5,124(a1) */
		{ 0x7dfc, 15, 11, 0, 248 }, /* c.ld a5,248(a1) */
		{ 0xfdfc, 0, 11, 15, 248 }, /* c.sd a5,248(a1) */
		{ 0xdd7c, 0, 10, 15, 124 }, /* c.sw a5,124(a0) */
		{ 0x50fe, 1, 2, 0, 252 }, /* c.lwsp ra,252 */
		{ 0x70fe, 1, 2, 0, 504 }, /* c.ldsp ra,504 */
		{ 0xff86, 0, 2, 1, 504 }, /* c.sdsp ra,504 */
		{ 0xdf86, 0, 2, 1, 252 }, /* c.swsp ra,252 */
		{ 0x757d, 10, 0, 0, -4096 }, /* c.lui a0,-1 */
		{ 0xbffd, 0, 0, 0, -2 }, /* c.j -2 */
		{ 0xdd7d, 0, 10, 0, -2 }, /* c.beqz a0,-2 */
		{ 0x157d, 10, 10, 0, -1 }, /* c.addi a0,-1 */
		{ 0x947d, 8, 8, 0, 63 }, /* c.srai s0,63 */
		{ 0x8d0d, 10, 10, 11, 0 }, /* c.sub a0,a1 */
		{ 0x852e, 10, 0, 11, 0 }, /* c.mv a0,a1 */
		{ 0x952e, 10, 10, 11, 0 }, /* c.add a0,a1 */
		{ 0x8082, 0, 1, 0, 0 }, /* c.jr ra */
		{ 0x9502, 1, 10, 0, 0 }, /* c.jalr a0 */
	};
	struct rv_decoder *d = rv_open();
	struct rv_insn i;

	cr_assert(d);
	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		cr_assert(rv_decode(d, 0, (const u8 *)&c[k].word, 4, &i));
		cr_assert(i.row, "%08x is refused", c[k].word);
		cr_expect(i.rd == c[k].rd && i.imm == c[k].imm,
		    "%08x %s: rd %u imm %lld", c[k].word, i.row->text, i.rd,
		    (long long)i.imm);
		if (i.row->format == RV_FMT_U || i.row->format == RV_FMT_J)
			continue;
		cr_expect_eq(i.rs1, c[k].rs1, "%08x rs1", c[k].word);
		if (i.row->format != RV_FMT_I)
			cr_expect_eq(i.rs2, c[k].rs2, "%08x rs2", c[k].word);
	}
	rv_close(d);
}

static void expect_text(void *d, u32 word, const char *want)
{
	struct lift_code code = { 0x10000, (const u8 *)&word, 4 };
	char buf[96] = "";
	unsigned n = rv_disassemble(d, &code, buf, sizeof(buf));

	cr_expect_str_eq(buf, want, "%08x", word);
	cr_expect_eq(n, !*want ? 0u : rv_is_compressed(word) ? 2u : 4u);
}

Test(riscv_decode, text)
{
	void *d = rv_open();
	char tiny[4];
	u32 ret = 0x8082;
	struct lift_code code = { 0, (const u8 *)&ret, 2 };

	cr_assert(d);
	expect_text(d, 0x00c59553, "fadd.s fa0, fa1, fa2, rtz");
	expect_text(d, 0x00150513, "addi a0, a0, 1");
	expect_text(d, 0xfe1ff0ef, "jal 0xffe0");
	expect_text(d, 0xfea598e3, "bne a1, a0, 0xfff0");
	expect_text(d, 0xa001, "c.j 0x10000");
	expect_text(d, 0x20b52533, "sh1add a0, a0, a1");
	expect_text(d, 0x60051513, "clz a0, a0");
	expect_text(d, 0x6035551b, "roriw a0, a0, 3");
	expect_text(d, 0xd2051553, "fcvt.d.w fa0, a0");
	expect_text(d, 0x1001, "c.nop");
	expect_text(d, 0x900a, "c.add zero, 2");
	expect_text(d, 0x6081, "");
	cr_expect_eq(rv_disassemble(d, &code, tiny, sizeof(tiny)), 2);
	cr_expect_str_eq(tiny, "c.j");
	rv_close(d);
}
