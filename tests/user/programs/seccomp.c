/* seccomp.c - filters: what they decide, and who inherits them. */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../guest/c/check.h"

#if defined(__riscv)
#define ARCH (243 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#else
#define ARCH AUDIT_ARCH_X86_64
#endif
#define FIELD(f) offsetof(struct seccomp_data, f)
#define LOAD(f) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(f))
#define RETURN(v) BPF_STMT(BPF_RET | BPF_K, (v))

static int install(struct sock_filter *f, unsigned short n, unsigned flags)
{
	struct sock_fprog prog = { n, f };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

/* `action` for system call nr, anything else is allowed. */
static int forbid(long nr, unsigned action, unsigned flags)
{
	struct sock_filter f[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		RETURN(action),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return install(f, sizeof(f) / sizeof(f[0]), flags);
}

static volatile int trapped, trap_errno, trap_nr, trap_code, trap_arch;

static void on_sigsys(int sig, siginfo_t *si, void *ctx)
{
	(void)ctx;
	trapped = sig;
	trap_errno = si->si_errno;
	trap_nr = si->si_syscall;
	trap_code = si->si_code;
	trap_arch = (int)si->si_arch == (int)ARCH;
}

/* How a child ends that runs f. */
static int fate(void (*f)(void))
{
	const struct rlimit none = { 0, 0 };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		close(2); /* an emulator may tell why it died */
		f();
		_exit(0);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	return status;
}

static void strict_good(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	syscall(SYS_exit, 7);
}

static void strict_bad(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	syscall(SYS_getppid);
	syscall(SYS_exit, 7);
}

static void kill_process(void)
{
	forbid(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0);
	syscall(SYS_getppid);
}

static void trap_unhandled(void)
{
	forbid(SYS_getppid, SECCOMP_RET_TRAP, 0);
	syscall(SYS_getppid);
}

static void refusals(void)
{
	struct sock_filter end[] = { BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
		RETURN(0) };
	struct sock_filter half[] = { BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
		RETURN(0) };
	struct sock_filter far[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64),
		RETURN(0) };
	struct sock_filter fall[] = { LOAD(nr) };
	struct sock_filter zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0),
		RETURN(0) };
	struct sock_filter mem[] = { BPF_STMT(BPF_ST, 16), RETURN(0) };

	CHECK(prctl(PR_GET_SECCOMP) == 0);
	CHECK(install(end, 2, 0) == -1 && errno == EINVAL);
	CHECK(install(half, 2, 0) == -1 && errno == EINVAL);
	CHECK(install(far, 2, 0) == -1 && errno == EINVAL);
	CHECK(install(fall, 1, 0) == -1 && errno == EINVAL);
	CHECK(install(zero, 2, 0) == -1 && errno == EINVAL);
	CHECK(install(mem, 2, 0) == -1 && errno == EINVAL);
	CHECK(install(end, 0, 0) == -1 && errno == EINVAL);
	CHECK(install(end, 2, 0x8000) == -1 && errno == EINVAL);
	CHECK(install(NULL, 1, 0) == -1 && errno == EINVAL);
	CHECK(install((void *)16, 1, 0) == -1 && errno == EFAULT);
	CHECK(prctl(PR_SET_SECCOMP, 9, 0) == -1 && errno == EINVAL);
	CHECK(prctl(PR_GET_SECCOMP) == 0);
}

/* By argument: getpriority(42, x) is x, divided and shifted, as an error. */
static void arithmetic(void)
{
	struct sock_filter f[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 42, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(args[1]),
		BPF_STMT(BPF_ST, 3),
		BPF_STMT(BPF_LDX | BPF_IMM, 5),
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 1),
		BPF_STMT(BPF_LDX | BPF_MEM, 3),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
		BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};

	CHECK(install(f, sizeof(f) / sizeof(f[0]), 0) == 0);
	for (int x = 5; x < 100; x += 19) {
		errno = 0;
		long r = syscall(SYS_getpriority, 42, x);
		CHECK(r == -1 && errno == ((x / 5 << 1) + x));
	}
}

static void *in_thread(void *arg)
{
	long r = syscall(SYS_getppid);

	*(int *)arg = r == -1 ? errno : 0;
	return NULL;
}

static pthread_barrier_t meet;

static void *before(void *arg)
{
	pthread_barrier_wait(&meet);
	pthread_barrier_wait(&meet);
	return in_thread(arg);
}

static void inheritance(const char *self)
{
	pthread_t th, old;
	int err = 0, old_err = 0, status;
	pid_t pid;

	pthread_barrier_init(&meet, NULL, 2);
	NEED(pthread_create(&old, NULL, before, &old_err) == 0);
	pthread_barrier_wait(&meet);
	CHECK(forbid(SYS_getppid, SECCOMP_RET_ERRNO | 77,
		  SECCOMP_FILTER_FLAG_TSYNC) == 0);
	pthread_barrier_wait(&meet);
	pthread_join(old, NULL);
	CHECK(old_err == 77);
	CHECK(prctl(PR_GET_SECCOMP) == 2);
	CHECK(syscall(SYS_getppid) == -1 && errno == 77);
	NEED(pthread_create(&th, NULL, in_thread, &err) == 0);
	pthread_join(th, NULL);
	CHECK(err == 77);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (syscall(SYS_getppid) != -1 || errno != 77)
			_exit(1);
		execl(self, self, "again", NULL);
		_exit(2);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	CHECK(status == 77 << 8);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys,
		.sa_flags = SA_SIGINFO };
	unsigned allow = SECCOMP_RET_ALLOW, odd = 0x12340000;

	if (argc > 1) /* after execve: what getppid says */
		return syscall(SYS_getppid) == -1 && !getenv("METIC_SECCOMP") ?
		    errno :
		    0;
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	refusals();
	CHECK(fate(strict_good) == 7 << 8);
	CHECK(WTERMSIG(fate(strict_bad)) == SIGKILL);
	CHECK(WTERMSIG(fate(kill_process)) == SIGSYS);
	CHECK(WTERMSIG(fate(trap_unhandled)) == SIGSYS);
	CHECK(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &allow) == 0);
	CHECK(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &odd) == -1 &&
	    errno == EOPNOTSUPP);
	sigaction(SIGSYS, &sa, NULL);
	CHECK(forbid(SYS_getuid, SECCOMP_RET_TRAP | 12, 0) == 0);
	syscall(SYS_getuid);
	CHECK(trapped == SIGSYS && trap_errno == 12 && trap_code == 1);
	CHECK(trap_nr == SYS_getuid && trap_arch);
	CHECK(forbid(SYS_getgid, SECCOMP_RET_TRACE, 0) == 0);
	CHECK(syscall(SYS_getgid) == -1 && errno == ENOSYS);
	CHECK(forbid(SYS_getegid, SECCOMP_RET_LOG, 0) == 0);
	CHECK((gid_t)syscall(SYS_getegid) == getegid());
	arithmetic();
	inheritance(argv[0]);
	return 0;
}
