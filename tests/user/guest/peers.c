/* What processes see of each other in /proc, and of themselves. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

extern char **environ;
static char buf[1 << 20], self_exe[4096];

static size_t slurp_fd(int fd)
{
	size_t n = 0;
	ssize_t k;
	CHECK(fd >= 0);
	while ((k = read(fd, buf + n, sizeof(buf) - 1 - n)) > 0)
		n += (size_t)k;
	CHECK(k == 0);
	close(fd);
	buf[n] = 0;
	return n;
}

static size_t slurp(const char *name)
{
	return slurp_fd(open(name, O_RDONLY | O_CLOEXEC));
}

static const char *of(pid_t pid, const char *file)
{
	static char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return path;
}

/* One line of maps that holds `p`, or NULL. */
static char *map_of(const void *p)
{
	for (char *s = strtok(buf, "\n"); s; s = strtok(NULL, "\n")) {
		unsigned long lo, hi;
		CHECK(sscanf(s, "%lx-%lx", &lo, &hi) == 2);
		if ((unsigned long)p >= lo && (unsigned long)p < hi)
			return s;
	}
	return NULL;
}

static unsigned long stat_field(int field)
{
	char *s = strrchr(buf, ')') + 1;
	for (int i = 3; i < field; i++)
		s = strchr(s + 1, ' ');
	return strtoul(s, NULL, 10);
}

/* The process `pid`, which is a copy of ours, made by fork or execve. */
static void check_process(pid_t pid, const char *cmdline, size_t n)
{
	char text[4096];
	struct stat a, b;

	ssize_t k = readlink(of(pid, "exe"), text, sizeof(text));
	CHECK(k == (ssize_t)strlen(self_exe) && !memcmp(text, self_exe, k));
	CHECK(stat(of(pid, "exe"), &a) == 0 && stat(self_exe, &b) == 0);
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	CHECK(lstat(of(pid, "exe"), &a) == 0 && S_ISLNK(a.st_mode));
	CHECK(access(of(pid, "exe"), X_OK) == 0);
	slurp(of(pid, "exe"));
	CHECK(!memcmp(buf, "\177ELF", 4));
	CHECK(open(of(pid, "exe"), O_RDONLY | O_NOFOLLOW) == -1);
	CHECK(errno == ELOOP);
	CHECK(slurp(of(pid, "cmdline")) == n && !memcmp(buf, cmdline, n));
	n = slurp(of(pid, "environ"));
	CHECK(n > 0 && !strcmp(buf, environ[0]));
	slurp(of(pid, "comm"));
	CHECK(!strncmp(buf, "peers", 5));
	slurp(of(pid, "status"));
	CHECK(!strncmp(buf, "Name:\tpeers", 11));
	unsigned long kb, pages, want;
	CHECK(sscanf(strstr(buf, "VmSize:"), "VmSize: %lu", &kb) == 1);
	slurp(of(pid, "statm"));
	CHECK(sscanf(buf, "%lu", &pages) == 1 && 4 * pages == kb);
	CHECK(pages < 100000);
	slurp(of(pid, "stat"));
	CHECK(stat_field(23) == 4 * 1024 * pages);
	want = (unsigned long)environ[0];
	CHECK(stat_field(50) != 0 && (pid != getpid() || want));
	slurp(of(pid, "auxv"));
	CHECK(buf[0] != 0);
	slurp(of(pid, "limits"));
	CHECK(strstr(buf, "Max open files"));
}

/* The memory of a forked child is like ours. */
static void check_memory(pid_t pid)
{
	char *line;

	slurp(of(pid, "maps"));
	CHECK((line = map_of((void *)check_memory)) && strstr(line, self_exe));
	CHECK(strstr(line, "r-xp"));
	slurp(of(pid, "maps"));
	CHECK((line = map_of(&line)) && strstr(line, "[stack]"));
	slurp(of(pid, "smaps"));
	CHECK(strstr(buf, self_exe) && strstr(buf, "Rss:"));
	CHECK(strstr(buf, "[stack]") && !strstr(buf, "metic"));
}

static char **args; /* of main */

static size_t join(char *out, char **v)
{
	size_t n = 0;
	for (; *v; v++) {
		memcpy(out + n, *v, strlen(*v) + 1);
		n += strlen(*v) + 1;
	}
	return n;
}

