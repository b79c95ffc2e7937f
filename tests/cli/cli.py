#!/usr/bin/env python3
"""The metic command as a user meets it: options, messages, exit statuses; in
the place of qemu-user; started by the kernel (binfmt_misc); in a chroot with
nothing but itself.

    cli.py METIC GUEST [TEST ...]

GUEST is show.c, built statically. What this machine cannot do is SKIPPED.
"""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

METIC, GUEST = (os.path.abspath(p) for p in sys.argv[1:3])
HERE = os.path.dirname(os.path.abspath(__file__))
CLI = os.path.join(HERE, "../../runtime/cli")
# metic leaves its memory to the end of the process.
BASE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
        "ASAN_OPTIONS": "detect_leaks=0"}


def run(*argv, env=None, cwd=None):
    r = subprocess.run(argv, env={**BASE, **(env or {})}, cwd=cwd, text=True,
                       stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=60, check=False)
    return r


def metic(*args, **kw):
    return run(METIC, *args, **kw)


def elf_types(path):
    """(e_type, types of the program headers)"""
    with open(path, "rb") as f:
        head = f.read(64)
        kind, = struct.unpack_from("<H", head, 16)
        off, = struct.unpack_from("<Q", head, 32)
        size, n = struct.unpack_from("<HH", head, 54)
        f.seek(off)
        table = f.read(size * n)
    return kind, [struct.unpack_from("<I", table, i * size)[0]
                  for i in range(n)]


def is_static():
    return 3 not in elf_types(METIC)[1]  # PT_INTERP


def no_namespaces():
    return run("unshare", "-r", "true").returncode != 0


class Messages(unittest.TestCase):
    def expect(self, r, status, *texts):
        self.assertEqual(r.returncode, status, r)
        for t in texts:
            self.assertIn(t, r.stdout + r.stderr)
        self.assertLessEqual(len(r.stderr.splitlines()), 6, r.stderr)

    def test_usage(self):
        self.expect(metic(), 2, "usage:")
        self.expect(metic("rum"), 2, "did you mean run?")
        self.expect(metic(GUEST), 2, "metic run " + GUEST)
        self.expect(metic("run"), 2, "no program given")
        self.expect(metic("run", "--sysrot", "/"), 2, "--sysroot")
        self.expect(metic("run", "--stats=3", GUEST), 2, "no argument")
        self.expect(metic("run", "--env"), 2, "needs an argument")
        self.expect(metic("run", "-s"), 2, "-s", "needs an argument")
        self.expect(metic("run", "-q", GUEST), 2, "-q", "no such option")
        self.expect(metic("run", "-s", "12x", GUEST), 2, "not a size")
        self.expect(metic("run", "--tier", "fast", GUEST), 2, "no such tier")
        self.expect(metic("binfmt"), 2, "usage:")
        self.expect(metic("binfmt", "instal"), 2, "install?")

    def test_statuses(self):
        self.expect(metic("run", "/no/such"), 127, "/no/such")
        self.expect(metic("run", "/etc/passwd"), 126)
        self.expect(metic("run", "/etc"), 126)
        self.expect(metic("run", "--log", "/no/such/x", GUEST), 125)
        self.expect(metic("run", GUEST, "77"), 77)
        self.expect(metic("run", GUEST, "abort"), -signal.SIGABRT)

    def test_help(self):
        for args in (["--help"], ["run", "--help"], ["check", "-h"],
                     ["binfmt", "--help"], ["--version"]):
            r = metic(*args)
            self.expect(r, 0)
            self.assertEqual(r.stderr, "")
            self.assertTrue(r.stdout)
            if args == ["--version"]:
                continue
            for line in r.stdout.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_man_page(self):
        """Every option is in the manual."""
        with open(os.path.join(CLI, "metic.1"), encoding="utf-8") as f:
            text = f.read()
        with open(os.path.join(CLI, "options.def"), encoding="utf-8") as f:
            names = re.findall(r'^OPT\([^,]*, "([^"]*)"', f.read(), re.M)
        self.assertGreater(len(names), 10)
        for n in names:
            self.assertTrue(re.search(rf"(Fl|,) -{n}\b", text), n)


