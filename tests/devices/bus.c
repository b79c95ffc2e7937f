/*
 * bus.c - the bus, the device contract and interrupt lines, with a device
 * made for the purpose: four 32-bit registers, a 16-bit log and one line.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "devices/bus.h"

struct probe {
	struct device dev;
	struct irq_line irq;
	u32 reg[4];
	u16 writes;
	u64 stamp;
	u64 last_off, last_value; /* not part of the state */
	int *freed;
};

static u64 probe_read(struct device *d, u64 off, unsigned n)
{
	struct probe *p = (struct probe *)d;

	p->last_off = off;
	/* All ones above: the bus must cut them off. */
	return n == 8 ? p->stamp : ~(u64)0xffffffff | p->reg[off / 4];
}

static void probe_write(struct device *d, u64 off, unsigned n, u64 value)
{
	struct probe *p = (struct probe *)d;

	p->last_off = off;
	p->last_value = value;
	p->writes++;
	if (n == 8)
		p->stamp = value;
	else
		p->reg[off / 4] = (u32)value;
	irq_set(&p->irq, p->reg[0] & 1);
}

static void probe_reset(struct device *d)
{
	struct probe *p = (struct probe *)d;

	memset(p->reg, 0, sizeof(p->reg));
	p->writes = 0;
	p->stamp = 0;
	irq_set(&p->irq, false);
}

static void probe_free(struct device *d)
{
	struct probe *p = (struct probe *)d;

	if (p->freed)
		++*p->freed;
	free(p);
}

static const struct device_field probe_fields[] = {
	DEVICE_ARRAY(1, struct probe, reg),
	DEVICE_NUMBER(2, struct probe, writes),
	DEVICE_NUMBER(3, struct probe, stamp),
	DEVICE_IRQ(4, struct probe, irq),
};

static const struct device_class probe_class = {
	.name = "probe",
	.size = 16,
	.widths = 4 | 8,
	.version = 3,
	.fields = probe_fields,
	.nfields = ARRAY_LEN(probe_fields),
	.read = probe_read,
	.write = probe_write,
	.reset = probe_reset,
	.free = probe_free,
};

static struct probe *probe_new(void)
{
	struct probe *p = calloc(1, sizeof(*p));

	cr_assert_eq(device_init(&p->dev, &probe_class), 0);
	return p;
}

Test(bus, refuses_overlap)
{
	struct bus b;
	struct probe *p[5];
	static const struct {
		gpa_t base;
		int want;
	} row[] = {
		{ 0x1000, 0 }, { 0x1000, -EEXIST }, /* the same */
		{ 0x0ff8, -EEXIST }, /* over its start */
		{ 0x100f, -EEXIST }, /* over its last byte */
		{ 0x0ff0, 0 }, /* ends where it starts */
	};

	bus_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		p[i] = probe_new();
		cr_expect_eq(bus_attach(&b, row[i].base, &p[i]->dev),
		    row[i].want, "row %zu", i);
		if (row[i].want)
			device_free(&p[i]->dev);
	}
	cr_expect_eq(b.n, 2);
	cr_expect_eq(bus_find(&b, 0x1000), &p[0]->dev);
	cr_expect_eq(bus_find(&b, 0x0fff), &p[4]->dev);
	cr_expect_null(bus_find(&b, 0x1010));
	cr_expect_null(bus_find(&b, 0x0fef));
	bus_free(&b);
}

Test(bus, ends_of_the_address_space)
{
	struct bus b;
	struct probe *low = probe_new(), *high = probe_new();
	struct probe *wrap = probe_new();
	u64 v;

	bus_init(&b);
	cr_expect_eq(bus_attach(&b, ~(u64)0 - 7, &wrap->dev), -EINVAL);
	cr_expect_eq(bus_attach(&b, ~(u64)0 - 15, &high->dev), 0);
	cr_expect_eq(bus_attach(&b, 0, &low->dev), 0);
	cr_expect(bus_read(&b, ~(u64)0 - 3, 4, &v));
	cr_expect_eq(high->last_off, 12);
	cr_expect(bus_read(&b, 0, 4, &v));
	device_free(&wrap->dev);
	bus_free(&b);
}

Test(bus, dispatches_offsets)
{
	struct bus b;
	struct probe *p[9];
	u64 v = 0;

	bus_init(&b);
	/* Attached in a mixed order, and enough of them to grow the array. */
	for (u64 i = 0; i < 9; i++) {
		p[i * 4 % 9] = probe_new();
		cr_assert_eq(bus_attach(&b, 0x4000 + 0x20 * (i * 4 % 9),
				 &p[i * 4 % 9]->dev),
		    0);
	}
	for (u64 i = 0; i < 9; i++) {
		gpa_t a = 0x4000 + 0x20 * i;

		cr_expect(bus_write(&b, a + 8, 4, 0xabcd00000000 + i));
		cr_expect_eq(p[i]->last_off, 8);
		cr_expect_eq(p[i]->last_value, i, "upper half not cut off");
		cr_expect(bus_read(&b, a + 8, 4, &v));
		cr_expect_eq(v, i);
		cr_expect_not(bus_read(&b, a + 16, 4, &v), "gap");
	}
	bus_reset(&b);
	cr_expect(bus_read(&b, 0x4008 + 0x20 * 5, 4, &v));
	cr_expect_eq(v, 0);
	bus_free(&b);
}

