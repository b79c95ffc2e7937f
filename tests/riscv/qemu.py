#!/usr/bin/env python3
"""Compare lifter + interpreter with QEMU, instruction by instruction.

    qemu.py RUN_WORDS INSNS_DEF GCC QEMU [CASES_PER_ROW [SEED]]

Makes a riscv64 program that runs every computing row of insns.def (integer,
bit manipulation, floating point) on random and awkward operands under every
rounding mode, and stores rd and the accrued flags; run_words.c does the same
here.  QEMU 7.2 does not have Zicond, and its ctzw of a zero word counts on in
the upper half; both are left out.
"""
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

ROW = re.compile(r'^X\((\w+), (\w+), "([^"]+)", (\w+), (\w+), [^,]*, '
                 r'(\w+), (\w+)\)$')
MASKS = re.compile(r"^#define (M_\w+)\s+(0x[0-9a-f]+)u", re.M)
FORMATS = ("R", "R1", "R4", "I", "SHIFT", "RNUM", "U")
NO = ("load", "store", "fld", "flw", "fstore", "jal", "jalr", "branch",
      "csr", "czero", "illegal", "auipc")
INTS = [0, 1, 2, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff,
        0x80000000, 0xffffffff, 1 << 32, (1 << 53) + 1, (1 << 63) - 1,
        1 << 63, (1 << 64) - 1, (1 << 64) - 2, 0xffffffff80000000,
        0xffffffff7fffffff, 16777217, 33554431]
F32 = [0, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x3f000000, 0x3fc00000,
       0x40200000, 0x4b000001, 0x4f000000, 0x4effffff, 0x4f800000, 0x5f000000,
       0x5f800000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff,
       0x33800000, 0x3f800001, 0x00ffffff, 0x1f800000]
F64 = [0, 1, 0x000fffffffffffff, 0x0010000000000000, 0x3ff0000000000000,
       0x3fe0000000000000, 0x3ff8000000000000, 0x4004000000000000,
       0x41dfffffffc00000, 0x41e0000000000000, 0x41efffffffe00000,
       0x41f0000000000000, 0x43e0000000000000, 0x43f0000000000000,
       0x43dfffffffffffff, 0x7fefffffffffffff, 0x7ff0000000000000,
       0x7ff0000000000001, 0x7ff8000000000000, 0x7fffffffffffffff,
       0x36a0000000000000, 0x380fffffffffffff, 0x47efffffefffffff,
       0x47f0000000000000, 0x3ff0000000000001, 0x3810000000000000]
# zba to zbs it has by itself.
CPU = "rv64" + "".join(f",zb{x}=true" for x in ("kb", "kc", "kx")) + \
    "".join(f",zk{x}=true" for x in ("nd", "ne", "nh"))
CASE = 56, 24  # bytes of input and of output


def rows(path):
    with open(os.path.join(os.path.dirname(path), "table.c")) as f:
        masks = dict(MASKS.findall(f.read()))
    with open(path) as f:
        for line in f:
            m = ROW.match(line.strip())
            if not m:
                continue
            kind, ident, text, fmt, lift, mask, match = m.groups()
            if fmt not in FORMATS or lift in NO:
                continue
            yield text, fmt, int(masks.get(mask, mask), 0), int(match, 0)


def word_of(fmt, mask, match, rng):
    """rd = 10, sources 11 to 13; immediates and rounding modes at random."""
    w = match | 10 << 7
    if fmt == "U":
        return w | rng.getrandbits(20) << 12
    w |= 11 << 15
    if fmt in ("R", "R4"):
        w |= rng.choice((12, 12, 12, 11)) << 20
    if fmt == "R4":
        w |= 13 << 27
    if fmt in ("I", "SHIFT"):
        w |= rng.getrandbits(32) & ~mask & 0xfff00000
    if fmt == "RNUM":
        w |= rng.randrange(11) << 20
    if not mask & 0x7000:
        w |= rng.choice((0, 1, 2, 3, 4, 7, 7, 7)) << 12
    return w


def integer(rng):
    if rng.random() < .6:
        return rng.choice(INTS)
    return rng.getrandbits(64) >> rng.randrange(64)


