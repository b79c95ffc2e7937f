#!/usr/bin/env python3
"""Looking inside: metic explain, --perf-map, --jitdump, --profile and
metic cache warm, as a user meets them.

    look.py METIC GUEST GUEST_DYNAMIC [TEST ...]

GUEST is guest.c, built statically, GUEST_DYNAMIC the same without debug
symbols as a position-independent program. Without perf its tests are SKIPPED.
"""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

METIC, GUEST, DYNAMIC = (os.path.abspath(p) for p in sys.argv[1:4])
SYSROOT = "/usr/riscv64-linux-gnu"
PERF = shutil.which("perf")


class Case(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = self.tmp.name
        self.env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C",
                    "HOME": self.dir,
                    "METIC_CACHE_DIR": os.path.join(self.dir, "cache"),
                    "TMPDIR": self.dir, "ASAN_OPTIONS": "detect_leaks=0"}

    def tearDown(self):
        self.tmp.cleanup()

    def call(self, *argv):
        return subprocess.run(argv, env=self.env, text=True, cwd=self.dir,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=120, check=False)

    def metic(self, *args):
        r = self.call(METIC, *args)
        self.assertGreaterEqual(r.returncode, 0, r)
        return r

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name, mode="r"):
        with open(self.path(name), mode) as f:
            return f.read()


class Explain(Case):
    def test_function(self):
        r = self.metic("explain", GUEST, "hot")
        self.assertEqual((r.returncode, r.stderr), (0, ""), r)
        self.assertRegex(r.stdout, r"hot: function at 0x[0-9a-f]+, \d+ bytes")
        self.assertGreaterEqual(r.stdout.count("\nblock "), 2)
        # a column each: guest, IR, host
        self.assertRegex(r.stdout, r"(?m)^ +[0-9a-f]+  c\.sub .* \| %\d+:i64 = "
                                   r"sub .* \|  +[0-9a-f]+  sub ")
        self.assertRegex(r.stdout, r"\| br %\d+ b1 b2")
        self.assertIn("block ", r.stdout.split("jne ")[1][:40])
        # each instruction of the function is there once or more
        at, size = re.search(r"at 0x(\w+), (\d+) bytes", r.stdout).groups()
        shown = set(re.findall(r"(?m)^ +([0-9a-f]+)  \S", r.stdout))
        at, size = int(at, 16), int(size)
        self.assertTrue({f"{a:x}" for a in range(at, at + size, 2)} & shown)
        self.assertIn(f"{at:x}", shown)

    def test_block(self):
        whole = self.metic("explain", GUEST, "outer").stdout
        pcs = re.findall(r"\nblock ([0-9a-f]+),", whole)
        self.assertGreater(len(pcs), 3)
        for place in ["0x" + pcs[1],
                      f"outer+0x{int(pcs[1], 16) - int(pcs[0], 16):x}"]:
            one = self.metic("explain", GUEST, place).stdout
            self.assertEqual(re.findall(r"\nblock ([0-9a-f]+),", one),
                             [pcs[1]])

    def test_dynamic(self):
        r = self.metic("explain", DYNAMIC, "main")
        if "No such file" in r.stderr:
            self.skipTest("no " + SYSROOT)
        self.assertEqual(r.returncode, 0, r)
        self.assertIn("setitimer@plt", self.metic(
            "explain", DYNAMIC, "main").stdout +
            self.metic("explain", DYNAMIC, "setitimer@plt").stdout)

    def test_interpreter(self):
        r = self.metic("explain", "--tier", "interp", GUEST, "hot")
        self.assertIn("run by the interpreter", r.stdout)

    def test_nothing_there(self):
        for place in ("no_such_thing", "0x1", "hot+", "hot+z"):
            r = self.metic("explain", GUEST, place)
            self.assertEqual(r.returncode, 1, r)
            self.assertIn(place, r.stderr)
        self.assertEqual(self.metic("explain", GUEST).returncode, 2)
        self.assertEqual(
            self.metic("explain", "/no/such", "main").returncode, 127)


