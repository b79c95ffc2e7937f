#!/usr/bin/env python3
"""Big programs of a riscv64 Debian in real use and in their own test-suites
under metic, against the amd64 builds of the same versions run natively.

    suites.py [--build DIR] [--jobs N] [--no-native] [--write] [NAME...]
    suites.py --packages

NAME is a row of rows.py, or ROW:ITEM,ITEM for some of a row's tests; without
any, all rows run. One line is printed for each; --write puts whole rows into
the table of README.md. Logs stay in /tmp/metic-suites/. `./dev suites` builds,
fetches both roots into .guest/ and runs this.
"""
import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import rows

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
WORK = "/tmp/metic-suites"  # /tmp is the host's for a guest, too
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
       "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


class Result:
    def __init__(self, status, out, seconds):
        self.status, self.out, self.seconds = status, out, seconds


ENTER = """
for d in dev proc sys tmp; do mount --rbind /$d "$ROOT/$d"; done
exec chroot --userspec="$USER_IDS" "$ROOT" "$@"
"""
THERE = 'cd "$0" && exec "$@"'  # by the root's shell


# What maintainer scripts would have made of an unpacked root.
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
                  "postgres:x:65533:65533::/tmp:/bin/bash\n"
                  "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\ntty:x:5:\npostgres:x:65533:\n"
                 "nogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}
LINKS = {"cc": "gcc", "c++": "g++", "awk": "gawk", "vi": "vim.basic"}


def finish_root(root):
    for path, text in FILES.items():
        if not os.path.exists(os.path.join(root, path)):
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
    for link, target in LINKS.items():
        if not os.path.lexists(os.path.join(root, "usr/bin", link)):
            os.symlink(target, os.path.join(root, "usr/bin", link))


class Machine:
    """A Debian root, entered with chroot in a mount namespace: programs see
    nothing of the host but /dev, /proc, /sys and /tmp."""

    def __init__(self, arch, prefix):
        self.root = os.path.join(TOP, f".guest/suites-{arch}")
        self.prefix = prefix
        finish_root(self.root)

    def argv(self, command, user, where):
        own = [] if os.geteuid() == 0 else ["--map-root-user"]
        user = user or 0
        return ["unshare", *own, "--mount", "env", f"ROOT={self.root}",
                f"USER_IDS={user}:{user}", "sh", "-euc", ENTER, "sh",
                *self.prefix, "/bin/sh", "-c", THERE, where] + command


def guest(build):
    """The riscv64 root under metic, which is static and so runs in there."""
    metic = os.path.join(WORK, "metic")
    new = f"{metic}.{os.getpid()}"
    shutil.copy(os.path.join(build, "runtime/cli/metic"), new)
    os.replace(new, metic)
    return Machine("riscv64", [metic, "run", "-L", "/"])


def end_session(sid):
    """Kill what is left of the session sid: daemons leave their group."""
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/stat", encoding="latin-1") as f:
                after = f.read().rpartition(")")[2].split()
            if int(after[3]) == sid:
                os.kill(int(p), signal.SIGKILL)
        except (OSError, IndexError):
            continue


