#!/usr/bin/env python3
"""Guest test programs: build each for the guest and natively, run it in
metic in several ways, compare output and exit status.

    run.py [--build DIR] [--full] [--only TEXT] [--emu COMMAND]
           [--summary FILE] [--jobs N]

--emu replaces `metic run` by another emulator's command, for instance
'qemu-riscv64': a check of the tests themselves.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import guestlib
from guestlib import HERE

FLAGS = ["-O2", "-w", "-std=gnu17", "-frounding-math", "-ffp-contract=off"]
LIBS = ["-lm", "-lpthread", "-latomic", "-ldl"]

# Programs of c/ that need more than "run it". args, env: what it is given;
# exit: its status; dynamic: also linked dynamically (only: not statically);
# slow: not in the interpreter, but for --full.
PROGRAMS = {
    "args": {"args": ["one", "two words", ""], "exit": 7,
             "env": {"ONE": "1", "TWO": "a=b"}, "dynamic": True},
    "hello": {"dynamic": True},
    "atomics": {"slow": True},
    "coldcode": {},
    "faults": {"dynamic": True},
    "floats": {"slow": True},
    "heap": {"slow": True, "dynamic": True},
    "loading": {"dynamic": "only"},
    "mathlib": {"dynamic": True},
    "memory": {"slow": True},
    "proc": {"args": ["argument"]},
    "processes": {"slow": True, "dynamic": True},
    "recurse": {"slow": True},
    "sorting": {"slow": True, "dynamic": True},
    "strings": {"slow": True},
    "threads": {"dynamic": True},
}
# Programs whose work does not depend on time: also under `metic check`.
LOCK_STEP = ["integer", "floats", "indirect", "jumps", "recurse", "strings",
             "mathlib", "coldcode", "coroutines", "illegal"]
MODEL = ["i", "m", "a", "c", "zba", "zbb", "zbs", "zicond", "zbc",
         "zbkb", "zbkx", "zknd", "zkne", "zknh"]
TIERS = ["interp", "baseline", "auto"]


class Check:
    """One run and what must come of it."""

    def __init__(self, name, argv, status=0, out=None, err_lines=None,
                 env=None, timeout=60):
        self.name, self.argv, self.status, self.out = name, argv, status, out
        self.err_lines, self.env, self.timeout = err_lines, env, timeout

    def run(self):
        """(problem or None, seconds)"""
        r = guestlib.execute(self.argv, self.env, timeout=self.timeout)
        if r.status is None:
            return f"    not finished after {self.timeout} s", r.seconds
        tail = r.err.decode("latin-1")[-600:]
        if self.out is not None and r.out != self.out:
            return (guestlib.first_difference(self.out, r.out) +
                    f"\n    exit {r.status}, stderr {tail!r}"), r.seconds
        if r.status != self.status:
            return (f"    exit {r.status}, want {self.status}, "
                    f"stderr {tail!r}"), r.seconds
        lines = r.err.count(b"\n")
        if self.err_lines is not None and lines != self.err_lines:
            return (f"    {lines} lines on stderr, want {self.err_lines}: "
                    f"{tail!r}"), r.seconds
        return None, r.seconds


def build_all(out, jobs):
    """Everything that is run, as {(kind, name): path}."""
    made = {}
    work = []
    for file in sorted(os.listdir(os.path.join(HERE, "c"))):
        name, ext = os.path.splitext(file)
        if ext != ".c":
            continue
        source = os.path.join(HERE, "c", file)
        dynamic = PROGRAMS.get(name, {}).get("dynamic")
        work.append(("native", name, "gcc", source, FLAGS, LIBS))
        gcc = guestlib.CROSS + "gcc"
        if dynamic != "only":
            work.append(("static", name, gcc, source,
                         FLAGS + ["-static"], LIBS))
        if dynamic:
            work.append(("dynamic", name, gcc, source, FLAGS, LIBS))
    bare = ["-nostdlib", "-static", "-fno-pic", "-no-pie"]
    insn = os.path.join(HERE, "insn")
    os.makedirs(os.path.join(out, "source"), exist_ok=True)
    for name in MODEL:
        model = os.path.join(insn, "model.py")
        source = os.path.join(out, "source", name + ".S")
        if not guestlib.newer(source, model):
            text = subprocess.run([sys.executable, model, name], check=True,
                                  capture_output=True).stdout
            with open(source, "wb") as f:
                f.write(text)
        work.append(("insn", name, guestlib.CROSS + "gcc", source,
                     bare + ["-I", insn], []))
    for file in sorted(os.listdir(insn)):
        if file.endswith(".S"):
            work.append(("insn", file[:-2], guestlib.CROSS + "gcc",
                         os.path.join(insn, file), bare, []))

    def one(item):
        kind, name, gcc, source, flags, libs = item
        target = os.path.join(out, kind, name)
        return (kind, name), guestlib.compile_c(gcc, source, target, flags,
                                                libs)

    for key, path in guestlib.in_parallel(work, one, jobs):
        made[key] = path
    return made


def program_checks(emu, made, full):
    """Programs in C, against the same source run natively."""
    for (kind, name), path in made.items():
        if kind not in ("static", "dynamic"):
            continue
        row = PROGRAMS.get(name, {})
        args, env = row.get("args", []), row.get("env", {})
        native = guestlib.execute([made["native", name], *args], env)
        if native.status != row.get("exit", 0) or \
                b"\nBAD" in b"\n" + native.out:
            yield Check(f"{name} native", ["false"])
            continue
        sysroot = guestlib.CROSS_SYSROOT if kind == "dynamic" else None
        for tier in TIERS if emu.is_metic else ["auto"]:
            if kind == "dynamic" and tier != "auto":
                continue
            if tier == "interp" and row.get("slow") and not full:
                continue
            yield Check(f"c/{name} {kind} {tier}",
                        emu.run(path, args, tier, sysroot), native.status,
                        native.out, env=env,
                        timeout=300 if tier == "interp" else 90)
        if emu.is_metic and kind == "static" and name in LOCK_STEP:
            yield Check(f"c/{name} lock step",
                        emu.run(path, args, word="check"), native.status,
                        native.out, env=env, timeout=300)


def instruction_checks(emu, made):
    for (kind, name), path in made.items():
        if kind != "insn":
            continue
        for tier in TIERS[:2] if emu.is_metic else ["auto"]:
            yield Check(f"insn/{name} {tier}", emu.run(path, tier=tier), 0,
                        b"ok\n")
        if emu.is_metic:
            yield Check(f"insn/{name} lock step",
                        emu.run(path, word="check"), 0, b"ok\n", timeout=300)


def option_checks(emu, made):
    """What the command line promises about the guest's arguments."""
    args = made["static", "args"]

    env = {"ONE": "1"}

    def check(name, options, want, status=7):
        argv = [emu.metic, "run", *options]
        probe = Check("cli/" + name, argv, status, env=env)
        probe.want = want
        return probe

    yield check("-E", ["-E", "ONE=x", args], b"ONE=x TWO=")
    yield check("-U", ["-U", "ONE", args], b"ONE=(null) TWO=(null)")
    yield check("-- ends options", ["--", args, "-E"], b"argv[1] = <-E>")
    yield check("-0", ["-0", "alias", args, "x"], b"argc 2")


