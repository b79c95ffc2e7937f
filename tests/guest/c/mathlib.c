/*
 * mathlib.c - the mathematical library, printed to twelve digits: natively
 * it may pick fused operations, which change the last bits.
 */
#include <complex.h>
#include <math.h>

#include "check.h"

int main(void)
{
	static const double at[] = { 0, 0.5, 1, 2.75, -0.3, 10, 100.5, 1e-8,
		1e5 };
	volatile double inf = INFINITY;
	double sum = 0;
	float f = 0;

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		double x = at[i], p = fabs(x) + 1;

		printf("%g: %.12g %.12g %.12g %.12g\n", x, sin(x), cos(x),
		    atan(x), tanh(x));
		printf("   %.12g %.12g %.12g %.12g\n", exp(-p / 9), log(p),
		    pow(p, 0.37), cbrt(x));
		printf("   %.12g %.12g %.12g %.12g\n", sqrt(p), hypot(x, 3),
		    fmod(x, 0.7), lgamma(p));
		printf("   %g %g %g %g %ld %ld\n", floor(x), ceil(x), rint(x),
		    round(x), lrint(x), lround(x));
		printf("   %.6g %.6g\n", sinf((float)x), expf((float)-p / 9));
	}
	for (int i = 1; i < 20000; i++) {
		sum += sin(i) / i;
		f += 1.0f / (float)(i * i % 1000 + 1);
	}
	printf("%.10g %.4g\n", sum, f);
	printf("%g %g %d %d\n", inf, -inf, isnan(inf - inf), isinf(-inf));
	printf("%.10g\n", cabs(cexp(1.0 + 2.0 * I)));
	printf("%d %.12g\n", ilogb(1e300), ldexp(0.75, -1060) * 1e300);
	return 0;
}
