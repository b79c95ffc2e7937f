/*
 * mapped.c - see mapped.h.
 *
 * <linux/stat.h>, which has the mount's number, does not go with
 * <sys/stat.h>.
 */
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "runtime/user/hostcall.h"
#include "runtime/user/mapped.h"

void mapped_file(struct map_range *r, int fd)
{
	struct statx st;
	const u64 a[6] = { (u64)fd, (u64) "", AT_EMPTY_PATH,
		STATX_INO | STATX_MNT_ID, (u64)&st };

	if (host_call(SYS_statx, a) < 0)
		return;
	r->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	r->ino = st.stx_ino;
	r->mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0;
}

bool mapped_no_exec(const struct map_range *r)
{
	char line[2 * PATH_MAX], options[256];
	unsigned long long id;
	bool no = false;
	FILE *f = r->mount ? fopen("/proc/self/mountinfo", "re") : NULL;

	/* id parent device root where options ... */
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llu %*s %*s %*s %*s %255s", &id, options) ==
			2 &&
		    id == r->mount)
			no = strstr(options, "noexec") != NULL;
	if (f)
		fclose(f);
	return no;
}

const char *mapped_name_in(char *line)
{
	int at = 0;

	/* start-end rights offset device inode name */
	sscanf(line, "%*s %*s %*s %*s %*s %n", &at);
	line[strcspn(line, "\n")] = 0;
	return at ? line + at : "";
}

void mapped_names_open(struct mapped_names *m, const char *path)
{
	m->text = fopen(path, "re");
	m->lo = m->hi = 0;
}

void mapped_names_close(struct mapped_names *m)
{
	if (m->text)
		fclose(m->text);
}

const char *mapped_name(struct mapped_names *m, gva_t a)
{
	char line[PATH_MAX + 128];
	unsigned long long lo, hi;

	while (a >= m->hi && m->text && fgets(line, sizeof(line), m->text)) {
		if (sscanf(line, "%llx-%llx ", &lo, &hi) != 2)
			continue;
		m->lo = lo;
		m->hi = hi;
		snprintf(m->name, sizeof(m->name), "%s", mapped_name_in(line));
	}
	return a >= m->lo && a < m->hi ? m->name : "";
}
