/* strings.c - string and memory functions right up to a page's end. */
#define _GNU_SOURCE
#include <ctype.h>
#include <sys/mman.h>

#include "check.h"

enum { PAGE = 4096 };

/* n bytes of room that end where nothing is mapped. */
static char *edge(size_t n)
{
	static char *base;

	if (!base) {
		base = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		NEED(base != MAP_FAILED);
		NEED(mprotect(base + PAGE, PAGE, PROT_NONE) == 0);
	}
	return base + PAGE - n;
}

static void lengths(void)
{
	uint64_t h = 0;

	for (size_t n = 0; n < 130; n++) {
		char *s = edge(n + 1);

		memset(s, 'a' + (char)(n % 26), n);
		s[n] = 0;
		h = fold(h, strlen(s));
		h = fold(h, strnlen(s, n / 2));
		h = fold(h, memchr(s, 0, n + 1) == s + n);
		h = fold(h, strchr(s, '!') == NULL);
		h = fold(h, strchrnul(s, '!') == s + n);
		h = fold(h, (uint64_t)(strrchr(s, s[0]) - s));
		if (n)
			s[n - 1] = '!';
		h = fold(h, (uint64_t)(strchr(s, n ? '!' : 0) - s));
	}
	printf("lengths %016llx\n", (unsigned long long)h);
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void comparisons(void)
{
	static char a[256];
	uint64_t h = 0, x = 9;

	for (size_t n = 1; n < 100; n++) {
		char *b = edge(n + 1);
		size_t k = next_random(&x) % n;

		for (size_t i = 0; i < n; i++)
			a[i] = b[i] = (char)(next_random(&x) % 200 + 1);
		a[n] = b[n] = 0;
		h = fold(h, (uint64_t)strcmp(a, b));
		b[k] ^= 0x55;
		h = fold(h, (uint64_t)sign(strcmp(a, b)));
		h = fold(h, (uint64_t)sign(memcmp(a, b, n)));
		h = fold(h, (uint64_t)sign(strncmp(a, b, k + 1)));
		h = fold(h, (uint64_t)strncmp(a, b, k));
		h = fold(h, (uint64_t)sign(strcasecmp("MiXed", "mixEE")));
	}
	printf("comparisons %016llx\n", (unsigned long long)h);
}

/* All alignments and many lengths, with the bytes around kept. */
static void copies(void)
{
	static unsigned char from[512], to[512];
	uint64_t h = 0, x = 77;

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)next_random(&x);
	for (unsigned s = 0; s < 9; s++)
		for (unsigned d = 0; d < 9; d++)
			for (size_t n = 0; n < 150; n += 1 + n / 20) {
				memset(to, 0xee, sizeof(to));
				memcpy(to + 16 + d, from + s, n);
				memmove(to + 200 + d, to + 198 + s, n);
				memmove(to + 198 + s, to + 200 + d, n);
				memset(to + 420 + d, (int)n, n % 60);
				for (int i = 0; i < 512; i++)
					h = h * 31 + to[i];
			}
	for (size_t n = 0; n < 100; n++) {
		char *e = edge(n + 1);

		memcpy(e, from, n);
		e[n] = 0;
		memmove(to, e, n + 1);
		h = h * 31 + to[n / 2];
	}
	printf("copies %016llx\n", (unsigned long long)h);
}

static void texts(void)
{
	char buf[200], *save, *p = strdup("delta--gamma-delta");
	char list[] = "one,two,,three;four";

	strcpy(buf, "alpha");
	strcat(buf, "-beta");
	strncat(buf, p + 6, 6);
	puts(buf);
	printf("%s %zu %zu\n", strstr(buf, "ta-g"), strspn(buf, "aplh"),
	    strcspn(buf, "-"));
	for (p = strtok_r(list, ",;", &save); p;
	     p = strtok_r(NULL, ",;", &save))
		printf("<%s>", p);
	putchar('\n');
	for (p = buf; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	puts(buf);
	printf("%ld ", strtol("-123abc", &p, 10));
	printf("%s %lu %lld\n", p, strtoul("0xffffffffff", NULL, 0),
	    strtoll("777", NULL, 8));
	printf("%.17g %g %g %a\n", strtod("0.1", NULL), strtod("1e400", NULL),
	    strtod("-4.9e-324", NULL), strtod("0x1.8p3", NULL));
	printf("%5d|%-8s|%08.3f|%+e|%g|%x|%o|%c|%%|%10.4s|%lld\n", 42, "left",
	    3.14159265, 12345.678, 1e-10, 0xbeefu, 8u, 'z', "truncated",
	    -9223372036854775807LL - 1);
	sscanf("17 2.5 word", "%d %lf %s", &(int){ 0 }, &(double){ 0 }, buf);
	puts(buf);
}

int main(void)
{
	lengths();
	comparisons();
	copies();
	texts();
	return 0;
}
