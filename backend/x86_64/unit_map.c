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
#include "translator/unit_object.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A register as AT&T syntax names it after its '%', or NOREG. */
static unsigned reg_named(const char *s, size_t n)
{
	static const char *const name[] = { "rax", "rcx", "rdx", "rbx", "rsp",
		"rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
		"r14", "r15" };

	for (unsigned i = 0; i < ARRAY_LEN(name); i++)
		if (strlen(name[i]) == n && !strncmp(s, name[i], n))
			return i;
	if (n >= 4 && n <= 5 && !strncmp(s, "xmm", 3) && is_digit(s[3]) &&
	    (n == 4 || is_digit(s[4]))) {
		unsigned k = (unsigned)atoi(s + 3);
		return k < 16 ? XMM0 + k : NOREG;
	}
	return NOREG;
}

/* A number in decimal at *s, which is left behind it. */
static bool read_number(const char **s, i64 *v)
{
	char *end;

	if (!is_digit((*s)[**s == '-']))
		return false;
	errno = 0;
	*v = strtoll(*s, &end, 10);
	*s = end;
	return !errno;
}

/* The place is all of [s, end). */
static bool read_place(const char *s, const char *end, struct unit_place *p)
{
	if (*s == '%') {
		unsigned reg = reg_named(s + 1, (size_t)(end - s - 1));
		p->kind = PLACE_REG;
		p->reg = (u8)reg;
		return reg != NOREG && reg != RSP && reg != VCPU;
	}
	if (*s == '$') {
		s++;
		p->kind = PLACE_CONST;
		return read_number(&s, &p->value) && s == end;
	}
	p->kind = PLACE_STACK;
	if (*s != '(' && !read_number(&s, &p->value))
		return false;
	return end - s == 6 && !strncmp(s, "(%rsp)", 6) && p->value >= 0 &&
	    p->value < FRAME_MAX;
}

bool x86_read_places(const char *text, struct unit_map *m, u32 max)
{
	while (*text) {
		const char *end = text + strcspn(text, " ");
		struct unit_place p = { 0 };
		i64 slot;
		if (!strcmp(text, OBJECT_FPINS)) {
			if (m->nplaces == max)
				return false;
			p.kind = PLACE_FPINS;
			m->place[m->nplaces++] = p;
			return true;
		}
		if (!read_number(&text, &slot) || slot < 0 ||
		    slot >= ABI_NSLOTS || m->nplaces == max)
			return false;
		p.raw = *text == '~' || *text == '?';
		p.single = *text == '!' || *text == '?';
		if (*text != '=' && !p.raw && !p.single)
			return false;
		p.slot = (u16)slot;
		if (!read_place(text + 1, end, &p))
			return false;
		m->place[m->nplaces++] = p;
		text = end + strspn(end, " ");
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

static void save_fpins(
    const struct guest_isa *g, struct abi_state *s, const void *uc)
{
	for (u32 i = 0; i < g->nregs; i++) {
		unsigned pin = x86_pin_of(&g->regs[i]);
		if (pin != NOREG && pin >= XMM0)
			s->state[g->regs[i].slot] = x86_context_reg(uc, pin);
	}
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

/* Do all places of the frame lie on the vCPU's call stack? */
static bool on_stack(const struct abi_state *s, u64 rsp,
    const struct unit_map *map, const struct unit_access *x)
{
	bool inside =
	    rsp >= s->call_limit - 2 * FRAME_MAX && rsp <= s->call_base;

	for (u32 i = 0; i < x->n; i++) {
		const struct unit_place *p = &map->place[x->first + i];
		if (p->kind == PLACE_STACK &&
		    (!inside || (u64)p->value + 8 > s->call_base - rsp))
			return false;
	}
	return true;
}

bool x86_context_save_unit(const struct guest_isa *g, struct vcpu *v,
    const void *uc, const struct unit_map *map, u32 off, gva_t *pc)
{
	const struct unit_access *x = find(map, off);
	struct abi_state *s = vcpu_abi(v);

	if (!x || !on_stack(s, x86_context_reg(uc, RSP), map, x))
		return false;
	for (u32 i = 0; i < x->n; i++) {
		const struct unit_place *p = &map->place[x->first + i];
		u64 *to = &s->state[p->slot];
		if (p->kind == PLACE_FPINS) {
			save_fpins(g, s, uc);
			continue;
		}
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
	x86_context_fpu(s, uc);
	*pc = x->pc;
	return true;
}
