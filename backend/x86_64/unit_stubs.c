/*
 * unit_stubs.c - the places where a unit's code goes on: one for each symbol
 * that its object leaves undefined (translator/unit_object.h), behind its
 * text. Link sites are the jumps of stubs.
 */
#include <stdio.h>

#include "backend/x86_64/loader.h"
#include "backend/x86_64/thunks.h"

void loader_note_pc(struct loader *l, size_t at)
{
	if (l->uc->npcs == l->pcs_cap)
		loader_bad(l, "too many addresses");
	else
		l->uc->pcs[l->uc->npcs++] = (u32)at;
}

static void mov_pc(struct loader *l, unsigned reg, gva_t pc)
{
	asm_mov_ri64(&l->a, reg, pc);
	loader_note_pc(l, l->a.len - sizeof(u64));
}

/* A jump by a link: its rel32 in one cache line, its way to the runtime. */
static void link_jump(struct loader *l, gva_t target)
{
	struct unit_code *uc = l->uc;

	if (uc->nlinks == l->links_cap) {
		loader_bad(l, "too many exits");
		return;
	}
	size_t in_line = (uc->rx + l->a.len + 1) & 63;
	asm_nop(&l->a, in_line > 60 ? 64 - in_line : 0);
	size_t site = asm_jmp(&l->a);
	size_t stub = l->a.len;
	asm_fix(&l->a, site, stub);
	asm_fix(&l->a, asm_lea_rip(&l->a, RCX), site);
	asm_jmp_m(&l->a, mem_vcpu(HOST_OFF(HOST_LINK)));
	uc->links[uc->nlinks++] = (struct link_site){
		.off = (u32)site, .stub = (u32)stub, .target = target
	};
}

/* By the jump table, to the pc in rax. */
static void go_on_ptr(struct asm_buf *a)
{
	x86_probe(a);
	size_t miss = asm_jcc8(a, CC_NE);
	asm_jmp_r(a, RCX);
	asm_fix8(a, miss);
	asm_jmp_m(a, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
}

static void go_on(struct loader *l, char kind, gva_t pc)
{
	switch (kind) {
	case OBJECT_LINK: link_jump(l, pc); return;
	case OBJECT_BASELINE: link_jump(l, pc | LINK_BASELINE); return;
	case OBJECT_PTR: go_on_ptr(&l->a); return;
	case OBJECT_STOP:
		mov_pc(l, RAX, pc);
		asm_jmp_m(&l->a, mem_vcpu(HOST_OFF(HOST_LOOKUP)));
		return;
	default: loader_bad(l, "an exit of no known kind");
	}
}

/*
 * The frames of inlined calls, the outermost first: each calls what follows
 * and, returned to, goes on like the code after any guest call.
 */
static void with_frames(
    struct loader *l, u32 ctx, char kind, gva_t pc, gva_t ret)
{
	const struct unit *u = l->uc->unit;
	gva_t to[UNIT_MAX_CTXS + 1];
	u32 n = 0;

	if (ret)
		to[n++] = ret;
	for (; ctx && n <= UNIT_MAX_CTXS; ctx = u->ctx[ctx].parent)
		to[n++] = u->ctx[ctx].ret;
	while (n-- > 0) {
		size_t inner = asm_call(&l->a);
		mov_pc(l, RCX, to[n]);
		asm_alu_rr(&l->a, ALU_CMP, 8, RAX, RCX);
		size_t other = asm_jcc8(&l->a, CC_NE);
		link_jump(l, to[n]);
		asm_fix8(&l->a, other);
		asm_ret(&l->a);
		asm_fix(&l->a, inner, l->a.len);
	}
	go_on(l, kind, pc);
}

struct jump {
	char kind;
	unsigned id, ctx;
	unsigned long long pc, ret;
};

/* Is it a name that metic-jitd writes, to the letter, for this unit? */
static bool read_name(const struct unit *u, const char *name, struct jump *j)
{
	char again[STUB_NAME + 8];

	if (memchr(name, 0, STUB_NAME) == NULL ||
	    sscanf(name, OBJECT_JUMP, &j->kind, &j->id, &j->ctx, &j->pc,
		&j->ret) != 5)
		return false;
	snprintf(again, sizeof(again), OBJECT_JUMP, j->kind, j->id, j->ctx,
	    j->pc, j->ret);
	/* the lowest bit of a link's target means something else */
	return !strcmp(again, name) && j->id == u->id && j->ctx < u->nctxs &&
	    !((j->pc | j->ret) & LINK_BASELINE) &&
	    (j->kind != OBJECT_PTR || !j->pc);
}

size_t loader_stub(struct loader *l, const char *name)
{
	struct jump j;

	for (u32 i = 0; i < l->nstubs; i++)
		if (!strcmp(l->stub[i].name, name))
			return l->stub[i].at;
	if (l->nstubs == STUBS_MAX || !read_name(l->uc->unit, name, &j)) {
		loader_bad(l, "an exit to nowhere");
		return 0;
	}
	struct stub *s = &l->stub[l->nstubs++];
	strcpy(s->name, name);
	s->at = l->a.len;
	with_frames(l, j.ctx, j.kind, j.pc, j.ret);
	return s->at;
}
