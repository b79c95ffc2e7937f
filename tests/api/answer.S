/* A guest program for metic_load_elf: data, bss and code, then ebreak. */
	.section .sdata, "aw"
value:	.dword	40
	.bss
	.align	3
zero:	.space	2048
	.text
	.globl	_start
_start:
	la	t0, value
	ld	a0, (t0)
	la	t1, zero
	ld	a1, 2040(t1)
	add	a0, a0, a1
	addi	a0, a0, 2
	sd	a0, (t1)
	ebreak
