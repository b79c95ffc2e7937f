#!/usr/bin/env python3
"""Real programs of a riscv64 Debian under metic, against the amd64 builds of
the same versions run natively: same output, same exit status, what time?

    programs.py [--build DIR] [--guest DIR] [--full | --demo] [--only TEXT]
                [--summary FILE] [--rounds N]

Without an option: the short set, one line per check. --full adds the long
inputs and every short one in each tier. --demo prints a table with times.
The userlands are those that ./dev unpacked into .guest/.
"""
import argparse
import math
import os
import shutil
import sys

import guestlib
from guestlib import HERE

SCRIPTS = os.path.join(HERE, "scripts")
PYTHON = {"PYTHONHOME": "{root}/usr", "PYTHONHASHSEED": "0",
          "PYTHONDONTWRITEBYTECODE": "1"}
PERL = {"PERL5LIB": "{root}/usr/lib/{triplet}/perl-base"}
SSL = {"OPENSSL_CONF": "/dev/null"}
SHELL = {"BB": "{root}/usr/bin/busybox"}
PI = "scale={n}; 4*a(1)\n"
HEX_PRIME = ("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
             "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
             "4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A3620FFFFFFFFFFFFFFFF")


class Row:
    """One program: path, arguments ({n} is the size), sizes of the short
    and of the long run, environment, standard input, in the demo or not."""

    def __init__(self, name, prog, args, short, long, env=None, stdin="",
                 demo=False):
        self.name, self.prog, self.args = name, prog, args
        self.sizes = {"short": short, "long": long}
        self.env, self.stdin, self.demo = env or {}, stdin, demo


ROWS = [
    Row("busybox sh: fork, exec, pipes", "busybox",
        ["sh", "{scripts}/forks.sh", "{n}"], 12, 50, SHELL, demo=True),
    Row("bash", "bash", ["{scripts}/shell.sh", "{n}"], 150, 2500, demo=True),
    Row("sort", "sort", ["-k2,2", "-k1n", "{data}/text{n}"], 1, 2),
    Row("sha256sum", "sha256sum", ["{data}/binary{n}"] * 12, 1, 2,
        demo=True),
    Row("md5sum", "md5sum", ["{data}/binary{n}", "{data}/text1"], 1, 2),
    Row("base64", "base64", ["{data}/binary{n}"], 1, 2),
    Row("factor", "factor", ["{n}"], 1000000016000000063,
        179426549179424673),
    Row("seq", "seq", ["-f", "%.3f", "0.1", "0.7", "{n}"], 3000, 100000),
    Row("od", "od", ["-A", "x", "-t", "x1z", "-N", "{n}",
                     "{data}/binary1"], 20000, 500000),
    Row("ls", "ls", ["-ln", "--time-style=+", "{scripts}"], 1, 1),
    Row("date", "date", ["-u", "-d", "@{n}"], 86399, 1700000000),
    Row("wc", "wc", ["{data}/text{n}"], 1, 2),
    Row("false", "false", [], 1, 1),
    Row("find", "find", ["{scripts}", "-name", "*.p?", "-size", "-9"], 1, 1),
    Row("grep", "grep", ["-cE", "(ab|ba).*[aeiou]{{2}}", "{data}/text{n}"],
        1, 2),
    Row("sed", "sed", ["-E", "s/([a-f]+)([0-9]*)/<\\2\\1>/g;/zz/d",
                       "{data}/text{n}"], 1, 2),
    Row("gawk", "gawk", ["-f", "{scripts}/columns.awk", "{data}/text{n}"], 1,
        2, demo=True),
    Row("python3", "python3.13", ["-S", "{scripts}/objects.py", "{n}"], 600,
        12000, PYTHON, demo=True),
    Row("perl", "perl", ["{scripts}/words.pl", "{data}/text1", "{n}"], 1, 40,
        PERL, demo=True),
    Row("lua", "lua5.4", ["{scripts}/tables.lua", "{n}"], 4000, 150000,
        demo=True),
    Row("sqlite3", "sqlite3", ["-batch", ":memory:",
                               ".read {data}/queries{n}.sql"], 1, 2,
        demo=True),
    Row("xz", "xz", ["-T1", "-2", "-c", "{data}/binary{n}"], 1, 2,
        demo=True),
    Row("zstd", "zstd", ["--single-thread", "-q", "-7", "-c",
                         "{data}/binary{n}"], 1, 2, demo=True),
    Row("bzip2", "bzip2", ["-c", "{data}/text{n}"], 1, 2),
    Row("openssl sha512", "openssl", ["dgst", "-sha512", "{data}/binary{n}"],
        1, 2, SSL),
    Row("openssl aes", "openssl",
        ["enc", "-aes-256-cbc", "-K", "02" * 32, "-iv", "03" * 16, "-in",
         "{data}/binary{n}"], 1, 2, SSL),
    Row("openssl prime", "openssl", ["prime", "-checks", "{n}", "-hex",
                                     HEX_PRIME], 1, 64, SSL),
    Row("bc", "bc", ["-lq"], 60, 1500, stdin=PI, demo=True),
    Row("cc1 -O2", "../libexec/{gcc}/riscv64-linux-gnu/14/cc1",
        ["-quiet", "-O{n}", "-fno-ident", "-o", "-", "{scripts}/compile.c"],
        1, 2, demo=True),
]


