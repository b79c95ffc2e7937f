/* compile.c - something for a C compiler to compile. */
typedef unsigned long size_t;
void *malloc(size_t);
void free(void *);
int printf(const char *, ...);

struct node {
	struct node *left, *right;
	long key;
	double weight;
};

#define LIST(X) X(alpha) X(beta) X(gamma) X(delta) X(epsilon) X(zeta)
#define FUNCTIONS(name) \
	static struct node *insert_##name(struct node *n, long key) \
	{ \
		if (!n) { \
			n = malloc(sizeof(*n)); \
			*n = (struct node){ 0, 0, key, key * 0.5 }; \
			return n; \
		} \
		if (key < n->key) \
			n->left = insert_##name(n->left, key); \
		else if (key > n->key) \
			n->right = insert_##name(n->right, key); \
		else \
			n->weight += 1.25; \
		return n; \
	} \
	static double total_##name(const struct node *n) \
	{ \
		double sum = 0; \
		for (; n; n = n->right) \
			sum += n->weight + total_##name(n->left); \
		return sum; \
	} \
	static unsigned hash_##name(const char *s, int n) \
	{ \
		unsigned h = sizeof(#name); \
		for (int i = 0; i < n; i++) { \
			switch (s[i] & 7) { \
			case 0: h = h * 31 + s[i]; break; \
			case 1: h ^= h >> 3; break; \
			case 2: h += (unsigned)s[i] << (i & 15); break; \
			case 3: h = h << 7 | h >> 25; break; \
			default: h -= 7u * i; \
			} \
		} \
		return h; \
	}
LIST(FUNCTIONS)

static void multiply(double (*a)[16], double (*b)[16], double (*c)[16])
{
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 16; k++)
			for (int j = 0; j < 16; j++)
				c[i][j] += a[i][k] * b[k][j];
}

int main(void)
{
	static double a[16][16], b[16][16], c[16][16];
	double sum = 0;
	unsigned h = 0;

#define USE(name) \
	{ \
		struct node *n = 0; \
		for (long i = 0; i < 1000; i++) \
			n = insert_##name(n, i * 7919 % 1009); \
		sum += total_##name(n); \
		h ^= hash_##name(#name, sizeof(#name)); \
	}
	LIST(USE)
	multiply(a, b, c);
	printf("%f %u %f\n", sum, h, c[3][4]);
	return 0;
}
