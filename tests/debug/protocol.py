#!/usr/bin/env python3
"""protocol.py METIC GUEST [TEST...] - the remote stub, without a debugger.

GUEST is guest.c of this folder, compiled. Each function test_* is one test.
"""
import os
import subprocess
import sys
import time

from rsp import (A0, FA0, FCSR, FFLAGS, FRM, PC, RA, SP, Session, escape,
                 frame, symbols, unescape)

METIC = GUEST = SYM = None


def session(*args, **kw):
    return Session(METIC, GUEST, *args, **kw)


def exits(s, code, how=b"vCont;c"):
    reply = s.ask(how)
    assert reply.startswith(b"W%02x" % code), reply
    status, out = s.wait()
    assert status == code, status
    return out


def test_run_to_the_end():
    with session("plain") as s:
        s.start()
        out = exits(s, 42)
        assert out == "r 34 watched 77 text before\n", out


def test_asked_before_the_first_thread():
    for _ in range(10):
        with session("plain") as s:
            # all at once: the program's thread may not have begun
            s.sock.sendall(frame(b"QStartNoAckMode") + b"+" + frame(b"?"))
            assert s.receive() == b"OK"
            s.acks = False
            assert s.receive().startswith(b"T05")
            exits(s, 42)


def test_acknowledgements():
    with session("plain") as s:
        # without QStartNoAckMode every packet is acknowledged
        s.sock.sendall(frame(b"qAttached"))
        assert s.byte() == b"+"
        assert s.receive() == b"0"
        s.sock.sendall(b"$qAttached#00")  # a wrong checksum: again, please
        assert s.byte() == b"-"
        s.sock.sendall(b"-")  # ours: send the last one once more
        assert s.receive() == b"0"
        s.sock.sendall(b"noise$half$" + frame(b"qAttached")[1:])
        assert s.byte() == b"+"
        assert s.receive() == b"0"


def test_hostile_packets():
    with session("plain") as s:
        s.start()
        for body in (b"", b"m", b"m,", b"m10", b"m10,", b"mzz,4",
                     b"m11111111111111111,4", b"M10,4:", b"M10,4:00",
                     b"M10,ffffffffffffffff:00", b"X10,4:", b"X10,4:ab}",
                     b"G0", b"P", b"P20", b"P20=", b"P20=00", b"Pffff=00",
                     b"pffffffffff", b"p", b"Z", b"Z9", b"Z0", b"Z0,",
                     b"Z0,10", b"Z2,10,0", b"Z2,ffffffffffffffff,8",
                     b"H", b"Hg", b"Hx1", b"Hgp1.", b"Hg999999", b"T",
                     b"Tp", b"vCont", b"vCont;", b"vCont;q", b"vCont;r1",
                     b"vCont;r1,", b"vCont;C", b"vCont;c:", b"vCont;cx",
                     b"vCont" + b";c:1" * 65,
                     b"qXfer:features:read:", b"qXfer:features:read:x:0,1",
                     b"qXfer:features:read:target.xml:ffffff,10",
                     b"qXfer:auxv:read::", b"qXfer:auxv:read::0",
                     b"qXfer:threads:read::zz,1", b"qThreadExtraInfo,",
                     b"vFile:open:", b"vFile:open:2f", b"vFile:open:2g,0,0",
                     b"vFile:open:" + b"2f" * 5000 + b",0,0",
                     b"vFile:pread:0,10,0", b"vFile:pread:ffff,1,1",
                     b"vFile:close:0", b"vFile:fstat:40",
                     b"QPassSignals:", b"QPassSignals:fffff;zz",
                     b"qSupported:" + b"x;" * 4000, b"\xff" * 1000,
                     b"C", b"Cffff", b"S"):
            reply = s.ask(body)
            assert reply[:1] in (b"E", b"F", b"O", b"l", b"P", b""), \
                (body, reply)
        # longer than PacketSize: refused as if it had been garbled, and
        # with no acknowledgements without a word
        s.send(b"m" + b"0" * 0x5000)
        assert s.ask(b"qAttached") == b"0"
        exits(s, 42)


