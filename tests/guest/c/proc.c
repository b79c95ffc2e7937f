/* proc.c - what a program finds out about itself and its system. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"

#ifdef __riscv
#define MACHINE "riscv64"
#else
#define MACHINE "x86_64"
#endif

static size_t slurp(const char *path, char *buf, size_t n)
{
	FILE *f = fopen(path, "r");
	size_t got;

	NEED(f);
	got = fread(buf, 1, n - 1, f);
	buf[got] = 0;
	fclose(f);
	return got;
}

/* The permissions that /proc/self/maps shows for address p. */
static void maps(const void *p, char out[8])
{
	char line[500];
	unsigned long lo, hi;
	FILE *f = fopen("/proc/self/maps", "r");

	strcpy(out, "none");
	NEED(f);
	while (fgets(line, sizeof(line), f)) {
		char perms[8];

		if (sscanf(line, "%lx-%lx %7s", &lo, &hi, perms) == 3 &&
		    lo <= (unsigned long)p && (unsigned long)p < hi)
			strcpy(out, perms);
	}
	fclose(f);
}

static int data = 1;

int main(int argc, char **argv)
{
	static char buf[65536];
	char exe[4096], perms[8], name[17] = { 0 };
	struct utsname u;
	struct sysinfo si;
	struct rusage ru;
	cpu_set_t set;
	ssize_t n;

	NEED(uname(&u) == 0);
	CHECK(!strcmp(u.sysname, "Linux") && !strcmp(u.machine, MACHINE));
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	NEED(n > 0);
	exe[n] = 0;
	CHECK(strstr(exe, "proc") != NULL && access(exe, X_OK) == 0);
	slurp("/proc/self/cmdline", buf, sizeof(buf));
	CHECK(!strcmp(buf, argv[0]));
	CHECK(argc < 2 || !strcmp(buf + strlen(buf) + 1, argv[1]));
	maps((void *)(uintptr_t)main, perms);
	CHECK(!strcmp(perms, "r-xp"));
	maps(&data, perms);
	CHECK(!strcmp(perms, "rw-p"));
	maps(&perms, perms);
	CHECK(!strncmp(perms, "rw", 2));
	maps((void *)16, perms);
	CHECK(!strcmp(perms, "none"));
	CHECK(prctl(PR_SET_NAME, "renamed") == 0);
	CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "renamed"));
	CHECK(sysinfo(&si) == 0 && si.totalram > 0 && si.mem_unit > 0);
	CHECK(getrusage(RUSAGE_SELF, &ru) == 0 && ru.ru_maxrss > 0);
	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	CHECK(CPU_COUNT(&set) >= 1 && sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	CHECK(getpid() == syscall(SYS_gettid) && getppid() > 0);
	CHECK(syscall(9999) == -1 && errno == ENOSYS);
	CHECK(getpgid(0) == getpgrp() && getsid(0) > 0);
	CHECK(syscall(SYS_getrandom, buf, 64, 0) == 64);
	CHECK(getpriority(PRIO_PROCESS, 0) >= -20);
	CHECK(access("/etc/passwd", R_OK) == 0 || errno == ENOENT);
	CHECK(slurp("/proc/self/stat", buf, sizeof(buf)) > 20);
	CHECK(atoi(buf) == getpid());
	return 0;
}
