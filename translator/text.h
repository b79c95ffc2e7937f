/*
 * text.h - the text form of the IR: printed by every dump, parsed by tests.
 *
 *   region 0x10000 guest riscv64
 *   b0:
 *     insn 0x10000
 *     %2:i64 = get a0
 *     %3:i64 = const 0x10
 *     %4:i64 = add %2 %3
 *     put a0 %4
 *     %6:i32 = load.s2 %4 + -8        (size suffix: log2; s signed)
 *     br %9 b1 b2
 *   b1:
 *     goto_tb 0x10040
 *   ...
 *   end
 */
#ifndef TRANSLATOR_TEXT_H
#define TRANSLATOR_TEXT_H

#include <stdio.h>

#include "translator/guest.h"

void ir_print(FILE *f, const struct guest_isa *g, const struct ir_region *r);
/*
 * Parse what ir_print prints into r, whose arena the caller has set; a '#'
 * starts a comment. Values get the numbers of the text. On an error returns
 * the line number and puts a message into err (n bytes); 0 on success.
 */
int ir_parse(const char *text, const struct guest_isa *g, struct ir_region *r,
    char *err, size_t n);

#endif
