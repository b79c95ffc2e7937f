/*
 * binfmt.c - metic as the kernel's interpreter of riscv64 programs.
 *
 * `metic binfmt` registers metic with binfmt_misc. The flags are those of
 * Debian's qemu-user-binfmt: O, the program comes as an open descriptor
 * (AT_EXECFD); C, credentials are the program's (setuid works); P, argv[0]
 * is kept, as an argument more; F, metic is opened now, so that it works in
 * every chroot and container without being there.
 *
 * The kernel then starts metic with argv { metic, path, argv0, arguments }
 * and a bit in AT_FLAGS that says so; binfmt_started is the receiving end.
 *
 * binfmt_misc: Documentation/admin-guide/binfmt-misc.rst of Linux.
 */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIR_MISC "/proc/sys/fs/binfmt_misc"
#define ENTRY "metic-riscv64"
#define FLAGS "OCPF"
#define PERSISTENT_DIR "/etc/binfmt.d" /* systemd-binfmt(8) */
#define PERSISTENT PERSISTENT_DIR "/" ENTRY ".conf"
#define INTERPRETER_MAX 127 /* of the kernel */
#define KEEPS_ARGV0 1 /* AT_FLAGS_PRESERVE_ARGV0 */
#define HEADER 20 /* bytes of an ELF file up to and with e_machine */

/* ELF64, little-endian, any OS ABI of Linux, executable or shared, RISC-V. */
static const unsigned char magic[HEADER] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 2, 0, 0xf3, 0 };
static const unsigned char mask[HEADER] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff,
	0xff, 0xff };

/* --- being started by the kernel ----------------------------------------- */

bool binfmt_started(struct options *o, int argc, char **argv)
{
	bool keeps = getauxval(AT_FLAGS) & KEEPS_ARGV0;
	errno = 0;
	unsigned long fd = getauxval(AT_EXECFD);
	bool opened = errno == 0;
	if ((!keeps && !opened) || argc < (keeps ? 3 : 2))
		return false;
	o->binfmt = true;
	o->execfd = opened ? (int)fd : -1;
	o->args = argv + 1;
	if (keeps) { /* path, argv0, rest -> argv0, then path, rest */
		o->argv0 = argv[2];
		argv[2] = argv[1];
		o->args = argv + 2;
	}
	return true;
}

/* --- what is registered -------------------------------------------------- */

/* An entry of binfmt_misc. */
struct handler {
	char name[NAME_MAX + 1], interpreter[PATH_MAX], flags[16];
	bool enabled;
	unsigned offset;
	unsigned char magic[256], mask[256];
	unsigned nmagic, nmask;
};

static unsigned from_hex(const char *s, unsigned char *out, unsigned max)
{
	unsigned n = 0, byte;
	while (n < max && sscanf(s + 2 * n, "%2x", &byte) == 1)
		out[n++] = (unsigned char)byte;
	return n;
}

static bool read_handler(const char *name, struct handler *h)
{
	char path[PATH_MAX + NAME_MAX], line[PATH_MAX];
	memset(h, 0, sizeof(*h));
	snprintf(h->name, sizeof(h->name), "%s", name);
	snprintf(path, sizeof(path), DIR_MISC "/%s", name);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(line, "enabled"))
			h->enabled = true;
		else if (!strncmp(line, "interpreter ", 12))
			snprintf(h->interpreter, sizeof(h->interpreter), "%s",
			    line + 12);
		else if (!strncmp(line, "flags: ", 7))
			snprintf(h->flags, sizeof(h->flags), "%.15s", line + 7);
		else if (!strncmp(line, "offset ", 7))
			h->offset = (unsigned)strtoul(line + 7, NULL, 10);
		else if (!strncmp(line, "magic ", 6))
			h->nmagic = from_hex(line + 6, h->magic, 256);
		else if (!strncmp(line, "mask ", 5))
			h->nmask = from_hex(line + 5, h->mask, 256);
	}
	fclose(f);
	return true;
}

/* Would h be asked to run a riscv64 program? */
static bool handles_riscv64(const struct handler *h)
{
	if (h->offset || !h->nmagic || h->nmagic > HEADER)
		return false;
	for (unsigned i = 0; i < h->nmagic; i++) {
		unsigned char m = i < h->nmask ? h->mask[i] : 0xff;
		if ((h->magic[i] ^ magic[i]) & m)
			return false;
	}
	return true;
}

