/*
 * device.c - life of a device, and its state in and out; see device.h.
 *
 * A saved state is
 *	u16 version, u16 number of fields, then for each field, in the order
 *	of the table: u16 tag, u16 element size, u32 count, the elements.
 * An interrupt line counts as one element of one byte.
 */
#include "devices/device.h"

enum { STATE_HEAD = 4, FIELD_HEAD = 8 };

int device_init(struct device *d, const struct device_class *cls)
{
	int err;

	d->cls = cls;
	err = pthread_mutex_init(&d->lock, NULL);
	if (err)
		return -err;
	cls->reset(d);
	return 0;
}

void device_free(struct device *d)
{
	pthread_mutex_destroy(&d->lock);
	d->cls->free(d);
}

void device_reset(struct device *d)
{
	pthread_mutex_lock(&d->lock);
	d->cls->reset(d);
	pthread_mutex_unlock(&d->lock);
}

static unsigned element_size(const struct device_field *f)
{
	return f->kind == FIELD_IRQ ? 1 : f->size;
}

static size_t state_size(const struct device_class *cls)
{
	size_t n = STATE_HEAD;

	for (u32 i = 0; i < cls->nfields; i++)
		n += FIELD_HEAD +
		    (size_t)element_size(&cls->fields[i]) *
			cls->fields[i].count;
	return n;
}

static u8 *put(u8 *p, unsigned n, u64 v)
{
	for (unsigned i = 0; i < n; i++)
		*p++ = (u8)(v >> (8 * i));
	return p;
}

static u64 get(const u8 **p, unsigned n)
{
	u64 v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (u64)(*p)[i] << (8 * i);
	*p += n;
	return v;
}

/* The number of n bytes at host address p, which may be packed. */
static u64 number_load(const void *p, unsigned n)
{
	u8 a;
	u16 b;
	u32 c;
	u64 d;

	switch (n) {
	case 1: return memcpy(&a, p, 1), a;
	case 2: return memcpy(&b, p, 2), b;
	case 4: return memcpy(&c, p, 4), c;
	default: return memcpy(&d, p, 8), d;
	}
}

static void number_store(void *p, unsigned n, u64 v)
{
	u8 a = (u8)v;
	u16 b = (u16)v;
	u32 c = (u32)v;

	switch (n) {
	case 1: memcpy(p, &a, 1); break;
	case 2: memcpy(p, &b, 2); break;
	case 4: memcpy(p, &c, 4); break;
	default: memcpy(p, &v, 8); break;
	}
}

size_t device_save(struct device *d, u8 *buf, size_t cap)
{
	const struct device_class *cls = d->cls;
	size_t need = state_size(cls);
	u8 *p = buf;

	if (!buf || cap < need)
		return need;
	pthread_mutex_lock(&d->lock);
	p = put(p, 2, cls->version);
	p = put(p, 2, cls->nfields);
	for (u32 i = 0; i < cls->nfields; i++) {
		const struct device_field *f = &cls->fields[i];
		const u8 *from = (const u8 *)d + f->offset;
		unsigned n = element_size(f);

		p = put(p, 2, f->tag);
		p = put(p, 2, n);
		p = put(p, 4, f->count);
		for (u32 k = 0; k < f->count; k++) {
			const void *e = from + (size_t)k * n;
			u64 v = f->kind == FIELD_IRQ ?
			    ((const struct irq_line *)e)->level :
			    number_load(e, n);

			p = put(p, n, v);
		}
	}
	pthread_mutex_unlock(&d->lock);
	assert((size_t)(p - buf) == need);
	return need;
}

/* True when buf has the shape that device_save of this class gives it. */
static bool state_fits(const struct device_class *cls, const u8 *buf, size_t n)
{
	if (n != state_size(cls) || get(&buf, 2) != cls->version ||
	    get(&buf, 2) != cls->nfields)
		return false;
	for (u32 i = 0; i < cls->nfields; i++) {
		const struct device_field *f = &cls->fields[i];
		unsigned size = element_size(f);

		if (get(&buf, 2) != f->tag || get(&buf, 2) != size ||
		    get(&buf, 4) != f->count)
			return false;
		buf += (size_t)size * f->count;
	}
	return true;
}

int device_load(struct device *d, const u8 *buf, size_t n)
{
	const struct device_class *cls = d->cls;
	const u8 *p = buf + STATE_HEAD;

	if (!state_fits(cls, buf, n))
		return -EINVAL;
	pthread_mutex_lock(&d->lock);
	cls->reset(d);
	for (u32 i = 0; i < cls->nfields; i++) {
		const struct device_field *f = &cls->fields[i];
		u8 *to = (u8 *)d + f->offset;
		unsigned size = element_size(f);

		p += FIELD_HEAD;
		for (u32 k = 0; k < f->count; k++) {
			u64 v = get(&p, size);

			if (f->kind == FIELD_IRQ)
				irq_set((struct irq_line *)(void *)to, v != 0);
			else
				number_store(to + (size_t)k * size, size, v);
		}
	}
	pthread_mutex_unlock(&d->lock);
	return 0;
}
