/*
 * memory.S - loads and stores of all widths, aligned and not, across a
 * page's end, with all kinds of offsets; load-reserved, store-conditional.
 */
	.include "check.inc"
	.option norvc

	.data
	.balign 4096
page:	.zero 4096 - 8
edge:	.dword 0x8877665544332211
	.dword 0xffeeddccbbaa9988
	.dword 0x0123456789abcdef
cell:	.dword 0
	.balign 64
line:	.zero 128

/* One load: instruction, address register and offset, the value wanted. */
	.macro load insn, at, want
	name \insn \at
	li a3, \want
	\insn a0, \at
	check a0
	mv a4, a1
	.endm

	.macro store insn, value, offset, want
	name \insn \offset
	sd zero, 0(a1)
	sd zero, 8(a1)
	li a2, \value
	\insn a2, \offset(a1)
	ld a0, 0(a1)
	li a3, \want
	check a0
	.endm

	start
	li a2, 0
	la a1, edge
	load lb, 0(a1), 0x11
	load lb, 7(a1), 0xffffffffffffff88
	load lbu, 7(a1), 0x88
	load lh, 0(a1), 0x2211
	load lh, 6(a1), 0xffffffffffff8877
	load lhu, 6(a1), 0x8877
	load lw, 0(a1), 0x44332211
	load lw, 4(a1), 0xffffffff88776655
	load lwu, 4(a1), 0x88776655
	load ld, 0(a1), 0x8877665544332211
	load ld, 8(a1), 0xffeeddccbbaa9988
	/* Not aligned. */
	load lh, 1(a1), 0x3322
	load lhu, 7(a1), 0x8888
	load lw, 1(a1), 0x55443322
	load lw, 5(a1), 0xffffffff88887766
	load lwu, 6(a1), 0x99888877
	load ld, 1(a1), 0x8888776655443322
	load ld, 7(a1), 0xeeddccbbaa998888
	/* Long offsets, both signs. */
	li a4, 2047
	sub a1, a1, a4
	load lbu, 2047(a1), 0x11
	load ld, 2047(a1), 0x8877665544332211
	la a1, edge
	addi a1, a1, 2000
	addi a1, a1, 48
	load lbu, -2048(a1), 0x11
	load ld, -2048(a1), 0x8877665544332211

	/* The target is the address register; the target is zero. */
	name ld a1, (a1)
	la a1, edge
	ld a1, 0(a1)
	li a3, 0x8877665544332211
	check a1
	name lw zero
	la a1, edge
	lw zero, 0(a1)
	mv a0, zero
	li a3, 0
	check a0

	/* Stores leave their neighbours alone. */
	la a1, line
	store sb, 0x1ff, 0, 0xff
	store sb, 0x12, 3, 0x12000000
	store sh, 0x1beef, 2, 0xbeef0000
	store sw, 0x1deadbeef, 4, 0xdeadbeef00000000
	store sw, 0x80000000, 0, 0x80000000
	store sd, 0x123456789abcdef0, 0, 0x123456789abcdef0
	store sh, 0xaabb, 1, 0xaabb00
	store sw, 0xaabbccdd, 3, 0xaabbccdd000000
	store sd, 0x1122334455667788, 4, 0x5566778800000000
	name sd split
	ld a0, 8(a1)
	li a3, 0x11223344
	check a0

	/* Across the end of a cache line and of a page. */
	la a1, line + 60
	sd zero, -4(a1)
	sd zero, 4(a1)
	li a2, 0x1122334455667788
	name sd line
	sd a2, 0(a1)
	ld a0, 0(a1)
	mv a3, a2
	check a0
	la a1, edge + 5
	name sd page
	sd a2, 0(a1)
	ld a0, 0(a1)
	check a0
	lwu a0, 1(a1)
	li a3, 0x44556677
	check a0

	/* A store is seen by a load of another width. */
	name forwarding
	la a1, line
	li a2, -2
	sd a2, 0(a1)
	lbu a0, 3(a1)
	li a3, 0xff
	check a0
	sh zero, 2(a1)
	ld a0, 0(a1)
	li a3, 0xffffffff0000fffe
	check a0

	/* LR and SC. */
	la a1, cell
	name lr.w extends
	li a4, 0x80000001
	sw a4, 0(a1)
	lr.w a0, (a1)
	li a3, 0xffffffff80000001
	check a0
	name sc.w after lr.w
	li a2, 77
	sc.w a0, a2, (a1)
	li a3, 0
	check a0
	lw a0, 0(a1)
	li a3, 77
	check a0
	name sc.w without lr.w
	li a2, 99
	sc.w a0, a2, (a1)
	snez a0, a0
	li a3, 1
	check a0
	lw a0, 0(a1)
	li a3, 77
	check a0
	name lr.d sc.d
	lr.d.aq a0, (a1)
	check a0
	li a2, 0x123456789
	sc.d.rl a0, a2, (a1)
	li a3, 0
	check a0
	ld a0, 0(a1)
	mv a3, a2
	check a0
	name lr.d sc.d loop
	li a4, 1000
1:	lr.d.aqrl a0, (a1)
	addi a0, a0, 3
	sc.d.aqrl a2, a0, (a1)
	bnez a2, 1b
	addi a4, a4, -1
	bnez a4, 1b
	ld a0, 0(a1)
	li a3, 0x123456789 + 3000
	check a0
	name compare and swap
	li a2, 5
1:	lr.w a0, (a1)
	bne a0, a2, 2f
	sc.w a4, zero, (a1)
	bnez a4, 1b
2:	lw a0, 0(a1)
	li a3, 0x23456789 + 3000
	check a0
	name fences
	fence
	fence rw, w
	fence.tso
	fence.i
	.insn i 0x0f, 0, x0, x0, 0x10
	mv a0, a3
	check a0
	finish
