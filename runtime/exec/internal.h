/*
 * internal.h - struct exec: code cache, block tables, dispatcher state.
 *
 * Locking: `lock` guards every table and the writable view of the cache.
 * Read without it: the hash chains, the jump table and by_code (entries are
 * published by one release store and live until the next flush). A thread
 * that uses any of them has in_code set; a flush waits for all in_code to be
 * clear. lock is never held while guest code or an event hook runs.
 */
#ifndef RUNTIME_EXEC_INTERNAL_H
#define RUNTIME_EXEC_INTERNAL_H

#include "backend/interp/interp.h"
#include "runtime/exec/debug.h"
#include "runtime/exec/exec.h"
#include "runtime/exec/fault.h"
#include "translator/text.h"

#ifdef METIC_TORTURE
#define TB_MAX_INSNS 3
#define CODE_CACHE_SIZE ((size_t)256 << 10)
#define TB_MAX ((size_t)1 << 14)
#define META_MAX ((size_t)1 << 20)
#else
#define TB_MAX_INSNS 64
#define CODE_CACHE_SIZE ((size_t)512 << 20)
#define TB_MAX ((size_t)1 << 22)
#define META_MAX ((size_t)512 << 20) /* what is known of blocks, bytes */
#endif
#define PAGE_HASH_BITS 12
#define CALL_STACK_SIZE ((size_t)1 << 20)
#define CALL_STACK_FRAME 8192 /* what a unit's frame may take */

/* XXH3-128 of guest bytes; 0 if they could not be read. */
struct code_hash {
	u64 lo, hi;
};

/* Guest code that a unit was made from. */
struct unit_part {
	i64 off; /* from the unit's head */
	u32 len;
	struct code_hash hash;
};

/* What the code of a unit has that a block's has not. */
struct tb_unit {
	struct unit_map map; /* where state is when it faults */
	struct unit_part *part;
	u32 nparts;
	bool left; /* it did not pay */
};

/* A translation block. */
struct tb {
	gva_t pc;
	u32 len; /* guest bytes */
	u32 insns;
	struct code_hash hash; /* of what it was made from */
	const u8 *code; /* executable entry, NULL: interpreter only */
	const u8 *code_start, *code_end;
	struct link_site *links;
	struct pc_map *map;
	u32 *pcs; /* see struct codegen */
	u32 nlinks, nmap, npcs;
	bool kept; /* in the store, or not to be put there */
	_Atomic bool dead; /* invalidated: unreachable by lookup */
	bool has_helper; /* calls helpers, which need not be repeatable */
	struct ir_region *ir; /* for the interpreter, or NULL */
	struct tb *_Atomic next; /* another one with this pc */
	struct in_link *in; /* link sites that lead here */
	struct tb_unit *unit; /* of a unit's code; NULL: a block's */
	struct tb *owner; /* code of this block is in a unit, which dies too */
};

struct in_link {
	struct in_link *next;
	struct tb *from;
	u32 site; /* index into from->links */
};

struct page_tb {
	struct page_tb *next;
	struct tb *tb;
};

struct page {
	struct page *next;
	u64 number;
	struct page_tb *tbs;
};

/* Blocks by guest pc. It grows: a new one takes its place. */
struct tb_hash {
	struct tb_hash *older; /* somebody may still be looking there */
	u32 bits; /* 1 << bits entries */
	u32 used;
	_Atomic u64 entry[]; /* see tables.c */
};

/* What a debugger set; debug.c. */
struct exec_debug {
	gva_t *breaks; /* sorted; exec.lock guards it */
	_Atomic size_t nbreaks;
	size_t cap;
	struct watchpoint watch[WATCH_MAX];
	_Atomic size_t nwatches;
};

struct exec {
	struct metic_vm *vm;
	const struct host_backend *host; /* NULL: interpreter only */
	pthread_mutex_t lock;

	/* code cache: one memory object mapped twice */
	int fd; /* of a forked child's copy, while forking; else -1 */
	u8 *rw, *rx;
	size_t size, used, thunk_size;
	size_t ready; /* up to here the host was asked for pages */
	struct backend_thunks thunks;

