/*
 * run.c - linux_new, linux_run, linux_free as a library uses them: outcomes,
 * several processes one after the other and side by side, nothing left.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/user/linux.h"

#define LI(rd, imm) ((u32)(imm) << 20 | (rd) << 7 | 0x13)
#define ECALL 0x73u
#define EBREAK 0x100073u
#define JUMP_SELF 0x6fu
enum { A0 = 10, A1 = 11, A7 = 17 };

struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	u32 code[64];
};

static char path[] = "/tmp/metic-run-XXXXXX";

static void setup(void)
{
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	close(fd);
}

static void teardown(void)
{
	unlink(path);
}

TestSuite(run, .init = setup, .fini = teardown);

/* A position-independent program of n instructions. */
static void make(const u32 *code, size_t n)
{
	struct image im;
	memset(&im, 0, sizeof(im));
	memcpy(im.eh.e_ident, ELFMAG, SELFMAG);
	im.eh.e_ident[EI_CLASS] = ELFCLASS64;
	im.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	im.eh.e_ident[EI_VERSION] = EV_CURRENT;
	im.eh.e_type = ET_DYN;
	im.eh.e_machine = EM_RISCV;
	im.eh.e_entry = offsetof(struct image, code);
	im.eh.e_phoff = offsetof(struct image, ph);
	im.eh.e_phentsize = sizeof(im.ph);
	im.eh.e_phnum = 1;
	im.ph = (Elf64_Phdr){ .p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_filesz = sizeof(im),
		.p_memsz = sizeof(im),
		.p_align = 0x1000 };
	memcpy(im.code, code, n * sizeof(*code));
	int fd = open(path, O_WRONLY | O_TRUNC);
	cr_assert_eq(write(fd, &im, sizeof(im)), sizeof(im));
	close(fd);
}

static struct metic_vm *start(enum exec_tier tier)
{
	struct linux_config cfg = { .prog = path };
	struct vm_config vmcfg = { .tier = tier };
	struct metic_vm *vm = NULL;
	char why[256];
	int r = linux_new(&cfg, &vmcfg, &vm, why, sizeof(why));
	cr_assert_eq(r, 0, "%s", why);
	return vm;
}

static struct linux_exit run_code(const u32 *code, size_t n)
{
	struct linux_exit ex;
	make(code, n);
	for (int tier = TIER_AUTO; tier <= TIER_INTERP; tier++) {
		struct metic_vm *vm = start(tier);
		cr_assert_eq(linux_run(vm, &ex), 0);
		linux_free(vm);
	}
	return ex;
}
#define RUN(...) \
	run_code((const u32[]){ __VA_ARGS__ }, \
	    sizeof((const u32[]){ __VA_ARGS__ }) / sizeof(u32))

static void expect(struct linux_exit ex, bool signaled, int status, bool core)
{
	cr_assert_eq(ex.signaled, signaled);
	cr_assert_eq(ex.status, status, "%d", ex.status);
	if (signaled)
		cr_assert_eq(ex.core, core);
}

Test(run, outcomes)
{
	expect(RUN(LI(A0, 42), LI(A7, 94), ECALL), false, 42, false);
	expect(RUN(LI(A0, 0x1ff), LI(A7, 93), ECALL), false, 255, false);
	expect(RUN(0), true, SIGILL, true);
	expect(RUN(EBREAK), true, SIGTRAP, true);
	expect(
	    RUN(LI(A0, 0), 0x00053503 /* ld a0, (a0) */), true, SIGSEGV, true);
	expect(RUN(0x00008067 /* ret to 0 */), true, SIGSEGV, true);
	/* kill(getpid(), SIGTERM) */
	expect(
	    RUN(LI(A7, 172), ECALL, LI(A1, 15), LI(A7, 129), ECALL, JUMP_SELF),
	    true, SIGTERM, false);
	/* an unknown call is ENOSYS: exit(-a0) */
	expect(RUN(LI(A7, 2000), ECALL, 0x40a00533, LI(A7, 93), ECALL), false,
	    ENOSYS, false);
}