def test_registers():
    with session("plain") as s:
        s.start()
        addr = SYM["leaf"]
        s.ok(b"Z0,%x,2" % addr)
        stop, why = s.go()
        assert stop == b"T05" and "swbreak" in why, (stop, why)
        assert s.reg(PC) == addr and s.reg(A0) == 11
        assert s.reg(FA0) == 0x3ff8000000000000, "1.5"
        everything = s.ask(b"g")
        assert len(everything) == 2 * (65 * 8 + 3 * 4)
        assert bytes.fromhex(everything[32 * 16:33 * 16].decode()) == \
            addr.to_bytes(8, "little")
        s.set_reg(FFLAGS, 1, 4)
        s.set_reg(FRM, 2, 4)
        assert s.reg(FCSR) == 0x41
        s.set_reg(FCSR, 0, 4)
        assert (s.reg(FFLAGS), s.reg(FRM)) == (0, 0)
        s.set_reg(0, 99)
        assert s.reg(0) == 0, "x0 stays"
        before = s.ask(b"g")
        s.ok(b"G" + before)
        assert s.ask(b"g") == before
        s.set_reg(A0, 100)
        s.ok(b"z0,%x,2" % addr)
        out = exits(s, 42)
        assert out.startswith("r 212 "), out  # (100 + 6) * 2


def test_memory():
    with session("plain") as s:
        s.start()
        text = SYM["text"]
        assert s.read(text, 6) == b"before"
        s.ok(b"M%x,5:" % text + b"after".hex().encode())
        s.ok(b"X%x,2:" % (text + 5) + escape(b"}#"))
        assert s.read(text, 8) == b"after}#\0"
        got = s.ask(b"x%x,7" % text)
        assert unescape(got) == b"bafter}#", got
        # what is not there
        assert s.ask(b"m10,4") == b"E0e"
        assert s.ask(b"M10,1:00") == b"E0e"
        assert s.ask(b"X10,1:x") == b"E0e"
        assert s.ask(b"X10,0:") == b"OK"
        assert s.ask(b"mfffffffffffffff0,20") == b"E0e"
        assert s.ask(b"Z0,10,4") == b"E0e"
        # text is written although it is not writable, and takes effect
        leaf = SYM["leaf"]
        old = s.read(leaf, 4)
        s.ok(b"M%x,4:" % leaf + b"05458280")  # li a0, 1 ; ret
        assert s.read(leaf, 4) != old
        out = exits(s, 42)
        assert out == "r 2 watched 77 text after}#\n", out


def test_breakpoints_are_not_in_memory():
    with session("plain") as s:
        s.start()
        leaf = SYM["leaf"]
        old = s.read(leaf, 8)
        s.ok(b"Z0,%x,2" % leaf)
        s.ok(b"Z1,%x,2" % leaf)
        assert s.read(leaf, 8) == old
        s.go()
        assert s.reg(PC) == leaf
        stop, _ = s.go(b"vCont;s")
        assert stop == b"T05" and s.reg(PC) != leaf
        exits(s, 42)


def test_step():
    with session("plain") as s:
        s.start()
        s.ok(b"Z0,%x,2" % SYM["middle"])
        s.go()
        s.ok(b"z0,%x,2" % SYM["middle"])
        ra = s.reg(RA)
        n, pc = 0, 0
        while pc != ra:
            before = pc
            stop, why = s.go(b"vCont;s")
            pc = int.from_bytes(bytes.fromhex(why["20"]), "little")
            assert stop == b"T05" and pc != before, "a step moves"
            n += 1
        assert s.reg(PC) == ra
        assert 15 < n < 60, n
        assert s.reg(A0) == 34
        # the old packets, and a range
        pc = s.reg(PC)
        s.go(b"s")
        assert s.reg(PC) != pc
        pc = s.reg(PC)
        stop, _ = s.go(b"vCont;r%x,%x:-1" % (pc, pc + 4))
        assert stop == b"T05" and not pc <= s.reg(PC) < pc + 4
        exits(s, 42, b"c")


