/* spots.c - see spots.h. */
#include "runtime/exec/spots.h"

#include "runtime/exec/form.h"

#define SPOT_WAYS 8
#define SAMPLES_AGAIN 100 /* more of them where there was no unit */
#define SAMPLES_COVERED 60 /* more of them where a unit has been made */
#define SAMPLES_UNDER_WAY 5000 /* at the head of one being compiled */
#define TRIES_MAX 2 /* for one head */

void spots_init(struct spots *s)
{
	pthread_mutex_init(&s->lock, NULL);
}

/* Needs lock. Who was there first stays while he counts for something. */
static struct spot *spot_of(struct spots *s, gva_t pc)
{
	size_t at = pc >> 1 ^ pc >> 14;
	struct spot *p = NULL;

	for (size_t k = 0; k < SPOT_WAYS; k++) {
		p = &s->spot[(at + k) % SPOTS];
		if (p->pc == pc)
			return p;
		if (!p->pc)
			break;
	}
	*p = (struct spot){ .pc = pc };
	return p;
}

void spots_tick(struct spots *s, gva_t pc)
{
	pthread_mutex_lock(&s->lock);
	spot_of(s, pc)->ticks++;
	pthread_mutex_unlock(&s->lock);
}

bool spots_hot(struct spots *s, gva_t pc, int often)
{
	pthread_mutex_lock(&s->lock);
	struct spot *p = spot_of(s, pc);
	bool hot = p->tries < TRIES_MAX && ++p->seen >= often;
	if (hot) {
		p->seen = -SAMPLES_AGAIN;
		p->tries++;
	}
	pthread_mutex_unlock(&s->lock);
	return hot;
}

/*
 * What runs in the unit's loops will come by its head, unless it stays in an
 * inner loop: wait longer before another unit is made of that.
 */
void spots_spare(struct spots *s, const struct unit *u)
{
	pthread_mutex_lock(&s->lock);
	for (u32 k = 0; k < u->nnodes; k++)
		if (!u->node[k].ctx)
			spot_of(s, u->node[k].ir->pc)->seen =
			    k ? -SAMPLES_COVERED : -SAMPLES_UNDER_WAY;
	pthread_mutex_unlock(&s->lock);
}

void spots_leave(struct spots *s, gva_t pc)
{
	pthread_mutex_lock(&s->lock);
	struct spot *p = spot_of(s, pc);
	p->tries = TRIES_MAX;
	p->left = s->any_left = true;
	pthread_mutex_unlock(&s->lock);
}

bool spots_is_left(struct spots *s, gva_t pc)
{
	pthread_mutex_lock(&s->lock);
	bool left = s->any_left && spot_of(s, pc)->left;
	pthread_mutex_unlock(&s->lock);
	return left;
}

bool spots_are_plain(
    struct spots *s, const struct guest_isa *g, const struct unit *u)
{
	u64 plain = 0, all = 0;

	pthread_mutex_lock(&s->lock);
	for (u32 k = 0; k < u->nnodes; k++) {
		u32 ticks = spot_of(s, u->node[k].ir->pc)->ticks;
		all += ticks;
		plain += form_is_plain(g, u->node[k].ir) ? ticks : 0;
	}
	pthread_mutex_unlock(&s->lock);
	return 2 * plain > all;
}