static size_t count_dir(const char *name)
{
	size_t n = 0;
	DIR *d = opendir(name);
	cr_assert(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static size_t count_maps(void)
{
	char line[8192];
	size_t n = 0;
	FILE *f = fopen("/proc/self/maps", "re");
	while (fgets(line, sizeof(line), f))
		n++;
	fclose(f);
	return n;
}

static void on_signal(int sig)
{
	(void)sig;
}

Test(run, leaves_nothing)
{
	const u32 code[] = { LI(A0, 7), LI(A7, 94), ECALL };
	struct sigaction sa = { .sa_handler = on_signal }, now;
	sigset_t set, mask;
	cr_assert_eq(sigaction(SIGSEGV, &sa, NULL), 0);
	cr_assert_eq(sigaction(SIGUSR1, &sa, NULL), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	cr_assert_eq(sigprocmask(SIG_SETMASK, &set, NULL), 0);
	expect(run_code(code, 3), false, 7, false);
	size_t fds = count_dir("/proc/self/fd"), maps = count_maps();
	size_t threads = count_dir("/proc/self/task");
	for (int i = 0; i < 20; i++)
		expect(run_code(code, 3), false, 7, false);
	cr_assert_eq(count_dir("/proc/self/fd"), fds);
	cr_assert_eq(count_dir("/proc/self/task"), threads);
	cr_assert_leq(count_maps(), maps + 2);
	sigaction(SIGSEGV, NULL, &now);
	cr_assert_eq(now.sa_handler, on_signal);
	sigaction(SIGUSR1, NULL, &now);
	cr_assert_eq(now.sa_handler, on_signal);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	cr_assert(sigismember(&mask, SIGUSR2));
	cr_assert_not(sigismember(&mask, SIGUSR1));
}

static void *run_thread(void *arg)
{
	struct linux_exit ex;
	cr_assert_eq(linux_run(arg, &ex), 0);
	return (void *)(intptr_t)(ex.signaled ? -1 : ex.status);
}

Test(run, side_by_side)
{
	/* a loop of a million, then exit(9) */
	const u32 code[] = { 0x000f4537 /* lui a0, 244 */,
		0xfff50513 /* addi a0, a0, -1 */, 0xfe051ee3 /* bnez -4 */,
		LI(A0, 9), LI(A7, 94), ECALL };
	struct metic_vm *vm[4];
	pthread_t th[4];
	make(code, ARRAY_LEN(code));
	for (size_t i = 0; i < ARRAY_LEN(vm); i++)
		vm[i] = start(i % 2 ? TIER_INTERP : TIER_AUTO);
	for (size_t i = 0; i < ARRAY_LEN(vm); i++)
		cr_assert_eq(
		    pthread_create(&th[i], NULL, run_thread, vm[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(vm); i++) {
		void *r;
		cr_assert_eq(pthread_join(th[i], &r), 0);
		cr_assert_eq((intptr_t)r, 9);
		linux_free(vm[i]);
	}
}

Test(run, script)
{
	/* the program's own path is the interpreter's argument: argc 3 */
	const u32 code[] = { 0x00013503 /* ld a0, (sp) */, LI(A7, 93), ECALL };
	char script[] = "/tmp/metic-script-XXXXXX", text[128];
	struct linux_config cfg = { .prog = script };
	struct vm_config vmcfg = { .tier = TIER_INTERP };
	struct metic_vm *vm;
	struct linux_exit ex;
	char why[256];
	make(code, ARRAY_LEN(code));
	int fd = mkstemp(script);
	int n = snprintf(text, sizeof(text), "#! %s  one arg \nrest", path);
	cr_assert_eq(write(fd, text, (size_t)n), n);
	close(fd);
	cr_assert_eq(
	    linux_new(&cfg, &vmcfg, &vm, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(linux_run(vm, &ex), 0);
	expect(ex, false, 3, false);
	linux_free(vm);
	fd = open(script, O_WRONLY | O_TRUNC);
	cr_assert_eq(write(fd, "#!/nonexistent\n", 15), 15);
	close(fd);
	cr_assert_eq(linux_new(&cfg, &vmcfg, &vm, why, sizeof(why)), -ENOENT);
	cr_assert(
	    strstr(why, script) && strstr(why, "/nonexistent"), "%s", why);
	unlink(script);
}
