/*
 * host_clone.S - clone3 for children that share memory (x86-64).
 *
 * i64 host_clone3(const struct clone_args *args, size_t size,
 *     int (*fn)(void *), void *arg);
 *
 * The C library's clone() takes neither 64-bit flags nor a cgroup nor chosen
 * tids. The child starts on its own stack, whose top the kernel took from
 * args, so nothing of the parent's frame may be touched there.
 */
#if defined(__x86_64__)
	.text
	.globl	host_clone3
	.hidden	host_clone3
	.type	host_clone3, @function
host_clone3:
	.cfi_startproc
	mov	%rdx, %r8
	mov	%rcx, %r9
	mov	$435, %eax
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	.cfi_undefined rip
	xor	%ebp, %ebp
	mov	%r9, %rdi
	call	*%r8
	mov	%eax, %edi
	mov	$60, %eax
	syscall
	hlt
	.cfi_endproc
	.size	host_clone3, . - host_clone3
#endif
	.section .note.GNU-stack, "", @progbits
