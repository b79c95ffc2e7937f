/* guest.c - looking up rows of a guest's register table; see guest.h. */
#include "translator/guest.h"

const struct guest_reg *guest_reg_of_slot(const struct guest_isa *g, u32 slot)
{
	/* Frontends list their registers in slot order, mostly. */
	if (slot < g->nregs && g->regs[slot].slot == slot)
		return &g->regs[slot];
	for (u32 i = 0; i < g->nregs; i++)
		if (g->regs[i].slot == slot)
			return &g->regs[i];
	return NULL;
}
