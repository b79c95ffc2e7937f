/*
 * warm.c - see warm.h.
 *
 * Blocks are made as a run would make them: from the start of each function
 * that symbols or .eh_frame know, from wherever a block leads, and, for what
 * an indirect jump leads to, from the end of each block. So some are made
 * that no run enters, and code that only computed jumps reach in the middle
 * of a block is missing.
 *
 * Only a file's code is mapped; where does not matter, translations move
 * (the program itself lies where a run would map it).
 */
#include "runtime/user/warm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/exec/persist.h"
#include "runtime/look/symbols.h"
#include "runtime/user/mm.h"
#include "runtime/user/needed.h"

#define FILES_MAX IMAGES_MAX

struct file {
	char *path;
	dev_t dev;
	ino_t ino;
};

/* The code of one file that is mapped at `at`. */
struct piece {
	gva_t at;
	struct symbol_segment seg;
	u8 *seen; /* a bit for each place where a block may start */
};

struct warm {
	struct metic_vm *vm;
	struct vcpu *v;
	struct linux_process *p;
	struct file file[FILES_MAX];
	size_t nfiles;
	/* of the file under way */
	struct piece piece[SYMBOL_SEGMENTS];
	unsigned npieces;
	gva_t *todo;
	size_t ntodo, cap;
	u64 blocks;
};

/* --- which files --------------------------------------------------------- */

static void add_file(void *ctx, const char *path)
{
	struct warm *w = ctx;
	struct stat st;

	if (w->nfiles == FILES_MAX || stat(path, &st) < 0)
		return;
	for (size_t i = 0; i < w->nfiles; i++)
		if (w->file[i].dev == st.st_dev && w->file[i].ino == st.st_ino)
			return;
	char *copy = strdup(path);
	if (copy)
		w->file[w->nfiles++] =
		    (struct file){ copy, st.st_dev, st.st_ino };
}

/* Program and interpreter are mapped. */
static void add_mapped(struct warm *w)
{
	struct map_range r;

	add_file(w, w->p->cfg.prog);
	for (gva_t a = 0; map_next(&w->vm->map, a, &r); a = r.end)
		if ((r.prot & MAP_PROT_X) && r.name && *r.name == '/')
			add_file(w, r.name);
}

/* --- one file ------------------------------------------------------------ */

static struct piece *piece_of(struct warm *w, gva_t pc)
{
	for (unsigned i = 0; i < w->npieces; i++)
		if (pc - w->piece[i].at < w->piece[i].seg.size)
			return &w->piece[i];
	return NULL;
}

/* Where the file's offset `off` is mapped as code; false: nowhere. */
static bool mapped_at(
    const struct warm *w, const struct file *f, u64 off, gva_t *at)
{
	struct map_range r;

	for (gva_t a = 0; map_next(&w->vm->map, a, &r); a = r.end)
		if ((r.prot & MAP_PROT_X) && r.ino == f->ino &&
		    r.dev == f->dev && off - r.offset < r.end - r.start) {
			*at = r.start + (off - r.offset);
			return true;
		}
	return false;
}