class Options(unittest.TestCase):
    def test_environment(self):
        out = metic("run", "-E", "A=1", "-E", "A=2", "-U", "B", GUEST,
                    env={"B": "x"}).stdout
        self.assertIn("A=2 B=-", out)

    def test_names(self):
        out = metic("run", "-0", "zero", "--uname", "5.6.7", GUEST, "0").stdout
        self.assertTrue(out.startswith("[zero][0]"), out)
        self.assertIn("machine=riscv64 release=5.6.7", out)

    def test_no_descriptor_more(self):
        self.assertIn("fd3=3", metic("run", GUEST).stdout)

    def test_logs(self):
        with tempfile.TemporaryDirectory() as d:
            log = os.path.join(d, "log")
            r = metic("run", "--strace=" + log, GUEST, "exec", GUEST, "3")
            self.assertEqual((r.returncode, r.stderr), (3, ""))
            with open(log, encoding="utf-8") as f:
                text = f.read()
            self.assertEqual(text.count("uname("), 2, text)
            other = os.path.join(d, "other")
            r = metic("run", "--log", other, "--stats", "--json", GUEST)
            self.assertEqual(r.stderr, "")
            with open(other, encoding="utf-8") as f:
                self.assertGreater(json.load(f)["guest_insns"], 100)

    def test_verbose(self):
        r = metic("run", "-v", GUEST, "5")
        self.assertIn("running " + GUEST, r.stderr)
        self.assertIn("exited 5", r.stderr)

    def test_children_keep_options(self):
        r = metic("run", "--uname", "5.6.7", GUEST, "exec", GUEST, "4")
        self.assertEqual(r.returncode, 4)
        self.assertEqual(r.stdout.count("release=5.6.7"), 2)


