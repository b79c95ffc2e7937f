#!/usr/bin/env python3
"""Random loops, as assembly for loops.c: each becomes a unit of the optimizing
tier.

    loops.py SEED COUNT > loops.S

A loop runs a body of random instructions a few times. Its registers: gp
counts, tp is libc's, sp points at a table with the address of each access of
the body, which loops.c changes to have that access fault; three others point
at pages of data. All the rest, integer and fp, is the body's.
"""
import random
import sys

ROUNDS = 5
ACCESSES = 12  # at most, by the table
XREGS = [1] + list(range(5, 32))

RR = ("add sub sll slt sltu xor srl sra or and addw subw sllw srlw sraw mul "
      "mulh mulhu div divu rem remu mulw divw divuw remw remuw add.uw sh1add "
      "sh2add sh3add sh1add.uw sh2add.uw sh3add.uw andn orn xnor max maxu min "
      "minu rol ror rolw rorw bclr bext binv bset clmul clmulh clmulr pack "
      "packh packw aes64es aes64esm aes64ds aes64dsm aes64ks2").split()
RI = "addi slti sltiu xori ori andi addiw".split()
SHIFTS = "slli srli srai rori bclri bexti binvi bseti slli.uw".split()
SHIFTS_W = "slliw srliw sraiw roriw".split()
ONE = ("clz clzw ctz ctzw cpop cpopw sext.b sext.h zext.h rev8 "
       "not neg brev8 aes64im sha256sum0 sha256sum1 sha256sig0 sha256sig1 "
       "sha512sum0 sha512sum1 sha512sig0 sha512sig1").split()
FFF = "fadd fsub fmul fdiv fsgnj fsgnjn fsgnjx fmin fmax".split()
FMA = "fmadd fmsub fnmsub fnmadd".split()
FCMP = "feq flt fle".split()
LOADS = "lb lh lw ld lbu lhu lwu".split()
STORES = "sb sh sw sd".split()
BRANCHES = "beq bne blt bge bltu bgeu".split()
# What the tier leaves to the baseline.
OTHERS = ["mulhsu {x}, {y}, {z}", "orc.b {x}, {y}", "xperm8 {x}, {y}, {z}",
          "frflags {x}",
          "fcvt.w.d {x}, {f}, rup", "fcvt.wu.s {x}, {f}, dyn",
          "fadd.s {f}, {g}, {h}, rdn"]