def xorshift(count, x=88172645463325252):
    for _ in range(count):
        x ^= x << 13 & (1 << 64) - 1
        x ^= x >> 7
        x ^= x << 17 & (1 << 64) - 1
        yield x


def make_data(folder):
    """Inputs of two sizes, the same on every machine."""
    os.makedirs(folder, exist_ok=True)

    def put(name, data):
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            with open(path + ".new", "wb") as f:
                f.write(data())
            os.replace(path + ".new", path)

    def binary(n):
        # Compressible: words repeat, one in four is new.
        words = [x.to_bytes(8, "little") for x in xorshift(n)]
        return b"".join(words[x % (i + 1) if x & 3 else i]
                        for i, x in enumerate(xorshift(n, 7)))

    def text(n):
        pool = ["".join("abcdefghijklmnopqrstuvwxyz"[x >> k & 63 and
                                                    (x >> k) % 26]
                        for k in range(0, 6 * (x % 7 + 2), 6))
                for x in xorshift(400, 99)]
        return "".join(f"{x % 1000} " + " ".join(
            pool[(x >> k) % 400] for k in range(9, 54, 5)) + "\n"
            for x in xorshift(n, 5)).encode()

    def queries(size):
        with open(os.path.join(SCRIPTS, "queries.sql"), "rb") as f:
            return f.read().replace(b"SIZE", str(size).encode())

    put("binary1", lambda: binary(12000))
    put("binary2", lambda: binary(250000))
    put("text1", lambda: text(800))
    put("text2", lambda: text(20000))
    put("queries1.sql", lambda: queries(2000))
    put("queries2.sql", lambda: queries(60000))


class Machine:
    """Where a program is run: natively, or by an emulator."""

    def __init__(self, root, triplet, emulator=None):
        self.root, self.triplet = root, triplet
        self.emulator = emulator

    def start(self, row, size, data, tier=None):
        """(argv, env, stdin) of a row."""
        fill = {"n": row.sizes[size], "root": self.root, "data": data,
                "scripts": SCRIPTS, "triplet": self.triplet}
        args = [a.format(**fill) for a in row.args]
        env = {k: v.format(**fill) for k, v in row.env.items()}
        # The compiler for riscv64 is at home in one, a guest in the other.
        gcc = "gcc" if self.emulator else "gcc-cross"
        prog = os.path.normpath(os.path.join(self.root, "usr/bin",
                                             row.prog.format(gcc=gcc)))
        stdin = row.stdin.format(**fill).encode()
        if self.emulator:
            return (self.emulator.run(prog, args, tier, self.root), env,
                    stdin)
        loader = os.path.join(self.root, "usr/lib64/ld-linux-x86-64.so.2")
        lib = os.path.join(self.root, "usr/lib")
        if row.prog == "busybox":  # the one that is linked statically
            return [prog, *args], env, stdin
        return [loader, "--library-path",
                os.path.join(lib, self.triplet) + ":" + lib, "--argv0",
                row.prog, prog, *args], env, stdin

    def run(self, row, size, data, tier=None, rounds=1):
        """The fastest of some runs."""
        best = None
        for _ in range(rounds):
            argv, env, stdin = self.start(row, size, data, tier)
            r = guestlib.execute(argv, env, stdin, timeout=600)
            if best is None or r.seconds < best.seconds:
                best = r
        return best