	/* tables */
	struct tb_hash *_Atomic hash;
	/* ABI_JT_ENTRIES each (translator/abi.h); jt_miss stays empty,
	   for requests */
	i64 *jt, *jt_miss;
	struct tb **by_code; /* in order of code address */
	_Atomic size_t ntb;
	struct page **pages; /* 1 << PAGE_HASH_BITS chains */
	gva_t lo, hi; /* bounds of all translated code */
	struct arena meta; /* everything that dies with the cache */

	pthread_mutex_t turn; /* check.c: one vCPU compares at a time */
	_Atomic u64 epoch; /* counts flushes */
	_Atomic bool flushing;
	bool threaded; /* there has been more than one vCPU */
	gva_t *lrs; /* load-reserveds to be run exclusively */
	size_t nlrs;
	bool asymmetric; /* the flushing thread orders everybody's accesses */

	struct exec_debug debug;

	int (*read_clock)(int clock, i64 time[2]); /* for abi_state */
	bool clock_keeps_fp;

	void *decoder;
	struct persist *persist; /* NULL: translations are not kept */
	struct tier *tier; /* NULL: no optimizing tier */
	struct look *look; /* NULL: nobody watches */
	struct arena arena; /* of the translation under way */
	struct ir_region region;
};

/* cache.c */
int cache_init(struct exec *ex);
void cache_free(struct exec *ex);
void cache_reset(struct exec *ex);
/* The host gives the pages that code will be put on next. */
void cache_ahead(struct exec *ex);
/* Before fork: copy the code for the child; too much or no memory: do not. */
void cache_snapshot(struct exec *ex);
void cache_drop_snapshot(struct exec *ex);
/* In the child: make the copy its cache; false: the host failed. */
bool cache_use_snapshot(struct exec *ex);
/* Empty all block tables and the cache; nobody is in code, lock is held. */
void exec_reset_tables(struct exec *ex);
bool cache_contains(const struct exec *ex, u64 rx);
static inline u8 *cache_rw(const struct exec *ex, u64 rx)
{
	return ex->rw + (rx - (u64)(uintptr_t)ex->rx);
}

/* tables.c: need lock unless said otherwise */
int tb_hash_init(struct exec *ex);
/* Forget all blocks; nobody is in code. */
void tb_hash_reset(struct exec *ex);
void tb_hash_free(struct exec *ex);
/* Lock-free, but then a block that is there may not be found. */
struct tb *tb_find(const struct exec *ex, gva_t pc);
/* The same, but not a unit. */
struct tb *tb_find_block(const struct exec *ex, gva_t pc);
struct tb *tb_by_code(const struct exec *ex, u64 rx); /* lock-free */
/* The blocks of one guest page, or NULL. */
struct page *page_find(const struct exec *ex, u64 number);
int tb_insert(struct exec *ex, struct tb *tb);
void tb_kill(struct exec *ex, struct tb *tb);
/* Has an indirect jump led to pc? Lock-free. */
bool tb_published(const struct exec *ex, gva_t pc);
/* tb, a unit's code, takes the place of the block at its pc. */
void tb_replace(struct exec *ex, struct tb *tb);
/* tb, a unit that is not entered yet, dies with any of its parts. */
int tb_add_parts(struct exec *ex, struct tb *tb);
/* Enter tb into the jump table; lock-free. */
void tb_publish(struct exec *ex, struct tb *tb);
/* The code of the block at pc if it is in the jump table, or NULL. */
static inline const void *jt_code(const struct exec *ex, gva_t pc)
{
	const i64 *e = &ex->jt[(pc >> 1) & (ABI_JT_SIZE - 1)];
	const u8 *code =
	    (const u8 *)ex->jt + __atomic_load_n(e, __ATOMIC_ACQUIRE);
	gva_t of;
	memcpy(&of, code - sizeof(of), sizeof(of));
	return of == pc ? code : NULL;
}
/* Entry i of the jump table jt when there is no block for it. */
i64 jt_empty(const struct exec *ex, const i64 *jt, size_t i);
void tb_link(struct exec *ex, struct tb *from, u32 site, struct tb *to);
/* Guest pc of host address rx inside tb. */
gva_t tb_guest_pc(const struct tb *tb, u64 rx);

/*
 * translate.c: a block for pc, made if needed; NULL when the cache is full
 * (flush and retry). with_ir keeps the IR for the interpreter. Takes lock.
 */