class Loop:
    def __init__(self, rnd):
        self.rnd = rnd
        self.bases = rnd.sample(XREGS[1:], 3)
        # few registers: chains of dependences; many: more than the host has
        free = [r for r in XREGS[1:] if r not in self.bases]
        self.xs = rnd.sample(free, rnd.choice([4, 8, 16, len(free)]))
        self.fs = rnd.sample(range(32), rnd.choice([3, 8, 20, 32]))
        self.fp = rnd.choice([0, 0.2, 0.5, 0.8])
        self.others = rnd.random() < 0.06
        self.accesses = 0

    def x(self, zero=True):
        if zero and self.rnd.random() < 0.04:
            return "x0"
        return f"x{self.rnd.choice(self.xs)}"

    def f(self):
        return f"f{self.rnd.choice(self.fs)}"

    def integer(self):
        r, kind = self.rnd, self.rnd.random()
        if kind < 0.45:
            return f"{r.choice(RR)} {self.x()}, {self.x()}, {self.x()}"
        if kind < 0.7:
            n = r.choice([0, 1, -1, 2047, -2048, r.randint(-2048, 2047)])
            return f"{r.choice(RI)} {self.x()}, {self.x()}, {n}"
        if kind < 0.85:
            if r.random() < 0.6:
                op, n = r.choice(SHIFTS), r.randint(0, 63)
            else:
                op, n = r.choice(SHIFTS_W), r.randint(0, 31)
            return f"{op} {self.x()}, {self.x()}, {n}"
        if kind < 0.93:
            return f"{r.choice(ONE)} {self.x()}, {self.x()}"
        if kind < 0.94:
            return f"aes64ks1i {self.x()}, {self.x()}, {r.randint(0, 10)}"
        if kind < 0.95:
            return f"auipc {self.x(False)}, {r.randint(0, 0xfffff)}"
        return f"lui {self.x(False)}, {r.randint(0, 0xfffff)}"

    def floating(self):
        r, kind, w = self.rnd, self.rnd.random(), self.rnd.choice("sddd")
        if kind < 0.4:
            return f"{r.choice(FFF)}.{w} {self.f()}, {self.f()}, {self.f()}"
        if kind < 0.55:
            return (f"{r.choice(FMA)}.{w} {self.f()}, {self.f()}, {self.f()}, "
                    f"{self.f()}")
        if kind < 0.6:
            return f"fsqrt.{w} {self.f()}, {self.f()}"
        if kind < 0.7:
            return f"{r.choice(FCMP)}.{w} {self.x()}, {self.f()}, {self.f()}"
        if kind < 0.78:
            to = r.choice(["w", "wu", "l", "lu"])
            mode = r.choice({"w": ["rtz", "dyn"], "l": ["rne", "rdn", "rup",
                             "rtz", "dyn"]}.get(to, ["rtz"]))
            return f"fcvt.{to}.{w} {self.x()}, {self.f()}, {mode}"
        if kind < 0.85:
            return (f"fcvt.{w}.{r.choice(['w', 'wu', 'l', 'lu'])} {self.f()}, "
                    f"{self.x()}")
        if kind < 0.88:
            return f"fclass.{w} {self.x()}, {self.f()}"
        if kind < 0.92:
            return r.choice([f"fcvt.s.d {self.f()}, {self.f()}",
                             f"fcvt.d.s {self.f()}, {self.f()}"])
        return r.choice([f"fmv.x.d {self.x()}, {self.f()}",
                         f"fmv.d.x {self.f()}, {self.x()}",
                         f"fmv.x.w {self.x()}, {self.f()}",
                         f"fmv.w.x {self.f()}, {self.x()}"])

    def access(self):
        r = self.rnd
        base = r.choice(self.bases)
        lines = []
        if self.accesses < ACCESSES and r.random() < 0.7:
            base = r.choice([b for b in self.xs] or [5])
            lines.append(f"ld x{base}, {8 * self.accesses}(sp)")
            self.accesses += 1
        off = r.choice([0, 8, 16, r.randint(0, 1000)])
        fp = self.fp and r.random() < 0.5
        if r.random() < 0.5:
            op = r.choice(["flw", "fld", "fld"]) if fp else r.choice(LOADS)
            reg = self.f() if fp else self.x()
        else:
            op = r.choice(["fsw", "fsd", "fsd"]) if fp else r.choice(STORES)
            reg = self.f() if fp else self.x()
        return lines + [f"{op} {reg}, {off}(x{base})"]

    def one(self):
        r = self.rnd
        if self.others and r.random() < 0.1:
            return [r.choice(OTHERS).format(
                x=self.x(), y=self.x(), z=self.x(), f=self.f(), g=self.f(),
                h=self.f())]
        if r.random() < 0.22:
            return self.access()
        return [self.floating() if r.random() < self.fp else self.integer()]

    def some(self, n, label):
        """About n instructions, with branches over some of them."""
        out, left, k = [], n, 0
        while left > 0:
            if self.rnd.random() < 0.12:
                skip = self.rnd.randint(1, 5)
                out.append(f"{self.rnd.choice(BRANCHES)} {self.x()}, "
                           f"{self.x()}, {label}_{k}")
                for _ in range(skip):
                    out += self.one()
                out.append(f"{label}_{k}:")
                k += 1
                left -= skip + 1
            else:
                out += self.one()
                left -= 1
        return out


def emit(k, rnd):
    loop = Loop(rnd)
    size = rnd.choice([4, 10, 20, 40, 70])
    calls = rnd.choice([0, 0, 0, 1, 1, 2])
    body = loop.some(size, f".Lb{k}")
    callees = []
    for c in range(calls):
        n = rnd.choice([2, 6, 15])
        callees.append((f"sub_{k}_{c}", loop.some(n, f".Ls{k}_{c}")))
        at = rnd.randint(0, len(body))
        while at and body[at - 1].endswith("(sp)"):
            at -= 1  # not between an address and its access
        call = [f"jal ra, sub_{k}_{c}"]
        if rnd.random() < 0.3:
            call = [f"lla ra, sub_{k}_{c}\n\tjalr ra, 0(ra)"]
        body[at:at] = call
    before = rnd.random() < 0.5
    print("\t.balign 4")
    for name, lines in callees if before else []:
        put(name, lines + ["ret"])
    put(f"loop_{k}", [f"li gp, {ROUNDS}", f".Lloop{k}:"] + body +
        ["addi gp, gp, -1", f"bnez gp, .Lloop{k}", "j leave"])
    for name, lines in [] if before else callees:
        put(name, lines + ["ret"])
    return loop


def put(name, lines):
    print(f"{name}:")
    for line in lines:
        print(line if line.endswith(":") else "\t" + line)


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    print("\t.option norelax\n\t.option norvc\n\t.text\n\t.globl loops, nloops")
    made = [emit(k, random.Random(seed * 1000003 + k)) for k in range(count)]
    print("\t.section .rodata\n\t.balign 8\nloops:")
    for k, loop in enumerate(made):
        a, b, c = loop.bases
        print(f"\t.quad loop_{k}\n\t.word {loop.accesses}\n"
              f"\t.byte {a}, {b}, {c}, 0")
    print(f"nloops:\t.word {count}")


main()
