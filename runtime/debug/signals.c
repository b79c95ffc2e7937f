/*
 * signals.c - signal numbers of the protocol: GDB's own (include/gdb/
 * signals.def there), the same for all systems. The guest's are Linux's
 * generic ones.
 */
#include "runtime/debug/stub.h"

/* GDB's number of Linux signal 1, 2 ... 31; 16 (SIGSTKFLT) has none. */
static const u8 classic[] = { 1, 2, 3, 4, 5, 6, 10, 8, 9, 30, 11, 31, 13, 14,
	15, 0, 20, 19, 17, 18, 21, 22, 16, 24, 25, 26, 27, 28, 23, 32, 12 };

enum { GDB_RT33 = 45, GDB_RT32 = 77, GDB_RT64 = 78, GDB_UNKNOWN = 143 };

int debug_signal_to_gdb(int sig)
{
	if (sig >= 1 && sig <= (int)ARRAY_LEN(classic))
		return classic[sig - 1] ? classic[sig - 1] : GDB_UNKNOWN;
	if (sig >= 33 && sig <= 63)
		return GDB_RT33 + sig - 33;
	return sig == 32 ? GDB_RT32 : sig == 64 ? GDB_RT64 : GDB_UNKNOWN;
}

int debug_signal_from_gdb(int sig)
{
	for (int s = 1; s <= 64; s++)
		if (debug_signal_to_gdb(s) == sig && sig != GDB_UNKNOWN)
			return s;
	return 0;
}
