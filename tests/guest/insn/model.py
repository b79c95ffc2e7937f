#!/usr/bin/env python3
"""Instruction tests from a model: what each integer instruction means, in
Python, written from the unprivileged manual and nothing else.

    model.py EXTENSION > FILE.S
    (i m zba zbb zbs zicond zbc zbkb zbkx zknd zkne zknh a c)

For each instruction the program tries many operand pairs in a loop (with
separate, equal and zero registers) and a few as constants in straight-line
code, where a translator can compute the result itself.
"""
import sys

M64 = (1 << 64) - 1
VALUES = [0, 1, 2, 5, 31, 63, 0x7f, 0x80, 0x7fff, 0xff80, 0x7fffffff,
          0x80000000, 0xffffffff, 0x123456789abcdef0, 0x7fffffffffffffff,
          0x8000000000000000, 0xffffffff7fffffff, 0xffffffff80000000,
          0xfedcba9876543210, 0x00ff00000000ff01, M64 - 30, M64]
CONSTANT_PAIRS = [(0, 0), (3, 5), (M64, 1), (1 << 63, M64),
                  (0x123456789abcdef0, 0x7fffffff), (0x80000000, 33),
                  (0xfedcba9876543210, 0xffffffff80000001)]
IMMEDIATES = [0, 1, -1, 5, 63, 2047, -2048]


def s(v, n=64):
    """v's low n bits as a signed number."""
    v &= (1 << n) - 1
    return v - (1 << n) if v >> (n - 1) else v


def w(v):
    """v's low 32 bits, sign-extended to 64."""
    return s(v, 32) & M64


def u32(v):
    return v & 0xffffffff


def div(a, b, n):
    a, b = s(a, n), s(b, n)
    if b == 0:
        return -1
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def rem(a, b, n):
    a, b = s(a, n), s(b, n)
    if b == 0:
        return a
    r = abs(a) % abs(b)
    return r if a >= 0 else -r


def clz(v, n):
    return n - (v & ((1 << n) - 1)).bit_length()


def ctz(v, n):
    v &= (1 << n) - 1
    return (v & -v).bit_length() - 1 if v else n


def rol(v, k, n):
    v &= (1 << n) - 1
    k %= n
    return ((v << k) | (v >> (n - k))) & ((1 << n) - 1)


def orcb(v):
    return sum(0xff << i for i in range(0, 64, 8) if v >> i & 0xff)


def clmul(a, b):
    """The product of polynomials over GF(2)."""
    p = 0
    while b:
        p ^= a * (b & 1)
        a, b = a << 1, b >> 1
    return p


def brev8(v):
    return sum(int(f"{b:08b}"[::-1], 2) << 8 * i
               for i, b in enumerate(v.to_bytes(8, "little")))


def xperm(a, b, n):
    field = [a >> i & (1 << n) - 1 for i in range(0, 64, n)]
    field += [0] * ((1 << n) - len(field))
    return sum(field[b >> i & (1 << n) - 1] << i for i in range(0, 64, n))


# AES, FIPS 197: lists of bytes, columns one after the other.
def gf(a, b):
    p = clmul(a, b)
    for i in range(7, -1, -1):
        if p >> i + 8:
            p ^= 0x11b << i
    return p


def make_sbox():
    box = []
    for a in range(256):
        inverse = next((b for b in range(256) if gf(a, b) == 1), 0)
        box.append(0x63)
        for k in range(5):
            box[a] ^= rol(inverse, k, 8)
    return box


SBOX = make_sbox()
INV_SBOX = [SBOX.index(a) for a in range(256)]
MIX = [2, 3, 1, 1]
INV_MIX = [14, 11, 13, 9]


