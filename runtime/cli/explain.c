/* explain.c - `metic explain`: what becomes of a function or a block. */
#include "cli.h"

#include <limits.h>
#include <string.h>

void explain_help(FILE *f)
{
	fputs("usage: metic explain [OPTIONS] PROGRAM PLACE\n"
	      "\n"
	      "Show the guest's instructions, their IR after the passes and "
	      "the host\n"
	      "code that each tier makes of them, beside each other. PROGRAM "
	      "is loaded,\n"
	      "not run. PLACE is\n"
	      "\n"
	      "  SYMBOL       a function of the program: all its blocks\n"
	      "  SYMBOL+0x12  the block there\n"
	      "  0x1234       the block at that address of its file\n"
	      "\n"
	      "  -L, --sysroot DIR  look up guest paths in DIR first\n"
	      "      --tier interp  without host code\n"
	      "\n"
	      "To find out which are worth a look: metic run --profile.\n",
	    f);
}

static void print(void *ctx, const char *text, size_t n)
{
	fwrite(text, 1, n, ctx);
}

int explain_program(const struct options *o)
{
	char found[PATH_MAX], self[PATH_MAX], jitd[PATH_MAX];
	char why[PATH_MAX + 256] = "";
	char *const argv[] = { o->args[0], NULL };
	struct metic_config c = METIC_CONFIG_INIT;
	metic_vm *vm;

	if (!o->args[0] || !o->args[1] || o->args[2]) {
		explain_help(stderr);
		return EXIT_USAGE;
	}
	c.kind = METIC_LINUX;
	c.tier = o->tier_value;
	c.why = why;
	c.why_size = sizeof(why);
	c.sysroot = choose_sysroot(o);
	c.prog = find_program(o, c.sysroot, found);
	c.argv = argv;
	c.jitd =
	    choose_jitd(o, self_path(o->args[0], self, sizeof(self)), jitd);
	c.jit_wait = true;
	enum metic_error e = metic_create(&c, &vm);
	if (e)
		return status_of_error(o, e, c.prog, why);
	e = metic_explain(vm, o->args[1], print, stdout);
	metic_destroy(vm);
	if (e == METIC_ERR_NOT_FOUND) {
		fprintf(stderr,
		    "metic: %s: no such function or address in %s\n",
		    o->args[1], c.prog);
		return 1;
	}
	return e ? status_of_error(o, e, c.prog, "") : 0;
}
