"""The table of results in README.md: a line for each row that was run."""
import os
import re

import rows

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


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
