#!/usr/bin/env python3
"""Guest programs with kept translations: right, whatever happens to them.

    guest.py METIC [--kills N]

Builds a program and a library for the guest and runs them cold and warm,
eight at a time, killed at random, with damaged, foreign, read-only and full
cache folders, and with the library replaced by another of the same path,
size and time. Every run must print what it must.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

CC = "riscv64-linux-gnu-gcc"

# Saves below another root: argv[1] is an empty folder.
ELSEWHERE = r"""
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int status;

	unshare(CLONE_NEWUSER | CLONE_NEWNS);
	if (chroot(argv[1]) < 0 || chdir("/") < 0)
		return 77;
	if (fork() == 0) /* saves, too */
		return strtol("7", NULL, 10) - 7;
	wait(&status);
	return printf("%d %.3f\n", atoi("12"), strtod("0.5", NULL)) - 9;
}
"""
SYSROOT = "/usr/riscv64-linux-gnu"

LIBRARY = r"""
int value(int x) { return x * %d + 1; }
"""

PROGRAM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Code of a file, rewritten in memory: what is kept of it is not this. */
static int rewritten(const char *self)
{
	int fd = open(self, O_RDONLY);
	uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE, fd, 0);
	int sum = 0;
	for (int i = 0; i < 50; i++) {
		p[64] = 0x00000513 | (uint32_t)i << 20; /* li a0, i */
		p[65] = 0x00008067; /* ret */
		__builtin___clear_cache((char *)p, (char *)p + 4096);
		sum += ((int (*)(void))(p + 64))();
	}
	return sum;
}

/* Their code is kept together, so a warm run has both when it calls one. */
__attribute__((noinline, aligned(4096))) int first(int x) { return x + 1; }
__attribute__((noinline)) int second(int x) { return x * 2; }

static void put(uint32_t *at, uint32_t a, uint32_t b)
{
	char *page = (char *)((uintptr_t)at & ~(uintptr_t)4095);
	mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
	at[0] = a;
	at[1] = b;
	__builtin___clear_cache(page, page + 8192);
	mprotect(page, 8192, PROT_READ | PROT_EXEC);
}

/* The second is rewritten after the first has run, and put back. */
static int neighbours(void)
{
	int (*volatile f)(int) = first, (*volatile g)(int) = second;
	uint32_t old[2], sum = f(1);
	memcpy(old, (void *)second, sizeof(old));
	put((uint32_t *)second, 0x00900513, 0x00008067); /* li a0, 9; ret */
	sum = sum * 100 + g(4);
	put((uint32_t *)second, old[0], old[1]);
	return sum * 100 + g(4);
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return printf("%d\n", neighbours()) != 6;
	void *lib = dlopen(argv[1], RTLD_NOW);
	int (*value)(int) = (int (*)(int))dlsym(lib, "value");
	int sum = 0, status;
	char text[64];
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		sum += value(atoi(text));
	}
	fflush(stdout);
	if (fork() == 0)
		_exit(rewritten(argv[0]) == 1225 ? 7 : 1);
	wait(&status);
	printf("%d %d %d %d\n", sum, rewritten(argv[0]),
	    WEXITSTATUS(status), argc);
	return 3;
}
"""

failures = []
checks = 0


def check(what, good):
    global checks
    checks += 1
    if not good:
        failures.append(what)
    print(f"{'ok  ' if good else 'FAIL'} {what}", flush=True)


