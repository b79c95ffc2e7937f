/*
 * compressed.S - compressed instructions that are no plain register or
 * immediate operation (those are in model.py): memory, stack, jumps, hints.
 */
	.include "check.inc"
	.option rvc

	.data
	.balign 16
cells:	.zero 256
	.balign 16
stack:	.zero 1024

	start
	li a1, 0
	li a2, 0
	name c.li
	.irp v, 0, 1, -1, 31, -32
	c.li a0, \v
	li a3, \v
	check a0
	.endr
	name c.lui
	c.lui a0, 1
	li a3, 0x1000
	check a0
	c.lui a0, 0xfffff
	li a3, -4096
	check a0
	c.lui a0, 31
	li a3, 0x1f000
	check a0
	name c.mv
	c.mv a0, a3
	check a0
	name c.addi16sp
	mv s0, sp
	la sp, stack
	mv a4, sp
	c.addi16sp sp, 496
	sub a0, sp, a4
	li a3, 496
	check a0
	c.addi16sp sp, -512
	sub a0, sp, a4
	li a3, -16
	check a0
	la sp, stack
	name c.addi4spn
	c.addi4spn a0, sp, 4
	addi a3, sp, 4
	check a0
	c.addi4spn a0, sp, 1020
	addi a3, sp, 1020
	check a0

	name c.sdsp c.ldsp
	li a4, 0xfedcba9876543210
	c.sdsp a4, 0(sp)
	c.sdsp a4, 504(sp)
	mv a3, a4
	c.ldsp a0, 504(sp)
	check a0
	c.ldsp a0, 0(sp)
	check a0
	name c.swsp c.lwsp
	c.swsp a4, 4(sp)
	c.lwsp a0, 4(sp)
	li a3, 0x76543210
	check a0
	c.lwsp a0, 252(sp)
	li a3, 0
	check a0
	li a4, 0x80000000
	c.swsp a4, 252(sp)
	c.lwsp a0, 252(sp)
	li a3, 0xffffffff80000000
	check a0
	name c.fsdsp c.fldsp
	li a4, 0x400921fb54442d18
	fmv.d.x fa0, a4
	c.fsdsp fa0, 8(sp)
	c.fldsp fs11, 8(sp)
	fmv.x.d a0, fs11
	mv a3, a4
	check a0
	mv sp, s0

	name c.sd c.ld
	la a5, cells
	li a4, 0x123456789abcdef0
	c.sd a4, 0(a5)
	c.sd a4, 248(a5)
	c.ld a0, 248(a5)
	mv a3, a4
	check a0
	name c.sw c.lw
	c.sw a4, 4(a5)
	c.lw a0, 4(a5)
	li a3, 0xffffffff9abcdef0
	check a0
	c.lw a0, 124(a5)
	li a3, 0
	check a0
	name c.ld a5, (a5)
	c.sd a5, 16(a5)
	mv a3, a5
	c.ld a5, 16(a5)
	mv a0, a5
	check a0
	name c.fsd c.fld
	c.fsd fa0, 8(a5)
	c.fld fs0, 8(a5)
	fmv.x.d a0, fs0
	li a3, 0x400921fb54442d18
	check a0

	name c.j
	c.j 1f
	li a0, 0
	check a0
1:	name c.beqz
	li a4, 0
	c.beqz a4, 1f
	check a4
1:	li a4, 5
	c.beqz a4, 2f
	name c.bnez
	c.bnez a4, 1f
2:	li a0, 0
	check a0
1:	li a4, 0
	c.bnez a4, 2b
	name c.jr
	la a4, 1f
	c.jr a4
	check a4
1:	name c.jalr
	la a4, 1f
	la a3, 2f
	c.jalr a4
2:	li a0, 0
	check a0
1:	mv a0, ra
	check a0

	/* A long instruction at an odd half-word, across a page's end too. */
	name half-aligned
	li a3, 0x12345678
	c.nop
	lui a0, 0x12345
	addi a0, a0, 0x678
	check a0
	c.j crossing
	.balign 4096
	.zero 4094
crossing:
	lui a0, 0x12345
	c.nop
	addi a0, a0, 0x678
	check a0

	/* Hints do nothing. */
	name hints
	.insn 0x0001	/* c.nop */
	.insn 0x0005	/* c.nop with an immediate */
	.insn 0x4005	/* c.li zero, 1 */
	.insn 0x6005	/* c.lui zero, 1 */
	.insn 0x8006	/* c.mv zero, ra */
	.insn 0x9006	/* c.add zero, ra */
	.insn 0x0006	/* c.slli zero, 1 */
	mv a0, zero
	li a3, 0
	check a0
	finish
