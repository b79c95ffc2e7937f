/*
 * bus.h - which device answers at which guest physical address.
 *
 * Windows never overlap: attaching refuses it, so that every address has at
 * most one owner whatever the order of attachment. The bus owns its devices.
 *
 * Thread rules: attach and detach only while no vCPU runs; read and write
 * from any thread (each device has its lock).
 */
#ifndef DEVICES_BUS_H
#define DEVICES_BUS_H

#include "devices/device.h"

struct bus_window {
	gpa_t base;
	u64 size;
	struct device *dev;
};

struct bus {
	struct bus_window *window; /* sorted by base */
	size_t n, cap;
};

void bus_init(struct bus *b);
/* Free the devices and the bus's own memory. */
void bus_free(struct bus *b);
/*
 * Put d at `base`; the bus owns it from then on. -EEXIST: overlaps another
 * window; -EINVAL: no size, or past the end of the address space; -ENOMEM.
 * After an error d still belongs to the caller.
 */
int bus_attach(struct bus *b, gpa_t base, struct device *d);
/* Take d away again; it belongs to the caller. -ENOENT: not attached. */
int bus_detach(struct bus *b, struct device *d);
/* The device at address a, or NULL. */
struct device *bus_find(const struct bus *b, gpa_t a);
/*
 * Access n bytes (1, 2, 4, 8) at a. False, which the guest sees as an access
 * fault, when nothing is there, the access is not aligned, or the device
 * does not take that width.
 */
bool bus_read(struct bus *b, gpa_t a, unsigned n, u64 *value);
bool bus_write(struct bus *b, gpa_t a, unsigned n, u64 value);
/* Reset all devices, in the order of their addresses. */
void bus_reset(struct bus *b);

#endif
