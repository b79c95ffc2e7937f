/*
 * transfer.c - packets that carry objects: qXfer (target description, auxv,
 * threads, siginfo) and vFile, with which a debugger reads the files that the
 * program sees (gdb's "target:" sysroot). Files are read only; none is kept
 * open, so that the program's descriptors stay its own.
 */
#include "runtime/debug/stub.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- qXfer --------------------------------------------------------------- */

/* Reply with the part "OFFSET,LENGTH" of an object; c is behind the annex. */
static void part(
    struct debug_stub *s, struct cursor *c, const void *data, size_t size)
{
	u64 off, n;
	if (!data || !cursor_hex(c, &off) || !cursor_text(c, ",") ||
	    !cursor_hex(c, &n) || off > size)
		return out_error(&s->out, E_GENERAL);
	size_t left = size - (size_t)off, want = MIN(left, (size_t)n);
	out_text(&s->out, "m");
	size_t k = out_binary(&s->out, (const u8 *)data + off, want);
	if (k == left)
		s->out.body[0] = 'l';
}

void debug_features(struct debug_stub *s, struct cursor *c)
{
	if (!s->xml)
		s->xml = debug_arch_xml(s->arch);
	if (!cursor_text(c, "target.xml:"))
		return out_error(&s->out, 0);
	part(s, c, s->xml, s->xml ? strlen(s->xml) : 0);
}

void debug_auxv(struct debug_stub *s, struct cursor *c)
{
	size_t n = 0;
	u8 *data = s->ops->auxv(s->ctx, &n);
	cursor_text(c, ":");
	part(s, c, data, n);
	free(data);
}

/* The annex is the process, by default the only one. */
void debug_exec_file(struct debug_stub *s, struct cursor *c)
{
	const char *name = s->ops->exec_file(s->ctx);
	u64 pid;
	cursor_hex(c, &pid);
	cursor_text(c, ":");
	part(s, c, name, name ? strlen(name) : 0);
}

/* A thread's name, without what would be markup. */
static void print_name(FILE *f, const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= ' ' && !strchr("<>&\"'", *name) &&
		    (unsigned char)*name < 0x7f)
			fputc(*name, f);
}

void debug_threads(struct debug_stub *s, struct cursor *c)
{
	char *text = NULL, name[64];
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct debug_thread *t = NULL;
	if (!f)
		return out_error(&s->out, E_GENERAL);
	fputs("<?xml version=\"1.0\"?>\n<threads>\n", f);
	while ((t = debug_next(s, t ? t->id : 0))) {
		s->ops->name(s->ctx, t, name, sizeof(name));
		fputs("<thread id=\"", f);
		if (s->multiprocess)
			fprintf(f, "p%llx.",
			    (unsigned long long)s->ops->pid(s->ctx));
		fprintf(f, "%llx\" name=\"", (unsigned long long)t->id);
		print_name(f, name);
		fputs("\"/>\n", f);
	}
	fputs("</threads>\n", f);
	cursor_text(c, ":");
	if (fclose(f) == 0)
		part(s, c, text, n);
	else
		out_error(&s->out, E_GENERAL);
	free(text);
}

void debug_siginfo(struct debug_stub *s, struct cursor *c)
{
	struct debug_thread *t = debug_current(s);
	bool any = t && t->last.kind == STOP_SIGNAL;
	cursor_text(c, ":");
	part(s, c, any ? t->last.info : NULL, sizeof(t->last.info));
}

/* --- vFile --------------------------------------------------------------- */

/* errno as the File-I/O protocol has it: mostly the same small numbers. */
static int file_errno(int e)
{
	switch (e) {
	case EPERM:
	case ENOENT:
	case EINTR:
	case EBADF:
	case EACCES:
	case EFAULT:
	case EBUSY:
	case EEXIST:
	case ENODEV:
	case ENOTDIR:
	case EISDIR:
	case EINVAL:
	case ENFILE:
	case EMFILE:
	case EFBIG:
	case ENOSPC:
	case ESPIPE:
	case EROFS: return e;
	case ENAMETOOLONG: return 91;
	default: return 9999;
	}
}

static void out_result(struct debug_stub *s, i64 r)
{
	if (r < 0)
		out_fmt(&s->out, "F-1,%x", (unsigned)file_errno((int)-r));
	else
		out_fmt(&s->out, "F%llx", (unsigned long long)r);
}

/* The path that is named next, as the host has it. 0 or -errno. */
static int parse_path(struct debug_stub *s, struct cursor *c, char *host)
{
	char path[PATH_MAX];
	if (!cursor_hex_text(c, ',', path, sizeof(path)))
		return -EINVAL;
	return s->ops->host_path(s->ctx, path, host);
}

