#!/usr/bin/env python3
"""Big programs of a riscv64 Debian in real use and in their own test-suites
under metic, against the amd64 builds of the same versions run natively.

    suites.py [--build DIR] [--jobs N] [--no-native] [--write] [NAME...]
    suites.py --packages, --sources

NAME is a row of rows.py, or ROW:ITEM,ITEM for some of a row's tests; without
any, all rows run. One line is printed for each; --write puts it into the table
of README.md once all tests of the row have run, be it in several sittings.
Logs and results stay in /tmp/metic-suites/. `./dev suites` builds,
fetches both roots into .guest/ and runs this.
"""
import argparse
import os
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor

import rows
import sources
from machine import HERE, TOP, WORK, Machine, guest, run, says
from table import Line, Outcome, Sittings, cell, write_table


def difference(want, got):
    a, b = (x.decode("utf-8", "replace").splitlines() for x in (want, got))
    for n, (x, y) in enumerate(zip(a + [""], b + [""])):
        if x != y:
            return f"line {n + 1}: want {x[:60]!r}, got {y[:60]!r}"
    return "shorter" if len(b) < len(a) else "longer"


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
    sittings = Sittings(row)

    def one(item):
        command = shlex.split(row.command.format(item=item))
        log = os.path.join(WORK, f"{row.name}.{item}")
        got = run(metic, row, command, row.env, log + ".metic", row.timeout)
        good, same = got.status == 0, False
        if not good and native:
            also = run(native, row, command, row.env, log + ".native",
                       row.timeout)
            same = also.status == got.status
        print(f"  {item} {'ok' if good else says(got)}"
              f"{', natively the same' if same else ''} {got.seconds:.1f} s",
              flush=True)
        sittings.add(item, Outcome(
            good, same, "the same natively" if same else says(got),
            got.seconds, None))

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, [i for i in row.items if not only or i in only]))
    return sittings.line(row.items)


WORKERS = {rows.Script: run_script, rows.Tests: run_tests,
           rows.Source: sources.run_source}


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
    p.add_argument("--sources", action="store_true")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    if args.packages:
        print(*rows.packages())
        return 0
    if args.sources:
        print(*rows.sources())
        return 0
    os.makedirs(WORK, exist_ok=True)
    os.chmod(WORK, 0o755)
    metic = guest(args.build)
    native = None if args.no_native else Machine("amd64", [])
    lines, status = [], 0
    for row, only in chosen(args.names):
        line, bad = WORKERS[type(row)](row, metic, native, args.jobs, only)
        status |= bad
        print(("FAIL " if bad else "ok   ") + line.text(), end="", flush=True)
        if args.write and line.complete:
            write_table([line])
    return status


if __name__ == "__main__":
    sys.exit(main())
