/* access.c - see access.h. */
#include "runtime/mem/access.h"

#include "runtime/exec/fault.h"

/*
 * Address 0 is an address as any other for a guest, and the C library's copy
 * functions mind only on paper.
 */
#define ANY_ADDRESS __attribute__((no_sanitize("nonnull-attribute")))

void *mem_host(struct vcpu *v, gva_t a)
{
	return (void *)(uintptr_t)(v->vm->mem_base + a);
}

/*
 * In the sandbox, [a, a + n) must stay inside the window; in the identity
 * mapping in the half of the address space that a process has.
 */
static bool in_window(struct vcpu *v, gva_t a, size_t n)
{
	const u64 window = (u64)1 << AS_WINDOW_BITS, space = (u64)1 << 47;
	u64 end = v->vm->as == AS_IDENTITY ? space : window;
	return a < end && n <= end - a;
}

ANY_ADDRESS bool mem_read(struct vcpu *v, void *dst, gva_t src, size_t n)
{
	if (!n)
		return true;
	if (!in_window(v, src, n) || !fault_guard(v))
		return false;
	memcpy(dst, mem_host(v, src), n);
	fault_unguard(v);
	return true;
}

ANY_ADDRESS static bool write_whole(
    struct vcpu *v, gva_t dst, const void *src, size_t n)
{
	if (!fault_guard(v))
		return false;
	memcpy(mem_host(v, dst), src, n);
	fault_unguard(v);
	return true;
}

bool mem_write(struct vcpu *v, gva_t dst, const void *src, size_t n)
{
	if (!n)
		return true;
	if (!in_window(v, dst, n))
		return false;
	if (write_whole(v, dst, src, n))
		return true;
	/* As the kernel does: what precedes the fault is written. */
	const u8 *from = src;
	for (size_t k; n; dst += k, from += k, n -= k) {
		k = MIN(n, HOST_PAGE - (size_t)(dst & (HOST_PAGE - 1)));
		if (!write_whole(v, dst, from, k))
			break;
	}
	return false;
}

ANY_ADDRESS bool mem_swap32(
    struct vcpu *v, gva_t a, u32 *word, u32 to, bool *done)
{
	if (!in_window(v, a, sizeof(*word)) || !fault_guard(v))
		return false;
	*done = __atomic_compare_exchange_n((u32 *)mem_host(v, a), word, to,
	    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	fault_unguard(v);
	return true;
}

ANY_ADDRESS bool mem_zero(struct vcpu *v, gva_t dst, size_t n)
{
	if (!n)
		return true;
	if (!in_window(v, dst, n) || !fault_guard(v))
		return false;
	memset(mem_host(v, dst), 0, n);
	fault_unguard(v);
	return true;
}

ANY_ADDRESS i64 mem_strlen(struct vcpu *v, gva_t a, size_t max)
{
	if (!in_window(v, a, 1) || !fault_guard(v))
		return -EFAULT;
	size_t n = strnlen(mem_host(v, a), max);
	fault_unguard(v);
	return n == max ? -ENAMETOOLONG : (i64)n;
}
