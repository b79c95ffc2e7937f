/* What a program is told about itself: auxv, /proc/self. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "check.h"

extern char **environ;
static char buf[1 << 20];

static size_t slurp(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
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

/* The line of maps that holds p must have perms and, if set, end in name. */
static void check_map(const void *p, const char *perms, const char *name)
{
	slurp("/proc/self/maps");
	for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long lo, hi;
		char got[8];
		CHECK(sscanf(line, "%lx-%lx %4s", &lo, &hi, got) == 3);
		if ((unsigned long)p < lo || (unsigned long)p >= hi)
			continue;
		CHECK(!strcmp(got, perms));
		if (name)
			CHECK(strlen(line) >= strlen(name) &&
			    !strcmp(line + strlen(line) - strlen(name), name));
		return;
	}
	CHECK(!"in maps");
}

/* A descriptor of `name` is the file that stat finds. */
static void check_file(const char *name)
{
	struct stat by_name, st;
	struct statx stx;
	char link[64], shown[256];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && stat(name, &by_name) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 0 && st.st_nlink == 1);
	CHECK(st.st_dev == by_name.st_dev && st.st_ino == by_name.st_ino);
	CHECK(st.st_mode == by_name.st_mode && st.st_uid == by_name.st_uid);
	memset(&st, 0, sizeof(st));
	CHECK(fstatat(fd, "", &st, AT_EMPTY_PATH) == 0);
	CHECK(st.st_ino == by_name.st_ino && st.st_size == 0);
	CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) == 0);
	CHECK(stx.stx_ino == by_name.st_ino && stx.stx_size == 0);
	CHECK(stx.stx_mode == by_name.st_mode && stx.stx_nlink == 1);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, shown, sizeof(shown) - 1);
	CHECK(n > 6);
	shown[n] = 0;
	CHECK(!strncmp(shown, "/proc/", 6));
	CHECK(!strcmp(strrchr(shown, '/'), strrchr(name, '/')));
	CHECK(stat(shown, &st) == 0 && st.st_ino == by_name.st_ino);
	close(fd);
}

/* A memory file of the program's own stays one. */
static void check_memory_file(void)
{
	struct stat st;
	char link[64], shown[256] = "";
	int fd = memfd_create("maps", 0);
	CHECK(fd >= 0 && write(fd, "abc", 3) == 3);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 3 && st.st_nlink == 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	CHECK(readlink(link, shown, sizeof(shown) - 1) > 0);
	CHECK(!strcmp(shown, "/memfd:maps (deleted)"));
	close(fd);
}

/* The names of mapped files are those that they have now. */
static void check_names(const char *exe)
{
	char from[] = "/tmp/procfs-XXXXXX", to[sizeof(from) + 8], gone[64];
	const int rw = PROT_READ | PROT_WRITE;

	int fd = open(exe, O_RDONLY);
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	check_map(p, "r--p", exe);
	close(fd);

	fd = memfd_create("data", 0);
	CHECK(fd >= 0 && ftruncate(fd, 3 * 4096) == 0);
	p = mmap(NULL, (size_t)3 * 4096, rw, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p + 4096, 4096, PROT_READ | PROT_EXEC) == 0);
	check_map(p, "rw-s", " /memfd:data (deleted)");
	check_map(p + 4096, "r-xs", " /memfd:data (deleted)");
	check_map(p + 8192, "rw-s", " /memfd:data (deleted)");
	close(fd);

	fd = mkstemp(from);
	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
	p = mmap(NULL, 4096, rw, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	*p = 1;
	check_map(p, "rw-p", from + 4);
	snprintf(to, sizeof(to), "%s-new", from);
	CHECK(rename(from, to) == 0);
	check_map(p, "rw-p", to + 4);
	slurp("/proc/self/smaps");
	CHECK(strstr(buf, to + 4));
	CHECK(unlink(to) == 0);
	snprintf(gone, sizeof(gone), "%s (deleted)", to + 4);
	check_map(p, "rw-p", gone);
	close(fd);
}

