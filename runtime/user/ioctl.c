/*
 * ioctl.c - device control.
 *
 * Requests are numbered by asm-generic's scheme on both sides and what they
 * point to has the same layout for any 64-bit little-endian guest, so the
 * host kernel does them. Refused are the few whose structures hold a CPU's
 * registers.
 */
#include "runtime/user/handlers.h"
#include "runtime/user/hostcall.h"
#include "runtime/user/ioctl.h"

#include <linux/fs.h>
#include <linux/fiemap.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>

/* What the pass-through relies on: the generic layouts. */
_Static_assert(sizeof(struct termios) == 36, "termios is the generic one");
_Static_assert(sizeof(struct termios2) == 44, "termios2 is the generic one");
_Static_assert(offsetof(struct termios, c_cc) == 17, "so are its fields");
_Static_assert(NCCS == 19, "and its size");
_Static_assert(TCGETS == 0x5401 && TIOCGWINSZ == 0x5413 && FIONREAD == 0x541B,
    "ioctl numbers are the generic ones");
_Static_assert(FICLONE == 0x40049409, "_IOC encoding is the generic one");

#define IOC_TYPE(request) ((u8)((request) >> 8))
#define TYPE_KVM 0xAE /* struct kvm_regs is the CPU's */

static const struct {
	u32 request;
	const char *name;
} names[] = {
#define X(name) { (u32)(name), #name },
#include "runtime/user/ioctls.def"
#undef X
};

const char *ioctl_name(u32 request)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].request == request)
			return names[i].name;
	}
	return NULL;
}

i64 sys_ioctl(struct linux_task *t, const u64 a[6])
{
	if (IOC_TYPE(a[1]) == TYPE_KVM) {
		syscall_remark(
		    t, "ioctl %#x (KVM) is not supported", (u32)a[1]);
		return -ENOTTY;
	}
	return host_wait(t, SYS_ioctl, a);
}
