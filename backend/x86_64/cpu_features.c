/*
 * cpu_features.c - see cpu_features.h. The compiler's run-time library asks
 * cpuid (and XGETBV, for AVX) once per process and keeps the answer.
 */
#include "backend/x86_64/cpu_features.h"

#include <stdio.h>

struct x86_features x86_features_host(void)
{
	__builtin_cpu_init();
	bool bmi2 = __builtin_cpu_supports("bmi2");
	bool avx = __builtin_cpu_supports("avx");
	bool sse41 = __builtin_cpu_supports("sse4.1");
	return (struct x86_features){
		.bmi1 = __builtin_cpu_supports("bmi"),
		.bmi2 = bmi2,
		/*
		 * clang's library does not know these two; every CPU with
		 * BMI2 has them (both belong to x86-64-v3).
		 */
		.lzcnt = bmi2,
		.movbe = bmi2,
		.popcnt = __builtin_cpu_supports("popcnt"),
		.sse41 = sse41,
		.avx = avx,
		.fma = avx && __builtin_cpu_supports("fma"),
		.pclmul = sse41 && __builtin_cpu_supports("pclmul"),
		.aes = sse41 && __builtin_cpu_supports("aes"),
	};
}

const char *x86_features_text(char *buf, size_t n)
{
	struct x86_features f = x86_features_host();

	snprintf(buf, n, "x86-64%s%s%s%s%s%s%s%s%s%s", f.sse41 ? " sse4.1" : "",
	    f.popcnt ? " popcnt" : "", f.lzcnt ? " lzcnt" : "",
	    f.bmi1 ? " bmi1" : "", f.bmi2 ? " bmi2" : "",
	    f.movbe ? " movbe" : "", f.avx ? " avx" : "", f.fma ? " fma" : "",
	    f.pclmul ? " pclmul" : "", f.aes ? " aes" : "");
	return buf;
}