static int map_piece(struct warm *w, const struct file *f,
    const struct symbol_segment *seg, struct piece *p)
{
	u64 off = ALIGN_DOWN(seg->off, HOST_PAGE), skip = seg->off - off;

	*p = (struct piece){ .seg = *seg };
	if (!mapped_at(w, f, seg->off, &p->at)) {
		int fd = open(f->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		i64 r = mm_mmap(w->p, 0, seg->size + skip,
		    PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, off, NULL);
		close(fd);
		if (r < 0)
			return (int)r;
		p->at = (gva_t)r + skip;
	}
	p->seen = calloc(seg->size / 8 / w->vm->guest->min_insn + 1, 1);
	return p->seen ? 0 : -ENOMEM;
}

/* Has pc been seen? It has now. */
static bool seen(struct warm *w, struct piece *p, gva_t pc)
{
	u64 bit = (pc - p->at) / w->vm->guest->min_insn;
	bool was = p->seen[bit / 8] >> bit % 8 & 1;

	p->seen[bit / 8] |= (u8)(1u << bit % 8);
	return was;
}

static void push(struct warm *w, gva_t pc)
{
	struct piece *p = piece_of(w, pc);

	if (!p || pc % w->vm->guest->min_insn || seen(w, p, pc))
		return;
	if (w->ntodo == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 4096;
		gva_t *more = realloc(w->todo, cap * sizeof(*more));
		if (!more)
			return;
		w->todo = more;
		w->cap = cap;
	}
	w->todo[w->ntodo++] = pc;
}

/* A block for pc; when the code cache is full it is saved and emptied. */
static const struct tb *get(struct warm *w, gva_t pc)
{
	struct tb *tb = tb_get(w->v, pc, false);

	if (tb)
		return tb;
	exec_cache_save(w->vm);
	exec_enter_code(w->v);
	exec_flush(w->v);
	exec_leave_code(w->v);
	return tb_get(w->v, pc, false);
}

static bool in_section(const struct symbols *t, u64 off)
{
	for (u32 i = 0; i < t->nsections; i++)
		if (off - t->section[i].off < t->section[i].size)
			return true;
	return false;
}

/*
 * Is `end` in the function that pc is in? What is between functions is not
 * always code, and from the middle of an instruction nonsense is reached, of
 * which there is no end. Code that no function is known of is like one.
 */
static bool same_function(
    struct warm *w, const struct symbols *t, gva_t pc, gva_t end)
{
	const struct piece *p = piece_of(w, pc);
	u64 off = p ? p->seg.off + (end - p->at) : 0;
	const struct symbol *s =
	    p ? symbols_at(t, p->seg.off + (pc - p->at)) : NULL;

	return s ? off - s->off < s->size :
		   p && in_section(t, off) && !symbols_at(t, off);
}

/* All that is reached from what is on the list, and behind it. */
static void follow(struct warm *w, const struct symbols *t)
{
	while (w->ntodo) {
		gva_t pc = w->todo[--w->ntodo];
		const struct tb *tb = get(w, pc);
		if (!tb)
			return;
		w->blocks++;
		for (u32 i = 0; i < tb->nlinks; i++)
			push(w, tb->links[i].target);
		if (same_function(w, t, pc, pc + tb->len))
			push(w, pc + tb->len);
	}
}

/* The place in memory of the file's offset `off`, or 0. */
static gva_t place_of(const struct warm *w, u64 off)
{
	for (unsigned k = 0; k < w->npieces; k++)
		if (off - w->piece[k].seg.off < w->piece[k].seg.size)
			return w->piece[k].at + (off - w->piece[k].seg.off);
	return 0;
}

static void start_at(struct warm *w, const struct symbols *t, u64 off)
{
	gva_t pc = place_of(w, off);

	if (!pc)
		return;
	push(w, pc);
	follow(w, t);
}

/* Code of a section in which no function is known, to `end` at most. */
static void do_gap(struct warm *w, const struct symbols *t, u64 off, u64 end)
{
	const u64 step = w->vm->guest->min_insn;
	u8 insn[16] = { 0 };
	gva_t pc;

	/* not the zeros that it is filled up with */
	for (off = ALIGN_UP(off, step); off < end; off += step) {
		pc = place_of(w, off);
		if (pc && mem_read(w->v, insn, pc, step) &&
		    memcmp(insn, &(u8[16]){ 0 }, step) != 0)
			break;
	}
	if (off < end)
		start_at(w, t, off);
}

static void do_functions(struct warm *w, const struct symbols *t)
{
	for (size_t i = 0; i < t->n; i++)
		start_at(w, t, t->s[i].off);
	for (u32 k = 0; k < t->nsections; k++) {
		u64 at = t->section[k].off, end = at + t->section[k].size;
		for (size_t i = 0; i < t->n && at < end; i++) {
			const struct symbol *s = &t->s[i];
			if (s->off + s->size <= at)
				continue;
			if (s->off > at)
				do_gap(w, t, at, MIN(s->off, end));
			at = s->off + s->size;
		}
		if (at < end)
			do_gap(w, t, at, end);
	}
}

static int do_file(struct warm *w, const struct file *f, struct warm_file *out)
{
	struct vm_stats *st = &w->vm->stats;
	struct symbols t;
	u64 before = st->blocks;

	*out = (struct warm_file){ .path = f->path };
	int err = symbols_read(&t, f->path, w->p->cfg.sysroot);
	w->npieces = 0;
	w->blocks = 0;
	for (u32 i = 0; !err && i < t.nsegs; i++)
		err = map_piece(w, f, &t.seg[i], &w->piece[w->npieces++]);
	if (!err) {
		out->functions = t.n;
		do_functions(w, &t);
		exec_cache_save(w->vm);
		out->blocks = w->blocks;
		out->fresh = st->blocks - before;
	}
	for (unsigned i = 0; i < w->npieces; i++)
		free(w->piece[i].seen);
	symbols_free(&t);
	return err;
}

static int do_all(struct warm *w, char *const *more,
    void (*each)(void *ctx, const struct warm_file *f), void *ctx, char *why,
    size_t n)
{
	struct warm_file done;
	int err = 0;

	add_mapped(w);
	for (; more && *more; more++) {
		if (access(*more, R_OK) < 0) {
			snprintf(why, n, "%s: %s", *more, strerror(errno));
			return -ENOENT;
		}
		add_file(w, *more);
	}
	for (size_t i = 0; !err && i < w->nfiles; i++) {
		needed_each(w->p, w->file[i].path, add_file, w);
		err = do_file(w, &w->file[i], &done);
		if (err)
			snprintf(why, n, "%s: %s", w->file[i].path,
			    err == -ENOENT ? "not an ELF file" :
					     strerror(-err));
		else if (each)
			each(ctx, &done);
	}
	return err;
}

int linux_warm(struct metic_vm *vm, char *const *more,
    void (*each)(void *ctx, const struct warm_file *f), void *ctx, char *why,
    size_t n)
{
	struct vcpu *outer = vcpu_current();
	struct warm *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->vm = vm;
	w->v = vm->vcpus;
	w->p = vm->kernel;
	vcpu_adopt(w->v); /* guards work for the running vCPU */
	exec_cache_patience(vm, true);
	int err = do_all(w, more, each, ctx, why, n);
	exec_cache_patience(vm, false);
	vcpu_adopt(outer);
	for (size_t i = 0; i < w->nfiles; i++)
		free(w->file[i].path);
	free(w->todo);
	free(w);
	return err;
}