/* vFile's O_ACCMODE, O_CREAT, O_TRUNC ...: all but O_RDONLY change files. */
static i64 open_file(struct debug_stub *s, struct cursor *c)
{
	char host[PATH_MAX];
	u64 flags, mode;
	int r = parse_path(s, c, host), at = 0;
	if (r < 0)
		return r;
	if (!cursor_text(c, ",") || !cursor_hex(c, &flags) ||
	    !cursor_text(c, ",") || !cursor_hex(c, &mode))
		return -EINVAL;
	if (flags)
		return -EROFS;
	int fd = open(host, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	close(fd);
	while (at < STUB_FILES && s->files[at])
		at++;
	if (at == STUB_FILES)
		return -EMFILE;
	s->files[at] = strdup(host);
	return s->files[at] ? at : -ENFILE;
}

void debug_file_open(struct debug_stub *s, struct cursor *c)
{
	out_result(s, open_file(s, c));
}

static char **parse_file(struct debug_stub *s, struct cursor *c)
{
	u64 at;
	if (!cursor_hex(c, &at) || at >= STUB_FILES || !s->files[at])
		return NULL;
	return &s->files[at];
}

void debug_file_close(struct debug_stub *s, struct cursor *c)
{
	char **f = parse_file(s, c);
	if (!f)
		return out_result(s, -EBADF);
	free(*f);
	*f = NULL;
	out_result(s, 0);
}

void debug_file_read(struct debug_stub *s, struct cursor *c)
{
	static const size_t room = 32; /* for "F", the count and ";" */
	u8 buf[PACKET_MAX];
	char **f = parse_file(s, c);
	u64 n, off;
	if (!f)
		return out_result(s, -EBADF);
	if (!cursor_text(c, ",") || !cursor_hex(c, &n) ||
	    !cursor_text(c, ",") || !cursor_hex(c, &off) || off >> 63)
		return out_result(s, -EINVAL);
	/* escapes may double it */
	n = MIN(n, (PACKET_MAX - room) / 2);
	int fd = open(*f, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return out_result(s, -errno);
	ssize_t k = pread(fd, buf, (size_t)n, (off_t)off);
	int err = errno;
	close(fd);
	out_result(s, k < 0 ? -err : k);
	if (k < 0)
		return;
	out_text(&s->out, ";");
	out_binary(&s->out, buf, (size_t)k);
}

static void big_endian(u8 **to, u64 v, unsigned n)
{
	for (unsigned i = n; i-- > 0;)
		*(*to)++ = (u8)(v >> (8 * i));
}

/* struct stat of the File-I/O protocol. */
void debug_file_stat(struct debug_stub *s, struct cursor *c)
{
	char **f = parse_file(s, c);
	struct stat st;
	u8 buf[64], *p = buf;
	if (!f)
		return out_result(s, -EBADF);
	if (stat(*f, &st) < 0)
		return out_result(s, -errno);
	big_endian(&p, st.st_dev, 4);
	big_endian(&p, st.st_ino, 4);
	big_endian(&p, st.st_mode, 4);
	big_endian(&p, st.st_nlink, 4);
	big_endian(&p, st.st_uid, 4);
	big_endian(&p, st.st_gid, 4);
	big_endian(&p, st.st_rdev, 4);
	big_endian(&p, (u64)st.st_size, 8);
	big_endian(&p, (u64)st.st_blksize, 8);
	big_endian(&p, (u64)st.st_blocks, 8);
	big_endian(&p, (u64)st.st_atime, 4);
	big_endian(&p, (u64)st.st_mtime, 4);
	big_endian(&p, (u64)st.st_ctime, 4);
	out_result(s, sizeof(buf));
	out_text(&s->out, ";");
	out_binary(&s->out, buf, sizeof(buf));
}

void debug_file_link(struct debug_stub *s, struct cursor *c)
{
	char host[PATH_MAX], to[PATH_MAX];
	int r = parse_path(s, c, host);
	ssize_t n = r ? -1 : readlink(host, to, sizeof(to));
	if (r || n < 0)
		return out_result(s, r ? r : -errno);
	out_result(s, n);
	out_text(&s->out, ";");
	out_binary(&s->out, to, (size_t)n);
}

/* Whose files: all processes of this program see the same. */
void debug_file_root(struct debug_stub *s, struct cursor *c)
{
	(void)c;
	out_result(s, 0);
}
