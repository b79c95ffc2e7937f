/*
 * profile.c - --profile, --flamegraph and --folded: gathering the samples of
 * all processes of a run, and adding them up.
 *
 * The parts are lines of fields between tabs:
 *
 *   P pid program                            a process, what follows is its
 *   S ns where syscall cut frame|frame...    a stack, "function:object" each,
 *                                            the outermost first
 *   B ns where name object pc insns bytes host_bytes mix,mix...
 */
#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- a process writes its part ------------------------------------------- */

/* Names come from the guest's files: keep our separators out of them. */
static void put_name(FILE *f, const char *s)
{
	for (; *s; s++) {
		bool bad = (unsigned char)*s < ' ' || strchr("|:;\"", *s);
		fputc(bad ? '_' : *s, f);
	}
}

static void put_frame(FILE *f, const struct metic_frame *fr)
{
	if (fr->function)
		put_name(f, fr->function);
	fputc(':', f);
	put_name(f, fr->object);
}

static void put_stack(void *ctx, const struct metic_stack *s)
{
	FILE *f = ctx;

	fprintf(f, "S\t%" PRIu64 "\t%d\t%s\t%d\t", s->ns, (int)s->where,
	    s->syscall ? s->syscall : "", s->cut);
	for (unsigned i = s->depth; i-- > 0;) {
		put_frame(f, &s->frames[i]);
		fputc(i ? '|' : '\n', f);
	}
	if (!s->depth)
		fputc('\n', f);
}

static void put_block(void *ctx, const struct metic_block *b)
{
	FILE *f = ctx;

	fprintf(f, "B\t%" PRIu64 "\t%d\t", b->ns, (int)b->where);
	put_name(f, b->at.function ? b->at.function : b->at.object);
	if (b->at.offset)
		fprintf(f, "+0x%" PRIx64, b->at.offset);
	fputc('\t', f);
	put_name(f, b->at.object);
	fprintf(f, "\t%" PRIx64 "\t%u\t%u\t%u\t", b->at.pc, b->insns, b->bytes,
	    b->host_bytes);
	for (unsigned i = 0; i < METIC_MIXES; i++)
		fprintf(f, "%u%c", b->mix[i], i + 1 < METIC_MIXES ? ',' : '\n');
}

static void write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return;
		p += k;
		n -= (size_t)k;
	}
}

static void write_part(
    const struct profiling *pr, const char *program, metic_vm *vm)
{
	char *text = NULL;
	size_t n = 0;
	const char *slash = strrchr(program, '/');
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return;
	fprintf(f, "P\t%d\t", (int)getpid());
	put_name(f, slash ? slash + 1 : program);
	fputc('\n', f);
	metic_profile_stacks(vm, put_stack, f);
	metic_profile_blocks(vm, put_block, f);
	fclose(f);
	/* gone: the first process has ended and reported */
	int fd = open(pr->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0) {
		write_all(fd, text, n);
		close(fd);
	}
	free(text);
}

/* --- reading the parts --------------------------------------------------- */

static uint32_t function_of(
    struct prof *p, const char *name, const char *object)
{
	uint32_t h = 5381;

	for (const char *s = name; *s; s++)
		h = h * 33 + (unsigned char)*s;
	for (const char *s = object; *s; s++)
		h = h * 33 + (unsigned char)*s;
	uint32_t *at = &p->chain[h % PROF_CHAINS];
	for (uint32_t i = *at; i; i = p->function[i - 1].next)
		if (!strcmp(p->function[i - 1].name, name) &&
		    !strcmp(p->function[i - 1].object, object))
			return i - 1;
	p->function[p->nfunctions] = (struct prof_function){
		.name = name, .object = object, .next = *at
	};
	*at = (uint32_t)++p->nfunctions;
	return *at - 1;
}

/* The next field of a line; "" past the last. */
static char *field(char **at, const char *end)
{
	char *s = *at ? strsep(at, end) : NULL;
	return s ? s : *at ? *at : "";
}