class Qemu(unittest.TestCase):
    """Under the names of qemu-user."""

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.name = os.path.join(self.dir.name, "qemu-riscv64-static")
        os.symlink(METIC, self.name)

    def tearDown(self):
        self.dir.cleanup()

    def qemu(self, *args, **kw):
        return run(self.name, *args, **kw)

    def test_options(self):
        r = self.qemu("-E", "A=1,B=2", "--U", "B", "-r", "4.4.4", "-0", "zero",
                      "-cpu", "max", "-p", "4096", "-R", "0", "-B", "0",
                      "-one-insn-per-tb", "-singlestep", "-s", "1M", "-L",
                      "/no/such", GUEST, "3")
        self.assertEqual((r.returncode, r.stderr), (3, ""))
        self.assertTrue(r.stdout.startswith("[zero][3] A=1 B=- "), r.stdout)
        self.assertIn("release=4.4.4", r.stdout)

    def test_last_change_counts(self):
        r = self.qemu("-U", "A", "-E", "A=x", GUEST, env={"A": "old"})
        self.assertIn("A=x", r.stdout)

    def test_variables(self):
        env = {"QEMU_SET_ENV": "A=v,B=w", "QEMU_UNAME": "3.3.3",
               "QEMU_UNSET_ENV": "B", "QEMU_ARGV0": "name"}
        r = self.qemu(GUEST, "0", env=env)
        self.assertTrue(r.stdout.startswith("[name][0] A=v B=-"), r.stdout)
        r = self.qemu("-E", "A=opt", "-r", "1.1.1", GUEST, env=env)
        self.assertIn("A=opt", r.stdout)
        self.assertIn("release=1.1.1", r.stdout)
        r = self.qemu(GUEST, env={"QEMU_STRACE": "1"})
        self.assertIn("uname(", r.stderr)

    def test_children(self):
        r = self.qemu("-r", "4.4.4", GUEST, "exec", GUEST, "6",
                      env={"QEMU_SET_ENV": "A=v"})
        self.assertEqual((r.returncode, r.stderr), (6, ""))
        self.assertEqual(r.stdout.count("A=v"), 2)
        self.assertEqual(r.stdout.count("release=4.4.4"), 2)

    def test_what_is_not_there(self):
        for args in (["-seed", "1"], ["-B", "0x1000"], ["-trace", "x"],
                     ["-dfilter", "0..1"], ["-d", "exec"]):
            r = self.qemu(*args, GUEST, "3")
            self.assertEqual(r.returncode, 3)
            self.assertEqual(len(r.stderr.splitlines()), 1, r.stderr)
            self.assertIn(args[0], r.stderr)
        for args in (["-plugin", "x"], ["-cpu", "rv64,v=true"],
                     ["-cpu", "nothing"], ["-nothing"], ["-L"]):
            r = self.qemu(*args, *([] if args == ["-L"] else [GUEST]))
            self.assertEqual(r.returncode, 1)
            self.assertEqual(len(r.stderr.splitlines()), 1, r.stderr)

    def test_debugger(self):
        """-g waits for a debugger; this one lets the program go."""
        path = os.path.join(self.dir.name, "socket")
        p = subprocess.Popen([self.name, "-g", path, GUEST, "3"], env=BASE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        s = socket.socket(socket.AF_UNIX)
        for _ in range(300):
            try:
                s.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.assertIsNone(p.poll())
        s.sendall(b"$D#44")
        out, err = p.communicate(timeout=60)
        s.close()
        self.assertEqual(p.returncode, 3, (out, err))

    def test_ends(self):
        self.assertEqual(self.qemu().returncode, 1)
        self.assertEqual(self.qemu("/no/such").returncode, 1)
        self.assertEqual(self.qemu("ls").returncode, 1)
        self.assertEqual(self.qemu("-version").returncode, 0)
        self.assertEqual(self.qemu("-cpu", "help").returncode, 0)
        r = self.qemu(GUEST, "abort")
        self.assertEqual(r.returncode, -signal.SIGABRT)

    def test_help(self):
        """Every option of qemu.def is shown."""
        out = self.qemu("-h").stdout
        with open(os.path.join(CLI, "qemu.def"), encoding="utf-8") as f:
            names = re.findall(r'^QEMU\("([^"]*)"', f.read(), re.M)
        self.assertGreater(len(names), 20)
        for n in names:
            self.assertRegex(out, rf"(?m)^-{n}( |$)")


class Static(unittest.TestCase):
    def setUp(self):
        if not is_static():
            self.skipTest("this build is not linked statically")

    def test_link(self):
        kind, types = elf_types(METIC)
        self.assertIn(kind, (2, 3))
        self.assertNotIn(2, types if kind == 2 else [])  # PT_DYNAMIC

    def test_empty_chroot(self):
        """Nothing but metic and the program: no /proc, no /dev."""
        if no_namespaces():
            self.skipTest("no user namespaces for unshare -r")
        with tempfile.TemporaryDirectory() as d:
            os.chmod(d, 0o755)
            shutil.copy(METIC, os.path.join(d, "metic"))
            shutil.copy(GUEST, os.path.join(d, "show"))
            r = run("unshare", "-r", "chroot", d, "/metic", "run", "/show",
                    "exec", "/show", "5")
            self.assertEqual((r.returncode, r.stderr), (5, ""))
            self.assertEqual(r.stdout.count("machine=riscv64"), 2)
            r = run("unshare", "-r", "chroot", d, "/metic", "run", "/none")
            self.assertEqual(r.returncode, 127)
            r = run("unshare", "-r", "chroot", d, "/metic", "binfmt", "status")
            self.assertEqual(r.returncode, 1)


class Binfmt(unittest.TestCase):
    """The kernel starts metic, in a namespace where nobody sees it."""

    def setUp(self):
        r = metic("binfmt", "--user", "--", "true")
        if r.returncode:
            self.skipTest(r.stderr.strip())

    def user(self, script, *args, **kw):
        return metic("binfmt", "--user", "--", "sh", "-c", script, "sh", GUEST,
                     *args, **kw)

    def test_run(self):
        r = self.user('"$1" exec "$1" 4')
        self.assertEqual((r.returncode, r.stderr), (4, ""))
        self.assertEqual(r.stdout.count("fd3=3"), 2)  # no AT_EXECFD left
        self.assertTrue(r.stdout.startswith(f"[{GUEST}][exec]"), r.stdout)

    def test_argv0(self):
        bash = shutil.which("bash")
        if not bash:
            self.skipTest("no bash")
        r = metic("binfmt", "--user", "--", bash, "-c",
                  'exec -a "other name" "$1" 3 ""', "bash", GUEST)
        self.assertEqual(r.returncode, 3, r)
        self.assertTrue(r.stdout.startswith("[other name][3][]"), r.stdout)

    def test_signal(self):
        r = self.user('"$1" abort; echo $?')
        self.assertTrue(r.stdout.endswith("134\n"), r)

    def test_status(self):
        r = self.user('"$2" binfmt status --json', METIC)
        s = json.loads(r.stdout)
        self.assertTrue(s["mounted"])
        h, = s["handlers"]
        self.assertEqual(set(h["flags"]), set("OCPF"))
        self.assertTrue(h["enabled"] and h["metic"])
        self.assertEqual(h["interpreter"], METIC)

    def test_another_handler(self):
        if os.geteuid() != 0:
            self.skipTest("not root")
        m = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        other = f":other:M::{m}\\x02\\x00\\xf3\\x00::/bin/false:"
        r = metic("binfmt", "--user", "--", "sh", "-c",
                  'cd /proc/sys/fs/binfmt_misc; "$1" binfmt remove;'
                  '"$1" binfmt remove; echo $?; '
                  '"$1" binfmt status; echo $?; '
                  'printf "%s" "$2" > register;'
                  '"$1" binfmt install; echo $?;'
                  '"$1" binfmt install --replace; echo $?; ls',
                  "sh", METIC, other)
        words = r.stdout.split()
        self.assertIn("nothing of metic's", r.stderr)
        self.assertIn("/bin/false", r.stderr)
        self.assertEqual([w for w in words if w.isdigit()],
                         ["125", "1", "125", "0"], r)
        self.assertIn("metic-riscv64", words)
        self.assertNotIn("other", words)

    def test_persistent(self):
        """What is written for systemd-binfmt registers metic again."""
        if os.geteuid() != 0:
            self.skipTest("not root")
        r = metic("binfmt", "--user", "--", "sh", "-ec",
                  'mount -t tmpfs tmpfs /etc; "$1" binfmt remove;'
                  '"$1" binfmt install --persistent;'
                  'grep -v "^#" /etc/binfmt.d/*.conf > /etc/line;'
                  '"$1" binfmt remove; ls /etc/binfmt.d;'
                  '! "$2" 1 2> /etc/null; cd /proc/sys/fs/binfmt_misc;'
                  'cat /etc/line > register; "$2" 5',
                  "sh", METIC, GUEST)
        self.assertEqual((r.returncode, r.stderr), (5, ""), r)
        self.assertEqual(len(r.stdout.splitlines()), 1, r)

    def test_chroot(self):
        """Only the program is there: metic comes from outside (F)."""
        if not is_static():
            self.skipTest("this build is not linked statically")
        if os.geteuid() != 0:
            self.skipTest("not root")
        with tempfile.TemporaryDirectory() as d:
            os.chmod(d, 0o755)
            shutil.copy(GUEST, os.path.join(d, "show"))
            r = metic("binfmt", "--user", "--", "chroot", d, "/show", "exec",
                      "/show", "8")
            self.assertEqual((r.returncode, r.stderr), (8, ""))
            os.mkdir(os.path.join(d, "proc"))
            r = metic("binfmt", "--user", "--", "sh", "-c",
                      'mount --bind /proc "$1/proc" && chroot "$1" /show '
                      'exec /show 7; s=$?; umount "$1/proc"; exit $s', "sh", d)
            self.assertEqual((r.returncode, r.stderr), (7, ""))

    def test_setuid(self):
        """Flag C: a setuid program has its owner's rights."""
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root and setpriv")
        with tempfile.TemporaryDirectory() as d:
            os.chmod(d, 0o755)
            copy = os.path.join(d, "show")
            shutil.copy(GUEST, copy)
            os.chmod(copy, 0o4711)  # may not even be read
            script = ('setpriv --reuid 1000 --regid 1000 --clear-groups '
                      '"$1" 2')
            r = metic("binfmt", "--user", "--", "sh", "-c", script, "sh",
                      copy, env={"METIC_SYSROOT": "/no/such"})
            self.assertEqual(r.returncode, 2, r)
            self.assertIn("secure=1 euid=0", r.stdout)
            # started by a guest, which can read it or not
            plain = os.path.join(d, "plain")
            shutil.copy(GUEST, plain)
            os.chmod(plain, 0o755)
            script = ('setpriv --reuid 1000 --regid 1000 --clear-groups '
                      '"$1" exec "$2" 3')
            for mode in (0o4711, 0o4755):
                os.chmod(copy, mode)
                r = metic("binfmt", "--user", "--", "sh", "-c", script, "sh",
                          plain, copy, env={"METIC_SYSROOT": "/"})
                self.assertEqual(r.returncode, 3, r)
                self.assertIn("secure=0 euid=1000", r.stdout)
                self.assertIn("secure=1 euid=0", r.stdout)
            # without binfmt_misc it runs, without rights
            r = subprocess.run(
                ["setpriv", "--reuid", "1000", "--regid", "1000",
                 "--clear-groups", METIC, "run", "-L", "/", plain, "exec",
                 copy, "4"], capture_output=True, text=True, timeout=60,
                env={"METIC_CACHE_DIR": "/no/such"})
            self.assertEqual(r.returncode, 4, r)
            self.assertNotIn("euid=0", r.stdout)


class Loud(unittest.TextTestResult):
    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIPPED {test.id()}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]],
                  testRunner=unittest.TextTestRunner(resultclass=Loud))
