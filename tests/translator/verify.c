/*
 * verify.c - each rule of the verifier, broken once; and text that does not
 * parse.
 */
#include <criterion/criterion.h>

#include "tests/translator/toy.h"
#include "translator/passes.h"
#include "translator/text.h"

#define HEAD "region 0x1000 guest toy\nb0:\n"
#define INSN HEAD "insn 0x1000\n"
#define LEAVE "goto_tb 0x1004\nend\n"

/* Text that parses, and a part of what the verifier says of it. */
static const struct {
	const char *text, *want;
} broken[] = {
	{ HEAD "br %1 b1 b2\nend\n", NULL },
	{ HEAD "%1:i1 = const 1\nbr %1 b1 b1\nb1:\n" LEAVE,
	    "two predecessors" },
	{ HEAD "goto b1\nb1:\ngoto b0\nend\n", "backwards" },
	{ HEAD "goto b1\nb1:\n" LEAVE, "" },
	{ HEAD "goto_tb 1\nb1:\n" LEAVE, "without predecessor" },
	{ HEAD "goto b2\nb2:\n" LEAVE, "empty" },
	/* a value of the other branch */
	{ HEAD "%1:i1 = const 1\nbr %1 b1 b2\nb1:\n%5:i64 = get r1\n"
	       "goto_tb 1\nb2:\nput r1 %5\n" LEAVE,
	    "not on the path" },
	{ HEAD "put r1 _\n" LEAVE, "not an earlier value" },
	{ HEAD "%1:i32 = const 1\nput r1 %1\n" LEAVE, "slot" },
	{ HEAD "%1:f64 = get r1\n" LEAVE, "slot" },
	{ HEAD "%1:i64 = get slot99\n" LEAVE, "slot" },
	{ HEAD "%1:i64 = get r1\n%2:i32 = add %1 %1\n" LEAVE, "operand type" },
	{ HEAD "%1:i64 = get r1\n%2:i32 = const 1\n%3:i1 = eq %1 %2\n" LEAVE,
	    "operand type" },
	{ HEAD "%1:i64 = get r1\n%2:i64 = eq %1 %1\n" LEAVE, "result type" },
	{ HEAD "%1:i64 = get r1\n%2:i64 = sext32 %1\n" LEAVE, "result type" },
	{ HEAD "%1:i64 = get r1\n%2:i64 = trunc %1\n" LEAVE, "result type" },
	{ HEAD "%1:i64 = get r1\n%2:f32 = bitsf %1\n" LEAVE, "result type" },
	{ HEAD "%1:i64 = get r1\n%2:f64 = s32.f.dyn %1\n" LEAVE,
	    "result type" },
	{ HEAD "%1:f64 = get f1\n%2:f32 = fadd.dyn %1 %1\n" LEAVE,
	    "operand type" },
	{ HEAD "%1:f64 = get f1\n%2:i1 = select %1 %1 %1\n" LEAVE,
	    "operand type" },
	{ HEAD "%1:f64 = const 1\n" LEAVE, "result type" },
	{ HEAD "%1:i32 = const 0x80000000\n" LEAVE, "normalised" },
	{ HEAD "%1:i1 = const 2\n" LEAVE, "normalised" },
	{ INSN "%2:i64 = get r1\n%3:i32 = load.3 %2\n" LEAVE, "access size" },
	{ INSN "%2:i64 = get r1\n%3:f64 = load.2 %2\n" LEAVE, "access size" },
	{ INSN "%2:i64 = get r1\n%3:i64 = amo.add.2 %2 %2\n" LEAVE,
	    "access size" },
	{ INSN "%2:i64 = get r1\nstore.s3 %2 %2\n" LEAVE, "sign" },
	{ INSN "%2:i64 = get r1\nstore.3 %2 %2 + 2147483648\n" LEAVE,
	    "displacement" },
	{ HEAD "%2:i64 = get r1\nstore.3 %2 %2\n" LEAVE, "no insn" },
	{ HEAD "fence 2\n" LEAVE, "fence" },
	{ HEAD "exit lookup 0x1000 0x0\nend\n", "exit reason" },
	{ HEAD "%1:i64 = get r1\nhelper mix %1 _\nbr %1 b1 b2\nb1:\n"
	       "goto_tb 1\nb2:\n" LEAVE,
	    "operand type" },
};

Test(verify, broken_rules)
{
	static struct ir_region r;
	char err[128];

	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct arena a;
		arena_init(&a);
		r.arena = &a;
		int line =
		    ir_parse(broken[i].text, &toy_guest, &r, err, sizeof(err));
		if (!broken[i].want) {
			cr_expect(line, "text %zu parses", i);
			arena_free(&a);
			continue;
		}
		cr_assert(!line, "text %zu: line %d: %s", i, line, err);
		const char *e = ir_verify(&toy_guest, &r);
		if (!broken[i].want[0])
			cr_expect(!e, "text %zu: %s", i, e);
		else
			cr_expect(e && strstr(e, broken[i].want),
			    "text %zu: '%s', want '%s'", i, e ? e : "fine",
			    broken[i].want);
		arena_free(&a);
	}
}