static void read_stack(struct prof *p, char *line, uint32_t **frames)
{
	struct prof_stack *s = &p->stack[p->nstacks++];
	char *frame;

	s->program = p->nprocesses ? p->process[p->nprocesses - 1].program : "";
	s->ns = strtoull(field(&line, "\t"), NULL, 10);
	s->where = (enum metic_where)strtoul(field(&line, "\t"), NULL, 10);
	s->syscall = field(&line, "\t");
	if (!*s->syscall)
		s->syscall = NULL;
	s->cut = *field(&line, "\t") == '1';
	s->frame = *frames;
	while ((frame = line ? strsep(&line, "|") : NULL) && *frame) {
		char *name = strsep(&frame, ":");
		s->frame[s->depth++] = function_of(p, name, frame ? frame : "");
	}
	*frames += s->depth;
	if (s->where >= METIC_WHERES)
		s->where = METIC_IN_METIC;
	p->where[s->where] += s->ns;
	p->ns += s->ns;
	for (uint32_t i = 0; i < s->depth; i++) {
		struct prof_function *f = &p->function[s->frame[i]];
		if (f->seen != p->nstacks)
			f->total += s->ns;
		f->seen = (uint32_t)p->nstacks;
	}
	/* In a helper or a call of ours nobody's code runs. */
	if (s->depth && s->where <= METIC_IN_INTERP)
		p->function[s->frame[s->depth - 1]].self += s->ns;
}

static void read_block(struct prof *p, char *line)
{
	struct prof_block *b = &p->block[p->nblocks++];

	b->program = p->nprocesses ? p->process[p->nprocesses - 1].program : "";
	b->ns = strtoull(field(&line, "\t"), NULL, 10);
	b->where = (enum metic_where)strtoul(field(&line, "\t"), NULL, 10);
	if (b->where >= METIC_WHERES)
		b->where = METIC_IN_METIC;
	b->name = field(&line, "\t");
	b->object = field(&line, "\t");
	b->pc = strtoull(field(&line, "\t"), NULL, 16);
	b->insns = (unsigned)strtoul(field(&line, "\t"), NULL, 10);
	b->bytes = (unsigned)strtoul(field(&line, "\t"), NULL, 10);
	b->host_bytes = (unsigned)strtoul(field(&line, "\t"), NULL, 10);
	for (unsigned i = 0; i < METIC_MIXES; i++)
		b->mix[i] = (unsigned)strtoul(field(&line, ","), NULL, 10);
}

static char *read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "re");
	size_t cap = 0, k;
	char *text = NULL, *more;

	*n = 0;
	while (f) {
		if (*n + 1 >= cap) {
			cap = cap ? 2 * cap : 65536;
			more = realloc(text, cap);
			if (!more)
				break;
			text = more;
		}
		k = fread(text + *n, 1, cap - 1 - *n, f);
		if (!k)
			break;
		*n += k;
	}
	if (f)
		fclose(f);
	if (text)
		text[*n] = '\0';
	return text;
}

/* How many lines and frames there can be. */
static size_t count(const char *s, const char *of)
{
	size_t n = 1;
	while ((s = strpbrk(s, of))) {
		s++;
		n++;
	}
	return n;
}

static uint32_t *prof_alloc(struct prof *p)
{
	size_t lines = count(p->text, "\n"), frames = count(p->text, "\n|");

	p->function = calloc(frames, sizeof(*p->function));
	p->stack = calloc(lines, sizeof(*p->stack));
	p->block = calloc(lines, sizeof(*p->block));
	p->process = calloc(lines, sizeof(*p->process));
	if (!p->function || !p->stack || !p->block || !p->process)
		return NULL;
	return calloc(frames, sizeof(uint32_t));
}

