/* args.c - what the kernel hands to a new program, and its exit status. */
#include <elf.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "check.h"

int main(int argc, char **argv)
{
	const unsigned char *seed = (void *)getauxval(AT_RANDOM);
	unsigned sum = 0;

	printf("argc %d\n", argc);
	for (int i = 1; i < argc; i++)
		printf("argv[%d] = <%s>\n", i, argv[i]);
	CHECK(argv[argc] == NULL);
	printf("ONE=%s TWO=%s\n", getenv("ONE"), getenv("TWO"));
	printf("THREE %s\n", getenv("THREE") ? "set" : "unset");
	CHECK(getauxval(AT_PAGESZ) == 4096);
	CHECK(sysconf(_SC_PAGESIZE) == 4096);
	CHECK(getauxval(AT_UID) == getuid());
	CHECK(getauxval(AT_SECURE) == 0);
	CHECK(getauxval(AT_PHNUM) > 0 && getauxval(AT_PHNUM) < 64);
	CHECK(getauxval(AT_ENTRY) != 0);
	CHECK(getauxval(AT_EXECFN) != 0);
	CHECK(getauxval(AT_CLKTCK) == 100);
	NEED(seed);
	for (int i = 0; i < 16; i++)
		sum |= seed[i];
	CHECK(sum != 0);
	CHECK(((uintptr_t)__builtin_frame_address(0) & 15) == 0);
	return 7;
}
