/* cache.c - the folder of kept translations, for those who look after it. */
#include "runtime/api/internal.h"
#include "runtime/exec/persist.h"
#include "runtime/store/store.h"
#include "runtime/user/warm.h"

static int open_store(struct store *s, const char *dir)
{
	struct store_key maker;

	exec_cache_maker(host_backend_default(), &maker);
	return store_open(s, dir, 0, &maker);
}

struct walk {
	metic_cache_fn each;
	void *ctx;
};

static void show(void *ctx, const struct store_info *i)
{
	const struct walk *w = ctx;
	const struct metic_cache_file f = {
		.size = sizeof(f),
		.name = i->name,
		.bytes = i->bytes,
		.blocks = i->blocks,
		.damaged = i->damaged + !i->valid,
		.used = i->used,
		.current = i->ours,
	};
	w->each(w->ctx, &f);
}

enum metic_error metic_cache_list(
    const char *dir, bool verify, metic_cache_fn each, void *ctx)
{
	struct walk w = { each, ctx };
	struct store s;

	int err = open_store(&s, dir);
	if (err)
		return api_error(err);
	err = store_list(&s, verify, show, &w);
	store_close(&s);
	return api_error(err);
}

enum metic_error metic_cache_trim(
    const char *dir, uint64_t cap, uint64_t *files, uint64_t *bytes)
{
	struct store_totals t = { 0 };
	struct store s;

	int err = open_store(&s, dir);
	if (err)
		return api_error(err);
	err = store_gc(&s, cap, &t);
	store_close(&s);
	*files = t.files;
	*bytes = t.bytes;
	return api_error(err);
}

struct warming {
	void (*each)(void *ctx, const struct metic_warm_file *f);
	void *ctx;
};

static void warmed(void *ctx, const struct warm_file *f)
{
	const struct warming *w = ctx;
	const struct metic_warm_file out = {
		.size = sizeof(out),
		.path = f->path,
		.functions = f->functions,
		.blocks = f->blocks,
		.fresh = f->fresh,
	};
	if (w->each)
		w->each(w->ctx, &out);
}

enum metic_error metic_cache_warm(metic_vm *vm, char *const *more,
    void (*each)(void *ctx, const struct metic_warm_file *f), void *ctx,
    char *why, size_t n)
{
	struct warming w = { each, ctx };

	if (n)
		why[0] = '\0';
	if (!vm->kernel || !vm->vcpus)
		return METIC_ERR_KIND;
	if (!vm->exec->persist) /* no cache_dir, or it may not be used */
		return METIC_ERR_HOST;
	return api_error(linux_warm(vm, more, warmed, &w, why, n));
}
