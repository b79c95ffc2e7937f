/*
 * riscv64.S - the shared object that Linux maps into every program: reading
 * clocks without a system call, and the return from signal handlers.
 *
 * Names, version and the registers that a function may change (a0 to a7, t0
 * to t6) are those of Linux's arch/riscv/kernel/vdso. make.py turns it into
 * riscv64.inc, which is checked in: building metic needs no cross compiler.
 *
 * A clock is read by the CSR 0xcc0 + clock (frontend/riscv/lift_sys.c):
 * seconds << 30 | nanoseconds, or a negative number when the kernel must be
 * asked, as it must for all clocks without such a CSR. Results are written
 * by ordinary stores: a bad pointer is a fault in here, as in Linux's.
 */
	.equ	HWPROBE_KEYS, 11	/* 0 to 10 */
	.text

	.macro	function name
	.balign	4
	.globl	__vdso_\name
	.type	__vdso_\name, @function
__vdso_\name:
	.endm

	.macro	end name
	.size	__vdso_\name, . - __vdso_\name
	.endm

	.macro	call_kernel nr
	li	a7, \nr
	ecall
	ret
	.endm

	/* *a1 = clock `n` as a struct timespec, or on at `fail`. */
	.macro	read_clock n, fail
	csrr	a2, 0xcc0 + \n
	bltz	a2, \fail
	srli	a3, a2, 30
	slli	a2, a2, 34
	srli	a2, a2, 34
	sd	a3, 0(a1)
	sd	a2, 8(a1)
	li	a0, 0
	ret
	.endm

	.macro	unless clock, next
	li	t0, \clock
	bne	a0, t0, \next
	.endm

/* (clock, struct timespec *) */
	function clock_gettime
	.cfi_startproc
	unless	1, 1f
	read_clock 1, 9f
1:	bnez	a0, 1f
	read_clock 0, 9f
1:	unless	4, 1f
	read_clock 4, 9f
1:	unless	5, 1f
	read_clock 5, 9f
1:	unless	6, 1f
	read_clock 6, 9f
1:	unless	7, 1f
	read_clock 7, 9f
1:	unless	11, 9f
	read_clock 11, 9f
9:	call_kernel 113
	.cfi_endproc
	end	clock_gettime

/* (struct timeval *, struct timezone *); microseconds: * 2^38 / 1000 >> 38 */
	function gettimeofday
	.cfi_startproc
	beqz	a0, 9f
	bnez	a1, 9f
	csrr	a2, 0xcc0
	bltz	a2, 9f
	srli	a3, a2, 30
	slli	a2, a2, 34
	srli	a2, a2, 34
	li	t0, 274877907
	mul	a2, a2, t0
	srli	a2, a2, 38
	sd	a3, 0(a0)
	sd	a2, 8(a0)
	li	a0, 0
	ret
9:	call_kernel 169
	.cfi_endproc
	end	gettimeofday

/* (clock, struct timespec *) */
	function clock_getres
	.cfi_startproc
	li	t0, 12
	bgeu	a0, t0, 9f
	li	t0, 1
	sll	t0, t0, a0
	ld	a2, resolution
	andi	t1, t0, 1 << 0 | 1 << 1 | 1 << 4 | 1 << 7
	bnez	t1, 1f
	srli	t1, t0, 11
	bnez	t1, 1f
	ld	a2, resolution_coarse
	andi	t1, t0, 1 << 5 | 1 << 6
	beqz	t1, 9f
1:	beqz	a1, 2f
	sd	zero, 0(a1)
	sd	a2, 8(a1)
2:	li	a0, 0
	ret
9:	call_kernel 114
	.cfi_endproc
	end	clock_getres

	function getcpu
	.cfi_startproc
	call_kernel 168
	.cfi_endproc
	end	getcpu

/* (struct { key, value } *, count, cpusetsize, cpus, flags): all CPUs are
   alike, so without flags it does not matter which are asked about. */
	function riscv_hwprobe
	.cfi_startproc
	bnez	a4, 9f
	slli	a1, a1, 4
	add	a1, a1, a0
	lla	t0, hwprobe
	li	t1, HWPROBE_KEYS
1:	bgeu	a0, a1, 4f
	ld	t2, 0(a0)
	bgeu	t2, t1, 2f
	slli	t2, t2, 3
	add	t2, t2, t0
	ld	t3, 0(t2)
	j	3f
2:	li	t2, -1		/* not known */
	sd	t2, 0(a0)
	li	t3, 0
3:	sd	t3, 8(a0)
	addi	a0, a0, 16
	j	1b
4:	li	a0, 0
	ret
9:	call_kernel 258
	.cfi_endproc
	end	riscv_hwprobe

	function flush_icache
	.cfi_startproc
	call_kernel 259
	.cfi_endproc
	end	flush_icache

/*
 * What a handler returns to. Unwinders know the two instructions and the
 * frame that belongs to them; with unwind information they would not look.
 */
	.balign	4
	nop		/* they look up the instruction before the pc */
	function rt_sigreturn
	li	a7, 139
	ecall
	end	rt_sigreturn

	/* In nanoseconds; filled in when it is mapped. */
	.balign	8
	.globl	metic_resolution
	.hidden	metic_resolution
metic_resolution:
resolution:
	.dword	1
resolution_coarse:
	.dword	4000000

	/* What riscv_hwprobe says for each key; filled in when mapped. */
	.globl	metic_hwprobe, metic_hwprobe_end
	.hidden	metic_hwprobe, metic_hwprobe_end
metic_hwprobe:
hwprobe:
	.zero	HWPROBE_KEYS * 8
metic_hwprobe_end:
hwprobe_end:

	.section .note, "a", @note
	.balign	4
	.word	6, 4, 0
	.asciz	"Linux"
	.balign	4
	.word	0x60c00
