/*
 * Read all that /proc has of a process, again and again: reader PID. A line
 * on stdin asks for one round, a line on stdout says that it is done.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const files[] = { "auxv", "cmdline", "environ", "limits",
	"maps", "smaps", "stat", "statm", "status", "exe", "comm" };

static void read_one(const char *path)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY);

	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
	if (fd >= 0)
		close(fd);
	if (readlink(path, buf, sizeof(buf)) < 0)
		access(path, R_OK);
}

int main(int argc, char **argv)
{
	char path[64];

	while (argc > 1 && getchar() != EOF) {
		for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++) {
			snprintf(path, sizeof(path), "/proc/%s/%s", argv[1],
			    files[i]);
			read_one(path);
		}
		snprintf(path, sizeof(path), "/proc/%s/fd/1000", argv[1]);
		read_one(path);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
