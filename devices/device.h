/*
 * device.h - what a device is: four methods and a table of its state.
 *
 * A device knows offsets into its own register window, never the address it
 * sits at, and lines to raise, never a controller (irq.h). That is why the
 * same object serves the machines of all guests and an embedder's hooks.
 *
 * Snapshots need no method: the class lists its state in a table, and
 * device_save and device_load walk it. The format is little-endian whatever
 * the host, and says of each field how wide it is, so that a stream from
 * another version is refused as a whole and never half applied.
 *
 * A concrete device is a struct whose first member is a struct device:
 *
 *	struct uart {
 *		struct device dev;
 *		struct irq_line irq;
 *		u8 ier, lcr;
 *	};
 *
 * Locking: the bus takes dev.lock around read, write and reset. A timer or
 * host I/O thread that touches the device takes it, too.
 */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include <pthread.h>

#include "devices/irq.h"

struct device;

enum device_field_kind {
	FIELD_NUMBER, /* `count` integers of `size` bytes: 1, 2, 4 or 8 */
	FIELD_IRQ, /* a struct irq_line: its level, driven again on load */
};

/* One row of a device's state table. Tags are unique and never reused. */
struct device_field {
	u16 tag;
	u8 kind; /* enum device_field_kind */
	u8 size; /* bytes of one element; 0 for FIELD_IRQ */
	u32 count;
	u32 offset; /* in the concrete device */
};

#define DEVICE_NUMBER(tag, type, member) \
	{ \
		(tag), FIELD_NUMBER, sizeof(((type *)0)->member), 1, \
		    offsetof(type, member) \
	}
#define DEVICE_ARRAY(tag, type, member) \
	{ \
		(tag), FIELD_NUMBER, sizeof(((type *)0)->member[0]), \
		    ARRAY_LEN(((type *)0)->member), offsetof(type, member) \
	}
#define DEVICE_IRQ(tag, type, member) \
	{ \
		(tag), FIELD_IRQ, 0, 1, offsetof(type, member) \
	}

struct device_class {
	const char *name; /* "ns16550a" */
	u64 size; /* of the register window, bytes */
	u8 widths; /* accesses that it takes: 1 | 2 | 4 | 8 added up */
	u16 version; /* of the state table */
	const struct device_field *fields;
	u32 nfields;
	/*
	 * off is below `size` and a multiple of n, n is one of `widths`. A
	 * register that does not exist reads as zero and ignores writes.
	 */
	u64 (*read)(struct device *d, u64 off, unsigned n);
	void (*write)(struct device *d, u64 off, unsigned n, u64 value);
	/* Back to the state after power-on, lines low. */
	void (*reset)(struct device *d);
	/* Give everything back, the struct itself included. */
	void (*free)(struct device *d);
};

struct device {
	const struct device_class *cls;
	pthread_mutex_t lock;
};

/* Fill in the common part; calls cls->reset. 0 or -errno. */
int device_init(struct device *d, const struct device_class *cls);
/* Destroy the common part and call cls->free. */
void device_free(struct device *d);
void device_reset(struct device *d);

/*
 * Write the state to buf, at most cap bytes. Returns the bytes needed, also
 * when they are more than cap (then buf is of no use); buf may be NULL.
 */
size_t device_save(struct device *d, u8 *buf, size_t cap);
/*
 * Reset d, then take its state from exactly n bytes. -EINVAL, with d
 * unchanged, when they are not a complete state of this class and version.
 */
int device_load(struct device *d, const u8 *buf, size_t n);

#endif
