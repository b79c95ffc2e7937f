#!/usr/bin/env python3
"""Compare the decoder's names with objdump's over the text of real code.

    objdump.py NAMES OBJDUMP FILE [LIMIT]

NAMES is the tool names.c.  Exit status 77 (skipped) if FILE is missing.
"""
import os
import re
import subprocess
import sys

LINE = re.compile(r"^\s*[0-9a-f]+:\t([0-9a-f]+)\s+\t(\S+)")
# What objdump calls otherwise even without aliases.
SAME = {"unimp": "csrrw", "c.slli64": "c.slli", "c.srli64": "c.srli",
        "c.srai64": "c.srai"}
SUFFIX = re.compile(r"\.(aq|rl|aqrl)$")


def listing(objdump, path, limit):
    """(word, name) of each instruction that objdump prints."""
    p = subprocess.Popen([objdump, "-d", "-M", "no-aliases", path],
                         stdout=subprocess.PIPE, text=True)
    found = []
    for line in p.stdout:
        m = LINE.match(line)
        if m and not m.group(2).startswith("."):
            found.append((m.group(1), m.group(2)))
            if len(found) == limit:
                break
    p.kill()
    p.wait()
    return found


def main():
    names, objdump, path = sys.argv[1:4]
    limit = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    if not os.path.exists(path):
        return 77
    want = listing(objdump, path, limit)
    got = subprocess.run([names], input="".join(w + "\n" for w, _ in want),
                         stdout=subprocess.PIPE, text=True, check=True)
    bad = 0
    for (word, name), line in zip(want, got.stdout.splitlines(), strict=True):
        ours, length = line.split()
        theirs = SUFFIX.sub("", SAME.get(name, name))
        if theirs == "c.addi" and int(word, 16) & 0xf80 == 0:
            theirs = "c.nop"
        if ours != theirs or int(length) * 2 != len(word):
            bad += 1
            if bad <= 20:
                print(f"{word}: {ours}, objdump says {name}")
    print(f"{len(want)} instructions, {bad} differ")
    return 1 if bad or not want else 0


if __name__ == "__main__":
    sys.exit(main())
