/*
 * types.h - the integer types, guest addresses and bit helpers everyone uses.
 *
 * Conventions of the whole tree:
 *   - a function that can fail because the *host* fails returns 0 or a
 *     negative errno; our own bugs are asserts; what the *guest* does wrong
 *     is an exit reason (translator/exits.def) or a guest signal;
 *   - no mutable globals: state hangs on struct metic_vm or struct vcpu.
 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

typedef u64 gva_t; /* guest virtual address */
typedef u64 gpa_t; /* guest physical address */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(p, type, member) \
	((type *)(void *)((char *)(p)-offsetof(type, member)))

#define HOST_PAGE 4096u
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a)-1))
#define ALIGN_UP(x, a) (((x) + ((u64)(a)-1)) & ~((u64)(a)-1))

/* The `n` bits of `w` that start at bit `lo`. */
static inline u32 bits(u32 w, unsigned lo, unsigned n)
{
	return (w >> lo) & ((n < 32 ? 1u << n : 0) - 1u);
}

/* `v`'s low `n` bits, 1 <= n <= 64, as a signed number. */
static inline i64 sext(u64 v, unsigned n)
{
	return (i64)(v << (64 - n)) >> (64 - n);
}

#endif
