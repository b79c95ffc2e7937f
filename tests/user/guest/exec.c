/* What execve refuses, and programs that are only a descriptor. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

extern char **environ;

static char dir[] = "/tmp/execXXXXXX";
static char *args[] = { "exec", "fds", NULL };

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

/* errno of an execve in a vfork child; 0: it ran and was content. */
static int try_exec(const char *path, char **argv)
{
	static volatile int err;
	int st;

	err = 0;
	pid_t pid = vfork();
	if (pid == 0) {
		execve(path, argv, environ);
		err = errno;
		_exit(err ? 0 : 1);
	}
	CHECK(pid > 0 && waitpid(pid, &st, 0) == pid && st == 0);
	return err;
}

static int fail(const char *path)
{
	return try_exec(path, args);
}

static void test_paths(void)
{
	static char name[5000];

	CHECK(fail("./nope") == ENOENT && fail("") == ENOENT);
	CHECK(fail(".") == EACCES);
	put("plain", "\177ELF", 0600);
	CHECK(fail("./plain") == EACCES);
	put("short", "", 0700);
	CHECK(fail("./short") == ENOEXEC);
	put("text", "text\n", 0700);
	CHECK(fail("./text") == ENOEXEC && fail("./text/x") == ENOTDIR);
	CHECK(symlink("loop", "loop") == 0 && fail("./loop") == ELOOP);
	memset(name, 'n', sizeof(name) - 1);
	CHECK(fail(name) == ENAMETOOLONG);
	CHECK(fail((char *)1) == EFAULT);
}

static void test_scripts(void)
{
	char text[400], name[16];

	put("s", "#!/nonexistent\n", 0700);
	CHECK(fail("./s") == ENOENT);
	put("s", "#!  \n", 0700);
	CHECK(fail("./s") == ENOEXEC);
	snprintf(text, sizeof(text), "#!%s/text\n", dir);
	put("s", text, 0700);
	CHECK(fail("./s") == ENOEXEC);
	snprintf(text, sizeof(text), "#!%s/plain\n", dir);
	put("s", text, 0700);
	CHECK(fail("./s") == EACCES);
	memset(text, 'n', sizeof(text) - 1);
	memcpy(text, "#!/", 3);
	text[sizeof(text) - 1] = 0;
	put("s", text, 0700);
	CHECK(fail("./s") == ENOEXEC);
	/* five deep, no more */
	snprintf(text, sizeof(text), "#!%s/self fds\n", dir);
	put("n0", text, 0700);
	for (int i = 1; i < 6; i++) {
		snprintf(text, sizeof(text), "#!%s/n%d\n", dir, i - 1);
		snprintf(name, sizeof(name), "n%d", i);
		put(name, text, 0700);
	}
	CHECK(fail("./n0") == 0 && fail("./n4") == 0);
	CHECK(fail("./n5") == ELOOP);
}

static void test_vectors(void)
{
	static char huge[200000];
	char *one[] = { "exec", huge, NULL };
	static char *many[200];
	char *bad[] = { "exec", (char *)1, NULL };

	memset(huge, 'h', sizeof(huge) - 1);
	CHECK(try_exec("./self", one) == E2BIG);
	huge[130000] = 0;
	for (int i = 0; i < 190; i++)
		many[i] = huge;
	CHECK(try_exec("./self", many) == E2BIG);
	CHECK(try_exec("./self", bad) == EFAULT);
	CHECK(try_exec("./self", (char **)1) == EFAULT);
	CHECK(try_exec("./nope", (char **)1) == ENOENT);
	/* a large one that is allowed, often: it does not pile up */
	many[1] = "fds";
	for (int i = 2; i < 200; i++)
		many[i] = i < 8 ? huge : NULL;
	for (int i = 0; i < 5; i++)
		CHECK(try_exec("./self", many) == 0);
}

static int at(int fd, const char *path, int flags)
{
	int r = (int)syscall(SYS_execveat, fd, path, args, environ, flags);
	return r < 0 ? errno : 0;
}

static void test_at(void)
{
	int fd = open("text", O_RDONLY | O_CLOEXEC);
	int script = open("n0", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && script >= 0 && symlink("self", "link") == 0);
	CHECK(at(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW) == ELOOP);
	CHECK(at(-1, "self", 0) == EBADF && at(-1, "", AT_EMPTY_PATH) == EBADF);
	CHECK(at(AT_FDCWD, "", AT_EMPTY_PATH) == EACCES);
	CHECK(at(fd, "", 0) == ENOENT && at(fd, "x", 0) == ENOTDIR);
	CHECK(at(fd, "", AT_EMPTY_PATH) == ENOEXEC);
	CHECK(at(script, "", AT_EMPTY_PATH) == ENOENT);
	CHECK(at(AT_FDCWD, "self", 0x10) == EINVAL);
	close(fd);
	close(script);
}

/* Descriptors that a program has inherited; metic's own are higher. */
static int count_fds(void)
{
	int n = 0;
	for (int fd = 3; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) == 0;
	return n;
}

static void test_memory_file(int keep)
{
	int m = memfd_create("m", keep ? 0 : MFD_CLOEXEC), st;
	int in = open("self", O_RDONLY | O_CLOEXEC);
	static char buf[1 << 16];
	char *argv[] = { "exec", keep ? "one" : "fds", "memory", NULL };
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK(write(m, buf, (size_t)n) == n);
	close(in);
	pid_t pid = fork();
	if (pid == 0) {
		fexecve(m, argv, environ);
		_exit(9);
	}
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	close(m);
}

static void copy_self(void)
{
	static char buf[1 << 16];
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open("self", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	ssize_t n;

	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)n) == n);
	CHECK(fail("./self") == ETXTBSY);
	close(in);
	close(out);
}

int main(int argc, char **argv)
{
	if (argc > 1) { /* the program executed */
		char link[64] = "";
		CHECK(!getenv("METIC_EXECFD"));
		CHECK(count_fds() == !strcmp(argv[1], "one"));
		CHECK(readlink("/proc/self/exe", link, sizeof(link) - 1) > 0);
		if (argc > 2 && !strcmp(argv[2], "memory"))
			CHECK(strstr(link, "memfd:m"));
		int fd = open("/proc/self/exe", O_RDONLY);
		CHECK(fd >= 0 && read(fd, link, 4) == 4);
		return memcmp(link, "\177ELF", 4) != 0;
	}
	CHECK(mkdtemp(dir) && chdir(dir) == 0);
	close_range(3, ~0u, 0);
	copy_self();
	test_paths();
	test_scripts();
	test_vectors();
	test_at();
	test_memory_file(0);
	test_memory_file(1);
	CHECK(chdir("/") == 0);
	if (fork() == 0)
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
	wait(NULL);
	puts("ok");
	return 0;
}
