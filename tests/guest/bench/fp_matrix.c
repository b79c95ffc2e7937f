/* fp_matrix.c - matrix products, double and single precision. */
#include <stdio.h>

enum { N = 320 };

static double a[N][N], b[N][N], c[N][N];
static float fa[N][N], fb[N][N], fc[N][N];

int main(void)
{
	double sum = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = fa[i][j] = (float)(i * j % 17) * 0.25f;
			b[i][j] = fb[i][j] = (float)(i + j) / 64;
		}
	for (int round = 0; round < 6; round++)
		for (int i = 0; i < N; i++)
			for (int k = 0; k < N; k++)
				for (int j = 0; j < N; j++) {
					c[i][j] += a[i][k] * b[k][j];
					fc[i][j] += fa[i][k] * fb[k][j];
				}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			sum += c[i][j] - (double)fc[i][j] * 0.5;
	printf("%.17g\n", sum);
	return 0;
}
