#!/usr/bin/env python3
"""Random loops (loops.py) in the optimizing tier against the interpreter.

    run.py METIC JITD [--loops N] [--seed N]

Every loop runs from random states and with each of its accesses faulting; the
checksum of all states must be the same (loops.c). Every loop must have become
a unit but for a tenth of them: some have instructions that are left to the
baseline. What the compiler makes of one must please the loader.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CC = "riscv64-linux-gnu-gcc"
FLAGS = ["-O1", "-static", "-D_GNU_SOURCE", "-Wl,--no-relax",
         "-Wa,-march=rv64gc_zba_zbb_zbs_zbc_zkn"]

def build(folder, seed, count):
    source = os.path.join(folder, "loops.S")
    with open(source, "wb") as f:
        subprocess.run([sys.executable, os.path.join(HERE, "loops.py"),
                        str(seed), str(count)], check=True, stdout=f)
    program = os.path.join(folder, "loops")
    subprocess.run([CC, *FLAGS, "-o", program, os.path.join(HERE, "loops.c"),
                    source], check=True)
    return program


def run(metic, options, program, *args):
    r = subprocess.run([metic, "run", "--no-cache", *options, program,
                        *args], capture_output=True, timeout=1500)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def loops(a, program):
    want = run(a.metic, ["--tier=interp"], program)
    with tempfile.NamedTemporaryFile("r") as log:
        got = run(a.metic, ["--tier=optimizing", "--jit-wait", "--dump", "T",
                            "--log", log.name, "--jitd", a.jitd], program)
        text = log.read()
    bad = [(w, g) for w, g in zip(want[1].split("\n"), got[1].split("\n"))
           if w != g]
    made = len(re.findall(r"T: unit \d+ at .* bytes", text))
    print(f"{a.loops} loops, seed {a.seed}: {want[1].splitlines()[-1]}, "
          f"{made} units, {len(bad)} differences")
    for w, g in bad[:5]:
        print(f"  want {w}\n  got  {g}")
    if want[0] or got[0] or want[1] != got[1] or got[2]:
        print(f"  exit {want[0]} {got[0]}, stderr {got[2][-500:]!r}")
        return False
    refused = re.findall(r"T: unit .*: a pin is touched.*", text)
    print("".join(f"  {line}\n" for line in refused[:5]), end="")
    return made >= a.loops * 0.9 and not refused


def main():
    p = argparse.ArgumentParser()
    p.add_argument("metic")
    p.add_argument("jitd")
    p.add_argument("--loops", type=int, default=24)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder, a.seed, a.loops)
        ok = loops(a, program)
    return 0 if ok else 1


sys.exit(main())
