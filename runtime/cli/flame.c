/*
 * flame.c - a profile as a flame graph: one SVG file that needs nothing else.
 *
 * Width is CPU time, each box stands on its caller, neighbours are in the
 * order of their names. A click widens a box to the whole picture, a click on
 * the lowest one goes back; without scripts the picture is still right.
 */
#include "profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1200.0
#define ROW 17
#define HEAD 64 /* title and what the picture is made of */
#define LETTER 6.6 /* width of one, monospaced */
#define LEAST 0.2 /* narrower boxes are left out */

struct node {
	const char *name, *object;
	char *own; /* name, if it is ours to free */
	uint64_t ns;
	struct node *child, *next;
};

static struct node *child_of(
    struct node *n, const char *name, const char *object, bool copy)
{
	struct node **at = &n->child;
	int c = 1;

	for (; *at; at = &(*at)->next) {
		c = strcmp((*at)->name, name);
		c = c ? c : strcmp((*at)->object, object);
		if (c >= 0)
			break;
	}
	if (*at && c == 0)
		return *at;
	struct node *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->own = copy ? strdup(name) : NULL;
	k->name = copy ? (k->own ? k->own : "") : name;
	k->object = object;
	k->next = *at;
	*at = k;
	return k;
}

static void add(struct node **at, uint64_t ns, const char *name,
    const char *object, bool copy)
{
	if (*at)
		*at = child_of(*at, name, object, copy);
	if (*at)
		(*at)->ns += ns;
}

static void grow(struct node *root, const struct prof *p)
{
	char leaf[64];

	for (size_t i = 0; i < p->nstacks; i++) {
		const struct prof_stack *s = &p->stack[i];
		struct node *at = root;
		root->ns += s->ns;
		add(&at, s->ns, s->program, "", false);
		if (s->cut)
			add(&at, s->ns, "[...]", "", false);
		for (uint32_t k = 0; k < s->depth; k++) {
			const struct prof_function *f =
			    &p->function[s->frame[k]];
			add(&at, s->ns, *f->name ? f->name : f->object,
			    f->object, false);
		}
		if (prof_leaf(s, leaf, sizeof(leaf)))
			add(&at, s->ns, leaf, "", true);
	}
}

static void prune(struct node *n)
{
	while (n->child) {
		struct node *c = n->child;
		n->child = c->next;
		prune(c);
		free(c->own);
		free(c);
	}
}

static unsigned height(const struct node *n, double scale)
{
	unsigned most = 0;

	for (const struct node *c = n->child; c; c = c->next) {
		unsigned h =
		    (double)c->ns * scale < LEAST ? 0 : height(c, scale);
		most = h > most ? h : most;
	}
	return most + 1;
}

static void put_text(FILE *f, const char *s, size_t most)
{
	for (size_t i = 0; *s && i < most; s++, i++) {
		switch (*s) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		default: fputc((unsigned char)*s < ' ' ? '?' : *s, f);
		}
	}
}

/* Warm for the guest, each file its own hue; cool for what is metic's. */
static void colour(const struct node *n, char *buf, size_t size)
{
	unsigned h = 5381;

	for (const char *s = n->object; *s; s++)
		h = h * 33 + (unsigned char)*s;
	if (!strncmp(n->name, "[syscall", 8))
		snprintf(buf, size, "hsl(205,60%%,72%%)");
	else if (n->name[0] == '[')
		snprintf(buf, size, "hsl(260,25%%,78%%)");
	else if (!*n->object)
		snprintf(buf, size, "hsl(0,0%%,82%%)");
	else
		snprintf(
		    buf, size, "hsl(%u,80%%,%u%%)", h % 60, 62 + h / 64 % 14);
}

struct picture {
	FILE *f;
	double scale; /* of ns */
	unsigned rows;
	uint64_t ns;
};