/* The next handler of riscv64 programs in d. */
static bool next_handler(DIR *d, struct handler *h)
{
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "register") != 0 &&
		    strcmp(e->d_name, "status") != 0 &&
		    read_handler(e->d_name, h) && handles_riscv64(h))
			return true;
	return false;
}

static bool is_ours(const struct handler *h)
{
	return !strcmp(h->name, ENTRY);
}

/* --- changing it --------------------------------------------------------- */

struct request {
	const char *cmd;
	bool replace, persistent, json, user, root, help;
	char **command; /* after --user */
};

static int fail(const char *what, int err)
{
	fprintf(stderr, "metic: %s: %s%s\n", what, strerror(err),
	    err == EACCES || err == EPERM ? " (root is needed; without: "
					    "metic binfmt --user)" :
					    "");
	return EXIT_METIC;
}

/* 0 or an errno value. */
static int write_file(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int err = write(fd, text, n) == (ssize_t)n ? 0 : errno;
	close(fd);
	return err;
}

/* 0 or an errno value. */
static int mount_misc(void)
{
	if (access(DIR_MISC "/register", F_OK) == 0)
		return 0;
	return mount("binfmt_misc", DIR_MISC, "binfmt_misc", 0, NULL) ? errno :
									0;
}

static size_t escape(char *out, const unsigned char *bytes)
{
	size_t n = 0;
	for (unsigned i = 0; i < HEADER; i++)
		n += (size_t)sprintf(out + n, "\\x%02x", bytes[i]);
	return n;
}

/* The line that binfmt_misc is given. */
static size_t entry_line(char *out, size_t n, const char *self)
{
	char m[4 * HEADER + 1], k[4 * HEADER + 1];
	escape(m, magic);
	escape(k, mask);
	return (size_t)snprintf(
	    out, n, ":" ENTRY ":M::%s:%s:%s:" FLAGS "\n", m, k, self);
}

static int remove_entry(const char *name)
{
	char path[PATH_MAX + NAME_MAX];
	snprintf(path, sizeof(path), DIR_MISC "/%s", name);
	return write_file(path, "-1", 2);
}

/* Nobody else handles riscv64, or not any more; else the exit status. */
static int make_room(bool replace)
{
	struct handler h;
	DIR *d = opendir(DIR_MISC);
	int err = 0;
	if (!d)
		return fail(DIR_MISC, errno);
	while (!err && next_handler(d, &h)) {
		if (!is_ours(&h) && !replace) {
			fprintf(stderr,
			    "metic: riscv64 programs are run by %s (%s); "
			    "--replace removes that until the next boot\n",
			    h.interpreter, h.name);
			closedir(d);
			return EXIT_METIC;
		}
		err = remove_entry(h.name);
	}
	closedir(d);
	return err ? fail(h.name, err) : 0;
}

static int register_self(bool replace, char *line, size_t size)
{
	char self[PATH_MAX];
	if (!self_path(NULL, self, sizeof(self)) ||
	    !strncmp(self, "/proc/", 6)) {
		fputs("metic: cannot find out where I am installed\n", stderr);
		return EXIT_METIC;
	}
	if (strlen(self) > INTERPRETER_MAX || strchr(self, ':')) {
		fprintf(stderr, "metic: %s: binfmt_misc takes no such path\n",
		    self);
		return EXIT_METIC;
	}
	int status = make_room(replace);
	if (status)
		return status;
	size_t n = entry_line(line, size, self);
	int err = write_file(DIR_MISC "/register", line, n);
	return err ? fail(DIR_MISC "/register", err) : 0;
}

static int write_persistent(const char *line)
{
	mkdir(PERSISTENT_DIR, 0755); /* there, as a rule */
	FILE *f = fopen(PERSISTENT, "we");
	if (!f)
		return fail(PERSISTENT, errno);
	fputs("# written by metic binfmt install --persistent\n", f);
	fputs(line, f);
	return fclose(f) ? fail(PERSISTENT, errno) : 0;
}

