/* fp_bodies.c - attraction among bodies: square roots and divisions. */
#include <math.h>
#include <stdio.h>

enum { N = 5, STEPS = 1500000 };

static struct body {
	double x[3], v[3], mass;
} body[N];

static void step(double dt)
{
	for (int i = 0; i < N; i++)
		for (int j = i + 1; j < N; j++) {
			double d[3], square = 1e-3, pull;

			for (int k = 0; k < 3; k++) {
				d[k] = body[i].x[k] - body[j].x[k];
				square += d[k] * d[k];
			}
			pull = dt / (square * sqrt(square));
			for (int k = 0; k < 3; k++) {
				body[i].v[k] -= d[k] * body[j].mass * pull;
				body[j].v[k] += d[k] * body[i].mass * pull;
			}
		}
	for (int i = 0; i < N; i++)
		for (int k = 0; k < 3; k++)
			body[i].x[k] += dt * body[i].v[k];
}

int main(void)
{
	double sum = 0;

	for (int i = 0; i < N; i++) {
		body[i].mass = i ? 0.01 * i : 10;
		for (int k = 0; k < 3; k++) {
			body[i].x[k] = i * (k + 1) * 1.25 - k * k;
			body[i].v[k] = i ? (i - 2.5) * 0.3 / (k + 1) : 0;
		}
	}
	for (int i = 0; i < STEPS; i++)
		step(0.0005);
	for (int i = 0; i < N; i++)
		sum += body[i].x[0] * body[i].v[1] - body[i].x[2];
	printf("%.17g\n", sum);
	return 0;
}
