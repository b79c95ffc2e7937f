/*
 * names.c - the tool behind objdump.py: reads encodings, one hexadecimal
 * number per line, and prints the name of each one's row ("-": refused).
 */
#include <stdio.h>
#include <stdlib.h>

#include "frontend/riscv/decode.h"

int main(void)
{
	struct rv_decoder *d = rv_open();
	char line[32];

	if (!d)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		u32 w = (u32)strtoul(line, NULL, 16);
		u8 b[4] = { (u8)w, (u8)(w >> 8), (u8)(w >> 16), (u8)(w >> 24) };
		struct rv_insn i;

		if (!rv_decode(d, 0, b, 4, &i))
			return 1;
		printf("%s %u\n", i.row ? i.row->text : "-", i.len);
	}
	rv_close(d);
	return 0;
}