int main(int argc, char **argv)
{
	char exe[4096];
	struct utsname un;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	CHECK(n > 0);
	exe[n] = 0;
	CHECK(strstr(exe, "procfs"));
	snprintf(buf, sizeof(buf), "/proc/%d/exe", getpid());
	char exe2[4096];
	CHECK(readlink(buf, exe2, sizeof(exe2)) == n && !memcmp(exe, exe2, n));

	/* /proc/self/exe is this file */
	ElfW(Ehdr) eh;
	int fd = open("/proc/self/exe", O_RDONLY);
	CHECK(fd >= 0 && read(fd, &eh, sizeof(eh)) == sizeof(eh));
	close(fd);
	CHECK(!memcmp(eh.e_ident, ELFMAG, SELFMAG));

	size_t len = slurp("/proc/self/cmdline"), at = 0;
	for (int i = 0; i < argc; i++) {
		CHECK(!strcmp(buf + at, argv[i]));
		at += strlen(argv[i]) + 1;
	}
	CHECK(at == len);
	len = slurp("/proc/self/environ");
	at = 0;
	for (int i = 0; environ[i] && at < len; i++) {
		CHECK(!strcmp(buf + at, environ[i]));
		at += strlen(environ[i]) + 1;
	}
	CHECK(slurp("/proc/self/auxv") % 16 == 0);
	CHECK(((ElfW(auxv_t) *)(void *)buf)->a_type != 0);
	slurp("/proc/self/comm");
	CHECK(!strncmp(buf, "procfs", 6));
	slurp("/proc/self/stat");
	int pid;
	CHECK(sscanf(buf, "%d (procfs", &pid) == 1 && pid == getpid());

	check_file("/proc/self/maps");
	check_file("/proc/self/status");
	check_file("/proc/thread-self/stat");
	check_file("/proc/self/cmdline");
	check_file("/proc/cpuinfo");
	snprintf(exe2, sizeof(exe2), "/proc/%d/auxv", getpid());
	check_file(exe2);
	check_memory_file();

	/* sizes are the program's, not metic's */
	unsigned long pages, kb;
	slurp("/proc/self/statm");
	CHECK(sscanf(buf, "%lu", &pages) == 1 && pages > 10);
	CHECK(pages < 100000);
	slurp("/proc/self/status");
	CHECK(!strncmp(buf, "Name:\tprocfs", 12));
	CHECK(strstr(buf, "Threads:\t1\n"));
	CHECK(sscanf(strstr(buf, "VmSize:"), "VmSize: %lu", &kb) == 1);
	CHECK(kb == 4 * pages);
	struct rlimit lim = { 1ul << 33, 1ul << 34 };
	CHECK(setrlimit(RLIMIT_AS, &lim) == 0);
	slurp("/proc/self/limits");
	CHECK(strstr(buf,
	    "Max address space         8589934592           "
	    "17179869184          bytes"));
	slurp("/proc/self/smaps");
	CHECK(strstr(buf, "[stack]") && strstr(buf, "Rss:"));
	CHECK(strstr(buf, exe) && !strstr(buf, "/metic"));
	void *heap = sbrk(0);
	CHECK(sbrk(4096) == heap);
	check_map(&heap, "rw-p", "[stack]");
	check_map((void *)main, "r-xp", exe);
	check_map(heap, "rw-p", "[heap]");
	void *p =
	    mmap(NULL, 4096, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check_map(p, "---s", NULL);
	check_names(exe);

	CHECK(getauxval(AT_PAGESZ) == 4096);
	CHECK(getauxval(AT_ENTRY) != 0 && getauxval(AT_PHNUM) == eh.e_phnum);
	CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_CLKTCK) == 100);
	CHECK(getauxval(AT_RANDOM) != 0 && getauxval(AT_SECURE) == 0);
	CHECK(strstr((char *)getauxval(AT_EXECFN), "procfs"));
	const ElfW(Phdr) *ph = (void *)getauxval(AT_PHDR);
	CHECK(ph && ph[0].p_type != 0);
	CHECK(uname(&un) == 0 && !strcmp(un.sysname, "Linux"));
#if defined(__riscv)
	CHECK(!strcmp(un.machine, "riscv64"));
	CHECK((getauxval(AT_HWCAP) & 0x112d) == 0x112d); /* IMAFDC */
	slurp("/proc/cpuinfo");
	CHECK(strstr(buf, "isa\t\t: rv64imafdc"));
#endif
	/* glibc reads maps for the main thread's stack */
	pthread_attr_t attr;
	void *stack;
	size_t size;
	CHECK(pthread_getattr_np(pthread_self(), &attr) == 0);
	CHECK(pthread_attr_getstack(&attr, &stack, &size) == 0);
	CHECK((char *)&attr > (char *)stack &&
	    (char *)&attr < (char *)stack + size);
	puts("ok");
	return 0;
}
