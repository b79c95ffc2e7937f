#!/usr/bin/env python3
"""Small benchmarks: each program of bench/ natively, in metic, and in QEMU
where it is installed. One table of seconds and of ratios to native.

    bench.py [--build DIR] [--only TEXT] [--rounds N] [--tier TIER]

Both builds come from the same source with the same options (-O2, no
automatic vectors, no contraction), so their outputs must be equal; the exit
status is 1 where they are not.
"""
import argparse
import os
import shutil
import sys

import guestlib
from guestlib import HERE
from programs import mean, number

FLAGS = ["-O2", "-std=gnu17", "-ffp-contract=off", "-fno-tree-vectorize",
         "-static"]
LINE = "{:<16} {:<6} {:>7} {:>7} {:>7}  {:>7} {:>7}"


def best(argv, rounds):
    runs = [guestlib.execute(argv, timeout=300) for _ in range(rounds)]
    return min(runs, key=lambda r: r.seconds)


def measure(name, a, metic, qemu):
    """One row: printed; (ok, ratio, ratio of QEMU)."""
    source = os.path.join(HERE, "bench", name + ".c")
    out = os.path.join(a.build, "guest")
    native = guestlib.compile_c("gcc", source, os.path.join(
        out, "bench-native", name), FLAGS, ["-lm"])
    guest = guestlib.compile_c(guestlib.CROSS + "gcc", source, os.path.join(
        out, "bench", name), FLAGS, ["-lm"])
    want = best([native], a.rounds)
    got = best(metic.run(guest, tier=a.tier), a.rounds)
    other = best([qemu, guest], a.rounds) if qemu else None
    ok = got.status == want.status == 0 and got.out == want.out
    ratio = got.seconds / want.seconds if ok else None
    if other and other.out != want.out:
        other = None
    other_ratio = other and other.seconds / want.seconds
    print(LINE.format(name, "equal" if ok else "DIFFER",
                      number(want.seconds), number(got.seconds),
                      number(other and other.seconds), number(ratio),
                      number(other_ratio)), flush=True)
    if not ok:
        print(guestlib.first_difference(want.out, got.out), got.err[-300:])
    return ok, ratio, other_ratio


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--build", default="build")
    p.add_argument("--only", default="", help="names that contain this")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--tier", default="auto")
    a = p.parse_args()
    guestlib.need_cross_compiler()
    metic = guestlib.Emulator(a.build)
    qemu = shutil.which("qemu-riscv64") or \
        shutil.which("qemu-riscv64-static")
    print(LINE.format("program", "output", "native", "metic", "qemu",
                      "metic/n", "qemu/n"))
    names = sorted(f[:-2] for f in os.listdir(os.path.join(HERE, "bench"))
                   if f.endswith(".c") and a.only in f)
    rows = [measure(n, a, metic, qemu) for n in names]
    print(LINE.format("geometric mean", "", "", "", "",
                      number(mean([r for _, r, _ in rows if r])),
                      number(mean([q for _, _, q in rows if q]))))
    return 0 if rows and all(ok for ok, _, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