def test_watch():
    for kind, name in (b"2", "watch"), (b"3", "rwatch"), (b"4", "awatch"):
        with session("plain") as s:
            s.start()
            w = SYM["watched"]
            s.ok(b"Z0,%x,2" % SYM["middle"])
            s.go()
            s.ok(b"z0,%x,2" % SYM["middle"])
            s.ok(b"Z%s,%x,8" % (kind, w))
            hits = []
            while True:
                stop, why = s.go()
                if stop[:1] == b"W":
                    break
                assert stop == b"T05" and int(why[name], 16) == w, why
                hits.append(s.long(w))
            # plain: read, write the same; write 77; read to print
            want = {"watch": [5, 77], "rwatch": [5, 77],
                    "awatch": [5, 5, 77, 77]}[name]
            assert hits == want, (name, hits)
            assert stop == b"W2a"


def test_watch_stops_after_the_access():
    with session("plain") as s:
        s.start()
        s.ok(b"Z2,%x,8" % SYM["watched"])
        store = SYM["store"]
        s.ok(b"Z0,%x,2" % store)
        s.go()
        stop, why = s.go(b"vCont;s")
        while "watch" not in why:
            stop, why = s.go(b"vCont;s")
        assert store < s.reg(PC) < store + 16
        s.ok(b"z2,%x,8" % SYM["watched"])
        s.ok(b"z0,%x,2" % store)
        exits(s, 42)


def test_signals():
    with session("signal") as s:
        s.start()
        stop, _ = s.go()
        assert stop == b"T1e", stop  # SIGUSR1
        info = unescape(s.ask(b"qXfer:siginfo:read::0,80"))
        assert info[:1] == b"l" and len(info) == 129
        assert int.from_bytes(info[1:5], "little") == 10
        s.ok(b"Z0,%x,2" % SYM["on_signal"])
        stop, _ = s.go(b"vCont;C1e")
        assert stop == b"T05" and s.reg(PC) == SYM["on_signal"]
        assert s.reg(A0) == 10
        s.ok(b"z0,%x,2" % SYM["on_signal"])
        stop, _ = s.go()
        assert stop == b"T0f", stop
        reply = s.ask(b"vCont;C0f")
        assert reply.startswith(b"X0f"), reply
        status, out = s.wait()
        assert status == -15 and out == "got 10\n", (status, out)


def test_signal_not_passed():
    with session("signal") as s:
        s.start()
        s.go()
        stop, _ = s.go()  # without SIGUSR1
        assert stop == b"T0f"
        out = exits(s, 1)  # without SIGTERM, either
        assert out == "got 0\n", out


def test_signal_step_enters_handler():
    with session("signal") as s:
        s.start()
        s.go()
        stop, _ = s.go(b"vCont;S1e")
        assert stop == b"T05" and s.reg(PC) == SYM["on_signal"]


def test_signal_of_the_debugger():
    with session("sleep") as s:
        s.start()
        s.ok(b"Z0,%x,2" % SYM["main"])
        s.go()
        reply = s.ask(b"vCont;C0f")  # the program has no handler: it dies
        assert reply.startswith(b"X0f"), reply


def test_pass_signals():
    with session("signal") as s:
        s.start()
        s.ok(b"QPassSignals:e;1e;0f")
        reply = s.ask(b"vCont;c")
        assert reply.startswith(b"X0f"), reply
        assert s.wait() == (-15, "got 10\n")


def test_fault():
    with session("fault") as s:
        s.start()
        stop, _ = s.go()
        assert stop == b"T0b"
        pc = s.reg(PC)
        stop, _ = s.go(b"vCont;s")  # without the signal: it happens again
        assert stop == b"T0b" and s.reg(PC) == pc
        reply = s.ask(b"vCont;C0b")
        assert reply.startswith(b"X0b")
        assert s.wait()[0] == -11


