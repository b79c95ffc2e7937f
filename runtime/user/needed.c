/*
 * needed.c - see needed.h. What a real loader takes from its cache and from
 * LD_LIBRARY_PATH is not looked at; what is not found is left out.
 */
#include "runtime/user/needed.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DYNAMIC_MAX ((u64)1 << 20)
#define STRINGS_MAX ((u64)64 << 20)

struct dynamic {
	int fd;
	u64 size;
	Elf64_Phdr *ph;
	unsigned nph;
	Elf64_Dyn *dyn;
	u64 ndyn;
	char *strings;
	u64 nstrings;
};

static void *read_at(const struct dynamic *d, u64 off, u64 n, u64 most)
{
	if (!n || n > most || off > d->size || n > d->size - off)
		return NULL;
	char *p = malloc(n + 1);
	if (p && pread(d->fd, p, n, (off_t)off) != (ssize_t)n) {
		free(p);
		return NULL;
	}
	if (p)
		p[n] = '\0';
	return p;
}

static bool offset_of(const struct dynamic *d, u64 addr, u64 *off)
{
	for (unsigned i = 0; i < d->nph; i++)
		if (d->ph[i].p_type == PT_LOAD &&
		    addr - d->ph[i].p_vaddr < d->ph[i].p_filesz) {
			*off = d->ph[i].p_offset + (addr - d->ph[i].p_vaddr);
			return true;
		}
	return false;
}

static u64 value_of(const struct dynamic *d, i64 tag)
{
	for (u64 i = 0; i < d->ndyn && d->dyn[i].d_tag != DT_NULL; i++)
		if (d->dyn[i].d_tag == tag)
			return d->dyn[i].d_un.d_val;
	return 0;
}

static const char *string_at(const struct dynamic *d, u64 at)
{
	return d->strings && at < d->nstrings ? d->strings + at : "";
}

static void dynamic_close(struct dynamic *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->ph);
	free(d->dyn);
	free(d->strings);
}

static bool dynamic_open(struct dynamic *d, const char *path)
{
	struct stat st;
	u64 off;

	memset(d, 0, sizeof(*d));
	d->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (d->fd < 0 || fstat(d->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	d->size = (u64)st.st_size;
	Elf64_Ehdr *eh = read_at(d, 0, sizeof(*eh), sizeof(*eh));
	if (eh && !memcmp(eh->e_ident, ELFMAG, SELFMAG) &&
	    eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	    eh->e_phentsize == sizeof(Elf64_Phdr)) {
		d->nph = eh->e_phnum;
		d->ph = read_at(d, eh->e_phoff,
		    (u64)d->nph * sizeof(Elf64_Phdr), DYNAMIC_MAX);
	}
	free(eh);
	for (unsigned i = 0; d->ph && i < d->nph && !d->dyn; i++)
		if (d->ph[i].p_type == PT_DYNAMIC) {
			d->ndyn = d->ph[i].p_filesz / sizeof(Elf64_Dyn);
			d->dyn = read_at(d, d->ph[i].p_offset,
			    d->ndyn * sizeof(Elf64_Dyn), DYNAMIC_MAX);
		}
	if (!d->dyn || !offset_of(d, value_of(d, DT_STRTAB), &off))
		return false;
	d->nstrings = value_of(d, DT_STRSZ);
	d->strings = read_at(d, off, d->nstrings, STRINGS_MAX);
	return d->strings;
}

/* --- where they are ------------------------------------------------------ */

struct search {
	struct linux_process *p;
	char origin[PATH_MAX]; /* the guest's name of the file's directory */
	const char *name;
	char found[PATH_MAX]; /* on the host */
};

/* A 64-bit ELF file for the guest's machine? The host has others. */
static bool is_guests(const struct search *s)
{
	Elf64_Ehdr eh;
	int fd = open(s->found, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool ok = fd >= 0 && read(fd, &eh, sizeof(eh)) == sizeof(eh) &&
	    !memcmp(eh.e_ident, ELFMAG, SELFMAG) &&
	    eh.e_ident[EI_CLASS] == ELFCLASS64 &&
	    eh.e_machine == s->p->vm->guest->elf_machine;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* The file `name` in the guest's directory dir[0 .. n). */
static bool try_dir(struct search *s, const char *dir, size_t n)
{
	char path[2 * PATH_MAX];
	const char *rest = NULL;
	bool braces = n >= 9 && !strncmp(dir, "${ORIGIN}", 9);

	if (braces || (n >= 7 && !strncmp(dir, "$ORIGIN", 7)))
		rest = dir + (braces ? 9 : 7);
	if (rest)
		snprintf(path, sizeof(path), "%s%.*s/%s", s->origin,
		    (int)(n - (size_t)(rest - dir)), rest, s->name);
	else
		snprintf(path, sizeof(path), "%.*s/%s", (int)n, dir, s->name);
	return n && strlen(path) < PATH_MAX &&
	    path_translate(s->p, AT_FDCWD, path, s->found, 0) == 0 &&
	    is_guests(s);
}

static bool try_list(struct search *s, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, ":");
		if (try_dir(s, list, n))
			return true;
		list += n + (list[n] == ':');
	}
	return false;
}

/* The directories in one file of /etc/ld.so.conf.d, a line each. */
static bool try_conf(struct search *s, const char *path)
{
	char line[PATH_MAX];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found =
		    line[0] == '/' && try_dir(s, line, strcspn(line, " \t#\n"));
	if (f)
		fclose(f);
	return found;
}

static bool try_confs(struct search *s)
{
	char dir[PATH_MAX], path[2 * PATH_MAX];
	struct dirent *e;
	bool found = false;

	if (path_translate(s->p, AT_FDCWD, "/etc/ld.so.conf.d", dir, 0))
		return false;
	DIR *d = opendir(dir);
	while (d && !found && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		found = e->d_name[0] != '.' && try_conf(s, path);
	}
	if (d)
		closedir(d);
	return found;
}

static bool find(struct search *s, const struct dynamic *d)
{
	const char *machine = s->p->abi->machine;
	char multi[PATH_MAX];

	if (strchr(s->name, '/'))
		return path_translate(s->p, AT_FDCWD, s->name, s->found, 0) ==
		    0 &&
		    is_guests(s);
	snprintf(multi, sizeof(multi),
	    "/lib/%s-linux-gnu:/usr/lib/%s-linux-gnu:/lib64/lp64d:"
	    "/usr/lib64/lp64d:/lib64:/usr/lib64:/lib:/usr/lib",
	    machine, machine);
	return try_list(s, string_at(d, value_of(d, DT_RPATH))) ||
	    try_list(s, string_at(d, value_of(d, DT_RUNPATH))) ||
	    try_confs(s) || try_list(s, multi);
}

void needed_each(struct linux_process *p, const char *host,
    void (*each)(void *ctx, const char *path), void *ctx)
{
	struct search *s = calloc(1, sizeof(*s));
	struct dynamic d;

	if (s && dynamic_open(&d, host)) {
		s->p = p;
		snprintf(s->origin, sizeof(s->origin), "%s", host);
		path_to_guest(p, s->origin);
		char *slash = strrchr(s->origin, '/');
		if (slash)
			*slash = '\0';
		for (u64 i = 0; i < d.ndyn && d.dyn[i].d_tag != DT_NULL; i++) {
			if (d.dyn[i].d_tag != DT_NEEDED)
				continue;
			s->name = string_at(&d, d.dyn[i].d_un.d_val);
			if (*s->name && find(s, &d))
				each(ctx, s->found);
		}
	}
	if (s)
		dynamic_close(&d);
	free(s);
}
