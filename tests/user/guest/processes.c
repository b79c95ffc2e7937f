/* Processes: fork, vfork, posix_spawn, execve in all their forms. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

extern char **environ;
static char self[4096];

static int wait_status(pid_t pid)
{
	int st;
	CHECK(pid > 0);
	CHECK(waitpid(pid, &st, 0) == pid);
	return st;
}

/* What the program does when it is started as a child. */
static int child_main(int argc, char **argv)
{
	if (!strcmp(argv[1], "status"))
		return atoi(argv[2]);
	if (!strcmp(argv[1], "args")) {
		CHECK(argc == 4 && !strcmp(argv[0], "zero"));
		CHECK(!strcmp(argv[2], "") && !strcmp(argv[3], "a b\n*"));
		CHECK(!strcmp(getenv("METIC_TEST"), "x=y"));
		CHECK(environ[1] == NULL);
		return 33;
	}
	if (!strcmp(argv[1], "signals")) {
		sigset_t now;
		struct sigaction sa;
		sigprocmask(SIG_BLOCK, NULL, &now);
		CHECK(sigismember(&now, SIGUSR2));
		CHECK(!sigismember(&now, SIGUSR1));
		CHECK(sigaction(SIGHUP, NULL, &sa) == 0);
		CHECK(sa.sa_handler == SIG_IGN);
		CHECK(sigaction(SIGSEGV, NULL, &sa) == 0);
		CHECK(sa.sa_handler == SIG_IGN);
		CHECK(sigaction(SIGUSR1, NULL, &sa) == 0);
		CHECK(sa.sa_handler == SIG_DFL);
		return 44;
	}
	if (!strcmp(argv[1], "fds")) {
		CHECK(fcntl(atoi(argv[2]), F_GETFD) == 0);
		CHECK(fcntl(atoi(argv[3]), F_GETFD) < 0 && errno == EBADF);
		/* nobody else's descriptors in low places */
		int fd = open("/dev/null", O_RDONLY);
		CHECK(fd == atoi(argv[3]));
		return 55;
	}
	return 99;
}

static void test_fork(void)
{
	volatile int x = 1;
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(x == 1 && getppid() > 0);
		x = 2;
		pid_t in = fork();
		if (in == 0)
			_exit(6);
		_exit(WEXITSTATUS(wait_status(in)) + 1);
	}
	int st = wait_status(pid);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 7 && x == 1);
	CHECK(waitpid(-1, &st, 0) < 0 && errno == ECHILD);
}

static volatile int shared;

static void test_vfork(void)
{
	for (int i = 0; i < 50; i++) {
		pid_t pid = vfork();
		if (pid == 0) {
			shared = 100 + i;
			_exit(i);
		}
		CHECK(shared == 100 + i);
		CHECK(WEXITSTATUS(wait_status(pid)) == i);
	}
	char *argv[] = { "x", "status", "3", NULL };
	pid_t pid = vfork();
	if (pid == 0) {
		execve("/nonexistent", argv, environ);
		shared = errno;
		execve(self, argv, environ);
		_exit(1);
	}
	CHECK(shared == ENOENT);
	CHECK(WEXITSTATUS(wait_status(pid)) == 3);
}

static void test_spawn(void)
{
	char *argv[] = { "x", "status", "12", NULL };
	pid_t pid;
	CHECK(posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0);
	CHECK(WEXITSTATUS(wait_status(pid)) == 12);
	CHECK(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ) ==
	    ENOENT);
	CHECK(posix_spawn(&pid, "/tmp", NULL, NULL, argv, environ) == EACCES);
	/* handlers of the parent survive the child's resetting them */
	struct sigaction sa;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = (void (*)(int))(void *)test_fork;
	sigaction(SIGUSR1, &sa, NULL);
	posix_spawnattr_t at;
	sigset_t all;
	sigfillset(&all);
	posix_spawnattr_init(&at);
	posix_spawnattr_setsigdefault(&at, &all);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF);
	CHECK(posix_spawn(&pid, self, NULL, &at, argv, environ) == 0);
	CHECK(WEXITSTATUS(wait_status(pid)) == 12);
	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0);
	CHECK(sa.sa_handler == (void (*)(int))(void *)test_fork);
	sa.sa_handler = SIG_DFL;
	sigaction(SIGUSR1, &sa, NULL);
	CHECK(WEXITSTATUS(system("exit 5")) == 5);
	FILE *f = popen("echo hello", "r");
	char buf[16];
	CHECK(f && fgets(buf, sizeof(buf), f) && !strcmp(buf, "hello\n"));
	CHECK(pclose(f) == 0);
}

