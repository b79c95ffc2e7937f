/*
 * lists.c - what is built in: the guests of guests.def and the backends of
 * backends.def. Apart from guest.c so that a program that names neither
 * list links without the frontends and backends.
 */
#include "translator/backend.h"

#define X(sym) extern const struct guest_isa sym;
#include "translator/guests.def"
#undef X

#define X(sym) extern const struct host_backend sym;
#include "translator/backends.def"
#undef X

const struct guest_isa *const guest_list[] = {
#define X(sym) &sym,
#include "translator/guests.def"
#undef X
	NULL
};

static const struct host_backend *const backend_list[] = {
#define X(sym) &sym,
#include "translator/backends.def"
#undef X
	NULL
};

const struct guest_isa *guest_by_machine(u16 elf_machine)
{
	for (size_t i = 0; guest_list[i]; i++)
		if (guest_list[i]->elf_machine == elf_machine)
			return guest_list[i];
	return NULL;
}

const struct guest_isa *guest_by_name(const char *name)
{
	for (size_t i = 0; guest_list[i]; i++)
		if (!strcmp(guest_list[i]->name, name))
			return guest_list[i];
	return NULL;
}

const struct host_backend *host_backend_default(void)
{
	return backend_list[0];
}
