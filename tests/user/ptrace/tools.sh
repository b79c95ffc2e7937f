#!/bin/sh
# tools.sh METIC ROOT TARGET - strace and gdb for riscv64 from ROOT trace
# TARGET (target.c). What ROOT does not have is SKIPPED; nothing there: 77.
set -u
metic=$1
root=$2
target=$3
ran=0
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
	ran=1
}

if [ -x "$root/usr/bin/strace" ]; then
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
else
	echo "SKIPPED: no strace in $root"
fi

if [ -x "$root/usr/bin/gdb" ] && [ -e "$root/usr/bin/sh" ]; then
	SHELL=/bin/sh timeout 60 "$metic" run -L "$root" /usr/bin/gdb -q -nx \
	    -batch -x "$(dirname "$0")/session.gdb" "$target" \
	    > "$out" 2>&1 < /dev/null
	want gdb 'Breakpoint 1, add (x=0)' 'main (argc=1' '^.1 = 0' \
	    'Value returned is .* = 0' 'all_here ()' 'worker (arg=0x0)' \
	    'received signal SIGUSR1' 'Catchpoint .*forked process' \
	    'total 1021 child 3' 'exited with code 07'
else
	echo "SKIPPED: no gdb in $root"
fi
[ $ran = 1 ] || exit 77
exit $failed
