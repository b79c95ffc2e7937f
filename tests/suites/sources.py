"""Test-suites of source packages, run with the installed programs.

Debian's sources (.guest/sources/PACKAGE) are copied once for each machine, and
`sources/NAME.sh` is run there: `prepare`, `list` (the items, one a line) and
`run ITEM`. An item passes if it ends under metic as it does natively: the same
exit status, where it prints TAP the same tests not ok, and for rows that are
`exact` the same output. One that does not gets a second try.
"""
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

from machine import HERE, TOP, WORK, run, says
from table import Line, Outcome, Sittings, cell


def tree_of(row, name):
    """A fresh copy of row's sources for the machine called name."""
    tree = os.path.join(WORK, f"{row.name}.{name}")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(os.path.join(TOP, ".guest/sources", row.source), tree,
                    symlinks=True)
    shutil.copy(script(row), os.path.join(tree, "suite.sh"))
    if os.geteuid() == 0:
        for folder, _, files in os.walk(tree):
            for path in [folder, *(os.path.join(folder, f) for f in files)]:
                os.chown(path, row.user, row.user, follow_symlinks=False)
    return tree


def script(row):
    return os.path.join(HERE, "sources", f"{row.name.partition('-')[0]}.sh")


def verdict(row, result):
    """What must be as it is natively."""
    text = result.out.decode("latin-1")
    failed = re.findall(r"^not ok .*", text, re.M)
    exact = ""
    if row.exact:  # but for process ids and the machine's folder
        exact = re.sub(r"\(\d+\)", "(pid)", text)
        exact = exact.replace(f"{row.name}.metic", f"{row.name}.native")
    return result.status, failed, exact


def differs(row, want, got):
    """How, or nothing."""
    a, b = verdict(row, want), verdict(row, got)
    if a[0] != b[0]:
        return f"{says(got)}, natively {says(want)}"
    if a[1] != b[1]:
        other = [x for x in b[1] + a[1] if x not in a[1] or x not in b[1]]
        return f"{len(b[1])} not ok, natively {len(a[1])}, as {other[:1]}"
    return "" if a == b else "other output"


class Suite:
    """A row's items on both machines."""

    def __init__(self, row, metic, native):
        self.row, self.sittings = row, Sittings(row)
        self.on = [(metic, tree_of(row, "metic"), ".metic")]
        if native:
            self.on.append((native, tree_of(row, "native"), ".native"))

    def all(self, name, *words):
        """`suite.sh words` on the machines, metic first."""
        log = os.path.join(WORK, f"{self.row.name}.{name.replace('/', '-')}")
        command = ["/bin/bash", "-e", "suite.sh", *words]
        return [run(how, self.row, command, {}, log + kind, self.row.timeout,
                    tree=tree) for how, tree, kind in self.on]

    def once(self, item):
        results = self.all(item, "run", item)
        if len(results) == 2:
            return differs(self.row, results[1], results[0]), results
        good = results[0].status in self.row.good
        return "" if good else says(results[0]), results

    def one(self, item):
        """Twice, if need be: tests of times fail on a busy machine."""
        why, results = self.once(item)
        again = ""
        if why:
            again = f", again after: {why}"
            why, results = self.once(item)
        print(f"  {item} {why or 'ok'} {results[0].seconds:.1f} s{again}",
              flush=True)
        self.sittings.add(item, Outcome(
            not why, not why and results[0].status not in self.row.good, why,
            results[0].seconds,
            results[1].seconds if len(results) == 2 else None))


def run_source(row, metic, native, jobs, only):
    suite = Suite(row, metic, native)
    for words in (["prepare"], ["list"]):
        results = suite.all(words[0], *words)
        bad = [r for r in results if r.status != 0]
        if bad:
            why = cell(f"{words[0]}: {says(bad[0])}")
            return Line(row.name, 0, 1, bad[0].seconds, None, why), True
    items = results[0].out.decode().split()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(suite.one, [i for i in items if not only or i in only]))
    return suite.sittings.line(items)