Test(bus, refuses_bad_accesses)
{
	struct bus b;
	struct probe *p = probe_new();
	u64 v = 77;

	bus_init(&b);
	cr_expect_not(bus_read(&b, 0x1000, 4, &v), "empty bus");
	cr_assert_eq(bus_attach(&b, 0x1000, &p->dev), 0);
	cr_expect_not(bus_read(&b, 0x1000, 1, &v), "width not taken");
	cr_expect_not(bus_read(&b, 0x1000, 12, &v), "no width at all");
	cr_expect_not(bus_read(&b, 0x1002, 4, &v), "not aligned");
	cr_expect_not(bus_read(&b, 0x100c, 8, &v), "over the end");
	cr_expect_not(bus_write(&b, 0x1010, 4, 1), "after the end");
	cr_expect_not(bus_write(&b, 0x0ffc, 4, 1), "before the start");
	cr_expect_eq(v, 77);
	cr_expect_eq(p->writes, 0);
	cr_expect(bus_read(&b, 0x1008, 8, &v));
	bus_free(&b);
}

Test(bus, owns_its_devices)
{
	struct bus b;
	struct probe *p = probe_new(), *q = probe_new();
	int freed = 0;

	p->freed = q->freed = &freed;
	bus_init(&b);
	cr_assert_eq(bus_attach(&b, 0x1000, &p->dev), 0);
	cr_assert_eq(bus_attach(&b, 0x2000, &q->dev), 0);
	cr_expect_eq(bus_detach(&b, &p->dev), 0);
	cr_expect_eq(bus_detach(&b, &p->dev), -ENOENT);
	cr_expect_null(bus_find(&b, 0x1000));
	cr_expect_eq(bus_find(&b, 0x2000), &q->dev);
	bus_free(&b);
	cr_expect_eq(freed, 1);
	device_free(&p->dev);
	cr_expect_eq(freed, 2);
}

struct wire {
	int edges;
	u32 pin;
	bool level;
};

static void wire_sink(void *ctx, u32 pin, bool level)
{
	struct wire *w = ctx;

	w->edges++;
	w->pin = pin;
	w->level = level;
}

Test(irq, sink_hears_changes_only)
{
	struct irq_line l = { 0 };
	struct wire w = { 0 };

	irq_set(&l, true); /* nobody listens */
	irq_connect(&l, wire_sink, &w, 10);
	cr_expect_eq(w.edges, 1, "told of a line that is up");
	cr_expect_eq(w.pin, 10);
	irq_set(&l, true);
	cr_expect_eq(w.edges, 1);
	irq_set(&l, false);
	cr_expect_eq(w.edges, 2);
	cr_expect_not(w.level);
	irq_pulse(&l);
	cr_expect_eq(w.edges, 4);
	cr_expect_not(w.level);
}

/* A device with something in every field, saved into buf. */
static size_t saved_probe(struct probe *p, u8 *buf, size_t cap)
{
	probe_write(&p->dev, 0, 4, 0x11223345);
	probe_write(&p->dev, 12, 4, 0xdeadbeef);
	probe_write(&p->dev, 8, 8, 0x0123456789abcdef);
	return device_save(&p->dev, buf, cap);
}

Test(device, state_round_trip)
{
	struct probe *p = probe_new(), *q = probe_new();
	struct wire w = { 0 };
	u8 buf[128], again[128];
	size_t n = saved_probe(p, buf, sizeof(buf));

	cr_assert_eq(n, 4 + (8 + 16) + (8 + 2) + (8 + 8) + (8 + 1));
	cr_expect_eq(device_save(&p->dev, NULL, 0), n);
	/* Little-endian, by hand: version 3, 4 fields, tag 1, size 4 x 4. */
	cr_expect_arr_eq(buf,
	    ((u8[]){
		3, 0, 4, 0, 1, 0, 4, 0, 4, 0, 0, 0, 0x45, 0x33, 0x22, 0x11 }),
	    16);
	irq_connect(&q->irq, wire_sink, &w, 1);
	q->reg[1] = 99; /* must not survive */
	cr_assert_eq(device_load(&q->dev, buf, n), 0);
	cr_expect_eq(q->reg[0], 0x11223345);
	cr_expect_eq(q->reg[1], 0);
	cr_expect_eq(q->reg[3], 0xdeadbeef);
	cr_expect_eq(q->writes, 3);
	cr_expect_eq(q->stamp, 0x0123456789abcdef);
	cr_expect(w.level, "the line is driven again");
	cr_expect_eq(device_save(&q->dev, again, sizeof(again)), n);
	cr_expect_arr_eq(again, buf, n);
	device_free(&p->dev);
	device_free(&q->dev);
}

Test(device, refuses_damaged_state)
{
	struct probe *p = probe_new(), *q = probe_new();
	u8 buf[128];
	size_t n = saved_probe(p, buf, sizeof(buf));
	/* Bytes of the heads of state and fields: a change must be noticed. */
	static const u8 head[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 28, 30, 32 };

	q->reg[1] = 99;
	for (size_t k = 0; k < n; k++)
		cr_expect_eq(device_load(&q->dev, buf, k), -EINVAL);
	cr_expect_eq(device_load(&q->dev, buf, n + 1), -EINVAL);
	for (size_t k = 0; k < ARRAY_LEN(head); k++) {
		buf[head[k]] ^= 0x40;
		cr_expect_eq(
		    device_load(&q->dev, buf, n), -EINVAL, "byte %u", head[k]);
		buf[head[k]] ^= 0x40;
	}
	cr_expect_eq(q->reg[1], 99, "changed by a refused state");
	cr_expect_eq(device_load(&q->dev, buf, n), 0);
	device_free(&p->dev);
	device_free(&q->dev);
}
