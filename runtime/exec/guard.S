/*
 * guard.S - setjmp and longjmp for fault_guard (x86-64).
 *
 * int guard_set(void *guard[8]);      0, and 1 when it returns again
 * void guard_jump(void *guard[8]);
 *
 * As the C library's without a signal mask, but that pointers are kept as
 * they are: 1 ns instead of 6. (GCC's __builtin_setjmp can return with a
 * wrong stack where shrink-wrapping moves the prologue behind a branch.)
 */
#if defined(__x86_64__)
	.text
	.globl	guard_set
	.hidden	guard_set
	.type	guard_set, @function
guard_set:
	.cfi_startproc
	mov	(%rsp), %rax
	lea	8(%rsp), %rdx
	mov	%rbx, 0(%rdi)
	mov	%rbp, 8(%rdi)
	mov	%r12, 16(%rdi)
	mov	%r13, 24(%rdi)
	mov	%r14, 32(%rdi)
	mov	%r15, 40(%rdi)
	mov	%rdx, 48(%rdi)
	mov	%rax, 56(%rdi)
	xor	%eax, %eax
	ret
	.cfi_endproc
	.size	guard_set, . - guard_set

	.globl	guard_jump
	.hidden	guard_jump
	.type	guard_jump, @function
guard_jump:
	.cfi_startproc
	mov	0(%rdi), %rbx
	mov	8(%rdi), %rbp
	mov	16(%rdi), %r12
	mov	24(%rdi), %r13
	mov	32(%rdi), %r14
	mov	40(%rdi), %r15
	mov	48(%rdi), %rsp
	mov	$1, %eax
	jmp	*56(%rdi)
	.cfi_endproc
	.size	guard_jump, . - guard_jump
#endif
	.section .note.GNU-stack, "", @progbits
