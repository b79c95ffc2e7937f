"""What the runners share: the emulator's command line, building guest
programs, running a command and comparing, and counting results."""
import concurrent.futures
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CROSS = "riscv64-linux-gnu-"
CROSS_SYSROOT = "/usr/riscv64-linux-gnu"


class Emulator:
    """How a guest program is started: metic, or another one to compare."""

    def __init__(self, build, command=None):
        self.is_metic = command is None
        metic = os.path.abspath(os.path.join(build, "runtime/cli/metic"))
        self.metic = metic
        self.command = shlex.split(command) if command else [metic, "run"]

    def run(self, program, args=(), tier=None, sysroot=None, word=None):
        """The argument vector that runs the program."""
        argv = list(self.command)
        if word:
            argv[1] = word
        if tier and self.is_metic:
            argv += ["--tier", tier]
        if sysroot:
            argv += ["-L", sysroot]
        return argv + [program, *args]


class Result:
    """What a command did: exit status (negative: signal), output, time."""

    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err = status, out, err
        self.seconds = seconds


def execute(argv, env=None, stdin=b"", timeout=60, cwd=None):
    """Run argv with exactly the environment env; status None: timed out."""
    base = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/tmp"}
    base.update(env or {})
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, \
            tempfile.TemporaryFile() as inp:
        inp.write(stdin)
        inp.seek(0)
        start = time.monotonic()
        # A session of its own, so that what it leaves behind can be ended.
        p = subprocess.Popen(argv, env=base, stdin=inp, stdout=out,
                             stderr=err, cwd=cwd, start_new_session=True)
        # A timer, because wait(timeout) looks only every 50 ms.
        late = threading.Event()

        def end():
            late.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, end)
        timer.start()
        status = p.wait()
        timer.cancel()
        if late.is_set():
            status = None
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        return Result(status, out.read(), err.read(), seconds)


def first_difference(want, got):
    """A few lines that say where two outputs part."""
    a, b = (t.decode("latin-1").split("\n") for t in (want, got))
    for n, (x, y) in enumerate(zip(a + [None], b + [None])):
        if x != y:
            return (f"    line {n + 1}\n      want {x!r:.300}\n"
                    f"      got  {y!r:.300}")
    return "    (longer)"


class Counter:
    """Results, printed as they come, one line each."""

    def __init__(self):
        self.passed = self.failed = 0

    def add(self, name, problem, seconds=None):
        took = "" if seconds is None else f" {seconds:.2f} s"
        if problem:
            self.failed += 1
            print(f"FAIL {name}{took}\n{problem}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name}{took}", flush=True)

    def finish(self, summary):
        """Write the summary file; the exit status of the runner."""
        print(f"{self.passed} passed, {self.failed} failed")
        if summary:
            with open(summary, "w", encoding="utf-8") as f:
                f.write(f"passed {self.passed}\nfailed {self.failed}\n")
        return 1 if self.failed or not self.passed else 0


def in_parallel(jobs, work, workers=None):
    """work(job) for each job, results in the order of the jobs."""
    with concurrent.futures.ThreadPoolExecutor(
            workers or os.cpu_count() or 1) as pool:
        yield from pool.map(work, jobs)


def newer(target, *sources):
    """Is target there and newer than all of sources?"""
    if not os.path.exists(target):
        return False
    t = os.path.getmtime(target)
    return all(os.path.getmtime(s) <= t for s in sources)


def compile_c(compiler, source, target, flags, libs):
    """Build a C program unless it is up to date. Errors end the runner."""
    folder = os.path.dirname(source)
    headers = [os.path.join(folder, h) for h in os.listdir(folder)
               if h.endswith((".h", ".inc"))]
    if newer(target, source, *headers):
        return target
    os.makedirs(os.path.dirname(target), exist_ok=True)
    command = [compiler, "-I", folder, *flags, "-o", target, source, *libs]
    p = subprocess.run(command, capture_output=True, text=True)
    if p.returncode:
        print(f"cannot build: {' '.join(command)}\n{p.stderr}")
        sys.exit(1)
    return target


def need_cross_compiler():
    if not shutil.which(CROSS + "gcc"):
        print(f"no {CROSS}gcc: install gcc-riscv64-linux-gnu")
        sys.exit(1)
