/*
 * backend.h - what a host backend that makes machine code provides.
 *
 * The interpreter (backend/interp) is not one of these: it runs regions
 * directly, see interp.h. The list of backends is translator/backends.def.
 */
#ifndef TRANSLATOR_BACKEND_H
#define TRANSLATOR_BACKEND_H

#include "translator/guest.h"

/* How a guest address becomes a host access. */
enum as_kind {
	AS_IDENTITY, /* guest address = host address */
	AS_BASED, /* mem_base + address; address < 1 << AS_WINDOW_BITS */
};
#define AS_WINDOW_BITS \
	36 /* the window is followed and preceded by 4 GiB
                             of inaccessible guard */

struct codegen_opts {
	enum as_kind as;
	bool count; /* subtract guest instructions from abi.budget and leave */
	bool no_links; /* every block end goes to service(LOOKUP): lock step */
	bool movable; /* list every guest address that the code contains */
};

struct unit;

/* Why a site in generated code must be known later. */
enum link_kind { LINK_JUMP, LINK_CALL };

/*
 * A patchable rel32. Until it is linked it leads to a stub that asks for
 * service(LINK, address of the rel32's first byte).
 */
struct link_site {
	u32 off; /* of the rel32 in the block's code */
	u32 stub; /* offset of the code it leads to while unlinked */
	gva_t target; /* | LINK_BASELINE */
};
#define LINK_BASELINE 1u /* in a target: not to a unit's code */

/* Host code [off, next off) belongs to guest pc + guest_off. */
struct pc_map {
	u32 off;
	u32 guest_off;
};

#define CODEGEN_MAX_LINKS (2 * IR_MAX_BLOCKS)

struct codegen {
	/* in */
	const struct guest_isa *guest;
	const struct ir_region *region;
	struct codegen_opts opts;
	u8 *rw; /* where to write */
	u64 rx; /* the address it will run at */
	size_t cap; /* bytes there */
	struct arena *arena; /* for the tables below */
	/* out */
	size_t entry; /* offset of the first instruction; the 8 bytes before
	                 it hold the guest pc */
	size_t size; /* bytes used, from rw */
	struct link_site *links;
	u32 nlinks;
	struct pc_map *map;
	u32 nmap;
	u32 *pcs; /* opts.movable: offsets of 8-byte guest addresses, the one
	             before the entry among them */
	u32 npcs;
};

/* Where a slot is at one place in a unit's code. */
struct unit_place {
	u16 slot;
	u8 kind; /* PLACE_* */
	u8 reg; /* host register, the backend's number */
	bool raw; /* fp, whose NaN is to be made canonical */
	bool single; /* a float, to be boxed */
	i64 value; /* offset from the stack pointer, or the constant */
};
/* PLACE_FPINS: not one slot, but all fp pins are in their host registers. */
enum { PLACE_REG, PLACE_STACK, PLACE_CONST, PLACE_FPINS };
#define PLACE_REGS 32 /* no host has more */

/* One access of a unit's code: its dirty slots; all others are in state[]. */
struct unit_access {
	u32 off;
	u32 first, n; /* places */
	gva_t pc;
};

struct unit_map {
	struct unit_access *access; /* by off */
	struct unit_place *place;
	u32 naccess, nplaces;
};

/* The optimizing tier's output on its way into the code cache. */
struct unit_code {
	/* in */
	const struct guest_isa *guest;
	const struct unit *unit;
	const u8 *object; /* what the compiling process gave: untrusted */
	size_t nobject;
	u8 *rw; /* as in struct codegen */
	u64 rx;
	size_t cap;
	struct arena *arena; /* for what follows */
	/* out */
	size_t entry, size;
	struct link_site *links;
	u32 nlinks;
	u32 *pcs; /* as in struct codegen */
	u32 npcs;
	struct unit_map map;
	const char *why; /* it was refused, or NULL */
};

/* Entry points that thunks() made at the start of a code cache. */
struct backend_thunks {
	/* Run generated code until service returns NULL. */
	void (*enter)(struct vcpu *v, const void *code);
	/* A jump-table entry that asks for a lookup: its guest pc is ~0. */
	const void *miss;
	/* Where a context is sent to leave for service(reason, arg) after
	   context_save wrote the pins back (see context_leave). */
	const void *leave;
	/* Address at the bottom of each call stack. */
	u64 bottom;
	size_t size;
};

/* One instruction of generated code: its offset, its length, its text. */
typedef void (*disasm_fn)(void *ctx, u32 off, u32 len, const char *text);

struct host_backend {
	const char *name; /* "x86_64" */
	/* CPU features in use, as one line for --stats. */
	const char *(*features)(char *buf, size_t n);
	/* Write the thunks for this guest; 0 or -ENOSPC. */
	int (*thunks)(const struct guest_isa *g, u8 *rw, u64 rx, size_t cap,
	    struct backend_thunks *out);
	/*
	 * Compile cg->region; 0, or -ENOSPC when cap is too small, -ENOMEM,
	 * or -E2BIG when it has too many live values (interpret it).
	 */
	int (*compile)(struct codegen *cg);
	/*
	 * Bring a compiled unit into the cache: 0, -ENOSPC, -ENOMEM, or
	 * -EBADMSG when it is not what it should be (uc->why).
	 */
	int (*load_unit)(struct unit_code *uc);
	/* Point a link site at `target` (host address), any thread running. */
	void (*patch)(u8 *rw_site, u64 rx_site, u64 target);
	/* Where a link site points now. */
	u64 (*site_target)(const u8 *rw_site, u64 rx_site);
	/*
	 * Does a call of code + entry, which lies in the n bytes at `code`,
	 * surely leave all fp registers alone?
	 */
	bool (*keeps_fp)(const u8 *code, size_t n, size_t entry);

	/* --- for people --- */
	/*
	 * Call `line` for each instruction of the n bytes at `code`, which run
	 * at rx. false: the disassembler cannot be had.
	 */
	bool (*disassemble)(const struct guest_isa *g, const u8 *code, size_t n,
	    u64 rx, disasm_fn line, void *ctx);
	/* The host register that holds r across blocks, into buf, or NULL. */
	const char *(*pin_name)(const struct guest_reg *r, char *buf, size_t n);

	/* --- for the host signal handler; uc is a ucontext_t --- */
	u64 (*context_pc)(const void *uc);
	u64 (*context_sp)(const void *uc);
	/* Copy pins and fp status of interrupted generated code to the vCPU. */
	void (*context_save)(
	    const struct guest_isa *g, struct vcpu *v, const void *uc);
	/*
	 * The same in a unit's code, at the access `off` bytes into it; also
	 * its guest pc. False: that is no access of the map.
	 */
	bool (*context_save_unit)(const struct guest_isa *g, struct vcpu *v,
	    const void *uc, const struct unit_map *map, u32 off, gva_t *pc);
	/* Resume at thunks->leave with service(reason, arg). */
	void (*context_leave)(void *uc, struct vcpu *v,
	    const struct backend_thunks *t, u32 reason, u64 arg);
	/*
	 * The interrupted instruction is a call that overflowed the call
	 * stack: restart the stack at its bottom.
	 */
	void (*context_restart_stack)(void *uc, struct vcpu *v);
	/* MXCSR conversions for code outside generated code. */
	u32 (*fpu_make)(u32 frm, u32 fflags);
	u32 (*fpu_flags)(u32 fpu); /* FPX_* bits */
};

/* The backend for this machine, or NULL: interpreter only. */
const struct host_backend *host_backend_default(void);

#endif
