#!/usr/bin/env python3
"""gdb.py METIC GUEST [TEST...] - a real gdb (gdb-multiarch) on the stub.

Each test runs gdb in batch mode on one mode of guest.c and looks for lines of
its output, in order.  Exit status 77, and a loud line, without gdb.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

# name: (mode of guest.c, commands, what must come in this order, end)
# end: metic's exit status, negative for a signal
TESTS = {
    "break_step_print": ("plain", """
        break leaf
        continue
        backtrace
        info registers pc a0 fa0 fcsr
        p/x $pc == (long)&leaf
        step
        stepi
        nexti
        finish
        delete
        continue
        """, [r"Breakpoint 1, leaf \(a=.*11, d=.*1\.5\)",
              r"#0 +leaf", r"#1 .* middle \(a=.*10\)", r"#2 .* plain",
              r"pc +0x", r"a0 +0xb\s+11", r"fa0 +\{float = .*double = 1\.5\}",
              r"fcsr +0x0", r"= 0x1", r"Value returned is .* = 17",
              r"exited with code 052"], 42),
    "modify": ("plain", """
        break leaf
        continue
        set var $a0 = 100
        set var text = "changed"
        p text
        set var $fa0.double = 2.5
        set var $frm = 3
        p $fcsr
        set var $frm = 0
        delete
        p leaf(1, 0.25)
        continue
        """, [r'= "changed"', r"= 96", r"= 2",
              r"r 220 watched 77 text changed", r"exited with code 052"], 42),
    "watch": ("plain", """
        break middle
        continue
        delete
        watch watched
        continue
        delete
        awatch watched
        continue
        continue
        """, [r"Hardware watchpoint 2: watched", r"Old value = 5",
              r"New value = 77", r"Hardware access .*watchpoint 3: watched",
              r"Value = 77", r"exited with code 052"], 42),
    "condition": ("threads", """
        break in_thread if n == 2
        continue
        p n
        delete
        continue
        """, [r'"worker-2" hit Breakpoint 1', r"= 2",
              r"exited with code 07"], 7),
    "threads": ("threads", """
        break in_thread
        continue
        info threads
        thread apply all backtrace 4
        delete
        continue
        """, [r"hit Breakpoint 1, in_thread",
              r'2 .*"worker-\d"', r'3 .*"worker-\d"',
              r'4 .*"worker-\d"',
              r"Thread 4", r"thread \(arg", r"Thread 1",
              r"threads \(\)", r"watched 305", r"exited with code 07"], 7),
    "next_in_a_thread": ("threads", """
        break in_thread
        continue
        delete
        next
        next
        info threads
        continue
        """, [r"hit Breakpoint 1", r"thread \(arg=|in_thread",
              r"watched 305", r"exited with code 07"], 7),
    "signals": ("signal", """
        continue
        p $_siginfo.si_signo
        break on_signal
        continue
        backtrace
        continue
        continue
        """, [r"received signal SIGUSR1", r"= 10", r"on_signal \(sig=.*10\)",
              r"<signal handler called>", r"got 10",
              r"received signal SIGTERM",
              r"terminated with signal SIGTERM"], -15),
    "no_signal": ("signal", """
        continue
        signal 0
        signal 0
        """, [r"received signal SIGUSR1", r"received signal SIGTERM",
              r"got 0", r"exited with code 01"], 1),
    "fault": ("fault", """
        continue
        x/i $pc
        p $_siginfo._sifields._sigfault.si_addr
        continue
        """, [r"received signal SIGSEGV", r"=> 0x.*lw\s+a0,16\(",
              r"0x10", r"terminated with signal SIGSEGV"], -11),
    "exec": ("exec", """
        catch exec
        continue
        break leaf
        continue
        backtrace 1
        delete
        continue
        """, [r"is executing new program", r"Catchpoint 1 \(exec'd",
              r"Breakpoint 2, .*leaf", r"#0", r"exited with code 052"], 42),
    "children_go_on": ("fork", """
        break leaf
        continue
        p a
        continue
        """, [r"Breakpoint 1", r"= 5", r"exited normally"], 0),
    "files_of_the_target": ("plain", """
        info proc exe
        info auxv
        break middle
        continue
        detach
        """, [r"AT_ENTRY", r"Breakpoint 1", r"detached"], 42),
}


def commands(text):
    args = []
    for line in text.strip().splitlines():
        args += ["-ex", line.strip()]
    return args


def run(metic, guest, name):
    mode, text, wanted, end = TESTS[name]
    with tempfile.TemporaryDirectory() as top:
        where = os.path.join(top, "gdb")
        # gdb is told the program only by the stub in one test
        file = [] if name == "files_of_the_target" else [guest]
        proc = subprocess.Popen(
            [metic, "run", "--gdb=unix:" + where, guest, mode, guest],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            while not os.path.exists(where) and proc.poll() is None:
                time.sleep(0.01)
            gdb = subprocess.run(
                ["gdb-multiarch", "-q", "-nx", "-batch",
                 "-iex", "set debuginfod enabled off",
                 "-ex", "set confirm off", "-ex", "set pagination off",
                 "-ex", "set width 0", "-ex", "target remote " + where]
                + commands(text) + file,
                capture_output=True, text=True, timeout=100,
                stdin=subprocess.DEVNULL)
            out, err = proc.communicate(timeout=30)
        except subprocess.TimeoutExpired as e:
            return "%s\n%s" % (e, e.stdout or "")
        finally:
            if proc.poll() is None:
                proc.kill()
    said = gdb.stdout + gdb.stderr + out.decode()
    # the program's own lines stand where they came: look in any order there
    at = 0
    for want in wanted:
        m = re.search(want, gdb.stdout[at:])
        if m:
            at += m.end()
        elif not re.search(want, gdb.stderr + out.decode()):
            return "no %r in:\n%s" % (want, said)
    if proc.returncode != end:
        return "metic ended with %d, not %d:\n%s%s" % (
            proc.returncode, end, said, err.decode())
    return None


def main():
    metic, guest = sys.argv[1], os.path.abspath(sys.argv[2])
    if not shutil.which("gdb-multiarch"):
        print("SKIPPED: gdb-multiarch is not installed; the stub was not "
              "tried with a real debugger (apt install gdb-multiarch)")
        return 77
    failed = 0
    names = sys.argv[3:] or list(TESTS)
    for name in names:
        start = time.time()
        why = run(metic, guest, name)
        failed += why is not None
        print("%s: %s (%.2f s)" % (name, "FAILED: " + why if why else "ok",
                                   time.time() - start), flush=True)
    print("%d tests, %d failed" % (len(names), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
