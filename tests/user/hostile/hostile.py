#!/usr/bin/env python3
"""What another process says of itself may be anything.

hostile.py METIC READER [ROUNDS [SEED]]: one metic runs READER as a program
that waits; what it knows of itself (struct linux_process, whose address it
publishes, and what that points to) is overwritten at random, through
/proc/PID/mem. Another metic runs READER, which reads the first one's /proc
files each time: it must neither die nor hang.
"""
import random
import re
import select
import struct
import subprocess
import sys
import time

ROUNDS = 300
BYTES = 6000  # of the structure and of what follows it
PATIENCE = 20  # seconds for one round
EDGES = [0, 1, 7, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**47 - 4096, 2**47,
         2**63 - 1, 2**63, 2**64 - 1]


def start(metic, reader, *args):
    return subprocess.Popen([metic, 'run', '--no-cache', reader, *args],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def published(pid):
    """The address in /proc/PID/stat, once it is there."""
    for _ in range(500):
        with open(f'/proc/{pid}/stat', encoding='latin-1') as f:
            field = f.read().rpartition(')')[2].split()
        if field[42] == field[43] != '0':
            return int(field[42])
        time.sleep(0.01)
    return 0


def writable(pid):
    """Ranges of its memory where a structure may be."""
    with open(f'/proc/{pid}/maps', encoding='latin-1') as f:
        for line in f:
            m = re.match(r'(\w+)-(\w+) rw-p', line)
            if m:
                yield int(m[1], 16), int(m[2], 16)


class Victim:
    def __init__(self, pid, at):
        self.mem = open(f'/proc/{pid}/mem', 'r+b', buffering=0)
        self.ranges = list(writable(pid))
        self.at = at
        self.blocks = {at: self.get(at, BYTES)}
        for (word,) in struct.iter_unpack('<Q', self.blocks[at]):
            if any(lo <= word < hi - 4096 for lo, hi in self.ranges):
                self.blocks[word] = self.get(word, 2048)

    def get(self, at, n):
        self.mem.seek(at)
        return self.mem.read(n)

    def put(self, at, data):
        self.mem.seek(at)
        self.mem.write(data)

    def word(self, rng):
        kind = rng.randrange(4)
        if kind == 0:
            return rng.choice(EDGES)
        if kind == 1:
            return rng.getrandbits(64)
        if kind == 2:
            return rng.choice(list(self.blocks)) + rng.randrange(64)
        return rng.getrandbits(rng.randrange(1, 48))

    def scribble(self, rng):
        at = rng.choice([self.at, *self.blocks])
        data = bytearray(self.blocks[at])
        for _ in range(rng.choice([1, 1, 2, 8, 100])):
            i = 8 * rng.randrange(len(data) // 8)
            data[i:i + 8] = struct.pack('<Q', self.word(rng))
        self.put(at, bytes(data))
        return at

    def restore(self, at):
        self.put(at, self.blocks[at])


def main():
    metic, reader = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.getrandbits(32)
    rng = random.Random(seed)
    victim = start(metic, reader, 'self')
    other = start(metic, reader, str(victim.pid))
    try:
        at = published(victim.pid)
        if not at:
            print('SKIPPED: the kernel takes no PR_SET_MM_MAP')
            return 77
        v = Victim(victim.pid, at)
        for i in range(rounds):
            where = v.scribble(rng)
            other.stdin.write(b'\n')
            other.stdin.flush()
            if not select.select([other.stdout], [], [], PATIENCE)[0]:
                print(f'seed {seed}, round {i}: hangs')
                return 1
            if other.stdout.readline() != b'done\n':
                print(f'seed {seed}, round {i}: status {other.wait()}')
                return 1
            if rng.randrange(3):
                v.restore(where)
        print(f'{rounds} rounds of {len(v.blocks)} blocks')
        return 0
    finally:
        victim.kill()
        other.kill()
        victim.wait()
        other.wait()


if __name__ == '__main__':
    sys.exit(main())
