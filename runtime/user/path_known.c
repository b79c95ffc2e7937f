/*
 * path_known.c - files that were asked for before, below a sysroot.
 *
 * Programs ask for the same names again and again. Once a name has been
 * looked up, the kernel is asked for it directly, links and all, and its
 * answer counts if it is the file that the look-up had found:
 *
 *   KNOWN_BELOW   found in the sysroot. The kernel, going the guest's way
 *                 below the sysroot, finds the same file. It goes another way
 *                 than the guest only over a link that is absolute or leads
 *                 out, and then it finds another file;
 *   KNOWN_HOST    found on the host, without a link on the way. One call
 *                 shows that it is not in the sysroot either, links included
 *                 (a cheap one where its first directory is not there);
 *   KNOWN_ABSENT  nowhere: two calls show that, links included;
 *   KNOWN_WALK    the guess was wrong for this very file: not tried again.
 *
 * A file with several names (hard links) is not remembered, because it may be
 * found on both ways.
 */
#include <string.h>

#include "runtime/user/path.h"

#define NOWHERE "/\1" /* nobody has it, and the kernel soon says so */

enum known_kind {
	KNOWN_NOTHING,
	KNOWN_BELOW,
	KNOWN_HOST,
	KNOWN_ABSENT,
	KNOWN_WALK,
};

/* Names whose way can be told from their text. */
static bool is_plain(const char *guest)
{
	return guest[0] == '/' && !strstr(guest, "..") &&
	    strlen(guest) < DIR_MAX && !path_is_kernels(guest);
}

static struct path_known *known_slot(struct linux_task *t, const char *guest)
{
	struct path_dirs *m = path_memory(t);

	return m ?
	    &m->known[path_hash(guest, strlen(guest)) >> (32 - KNOWN_BITS)] :
	    NULL;
}

static bool below(struct linux_task *t, const char *guest, char host[PATH_MAX])
{
	size_t n = strlen(t->p->cfg.sysroot), k = strlen(guest);

	if (n + k >= PATH_MAX)
		return false;
	memcpy(host, t->p->cfg.sysroot, n);
	memcpy(host + n, guest, k + 1);
	return true;
}

/* Does the sysroot lack the first directory of the path? */
static bool top_is_absent(struct linux_task *t, const char *guest)
{
	char host[PATH_MAX];
	struct stat st;

	if (!below(t, guest, host))
		return false;
	char *top = host + strlen(t->p->cfg.sysroot) + 1;
	top[strcspn(top, "/")] = 0;
	return *top && lstat(host, &st) < 0 && errno == ENOENT;
}

/* Neither in the sysroot nor on a way through links there. */
static bool not_below(
    struct linux_task *t, const char *guest, const struct path_known *k)
{
	char host[PATH_MAX];

	return path_is_host(guest) ||
	    (k->top_absent && top_is_absent(t, guest)) ||
	    (below(t, guest, host) && path_is_absent(host));
}

enum path_guess path_guess(struct linux_task *t, const char *guest, bool follow,
    char host[PATH_MAX], struct path_known **k)
{
	struct path_known *s = is_plain(guest) ? known_slot(t, guest) : NULL;

	*k = s;
	if (!s || s->follow != follow || strcmp(s->guest, guest) != 0)
		return PATH_UNKNOWN;
	switch (s->kind) {
	case KNOWN_BELOW:
		return below(t, guest, host) ? PATH_ASK : PATH_UNKNOWN;
	case KNOWN_HOST:
		memcpy(host, guest, strlen(guest) + 1);
		return not_below(t, guest, s) ? PATH_ASK : PATH_UNKNOWN;
	case KNOWN_ABSENT:
		return not_below(t, guest, s) && path_is_absent(guest) ?
		    PATH_ABSENT :
		    PATH_UNKNOWN;
	default: return PATH_UNKNOWN;
	}
}

static bool same_file(const struct path_known *k, const struct stat *st)
{
	return k->ino == st->st_ino && k->dev == st->st_dev;
}

static bool has_one_name(const struct stat *st)
{
	return S_ISDIR(st->st_mode) || st->st_nlink == 1;
}

bool path_holds(struct path_known *k, i64 err, const struct stat *st)
{
	if (err == 0 && same_file(k, st) && has_one_name(st))
		return true;
	k->kind = KNOWN_WALK;
	return false;
}

bool path_recall(
    struct linux_task *t, const char *guest, bool follow, char host[PATH_MAX])
{
	struct path_known *k;
	struct stat st;
	int r;

	switch (path_guess(t, guest, follow, host, &k)) {
	case PATH_ABSENT: strcpy(host, NOWHERE); return true;
	case PATH_ASK:
		r = follow ? stat(host, &st) : lstat(host, &st);
		return path_holds(k, r < 0 ? -errno : 0, &st);
	default: return false;
	}
}

/* What was not worth remembering is not looked at again. */
static bool is_hopeless(struct linux_task *t, const char *guest, bool follow)
{
	struct path_known *k = is_plain(guest) ? known_slot(t, guest) : NULL;

	return !k ||
	    (k->kind == KNOWN_WALK && k->follow == follow &&
		strcmp(k->guest, guest) == 0);
}

void path_study(
    struct linux_task *t, const char *guest, bool follow, const char *host)
{
	struct stat st;

	if (is_hopeless(t, guest, follow))
		return;
	if ((follow ? stat(host, &st) : lstat(host, &st)) == 0)
		path_learn(t, guest, follow, host, &st);
	else if (errno == ENOENT)
		path_learn(t, guest, follow, host, NULL);
}

void path_learn(struct linux_task *t, const char *guest, bool follow,
    const char *host, const struct stat *st)
{
	struct path_known *k = is_plain(guest) ? known_slot(t, guest) : NULL;
	size_t n = strlen(t->p->cfg.sysroot);
	u8 kind;

	if (!k)
		return;
	if (k->kind == KNOWN_WALK && st && k->follow == follow &&
	    same_file(k, st) && strcmp(k->guest, guest) == 0)
		return;
	if (!st)
		kind = KNOWN_ABSENT;
	else if (!has_one_name(st))
		kind = KNOWN_WALK;
	else if (strncmp(host, t->p->cfg.sysroot, n) == 0 && host[n] == '/')
		kind = KNOWN_BELOW;
	else if (strcmp(host, guest) == 0)
		kind = KNOWN_HOST;
	else
		kind = KNOWN_WALK;
	k->kind = kind;
	k->top_absent = (kind == KNOWN_HOST || kind == KNOWN_ABSENT) &&
	    !path_is_host(guest) && top_is_absent(t, guest);
	k->follow = follow;
	k->dev = st ? st->st_dev : 0;
	k->ino = st ? st->st_ino : 0;
	memcpy(k->guest, guest, strlen(guest) + 1);
}