struct tb *tb_get(struct vcpu *v, gva_t pc, bool with_ir);
/* The same, but not a unit. */
struct tb *tb_get_block(struct vcpu *v, gva_t pc);
/*
 * The one instruction at pc as it was lifted, for the interpreter; valid
 * until v's next call, NULL when the host is out of memory. `beneath`: its
 * breakpoint does not count.
 */
const struct ir_region *translate_one(struct vcpu *v, gva_t pc, bool beneath);
/*
 * The IR of the block at pc, of at most `max` instructions, as the backends
 * get it, in an arena of the caller's. Needs lock. NULL: it cannot be had.
 */
struct ir_region *translate_ir(
    struct vcpu *v, gva_t pc, u32 max, struct arena *a, struct code_hash *hash);
/* The same while nobody else runs guest code; for exclusive.c. */
const struct ir_region *translate_exclusive(struct vcpu *v, gva_t pc);
/*
 * The block at pc as the lifter makes it, for those who want to look at it;
 * valid until the next translation. Needs lock. NULL: no memory.
 */
struct ir_region *translate_again(struct vcpu *v, gva_t pc);

/* dispatch.c */
const void *exec_service(struct vcpu *v, u32 reason, u64 arg);
struct interp_result exec_interp(
    struct vcpu *v, struct tb *tb, const struct interp_mem *mem);
/* The block at abi.pc, or one instruction of it if frm is no mode. */
struct interp_result exec_interp_pc(
    struct vcpu *v, struct tb *tb, const struct interp_mem *mem);
/* The instruction at abi.pc; false: the host is out of memory. */
bool exec_interp_one(struct vcpu *v, bool beneath, const struct interp_mem *mem,
    struct interp_result *r);
/* Can the kernel order the accesses of all threads? */
bool exec_fence_init(void);
void exec_enter_code(struct vcpu *v);
void exec_leave_code(struct vcpu *v);
/* What `event` says; in_code is clear around it. */
enum vm_action exec_event(struct vcpu *v, u32 reason, u64 arg);
/* Do what an exit asks for; false: leave the run loop. */
bool exec_handle_exit(struct vcpu *v, u32 reason, u64 arg);
/* Forget every translation. in_code is set before and after. */
void exec_flush(struct vcpu *v);
/* Serve requests; false: leave the run loop. */
bool exec_serve_requests(struct vcpu *v);

/* debug.c */
static inline bool exec_debugged(const struct vcpu *v)
{
	return atomic_load_explicit(&v->step, memory_order_relaxed) ||
	    atomic_load_explicit(
		&v->vm->exec->debug.nwatches, memory_order_relaxed);
}
/* While exec_debugged: a step, or a block; false: leave the run loop. */
bool exec_debug_run(struct vcpu *v);
/*
 * A request was served at pc: report a step if a signal handler was entered.
 * False: leave the run loop.
 */
bool exec_debug_moved(struct vcpu *v, gva_t pc);
/* No code could be had at addr: a breakpoint, or it is the hook's. */
bool exec_debug_fetch(struct vcpu *v, gva_t addr);
/* Of the `len` bytes of code at pc, those in front of a breakpoint. */
size_t debug_code_end(const struct exec *ex, gva_t pc, size_t len);
void exec_debug_free(struct exec *ex);

/* Of the monotonic clock. */
u64 exec_now_ns(void);
/* invalidate.c: all other vCPUs come out of generated code once */
void exec_get_out(struct metic_vm *vm);

/* exclusive.c: EXIT_EXCLUSIVE; false: leave the run loop. */
bool exclusive_step(struct vcpu *v, bool at_lr);
/* lift_opts.wants_exclusive; ctx is the exec, its lock is held. */
bool exclusive_wanted(void *ctx, gva_t pc);

/* memory.c: guest memory for the interpreter and native code's fall-back */
extern const struct interp_mem exec_mem;
void exec_reference(struct vcpu *v, u32 what, u32 types);
bool exec_reference_mem(struct vcpu *v, u32 what, u32 types);

/* fault.c */
void fault_free(struct vcpu *v);

/* check.c: run one block in both tiers; false: leave the run loop */
bool check_step(struct vcpu *v);

#endif
