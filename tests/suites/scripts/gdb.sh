# The guest's gdb debugs a guest program with threads.
cat > p.c <<'END'
#include <pthread.h>
#include <stdio.h>
static volatile int total;
static int add(int a, int b) { int c = a + b; return c; }
static void *run(void *arg) { total = add(total, 5); return arg; }
int main(void)
{
	pthread_t t;
	for (int i = 0; i < 3; i++) {
		pthread_create(&t, 0, run, 0);
		pthread_join(t, 0);
	}
	printf("total %d\n", total);
	return 7;
}
END
gcc -g -O0 -o p p.c -pthread
timeout 120 gdb -nx -batch -ex 'set debuginfod enabled off' \
    -ex 'break add' -ex run -ex 'print a + b' -ex 'backtrace 2' \
    -ex next -ex 'print c' -ex 'set var c = 100' -ex continue -ex 'print a' \
    -ex 'delete' -ex continue ./p > out 2>&1
grep -E '^\$|^#0|exited with|^total' out |
    sed 's/0x[0-9a-f]* in //; s/process [0-9]*/process/'
