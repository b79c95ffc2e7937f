/*
 * irq.h - an interrupt line: one wire from a device to whoever listens.
 *
 * A device owns its lines and drives them; it does not know which interrupt
 * controller, pin or CPU is at the other end. A line that nobody connected
 * may be driven all the same. Lines are level-triggered; an edge is
 * irq_pulse. Drive a line only while holding the lock of its device: the
 * sink then sees the changes of one line one after the other.
 */
#ifndef DEVICES_IRQ_H
#define DEVICES_IRQ_H

#include "runtime/base/types.h"

/* The listening end: `pin` is the sink's own number for the line. */
typedef void (*irq_sink)(void *ctx, u32 pin, bool level);

struct irq_line {
	irq_sink sink; /* NULL: not connected */
	void *ctx;
	u32 pin;
	bool level;
};

/* Connect the line; a sink is told at once of a line that is already up. */
void irq_connect(struct irq_line *l, irq_sink sink, void *ctx, u32 pin);
/* Set the level; the sink hears of changes only. */
void irq_set(struct irq_line *l, bool level);
/* Up and down again: the sink sees one rising edge of a line that was low. */
void irq_pulse(struct irq_line *l);

#endif
