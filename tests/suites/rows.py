"""The table of suites: one row each, and the packages that each needs.

A Script is `scripts/NAME.sh`, run by the guest's bash in a folder of its own:
what it prints must be what the amd64 build of the same versions prints
natively. Tests are a program's own regression tests, one process for each
item, judged by exit status; an item that fails is also run natively, and one
that fails there too is the machine's fault. A Source is a source package whose
tests `sources/NAME.sh` runs with the installed program; each file of them must
end as it does natively (`sources.py`). `known` names what fails under metic
alone, and why.
"""


class Script:
    """What a program is given to do by a shell script."""

    def __init__(self, name, packages, known=None, timeout=600, user=None,
                 native=True):
        self.name, self.packages = name, packages.split()
        self.known, self.timeout = known, timeout
        self.user, self.native = user, native


class Tests:
    """A program's own tests; {item} in the command is one of items."""

    def __init__(self, name, packages, command, items, known=None,
                 timeout=1100, env=None):
        self.name, self.packages = name, packages.split()
        self.command, self.items = command, items.split()
        self.known, self.timeout = known or {}, timeout
        self.env = env or {}


class Source:
    """Tests of the source package source; good are the exit statuses of what
    passes or skips itself."""

    def __init__(self, name, source, packages, good=(0,), known=None,
                 exact=False, timeout=3000):
        self.name, self.source, self.packages = name, source, packages.split()
        self.good, self.known, self.timeout = good, known or {}, timeout
        self.exact, self.user, self.terminal = exact, 65534, True


# What every script may use.
BASE = """base-files bash coreutils dash diffutils findutils gawk grep
    hostname libc-bin libc6 libgcc-s1 libstdc++6 netbase passwd procps sed
    tar time tzdata util-linux""".split()

PYTHON = """test_array test_ast test_asyncio test_builtin test_bz2 test_capi
    test_cmath test_code test_codecs test_collections test_complex
    test_concurrent_futures test_csv test_ctypes test_curses test_datetime
    test_decimal test_dict test_eintr test_epoll test_exceptions
    test_external_inspection test_faulthandler test_fcntl test_fileio
    test_float test_fork1 test_fractions test_functools test_gc test_gdb
    test_generators test_genericpath test_glob test_hashlib test_httplib
    test_httpservers test_import test_int test_interpreters test_io
    test_ioctl test_itertools test_json test_largefile test_logging test_long
    test_lzma test_marshal test_math test_memoryview test_mmap
    test_multiprocessing_fork test_openpty test_os test_pathlib
    test_perf_profiler test_pickle test_poll test_popen test_posix
    test_posixpath test_pty test_pwd test_pyexpat test_queue test_random
    test_re test_readline test_resource test_sched test_select test_selectors
    test_set test_shutil test_signal test_site test_smtplib test_socket
    test_socketserver test_sort test_sqlite3 test_ssl test_stat
    test_statistics test_strtod test_struct test_subprocess test_sys
    test_syslog test_tarfile test_tempfile test_thread
    test_threading test_threadsignals test_time
    test_timeout test_tokenize test_urllib test_uuid test_venv test_wait3
    test_wait4 test_xml_etree test_zipfile test_zlib """ + " ".join(
        f"test_multiprocessing_{start}.test_{part}"
        for start in ("forkserver", "spawn")
        for part in ("manager", "misc", "processes", "threads"))

ROWS = [
    Tests("python3.13", "libpython3.13-testsuite python3.13",
          "/usr/bin/python3.13 -m test -u network,subprocess,decimal,cpu "
          "--timeout=1000 {item}", PYTHON),
    Source("bash-source", "bash", "gcc libc6-dev", exact=True, known={
        "run-intl": "riscv64's bash prints \\Ufffffffe another way if the "
                    "locale is missing, under QEMU, too",
        "run-read": "0.1 ms are not enough for read, under QEMU, too"}),
    Source("coreutils-source", "coreutils", "gcc libc6-dev make perl strace",
           good=(0, 77), known={
        f"tests/{t}.sh": "skips itself, riscv64's strace knows no "
                         "unlink, stat, fadvise64_64"
        for t in "dd/nocache_eof ls/stat-free-symlinks mv/atomic "
                 "mv/atomic2".split()}),
    Source("perl-source", "perl", "perl", known={
        "re/regexp_qr_embed_thr.t": "passes, but did not end natively within "
                                    "900 s of a busy machine"}),
    Script("archives", "bzip2 gzip xz-utils zstd"),
    Script("cmake", "cmake gcc libc6-dev make"),
    Script("coreutils", "coreutils"),
    Script("editors", "ed nano vim"),
    Script("gcc", "binutils g++ gcc libc6-dev make"),
    Script("gdb", "gcc gdb libc6-dev"),
    Script("git", "git perl"),
    Script("go", "gcc golang-go libc6-dev", timeout=1200),
    Script("java", "openjdk-21-jdk-headless", timeout=1200),
    Script("java-minute", "openjdk-21-jdk-headless"),
    Script("media", "ffmpeg imagemagick"),
    Script("net", "ca-certificates curl python3.13 wget"),
    Script("node", "nodejs"),
    Script("openssl", "openssl"),
    Script("perl-core", "perl"),
    Script("postgres", "postgresql-17 postgresql-client-17", user=65533),
    Script("redis", "redis-server redis-tools"),
    Script("rust", "gcc libc6-dev rustc", timeout=900),
    Script("scripting", "erlang-base gcc jq libc6-dev lua5.4 luajit "
           "ocaml-nox php-cli ruby tcl"),
    Script("sqlite", "sqlite3"),
    Script("ssh-keygen", "openssh-client"),
    Script("strace", "strace"),
]


def sources():
    return sorted({r.source for r in ROWS if isinstance(r, Source)})


def packages():
    return sorted(set(BASE).union(*(r.packages for r in ROWS)))