static void draw(
    const struct picture *p, const struct node *n, double x, unsigned depth)
{
	double w = (double)n->ns * p->scale;
	unsigned y = HEAD + (p->rows - 1 - depth) * ROW;
	size_t fits = w > 2 * LETTER ? (size_t)((w - 4) / LETTER) : 0;
	char fill[32];

	if (w < LEAST)
		return;
	colour(n, fill, sizeof(fill));
	fputs("<g data-n=\"", p->f);
	put_text(p->f, n->name, 512);
	fprintf(p->f,
	    "\" data-x=\"%.3f\" data-w=\"%.3f\" data-d=\"%u\"><title>", x, w,
	    depth);
	put_text(p->f, n->name, 512);
	if (*n->object) {
		fputs(" (", p->f);
		put_text(p->f, n->object, 256);
		fputs(")", p->f);
	}
	fprintf(p->f, ", %.0f ms, %.2f%%</title>", (double)n->ns / 1e6,
	    100.0 * (double)n->ns / (double)p->ns);
	fprintf(p->f,
	    "<rect x=\"%.3f\" y=\"%u\" width=\"%.3f\" height=\"%d\" "
	    "fill=\"%s\"/>",
	    x, y, w, ROW - 1, fill);
	fprintf(p->f, "<text x=\"%.3f\" y=\"%u\">", x + 2, y + ROW - 5);
	if (fits >= 2)
		put_text(p->f, n->name, fits);
	fputs("</text></g>\n", p->f);
	for (const struct node *c = n->child; c; c = c->next) {
		draw(p, c, x, depth + 1);
		x += (double)c->ns * p->scale;
	}
}

static const char script[] =
    "<script><![CDATA[\n"
    "const all = [...document.querySelectorAll('g[data-n]')];\n"
    "const v = (g, k) => +g.dataset[k];\n"
    "function zoom(to) {\n"
    "  const x0 = v(to, 'x'), s = 1200 / v(to, 'w'), d = v(to, 'd');\n"
    "  for (const g of all) {\n"
    "    const x = v(g, 'x'), w = v(g, 'w');\n"
    "    const below = v(g, 'd') < d && x <= x0 + 1e-3 &&\n"
    "      x + w >= x0 + v(to, 'w') - 1e-3;\n"
    "    const inside = v(g, 'd') >= d && x >= x0 - 1e-3 &&\n"
    "      x + w <= x0 + v(to, 'w') + 1e-3;\n"
    "    g.style.display = below || inside ? '' : 'none';\n"
    "    const nx = below ? 0 : (x - x0) * s, nw = below ? 1200 : w * s;\n"
    "    const r = g.querySelector('rect'), t = g.querySelector('text');\n"
    "    r.setAttribute('x', nx); r.setAttribute('width', nw);\n"
    "    t.setAttribute('x', nx + 2);\n"
    "    const fit = Math.floor((nw - 4) / 6.6);\n"
    "    t.textContent = fit < 2 ? '' : g.dataset.n.slice(0, fit);\n"
    "  }\n"
    "}\n"
    "for (const g of all) g.addEventListener('click', () => zoom(g));\n"
    "]]></script>\n";

void prof_flame(const struct prof *p, FILE *f)
{
	struct node root = { .name = "all", .object = "" };

	grow(&root, p);
	struct picture pic = { .f = f, .ns = root.ns ? root.ns : 1 };
	pic.scale = WIDTH / (double)pic.ns;
	pic.rows = height(&root, pic.scale);
	fprintf(f,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
	    "height=\"%u\" font-family=\"monospace\" font-size=\"11\">\n"
	    "<style>g{cursor:pointer}rect:hover{stroke:#000}</style>\n"
	    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
	    "<text x=\"4\" y=\"16\" font-size=\"14\">metic: ",
	    WIDTH, HEAD + pic.rows * ROW + 8);
	put_text(f, p->nprocesses ? p->process[0].program : "?", 64);
	fprintf(f,
	    ", %.3f s of CPU time of %zu process%s</text>\n"
	    "<text x=\"4\" y=\"34\">Stacks are the guest calls on metic's own "
	    "return stack, the 64 innermost; no frame pointers are needed. "
	    "Inlined functions and tail calls are not on it;</text>\n"
	    "<text x=\"4\" y=\"48\">after a longjmp it may still have calls "
	    "that are over, and after a flush of the code cache it lacks "
	    "those of before. [...] stands for more frames.</text>\n",
	    (double)p->ns / 1e9, p->nprocesses, p->nprocesses == 1 ? "" : "es");
	if (root.ns)
		draw(&pic, &root, 0, 0);
	fputs(script, f);
	fputs("</svg>\n", f);
	prune(&root);
}
