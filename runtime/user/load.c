/*
 * load.c - linux_new: from a file to a process that is ready to run.
 *
 * Placement: ET_EXEC at its own addresses; a PIE where riscv64's kernel
 * would put it, which no Linux host uses for its own mappings, so that the
 * break can grow behind it; the interpreter and the stack where the host's
 * mmap likes. Addresses are the same in each run as far as the host allows.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/user/elf.h"
#include "runtime/user/gdb_target.h"
#include "runtime/user/limits.h"
#include "runtime/user/mm.h"
#include "runtime/user/process.h"
#include "runtime/user/sample.h"
#include "runtime/user/seccomp.h"
#include "runtime/user/signal.h"
#include "runtime/user/stack.h"
#include "runtime/user/strace.h"

#define TASK_MAX ((u64)1 << 47)

static const struct vm_hooks linux_hooks = { .event = linux_event };

/* --- scripts ------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The first byte of [p, end) that is no blank, or end. */
static char *skip_blanks(char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

/* The first byte of [p, end) that ends a word, or end. */
static char *word_end(char *p, const char *end)
{
	while (p < end && *p && !is_blank(*p))
		p++;
	return p;
}

/*
 * What the line says, to the byte as Linux has it: blanks before the newline
 * do not count, but those where the file ends do, and a NUL ends a word, and
 * the line if it comes before the newline.
 */
static int script_parse(struct script *s)
{
	char *last = s->line + sizeof(s->line) - 1;
	char *end = memchr(s->line, '\n', strnlen(s->line, sizeof(s->line)));
	if (!end) {
		char *name = skip_blanks(s->line + 2, last + 1);
		if (word_end(name, last + 1) > last)
			return -ENOEXEC; /* the name was cut */
		end = last;
	}
	while (is_blank(end[-1]))
		end--;
	s->interp = skip_blanks(s->line + 2, end);
	char *gap = word_end(s->interp, end);
	if (s->interp == end)
		return -ENOEXEC;
	*end = 0;
	s->arg = NULL;
	if (gap < end && *gap) {
		*gap = 0;
		s->arg = skip_blanks(gap + 1, end);
	}
	return 1;
}

int script_read(const char *path, struct script *s)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	memset(s->line, 0, sizeof(s->line));
	ssize_t n = pread(fd, s->line, sizeof(s->line), 0);
	int err = n < 0 ? -errno : 0;
	close(fd);
	if (n < 2 || s->line[0] != '#' || s->line[1] != '!')
		return err == -EISDIR ? -EACCES : err;
	return script_parse(s);
}

/* --- copies of the configuration ----------------------------------------- */

/* Copy n extra leading strings and then v; NULL: out of memory. */
static char **copy_vec(const char *const *lead, size_t nlead, char *const *v)
{
	size_t n = 0, i = 0;
	while (v && v[n])
		n++;
	char **c = calloc(nlead + n + 1, sizeof(*c));
	if (!c)
		return NULL;
	for (; i < nlead + n; i++) {
		c[i] = strdup(i < nlead ? lead[i] : v[i - nlead]);
		if (!c[i])
			break;
	}
	if (i == nlead + n)
		return c;
	while (i)
		free(c[--i]);
	free(c);
	return NULL;
}

static void free_vec(char *const *v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free((void *)v);
}

static int copy_config(struct linux_process *p, const struct linux_config *c)
{
	struct linux_config *d = &p->cfg;
	const char *argv0 = c->argv0 ? c->argv0 :
	    c->argv && c->argv[0]    ? c->argv[0] :
				       c->prog;
	d->strace = c->strace;
	d->strace_fd = c->strace_fd;
	d->stack_size = c->stack_size;
	d->cache_cap = c->cache_cap;
	d->cache_dir = c->cache_dir ? strdup(c->cache_dir) : NULL;
	d->perf_map = c->perf_map;
	d->profile = c->profile;
	d->jitdump = c->jitdump ? strdup(c->jitdump) : NULL;
	d->ended = c->ended;
	d->ended_ctx = c->ended_ctx;
	if (c->sysroot) {
		char *root = realpath(c->sysroot, NULL);
		if (!root)
			return -errno;
		d->sysroot = root;
		if (!strcmp(root, "/")) {
			free(root);
			d->sysroot = NULL;
		}
	}
	if (c->uname_release) {
		d->uname_release = strdup(c->uname_release);
		if (!d->uname_release)
			return -ENOMEM;
	}
	if (c->gdb && !(d->gdb = strdup(c->gdb)))
		return -ENOMEM;
	d->prog = strdup(c->prog);
	d->argv0 = strdup(argv0);
	char *const *rest = c->argv && c->argv[0] ? c->argv + 1 : NULL;
	d->argv = copy_vec(&argv0, 1, rest);
	d->envp = copy_vec(NULL, 0, c->envp);
	if (c->rerun) {
		d->rerun = (const char *const *)copy_vec(
		    NULL, 0, (char *const *)c->rerun);
		if (!d->rerun)
			return -ENOMEM;
	}
	return d->prog && d->argv0 && d->argv && d->envp ? 0 : -ENOMEM;
}