class Bench:
    def __init__(self, metic, top):
        self.metic, self.top = metic, top
        self.cache = os.path.join(top, "cache")
        self.lib = os.path.join(top, "libvalue.so")
        self.prog = os.path.join(top, "prog")
        self.build_lib(3)
        src = os.path.join(top, "prog.c")
        with open(src, "w") as f:
            f.write(PROGRAM)
        subprocess.run([CC, "-O1", "-fPIE", "-pie", "-o", self.prog, src],
                       check=True)

    def build_lib(self, factor):
        src = os.path.join(self.top, "lib.c")
        with open(src, "w") as f:
            f.write(LIBRARY % factor)
        subprocess.run([CC, "-O1", "-shared", "-fPIC", "-Wl,--build-id=none",
                        "-o", self.lib, src], check=True)
        self.want = f"{sum(i * factor + 1 for i in range(1000))} 1225 7 2\n"

    def command(self, *options):
        return [self.metic, "run", "-L", SYSROOT, "--cache-dir", self.cache,
                *options, self.prog, self.lib]

    def right(self, *options):
        r = subprocess.run(self.command(*options), capture_output=True,
                           text=True, timeout=60)
        return (r.stdout, r.returncode) == (self.want, 3)

    def stats(self):
        r = subprocess.run(self.command("--stats", "--json"), text=True,
                           capture_output=True, timeout=60)
        if (r.stdout, r.returncode) != (self.want, 3):
            return None
        # a forked child has counters of its own and says nothing
        return json.loads(r.stderr.splitlines()[-1])

    def clear(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def files(self):
        return [os.path.join(self.cache, n) for n in os.listdir(self.cache)]


def cold_and_warm(b):
    b.clear()
    cold = b.stats()
    warm = b.stats()
    check("cold and warm are right", cold and warm)
    check("a cold run saves what it made", cold["cache_saved"] > 100)
    check("a warm run makes next to nothing", warm["blocks"] < 60 and
          warm["cache_hits"] > 0.9 * cold["cache_saved"])
    # but for what it rewrites and unmaps
    check("the next one no more than that", b.stats()["blocks"] < 60)
    check("--no-cache takes nothing", b.right("--no-cache"))


def neighbours(b):
    b.clear()
    runs = [subprocess.run(b.command() + ["x"], capture_output=True,
                           timeout=60) for _ in range(3)]
    check("rewritten after it was loaded with its neighbour",
          all(r.stdout == b"20908\n" and r.returncode == 0 for r in runs))


def at_once(b):
    b.clear()
    runs = [subprocess.Popen(b.command(), stdout=subprocess.PIPE, text=True)
            for _ in range(8)]
    outs = [(r.communicate(timeout=120)[0], r.returncode) for r in runs]
    check("eight at once on an empty folder",
          all(o == (b.want, 3) for o in outs) and b.right())


def killed(b, n):
    rng = random.Random(1)
    good = True
    for i in range(n):
        if i % 10 == 0:
            b.clear()
        r = subprocess.Popen(b.command(), stdout=subprocess.DEVNULL,
                             start_new_session=True)
        time.sleep(rng.random() * 0.12)
        try:
            os.killpg(r.pid, 9)
        except ProcessLookupError:
            pass
        r.wait()
        good &= i % 5 != 4 or b.right()
    check(f"killed {n} times", good and b.right())


def damaged(b):
    rng = random.Random(2)
    b.clear()
    b.right()
    good = True
    for _ in range(30):
        name = rng.choice(b.files())
        with open(name, "rb") as f:
            data = bytearray(f.read())
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)):]
        for _ in range(rng.randrange(1, 200)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        with open(name, "wb") as f:
            f.write(data)
        good &= b.right()
    check("damaged files", good)


def replaced(b):
    b.clear()
    b.right()
    st = os.stat(b.lib)
    b.build_lib(5)
    same = os.stat(b.lib).st_size == st.st_size
    os.utime(b.lib, ns=(st.st_atime_ns, st.st_mtime_ns))
    check("the library replaced: same path, size, time", same and b.right())


def refused(b):
    b.clear()
    b.right()
    os.chmod(b.cache, 0o777)
    check("a folder that others may write to", b.right())
    os.chmod(b.cache, 0o500)
    check("a read-only folder", b.right())
    os.chmod(b.cache, 0o700)
    b.clear()
    with open(b.cache, "w"):
        pass
    check("a file in place of the folder", b.right())
    os.unlink(b.cache)
    if os.geteuid() == 0:
        os.mkdir(b.cache, 0o700)
        os.chown(b.cache, 12345, 12345)
        check("somebody else's folder", b.right() and not b.files())
        b.clear()


def elsewhere(b):
    """A guest that changes its root saves where it began."""
    b.clear()
    root = os.path.join(b.top, "root")
    prog = os.path.join(b.top, "elsewhere")
    os.makedirs(root, exist_ok=True)
    with open(prog + ".c", "w", encoding="utf-8") as f:
        f.write(ELSEWHERE)
    subprocess.run([CC, "-O1", "-static", "-o", prog, prog + ".c"], check=True)
    cmd = [b.metic, "run", "-L", "/", "--cache-dir", b.cache, prog, root]
    got = subprocess.run(cmd, capture_output=True, timeout=60)
    if got.returncode == 77:
        print("SKIPPED: another root (no user namespaces)")
        return
    check("another root: it runs", got.returncode == 0 and
          got.stdout == b"12 0.500\n")
    check("another root: saved where it began",
          os.path.isdir(b.cache) and len(b.files()) == 1)
    check("another root: nothing there", not os.listdir(root))


def full(b):
    os.makedirs(b.cache, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs",
             b.cache]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        print("SKIPPED: a full disk (cannot mount a small one)")
        return
    try:
        check("a full disk", b.right() and b.right())
    finally:
        subprocess.run(["umount", b.cache], check=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("metic")
    p.add_argument("--kills", type=int, default=40)
    a = p.parse_args()
    if not shutil.which(CC):
        print(f"SKIPPED: no {CC}")
        return 77
    with tempfile.TemporaryDirectory(prefix="metic-store.") as top:
        b = Bench(os.path.abspath(a.metic), top)
        cold_and_warm(b)
        neighbours(b)
        at_once(b)
        killed(b, a.kills)
        damaged(b)
        replaced(b)
        refused(b)
        elsewhere(b)
        full(b)
    print(f"{checks - len(failures)} passed, {len(failures)} failed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
