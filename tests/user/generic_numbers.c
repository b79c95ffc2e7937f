/*
 * generic_numbers.c - the system call numbers of asm-generic/unistd.h, by
 * the names in syscalls.def. A file of its own because that header defines
 * the same macros as the host's.
 */
#include "tests/user/generic_numbers.h"

#define __ARCH_WANT_NEW_STAT
#define __ARCH_WANT_SET_GET_RLIMIT
#define __ARCH_WANT_MEMFD_SECRET
#define __ARCH_WANT_SYS_CLONE3
#include <asm-generic/unistd.h>

/* Of riscv64, or younger than the installed header. */
#define __NR_riscv_hwprobe 258
#define __NR_riscv_flush_icache 259
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_mseal
#define __NR_map_shadow_stack 453
#define __NR_futex_wake 454
#define __NR_futex_wait 455
#define __NR_futex_requeue 456
#define __NR_statmount 457
#define __NR_listmount 458
#define __NR_lsm_get_self_attr 459
#define __NR_lsm_set_self_attr 460
#define __NR_lsm_list_modules 461
#define __NR_mseal 462
#endif
#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#define __NR_getxattrat 464
#define __NR_listxattrat 465
#define __NR_removexattrat 466
#endif

#define ROW(nr, name) { nr, __NR_##name, #name },
#define PASS(nr, name, arity, sig) ROW(nr, name)
#define WAIT(nr, name, arity, sig) ROW(nr, name)
#define SYS(nr, name, arity, sig) ROW(nr, name)
#define NONE(nr, name, arity, sig) ROW(nr, name)
#define DENY(nr, name, arity, sig) ROW(nr, name)
#define PATH(nr, name, arity, sig, dir, path, at, flags) ROW(nr, name)

const struct numbered generic_numbers[] = {
#include "runtime/user/syscalls.def"
	{ 0, 0, NULL },
};
