#!/bin/sh
# tools.sh strace|gdb METIC ROOT TARGET - that tool for riscv64, from ROOT,
# traces TARGET (target.c). SKIPPED, with status 77, where ROOT has it not.
set -u
tool=$1
metic=$2
root=$3
target=$4
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# want NAME PATTERN...: each must be in the output.
want() {
	name=$1
	shift
	for p in "$@"; do
		grep -q -e "$p" "$out" && continue
		echo "FAILED: $name: no line like: $p"
		failed=1
	done
}

[ -x "$root/usr/bin/$tool" ] || {
	echo "SKIPPED: no $tool in $root"
	exit 77
}

case $tool in
strace)
	timeout 60 "$metic" run -L "$root" /usr/bin/strace -f "$target" \
	    > "$out" 2>&1
	[ $? = 7 ] || { echo "FAILED: strace: exit status"; failed=1; }
	want strace '^execve(' 'Process .* attached' 'SIGUSR1 {si_signo' \
	    'clone(.*CLONE_THREAD' 'exited with 3' 'exit_group(7)' \
	    'exited with 7'
	"$metic" run "$target" 200 > /dev/null &
	pid=$!
	sleep 1
	timeout -s INT 1 "$metic" run -L "$root" /usr/bin/strace -p $pid \
	    > "$out" 2>&1
	wait $pid
	[ $? = 7 ] || { echo "FAILED: strace -p: exit status"; failed=1; }
	want "strace -p" 'getppid()'
	;;
gdb)
	SHELL=/bin/sh timeout 60 "$metic" run -L "$root" /usr/bin/gdb -q -nx \
	    -batch -x "$(dirname "$0")/session.gdb" "$target" \
	    > "$out" 2>&1 < /dev/null
	want gdb 'Breakpoint 1, add (x=0)' 'main (argc=1' '^.1 = 0' \
	    'Value returned is .* = 0' 'all_here ()' 'worker (arg=0x0)' \
	    'received signal SIGUSR1' 'Catchpoint .*forked process' \
	    'total 1021 child 3' 'exited with code 07'
	;;
esac
exit $failed