class PerfFiles(Case):
    def run_pid(self, *args):
        """(pid of metic, stdout) of a run."""
        p = subprocess.Popen([METIC, *args], env=self.env, cwd=self.dir,
                             stdout=subprocess.PIPE, text=True)
        out, _ = p.communicate(timeout=120)
        self.assertEqual(p.returncode, 0)
        return p.pid, out

    def read_map(self, pid):
        path = f"/tmp/perf-{pid}.map"
        with open(path, encoding="utf-8") as f:
            rows = [line.rstrip("\n").split(" ", 2) for line in f]
        os.unlink(path)
        rows = sorted((int(a, 16), int(n, 16), name) for a, n, name in rows)
        self.assertGreater(len(rows), 50)
        for x, y in zip(rows, rows[1:]):
            self.assertLessEqual(x[0] + x[1], y[0], (x, y))
        return [name for _, _, name in rows]

    def test_map(self):
        for _ in range(2):  # made, and taken from the cache
            pid, _ = self.run_pid("run", "--perf-map", GUEST, "burn", "20")
            names = self.read_map(pid)
            for want in ("main", "outer", "hot", "[metic]"):
                self.assertIn(want, names)
            self.assertTrue(any(re.fullmatch(r"hot\+0x[0-9a-f]+", n)
                                for n in names), names)

    def test_forked(self):
        pid, out = self.run_pid("run", "--perf-map", GUEST, "fork")
        child = int(out.split("=")[1])
        mine, its = self.read_map(pid), self.read_map(child)
        self.assertNotIn("child_hot", mine)
        self.assertIn("child_hot", its)
        self.assertIn("main", its)

    def test_executed(self):
        """A program executed in the same process adds to the map."""
        pid, _ = self.run_pid("run", "--perf-map", GUEST, "exec", GUEST)
        self.assertIn("outer", self.read_map(pid))

    def test_qemu(self):
        name = self.path("qemu-riscv64")
        os.symlink(METIC, name)
        p = subprocess.Popen([name, "-perfmap", "-jitdump", GUEST, "burn",
                              "10"], env=self.env, cwd=self.dir)
        self.assertEqual(p.wait(timeout=120), 0)
        self.assertIn("hot", self.read_map(p.pid))
        self.assertTrue(os.path.exists(self.path(f"jit-{p.pid}.dump")))

    def test_jitdump(self):
        pid, _ = self.run_pid("run", "--jitdump=" + self.dir, GUEST, "burn",
                              "20")
        data = self.read(f"jit-{pid}.dump", "rb")
        magic, version, head, machine, _, its = struct.unpack_from("<6I", data)
        self.assertEqual((magic, version, machine, its),
                         (0x4a695444, 1, 62, pid))
        at, names, last = head, [], 0
        while at < len(data):
            kind, size, when = struct.unpack_from("<IIQ", data, at)
            self.assertGreaterEqual(when, last)
            last = when
            if kind == 0:
                p, _, vma, addr, n, index = struct.unpack_from(
                    "<IIQQQQ", data, at + 16)
                self.assertEqual((p, vma, index), (pid, addr, len(names)))
                end = data.index(b"\0", at + 56)
                names.append(data[at + 56:end].decode())
                self.assertEqual(end + 1 + n, at + size)
            at += size
        self.assertEqual(at, len(data))
        self.assertIn("hot", names)


@unittest.skipUnless(PERF, "no perf")
class Perf(Case):
    """What perf makes of it."""

    def record(self, *args):
        r = self.call(PERF, "record", "-q", "-o", "data", *args)
        if r.returncode or "rror" in r.stderr:
            self.skipTest("perf record does not work here: " +
                          r.stderr.strip().split("\n")[0])

    def report(self, data):
        return self.call(PERF, "report", "-i", data, "--stdio",
                         "--no-demangle").stdout

    def share(self, text, name):
        mark = r"(?:\+0x\w+)?(?: \[optimized\])?"
        return sum(float(p) for p in re.findall(
            rf"(?m)^ *([\d.]+)%.*\[\.\] {name}{mark} *$", text))

    def test_map(self):
        self.record(METIC, "run", "--perf-map", GUEST, "burn")
        text = self.report("data")
        self.assertGreater(self.share(text, "hot"), 40, text)
        self.assertGreater(self.share(text, "mild"), 0.3, text)

    def test_forked(self):
        self.record(METIC, "run", "--perf-map", GUEST, "fork")
        text = self.report("data")
        self.assertGreater(self.share(text, "child_hot"), 30, text)

    def test_jitdump(self):
        self.record("-k", "mono", METIC, "run", "--jitdump", GUEST, "burn")
        r = self.call(PERF, "inject", "--jit", "-i", "data", "-o", "data2")
        if r.returncode:
            self.skipTest("this perf cannot inject: " + r.stderr[:100])
        text = self.report("data2")
        self.assertGreater(self.share(text, "hot"), 40, text)


