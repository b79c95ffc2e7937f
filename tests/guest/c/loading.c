/* loading.c - a shared library loaded by name while the program runs. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "check.h"

int main(void)
{
	void *lib = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
	double (*cosine)(double);
	Dl_info info;

	NEED(lib);
	*(void **)&cosine = dlsym(lib, "cos");
	CHECK(cosine && cosine(0.0) == 1.0);
	CHECK(dladdr(*(void **)&cosine, &info) && info.dli_fname &&
	    strstr(info.dli_fname, "libm"));
	CHECK(dlsym(lib, "no_such_symbol") == NULL && dlerror() != NULL);
	CHECK(dlclose(lib) == 0);
	CHECK(dlopen("libnothing.so.9", RTLD_NOW) == NULL);
	return 0;
}
