/*
 * gdb_target.c - see gdb_target.h: debug_ops of a Linux process.
 *
 * Memory is touched through /proc/self/mem, which minds no protection (text
 * is written into a copy of its page, as ptrace does), and only where the
 * guest has mapped something. Signals whose default ends or stops the process
 * are taken over from the host while a debugger is there, so that it sees
 * them first; those that are ignored never come, as the host keeps them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/debug/debug.h"
#include "runtime/user/gdb_target.h"
#include "runtime/user/process.h"
#include "runtime/user/signal.h"

static struct linux_task *task_of(struct debug_thread *t)
{
	return container_of(t, struct linux_task, debug);
}

/* --- debug_ops ----------------------------------------------------------- */

static i64 op_pid(void *ctx)
{
	(void)ctx;
	return getpid();
}

/* The start of /proc/self/task/TID/file as text; false: it is gone. */
static bool read_proc(pid_t tid, const char *file, char *buf, size_t n)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t k = read(fd, buf, n - 1);
	close(fd);
	buf[k > 0 ? k : 0] = 0;
	return k > 0;
}

static void op_name(void *ctx, struct debug_thread *t, char *buf, size_t n)
{
	(void)ctx;
	buf[0] = 0;
	if (read_proc((pid_t)t->id, "comm", buf, n))
		buf[strcspn(buf, "\n")] = 0;
}

static bool op_asleep(void *ctx, struct debug_thread *t)
{
	char buf[128];
	(void)ctx;
	if (!read_proc((pid_t)t->id, "stat", buf, sizeof(buf)))
		return false;
	const char *p = strrchr(buf, ')'); /* behind "PID (COMM)" */
	return p && p[1] == ' ' && strchr("SDT", p[2]);
}

static void op_kick(void *ctx, struct debug_thread *t)
{
	(void)ctx;
	atomic_store(&task_of(t)->debug_kicked, true);
	signal_kick(task_of(t));
}

static void op_inject(void *ctx, struct debug_thread *t, int sig)
{
	const u64 a[6] = { (u64)getpid(), (u64)t->id, (u64)sig };
	(void)ctx;
	atomic_store(&task_of(t)->debug_unseen, sig);
	host_call(SYS_tgkill, a);
}

