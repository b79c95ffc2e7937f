#!/usr/bin/env python3
"""Make riscv64.inc from riscv64.S: the vDSO's image as a C initializer.

    make.py            write riscv64.inc
    make.py --check    exit 1 if its code is not what riscv64.S says now;
                       77 (skip) without a riscv64 compiler
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CROSS = "riscv64-linux-gnu-"
FLAGS = ["-march=rv64im_zicsr", "-mabi=lp64", "-mno-relax", "-nostdlib",
         "-shared", "-Wl,--hash-style=both", "-Wl,--build-id=none",
         "-Wl,-soname,linux-vdso.so.1", "-Wl,--eh-frame-hdr",
         "-Wl,-Bsymbolic", "-Wl,--no-warn-rwx-segments"]
OUT = os.path.join(HERE, "riscv64.inc")

def run(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE,
                          text=True).stdout

def build(directory):
    """The image and {name: offset} of what C must know."""
    so = os.path.join(directory, "vdso.so")

    run(CROSS + "gcc", *FLAGS,
        "-T", os.path.join(HERE, "riscv64.lds"), "-o", so,
        os.path.join(HERE, "riscv64.S"))
    names = {}
    for line in run(CROSS + "nm", so).splitlines():
        word = line.split()
        names[word[2]] = int(word[0], 16)
    run(CROSS + "strip", so)
    with open(so, "rb") as f:
        return f.read(), {
            "VDSO_SIGRETURN": names["__vdso_rt_sigreturn"],
            "VDSO_RESOLUTION": names["metic_resolution"],
            "VDSO_HWPROBE": names["metic_hwprobe"],
            "VDSO_HWPROBE_END": names["metic_hwprobe_end"]}

def text(image, names):
    out = ["/* riscv64.inc - made by make.py from riscv64.S. */"]
    out += ["#define %s 0x%x" % n for n in names.items()]
    out += ["static const u8 vdso_image[] = {"]
    for i in range(0, len(image), 12):
        out.append("\t" + " ".join("0x%02x," % b for b in image[i:i + 12]))
    return "\n".join(out + ["};", ""])

def code(image, names):
    """What must not change: the code, from its first word to the data."""
    start = names["VDSO_SIGRETURN"]
    return image[start - 0x100:names["VDSO_RESOLUTION"] + 16]

def read():
    with open(OUT, encoding="utf-8") as f:
        lines = f.read()
    names = {n: int(v, 16) for n, v in
             re.findall(r"#define (\w+) (0x\w+)", lines)}
    return bytes(int(b, 16) for b in
                 re.findall(r"(0x\w\w),", lines)), names

def main():
    check = sys.argv[1:] == ["--check"]
    if not shutil.which(CROSS + "gcc"):
        print("SKIPPED: no " + CROSS + "gcc")
        return 77
    with tempfile.TemporaryDirectory() as d:
        made = build(d)
    if not check:
        with open(OUT, "w", encoding="utf-8") as f:
            f.write(text(*made))
        print("%d bytes" % len(made[0]))
        return 0
    if code(*made) != code(*read()):
        print("riscv64.inc is older than riscv64.S: run make.py")
        return 1
    return 0

if __name__ == "__main__":
    sys.exit(main())
