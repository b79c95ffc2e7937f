/*
 * irq.c - interrupt lines; see irq.h.
 */
#include "devices/irq.h"

void irq_connect(struct irq_line *l, irq_sink sink, void *ctx, u32 pin)
{
	l->sink = sink;
	l->ctx = ctx;
	l->pin = pin;
	if (sink && l->level)
		sink(ctx, pin, true);
}

void irq_set(struct irq_line *l, bool level)
{
	if (l->level == level)
		return;
	l->level = level;
	if (l->sink)
		l->sink(l->ctx, l->pin, level);
}

void irq_pulse(struct irq_line *l)
{
	irq_set(l, true);
	irq_set(l, false);
}
