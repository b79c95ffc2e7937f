#!/usr/bin/env python3
"""What becomes of a guest whose compiling process is no good.

    bad.py METIC JITD [--quick] [--only NAME]

Whatever it does: the guest's output and exit status are right, it ends about
as soon as without, --stats says in one line what became of the tier, and no
process and no file of the compiling process stays behind.
"""
import argparse
import fcntl
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CC = "riscv64-linux-gnu-gcc"
# Without a C library: few loops, each of which becomes a unit.
FLAGS = ["-O1", "-static", "-nostdlib", "-ffreestanding"]
SOURCE = r"""
static long call(long n, long a, long b, long c)
{
	register long a7 __asm__("a7") = n, a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b, a2 __asm__("a2") = c;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2)
			 : "memory");
	return a0;
}

static void print(unsigned long x)
{
	char text[17];
	for (int k = 0; k < 16; k++)
		text[k] = "0123456789abcdef"[x >> (60 - 4 * k) & 15];
	text[16] = '\n';
	call(64, 1, (long)text, sizeof(text));
}

__attribute__((used)) void begin(unsigned long *sp)
{
	unsigned long x = 1, n = 0;
	double d = 0.5;
	for (const char *c = (const char *)sp[2]; *c; c++)
		n = 10 * n + (unsigned)(*c - '0');
	for (unsigned long k = 0; k < n; k++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		x ^= x >> 29;
	}
	for (unsigned long k = 0; k < n; k++)
		d = d * 0.999 + (double)(x >> 40) * 1e-9;
	print(x);
	__builtin_memcpy(&x, &d, sizeof(x));
	print(x);
	call(94, 7, 0, 0);
}

__asm__(".globl _start\n_start:\n\tmv a0, sp\n\ttail begin");
"""
SLACK = 4.0  # seconds that a bad process may cost where nobody waits for it
WAIT_SLACK = 40.0

OFF = r"metic-jitd (is gone|went wrong|takes too long)"
FAKE = "exec %s {here}/fake.py {what} {jitd}" % sys.executable

# name: (script in place of metic-jitd or None, options, what --stats says)
CASES = {
    "good": ("exec {jitd} \"$@\"", [], "on"),
    "good, in everybody's /tmp":
        ("exec {jitd} --shared-tmp \"$@\"", [], "on"),
    "missing": (None, [], "metic-jitd cannot be started"),
    "not executable": (0o644, [], "metic-jitd cannot be started"),
    "not a program": ("\x7fELFnot", [], OFF),
    "ends at once": ("exit 0", [], OFF),
    "answers noise":
        ("head -c 5000 /dev/urandom >&0; cat > /dev/null", [], OFF),
    "answers text": ("yes ELF >&0", [], OFF),
    "has no memory": ("exec {jitd} \"$@\"", ["--jit-memory", "30M"], OFF),
    "wrong code": (FAKE, [], "metic-jitd failed its self-test"),
    "wrong-fp": (FAKE, [], "metic-jitd failed its self-test"),
    "crashing": (FAKE, [], "metic-jitd failed its self-test"),
    "looping": (FAKE, [], "metic-jitd failed its self-test"),
    "garbage": (FAKE, [], "on"),
    "half": (FAKE, [], "on"),
    "other-unit": (FAKE, [], "on"),
    "refusing": (FAKE, [], "on"),
    "other-id": (FAKE, [], OFF),
    "dripping": (FAKE, ["--jit-timeout", "1"], OFF),
    "slow": (FAKE, ["--jit-timeout", "1"], OFF),
    "slow-start": (FAKE, ["--jit-timeout", "1"], OFF),
    "stopped at once":
        ("kill -STOP $$; exec {jitd} \"$@\"", ["--jit-timeout", "1"], OFF),
    "its worker stopped":
        ("(sleep 0.2; pkill -STOP -P $$) 0<&- & exec {jitd} \"$@\"",
         ["--jit-timeout", "1"], OFF + "|on"),
    "killed again and again":
        ("(sleep 0.05; kill -9 $$) 0<&- & exec {jitd} \"$@\"", [],
         OFF + "|on"),
    "its worker killed":
        ("(sleep 0.05; pkill -9 -P $$) 0<&- & exec {jitd} \"$@\"", [],
         OFF + "|on"),
}
# Enough for every day.
QUICK = ("good", "missing", "ends at once", "answers noise", "has no memory",
         "wrong code", "crashing", "other-unit", "garbage", "stopped at once",
         "killed again and again")
# Those where what runs a moment later is no sure thing need no wait.
NO_WAIT = ("slow", "stopped at once", "slow-start")


def processes(jitd, fakes=False):
    """Those that run our copy of metic-jitd, or a script beside it; a fake
    does not know that it should end."""
    folder = os.path.dirname(jitd).encode()
    found = []
    for entry in glob.glob("/proc/[0-9]*"):
        try:
            with open(entry + "/cmdline", "rb") as f:
                line = f.read()
            with open(entry + "/stat") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if folder + b"/jitd" in line and state != "Z" and \
           b"\0run\0" not in line and (b"fake.py" in line) == fakes:
            found.append(int(entry[6:]))
    return found


def folders():
    """Those that no process has locked."""
    left = []
    for path in glob.glob("/tmp/metic-jitd-[0-9]*-??????"):
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.append(path)
        except OSError:
            pass
        os.close(fd)
    return left


def gone(what, seconds=5):
    """Wait until what() has nothing; what there still is."""
    end = time.time() + seconds
    while (left := what()) and time.time() < end:
        time.sleep(0.02)
    return left


