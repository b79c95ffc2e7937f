/*
 * convert.c - layouts of asm-generic's structures and their conversion.
 * The offsets are those that a riscv64 compiler gives for the kernel's
 * headers.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include "runtime/user/convert.h"

#define AT(type, field, off) \
	cr_expect_eq(offsetof(struct type, field), off, #type "." #field)

Test(convert, layouts)
{
	AT(generic_stat, mode, 16);
	AT(generic_stat, nlink, 20);
	AT(generic_stat, rdev, 32);
	AT(generic_stat, size, 48);
	AT(generic_stat, blksize, 56);
	AT(generic_stat, blocks, 64);
	AT(generic_stat, atime, 72);
	AT(generic_stat, ctime_ns, 112);
	AT(generic_epoll_event, data, 8);
	AT(generic_semid_ds, otime, 48);
	AT(generic_semid_ds, ctime, 56);
	AT(generic_semid_ds, nsems, 64);
	AT(x86_semid_ds, ctime, 64);
	AT(x86_semid_ds, nsems, 80);
}

Test(convert, stat_of_a_file)
{
	struct stat st;
	struct generic_stat g;

	cr_assert_eq(stat("/proc/self/exe", &st), 0);
	stat_to_generic(&g, &st);
	cr_expect_eq(g.dev, st.st_dev);
	cr_expect_eq(g.ino, st.st_ino);
	cr_expect_eq(g.mode, st.st_mode);
	cr_expect_eq(g.nlink, st.st_nlink);
	cr_expect_eq(g.uid, st.st_uid);
	cr_expect_eq(g.gid, st.st_gid);
	cr_expect_eq(g.size, st.st_size);
	cr_expect_eq(g.blksize, st.st_blksize);
	cr_expect_eq(g.blocks, st.st_blocks);
	cr_expect_eq(g.mtime, st.st_mtim.tv_sec);
	cr_expect_eq(g.mtime_ns, (u64)st.st_mtim.tv_nsec);
	cr_expect_eq(g.ctime, st.st_ctim.tv_sec);
}

Test(convert, device_numbers)
{
	struct stat st;
	struct generic_stat g;

	cr_assert_eq(stat("/dev/null", &st), 0);
	stat_to_generic(&g, &st);
	cr_expect_eq(g.rdev, st.st_rdev);
	cr_expect_eq(g.mode & S_IFMT, S_IFCHR);
}

Test(convert, epoll_event_there_and_back)
{
	const struct generic_epoll_event in = { .events = EPOLLIN | EPOLLET,
		.data = 0x1122334455667788 };
	struct generic_epoll_event out;
	struct epoll_event host;

	epoll_from_generic(&host, &in);
	cr_expect_eq(host.events, in.events);
	cr_expect_eq(host.data.u64, in.data);
	epoll_to_generic(&out, &host);
	cr_expect_eq(memcmp(&in, &out, sizeof(in)), 0);
}

Test(convert, semaphore_set_there_and_back)
{
	struct generic_semid_ds in = { .otime = 1, .ctime = 2, .nsems = 3 };
	struct generic_semid_ds out;
	struct x86_semid_ds host;

	in.perm.key = -7;
	in.perm.mode = 0640;
	semid_from_generic(&host, &in);
	cr_expect_eq(host.ctime, 2);
	cr_expect_eq(host.nsems, 3);
	semid_to_generic(&out, &host);
	cr_expect_eq(memcmp(&in, &out, sizeof(in)), 0);
}
