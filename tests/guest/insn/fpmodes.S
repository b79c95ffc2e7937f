/*
 * fpmodes.S - the rounding mode that x86 lacks (to nearest, ties away),
 * modes written in the instruction, and the fcsr register. Values by hand.
 */
	.include "check.inc"
	.option norvc

/* fcvt.l.d of a double's bits in mode rm. */
	.macro to_long bits, rm, want, flags
	name fcvt.l.d \bits \rm
	fsflags zero
	li a1, \bits
	fmv.d.x fa0, a1
	fcvt.l.d a0, fa0, \rm
	li a3, \want
	check a0
	frflags a0
	li a3, \flags
	check a0
	.endm

/* insn fa2, fa0, fa1, rm on doubles. */
	.macro binary insn, x, y, rm, want, flags
	name \insn \x \y \rm
	fsflags zero
	li a1, \x
	li a2, \y
	fmv.d.x fa0, a1
	fmv.d.x fa1, a2
	\insn fa2, fa0, fa1, \rm
	fmv.x.d a0, fa2
	li a3, \want
	check a0
	frflags a0
	li a3, \flags
	check a0
	.endm

	start
	li a2, 0
	/* 0.5, 1.5, 2.5, their negatives, and neighbours of a half. */
	to_long 0x3fe0000000000000, rmm, 1, 1
	to_long 0x3fe0000000000000, rne, 0, 1
	to_long 0x3ff8000000000000, rmm, 2, 1
	to_long 0x4004000000000000, rmm, 3, 1
	to_long 0x4004000000000000, rne, 2, 1
	to_long 0xbfe0000000000000, rmm, -1, 1
	to_long 0xc004000000000000, rmm, -3, 1
	to_long 0x3fdfffffffffffff, rmm, 0, 1
	to_long 0x3fe0000000000001, rmm, 1, 1
	to_long 0x4008000000000000, rmm, 3, 0
	to_long 0x432fffffffffffff, rmm, 0x0010000000000000, 1
	to_long 0x7ff8000000000000, rmm, 0x7fffffffffffffff, 16

	/* 1 + 2^-53 and 1 + 3*2^-53 are ties; 2^-54 is below one. */
	binary fadd.d, 0x3ff0000000000000, 0x3ca0000000000000, rmm, \
	    0x3ff0000000000001, 1
	binary fadd.d, 0x3ff0000000000000, 0x3ca0000000000000, rne, \
	    0x3ff0000000000000, 1
	binary fadd.d, 0xbff0000000000000, 0xbca0000000000000, rmm, \
	    0xbff0000000000001, 1
	binary fadd.d, 0x3ff0000000000000, 0x3c90000000000000, rmm, \
	    0x3ff0000000000000, 1
	binary fadd.d, 0x3ff0000000000000, 0x3ca0000000000000, rup, \
	    0x3ff0000000000001, 1
	binary fadd.d, 0x3ff0000000000000, 0x3ca0000000000000, rtz, \
	    0x3ff0000000000000, 1
	binary fsub.d, 0x3ff0000000000000, 0x3ff0000000000000, rdn, \
	    0x8000000000000000, 0
	binary fsub.d, 0x3ff0000000000000, 0x3ff0000000000000, rmm, 0, 0
	/* (1 + 2^-52) * 1.5: 1.5 + 1.5*2^-52, a tie. */
	binary fmul.d, 0x3ff0000000000001, 0x3ff8000000000000, rmm, \
	    0x3ff8000000000002, 1
	/* The smallest number, halved: a tie between it and zero. */
	binary fmul.d, 0x0000000000000001, 0x3fe0000000000000, rmm, 1, 3
	binary fmul.d, 0x0000000000000001, 0x3fe0000000000000, rne, 0, 3
	binary fmul.d, 0x0000000000000001, 0x3fd0000000000000, rmm, 0, 3
	binary fdiv.d, 0x0000000000000003, 0xc000000000000000, rmm, \
	    0x8000000000000002, 3
	/* The largest number, doubled. */
	binary fmul.d, 0x7fefffffffffffff, 0x4000000000000000, rmm, \
	    0x7ff0000000000000, 5
	binary fmul.d, 0x7fefffffffffffff, 0x4000000000000000, rtz, \
	    0x7fefffffffffffff, 5
	binary fdiv.d, 0x3ff0000000000000, 0, rmm, 0x7ff0000000000000, 8
	binary fdiv.d, 0, 0, rmm, 0x7ff8000000000000, 16

	name fcvt.s.d rmm
	fsflags zero
	li a1, 0x3ff0000010000000 /* 1 + 2^-24: a tie for single */
	fmv.d.x fa0, a1
	fcvt.s.d fa1, fa0, rmm
	fmv.x.d a0, fa1
	li a3, 0xffffffff3f800001
	check a0
	fcvt.s.d fa1, fa0, rne
	fmv.x.d a0, fa1
	li a3, 0xffffffff3f800000
	check a0
	name fcvt.d.l rmm
	li a1, (1 << 53) + 1
	fcvt.d.l fa0, a1, rmm
	fmv.x.d a0, fa0
	li a3, 0x4340000000000001
	check a0
	fcvt.d.l fa0, a1, rne
	fmv.x.d a0, fa0
	li a3, 0x4340000000000000
	check a0
	name fmadd.d rmm
	li a1, 0x3ff0000000000000
	fmv.d.x fa0, a1
	li a2, 0x3ca0000000000000
	fmv.d.x fa1, a2
	fmadd.d fa2, fa0, fa0, fa1, rmm
	fmv.x.d a0, fa2
	li a3, 0x3ff0000000000001
	check a0
	name fsqrt.s rmm
	li a1, 0x40000000
	fmv.w.x fa0, a1
	fsqrt.s fa1, fa0, rmm
	fmv.x.w a0, fa1
	li a3, 0x3fb504f3
	check a0

	/* The dynamic mode is that of frm. */
	li a4, 0x3fe0000000000000
	fmv.d.x fa0, a4
	li a2, 0
	.macro dynamic rm, want
	name dynamic \rm
	fsrmi \rm
	fcvt.l.d a0, fa0, dyn
	li a3, \want
	check a0
	.endm
	dynamic 0, 0
	dynamic 1, 0
	dynamic 2, 0
	dynamic 3, 1
	dynamic 4, 1

	name fcsr
	li a1, 0xffffffffffffff5b
	fscsr a1
	frcsr a0
	li a3, 0x5b
	check a0
	frrm a0
	li a3, 2
	check a0
	frflags a0
	li a3, 0x1b
	check a0
	name fsrm gives the old mode
	li a1, 4
	fsrm a0, a1
	li a3, 2
	check a0
	name fsflags gives the old flags
	li a1, 1
	fsflags a0, a1
	li a3, 0x1b
	check a0
	frcsr a0
	li a3, 0x81
	check a0
	name csrrs csrrc
	csrrsi a0, fflags, 8
	li a3, 1
	check a0
	csrrci a0, fflags, 1
	li a3, 9
	check a0
	csrrs a0, fcsr, zero
	li a3, 0x88
	check a0
	csrrwi zero, fcsr, 0

	name flags accumulate
	li a1, 0x3ff0000000000000
	fmv.d.x fa0, a1
	fmv.d.x fa1, zero
	fdiv.d fa2, fa0, fa1
	frflags a0
	li a3, 8
	check a0
	fdiv.d fa2, fa1, fa1
	frflags a0
	li a3, 24
	check a0
	li a1, 0x4008000000000000
	fmv.d.x fa1, a1
	fdiv.d fa2, fa0, fa1
	frflags a0
	li a3, 25
	check a0
	fsflags zero
	name flags of a loop
	li s0, 1000
1:	fadd.d fa2, fa2, fa1
	addi s0, s0, -1
	bnez s0, 1b
	frflags a0
	li a3, 1
	check a0

	name moves keep NaN bits
	li a1, 0x7ff4000000000abc
	fmv.d.x fa0, a1
	fmv.d fa1, fa0
	fmv.x.d a0, fa1
	mv a3, a1
	check a0
	la a4, cell
	fsd fa0, 0(a4)
	fld fa2, 0(a4)
	fmv.x.d a0, fa2
	check a0
	name flw boxes
	flw fa2, 0(a4)
	fmv.x.d a0, fa2
	li a3, 0xffffffff00000abc
	check a0
	name fsw of an unboxed register
	fsw fa0, 4(a4)
	ld a0, 0(a4)
	li a3, 0x00000abc00000abc
	check a0
	finish

	.data
	.balign 8
cell:	.dword 0