static void test_exec(void)
{
	char *argv[] = { "zero", "args", "", "a b\n*", NULL };
	char *env[] = { "METIC_TEST=x=y", NULL };
	pid_t pid = fork();
	if (pid == 0) {
		execve(self, argv, env);
		_exit(1);
	}
	CHECK(WEXITSTATUS(wait_status(pid)) == 33);
	pid = fork();
	if (pid == 0) {
		char *sig[] = { "x", "signals", NULL };
		sigset_t set;
		signal(SIGHUP, SIG_IGN);
		signal(SIGSEGV, SIG_IGN);
		signal(SIGUSR1, (void (*)(int))(void *)test_fork);
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigprocmask(SIG_SETMASK, &set, NULL);
		execve("/proc/self/exe", sig, environ);
		_exit(1);
	}
	CHECK(WEXITSTATUS(wait_status(pid)) == 44);
	int keep = open("/dev/null", O_RDONLY);
	int drop = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char a[16], b[16];
	snprintf(a, sizeof(a), "%d", keep);
	snprintf(b, sizeof(b), "%d", drop);
	pid = fork();
	if (pid == 0) {
		char *fds[] = { "x", "fds", a, b, NULL };
		execve(self, fds, environ);
		_exit(1);
	}
	CHECK(WEXITSTATUS(wait_status(pid)) == 55);
	close(keep);
	close(drop);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (int)strlen(text));
	close(fd);
	CHECK(chmod(name, mode) == 0);
}

static void test_exec_errors(void)
{
	char name[64], *argv[] = { "x", "status", "21", NULL };
	snprintf(name, sizeof(name), "/tmp/metic-exec-%d", getpid());
	CHECK(execve("/nonexistent", argv, environ) < 0 && errno == ENOENT);
	CHECK(execve("/tmp", argv, environ) < 0 && errno == EACCES);
	CHECK(execve("/dev/null/x", argv, environ) < 0 && errno == ENOTDIR);
	write_file(name, "rubbish", 0700);
	CHECK(execve(name, argv, environ) < 0 && errno == ENOEXEC);
	write_file(name, "", 0700);
	CHECK(execve(name, argv, environ) < 0 && errno == ENOEXEC);
	write_file(name, "#!/nonexistent\n", 0700);
	CHECK(execve(name, argv, environ) < 0 && errno == ENOENT);
	write_file(name, "#!/bin/true\n", 0600);
	CHECK(execve(name, argv, environ) < 0 && errno == EACCES);
	char **volatile bad = (char **)16;
	CHECK(execve(self, bad, environ) < 0 && errno == EFAULT);
	/* a script of ours: interpreter, argument, script, rest */
	char text[4200];
	snprintf(text, sizeof(text), "#!%s status\n", self);
	write_file(name, text, 0700);
	pid_t pid = fork();
	if (pid == 0) {
		execve(name, argv, environ);
		_exit(1);
	}
	/* "status" <script name>: atoi of a path is 0 */
	if (strlen(self) < 200)
		CHECK(WEXITSTATUS(wait_status(pid)) == 0);
	unlink(name);
}

static void test_fexecve(void)
{
	char *argv[] = { "x", "status", "66", NULL };
	int fd = open(self, O_RDONLY | O_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0) {
		fexecve(fd, argv, environ);
		_exit(1);
	}
	CHECK(WEXITSTATUS(wait_status(pid)) == 66);
	int mem = memfd_create("prog", 0);
	char buf[65536];
	ssize_t n;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		CHECK(write(mem, buf, (size_t)n) == n);
	pid = fork();
	if (pid == 0) {
		fexecve(mem, argv, environ);
		_exit(1);
	}
	CHECK(WEXITSTATUS(wait_status(pid)) == 66);
	close(fd);
	close(mem);
}

static void test_wait(void)
{
	siginfo_t si;
	struct rusage ru;
	int st;
	pid_t pid = fork();
	if (pid == 0)
		_exit(11);
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK(
	    si.si_pid == pid && si.si_status == 11 && si.si_code == CLD_EXITED);
	CHECK(wait4(pid, &st, 0, &ru) == pid && WEXITSTATUS(st) == 11);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		usleep(10000);
		_exit(12);
	}
	CHECK(waitpid(pid, &st, WNOHANG) == 0);
	CHECK(WEXITSTATUS(wait_status(pid)) == 12);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return child_main(argc, argv);
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(n > 0);
	test_fork();
	test_vfork();
	test_spawn();
	test_exec();
	test_exec_errors();
	test_fexecve();
	test_wait();
	puts("ok");
	return 0;
}
