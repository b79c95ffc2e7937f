/* processes.c - fork, wait, pipes, vfork, spawn, and exec of itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

extern char **environ;
static int inherited = 5;

static int status_of(pid_t pid)
{
	int status = -1;

	NEED(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void forks(void)
{
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[10];

	NEED(shared != MAP_FAILED);
	for (int i = 0; i < 10; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			inherited += i;
			__atomic_add_fetch(shared, inherited, __ATOMIC_SEQ_CST);
			_exit(20 + i);
		}
	}
	for (int i = 9; i >= 0; i--)
		CHECK(status_of(pid[i]) == 20 + i);
	CHECK(inherited == 5 && *shared == 95);
	CHECK(wait(NULL) == -1 && errno == ECHILD);
	pid[0] = fork();
	if (pid[0] == 0) {
		pause();
		_exit(0);
	}
	CHECK(waitpid(pid[0], NULL, WNOHANG) == 0);
	kill(pid[0], 9);
	CHECK(status_of(pid[0]) == -9);
	/* Grandchildren, so that a fork of a fork is tried. */
	pid[0] = fork();
	if (pid[0] == 0) {
		pid_t child = fork();

		if (child == 0)
			_exit(3);
		_exit(status_of(child) + 1);
	}
	CHECK(status_of(pid[0]) == 4);
}

static void pipes(void)
{
	char buf[4096];
	int p[2];
	size_t total = 0;
	ssize_t n;
	pid_t pid;
	uint64_t h = 1;

	NEED(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		for (int i = 0; i < 100; i++) {
			memset(buf, i, sizeof(buf));
			NEED(write(p[1], buf, sizeof(buf)) == sizeof(buf));
		}
		_exit(0);
	}
	close(p[1]);
	while ((n = read(p[0], buf, 1000)) > 0)
		for (ssize_t i = 0; i < n; i++, total++)
			h = h * 31 + (unsigned char)buf[i];
	printf("read %zu bytes, %016llx\n", total, (unsigned long long)h);
	CHECK(status_of(pid) == 0);
	close(p[0]);
}

/* The child's output comes through a pipe. */
static void run_self(const char *path, const char *what, char **envp)
{
	char *argv[] = { "renamed", (char *)what, "two words", "", NULL };
	char buf[2000];
	int p[2];
	ssize_t n, len = 0;
	pid_t pid;

	NEED(pipe(p) == 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		execve(path, argv, envp);
		_exit(111);
	}
	close(p[1]);
	while ((n = read(p[0], buf + len, sizeof(buf) - 1 - len)) > 0)
		len += n;
	buf[len] = 0;
	close(p[0]);
	printf("%s", buf);
	CHECK(status_of(pid) == 44);
}

static void execs(const char *self)
{
	char *envp[] = { "PRESENT=yes", "EMPTY=", NULL };
	char *none[] = { NULL };
	char *argv[] = { "x", NULL };
	char script[] = "/tmp/metic-script-XXXXXX";
	FILE *f;
	int fd;

	run_self("/proc/self/exe", "child", envp);
	run_self(self, "child", none);
	CHECK(execve("/no/such/file", argv, none) == -1 && errno == ENOENT);
	CHECK(execve("/etc/passwd", argv, none) == -1 && errno == EACCES);
	CHECK(execve("/tmp", argv, none) == -1 && errno == EACCES);
	/* A script whose interpreter is this very program. */
	fd = mkstemp(script);
	NEED(fd >= 0);
	f = fdopen(fd, "w");
	fprintf(f, "#!%s child\nnothing\n", self);
	fchmod(fd, 0700);
	fclose(f);
	fflush(stdout);
	if (fork() == 0) {
		execl(script, "script", "last", (char *)NULL);
		_exit(112);
	}
	wait(&fd);
	CHECK(WIFEXITED(fd) && WEXITSTATUS(fd) == 44);
	unlink(script);
}

static int cloned(void *arg)
{
	*(volatile int *)arg = 77;
	return 9;
}

static void others(const char *self)
{
	char *argv[] = { "spawned", "exit", NULL };
	static char stack[65536] __attribute__((aligned(16)));
	volatile int set = 0;
	pid_t pid;

	pid = vfork();
	if (pid == 0) {
		set = 1;
		_exit(6);
	}
	CHECK(status_of(pid) == 6 && set == 1);
	pid = vfork();
	if (pid == 0) {
		execv(self, argv);
		_exit(1);
	}
	CHECK(status_of(pid) == 45);
	NEED(posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0);
	CHECK(status_of(pid) == 45);
	CHECK(
	    posix_spawn(&pid, "/no/such", NULL, NULL, argv, environ) == ENOENT);
	pid = clone(cloned, stack + sizeof(stack), SIGCHLD, (void *)&set);
	CHECK(status_of(pid) == 9 && set == 1);
	CHECK(system("exit 3") == 3 << 8);
}

static void *forking(void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit((int)(uintptr_t)arg);
	return (void *)(uintptr_t)status_of(pid);
}

/* Fork out of several threads at once, while others compute. */
static void forks_of_threads(void)
{
	pthread_t t[8];
	void *r;
	int bad = 0;

	for (int round = 0; round < 5; round++) {
		for (uintptr_t i = 0; i < 8; i++)
			NEED(!pthread_create(&t[i], NULL, forking, (void *)i));
		for (uintptr_t i = 0; i < 8; i++) {
			pthread_join(t[i], &r);
			bad += (uintptr_t)r != i;
		}
	}
	CHECK(bad == 0);
}

int main(int argc, char **argv)
{
	char self[4096];
	ssize_t n;

	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 45;
	if (argc > 1 && !strcmp(argv[1], "child")) {
		printf("child %d %s|%s|%s %s %s\n", argc,
		    argv[0][0] == '/' ? "script" : argv[0], argv[1],
		    argc > 3 ? "both" : "one",
		    getenv("PRESENT") ? getenv("PRESENT") : "absent",
		    getenv("EMPTY") ? "empty" : "absent");
		return 44;
	}
	setbuf(stdout, NULL);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	NEED(n > 0);
	self[n] = 0;
	forks();
	pipes();
	execs(self);
	others(self);
	forks_of_threads();
	return 0;
}
