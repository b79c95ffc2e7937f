# coreutils' tests with the installed programs, as `make check` calls them.
case $1 in
prepare)
	mkdir -p built/src
	build-aux/gen-lists-of-programs.sh --list-progs |
	    while read -r p; do
		for f in "/usr/bin/$p" "/usr/sbin/$p"; do
			if [ -x "$f" ]; then
				ln -s "$f" built/src/
				echo "$p"
			fi
		done
	done > built/programs
	ln -s /usr/bin/install built/src/ginstall
	# What Debian's build has of the things that tests ask for.
	for m in HAVE_SETGROUPS HAVE_UTIMENSAT HAVE_LUTIMES HAVE_LINKAT \
	    USE_XATTR USE_ACL HAVE_PTHREAD_T HAVE_GETMNTENT HAVE_INOTIFY \
	    HAVE_OPENAT HAVE_SELINUX_SELINUX_H; do
		echo "#define $m 1"
	done > built/config.h
	cat > built/getlimits.c <<-'END'
	#include <limits.h>
	#include <stdio.h>

	#define UNSIGNED(name, max)                                            \
		printf(name "_MAX=%llu\n" name "_OFLOW=%s\n",                  \
		       (unsigned long long)(max),                              \
		       (max) == ULLONG_MAX ? "18446744073709551616"            \
					   : "4294967296");
	#define SIGNED64(name)                                                 \
		puts(name "_MAX=9223372036854775807\n" name                    \
			  "_OFLOW=9223372036854775808\n" name                  \
			  "_MIN=-9223372036854775808\n" name                   \
			  "_UFLOW=-9223372036854775809");

	int main(void)
	{
		SIGNED64("LONG") SIGNED64("SSIZE") SIGNED64("TIME_T")
		SIGNED64("OFF_T") SIGNED64("INTMAX")
		UNSIGNED("ULONG", ULLONG_MAX) UNSIGNED("SIZE", ULLONG_MAX)
		UNSIGNED("UINTMAX", ULLONG_MAX) UNSIGNED("UINT", UINT_MAX)
		UNSIGNED("UID_T", UINT_MAX) UNSIGNED("GID_T", UINT_MAX)
		printf("INT_MAX=%d\nINT_OFLOW=%u\nINT_MIN=%d\n", INT_MAX,
		       INT_MAX + 1U, INT_MIN);
		printf("INT_UFLOW=%lld\n", INT_MIN - 1LL);
		return 0;
	}
	END
	cc -o built/src/getlimits built/getlimits.c
	;;
list)
	# Root's and, by what they ask for, expensive tests are not run.
	sed -n '/^all_tests =/,/^$/s,^\s*\(tests/[^[:space:]]*\).*,\1,p' \
	    tests/local.mk | while read -r t; do
		grep -Eq '^(require_root_|(very_)?expensive_)' "$t" ||
		    echo "$t"
	done
	;;
run)
	top=$PWD
	programs=$(tr '\n' ' ' < built/programs)
	test=$2
	. tests/lang-default
	tmp=$TMPDIR
	. tests/envvar-check || :
	export TMPDIR=$tmp VERSION=$(cat .tarball-version) LOCALE_FR=none \
	    LOCALE_FR_UTF8=none abs_top_builddir=$top/built \
	    abs_top_srcdir=$top abs_srcdir=$top built_programs=$programs \
	    fail=0 host_os=linux-gnu host_triplet=$(uname -m)-linux-gnu \
	    srcdir=$top top_srcdir=$top CONFIG_HEADER=$top/built/config.h \
	    CU_TEST_NAME=suite,$(echo "$test" | tr / -) CC=cc AWK=gawk \
	    EGREP='grep -E' EXEEXT= MAKE=make PERL=perl SHELL=/bin/sh \
	    PATH=$top/built/src:$PATH
	export PACKAGE_VERSION=$VERSION
	mkdir -p "$TMPDIR/${test%/*}"
	cd "$TMPDIR"
	perl="perl -w -I$top/tests -MCuSkip -MCoreutils -MCuTmpdir=$test"
	case $test in
	*.pl) exec $perl "$top/$test" 9>&2 ;;
	*.xpl) exec $perl -T "$top/$test" 9>&2 ;;
	*) exec sh "$top/$test" 9>&2 ;;
	esac
	;;
esac
