/* look.c - see look.h. */
#include "runtime/look/look.h"

#include <stdlib.h>

#include "runtime/look/perf.h"
#include "runtime/look/profile.h"

void look_known(struct exec *ex)
{
	struct look *l = ex->look;

	if (!l || !l->perf || !ex->host)
		return;
	l->bulk = true;
	perf_code(l->perf, "[metic]", ex->rx, ex->thunk_size);
	for (size_t i = 0; i < ex->ntb; i++)
		if (!ex->by_code[i]->dead)
			look_tb(ex, ex->by_code[i]);
	l->bulk = false;
	perf_flush(l->perf);
}

int look_open(struct metic_vm *vm, const struct look_config *cfg)
{
	struct look *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->vm = vm;
	int err = names_init(&l->names, cfg->root);
	if (!err && (cfg->perf_map || cfg->jitdump))
		err = perf_open(&l->perf, cfg->perf_map, cfg->jitdump);
	if (!err && cfg->profile)
		err = profile_open(&l->profile);
	vm->exec->look = l;
	if (err)
		look_free(vm->exec);
	else
		look_known(vm->exec);
	return err;
}

void look_free(struct exec *ex)
{
	struct look *l = ex->look;

	if (!l)
		return;
	ex->look = NULL;
	perf_free(l->perf);
	profile_free(l->profile);
	names_free(&l->names);
	free(l);
}

/* What perf shows behind the name of code that is not the baseline's. */
static const char *const marks[LOOK_TIERS] = {
	[LOOK_BASELINE] = "",
	[LOOK_OPTIMIZED] = " [optimized]",
};

void look_code(struct exec *ex, const struct look_code *c)
{
	struct look *l = ex->look;
	char name[1024];

	if (!l)
		return;
	names_learn(&l->names, &ex->vm->map, c->pc);
	if (!l->perf)
		return;
	names_text(&l->names, c->pc, name, sizeof(name) - 16);
	strcat(name, marks[c->tier]);
	perf_code(l->perf, name, c->code, c->size);
	if (!l->bulk)
		perf_flush(l->perf);
}

void look_flushed(struct exec *ex)
{
	struct look *l = ex->look;

	if (!l || !l->perf)
		return;
	perf_restart(l->perf);
	look_known(ex);
}

void look_forked(struct exec *ex)
{
	struct look *l = ex->look;

	if (!l)
		return;
	if (l->perf)
		perf_forked(l->perf);
	if (l->profile)
		profile_forked(l->profile);
}
