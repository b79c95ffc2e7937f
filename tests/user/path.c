/*
 * path.c - path translation: sysroot before host, links inside the sysroot,
 * new files, names back to the guest.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/user/linux.h"

static char root[] = "/tmp/metic-root-XXXXXX";
static struct linux_process proc;

static char *in_root(const char *name)
{
	static char buf[4][PATH_MAX];
	static int i;
	i = (i + 1) % 4;
	snprintf(buf[i], sizeof(buf[i]), "%s%s", root, name);
	return buf[i];
}

static void make_file(const char *name)
{
	int fd = open(in_root(name), O_CREAT | O_WRONLY, 0600);
	cr_assert_geq(fd, 0);
	close(fd);
}

static void setup(void)
{
	cr_assert(mkdtemp(root));
	proc.cfg.sysroot = root;
	cr_assert_eq(mkdir(in_root("/lib"), 0700), 0);
	cr_assert_eq(mkdir(in_root("/etc"), 0700), 0);
	cr_assert_eq(mkdir(in_root("/usr"), 0700), 0);
	cr_assert_eq(mkdir(in_root("/usr/bin"), 0700), 0);
	cr_assert_eq(mkdir(in_root("/tmp"), 0700), 0);
	make_file("/lib/real");
	make_file("/tmp/hidden");
	make_file("/usr/bin/tool");
	cr_assert_eq(symlink("/lib/real", in_root("/etc/absolute")), 0);
	cr_assert_eq(symlink("../lib/real", in_root("/etc/relative")), 0);
	cr_assert_eq(symlink("usr/bin", in_root("/bin")), 0);
	cr_assert_eq(symlink("/etc/absolute", in_root("/etc/twice")), 0);
	cr_assert_eq(symlink("/etc/loop", in_root("/etc/loop")), 0);
	cr_assert_eq(symlink("/proc/self", in_root("/etc/me")), 0);
	cr_assert_eq(symlink("../../../..", in_root("/etc/up")), 0);
}

static void teardown(void)
{
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	cr_assert_eq(system(cmd), 0);
}

TestSuite(path, .init = setup, .fini = teardown);

/* Guest path -> path in the sysroot. */
static void expect(const char *guest, unsigned flags, const char *want)
{
	char out[PATH_MAX];
	int r = path_translate(&proc, AT_FDCWD, guest, out, flags);
	cr_assert_eq(r, 0, "%s: %d", guest, r);
	cr_assert_str_eq(out, want, "%s -> %s instead of %s", guest, out, want);
}

Test(path, sysroot_first_then_host)
{
	expect("/lib/real", 0, in_root("/lib/real"));
	expect("//lib/./real", 0, in_root("/lib/real"));
	expect("/usr/../lib/real", 0, in_root("/lib/real"));
	expect("/../../lib/real", 0, in_root("/lib/real"));
	expect("/", 0, in_root("/"));
	expect("/lib/", 0, in_root("/lib/"));
	expect("/etc/passwd", 0, "/etc/passwd");
	expect("/usr/bin/env", 0, "/usr/bin/env");
}

Test(path, links_inside_the_sysroot)
{
	expect("/etc/absolute", 0, in_root("/lib/real"));
	expect("/etc/relative", 0, in_root("/lib/real"));
	expect("/etc/twice", 0, in_root("/lib/real"));
	expect("/bin/tool", 0, in_root("/usr/bin/tool"));
	expect("/etc/absolute", PATH_NOFOLLOW, in_root("/etc/absolute"));
	expect("/bin/tool", PATH_NOFOLLOW, in_root("/usr/bin/tool"));
	expect("/etc/up/lib/real", 0, in_root("/lib/real"));
	expect("/etc/me/status", 0, "/proc/self/status");
	expect("/bin/env", 0, "/usr/bin/env");
	char out[PATH_MAX];
	cr_assert_eq(
	    path_translate(&proc, AT_FDCWD, "/etc/loop", out, 0), -ELOOP);
	expect("/etc/loop", PATH_NOFOLLOW, in_root("/etc/loop"));
}

