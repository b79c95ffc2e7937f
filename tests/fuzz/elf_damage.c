/* elf_damage.c - see elf_damage.h. */
#include "tests/fuzz/elf_damage.h"

#define INTERP_AT 0x300u

void elf_small(u8 bytes[ELF_SMALL_SIZE], u64 base, const char *interp)
{
	u64 n = interp ? strlen(interp) + 1 : 0;
	Elf64_Ehdr eh = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
			      ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = base ? ET_EXEC : ET_DYN,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = base + ELF_SMALL_ENTRY,
		.e_phoff = sizeof(eh),
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 6 };
	const Elf64_Phdr ph[] = {
		{ PT_PHDR, PF_R, 64, base + 64, base + 64, 6 * 56, 6 * 56, 8 },
		{ interp ? PT_INTERP : PT_NOTE, PF_R, INTERP_AT,
		    base + INTERP_AT, base + INTERP_AT, n, n, 1 },
		{ PT_LOAD, PF_R | PF_X, 0, base, base, 0x1800, 0x1800, 0x1000 },
		{ PT_LOAD, PF_R | PF_W, 0x2000, base + ELF_SMALL_DATA,
		    base + ELF_SMALL_DATA, ELF_SMALL_FILESZ, ELF_SMALL_MEMSZ,
		    0x1000 },
		{ PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 },
		{ PT_GNU_PROPERTY, PF_R, 0x340, base + 0x340, base + 0x340,
		    0x20, 0x20, 8 },
	};

	memset(bytes, 0, ELF_SMALL_SIZE);
	memcpy(bytes, &eh, sizeof(eh));
	memcpy(bytes + sizeof(eh), ph, sizeof(ph));
	if (interp)
		memcpy(bytes + INTERP_AT, interp, n);
	/* behind the data of the file comes what must not be seen */
	memset(bytes + 0x2000, 0xa5, 0x1000);
}

/* --- damage ----------------------------------------------------------------
 */

static u64 edge(struct fz_rng *g, u64 size)
{
	switch (fz_below(g, 8)) {
	case 0: return fz_below(g, 16);
	case 1: return ~(u64)fz_below(g, 16);
	case 2: return (1ull << fz_below(g, 64)) - fz_below(g, 2);
	case 3: return size + fz_below(g, 5) - 2;
	case 4: return ELF_ADDR_MAX + fz_below(g, 5) - 2 - HOST_PAGE;
	case 5: return fz_below(g, (u32)size);
	case 6: return (u64)fz_below(g, 64) * HOST_PAGE;
	default: return fz_next(g);
	}
}

/* One of the program headers that lie in `head`. */
static u8 *header(struct fz_rng *g, const Elf64_Ehdr *eh, u8 head[ELF_HEAD])
{
	u64 table = MIN(eh->e_phoff, ELF_HEAD / 2);
	u32 entries = MIN(eh->e_phnum, 20);

	return head + table + fz_below(g, entries) * sizeof(Elf64_Phdr);
}

void elf_damage(
    struct fz_rng *g, const Elf64_Ehdr *eh, u64 size, u8 head[ELF_HEAD])
{
	u32 n = MIN((u32)size, ELF_HEAD), width = 1u << fz_below(g, 4);
	u64 v = edge(g, size);
	u8 *a = header(g, eh, head), *b = header(g, eh, head);

	switch (fz_below(g, 8)) {
	case 0: head[fz_below(g, n)] ^= (u8)(1u << fz_below(g, 8)); break;
	case 1: memmove(a, b, sizeof(Elf64_Phdr)); break;
	case 2: /* only a type, flags or an alignment */
		a[fz_below(g, 2) ? 0 : 4] = (u8)fz_below(g, 8);
		break;
	case 3: memcpy(head + fz_below(g, 8) * 8, &v, width); break;
	default: /* a field of a program header */
		memcpy(a + 8 * fz_below(g, 7), &v, 8);
	}
}

/* --- small changes ---------------------------------------------------------
 */

/* A step of pages, of bytes, or of a few powers of two. */
static u64 step(struct fz_rng *g)
{
	u64 v = fz_below(g, 4);

	switch (fz_below(g, 4)) {
	case 0: v *= HOST_PAGE; break;
	case 1: v = fz_below(g, 2 * HOST_PAGE); break;
	case 2: v = HOST_PAGE << fz_below(g, 24); break;
	default: break;
	}
	return fz_below(g, 2) ? v : -v;
}

static u32 some_type(struct fz_rng *g)
{
	static const u32 types[] = { PT_NULL, PT_LOAD, PT_LOAD, PT_DYNAMIC,
		PT_NOTE, PT_PHDR, PT_TLS, PT_GNU_STACK, PT_GNU_PROPERTY,
		PT_GNU_RELRO, PT_GNU_EH_FRAME, 0x70000003 };

	return types[fz_below(g, ARRAY_LEN(types))];
}

static void nudge_header(struct fz_rng *g, Elf64_Phdr *p)
{
	u64 by = step(g);

	switch (fz_below(g, 10)) {
	case 0: p->p_flags = fz_below(g, 8); break;
	case 1: p->p_type = some_type(g); break;
	case 2: p->p_memsz += by; break;
	case 3: p->p_filesz += by; break;
	case 4: p->p_filesz = p->p_memsz; break;
	case 5: p->p_filesz = 0; break;
	case 6: p->p_align = 1ull << fz_below(g, 40); break;
	case 7: p->p_offset += by; break;
	case 8: p->p_vaddr += by; break;
	default: /* both: still congruent */
		p->p_offset += by;
		p->p_vaddr += by;
	}
}

void elf_nudge(struct fz_rng *g, const Elf64_Ehdr *eh, u8 head[ELF_HEAD])
{
	u8 *a = header(g, eh, head), *b = header(g, eh, head);
	Elf64_Phdr p, q;
	Elf64_Ehdr h;

	memcpy(&p, a, sizeof(p));
	memcpy(&q, b, sizeof(q));
	memcpy(&h, head, sizeof(h));
	switch (fz_below(g, 8)) {
	case 0: /* another order */
		memcpy(a, &q, sizeof(q));
		memcpy(b, &p, sizeof(p));
		break;
	case 1: h.e_entry += step(g); break;
	case 2: h.e_phnum = (u16)(1 + fz_below(g, 8)); break;
	default:
		nudge_header(g, &p);
		memcpy(a, &p, sizeof(p));
		return;
	}
	memcpy(head, &h, sizeof(h));
}