bool prof_read(struct prof *p, const char *path)
{
	size_t n;
	char *line, *rest;

	memset(p, 0, sizeof(*p));
	rest = p->text = read_file(path, &n);
	uint32_t *all = p->text ? prof_alloc(p) : NULL, *frames = all;
	while (all && (line = strsep(&rest, "\n"))) {
		if (!strncmp(line, "S\t", 2)) {
			read_stack(p, line + 2, &frames);
		} else if (!strncmp(line, "B\t", 2)) {
			read_block(p, line + 2);
		} else if (!strncmp(line, "P\t", 2)) {
			line += 2;
			int pid = atoi(field(&line, "\t"));
			p->process[p->nprocesses++] =
			    (struct prof_process){ pid, line ? line : "" };
		}
	}
	if (!p->nstacks) /* so that prof_free finds it */
		free(all);
	return all;
}

void prof_free(struct prof *p)
{
	if (p->nstacks)
		free(p->stack[0].frame);
	free(p->text);
	free(p->function);
	free(p->stack);
	free(p->block);
	free(p->process);
	memset(p, 0, sizeof(*p));
}

/* --- what the options ask for -------------------------------------------- */

static void write_report(const char *path, const struct prof *p,
    void (*write)(const struct prof *p, FILE *f))
{
	FILE *f = fopen(path, "we");

	if (!f) {
		fprintf(stderr, "metic: %s: %s\n", path, strerror(errno));
		return;
	}
	write(p, f);
	fclose(f);
}

static bool wants_json(const char *file)
{
	size_t n = strlen(file);
	return !strcmp(file, "json") ||
	    (n > 5 && !strcmp(file + n - 5, ".json"));
}

/* To stderr as it was when we started, in one piece. */
static void write_log(const struct profiling *pr, const struct prof *p,
    void (*write)(const struct prof *p, FILE *f))
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return;
	write(p, f);
	fclose(f);
	write_all(pr->log, text, n);
	free(text);
}

static void report(const struct profiling *pr)
{
	struct prof p;

	if (!prof_read(&p, pr->path)) {
		unlink(pr->path);
		return;
	}
	unlink(pr->path);
	if (pr->flamegraph)
		write_report(pr->flamegraph, &p, prof_flame);
	if (pr->folded)
		write_report(pr->folded, &p, prof_folded);
	prof_sort(&p);
	const char *to = pr->profile;
	void (*write)(const struct prof *, FILE *) =
	    to && wants_json(to) ? prof_json : prof_text;
	if (to && *to && strcmp(to, "json") != 0)
		write_report(to, &p, write);
	else if (to)
		write_log(pr, &p, write);
	prof_free(&p);
}

void profile_ended(
    const struct profiling *pr, const char *program, metic_vm *vm, bool exec)
{
	write_part(pr, program, vm);
	if (!exec && getpid() == pr->pid)
		report(pr);
}

void profile_finish(const struct profiling *pr)
{
	if (*pr->path && getpid() == pr->pid)
		unlink(pr->path);
}

static const char *keep_absolute(const char *file)
{
	char cwd[PATH_MAX], *path;

	if (!file || !*file || *file == '/' || !strcmp(file, "json") ||
	    !getcwd(cwd, sizeof(cwd)) ||
	    asprintf(&path, "%s/%s", cwd, file) < 0)
		return file;
	return path; /* as long as the process */
}

bool profile_start(const struct options *o, struct profiling *pr)
{
	const char *tmp = secure_getenv("TMPDIR"), *colon;
	memset(pr, 0, sizeof(*pr));
	if (!o->profile && !o->flamegraph && !o->folded)
		return true;
	pr->profile = keep_absolute(o->profile);
	pr->flamegraph = keep_absolute(o->flamegraph);
	pr->folded = keep_absolute(o->folded);
	pr->pid = getpid();
	colon = o->profile_part ? strrchr(o->profile_part, ':') : NULL;
	if (colon) {
		pr->pid = atoi(colon + 1);
		snprintf(pr->path, sizeof(pr->path), "%.*s",
		    (int)(colon - o->profile_part), o->profile_part);
		return true;
	}
	snprintf(pr->path, sizeof(pr->path), "%s/metic-profile-XXXXXX",
	    tmp && *tmp == '/' ? tmp : "/tmp");
	int fd = mkostemp(pr->path, O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "metic: %s: %s\n", pr->path, strerror(errno));
		return false;
	}
	close(fd);
	return true;
}
