/* map.c - the guest's list of mappings against a page-by-page model. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "runtime/mem/map.h"

#define PAGES 64

/* The model: protection + 1 of each page, 0 = not mapped. */
static u8 model[PAGES];

static void expect_equal(struct mem_map *m)
{
	for (unsigned i = 0; i < PAGES; i++) {
		struct map_range r;
		bool found = map_find(m, i * HOST_PAGE + 7, &r);
		cr_assert_eq(found, model[i] != 0, "page %u", i);
		if (found)
			cr_assert_eq(r.prot + 1, model[i], "page %u", i);
	}
	for (size_t i = 0; i + 1 < m->n; i++)
		cr_assert_leq(m->range[i].end, m->range[i + 1].start);
}

Test(map, random_changes_against_model)
{
	struct mem_map m;
	srand(1);
	cr_assert_eq(map_init(&m), 0);
	for (int k = 0; k < 20000; k++) {
		unsigned a = (unsigned)rand() % PAGES;
		unsigned n = 1 + (unsigned)rand() % (PAGES - a);
		u8 prot = (u8)(rand() & 7);
		gva_t start = a * HOST_PAGE, end = (a + n) * HOST_PAGE;
		switch (rand() % 3) {
		case 0:
			map_set(&m,
			    &(struct map_range){
				.start = start, .end = end, .prot = prot });
			memset(model + a, prot + 1, n);
			break;
		case 1:
			map_clear(&m, start, end);
			memset(model + a, 0, n);
			break;
		default:
			map_protect(&m, start, end, prot);
			for (unsigned i = a; i < a + n; i++)
				if (model[i])
					model[i] = prot + 1;
		}
		if (k % 50 == 0)
			expect_equal(&m);
	}
	map_free(&m);
}

Test(map, covers_and_merges)
{
	struct mem_map m;
	map_init(&m);
	for (gva_t a = 0; a < 4; a++)
		map_set(&m,
		    &(struct map_range){ .start = a * HOST_PAGE,
			.end = (a + 1) * HOST_PAGE,
			.prot = MAP_PROT_R });
	cr_expect_eq(m.n, 1);
	cr_expect(map_covers(&m, 0, 4 * HOST_PAGE, MAP_PROT_R));
	cr_expect_not(map_covers(&m, 0, 4 * HOST_PAGE + 1, MAP_PROT_R));
	cr_expect_not(map_covers(&m, 5, 6, MAP_PROT_W));
	/* files merge only where their offsets go on */
	map_clear(&m, 0, 4 * HOST_PAGE);
	struct map_range f = {
		.start = 0, .end = HOST_PAGE, .ino = 5, .name = "x"
	};
	map_set(&m, &f);
	f.start = HOST_PAGE;
	f.end = 2 * HOST_PAGE;
	map_set(&m, &f);
	cr_expect_eq(m.n, 2);
	f.offset = HOST_PAGE;
	map_set(&m, &f);
	cr_expect_eq(m.n, 1);
	cr_expect_str_eq(m.range[0].name, "x");
	map_free(&m);
}