static size_t copy(struct linux_process *p, gva_t a, void *buf, size_t n,
    ssize_t (*io)(int fd, void *buf, size_t n, off_t at))
{
	size_t done = 0;
	struct map_range r;
	while (
	    done < n && a + done >= a && map_find(&p->vm->map, a + done, &r)) {
		size_t k = MIN(n - done, (size_t)(r.end - (a + done)));
		ssize_t got =
		    io(p->debug_mem, (u8 *)buf + done, k, (off_t)(a + done));
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

static ssize_t do_write(int fd, void *buf, size_t n, off_t at)
{
	return pwrite(fd, buf, n, at);
}

static size_t op_read(void *ctx, gva_t a, void *buf, size_t n)
{
	return copy(ctx, a, buf, n, pread);
}

static size_t op_write(void *ctx, gva_t a, const void *buf, size_t n)
{
	struct linux_process *p = ctx;
	size_t done = copy(p, a, (void *)buf, n, do_write);
	if (done)
		exec_invalidate(p->vm, a, a + done, false);
	return done;
}

static bool op_has_code(void *ctx, gva_t a)
{
	struct linux_process *p = ctx;
	struct map_range r;
	return map_find(&p->vm->map, a, &r);
}

static u8 *op_auxv(void *ctx, size_t *n)
{
	struct linux_process *p = ctx;
	size_t size = (size_t)(p->auxv_end - p->auxv_start);
	u8 *data = malloc(size + 1);
	*n = data ? op_read(ctx, p->auxv_start, data, size) : 0;
	return data;
}

static const char *op_exec_file(void *ctx)
{
	const struct linux_process *p = ctx;
	return p->exe_guest;
}

static int op_host_path(void *ctx, const char *path, char *out)
{
	return path_translate(ctx, AT_FDCWD, path, out, 0);
}

static void op_kill(void *ctx)
{
	(void)ctx;
	kill(getpid(), SIGKILL);
}

/* Tell the host what is wanted of every signal that may end a process. */
static void see_signals(struct linux_process *p, bool see)
{
	pthread_mutex_lock(&p->sig_lock);
	p->debug_signals = see;
	for (int s = 1; s <= LINUX_NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP && p->action[s].handler == 0 &&
		    signal_default_of(s) != SIGNAL_IGNORE)
			signal_host_action(p, s);
	pthread_mutex_unlock(&p->sig_lock);
}

static void op_detached(void *ctx)
{
	struct linux_process *p = ctx;
	if (p->debug_signals)
		see_signals(p, false);
}

static const struct debug_ops ops = {
	.pid = op_pid,
	.name = op_name,
	.asleep = op_asleep,
	.kick = op_kick,
	.inject = op_inject,
	.read = op_read,
	.write = op_write,
	.has_code = op_has_code,
	.auxv = op_auxv,
	.exec_file = op_exec_file,
	.host_path = op_host_path,
	.kill = op_kill,
	.detached = op_detached,
};

/* --- a process's life ---------------------------------------------------- */

int gdb_open(struct linux_process *p, char *why, size_t n)
{
	char said[160];
	if (!p->cfg.gdb)
		return 0;
	p->debug_fds[0] = p->debug_fds[1] = p->debug_mem = -1;
	int r = debug_open(p->cfg.gdb, &p->debug, said, sizeof(said));
	if (r)
		snprintf(why, n, "--gdb: cannot listen on %s: %s", p->cfg.gdb,
		    r == -EINVAL ? "not a PORT, HOST:PORT or unix:PATH" :
				   strerror(-r));
	else if (*said)
		linux_warn(p, "%s", said);
	return r;
}

/* Hidden, and remembered for gdb_forked. */
static int hide(void *ctx, int fd)
{
	struct linux_process *p = ctx;
	fd = linux_fd_hide(p, fd);
	p->debug_fds[p->debug_fds[0] >= 0] = fd;
	return fd;
}

int gdb_connect(struct linux_process *p)
{
	if (!p->debug)
		return 0;
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	p->debug_mem = linux_fd_hide(p, fd);
	if (p->debug_mem < 0)
		return p->debug_mem;
	return debug_start(p->debug, p->vm, &ops, p, hide);
}

void gdb_begin(struct linux_process *p)
{
	if (p->debug)
		see_signals(p, true);
}

void gdb_thread(struct linux_task *t)
{
	if (t->p->debug)
		debug_thread_add(t->p->debug, &t->debug, t->v, t->tid);
}

static void drop_fds(struct linux_process *p)
{
	linux_fd_drop(p, p->debug_fds[0]);
	linux_fd_drop(p, p->debug_fds[1]);
	linux_fd_drop(p, p->debug_mem);
}

void gdb_end(struct linux_process *p)
{
	if (!p->debug)
		return;
	debug_exited(p->debug, p->end.signaled, p->end.status);
	drop_fds(p);
	p->debug = NULL;
}

void gdb_forked(struct linux_task *t)
{
	struct linux_process *p = t->p;
	if (!p->debug)
		return;
	debug_forget(p->debug, t->v);
	p->debug = NULL;
	memset(&t->debug, 0, sizeof(t->debug));
	drop_fds(p);
	see_signals(p, false);
}

/* --- signals ------------------------------------------------------------- */

bool gdb_kicked(struct linux_task *t)
{
	return t->debug.stub && atomic_exchange(&t->debug_kicked, false);
}

/*
 * The debugger sees an interrupted system call as Linux shows it: about to
 * begin again. What it leaves unchanged is settled by the handler's flags.
 */
int gdb_signal(struct linux_task *t, siginfo_t *info)
{
	struct abi_state *s = &t->v->abi;
	const struct linux_abi *abi = t->p->abi;
	int sig = info->si_signo, restart = t->restart, unseen = sig;

	if (!t->debug.stub ||
	    atomic_compare_exchange_strong(&t->debug_unseen, &unseen, 0))
		return sig;
	if (restart) {
		s->pc -= abi->syscall_len;
		s->state[abi->slot_arg[0]] = t->orig_arg0;
		t->restart = 0;
	}
	gva_t pc = s->pc;
	int now = debug_signal(&t->debug, sig, info, sizeof(*info));
	if (restart && s->pc == pc &&
	    s->state[abi->slot_arg[0]] == t->orig_arg0) {
		s->pc += abi->syscall_len;
		t->restart = restart;
	}
	if (now && now != sig) {
		memset(info, 0, sizeof(*info));
		info->si_signo = now;
		info->si_pid = getpid();
		info->si_uid = getuid();
	}
	return now;
}

/* --- execve -------------------------------------------------------------- */

bool gdb_exec(struct linux_task *t, char *where, size_t n)
{
	if (!t->debug.stub)
		return false;
	debug_before_exec(t->debug.stub, where, n);
	return true;
}

void gdb_exec_failed(struct linux_task *t)
{
	if (t->debug.stub)
		debug_after_exec(t->debug.stub);
}
