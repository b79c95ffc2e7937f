#!/usr/bin/env python3
"""Random C programs made by csmith: the guest's builds of each must print
what the native one prints.

    csmith.py [N] [--first SEED] [--build DIR] [--torture DIR]
              [--keep DIR] [--jobs N] [--summary FILE]

N programs (20), made from the seeds SEED, SEED + 1, ...: the same seed is
the same program, so `--first` goes on where another run stopped. A program
that takes the host longer than a second is dropped, the next seed takes its
place. Each is built natively with gcc -O1, which gives the output that is
right, and for the guest with -O0 and -O2. Every 10th program is also run in
lock step and in the torture build. What failed stays in the folder --keep.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import guestlib

HEADERS = "/usr/include/csmith"
# Small: most of a program's time is its compilers'.
SHAPE = ["--max-funcs", "5", "--max-block-depth", "3",
         "--max-expr-complexity", "8"]
# csmith's unions and casts are not what -fstrict-aliasing asks for (seed 90276
# differs natively between -O1 and -O2).
FLAGS = ["-w", "-std=gnu17", "-ffp-contract=off", "-fno-strict-aliasing",
         "-I", HEADERS]
NATIVE_LIMIT = 1.0  # seconds
# Above what the slowest way (lock step, 800 times native) needs for that on a
# busy machine.
GUEST_LIMIT = 1800
EVERY = 10


def text_of(result):
    return f"{result.status} {result.out.decode('latin-1')}"


class Maker:
    """Builds the programs of one seed in a folder."""

    def __init__(self, folder, seed):
        self.folder, self.seed = folder, seed
        self.source = os.path.join(folder, f"{seed}.c")

    def generate(self):
        """False: csmith gave up on this seed."""
        r = guestlib.execute(["csmith", "--seed", str(self.seed), *SHAPE,
                              "-o", self.source], cwd=self.folder, timeout=30)
        return r.status == 0 and os.path.exists(self.source)

    def compile(self, name, compiler, *flags):
        """The program's path, or None: the compiler took too long."""
        target = os.path.join(self.folder, f"{self.seed}.{name}")
        r = guestlib.execute([compiler, *FLAGS, *flags, "-o", target,
                              self.source], timeout=60)
        if r.status is None:
            return None
        if r.status:
            sys.exit(f"cannot compile {self.source}:\n{r.err.decode()}")
        return target


def ways(programs, number, emu, torture):
    """(what, argument vector) of all runs of the program with this number."""
    for name, path in programs.items():
        yield f"{name} auto", emu.run(path, tier="auto")
    if number % EVERY:
        return
    yield "O2 lock step", emu.run(programs["O2"], word="check")
    if torture:
        yield "O0 torture", torture.run(programs["O0"])
        yield "O2 torture", torture.run(programs["O2"])


def try_seed(seed, number, emu, torture, folder):
    """None: dropped; else a list of problems."""
    maker = Maker(folder, seed)
    if not maker.generate():
        return None
    native = maker.compile("native", "gcc", "-O1")
    want = native and guestlib.execute([native], timeout=NATIVE_LIMIT)
    if not want or want.status is None:
        return None
    gcc = guestlib.CROSS + "gcc"
    programs = {o: maker.compile(o, gcc, "-" + o, "-static")
                for o in ("O0", "O2")}
    if None in programs.values():
        return None
    problems = []
    for what, argv in ways(programs, number, emu, torture):
        got = guestlib.execute(argv, timeout=GUEST_LIMIT)
        if text_of(got) != text_of(want):
            problems.append(f"    {what}: want {text_of(want)!r:.200}\n"
                            f"    got {text_of(got)!r:.200}\n"
                            f"    stderr {got.err[-400:]!r}")
    return problems


def run_one(seed, number, emu, torture, keep):
    with tempfile.TemporaryDirectory() as folder:
        problems = try_seed(seed, number, emu, torture, folder)
        if problems:
            where = os.path.join(keep, f"csmith-{seed}")
            shutil.copytree(folder, where, dirs_exist_ok=True)
            problems.append(f"    kept in {where}")
        return problems


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("count", nargs="?", type=int, default=20)
    p.add_argument("--first", type=int, default=1)
    p.add_argument("--build", default="build")
    p.add_argument("--torture", help="build folder of the torture build")
    p.add_argument("--keep", default=tempfile.gettempdir())
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("--summary", help="file for the counts")
    a = p.parse_args()
    if not shutil.which("csmith"):
        print("random C programs SKIPPED: no csmith (package csmith)")
        return 0
    guestlib.need_cross_compiler()
    emu = guestlib.Emulator(a.build)
    torture = guestlib.Emulator(a.torture) if a.torture else None
    for e in [emu] + ([torture] if torture else []):
        if not os.path.exists(e.metic):
            sys.exit(f"no {e.metic}")
    passed = failed = dropped = 0
    seed = a.first
    while passed + failed < a.count:
        n = min(a.count - passed - failed, 10 * a.jobs)
        batch = range(seed, seed + n)
        seed += n
        work = [(s, s - a.first) for s in batch]
        for (s, _), problems in zip(work, guestlib.in_parallel(
                work, lambda w: run_one(*w, emu, torture, a.keep), a.jobs)):
            if problems is None:
                dropped += 1
            elif problems:
                failed += 1
                print(f"FAIL csmith seed {s}\n" + "\n".join(problems))
            else:
                passed += 1
        print(f"csmith: {passed} passed, {failed} failed, {dropped} dropped,"
              f" next --first {seed}", flush=True)
    if a.summary:
        with open(a.summary, "w", encoding="utf-8") as f:
            f.write(f"passed {passed}\nfailed {failed}\n")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
