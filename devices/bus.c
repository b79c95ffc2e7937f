/*
 * bus.c - windows of devices in guest physical memory; see bus.h.
 *
 * A sorted array searched by halves: a machine has some tens of windows, and
 * what reaches the bus has already left generated code.
 */
#include <stdlib.h>

#include "devices/bus.h"

void bus_init(struct bus *b)
{
	*b = (struct bus){ 0 };
}

void bus_free(struct bus *b)
{
	for (size_t i = 0; i < b->n; i++)
		device_free(b->window[i].dev);
	free(b->window);
	bus_init(b);
}

/* The first window that ends after a; b->n when there is none. */
static size_t window_after(const struct bus *b, gpa_t a)
{
	size_t lo = 0, hi = b->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct bus_window *w = &b->window[mid];

		if (a - w->base < w->size || a < w->base)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int window_room(struct bus *b)
{
	size_t cap = b->cap ? 2 * b->cap : 8;
	struct bus_window *w;

	if (b->n < b->cap)
		return 0;
	w = realloc(b->window, cap * sizeof(*w));
	if (!w)
		return -ENOMEM;
	b->window = w;
	b->cap = cap;
	return 0;
}

int bus_attach(struct bus *b, gpa_t base, struct device *d)
{
	u64 size = d->cls->size;
	size_t i = window_after(b, base);

	/* base + size == 0 is a window that ends with the address space. */
	if (!size || (base + size < base && base + size != 0))
		return -EINVAL;
	if (i < b->n && b->window[i].base <= base + size - 1)
		return -EEXIST;
	if (window_room(b))
		return -ENOMEM;
	memmove(&b->window[i + 1], &b->window[i],
	    (b->n - i) * sizeof(b->window[0]));
	b->window[i] = (struct bus_window){ base, size, d };
	b->n++;
	return 0;
}

int bus_detach(struct bus *b, struct device *d)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->window[i].dev != d)
			continue;
		b->n--;
		memmove(&b->window[i], &b->window[i + 1],
		    (b->n - i) * sizeof(b->window[0]));
		return 0;
	}
	return -ENOENT;
}

/* The window of an access that a device may see, or NULL. */
static const struct bus_window *window_for(
    const struct bus *b, gpa_t a, unsigned n)
{
	size_t i = window_after(b, a);
	const struct bus_window *w = &b->window[i];

	if (i == b->n || a < w->base)
		return NULL;
	if (!(w->dev->cls->widths & n) || (n & (n - 1)) || (a - w->base) % n ||
	    w->size - (a - w->base) < n)
		return NULL;
	return w;
}

struct device *bus_find(const struct bus *b, gpa_t a)
{
	size_t i = window_after(b, a);

	return i < b->n && b->window[i].base <= a ? b->window[i].dev : NULL;
}

bool bus_read(struct bus *b, gpa_t a, unsigned n, u64 *value)
{
	const struct bus_window *w = window_for(b, a, n);

	if (!w)
		return false;
	pthread_mutex_lock(&w->dev->lock);
	*value = w->dev->cls->read(w->dev, a - w->base, n);
	pthread_mutex_unlock(&w->dev->lock);
	if (n < 8)
		*value &= ((u64)1 << (8 * n)) - 1;
	return true;
}

bool bus_write(struct bus *b, gpa_t a, unsigned n, u64 value)
{
	const struct bus_window *w = window_for(b, a, n);

	if (!w)
		return false;
	if (n < 8)
		value &= ((u64)1 << (8 * n)) - 1;
	pthread_mutex_lock(&w->dev->lock);
	w->dev->cls->write(w->dev, a - w->base, n, value);
	pthread_mutex_unlock(&w->dev->lock);
	return true;
}

void bus_reset(struct bus *b)
{
	for (size_t i = 0; i < b->n; i++)
		device_reset(b->window[i].dev);
}
