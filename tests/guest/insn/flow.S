/*
 * flow.S - jumps, links, pc-relative addresses, upper immediates, and that
 * a system call changes nothing but a0.
 */
	.include "check.inc"
	.option norvc

	start
	li a1, 0
	li a2, 0

	name lui
	lui a0, 0x12345
	li a3, 0x12345000
	check a0
	lui a0, 0x80000
	li a3, 0xffffffff80000000
	check a0
	lui a0, 0xfffff
	li a3, -4096
	check a0

	name auipc
	la a4, 1f
1:	auipc a0, 0
	mv a3, a4
	check a0
2:	auipc a0, 0x1
	la a3, 2b + 4096
	check a0
3:	auipc a0, 0xfffff
	la a3, 3b - 4096
	check a0

	name jal
	la a3, 1f
	jal a0, 2f
1:	j 3f
2:	check a0
	jal zero, 3f
	li a0, 0
	check a0
3:	jal t0, 4f
	j 5f
4:	jr t0
5:
	name jalr
	la a1, 1f - 8
	la a3, 2f
	jalr a0, 8(a1)
2:	li a0, 1
	check a0
1:	check a0
	name jalr rd=rs1
	la a1, 1f
	la a3, 2f
	jalr a1, 0(a1)
2:	li a0, 1
	check a0
1:	mv a0, a1
	check a0
	name jalr clears bit 0
	la a1, 1f + 1
	jalr a0, 0(a1)
	li a0, 1
	check a0
1:	la a1, 1f
	jalr zero, 1(a1)
	li a0, 1
	check a0
1:
	name jalr t0 as link
	la a1, 1f
	la a3, 2f
	jalr t0, 0(a1)
2:	li a0, 1
	check a0
1:	mv a0, t0
	check a0

	name calls in a loop
	li s1, 5000
	li a0, 0
1:	call add3
	addi s1, s1, -1
	bnez s1, 1b
	li a3, 15000
	check a0

	name return to another place
	li s1, 100
	li s2, 0
1:	la ra, 2f
	la a1, leaf
	jr a1
	addi s2, s2, 100
2:	addi s2, s2, 1
	call skip
	addi s2, s2, 100
	addi s1, s1, -1
	bnez s1, 1b
	mv a0, s2
	li a3, 100
	check a0

	name computed jumps
	li s1, 400
	li s2, 0
1:	andi a1, s1, 3
	slli a1, a1, 3
	la a2, ways
	add a2, a2, a1
	jr a2
ways:	addi s2, s2, 1
	j 2f
	addi s2, s2, 10
	j 2f
	addi s2, s2, 100
	j 2f
	addi s2, s2, 1000
	j 2f
2:	addi s1, s1, -1
	bnez s1, 1b
	mv a0, s2
	li a3, 111100
	check a0

	name far branch
	li a1, 0
	beqz a1, near
back:	j over
	.zero 4 * 900
near:	beqz a1, back
	li a0, 1
	li a3, 0
	check a0
over:
	/* Every register but a0 survives a system call. */
	name system call
	.irp n, 1,2,4,5,6,7,8,9,11,12,13,14,15,16,18,19,20,21,22,23,24,25,28,29
	li x\n, 0x1000 + \n
	.endr
	li x30, 0x101e
	li x31, 0x101f
	li a7, 9999 /* no such call */
	ecall
	li x26, 0x101a
	li a3, -38
	check a0
	.irp n, 1,2,4,5,6,7,8,9,11,12,14,15,16,18,19,20,21,22,23,24,25,28,29,30
	li a3, 0x1000 + \n
	mv a0, x\n
	check a0
	.endr
	li a3, 9999
	mv a0, a7
	check a0

	name counters
	rdcycle a1
	rdtime a2
	rdinstret a4
	li a3, 1
1:	rdcycle a5
	bgeu a5, a1, 2f
	li a0, 0
	check a0
2:	finish

add3:	addi a0, a0, 3
leaf:	ret
skip:	addi ra, ra, 4
	ret
