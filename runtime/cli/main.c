/* main.c - the metic command: built on the public header alone. */
#include "cli.h"

#include <string.h>

static void show_version(void)
{
	const char *summary;
	char host[512];
	printf("metic %s\n", metic_version());
	for (unsigned i = 0;; i++) {
		const char *name = metic_guest(i, &summary);
		if (!name)
			break;
		printf("guest %s: %s\n", name, summary);
	}
	printf("host %s\n", metic_host(host, sizeof(host)));
}

static void show_help(FILE *f)
{
	fprintf(f,
	    "metic - run foreign Linux programs at near-native speed\n"
	    "\n"
	    "usage: metic run [OPTIONS] PROGRAM [ARGUMENTS]\n"
	    "       metic check [OPTIONS] PROGRAM [ARGUMENTS]\n"
	    "       metic --version | --help\n"
	    "\n"
	    "run    runs a guest program\n"
	    "check  runs it in the interpreter and natively in lock step and\n"
	    "       stops at the first difference\n"
	    "\n"
	    "options of run and check:\n");
	options_help(f);
	fprintf(f,
	    "\n"
	    "Exit status: the program's; 125: metic itself failed, or check\n"
	    "found a difference; 126: the program cannot run here; 127: it\n"
	    "was not found; 2: wrong usage. A program killed by a signal\n"
	    "kills metic by that signal.\n");
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";
	if (!strcmp(cmd, "run") || !strcmp(cmd, "check")) {
		static struct options o; /* large: keep it off the stack */
		o.check = cmd[0] == 'c';
		int status = options_parse(&o, argc - 1, argv + 1);
		if (status)
			return status;
		if (!o.help)
			return run_program(&o);
		show_help(stdout);
		return 0;
	}
	if (!strcmp(cmd, "--version") || !strcmp(cmd, "version")) {
		show_version();
		return 0;
	}
	bool help = !strcmp(cmd, "--help") || !strcmp(cmd, "-h") ||
	    !strcmp(cmd, "help");
	if (*cmd && !help)
		fprintf(stderr, "metic: %s: no such command\n", cmd);
	show_help(help ? stdout : stderr);
	return help ? 0 : EXIT_USAGE;
}