static pid_t spawn(int by_exec, int fds[2])
{
	static char *child[] = { "some name", "child", "three", NULL };
	int in[2], out[2];
	char c;

	CHECK(pipe(in) == 0 && pipe(out) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		if (by_exec) {
			execve("/proc/self/exe", child, environ);
			_exit(3);
		}
		CHECK(write(1, "x", 1) == 1);
		CHECK(read(0, &c, 1) == 0);
		_exit(0);
	}
	close(in[0]);
	close(out[1]);
	CHECK(read(out[0], &c, 1) == 1);
	fds[0] = in[1];
	fds[1] = out[0];
	return pid;
}

static void end(pid_t pid, int fds[2])
{
	int st;
	close(fds[0]);
	close(fds[1]);
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
}

static void test_processes(void)
{
	static char cmd[65536];
	int fds[2];
	size_t n = join(cmd, args);

	check_process(getpid(), cmd, n);
	check_memory(getpid());
	pid_t pid = spawn(0, fds);
	check_process(pid, cmd, n);
	check_memory(pid);
	end(pid, fds);

	static const char child[] = "some name\0child\0three";
	pid = spawn(1, fds);
	slurp(of(pid, "comm"));
	CHECK(!strcmp(buf, "exe\n"));
	CHECK(slurp(of(pid, "cmdline")) == sizeof(child));
	CHECK(!memcmp(buf, child, sizeof(child)));
	ssize_t k = readlink(of(pid, "exe"), buf, sizeof(buf));
	CHECK(k == (ssize_t)strlen(self_exe) && !memcmp(buf, self_exe, k));
	slurp(of(pid, "maps"));
	CHECK(strstr(buf, self_exe) && !strstr(buf, "metic"));
	/* relative to its directory, and by odd names */
	int dir = open(of(pid, ""), O_RDONLY | O_DIRECTORY);
	CHECK(slurp_fd(openat(dir, "cmdline", O_RDONLY)) == sizeof(child));
	slurp_fd(openat(dir, "maps", O_RDONLY));
	CHECK(strstr(buf, self_exe));
	k = readlinkat(dir, "exe", buf, sizeof(buf));
	CHECK(k == (ssize_t)strlen(self_exe) && !memcmp(buf, self_exe, k));
	slurp_fd(openat(dir, "exe", O_RDONLY));
	CHECK(!memcmp(buf, "\177ELF", 4));
	close(dir);
	snprintf(buf, sizeof(buf), "/proc/.//%d/task/%d/maps", pid, pid);
	slurp(buf);
	CHECK(strstr(buf, self_exe) && strstr(buf, "[stack]"));
	CHECK(chdir(of(pid, "")) == 0);
	slurp("maps");
	CHECK(strstr(buf, self_exe));
	CHECK(chdir("/") == 0);
	end(pid, fds);
	CHECK(open(of(pid, "maps"), O_RDONLY) == -1 && errno == ENOENT);
	CHECK(readlink(of(pid, "exe"), buf, 8) == -1 && errno == ENOENT);
	/* nothing of a process that is somebody else's */
	CHECK(slurp(of(1, "stat")) > 0);
	slurp("/proc/thread-self/maps");
	CHECK(strstr(buf, self_exe));
	if (geteuid())
		CHECK(open("/proc/self/maps", O_WRONLY) == -1);
	int fd = open("/proc/self/maps", O_RDONLY);
	CHECK(write(fd, "x", 1) == -1 && errno == EBADF);
	CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0);
	close(fd);
}