/* As somebody who is not root. */
static int without_rights(const char *guest)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char out[PATH_MAX];
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(1);
		_exit(-path_translate(&proc, AT_FDCWD, guest, out, 0));
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

Test(path, dots_need_the_right_to_search)
{
	cr_assert_eq(chmod(root, 0755), 0);
	cr_assert_eq(mkdir(in_root("/shut"), 0600), 0);
	cr_assert_eq(symlink("/shut", in_root("/way")), 0);
	cr_assert_eq(without_rights("/way"), 0);
	cr_assert_eq(without_rights("/way/."), EACCES);
	cr_assert_eq(without_rights("/way/.."), EACCES);
}

Test(path, host_directories_are_the_hosts)
{
	expect("/tmp/hidden", 0, "/tmp/hidden");
	expect("/proc/self/exe", 0, "/proc/self/exe");
	expect("/dev/null", 0, "/dev/null");
	expect("/tmpx", 0, in_root("/tmpx"));
}

Test(path, new_names_go_to_their_directory)
{
	expect("/lib/new", PATH_ENTRY, in_root("/lib/new"));
	expect("/bin/new", PATH_ENTRY, in_root("/usr/bin/new"));
	expect("/nowhere/new", PATH_ENTRY, "/nowhere/new");
	expect("/tmp/new", PATH_ENTRY, "/tmp/new");
}

/* mkdir("link/") says EEXIST even if the link leads nowhere. */
Test(path, entries_are_not_followed)
{
	expect("/etc/absolute/", PATH_ENTRY, in_root("/etc/absolute/"));
	expect("/etc/loop//", PATH_ENTRY, in_root("/etc/loop/"));
	expect("/bin/tool/", PATH_ENTRY, in_root("/usr/bin/tool/"));
	expect("/lib/new/", PATH_ENTRY, in_root("/lib/new/"));
	expect("/etc/absolute/", PATH_NOFOLLOW, in_root("/lib/real/"));
}

Test(path, relative_paths)
{
	char out[PATH_MAX], cwd[PATH_MAX];
	expect("some/file", 0, "some/file");
	cr_assert_eq(path_translate(&proc, AT_FDCWD, "", out, 0), -ENOENT);
	expect("", PATH_EMPTY, "");
	cr_assert(getcwd(cwd, sizeof(cwd)));
	cr_assert_eq(chdir(in_root("/etc")), 0);
	expect("absolute", 0, in_root("/lib/real"));
	expect("../lib/real", 0, in_root("/lib/real"));
	expect("../../../..", 0, in_root("/"));
	cr_assert_eq(chdir(cwd), 0);
	int fd = open(in_root("/etc"), O_RDONLY | O_DIRECTORY);
	cr_assert_eq(path_translate(&proc, fd, "twice", out, 0), 0);
	cr_assert_str_eq(out, in_root("/lib/real"));
	close(fd);
}

Test(path, limits)
{
	char name[PATH_MAX + 10], out[PATH_MAX];
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[PATH_MAX - 1] = 0;
	/* fits the guest's limit, but not with the sysroot before it */
	cr_assert_eq(
	    path_translate(&proc, AT_FDCWD, name, out, 0), -ENAMETOOLONG);
	for (int i = 1; i < PATH_MAX - 1; i++)
		name[i] = i % 2 ? '.' : '/';
	cr_assert_eq(path_translate(&proc, AT_FDCWD, name, out, 0), 0);
}

Test(path, back_to_the_guest)
{
	char buf[PATH_MAX];
	strcpy(buf, in_root("/lib/real"));
	path_to_guest(&proc, buf);
	cr_assert_str_eq(buf, "/lib/real");
	strcpy(buf, root);
	path_to_guest(&proc, buf);
	cr_assert_str_eq(buf, "/");
	snprintf(buf, sizeof(buf), "%sx/lib", root);
	path_to_guest(&proc, buf);
	cr_assert_neq(buf[4], 'x');
	strcpy(buf, "/etc/passwd");
	path_to_guest(&proc, buf);
	cr_assert_str_eq(buf, "/etc/passwd");
}
