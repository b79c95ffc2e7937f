#!/usr/bin/env python3
"""A thousand runs in a row of programs that must not fail once.

    stress.py [--build DIR] [--jobs N] [--only NAME] [--timeout S]
              [--minutes M] [--tier TIER] [N]

Each program runs N times (1000) under metic, or until M minutes are over; every
run must exit as the first native one and print the same. A run that takes too
long is kept, stopped in gdb's reach: its process id is printed, the next
program begins. The programs: goroutines on four threads; a JVM (a tenth of the
runs, it is slow to start); a shell that forks; a storm of signals into busy
threads, forks and faults. Needs the roots and tools of `./dev stress`.
"""
import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
ROOT = os.path.join(TOP, ".guest/suites-riscv64")
JAVA = "/usr/lib/jvm/java-21-openjdk-riscv64/bin"
WORK = "/tmp/metic-stress"
FORKS = """s=0
for i in 1 2 3 4 5 6 7 8; do
	s=$((s + $(echo $i | { read x; echo $((x * x)); })))
	(exit $i) || s=$((s + $?))
	/bin/true && echo one | cat | wc -l
done
wait
echo $s
"""


def build(command, cwd=WORK, **env):
    subprocess.run(command, check=True, cwd=cwd, env={**os.environ, **env})


def go(_metic):
    for target, arch in (("go-guest", "riscv64"), ("go-native", "amd64")):
        build(["go", "build", "-o", os.path.join(WORK, target), "threads.go"],
              os.path.join(HERE, "scripts"), GOARCH=arch, GOOS="linux",
              GO111MODULE="off", CGO_ENABLED="0")
    return [os.path.join(WORK, "go-guest")], [os.path.join(WORK, "go-native")]


def java(metic):
    source = os.path.join(HERE, "scripts/Threads.java")
    build([*metic, JAVA + "/javac", "-d", WORK, source])
    return [JAVA + "/java", "-Xshare:auto", "-cp", WORK, "Threads"], None


def shell(_metic):
    path = os.path.join(WORK, "forks.sh")
    with open(path, "w", encoding="utf-8") as f:
        f.write(FORKS)
    return ["/bin/bash", path], ["/bin/bash", path]


def storm(_metic):
    source = os.path.join(TOP, "tests/user/guest/storm.c")
    build(["riscv64-linux-gnu-gcc", "-O2", "-static", "-pthread",
           "-D_GNU_SOURCE", "-o", "storm", source])
    return [os.path.join(WORK, "storm"), "100"], ["echo", "ok"]


# name, how to make its guest command and one for this machine that prints
# what is expected (None: the first run tells), runs of a thousand
PROGRAMS = [("go", go, 1000), ("java", java, 100), ("shell", shell, 1000),
            ("storm", storm, 1000)]


class Runs:
    """The runs of one program."""

    def __init__(self, command, want, timeout, end):
        self.command, self.want, self.timeout = command, want, timeout
        self.end = end
        self.lock, self.bad, self.done = threading.Lock(), 0, 0
        self.stop = False

    def one(self, number):
        if self.stop or time.monotonic() > self.end:
            return
        log = os.path.join(WORK, f"run.{number}")
        with open(log, "wb") as out:
            p = subprocess.Popen(self.command, stdout=out, stdin=-3,
                                 stderr=subprocess.STDOUT, cwd=WORK,
                                 start_new_session=True)
            try:
                status = p.wait(self.timeout)
            except subprocess.TimeoutExpired:
                status = f"a hang: process {p.pid} is left for gdb -p"
                self.stop = True
        with open(log, "rb") as f:
            text = f.read()
        with self.lock:
            self.done += 1
            if (status, text) == self.want:
                os.remove(log)
                return
            self.bad += 1
            if self.bad <= 10 or not isinstance(status, int):
                print(f"  run {number}: {status}, output in {log}",
                      flush=True)


def stress(name, make, count, args):
    metic = [os.path.join(WORK, "metic"), "run", "-L", ROOT]
    if args.tier:
        metic += ["--tier", args.tier, "--jitd",
                  os.path.join(WORK, "metic-jitd")]
    guest, native = make(metic)
    reference = subprocess.run(native or [*metic, *guest], cwd=WORK,
                               stdin=subprocess.DEVNULL, check=False,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    runs = Runs([*metic, *guest], (reference.returncode, reference.stdout),
                args.timeout, time.monotonic() + args.minutes * 60)
    start = time.monotonic()
    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(runs.one, range(count)))
    took = time.monotonic() - start
    print(f"{'FAIL' if runs.bad else 'ok  '} {name}: {runs.done} runs, "
          f"{runs.bad} failures, {took:.0f} s", flush=True)
    return runs.bad


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default=os.path.join(TOP, "build"))
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--only", default="")
    p.add_argument("--timeout", type=float, default=120)
    p.add_argument("--minutes", type=float, default=float("inf"))
    p.add_argument("--tier", default="")
    p.add_argument("runs", nargs="?", type=int, default=1000)
    args = p.parse_args()
    os.makedirs(WORK, exist_ok=True)
    # A copy: a build in the meantime must not change what runs.
    programs = ["runtime/cli/metic"]
    programs += ["backend/gccjit/metic-jitd"] if args.tier else []
    for program in programs:
        to = os.path.join(WORK, os.path.basename(program))
        shutil.copy(os.path.join(args.build, program), to + ".new")
        os.replace(to + ".new", to)
    bad = 0
    for name, make, share in PROGRAMS:
        if args.only in name:
            count = max(1, args.runs * share // 1000)
            bad += stress(name, make, count, args)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