void process_free(struct linux_process *p)
{
	free((char *)p->cfg.sysroot);
	free((char *)p->cfg.cache_dir);
	free((char *)p->cfg.jitdump);
	free((char *)p->cfg.uname_release);
	free((char *)p->cfg.prog);
	free((char *)p->cfg.argv0);
	free_vec(p->cfg.argv);
	free_vec(p->cfg.envp);
	free_vec((char *const *)p->cfg.rerun);
	seccomp_forget(p);
	free((char *)p->cfg.gdb);
	free(p->exe);
	free(p->exe_guest);
	free(p->execfn);
	pthread_mutex_destroy(&p->mm->lock);
	free(p->mm);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->sig_lock);
	pthread_cond_destroy(&p->idle);
	free(p);
}

/* The name that the program was started by, before links are followed. */
static int name_execfn(struct linux_process *p)
{
	char buf[PATH_MAX];

	p->execfn = config_take(p, EXEC_FN_ENV);
	if (p->execfn)
		return 0;
	snprintf(buf, sizeof(buf), "%s", p->cfg.prog);
	path_to_guest(p, buf);
	p->execfn = strdup(buf);
	return p->execfn ? 0 : -ENOMEM;
}

/* The program is found as the guest would find it: the sysroot first. */
static int find_program(struct linux_process *p)
{
	char host[PATH_MAX];
	int r = path_translate(p, AT_FDCWD, p->cfg.prog, host, 0);
	if (r < 0 || access(host, F_OK) < 0)
		return 0; /* elf_open says it, with the name as it was given */
	char *copy = strdup(host);
	if (!copy)
		return -ENOMEM;
	free((char *)p->cfg.prog);
	p->cfg.prog = copy;
	return 0;
}

/*
 * If p's program is a script, put its interpreter in its place: argv becomes
 * {interp, [arg], script, rest}. One level more is allowed, as often as
 * Linux allows it.
 */
static int resolve_script(struct linux_process *p, char *why, size_t n)
{
	for (int depth = 0;; depth++) {
		struct script s;
		char host[PATH_MAX];
		int r = script_read(p->cfg.prog, &s);
		if (r <= 0) /* errors: elf_open will say it better */
			return r == -ENOEXEC ? r : 0;
		if (depth == 5) {
			snprintf(why, n, "%s: interpreters nest too deeply",
			    p->cfg.prog);
			return -ELOOP;
		}
		r = path_translate(p, AT_FDCWD, s.interp, host, 0);
		if (r == 0 && access(host, F_OK) < 0)
			r = -errno;
		if (r < 0) {
			snprintf(why, n, "%s: its interpreter %s: %s",
			    p->cfg.prog, s.interp, strerror(-r));
			return r;
		}
		const char *lead[] = { s.interp, s.arg ? s.arg : p->cfg.prog,
			p->cfg.prog };
		char **argv = copy_vec(lead, s.arg ? 3 : 2, p->cfg.argv + 1);
		char *prog = strdup(host);
		if (!argv || !prog) {
			free_vec(argv);
			free(prog);
			return -ENOMEM;
		}
		free_vec(p->cfg.argv);
		free((char *)p->cfg.prog);
		p->cfg.argv = argv;
		p->cfg.prog = prog;
	}
}

/* --- the image ----------------------------------------------------------- */

