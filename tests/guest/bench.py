#!/usr/bin/env python3
"""Small benchmarks: each program of bench/ natively, in metic with an empty
and with a filled translation cache, and in QEMU where it is installed.

    bench.py [--build DIR] [--only TEXT] [--rounds N] [--tier TIER]
             [--svg FILE] [--markdown FILE] [--json FILE] [--readme]

One table of seconds and of ratios to native, and a chart (--svg, by default
bench.svg in the build folder). --readme writes chart and table to where
README.md shows them. Both builds of a program come from the same source with
the same options (-O2, no automatic vectors, no contraction), so their outputs
must be equal; the exit status is 1 where they are not.
"""
import argparse
import ctypes
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import time

import guestlib
import speed
from guestlib import HERE
from programs import number

TOP = os.path.normpath(os.path.join(HERE, "../.."))
README = os.path.join(TOP, "README.md")
README_SVG = "tests/guest/bench/speed.svg"
FLAGS = ["-O2", "-std=gnu17", "-ffp-contract=off", "-fno-tree-vectorize",
         "-static"]
FILLING_RUNS = 2
LINE = "{:<16} {:<6} {:>7} {:>7} {:>7} {:>7}  {:>7} {:>7} {:>7}"


def adopt():
    """Processes that others leave behind become ours: see settle."""
    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def settle(seconds=60):
    """Wait for what a run left behind: metic-jitd may still compile for a
    program that has ended, and would disturb the next measurement."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        except ChildProcessError:
            return
    print("something left behind still runs: the next figures are rough")


class Bench:
    """One program's two builds, and the ways to run it."""

    def __init__(self, name, a, metic, qemu):
        source = os.path.join(HERE, "bench", name + ".c")
        out = os.path.join(os.path.abspath(a.build), "guest")
        self.native = guestlib.compile_c("gcc", source, os.path.join(
            out, "bench-native", name), FLAGS, ["-lm"])
        self.guest = guestlib.compile_c(
            guestlib.CROSS + "gcc", source, os.path.join(out, "bench", name),
            FLAGS, ["-lm"])
        self.metic = metic.run(self.guest, tier=a.tier)
        self.qemu = qemu
        self.warm_cache = tempfile.mkdtemp(prefix="metic-bench-")

    def fill(self):
        for _ in range(FILLING_RUNS):
            self.run("warm")

    def run(self, way):
        result = self.start(way)
        settle()
        return result

    def start(self, way):
        if way == "native":
            return guestlib.execute([self.native], timeout=300)
        if way == "qemu":
            return guestlib.execute([self.qemu, self.guest], timeout=300)
        if way == "warm":
            return self.start_cached(self.warm_cache)
        with tempfile.TemporaryDirectory(prefix="metic-bench-") as empty:
            return self.start_cached(empty)

    def start_cached(self, folder):
        return guestlib.execute(self.metic, {"METIC_CACHE_DIR": folder},
                                timeout=300)


def measure(name, a, metic, qemu):
    """One program of a record (speed.py); a wrong output is shown."""
    bench = Bench(name, a, metic, qemu)
    ways = [w for w in speed.WAYS if qemu or w != "qemu"]
    runs = {w: [] for w in ways}
    try:
        bench.fill()
        for _ in range(a.rounds):
            for w in ways:
                runs[w].append(bench.run(w))
    finally:
        shutil.rmtree(bench.warm_cache, ignore_errors=True)
    want = runs["native"][0]

    def right(w):
        return all(r.status == 0 and r.out == want.out for r in runs[w])

    program = {"name": name,
               "equal": all(right(w) for w in ways if w != "qemu"),
               # no figure for QEMU where it does not run a program
               "seconds": {w: min(r.seconds for r in runs[w]) for w in ways
                           if w != "qemu" or right(w)}}
    for w in ("cold", "warm"):
        for r in [] if right(w) else runs[w]:
            print(f"{name}, {w}: exit {r.status}\n" +
                  guestlib.first_difference(want.out, r.out),
                  r.err[-300:])
    return program


def show(program):
    figures = [program["seconds"].get(w) for w in speed.WAYS]
    ratios = [speed.ratio(program, w) for w in speed.WAYS[1:]]
    print(LINE.format(program["name"],
                      "equal" if program["equal"] else "DIFFER",
                      *map(number, figures + ratios)), flush=True)


def about(a, qemu):
    """What a record says of the machine and the run."""
    cpu = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = " ".join(line.split(":", 1)[1].split())
                break
    version = None
    if qemu:
        said = subprocess.run([qemu, "--version"], capture_output=True,
                              text=True).stdout.split()
        number_at = said.index("version") + 1 if "version" in said else 0
        version = "QEMU " + (said[number_at] if number_at else "?")
    return {"date": datetime.date.today().isoformat(), "machine": cpu,
            "cores": os.cpu_count() or 1, "qemu": version,
            "rounds": a.rounds, "tier": a.tier,
            "load": [os.getloadavg()[0]]}


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)
    print("written:", path)


def write_all(a, record):
    write(a.svg or os.path.join(a.build, "bench.svg"), speed.svg(record))
    if a.markdown:
        write(a.markdown, speed.markdown(record))
    if a.json:
        write(a.json, speed.as_json(record))
    if a.readme:
        new = readme(f"![Times of native]({README_SVG})\n\n" +
                     speed.markdown(record))
        write(os.path.join(TOP, README_SVG), speed.svg(record))
        write(README, new)


def readme(text):
    """README.md with text in its place."""
    with open(README, encoding="utf-8") as f:
        return speed.put_between(f.read(), text)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--build", default="build")
    p.add_argument("--only", default="", help="names that contain this")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--tier", default="auto")
    p.add_argument("--svg", help="file for the chart (bench.svg of --build)")
    p.add_argument("--markdown", help="file for the table")
    p.add_argument("--json", help="file for all figures")
    p.add_argument("--readme", action="store_true",
                   help=f"update README.md and {README_SVG}")
    a = p.parse_args()
    if a.rounds < 1:
        p.error("--rounds: at least one")
    if a.readme:
        if a.only or a.tier != "auto":
            p.error("--readme is for all programs, as users run them")
        readme("")  # no markers there: say so before minutes are spent
    return a


def main():
    a = arguments()
    guestlib.need_cross_compiler()
    adopt()
    metic = guestlib.Emulator(a.build)
    qemu = shutil.which("qemu-riscv64") or \
        shutil.which("qemu-riscv64-static")
    names = sorted(f[:-2] for f in os.listdir(os.path.join(HERE, "bench"))
                   if f.endswith(".c") and a.only in f)
    record = about(a, qemu)
    print(LINE.format("program", "output", "native", "qemu", "cold", "warm",
                      "qemu/n", "cold/n", "warm/n"))
    record["programs"] = []
    for name in names:
        record["programs"].append(measure(name, a, metic, qemu))
        show(record["programs"][-1])
    record["load"].append(os.getloadavg()[0])
    mean, _ = speed.means(record)
    print(LINE.format(speed.mean_title(record), "", "", "", "", "",
                      *(number(mean.get(w)) for w in speed.WAYS[1:])))
    print("\n" + speed.wrapped(speed.method(record)) + "\n" +
          speed.wrapped(speed.machine(record)))
    if not names:
        print("no program's name contains", a.only)
        return 1
    equal = all(p["equal"] for p in record["programs"])
    if a.readme and not equal:
        print("outputs differ: README.md stays as it is")
        a.readme = False
    write_all(a, record)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