def difference(want, got):
    """What is wrong with a run, or None."""
    if got.status is None:
        return "    not finished in time"
    if got.out != want.out:
        return (guestlib.first_difference(want.out, got.out) +
                f"\n    stderr {got.err.decode('latin-1')[-400:]!r}")
    if got.status != want.status:
        return f"    exit {got.status}, natively {want.status}"
    return None


def test(rows, native, metic, data, full, summary):
    counter = guestlib.Counter()
    work = [(r, "short", "auto") for r in rows]
    if full:
        work += [(r, "short", t) for r in rows
                 for t in ("interp", "baseline")]
        work += [(r, "long", "auto") for r in rows]

    def one(item):
        row, size, tier = item
        want = native.run(row, size, data)
        if want.status is None or want.status < 0 or want.status > 2:
            return item, "    does not run natively", 0
        got = metic.run(row, size, data, tier)
        return item, difference(want, got), got.seconds

    for (row, size, tier), problem, seconds in guestlib.in_parallel(work,
                                                                    one):
        counter.add(f"real/{row.name} {size} {tier}", problem, seconds)
    return counter.finish(summary)


def mean(ratios):
    """Geometric mean, or None."""
    if not ratios:
        return None
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def number(x, form="{:.2f}"):
    return "-" if x is None else form.format(x)


def demo(rows, native, metic, qemu, data, rounds):
    """The table; exit status 1 if an output differs."""
    line = "{:<30} {:<6} {:>7} {:>7} {:>7}  {:>7} {:>7}"
    print("riscv64 programs of Debian under metic, and the same versions "
          "built for this machine.")
    print("Seconds are the best of", rounds, "runs; a ratio is to native.\n")
    print(line.format("program", "output", "native", "metic", "qemu",
                      "metic/n", "qemu/n"))
    ratios, qemu_ratios, bad = [], [], 0
    for row in rows:
        want = native.run(row, "long", data, rounds=rounds)
        got = metic.run(row, "long", data, rounds=rounds)
        problem = difference(want, got)
        other = qemu.run(row, "long", data, rounds=rounds) if qemu else None
        if other and difference(want, other):
            other = None  # it cannot run this one: no figure
        ratio = None if problem else got.seconds / want.seconds
        other_ratio = other and other.seconds / want.seconds
        ratios += [ratio] if ratio else []
        qemu_ratios += [other_ratio] if ratio and other_ratio else []
        bad += bool(problem)
        print(line.format(
            row.name, "DIFFER" if problem else "equal",
            number(want.seconds), number(got.seconds),
            number(other and other.seconds), number(ratio),
            number(other_ratio)), flush=True)
        if problem:
            print(problem)
    print(line.format("geometric mean", f"{len(rows) - bad}/{len(rows)}", "",
                      "", "", number(mean(ratios)),
                      number(mean(qemu_ratios))))
    return 1 if bad else 0


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--build", default="build")
    p.add_argument("--guest", default=os.path.join(HERE, "../../.guest"))
    p.add_argument("--full", action="store_true")
    p.add_argument("--demo", action="store_true")
    p.add_argument("--only", default="", help="names that contain this")
    p.add_argument("--summary", help="file for the counts")
    p.add_argument("--rounds", type=int, default=2, help="of the demo")
    p.add_argument("--emu", help="another emulator's command")
    a = p.parse_args()
    guest = os.path.abspath(a.guest)
    data = os.path.abspath(os.path.join(a.build, "guest/data"))
    make_data(data)
    riscv = os.path.join(guest, "riscv64"), "riscv64-linux-gnu"
    native = Machine(os.path.join(guest, "amd64"), "x86_64-linux-gnu")
    metic = Machine(*riscv, guestlib.Emulator(a.build, a.emu))
    rows = [r for r in ROWS if a.only in r.name]
    if not a.demo:
        return test(rows, native, metic, data, a.full, a.summary)
    qemu = shutil.which("qemu-riscv64") or \
        shutil.which("qemu-riscv64-static")
    if qemu:
        qemu = Machine(*riscv, guestlib.Emulator(a.build, qemu))
    return demo([r for r in rows if r.demo], native, metic, qemu, data,
                a.rounds)


if __name__ == "__main__":
    sys.exit(main())
