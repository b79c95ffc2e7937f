"""The table of results in README.md: a line for each row that was run.

Of a row of many items each one's last result is kept in WORK/ROW.json: a line
may be put together from several sittings.
"""
import json
import os
import re
import threading

import rows
from machine import HERE, WORK

BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


class Line:
    """A row's line in the table."""

    def __init__(self, name, passed, count, seconds, native, why):
        self.name, self.passed, self.count = name, passed, count
        self.seconds, self.native, self.why = seconds, native, why
        self.complete = True

    def text(self):
        native = "-" if self.native is None else f"{self.native:.1f}"
        return (f"| {self.name} | {self.passed} of {self.count} | "
                f"{self.seconds:.1f} | {native} | {self.why} |\n")


def cell(text):
    return text.replace("|", "/").replace("\n", " ")


class Outcome:
    """What came of an item. alike: it fails natively, too, in the same way."""

    def __init__(self, passed, alike, why, seconds, native):
        self.passed, self.alike, self.why = passed, alike, why
        self.seconds, self.native = seconds, native


class Sittings:
    """The last outcomes of a row's items."""

    def __init__(self, row):
        self.row, self.lock = row, threading.Lock()
        self.path = os.path.join(WORK, f"{row.name}.json")
        self.all = {}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as f:
                self.all = {i: Outcome(**o) for i, o in json.load(f).items()}

    def add(self, item, outcome):
        with self.lock:
            self.all[item] = outcome
            with open(self.path + ".new", "w", encoding="utf-8") as f:
                json.dump({i: vars(o) for i, o in self.all.items()}, f)
            os.replace(self.path + ".new", self.path)

    def line(self, items):
        """The line for items, and what failed for no known reason; items of
        which nothing is known make it incomplete."""
        known = {i: self.all[i] for i in items if i in self.all}
        bad = {i: o for i, o in known.items() if not o.passed}
        parts = [f"{i}: {self.row.known.get(i, o.why)}"
                 for i, o in bad.items()]
        also = sum(o.passed and o.alike for o in known.values())
        if also:
            parts.append(f"{also} fail natively, too, and alike")
        native = [o.native for o in known.values()]
        line = Line(self.row.name, len(known) - len(bad), len(known),
                    sum(o.seconds for o in known.values()),
                    None if None in native or not native else sum(native),
                    cell("; ".join(parts)))
        line.complete = len(known) == len(items)
        return line, any(i not in self.row.known and not o.alike
                         for i, o in bad.items())


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
