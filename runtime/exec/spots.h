/*
 * spots.h - places in guest code where time goes, as sampled: which of them is
 * to become the head of a unit. Threads may call all of it.
 */
#ifndef RUNTIME_SPOTS_H
#define RUNTIME_SPOTS_H

#include <pthread.h>

#include "runtime/exec/internal.h"
#include "translator/unit.h"

#define SPOTS 8192

struct spot {
	gva_t pc;
	i16 seen; /* ticks, below zero where a unit should come by */
	u16 tries;
	u32 ticks; /* all of them */
	bool left; /* a unit there did not pay */
};

struct spots {
	pthread_mutex_t lock;
	bool any_left;
	struct spot spot[SPOTS];
};

void spots_init(struct spots *s);
/* A tick was at pc. */
void spots_tick(struct spots *s, gva_t pc);
/* One more for pc: is that `often`, and not too often tried? Then it is now. */
bool spots_hot(struct spots *s, gva_t pc, int often);
/* A unit is to be made: what it covers has time until it is there. */
void spots_spare(struct spots *s, const struct unit *u);
/* The baseline is to keep pc. */
void spots_leave(struct spots *s, gva_t pc);
bool spots_is_left(struct spots *s, gva_t pc);
/* Was most of u's time spent where the baseline is as good? */
bool spots_are_plain(
    struct spots *s, const struct guest_isa *g, const struct unit *u);

#endif