static int load_interp(
    struct linux_process *p, const struct elf_file *f, char *why, size_t n)
{
	struct elf_file in;
	char host[PATH_MAX];
	u64 bias;

	int r = path_translate(p, AT_FDCWD, f->interp, host, 0);
	if (r == 0 && access(host, F_OK) < 0)
		r = -errno;
	if (r < 0) {
		snprintf(why, n, "%s: its interpreter %s: %s%s%s", f->path,
		    f->interp, strerror(-r),
		    p->cfg.sysroot ? ", also under " : "",
		    p->cfg.sysroot ? p->cfg.sysroot : "");
		return -ENOEXEC;
	}
	r = elf_open_interp(host, p->abi->task_size, &in, why, n);
	if (r)
		return r;
	if (in.eh.e_machine != f->eh.e_machine) {
		snprintf(why, n,
		    "%s: its interpreter %s is for another "
		    "machine",
		    f->path, host);
		r = -ENOEXEC;
	}
	if (r == 0)
		r = elf_map(p, &in, ELF_ANYWHERE, &bias, why, n);
	if (r == 0) {
		p->image.interp_base = bias;
		p->image.interp_entry = in.eh.e_entry + bias;
	}
	elf_close(&in);
	return r;
}

static int load_image(
    struct linux_process *p, const struct elf_file *f, char *why, size_t n)
{
	u64 bias;
	int r = elf_map(p, f, ELF_PIE_BASE, &bias, why, n);
	if (r)
		return r;
	struct linux_image *im = &p->image;
	im->base = bias;
	im->start = f->lo + bias;
	im->end = f->hi + bias;
	im->entry = f->eh.e_entry + bias;
	im->phdr = f->phdr ? f->phdr + bias : 0;
	im->phnum = f->eh.e_phnum;
	im->phentsize = f->eh.e_phentsize;
	im->stack_exec = f->stack_exec;
	mm_brk_init(p, im->end);
	return f->interp ? load_interp(p, f, why, n) : 0;
}

static u64 resolution_of(clockid_t clock)
{
	struct timespec ts = { 0, 1 };
	clock_getres(clock, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static int map_vdso(struct linux_process *p)
{
	const struct linux_vdso *d = &p->abi->vdso;
	i64 at = mm_mmap(p, 0, HOST_PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, "[vdso]");
	if (at < 0)
		return (int)at;
	assert(d->size <= HOST_PAGE);
	const u64 res[2] = { resolution_of(CLOCK_MONOTONIC),
		resolution_of(CLOCK_MONOTONIC_COARSE) };
	memcpy((void *)at, d->image, d->size);
	memcpy((void *)(at + (i64)d->resolution), res, sizeof(res));
	if (d->fill)
		d->fill(p, (u8 *)at);
	p->vdso = (gva_t)at;
	p->tramp = p->vdso + d->sigreturn;
	int err = mm_mprotect(p, p->vdso, HOST_PAGE, PROT_READ | PROT_EXEC);
	if (!err)
		exec_cache_bytes(
		    p->vm, p->vdso, p->vdso + HOST_PAGE, (void *)at);
	return err;
}

char *config_take(struct linux_process *p, const char *name)
{
	char **env = (char **)p->cfg.envp, **to = env, *value = NULL;
	size_t n = strlen(name);

	for (; *env; env++) {
		if (strncmp(*env, name, n) != 0) {
			*to++ = *env;
			continue;
		}
		free(value);
		value = *env;
		memmove(value, value + n, strlen(value + n) + 1);
	}
	*to = NULL;
	return value;
}

/* The program is a descriptor that execve left open: it is ours now. */
static int name_nameless(struct linux_process *p, const char *number)
{
	char link[32], buf[PATH_MAX];

	int fd = linux_fd_hide(p, atoi(number));
	if (fd < 0)
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, buf, sizeof(buf) - 1);
	buf[MAX(n, 0)] = 0;
	p->exe = strdup(link);
	p->exe_guest = strdup(buf);
	return p->exe && p->exe_guest ? 0 : -ENOMEM;
}

static int name_exe(struct linux_process *p, const struct elf_file *f)
{
	char buf[PATH_MAX], *number = config_take(p, EXEC_FD_ENV);
	if (number) {
		int r = name_nameless(p, number);
		free(number);
		return r;
	}
	p->exe = realpath(f->path, NULL);
	if (!p->exe) /* a memory file has no other name */
		p->exe = strdup(f->path);
	if (!p->exe)
		return -ENOMEM;
	snprintf(buf, sizeof(buf), "%s", p->exe);
	path_to_guest(p, buf);
	p->exe_guest = strdup(buf);
	return p->exe_guest ? 0 : -ENOMEM;
}

/* The rest, once there is a VM. why is set or left for strerror. */
static int populate(
    struct linux_process *p, const struct elf_file *f, char *why, size_t n)
{
	gva_t sp;

	int r = load_image(p, f, why, n);
	if (r == 0)
		r = name_exe(p, f);
	if (r == 0)
		r = map_vdso(p);
	if (r)
		return r;
	r = seccomp_receive(p);
	if (r)
		return r;
	limits_receive(p);
	r = stack_build(p, p->execfn, &sp);
	if (r)
		return r;
	struct linux_task *t = linux_task_new(p);
	if (!t)
		return -ENOMEM;
	gva_t entry =
	    p->image.interp_entry ? p->image.interp_entry : p->image.entry;
	p->abi->start(t->v, entry, sp);
	return 0;
}

static struct linux_process *process_new(void)
{
	struct linux_process *p = calloc(1, sizeof(*p));
	struct linux_mm *mm = calloc(1, sizeof(*mm));
	if (!p || !mm) {
		free(p);
		free(mm);
		return NULL;
	}
	p->mm = mm;
	lock_init(&p->mm->lock);
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->sig_lock, NULL);
	pthread_cond_init(&p->idle, NULL);
	p->strace_fd = -1;
	p->vfork_fd = -1;
	return p;
}

