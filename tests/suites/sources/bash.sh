# bash's tests/run-*: each runs a script and diffs what it printed.
case $1 in
prepare)
	for p in recho zecho printenv xcase; do
		cc -O -w -std=gnu89 -include string.h -include unistd.h \
		    -I. -Iinclude -o tests/$p support/$p.c
	done
	;;
list)
	cd tests
	for t in run-*; do
		case $t in
		run-all | run-minimal | run-gprof | *.orig | *~) ;;
		*) echo "$t" ;;
		esac
	done
	;;
run)
	export THIS_SH=/bin/bash BUILD_DIR=$PWD BASH_TSTOUT=$TMPDIR/tstout
	export PATH=$PWD/tests:$PATH
	cd tests
	exec sh "$2"
	;;
esac
