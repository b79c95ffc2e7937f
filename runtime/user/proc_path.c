/*
 * proc_path.c - which paths mean files of /proc that speak of a process.
 *
 * Nobody pays for this but who uses such names: an absolute path must start
 * with /proc or /dev/fd, a relative one must end in a name that is made here.
 * Only then is it asked where its directory is.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/user/proc.h"

/* Files whose text or target is not the host's. */
static const char *const names[] = { "auxv", "cmdline", "cpuinfo", "environ",
	"exe", "limits", "maps", "mem", "smaps", "stat", "statm", "status" };

static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == 0;
}

bool proc_is_candidate(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(last, names[i]))
			return true;
	return is_number(last);
}

/* a/b without "." and empty components: false if too long. */
static bool append(char out[PATH_MAX], size_t *n, const char *path)
{
	while (*path) {
		size_t k = strcspn(path, "/");

		if (k && !(k == 1 && path[0] == '.')) {
			if (*n + k + 2 > PATH_MAX)
				return false;
			out[(*n)++] = '/';
			memcpy(out + *n, path, k);
			*n += k;
		}
		path += k + (path[k] == '/');
	}
	out[*n] = 0;
	return true;
}

/* Where a relative path starts. */
static bool start_of(int dirfd, char dir[PATH_MAX])
{
	char link[32];
	ssize_t n;

	if (dirfd == AT_FDCWD)
		return getcwd(dir, PATH_MAX) != NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = readlink(link, dir, PATH_MAX - 1);
	dir[MAX(n, 0)] = 0;
	return n > 0;
}

bool proc_absolute(int dirfd, const char *path, char out[PATH_MAX])
{
	char dir[PATH_MAX] = "";
	size_t n = 0;

	if (path[0] != '/') {
		if (!proc_is_candidate(path) || !start_of(dirfd, dir))
			return false;
	} else if (!strncmp(path, "/dev/fd/", 8)) {
		memcpy(dir, "/proc/self/fd", sizeof("/proc/self/fd"));
		path += 8;
	} else if (path[1] != 'p' && path[1] != '/' && path[1] != '.') {
		return false;
	}
	return append(out, &n, dir) && append(out, &n, path) &&
	    !strncmp(out, "/proc/", 6) && !strstr(out, "/../");
}

/* A number at *s up to a slash or the end, which *s is then; 0: none. */
static pid_t take_pid(const char **s)
{
	char *end;
	long n = **s >= '1' && **s <= '9' ? strtol(*s, &end, 10) : 0;

	if (n <= 0 || n > INT_MAX || (*end && *end != '/'))
		return 0;
	*s = end;
	return (pid_t)n;
}

/* The first thread stays to the end, as a zombie at least. */
unsigned proc_threads(struct linux_process *p)
{
	unsigned n = 1;

	pthread_mutex_lock(&p->lock);
	for (struct linux_task *t = p->tasks; t; t = t->next)
		n += t->tid && t->tid != getpid() && !t->leaving;
	pthread_mutex_unlock(&p->lock);
	return n;
}

bool proc_has_thread(struct linux_process *p, pid_t tid)
{
	bool has = tid == getpid();

	pthread_mutex_lock(&p->lock);
	for (struct linux_task *t = p->tasks; t && !has; t = t->next)
		has = t->tid == tid && !t->leaving;
	pthread_mutex_unlock(&p->lock);
	return has;
}

/* By the name that it gives itself. */
bool proc_peer_has_thread(pid_t pid, const char *tid)
{
	char path[320], name[sizeof(EXEC_THREAD_NAME) + 1];

	snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid, tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof(name));
	if (fd >= 0)
		close(fd);
	return n != sizeof(EXEC_THREAD_NAME) ||
	    memcmp(name, EXEC_THREAD_NAME "\n", sizeof(EXEC_THREAD_NAME)) != 0;
}

unsigned proc_peer_threads(pid_t pid)
{
	char path[32];
	unsigned n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += is_number(e->d_name) &&
		    proc_peer_has_thread(pid, e->d_name);
	if (d)
		closedir(d);
	return n;
}

/* Are the numbers in /proc those that we use? */
static bool same_numbers(void)
{
	char text[16];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	text[MAX(n, 0)] = 0;
	return atoi(text) == getpid();
}

bool proc_parse(struct linux_task *t, const char *path, struct proc_name *n)
{
	const char *s = path + 6;

	n->pid = 0;
	if (!strncmp(s, "self/", 5)) {
		s += 4;
	} else if (!strncmp(s, "thread-self/", 12)) {
		s += 11;
	} else {
		pid_t pid = take_pid(&s);
		if (!pid || *s != '/')
			return false;
		if (!same_numbers())
			return false;
		if (!proc_has_thread(t->p, pid))
			n->pid = pid;
	}
	if (!strncmp(s, "/task/", 6)) {
		const char *rest = s + 6;
		if (take_pid(&rest) && *rest == '/')
			s = rest;
	}
	if ((size_t)(s - path) >= sizeof(n->dir))
		return false;
	memcpy(n->dir, path, (size_t)(s - path));
	n->dir[s - path] = 0;
	n->file = s + 1;
	return true;
}
