/*
 * jitd.h - the compiling process: started, asked, and got rid of.
 *
 * It is not our child: nobody waits for it, and it ends when its socket is
 * closed. What it says is not trusted (backend/x86_64/object.c), and nothing
 * here waits for it for long, whatever it does.
 */
#ifndef RUNTIME_JITD_H
#define RUNTIME_JITD_H

#include "translator/unit_wire.h"

struct jitd {
	int fd; /* -1: there is none */
	_Atomic int pid;
	/* the request, as far as it is not sent */
	struct jitd_head head;
	const char *text;
	size_t sent, size;
	u8 *reply;
	size_t have, cap;
};

struct jitd_options {
	const char *path;
	u64 memory; /* bytes that it may use; 0: its own idea */
	bool eager; /* somebody waits: our own priority */
};

/* 0 or -errno. */
int jitd_start(struct jitd *j, const struct jitd_options *o);
/* Close the socket; it ends by itself then. */
void jitd_stop(struct jitd *j);
/*
 * The same without touching j, for a process that is about to end, on any
 * thread: a stopped one goes on, so that it sees the socket's end.
 */
void jitd_wake(const struct jitd *j);
/* Send a request; `text` stays until the reply, or until jitd_stop. */
int jitd_send(struct jitd *j, u32 id, const char *text, size_t n);
/*
 * Wait about `ms` at most for the reply. 1: here it is (valid until the next
 * send), 0: not yet, -errno: it will never come.
 */
int jitd_receive(struct jitd *j, int ms, struct jitd_head *h, const u8 **body);

#endif