class Bench:
    def __init__(self, a, folder):
        self.metic, self.folder = a.metic, folder
        self.real = os.path.join(folder, "jitd-real")
        shutil.copy(a.jitd, self.real)
        os.chmod(folder, 0o755)
        self.jitd = os.path.join(folder, "jitd")
        self.program = os.path.join(folder, "guest")
        source = self.program + ".c"
        with open(source, "w") as f:
            f.write(SOURCE)
        subprocess.run([CC, *FLAGS, "-o", self.program, source], check=True)
        self.bad = 0

    def command(self, n, *options):
        return [self.metic, "run", "--no-cache", *options, self.program,
                str(n)]

    def run(self, n, *options):
        t = time.time()
        r = subprocess.run(self.command(n, *options), capture_output=True,
                           timeout=300)
        return r.returncode, r.stdout, r.stderr.decode(), time.time() - t

    def check(self, name, ok, text=""):
        print(f"{'ok' if ok else 'WRONG':6}{name}  {text}", flush=True)
        self.bad += not ok

    def install(self, name, script):
        if os.path.exists(self.jitd):
            os.unlink(self.jitd)
        if script is None:
            return
        mode = 0o755
        if isinstance(script, int):
            mode, script = script, "exit 0"
        if not script.startswith("\x7f"):
            what = "wrong-int" if name == "wrong code" else name
            script = "#!/bin/sh\n" + script.format(
                here=HERE, what=what, jitd=self.real) + "\n"
        with open(self.jitd, "w") as f:
            f.write(script)
        os.chmod(self.jitd, mode)

    def case(self, name):
        script, options, state = CASES[name]
        self.install(name, script)
        n = 20_000_000
        want = self.run(n, "--tier=baseline")
        wait = [] if name in NO_WAIT else ["--jit-wait"]
        got = self.run(n, "--tier=optimizing", "--stats", "--jitd",
                       self.jitd, *wait, *options)
        said = re.search(r"metic: optimizer +(.*)", got[2])
        said = said.group(1) if said else "nothing"
        # what is waited for takes as long as it takes on a busy machine
        slack = WAIT_SLACK if wait else SLACK + 2 * want[3]
        left = gone(lambda: processes(self.jitd))
        problems = [p for p, is_so in (
            ("output", want[:2] != got[:2]),
            ("stats", not re.fullmatch(state, said) and
             not (name in NO_WAIT and said.startswith("on"))),
            (f"{got[3] - want[3]:.1f} s more", got[3] > want[3] + slack),
            (f"processes {left}", left)) if is_so]
        self.check(name, not problems,
                   f"{said}, {got[3]:.1f} s ({want[3]:.1f})  "
                   + " ".join(problems))
        for pid in left + processes(self.jitd, True):
            os.kill(pid, signal.SIGKILL)

    def killed(self, stop):
        """metic is killed: nobody compiles on."""
        self.install("good", "exec {jitd} --shared-tmp \"$@\"")
        p = subprocess.Popen(
            self.command(4_000_000_000, "--tier=optimizing", "--jitd",
                         self.jitd), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        # the second loop is compiled; the first takes its time, when busy
        end = time.time() + 120
        while len(processes(self.jitd)) < 2 and time.time() < end:
            time.sleep(0.01)
        there = processes(self.jitd)
        if stop and there:
            os.kill(max(there), signal.SIGSTOP)
        p.kill()
        p.wait()
        left = gone(lambda: processes(self.jitd))
        self.check("metic killed" + (", its worker stopped" if stop else ""),
                   len(there) == 2 and not left, f"{len(there)} {left}")

    def kept(self):
        """Units are kept, but not those of another compiler."""
        for name in ("another compiler", "good"):
            self.install(name, "exec {jitd} \"$@\"" if name == "good" else
                         FAKE.replace("{what}", "'{what}'"))
            cache = os.path.join(self.folder, "cache " + name)
            options = ["--cache-dir", cache, "--stats", "--jitd", self.jitd]
            command = [self.metic, "run", "--tier=optimizing", *options]
            guest = [self.program, "20000000"]
            subprocess.run([*command, "--jit-wait", *guest],
                           capture_output=True, timeout=300)
            os.unlink(self.jitd)
            r = subprocess.run([*command, *guest], capture_output=True,
                               timeout=300)
            units = re.search(rb"units +(\d+)", r.stderr)
            self.check(f"kept units, {name}",
                       units and (int(units[1]) > 0) == (name == "good"),
                       units[0].decode() if units else "no --stats")

    def swept(self):
        """What processes killed all at once leave behind, the next removes."""
        before = set(folders())
        self.install("good", "(sleep 0.3; kill -9 $$) 0<&- &"
                     "exec {jitd} --shared-tmp \"$@\"")
        self.run(20_000_000, "--tier=optimizing", "--jit-wait", "--jitd",
                 self.jitd)
        gone(lambda: processes(self.jitd))
        killed = set(folders()) - before
        self.install("good", "exec {jitd} --shared-tmp \"$@\"")
        self.run(20_000_000, "--tier=optimizing", "--jit-wait", "--jitd",
                 self.jitd)
        left = gone(lambda: set(folders()) - before)
        self.check("folders swept", not left,
                   f"{len(killed)} left behind, {len(left)} still there")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("metic")
    p.add_argument("jitd")
    p.add_argument("--only", default="")
    p.add_argument("--quick", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        b = Bench(a, folder)
        for name in CASES:
            if a.only in name and (not a.quick or name in QUICK):
                b.case(name)
        if not a.only:
            b.killed(False)
            b.killed(True)
            b.swept()
            b.kept()
    return 1 if b.bad else 0


sys.exit(main())
