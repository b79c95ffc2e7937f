#!/usr/bin/env python3
"""Lints of the tree; each is one meson test.

    lint.py include TOP    who may include whom (the table RULES below)
    lint.py size TOP       files <= 800 lines, functions <= 100, width <= 80
    lint.py format TOP     clang-format, where it is installed
    lint.py selftest TOP   every rule above finds a violation made for it

Prints one line per finding; exit status 1 if there is any, 77 (skipped) when
a tool is missing.  Tables (.def) may be longer than 800 lines, and a function
is not measured when the comment above it says "dispatcher": one marked switch
each is allowed.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

# Folder (longest match wins): what its files may include, as path prefixes.
# <capstone> stands for the headers of that library.
RULES = {
    "runtime/base": ["runtime/base/"],
    "translator": ["translator/", "runtime/base/"],
    "frontend": ["translator/", "runtime/base/", "<capstone>"],
    # The library is for frontends, and for disassemblers of host code.
    "backend": ["translator/", "runtime/base/", "<capstone>"],
    # Its code meets that of the baseline: the same registers.
    "backend/gccjit": ["backend/gccjit/", "backend/x86_64/", "translator/",
                       "runtime/base/"],
    "devices": ["devices/", "runtime/base/"],
    # The reference interpreter is no host backend: it is always there.
    "runtime": ["runtime/", "translator/", "devices/", "backend/interp/"],
    "runtime/cli": ["runtime/api/metic.h", "metic.h", "runtime/cli/"],
    "tests": ["", "<capstone>"],
}
# Folders whose sub-folders see the shared part and themselves only.
SIBLINGS = ["frontend", "backend"]
# What anything under runtime/ must not reach, although runtime/ is allowed.
FORBIDDEN = {"runtime/": ["runtime/cli/"]}

MAX_LINES, MAX_FUNCTION, MAX_WIDTH, TAB = 800, 100, 80, 8
CODE = (".c", ".h", ".def", ".S")
WIDE = CODE + (".py", ".sh")
CLANG_FORMAT = 14  # the version that decides; others differ in details


def files(top, endings):
    """Paths below top, relative, of the sources with one of the endings."""
    found = []
    for where, dirs, names in os.walk(top):
        dirs[:] = sorted(d for d in dirs
                         if not d.startswith((".", "build")) and
                         d != "subprojects")
        for name in sorted(names):
            if name.endswith(endings) or (name == "dev" and ".sh" in endings):
                found.append(os.path.relpath(os.path.join(where, name), top))
    return found


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8") as f:
        return f.read()


def rule_of(path):
    """The most specific folder of RULES that holds path, or None."""
    fit = [d for d in RULES if path.startswith(d + "/")]
    return max(fit, key=len) if fit else None


def may_include(path, name):
    """May the file `path` include the project header or library `name`?"""
    folder = rule_of(path)
    if folder is None:
        return False
    for prefix, banned in FORBIDDEN.items():
        if path.startswith(prefix) and folder != "runtime/cli" and \
                name.startswith(tuple(banned)):
            return False
    if any(name.startswith(ok) for ok in RULES[folder]):
        return True
    if folder in SIBLINGS:
        own = "/".join(path.split("/")[:2]) + "/"
        shared = name.startswith(folder + "/") and name.count("/") == 1
        return name.startswith(own) or shared
    return False


def lint_include(top):
    include = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
    for path in files(top, CODE):
        if path.startswith("tests/guest/"):
            continue  # guest programs: they are not part of metic
        for mark, name in include.findall(read(top, path)):
            if name.startswith("capstone"):
                name = "<capstone>"
            elif mark == "<" and name != "metic.h":
                continue
            elif "/" not in name:
                name = os.path.join(os.path.dirname(path), name)
            if not may_include(path, name):
                yield f"{path}: may not include {name}"


def functions(text):
    """(name, lines, comment above) of each function of a C file."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if line != "{":
            continue
        end = next((k for k in range(i, len(lines)) if lines[k] == "}"), i)
        head = i
        while head > 0 and lines[head - 1].strip() and \
                not lines[head - 1].startswith(("}", "#")):
            head -= 1
        above = "\n".join(lines[head:i])
        name = re.findall(r"(\w+)\(", above.split("*/")[-1])
        yield (name[0] if name else "?"), end - i - 1, above


def lint_size(top):
    for path in files(top, WIDE):
        text = read(top, path)
        lines = text.split("\n")
        if len(lines) - 1 > MAX_LINES and not path.endswith(".def"):
            yield f"{path}: {len(lines) - 1} lines, {MAX_LINES} allowed"
        for n, line in enumerate(lines, 1):
            width = len(line.expandtabs(TAB))
            if width > MAX_WIDTH:
                yield f"{path}:{n}: {width} columns, {MAX_WIDTH} allowed"
        if not path.endswith(".c"):
            continue
        for name, length, above in functions(text):
            if length > MAX_FUNCTION and "dispatcher" not in above:
                yield (f"{path}: {name}: {length} lines, "
                       f"{MAX_FUNCTION} allowed")


def clang_format():
    """The clang-format that decides, or None."""
    for name in (f"clang-format-{CLANG_FORMAT}", "clang-format"):
        path = shutil.which(name)
        if not path:
            continue
        out = subprocess.run([path, "--version"], capture_output=True,
                             text=True).stdout
        if f"version {CLANG_FORMAT}." in out:
            return path
    return None


def lint_format(top):
    tool = clang_format()
    if not tool:
        print(f"skipped: clang-format {CLANG_FORMAT} is not installed")
        sys.exit(77)
    paths = [os.path.join(top, p) for p in files(top, (".c", ".h"))]
    err = subprocess.run([tool, "--dry-run", "--ferror-limit=1", *paths],
                         capture_output=True, text=True, check=True).stderr
    bad = {line.split(":")[0] for line in err.splitlines()
           if "-Wclang-format-violations" in line}
    for path in sorted(bad):
        yield (f"{os.path.relpath(path, top)}: not as clang-format writes it "
               "(./dev format)")


LINTS = {"include": lint_include, "size": lint_size, "format": lint_format}

# What selftest makes: file, contents, the lint that must object (or None).
BAD = [
    ("runtime/base/a.c", '#include "translator/ir.h"\n', "include"),
    ("translator/a.c", '#include "frontend/riscv/a.h"\n', "include"),
    ("translator/b.c", "#include <capstone/capstone.h>\n", "include"),
    ("frontend/riscv/a.c", '#include "backend/x86_64/a.h"\n', "include"),
    ("frontend/riscv/b.c", '#include "frontend/arm/a.h"\n', "include"),
    ("frontend/riscv/c.c", "#include <capstone/capstone.h>\n", None),
    ("frontend/riscv/d.c", '#include "translator/ir.h"\n', None),
    ("backend/x86_64/a.c", '#include "frontend/riscv/a.h"\n', "include"),
    ("backend/x86_64/b.c", '#include "backend/x86_64/b.h"\n', None),
    ("devices/a.c", '#include "runtime/exec/vm.h"\n', "include"),
    ("runtime/exec/a.c", '#include "frontend/riscv/a.h"\n', "include"),
    ("runtime/exec/b.c", '#include "runtime/cli/a.h"\n', "include"),
    ("runtime/exec/c.c", '#include "devices/bus.h"\n', None),
    ("runtime/cli/a.c", '#include "runtime/exec/vm.h"\n', "include"),
    ("runtime/cli/b.c", '#include "runtime/api/metic.h"\n', None),
    ("elsewhere/a.c", '#include "runtime/base/types.h"\n', "include"),
    ("tests/x/a.c", '#include "backend/x86_64/a.h"\n', None),
    ("devices/b.c", "\n" * 801, "size"),
    ("devices/c.c", "/*" + "x" * 77 + "*/\n", "size"),
    ("devices/d.c", "\t" * 10 + ";\n", "size"),
    ("devices/e.c", "int f(void)\n{\n" + ";\n" * 101 + "}\n", "size"),
    ("devices/f.c", "/* The dispatcher. */\nint f(void)\n{\n" +
     ";\n" * 101 + "}\n", None),
    ("devices/g.def", "\n" * 801, None),
]


def lint_selftest(_top):
    for path, text, want in BAD:
        with tempfile.TemporaryDirectory() as top:
            os.makedirs(os.path.dirname(os.path.join(top, path)))
            with open(os.path.join(top, path), "w", encoding="utf-8") as f:
                f.write(text)
            got = [n for n in ("include", "size") if list(LINTS[n](top))]
        if got != ([want] if want else []):
            yield f"{path} ({text[:30]!r}...): found by {got}, not {want}"


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in [*LINTS, "selftest"]:
        print(__doc__)
        return 2
    lint = LINTS.get(sys.argv[1], lint_selftest)
    found = list(lint(sys.argv[2]))
    for line in found:
        print(line)
    print(f"{len(found)} findings" if found else "clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
