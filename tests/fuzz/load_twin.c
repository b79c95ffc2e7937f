/*
 * load_twin.c - running what was loaded, and a native program of the same
 * shape: the kernel says whether it can be loaded and what it finds then.
 */
#include "tests/fuzz/load.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 10 /* a program that was damaged may never end */

/* Of the child that is under way; in memory of both. */
static struct ld_end *shared(void)
{
	void *p = mmap(NULL, sizeof(struct ld_end), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Wait for the child; what it did not say itself is in its status. */
static struct ld_end reap(pid_t pid, struct ld_end *e, bool says)
{
	struct ld_end end = { .err = -EAGAIN };
	int status;

	if (e && pid > 0 && waitpid(pid, &status, 0) == pid) {
		end = *e;
		if (!says && !end.err) {
			end.signaled = WIFSIGNALED(status);
			end.status = end.signaled ? WTERMSIG(status) :
						    WEXITSTATUS(status);
		} else if (WIFSIGNALED(status)) { /* metic itself */
			end.err = -1000 - WTERMSIG(status);
		}
	}
	if (e)
		munmap(e, sizeof(*e));
	return end;
}

struct ld_end ld_run(struct metic_vm *vm)
{
	struct ld_end *e = shared();
	struct linux_exit ex;
	pid_t pid = e ? fork() : -1;

	if (pid == 0) {
		alarm(SECONDS);
		e->err = linux_run(vm, &ex);
		e->signaled = ex.signaled;
		e->status = ex.status;
		_exit(0);
	}
	return reap(pid, e, true);
}

struct ld_end ld_run_native(const struct ld_world *w)
{
	const struct rlimit none = { 0, 0 };
	struct ld_end *e = shared();
	pid_t pid = e ? fork() : -1;

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		alarm(SECONDS);
		/* metic's handlers are reset by execve */
		if (fchdir(w->native) == 0)
			execve(w->c.prog, w->c.argv, w->c.envp);
		e->err = -errno;
		_exit(0);
	}
	return reap(pid, e, false);
}

/*
 * What metic refuses and Linux does not, in words of the reason. Each is no
 * program that a linker makes, and its message says what is wrong with it.
 */
static bool is_stricter(const char *why)
{
	static const char *const reasons[] = {
		"overlap", /* Linux: the last one wins */
		"nothing to load", /* but an interpreter, which is run */
		"are not free here", /* Linux: the interpreter goes over it */
		"truncated in segment", /* SIGBUS when it is touched */
		"a program for x86-64", /* a host program's file */
		"bad ELF class", /* riscv64's Linux refuses it, x86's not */
		"a 32-bit program", /* the same */
		"byte order", /* Linux does not look at this */
		"big-endian", /* nor this */
		"ELF version", /* nor this */
	};

	for (u32 k = 0; k < ARRAY_LEN(reasons); k++)
		if (strstr(why, reasons[k]))
			return true;
	return false;
}

bool ld_equal(const struct ld_end *metic, const struct ld_end *native,
    const char *why, bool *stricter)
{
	*stricter = false;
	if (native->err)
		return metic->err != 0;
	/* Or execve fails when it is too late; what lies beside a segment
	   that ends early is not the same. */
	if (native->signaled)
		return true;
	if (metic->err) {
		*stricter = is_stricter(why);
		return *stricter;
	}
	return !metic->signaled && metic->status == native->status;
}