static int do_install(const struct request *r)
{
	char line[1024];
	int err = mount_misc();
	if (err)
		return fail(DIR_MISC, err);
	int status = register_self(r->replace, line, sizeof(line));
	return status || !r->persistent ? status : write_persistent(line);
}

static int do_remove(void)
{
	int err = remove_entry(ENTRY);
	if (err == ENOENT && access(PERSISTENT, F_OK) != 0) {
		fputs("metic: nothing of metic's is registered\n", stderr);
		return EXIT_METIC;
	}
	if (err && err != ENOENT)
		return fail(DIR_MISC "/" ENTRY, err);
	if (unlink(PERSISTENT) && errno != ENOENT)
		return fail(PERSISTENT, errno);
	return 0;
}

/* --- status -------------------------------------------------------------- */

static void put_json(const char *s)
{
	putchar('"');
	for (; *s; s++)
		if (*s == '"' || *s == '\\' || (unsigned char)*s < ' ')
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	putchar('"');
}

static void show_handler(const struct handler *h, bool json, bool first)
{
	if (!json) {
		printf("riscv64: %s %s, flags %s, %s\n", h->name,
		    h->interpreter, *h->flags ? h->flags : "none",
		    h->enabled ? "enabled" : "disabled");
		return;
	}
	printf("%s{\"name\": ", first ? "" : ", ");
	put_json(h->name);
	printf(", \"interpreter\": ");
	put_json(h->interpreter);
	printf(", \"flags\": ");
	put_json(h->flags);
	printf(", \"enabled\": %s, \"metic\": %s}",
	    h->enabled ? "true" : "false", is_ours(h) ? "true" : "false");
}

/* 0: riscv64 programs are run by somebody, 1: they are not. */
static int do_status(bool json)
{
	struct handler h;
	bool active = false, any = false;
	DIR *d = opendir(DIR_MISC);
	if (json)
		printf("{\"mounted\": %s, \"persistent\": %s, "
		       "\"handlers\": [",
		    access(DIR_MISC "/status", F_OK) ? "false" : "true",
		    access(PERSISTENT, F_OK) ? "false" : "true");
	while (d && next_handler(d, &h)) {
		show_handler(&h, json, !any);
		active |= h.enabled;
		any = true;
	}
	if (d)
		closedir(d);
	if (json)
		printf("]}\n");
	else if (!any)
		printf("riscv64: no handler%s\n",
		    access(DIR_MISC "/status", F_OK) ?
			", binfmt_misc is not mounted" :
			"");
	return active ? 0 : 1;
}

/* --- a registration of one's own ----------------------------------------- */

struct ids {
	uid_t uid;
	gid_t gid;
};

/* 0 or an errno value: `inside` in pid's namespace is `outside` here. */
static int write_map(
    pid_t pid, const char *file, unsigned inside, unsigned outside, unsigned n)
{
	char path[64], text[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	int k = snprintf(text, sizeof(text), "%u %u %u", inside, outside, n);
	return write_file(path, text, (size_t)k);
}

/* One id only, which is all that a process may map for itself. */
static int enter_mapped(struct ids inside, struct ids outside)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return errno;
	write_file("/proc/self/setgroups", "deny", 4);
	int err = write_map(getpid(), "uid_map", inside.uid, outside.uid, 1);
	return err ? err :
		     write_map(getpid(), "gid_map", inside.gid, outside.gid, 1);
}

