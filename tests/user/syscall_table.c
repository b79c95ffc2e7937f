/*
 * syscall_table.c - what must hold for every row of syscalls.def.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/user/generic_numbers.h"
#include "runtime/user/linux.h"

/* As explained at the head of the table. */
#define LETTERS "dluxposfFwrtaOAimMScWCDTGER"

struct row {
	unsigned nr;
	const char *name, *sig;
	unsigned arity;
	int dir, path, at; /* of PATH rows, else -1 */
};

#define PLAIN(nr, name, arity, sig) { nr, #name, sig, arity, -1, -1, -1 },
#define PASS PLAIN
#define WAIT PLAIN
#define SYS PLAIN
#define NONE PLAIN
#define DENY PLAIN
#define PATH(nr, name, arity, sig, dir, path, at, flags) \
	{ nr, #name, sig, arity, dir, path, at },
static const struct row rows[] = {
#include "runtime/user/syscalls.def"
};

Test(syscall_table, numbers_ascend)
{
	for (size_t i = 1; i < ARRAY_LEN(rows); i++)
		cr_assert_lt(rows[i - 1].nr, rows[i].nr, "%s after %s",
		    rows[i].name, rows[i - 1].name);
}

Test(syscall_table, numbers_are_those_of_the_header)
{
	for (const struct numbered *n = generic_numbers; n->name; n++)
		cr_expect_eq(n->row, n->header, "%s: %u, header says %u",
		    n->name, n->row, n->header);
}

/* Every call of the generic table has a row, so each can be named. */
Test(syscall_table, no_gaps)
{
	unsigned want = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (want == 38) /* renameat: riscv64 never had it */
			want = 39;
		if (want == 244) /* the architecture's own */
			want = rows[i].nr;
		if (want == 295)
			want = 424;
		cr_expect_eq(rows[i].nr, want, "gap before %s", rows[i].name);
		want = rows[i].nr + 1;
	}
}

Test(syscall_table, trace_has_one_letter_per_argument)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		size_t n = strcspn(r->sig, "=");

		cr_expect_eq(n, r->arity, "%s: %zu letters, %u arguments",
		    r->name, n, r->arity);
		cr_expect_leq(r->arity, 6, "%s", r->name);
		cr_expect_eq(
		    strspn(r->sig, LETTERS), n, "%s: %s", r->name, r->sig);
		if (r->sig[n])
			cr_expect(strchr("!px", r->sig[n + 1]), "%s", r->name);
	}
}

/* Letters whose size is the next argument need a next argument. */
Test(syscall_table, sized_letters_are_not_last)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *s = rows[i].sig;

		for (unsigned k = 0; k < rows[i].arity; k++) {
			if (s[k] == 'w' || s[k] == 'a')
				cr_expect_eq(s[k + 1], 'u', "%s", rows[i].name);
		}
	}
}

Test(syscall_table, path_rows_point_at_paths)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		if (r->path < 0)
			continue;
		cr_expect_eq(r->sig[r->path], 's', "%s", r->name);
		if (r->dir >= 0)
			cr_expect_eq(r->sig[r->dir], 'F', "%s", r->name);
		if (r->at >= 0)
			cr_expect_eq(r->sig[r->at], 'A', "%s", r->name);
	}
}