/* A zombie has nothing but a name. */
static void test_zombie(void)
{
	siginfo_t si;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK(slurp(of(pid, "cmdline")) == 0);
	slurp(of(pid, "stat"));
	CHECK(strstr(buf, "(peers"));
	CHECK(readlink(of(pid, "exe"), buf, 8) == -1 && errno == ENOENT);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* The title that a program gives itself (setproctitle). */
static void test_title(void)
{
	char *s = strdup(args[0]);
	memset(args[0], 'X', strlen(args[0]));
	slurp("/proc/self/cmdline");
	CHECK(buf[0] == 'X' && strlen(buf) == strlen(s));
	pid_t me = getpid(), pid = fork();
	int st;
	if (pid == 0) {
		slurp(of(me, "cmdline"));
		CHECK(buf[0] == 'X' && strlen(buf) == strlen(s));
		_exit(0);
	}
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	strcpy(args[0], s);
	free(s);
}

static void test_names(void)
{
	CHECK(prctl(PR_SET_NAME, "other") == 0);
	slurp(of(getpid(), "comm"));
	CHECK(!strcmp(buf, "other\n"));
	slurp("/proc/self/status");
	CHECK(!strncmp(buf, "Name:\tother\n", 12));
	CHECK(prctl(PR_SET_NAME, "peers") == 0);
}

/* The program's file gets another name, then none. */
static void test_moved(void)
{
	char name[64], other[64];
	int fds[2];

	snprintf(name, sizeof(name), "/tmp/peers%d", (int)getpid());
	snprintf(other, sizeof(other), "%s.new", name);
	size_t n = slurp("/proc/self/exe");
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	CHECK(fd >= 0 && write(fd, buf, n) == (ssize_t)n && close(fd) == 0);
	char *child[] = { name, "child", NULL };
	int in[2], out[2];
	CHECK(pipe(in) == 0 && pipe(out) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		execve(name, child, environ);
		_exit(3);
	}
	close(in[0]);
	close(out[1]);
	fds[0] = in[1];
	fds[1] = out[0];
	CHECK(read(out[0], buf, 1) == 1);
	CHECK(rename(name, other) == 0);
	ssize_t k = readlink(of(pid, "exe"), buf, sizeof(buf));
	CHECK(k == (ssize_t)strlen(other) && !memcmp(buf, other, k));
	CHECK(unlink(other) == 0);
	k = readlink(of(pid, "exe"), buf, sizeof(buf) - 1);
	CHECK(k > 0);
	buf[k] = 0;
	CHECK(!strncmp(buf, other, strlen(other)));
	CHECK(!strcmp(buf + strlen(other), " (deleted)"));
	end(pid, fds);
}

/* Descriptors that are listed, opened and found by trying are the same. */
static void test_descriptors(const char *dirname, int counts)
{
	static const char *const where[] = { "/proc/self/fd", "/dev/fd",
		"/proc/self/fdinfo" };
	char path[300];
	struct stat st;
	int listed = 0, tried = 0;

	DIR *d = opendir(dirname);
	CHECK(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		int fd = atoi(e->d_name);
		listed++;
		CHECK(fcntl(fd, F_GETFD) >= 0);
		snprintf(path, sizeof(path), "%s/%d", dirname, fd);
		CHECK(lstat(path, &st) == 0);
	}
	for (int fd = 0; fd < 1100; fd++) {
		if (fcntl(fd, F_GETFD) >= 0) {
			tried++;
			continue;
		}
		for (int i = 0; i < 3; i++) {
			snprintf(path, sizeof(path), "%s/%d", where[i], fd);
			CHECK(open(path, O_RDONLY) == -1 && errno == ENOENT);
			CHECK(readlink(path, path + 200, 64) == -1);
			CHECK(errno == ENOENT);
			CHECK(lstat(path, &st) == -1 && errno == ENOENT);
		}
		snprintf(path, sizeof(path), "%d", fd);
		CHECK(openat(dirfd(d), path, O_RDONLY) == -1);
		CHECK(errno == ENOENT);
		CHECK(readlinkat(dirfd(d), path, path + 200, 64) == -1);
	}
	closedir(d);
	CHECK(!counts || listed == tried);
}

static int count(const char *dirname)
{
	int n = 0;
	DIR *d = opendir(dirname);
	CHECK(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* One that has worked for a while: its threads are those that it made. */
static void test_worker(void)
{
	int fds[2];
	char c;

	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct timespec from, now;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		clock_gettime(CLOCK_MONOTONIC, &from);
		do
			clock_gettime(CLOCK_MONOTONIC, &now);
		while ((now.tv_sec - from.tv_sec) * 1000000000 + now.tv_nsec -
			from.tv_nsec <
		    60000000);
		CHECK(write(fds[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(read(fds[0], &c, 1) == 1);
	CHECK(count(of(pid, "task")) == 3); /* "." and "..", too */
	slurp(of(pid, "status"));
	CHECK(strstr(buf, "\nThreads:\t1\n"));
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	char c;

	if (argc > 1 && !strcmp(argv[1], "child")) {
		CHECK(write(1, "x", 1) == 1);
		CHECK(read(0, &c, 1) == 0);
		return 0;
	}
	ssize_t n = readlink("/proc/self/exe", self_exe, sizeof(self_exe) - 1);
	CHECK(n > 0 && strstr(self_exe, "peers"));
	args = argv;
	test_processes();
	test_zombie();
	test_title();
	test_names();
	test_moved();
	test_worker();
	test_descriptors("/proc/self/fd", 1);
	test_descriptors("/dev/fd", 1);
	test_descriptors("/proc/thread-self/fdinfo", 1);
	/* those of a child, which has what we have but the directory */
	int fds[2];
	int own = count("/proc/self/fd");
	pid_t pid = spawn(0, fds);
	CHECK(count(of(pid, "fd")) == own + 1);
	CHECK(count(of(pid, "fdinfo")) == own + 1);
	end(pid, fds);
	puts("ok");
	return 0;
}