static int check_abi(
    const struct elf_file *f, const struct linux_abi *abi, char *why, size_t n)
{
	char reason[128];
	if (!abi) {
		snprintf(why, n, "%s: no Linux personality for its machine",
		    f->path);
		return -ENOEXEC;
	}
	int r = abi->elf_check(f->eh.e_flags, reason, sizeof(reason));
	if (r)
		snprintf(why, n, "%s: %s", f->path, reason);
	return r;
}

static int make_vm(struct linux_process *p, const struct elf_file *f,
    const struct vm_config *cfg, char *why, size_t n)
{
	const struct guest_isa *g = guest_by_machine(f->eh.e_machine);
	struct metic_vm *vm;

	p->abi = linux_abi_of(g);
	int r = check_abi(f, p->abi, why, n);
	if (r)
		return r;
	signal_inherit(p);
	r = vm_new(g, AS_IDENTITY, 0, &linux_hooks, cfg, &vm);
	if (r)
		return r;
	vm->kernel = p;
	p->vm = vm;
	if (p->cfg.cache_dir) /* without it everything is made again */
		exec_cache_open(vm, p->cfg.cache_dir, p->cfg.cache_cap);
	int *cache = exec_cache_fd(vm);
	if (cache)
		*cache = linux_fd_hide(p, *cache);
	r = sample_open(p);
	if (r)
		return r;
	if (p->cfg.strace)
		p->strace_fd = linux_fd_hide(p, dup(p->cfg.strace_fd));
	r = populate(p, f, why, n);
	return r ? r : gdb_open(p, why, n);
}

int linux_new(const struct linux_config *cfg, const struct vm_config *vmcfg,
    struct metic_vm **out, char *why, size_t n)
{
	struct linux_process *p = process_new();
	struct elf_file f;

	if (n)
		why[0] = 0;
	int r = p ? copy_config(p, cfg) : -ENOMEM;
	if (r == 0)
		r = name_execfn(p);
	if (r == 0)
		r = find_program(p);
	if (r == 0)
		r = resolve_script(p, why, n);
	if (r == 0) {
		r = elf_open(p->cfg.prog, TASK_MAX, &f, why, n);
		if (r == 0) {
			r = make_vm(p, &f, vmcfg, why, n);
			elf_close(&f);
		}
	}
	if (r == 0) {
		*out = p->vm;
		return 0;
	}
	if (n && !why[0])
		snprintf(why, n, "%s: %s", cfg->prog, strerror(-r));
	if (p && p->vm)
		linux_free(p->vm);
	else if (p)
		process_free(p);
	return r;
}