def test_threads():
    with session("threads") as s:
        s.start()
        pid = s.proc.pid
        assert s.threads() == [b"p%x.%x" % (pid, pid)]
        addr = SYM["in_thread"]
        s.ok(b"Z0,%x,2" % addr)
        stopped = set()
        for n in range(3):
            stop, why = s.go()
            assert stop == b"T05", stop
            tid = why["thread"].encode()
            stopped.add(tid)
            if n == 0:
                everyone = s.threads()
                assert len(everyone) == 4 and tid in everyone
                xml = unescape(s.ask(b"qXfer:threads:read::0,1000")).decode()
                for name in "worker-1", "worker-2", "worker-3":
                    assert 'name="%s"' % name in xml, xml
                for t in everyone:
                    s.ok(b"T" + t)
                    s.ok(b"Hg" + t)
                    assert s.reg(SP) > 4096
                assert s.ask(b"Tp1.1") == b"E01"
                s.ok(b"Hg" + tid)
            # past it, alone
            pc = s.reg(PC)
            assert pc == addr
            stop, why = s.go(b"vCont;s:" + tid)
            assert why["thread"].encode() == tid and s.reg(PC) != pc
        assert len(stopped) == 3
        out = exits(s, 7)
        assert out == "watched 305\n", out


def test_watch_in_threads():
    with session("threads") as s:
        s.start()
        s.ok(b"Z2,%x,8" % SYM["watched"])
        hits = 0
        while True:
            stop, why = s.go()
            if stop[:1] == b"W":
                break
            assert stop == b"T05" and "watch" in why, (stop, why)
            hits += 1
        # each thread's 100 additions, no stop lost
        assert hits == 300, hits


def test_interrupt():
    with session("sleep") as s:
        s.start()
        for _ in range(3):
            s.send(b"vCont;c")
            time.sleep(0.12)
            s.interrupt()
            assert s.receive().startswith(b"T02")
            assert s.long(SYM["counter"]) == 0
        s.ok(b"M%x,1:01" % SYM["awake"])
        out = exits(s, 9)
        assert out == "awake 1, cut short 0\n", out


def test_registers_of_a_sleeper():
    """A call that is interrupted for a change of registers goes on."""
    with session("sleep") as s:
        s.start()
        s.send(b"vCont;c")
        time.sleep(0.12)
        s.interrupt()
        assert s.receive().startswith(b"T02")
        before = s.ask(b"g")
        # call leaf(5, 0) as a debugger does: it returns to main's start
        back = SYM["main"]
        s.ok(b"Z0,%x,2" % back)
        s.set_reg(SP, s.reg(SP) - 512 & ~15)
        s.set_reg(A0, 5)
        s.set_reg(FA0, 0)
        s.set_reg(RA, back)
        s.set_reg(PC, SYM["leaf"])
        stop, _ = s.go()
        assert stop == b"T05" and s.reg(PC) == back
        assert s.reg(A0) == 5 and s.long(SYM["counter"]) == 5
        s.ok(b"z0,%x,2" % back)
        s.ok(b"G" + before)
        s.ok(b"M%x,1:01" % SYM["awake"])
        out = exits(s, 9)
        assert out == "awake 1, cut short 0\n", out


def test_fork_and_vfork():
    with session("fork") as s:
        s.start()
        s.ok(b"Z0,%x,2" % SYM["leaf"])
        s.ok(b"Z2,%x,8" % SYM["text"])
        s.go()
        assert s.reg(A0) == 5, "children do not stop"
        s.ok(b"z0,%x,2" % SYM["leaf"])
        exits(s, 0)


def test_exec():
    for events in True, False:
        with session("exec", GUEST) as s:
            s.start(b"swbreak+" + (b";exec-events+" if events else b""))
            pid = s.proc.pid
            stop, why = s.go()
            assert stop == b"T05", stop
            assert int(why["thread"], 16) == pid
            if events:
                path = bytes.fromhex(why["exec"]).decode()
                assert os.path.samefile(path, GUEST)
            s.ok(b"Z0,%x,2" % SYM["leaf"])
            stop, why = s.go()
            assert stop == b"T05" and s.reg(PC) == SYM["leaf"]
            s.ok(b"z0,%x,2" % SYM["leaf"])
            exits(s, 42)