def make_broken(folder, good):
    """Files that must be refused: (name, path)."""
    with open(good, "rb") as f:
        elf = f.read()

    def put(name, data, mode=0o755):
        path = os.path.join(folder, name)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        return name, path

    def patched(offset, data):
        return elf[:offset] + data + elf[offset + len(data):]

    yield put("empty", b"")
    yield put("text", b"this is no program\n")
    yield put("magic-only", elf[:4])
    yield put("truncated-header", elf[:40])
    yield put("truncated-segments", elf[:100])
    yield put("32-bit", patched(4, b"\x01"))
    yield put("big-endian", patched(5, b"\x02"))
    yield put("version", patched(6, b"\x09"))
    yield put("relocatable", patched(16, b"\x01\x00"))
    yield put("x86-64", patched(18, b"\x3e\x00"))
    yield put("machine-0", patched(18, b"\x00\x00"))
    yield put("segments-outside", patched(32, b"\xff" * 8))
    yield put("no-segments", patched(56, b"\x00\x00"))
    yield put("segment-size", patched(54, b"\x07\x00"))
    if os.geteuid():  # root may read anything
        yield put("unreadable", elf, 0)
    yield "directory", folder


def broken_checks(emu, made, folder):
    for name, path in make_broken(folder, made["static", "hello"]):
        yield Check("broken/" + name, emu.run(path), 126, b"", err_lines=1)
    yield Check("broken/missing", emu.run(os.path.join(folder, "missing")),
                127, b"", err_lines=1)
    yield Check("broken/no program", [emu.metic, "run"], 2, b"")
    yield Check("broken/option", [emu.metic, "run", "--nonsense", "x"], 2,
                b"")


def run_checks(checks, only, jobs):
    counter = guestlib.Counter()
    checks = [c for c in checks if only in c.name]

    def one(c):
        problem, seconds = c.run()
        want = getattr(c, "want", None)
        if not problem and want is not None:
            out = guestlib.execute(c.argv, c.env).out
            if want not in out:
                problem = f"    {want!r} is not in {out!r:.300}"
        return c.name, problem, seconds

    for name, problem, seconds in guestlib.in_parallel(checks, one, jobs):
        counter.add(name, problem, seconds)
    return counter


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--build", default="build")
    p.add_argument("--full", action="store_true")
    p.add_argument("--only", default="", help="names that contain this")
    p.add_argument("--emu", help="another emulator's command")
    p.add_argument("--summary", help="file for the counts")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    a = p.parse_args()
    guestlib.need_cross_compiler()
    emu = guestlib.Emulator(a.build, a.emu)
    made = build_all(os.path.join(a.build, "guest"), a.jobs)
    with tempfile.TemporaryDirectory() as folder:
        checks = list(instruction_checks(emu, made))
        checks += program_checks(emu, made, a.full)
        if emu.is_metic:
            checks += option_checks(emu, made)
            checks += broken_checks(emu, made, folder)
        counter = run_checks(checks, a.only, a.jobs)
    return counter.finish(a.summary)


if __name__ == "__main__":
    sys.exit(main())
