#!/bin/sh
# sysroot.sh METIC TIER SOURCE - sysroot.c natively below a directory, and as a
# guest with such a directory as its sysroot: both must print the same. 77
# (skip) when there is no cross compiler.
set -u

metic=$1
tier=$2
source=$3
cross=riscv64-linux-gnu-gcc
command -v $cross > /dev/null || { echo "SKIPPED: no $cross"; exit 77; }

dir=$(mktemp -d /var/tmp/sysroot.XXXXXX) || exit 99 # /tmp is always the host's
trap 'rm -rf "$dir"' EXIT
cc -O1 -o "$dir/native" "$source" || exit 99
$cross -O1 -static -o "$dir/guest" "$source" || exit 99
# Mounts are to be seen nowhere else; unprivileged, they are left out.
apart=
unshare -m true 2> /dev/null && apart="unshare -m"
mkdir "$dir/root1" "$dir/root2" "$dir/out1" "$dir/out2"

$apart "$dir/native" "$dir/root1" "$dir/out1" > "$dir/native.out" 2>&1
echo "status $?" >> "$dir/native.out"
$apart "$metic" run "--tier=$tier" -L "$dir/root2" "$dir/guest" "" "$dir/out2" \
	> "$dir/guest.out" 2>&1
echo "status $?" >> "$dir/guest.out"

if grep '^BAD' "$dir/native.out"; then
	echo "sysroot: the host itself fails these"
	exit 99
fi
grep '^no mount' "$dir/native.out" && echo "SKIPPED: the part with mounts"
diff "$dir/native.out" "$dir/guest.out" || exit 1

# What is only on the host until it is in the sysroot, too.
printf 123 > "$dir/out2/f"
mkfifo "$dir/go"
"$metic" run "--tier=$tier" -L "$dir/root2" "$dir/guest" "" "$dir/out2" watch \
	< "$dir/go" > "$dir/watch.out" 2>&1 &
exec 3> "$dir/go"
until grep -q '^--- asked' "$dir/watch.out"; do sleep 0.05; done
mkdir -p "$dir/root2$dir/out2"
printf 12345 > "$dir/root2$dir/out2/f"
printf 1234567 > "$dir/root2$dir/out2/none"
echo >&3
wait
grep -e "^stat " -e ^access "$dir/watch.out" > "$dir/watched"
diff - "$dir/watched" << 'END'
stat outside/f: file 3
access 0, link 0
stat outside/none: No such file or directory
access -1, link 0
stat outside/f: file 5
access 0, link 0
stat outside/none: file 7
access 0, link 0
END