class Profile(Case):
    def profile(self, *args):
        r = self.metic("run", "--profile=p.json", GUEST, *args)
        self.assertEqual((r.returncode, r.stderr), (0, ""), r)
        p = json.loads(self.read("p.json"))
        p["stdout"] = r.stdout
        self.assertEqual(sum(p["where"].values()), p["ns"])
        self.assertEqual([n for n in os.listdir(self.dir)
                          if n.startswith("metic-profile")], [])
        return p

    @staticmethod
    def share(p, name, what="self_ns"):
        return sum(f[what] for f in p["functions"]
                   if f["function"] == name) / p["ns"]

    def test_json(self):
        p = self.profile("burn", "1000")
        self.assertGreater(p["ns"], 800e6)
        self.assertLess(p["ns"], 1600e6)
        self.assertGreater(self.share(p, "hot"), 0.5)
        self.assertGreater(self.share(p, "mild"), 0.005)
        self.assertLess(self.share(p, "mild"), 0.4)
        self.assertGreater(self.share(p, "outer", "total_ns"), 0.8)
        self.assertGreater(self.share(p, "main", "total_ns"), 0.8)
        self.assertLess(self.share(p, "main"), 0.1)
        self.assertGreater(p["where"]["baseline"] + p["where"]["optimized"],
                           0.7 * p["ns"])
        top = p["blocks"][0]
        self.assertRegex(top["block"], r"^hot\+0x")
        self.assertEqual(sum(top["mix"].values()), top["insns"])
        self.assertEqual((top["mix"]["load"], top["mix"]["store"],
                          top["mix"]["branch"], top["mix"]["fp"]),
                         (1, 1, 1, 0))
        self.assertLessEqual(1, top["host_bytes"])

    def test_text(self):
        r = self.metic("run", "--profile", GUEST, "burn")
        self.assertRegex(r.stderr, r"metic: profile of \S+: 0\.\d+ s of CPU")
        self.assertRegex(r.stderr, r"(?m)^ *[\d.]+%  baseline$")
        self.assertRegex(r.stderr, r"(?m)^ *[\d.]+% +[\d.]+%  hot \(")
        self.assertRegex(r.stderr, r"hot\+0x\w+ \(.*(baseline|optimized): "
                                   r"\d+ instr")

    def test_interpreter(self):
        r = self.metic("run", "--tier", "interp", "--profile=p.json", GUEST,
                       "burn", "300")
        self.assertEqual(r.returncode, 0)
        p = json.loads(self.read("p.json"))
        self.assertGreater(p["where"]["interpreter"], 0.6 * p["ns"])
        self.assertEqual(p["where"]["baseline"], 0)

    def test_optimized(self):
        r = self.metic("run", "--tier", "optimizing", "--no-cache",
                       "--profile=p.json", GUEST, "burn", "2000")
        p = json.loads(self.read("p.json")) if not r.returncode else None
        if not p or not p["where"]["optimized"]:
            self.skipTest("the optimizing tier is not there, or too late")
        self.assertGreater(self.share(p, "hot"), 0.5)
        # the other's loop is one that the baseline has in registers
        self.assertTrue([b for b in p["blocks"] if b["where"] == "optimized"
                         and b["block"].startswith("mild")])

    def test_forked(self):
        p = self.profile("fork")
        self.assertEqual(len(p["processes"]), 2)
        self.assertGreater(self.share(p, "child_hot"), 0.5)
        self.assertGreater(self.share(p, "hot"), 0.1)

    def test_executed(self):
        p = self.profile("exec", GUEST)
        # the forked child, the program that it became, the first process
        self.assertIn(len(p["processes"]), (2, 3))
        self.assertGreater(p["ns"], 400e6)
        self.assertGreater(self.share(p, "hot"), 0.5)

    def test_nothing_disturbed(self):
        p = self.profile("timer")
        self.assertIn("ticks=right interrupted=0", p["stdout"])
        self.assertGreater(self.share(p, "hot"), 0.3)

    def test_not_found(self):
        r = self.metic("run", "--profile", "/no/such")
        self.assertEqual(r.returncode, 127)
        self.assertEqual(os.listdir(self.dir), [])

    def test_killed(self):
        r = subprocess.Popen(
            [METIC, "run", "--profile=p.json", GUEST, "wait"], env=self.env,
            cwd=self.dir, stdout=subprocess.PIPE, text=True)
        r.stdout.readline()
        try:
            r.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            pass
        r.send_signal(signal.SIGTERM)
        self.assertEqual(r.wait(timeout=60), -signal.SIGTERM)
        r.stdout.close()
        p = json.loads(self.read("p.json"))
        self.assertGreater(self.share(p, "hot"), 0.3)

    def test_flame(self):
        r = self.metic("run", "--flamegraph", "f.svg", "--folded", "f.txt",
                       GUEST, "jump")
        self.assertEqual((r.returncode, r.stderr), (0, ""), r)
        svg = xml.etree.ElementTree.fromstring(self.read("f.svg"))
        boxes = {}
        for g in svg.iter("{http://www.w3.org/2000/svg}g"):
            boxes.setdefault(g.get("data-n"), []).append(
                (float(g.get("data-x")), float(g.get("data-w")),
                 int(g.get("data-d"))))
        wide = {n: max(w for _, w, _ in b) for n, b in boxes.items()}
        self.assertGreater(wide["hot"], 400)
        self.assertGreaterEqual(wide["outer"], wide["hot"])
        self.assertEqual(wide["all"], 1200)
        self.assertIn("return stack", self.read("f.svg"))
        lines = self.read("f.txt").splitlines()
        total = sum(int(line.rsplit(" ", 1)[1]) for line in lines)
        good = sum(int(line.rsplit(" ", 1)[1]) for line in lines
                   if re.search(r";main;.*outer;hot \d+$", line))
        self.assertGreater(good, 0.4 * total)

    def test_stats(self):
        r = self.metic("run", "--stats", "--json", GUEST, "burn")
        s = json.loads(r.stderr)
        self.assertGreater(s["baseline_ns"] + s["optimized_ns"], 200e6)
        self.assertGreater(s["translate_ns"], 0)
        r = self.metic("run", "--stats", "--json", GUEST, "burn")
        self.assertGreater(json.loads(r.stderr)["cache_load_ns"], 0)


