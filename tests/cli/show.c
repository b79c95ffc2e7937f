/*
 * show.c - a guest program that says how it was started, one line each time.
 *
 *	show N             exits with status N
 *	show exec ARGS     executes ARGS[0] with ARGS as its arguments
 *	show abort         kills itself
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *var(const char *name)
{
	const char *v = getenv(name);
	return v ? v : "-";
}

int main(int argc, char **argv)
{
	struct utsname u;
	uname(&u);
	for (int i = 0; i < argc; i++)
		printf("[%s]", argv[i]);
	printf(" A=%s B=%s machine=%s release=%s secure=%lu euid=%d fd3=%d\n",
	    var("A"), var("B"), u.machine, u.release, getauxval(AT_SECURE),
	    (int)geteuid(), dup(0));
	fflush(stdout);
	close(3);
	if (argc > 1 && !strcmp(argv[1], "abort"))
		abort();
	if (argc > 2 && !strcmp(argv[1], "exec")) {
		execv(argv[2], argv + 2);
		perror("exec");
		return 9;
	}
	return argc > 1 ? atoi(argv[1]) : 0;
}