def test_detach():
    with session("plain") as s:
        s.start()
        s.ok(b"Z0,%x,2" % SYM["leaf"])
        s.ok(b"Z2,%x,8" % SYM["watched"])
        s.go()
        s.ok(b"D")
        assert s.wait() == (42, "r 34 watched 77 text before\n")


def test_detach_gives_signals_back():
    with session("sleep") as s:
        s.start()
        s.ok(b"D;%x" % s.proc.pid)
        time.sleep(0.1)
        s.proc.terminate()
        assert s.wait()[0] == -15


def test_lost_connection():
    with session("plain") as s:
        s.start()
        s.ok(b"Z0,%x,2" % SYM["leaf"])
        s.sock.close()
        assert s.wait()[0] == 42


def test_kill():
    for packet in b"k", b"vKill;1":
        with session("sleep") as s:
            s.start()
            s.send(packet)
            assert s.wait()[0] == -9


def test_kill_while_running():
    with session("sleep") as s:
        s.start()
        s.send(b"vCont;c")
        time.sleep(0.05)
        s.send(b"k")
        assert s.wait()[0] == -9


def test_objects():
    with session("plain") as s:
        s.start()
        xml = b""
        while True:
            part = unescape(s.ask(b"qXfer:features:read:target.xml:%x,100"
                                  % len(xml)))
            xml += part[1:]
            if part[:1] == b"l":
                break
        for word in (b"riscv:rv64", b"org.gnu.gdb.riscv.cpu",
                     b"org.gnu.gdb.riscv.fpu", b'name="pc"', b'name="fcsr"'):
            assert word in xml, word
        auxv = unescape(s.ask(b"qXfer:auxv:read::0,1000"))
        words = [int.from_bytes(auxv[i:i + 8], "little")
                 for i in range(1, len(auxv) - 7, 8)]
        pairs = dict(zip(words[::2], words[1::2]))
        assert auxv[:1] == b"l" and pairs[6] == 4096, "AT_PAGESZ"
        assert pairs[9] == s.reg(PC), "AT_ENTRY"
        path = s.ask(b"qXfer:exec-file:read:%x:0,1000" % s.proc.pid)[1:]
        assert os.path.samefile(path, GUEST)
        with open(GUEST, "rb") as f:
            want = f.read()
        name = path.hex().encode()
        assert s.ask(b"vFile:open:" + name + b",1,0") == b"F-1,1e"
        assert s.ask(b"vFile:open:" + b"/nowhere".hex().encode() +
                     b",0,0") == b"F-1,2"
        assert s.ask(b"vFile:open:" + name + b",0,0") == b"F0"
        got = b""
        while True:
            head, _, data = s.ask(b"vFile:pread:0,1000,%x"
                                  % len(got)).partition(b";")
            data = unescape(data)
            assert int(head[1:], 16) == len(data)
            if not data:
                break
            got += data
        assert got == want
        stat = unescape(s.ask(b"vFile:fstat:0").partition(b";")[2])
        assert len(stat) == 64
        assert int.from_bytes(stat[28:36], "big") == len(want)
        assert s.ask(b"vFile:close:0") == b"F0"
        assert s.ask(b"vFile:close:0") == b"F-1,9"


def test_wrong_places():
    for where in ("x", "70000", "1.2.3.4.5:1", "unix:", "fd:1000"):
        r = subprocess.run([METIC, "run", "--gdb=" + where, GUEST],
                           capture_output=True, text=True)
        assert r.returncode == 125 and "--gdb" in r.stderr, (where, r)


def main():
    global METIC, GUEST, SYM
    METIC, GUEST = sys.argv[1:3]
    GUEST = os.path.abspath(GUEST)
    SYM = symbols(GUEST)
    failed = 0
    names = sys.argv[3:] or [n for n in globals() if n.startswith("test_")]
    for name in names:
        start = time.time()
        try:
            globals()[name]()
            verdict = "ok"
        except Exception as e:
            failed += 1
            verdict = "FAILED: %s: %s" % (type(e).__name__, e)
        print("%s: %s (%.2f s)" % (name, verdict, time.time() - start),
              flush=True)
    print("%d tests, %d failed" % (len(names), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
