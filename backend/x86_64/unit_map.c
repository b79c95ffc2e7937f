/*
 * unit_map.c - where guest state is at each access of a unit's code: read
 * from the text that the assembler made of GCC's operands, and used when an
 * access faults.
 */
#include <stdlib.h>
#include <ucontext.h>

#include "backend/x86_64/abi_x86.h"
#include "backend/x86_64/context.h"
#include "backend/x86_64/object.h"

/* A register as AT&T syntax names it after its '%', or NOREG. */
static unsigned reg_named(const char *s, size_t n)
{
	static const char *const name[] = { "rax", "rcx", "rdx", "rbx", "rsp",
		"rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
		"r14", "r15" };

	for (unsigned i = 0; i < ARRAY_LEN(name); i++)
		if (strlen(name[i]) == n && !strncmp(s, name[i], n))
			return i;
	if (n >= 4 && n <= 5 && !strncmp(s, "xmm", 3)) {
		unsigned k = (unsigned)atoi(s + 3);
		return k < 16 ? XMM0 + k : NOREG;
	}
	return NOREG;
}

static bool read_place(const char *s, size_t n, struct unit_place *p)
{
	char *end;

	if (s[0] == '%') {
		p->kind = PLACE_REG;
		p->reg = (u8)reg_named(s + 1, n - 1);
		return p->reg != NOREG;
	}
	errno = 0;
	p->value = strtoll(s[0] == '$' ? s + 1 : s, &end, 10);
	if (errno)
		return false;
	if (s[0] == '$') {
		p->kind = PLACE_CONST;
		return end == s + n;
	}
	p->kind = PLACE_STACK;
	return s + n - end == 6 && !strncmp(end, "(%rsp)", 6) &&
	    p->value >= 0 && p->value < FRAME_MAX;
}

bool x86_read_places(const char *text, struct unit_map *m)
{
	while (*text) {
		struct unit_place p = { 0 };
		size_t n = strcspn(text, " ");
		char *at;
		unsigned long slot = strtoul(text, &at, 10);
		p.raw = *at == '~' || *at == '?';
		p.single = *at == '!' || *at == '?';
		if ((*at != '=' && !p.raw && !p.single) || slot >= ABI_NSLOTS ||
		    at >= text + n)
			return false;
		at++;
		p.slot = (u16)slot;
		if (at >= text + n ||
		    !read_place(at, (size_t)(text + n - at), &p))
			return false;
		m->place[m->nplaces++] = p;
		text += n;
		while (*text == ' ')
			text++;
	}
	return true;
}

static int by_off(const void *a, const void *b)
{
	const struct unit_access *x = a, *y = b;

	return (x->off > y->off) - (x->off < y->off);
}

void x86_sort_map(struct unit_map *m)
{
	qsort(m->access, m->naccess, sizeof(*m->access), by_off);
}

static const struct unit_access *find(const struct unit_map *m, u32 off)
{
	u32 lo = 0, hi = m->naccess;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		if (m->access[mid].off < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->naccess && m->access[lo].off == off ? &m->access[lo] :
							     NULL;
}

/* The slot's value from what GCC had in the place. */
static void finish(u64 *v, const struct unit_place *p)
{
	const u64 nan = 0x7ff8000000000000, nan32 = 0x7fc00000;

	if (!p->single) {
		if (p->raw && (*v & ~(1ull << 63)) > 0x7ff0000000000000)
			*v = nan;
		return;
	}
	*v = (u32)*v;
	if (p->raw && (*v & 0x7fffffff) > 0x7f800000)
		*v = nan32;
	*v |= 0xffffffff00000000;
}

bool x86_context_save_unit(const struct guest_isa *g, struct vcpu *v,
    const void *uc, const struct unit_map *map, u32 off, gva_t *pc)
{
	const struct unit_access *x = find(map, off);
	struct abi_state *s = vcpu_abi(v);

	(void)g;
	if (!x)
		return false;
	for (u32 i = 0; i < x->n; i++) {
		const struct unit_place *p = &map->place[x->first + i];
		u64 *to = &s->state[p->slot];
		if (p->kind == PLACE_REG)
			*to = x86_context_reg(uc, p->reg);
		else if (p->kind == PLACE_CONST)
			*to = (u64)p->value;
		else
			memcpy(to,
			    (const void *)(uintptr_t)(x86_context_reg(uc, RSP) +
				(u64)p->value),
			    sizeof(*to));
		finish(to, p);
	}
	s->fpu = x86_context_mxcsr(uc);
	*pc = x->pc;
	return true;
}
