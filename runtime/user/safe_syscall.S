/*
 * safe_syscall.S - a system call that cannot sleep over a signal (x86-64).
 *
 * i64 safe_syscall6(volatile int *pending, long nr, const u64 a[6]);
 *
 * Between safe_syscall_start and safe_syscall_end the call has not happened
 * yet, or the kernel has taken it back to be restarted. The signal handler
 * (signal.c) that finds rip there sets pending and moves rip to
 * safe_syscall_interrupted; so a signal either is seen by the test, or stops
 * the call. The stack pointer does not change, so the jump needs no repair.
 */
#if defined(__x86_64__)
	.text
	.globl	safe_syscall6
	.hidden	safe_syscall6
	.type	safe_syscall6, @function
	.globl	safe_syscall_start
	.hidden	safe_syscall_start
	.globl	safe_syscall_end
	.hidden	safe_syscall_end
	.globl	safe_syscall_interrupted
	.hidden	safe_syscall_interrupted
safe_syscall6:
	.cfi_startproc
	mov	%rsi, %rax
	mov	%rdi, %r11
	mov	%rdx, %rcx
	mov	0(%rcx), %rdi
	mov	8(%rcx), %rsi
	mov	16(%rcx), %rdx
	mov	24(%rcx), %r10
	mov	32(%rcx), %r8
	mov	40(%rcx), %r9
safe_syscall_start:
	cmpl	$0, (%r11)
	jne	safe_syscall_interrupted
	syscall
safe_syscall_end:
	ret
safe_syscall_interrupted:
	mov	$-512, %rax	/* SYS_RESTART */
	ret
	.cfi_endproc
	.size	safe_syscall6, . - safe_syscall6

/* What a handler returns to: rt_sigreturn. */
	.globl	signal_restorer
	.hidden	signal_restorer
	.type	signal_restorer, @function
signal_restorer:
	mov	$15, %eax
	syscall
	.size	signal_restorer, . - signal_restorer
#endif
	.section .note.GNU-stack, "", @progbits