def shift_rows(a, b, way):
    """The low half of state b:a, its rows rotated by `way` times their
    number."""
    s16 = (a | b << 64).to_bytes(16, "little")
    return [s16[4 * ((i // 4 + way * (i % 4)) % 4) + i % 4] for i in range(8)]


def sub(box, half):
    return [box[v] for v in half]


def mix(factors, half):
    out = []
    for i in range(8):
        v = 0
        for k, f in enumerate(factors):
            v ^= gf(half[i // 4 * 4 + (i + k) % 4], f)
        out.append(v)
    return out


def ks1i(a, i):
    word = list(a.to_bytes(8, "little")[4:])
    if i < 10:
        word = word[1:] + word[:1]
    word = sub(SBOX, word)
    if i < 10:
        word[0] ^= [1, 2, 4, 8, 16, 32, 64, 128, 0x1b, 0x36][i]
    return num(word + word)


def num(half):
    return int.from_bytes(bytes(half), "little")


def ks2(a, b):
    low = a >> 32 ^ u32(b)
    return low | (low ^ b >> 32) << 32


# SHA-2, FIPS 180-4: rotated by all of `by`, or shifted by the last.
def sigma(v, by, n, shift):
    v &= (1 << n) - 1
    last = v >> by[2] if shift else rol(v, -by[2], n)
    return rol(v, -by[0], n) ^ rol(v, -by[1], n) ^ last


# Two registers: name -> meaning. The result is cut to 64 bits afterwards.
REG = {
    "i": {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "sll": lambda a, b: a << (b & 63),
        "slt": lambda a, b: s(a) < s(b),
        "sltu": lambda a, b: a < b,
        "xor": lambda a, b: a ^ b,
        "srl": lambda a, b: a >> (b & 63),
        "sra": lambda a, b: s(a) >> (b & 63),
        "or": lambda a, b: a | b,
        "and": lambda a, b: a & b,
        "addw": lambda a, b: w(a + b),
        "subw": lambda a, b: w(a - b),
        "sllw": lambda a, b: w(a << (b & 31)),
        "srlw": lambda a, b: w(u32(a) >> (b & 31)),
        "sraw": lambda a, b: s(a, 32) >> (b & 31),
    },
    "m": {
        "mul": lambda a, b: a * b,
        "mulh": lambda a, b: s(a) * s(b) >> 64,
        "mulhsu": lambda a, b: s(a) * b >> 64,
        "mulhu": lambda a, b: a * b >> 64,
        "div": lambda a, b: div(a, b, 64),
        "divu": lambda a, b: a // b if b else M64,
        "rem": lambda a, b: rem(a, b, 64),
        "remu": lambda a, b: a % b if b else a,
        "mulw": lambda a, b: w(a * b),
        "divw": lambda a, b: w(div(a, b, 32)),
        "divuw": lambda a, b: w(u32(a) // u32(b) if u32(b) else M64),
        "remw": lambda a, b: w(rem(a, b, 32)),
        "remuw": lambda a, b: w(u32(a) % u32(b) if u32(b) else a),
    },
    "zba": {
        "add.uw": lambda a, b: u32(a) + b,
        "sh1add": lambda a, b: (a << 1) + b,
        "sh2add": lambda a, b: (a << 2) + b,
        "sh3add": lambda a, b: (a << 3) + b,
        "sh1add.uw": lambda a, b: (u32(a) << 1) + b,
        "sh2add.uw": lambda a, b: (u32(a) << 2) + b,
        "sh3add.uw": lambda a, b: (u32(a) << 3) + b,
    },
    "zbb": {
        "andn": lambda a, b: a & ~b,
        "orn": lambda a, b: a | (~b & M64),
        "xnor": lambda a, b: ~(a ^ b),
        "max": lambda a, b: max(s(a), s(b)),
        "maxu": max,
        "min": lambda a, b: min(s(a), s(b)),
        "minu": min,
        "rol": lambda a, b: rol(a, b & 63, 64),
        "ror": lambda a, b: rol(a, -(b & 63), 64),
        "rolw": lambda a, b: w(rol(a, b & 31, 32)),
        "rorw": lambda a, b: w(rol(a, -(b & 31), 32)),
    },
    "zbs": {
        "bclr": lambda a, b: a & ~(1 << (b & 63)),
        "bext": lambda a, b: a >> (b & 63) & 1,
        "binv": lambda a, b: a ^ (1 << (b & 63)),
        "bset": lambda a, b: a | (1 << (b & 63)),
    },
    "zicond": {
        # Written as numbers: assemblers learned the names late.
        ".insn r 0x33, 5, 7,": lambda a, b: a if b else 0,
        ".insn r 0x33, 7, 7,": lambda a, b: 0 if b else a,
    },
    "zbc": {
        "clmul": clmul,
        "clmulh": lambda a, b: clmul(a, b) >> 64,
        "clmulr": lambda a, b: clmul(a, b) >> 63,
    },
    "zbkb": {
        "pack": lambda a, b: u32(a) | b << 32,
        "packh": lambda a, b: a & 0xff | (b & 0xff) << 8,
        "packw": lambda a, b: w(a & 0xffff | b << 16),
    },
    "zbkx": {
        "xperm4": lambda a, b: xperm(a, b, 4),
        "xperm8": lambda a, b: xperm(a, b, 8),
    },
    "zkne": {
        "aes64es": lambda a, b: num(sub(SBOX, shift_rows(a, b, 1))),
        "aes64esm":
            lambda a, b: num(mix(MIX, sub(SBOX, shift_rows(a, b, 1)))),
        "aes64ks2": ks2,
    },
    "zknd": {
        "aes64ds": lambda a, b: num(sub(INV_SBOX, shift_rows(a, b, -1))),
        "aes64dsm": lambda a, b:
            num(mix(INV_MIX, sub(INV_SBOX, shift_rows(a, b, -1)))),
    },
    "c": {
        "c.add": lambda a, b: a + b,
        "c.sub": lambda a, b: a - b,
        "c.xor": lambda a, b: a ^ b,
        "c.or": lambda a, b: a | b,
        "c.and": lambda a, b: a & b,
        "c.addw": lambda a, b: w(a + b),
        "c.subw": lambda a, b: w(a - b),
    },
}

# One register: name -> meaning.
ONE = {
    "zbb": {
        "clz": lambda a: clz(a, 64),
        "clzw": lambda a: clz(a, 32),
        "ctz": lambda a: ctz(a, 64),
        "ctzw": lambda a: ctz(a, 32),
        "cpop": lambda a: bin(a).count("1"),
        "cpopw": lambda a: bin(u32(a)).count("1"),
        "sext.b": lambda a: s(a, 8),
        "sext.h": lambda a: s(a, 16),
        "zext.h": lambda a: a & 0xffff,
        "orc.b": orcb,
        "rev8": lambda a: int.from_bytes(a.to_bytes(8, "little"), "big"),
    },
    "zbkb": {"brev8": brev8},
    "zknd": {
        "aes64im": lambda a: num(mix(INV_MIX, a.to_bytes(8, "little"))),
    },
    "zknh": {
        "sha256sum0": lambda a: w(sigma(a, (2, 13, 22), 32, False)),
        "sha256sum1": lambda a: w(sigma(a, (6, 11, 25), 32, False)),
        "sha256sig0": lambda a: w(sigma(a, (7, 18, 3), 32, True)),
        "sha256sig1": lambda a: w(sigma(a, (17, 19, 10), 32, True)),
        "sha512sum0": lambda a: sigma(a, (28, 34, 39), 64, False),
        "sha512sum1": lambda a: sigma(a, (14, 18, 41), 64, False),
        "sha512sig0": lambda a: sigma(a, (1, 8, 7), 64, True),
        "sha512sig1": lambda a: sigma(a, (19, 61, 6), 64, True),
    },
}

SH64 = [0, 1, 5, 31, 32, 63]
SH32 = [0, 1, 5, 31]
C6 = [1, -1, 31, -32, 7]

# A register and an immediate: name -> (immediates, meaning).
IMM = {
    "i": {
        "addi": (IMMEDIATES, lambda a, i: a + i),
        "slti": (IMMEDIATES, lambda a, i: s(a) < i),
        "sltiu": (IMMEDIATES, lambda a, i: a < i & M64),
        "xori": (IMMEDIATES, lambda a, i: a ^ (i & M64)),
        "ori": (IMMEDIATES, lambda a, i: a | (i & M64)),
        "andi": (IMMEDIATES, lambda a, i: a & (i & M64)),
        "addiw": (IMMEDIATES, lambda a, i: w(a + i)),
        "slli": (SH64, lambda a, i: a << i),
        "srli": (SH64, lambda a, i: a >> i),
        "srai": (SH64, lambda a, i: s(a) >> i),
        "slliw": (SH32, lambda a, i: w(a << i)),
        "srliw": (SH32, lambda a, i: w(u32(a) >> i)),
        "sraiw": (SH32, lambda a, i: s(a, 32) >> i),
    },
    "zba": {"slli.uw": (SH64, lambda a, i: u32(a) << i)},
    "zbb": {
        "rori": (SH64, lambda a, i: rol(a, -i, 64)),
        "roriw": (SH32, lambda a, i: w(rol(a, -i, 32))),
    },
    "zbs": {
        "bclri": (SH64, lambda a, i: a & ~(1 << i)),
        "bexti": (SH64, lambda a, i: a >> i & 1),
        "binvi": (SH64, lambda a, i: a ^ (1 << i)),
        "bseti": (SH64, lambda a, i: a | (1 << i)),
    },
    "zkne": {"aes64ks1i": (range(11), ks1i)},
    "c": {
        "c.addi": (C6, lambda a, i: a + i),
        "c.addiw": (C6 + [0], lambda a, i: w(a + i)),
        "c.andi": (C6 + [0], lambda a, i: a & (i & M64)),
        "c.slli": (SH64[1:], lambda a, i: a << i),
        "c.srli": (SH64[1:], lambda a, i: a >> i),
        "c.srai": (SH64[1:], lambda a, i: s(a) >> i),
    },
}

# Atomic memory operations: name -> (old, operand) -> new.
AMO = {
    "amoswap": lambda m, v: v,
    "amoadd": lambda m, v: m + v,
    "amoxor": lambda m, v: m ^ v,
    "amoand": lambda m, v: m & v,
    "amoor": lambda m, v: m | v,
    "amomin": min,
    "amomax": max,
    "amominu": min,
    "amomaxu": max,
}

BRANCH = {
    "beq": lambda a, b: a == b, "bne": lambda a, b: a != b,
    "blt": lambda a, b: s(a) < s(b), "bge": lambda a, b: s(a) >= s(b),
    "bltu": lambda a, b: a < b, "bgeu": lambda a, b: a >= b,
}


def table(rows):
    """Data for a loop; s0 points to it, s1 counts its rows."""
    print("\t.data\n\t.balign 8\n8:")
    for row in rows:
        print("\t.dword " + ", ".join(f"{v & M64:#x}" for v in row))
    print(f"\t.text\n\tla s0, 8b\n\tli s1, {len(rows)}\n1:")


def loop_end(columns):
    print(f"\taddi s0, s0, {8 * columns}\n\taddi s1, s1, -1\n\tbnez s1, 1b")


def two_address(op, d, a, b):
    """Text of `op d, a, b`, also where d is a by encoding."""
    if not op.startswith("c."):
        return f"{op} {d}, {a}, {b}"
    return f"mv {d}, {a}\n\t{op} {d}, {b}"


def reg_tests(op, f):
    print(f"\tname {op}")
    table([(a, b, f(a, b), f(0, b), f(a, 0), f(a, a))
           for a in VALUES for b in VALUES])
    print("\tld a1, 0(s0)\n\tld a2, 8(s0)\n\tld a3, 16(s0)")
    print("\t" + two_address(op, "a0", "a1", "a2") + "\n\tcheck a0")
    print("\tmv a4, a1\n\t" + two_address(op, "a4", "a4", "a2") +
          "\n\tcheck a4")
    if not op.startswith("c."):
        print(f"\tmv a5, a2\n\t{op} a5, a1, a5\n\tcheck a5")
        print(f"\tld a3, 24(s0)\n\t{op} t6, zero, a2\n\tcheck t6")
        print(f"\tld a3, 32(s0)\n\t{op} s9, a1, zero\n\tcheck s9")
        print(f"\t{op} zero, a1, a2\n\tmv a0, zero\n\tli a3, 0\n\tcheck a0")
    print("\tld a3, 40(s0)\n\t" + two_address(op, "a0", "a1", "a1") +
          "\n\tcheck a0")
    loop_end(6)
    for a, b in CONSTANT_PAIRS:
        print(f"\tli a1, {a:#x}\n\tli a2, {b:#x}\n\t" +
              two_address(op, "a0", "a1", "a2") +
              f"\n\tli a3, {f(a, b) & M64:#x}\n\tcheck a0")


def imm_tests(op, immediates, f):
    for i in immediates:
        if op.startswith("c."):
            text = "mv {d}, {a}\n\t" + f"{op} {{d}}, {i}"
        else:
            text = f"{op} {{d}}, {{a}}, {i}"
        print(f"\tname {op} {i}")
        one_body(text, lambda a, i=i: f(a, i))


def one_body(text, f):
    table([(a, f(a)) for a in VALUES])
    print("\tli a2, 0\n\tld a1, 0(s0)\n\tld a3, 8(s0)")
    print("\t" + text.format(d="a0", a="a1") + "\n\tcheck a0")
    print("\tmv a4, a1\n\t" + text.format(d="a4", a="a4") + "\n\tcheck a4")
    loop_end(2)
    for a in (0, 1, M64, 0x123456789abcdef0):
        print(f"\tli a1, {a:#x}\n\t" + text.format(d="a0", a="a1") +
              f"\n\tli a3, {f(a) & M64:#x}\n\tcheck a0")


def branch_tests(op, f):
    """a0 counts: 1 for not taken, 2 for taken; forward and backward."""
    print(f"\tname {op}")
    table([(a, b, 2 if f(a, b) else 1) for a in VALUES for b in VALUES])
    print("\tld a1, 0(s0)\n\tld a2, 8(s0)\n\tld a3, 16(s0)")
    print(f"\tli a0, 2\n\t{op} a1, a2, 2f\n\tli a0, 1\n2:\tcheck a0")
    print(f"\tj 4f\n3:\tli a0, 2\n\tj 5f\n4:\tli a0, 1\n\t{op} a1, a2, 3b\n"
          "5:\tcheck a0")
    loop_end(3)
    for a, b in CONSTANT_PAIRS + [(7, 7)]:
        print(f"\tli a1, {a:#x}\n\tli a2, {b:#x}\n\tli a0, 2\n"
              f"\t{op} a1, a2, 2f\n\tli a0, 1\n"
              f"2:\tli a3, {2 if f(a, b) else 1}\n\tcheck a0")


def amo_tests(op, f):
    for size, n in (("w", 32), ("d", 64)):
        store, load = ("sw", "lw") if n == 32 else ("sd", "ld")

        def new(m, v, n=n):
            if op.endswith("u"):
                mask = (1 << n) - 1
                return f(m & mask, v & mask)
            return f(s(m, n), s(v, n))

        for order in ("", ".aq", ".aqrl"):
            print(f"\tname {op}.{size}{order}")
            table([(m, v, s(m, n), s(new(m, v), n))
                   for m in VALUES for v in VALUES])
            print("\tla s2, cell\n\tld a1, 0(s0)\n\tld a2, 8(s0)")
            print(f"\tsd zero, 0(s2)\n\t{store} a1, 0(s2)\n\tld a3, 16(s0)")
            print(f"\t{op}.{size}{order} a0, a2, (s2)\n\tcheck a0")
            print(f"\tld a3, 24(s0)\n\t{load} a0, 0(s2)\n\tcheck a0")
            print(f"\t{store} a1, 0(s2)\n"
                  f"\t{op}.{size}{order} zero, a2, (s2)")
            print(f"\t{load} a0, 0(s2)\n\tcheck a0")
            if n == 32:
                print("\tli a3, 0\n\tlw a0, 4(s2)\n\tcheck a0")
            loop_end(4)


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in [*REG, *ONE, "a"]:
        print(__doc__, file=sys.stderr)
        return 2
    ext = sys.argv[1]
    print(f"/* Made by model.py {ext}. */\n\t.include \"check.inc\"")
    if ext.startswith(("zb", "zk")):
        print(f"\t.option arch, +{ext}")
    if ext != "c":
        print("\t.option norvc")
    print("\t.data\n\t.balign 8\ncell:\t.dword 0\n\tstart")
    for op, f in REG.get(ext, {}).items():
        reg_tests(op, f)
    for op, f in ONE.get(ext, {}).items():
        print(f"\tname {op}")
        one_body(op + " {d}, {a}", f)
    for op, (immediates, f) in IMM.get(ext, {}).items():
        imm_tests(op, immediates, f)
    if ext == "i":
        for op, f in BRANCH.items():
            branch_tests(op, f)
    if ext == "a":
        for op, f in AMO.items():
            amo_tests(op, f)
    print("\tfinish")
    return 0


if __name__ == "__main__":
    sys.exit(main())
