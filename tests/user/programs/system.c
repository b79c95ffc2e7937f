/* system.c - System V IPC, message queues, limits, identity, prctl. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../guest/c/check.h"

static void shared(void)
{
	struct shmid_ds ds;
	int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
	char *a, *b;

	NEED(id >= 0);
	a = shmat(id, NULL, 0);
	NEED(a != (void *)-1);
	b = shmat(id, NULL, SHM_RDONLY);
	CHECK(b != (void *)-1 && a != b);
	strcpy(a, "both");
	CHECK(!strcmp(b, "both"));
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK(ds.shm_segsz == 10000 && ds.shm_nattch == 2);
	CHECK(ds.shm_cpid == getpid() && (ds.shm_perm.mode & 0777) == 0600);
	pid_t c = fork();
	if (c == 0) {
		strcpy(a + 100, "child");
		_exit(0);
	}
	waitpid(c, NULL, 0);
	CHECK(!strcmp(b + 100, "child"));
	CHECK(shmdt(b) == 0 && shmdt(b) == -1 && errno == EINVAL);
	CHECK(shmat(id, a, 0) == (void *)-1 && errno == EINVAL);
	CHECK(shmat(id, a, SHM_REMAP) == a && !strcmp(a, "both"));
	CHECK(shmctl(id, IPC_RMID, NULL) == 0 && shmdt(a) == 0);
}

static void semaphores(void)
{
	union semun {
		int val;
		struct semid_ds *buf;
		unsigned short *array;
	} u;
	unsigned short v[3] = { 4, 5, 6 };
	struct semid_ds ds;
	struct sembuf op[2] = { { 0, -4, 0 }, { 2, 1, 0 } };
	struct timespec soon = { 0, 10000000 };
	int id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0640);

	NEED(id >= 0);
	u.array = v;
	CHECK(semctl(id, 0, SETALL, u) == 0);
	CHECK(semctl(id, 1, GETVAL) == 5);
	CHECK(semop(id, op, 2) == 0);
	memset(v, 0, sizeof(v));
	CHECK(semctl(id, 0, GETALL, u) == 0);
	CHECK(v[0] == 0 && v[1] == 5 && v[2] == 7);
	CHECK(semtimedop(id, op, 1, &soon) == -1 && errno == EAGAIN);
	u.buf = &ds;
	CHECK(semctl(id, 0, IPC_STAT, u) == 0);
	CHECK(ds.sem_nsems == 3 && ds.sem_otime != 0);
	CHECK(ds.sem_ctime != 0 && (ds.sem_perm.mode & 0777) == 0640);
	ds.sem_perm.mode = 0600;
	CHECK(semctl(id, 0, IPC_SET, u) == 0);
	CHECK(semctl(id, 0, IPC_STAT, u) == 0);
	CHECK((ds.sem_perm.mode & 0777) == 0600);
	CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static void messages(void)
{
	struct {
		long type;
		char text[16];
	} m = { 7, "message" }, got;
	struct msqid_ds ds;
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

	CHECK(id >= 0 && msgsnd(id, &m, 8, 0) == 0);
	CHECK(msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_qnum == 1);
	CHECK(msgrcv(id, &got, 16, 3, IPC_NOWAIT) == -1 && errno == ENOMSG);
	CHECK(msgrcv(id, &got, 16, 7, 0) == 8 && !strcmp(got.text, "message"));
	CHECK(msgctl(id, IPC_RMID, NULL) == 0);
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 32 };
	char name[32], buf[32];
	unsigned prio;
	snprintf(name, sizeof(name), "/test-%d", getpid());
	mqd_t q = mq_open(name, O_CREAT | O_RDWR, 0600, &attr);
	if (q == (mqd_t)-1)
		return;
	CHECK(mq_send(q, "low", 3, 1) == 0 && mq_send(q, "high", 4, 9) == 0);
	CHECK(mq_receive(q, buf, 32, &prio) == 4 && prio == 9);
	CHECK(mq_getattr(q, &attr) == 0 && attr.mq_curmsgs == 1);
	CHECK(mq_unlink(name) == 0 && mq_close(q) == 0);
}

static void limits(void)
{
	struct rlimit r, old;
	struct rusage u;

	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	r = (struct rlimit){ 64, old.rlim_max };
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	CHECK(dup2(0, 64) == -1 && errno == EBADF);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	r = (struct rlimit){ 1 << 20, RLIM_INFINITY };
	CHECK(setrlimit(RLIMIT_AS, &r) == 0);
	CHECK(getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur == 1 << 20);
	CHECK(r.rlim_max == RLIM_INFINITY);
	r = (struct rlimit){ 2, 1 };
	CHECK(setrlimit(RLIMIT_DATA, &r) == -1 && errno == EINVAL);
	CHECK(getrlimit(999, &r) == -1 && errno == EINVAL);
	CHECK(getrusage(RUSAGE_SELF, &u) == 0 && u.ru_maxrss > 0);
}

static void identity(void)
{
	char name[17] = "", bytes[32] = { 0 };
	uid_t a, b, c;
	struct utsname u;
	struct sysinfo si;
	cpu_set_t cpus;
	unsigned sum = 0, cpu;

	CHECK(prctl(PR_SET_NAME, "a name") == 0);
	CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a name"));
	CHECK(prctl(PR_GET_DUMPABLE) >= 0);
	CHECK(prctl(-5) == -1 && errno == EINVAL);
	CHECK(getresuid(&a, &b, &c) == 0 && a == getuid() && b == geteuid());
	CHECK(uname(&u) == 0 && !strcmp(u.sysname, "Linux"));
	CHECK(sysinfo(&si) == 0 && si.totalram > 0 && si.procs > 0);
	CHECK(getrandom(bytes, 32, 0) == 32);
	for (int i = 0; i < 32; i++)
		sum |= (unsigned char)bytes[i];
	CHECK(sum != 0);
	CHECK(sched_getaffinity(0, sizeof(cpus), &cpus) == 0);
	CHECK(CPU_COUNT(&cpus) > 0 && sched_yield() == 0);
	CHECK(getcpu(&cpu, NULL) == 0 && cpu < 4096);
	CHECK(sched_getscheduler(0) == SCHED_OTHER);
	CHECK(getpriority(PRIO_PROCESS, 0) >= -20);
	CHECK(getpgid(0) == getpgrp() && getsid(0) > 0);
	CHECK(getgroups(0, NULL) >= 0);
	CHECK(syscall(5000) == -1 && errno == ENOSYS);
	CHECK(syscall(SYS_keyctl, 0, 0) == -1);
}

int main(void)
{
	shared();
	semaphores();
	messages();
	limits();
	identity();
	return 0;
}
