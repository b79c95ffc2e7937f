"""A client of the GDB remote serial protocol, for tests: one Session runs
`metic run --gdb` with a guest and talks to its stub over a UNIX socket."""
import os
import re
import socket
import subprocess
import tempfile
import time

# Registers by gdb's numbers.
RA, SP, A0, PC, FA0, FFLAGS, FRM, FCSR = 1, 2, 10, 32, 43, 66, 67, 68


def frame(body):
    return b"$" + body + b"#%02x" % (sum(body) & 255)


def unescape(data):
    return re.sub(rb"}(.)", lambda m: bytes([m[1][0] ^ 0x20]), data,
                  flags=re.S)


def escape(data):
    return re.sub(rb"[$#}*]", lambda m: b"}" + bytes([m[0][0] ^ 0x20]), data)


class Session:
    """One program under one debugger; use as a context manager."""

    def __init__(self, metic, program, *args, options=(), timeout=60):
        self.dir = tempfile.TemporaryDirectory()
        where = os.path.join(self.dir.name, "gdb")
        self.proc = subprocess.Popen(
            [metic, "run", *options, "--gdb=unix:" + where, program, *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        deadline = time.time() + timeout
        while True:
            try:
                self.sock.connect(where)
                break
            except OSError:
                if self.proc.poll() is not None or time.time() > deadline:
                    raise AssertionError(
                        "no stub: " + self.proc.stderr.read().decode())
                time.sleep(0.01)
        self.data = b""
        self.acks = True

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.sock.close()
        if kind:
            self.proc.kill()
        self.proc.communicate()
        self.dir.cleanup()

    def start(self, features=b"multiprocess+;swbreak+;exec-events+"):
        """As gdb begins: features, no acknowledgements, the first stop."""
        reply = self.ask(b"qSupported:" + features)
        assert b"PacketSize=" in reply, reply
        assert self.ask(b"QStartNoAckMode") == b"OK"
        self.acks = False
        stop = self.ask(b"?")
        assert stop.startswith(b"T05"), stop
        return stop

    def byte(self):
        if not self.data:
            self.data = self.sock.recv(65536)
            if not self.data:
                raise EOFError("the stub has closed the connection")
        b, self.data = self.data[:1], self.data[1:]
        return b

    def receive(self):
        """The body of the next packet, still escaped."""
        while self.byte() != b"$":
            pass
        body = b""
        while (b := self.byte()) != b"#":
            body += b
        want = int(self.byte() + self.byte(), 16)
        assert want == sum(body) & 255, "checksum of " + repr(body)
        if self.acks:
            self.sock.sendall(b"+")
        return body

    def send(self, body):
        self.sock.sendall(frame(body))

    def ask(self, body):
        self.send(body)
        return self.receive()

    def ok(self, body):
        reply = self.ask(body)
        assert reply == b"OK", (body, reply)

    def interrupt(self):
        self.sock.sendall(b"\3")

    # --- what tests do often ---

    def go(self, how=b"vCont;c"):
        """Resume and wait for the stop: (packet, {key: value})."""
        stop = self.ask(how)
        pairs = [p.split(b":", 1) for p in stop[3:].split(b";") if b":" in p]
        return stop[:3], {k.decode(): v.decode() for k, v in pairs}

    def reg(self, num):
        return int.from_bytes(bytes.fromhex(
            self.ask(b"p%x" % num).decode()), "little")

    def set_reg(self, num, value, size=8):
        self.ok(b"P%x=" % num + value.to_bytes(size, "little").hex().encode())

    def read(self, addr, n):
        return bytes.fromhex(self.ask(b"m%x,%x" % (addr, n)).decode())

    def long(self, addr):
        return int.from_bytes(self.read(addr, 8), "little")

    def threads(self):
        ids, reply = [], self.ask(b"qfThreadInfo")
        while reply != b"l":
            assert reply[:1] == b"m", reply
            ids += reply[1:].split(b",")
            reply = self.ask(b"qsThreadInfo")
        return ids

    def wait(self, timeout=60):
        """The exit status of metic (negative: signal) and its output."""
        out, _ = self.proc.communicate(timeout=timeout)
        return self.proc.returncode, out.decode()


def symbols(program):
    """Addresses by name, read from the ELF file's symbol table."""
    with open(program, "rb") as f:
        elf = f.read()

    def num(at, n):
        return int.from_bytes(elf[at:at + n], "little")
    shoff, shentsize, shnum = num(40, 8), num(58, 2), num(60, 2)
    headers = [shoff + i * shentsize for i in range(shnum)]
    found = {}
    for h in headers:
        if num(h + 4, 4) != 2:  # SHT_SYMTAB
            continue
        strings = num(headers[num(h + 40, 4)] + 24, 8)
        start, size = num(h + 24, 8), num(h + 32, 8)
        for s in range(start, start + size, 24):
            name = strings + num(s, 4)
            found[elf[name:elf.index(b"\0", name)].decode()] = num(s + 8, 8)
    return found