def floating(rng, single):
    if single:
        v = rng.choice(F32) | rng.getrandbits(1) << 31
        if rng.random() < .4:
            v = rng.getrandbits(32)
        if rng.random() < .1:
            v = v & 0x807fffff | rng.randrange(0x3c, 0x50) << 23
        return v | 0xffffffff00000000 if rng.random() < .95 else v
    v = rng.choice(F64) | rng.getrandbits(1) << 63
    if rng.random() < .4:
        v = rng.getrandbits(64)
    if rng.random() < .1:
        v = v & ~(0x7ff << 52) | rng.randrange(0x3c0, 0x440) << 52
    return v


def make_cases(path, per_row, rng):
    cases = []
    for text, fmt, mask, match in rows(path):
        single = bool(re.search(r"\.s$|\.x\.w$|fcvt\.d\.s", text)) and \
            text != "fcvt.s.d" or text in ("fle.s", "fclass.s")
        for _ in range(per_row):
            w = word_of(fmt, mask, match, rng)
            regs = [integer(rng) for _ in range(3)] + \
                   [floating(rng, single) for _ in range(3)]
            cases.append((text, w, regs + [rng.randrange(5)]))
    return cases


STEP = """ ld a1,0(s0); ld a2,8(s0); ld a3,16(s0)
 fld fa1,24(s0); fld fa2,32(s0); fld fa3,40(s0); ld t0,48(s0)
 fsrm t0; fsflags x0; li a0,0; fmv.d.x fa0,x0
 .word 0x%x
 frflags t0; sd a0,0(s1); fsd fa0,8(s1); sd t0,16(s1)
 addi s0,s0,%d; addi s1,s1,%d
"""


def program(cases):
    size = len(cases) * CASE[1]
    out = [".option norelax\n.globl _start\n_start: la s0,in; la s1,out\n"]
    out += [STEP % (w, *CASE) for _, w, _ in cases]
    out += [f" li a0,1; la s1,out; li s2,{size}\n"
            "1: li a0,1; mv a1,s1; mv a2,s2; li a7,64; ecall\n"
            " add s1,s1,a0; sub s2,s2,a0; bnez s2,1b\n"
            " li a0,0; li a7,93; ecall\n.data\nin:\n"]
    for _, _, values in cases:
        out.append(" .dword " + ",".join(hex(v) for v in values) + "\n")
    out.append(f".bss\nout: .space {size}\n")
    return "".join(out)


def run_qemu(cases, gcc, qemu):
    with tempfile.TemporaryDirectory() as tmp:
        src, exe = os.path.join(tmp, "t.S"), os.path.join(tmp, "t")
        with open(src, "w") as f:
            f.write(program(cases))
        subprocess.run([gcc, "-nostdlib", "-static", "-o", exe, src],
                       check=True)
        got = subprocess.run([qemu, "-cpu", CPU, exe], check=True,
                             stdout=subprocess.PIPE).stdout
    return [struct.unpack_from("<QQQ", got, n * CASE[1])
            for n in range(len(cases))]


def run_here(cases, tool):
    text = "".join(" ".join([f"{w:x}"] + [f"{v:x}" for v in values]) + "\n"
                   for _, w, values in cases)
    got = subprocess.run([tool], input=text, text=True, check=True,
                         stdout=subprocess.PIPE).stdout.splitlines()
    return [tuple(int(v, 16) for v in line.split())
            if not line.startswith("exit") else line for line in got]


def main():
    tool, insns, gcc, qemu = sys.argv[1:5]
    per_row = int(sys.argv[5]) if len(sys.argv) > 5 else 40
    rng = random.Random(int(sys.argv[6]) if len(sys.argv) > 6 else 1)
    cases = make_cases(insns, per_row, rng)
    bad = 0
    for case, want, got in zip(cases, run_qemu(cases, gcc, qemu),
                               run_here(cases, tool), strict=True):
        if want == got or (case[0] == "ctzw" and not case[2][0] & 0xffffffff):
            continue
        bad += 1
        if bad <= 30:
            text, w, values = case
            print(f"{text} {w:08x} in {' '.join(hex(v) for v in values)}\n"
                  f"  here {got}\n  qemu {want}")
            if got != str(got):
                print("  here", *(hex(v) for v in got),
                      " qemu", *(hex(v) for v in want))
    names = {text for text, _, _ in cases}
    print(f"{len(names)} instructions, {len(cases)} cases, {bad} differ")
    return 1 if bad or len(names) < 120 else 0


if __name__ == "__main__":
    sys.exit(main())
