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

static void show_usage(FILE *f)
{
	fputs("usage: metic run | check [OPTIONS] PROGRAM [ARGUMENTS]\n"
	      "       metic explain [OPTIONS] PROGRAM FUNCTION | ADDRESS\n"
	      "       metic binfmt install | remove | status | --user\n"
	      "       metic cache stat | ls | verify | gc | clear | warm\n"
	      "       metic --version | --help\n",
	    f);
}

static void show_help(void)
{
	printf("metic - run foreign Linux programs at near-native speed\n\n");
	show_usage(stdout);
	printf(
	    "\n"
	    "  run     run a guest program; `metic run --help`\n"
	    "  check   run it in the interpreter and natively in lock step,\n"
	    "          stop at the first difference\n"
	    "  explain show what becomes of a function: IR, host code;\n"
	    "          `metic explain --help`\n"
	    "  binfmt  let the kernel start guest programs through metic;\n"
	    "          `metic binfmt --help`\n"
	    "  cache   look after the translations kept on disk;\n"
	    "          `metic cache --help`\n"
	    "\n"
	    "Started as qemu-riscv64 (a link to metic), it takes that\n"
	    "program's options; `qemu-riscv64 -h`. More in metic(1).\n");
}

static void show_run_help(const char *cmd)
{
	printf("usage: metic %s [OPTIONS] PROGRAM [ARGUMENTS]\n\n", cmd);
	printf(
	    "PROGRAM is a path on the host, or one in the sysroot, or a name\n"
	    "that is looked up along PATH. Options end at PROGRAM.\n\n");
	options_help(stdout);
	printf("\n"
	       "Exit status: the program's, or\n"
	       "  2    wrong usage\n"
	       "  125  metic itself failed, or check found a difference\n"
	       "  126  the program cannot run here\n"
	       "  127  it was not found\n"
	       "A program killed by signal N kills metic by signal N, which a\n"
	       "shell shows as 128+N.\n");
}

static int unknown_command(const char *cmd)
{
	static const char *const names[] = { "run", "check", "explain",
		"binfmt", "cache", "help", "version", NULL };
	const char *meant = nearest(cmd, names);
	fprintf(stderr, "metic: %s: no such command", cmd);
	if (strchr(cmd, '/'))
		fprintf(stderr, "; to run it: metic run %s", cmd);
	else if (meant)
		fprintf(stderr, "; did you mean %s?", meant);
	fputs("\n", stderr);
	show_usage(stderr);
	return EXIT_USAGE;
}

static struct options opts; /* large: kept off the stack */

static int run_command(int argc, char **argv)
{
	const char *cmd = argv[0];
	opts.check = !strcmp(cmd, "check");
	opts.execfd = -1;
	int status = options_parse(&opts, argc, argv);
	if (status)
		return status;
	if (!strcmp(cmd, "explain")) {
		if (!opts.help)
			return explain_program(&opts);
		explain_help(stdout);
		return 0;
	}
	if (!opts.help)
		return run_program(&opts);
	show_run_help(opts.check ? "check" : "run");
	return 0;
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";
	if (argc > 0 && qemu_named(argv[0]))
		return qemu_main(argc, argv);
	if (binfmt_started(&opts, argc, argv))
		return run_program(&opts);
	if (!strcmp(cmd, "run") || !strcmp(cmd, "check") ||
	    !strcmp(cmd, "explain"))
		return run_command(argc - 1, argv + 1);
	if (!strcmp(cmd, "binfmt"))
		return binfmt_command(argc - 1, argv + 1);
	if (!strcmp(cmd, "cache"))
		return cache_command(argc - 1, argv + 1);
	if (!strcmp(cmd, "qemu-riscv64")) /* how children are started */
		return qemu_main(argc - 1, argv + 1);
	if (!strcmp(cmd, "--version") || !strcmp(cmd, "version")) {
		show_version();
		return 0;
	}
	if (!strcmp(cmd, "--help") || !strcmp(cmd, "-h") ||
	    !strcmp(cmd, "help")) {
		show_help();
		return 0;
	}
	if (*cmd)
		return unknown_command(cmd);
	show_usage(stderr);
	return EXIT_USAGE;
}