/* What no text can say. */
Test(verify, broken_fields)
{
	static struct ir_region r;
	struct arena a;

	arena_init(&a);
	ir_init(&r, &a, 0x1000);
	ir_ref x = ir_get(&r, IR_I64, 1);
	ir_ref y = ir_op2(&r, IR_ADD, IR_I64, x, x);
	ir_emit(&r, (struct ir_insn){ .op = IR_GOTO_PTR, .a = y });
	cr_assert_null(ir_verify(&toy_guest, &r));

	r.insn[y].c = x;
	cr_assert_not_null(ir_verify(&toy_guest, &r));
	r.insn[y].c = IR_NONE;
	r.insn[y].aux = 1;
	cr_assert_not_null(ir_verify(&toy_guest, &r));
	r.insn[y].aux = 0;
	r.insn[y].imm = 1;
	cr_assert_not_null(ir_verify(&toy_guest, &r));
	r.insn[y].imm = 0;
	r.insn[y].a = 1000000;
	cr_assert_not_null(ir_verify(&toy_guest, &r));
	r.insn[y].a = y; /* itself */
	cr_assert_not_null(ir_verify(&toy_guest, &r));
	r.insn[y].a = x;
	r.insn[y].op = IR_NOPS;
	cr_assert_not_null(ir_verify(&toy_guest, &r));
	r.insn[y].op = IR_ADD;
	cr_assert_null(ir_verify(&toy_guest, &r));
	r.failed = true;
	cr_assert_not_null(ir_verify(&toy_guest, &r));
	arena_free(&a);
}

static const struct {
	const char *text;
	int line;
} unparsable[] = {
	{ "", 1 },
	{ "region 0x1000 guest other\n", 1 },
	{ HEAD "end\n", 3 },
	{ HEAD "goto_tb 1\n", 4 },
	{ HEAD "goto_tb 1\ngoto_tb 2\nend\n", 4 },
	{ HEAD "frobnicate %1\n", 3 },
	{ HEAD "put r1 %4\n", 3 },
	{ HEAD "put r99 _\n", 3 },
	{ HEAD "%1:i64 = get r1 r2\n", 3 },
	{ HEAD "%1:i64 = get r1\n%1:i64 = get r1\n", 4 },
	{ HEAD "%1:i65 = get r1\n", 3 },
	{ HEAD "%5000:i64 = get r1\n", 3 },
	{ HEAD "get r1\n", 3 },
	{ HEAD "%1:i64 = put r1 _\n", 3 },
	{ HEAD "goto b999\n", 3 },
	{ HEAD "exit nowhere 0 0\n", 3 },
	{ HEAD "%1:i64 = load.4 _\n", 3 },
	{ HEAD "%1:i64 = load.3.foo _\n", 3 },
	{ HEAD "%1:f64 = fadd.xyz _ _\n", 3 },
	{ HEAD "b0:\n", 3 },
	{ HEAD "goto b1\nb1:\ngoto_tb 1\nb1:\n", 6 },
};

Test(text, errors)
{
	static struct ir_region r;
	char err[128];

	for (size_t i = 0; i < ARRAY_LEN(unparsable); i++) {
		struct arena a;
		arena_init(&a);
		r.arena = &a;
		int line = ir_parse(
		    unparsable[i].text, &toy_guest, &r, err, sizeof(err));
		cr_expect_eq(line, unparsable[i].line,
		    "text %zu: line %d, want %d (%s)", i, line,
		    unparsable[i].line, line ? err : "");
		arena_free(&a);
	}
}

/* Every op with every attribute it may have, there and back. */
Test(text, round_trip)
{
	static const char text[] = "region 0x1000 guest toy len 12 insns 3\n"
				   "b0:\n"
				   "  insn 0x1000\n"
				   "  %2:i64 = get r1\n"
				   "  %3:i64 = const -0x1\n"
				   "  %4:i64 = const 0x8000000000000000\n"
				   "  %7:i64 = load.s2.acq.rel.al %2 + -8\n"
				   "  store.3.rel %2 %7\n"
				   "  %9:i64 = cas.3.acq %2 %3 %4 + 4\n"
				   "  fence 1\n"
				   "  %11:f64 = get f1\n"
				   "  %12:f64 = fmadd.rmm %11 %11 %11\n"
				   "  %13:i32 = f.s32.rtz %12\n"
				   "  %14:f32 = f64.f32.dyn %12\n"
				   "  %15:i64 = fflags.get\n"
				   "  frm.set %15\n"
				   "  %17:i64 = helper mix %15 _\n"
				   "  helper mix _ _\n"
				   "  %19:i1 = flt %11 %12\n"
				   "  br %19 b2 b1\n"
				   "b2:\n"
				   "  exit illegal 0x1008 0xdeadbeef\n"
				   "b1:\n"
				   "  call %17 0x100c\n"
				   "end\n";
	static struct ir_region r;
	struct arena a;
	char err[128];

	arena_init(&a);
	r.arena = &a;
	int line = ir_parse(text, &toy_guest, &r, err, sizeof(err));
	cr_assert(!line, "line %d: %s", line, err);
	cr_assert_str_eq(toy_text(&toy_guest, &r), text);
	const char *e = ir_verify(&toy_guest, &r);
	cr_assert(!e, "%s", e);
	arena_free(&a);
}

Test(ir, too_long_fails_and_stays_failed)
{
	static struct ir_region r;
	struct arena a;

	arena_init(&a);
	ir_init(&r, &a, 0);
	for (u32 i = 0; i < IR_MAX_INSNS + 10; i++)
		ir_const(&r, IR_I64, 0);
	cr_assert(r.failed);
	cr_assert_eq(ir_const(&r, IR_I64, 0), IR_NONE);
	cr_assert_leq(r.ninsns, (u32)IR_MAX_INSNS);
	arena_free(&a);
}
