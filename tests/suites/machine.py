"""Debian roots as machines: riscv64's under metic, amd64's natively.

What runs in one sees nothing of the host but /dev, /proc, /sys and /tmp.
"""
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
WORK = "/tmp/metic-suites"  # /tmp is the host's for a guest, too
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
       "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}


class Result:
    def __init__(self, status, out, seconds):
        self.status, self.out, self.seconds = status, out, seconds


ENTER = """
for d in dev proc sys tmp; do mount --rbind /$d "$ROOT/$d"; done
[ -z "$TERMINAL" ] || : < "$TERMINAL" # the session's from now on
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

    def argv(self, command, user, where, terminal=""):
        own = [] if os.geteuid() == 0 else ["--map-root-user"]
        user = user or 0
        return ["unshare", *own, "--mount", "env", f"ROOT={self.root}",
                f"USER_IDS={user}:{user}", f"TERMINAL={terminal}",
                "sh", "-euc", ENTER, "sh",
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


def start(how, row, command, where, env, out):
    """A session of its own, with a terminal if the row wants one: /dev/tty,
    but no standard stream. Returns the process and what to close then."""
    ends = os.openpty() if getattr(row, "terminal", False) else ()
    argv = how.argv(command, getattr(row, "user", None), where,
                    os.ttyname(ends[1]) if ends else "")
    p = subprocess.Popen(argv, env=env, cwd=where, stdin=subprocess.DEVNULL,
                         stdout=out, stderr=subprocess.STDOUT,
                         start_new_session=True)
    return p, ends


def run(how, row, command, env, log, timeout, extra=(), tree=None):
    """command in a fresh folder, or in tree with a fresh TMPDIR; output to
    the file log and returned."""
    fresh = tempfile.mkdtemp(prefix="w", dir=WORK)
    where = tree or fresh
    for source in extra:
        shutil.copy(source, where)
    temporary = os.path.join(fresh, "tmp")
    os.mkdir(temporary)
    user = getattr(row, "user", None)
    if user and os.geteuid() == 0:
        os.chown(fresh, user, user)
        os.chown(temporary, user, user)
    env = {**ENV, "HOME": where, "TMPDIR": temporary, **env}
    begin = time.monotonic()
    with open(log, "wb") as out:
        p, terminal = start(how, row, command, where, env, out)
        try:
            status = p.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        end_session(p.pid)
        p.wait()
        for fd in terminal:
            os.close(fd)
    seconds = time.monotonic() - begin
    shutil.rmtree(fresh, ignore_errors=True)
    with open(log, "rb") as f:
        return Result(status, f.read(), seconds)


def says(result):
    if result.status is None:
        return f"hangs ({result.seconds:.0f} s)"
    return f"exit status {result.status}"
