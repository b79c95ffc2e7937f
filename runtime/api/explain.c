/* explain.c - public API: what becomes of guest code. */
#include "runtime/look/explain.h"

#include <stdlib.h>

#include "runtime/api/internal.h"
#include "runtime/user/linux.h"

enum metic_error metic_explain(metic_vm *vm, const char *what,
    void (*out)(void *ctx, const char *text, size_t n), void *ctx)
{
	const struct linux_process *p = vm->kernel;
	char *text = NULL;
	size_t n = 0;

	if (!p)
		return METIC_ERR_KIND;
	if (!what || !out || !vm->vcpus)
		return METIC_ERR_ARG;
	FILE *f = open_memstream(&text, &n);
	if (!f)
		return METIC_ERR_MEMORY;
	int err = explain_text(
	    vm, what, p->cfg.sysroot, p->image.base, p->image.entry, f);
	fclose(f);
	if (!err)
		out(ctx, text, n);
	free(text);
	return api_error(err);
}
