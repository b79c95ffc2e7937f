/* clocks.c - time that moves, sleeps that last, limits that hold. */
#define _GNU_SOURCE
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static double now(clockid_t c)
{
	struct timespec t;

	NEED(clock_gettime(c, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(void)
{
	struct timespec t = { 0, 30000000 }, res;
	struct itimerspec it = { .it_value = { 0, 5000000 } };
	struct timeval tv;
	struct tm tm;
	time_t then = 1700000000;
	double a, b, cpu;
	uint64_t n = 0;
	int fd, back = 0;
	char buf[64];

	a = now(CLOCK_MONOTONIC);
	CHECK(nanosleep(&t, NULL) == 0);
	b = now(CLOCK_MONOTONIC);
	CHECK(b - a >= 0.03 && b - a < 5);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL) == 0);
	CHECK(now(CLOCK_MONOTONIC) - b >= 0.03);
	for (int i = 0; i < 10000; i++) {
		b = now(CLOCK_MONOTONIC);
		back += b < a;
		a = b;
	}
	CHECK(back == 0);
	gettimeofday(&tv, NULL);
	a = (double)tv.tv_sec + (double)tv.tv_usec * 1e-6;
	b = now(CLOCK_REALTIME);
	CHECK(b - a > -0.001 && b - a < 5 && tv.tv_sec > 1600000000);
	CHECK(time(NULL) - tv.tv_sec < 5);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	for (volatile int i = 0; i < 3000000; i++)
		;
	CHECK(now(CLOCK_PROCESS_CPUTIME_ID) > cpu);
	CHECK(now(CLOCK_THREAD_CPUTIME_ID) > 0 && now(CLOCK_BOOTTIME) > 0);
	CHECK(clock_getres(CLOCK_MONOTONIC, &res) == 0 && res.tv_nsec > 0);
	CHECK(clock_gettime(12345, &res) == -1 && errno == EINVAL);
	t.tv_nsec = 2000000000;
	CHECK(nanosleep(&t, NULL) == -1 && errno == EINVAL);
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	CHECK(timerfd_settime(fd, 0, &it, NULL) == 0);
	CHECK(read(fd, &n, 8) == 8 && n == 1);
	gmtime_r(&then, &tm);
	strftime(buf, sizeof(buf), "%a %d %b %Y %H:%M:%S", &tm);
	puts(buf);
#ifdef __riscv
	{
		uint64_t c0, c1, t0, t1;

		__asm__ volatile("rdcycle %0" : "=r"(c0));
		__asm__ volatile("rdtime %0" : "=r"(t0));
		usleep(2000);
		__asm__ volatile("rdtime %0" : "=r"(t1));
		__asm__ volatile("rdcycle %0" : "=r"(c1));
		if (t1 <= t0 || c1 < c0)
			puts("BAD rdtime or rdcycle stand still");
	}
#endif
	return 0;
}