def run(how, row, command, env, log, timeout, extra=()):
    """command in a fresh folder; output to the file log and returned."""
    where = tempfile.mkdtemp(prefix="w", dir=WORK)
    for source in extra:
        shutil.copy(source, where)
    temporary = os.path.join(where, "tmp")
    os.mkdir(temporary)
    user = getattr(row, "user", None)
    if user and os.geteuid() == 0:
        os.chown(where, user, user)
        os.chown(temporary, user, user)
    env = {**ENV, "HOME": where, "TMPDIR": temporary, **env}
    start = time.monotonic()
    with open(log, "wb") as out:
        p = subprocess.Popen(how.argv(command, user, where), env=env, cwd=where,
                             stdin=subprocess.DEVNULL, stdout=out,
                             stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = p.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        end_session(p.pid)
        p.wait()
    seconds = time.monotonic() - start
    shutil.rmtree(where, ignore_errors=True)
    with open(log, "rb") as f:
        return Result(status, f.read(), seconds)


def says(result):
    if result.status is None:
        return f"hangs ({result.seconds:.0f} s)"
    return f"exit status {result.status}"


def difference(want, got):
    a, b = (x.decode("utf-8", "replace").splitlines() for x in (want, got))
    for n, (x, y) in enumerate(zip(a + [""], b + [""])):
        if x != y:
            return f"line {n + 1}: want {x[:60]!r}, got {y[:60]!r}"
    return "shorter" if len(b) < len(a) else "longer"


class Line:
    """A row's line in the table."""

    def __init__(self, name, passed, count, seconds, native, why):
        self.name, self.passed, self.count = name, passed, count
        self.seconds, self.native, self.why = seconds, native, why

    def text(self):
        native = "-" if self.native is None else f"{self.native:.1f}"
        return (f"| {self.name} | {self.passed} of {self.count} | "
                f"{self.seconds:.1f} | {native} | {self.why} |\n")


def cell(text):
    return text.replace("|", "/").replace("\n", " ")


def run_script(row, metic, native, _jobs, _only):
    extra = [os.path.join(HERE, "scripts", f)
             for f in sorted(os.listdir(os.path.join(HERE, "scripts")))]
    command = ["/bin/bash", "-eu", f"{row.name}.sh"]
    log = os.path.join(WORK, row.name)
    got = run(metic, row, command, {}, log + ".metic", row.timeout, extra)
    why = "" if got.status == 0 else says(got)
    took = None
    if native and row.native:
        want = run(native, row, command, {}, log + ".native", row.timeout,
                   extra)
        took = want.seconds
        if want.status != 0:
            why = f"natively: {says(want)}; {why}"
        elif got.out != want.out:
            why = f"{why} {difference(want.out, got.out)}".strip()
    if why and row.known:
        why = f"{row.known} ({why})"
    return Line(row.name, int(not why), 1, got.seconds, took, cell(why)), \
        bool(why) and not row.known


def run_tests(row, metic, native, jobs, only):
    items = [i for i in row.items if not only or i in only]

    def one(item):
        command = shlex.split(row.command.format(item=item))
        log = os.path.join(WORK, f"{row.name}.{item}")
        got = run(metic, row, command, row.env, log + ".metic", row.timeout)
        same = False
        if got.status != 0 and native:
            also = run(native, row, command, row.env, log + ".native",
                       row.timeout)
            same = also.status == got.status
        print(f"  {item} {'ok' if got.status == 0 else says(got)}"
              f"{', natively the same' if same else ''} {got.seconds:.1f} s",
              flush=True)
        return item, got, same

    with ThreadPoolExecutor(jobs) as pool:
        done = list(pool.map(one, items))
    bad = [(i, got, same) for i, got, same in done if got.status != 0]
    why, unknown = [], False
    for item, got, same in bad:
        if same:
            why.append(f"{item}: the same natively")
        else:
            unknown |= item not in row.known
            why.append(f"{item}: {row.known.get(item, says(got))}")
    return Line(row.name, len(done) - len(bad), len(done),
                sum(got.seconds for _, got, _ in done), None,
                cell("; ".join(why))), unknown


def write_table(lines):
    """Replace the lines of the same names in README.md, keep the others."""
    path = os.path.join(HERE, "README.md")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    head, _, rest = text.partition(BEGIN)
    table, _, tail = rest.partition(END)
    kept = {m[1]: m[0] + "\n"
            for m in re.finditer(r"^\| ([\w.+-]+) \| \d.*$", table, re.M)}
    kept.update({line.name: line.text() for line in lines})
    order = [r.name for r in rows.ROWS if r.name in kept]
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + BEGIN + "| suite | passed | metic s | native s | "
                "what fails, and why |\n|---|---:|---:|---:|---|\n" +
                "".join(kept[n] for n in order) + END + tail)


def chosen(names):
    """The rows to run, each with the items asked for (empty: all)."""
    known = {r.name: r for r in rows.ROWS}
    if not names:
        return [(r, ()) for r in rows.ROWS]
    picked = []
    for name in names:
        row, _, items = name.partition(":")
        if row not in known:
            sys.exit(f"suites: no row {row}; there are: {' '.join(known)}")
        picked.append((known[row], tuple(filter(None, items.split(",")))))
    return picked


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default=os.path.join(TOP, "build"))
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--no-native", action="store_true")
    p.add_argument("--write", action="store_true")
    p.add_argument("--packages", action="store_true")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    if args.packages:
        print(*rows.packages())
        return 0
    os.makedirs(WORK, exist_ok=True)
    os.chmod(WORK, 0o755)
    metic = guest(args.build)
    native = None if args.no_native else Machine("amd64", [])
    lines, status = [], 0
    for row, only in chosen(args.names):
        work = run_script if isinstance(row, rows.Script) else run_tests
        line, bad = work(row, metic, native, args.jobs, only)
        status |= bad
        print(("FAIL " if bad else "ok   ") + line.text(), end="", flush=True)
        if args.write and not only:
            write_table([line])
    return status


if __name__ == "__main__":
    sys.exit(main())
