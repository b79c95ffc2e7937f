#!/usr/bin/env python3
"""Header with a hash of everything that decides what generated code is.

Translations on disk are taken only by the code generator that made them:
its sources, and the version of metic and of the compiler.

fingerprint.py OUT DEPFILE VERSION FILE_OR_FOLDER...
"""
import hashlib
import os
import sys


def sources(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, _, names in os.walk(path):
            for name in names:
                if name.endswith((".c", ".h", ".def")):
                    yield os.path.join(folder, name)


out, depfile, version, *paths = sys.argv[1:]
files = sorted(sources(paths))
h = hashlib.sha256(version.encode())
for name in files:
    with open(name, "rb") as f:
        h.update(hashlib.sha256(f.read()).digest())
d = h.hexdigest()
with open(out, "w") as f:
    f.write("/* Made by runtime/store/fingerprint.py. */\n")
    f.write(f"#define STORE_MAKER_LO 0x{d[:16]}u\n")
    f.write(f"#define STORE_MAKER_HI 0x{d[16:32]}u\n")
with open(depfile, "w") as f:
    f.write(f"{out}: {' '.join(files)}\n")
