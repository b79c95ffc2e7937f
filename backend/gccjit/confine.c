/* confine.c - see confine.h. */
#include "backend/gccjit/confine.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
#define X32 0x40000000u /* system calls of another table */

/* Refused with EPERM; a compiler has no use for any of them. */
static const u32 refused[] = { SYS_socket, SYS_socketpair, SYS_connect,
	SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_ptrace,
	SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_open,
	SYS_pidfd_getfd, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
	SYS_setns, SYS_unshare, SYS_bpf, SYS_perf_event_open, SYS_keyctl,
	SYS_add_key, SYS_request_key, SYS_init_module, SYS_finit_module,
	SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff,
	SYS_io_uring_setup, SYS_userfaultfd, SYS_shmget, SYS_msgget, SYS_semget,
	SYS_mq_open, SYS_fanotify_init, SYS_quotactl, SYS_acct,
	SYS_settimeofday, SYS_clock_settime, SYS_sethostname };

#define CALL offsetof(struct seccomp_data, nr)
#define ARCH offsetof(struct seccomp_data, arch)
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (u32)(at))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (u32)(what))

static bool limit_calls(void)
{
	struct sock_filter f[2 * ARRAY_LEN(refused) + 8];
	unsigned short n = 0;

	f[n++] = (struct sock_filter)LOAD(ARCH);
	f[n++] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS);
	f[n++] = (struct sock_filter)LOAD(CALL);
	f[n++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1);
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EPERM);
	for (size_t k = 0; k < ARRAY_LEN(refused); k++) {
		f[n++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, refused[k], 0, 1);
		f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EPERM);
	}
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	const struct sock_fprog p = { .len = n, .filter = f };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0) == 0;
}

/* Those of a user namespace of our own. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	const struct __user_cap_data_struct none[2] = { { 0 } };

	syscall(SYS_capset, &head, none);
}

void drop_rights(void)
{
	/* a namespace that has no other user: then it stays root, of little */
	if (!geteuid() && setgroups(0, NULL) == 0 &&
	    setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		errno = 0;
	drop_capabilities();
}

bool confine(const struct limits *limits)
{
	const struct rlimit mem = { limits->memory, limits->memory };
	const struct rlimit none = { 0, 0 };

	if (chdir("/") < 0)
		return false;
	setrlimit(RLIMIT_AS, &mem);
	setrlimit(RLIMIT_CORE, &none);
	if (!limits->eager)
		setpriority(PRIO_PROCESS, 0, 10);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && limit_calls();
}