/* For root, with all ids: a child that stays outside writes the maps. */
static int enter_as_root(void)
{
	int ready[2], status = 0;
	char byte = 0;
	pid_t self = getpid();
	if (pipe2(ready, O_CLOEXEC) < 0)
		return errno;
	pid_t child = fork();
	if (child < 0)
		return errno;
	if (child == 0) {
		close(ready[1]);
		int err = read(ready[0], &byte, 1) == 1 ? 0 : ECANCELED;
		if (!err)
			err = write_map(self, "uid_map", 0, 0, UINT32_MAX);
		if (!err)
			err = write_map(self, "gid_map", 0, 0, UINT32_MAX);
		_exit(err);
	}
	int err = unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? errno : 0;
	if (!err && write(ready[1], &byte, 1) != 1)
		err = errno;
	close(ready[0]);
	close(ready[1]);
	if (waitpid(child, &status, 0) < 0)
		return errno;
	return err ? err : WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

static int mount_own(void)
{
	if (mount("binfmt_misc", DIR_MISC, "binfmt_misc", 0, NULL) == 0)
		return 0;
	fprintf(stderr,
	    "metic: no binfmt_misc in a user namespace: %s (it needs Linux "
	    "6.7 or newer)\n",
	    strerror(errno));
	return EXIT_METIC;
}

/*
 * Only root of its namespace may register. A user who wants to stay himself
 * goes on into a second namespace below the first, which inherits the
 * registration.
 */
static int do_user(const struct request *r)
{
	static char shell[] = "/bin/sh";
	char *just_shell[] = { shell, NULL }, line[1024];
	char **argv = *r->command ? r->command : just_shell;
	const struct ids me = { geteuid(), getegid() }, root = { 0, 0 };

	int err = me.uid ? enter_mapped(root, me) : enter_as_root();
	if (err)
		return fail("a user namespace", err);
	int status = mount_own();
	if (!status)
		status = register_self(true, line, sizeof(line));
	if (status)
		return status;
	if (me.uid && !r->root) {
		err = enter_mapped(me, root);
		if (err)
			return fail("a second user namespace", err);
	}
	execvp(argv[0], argv);
	fprintf(stderr, "metic: %s: %s\n", argv[0], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

/* --- the command line ---------------------------------------------------- */

static void usage(FILE *f)
{
	fputs("usage: metic binfmt install [--replace] [--persistent]\n"
	      "       metic binfmt remove\n"
	      "       metic binfmt status [--json]\n"
	      "       metic binfmt --user [--root] [--] [COMMAND ...]\n",
	    f);
}

static int show_help(void)
{
	usage(stdout);
	printf(
	    "\n"
	    "install   let the kernel start riscv64 programs through metic,\n"
	    "          until the next boot; needs root\n"
	    "  --replace     also when another program does it now\n"
	    "  --persistent  at each boot, by " PERSISTENT "\n"
	    "remove    undo that\n"
	    "status    what runs riscv64 programs; status 0 if anything does\n"
	    "  --json        for programs\n"
	    "--user    run COMMAND (a shell) where riscv64 programs run\n"
	    "          through metic, changing nothing outside and without\n"
	    "          root; needs Linux 6.7\n"
	    "  --root        be root in there\n");
	return 0;
}

static int parse(struct request *r, int argc, char **argv)
{
	static const char *const names[] = { "install", "remove", "status",
		"--user", "--replace", "--persistent", "--json", "--root",
		"--help", NULL };
	bool *const flags[] = { NULL, NULL, NULL, &r->user, &r->replace,
		&r->persistent, &r->json, &r->root, &r->help };
	int i = 1;
	for (; i < argc; i++) {
		unsigned k = 0;
		if (!strcmp(argv[i], "--") && r->user) {
			i++;
			break;
		}
		if (r->user && argv[i][0] != '-')
			break;
		while (names[k] && strcmp(argv[i], names[k]) != 0)
			k++;
		if (!strcmp(argv[i], "-h")) {
			r->help = true;
		} else if (!names[k] || (!flags[k] && r->cmd)) {
			const char *meant = nearest(argv[i], names);
			fprintf(stderr, "metic: binfmt %s: not understood",
			    argv[i]);
			if (!names[k] && meant)
				fprintf(stderr, ", did you mean %s?", meant);
			fputs("\n", stderr);
			return EXIT_USAGE;
		} else if (flags[k]) {
			*flags[k] = true;
		} else {
			r->cmd = names[k];
		}
	}
	r->command = argv + i;
	return 0;
}

int binfmt_command(int argc, char **argv)
{
	struct request r = { 0 };
	int status = parse(&r, argc, argv);
	if (status)
		return status;
	if (r.help)
		return show_help();
	if (r.user && !r.cmd)
		return do_user(&r);
	if (r.cmd && !r.user && !strcmp(r.cmd, "install"))
		return do_install(&r);
	if (r.cmd && !r.user && !strcmp(r.cmd, "remove"))
		return do_remove();
	if (r.cmd && !r.user && !strcmp(r.cmd, "status"))
		return do_status(r.json);
	usage(stderr);
	return EXIT_USAGE;
}
