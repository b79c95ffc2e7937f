/*
 * jitd.c - metic-jitd, the compiling process of the optimizing tier.
 *
 * Its standard input is a socket: a unit's text comes in, an object file goes
 * out (translator/unit_wire.h has the framing, unit_object.h what an object
 * says).
 * One request at a time; it ends with the socket. It runs at low priority,
 * in little memory, without privileges, and may crash: whoever asked goes on
 * without it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/gccjit/confine.h"
#include "backend/gccjit/gen.h"
#include "translator/unit_wire.h"

static bool read_all(void *p, size_t n)
{
	u8 *at = p;

	while (n) {
		ssize_t k = read(0, at, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		at += k;
		n -= (size_t)k;
	}
	return true;
}

static bool send_all(const void *p, size_t n)
{
	const u8 *at = p;

	while (n) {
		ssize_t k = send(0, at, n, MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		at += k;
		n -= (size_t)k;
	}
	return true;
}

static bool reply(u32 id, u32 status, const void *p, size_t n)
{
	struct jitd_head h = { JITD_MAGIC, status, id, (u32)n };

	return send_all(&h, sizeof(h)) && send_all(p, n);
}

/* The file's bytes, malloc'ed, or NULL. */
static void *slurp(const char *path, size_t *n)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 &&
	    (p = malloc((size_t)st.st_size + 1)))
		*n = (size_t)read(fd, p, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	return p;
}

/* Compile a unit's text to the object file at `path`. */
static bool compile(char *text, const char *path, char *err, size_t n)
{
	const struct guest_isa *g = guest_list[0];
	struct unit *u = calloc(1, sizeof(*u));
	const struct unit *const units[1] = { u };
	struct arena a;
	u64 made = 0;

	arena_init(&a);
	bool ok = u && !unit_parse(text, g, &a, u, err, n) &&
	    gen_object(g, units, 1, path, &made, err, n) == 0 && made;
	if (!ok && !err[0])
		snprintf(err, n, "an op that it has no code for");
	free(u);
	arena_free(&a);
	return ok;
}

static bool serve(const struct jitd_head *h, char *text, const char *dir)
{
	char err[256] = "", path[128];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/unit.o", dir);
	bool ok = compile(text, path, err, sizeof(err));
	void *object = ok ? slurp(path, &n) : NULL;
	if (ok && !object)
		snprintf(err, sizeof(err), "no object file");
	unlink(path);
	ok = object ? reply(h->id, 0, object, n) :
		      reply(h->id, 1, err, strlen(err));
	free(object);
	return ok;
}

/* By hand: to look at what a unit becomes. */
static int compile_file(const char *from, const char *to)
{
	char err[256] = "";
	size_t n = 0;
	char *text = slurp(from, &n);

	if (!text) {
		fprintf(stderr, "metic-jitd: cannot read %s\n", from);
		return 1;
	}
	text[n] = 0;
	bool ok = compile(text, to, err, sizeof(err));
	if (!ok)
		fprintf(stderr, "metic-jitd: %s: %s\n", from, err);
	free(text);
	return !ok;
}

/* What the assembler has to say is not for the guest's standard error. */
static void quiet(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/metic-jitd-XXXXXX";
	struct jitd_head h;

	if (argc == 3)
		return compile_file(argv[1], argv[2]);
	bool eager = argc == 2 && !strcmp(argv[1], "--eager");
	if (argc > 1 && !eager) {
		printf("metic-jitd, the optimizing compiler of metic, which "
		       "starts it by itself.\n"
		       "By hand: metic-jitd UNIT OBJECT compiles a unit's text "
		       "to an object file.\n");
		return strcmp(argv[1], "--help") ? 2 : 0;
	}
	quiet();
	if (!confine(eager) || !mkdtemp(dir))
		return 1;
	while (read_all(&h, sizeof(h)) && h.magic == JITD_MAGIC &&
	    h.size <= JITD_SIZE_MAX) {
		char *text = malloc(h.size + 1);
		if (!text || !read_all(text, h.size))
			break;
		text[h.size] = 0;
		bool ok = serve(&h, text, dir);
		free(text);
		if (!ok)
			break;
	}
	rmdir(dir);
	return 0;
}
