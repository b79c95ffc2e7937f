#!/usr/bin/env python3
"""A compiling process that is no good, in the place of metic-jitd.

    fake.py WHAT JITD < SOCKET

JITD does the compiling, as a command. The first unit, which is metic's
self-test, is compiled as it should be, unless WHAT is about that one.
"""
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

HEAD = struct.Struct("<IIII")
MAGIC = 0x316A746D
CODE = {"crashing": b"\x0f\x0b", "looping": b"\xeb\xfe"}  # ud2; jmp .
what, jitd = sys.argv[1:3]
sock = socket.socket(fileno=0)


def read(n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data


def compile_unit(text):
    with tempfile.TemporaryDirectory() as folder:
        unit, obj = os.path.join(folder, "unit"), os.path.join(folder, "o")
        with open(unit, "wb") as f:
            f.write(text)
        subprocess.run([jitd, unit, obj], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(obj, "rb") as f:
            return f.read()


def wrong(text):
    """Right in all but one constant, or in one operation."""
    if what == "wrong-fp":
        return text.replace(b"fadd.dyn", b"fsub.dyn", 1)
    return re.sub(rb"const 0x1d", b"const 0x1e", text, count=1)


first = None
while True:
    magic, status, unit_id, size = HEAD.unpack(read(HEAD.size))
    text = read(size)
    if what == "slow-start" or (what == "slow" and first):
        time.sleep(100)
    if first is None:
        answer = compile_unit(wrong(text) if what.startswith("wrong")
                              else text)
        if what in CODE:  # the assembler puts the text behind the header
            answer = answer[:64] + CODE[what] + answer[66:]
        first = answer
    elif what == "other-unit":
        answer = first
    elif what == "garbage":
        answer = os.urandom(3000)
    elif what == "half":
        answer = compile_unit(text)
        answer = answer[:len(answer) // 2]
    elif what == "other-id":
        answer, unit_id = compile_unit(text), unit_id + 1
    elif what == "another compiler":
        answer, status = compile_unit(text), 2
    elif what == "refusing":
        answer, status = b"no", 1
    else:
        answer = compile_unit(text)
    reply = HEAD.pack(MAGIC, status, unit_id, len(answer)) + answer
    if what == "dripping":
        for i in range(len(reply)):
            sock.send(reply[i:i + 1])
            time.sleep(0.02)
    sock.sendall(reply)
