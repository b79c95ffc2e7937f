/*
 * jitd.h - the compiling process: started, asked, and got rid of.
 *
 * It is not our child: nobody waits for it, and it ends when its socket is
 * closed. What it says is not trusted (backend/x86_64/object.c).
 */
#ifndef RUNTIME_JITD_H
#define RUNTIME_JITD_H

#include "translator/unit_wire.h"

struct jitd {
	int fd; /* -1: there is none */
	u8 *reply;
	size_t have, cap;
};

/* Start `path`; eager: somebody waits, at our own priority. 0 or -errno. */
int jitd_start(struct jitd *j, const char *path, bool eager);
void jitd_stop(struct jitd *j);
/* Send a request; it may block for as long as the process does not read. */
int jitd_send(struct jitd *j, u32 id, const char *text, size_t n);
/*
 * Wait at most `ms` for the reply. 1: here it is (valid until the next
 * send), 0: not yet, -errno: it will never come.
 */
int jitd_receive(struct jitd *j, int ms, struct jitd_head *h, const u8 **body);

#endif