class Warm(Case):
    def stats(self, *args):
        r = self.metic("run", "--stats", "--json", *args)
        self.assertEqual(r.returncode, 0, r)
        return json.loads(r.stderr)

    def test_static(self):
        r = self.metic("cache", "warm", "--json", GUEST)
        w = json.loads(r.stdout)
        self.assertEqual(w["files"], 1)
        self.assertEqual(w["blocks"], w["new"])
        s = self.stats(GUEST, "burn", "10")
        self.assertGreater(s["cache_hits"], 400)
        self.assertLess(s["cache_misses"], 0.02 * s["cache_hits"])
        again = json.loads(self.metic("cache", "warm", "--json", GUEST).stdout)
        self.assertEqual(again["new"], 0)
        self.assertEqual(self.metic("cache", "verify").returncode, 0)

    def test_dynamic(self):
        if not os.path.exists(SYSROOT + "/lib/libc.so.6"):
            self.skipTest("no " + SYSROOT)
        r = self.metic("cache", "warm", DYNAMIC)
        self.assertEqual(r.returncode, 0, r)
        for name in (os.path.basename(DYNAMIC), "ld-linux", "libc.so.6"):
            self.assertRegex(r.stdout, name + r".*: \d+ functions")
        s = self.stats(DYNAMIC, "timer")
        self.assertGreater(s["cache_hits"], 400)
        self.assertLess(s["cache_misses"], 0.02 * s["cache_hits"])

    def test_refused(self):
        self.assertEqual(self.metic("cache", "warm").returncode, 2)
        self.assertEqual(
            self.metic("cache", "warm", "/no/such").returncode, 127)
        self.assertEqual(
            self.metic("cache", "warm", GUEST, "/no/such").returncode, 127)


if __name__ == "__main__":
    sys.argv[1:4] = []
    unittest.main(verbosity=1)
